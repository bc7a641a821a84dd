-- What is told of a run beside its document: one row a run. Its row of the queue holds its plan, which is large; this one
-- is written each second.
CREATE TABLE run_traces (
    org          TEXT NOT NULL,
    sandbox      TEXT NOT NULL,
    run_id       TEXT NOT NULL,
    flow_id      TEXT NOT NULL,
    number       BIGINT NOT NULL, -- counts the runs of a flow, from 1, as run_facts does
    cancelled_by TEXT,            -- who has asked for the run's end
    trace        TEXT NOT NULL,   -- attempts, stages, figures, as JSON
    PRIMARY KEY (org, sandbox, run_id)
);
INSERT INTO run_traces (org, sandbox, run_id, flow_id, number, trace)
SELECT org, sandbox, run_id, flow_id, ROW_NUMBER() OVER (PARTITION BY org, sandbox, flow_id ORDER BY batch, run_id), '{}' FROM run_queue;
CREATE INDEX run_traces_flow ON run_traces (org, sandbox, flow_id);

-- What a run tells an operator.
CREATE TABLE run_log (
    org     TEXT NOT NULL,
    sandbox TEXT NOT NULL,
    run_id  TEXT NOT NULL,
    seq     BIGINT NOT NULL, -- from 1, without gaps
    flow_id TEXT NOT NULL,
    at      BIGINT NOT NULL,
    level   BIGINT NOT NULL, -- 0 debug, 1 info, 2 warn, 3 error
    message TEXT NOT NULL,
    fields  TEXT,            -- as JSON
    PRIMARY KEY (org, sandbox, run_id, seq)
);
CREATE INDEX run_log_flow ON run_log (org, sandbox, flow_id);

-- The columns that a flow's runs have met in its source.
CREATE TABLE flow_columns (
    org        TEXT NOT NULL,
    sandbox    TEXT NOT NULL,
    flow_id    TEXT NOT NULL,
    name       TEXT NOT NULL,
    kind       TEXT NOT NULL,   -- its type, as the source has it
    sample     TEXT,
    first_seen BIGINT NOT NULL,
    first_run  TEXT NOT NULL,
    state      TEXT NOT NULL,   -- 'known', 'pending', 'dismissed'
    PRIMARY KEY (org, sandbox, flow_id, name)
);
CREATE INDEX flow_columns_state ON flow_columns (org, sandbox, state, flow_id);

-- What is done when a flow's source has a new column.
ALTER TABLE flow_state ADD COLUMN schema_policy TEXT NOT NULL DEFAULT 'notify';
