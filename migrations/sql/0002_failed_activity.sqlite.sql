-- Where a job failed last (`FAILED_ACT_ID_`), and how it was made: null where it is so still, or an older release made it.
ALTER TABLE job ADD COLUMN "failed_element" TEXT;
ALTER TABLE job ADD COLUMN "made_retries" INTEGER;
ALTER TABLE job ADD COLUMN "made_due" INTEGER;
ALTER TABLE job ADD COLUMN "made_priority" INTEGER;
ALTER TABLE history_job ADD COLUMN "failed_element" TEXT;
ALTER TABLE history_job ADD COLUMN "made_retries" INTEGER;
ALTER TABLE history_job ADD COLUMN "made_due" INTEGER;
ALTER TABLE history_job ADD COLUMN "made_priority" INTEGER;
ALTER TABLE incident ADD COLUMN "failed_element" TEXT;
ALTER TABLE history_incident ADD COLUMN "failed_element" TEXT;

DROP VIEW ACT_RU_JOB;
CREATE VIEW ACT_RU_JOB AS
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    1 AS rev_,
    CASE WHEN x."kind" IN (2, 3) THEN 'timer' ELSE 'message' END AS type_,
    strftime('%Y-%m-%d %H:%M:%f', x."lock_expires" / 1000.0, 'unixepoch') AS lock_exp_time_,
    x."lock_owner" AS lock_owner_,
    x."exclusive" AS exclusive_,
    lower(substr(hex(x."execution_id"), 1, 8) || '-' || substr(hex(x."execution_id"), 9, 4) || '-' || substr(hex(x."execution_id"), 13, 4) || '-' || substr(hex(x."execution_id"), 17, 4) || '-' || substr(hex(x."execution_id"), 21)) AS execution_id_,
    CASE WHEN x."instance_id" IS NOT NULL THEN lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) END AS root_proc_inst_id_,
    lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) AS process_instance_id_,
    d."rest_id" AS process_def_id_,
    d."key" AS process_def_key_,
    x."retries" AS retries_,
    CASE WHEN x."stacktrace" IS NOT NULL THEN lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) END AS exception_stack_id_,
    x."error_message" AS exception_msg_,
    x."failed_element" AS failed_act_id_,
    strftime('%Y-%m-%d %H:%M:%f', x."due" / 1000.0, 'unixepoch') AS duedate_,
    x."repeat" AS repeat_,
    0 AS repeat_offset_,
    CASE x."kind" WHEN 2 THEN 'timer-intermediate-transition' WHEN 3 THEN 'timer-start-event' WHEN 4 THEN 'event' ELSE 'async-continuation' END AS handler_type_,
    x."element" AS handler_cfg_,
    lower(substr(hex(d."deployment_id"), 1, 8) || '-' || substr(hex(d."deployment_id"), 9, 4) || '-' || substr(hex(d."deployment_id"), 13, 4) || '-' || substr(hex(d."deployment_id"), 17, 4) || '-' || substr(hex(d."deployment_id"), 21)) AS deployment_id_,
    CASE WHEN x."suspended" THEN 2 ELSE 1 END AS suspension_state_,
    (SELECT lower(substr(hex(jd."id"), 1, 8) || '-' || substr(hex(jd."id"), 9, 4) || '-' || substr(hex(jd."id"), 13, 4) || '-' || substr(hex(jd."id"), 17, 4) || '-' || substr(hex(jd."id"), 21)) FROM job_definition jd WHERE jd."definition_id" = x."definition_id" AND jd."element" = x."element" AND jd."kind" = x."kind") AS job_def_id_,
    x."priority" AS priority_,
    1 AS sequence_counter_,
    x."tenant_id" AS tenant_id_,
    strftime('%Y-%m-%d %H:%M:%f', x."created" / 1000.0, 'unixepoch') AS create_time_,
    NULL AS last_failure_log_id_,
    NULL AS batch_id_
FROM job x LEFT JOIN definition d ON d."id" = x."definition_id" WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot);

DROP VIEW ACT_RU_INCIDENT;
CREATE VIEW ACT_RU_INCIDENT AS
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    1 AS rev_,
    strftime('%Y-%m-%d %H:%M:%f', x."created" / 1000.0, 'unixepoch') AS incident_timestamp_,
    x."message" AS incident_msg_,
    x."kind" AS incident_type_,
    lower(substr(hex(x."execution_id"), 1, 8) || '-' || substr(hex(x."execution_id"), 9, 4) || '-' || substr(hex(x."execution_id"), 13, 4) || '-' || substr(hex(x."execution_id"), 17, 4) || '-' || substr(hex(x."execution_id"), 21)) AS execution_id_,
    x."element" AS activity_id_,
    x."failed_element" AS failed_activity_id_,
    lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) AS proc_inst_id_,
    d."rest_id" AS proc_def_id_,
    lower(substr(hex(x."cause_id"), 1, 8) || '-' || substr(hex(x."cause_id"), 9, 4) || '-' || substr(hex(x."cause_id"), 13, 4) || '-' || substr(hex(x."cause_id"), 17, 4) || '-' || substr(hex(x."cause_id"), 21)) AS cause_incident_id_,
    lower(substr(hex(x."root_cause_id"), 1, 8) || '-' || substr(hex(x."root_cause_id"), 9, 4) || '-' || substr(hex(x."root_cause_id"), 13, 4) || '-' || substr(hex(x."root_cause_id"), 17, 4) || '-' || substr(hex(x."root_cause_id"), 21)) AS root_cause_incident_id_,
    x."configuration" AS configuration_,
    x."tenant_id" AS tenant_id_,
    (SELECT lower(substr(hex(jd."id"), 1, 8) || '-' || substr(hex(jd."id"), 9, 4) || '-' || substr(hex(jd."id"), 13, 4) || '-' || substr(hex(jd."id"), 17, 4) || '-' || substr(hex(jd."id"), 21)) FROM job_definition jd WHERE jd."definition_id" = x."definition_id" AND jd."element" = x."element" AND jd."kind" = x."job_kind") AS job_def_id_,
    x."annotation" AS annotation_
FROM incident x LEFT JOIN definition d ON d."id" = x."definition_id" WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot);

DROP VIEW ACT_HI_INCIDENT;
CREATE VIEW ACT_HI_INCIDENT AS
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    d."key" AS proc_def_key_,
    d."rest_id" AS proc_def_id_,
    CASE WHEN x."instance_id" IS NOT NULL THEN lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) END AS root_proc_inst_id_,
    lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) AS proc_inst_id_,
    lower(substr(hex(x."execution_id"), 1, 8) || '-' || substr(hex(x."execution_id"), 9, 4) || '-' || substr(hex(x."execution_id"), 13, 4) || '-' || substr(hex(x."execution_id"), 17, 4) || '-' || substr(hex(x."execution_id"), 21)) AS execution_id_,
    strftime('%Y-%m-%d %H:%M:%f', x."created" / 1000.0, 'unixepoch') AS create_time_,
    strftime('%Y-%m-%d %H:%M:%f', x."ended" / 1000.0, 'unixepoch') AS end_time_,
    x."message" AS incident_msg_,
    x."kind" AS incident_type_,
    x."element" AS activity_id_,
    x."failed_element" AS failed_activity_id_,
    lower(substr(hex(x."cause_id"), 1, 8) || '-' || substr(hex(x."cause_id"), 9, 4) || '-' || substr(hex(x."cause_id"), 13, 4) || '-' || substr(hex(x."cause_id"), 17, 4) || '-' || substr(hex(x."cause_id"), 21)) AS cause_incident_id_,
    lower(substr(hex(x."root_cause_id"), 1, 8) || '-' || substr(hex(x."root_cause_id"), 9, 4) || '-' || substr(hex(x."root_cause_id"), 13, 4) || '-' || substr(hex(x."root_cause_id"), 17, 4) || '-' || substr(hex(x."root_cause_id"), 21)) AS root_cause_incident_id_,
    x."configuration" AS configuration_,
    NULL AS history_configuration_,
    x."state" AS incident_state_,
    x."tenant_id" AS tenant_id_,
    (SELECT lower(substr(hex(jd."id"), 1, 8) || '-' || substr(hex(jd."id"), 9, 4) || '-' || substr(hex(jd."id"), 13, 4) || '-' || substr(hex(jd."id"), 17, 4) || '-' || substr(hex(jd."id"), 21)) FROM job_definition jd WHERE jd."definition_id" = x."definition_id" AND jd."element" = x."element" AND jd."kind" = x."job_kind") AS job_def_id_,
    x."annotation" AS annotation_,
    strftime('%Y-%m-%d %H:%M:%f', ((SELECT max(re."ended") FROM history_process re WHERE re."id" = x."root_id") + d."history_ttl_days" * 86400000) / 1000.0, 'unixepoch') AS removal_time_
FROM history_incident x LEFT JOIN definition d ON d."id" = x."definition_id" WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot)
UNION ALL
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    d."key" AS proc_def_key_,
    d."rest_id" AS proc_def_id_,
    CASE WHEN x."instance_id" IS NOT NULL THEN lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) END AS root_proc_inst_id_,
    lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) AS proc_inst_id_,
    lower(substr(hex(x."execution_id"), 1, 8) || '-' || substr(hex(x."execution_id"), 9, 4) || '-' || substr(hex(x."execution_id"), 13, 4) || '-' || substr(hex(x."execution_id"), 17, 4) || '-' || substr(hex(x."execution_id"), 21)) AS execution_id_,
    strftime('%Y-%m-%d %H:%M:%f', x."created" / 1000.0, 'unixepoch') AS create_time_,
    NULL AS end_time_,
    x."message" AS incident_msg_,
    x."kind" AS incident_type_,
    x."element" AS activity_id_,
    x."failed_element" AS failed_activity_id_,
    lower(substr(hex(x."cause_id"), 1, 8) || '-' || substr(hex(x."cause_id"), 9, 4) || '-' || substr(hex(x."cause_id"), 13, 4) || '-' || substr(hex(x."cause_id"), 17, 4) || '-' || substr(hex(x."cause_id"), 21)) AS cause_incident_id_,
    lower(substr(hex(x."root_cause_id"), 1, 8) || '-' || substr(hex(x."root_cause_id"), 9, 4) || '-' || substr(hex(x."root_cause_id"), 13, 4) || '-' || substr(hex(x."root_cause_id"), 17, 4) || '-' || substr(hex(x."root_cause_id"), 21)) AS root_cause_incident_id_,
    x."configuration" AS configuration_,
    NULL AS history_configuration_,
    0 AS incident_state_,
    x."tenant_id" AS tenant_id_,
    (SELECT lower(substr(hex(jd."id"), 1, 8) || '-' || substr(hex(jd."id"), 9, 4) || '-' || substr(hex(jd."id"), 13, 4) || '-' || substr(hex(jd."id"), 17, 4) || '-' || substr(hex(jd."id"), 21)) FROM job_definition jd WHERE jd."definition_id" = x."definition_id" AND jd."element" = x."element" AND jd."kind" = x."job_kind") AS job_def_id_,
    x."annotation" AS annotation_,
    NULL AS removal_time_
FROM incident x LEFT JOIN definition d ON d."id" = x."definition_id" WHERE x."recorded" AND x."slot" NOT IN (SELECT "slot" FROM hidden_slot);

DROP VIEW ACT_HI_JOB_LOG;
CREATE VIEW ACT_HI_JOB_LOG AS
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    strftime('%Y-%m-%d %H:%M:%f', x."time" / 1000.0, 'unixepoch') AS timestamp_,
    lower(substr(hex(x."job_id"), 1, 8) || '-' || substr(hex(x."job_id"), 9, 4) || '-' || substr(hex(x."job_id"), 13, 4) || '-' || substr(hex(x."job_id"), 17, 4) || '-' || substr(hex(x."job_id"), 21)) AS job_id_,
    strftime('%Y-%m-%d %H:%M:%f', x."due" / 1000.0, 'unixepoch') AS job_duedate_,
    x."retries" AS job_retries_,
    x."priority" AS job_priority_,
    x."error_message" AS job_exception_msg_,
    CASE WHEN x."stacktrace" IS NOT NULL THEN lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) END AS job_exception_stack_id_,
    x."state" AS job_state_,
    (SELECT lower(substr(hex(jd."id"), 1, 8) || '-' || substr(hex(jd."id"), 9, 4) || '-' || substr(hex(jd."id"), 13, 4) || '-' || substr(hex(jd."id"), 17, 4) || '-' || substr(hex(jd."id"), 21)) FROM job_definition jd WHERE jd."definition_id" = x."definition_id" AND jd."element" = x."element" AND jd."kind" = x."kind") AS job_def_id_,
    CASE x."kind" WHEN 2 THEN 'timer-intermediate-transition' WHEN 3 THEN 'timer-start-event' WHEN 4 THEN 'event' ELSE 'async-continuation' END AS job_def_type_,
    CASE x."kind" WHEN 0 THEN 'async-before' WHEN 1 THEN 'async-after' END AS job_def_configuration_,
    x."element" AS act_id_,
    x."failed_element" AS failed_act_id_,
    lower(substr(hex(x."execution_id"), 1, 8) || '-' || substr(hex(x."execution_id"), 9, 4) || '-' || substr(hex(x."execution_id"), 13, 4) || '-' || substr(hex(x."execution_id"), 17, 4) || '-' || substr(hex(x."execution_id"), 21)) AS execution_id_,
    CASE WHEN x."instance_id" IS NOT NULL THEN lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) END AS root_proc_inst_id_,
    lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) AS process_instance_id_,
    d."rest_id" AS process_def_id_,
    d."key" AS process_def_key_,
    lower(substr(hex(d."deployment_id"), 1, 8) || '-' || substr(hex(d."deployment_id"), 9, 4) || '-' || substr(hex(d."deployment_id"), 13, 4) || '-' || substr(hex(d."deployment_id"), 17, 4) || '-' || substr(hex(d."deployment_id"), 21)) AS deployment_id_,
    1 AS sequence_counter_,
    x."tenant_id" AS tenant_id_,
    x."node" AS hostname_,
    strftime('%Y-%m-%d %H:%M:%f', ((SELECT max(re."ended") FROM history_process re WHERE re."id" = x."root_id") + d."history_ttl_days" * 86400000) / 1000.0, 'unixepoch') AS removal_time_,
    NULL AS batch_id_
FROM history_job x LEFT JOIN definition d ON d."id" = x."definition_id" WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot)
UNION ALL
SELECT
    lower(substr(hex(x."job_id"), 1, 8) || '-' || substr(hex(x."job_id"), 9, 4) || '-' || substr(hex(x."job_id"), 13, 4) || '-' || substr(hex(x."job_id"), 17, 4) || '-' || substr(hex(x."job_id"), 21)) AS id_,
    strftime('%Y-%m-%d %H:%M:%f', x."created" / 1000.0, 'unixepoch') AS timestamp_,
    lower(substr(hex(x."job_id"), 1, 8) || '-' || substr(hex(x."job_id"), 9, 4) || '-' || substr(hex(x."job_id"), 13, 4) || '-' || substr(hex(x."job_id"), 17, 4) || '-' || substr(hex(x."job_id"), 21)) AS job_id_,
    strftime('%Y-%m-%d %H:%M:%f', (CASE WHEN x."made_retries" IS NOT NULL THEN x."made_due" ELSE x."due" END) / 1000.0, 'unixepoch') AS job_duedate_,
    coalesce(x."made_retries", x."retries") AS job_retries_,
    coalesce(x."made_priority", x."priority") AS job_priority_,
    NULL AS job_exception_msg_,
    NULL AS job_exception_stack_id_,
    0 AS job_state_,
    (SELECT lower(substr(hex(jd."id"), 1, 8) || '-' || substr(hex(jd."id"), 9, 4) || '-' || substr(hex(jd."id"), 13, 4) || '-' || substr(hex(jd."id"), 17, 4) || '-' || substr(hex(jd."id"), 21)) FROM job_definition jd WHERE jd."definition_id" = x."definition_id" AND jd."element" = x."element" AND jd."kind" = x."kind") AS job_def_id_,
    CASE x."kind" WHEN 2 THEN 'timer-intermediate-transition' WHEN 3 THEN 'timer-start-event' WHEN 4 THEN 'event' ELSE 'async-continuation' END AS job_def_type_,
    CASE x."kind" WHEN 0 THEN 'async-before' WHEN 1 THEN 'async-after' END AS job_def_configuration_,
    x."element" AS act_id_,
    NULL AS failed_act_id_,
    lower(substr(hex(x."execution_id"), 1, 8) || '-' || substr(hex(x."execution_id"), 9, 4) || '-' || substr(hex(x."execution_id"), 13, 4) || '-' || substr(hex(x."execution_id"), 17, 4) || '-' || substr(hex(x."execution_id"), 21)) AS execution_id_,
    CASE WHEN x."instance_id" IS NOT NULL THEN lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) END AS root_proc_inst_id_,
    lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) AS process_instance_id_,
    d."rest_id" AS process_def_id_,
    d."key" AS process_def_key_,
    lower(substr(hex(d."deployment_id"), 1, 8) || '-' || substr(hex(d."deployment_id"), 9, 4) || '-' || substr(hex(d."deployment_id"), 13, 4) || '-' || substr(hex(d."deployment_id"), 17, 4) || '-' || substr(hex(d."deployment_id"), 21)) AS deployment_id_,
    1 AS sequence_counter_,
    x."tenant_id" AS tenant_id_,
    x."node" AS hostname_,
    strftime('%Y-%m-%d %H:%M:%f', ((SELECT max(re."ended") FROM history_process re WHERE re."id" = x."root_id") + d."history_ttl_days" * 86400000) / 1000.0, 'unixepoch') AS removal_time_,
    NULL AS batch_id_
FROM history_job x LEFT JOIN definition d ON d."id" = x."definition_id" WHERE x."state" <> 1 AND x."slot" NOT IN (SELECT "slot" FROM hidden_slot)
UNION ALL
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    strftime('%Y-%m-%d %H:%M:%f', x."created" / 1000.0, 'unixepoch') AS timestamp_,
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS job_id_,
    strftime('%Y-%m-%d %H:%M:%f', (CASE WHEN x."made_retries" IS NOT NULL THEN x."made_due" ELSE x."due" END) / 1000.0, 'unixepoch') AS job_duedate_,
    coalesce(x."made_retries", x."retries") AS job_retries_,
    coalesce(x."made_priority", x."priority") AS job_priority_,
    NULL AS job_exception_msg_,
    NULL AS job_exception_stack_id_,
    0 AS job_state_,
    (SELECT lower(substr(hex(jd."id"), 1, 8) || '-' || substr(hex(jd."id"), 9, 4) || '-' || substr(hex(jd."id"), 13, 4) || '-' || substr(hex(jd."id"), 17, 4) || '-' || substr(hex(jd."id"), 21)) FROM job_definition jd WHERE jd."definition_id" = x."definition_id" AND jd."element" = x."element" AND jd."kind" = x."kind") AS job_def_id_,
    CASE x."kind" WHEN 2 THEN 'timer-intermediate-transition' WHEN 3 THEN 'timer-start-event' WHEN 4 THEN 'event' ELSE 'async-continuation' END AS job_def_type_,
    CASE x."kind" WHEN 0 THEN 'async-before' WHEN 1 THEN 'async-after' END AS job_def_configuration_,
    x."element" AS act_id_,
    NULL AS failed_act_id_,
    lower(substr(hex(x."execution_id"), 1, 8) || '-' || substr(hex(x."execution_id"), 9, 4) || '-' || substr(hex(x."execution_id"), 13, 4) || '-' || substr(hex(x."execution_id"), 17, 4) || '-' || substr(hex(x."execution_id"), 21)) AS execution_id_,
    CASE WHEN x."instance_id" IS NOT NULL THEN lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) END AS root_proc_inst_id_,
    lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) AS process_instance_id_,
    d."rest_id" AS process_def_id_,
    d."key" AS process_def_key_,
    lower(substr(hex(d."deployment_id"), 1, 8) || '-' || substr(hex(d."deployment_id"), 9, 4) || '-' || substr(hex(d."deployment_id"), 13, 4) || '-' || substr(hex(d."deployment_id"), 17, 4) || '-' || substr(hex(d."deployment_id"), 21)) AS deployment_id_,
    1 AS sequence_counter_,
    x."tenant_id" AS tenant_id_,
    x."lock_owner" AS hostname_,
    strftime('%Y-%m-%d %H:%M:%f', ((SELECT max(re."ended") FROM history_process re WHERE re."id" = x."root_id") + d."history_ttl_days" * 86400000) / 1000.0, 'unixepoch') AS removal_time_,
    NULL AS batch_id_
FROM job x LEFT JOIN definition d ON d."id" = x."definition_id" WHERE x."recorded" AND x."slot" NOT IN (SELECT "slot" FROM hidden_slot);
