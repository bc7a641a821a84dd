-- Links that sign a client in once. A used one stays until it is old, so that a second use can be told from a guess.
CREATE TABLE one_time_links (
    hash    TEXT PRIMARY KEY,  -- SHA-256 of the link's token
    org     TEXT NOT NULL,
    client  TEXT NOT NULL,
    version BIGINT NOT NULL,   -- of the client's secret: a link does not outlive it
    expires BIGINT NOT NULL,
    used    BIGINT NOT NULL    -- when; 0 for not yet
);

-- Access tokens whose holder has signed out, until they would have ended by themselves.
CREATE TABLE revoked_tokens (
    id      TEXT PRIMARY KEY,
    expires BIGINT NOT NULL
);
