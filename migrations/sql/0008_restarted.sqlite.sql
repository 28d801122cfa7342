-- The instance that a process instance was restarted from (`restartedProcessInstanceId`).
ALTER TABLE process_instance ADD COLUMN "restarted_id" BLOB;
ALTER TABLE history_process ADD COLUMN "restarted_id" BLOB;
