-- Columns are TEXT, BIGINT and BLOB only, so that one code serves SQLite and PostgreSQL. Times are epoch milliseconds.

-- One row a resource: the JSON that the API shows, and what is filtered, sorted and locked by.
CREATE TABLE documents (
    org        TEXT NOT NULL,
    sandbox    TEXT NOT NULL,
    resource   TEXT NOT NULL,
    id         TEXT NOT NULL,
    name       TEXT,             -- as the body has it; '' when absent, NULL when not text
    state      TEXT,             -- in lower case; '' when absent, NULL when not text
    parent     TEXT,             -- a run's flow, a source or target connection's base; '' when absent, NULL when not text
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version    BIGINT NOT NULL,  -- counts the changes; the etag is made of it
    etag       TEXT NOT NULL,
    stamped    BIGINT NOT NULL,  -- 1: id, times and etag are repeated in the body
    doc        TEXT NOT NULL,
    sealed     BLOB,             -- encrypted fields, outside of the document
    PRIMARY KEY (org, sandbox, resource, id)
);
CREATE INDEX documents_newest ON documents (org, sandbox, resource, created_at DESC, id DESC);
CREATE INDEX documents_parent ON documents (org, sandbox, resource, parent, created_at DESC, id DESC);
CREATE INDEX documents_name ON documents (org, sandbox, resource, name);
CREATE INDEX documents_id ON documents (resource, id);

-- When each flow runs next. Written in the transaction that writes the flow.
CREATE TABLE schedules (
    org          TEXT NOT NULL,
    sandbox      TEXT NOT NULL,
    sandbox_name TEXT NOT NULL,
    flow_id      TEXT NOT NULL,
    enabled      BIGINT NOT NULL,
    last_due     BIGINT,          -- the last tick that was put into the queue
    next_due     BIGINT,
    PRIMARY KEY (org, sandbox, flow_id)
);
CREATE INDEX schedules_due ON schedules (enabled, next_due);

-- What outlives a flow's runs: the number that fences old holders, and where the next run begins.
CREATE TABLE flow_state (
    org        TEXT NOT NULL,
    sandbox    TEXT NOT NULL,
    flow_id    TEXT NOT NULL,
    epoch      BIGINT NOT NULL,
    progress   TEXT,             -- the cursor, as JSON
    window_end BIGINT,           -- the end of the last successful run's window
    PRIMARY KEY (org, sandbox, flow_id)
);

-- One row a run: queued, running or done. It stays, so that a failed run can be triggered again with its plan.
CREATE TABLE run_queue (
    org          TEXT NOT NULL,
    sandbox      TEXT NOT NULL,
    sandbox_name TEXT NOT NULL,
    run_id       TEXT NOT NULL,
    flow_id      TEXT NOT NULL,
    tick         BIGINT,         -- of a scheduled run; NULL for one on demand
    due          BIGINT NOT NULL,
    not_before   BIGINT NOT NULL,
    state        TEXT NOT NULL,
    worker       TEXT NOT NULL,
    lease_until  BIGINT NOT NULL,
    epoch        BIGINT NOT NULL,
    epochs       TEXT NOT NULL,
    attempt      BIGINT NOT NULL,
    retrigger    BIGINT NOT NULL,
    batch        TEXT NOT NULL,
    plan         TEXT,
    params       TEXT NOT NULL,
    windowed     BIGINT NOT NULL, -- 1: the window is fixed
    window_start BIGINT,
    window_end   BIGINT,
    PRIMARY KEY (org, sandbox, run_id),
    UNIQUE (org, sandbox, flow_id, tick)
);
CREATE INDEX run_queue_pending ON run_queue (state, not_before);
CREATE INDEX run_queue_flow ON run_queue (org, sandbox, flow_id, state);

CREATE TABLE leases (
    name    TEXT PRIMARY KEY,
    holder  TEXT NOT NULL,
    expires BIGINT NOT NULL
);

-- Folders of the lake that nothing names any more.
CREATE TABLE cleanups (
    id       TEXT PRIMARY KEY,
    location TEXT NOT NULL UNIQUE
);
