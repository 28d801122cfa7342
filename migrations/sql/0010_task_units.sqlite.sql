-- Tasks that no process has made: heads of their units, what they are part of, and ids that clients have chosen.
ALTER TABLE task ADD COLUMN "parent_id" BLOB;
ALTER TABLE history_task ADD COLUMN "parent_id" BLOB;
ALTER TABLE history_task ADD COLUMN "went_as" INTEGER;
ALTER TABLE alias ADD COLUMN "entity_id" BLOB;
CREATE TABLE task_unit (
    "id" BLOB NOT NULL,
    "slot" INTEGER NOT NULL,
    "root_id" BLOB NOT NULL,
    "revision" INTEGER NOT NULL,
    "created" INTEGER NOT NULL,
    PRIMARY KEY ("id")
) STRICT, WITHOUT ROWID;
CREATE INDEX task_unit_slot ON task_unit ("slot");
CREATE INDEX task_parent ON task ("parent_id") WHERE "parent_id" IS NOT NULL;
CREATE INDEX history_task_parent ON history_task ("parent_id") WHERE "parent_id" IS NOT NULL;
CREATE INDEX alias_entity ON alias ("entity_id") WHERE "entity_id" IS NOT NULL;

DROP VIEW ACT_RU_VARIABLE;
CREATE VIEW ACT_RU_VARIABLE AS
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    x."revision" + 1 AS rev_,
    lower(x."type") AS type_,
    x."name" AS name_,
    CASE WHEN x."task_id" IS NULL OR x."task_id" <> x."scope_id" THEN lower(substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 1, 8) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 9, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 13, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 17, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 21)) END AS execution_id_,
    CASE WHEN x."task_id" IS NULL OR x."task_id" <> x."scope_id" THEN lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) END AS proc_inst_id_,
    d."rest_id" AS proc_def_id_,
    NULL AS case_execution_id_,
    NULL AS case_inst_id_,
    coalesce((SELECT al."id" FROM alias al WHERE al."entity_id" = x."task_id" LIMIT 1), lower(substr(hex(x."task_id"), 1, 8) || '-' || substr(hex(x."task_id"), 9, 4) || '-' || substr(hex(x."task_id"), 13, 4) || '-' || substr(hex(x."task_id"), 17, 4) || '-' || substr(hex(x."task_id"), 21))) AS task_id_,
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

DROP VIEW ACT_RU_TASK;
CREATE VIEW ACT_RU_TASK AS
SELECT
    coalesce((SELECT al."id" FROM alias al WHERE al."entity_id" = x."id" LIMIT 1), lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21))) AS id_,
    1 AS rev_,
    lower(substr(hex(x."execution_id"), 1, 8) || '-' || substr(hex(x."execution_id"), 9, 4) || '-' || substr(hex(x."execution_id"), 13, 4) || '-' || substr(hex(x."execution_id"), 17, 4) || '-' || substr(hex(x."execution_id"), 21)) AS execution_id_,
    CASE WHEN x."token_id" IS NOT NULL THEN lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) END AS proc_inst_id_,
    d."rest_id" AS proc_def_id_,
    NULL AS case_execution_id_,
    NULL AS case_inst_id_,
    NULL AS case_def_id_,
    x."name" AS name_,
    coalesce((SELECT al."id" FROM alias al WHERE al."entity_id" = x."parent_id" LIMIT 1), lower(substr(hex(x."parent_id"), 1, 8) || '-' || substr(hex(x."parent_id"), 9, 4) || '-' || substr(hex(x."parent_id"), 13, 4) || '-' || substr(hex(x."parent_id"), 17, 4) || '-' || substr(hex(x."parent_id"), 21))) AS parent_task_id_,
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

DROP VIEW ACT_HI_TASKINST;
CREATE VIEW ACT_HI_TASKINST AS
SELECT
    coalesce((SELECT al."id" FROM alias al WHERE al."entity_id" = x."id" LIMIT 1), lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21))) AS id_,
    x."element" AS task_def_key_,
    d."key" AS proc_def_key_,
    d."rest_id" AS proc_def_id_,
    CASE WHEN x."instance_id" IS NOT NULL THEN lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) END AS root_proc_inst_id_,
    CASE WHEN x."instance_id" IS NOT NULL THEN lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) END AS proc_inst_id_,
    lower(substr(hex(x."execution_id"), 1, 8) || '-' || substr(hex(x."execution_id"), 9, 4) || '-' || substr(hex(x."execution_id"), 13, 4) || '-' || substr(hex(x."execution_id"), 17, 4) || '-' || substr(hex(x."execution_id"), 21)) AS execution_id_,
    NULL AS case_def_key_,
    NULL AS case_def_id_,
    NULL AS case_inst_id_,
    NULL AS case_execution_id_,
    x."element" || ':' || lower(substr(hex(x."activity_id"), 1, 8) || '-' || substr(hex(x."activity_id"), 9, 4) || '-' || substr(hex(x."activity_id"), 13, 4) || '-' || substr(hex(x."activity_id"), 17, 4) || '-' || substr(hex(x."activity_id"), 21)) AS act_inst_id_,
    x."name" AS name_,
    coalesce((SELECT al."id" FROM alias al WHERE al."entity_id" = x."parent_id" LIMIT 1), lower(substr(hex(x."parent_id"), 1, 8) || '-' || substr(hex(x."parent_id"), 9, 4) || '-' || substr(hex(x."parent_id"), 13, 4) || '-' || substr(hex(x."parent_id"), 17, 4) || '-' || substr(hex(x."parent_id"), 21))) AS parent_task_id_,
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
    CASE WHEN x."went_as" = 0 THEN 'Created' WHEN x."went_as" = 1 THEN 'Updated' WHEN x."delete_reason" = 'completed' THEN 'Completed' ELSE 'Deleted' END AS task_state_
FROM history_task x LEFT JOIN definition d ON d."id" = x."definition_id" WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot)
UNION ALL
SELECT
    coalesce((SELECT al."id" FROM alias al WHERE al."entity_id" = x."id" LIMIT 1), lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21))) AS id_,
    x."element" AS task_def_key_,
    d."key" AS proc_def_key_,
    d."rest_id" AS proc_def_id_,
    CASE WHEN x."token_id" IS NOT NULL THEN lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) END AS root_proc_inst_id_,
    CASE WHEN x."token_id" IS NOT NULL THEN lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) END AS proc_inst_id_,
    lower(substr(hex(x."execution_id"), 1, 8) || '-' || substr(hex(x."execution_id"), 9, 4) || '-' || substr(hex(x."execution_id"), 13, 4) || '-' || substr(hex(x."execution_id"), 17, 4) || '-' || substr(hex(x."execution_id"), 21)) AS execution_id_,
    NULL AS case_def_key_,
    NULL AS case_def_id_,
    NULL AS case_inst_id_,
    NULL AS case_execution_id_,
    x."element" || ':' || lower(substr(hex(x."activity_id"), 1, 8) || '-' || substr(hex(x."activity_id"), 9, 4) || '-' || substr(hex(x."activity_id"), 13, 4) || '-' || substr(hex(x."activity_id"), 17, 4) || '-' || substr(hex(x."activity_id"), 21)) AS act_inst_id_,
    x."name" AS name_,
    coalesce((SELECT al."id" FROM alias al WHERE al."entity_id" = x."parent_id" LIMIT 1), lower(substr(hex(x."parent_id"), 1, 8) || '-' || substr(hex(x."parent_id"), 9, 4) || '-' || substr(hex(x."parent_id"), 13, 4) || '-' || substr(hex(x."parent_id"), 17, 4) || '-' || substr(hex(x."parent_id"), 21))) AS parent_task_id_,
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

DROP VIEW ACT_HI_VARINST;
CREATE VIEW ACT_HI_VARINST AS
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    d."key" AS proc_def_key_,
    d."rest_id" AS proc_def_id_,
    CASE WHEN x."task_id" IS NULL OR x."task_id" <> x."scope_id" THEN lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) END AS root_proc_inst_id_,
    CASE WHEN x."task_id" IS NULL OR x."task_id" <> x."scope_id" THEN lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) END AS proc_inst_id_,
    CASE WHEN x."task_id" IS NULL OR x."task_id" <> x."scope_id" THEN lower(substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 1, 8) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 9, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 13, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 17, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 21)) END AS execution_id_,
    CASE WHEN x."shown_id" = x'00000000000000000000000000000000' THEN NULL WHEN x."shown_id" IS NOT NULL THEN coalesce((SELECT tk."element" || ':' FROM token tk WHERE tk."instance_id" = x."instance_id" AND tk."activity_id" = x."shown_id" LIMIT 1), (SELECT ha."element" || ':' FROM history_activity ha WHERE ha."root_id" = x."root_id" AND ha."id" = x."shown_id" LIMIT 1), '') || lower(substr(hex(x."shown_id"), 1, 8) || '-' || substr(hex(x."shown_id"), 9, 4) || '-' || substr(hex(x."shown_id"), 13, 4) || '-' || substr(hex(x."shown_id"), 17, 4) || '-' || substr(hex(x."shown_id"), 21)) ELSE CASE WHEN x."activity_id" IS NULL THEN lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) ELSE coalesce((SELECT tk."element" || ':' FROM token tk WHERE tk."instance_id" = x."instance_id" AND tk."activity_id" = x."activity_id" LIMIT 1), (SELECT ha."element" || ':' FROM history_activity ha WHERE ha."root_id" = x."root_id" AND ha."id" = x."activity_id" LIMIT 1), '') || lower(substr(hex(x."activity_id"), 1, 8) || '-' || substr(hex(x."activity_id"), 9, 4) || '-' || substr(hex(x."activity_id"), 13, 4) || '-' || substr(hex(x."activity_id"), 17, 4) || '-' || substr(hex(x."activity_id"), 21)) END END AS act_inst_id_,
    NULL AS case_def_key_,
    NULL AS case_def_id_,
    NULL AS case_inst_id_,
    NULL AS case_execution_id_,
    coalesce((SELECT al."id" FROM alias al WHERE al."entity_id" = x."task_id" LIMIT 1), lower(substr(hex(x."task_id"), 1, 8) || '-' || substr(hex(x."task_id"), 9, 4) || '-' || substr(hex(x."task_id"), 13, 4) || '-' || substr(hex(x."task_id"), 17, 4) || '-' || substr(hex(x."task_id"), 21))) AS task_id_,
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
    CASE WHEN x."task_id" IS NULL OR x."task_id" <> x."scope_id" THEN lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) END AS root_proc_inst_id_,
    CASE WHEN x."task_id" IS NULL OR x."task_id" <> x."scope_id" THEN lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) END AS proc_inst_id_,
    CASE WHEN x."task_id" IS NULL OR x."task_id" <> x."scope_id" THEN lower(substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 1, 8) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 9, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 13, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 17, 4) || '-' || substr(hex(coalesce((SELECT tk."execution_id" FROM token tk WHERE tk."id" = x."scope_id"), x."scope_id")), 21)) END AS execution_id_,
    CASE WHEN x."shown_id" = x'00000000000000000000000000000000' THEN NULL WHEN x."shown_id" IS NOT NULL THEN coalesce((SELECT tk."element" || ':' FROM token tk WHERE tk."instance_id" = x."instance_id" AND tk."activity_id" = x."shown_id" LIMIT 1), (SELECT ha."element" || ':' FROM history_activity ha WHERE ha."root_id" = x."root_id" AND ha."id" = x."shown_id" LIMIT 1), '') || lower(substr(hex(x."shown_id"), 1, 8) || '-' || substr(hex(x."shown_id"), 9, 4) || '-' || substr(hex(x."shown_id"), 13, 4) || '-' || substr(hex(x."shown_id"), 17, 4) || '-' || substr(hex(x."shown_id"), 21)) ELSE coalesce((SELECT tk."element" || ':' || lower(substr(hex(tk."activity_id"), 1, 8) || '-' || substr(hex(tk."activity_id"), 9, 4) || '-' || substr(hex(tk."activity_id"), 13, 4) || '-' || substr(hex(tk."activity_id"), 17, 4) || '-' || substr(hex(tk."activity_id"), 21)) FROM token tk WHERE tk."id" = x."scope_id"), lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21))) END AS act_inst_id_,
    NULL AS case_def_key_,
    NULL AS case_def_id_,
    NULL AS case_inst_id_,
    NULL AS case_execution_id_,
    coalesce((SELECT al."id" FROM alias al WHERE al."entity_id" = x."task_id" LIMIT 1), lower(substr(hex(x."task_id"), 1, 8) || '-' || substr(hex(x."task_id"), 9, 4) || '-' || substr(hex(x."task_id"), 13, 4) || '-' || substr(hex(x."task_id"), 17, 4) || '-' || substr(hex(x."task_id"), 21))) AS task_id_,
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
    strftime('%Y-%m-%d %H:%M:%f', ((SELECT max(re."ended") FROM history_process re WHERE re."id" = x."root_id") + d."history_ttl_days" * 86400000) / 1000.0, 'unixepoch') AS removal_time_,
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
    strftime('%Y-%m-%d %H:%M:%f', ((SELECT max(re."ended") FROM history_process re WHERE re."id" = x."root_id") + d."history_ttl_days" * 86400000) / 1000.0, 'unixepoch') AS removal_time_,
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
    strftime('%Y-%m-%d %H:%M:%f', ((SELECT max(re."ended") FROM history_process re WHERE re."id" = x."root_id") + d."history_ttl_days" * 86400000) / 1000.0, 'unixepoch') AS removal_time_,
    x."initial" AS initial_
FROM variable x LEFT JOIN definition d ON d."id" = coalesce((SELECT oi."definition_id" FROM process_instance oi WHERE oi."id" = x."instance_id"), (SELECT oi."definition_id" FROM history_process oi WHERE oi."id" = x."instance_id" LIMIT 1)) WHERE x."recorded" = 2 AND x."slot" NOT IN (SELECT "slot" FROM hidden_slot);
