-- What users have done.
CREATE TABLE history_operation (
    "id" BLOB NOT NULL,
    "slot" INTEGER NOT NULL,
    "retention" INTEGER NOT NULL,
    "root_id" BLOB NOT NULL,
    "instance_id" BLOB,
    "operation_id" BLOB NOT NULL,
    "user_id" TEXT,
    "time" INTEGER NOT NULL,
    "category" TEXT NOT NULL,
    "entity" TEXT NOT NULL,
    "operation" TEXT NOT NULL,
    "property" TEXT,
    "old_value" TEXT,
    "new_value" TEXT,
    "deployment_id" TEXT,
    "definition_id" TEXT,
    "definition_key" TEXT,
    "process_instance" TEXT,
    "execution_id" TEXT,
    "task_id" TEXT,
    "job_id" TEXT,
    "job_definition_id" TEXT,
    "batch_id" TEXT,
    "external_task_id" TEXT,
    "tenant_id" TEXT,
    "annotation" TEXT,
    "removal" INTEGER
);

CREATE INDEX history_operation_root ON history_operation ("root_id");
CREATE INDEX history_operation_id ON history_operation ("id");
CREATE INDEX history_operation_operation ON history_operation ("operation_id");
CREATE INDEX history_operation_slot ON history_operation ("slot");
CREATE INDEX history_operation_instance ON history_operation ("instance_id") WHERE "instance_id" IS NOT NULL;
CREATE INDEX history_operation_task ON history_operation ("task_id") WHERE "task_id" IS NOT NULL;
CREATE INDEX history_operation_time ON history_operation ("time");
CREATE INDEX history_operation_removal ON history_operation ("removal") WHERE "removal" IS NOT NULL;

CREATE VIEW ACT_HI_OP_LOG AS
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    x."deployment_id" AS deployment_id_,
    x."definition_id" AS proc_def_id_,
    x."definition_key" AS proc_def_key_,
    CASE WHEN x."instance_id" IS NOT NULL THEN lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) END AS root_proc_inst_id_,
    coalesce(lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)), x."process_instance") AS proc_inst_id_,
    x."execution_id" AS execution_id_,
    NULL AS case_def_id_,
    NULL AS case_inst_id_,
    NULL AS case_execution_id_,
    x."task_id" AS task_id_,
    x."job_id" AS job_id_,
    x."job_definition_id" AS job_def_id_,
    x."batch_id" AS batch_id_,
    x."user_id" AS user_id_,
    strftime('%Y-%m-%d %H:%M:%f', x."time" / 1000.0, 'unixepoch') AS timestamp_,
    x."operation" AS operation_type_,
    lower(substr(hex(x."operation_id"), 1, 8) || '-' || substr(hex(x."operation_id"), 9, 4) || '-' || substr(hex(x."operation_id"), 13, 4) || '-' || substr(hex(x."operation_id"), 17, 4) || '-' || substr(hex(x."operation_id"), 21)) AS operation_id_,
    x."entity" AS entity_type_,
    x."property" AS property_,
    x."old_value" AS org_value_,
    x."new_value" AS new_value_,
    x."tenant_id" AS tenant_id_,
    strftime('%Y-%m-%d %H:%M:%f', nullif(coalesce(x."removal", (SELECT coalesce(h."removal", h."ended" + d."history_ttl_days" * 86400000) FROM history_process h LEFT JOIN definition d ON d."id" = h."definition_id" WHERE h."id" = x."root_id" AND x."operation" <> 'DeleteHistory' LIMIT 1)), 9223372036854775807) / 1000.0, 'unixepoch') AS removal_time_,
    x."category" AS category_,
    x."external_task_id" AS external_task_id_,
    x."annotation" AS annotation_
FROM history_operation x WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot);
