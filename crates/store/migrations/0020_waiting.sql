-- Uploaded batches that a worker is to import: few among many.
CREATE INDEX documents_waiting ON documents (state) WHERE resource = 'batches' AND state <> '';
