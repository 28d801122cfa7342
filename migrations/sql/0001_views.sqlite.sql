-- Views with the names and columns of Camunda 7's tables, for reading (docs/sql-views.md). Times are UTC.

CREATE VIEW ACT_RE_DEPLOYMENT AS
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    x."name" AS name_,
    strftime('%Y-%m-%d %H:%M:%f', x."deployed" / 1000.0, 'unixepoch') AS deploy_time_,
    x."source" AS source_,
    x."tenant_id" AS tenant_id_
FROM deployment x WHERE x."published";

CREATE VIEW ACT_RE_PROCDEF AS
SELECT
    x."rest_id" AS id_,
    1 AS rev_,
    x."category" AS category_,
    x."name" AS name_,
    x."key" AS key_,
    x."version" AS version_,
    lower(substr(hex(x."deployment_id"), 1, 8) || '-' || substr(hex(x."deployment_id"), 9, 4) || '-' || substr(hex(x."deployment_id"), 13, 4) || '-' || substr(hex(x."deployment_id"), 17, 4) || '-' || substr(hex(x."deployment_id"), 21)) AS deployment_id_,
    x."resource_name" AS resource_name_,
    NULL AS dgrm_resource_name_,
    0 AS has_start_form_key_,
    CASE WHEN x."suspended" THEN 2 ELSE 1 END AS suspension_state_,
    x."tenant_id" AS tenant_id_,
    x."version_tag" AS version_tag_,
    x."history_ttl_days" AS history_ttl_,
    x."startable_in_tasklist" AS startable_
FROM definition x;

CREATE VIEW ACT_RU_EXECUTION AS
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    x."revision" AS rev_,
    lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) AS root_proc_inst_id_,
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS proc_inst_id_,
    x."business_key" AS business_key_,
    NULL AS parent_id_,
    d."rest_id" AS proc_def_id_,
    (SELECT lower(substr(hex(tk."execution_id"), 1, 8) || '-' || substr(hex(tk."execution_id"), 9, 4) || '-' || substr(hex(tk."execution_id"), 13, 4) || '-' || substr(hex(tk."execution_id"), 17, 4) || '-' || substr(hex(tk."execution_id"), 21)) FROM token tk WHERE tk."id" = x."super_token_id") AS super_exec_,
    NULL AS super_case_exec_,
    NULL AS case_inst_id_,
    (SELECT tk."element" FROM token tk WHERE tk."instance_id" = x."id" AND tk."execution_id" = x."id" AND tk."state" <> 0 LIMIT 1) AS act_id_,
    coalesce((SELECT tk."element" || ':' || lower(substr(hex(tk."activity_id"), 1, 8) || '-' || substr(hex(tk."activity_id"), 9, 4) || '-' || substr(hex(tk."activity_id"), 13, 4) || '-' || substr(hex(tk."activity_id"), 17, 4) || '-' || substr(hex(tk."activity_id"), 21)) FROM token tk WHERE tk."instance_id" = x."id" AND tk."execution_id" = x."id" AND tk."state" <> 0 LIMIT 1), lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21))) AS act_inst_id_,
    (SELECT 1 FROM token tk WHERE tk."instance_id" = x."id" AND tk."execution_id" = x."id" AND tk."state" <> 0 LIMIT 1) IS NOT NULL AS is_active_,
    0 AS is_concurrent_,
    1 AS is_scope_,
    0 AS is_event_scope_,
    CASE WHEN x."suspended" THEN 2 ELSE 1 END AS suspension_state_,
    0 AS cached_ent_state_,
    1 AS sequence_counter_,
    x."tenant_id" AS tenant_id_,
    d."key" AS proc_def_key_
FROM process_instance x LEFT JOIN definition d ON d."id" = x."definition_id" WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot)
UNION ALL
SELECT
    lower(substr(hex(x."execution_id"), 1, 8) || '-' || substr(hex(x."execution_id"), 9, 4) || '-' || substr(hex(x."execution_id"), 13, 4) || '-' || substr(hex(x."execution_id"), 17, 4) || '-' || substr(hex(x."execution_id"), 21)) AS id_,
    1 AS rev_,
    lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) AS root_proc_inst_id_,
    lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) AS proc_inst_id_,
    NULL AS business_key_,
    lower(substr(hex(coalesce(pt."execution_id", x."instance_id")), 1, 8) || '-' || substr(hex(coalesce(pt."execution_id", x."instance_id")), 9, 4) || '-' || substr(hex(coalesce(pt."execution_id", x."instance_id")), 13, 4) || '-' || substr(hex(coalesce(pt."execution_id", x."instance_id")), 17, 4) || '-' || substr(hex(coalesce(pt."execution_id", x."instance_id")), 21)) AS parent_id_,
    d."rest_id" AS proc_def_id_,
    NULL AS super_exec_,
    NULL AS super_case_exec_,
    NULL AS case_inst_id_,
    x."element" AS act_id_,
    CASE WHEN x."activity_id" IS NULL THEN NULL ELSE x."element" || ':' || lower(substr(hex(x."activity_id"), 1, 8) || '-' || substr(hex(x."activity_id"), 9, 4) || '-' || substr(hex(x."activity_id"), 13, 4) || '-' || substr(hex(x."activity_id"), 17, 4) || '-' || substr(hex(x."activity_id"), 21)) END AS act_inst_id_,
    x."state" <> 0 AS is_active_,
    (SELECT count(*) FROM token s WHERE s."instance_id" = x."instance_id" AND coalesce(s."parent_id", s."instance_id") = coalesce(x."parent_id", x."instance_id")) > 1 AS is_concurrent_,
    x."activity_id" IS NOT NULL AS is_scope_,
    0 AS is_event_scope_,
    CASE WHEN p."suspended" THEN 2 ELSE 1 END AS suspension_state_,
    0 AS cached_ent_state_,
    1 AS sequence_counter_,
    p."tenant_id" AS tenant_id_,
    d."key" AS proc_def_key_
FROM token x JOIN process_instance p ON p."id" = x."instance_id" LEFT JOIN token pt ON pt."id" = x."parent_id" LEFT JOIN definition d ON d."id" = p."definition_id" WHERE x."execution_id" <> x."instance_id" AND x."slot" NOT IN (SELECT "slot" FROM hidden_slot);

CREATE VIEW ACT_RU_VARIABLE AS
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    x."revision" + 1 AS rev_,
    lower(x."type") AS type_,
    x."name" AS name_,
    lower(substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 1, 8) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 9, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 13, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 17, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 21)) AS execution_id_,
    lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) AS proc_inst_id_,
    d."rest_id" AS proc_def_id_,
    NULL AS case_execution_id_,
    NULL AS case_inst_id_,
    lower(substr(hex(x."task_id"), 1, 8) || '-' || substr(hex(x."task_id"), 9, 4) || '-' || substr(hex(x."task_id"), 13, 4) || '-' || substr(hex(x."task_id"), 17, 4) || '-' || substr(hex(x."task_id"), 21)) AS task_id_,
    NULL AS batch_id_,
    CASE WHEN x."type" IN ('Bytes', 'File', 'Object', 'Json', 'Xml') THEN lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) END AS bytearray_id_,
    x."float" AS double_,
    x."number" AS long_,
    CASE WHEN x."type" IN ('Short', 'Integer', 'Long') THEN CAST(x."number" AS TEXT) WHEN x."type" IN ('Bytes', 'File', 'Object', 'Json', 'Xml') THEN NULL ELSE coalesce(x."text", (SELECT lv."text" FROM large_value lv WHERE lv."id" = x."large_id" LIMIT 1)) END AS text_,
    x."info" AS text2_,
    lower(substr(hex(coalesce(x."task_id", coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id"))), 1, 8) || '-' || substr(hex(coalesce(x."task_id", coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id"))), 9, 4) || '-' || substr(hex(coalesce(x."task_id", coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id"))), 13, 4) || '-' || substr(hex(coalesce(x."task_id", coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id"))), 17, 4) || '-' || substr(hex(coalesce(x."task_id", coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id"))), 21)) AS var_scope_,
    1 AS sequence_counter_,
    0 AS is_concurrent_local_,
    p."tenant_id" AS tenant_id_
FROM variable x LEFT JOIN process_instance p ON p."id" = x."instance_id" LEFT JOIN definition d ON d."id" = p."definition_id" WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot);

CREATE VIEW ACT_RU_TASK AS
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    1 AS rev_,
    lower(substr(hex(x."execution_id"), 1, 8) || '-' || substr(hex(x."execution_id"), 9, 4) || '-' || substr(hex(x."execution_id"), 13, 4) || '-' || substr(hex(x."execution_id"), 17, 4) || '-' || substr(hex(x."execution_id"), 21)) AS execution_id_,
    lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) AS proc_inst_id_,
    d."rest_id" AS proc_def_id_,
    NULL AS case_execution_id_,
    NULL AS case_inst_id_,
    NULL AS case_def_id_,
    x."name" AS name_,
    NULL AS parent_task_id_,
    x."description" AS description_,
    x."element" AS task_def_key_,
    x."owner" AS owner_,
    x."assignee" AS assignee_,
    x."delegation" AS delegation_,
    x."priority" AS priority_,
    strftime('%Y-%m-%d %H:%M:%f', x."created" / 1000.0, 'unixepoch') AS create_time_,
    strftime('%Y-%m-%d %H:%M:%f', x."last_updated" / 1000.0, 'unixepoch') AS last_updated_,
    strftime('%Y-%m-%d %H:%M:%f', x."due" / 1000.0, 'unixepoch') AS due_date_,
    strftime('%Y-%m-%d %H:%M:%f', x."follow_up" / 1000.0, 'unixepoch') AS follow_up_date_,
    CASE WHEN x."suspended" THEN 2 ELSE 1 END AS suspension_state_,
    x."tenant_id" AS tenant_id_,
    CASE WHEN x."last_updated" IS NULL THEN 'Created' ELSE 'Updated' END AS task_state_
FROM task x LEFT JOIN definition d ON d."id" = x."definition_id" WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot);

CREATE VIEW ACT_RU_IDENTITYLINK AS
SELECT
    lower(substr(hex(x."task_id"), 1, 8) || '-' || substr(hex(x."task_id"), 9, 4) || '-' || substr(hex(x."task_id"), 13, 4) || '-' || substr(hex(x."task_id"), 17, 4) || '-' || substr(hex(x."task_id"), 21)) || CASE WHEN x."is_group" THEN ':group:' ELSE ':user:' END || x."name" AS id_,
    1 AS rev_,
    CASE WHEN x."is_group" THEN x."name" END AS group_id_,
    'candidate' AS type_,
    CASE WHEN NOT x."is_group" THEN x."name" END AS user_id_,
    lower(substr(hex(x."task_id"), 1, 8) || '-' || substr(hex(x."task_id"), 9, 4) || '-' || substr(hex(x."task_id"), 13, 4) || '-' || substr(hex(x."task_id"), 17, 4) || '-' || substr(hex(x."task_id"), 21)) AS task_id_,
    NULL AS proc_def_id_,
    NULL AS tenant_id_
FROM task_candidate x WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot);

CREATE VIEW ACT_RU_JOB AS
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    1 AS rev_,
    CASE WHEN x."kind" >= 2 THEN 'timer' ELSE 'message' END AS type_,
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
    CASE WHEN x."error_message" IS NOT NULL THEN x."element" END AS failed_act_id_,
    strftime('%Y-%m-%d %H:%M:%f', x."due" / 1000.0, 'unixepoch') AS duedate_,
    x."repeat" AS repeat_,
    0 AS repeat_offset_,
    CASE x."kind" WHEN 2 THEN 'timer-intermediate-transition' WHEN 3 THEN 'timer-start-event' ELSE 'async-continuation' END AS handler_type_,
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

CREATE VIEW ACT_RU_JOBDEF AS
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    1 AS rev_,
    d."rest_id" AS proc_def_id_,
    d."key" AS proc_def_key_,
    x."element" AS act_id_,
    x."job_type" AS job_type_,
    x."configuration" AS job_configuration_,
    CASE WHEN x."suspended" THEN 2 ELSE 1 END AS suspension_state_,
    x."priority" AS job_priority_,
    d."tenant_id" AS tenant_id_,
    lower(substr(hex(d."deployment_id"), 1, 8) || '-' || substr(hex(d."deployment_id"), 9, 4) || '-' || substr(hex(d."deployment_id"), 13, 4) || '-' || substr(hex(d."deployment_id"), 17, 4) || '-' || substr(hex(d."deployment_id"), 21)) AS deployment_id_
FROM job_definition x JOIN definition d ON d."id" = x."definition_id";

CREATE VIEW ACT_RU_EXT_TASK AS
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    1 AS rev_,
    x."worker_id" AS worker_id_,
    x."topic" AS topic_name_,
    x."retries" AS retries_,
    x."error_message" AS error_msg_,
    CASE WHEN x."error_details" IS NOT NULL THEN lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) END AS error_details_id_,
    strftime('%Y-%m-%d %H:%M:%f', x."lock_expires" / 1000.0, 'unixepoch') AS lock_exp_time_,
    strftime('%Y-%m-%d %H:%M:%f', x."created" / 1000.0, 'unixepoch') AS create_time_,
    CASE WHEN x."suspended" THEN 2 ELSE 1 END AS suspension_state_,
    lower(substr(hex(x."execution_id"), 1, 8) || '-' || substr(hex(x."execution_id"), 9, 4) || '-' || substr(hex(x."execution_id"), 13, 4) || '-' || substr(hex(x."execution_id"), 17, 4) || '-' || substr(hex(x."execution_id"), 21)) AS execution_id_,
    lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) AS proc_inst_id_,
    d."rest_id" AS proc_def_id_,
    d."key" AS proc_def_key_,
    x."element" AS act_id_,
    x."element" || ':' || lower(substr(hex(x."activity_id"), 1, 8) || '-' || substr(hex(x."activity_id"), 9, 4) || '-' || substr(hex(x."activity_id"), 13, 4) || '-' || substr(hex(x."activity_id"), 17, 4) || '-' || substr(hex(x."activity_id"), 21)) AS act_inst_id_,
    x."tenant_id" AS tenant_id_,
    x."priority" AS priority_,
    NULL AS last_failure_log_id_
FROM external_task x LEFT JOIN definition d ON d."id" = x."definition_id" WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot);

CREATE VIEW ACT_RU_EVENT_SUBSCR AS
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    1 AS rev_,
    CASE x."kind" WHEN 0 THEN 'message' WHEN 1 THEN 'signal' WHEN 2 THEN 'conditional' ELSE 'compensate' END AS event_type_,
    x."name" AS event_name_,
    lower(substr(hex(x."execution_id"), 1, 8) || '-' || substr(hex(x."execution_id"), 9, 4) || '-' || substr(hex(x."execution_id"), 13, 4) || '-' || substr(hex(x."execution_id"), 17, 4) || '-' || substr(hex(x."execution_id"), 21)) AS execution_id_,
    lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) AS proc_inst_id_,
    x."element" AS activity_id_,
    NULL AS configuration_,
    strftime('%Y-%m-%d %H:%M:%f', x."created" / 1000.0, 'unixepoch') AS created_,
    x."tenant_id" AS tenant_id_
FROM event_subscription x WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot);

CREATE VIEW ACT_RU_INCIDENT AS
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    1 AS rev_,
    strftime('%Y-%m-%d %H:%M:%f', x."created" / 1000.0, 'unixepoch') AS incident_timestamp_,
    x."message" AS incident_msg_,
    x."kind" AS incident_type_,
    lower(substr(hex(x."execution_id"), 1, 8) || '-' || substr(hex(x."execution_id"), 9, 4) || '-' || substr(hex(x."execution_id"), 13, 4) || '-' || substr(hex(x."execution_id"), 17, 4) || '-' || substr(hex(x."execution_id"), 21)) AS execution_id_,
    x."element" AS activity_id_,
    CASE WHEN x."kind" = 'failedJob' THEN x."element" END AS failed_activity_id_,
    lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) AS proc_inst_id_,
    d."rest_id" AS proc_def_id_,
    lower(substr(hex(x."cause_id"), 1, 8) || '-' || substr(hex(x."cause_id"), 9, 4) || '-' || substr(hex(x."cause_id"), 13, 4) || '-' || substr(hex(x."cause_id"), 17, 4) || '-' || substr(hex(x."cause_id"), 21)) AS cause_incident_id_,
    lower(substr(hex(x."root_cause_id"), 1, 8) || '-' || substr(hex(x."root_cause_id"), 9, 4) || '-' || substr(hex(x."root_cause_id"), 13, 4) || '-' || substr(hex(x."root_cause_id"), 17, 4) || '-' || substr(hex(x."root_cause_id"), 21)) AS root_cause_incident_id_,
    x."configuration" AS configuration_,
    x."tenant_id" AS tenant_id_,
    (SELECT lower(substr(hex(jd."id"), 1, 8) || '-' || substr(hex(jd."id"), 9, 4) || '-' || substr(hex(jd."id"), 13, 4) || '-' || substr(hex(jd."id"), 17, 4) || '-' || substr(hex(jd."id"), 21)) FROM job_definition jd WHERE jd."definition_id" = x."definition_id" AND jd."element" = x."element" AND jd."kind" = x."job_kind") AS job_def_id_,
    x."annotation" AS annotation_
FROM incident x LEFT JOIN definition d ON d."id" = x."definition_id" WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot);

CREATE VIEW ACT_GE_BYTEARRAY AS
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    1 AS rev_,
    x."name" AS name_,
    lower(substr(hex(x."deployment_id"), 1, 8) || '-' || substr(hex(x."deployment_id"), 9, 4) || '-' || substr(hex(x."deployment_id"), 13, 4) || '-' || substr(hex(x."deployment_id"), 17, 4) || '-' || substr(hex(x."deployment_id"), 21)) AS deployment_id_,
    x."content" AS bytes_,
    0 AS generated_,
    NULL AS tenant_id_,
    1 AS type_,
    strftime('%Y-%m-%d %H:%M:%f', p."deployed" / 1000.0, 'unixepoch') AS create_time_,
    NULL AS root_proc_inst_id_,
    NULL AS removal_time_
FROM resource x JOIN deployment p ON p."id" = x."deployment_id"
UNION ALL
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    1 AS rev_,
    x."name" AS name_,
    NULL AS deployment_id_,
    coalesce(x."bytes", CAST(x."text" AS BLOB), (SELECT coalesce(lv."bytes", CAST(lv."text" AS BLOB)) FROM large_value lv WHERE lv."id" = x."large_id" LIMIT 1)) AS bytes_,
    NULL AS generated_,
    NULL AS tenant_id_,
    2 AS type_,
    strftime('%Y-%m-%d %H:%M:%f', coalesce(x."updated", x."created") / 1000.0, 'unixepoch') AS create_time_,
    lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) AS root_proc_inst_id_,
    NULL AS removal_time_
FROM variable x WHERE x."type" IN ('Bytes', 'File', 'Object', 'Json', 'Xml') AND x."slot" NOT IN (SELECT "slot" FROM hidden_slot)
UNION ALL
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    1 AS rev_,
    x."name" AS name_,
    NULL AS deployment_id_,
    coalesce(x."bytes", CAST(x."text" AS BLOB), (SELECT coalesce(lv."bytes", CAST(lv."text" AS BLOB)) FROM large_value lv WHERE lv."id" = x."large_id" LIMIT 1)) AS bytes_,
    NULL AS generated_,
    NULL AS tenant_id_,
    3 AS type_,
    strftime('%Y-%m-%d %H:%M:%f', coalesce(x."updated", x."created") / 1000.0, 'unixepoch') AS create_time_,
    lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) AS root_proc_inst_id_,
    NULL AS removal_time_
FROM history_variable x WHERE x."type" IN ('Bytes', 'File', 'Object', 'Json', 'Xml') AND x."slot" NOT IN (SELECT "slot" FROM hidden_slot)
UNION ALL
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    1 AS rev_,
    x."name" AS name_,
    NULL AS deployment_id_,
    coalesce(x."bytes", CAST(x."text" AS BLOB), (SELECT coalesce(lv."bytes", CAST(lv."text" AS BLOB)) FROM large_value lv WHERE lv."id" = x."large_id" LIMIT 1)) AS bytes_,
    NULL AS generated_,
    NULL AS tenant_id_,
    3 AS type_,
    strftime('%Y-%m-%d %H:%M:%f', x."updated" / 1000.0, 'unixepoch') AS create_time_,
    lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) AS root_proc_inst_id_,
    NULL AS removal_time_
FROM history_detail x WHERE x."type" IN ('Bytes', 'File', 'Object', 'Json', 'Xml') AND x."slot" NOT IN (SELECT "slot" FROM hidden_slot);

CREATE VIEW ACT_GE_PROPERTY AS
SELECT
    'schema.version' AS name_,
    'stellwerk' AS value_,
    1 AS rev_
FROM (SELECT 1) x
UNION ALL
SELECT
    'schema.history' AS name_,
    group_concat(x."name", ', ') AS value_,
    max(x."version") AS rev_
FROM schema_version x;

CREATE VIEW ACT_ID_USER AS
SELECT
    x."id" AS id_,
    1 AS rev_,
    x."first_name" AS first_,
    x."last_name" AS last_,
    x."email" AS email_,
    NULL AS pwd_,
    NULL AS salt_,
    NULL AS lock_exp_time_,
    NULL AS attempts_,
    NULL AS picture_id_
FROM engine_user x;

CREATE VIEW ACT_HI_PROCINST AS
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS proc_inst_id_,
    x."business_key" AS business_key_,
    d."key" AS proc_def_key_,
    d."rest_id" AS proc_def_id_,
    strftime('%Y-%m-%d %H:%M:%f', x."started" / 1000.0, 'unixepoch') AS start_time_,
    strftime('%Y-%m-%d %H:%M:%f', x."ended" / 1000.0, 'unixepoch') AS end_time_,
    strftime('%Y-%m-%d %H:%M:%f', ((SELECT max(re."ended") FROM history_process re WHERE re."id" = x."root_id") + d."history_ttl_days" * 86400000) / 1000.0, 'unixepoch') AS removal_time_,
    x."ended" - x."started" AS duration_,
    x."start_user" AS start_user_id_,
    x."start_element" AS start_act_id_,
    x."end_element" AS end_act_id_,
    lower(substr(hex(x."super_instance_id"), 1, 8) || '-' || substr(hex(x."super_instance_id"), 9, 4) || '-' || substr(hex(x."super_instance_id"), 13, 4) || '-' || substr(hex(x."super_instance_id"), 17, 4) || '-' || substr(hex(x."super_instance_id"), 21)) AS super_process_instance_id_,
    lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) AS root_proc_inst_id_,
    NULL AS super_case_instance_id_,
    NULL AS case_inst_id_,
    x."delete_reason" AS delete_reason_,
    x."tenant_id" AS tenant_id_,
    CASE x."state" WHEN 0 THEN 'COMPLETED' WHEN 1 THEN 'EXTERNALLY_TERMINATED' ELSE 'INTERNALLY_TERMINATED' END AS state_,
    NULL AS restarted_proc_inst_id_
FROM history_process x LEFT JOIN definition d ON d."id" = x."definition_id" WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot)
UNION ALL
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS proc_inst_id_,
    x."business_key" AS business_key_,
    d."key" AS proc_def_key_,
    d."rest_id" AS proc_def_id_,
    strftime('%Y-%m-%d %H:%M:%f', x."started" / 1000.0, 'unixepoch') AS start_time_,
    NULL AS end_time_,
    NULL AS removal_time_,
    NULL AS duration_,
    x."start_user" AS start_user_id_,
    x."start_element" AS start_act_id_,
    NULL AS end_act_id_,
    lower(substr(hex(x."super_instance_id"), 1, 8) || '-' || substr(hex(x."super_instance_id"), 9, 4) || '-' || substr(hex(x."super_instance_id"), 13, 4) || '-' || substr(hex(x."super_instance_id"), 17, 4) || '-' || substr(hex(x."super_instance_id"), 21)) AS super_process_instance_id_,
    lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) AS root_proc_inst_id_,
    NULL AS super_case_instance_id_,
    NULL AS case_inst_id_,
    NULL AS delete_reason_,
    x."tenant_id" AS tenant_id_,
    CASE WHEN x."suspended" THEN 'SUSPENDED' ELSE 'ACTIVE' END AS state_,
    NULL AS restarted_proc_inst_id_
FROM process_instance x LEFT JOIN definition d ON d."id" = x."definition_id" WHERE x."recorded" AND x."slot" NOT IN (SELECT "slot" FROM hidden_slot);

CREATE VIEW ACT_HI_ACTINST AS
SELECT
    x."element" || ':' || lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    CASE WHEN x."parent_id" IS NULL THEN lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) ELSE coalesce((SELECT tk."element" || ':' FROM token tk WHERE tk."instance_id" = x."instance_id" AND tk."activity_id" = x."parent_id" LIMIT 1), (SELECT ha."element" || ':' FROM history_activity ha WHERE ha."root_id" = x."root_id" AND ha."id" = x."parent_id" LIMIT 1), '') || lower(substr(hex(x."parent_id"), 1, 8) || '-' || substr(hex(x."parent_id"), 9, 4) || '-' || substr(hex(x."parent_id"), 13, 4) || '-' || substr(hex(x."parent_id"), 17, 4) || '-' || substr(hex(x."parent_id"), 21)) END AS parent_act_inst_id_,
    d."key" AS proc_def_key_,
    d."rest_id" AS proc_def_id_,
    lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) AS root_proc_inst_id_,
    lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) AS proc_inst_id_,
    CASE WHEN x."execution_id" IS NULL THEN lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) ELSE lower(substr(hex(x."execution_id"), 1, 8) || '-' || substr(hex(x."execution_id"), 9, 4) || '-' || substr(hex(x."execution_id"), 13, 4) || '-' || substr(hex(x."execution_id"), 17, 4) || '-' || substr(hex(x."execution_id"), 21)) END AS execution_id_,
    x."element" AS act_id_,
    lower(substr(hex(x."task_id"), 1, 8) || '-' || substr(hex(x."task_id"), 9, 4) || '-' || substr(hex(x."task_id"), 13, 4) || '-' || substr(hex(x."task_id"), 17, 4) || '-' || substr(hex(x."task_id"), 21)) AS task_id_,
    lower(substr(hex(x."called_instance_id"), 1, 8) || '-' || substr(hex(x."called_instance_id"), 9, 4) || '-' || substr(hex(x."called_instance_id"), 13, 4) || '-' || substr(hex(x."called_instance_id"), 17, 4) || '-' || substr(hex(x."called_instance_id"), 21)) AS call_proc_inst_id_,
    NULL AS call_case_inst_id_,
    el."name" AS act_name_,
    el."kind" AS act_type_,
    x."assignee" AS assignee_,
    strftime('%Y-%m-%d %H:%M:%f', x."started" / 1000.0, 'unixepoch') AS start_time_,
    strftime('%Y-%m-%d %H:%M:%f', x."ended" / 1000.0, 'unixepoch') AS end_time_,
    x."ended" - x."started" AS duration_,
    CASE WHEN x."canceled" THEN 2 WHEN x."complete_scope" THEN 1 ELSE 4 END AS act_inst_state_,
    NULL AS sequence_counter_,
    x."tenant_id" AS tenant_id_,
    strftime('%Y-%m-%d %H:%M:%f', ((SELECT max(re."ended") FROM history_process re WHERE re."id" = x."root_id") + d."history_ttl_days" * 86400000) / 1000.0, 'unixepoch') AS removal_time_
FROM history_activity x LEFT JOIN definition d ON d."id" = x."definition_id" LEFT JOIN element el ON el."definition_id" = x."definition_id" AND el."element" = x."element" WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot)
UNION ALL
SELECT
    x."element" || ':' || lower(substr(hex(x."activity_id"), 1, 8) || '-' || substr(hex(x."activity_id"), 9, 4) || '-' || substr(hex(x."activity_id"), 13, 4) || '-' || substr(hex(x."activity_id"), 17, 4) || '-' || substr(hex(x."activity_id"), 21)) AS id_,
    CASE WHEN pt."activity_id" IS NULL THEN lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) ELSE pt."element" || ':' || lower(substr(hex(pt."activity_id"), 1, 8) || '-' || substr(hex(pt."activity_id"), 9, 4) || '-' || substr(hex(pt."activity_id"), 13, 4) || '-' || substr(hex(pt."activity_id"), 17, 4) || '-' || substr(hex(pt."activity_id"), 21)) END AS parent_act_inst_id_,
    d."key" AS proc_def_key_,
    d."rest_id" AS proc_def_id_,
    lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) AS root_proc_inst_id_,
    lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) AS proc_inst_id_,
    lower(substr(hex(x."execution_id"), 1, 8) || '-' || substr(hex(x."execution_id"), 9, 4) || '-' || substr(hex(x."execution_id"), 13, 4) || '-' || substr(hex(x."execution_id"), 17, 4) || '-' || substr(hex(x."execution_id"), 21)) AS execution_id_,
    x."element" AS act_id_,
    lower(substr(hex(k."id"), 1, 8) || '-' || substr(hex(k."id"), 9, 4) || '-' || substr(hex(k."id"), 13, 4) || '-' || substr(hex(k."id"), 17, 4) || '-' || substr(hex(k."id"), 21)) AS task_id_,
    NULL AS call_proc_inst_id_,
    NULL AS call_case_inst_id_,
    el."name" AS act_name_,
    el."kind" AS act_type_,
    k."assignee" AS assignee_,
    strftime('%Y-%m-%d %H:%M:%f', x."started" / 1000.0, 'unixepoch') AS start_time_,
    NULL AS end_time_,
    NULL AS duration_,
    0 AS act_inst_state_,
    NULL AS sequence_counter_,
    p."tenant_id" AS tenant_id_,
    NULL AS removal_time_
FROM token x JOIN process_instance p ON p."id" = x."instance_id" LEFT JOIN token pt ON pt."id" = x."parent_id" LEFT JOIN task k ON k."token_id" = x."id" AND k."instance_id" = x."instance_id" LEFT JOIN definition d ON d."id" = p."definition_id" LEFT JOIN element el ON el."definition_id" = p."definition_id" AND el."element" = x."element" WHERE x."activity_id" IS NOT NULL AND NOT (x."state" = 6 OR (x."state" = 7 AND x."execution_id" = x."id")) AND p."recorded" AND x."slot" NOT IN (SELECT "slot" FROM hidden_slot);

CREATE VIEW ACT_HI_TASKINST AS
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    x."element" AS task_def_key_,
    d."key" AS proc_def_key_,
    d."rest_id" AS proc_def_id_,
    lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) AS root_proc_inst_id_,
    lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) AS proc_inst_id_,
    lower(substr(hex(x."execution_id"), 1, 8) || '-' || substr(hex(x."execution_id"), 9, 4) || '-' || substr(hex(x."execution_id"), 13, 4) || '-' || substr(hex(x."execution_id"), 17, 4) || '-' || substr(hex(x."execution_id"), 21)) AS execution_id_,
    NULL AS case_def_key_,
    NULL AS case_def_id_,
    NULL AS case_inst_id_,
    NULL AS case_execution_id_,
    x."element" || ':' || lower(substr(hex(x."activity_id"), 1, 8) || '-' || substr(hex(x."activity_id"), 9, 4) || '-' || substr(hex(x."activity_id"), 13, 4) || '-' || substr(hex(x."activity_id"), 17, 4) || '-' || substr(hex(x."activity_id"), 21)) AS act_inst_id_,
    x."name" AS name_,
    NULL AS parent_task_id_,
    x."description" AS description_,
    x."owner" AS owner_,
    x."assignee" AS assignee_,
    strftime('%Y-%m-%d %H:%M:%f', x."created" / 1000.0, 'unixepoch') AS start_time_,
    strftime('%Y-%m-%d %H:%M:%f', x."ended" / 1000.0, 'unixepoch') AS end_time_,
    x."ended" - x."created" AS duration_,
    x."delete_reason" AS delete_reason_,
    x."priority" AS priority_,
    strftime('%Y-%m-%d %H:%M:%f', x."due" / 1000.0, 'unixepoch') AS due_date_,
    strftime('%Y-%m-%d %H:%M:%f', x."follow_up" / 1000.0, 'unixepoch') AS follow_up_date_,
    x."tenant_id" AS tenant_id_,
    strftime('%Y-%m-%d %H:%M:%f', ((SELECT max(re."ended") FROM history_process re WHERE re."id" = x."root_id") + d."history_ttl_days" * 86400000) / 1000.0, 'unixepoch') AS removal_time_,
    CASE WHEN x."delete_reason" = 'completed' THEN 'Completed' ELSE 'Deleted' END AS task_state_
FROM history_task x LEFT JOIN definition d ON d."id" = x."definition_id" WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot)
UNION ALL
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    x."element" AS task_def_key_,
    d."key" AS proc_def_key_,
    d."rest_id" AS proc_def_id_,
    lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) AS root_proc_inst_id_,
    lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) AS proc_inst_id_,
    lower(substr(hex(x."execution_id"), 1, 8) || '-' || substr(hex(x."execution_id"), 9, 4) || '-' || substr(hex(x."execution_id"), 13, 4) || '-' || substr(hex(x."execution_id"), 17, 4) || '-' || substr(hex(x."execution_id"), 21)) AS execution_id_,
    NULL AS case_def_key_,
    NULL AS case_def_id_,
    NULL AS case_inst_id_,
    NULL AS case_execution_id_,
    x."element" || ':' || lower(substr(hex(x."activity_id"), 1, 8) || '-' || substr(hex(x."activity_id"), 9, 4) || '-' || substr(hex(x."activity_id"), 13, 4) || '-' || substr(hex(x."activity_id"), 17, 4) || '-' || substr(hex(x."activity_id"), 21)) AS act_inst_id_,
    x."name" AS name_,
    NULL AS parent_task_id_,
    x."description" AS description_,
    x."owner" AS owner_,
    x."assignee" AS assignee_,
    strftime('%Y-%m-%d %H:%M:%f', x."created" / 1000.0, 'unixepoch') AS start_time_,
    NULL AS end_time_,
    NULL AS duration_,
    NULL AS delete_reason_,
    x."priority" AS priority_,
    strftime('%Y-%m-%d %H:%M:%f', x."due" / 1000.0, 'unixepoch') AS due_date_,
    strftime('%Y-%m-%d %H:%M:%f', x."follow_up" / 1000.0, 'unixepoch') AS follow_up_date_,
    x."tenant_id" AS tenant_id_,
    NULL AS removal_time_,
    CASE WHEN x."last_updated" IS NULL THEN 'Created' ELSE 'Updated' END AS task_state_
FROM task x LEFT JOIN definition d ON d."id" = x."definition_id" WHERE x."recorded" AND x."slot" NOT IN (SELECT "slot" FROM hidden_slot);

CREATE VIEW ACT_HI_VARINST AS
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    d."key" AS proc_def_key_,
    d."rest_id" AS proc_def_id_,
    lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) AS root_proc_inst_id_,
    lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) AS proc_inst_id_,
    lower(substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 1, 8) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 9, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 13, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 17, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 21)) AS execution_id_,
    CASE WHEN x."shown_id" = x'00000000000000000000000000000000' THEN NULL WHEN x."shown_id" IS NOT NULL THEN coalesce((SELECT tk."element" || ':' FROM token tk WHERE tk."instance_id" = x."instance_id" AND tk."activity_id" = x."shown_id" LIMIT 1), (SELECT ha."element" || ':' FROM history_activity ha WHERE ha."root_id" = x."root_id" AND ha."id" = x."shown_id" LIMIT 1), '') || lower(substr(hex(x."shown_id"), 1, 8) || '-' || substr(hex(x."shown_id"), 9, 4) || '-' || substr(hex(x."shown_id"), 13, 4) || '-' || substr(hex(x."shown_id"), 17, 4) || '-' || substr(hex(x."shown_id"), 21)) ELSE CASE WHEN x."activity_id" IS NULL THEN lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) ELSE coalesce((SELECT tk."element" || ':' FROM token tk WHERE tk."instance_id" = x."instance_id" AND tk."activity_id" = x."activity_id" LIMIT 1), (SELECT ha."element" || ':' FROM history_activity ha WHERE ha."root_id" = x."root_id" AND ha."id" = x."activity_id" LIMIT 1), '') || lower(substr(hex(x."activity_id"), 1, 8) || '-' || substr(hex(x."activity_id"), 9, 4) || '-' || substr(hex(x."activity_id"), 13, 4) || '-' || substr(hex(x."activity_id"), 17, 4) || '-' || substr(hex(x."activity_id"), 21)) END END AS act_inst_id_,
    NULL AS case_def_key_,
    NULL AS case_def_id_,
    NULL AS case_inst_id_,
    NULL AS case_execution_id_,
    lower(substr(hex(x."task_id"), 1, 8) || '-' || substr(hex(x."task_id"), 9, 4) || '-' || substr(hex(x."task_id"), 13, 4) || '-' || substr(hex(x."task_id"), 17, 4) || '-' || substr(hex(x."task_id"), 21)) AS task_id_,
    x."name" AS name_,
    lower(x."type") AS var_type_,
    strftime('%Y-%m-%d %H:%M:%f', x."created" / 1000.0, 'unixepoch') AS create_time_,
    x."revision" AS rev_,
    CASE WHEN x."type" IN ('Bytes', 'File', 'Object', 'Json', 'Xml') THEN lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) END AS bytearray_id_,
    x."float" AS double_,
    x."number" AS long_,
    CASE WHEN x."type" IN ('Short', 'Integer', 'Long') THEN CAST(x."number" AS TEXT) WHEN x."type" IN ('Bytes', 'File', 'Object', 'Json', 'Xml') THEN NULL ELSE coalesce(x."text", (SELECT lv."text" FROM large_value lv WHERE lv."id" = x."large_id" LIMIT 1)) END AS text_,
    x."info" AS text2_,
    coalesce((SELECT oi."tenant_id" FROM process_instance oi WHERE oi."id" = x."instance_id"), (SELECT oi."tenant_id" FROM history_process oi WHERE oi."id" = x."instance_id" LIMIT 1)) AS tenant_id_,
    CASE WHEN x."deleted" THEN 'DELETED' ELSE 'CREATED' END AS state_,
    strftime('%Y-%m-%d %H:%M:%f', ((SELECT max(re."ended") FROM history_process re WHERE re."id" = x."root_id") + d."history_ttl_days" * 86400000) / 1000.0, 'unixepoch') AS removal_time_
FROM history_variable x LEFT JOIN definition d ON d."id" = coalesce((SELECT oi."definition_id" FROM process_instance oi WHERE oi."id" = x."instance_id"), (SELECT oi."definition_id" FROM history_process oi WHERE oi."id" = x."instance_id" LIMIT 1)) WHERE x."recorded" >= 1 AND x."slot" NOT IN (SELECT "slot" FROM hidden_slot)
UNION ALL
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    d."key" AS proc_def_key_,
    d."rest_id" AS proc_def_id_,
    lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) AS root_proc_inst_id_,
    lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) AS proc_inst_id_,
    lower(substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 1, 8) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 9, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 13, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 17, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 21)) AS execution_id_,
    CASE WHEN x."shown_id" = x'00000000000000000000000000000000' THEN NULL WHEN x."shown_id" IS NOT NULL THEN coalesce((SELECT tk."element" || ':' FROM token tk WHERE tk."instance_id" = x."instance_id" AND tk."activity_id" = x."shown_id" LIMIT 1), (SELECT ha."element" || ':' FROM history_activity ha WHERE ha."root_id" = x."root_id" AND ha."id" = x."shown_id" LIMIT 1), '') || lower(substr(hex(x."shown_id"), 1, 8) || '-' || substr(hex(x."shown_id"), 9, 4) || '-' || substr(hex(x."shown_id"), 13, 4) || '-' || substr(hex(x."shown_id"), 17, 4) || '-' || substr(hex(x."shown_id"), 21)) ELSE coalesce((SELECT tk."element" || ':' || lower(substr(hex(tk."activity_id"), 1, 8) || '-' || substr(hex(tk."activity_id"), 9, 4) || '-' || substr(hex(tk."activity_id"), 13, 4) || '-' || substr(hex(tk."activity_id"), 17, 4) || '-' || substr(hex(tk."activity_id"), 21)) FROM token tk WHERE tk."id" = x."scope_id"), lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21))) END AS act_inst_id_,
    NULL AS case_def_key_,
    NULL AS case_def_id_,
    NULL AS case_inst_id_,
    NULL AS case_execution_id_,
    lower(substr(hex(x."task_id"), 1, 8) || '-' || substr(hex(x."task_id"), 9, 4) || '-' || substr(hex(x."task_id"), 13, 4) || '-' || substr(hex(x."task_id"), 17, 4) || '-' || substr(hex(x."task_id"), 21)) AS task_id_,
    x."name" AS name_,
    lower(x."type") AS var_type_,
    strftime('%Y-%m-%d %H:%M:%f', x."created" / 1000.0, 'unixepoch') AS create_time_,
    x."revision" AS rev_,
    CASE WHEN x."type" IN ('Bytes', 'File', 'Object', 'Json', 'Xml') THEN lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) END AS bytearray_id_,
    x."float" AS double_,
    x."number" AS long_,
    CASE WHEN x."type" IN ('Short', 'Integer', 'Long') THEN CAST(x."number" AS TEXT) WHEN x."type" IN ('Bytes', 'File', 'Object', 'Json', 'Xml') THEN NULL ELSE coalesce(x."text", (SELECT lv."text" FROM large_value lv WHERE lv."id" = x."large_id" LIMIT 1)) END AS text_,
    x."info" AS text2_,
    coalesce((SELECT oi."tenant_id" FROM process_instance oi WHERE oi."id" = x."instance_id"), (SELECT oi."tenant_id" FROM history_process oi WHERE oi."id" = x."instance_id" LIMIT 1)) AS tenant_id_,
    'CREATED' AS state_,
    strftime('%Y-%m-%d %H:%M:%f', ((SELECT max(re."ended") FROM history_process re WHERE re."id" = x."root_id") + d."history_ttl_days" * 86400000) / 1000.0, 'unixepoch') AS removal_time_
FROM variable x LEFT JOIN definition d ON d."id" = coalesce((SELECT oi."definition_id" FROM process_instance oi WHERE oi."id" = x."instance_id"), (SELECT oi."definition_id" FROM history_process oi WHERE oi."id" = x."instance_id" LIMIT 1)) WHERE x."recorded" >= 1 AND x."slot" NOT IN (SELECT "slot" FROM hidden_slot);

CREATE VIEW ACT_HI_DETAIL AS
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    'VariableUpdate' AS type_,
    d."key" AS proc_def_key_,
    d."rest_id" AS proc_def_id_,
    lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) AS root_proc_inst_id_,
    lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) AS proc_inst_id_,
    lower(substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 1, 8) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 9, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 13, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 17, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 21)) AS execution_id_,
    NULL AS case_def_key_,
    NULL AS case_def_id_,
    NULL AS case_inst_id_,
    NULL AS case_execution_id_,
    lower(substr(hex(x."task_id"), 1, 8) || '-' || substr(hex(x."task_id"), 9, 4) || '-' || substr(hex(x."task_id"), 13, 4) || '-' || substr(hex(x."task_id"), 17, 4) || '-' || substr(hex(x."task_id"), 21)) AS task_id_,
    CASE WHEN x."writer_id" = x'00000000000000000000000000000000' THEN NULL WHEN x."writer_id" IS NULL THEN lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) ELSE coalesce((SELECT tk."element" || ':' FROM token tk WHERE tk."instance_id" = x."instance_id" AND tk."activity_id" = x."writer_id" LIMIT 1), (SELECT ha."element" || ':' FROM history_activity ha WHERE ha."root_id" = x."root_id" AND ha."id" = x."writer_id" LIMIT 1), '') || lower(substr(hex(x."writer_id"), 1, 8) || '-' || substr(hex(x."writer_id"), 9, 4) || '-' || substr(hex(x."writer_id"), 13, 4) || '-' || substr(hex(x."writer_id"), 17, 4) || '-' || substr(hex(x."writer_id"), 21)) END AS act_inst_id_,
    lower(substr(hex(x."variable_id"), 1, 8) || '-' || substr(hex(x."variable_id"), 9, 4) || '-' || substr(hex(x."variable_id"), 13, 4) || '-' || substr(hex(x."variable_id"), 17, 4) || '-' || substr(hex(x."variable_id"), 21)) AS var_inst_id_,
    x."name" AS name_,
    lower(x."type") AS var_type_,
    x."revision" AS rev_,
    strftime('%Y-%m-%d %H:%M:%f', x."updated" / 1000.0, 'unixepoch') AS time_,
    CASE WHEN x."type" IN ('Bytes', 'File', 'Object', 'Json', 'Xml') THEN lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) END AS bytearray_id_,
    x."float" AS double_,
    x."number" AS long_,
    CASE WHEN x."type" IN ('Short', 'Integer', 'Long') THEN CAST(x."number" AS TEXT) WHEN x."type" IN ('Bytes', 'File', 'Object', 'Json', 'Xml') THEN NULL ELSE coalesce(x."text", (SELECT lv."text" FROM large_value lv WHERE lv."id" = x."large_id" LIMIT 1)) END AS text_,
    x."info" AS text2_,
    1 AS sequence_counter_,
    coalesce((SELECT oi."tenant_id" FROM process_instance oi WHERE oi."id" = x."instance_id"), (SELECT oi."tenant_id" FROM history_process oi WHERE oi."id" = x."instance_id" LIMIT 1)) AS tenant_id_,
    NULL AS operation_id_,
    strftime('%Y-%m-%d %H:%M:%f', ((SELECT max(re."ended") FROM history_process re WHERE re."id" = x."root_id") + d."history_ttl_days" * 86400000) / 1000.0, 'unixepoch') AS removal_time_,
    x."initial" AS initial_
FROM history_detail x LEFT JOIN definition d ON d."id" = coalesce((SELECT oi."definition_id" FROM process_instance oi WHERE oi."id" = x."instance_id"), (SELECT oi."definition_id" FROM history_process oi WHERE oi."id" = x."instance_id" LIMIT 1)) WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot)
UNION ALL
SELECT
    lower(substr(hex(coalesce(x."version_id", x."id")), 1, 8) || '-' || substr(hex(coalesce(x."version_id", x."id")), 9, 4) || '-' || substr(hex(coalesce(x."version_id", x."id")), 13, 4) || '-' || substr(hex(coalesce(x."version_id", x."id")), 17, 4) || '-' || substr(hex(coalesce(x."version_id", x."id")), 21)) AS id_,
    'VariableUpdate' AS type_,
    d."key" AS proc_def_key_,
    d."rest_id" AS proc_def_id_,
    lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) AS root_proc_inst_id_,
    lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) AS proc_inst_id_,
    lower(substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 1, 8) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 9, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 13, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 17, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 21)) AS execution_id_,
    NULL AS case_def_key_,
    NULL AS case_def_id_,
    NULL AS case_inst_id_,
    NULL AS case_execution_id_,
    lower(substr(hex(x."task_id"), 1, 8) || '-' || substr(hex(x."task_id"), 9, 4) || '-' || substr(hex(x."task_id"), 13, 4) || '-' || substr(hex(x."task_id"), 17, 4) || '-' || substr(hex(x."task_id"), 21)) AS task_id_,
    CASE WHEN x."writer_id" = x'00000000000000000000000000000000' THEN NULL WHEN x."writer_id" IS NULL THEN lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) ELSE coalesce((SELECT tk."element" || ':' FROM token tk WHERE tk."instance_id" = x."instance_id" AND tk."activity_id" = x."writer_id" LIMIT 1), (SELECT ha."element" || ':' FROM history_activity ha WHERE ha."root_id" = x."root_id" AND ha."id" = x."writer_id" LIMIT 1), '') || lower(substr(hex(x."writer_id"), 1, 8) || '-' || substr(hex(x."writer_id"), 9, 4) || '-' || substr(hex(x."writer_id"), 13, 4) || '-' || substr(hex(x."writer_id"), 17, 4) || '-' || substr(hex(x."writer_id"), 21)) END AS act_inst_id_,
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS var_inst_id_,
    x."name" AS name_,
    lower(x."type") AS var_type_,
    x."revision" AS rev_,
    strftime('%Y-%m-%d %H:%M:%f', coalesce(x."updated", x."created") / 1000.0, 'unixepoch') AS time_,
    CASE WHEN x."type" IN ('Bytes', 'File', 'Object', 'Json', 'Xml') THEN lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) END AS bytearray_id_,
    x."float" AS double_,
    x."number" AS long_,
    CASE WHEN x."type" IN ('Short', 'Integer', 'Long') THEN CAST(x."number" AS TEXT) WHEN x."type" IN ('Bytes', 'File', 'Object', 'Json', 'Xml') THEN NULL ELSE coalesce(x."text", (SELECT lv."text" FROM large_value lv WHERE lv."id" = x."large_id" LIMIT 1)) END AS text_,
    x."info" AS text2_,
    1 AS sequence_counter_,
    coalesce((SELECT oi."tenant_id" FROM process_instance oi WHERE oi."id" = x."instance_id"), (SELECT oi."tenant_id" FROM history_process oi WHERE oi."id" = x."instance_id" LIMIT 1)) AS tenant_id_,
    NULL AS operation_id_,
    strftime('%Y-%m-%d %H:%M:%f', ((SELECT max(re."ended") FROM history_process re WHERE re."id" = x."root_id") + d."history_ttl_days" * 86400000) / 1000.0, 'unixepoch') AS removal_time_,
    x."initial" AS initial_
FROM history_variable x LEFT JOIN definition d ON d."id" = coalesce((SELECT oi."definition_id" FROM process_instance oi WHERE oi."id" = x."instance_id"), (SELECT oi."definition_id" FROM history_process oi WHERE oi."id" = x."instance_id" LIMIT 1)) WHERE x."recorded" = 2 AND x."slot" NOT IN (SELECT "slot" FROM hidden_slot)
UNION ALL
SELECT
    lower(substr(hex(coalesce(x."version_id", x."id")), 1, 8) || '-' || substr(hex(coalesce(x."version_id", x."id")), 9, 4) || '-' || substr(hex(coalesce(x."version_id", x."id")), 13, 4) || '-' || substr(hex(coalesce(x."version_id", x."id")), 17, 4) || '-' || substr(hex(coalesce(x."version_id", x."id")), 21)) AS id_,
    'VariableUpdate' AS type_,
    d."key" AS proc_def_key_,
    d."rest_id" AS proc_def_id_,
    lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) AS root_proc_inst_id_,
    lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) AS proc_inst_id_,
    lower(substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 1, 8) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 9, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 13, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 17, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 21)) AS execution_id_,
    NULL AS case_def_key_,
    NULL AS case_def_id_,
    NULL AS case_inst_id_,
    NULL AS case_execution_id_,
    lower(substr(hex(x."task_id"), 1, 8) || '-' || substr(hex(x."task_id"), 9, 4) || '-' || substr(hex(x."task_id"), 13, 4) || '-' || substr(hex(x."task_id"), 17, 4) || '-' || substr(hex(x."task_id"), 21)) AS task_id_,
    CASE WHEN x."writer_id" = x'00000000000000000000000000000000' THEN NULL WHEN x."writer_id" IS NULL THEN lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) ELSE coalesce((SELECT tk."element" || ':' FROM token tk WHERE tk."instance_id" = x."instance_id" AND tk."activity_id" = x."writer_id" LIMIT 1), (SELECT ha."element" || ':' FROM history_activity ha WHERE ha."root_id" = x."root_id" AND ha."id" = x."writer_id" LIMIT 1), '') || lower(substr(hex(x."writer_id"), 1, 8) || '-' || substr(hex(x."writer_id"), 9, 4) || '-' || substr(hex(x."writer_id"), 13, 4) || '-' || substr(hex(x."writer_id"), 17, 4) || '-' || substr(hex(x."writer_id"), 21)) END AS act_inst_id_,
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS var_inst_id_,
    x."name" AS name_,
    lower(x."type") AS var_type_,
    x."revision" AS rev_,
    strftime('%Y-%m-%d %H:%M:%f', coalesce(x."updated", x."created") / 1000.0, 'unixepoch') AS time_,
    CASE WHEN x."type" IN ('Bytes', 'File', 'Object', 'Json', 'Xml') THEN lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) END AS bytearray_id_,
    x."float" AS double_,
    x."number" AS long_,
    CASE WHEN x."type" IN ('Short', 'Integer', 'Long') THEN CAST(x."number" AS TEXT) WHEN x."type" IN ('Bytes', 'File', 'Object', 'Json', 'Xml') THEN NULL ELSE coalesce(x."text", (SELECT lv."text" FROM large_value lv WHERE lv."id" = x."large_id" LIMIT 1)) END AS text_,
    x."info" AS text2_,
    1 AS sequence_counter_,
    coalesce((SELECT oi."tenant_id" FROM process_instance oi WHERE oi."id" = x."instance_id"), (SELECT oi."tenant_id" FROM history_process oi WHERE oi."id" = x."instance_id" LIMIT 1)) AS tenant_id_,
    NULL AS operation_id_,
    strftime('%Y-%m-%d %H:%M:%f', ((SELECT max(re."ended") FROM history_process re WHERE re."id" = x."root_id") + d."history_ttl_days" * 86400000) / 1000.0, 'unixepoch') AS removal_time_,
    x."initial" AS initial_
FROM variable x LEFT JOIN definition d ON d."id" = coalesce((SELECT oi."definition_id" FROM process_instance oi WHERE oi."id" = x."instance_id"), (SELECT oi."definition_id" FROM history_process oi WHERE oi."id" = x."instance_id" LIMIT 1)) WHERE x."recorded" = 2 AND x."slot" NOT IN (SELECT "slot" FROM hidden_slot);

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
    CASE WHEN x."kind" = 'failedJob' THEN x."element" END AS failed_activity_id_,
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
    CASE WHEN x."kind" = 'failedJob' THEN x."element" END AS failed_activity_id_,
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
    CASE x."kind" WHEN 2 THEN 'timer-intermediate-transition' WHEN 3 THEN 'timer-start-event' ELSE 'async-continuation' END AS job_def_type_,
    CASE x."kind" WHEN 0 THEN 'async-before' WHEN 1 THEN 'async-after' END AS job_def_configuration_,
    x."element" AS act_id_,
    CASE WHEN x."state" = 1 THEN x."element" END AS failed_act_id_,
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
    strftime('%Y-%m-%d %H:%M:%f', (CASE WHEN (SELECT fr."id" FROM history_job fr WHERE fr."root_id" = x."root_id" AND fr."job_id" = x."job_id" ORDER BY fr."id" LIMIT 1) IS NOT NULL THEN (SELECT fr."due" FROM history_job fr WHERE fr."root_id" = x."root_id" AND fr."job_id" = x."job_id" ORDER BY fr."id" LIMIT 1) ELSE x."due" END) / 1000.0, 'unixepoch') AS job_duedate_,
    coalesce((SELECT fr."retries" FROM history_job fr WHERE fr."root_id" = x."root_id" AND fr."job_id" = x."job_id" ORDER BY fr."id" LIMIT 1), x."retries") AS job_retries_,
    x."priority" AS job_priority_,
    NULL AS job_exception_msg_,
    NULL AS job_exception_stack_id_,
    0 AS job_state_,
    (SELECT lower(substr(hex(jd."id"), 1, 8) || '-' || substr(hex(jd."id"), 9, 4) || '-' || substr(hex(jd."id"), 13, 4) || '-' || substr(hex(jd."id"), 17, 4) || '-' || substr(hex(jd."id"), 21)) FROM job_definition jd WHERE jd."definition_id" = x."definition_id" AND jd."element" = x."element" AND jd."kind" = x."kind") AS job_def_id_,
    CASE x."kind" WHEN 2 THEN 'timer-intermediate-transition' WHEN 3 THEN 'timer-start-event' ELSE 'async-continuation' END AS job_def_type_,
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
    strftime('%Y-%m-%d %H:%M:%f', (CASE WHEN (SELECT fr."id" FROM history_job fr WHERE fr."root_id" = x."root_id" AND fr."job_id" = x."id" ORDER BY fr."id" LIMIT 1) IS NOT NULL THEN (SELECT fr."due" FROM history_job fr WHERE fr."root_id" = x."root_id" AND fr."job_id" = x."id" ORDER BY fr."id" LIMIT 1) ELSE x."due" END) / 1000.0, 'unixepoch') AS job_duedate_,
    coalesce((SELECT fr."retries" FROM history_job fr WHERE fr."root_id" = x."root_id" AND fr."job_id" = x."id" ORDER BY fr."id" LIMIT 1), x."retries") AS job_retries_,
    x."priority" AS job_priority_,
    NULL AS job_exception_msg_,
    NULL AS job_exception_stack_id_,
    0 AS job_state_,
    (SELECT lower(substr(hex(jd."id"), 1, 8) || '-' || substr(hex(jd."id"), 9, 4) || '-' || substr(hex(jd."id"), 13, 4) || '-' || substr(hex(jd."id"), 17, 4) || '-' || substr(hex(jd."id"), 21)) FROM job_definition jd WHERE jd."definition_id" = x."definition_id" AND jd."element" = x."element" AND jd."kind" = x."kind") AS job_def_id_,
    CASE x."kind" WHEN 2 THEN 'timer-intermediate-transition' WHEN 3 THEN 'timer-start-event' ELSE 'async-continuation' END AS job_def_type_,
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

CREATE VIEW ACT_HI_EXT_TASK_LOG AS
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    strftime('%Y-%m-%d %H:%M:%f', x."time" / 1000.0, 'unixepoch') AS timestamp_,
    lower(substr(hex(x."task_id"), 1, 8) || '-' || substr(hex(x."task_id"), 9, 4) || '-' || substr(hex(x."task_id"), 13, 4) || '-' || substr(hex(x."task_id"), 17, 4) || '-' || substr(hex(x."task_id"), 21)) AS ext_task_id_,
    x."retries" AS retries_,
    x."topic" AS topic_name_,
    x."worker_id" AS worker_id_,
    x."priority" AS priority_,
    CASE WHEN x."state" = 1 THEN x."error_message" END AS error_msg_,
    CASE WHEN x."state" = 1 AND x."error_details" IS NOT NULL THEN lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) END AS error_details_id_,
    x."element" AS act_id_,
    x."element" || ':' || lower(substr(hex(x."activity_id"), 1, 8) || '-' || substr(hex(x."activity_id"), 9, 4) || '-' || substr(hex(x."activity_id"), 13, 4) || '-' || substr(hex(x."activity_id"), 17, 4) || '-' || substr(hex(x."activity_id"), 21)) AS act_inst_id_,
    CASE WHEN x."execution_id" IS NULL THEN lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) ELSE lower(substr(hex(x."execution_id"), 1, 8) || '-' || substr(hex(x."execution_id"), 9, 4) || '-' || substr(hex(x."execution_id"), 13, 4) || '-' || substr(hex(x."execution_id"), 17, 4) || '-' || substr(hex(x."execution_id"), 21)) END AS execution_id_,
    lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) AS proc_inst_id_,
    lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) AS root_proc_inst_id_,
    d."rest_id" AS proc_def_id_,
    d."key" AS proc_def_key_,
    x."tenant_id" AS tenant_id_,
    x."state" AS state_,
    strftime('%Y-%m-%d %H:%M:%f', ((SELECT max(re."ended") FROM history_process re WHERE re."id" = x."root_id") + d."history_ttl_days" * 86400000) / 1000.0, 'unixepoch') AS removal_time_
FROM history_external_task x LEFT JOIN definition d ON d."id" = x."definition_id" WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot)
UNION ALL
SELECT
    lower(substr(hex(x."task_id"), 1, 8) || '-' || substr(hex(x."task_id"), 9, 4) || '-' || substr(hex(x."task_id"), 13, 4) || '-' || substr(hex(x."task_id"), 17, 4) || '-' || substr(hex(x."task_id"), 21)) AS id_,
    strftime('%Y-%m-%d %H:%M:%f', x."created" / 1000.0, 'unixepoch') AS timestamp_,
    lower(substr(hex(x."task_id"), 1, 8) || '-' || substr(hex(x."task_id"), 9, 4) || '-' || substr(hex(x."task_id"), 13, 4) || '-' || substr(hex(x."task_id"), 17, 4) || '-' || substr(hex(x."task_id"), 21)) AS ext_task_id_,
    NULL AS retries_,
    x."topic" AS topic_name_,
    NULL AS worker_id_,
    x."priority" AS priority_,
    NULL AS error_msg_,
    NULL AS error_details_id_,
    x."element" AS act_id_,
    x."element" || ':' || lower(substr(hex(x."activity_id"), 1, 8) || '-' || substr(hex(x."activity_id"), 9, 4) || '-' || substr(hex(x."activity_id"), 13, 4) || '-' || substr(hex(x."activity_id"), 17, 4) || '-' || substr(hex(x."activity_id"), 21)) AS act_inst_id_,
    CASE WHEN x."execution_id" IS NULL THEN lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) ELSE lower(substr(hex(x."execution_id"), 1, 8) || '-' || substr(hex(x."execution_id"), 9, 4) || '-' || substr(hex(x."execution_id"), 13, 4) || '-' || substr(hex(x."execution_id"), 17, 4) || '-' || substr(hex(x."execution_id"), 21)) END AS execution_id_,
    lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) AS proc_inst_id_,
    lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) AS root_proc_inst_id_,
    d."rest_id" AS proc_def_id_,
    d."key" AS proc_def_key_,
    x."tenant_id" AS tenant_id_,
    0 AS state_,
    strftime('%Y-%m-%d %H:%M:%f', ((SELECT max(re."ended") FROM history_process re WHERE re."id" = x."root_id") + d."history_ttl_days" * 86400000) / 1000.0, 'unixepoch') AS removal_time_
FROM history_external_task x LEFT JOIN definition d ON d."id" = x."definition_id" WHERE x."state" <> 1 AND x."slot" NOT IN (SELECT "slot" FROM hidden_slot)
UNION ALL
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    strftime('%Y-%m-%d %H:%M:%f', x."created" / 1000.0, 'unixepoch') AS timestamp_,
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS ext_task_id_,
    NULL AS retries_,
    x."topic" AS topic_name_,
    NULL AS worker_id_,
    x."priority" AS priority_,
    NULL AS error_msg_,
    NULL AS error_details_id_,
    x."element" AS act_id_,
    x."element" || ':' || lower(substr(hex(x."activity_id"), 1, 8) || '-' || substr(hex(x."activity_id"), 9, 4) || '-' || substr(hex(x."activity_id"), 13, 4) || '-' || substr(hex(x."activity_id"), 17, 4) || '-' || substr(hex(x."activity_id"), 21)) AS act_inst_id_,
    CASE WHEN x."execution_id" IS NULL THEN lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) ELSE lower(substr(hex(x."execution_id"), 1, 8) || '-' || substr(hex(x."execution_id"), 9, 4) || '-' || substr(hex(x."execution_id"), 13, 4) || '-' || substr(hex(x."execution_id"), 17, 4) || '-' || substr(hex(x."execution_id"), 21)) END AS execution_id_,
    lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) AS proc_inst_id_,
    lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) AS root_proc_inst_id_,
    d."rest_id" AS proc_def_id_,
    d."key" AS proc_def_key_,
    x."tenant_id" AS tenant_id_,
    0 AS state_,
    strftime('%Y-%m-%d %H:%M:%f', ((SELECT max(re."ended") FROM history_process re WHERE re."id" = x."root_id") + d."history_ttl_days" * 86400000) / 1000.0, 'unixepoch') AS removal_time_
FROM external_task x LEFT JOIN definition d ON d."id" = x."definition_id" WHERE x."recorded" AND x."slot" NOT IN (SELECT "slot" FROM hidden_slot);

CREATE VIEW ACT_HI_IDENTITYLINK AS
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    strftime('%Y-%m-%d %H:%M:%f', x."time" / 1000.0, 'unixepoch') AS timestamp_,
    x."kind" AS type_,
    x."user_id" AS user_id_,
    x."group_id" AS group_id_,
    lower(substr(hex(x."task_id"), 1, 8) || '-' || substr(hex(x."task_id"), 9, 4) || '-' || substr(hex(x."task_id"), 13, 4) || '-' || substr(hex(x."task_id"), 17, 4) || '-' || substr(hex(x."task_id"), 21)) AS task_id_,
    lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) AS root_proc_inst_id_,
    d."rest_id" AS proc_def_id_,
    CASE WHEN x."added" THEN 'add' ELSE 'delete' END AS operation_type_,
    x."operator" AS assigner_id_,
    d."key" AS proc_def_key_,
    x."tenant_id" AS tenant_id_,
    strftime('%Y-%m-%d %H:%M:%f', ((SELECT max(re."ended") FROM history_process re WHERE re."id" = x."root_id") + d."history_ttl_days" * 86400000) / 1000.0, 'unixepoch') AS removal_time_
FROM history_identity_link x LEFT JOIN definition d ON d."id" = x."definition_id" WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot);
