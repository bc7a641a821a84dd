-- What lists and sums tell of runs: one row a run, written in the transaction that writes the run's document.
CREATE TABLE run_facts (
    org          TEXT NOT NULL,
    sandbox      TEXT NOT NULL,
    run_id       TEXT NOT NULL,
    flow_id      TEXT NOT NULL,
    number       BIGINT NOT NULL, -- of the flow's runs, from 1, without gaps
    status       TEXT NOT NULL,   -- pending, inProgress, success, partial, failed, cancelled
    good         BIGINT NOT NULL, -- 1: success or partial
    begun_at     BIGINT NOT NULL, -- when it started; while it waits, when it was made
    started_at   BIGINT,
    completed_at BIGINT,
    received     BIGINT NOT NULL,
    ingested     BIGINT NOT NULL,
    failed       BIGINT NOT NULL,
    skipped      BIGINT NOT NULL,
    warned       BIGINT NOT NULL,
    bytes        BIGINT NOT NULL, -- that were read
    kind         TEXT NOT NULL,   -- of the failure; '' where there is none
    code         TEXT NOT NULL,
    message      TEXT NOT NULL,
    PRIMARY KEY (org, sandbox, run_id)
);
CREATE INDEX run_facts_flow ON run_facts (org, sandbox, flow_id, number);
CREATE INDEX run_facts_good ON run_facts (org, sandbox, flow_id, good, completed_at);
CREATE INDEX run_facts_begun ON run_facts (org, sandbox, begun_at, run_id);
CREATE INDEX run_facts_completed ON run_facts (org, sandbox, completed_at);
