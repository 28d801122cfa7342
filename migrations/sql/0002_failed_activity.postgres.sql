-- Where a job failed last (`FAILED_ACT_ID_`), and how it was made: null where it is so still, or an older release made it.
ALTER TABLE job ADD COLUMN "failed_element" text COLLATE "C";
ALTER TABLE job ADD COLUMN "made_retries" integer;
ALTER TABLE job ADD COLUMN "made_due" bigint;
ALTER TABLE job ADD COLUMN "made_priority" bigint;
ALTER TABLE history_job ADD COLUMN "failed_element" text COLLATE "C";
ALTER TABLE history_job ADD COLUMN "made_retries" integer;
ALTER TABLE history_job ADD COLUMN "made_due" bigint;
ALTER TABLE history_job ADD COLUMN "made_priority" bigint;
ALTER TABLE incident ADD COLUMN "failed_element" text COLLATE "C";
ALTER TABLE history_incident ADD COLUMN "failed_element" text COLLATE "C";

CREATE OR REPLACE VIEW ACT_RU_JOB AS
SELECT
    x."id"::text AS id_,
    1 AS rev_,
    CASE WHEN x."kind" IN (2, 3) THEN 'timer' ELSE 'message' END AS type_,
    (timestamptz 'epoch' + x."lock_expires" * interval '1 millisecond')::timestamp AS lock_exp_time_,
    x."lock_owner" AS lock_owner_,
    x."exclusive" AS exclusive_,
    x."execution_id"::text AS execution_id_,
    CASE WHEN x."instance_id" IS NOT NULL THEN x."root_id"::text END AS root_proc_inst_id_,
    x."instance_id"::text AS process_instance_id_,
    d."rest_id" AS process_def_id_,
    d."key" AS process_def_key_,
    x."retries" AS retries_,
    CASE WHEN x."stacktrace" IS NOT NULL THEN x."id"::text END AS exception_stack_id_,
    x."error_message" AS exception_msg_,
    x."failed_element" AS failed_act_id_,
    (timestamptz 'epoch' + x."due" * interval '1 millisecond')::timestamp AS duedate_,
    x."repeat" AS repeat_,
    0::bigint AS repeat_offset_,
    CASE x."kind" WHEN 2 THEN 'timer-intermediate-transition' WHEN 3 THEN 'timer-start-event' WHEN 4 THEN 'event' ELSE 'async-continuation' END AS handler_type_,
    x."element" AS handler_cfg_,
    d."deployment_id"::text AS deployment_id_,
    CASE WHEN x."suspended" THEN 2 ELSE 1 END AS suspension_state_,
    (SELECT jd."id"::text FROM job_definition jd WHERE jd."definition_id" = x."definition_id" AND jd."element" = x."element" AND jd."kind" = x."kind") AS job_def_id_,
    x."priority" AS priority_,
    1::bigint AS sequence_counter_,
    x."tenant_id" AS tenant_id_,
    (timestamptz 'epoch' + x."created" * interval '1 millisecond')::timestamp AS create_time_,
    NULL::text AS last_failure_log_id_,
    NULL::text AS batch_id_
FROM job x LEFT JOIN definition d ON d."id" = x."definition_id" WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot);

CREATE OR REPLACE VIEW ACT_RU_INCIDENT AS
SELECT
    x."id"::text AS id_,
    1 AS rev_,
    (timestamptz 'epoch' + x."created" * interval '1 millisecond')::timestamp AS incident_timestamp_,
    x."message" AS incident_msg_,
    x."kind" AS incident_type_,
    x."execution_id"::text AS execution_id_,
    x."element" AS activity_id_,
    x."failed_element" AS failed_activity_id_,
    x."instance_id"::text AS proc_inst_id_,
    d."rest_id" AS proc_def_id_,
    x."cause_id"::text AS cause_incident_id_,
    x."root_cause_id"::text AS root_cause_incident_id_,
    x."configuration" AS configuration_,
    x."tenant_id" AS tenant_id_,
    (SELECT jd."id"::text FROM job_definition jd WHERE jd."definition_id" = x."definition_id" AND jd."element" = x."element" AND jd."kind" = x."job_kind") AS job_def_id_,
    x."annotation" AS annotation_
FROM incident x LEFT JOIN definition d ON d."id" = x."definition_id" WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot);

CREATE OR REPLACE VIEW ACT_HI_INCIDENT AS
SELECT
    x."id"::text AS id_,
    d."key" AS proc_def_key_,
    d."rest_id" AS proc_def_id_,
    CASE WHEN x."instance_id" IS NOT NULL THEN x."root_id"::text END AS root_proc_inst_id_,
    x."instance_id"::text AS proc_inst_id_,
    x."execution_id"::text AS execution_id_,
    (timestamptz 'epoch' + x."created" * interval '1 millisecond')::timestamp AS create_time_,
    (timestamptz 'epoch' + x."ended" * interval '1 millisecond')::timestamp AS end_time_,
    x."message" AS incident_msg_,
    x."kind" AS incident_type_,
    x."element" AS activity_id_,
    x."failed_element" AS failed_activity_id_,
    x."cause_id"::text AS cause_incident_id_,
    x."root_cause_id"::text AS root_cause_incident_id_,
    x."configuration" AS configuration_,
    NULL::text AS history_configuration_,
    x."state"::integer AS incident_state_,
    x."tenant_id" AS tenant_id_,
    (SELECT jd."id"::text FROM job_definition jd WHERE jd."definition_id" = x."definition_id" AND jd."element" = x."element" AND jd."kind" = x."job_kind") AS job_def_id_,
    x."annotation" AS annotation_,
    (timestamptz 'epoch' + ((SELECT max(re."ended") FROM history_process re WHERE re."id" = x."root_id") + d."history_ttl_days"::bigint * 86400000) * interval '1 millisecond')::timestamp AS removal_time_
FROM history_incident x LEFT JOIN definition d ON d."id" = x."definition_id" WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot)
UNION ALL
SELECT
    x."id"::text AS id_,
    d."key" AS proc_def_key_,
    d."rest_id" AS proc_def_id_,
    CASE WHEN x."instance_id" IS NOT NULL THEN x."root_id"::text END AS root_proc_inst_id_,
    x."instance_id"::text AS proc_inst_id_,
    x."execution_id"::text AS execution_id_,
    (timestamptz 'epoch' + x."created" * interval '1 millisecond')::timestamp AS create_time_,
    NULL::timestamp AS end_time_,
    x."message" AS incident_msg_,
    x."kind" AS incident_type_,
    x."element" AS activity_id_,
    x."failed_element" AS failed_activity_id_,
    x."cause_id"::text AS cause_incident_id_,
    x."root_cause_id"::text AS root_cause_incident_id_,
    x."configuration" AS configuration_,
    NULL::text AS history_configuration_,
    0 AS incident_state_,
    x."tenant_id" AS tenant_id_,
    (SELECT jd."id"::text FROM job_definition jd WHERE jd."definition_id" = x."definition_id" AND jd."element" = x."element" AND jd."kind" = x."job_kind") AS job_def_id_,
    x."annotation" AS annotation_,
    NULL::timestamp AS removal_time_
FROM incident x LEFT JOIN definition d ON d."id" = x."definition_id" WHERE x."recorded" AND x."slot" NOT IN (SELECT "slot" FROM hidden_slot);

CREATE OR REPLACE VIEW ACT_HI_JOB_LOG AS
SELECT
    x."id"::text AS id_,
    (timestamptz 'epoch' + x."time" * interval '1 millisecond')::timestamp AS timestamp_,
    x."job_id"::text AS job_id_,
    (timestamptz 'epoch' + x."due" * interval '1 millisecond')::timestamp AS job_duedate_,
    x."retries" AS job_retries_,
    x."priority" AS job_priority_,
    x."error_message" AS job_exception_msg_,
    CASE WHEN x."stacktrace" IS NOT NULL THEN x."id"::text END AS job_exception_stack_id_,
    x."state"::integer AS job_state_,
    (SELECT jd."id"::text FROM job_definition jd WHERE jd."definition_id" = x."definition_id" AND jd."element" = x."element" AND jd."kind" = x."kind") AS job_def_id_,
    CASE x."kind" WHEN 2 THEN 'timer-intermediate-transition' WHEN 3 THEN 'timer-start-event' WHEN 4 THEN 'event' ELSE 'async-continuation' END AS job_def_type_,
    CASE x."kind" WHEN 0 THEN 'async-before' WHEN 1 THEN 'async-after' END AS job_def_configuration_,
    x."element" AS act_id_,
    x."failed_element" AS failed_act_id_,
    x."execution_id"::text AS execution_id_,
    CASE WHEN x."instance_id" IS NOT NULL THEN x."root_id"::text END AS root_proc_inst_id_,
    x."instance_id"::text AS process_instance_id_,
    d."rest_id" AS process_def_id_,
    d."key" AS process_def_key_,
    d."deployment_id"::text AS deployment_id_,
    1::bigint AS sequence_counter_,
    x."tenant_id" AS tenant_id_,
    x."node" AS hostname_,
    (timestamptz 'epoch' + ((SELECT max(re."ended") FROM history_process re WHERE re."id" = x."root_id") + d."history_ttl_days"::bigint * 86400000) * interval '1 millisecond')::timestamp AS removal_time_,
    NULL::text AS batch_id_
FROM history_job x LEFT JOIN definition d ON d."id" = x."definition_id" WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot)
UNION ALL
SELECT
    x."job_id"::text AS id_,
    (timestamptz 'epoch' + x."created" * interval '1 millisecond')::timestamp AS timestamp_,
    x."job_id"::text AS job_id_,
    (timestamptz 'epoch' + (CASE WHEN x."made_retries" IS NOT NULL THEN x."made_due" ELSE x."due" END) * interval '1 millisecond')::timestamp AS job_duedate_,
    coalesce(x."made_retries", x."retries") AS job_retries_,
    coalesce(x."made_priority", x."priority") AS job_priority_,
    NULL::text AS job_exception_msg_,
    NULL::text AS job_exception_stack_id_,
    0 AS job_state_,
    (SELECT jd."id"::text FROM job_definition jd WHERE jd."definition_id" = x."definition_id" AND jd."element" = x."element" AND jd."kind" = x."kind") AS job_def_id_,
    CASE x."kind" WHEN 2 THEN 'timer-intermediate-transition' WHEN 3 THEN 'timer-start-event' WHEN 4 THEN 'event' ELSE 'async-continuation' END AS job_def_type_,
    CASE x."kind" WHEN 0 THEN 'async-before' WHEN 1 THEN 'async-after' END AS job_def_configuration_,
    x."element" AS act_id_,
    NULL::text AS failed_act_id_,
    x."execution_id"::text AS execution_id_,
    CASE WHEN x."instance_id" IS NOT NULL THEN x."root_id"::text END AS root_proc_inst_id_,
    x."instance_id"::text AS process_instance_id_,
    d."rest_id" AS process_def_id_,
    d."key" AS process_def_key_,
    d."deployment_id"::text AS deployment_id_,
    1::bigint AS sequence_counter_,
    x."tenant_id" AS tenant_id_,
    x."node" AS hostname_,
    (timestamptz 'epoch' + ((SELECT max(re."ended") FROM history_process re WHERE re."id" = x."root_id") + d."history_ttl_days"::bigint * 86400000) * interval '1 millisecond')::timestamp AS removal_time_,
    NULL::text AS batch_id_
FROM history_job x LEFT JOIN definition d ON d."id" = x."definition_id" WHERE x."state" <> 1 AND x."slot" NOT IN (SELECT "slot" FROM hidden_slot)
UNION ALL
SELECT
    x."id"::text AS id_,
    (timestamptz 'epoch' + x."created" * interval '1 millisecond')::timestamp AS timestamp_,
    x."id"::text AS job_id_,
    (timestamptz 'epoch' + (CASE WHEN x."made_retries" IS NOT NULL THEN x."made_due" ELSE x."due" END) * interval '1 millisecond')::timestamp AS job_duedate_,
    coalesce(x."made_retries", x."retries") AS job_retries_,
    coalesce(x."made_priority", x."priority") AS job_priority_,
    NULL::text AS job_exception_msg_,
    NULL::text AS job_exception_stack_id_,
    0 AS job_state_,
    (SELECT jd."id"::text FROM job_definition jd WHERE jd."definition_id" = x."definition_id" AND jd."element" = x."element" AND jd."kind" = x."kind") AS job_def_id_,
    CASE x."kind" WHEN 2 THEN 'timer-intermediate-transition' WHEN 3 THEN 'timer-start-event' WHEN 4 THEN 'event' ELSE 'async-continuation' END AS job_def_type_,
    CASE x."kind" WHEN 0 THEN 'async-before' WHEN 1 THEN 'async-after' END AS job_def_configuration_,
    x."element" AS act_id_,
    NULL::text AS failed_act_id_,
    x."execution_id"::text AS execution_id_,
    CASE WHEN x."instance_id" IS NOT NULL THEN x."root_id"::text END AS root_proc_inst_id_,
    x."instance_id"::text AS process_instance_id_,
    d."rest_id" AS process_def_id_,
    d."key" AS process_def_key_,
    d."deployment_id"::text AS deployment_id_,
    1::bigint AS sequence_counter_,
    x."tenant_id" AS tenant_id_,
    x."lock_owner" AS hostname_,
    (timestamptz 'epoch' + ((SELECT max(re."ended") FROM history_process re WHERE re."id" = x."root_id") + d."history_ttl_days"::bigint * 86400000) * interval '1 millisecond')::timestamp AS removal_time_,
    NULL::text AS batch_id_
FROM job x LEFT JOIN definition d ON d."id" = x."definition_id" WHERE x."recorded" AND x."slot" NOT IN (SELECT "slot" FROM hidden_slot);
