-- Version 1: everything the walking skeleton stores. Times are Unix milliseconds. Text has byte order.

CREATE TABLE process_instance (
    "id" uuid NOT NULL,
    "slot" smallint NOT NULL,
    "root_id" uuid NOT NULL,
    "super_token_id" uuid,
    "super_instance_id" uuid,
    "definition_id" uuid NOT NULL,
    "business_key" text COLLATE "C",
    "revision" bigint NOT NULL,
    "suspended" boolean NOT NULL,
    "started" bigint NOT NULL,
    "start_user" text COLLATE "C",
    "start_element" text COLLATE "C" NOT NULL,
    "tenant_id" text COLLATE "C",
    "retention" smallint NOT NULL,
    "recorded" boolean NOT NULL,
    PRIMARY KEY ("id")
);

CREATE TABLE token (
    "id" uuid NOT NULL,
    "slot" smallint NOT NULL,
    "root_id" uuid NOT NULL,
    "instance_id" uuid NOT NULL,
    "parent_id" uuid,
    "element" text COLLATE "C" NOT NULL,
    "state" smallint NOT NULL,
    "execution_id" uuid NOT NULL,
    "activity_id" uuid,
    "started" bigint NOT NULL,
    "data" text COLLATE "C",
    PRIMARY KEY ("id")
);

CREATE TABLE variable (
    "id" uuid NOT NULL,
    "slot" smallint NOT NULL,
    "root_id" uuid NOT NULL,
    "instance_id" uuid NOT NULL,
    "scope_id" uuid NOT NULL,
    "task_id" uuid,
    "name" text COLLATE "C" NOT NULL,
    "type" text COLLATE "C" NOT NULL,
    "text" text COLLATE "C",
    "number" bigint,
    "float" double precision,
    "bytes" bytea,
    "info" text COLLATE "C",
    "large_id" uuid,
    "created" bigint NOT NULL,
    "updated" bigint,
    "revision" integer NOT NULL,
    "version_id" uuid,
    "writer_id" uuid,
    "shown_id" uuid,
    "recorded" smallint NOT NULL,
    "initial" boolean NOT NULL,
    PRIMARY KEY ("id")
);

CREATE TABLE task (
    "id" uuid NOT NULL,
    "slot" smallint NOT NULL,
    "root_id" uuid NOT NULL,
    "instance_id" uuid,
    "token_id" uuid,
    "execution_id" uuid,
    "activity_id" uuid,
    "definition_id" uuid,
    "element" text COLLATE "C",
    "name" text COLLATE "C",
    "description" text COLLATE "C",
    "assignee" text COLLATE "C",
    "owner" text COLLATE "C",
    "delegation" text COLLATE "C",
    "priority" integer NOT NULL,
    "created" bigint NOT NULL,
    "last_updated" bigint,
    "due" bigint,
    "follow_up" bigint,
    "suspended" boolean NOT NULL,
    "form_key" text COLLATE "C",
    "tenant_id" text COLLATE "C",
    "recorded" boolean NOT NULL,
    PRIMARY KEY ("id")
);

CREATE TABLE task_candidate (
    "task_id" uuid NOT NULL,
    "slot" smallint NOT NULL,
    "root_id" uuid NOT NULL,
    "is_group" boolean NOT NULL,
    "name" text COLLATE "C" NOT NULL,
    PRIMARY KEY ("task_id", "is_group", "name")
);

CREATE TABLE external_task (
    "id" uuid NOT NULL,
    "slot" smallint NOT NULL,
    "root_id" uuid NOT NULL,
    "instance_id" uuid NOT NULL,
    "token_id" uuid NOT NULL,
    "execution_id" uuid NOT NULL,
    "activity_id" uuid NOT NULL,
    "definition_id" uuid NOT NULL,
    "element" text COLLATE "C" NOT NULL,
    "topic" text COLLATE "C" NOT NULL,
    "worker_id" text COLLATE "C",
    "lock_expires" bigint,
    "retries" integer,
    "error_message" text COLLATE "C",
    "error_details" text COLLATE "C",
    "priority" bigint NOT NULL,
    "suspended" boolean NOT NULL,
    "created" bigint NOT NULL,
    "lock_revision" bigint NOT NULL,
    "business_key" text COLLATE "C",
    "tenant_id" text COLLATE "C",
    "recorded" boolean NOT NULL,
    PRIMARY KEY ("id")
);

CREATE TABLE job (
    "id" uuid NOT NULL,
    "slot" smallint NOT NULL,
    "root_id" uuid NOT NULL,
    "instance_id" uuid,
    "token_id" uuid,
    "execution_id" uuid,
    "definition_id" uuid NOT NULL,
    "element" text COLLATE "C" NOT NULL,
    "kind" smallint NOT NULL,
    "due" bigint,
    "retries" integer NOT NULL,
    "exclusive" boolean NOT NULL,
    "priority" bigint NOT NULL,
    "suspended" boolean NOT NULL,
    "created" bigint NOT NULL,
    "lock_owner" text COLLATE "C",
    "lock_expires" bigint,
    "error_message" text COLLATE "C",
    "stacktrace" text COLLATE "C",
    "repeat" text COLLATE "C",
    "tenant_id" text COLLATE "C",
    "recorded" boolean NOT NULL,
    PRIMARY KEY ("id")
);

CREATE TABLE event_subscription (
    "id" uuid NOT NULL,
    "slot" smallint NOT NULL,
    "root_id" uuid NOT NULL,
    "instance_id" uuid NOT NULL,
    "token_id" uuid NOT NULL,
    "execution_id" uuid NOT NULL,
    "element" text COLLATE "C" NOT NULL,
    "kind" smallint NOT NULL,
    "name" text COLLATE "C",
    "created" bigint NOT NULL,
    "tenant_id" text COLLATE "C",
    PRIMARY KEY ("id")
);

CREATE TABLE incident (
    "id" uuid NOT NULL,
    "slot" smallint NOT NULL,
    "root_id" uuid NOT NULL,
    "instance_id" uuid,
    "execution_id" uuid,
    "definition_id" uuid NOT NULL,
    "kind" text COLLATE "C" NOT NULL,
    "element" text COLLATE "C" NOT NULL,
    "message" text COLLATE "C",
    "configuration" text COLLATE "C",
    "created" bigint NOT NULL,
    "cause_id" uuid NOT NULL,
    "root_cause_id" uuid NOT NULL,
    "tenant_id" text COLLATE "C",
    "job_kind" smallint,
    "annotation" text COLLATE "C",
    "recorded" boolean NOT NULL,
    PRIMARY KEY ("id")
);

CREATE TABLE history_process (
    "id" uuid NOT NULL,
    "slot" smallint NOT NULL,
    "retention" smallint NOT NULL,
    "root_id" uuid NOT NULL,
    "super_token_id" uuid,
    "super_instance_id" uuid,
    "definition_id" uuid NOT NULL,
    "business_key" text COLLATE "C",
    "started" bigint NOT NULL,
    "start_user" text COLLATE "C",
    "start_element" text COLLATE "C" NOT NULL,
    "tenant_id" text COLLATE "C",
    "ended" bigint NOT NULL,
    "end_element" text COLLATE "C",
    "state" smallint NOT NULL,
    "delete_reason" text COLLATE "C",
    "removal" bigint
) PARTITION BY RANGE ("retention", "root_id");
CREATE TABLE history_process_default PARTITION OF history_process DEFAULT;

CREATE TABLE history_activity (
    "id" uuid NOT NULL,
    "slot" smallint NOT NULL,
    "retention" smallint NOT NULL,
    "root_id" uuid NOT NULL,
    "instance_id" uuid NOT NULL,
    "definition_id" uuid NOT NULL,
    "parent_id" uuid,
    "execution_id" uuid,
    "element" text COLLATE "C" NOT NULL,
    "task_id" uuid,
    "assignee" text COLLATE "C",
    "called_instance_id" uuid,
    "started" bigint NOT NULL,
    "ended" bigint NOT NULL,
    "canceled" boolean NOT NULL,
    "complete_scope" boolean NOT NULL,
    "tenant_id" text COLLATE "C"
) PARTITION BY RANGE ("retention", "root_id");
CREATE TABLE history_activity_default PARTITION OF history_activity DEFAULT;

CREATE TABLE history_task (
    "id" uuid NOT NULL,
    "slot" smallint NOT NULL,
    "retention" smallint NOT NULL,
    "root_id" uuid NOT NULL,
    "instance_id" uuid,
    "execution_id" uuid,
    "activity_id" uuid,
    "definition_id" uuid,
    "element" text COLLATE "C",
    "name" text COLLATE "C",
    "description" text COLLATE "C",
    "assignee" text COLLATE "C",
    "owner" text COLLATE "C",
    "priority" integer NOT NULL,
    "created" bigint NOT NULL,
    "due" bigint,
    "follow_up" bigint,
    "ended" bigint NOT NULL,
    "delete_reason" text COLLATE "C",
    "tenant_id" text COLLATE "C"
) PARTITION BY RANGE ("retention", "root_id");
CREATE TABLE history_task_default PARTITION OF history_task DEFAULT;

CREATE TABLE history_variable (
    "id" uuid NOT NULL,
    "slot" smallint NOT NULL,
    "retention" smallint NOT NULL,
    "root_id" uuid NOT NULL,
    "instance_id" uuid,
    "scope_id" uuid NOT NULL,
    "activity_id" uuid,
    "task_id" uuid,
    "name" text COLLATE "C" NOT NULL,
    "type" text COLLATE "C" NOT NULL,
    "text" text COLLATE "C",
    "number" bigint,
    "float" double precision,
    "bytes" bytea,
    "info" text COLLATE "C",
    "large_id" uuid,
    "created" bigint NOT NULL,
    "updated" bigint,
    "revision" integer NOT NULL,
    "version_id" uuid,
    "writer_id" uuid,
    "shown_id" uuid,
    "recorded" smallint NOT NULL,
    "initial" boolean NOT NULL,
    "ended" bigint NOT NULL,
    "deleted" boolean NOT NULL
) PARTITION BY RANGE ("retention", "root_id");
CREATE TABLE history_variable_default PARTITION OF history_variable DEFAULT;

CREATE TABLE history_detail (
    "id" uuid NOT NULL,
    "slot" smallint NOT NULL,
    "retention" smallint NOT NULL,
    "root_id" uuid NOT NULL,
    "instance_id" uuid,
    "variable_id" uuid NOT NULL,
    "scope_id" uuid NOT NULL,
    "task_id" uuid,
    "name" text COLLATE "C" NOT NULL,
    "type" text COLLATE "C" NOT NULL,
    "text" text COLLATE "C",
    "number" bigint,
    "float" double precision,
    "bytes" bytea,
    "info" text COLLATE "C",
    "large_id" uuid,
    "updated" bigint NOT NULL,
    "revision" integer NOT NULL,
    "writer_id" uuid,
    "initial" boolean NOT NULL
) PARTITION BY RANGE ("retention", "root_id");
CREATE TABLE history_detail_default PARTITION OF history_detail DEFAULT;

CREATE TABLE history_incident (
    "id" uuid NOT NULL,
    "slot" smallint NOT NULL,
    "retention" smallint NOT NULL,
    "root_id" uuid NOT NULL,
    "instance_id" uuid,
    "execution_id" uuid,
    "definition_id" uuid NOT NULL,
    "kind" text COLLATE "C" NOT NULL,
    "element" text COLLATE "C" NOT NULL,
    "message" text COLLATE "C",
    "configuration" text COLLATE "C",
    "created" bigint NOT NULL,
    "cause_id" uuid NOT NULL,
    "root_cause_id" uuid NOT NULL,
    "tenant_id" text COLLATE "C",
    "job_kind" smallint,
    "annotation" text COLLATE "C",
    "ended" bigint NOT NULL,
    "state" smallint NOT NULL
) PARTITION BY RANGE ("retention", "root_id");
CREATE TABLE history_incident_default PARTITION OF history_incident DEFAULT;

CREATE TABLE history_job (
    "id" uuid NOT NULL,
    "slot" smallint NOT NULL,
    "retention" smallint NOT NULL,
    "root_id" uuid NOT NULL,
    "job_id" uuid NOT NULL,
    "instance_id" uuid,
    "execution_id" uuid,
    "definition_id" uuid NOT NULL,
    "element" text COLLATE "C" NOT NULL,
    "kind" smallint NOT NULL,
    "due" bigint,
    "retries" integer NOT NULL,
    "priority" bigint NOT NULL,
    "created" bigint NOT NULL,
    "time" bigint NOT NULL,
    "state" smallint NOT NULL,
    "error_message" text COLLATE "C",
    "stacktrace" text COLLATE "C",
    "node" text COLLATE "C",
    "tenant_id" text COLLATE "C"
) PARTITION BY RANGE ("retention", "root_id");
CREATE TABLE history_job_default PARTITION OF history_job DEFAULT;

CREATE TABLE history_external_task (
    "id" uuid NOT NULL,
    "slot" smallint NOT NULL,
    "retention" smallint NOT NULL,
    "root_id" uuid NOT NULL,
    "task_id" uuid NOT NULL,
    "instance_id" uuid NOT NULL,
    "execution_id" uuid,
    "activity_id" uuid,
    "definition_id" uuid NOT NULL,
    "element" text COLLATE "C" NOT NULL,
    "topic" text COLLATE "C" NOT NULL,
    "worker_id" text COLLATE "C",
    "retries" integer,
    "priority" bigint NOT NULL,
    "created" bigint NOT NULL,
    "time" bigint NOT NULL,
    "state" smallint NOT NULL,
    "error_message" text COLLATE "C",
    "error_details" text COLLATE "C",
    "tenant_id" text COLLATE "C"
) PARTITION BY RANGE ("retention", "root_id");
CREATE TABLE history_external_task_default PARTITION OF history_external_task DEFAULT;

CREATE TABLE history_identity_link (
    "id" uuid NOT NULL,
    "slot" smallint NOT NULL,
    "retention" smallint NOT NULL,
    "root_id" uuid NOT NULL,
    "task_id" uuid,
    "instance_id" uuid,
    "definition_id" uuid,
    "kind" text COLLATE "C" NOT NULL,
    "user_id" text COLLATE "C",
    "group_id" text COLLATE "C",
    "added" boolean NOT NULL,
    "operator" text COLLATE "C",
    "time" bigint NOT NULL,
    "tenant_id" text COLLATE "C"
) PARTITION BY RANGE ("retention", "root_id");
CREATE TABLE history_identity_link_default PARTITION OF history_identity_link DEFAULT;

CREATE TABLE large_value (
    "id" uuid NOT NULL,
    "slot" smallint NOT NULL,
    "retention" smallint NOT NULL,
    "root_id" uuid NOT NULL,
    "text" text COLLATE "C",
    "bytes" bytea
) PARTITION BY RANGE ("retention", "root_id");
CREATE TABLE large_value_default PARTITION OF large_value DEFAULT;

CREATE TABLE idempotency (
    "slot" smallint NOT NULL,
    "key" bytea NOT NULL,
    "root_id" uuid,
    "digest" text COLLATE "C" NOT NULL,
    "status" smallint NOT NULL,
    "body" text COLLATE "C" NOT NULL,
    "created" bigint NOT NULL,
    "instance_id" uuid,
    PRIMARY KEY ("slot", "key")
);

CREATE TABLE alias (
    "slot" smallint NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "kind" smallint NOT NULL,
    "target_slot" smallint NOT NULL,
    "root_id" uuid,
    PRIMARY KEY ("slot", "id", "kind")
);

CREATE TABLE outbox (
    "slot" smallint NOT NULL,
    "sequence" bigint NOT NULL,
    "root_id" uuid,
    "target_slot" smallint NOT NULL,
    "kind" smallint NOT NULL,
    "created" bigint NOT NULL,
    "body" text COLLATE "C" NOT NULL,
    PRIMARY KEY ("slot", "sequence")
);

CREATE TABLE key_directory (
    "slot" smallint NOT NULL,
    "business_key" text COLLATE "C" NOT NULL,
    "instance_id" uuid NOT NULL,
    "root_id" uuid,
    "intent" boolean NOT NULL,
    PRIMARY KEY ("slot", "business_key", "instance_id")
);

CREATE TABLE deployment (
    "id" uuid NOT NULL,
    "name" text COLLATE "C",
    "source" text COLLATE "C",
    "tenant_id" text COLLATE "C",
    "deployed" bigint NOT NULL,
    "published" boolean NOT NULL,
    PRIMARY KEY ("id")
);

CREATE TABLE resource (
    "deployment_id" uuid NOT NULL,
    "name" text COLLATE "C" NOT NULL,
    "id" uuid NOT NULL,
    "content" bytea NOT NULL,
    PRIMARY KEY ("deployment_id", "name")
);

CREATE TABLE definition (
    "id" uuid NOT NULL,
    "rest_id" text COLLATE "C" NOT NULL,
    "key" text COLLATE "C" NOT NULL,
    "version" integer NOT NULL,
    "name" text COLLATE "C",
    "category" text COLLATE "C",
    "description" text COLLATE "C",
    "version_tag" text COLLATE "C",
    "tenant_id" text COLLATE "C",
    "history_ttl_days" integer,
    "startable_in_tasklist" boolean NOT NULL,
    "suspended" boolean NOT NULL,
    "resource_name" text COLLATE "C" NOT NULL,
    "deployment_id" uuid NOT NULL,
    "home" smallint NOT NULL,
    PRIMARY KEY ("id")
);

CREATE TABLE element (
    "definition_id" uuid NOT NULL,
    "element" text COLLATE "C" NOT NULL,
    "name" text COLLATE "C",
    "kind" text COLLATE "C" NOT NULL,
    PRIMARY KEY ("definition_id", "element")
);

CREATE TABLE job_definition (
    "id" uuid NOT NULL,
    "definition_id" uuid NOT NULL,
    "element" text COLLATE "C" NOT NULL,
    "kind" smallint NOT NULL,
    "job_type" text COLLATE "C" NOT NULL,
    "configuration" text COLLATE "C" NOT NULL,
    "suspended" boolean NOT NULL,
    "priority" bigint,
    PRIMARY KEY ("definition_id", "element", "kind")
);

CREATE TABLE engine_user (
    "id" text COLLATE "C" NOT NULL,
    "first_name" text COLLATE "C",
    "last_name" text COLLATE "C",
    "email" text COLLATE "C",
    "password_hash" text COLLATE "C" NOT NULL,
    PRIMARY KEY ("id")
);

CREATE TABLE slot (
    "slot" smallint NOT NULL,
    "state" smallint NOT NULL,
    "epoch" bigint NOT NULL,
    "move_id" text COLLATE "C",
    "armed" bigint NOT NULL,
    PRIMARY KEY ("slot")
);

CREATE TABLE hidden_slot (
    "slot" smallint NOT NULL,
    PRIMARY KEY ("slot")
);

CREATE TABLE counter (
    "kind" smallint NOT NULL,
    "definition_id" uuid NOT NULL,
    "delta" bigint NOT NULL
) WITH (autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_scale_factor = 0);

CREATE TABLE commit_batch (
    "id" uuid NOT NULL,
    "refused" text COLLATE "C" NOT NULL,
    PRIMARY KEY ("id")
);

CREATE TABLE payload (
    "digest" text COLLATE "C" NOT NULL,
    "bytes" bytea NOT NULL,
    PRIMARY KEY ("digest")
);

CREATE TABLE history_outbox (
    "id" bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    "created" bigint NOT NULL,
    "source" text COLLATE "C" NOT NULL,
    "rows" text COLLATE "C" NOT NULL,
    PRIMARY KEY ("id")
);

CREATE TABLE stamp (
    "one" smallint NOT NULL,
    "cluster" text COLLATE "C" NOT NULL,
    "shard" text COLLATE "C" NOT NULL,
    "generation" bigint NOT NULL,
    PRIMARY KEY ("one")
);

CREATE TABLE applied (
    "name" text COLLATE "C" NOT NULL,
    "value" bigint NOT NULL,
    PRIMARY KEY ("name")
);

CREATE TABLE setting (
    "name" text COLLATE "C" NOT NULL,
    "value" text COLLATE "C" NOT NULL,
    PRIMARY KEY ("name")
);

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
CREATE INDEX history_activity_id ON history_activity USING brin ("id" uuid_minmax_multi_ops) WITH (autosummarize = on);
CREATE INDEX history_task_root ON history_task ("root_id");
CREATE INDEX history_task_id ON history_task USING brin ("id" uuid_minmax_multi_ops) WITH (autosummarize = on);
CREATE INDEX history_variable_root ON history_variable ("root_id");
CREATE INDEX history_variable_id ON history_variable USING brin ("id" uuid_minmax_multi_ops) WITH (autosummarize = on);
CREATE INDEX history_detail_root ON history_detail ("root_id");
CREATE INDEX history_detail_id ON history_detail USING brin ("id" uuid_minmax_multi_ops) WITH (autosummarize = on);
CREATE INDEX history_incident_root ON history_incident ("root_id");
CREATE INDEX history_incident_id ON history_incident USING brin ("id" uuid_minmax_multi_ops) WITH (autosummarize = on);
CREATE INDEX history_job_root ON history_job ("root_id");
CREATE INDEX history_job_id ON history_job USING brin ("id" uuid_minmax_multi_ops) WITH (autosummarize = on);
CREATE INDEX history_external_task_root ON history_external_task ("root_id");
CREATE INDEX history_external_task_id ON history_external_task USING brin ("id" uuid_minmax_multi_ops) WITH (autosummarize = on);
CREATE INDEX history_identity_link_root ON history_identity_link ("root_id");
CREATE INDEX history_identity_link_id ON history_identity_link USING brin ("id" uuid_minmax_multi_ops) WITH (autosummarize = on);
CREATE INDEX large_value_root ON large_value ("root_id");
CREATE INDEX large_value_id ON large_value ("id");
CREATE INDEX history_process_ended ON history_process USING brin ("ended" int8_minmax_multi_ops) WITH (autosummarize = on);
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
CREATE INDEX history_process_started ON history_process USING brin ("started" int8_minmax_multi_ops) WITH (autosummarize = on);
CREATE INDEX history_activity_started ON history_activity USING brin ("started" int8_minmax_multi_ops) WITH (autosummarize = on);
CREATE INDEX history_activity_ended ON history_activity USING brin ("ended" int8_minmax_multi_ops) WITH (autosummarize = on);
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

-- Counters: every statement that adds or removes rows adds what it changed, so that no row is shared between writers;
-- a task of a node folds them. Kinds: 0 running and recorded, 1 ended, 2 running and not recorded, 3 user tasks.
CREATE FUNCTION count_running() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO counter ("kind", "definition_id", "delta")
    SELECT CASE WHEN "recorded" THEN 0 ELSE 2 END, "definition_id", TG_ARGV[0]::bigint * count(*) FROM changed GROUP BY 1, 2;
    RETURN NULL;
END $$;
CREATE FUNCTION count_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO counter ("kind", "definition_id", "delta")
    SELECT 1, "definition_id", TG_ARGV[0]::bigint * count(*) FROM changed GROUP BY 2;
    RETURN NULL;
END $$;
CREATE FUNCTION count_tasks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO counter ("kind", "definition_id", "delta")
    SELECT 3, coalesce("definition_id", '00000000-0000-0000-0000-000000000000'), TG_ARGV[0]::bigint * count(*) FROM changed GROUP BY 2;
    RETURN NULL;
END $$;
-- An instance that migrates counts for another definition. Of all updates only these change one.
CREATE FUNCTION count_migrated_running() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO counter ("kind", "definition_id", "delta")
    VALUES (CASE WHEN OLD."recorded" THEN 0 ELSE 2 END, OLD."definition_id", -1),
        (CASE WHEN NEW."recorded" THEN 0 ELSE 2 END, NEW."definition_id", 1);
    RETURN NULL;
END $$;
CREATE FUNCTION count_migrated_tasks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO counter ("kind", "definition_id", "delta") VALUES (3, OLD."definition_id", -1), (3, NEW."definition_id", 1);
    RETURN NULL;
END $$;
CREATE TRIGGER count_migrated AFTER UPDATE OF "definition_id" ON process_instance FOR EACH ROW WHEN (OLD."definition_id" <> NEW."definition_id") EXECUTE FUNCTION count_migrated_running();
CREATE TRIGGER count_migrated AFTER UPDATE OF "definition_id" ON task FOR EACH ROW WHEN (OLD."definition_id" <> NEW."definition_id") EXECUTE FUNCTION count_migrated_tasks();
CREATE TRIGGER count_added AFTER INSERT ON process_instance REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_running('1');
CREATE TRIGGER count_removed AFTER DELETE ON process_instance REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_running('-1');
CREATE TRIGGER count_added AFTER INSERT ON history_process REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_ended('1');
CREATE TRIGGER count_removed AFTER DELETE ON history_process REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_ended('-1');
CREATE TRIGGER count_added AFTER INSERT ON task REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_tasks('1');
CREATE TRIGGER count_removed AFTER DELETE ON task REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_tasks('-1');

INSERT INTO applied ("name", "value") VALUES ('log', 0), ('slots', 0);
