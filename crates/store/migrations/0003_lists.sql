-- A list filtered by name or by id reads what it shows, in order, and no more.
DROP INDEX documents_name;
CREATE INDEX documents_named ON documents (org, sandbox, resource, name, created_at DESC, id DESC);
CREATE INDEX documents_unstamped ON documents (org, sandbox, resource, created_at DESC, id DESC) WHERE stamped = 0;
