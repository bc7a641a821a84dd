-- Small states that processes share: budgets of accounts, quotas. Replaced only by whoever knows the version.
CREATE TABLE states (
    name    TEXT PRIMARY KEY,
    version BIGINT NOT NULL,
    value   TEXT NOT NULL
);
