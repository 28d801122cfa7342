-- What a start has called its case (`caseInstanceId`): told, and otherwise nothing.
ALTER TABLE process_instance ADD COLUMN "case_instance_id" text COLLATE "C";
ALTER TABLE history_process ADD COLUMN "case_instance_id" text COLLATE "C";
-- Lists find jobs of batches as they do those of processes.
CREATE INDEX batch_work_failed ON batch_work ("id") WHERE "retries" = 0;
CREATE INDEX batch_work_locked ON batch_work ("lock_expires") WHERE "lock_expires" IS NOT NULL;
