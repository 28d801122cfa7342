-- Version 1: everything the walking skeleton stores. Times are Unix milliseconds, uuids 16 bytes.

CREATE TABLE process_instance (
    "id" BLOB NOT NULL,
    "slot" INTEGER NOT NULL,
    "root_id" BLOB NOT NULL,
    "super_token_id" BLOB,
    "definition_id" BLOB NOT NULL,
    "business_key" TEXT,
    "revision" INTEGER NOT NULL,
    "suspended" INTEGER NOT NULL,
    "started" INTEGER NOT NULL,
    "start_user" TEXT,
    "start_element" TEXT NOT NULL,
    "tenant_id" TEXT,
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
    PRIMARY KEY ("id")
) STRICT, WITHOUT ROWID;

CREATE TABLE history_process (
    "id" BLOB NOT NULL,
    "slot" INTEGER NOT NULL,
    "root_id" BLOB NOT NULL,
    "super_token_id" BLOB,
    "definition_id" BLOB NOT NULL,
    "business_key" TEXT,
    "revision" INTEGER NOT NULL,
    "suspended" INTEGER NOT NULL,
    "started" INTEGER NOT NULL,
    "start_user" TEXT,
    "start_element" TEXT NOT NULL,
    "tenant_id" TEXT,
    "ended" INTEGER NOT NULL,
    "end_element" TEXT,
    "state" INTEGER NOT NULL,
    "delete_reason" TEXT,
    PRIMARY KEY ("id")
) STRICT, WITHOUT ROWID;

CREATE TABLE history_activity (
    "id" BLOB NOT NULL,
    "slot" INTEGER NOT NULL,
    "root_id" BLOB NOT NULL,
    "instance_id" BLOB NOT NULL,
    "definition_id" BLOB NOT NULL,
    "parent_id" BLOB NOT NULL,
    "execution_id" BLOB NOT NULL,
    "element" TEXT NOT NULL,
    "name" TEXT,
    "kind" TEXT NOT NULL,
    "task_id" BLOB,
    "assignee" TEXT,
    "called_instance_id" BLOB,
    "started" INTEGER NOT NULL,
    "ended" INTEGER NOT NULL,
    "canceled" INTEGER NOT NULL,
    "complete_scope" INTEGER NOT NULL,
    "sequence" INTEGER NOT NULL,
    "tenant_id" TEXT,
    PRIMARY KEY ("id")
) STRICT, WITHOUT ROWID;

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

-- By business key, definition, and slot (a move reads roots by slot).
CREATE INDEX process_instance_key ON process_instance ("business_key") WHERE "business_key" IS NOT NULL;
CREATE INDEX process_instance_definition ON process_instance ("definition_id");
CREATE INDEX process_instance_slot ON process_instance ("slot");
-- An instance's rows.
CREATE INDEX token_instance ON token ("instance_id");
CREATE INDEX variable_instance ON variable ("instance_id");
CREATE INDEX task_instance ON task ("instance_id");
CREATE INDEX external_task_instance ON external_task ("instance_id");
CREATE INDEX job_instance ON job ("instance_id");
CREATE INDEX event_subscription_instance ON event_subscription ("instance_id");
CREATE INDEX incident_instance ON incident ("instance_id");
-- fetchAndLock: by topic and priority, free tasks before locked ones.
CREATE INDEX external_task_topic ON external_task ("topic", "priority" DESC, (coalesce("lock_expires", 0)));
-- Job acquisition: what is due, in order.
CREATE INDEX job_due ON job ((coalesce("due", 0))) WHERE "retries" > 0 AND "suspended" = false;
-- Message and signal correlation.
CREATE INDEX event_subscription_name ON event_subscription ("name", "kind");
-- History by instance; by slot for moves.
CREATE INDEX history_process_slot ON history_process ("slot");
CREATE INDEX history_activity_instance ON history_activity ("instance_id");
CREATE INDEX history_activity_slot ON history_activity ("slot");
-- The slots that job acquisition and fetchAndLock have to skip.
CREATE INDEX slot_not_owned ON slot ("slot") WHERE "state" <> 0;

INSERT INTO applied ("name", "value") VALUES ('log', 0), ('slots', 0);
