-- Identity and rights: groups, tenants, memberships and authorizations, equal on all shards.
ALTER TABLE engine_user ADD COLUMN "unlocks" INTEGER NOT NULL DEFAULT 0;

CREATE TABLE engine_group (
    "id" TEXT NOT NULL,
    "name" TEXT,
    "kind" TEXT,
    PRIMARY KEY ("id")
) STRICT, WITHOUT ROWID;

CREATE TABLE engine_tenant (
    "id" TEXT NOT NULL,
    "name" TEXT,
    PRIMARY KEY ("id")
) STRICT, WITHOUT ROWID;

CREATE TABLE group_member (
    "group_id" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    PRIMARY KEY ("group_id", "user_id")
) STRICT, WITHOUT ROWID;
CREATE INDEX group_member_user ON group_member ("user_id");

CREATE TABLE tenant_member (
    "tenant_id" TEXT NOT NULL,
    "is_group" INTEGER NOT NULL,
    "member_id" TEXT NOT NULL,
    PRIMARY KEY ("tenant_id", "is_group", "member_id")
) STRICT, WITHOUT ROWID;
CREATE INDEX tenant_member_member ON tenant_member ("member_id");

CREATE TABLE engine_authorization (
    "id" BLOB NOT NULL,
    "kind" INTEGER NOT NULL,
    "user_id" TEXT,
    "group_id" TEXT,
    "resource_type" INTEGER NOT NULL,
    "resource_id" TEXT,
    "permissions" INTEGER NOT NULL,
    PRIMARY KEY ("id")
) STRICT, WITHOUT ROWID;
CREATE INDEX engine_authorization_user ON engine_authorization ("user_id");
CREATE INDEX engine_authorization_group ON engine_authorization ("group_id");
CREATE INDEX engine_authorization_resource ON engine_authorization ("resource_type", "resource_id");

CREATE VIEW ACT_ID_GROUP AS
SELECT
    x."id" AS id_,
    1 AS rev_,
    x."name" AS name_,
    x."kind" AS type_
FROM engine_group x;

CREATE VIEW ACT_ID_MEMBERSHIP AS
SELECT
    x."user_id" AS user_id_,
    x."group_id" AS group_id_
FROM group_member x;

CREATE VIEW ACT_ID_TENANT AS
SELECT
    x."id" AS id_,
    1 AS rev_,
    x."name" AS name_
FROM engine_tenant x;

CREATE VIEW ACT_ID_TENANT_MEMBER AS
SELECT
    x."tenant_id" || CASE WHEN x."is_group" THEN ':group:' ELSE ':user:' END || x."member_id" AS id_,
    x."tenant_id" AS tenant_id_,
    CASE WHEN NOT x."is_group" THEN x."member_id" END AS user_id_,
    CASE WHEN x."is_group" THEN x."member_id" END AS group_id_
FROM tenant_member x;

CREATE VIEW ACT_RU_AUTHORIZATION AS
SELECT
    lower(substr(hex(x."id"), 1, 8) || '-' || substr(hex(x."id"), 9, 4) || '-' || substr(hex(x."id"), 13, 4) || '-' || substr(hex(x."id"), 17, 4) || '-' || substr(hex(x."id"), 21)) AS id_,
    1 AS rev_,
    x."kind" AS type_,
    x."group_id" AS group_id_,
    x."user_id" AS user_id_,
    x."resource_type" AS resource_type_,
    x."resource_id" AS resource_id_,
    x."permissions" AS perms_,
    NULL AS removal_time_,
    NULL AS root_proc_inst_id_
FROM engine_authorization x;
