CREATE TABLE decision_definition (
    "id" BLOB NOT NULL,
    "rest_id" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "name" TEXT,
    "category" TEXT,
    "version_tag" TEXT,
    "tenant_id" TEXT,
    "history_ttl_days" INTEGER,
    "requirements_id" BLOB,
    "requirements_rest_id" TEXT,
    "requirements_key" TEXT,
    "resource_name" TEXT NOT NULL,
    "deployment_id" BLOB NOT NULL,
    PRIMARY KEY ("id")
) STRICT;

CREATE TABLE decision_requirements (
    "id" BLOB NOT NULL,
    "rest_id" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "name" TEXT,
    "category" TEXT,
    "tenant_id" TEXT,
    "resource_name" TEXT NOT NULL,
    "deployment_id" BLOB NOT NULL,
    PRIMARY KEY ("id")
) STRICT;

CREATE TABLE history_decision (
    "id" BLOB NOT NULL,
    "slot" INTEGER NOT NULL,
    "retention" INTEGER NOT NULL,
    "root_id" BLOB NOT NULL,
    "decision_id" BLOB NOT NULL,
    "definition_id" BLOB,
    "instance_id" BLOB,
    "activity_id" BLOB,
    "element" TEXT,
    "user_id" TEXT,
    "evaluated" INTEGER NOT NULL,
    "collected" REAL,
    "parent_id" BLOB,
    "tenant_id" TEXT
) STRICT;

CREATE TABLE history_decision_input (
    "id" BLOB NOT NULL,
    "slot" INTEGER NOT NULL,
    "retention" INTEGER NOT NULL,
    "root_id" BLOB NOT NULL,
    "evaluation_id" BLOB NOT NULL,
    "clause_id" TEXT NOT NULL,
    "clause_name" TEXT,
    "type" TEXT NOT NULL,
    "text" TEXT,
    "number" INTEGER,
    "float" REAL,
    "bytes" BLOB,
    "info" TEXT,
    "created" INTEGER NOT NULL
) STRICT;

CREATE TABLE history_decision_output (
    "id" BLOB NOT NULL,
    "slot" INTEGER NOT NULL,
    "retention" INTEGER NOT NULL,
    "root_id" BLOB NOT NULL,
    "evaluation_id" BLOB NOT NULL,
    "clause_id" TEXT,
    "clause_name" TEXT,
    "rule_id" TEXT,
    "rule_order" INTEGER,
    "name" TEXT,
    "type" TEXT NOT NULL,
    "text" TEXT,
    "number" INTEGER,
    "float" REAL,
    "bytes" BLOB,
    "info" TEXT,
    "created" INTEGER
) STRICT;

-- By root, by id, by definition (lists, clean-up); those without a process by slot (a move reads roots by slot).
CREATE INDEX history_decision_root ON history_decision ("root_id");
CREATE INDEX history_decision_id ON history_decision ("id");
CREATE INDEX history_decision_input_root ON history_decision_input ("root_id");
CREATE INDEX history_decision_input_id ON history_decision_input ("id");
CREATE INDEX history_decision_output_root ON history_decision_output ("root_id");
CREATE INDEX history_decision_output_id ON history_decision_output ("id");
CREATE INDEX history_decision_definition ON history_decision ("decision_id", "evaluated");
CREATE INDEX history_decision_alone ON history_decision ("slot") WHERE "instance_id" IS NULL;

-- Views with the names and columns of Camunda 7's tables, for reading (docs/sql-views.md). Times are UTC.

CREATE VIEW ACT_RE_DECISION_DEF AS
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
    x."requirements_rest_id" AS dec_req_id_,
    x."requirements_key" AS dec_req_key_,
    x."tenant_id" AS tenant_id_,
    x."history_ttl_days" AS history_ttl_,
    x."version_tag" AS version_tag_
FROM decision_definition x;

CREATE VIEW ACT_RE_DECISION_REQ_DEF AS
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
    x."tenant_id" AS tenant_id_
FROM decision_requirements x;

CREATE VIEW ACT_HI_DECINST AS
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    dd."rest_id" AS dec_def_id_,
    dd."key" AS dec_def_key_,
    dd."name" AS dec_def_name_,
    d."key" AS proc_def_key_,
    d."rest_id" AS proc_def_id_,
    lower(substr(hex(x."instance_id"), 1, 8) || '-' || substr(hex(x."instance_id"), 9, 4) || '-' || substr(hex(x."instance_id"), 13, 4) || '-' || substr(hex(x."instance_id"), 17, 4) || '-' || substr(hex(x."instance_id"), 21)) AS proc_inst_id_,
    NULL AS case_def_key_,
    NULL AS case_def_id_,
    NULL AS case_inst_id_,
    x."element" || ':' || lower(substr(hex(x."activity_id"), 1, 8) || '-' || substr(hex(x."activity_id"), 9, 4) || '-' || substr(hex(x."activity_id"), 13, 4) || '-' || substr(hex(x."activity_id"), 17, 4) || '-' || substr(hex(x."activity_id"), 21)) AS act_inst_id_,
    x."element" AS act_id_,
    strftime('%Y-%m-%d %H:%M:%f', x."evaluated" / 1000.0, 'unixepoch') AS eval_time_,
    strftime('%Y-%m-%d %H:%M:%f', CASE WHEN x."instance_id" IS NULL THEN x."evaluated" + dd."history_ttl_days" * 86400000 ELSE (SELECT max(re."ended") FROM history_process re WHERE re."id" = x."root_id") + d."history_ttl_days" * 86400000 END / 1000.0, 'unixepoch') AS removal_time_,
    x."collected" AS collect_value_,
    x."user_id" AS user_id_,
    lower(substr(hex(x."parent_id"), 1, 8) || '-' || substr(hex(x."parent_id"), 9, 4) || '-' || substr(hex(x."parent_id"), 13, 4) || '-' || substr(hex(x."parent_id"), 17, 4) || '-' || substr(hex(x."parent_id"), 21)) AS root_dec_inst_id_,
    CASE WHEN x."instance_id" IS NOT NULL THEN lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) END AS root_proc_inst_id_,
    dd."requirements_rest_id" AS dec_req_id_,
    dd."requirements_key" AS dec_req_key_,
    x."tenant_id" AS tenant_id_
FROM history_decision x LEFT JOIN decision_definition dd ON dd."id" = x."decision_id" LEFT JOIN definition d ON d."id" = x."definition_id" WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot);

CREATE VIEW ACT_HI_DEC_IN AS
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    lower(substr(hex(x."evaluation_id"), 1, 8) || '-' || substr(hex(x."evaluation_id"), 9, 4) || '-' || substr(hex(x."evaluation_id"), 13, 4) || '-' || substr(hex(x."evaluation_id"), 17, 4) || '-' || substr(hex(x."evaluation_id"), 21)) AS dec_inst_id_,
    x."clause_id" AS clause_id_,
    x."clause_name" AS clause_name_,
    lower(x."type") AS var_type_,
    CASE WHEN x."type" IN ('Bytes', 'File', 'Object', 'Json', 'Xml') THEN lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) END AS bytearray_id_,
    x."float" AS double_,
    x."number" AS long_,
    CASE WHEN x."type" IN ('Short', 'Integer', 'Long') THEN CAST(x."number" AS TEXT) WHEN x."type" IN ('Bytes', 'File', 'Object', 'Json', 'Xml') THEN NULL ELSE x."text" END AS text_,
    x."info" AS text2_,
    h."tenant_id" AS tenant_id_,
    strftime('%Y-%m-%d %H:%M:%f', x."created" / 1000.0, 'unixepoch') AS create_time_,
    CASE WHEN h."instance_id" IS NOT NULL THEN lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) END AS root_proc_inst_id_,
    strftime('%Y-%m-%d %H:%M:%f', CASE WHEN h."instance_id" IS NULL THEN h."evaluated" + dd."history_ttl_days" * 86400000 ELSE (SELECT max(re."ended") FROM history_process re WHERE re."id" = x."root_id") + d."history_ttl_days" * 86400000 END / 1000.0, 'unixepoch') AS removal_time_
FROM history_decision_input x LEFT JOIN history_decision h ON h."root_id" = x."root_id" AND h."id" = x."evaluation_id" LEFT JOIN decision_definition dd ON dd."id" = h."decision_id" LEFT JOIN definition d ON d."id" = h."definition_id" WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot);

CREATE VIEW ACT_HI_DEC_OUT AS
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    lower(substr(hex(x."evaluation_id"), 1, 8) || '-' || substr(hex(x."evaluation_id"), 9, 4) || '-' || substr(hex(x."evaluation_id"), 13, 4) || '-' || substr(hex(x."evaluation_id"), 17, 4) || '-' || substr(hex(x."evaluation_id"), 21)) AS dec_inst_id_,
    x."clause_id" AS clause_id_,
    x."clause_name" AS clause_name_,
    x."rule_id" AS rule_id_,
    x."rule_order" AS rule_order_,
    x."name" AS var_name_,
    lower(x."type") AS var_type_,
    CASE WHEN x."type" IN ('Bytes', 'File', 'Object', 'Json', 'Xml') THEN lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) END AS bytearray_id_,
    x."float" AS double_,
    x."number" AS long_,
    CASE WHEN x."type" IN ('Short', 'Integer', 'Long') THEN CAST(x."number" AS TEXT) WHEN x."type" IN ('Bytes', 'File', 'Object', 'Json', 'Xml') THEN NULL ELSE x."text" END AS text_,
    x."info" AS text2_,
    h."tenant_id" AS tenant_id_,
    strftime('%Y-%m-%d %H:%M:%f', x."created" / 1000.0, 'unixepoch') AS create_time_,
    CASE WHEN h."instance_id" IS NOT NULL THEN lower(substr(hex(x."root_id"), 1, 8) || '-' || substr(hex(x."root_id"), 9, 4) || '-' || substr(hex(x."root_id"), 13, 4) || '-' || substr(hex(x."root_id"), 17, 4) || '-' || substr(hex(x."root_id"), 21)) END AS root_proc_inst_id_,
    strftime('%Y-%m-%d %H:%M:%f', CASE WHEN h."instance_id" IS NULL THEN h."evaluated" + dd."history_ttl_days" * 86400000 ELSE (SELECT max(re."ended") FROM history_process re WHERE re."id" = x."root_id") + d."history_ttl_days" * 86400000 END / 1000.0, 'unixepoch') AS removal_time_
FROM history_decision_output x LEFT JOIN history_decision h ON h."root_id" = x."root_id" AND h."id" = x."evaluation_id" LEFT JOIN decision_definition dd ON dd."id" = h."decision_id" LEFT JOIN definition d ON d."id" = h."definition_id" WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot);
