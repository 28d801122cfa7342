-- What forms were submitted with; a table of its own, for nodes of the release before know one kind of details.
CREATE TABLE history_form_field (
    "id" uuid NOT NULL,
    "slot" smallint NOT NULL,
    "retention" smallint NOT NULL,
    "root_id" uuid NOT NULL,
    "instance_id" uuid NOT NULL,
    "execution_id" uuid NOT NULL,
    "activity_id" uuid,
    "task_id" uuid,
    "name" text COLLATE "C" NOT NULL,
    "value" text COLLATE "C" NOT NULL,
    "time" bigint NOT NULL
) PARTITION BY RANGE ("retention", "root_id");
CREATE TABLE history_form_field_default PARTITION OF history_form_field DEFAULT;
CREATE INDEX history_form_field_root ON history_form_field ("root_id");
CREATE INDEX history_form_field_id ON history_form_field USING brin ("id" uuid_minmax_multi_ops) WITH (autosummarize = on);
-- What a client has called the case of a task.
ALTER TABLE task ADD COLUMN "case_instance_id" text COLLATE "C";
ALTER TABLE history_task ADD COLUMN "case_instance_id" text COLLATE "C";
-- The priority that an external task was made with, where it is another one now.
ALTER TABLE external_task ADD COLUMN "made_priority" bigint;
ALTER TABLE history_external_task ADD COLUMN "made_priority" bigint;
-- Entries about jobs of no instance go with their definition or deployment.
CREATE INDEX history_job_loose_definition ON history_job ("definition_id") WHERE "instance_id" IS NULL;
CREATE INDEX history_job_loose_execution ON history_job ("execution_id") WHERE "instance_id" IS NULL;

CREATE OR REPLACE VIEW ACT_HI_DETAIL AS
SELECT
    x."id"::text AS id_,
    'VariableUpdate'::text AS type_,
    d."key" AS proc_def_key_,
    d."rest_id" AS proc_def_id_,
    CASE WHEN x."task_id" IS NULL OR x."task_id" <> x."scope_id" THEN x."root_id"::text END AS root_proc_inst_id_,
    CASE WHEN x."task_id" IS NULL OR x."task_id" <> x."scope_id" THEN x."instance_id"::text END AS proc_inst_id_,
    CASE WHEN x."task_id" IS NULL OR x."task_id" <> x."scope_id" THEN coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")::text END AS execution_id_,
    NULL::text AS case_def_key_,
    NULL::text AS case_def_id_,
    NULL::text AS case_inst_id_,
    NULL::text AS case_execution_id_,
    coalesce((SELECT al."id" FROM alias al WHERE al."entity_id" = x."task_id" LIMIT 1)::text COLLATE "default", x."task_id"::text) AS task_id_,
    CASE WHEN x."writer_id" = '00000000-0000-0000-0000-000000000000' THEN NULL WHEN x."writer_id" IS NULL THEN x."instance_id"::text ELSE coalesce((SELECT tk."element" || ':' FROM token tk WHERE tk."instance_id" = x."instance_id" AND tk."activity_id" = x."writer_id" LIMIT 1), (SELECT ha."element" || ':' FROM history_activity ha WHERE ha."root_id" = x."root_id" AND ha."id" = x."writer_id" LIMIT 1), '') || x."writer_id"::text END AS act_inst_id_,
    x."variable_id"::text AS var_inst_id_,
    x."name" AS name_,
    lower(x."type") AS var_type_,
    x."revision" AS rev_,
    (timestamptz 'epoch' + x."updated" * interval '1 millisecond')::timestamp AS time_,
    CASE WHEN x."type" IN ('Bytes', 'File', 'Object', 'Json', 'Xml') THEN x."id"::text END AS bytearray_id_,
    x."float" AS double_,
    x."number" AS long_,
    CASE WHEN x."type" IN ('Short', 'Integer', 'Long') THEN x."number"::text WHEN x."type" IN ('Bytes', 'File', 'Object', 'Json', 'Xml') THEN NULL::text ELSE coalesce(x."text", (SELECT lv."text" FROM large_value lv WHERE lv."id" = x."large_id" LIMIT 1)) END AS text_,
    x."info" AS text2_,
    1::bigint AS sequence_counter_,
    coalesce((SELECT oi."tenant_id" FROM process_instance oi WHERE oi."id" = x."instance_id"), (SELECT oi."tenant_id" FROM history_process oi WHERE oi."id" = x."instance_id" LIMIT 1)) AS tenant_id_,
    NULL::text AS operation_id_,
    (timestamptz 'epoch' + ((SELECT CASE WHEN re."removal" IS NULL THEN re."ended" + d."history_ttl_days"::bigint * 86400000 ELSE nullif(re."removal", 9223372036854775807) END FROM history_process re WHERE re."id" = x."root_id" LIMIT 1)) * interval '1 millisecond')::timestamp AS removal_time_,
    x."initial" AS initial_
FROM history_detail x LEFT JOIN definition d ON d."id" = coalesce((SELECT oi."definition_id" FROM process_instance oi WHERE oi."id" = x."instance_id"), (SELECT oi."definition_id" FROM history_process oi WHERE oi."id" = x."instance_id" LIMIT 1)) WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot)
UNION ALL
SELECT
    coalesce(x."version_id", x."id")::text AS id_,
    'VariableUpdate'::text AS type_,
    d."key" AS proc_def_key_,
    d."rest_id" AS proc_def_id_,
    CASE WHEN x."task_id" IS NULL OR x."task_id" <> x."scope_id" THEN x."root_id"::text END AS root_proc_inst_id_,
    CASE WHEN x."task_id" IS NULL OR x."task_id" <> x."scope_id" THEN x."instance_id"::text END AS proc_inst_id_,
    CASE WHEN x."task_id" IS NULL OR x."task_id" <> x."scope_id" THEN coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")::text END AS execution_id_,
    NULL::text AS case_def_key_,
    NULL::text AS case_def_id_,
    NULL::text AS case_inst_id_,
    NULL::text AS case_execution_id_,
    coalesce((SELECT al."id" FROM alias al WHERE al."entity_id" = x."task_id" LIMIT 1)::text COLLATE "default", x."task_id"::text) AS task_id_,
    CASE WHEN x."writer_id" = '00000000-0000-0000-0000-000000000000' THEN NULL WHEN x."writer_id" IS NULL THEN x."instance_id"::text ELSE coalesce((SELECT tk."element" || ':' FROM token tk WHERE tk."instance_id" = x."instance_id" AND tk."activity_id" = x."writer_id" LIMIT 1), (SELECT ha."element" || ':' FROM history_activity ha WHERE ha."root_id" = x."root_id" AND ha."id" = x."writer_id" LIMIT 1), '') || x."writer_id"::text END AS act_inst_id_,
    x."id"::text AS var_inst_id_,
    x."name" AS name_,
    lower(x."type") AS var_type_,
    x."revision" AS rev_,
    (timestamptz 'epoch' + coalesce(x."updated", x."created") * interval '1 millisecond')::timestamp AS time_,
    CASE WHEN x."type" IN ('Bytes', 'File', 'Object', 'Json', 'Xml') THEN x."id"::text END AS bytearray_id_,
    x."float" AS double_,
    x."number" AS long_,
    CASE WHEN x."type" IN ('Short', 'Integer', 'Long') THEN x."number"::text WHEN x."type" IN ('Bytes', 'File', 'Object', 'Json', 'Xml') THEN NULL::text ELSE coalesce(x."text", (SELECT lv."text" FROM large_value lv WHERE lv."id" = x."large_id" LIMIT 1)) END AS text_,
    x."info" AS text2_,
    1::bigint AS sequence_counter_,
    coalesce((SELECT oi."tenant_id" FROM process_instance oi WHERE oi."id" = x."instance_id"), (SELECT oi."tenant_id" FROM history_process oi WHERE oi."id" = x."instance_id" LIMIT 1)) AS tenant_id_,
    NULL::text AS operation_id_,
    (timestamptz 'epoch' + ((SELECT CASE WHEN re."removal" IS NULL THEN re."ended" + d."history_ttl_days"::bigint * 86400000 ELSE nullif(re."removal", 9223372036854775807) END FROM history_process re WHERE re."id" = x."root_id" LIMIT 1)) * interval '1 millisecond')::timestamp AS removal_time_,
    x."initial" AS initial_
FROM history_variable x LEFT JOIN definition d ON d."id" = coalesce((SELECT oi."definition_id" FROM process_instance oi WHERE oi."id" = x."instance_id"), (SELECT oi."definition_id" FROM history_process oi WHERE oi."id" = x."instance_id" LIMIT 1)) WHERE x."recorded" = 2 AND x."slot" NOT IN (SELECT "slot" FROM hidden_slot)
UNION ALL
SELECT
    coalesce(x."version_id", x."id")::text AS id_,
    'VariableUpdate'::text AS type_,
    d."key" AS proc_def_key_,
    d."rest_id" AS proc_def_id_,
    CASE WHEN x."task_id" IS NULL OR x."task_id" <> x."scope_id" THEN x."root_id"::text END AS root_proc_inst_id_,
    CASE WHEN x."task_id" IS NULL OR x."task_id" <> x."scope_id" THEN x."instance_id"::text END AS proc_inst_id_,
    CASE WHEN x."task_id" IS NULL OR x."task_id" <> x."scope_id" THEN coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")::text END AS execution_id_,
    NULL::text AS case_def_key_,
    NULL::text AS case_def_id_,
    NULL::text AS case_inst_id_,
    NULL::text AS case_execution_id_,
    coalesce((SELECT al."id" FROM alias al WHERE al."entity_id" = x."task_id" LIMIT 1)::text COLLATE "default", x."task_id"::text) AS task_id_,
    CASE WHEN x."writer_id" = '00000000-0000-0000-0000-000000000000' THEN NULL WHEN x."writer_id" IS NULL THEN x."instance_id"::text ELSE coalesce((SELECT tk."element" || ':' FROM token tk WHERE tk."instance_id" = x."instance_id" AND tk."activity_id" = x."writer_id" LIMIT 1), (SELECT ha."element" || ':' FROM history_activity ha WHERE ha."root_id" = x."root_id" AND ha."id" = x."writer_id" LIMIT 1), '') || x."writer_id"::text END AS act_inst_id_,
    x."id"::text AS var_inst_id_,
    x."name" AS name_,
    lower(x."type") AS var_type_,
    x."revision" AS rev_,
    (timestamptz 'epoch' + coalesce(x."updated", x."created") * interval '1 millisecond')::timestamp AS time_,
    CASE WHEN x."type" IN ('Bytes', 'File', 'Object', 'Json', 'Xml') THEN x."id"::text END AS bytearray_id_,
    x."float" AS double_,
    x."number" AS long_,
    CASE WHEN x."type" IN ('Short', 'Integer', 'Long') THEN x."number"::text WHEN x."type" IN ('Bytes', 'File', 'Object', 'Json', 'Xml') THEN NULL::text ELSE coalesce(x."text", (SELECT lv."text" FROM large_value lv WHERE lv."id" = x."large_id" LIMIT 1)) END AS text_,
    x."info" AS text2_,
    1::bigint AS sequence_counter_,
    coalesce((SELECT oi."tenant_id" FROM process_instance oi WHERE oi."id" = x."instance_id"), (SELECT oi."tenant_id" FROM history_process oi WHERE oi."id" = x."instance_id" LIMIT 1)) AS tenant_id_,
    NULL::text AS operation_id_,
    (timestamptz 'epoch' + ((SELECT CASE WHEN re."removal" IS NULL THEN re."ended" + d."history_ttl_days"::bigint * 86400000 ELSE nullif(re."removal", 9223372036854775807) END FROM history_process re WHERE re."id" = x."root_id" LIMIT 1)) * interval '1 millisecond')::timestamp AS removal_time_,
    x."initial" AS initial_
FROM variable x LEFT JOIN definition d ON d."id" = coalesce((SELECT oi."definition_id" FROM process_instance oi WHERE oi."id" = x."instance_id"), (SELECT oi."definition_id" FROM history_process oi WHERE oi."id" = x."instance_id" LIMIT 1)) WHERE x."recorded" = 2 AND x."slot" NOT IN (SELECT "slot" FROM hidden_slot)
UNION ALL
SELECT
    x."id"::text AS id_,
    'FormProperty'::text AS type_,
    d."key" AS proc_def_key_,
    d."rest_id" AS proc_def_id_,
    CASE WHEN x."task_id" IS NULL OR x."task_id" <> x."execution_id" THEN x."root_id"::text END AS root_proc_inst_id_,
    CASE WHEN x."task_id" IS NULL OR x."task_id" <> x."execution_id" THEN x."instance_id"::text END AS proc_inst_id_,
    CASE WHEN x."task_id" IS NULL OR x."task_id" <> x."execution_id" THEN coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."execution_id"), x."execution_id")::text END AS execution_id_,
    NULL::text AS case_def_key_,
    NULL::text AS case_def_id_,
    NULL::text AS case_inst_id_,
    NULL::text AS case_execution_id_,
    coalesce((SELECT al."id" FROM alias al WHERE al."entity_id" = x."task_id" LIMIT 1)::text COLLATE "default", x."task_id"::text) AS task_id_,
    CASE WHEN x."activity_id" = '00000000-0000-0000-0000-000000000000' THEN NULL WHEN x."activity_id" IS NULL THEN x."instance_id"::text ELSE coalesce((SELECT tk."element" || ':' FROM token tk WHERE tk."instance_id" = x."instance_id" AND tk."activity_id" = x."activity_id" LIMIT 1), (SELECT ha."element" || ':' FROM history_activity ha WHERE ha."root_id" = x."root_id" AND ha."id" = x."activity_id" LIMIT 1), '') || x."activity_id"::text END AS act_inst_id_,
    NULL::text AS var_inst_id_,
    x."name" AS name_,
    NULL::text AS var_type_,
    NULL::integer AS rev_,
    (timestamptz 'epoch' + x."time" * interval '1 millisecond')::timestamp AS time_,
    NULL::text AS bytearray_id_,
    NULL::double precision AS double_,
    NULL::bigint AS long_,
    x."value" AS text_,
    NULL::text AS text2_,
    1::bigint AS sequence_counter_,
    coalesce((SELECT oi."tenant_id" FROM process_instance oi WHERE oi."id" = x."instance_id"), (SELECT oi."tenant_id" FROM history_process oi WHERE oi."id" = x."instance_id" LIMIT 1)) AS tenant_id_,
    NULL::text AS operation_id_,
    (timestamptz 'epoch' + ((SELECT CASE WHEN re."removal" IS NULL THEN re."ended" + d."history_ttl_days"::bigint * 86400000 ELSE nullif(re."removal", 9223372036854775807) END FROM history_process re WHERE re."id" = x."root_id" LIMIT 1)) * interval '1 millisecond')::timestamp AS removal_time_,
    NULL::boolean AS initial_
FROM history_form_field x LEFT JOIN definition d ON d."id" = coalesce((SELECT oi."definition_id" FROM process_instance oi WHERE oi."id" = x."instance_id"), (SELECT oi."definition_id" FROM history_process oi WHERE oi."id" = x."instance_id" LIMIT 1)) WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot);

-- A definition of no deployment was deleted, and history tells of it.
CREATE OR REPLACE VIEW ACT_RE_PROCDEF AS
SELECT
    x."rest_id" AS id_,
    1 AS rev_,
    x."category" AS category_,
    x."name" AS name_,
    x."key" AS key_,
    x."version" AS version_,
    x."deployment_id"::text AS deployment_id_,
    x."resource_name" AS resource_name_,
    NULL::text AS dgrm_resource_name_,
    false AS has_start_form_key_,
    CASE WHEN x."suspended" THEN 2 ELSE 1 END AS suspension_state_,
    x."tenant_id" AS tenant_id_,
    x."version_tag" AS version_tag_,
    x."history_ttl_days" AS history_ttl_,
    x."startable_in_tasklist" AS startable_
FROM definition x WHERE x."deployment_id" <> '00000000-0000-0000-0000-000000000000';
