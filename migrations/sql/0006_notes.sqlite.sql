-- What people add to tasks: links of other kinds than candidates, comments, attachments.
CREATE TABLE task_link (
    "task_id" BLOB NOT NULL,
    "slot" INTEGER NOT NULL,
    "root_id" BLOB NOT NULL,
    "kind" TEXT NOT NULL,
    "is_group" INTEGER NOT NULL,
    "name" TEXT NOT NULL,
    PRIMARY KEY ("task_id", "kind", "is_group", "name")
) STRICT, WITHOUT ROWID;
CREATE TABLE comment (
    "id" BLOB NOT NULL,
    "slot" INTEGER NOT NULL,
    "root_id" BLOB NOT NULL,
    "task_id" BLOB NOT NULL,
    "process_instance" TEXT,
    "user_id" TEXT,
    "time" INTEGER NOT NULL,
    "message" TEXT NOT NULL,
    "bound" INTEGER NOT NULL,
    PRIMARY KEY ("id")
) STRICT;
CREATE TABLE attachment (
    "id" BLOB NOT NULL,
    "slot" INTEGER NOT NULL,
    "root_id" BLOB NOT NULL,
    "task_id" BLOB NOT NULL,
    "name" TEXT,
    "description" TEXT,
    "kind" TEXT,
    "url" TEXT,
    "user_id" TEXT,
    "created" INTEGER NOT NULL,
    "bound" INTEGER NOT NULL,
    "content" BLOB,
    PRIMARY KEY ("id")
) STRICT;
CREATE INDEX comment_slot ON comment ("slot");
CREATE INDEX comment_root ON comment ("root_id");
CREATE INDEX comment_task ON comment ("task_id");
CREATE INDEX attachment_slot ON attachment ("slot");
CREATE INDEX attachment_root ON attachment ("root_id");
CREATE INDEX attachment_task ON attachment ("task_id");
CREATE INDEX comment_instance ON comment ("process_instance") WHERE "process_instance" IS NOT NULL;

DROP VIEW ACT_RU_IDENTITYLINK;
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
FROM task_candidate x WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot)
UNION ALL
SELECT
    lower(substr(hex(x."task_id"), 1, 8) || '-' || substr(hex(x."task_id"), 9, 4) || '-' || substr(hex(x."task_id"), 13, 4) || '-' || substr(hex(x."task_id"), 17, 4) || '-' || substr(hex(x."task_id"), 21)) || ':' || x."kind" || CASE WHEN x."is_group" THEN ':group:' ELSE ':user:' END || x."name" AS id_,
    1 AS rev_,
    CASE WHEN x."is_group" THEN x."name" END AS group_id_,
    x."kind" AS type_,
    CASE WHEN NOT x."is_group" THEN x."name" END AS user_id_,
    lower(substr(hex(x."task_id"), 1, 8) || '-' || substr(hex(x."task_id"), 9, 4) || '-' || substr(hex(x."task_id"), 13, 4) || '-' || substr(hex(x."task_id"), 17, 4) || '-' || substr(hex(x."task_id"), 21)) AS task_id_,
    NULL AS proc_def_id_,
    NULL AS tenant_id_
FROM task_link x WHERE x."slot" NOT IN (SELECT "slot" FROM hidden_slot);
