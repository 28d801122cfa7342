-- The instance that a process instance was restarted from (`restartedProcessInstanceId`).
ALTER TABLE process_instance ADD COLUMN "restarted_id" uuid;
ALTER TABLE history_process ADD COLUMN "restarted_id" uuid;
