-- Who did what. Rows are added and, when they are old, removed; none is ever changed. Each row's hash covers the row
-- and the hash before it.
CREATE TABLE audit (
    org        TEXT NOT NULL,
    seq        BIGINT NOT NULL,
    id         TEXT NOT NULL,
    at         BIGINT NOT NULL,
    account    TEXT NOT NULL,
    client     TEXT NOT NULL,
    sandbox    TEXT NOT NULL,   -- the sandbox's name; '' for the organization's own affairs
    operation  TEXT NOT NULL,   -- method and route
    action     TEXT NOT NULL,
    kind       TEXT NOT NULL,   -- of the document, as the store names it
    asset      TEXT NOT NULL,   -- its id
    asset_name TEXT NOT NULL,
    status     TEXT NOT NULL,
    code       TEXT NOT NULL,   -- of the failure
    request    TEXT NOT NULL,
    needed     TEXT NOT NULL,   -- the right, as 'Dataset write'
    hash       TEXT NOT NULL,
    PRIMARY KEY (org, seq)
);
CREATE INDEX audit_id ON audit (id);
CREATE INDEX audit_at ON audit (at);

-- Where each organization's chain ends, and where it begins after old rows were removed.
CREATE TABLE audit_heads (
    org       TEXT PRIMARY KEY,
    seq       BIGINT NOT NULL,
    hash      TEXT NOT NULL,
    base_seq  BIGINT NOT NULL,
    base_hash TEXT NOT NULL,
    base_seal TEXT NOT NULL
);
