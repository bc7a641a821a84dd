-- What has changed in each sandbox, for those who watch. Numbers of a sandbox rise by one and are given out in the order of
-- commits; only the last few thousand rows stay.
CREATE TABLE changes (
    org     TEXT NOT NULL,
    sandbox TEXT NOT NULL,
    seq     BIGINT NOT NULL,
    kind    TEXT NOT NULL,   -- of the document, as the store names it; '' when the sandbox was emptied
    id      TEXT NOT NULL,
    action  TEXT NOT NULL,
    state   TEXT NOT NULL,
    flow    TEXT NOT NULL,   -- of a run
    at      BIGINT NOT NULL,
    PRIMARY KEY (org, sandbox, seq)
);
CREATE TABLE change_heads (
    org     TEXT NOT NULL,
    sandbox TEXT NOT NULL,
    seq     BIGINT NOT NULL,
    PRIMARY KEY (org, sandbox)
);

-- What callers have changed of documents that people configure: who, when, and from what to what. No secret is in it.
CREATE TABLE history (
    org     TEXT NOT NULL,
    sandbox TEXT NOT NULL,
    entry   TEXT NOT NULL,   -- a UUID
    at      BIGINT NOT NULL,
    account TEXT NOT NULL,
    client  TEXT NOT NULL,
    request TEXT NOT NULL,
    kind    TEXT NOT NULL,
    id      TEXT NOT NULL,
    name    TEXT NOT NULL,
    action  TEXT NOT NULL,
    etag    TEXT NOT NULL,
    diff    TEXT NOT NULL,   -- JSON
    PRIMARY KEY (org, sandbox, entry)
);
CREATE INDEX history_of ON history (org, sandbox, kind, id, at DESC);
CREATE INDEX history_at ON history (at);
