-- Batches: a row for what a shard has of one, and a row for each thing still to be done. Both lie in slots and move with them.
CREATE TABLE batch (
    "slot" smallint NOT NULL,
    "id" uuid NOT NULL,
    "root_id" uuid,
    "type" text COLLATE "C" NOT NULL,
    "total" integer NOT NULL,
    "seeded" boolean NOT NULL,
    "suspended" boolean NOT NULL,
    "running" boolean NOT NULL,
    "recorded" boolean NOT NULL,
    "started" bigint NOT NULL,
    "executed" bigint,
    "ended" bigint,
    "removal" bigint,
    "create_user" text COLLATE "C",
    "tenant_id" text COLLATE "C",
    PRIMARY KEY ("slot", "id")
);
CREATE INDEX batch_id ON batch ("id");
CREATE INDEX batch_running ON batch ("id") WHERE "running";
CREATE INDEX batch_removal ON batch ("removal") WHERE "removal" IS NOT NULL;

CREATE TABLE batch_work (
    "slot" smallint NOT NULL,
    "id" uuid NOT NULL,
    "root_id" uuid,
    "batch_id" uuid NOT NULL,
    "request" text COLLATE "C" NOT NULL,
    "retries" integer NOT NULL,
    "suspended" boolean NOT NULL,
    "created" bigint NOT NULL,
    "failed" bigint,
    "error_message" text COLLATE "C",
    "lock_owner" text COLLATE "C",
    "lock_expires" bigint,
    PRIMARY KEY ("slot", "id")
);
CREATE INDEX batch_work_id ON batch_work ("id");
CREATE INDEX batch_work_batch ON batch_work ("batch_id");
CREATE INDEX batch_work_ready ON batch_work ("created") WHERE "retries" > 0 AND "suspended" = false;
