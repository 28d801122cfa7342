-- Version 1: everything the walking skeleton stores. Times are Unix milliseconds, uuids 16 bytes.

CREATE TABLE process_instance (
    "id" BLOB NOT NULL,
    "slot" INTEGER NOT NULL,
    "root_id" BLOB NOT NULL,
    "super_token_id" BLOB,
    "super_instance_id" BLOB,
    "definition_id" BLOB NOT NULL,
    "business_key" TEXT,
    "revision" INTEGER NOT NULL,
    "suspended" INTEGER NOT NULL,
    "started" INTEGER NOT NULL,
    "start_user" TEXT,
    "start_element" TEXT NOT NULL,
    "tenant_id" TEXT,
    "retention" INTEGER NOT NULL,
    "recorded" INTEGER NOT NULL,
    PRIMARY KEY ("id")
) STRICT, WITHOUT ROWID;

CREATE TABLE token (
    "id" BLOB NOT NULL,
    "slot" INTEGER NOT NULL,
    "root_id" BLOB NOT NULL,
    "instance_id" BLOB NOT NULL,
    "parent_id" BLOB,
    "element" TEXT NOT NULL,
    "state" INTEGER NOT NULL,
    "execution_id" BLOB NOT NULL,
    "activity_id" BLOB,
    "started" INTEGER NOT NULL,
    "data" TEXT,
    PRIMARY KEY ("id")
) STRICT, WITHOUT ROWID;

CREATE TABLE variable (
    "id" BLOB NOT NULL,
    "slot" INTEGER NOT NULL,
    "root_id" BLOB NOT NULL,
    "instance_id" BLOB NOT NULL,
    "scope_id" BLOB NOT NULL,
    "task_id" BLOB,
    "name" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "text" TEXT,
    "number" INTEGER,
    "float" REAL,
    "bytes" BLOB,
    "info" TEXT,
    "large_id" BLOB,
    "created" INTEGER NOT NULL,
    "updated" INTEGER,
    "revision" INTEGER NOT NULL,
    "version_id" BLOB,
    "writer_id" BLOB,
    "shown_id" BLOB,
    "recorded" INTEGER NOT NULL,
    "initial" INTEGER NOT NULL,
    PRIMARY KEY ("id")
) STRICT;

CREATE TABLE task (
    "id" BLOB NOT NULL,
    "slot" INTEGER NOT NULL,
    "root_id" BLOB NOT NULL,
    "instance_id" BLOB,
    "token_id" BLOB,
    "execution_id" BLOB,
    "activity_id" BLOB,
    "definition_id" BLOB,
    "element" TEXT,
    "name" TEXT,
    "description" TEXT,
    "assignee" TEXT,
    "owner" TEXT,
    "delegation" TEXT,
    "priority" INTEGER NOT NULL,
    "created" INTEGER NOT NULL,
    "last_updated" INTEGER,
    "due" INTEGER,
    "follow_up" INTEGER,
    "suspended" INTEGER NOT NULL,
    "form_key" TEXT,
    "tenant_id" TEXT,
    "recorded" INTEGER NOT NULL,
    PRIMARY KEY ("id")
) STRICT, WITHOUT ROWID;

CREATE TABLE task_candidate (
    "task_id" BLOB NOT NULL,
    "slot" INTEGER NOT NULL,
    "root_id" BLOB NOT NULL,
    "is_group" INTEGER NOT NULL,
    "name" TEXT NOT NULL,
    PRIMARY KEY ("task_id", "is_group", "name")
) STRICT, WITHOUT ROWID;

CREATE TABLE external_task (
    "id" BLOB NOT NULL,
    "slot" INTEGER NOT NULL,
    "root_id" BLOB NOT NULL,
    "instance_id" BLOB NOT NULL,
    "token_id" BLOB NOT NULL,
    "execution_id" BLOB NOT NULL,
    "activity_id" BLOB NOT NULL,
    "definition_id" BLOB NOT NULL,
    "element" TEXT NOT NULL,
    "topic" TEXT NOT NULL,
    "worker_id" TEXT,
    "lock_expires" INTEGER,
    "retries" INTEGER,
    "error_message" TEXT,
    "error_details" TEXT,
    "priority" INTEGER NOT NULL,
    "suspended" INTEGER NOT NULL,
    "created" INTEGER NOT NULL,
    "lock_revision" INTEGER NOT NULL,
    "business_key" TEXT,
    "tenant_id" TEXT,
    "recorded" INTEGER NOT NULL,
    PRIMARY KEY ("id")
) STRICT, WITHOUT ROWID;

CREATE TABLE job (
    "id" BLOB NOT NULL,
    "slot" INTEGER NOT NULL,
    "root_id" BLOB NOT NULL,
    "instance_id" BLOB,
    "token_id" BLOB,
    "execution_id" BLOB,
    "definition_id" BLOB NOT NULL,
    "element" TEXT NOT NULL,
    "kind" INTEGER NOT NULL,
    "due" INTEGER,
    "retries" INTEGER NOT NULL,
    "exclusive" INTEGER NOT NULL,
    "priority" INTEGER NOT NULL,
    "suspended" INTEGER NOT NULL,
    "created" INTEGER NOT NULL,
    "lock_owner" TEXT,
    "lock_expires" INTEGER,
    "error_message" TEXT,
    "stacktrace" TEXT,
    "repeat" TEXT,
    "tenant_id" TEXT,
    "recorded" INTEGER NOT NULL,
    PRIMARY KEY ("id")
) STRICT, WITHOUT ROWID;

CREATE TABLE event_subscription (
    "id" BLOB NOT NULL,
    "slot" INTEGER NOT NULL,
    "root_id" BLOB NOT NULL,
    "instance_id" BLOB NOT NULL,
    "token_id" BLOB NOT NULL,
    "execution_id" BLOB NOT NULL,
    "element" TEXT NOT NULL,
    "kind" INTEGER NOT NULL,
    "name" TEXT,
    "created" INTEGER NOT NULL,
    "tenant_id" TEXT,
    PRIMARY KEY ("id")
) STRICT, WITHOUT ROWID;

CREATE TABLE incident (
    "id" BLOB NOT NULL,
    "slot" INTEGER NOT NULL,
    "root_id" BLOB NOT NULL,
    "instance_id" BLOB,
    "execution_id" BLOB,
    "definition_id" BLOB NOT NULL,
    "kind" TEXT NOT NULL,
    "element" TEXT NOT NULL,
    "message" TEXT,
    "configuration" TEXT,
    "created" INTEGER NOT NULL,
    "cause_id" BLOB NOT NULL,
    "root_cause_id" BLOB NOT NULL,
    "tenant_id" TEXT,
    "job_kind" INTEGER,
    "annotation" TEXT,
    "recorded" INTEGER NOT NULL,
    PRIMARY KEY ("id")
) STRICT, WITHOUT ROWID;

CREATE TABLE history_process (
    "id" BLOB NOT NULL,
    "slot" INTEGER NOT NULL,
    "retention" INTEGER NOT NULL,
    "root_id" BLOB NOT NULL,
    "super_token_id" BLOB,
    "super_instance_id" BLOB,
    "definition_id" BLOB NOT NULL,
    "business_key" TEXT,
    "started" INTEGER NOT NULL,
    "start_user" TEXT,
    "start_element" TEXT NOT NULL,
    "tenant_id" TEXT,
    "ended" INTEGER NOT NULL,
    "end_element" TEXT,
    "state" INTEGER NOT NULL,
    "delete_reason" TEXT,
    "removal" INTEGER
) STRICT;

CREATE TABLE history_activity (
    "id" BLOB NOT NULL,
    "slot" INTEGER NOT NULL,
    "retention" INTEGER NOT NULL,
    "root_id" BLOB NOT NULL,
    "instance_id" BLOB NOT NULL,
    "definition_id" BLOB NOT NULL,
    "parent_id" BLOB,
    "execution_id" BLOB,
    "element" TEXT NOT NULL,
    "task_id" BLOB,
    "assignee" TEXT,
    "called_instance_id" BLOB,
    "started" INTEGER NOT NULL,
    "ended" INTEGER NOT NULL,
    "canceled" INTEGER NOT NULL,
    "complete_scope" INTEGER NOT NULL,
    "tenant_id" TEXT
) STRICT;

CREATE TABLE history_task (
    "id" BLOB NOT NULL,
    "slot" INTEGER NOT NULL,
    "retention" INTEGER NOT NULL,
    "root_id" BLOB NOT NULL,
    "instance_id" BLOB,
    "execution_id" BLOB,
    "activity_id" BLOB,
    "definition_id" BLOB,
    "element" TEXT,
    "name" TEXT,
    "description" TEXT,
    "assignee" TEXT,
    "owner" TEXT,
    "priority" INTEGER NOT NULL,
    "created" INTEGER NOT NULL,
    "due" INTEGER,
    "follow_up" INTEGER,
    "ended" INTEGER NOT NULL,
    "delete_reason" TEXT,
    "tenant_id" TEXT
) STRICT;

CREATE TABLE history_variable (
    "id" BLOB NOT NULL,
    "slot" INTEGER NOT NULL,
    "retention" INTEGER NOT NULL,
    "root_id" BLOB NOT NULL,
    "instance_id" BLOB,
    "scope_id" BLOB NOT NULL,
    "activity_id" BLOB,
    "task_id" BLOB,
    "name" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "text" TEXT,
    "number" INTEGER,
    "float" REAL,
    "bytes" BLOB,
    "info" TEXT,
    "large_id" BLOB,
    "created" INTEGER NOT NULL,
    "updated" INTEGER,
    "revision" INTEGER NOT NULL,
    "version_id" BLOB,
    "writer_id" BLOB,
    "shown_id" BLOB,
    "recorded" INTEGER NOT NULL,
    "initial" INTEGER NOT NULL,
    "ended" INTEGER NOT NULL,
    "deleted" INTEGER NOT NULL
) STRICT;

CREATE TABLE history_detail (
    "id" BLOB NOT NULL,
    "slot" INTEGER NOT NULL,
    "retention" INTEGER NOT NULL,
    "root_id" BLOB NOT NULL,
    "instance_id" BLOB,
    "variable_id" BLOB NOT NULL,
    "scope_id" BLOB NOT NULL,
    "task_id" BLOB,
    "name" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "text" TEXT,
    "number" INTEGER,
    "float" REAL,
    "bytes" BLOB,
    "info" TEXT,
    "large_id" BLOB,
    "updated" INTEGER NOT NULL,
    "revision" INTEGER NOT NULL,
    "writer_id" BLOB,
    "initial" INTEGER NOT NULL
) STRICT;

CREATE TABLE history_incident (
    "id" BLOB NOT NULL,
    "slot" INTEGER NOT NULL,
    "retention" INTEGER NOT NULL,
    "root_id" BLOB NOT NULL,
    "instance_id" BLOB,
    "execution_id" BLOB,
    "definition_id" BLOB NOT NULL,
    "kind" TEXT NOT NULL,
    "element" TEXT NOT NULL,
    "message" TEXT,
    "configuration" TEXT,
    "created" INTEGER NOT NULL,
    "cause_id" BLOB NOT NULL,
    "root_cause_id" BLOB NOT NULL,
    "tenant_id" TEXT,
    "job_kind" INTEGER,
    "annotation" TEXT,
    "ended" INTEGER NOT NULL,
    "state" INTEGER NOT NULL
) STRICT;

CREATE TABLE history_job (
    "id" BLOB NOT NULL,
    "slot" INTEGER NOT NULL,
    "retention" INTEGER NOT NULL,
    "root_id" BLOB NOT NULL,
    "job_id" BLOB NOT NULL,
    "instance_id" BLOB,
    "execution_id" BLOB,
    "definition_id" BLOB NOT NULL,
    "element" TEXT NOT NULL,
    "kind" INTEGER NOT NULL,
    "due" INTEGER,
    "retries" INTEGER NOT NULL,
    "priority" INTEGER NOT NULL,
    "created" INTEGER NOT NULL,
    "time" INTEGER NOT NULL,
    "state" INTEGER NOT NULL,
    "error_message" TEXT,
    "stacktrace" TEXT,
    "node" TEXT,
    "tenant_id" TEXT
) STRICT;

CREATE TABLE history_external_task (
    "id" BLOB NOT NULL,
    "slot" INTEGER NOT NULL,
    "retention" INTEGER NOT NULL,
    "root_id" BLOB NOT NULL,
    "task_id" BLOB NOT NULL,
    "instance_id" BLOB NOT NULL,
    "execution_id" BLOB,
    "activity_id" BLOB,
    "definition_id" BLOB NOT NULL,
    "element" TEXT NOT NULL,
    "topic" TEXT NOT NULL,
    "worker_id" TEXT,
    "retries" INTEGER,
    "priority" INTEGER NOT NULL,
    "created" INTEGER NOT NULL,
    "time" INTEGER NOT NULL,
    "state" INTEGER NOT NULL,
    "error_message" TEXT,
    "error_details" TEXT,
    "tenant_id" TEXT
) STRICT;

CREATE TABLE history_identity_link (
    "id" BLOB NOT NULL,
    "slot" INTEGER NOT NULL,
    "retention" INTEGER NOT NULL,
    "root_id" BLOB NOT NULL,
    "task_id" BLOB,
    "instance_id" BLOB,
    "definition_id" BLOB,
    "kind" TEXT NOT NULL,
    "user_id" TEXT,
    "group_id" TEXT,
    "added" INTEGER NOT NULL,
    "operator" TEXT,
    "time" INTEGER NOT NULL,
    "tenant_id" TEXT
) STRICT;

CREATE TABLE large_value (
    "id" BLOB NOT NULL,
    "slot" INTEGER NOT NULL,
    "retention" INTEGER NOT NULL,
    "root_id" BLOB NOT NULL,
    "text" TEXT,
    "bytes" BLOB
) STRICT;

CREATE TABLE idempotency (
    "slot" INTEGER NOT NULL,
    "key" BLOB NOT NULL,
    "root_id" BLOB,
    "digest" TEXT NOT NULL,
    "status" INTEGER NOT NULL,
    "body" TEXT NOT NULL,
    "created" INTEGER NOT NULL,
    "instance_id" BLOB,
    PRIMARY KEY ("slot", "key")
) STRICT, WITHOUT ROWID;

CREATE TABLE alias (
    "slot" INTEGER NOT NULL,
    "id" TEXT NOT NULL,
    "kind" INTEGER NOT NULL,
    "target_slot" INTEGER NOT NULL,
    "root_id" BLOB,
    PRIMARY KEY ("slot", "id", "kind")
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
    "slot" INTEGER NOT NULL,
    "sequence" INTEGER NOT NULL,
    "root_id" BLOB,
    "target_slot" INTEGER NOT NULL,
    "kind" INTEGER NOT NULL,
    "created" INTEGER NOT NULL,
    "body" TEXT NOT NULL,
    PRIMARY KEY ("slot", "sequence")
) STRICT, WITHOUT ROWID;

CREATE TABLE key_directory (
    "slot" INTEGER NOT NULL,
    "business_key" TEXT NOT NULL,
    "instance_id" BLOB NOT NULL,
    "root_id" BLOB,
    "intent" INTEGER NOT NULL,
    PRIMARY KEY ("slot", "business_key", "instance_id")
) STRICT, WITHOUT ROWID;

CREATE TABLE deployment (
    "id" BLOB NOT NULL,
    "name" TEXT,
    "source" TEXT,
    "tenant_id" TEXT,
    "deployed" INTEGER NOT NULL,
    "published" INTEGER NOT NULL,
    PRIMARY KEY ("id")
) STRICT, WITHOUT ROWID;

CREATE TABLE resource (
    "deployment_id" BLOB NOT NULL,
    "name" TEXT NOT NULL,
    "id" BLOB NOT NULL,
    "content" BLOB NOT NULL,
    PRIMARY KEY ("deployment_id", "name")
) STRICT;

CREATE TABLE definition (
    "id" BLOB NOT NULL,
    "rest_id" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "name" TEXT,
    "category" TEXT,
    "description" TEXT,
    "version_tag" TEXT,
    "tenant_id" TEXT,
    "history_ttl_days" INTEGER,
    "startable_in_tasklist" INTEGER NOT NULL,
    "suspended" INTEGER NOT NULL,
    "resource_name" TEXT NOT NULL,
    "deployment_id" BLOB NOT NULL,
    "home" INTEGER NOT NULL,
    PRIMARY KEY ("id")
) STRICT, WITHOUT ROWID;

CREATE TABLE element (
    "definition_id" BLOB NOT NULL,
    "element" TEXT NOT NULL,
    "name" TEXT,
    "kind" TEXT NOT NULL,
    PRIMARY KEY ("definition_id", "element")
) STRICT;

CREATE TABLE job_definition (
    "id" BLOB NOT NULL,
    "definition_id" BLOB NOT NULL,
    "element" TEXT NOT NULL,
    "kind" INTEGER NOT NULL,
    "job_type" TEXT NOT NULL,
    "configuration" TEXT NOT NULL,
    "suspended" INTEGER NOT NULL,
    "priority" INTEGER,
    PRIMARY KEY ("definition_id", "element", "kind")
) STRICT, WITHOUT ROWID;

CREATE TABLE engine_user (
    "id" TEXT NOT NULL,
    "first_name" TEXT,
    "last_name" TEXT,
    "email" TEXT,
    "password_hash" TEXT NOT NULL,
    PRIMARY KEY ("id")
) STRICT, WITHOUT ROWID;

CREATE TABLE slot (
    "slot" INTEGER NOT NULL,
    "state" INTEGER NOT NULL,
    "epoch" INTEGER NOT NULL,
    "move_id" TEXT,
    "armed" INTEGER NOT NULL,
    PRIMARY KEY ("slot")
) STRICT, WITHOUT ROWID;

CREATE TABLE hidden_slot (
    "slot" INTEGER NOT NULL,
    PRIMARY KEY ("slot")
) STRICT, WITHOUT ROWID;

CREATE TABLE counter (
    "kind" INTEGER NOT NULL,
    "definition_id" BLOB NOT NULL,
    "delta" INTEGER NOT NULL,
    PRIMARY KEY ("kind", "definition_id")
) STRICT, WITHOUT ROWID;

CREATE TABLE commit_batch (
    "id" BLOB NOT NULL,
    "refused" TEXT NOT NULL,
    PRIMARY KEY ("id")
) STRICT, WITHOUT ROWID;

CREATE TABLE payload (
    "digest" TEXT NOT NULL,
    "bytes" BLOB NOT NULL,
    PRIMARY KEY ("digest")
) STRICT;

CREATE TABLE history_outbox (
    "id" INTEGER NOT NULL,
    "created" INTEGER NOT NULL,
    "source" TEXT NOT NULL,
    "rows" TEXT NOT NULL,
    PRIMARY KEY ("id")
);

CREATE TABLE stamp (
    "one" INTEGER NOT NULL,
    "cluster" TEXT NOT NULL,
    "shard" TEXT NOT NULL,
    "generation" INTEGER NOT NULL,
    PRIMARY KEY ("one")
) STRICT, WITHOUT ROWID;

CREATE TABLE applied (
    "name" TEXT NOT NULL,
    "value" INTEGER NOT NULL,
    PRIMARY KEY ("name")
) STRICT, WITHOUT ROWID;

CREATE TABLE setting (
    "name" TEXT NOT NULL,
    "value" TEXT NOT NULL,
    PRIMARY KEY ("name")
) STRICT, WITHOUT ROWID;

-- By business key, definition, and slot (a move reads roots by slot).
CREATE INDEX process_instance_key ON process_instance ("business_key") WHERE "business_key" IS NOT NULL;
CREATE INDEX process_instance_definition ON process_instance ("definition_id");
CREATE INDEX process_instance_slot ON process_instance ("slot");
-- An instance's rows.
CREATE INDEX token_instance ON token ("instance_id");
CREATE INDEX variable_instance ON variable ("instance_id");
CREATE INDEX task_instance ON task ("instance_id");
CREATE INDEX external_task_instance ON external_task ("instance_id");
CREATE INDEX job_instance ON job ("instance_id", "lock_expires");
CREATE INDEX event_subscription_instance ON event_subscription ("instance_id");
CREATE INDEX incident_instance ON incident ("instance_id");
-- fetchAndLock: by topic and priority, free tasks before locked ones.
CREATE INDEX external_task_topic ON external_task ("topic", "priority" DESC, (coalesce("lock_expires", 0)));
-- Job acquisition: what could be taken, by priority and time and by time alone; and what is locked. A job is in the
-- first two or in the third.
CREATE INDEX job_ready ON job ("priority" DESC, (coalesce("due", "created"))) WHERE "retries" > 0 AND "suspended" = false AND "lock_expires" IS NULL;
CREATE INDEX job_ready_age ON job ((coalesce("due", "created"))) WHERE "retries" > 0 AND "suspended" = false AND "lock_expires" IS NULL;
CREATE INDEX job_locked ON job ("lock_expires") WHERE "lock_expires" IS NOT NULL;
-- Message and signal correlation.
CREATE INDEX event_subscription_name ON event_subscription ("name", "kind");
-- History: heads of trees by slot (a move reads the others by root), everything by root; ids grow with time, so a
-- BRIN index finds one at no cost.
CREATE INDEX history_process_id ON history_process ("id");
CREATE INDEX history_process_slot ON history_process ("slot");
CREATE INDEX history_process_key ON history_process ("business_key") WHERE "business_key" IS NOT NULL;
CREATE INDEX history_process_definition ON history_process ("definition_id", "ended");
CREATE INDEX history_process_child ON history_process ("root_id") WHERE "root_id" <> "id";
CREATE INDEX history_activity_root ON history_activity ("root_id");
CREATE INDEX history_activity_id ON history_activity ("id");
CREATE INDEX history_task_root ON history_task ("root_id");
CREATE INDEX history_task_id ON history_task ("id");
CREATE INDEX history_variable_root ON history_variable ("root_id");
CREATE INDEX history_variable_id ON history_variable ("id");
CREATE INDEX history_detail_root ON history_detail ("root_id");
CREATE INDEX history_detail_id ON history_detail ("id");
CREATE INDEX history_incident_root ON history_incident ("root_id");
CREATE INDEX history_incident_id ON history_incident ("id");
CREATE INDEX history_job_root ON history_job ("root_id");
CREATE INDEX history_job_id ON history_job ("id");
CREATE INDEX history_external_task_root ON history_external_task ("root_id");
CREATE INDEX history_external_task_id ON history_external_task ("id");
CREATE INDEX history_identity_link_root ON history_identity_link ("root_id");
CREATE INDEX history_identity_link_id ON history_identity_link ("id");
CREATE INDEX large_value_root ON large_value ("root_id");
CREATE INDEX large_value_id ON large_value ("id");
CREATE INDEX history_process_ended ON history_process ("ended");
-- Lists: what people and tools look for by itself. What nearly every row has, or what changes with every step, has
-- none: docs/query-plans.tsv names the filters that need another one beside them.
CREATE INDEX process_instance_super ON process_instance ("super_token_id") WHERE "super_token_id" IS NOT NULL;
CREATE INDEX process_instance_caller ON process_instance ("super_instance_id") WHERE "super_instance_id" IS NOT NULL;
CREATE INDEX history_process_caller ON history_process ("super_instance_id") WHERE "super_instance_id" IS NOT NULL;
CREATE INDEX process_instance_suspended ON process_instance ("id") WHERE "suspended" = true;
CREATE INDEX process_instance_tenant ON process_instance ("tenant_id") WHERE "tenant_id" IS NOT NULL;
CREATE INDEX task_assignee ON task ("assignee") WHERE "assignee" IS NOT NULL;
CREATE INDEX task_definition ON task ("definition_id");
CREATE INDEX task_due ON task ("due") WHERE "due" IS NOT NULL;
CREATE INDEX task_candidate_name ON task_candidate ("name");
CREATE INDEX variable_text ON variable ("name", substr("text", 1, 40)) WHERE "text" IS NOT NULL;
CREATE INDEX variable_number ON variable ("name", "number") WHERE "number" IS NOT NULL;
CREATE INDEX job_failed ON job ("id") WHERE "retries" = 0;
CREATE INDEX job_error ON job ("definition_id") WHERE "error_message" IS NOT NULL;
CREATE INDEX external_task_failed ON external_task ("definition_id") WHERE "retries" = 0;
CREATE INDEX incident_definition ON incident ("definition_id");
CREATE INDEX incident_configuration ON incident ("configuration");
CREATE INDEX incident_cause ON incident ("root_cause_id");
CREATE INDEX incident_created ON incident ("created");
CREATE INDEX history_process_state ON history_process ("state") WHERE "state" <> 0;
CREATE INDEX history_process_user ON history_process ("start_user") WHERE "start_user" IS NOT NULL;
CREATE INDEX history_process_tenant ON history_process ("tenant_id") WHERE "tenant_id" IS NOT NULL;
CREATE INDEX history_process_started ON history_process ("started");
-- What has no instance, by slot: a move finds roots there that aren't instances.
CREATE INDEX task_alone ON task ("slot") WHERE "instance_id" IS NULL;
CREATE INDEX job_alone ON job ("slot") WHERE "instance_id" IS NULL;
CREATE INDEX incident_alone ON incident ("slot") WHERE "instance_id" IS NULL;
CREATE INDEX history_task_alone ON history_task ("slot") WHERE "instance_id" IS NULL;
CREATE INDEX history_job_alone ON history_job ("slot") WHERE "instance_id" IS NULL;
CREATE INDEX history_incident_alone ON history_incident ("slot") WHERE "instance_id" IS NULL;
-- Trees whose removal time somebody has set.
CREATE INDEX history_process_removal ON history_process ("removal") WHERE "removal" IS NOT NULL;
-- The slots that job acquisition and fetchAndLock have to skip.
CREATE INDEX slot_not_owned ON slot ("slot") WHERE "state" <> 0;

-- Counters. Kinds: 0 running and recorded, 1 ended, 2 running and not recorded, 3 user tasks.
CREATE TRIGGER process_instance_added AFTER INSERT ON process_instance BEGIN
    INSERT INTO counter ("kind", "definition_id", "delta") VALUES (CASE WHEN NEW."recorded" = 1 THEN 0 ELSE 2 END, coalesce(NEW."definition_id", zeroblob(16)), 1)
    ON CONFLICT ("kind", "definition_id") DO UPDATE SET "delta" = "delta" + excluded."delta";
END;
CREATE TRIGGER process_instance_removed AFTER DELETE ON process_instance BEGIN
    INSERT INTO counter ("kind", "definition_id", "delta") VALUES (CASE WHEN OLD."recorded" = 1 THEN 0 ELSE 2 END, coalesce(OLD."definition_id", zeroblob(16)), -1)
    ON CONFLICT ("kind", "definition_id") DO UPDATE SET "delta" = "delta" + excluded."delta";
END;
CREATE TRIGGER history_process_added AFTER INSERT ON history_process BEGIN
    INSERT INTO counter ("kind", "definition_id", "delta") VALUES (1, coalesce(NEW."definition_id", zeroblob(16)), 1)
    ON CONFLICT ("kind", "definition_id") DO UPDATE SET "delta" = "delta" + excluded."delta";
END;
CREATE TRIGGER history_process_removed AFTER DELETE ON history_process BEGIN
    INSERT INTO counter ("kind", "definition_id", "delta") VALUES (1, coalesce(OLD."definition_id", zeroblob(16)), -1)
    ON CONFLICT ("kind", "definition_id") DO UPDATE SET "delta" = "delta" + excluded."delta";
END;
CREATE TRIGGER task_added AFTER INSERT ON task BEGIN
    INSERT INTO counter ("kind", "definition_id", "delta") VALUES (3, coalesce(NEW."definition_id", zeroblob(16)), 1)
    ON CONFLICT ("kind", "definition_id") DO UPDATE SET "delta" = "delta" + excluded."delta";
END;
CREATE TRIGGER task_removed AFTER DELETE ON task BEGIN
    INSERT INTO counter ("kind", "definition_id", "delta") VALUES (3, coalesce(OLD."definition_id", zeroblob(16)), -1)
    ON CONFLICT ("kind", "definition_id") DO UPDATE SET "delta" = "delta" + excluded."delta";
END;
CREATE TRIGGER process_instance_migrated AFTER UPDATE OF "definition_id" ON process_instance WHEN OLD."definition_id" <> NEW."definition_id" BEGIN
    INSERT INTO counter ("kind", "definition_id", "delta") VALUES (CASE WHEN OLD."recorded" = 1 THEN 0 ELSE 2 END, OLD."definition_id", -1)
    ON CONFLICT ("kind", "definition_id") DO UPDATE SET "delta" = "delta" + excluded."delta";
    INSERT INTO counter ("kind", "definition_id", "delta") VALUES (CASE WHEN NEW."recorded" = 1 THEN 0 ELSE 2 END, NEW."definition_id", 1)
    ON CONFLICT ("kind", "definition_id") DO UPDATE SET "delta" = "delta" + excluded."delta";
END;
CREATE TRIGGER task_migrated AFTER UPDATE OF "definition_id" ON task WHEN OLD."definition_id" <> NEW."definition_id" BEGIN
    INSERT INTO counter ("kind", "definition_id", "delta") VALUES (3, OLD."definition_id", -1)
    ON CONFLICT ("kind", "definition_id") DO UPDATE SET "delta" = "delta" + excluded."delta";
    INSERT INTO counter ("kind", "definition_id", "delta") VALUES (3, NEW."definition_id", 1)
    ON CONFLICT ("kind", "definition_id") DO UPDATE SET "delta" = "delta" + excluded."delta";
END;

INSERT INTO applied ("name", "value") VALUES ('log', 0), ('slots', 0);
