-- A batch's jobs of its own: one that seeds what is to be done in portions, one that ends the batch. They are rows
-- beside what is to be done. What an earlier release has written is seeded, and ends without them.
ALTER TABLE batch ADD COLUMN "jobs" TEXT;
ALTER TABLE batch_work ADD COLUMN "kind" INTEGER NOT NULL DEFAULT 3;
ALTER TABLE batch_work ADD COLUMN "seeded" INTEGER NOT NULL DEFAULT 1;
ALTER TABLE batch_work ADD COLUMN "deployment_id" BLOB;
ALTER TABLE batch_work ADD COLUMN "due" INTEGER;
ALTER TABLE batch_work ADD COLUMN "priority" INTEGER NOT NULL DEFAULT 0;
ALTER TABLE batch_work ADD COLUMN "incident_id" BLOB;
CREATE INDEX batch_work_seeded ON batch_work ("created") WHERE "retries" > 0 AND "suspended" = false AND "seeded" = true;
CREATE INDEX batch_work_waiting ON batch_work ("batch_id", "deployment_id", "id") WHERE "seeded" = false;
