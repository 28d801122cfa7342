CREATE TABLE decision_definition (
    "id" uuid NOT NULL,
    "rest_id" text COLLATE "C" NOT NULL,
    "key" text COLLATE "C" NOT NULL,
    "version" integer NOT NULL,
    "name" text COLLATE "C",
    "category" text COLLATE "C",
    "version_tag" text COLLATE "C",
    "tenant_id" text COLLATE "C",
    "history_ttl_days" integer,
    "requirements_id" uuid,
    "requirements_rest_id" text COLLATE "C",
    "requirements_key" text COLLATE "C",
    "resource_name" text COLLATE "C" NOT NULL,
    "deployment_id" uuid NOT NULL,
    PRIMARY KEY ("id")
);

CREATE TABLE decision_requirements (
    "id" uuid NOT NULL,
    "rest_id" text COLLATE "C" NOT NULL,
    "key" text COLLATE "C" NOT NULL,
    "version" integer NOT NULL,
    "name" text COLLATE "C",
    "category" text COLLATE "C",
    "tenant_id" text COLLATE "C",
    "resource_name" text COLLATE "C" NOT NULL,
    "deployment_id" uuid NOT NULL,
    PRIMARY KEY ("id")
);

CREATE TABLE history_decision (
    "id" uuid NOT NULL,
    "slot" smallint NOT NULL,
    "retention" smallint NOT NULL,
    "root_id" uuid NOT NULL,
    "decision_id" uuid NOT NULL,
    "definition_id" uuid,
    "instance_id" uuid,
    "activity_id" uuid,
    "element" text COLLATE "C",
    "user_id" text COLLATE "C",
    "evaluated" bigint NOT NULL,
    "collected" double precision,
    "parent_id" uuid,
    "tenant_id" text COLLATE "C"
) PARTITION BY RANGE ("retention", "root_id");
CREATE TABLE history_decision_default PARTITION OF history_decision DEFAULT;

CREATE TABLE history_decision_input (
    "id" uuid NOT NULL,
    "slot" smallint NOT NULL,
    "retention" smallint NOT NULL,
    "root_id" uuid NOT NULL,
    "evaluation_id" uuid NOT NULL,
    "clause_id" text COLLATE "C" NOT NULL,
    "clause_name" text COLLATE "C",
    "type" text COLLATE "C" NOT NULL,
    "text" text COLLATE "C",
    "number" bigint,
    "float" double precision,
    "bytes" bytea,
    "info" text COLLATE "C",
    "created" bigint NOT NULL
) PARTITION BY RANGE ("retention", "root_id");
CREATE TABLE history_decision_input_default PARTITION OF history_decision_input DEFAULT;

CREATE TABLE history_decision_output (
    "id" uuid NOT NULL,
    "slot" smallint NOT NULL,
    "retention" smallint NOT NULL,
    "root_id" uuid NOT NULL,
    "evaluation_id" uuid NOT NULL,
    "clause_id" text COLLATE "C",
    "clause_name" text COLLATE "C",
    "rule_id" text COLLATE "C",
    "rule_order" integer,
    "name" text COLLATE "C",
    "type" text COLLATE "C" NOT NULL,
    "text" text COLLATE "C",
    "number" bigint,
    "float" double precision,
    "bytes" bytea,
    "info" text COLLATE "C",
    "created" bigint
) PARTITION BY RANGE ("retention", "root_id");
CREATE TABLE history_decision_output_default PARTITION OF history_decision_output DEFAULT;

-- By root, by id, by definition (lists, clean-up); those without a process by slot (a move reads roots by slot).
CREATE INDEX history_decision_root ON history_decision ("root_id");
CREATE INDEX history_decision_id ON history_decision USING brin ("id" uuid_minmax_multi_ops) WITH (autosummarize = on);
CREATE INDEX history_decision_input_root ON history_decision_input ("root_id");
CREATE INDEX history_decision_input_id ON history_decision_input USING brin ("id" uuid_minmax_multi_ops) WITH (autosummarize = on);
CREATE INDEX history_decision_output_root ON history_decision_output ("root_id");
CREATE INDEX history_decision_output_id ON history_decision_output USING brin ("id" uuid_minmax_multi_ops) WITH (autosummarize = on);
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
    x."deployment_id"::text AS deployment_id_,
    x."resource_name" AS resource_name_,
    NULL::text AS dgrm_resource_name_,
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
    x."deployment_id"::text AS deployment_id_,
    x."resource_name" AS resource_name_,
    NULL::text AS dgrm_resource_name_,
    x."tenant_id" AS tenant_id_
FROM decision_requirements x;

CREATE VIEW ACT_HI_DECINST AS
SELECT
    x."id"::text AS id_,
    dd."rest_id" AS dec_def_id_,
    dd."key" AS dec_def_key_,
    dd."name" AS dec_def_name_,
    d."key" AS proc_def_key_,
    d."rest_id" AS proc_def_id_,
    x."instance_id"::text AS proc_inst_id_,
    NULL::text AS case_def_key_,
    NULL::text AS case_def_id_,
    NULL::text AS case_inst_id_,
    x."element" || ':' || x."activity_id"::text AS act_inst_id_,
    x."element" AS act_id_,
    (timestamptz 'epoch' + x."evaluated" * interval '1 millisecond')::timestamp AS eval_time_,
    (timestamptz 'epoch' + CASE WHEN x."instance_id" IS NULL THEN x."evaluated" + dd."history_ttl_days"::bigint * 86400000 ELSE (SELECT max(re."ended") FROM history_process re WHERE re."id" = x."root_id") + d."history_ttl_days"::bigint * 86400000 END * interval '1 millisecond')::timestamp AS removal_time_,
    x."collected" AS collect_value_,
    x."user_id" AS user_id_,
    x."parent_id"::text AS root_dec_inst_id_,
    CASE WHEN x."instance_id" IS NOT NULL THEN x."root_id"::text END AS root_proc_inst_id_,
    dd."requirements_rest_id" AS dec_req_id_,
    dd."requirements_key" AS dec_req_key_,
    x."tenant_id" AS tenant_id_
FROM history_decision x LEFT JOIN decision_definition dd ON dd."id" = x."decision_id" LEFT JOIN definition d ON d."id" = x."definition_id" WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot);

CREATE VIEW ACT_HI_DEC_IN AS
SELECT
    x."id"::text AS id_,
    x."evaluation_id"::text AS dec_inst_id_,
    x."clause_id" AS clause_id_,
    x."clause_name" AS clause_name_,
    lower(x."type") AS var_type_,
    CASE WHEN x."type" IN ('Bytes', 'File', 'Object', 'Json', 'Xml') THEN x."id"::text END AS bytearray_id_,
    x."float" AS double_,
    x."number" AS long_,
    CASE WHEN x."type" IN ('Short', 'Integer', 'Long') THEN x."number"::text WHEN x."type" IN ('Bytes', 'File', 'Object', 'Json', 'Xml') THEN NULL::text ELSE x."text" END AS text_,
    x."info" AS text2_,
    h."tenant_id" AS tenant_id_,
    (timestamptz 'epoch' + x."created" * interval '1 millisecond')::timestamp AS create_time_,
    CASE WHEN h."instance_id" IS NOT NULL THEN x."root_id"::text END AS root_proc_inst_id_,
    (timestamptz 'epoch' + CASE WHEN h."instance_id" IS NULL THEN h."evaluated" + dd."history_ttl_days"::bigint * 86400000 ELSE (SELECT max(re."ended") FROM history_process re WHERE re."id" = x."root_id") + d."history_ttl_days"::bigint * 86400000 END * interval '1 millisecond')::timestamp AS removal_time_
FROM history_decision_input x LEFT JOIN history_decision h ON h."root_id" = x."root_id" AND h."id" = x."evaluation_id" LEFT JOIN decision_definition dd ON dd."id" = h."decision_id" LEFT JOIN definition d ON d."id" = h."definition_id" WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot);

CREATE VIEW ACT_HI_DEC_OUT AS
SELECT
    x."id"::text AS id_,
    x."evaluation_id"::text AS dec_inst_id_,
    x."clause_id" AS clause_id_,
    x."clause_name" AS clause_name_,
    x."rule_id" AS rule_id_,
    x."rule_order" AS rule_order_,
    x."name" AS var_name_,
    lower(x."type") AS var_type_,
    CASE WHEN x."type" IN ('Bytes', 'File', 'Object', 'Json', 'Xml') THEN x."id"::text END AS bytearray_id_,
    x."float" AS double_,
    x."number" AS long_,
    CASE WHEN x."type" IN ('Short', 'Integer', 'Long') THEN x."number"::text WHEN x."type" IN ('Bytes', 'File', 'Object', 'Json', 'Xml') THEN NULL::text ELSE x."text" END AS text_,
    x."info" AS text2_,
    h."tenant_id" AS tenant_id_,
    (timestamptz 'epoch' + x."created" * interval '1 millisecond')::timestamp AS create_time_,
    CASE WHEN h."instance_id" IS NOT NULL THEN x."root_id"::text END AS root_proc_inst_id_,
    (timestamptz 'epoch' + CASE WHEN h."instance_id" IS NULL THEN h."evaluated" + dd."history_ttl_days"::bigint * 86400000 ELSE (SELECT max(re."ended") FROM history_process re WHERE re."id" = x."root_id") + d."history_ttl_days"::bigint * 86400000 END * interval '1 millisecond')::timestamp AS removal_time_
FROM history_decision_output x LEFT JOIN history_decision h ON h."root_id" = x."root_id" AND h."id" = x."evaluation_id" LEFT JOIN decision_definition dd ON dd."id" = h."decision_id" LEFT JOIN definition d ON d."id" = h."definition_id" WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot);
