-- What webhooks are still to be told: one row a delivery that has not ended. Its document tells the story.
CREATE TABLE delivery_queue (
    org          TEXT NOT NULL,
    sandbox      TEXT NOT NULL,
    sandbox_name TEXT NOT NULL,
    id           TEXT NOT NULL,
    webhook      TEXT NOT NULL,
    due          BIGINT NOT NULL,
    holder       TEXT NOT NULL,
    lease_until  BIGINT NOT NULL,
    PRIMARY KEY (org, sandbox, id)
);
CREATE INDEX delivery_queue_due ON delivery_queue (due);
CREATE INDEX delivery_queue_webhook ON delivery_queue (org, sandbox, webhook);
