-- Identity and rights: groups, tenants, memberships and authorizations, equal on all shards.
ALTER TABLE engine_user ADD COLUMN "unlocks" bigint NOT NULL DEFAULT 0;

CREATE TABLE engine_group (
    "id" text COLLATE "C" NOT NULL,
    "name" text COLLATE "C",
    "kind" text COLLATE "C",
    PRIMARY KEY ("id")
);

CREATE TABLE engine_tenant (
    "id" text COLLATE "C" NOT NULL,
    "name" text COLLATE "C",
    PRIMARY KEY ("id")
);

CREATE TABLE group_member (
    "group_id" text COLLATE "C" NOT NULL,
    "user_id" text COLLATE "C" NOT NULL,
    PRIMARY KEY ("group_id", "user_id")
);
CREATE INDEX group_member_user ON group_member ("user_id");

CREATE TABLE tenant_member (
    "tenant_id" text COLLATE "C" NOT NULL,
    "is_group" boolean NOT NULL,
    "member_id" text COLLATE "C" NOT NULL,
    PRIMARY KEY ("tenant_id", "is_group", "member_id")
);
CREATE INDEX tenant_member_member ON tenant_member ("member_id");

CREATE TABLE engine_authorization (
    "id" uuid NOT NULL,
    "kind" smallint NOT NULL,
    "user_id" text COLLATE "C",
    "group_id" text COLLATE "C",
    "resource_type" integer NOT NULL,
    "resource_id" text COLLATE "C",
    "permissions" bigint NOT NULL,
    PRIMARY KEY ("id")
);
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
    x."id"::text AS id_,
    1 AS rev_,
    x."kind"::integer AS type_,
    x."group_id" AS group_id_,
    x."user_id" AS user_id_,
    x."resource_type" AS resource_type_,
    x."resource_id" AS resource_id_,
    x."permissions"::integer AS perms_,
    NULL::timestamp AS removal_time_,
    NULL::text AS root_proc_inst_id_
FROM engine_authorization x;
