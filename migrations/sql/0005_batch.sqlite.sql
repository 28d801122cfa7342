-- Batches: a row for what a shard has of one, and a row for each thing still to be done. Both lie in slots and move with them.
CREATE TABLE batch (
    "slot" INTEGER NOT NULL,
    "id" BLOB NOT NULL,
    "root_id" BLOB,
    "type" TEXT NOT NULL,
    "total" INTEGER NOT NULL,
    "seeded" INTEGER NOT NULL,
    "suspended" INTEGER NOT NULL,
    "running" INTEGER NOT NULL,
    "recorded" INTEGER NOT NULL,
    "started" INTEGER NOT NULL,
    "executed" INTEGER,
    "ended" INTEGER,
    "removal" INTEGER,
    "create_user" TEXT,
    "tenant_id" TEXT,
    PRIMARY KEY ("slot", "id")
) STRICT;
CREATE INDEX batch_id ON batch ("id");
CREATE INDEX batch_running ON batch ("id") WHERE "running";
CREATE INDEX batch_removal ON batch ("removal") WHERE "removal" IS NOT NULL;

CREATE TABLE batch_work (
    "slot" INTEGER NOT NULL,
    "id" BLOB NOT NULL,
    "root_id" BLOB,
    "batch_id" BLOB NOT NULL,
    "request" TEXT NOT NULL,
    "retries" INTEGER NOT NULL,
    "suspended" INTEGER NOT NULL,
    "created" INTEGER NOT NULL,
    "failed" INTEGER,
    "error_message" TEXT,
    "lock_owner" TEXT,
    "lock_expires" INTEGER,
    PRIMARY KEY ("slot", "id")
) STRICT;
CREATE INDEX batch_work_id ON batch_work ("id");
CREATE INDEX batch_work_batch ON batch_work ("batch_id");
CREATE INDEX batch_work_ready ON batch_work ("created") WHERE "retries" > 0 AND "suspended" = false;
