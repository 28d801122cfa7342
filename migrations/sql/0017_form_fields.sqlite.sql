-- What forms were submitted with; a table of its own, for nodes of the release before know one kind of details.
CREATE TABLE history_form_field (
    "id" BLOB NOT NULL,
    "slot" INTEGER NOT NULL,
    "retention" INTEGER NOT NULL,
    "root_id" BLOB NOT NULL,
    "instance_id" BLOB NOT NULL,
    "execution_id" BLOB NOT NULL,
    "activity_id" BLOB,
    "task_id" BLOB,
    "name" TEXT NOT NULL,
    "value" TEXT NOT NULL,
    "time" INTEGER NOT NULL
) STRICT;
CREATE INDEX history_form_field_root ON history_form_field ("root_id");
CREATE INDEX history_form_field_id ON history_form_field ("id");
-- What a client has called the case of a task.
ALTER TABLE task ADD COLUMN "case_instance_id" TEXT;
ALTER TABLE history_task ADD COLUMN "case_instance_id" TEXT;
-- The priority that an external task was made with, where it is another one now.
ALTER TABLE external_task ADD COLUMN "made_priority" INTEGER;
ALTER TABLE history_external_task ADD COLUMN "made_priority" INTEGER;
-- Entries about jobs of no instance go with their definition or deployment.
CREATE INDEX history_job_loose_definition ON history_job ("definition_id") WHERE "instance_id" IS NULL;
CREATE INDEX history_job_loose_execution ON history_job ("execution_id") WHERE "instance_id" IS NULL;

DROP VIEW ACT_HI_DETAIL;
CREATE VIEW ACT_HI_DETAIL AS
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    'VariableUpdate' AS type_,
    d."key" AS proc_def_key_,
    d."rest_id" AS proc_def_id_,
    CASE WHEN x."task_id" IS NULL OR x."task_id" <> x."scope_id" THEN lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) END AS root_proc_inst_id_,
    CASE WHEN x."task_id" IS NULL OR x."task_id" <> x."scope_id" THEN lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) END AS proc_inst_id_,
    CASE WHEN x."task_id" IS NULL OR x."task_id" <> x."scope_id" THEN lower(substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 1, 8) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 9, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 13, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 17, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 21)) END AS execution_id_,
    NULL AS case_def_key_,
    NULL AS case_def_id_,
    NULL AS case_inst_id_,
    NULL AS case_execution_id_,
    coalesce((SELECT al."id" FROM alias al WHERE al."entity_id" = x."task_id" LIMIT 1), lower(substr(hex(x."task_id"), 1, 8) || '-' || substr(hex(x."task_id"), 9, 4) || '-' || substr(hex(x."task_id"), 13, 4) || '-' || substr(hex(x."task_id"), 17, 4) || '-' || substr(hex(x."task_id"), 21))) AS task_id_,
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
    strftime('%Y-%m-%d %H:%M:%f', ((SELECT CASE WHEN re."removal" IS NULL THEN re."ended" + d."history_ttl_days" * 86400000 ELSE nullif(re."removal", 9223372036854775807) END FROM history_process re WHERE re."id" = x."root_id" LIMIT 1)) / 1000.0, 'unixepoch') AS removal_time_,
    x."initial" AS initial_
FROM history_detail x LEFT JOIN definition d ON d."id" = coalesce((SELECT oi."definition_id" FROM process_instance oi WHERE oi."id" = x."instance_id"), (SELECT oi."definition_id" FROM history_process oi WHERE oi."id" = x."instance_id" LIMIT 1)) WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot)
UNION ALL
SELECT
    lower(substr(hex(coalesce(x."version_id", x."id")), 1, 8) || '-' || substr(hex(coalesce(x."version_id", x."id")), 9, 4) || '-' || substr(hex(coalesce(x."version_id", x."id")), 13, 4) || '-' || substr(hex(coalesce(x."version_id", x."id")), 17, 4) || '-' || substr(hex(coalesce(x."version_id", x."id")), 21)) AS id_,
    'VariableUpdate' AS type_,
    d."key" AS proc_def_key_,
    d."rest_id" AS proc_def_id_,
    CASE WHEN x."task_id" IS NULL OR x."task_id" <> x."scope_id" THEN lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) END AS root_proc_inst_id_,
    CASE WHEN x."task_id" IS NULL OR x."task_id" <> x."scope_id" THEN lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) END AS proc_inst_id_,
    CASE WHEN x."task_id" IS NULL OR x."task_id" <> x."scope_id" THEN lower(substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 1, 8) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 9, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 13, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 17, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 21)) END AS execution_id_,
    NULL AS case_def_key_,
    NULL AS case_def_id_,
    NULL AS case_inst_id_,
    NULL AS case_execution_id_,
    coalesce((SELECT al."id" FROM alias al WHERE al."entity_id" = x."task_id" LIMIT 1), lower(substr(hex(x."task_id"), 1, 8) || '-' || substr(hex(x."task_id"), 9, 4) || '-' || substr(hex(x."task_id"), 13, 4) || '-' || substr(hex(x."task_id"), 17, 4) || '-' || substr(hex(x."task_id"), 21))) AS task_id_,
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
    strftime('%Y-%m-%d %H:%M:%f', ((SELECT CASE WHEN re."removal" IS NULL THEN re."ended" + d."history_ttl_days" * 86400000 ELSE nullif(re."removal", 9223372036854775807) END FROM history_process re WHERE re."id" = x."root_id" LIMIT 1)) / 1000.0, 'unixepoch') AS removal_time_,
    x."initial" AS initial_
FROM history_variable x LEFT JOIN definition d ON d."id" = coalesce((SELECT oi."definition_id" FROM process_instance oi WHERE oi."id" = x."instance_id"), (SELECT oi."definition_id" FROM history_process oi WHERE oi."id" = x."instance_id" LIMIT 1)) WHERE x."recorded" = 2 AND x."slot" NOT IN (SELECT "slot" FROM hidden_slot)
UNION ALL
SELECT
    lower(substr(hex(coalesce(x."version_id", x."id")), 1, 8) || '-' || substr(hex(coalesce(x."version_id", x."id")), 9, 4) || '-' || substr(hex(coalesce(x."version_id", x."id")), 13, 4) || '-' || substr(hex(coalesce(x."version_id", x."id")), 17, 4) || '-' || substr(hex(coalesce(x."version_id", x."id")), 21)) AS id_,
    'VariableUpdate' AS type_,
    d."key" AS proc_def_key_,
    d."rest_id" AS proc_def_id_,
    CASE WHEN x."task_id" IS NULL OR x."task_id" <> x."scope_id" THEN lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) END AS root_proc_inst_id_,
    CASE WHEN x."task_id" IS NULL OR x."task_id" <> x."scope_id" THEN lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) END AS proc_inst_id_,
    CASE WHEN x."task_id" IS NULL OR x."task_id" <> x."scope_id" THEN lower(substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 1, 8) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 9, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 13, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 17, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 21)) END AS execution_id_,
    NULL AS case_def_key_,
    NULL AS case_def_id_,
    NULL AS case_inst_id_,
    NULL AS case_execution_id_,
    coalesce((SELECT al."id" FROM alias al WHERE al."entity_id" = x."task_id" LIMIT 1), lower(substr(hex(x."task_id"), 1, 8) || '-' || substr(hex(x."task_id"), 9, 4) || '-' || substr(hex(x."task_id"), 13, 4) || '-' || substr(hex(x."task_id"), 17, 4) || '-' || substr(hex(x."task_id"), 21))) AS task_id_,
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
    strftime('%Y-%m-%d %H:%M:%f', ((SELECT CASE WHEN re."removal" IS NULL THEN re."ended" + d."history_ttl_days" * 86400000 ELSE nullif(re."removal", 9223372036854775807) END FROM history_process re WHERE re."id" = x."root_id" LIMIT 1)) / 1000.0, 'unixepoch') AS removal_time_,
    x."initial" AS initial_
FROM variable x LEFT JOIN definition d ON d."id" = coalesce((SELECT oi."definition_id" FROM process_instance oi WHERE oi."id" = x."instance_id"), (SELECT oi."definition_id" FROM history_process oi WHERE oi."id" = x."instance_id" LIMIT 1)) WHERE x."recorded" = 2 AND x."slot" NOT IN (SELECT "slot" FROM hidden_slot)
UNION ALL
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    'FormProperty' AS type_,
    d."key" AS proc_def_key_,
    d."rest_id" AS proc_def_id_,
    CASE WHEN x."task_id" IS NULL OR x."task_id" <> x."execution_id" THEN lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) END AS root_proc_inst_id_,
    CASE WHEN x."task_id" IS NULL OR x."task_id" <> x."execution_id" THEN lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) END AS proc_inst_id_,
    CASE WHEN x."task_id" IS NULL OR x."task_id" <> x."execution_id" THEN lower(substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."execution_id"), x."execution_id")), 1, 8) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."execution_id"), x."execution_id")), 9, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."execution_id"), x."execution_id")), 13, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."execution_id"), x."execution_id")), 17, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."execution_id"), x."execution_id")), 21)) END AS execution_id_,
    NULL AS case_def_key_,
    NULL AS case_def_id_,
    NULL AS case_inst_id_,
    NULL AS case_execution_id_,
    coalesce((SELECT al."id" FROM alias al WHERE al."entity_id" = x."task_id" LIMIT 1), lower(substr(hex(x."task_id"), 1, 8) || '-' || substr(hex(x."task_id"), 9, 4) || '-' || substr(hex(x."task_id"), 13, 4) || '-' || substr(hex(x."task_id"), 17, 4) || '-' || substr(hex(x."task_id"), 21))) AS task_id_,
    CASE WHEN x."activity_id" = x'00000000000000000000000000000000' THEN NULL WHEN x."activity_id" IS NULL THEN lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) ELSE coalesce((SELECT tk."element" || ':' FROM token tk WHERE tk."instance_id" = x."instance_id" AND tk."activity_id" = x."activity_id" LIMIT 1), (SELECT ha."element" || ':' FROM history_activity ha WHERE ha."root_id" = x."root_id" AND ha."id" = x."activity_id" LIMIT 1), '') || lower(substr(hex(x."activity_id"), 1, 8) || '-' || substr(hex(x."activity_id"), 9, 4) || '-' || substr(hex(x."activity_id"), 13, 4) || '-' || substr(hex(x."activity_id"), 17, 4) || '-' || substr(hex(x."activity_id"), 21)) END AS act_inst_id_,
    NULL AS var_inst_id_,
    x."name" AS name_,
    NULL AS var_type_,
    NULL AS rev_,
    strftime('%Y-%m-%d %H:%M:%f', x."time" / 1000.0, 'unixepoch') AS time_,
    NULL AS bytearray_id_,
    NULL AS double_,
    NULL AS long_,
    x."value" AS text_,
    NULL AS text2_,
    1 AS sequence_counter_,
    coalesce((SELECT oi."tenant_id" FROM process_instance oi WHERE oi."id" = x."instance_id"), (SELECT oi."tenant_id" FROM history_process oi WHERE oi."id" = x."instance_id" LIMIT 1)) AS tenant_id_,
    NULL AS operation_id_,
    strftime('%Y-%m-%d %H:%M:%f', ((SELECT CASE WHEN re."removal" IS NULL THEN re."ended" + d."history_ttl_days" * 86400000 ELSE nullif(re."removal", 9223372036854775807) END FROM history_process re WHERE re."id" = x."root_id" LIMIT 1)) / 1000.0, 'unixepoch') AS removal_time_,
    NULL AS initial_
FROM history_form_field x LEFT JOIN definition d ON d."id" = coalesce((SELECT oi."definition_id" FROM process_instance oi WHERE oi."id" = x."instance_id"), (SELECT oi."definition_id" FROM history_process oi WHERE oi."id" = x."instance_id" LIMIT 1)) WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot);

-- A definition of no deployment was deleted, and history tells of it.
DROP VIEW ACT_RE_PROCDEF;
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
FROM definition x WHERE x."deployment_id" <> x'00000000000000000000000000000000';
