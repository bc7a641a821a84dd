-- Batches that clients upload, and what is to be done with a batch. A row stays, so that a dataset's epochs only rise.
CREATE TABLE batch_queue (
    org          TEXT NOT NULL,
    sandbox      TEXT NOT NULL,
    sandbox_name TEXT NOT NULL,
    batch_id     TEXT NOT NULL,
    dataset_id   TEXT NOT NULL,
    task         TEXT NOT NULL,   -- 'ingest', 'revert'
    state        TEXT NOT NULL,   -- 'open' takes files, 'queued', 'running', 'done'
    touched      BIGINT NOT NULL, -- the last upload
    due          BIGINT NOT NULL,
    not_before   BIGINT NOT NULL,
    worker       TEXT NOT NULL,
    lease_until  BIGINT NOT NULL,
    epoch        BIGINT NOT NULL,
    epochs       TEXT NOT NULL,
    attempt      BIGINT NOT NULL,
    plan         TEXT,
    PRIMARY KEY (org, sandbox, batch_id)
);
CREATE INDEX batch_queue_pending ON batch_queue (state, not_before);
CREATE INDEX batch_queue_dataset ON batch_queue (org, sandbox, dataset_id, epoch);

-- Files of a batch that takes files, or waits.
CREATE TABLE batch_uploads (
    org      TEXT NOT NULL,
    sandbox  TEXT NOT NULL,
    batch_id TEXT NOT NULL,
    path     TEXT NOT NULL,
    whole    BIGINT NOT NULL,  -- 0: a large upload that goes on
    total    BIGINT,           -- bytes of the whole, where the client has said it
    stored   BIGINT NOT NULL,
    PRIMARY KEY (org, sandbox, batch_id, path)
);

-- What a file is made of: objects of the lake's staging area.
CREATE TABLE batch_pieces (
    org      TEXT NOT NULL,
    sandbox  TEXT NOT NULL,
    batch_id TEXT NOT NULL,
    path     TEXT NOT NULL,
    start_at BIGINT NOT NULL,
    size     BIGINT NOT NULL,
    location TEXT NOT NULL,
    PRIMARY KEY (org, sandbox, batch_id, path, start_at)
);
