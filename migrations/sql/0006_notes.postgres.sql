-- What people add to tasks: links of other kinds than candidates, comments, attachments.
CREATE TABLE task_link (
    "task_id" uuid NOT NULL,
    "slot" smallint NOT NULL,
    "root_id" uuid NOT NULL,
    "kind" text COLLATE "C" NOT NULL,
    "is_group" boolean NOT NULL,
    "name" text COLLATE "C" NOT NULL,
    PRIMARY KEY ("task_id", "kind", "is_group", "name")
);
CREATE TABLE comment (
    "id" uuid NOT NULL,
    "slot" smallint NOT NULL,
    "root_id" uuid NOT NULL,
    "task_id" uuid NOT NULL,
    "process_instance" text COLLATE "C",
    "user_id" text COLLATE "C",
    "time" bigint NOT NULL,
    "message" text COLLATE "C" NOT NULL,
    "bound" boolean NOT NULL,
    PRIMARY KEY ("id")
);
CREATE TABLE attachment (
    "id" uuid NOT NULL,
    "slot" smallint NOT NULL,
    "root_id" uuid NOT NULL,
    "task_id" uuid NOT NULL,
    "name" text COLLATE "C",
    "description" text COLLATE "C",
    "kind" text COLLATE "C",
    "url" text COLLATE "C",
    "user_id" text COLLATE "C",
    "created" bigint NOT NULL,
    "bound" boolean NOT NULL,
    "content" bytea,
    PRIMARY KEY ("id")
);
CREATE INDEX comment_slot ON comment ("slot");
CREATE INDEX comment_root ON comment ("root_id");
CREATE INDEX comment_task ON comment ("task_id");
CREATE INDEX attachment_slot ON attachment ("slot");
CREATE INDEX attachment_root ON attachment ("root_id");
CREATE INDEX attachment_task ON attachment ("task_id");
CREATE INDEX comment_instance ON comment ("process_instance") WHERE "process_instance" IS NOT NULL;

CREATE OR REPLACE VIEW ACT_RU_IDENTITYLINK AS
SELECT
    x."task_id"::text || CASE WHEN x."is_group" THEN ':group:' ELSE ':user:' END || x."name" AS id_,
    1 AS rev_,
    CASE WHEN x."is_group" THEN x."name" END AS group_id_,
    'candidate'::text AS type_,
    CASE WHEN NOT x."is_group" THEN x."name" END AS user_id_,
    x."task_id"::text AS task_id_,
    NULL::text AS proc_def_id_,
    NULL::text AS tenant_id_
FROM task_candidate x WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot)
UNION ALL
SELECT
    x."task_id"::text || ':' || x."kind" || CASE WHEN x."is_group" THEN ':group:' ELSE ':user:' END || x."name" AS id_,
    1 AS rev_,
    CASE WHEN x."is_group" THEN x."name" END AS group_id_,
    x."kind"::text COLLATE "default" AS type_,
    CASE WHEN NOT x."is_group" THEN x."name" END AS user_id_,
    x."task_id"::text AS task_id_,
    NULL::text AS proc_def_id_,
    NULL::text AS tenant_id_
FROM task_link x WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot);
