-- What users have done.
CREATE TABLE history_operation (
    "id" uuid NOT NULL,
    "slot" smallint NOT NULL,
    "retention" smallint NOT NULL,
    "root_id" uuid NOT NULL,
    "instance_id" uuid,
    "operation_id" uuid NOT NULL,
    "user_id" text COLLATE "C",
    "time" bigint NOT NULL,
    "category" text COLLATE "C" NOT NULL,
    "entity" text COLLATE "C" NOT NULL,
    "operation" text COLLATE "C" NOT NULL,
    "property" text COLLATE "C",
    "old_value" text COLLATE "C",
    "new_value" text COLLATE "C",
    "deployment_id" text COLLATE "C",
    "definition_id" text COLLATE "C",
    "definition_key" text COLLATE "C",
    "process_instance" text COLLATE "C",
    "execution_id" text COLLATE "C",
    "task_id" text COLLATE "C",
    "job_id" text COLLATE "C",
    "job_definition_id" text COLLATE "C",
    "batch_id" text COLLATE "C",
    "external_task_id" text COLLATE "C",
    "tenant_id" text COLLATE "C",
    "annotation" text COLLATE "C",
    "removal" bigint
) PARTITION BY RANGE ("retention", "root_id");
CREATE TABLE history_operation_default PARTITION OF history_operation DEFAULT;

CREATE INDEX history_operation_root ON history_operation ("root_id");
CREATE INDEX history_operation_id ON history_operation USING brin ("id" uuid_minmax_multi_ops) WITH (autosummarize = on);
CREATE INDEX history_operation_operation ON history_operation ("operation_id");
CREATE INDEX history_operation_slot ON history_operation ("slot");
CREATE INDEX history_operation_instance ON history_operation ("instance_id") WHERE "instance_id" IS NOT NULL;
CREATE INDEX history_operation_task ON history_operation ("task_id") WHERE "task_id" IS NOT NULL;
CREATE INDEX history_operation_time ON history_operation USING brin ("time" int8_minmax_multi_ops) WITH (autosummarize = on);
CREATE INDEX history_operation_removal ON history_operation ("removal") WHERE "removal" IS NOT NULL;

CREATE VIEW ACT_HI_OP_LOG AS
SELECT
    x."id"::text AS id_,
    x."deployment_id" AS deployment_id_,
    x."definition_id" AS proc_def_id_,
    x."definition_key" AS proc_def_key_,
    CASE WHEN x."instance_id" IS NOT NULL THEN x."root_id"::text END AS root_proc_inst_id_,
    coalesce(x."instance_id"::text, x."process_instance") AS proc_inst_id_,
    x."execution_id" AS execution_id_,
    NULL::text AS case_def_id_,
    NULL::text AS case_inst_id_,
    NULL::text AS case_execution_id_,
    x."task_id" AS task_id_,
    x."job_id" AS job_id_,
    x."job_definition_id" AS job_def_id_,
    x."batch_id" AS batch_id_,
    x."user_id" AS user_id_,
    (timestamptz 'epoch' + x."time" * interval '1 millisecond')::timestamp AS timestamp_,
    x."operation" AS operation_type_,
    x."operation_id"::text AS operation_id_,
    x."entity" AS entity_type_,
    x."property" AS property_,
    x."old_value" AS org_value_,
    x."new_value" AS new_value_,
    x."tenant_id" AS tenant_id_,
    (timestamptz 'epoch' + nullif(coalesce(x."removal", (SELECT coalesce(h."removal", h."ended" + d."history_ttl_days"::bigint * 86400000) FROM history_process h LEFT JOIN definition d ON d."id" = h."definition_id" WHERE h."id" = x."root_id" AND x."operation" <> 'DeleteHistory' LIMIT 1)), 9223372036854775807) * interval '1 millisecond')::timestamp AS removal_time_,
    x."category" AS category_,
    x."external_task_id" AS external_task_id_,
    x."annotation" AS annotation_
FROM history_operation x WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot);
