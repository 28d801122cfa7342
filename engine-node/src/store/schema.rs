//! Every table once: its columns, its key, and whether it moves with a slot. Writes, exports, imports, counts and
//! purges are generic over these declarations; a test fails for a table of the database that isn't declared here.
use sea_query::{Alias, Expr, ExprTrait, IntoIden, Query};

/// Type of a column: `uuid`, `smallint`, `integer`, `bigint`, `boolean`, `double precision`, `text`, `bytea` in
/// PostgreSQL; BLOB, INTEGER, REAL and TEXT in SQLite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Uuid,
    Small,
    Int,
    Big,
    Bool,
    Float,
    Text,
    Bytes,
}

impl Type {
    /// PostgreSQL's name.
    pub fn postgres(self) -> &'static str {
        match self {
            Type::Uuid => "uuid",
            Type::Small => "smallint",
            Type::Int => "integer",
            Type::Big => "bigint",
            Type::Bool => "boolean",
            Type::Float => "double precision",
            Type::Text => "text",
            Type::Bytes => "bytea",
        }
    }

    /// SQLite's declared type.
    pub fn sqlite(self) -> &'static str {
        match self {
            Type::Uuid | Type::Bytes => "BLOB",
            Type::Small | Type::Int | Type::Big | Type::Bool => "INTEGER",
            Type::Float => "REAL",
            Type::Text => "TEXT",
        }
    }
}

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: &'static str,
    pub ty: Type,
    pub null: bool,
}

/// Whose rows a table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Rows of a slot: they move with it. Has `slot` and `root_id`, so that a unit can be read and deleted alone.
    SlotBound,
    /// Slot-bound rows that are appended once: partitioned by (retention, root) in PostgreSQL, so without a unique
    /// index; the key says what they are told apart by. Read and deleted by root; heads of trees are found by slot.
    History,
    /// The same rows on every shard, written by the reference log.
    Replicated,
    /// Of this database alone.
    ShardLocal,
}

/// A table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    pub name: &'static str,
    pub class: Class,
    pub columns: &'static [Column],
    pub key: &'static [&'static str],
}

impl Table {
    /// Position of a column.
    ///
    /// # Panics
    /// If there is none of that name: a slip in our own code, met by any test.
    pub fn position(&self, column: &str) -> usize {
        self.columns
            .iter()
            .position(|c| c.name == column)
            .expect("column of the table")
    }
}

const fn c(name: &'static str, ty: Type) -> Column {
    Column {
        name,
        ty,
        null: false,
    }
}

const fn n(name: &'static str, ty: Type) -> Column {
    Column { name, ty, null: true }
}

use Class::*;
use Type::*;

macro_rules! table {
    ($(#[$doc:meta])* $const:ident, $name:literal, $class:ident, [$($key:literal),*], [$($column:expr),* $(,)?]) => {
        $(#[$doc])*
        pub const $const: Table = Table { name: $name, class: $class, columns: &[$($column),*], key: &[$($key),*] };
    };
}

table!(
    /// Running process instances.
    PROCESS_INSTANCE, "process_instance", SlotBound, ["id"], [
        c("id", Uuid), c("slot", Small), c("root_id", Uuid), n("super_token_id", Uuid),
        n("super_instance_id", Uuid), c("definition_id", Uuid), n("business_key", Text), c("revision", Big),
        c("suspended", Bool), c("started", Big), n("start_user", Text), c("start_element", Text),
        n("tenant_id", Text), c("retention", Small), c("recorded", Bool), n("restarted_id", Uuid),
        n("case_instance_id", Text),
    ]
);
table!(
    /// Tokens and inner scopes.
    TOKEN, "token", SlotBound, ["id"], [
        c("id", Uuid), c("slot", Small), c("root_id", Uuid), c("instance_id", Uuid), n("parent_id", Uuid),
        c("element", Text), c("state", Small), c("execution_id", Uuid), n("activity_id", Uuid), c("started", Big),
        n("data", Text),
    ]
);
table!(
    /// Variables; which value column is filled follows from `type`.
    VARIABLE, "variable", SlotBound, ["id"], [
        c("id", Uuid), c("slot", Small), c("root_id", Uuid), c("instance_id", Uuid), c("scope_id", Uuid),
        n("task_id", Uuid), c("name", Text), c("type", Text), n("text", Text), n("number", Big), n("float", Float),
        n("bytes", Bytes), n("info", Text), n("large_id", Uuid), c("created", Big), n("updated", Big),
        c("revision", Int), n("version_id", Uuid), n("writer_id", Uuid), n("shown_id", Uuid),
        c("recorded", Small), c("initial", Bool),
    ]
);
table!(
    /// User tasks.
    TASK, "task", SlotBound, ["id"], [
        c("id", Uuid), c("slot", Small), c("root_id", Uuid), n("instance_id", Uuid), n("token_id", Uuid),
        n("execution_id", Uuid), n("activity_id", Uuid), n("definition_id", Uuid), n("element", Text),
        n("name", Text), n("description", Text), n("assignee", Text), n("owner", Text), n("delegation", Text),
        c("priority", Int), c("created", Big), n("last_updated", Big), n("due", Big), n("follow_up", Big),
        c("suspended", Bool), n("form_key", Text), n("tenant_id", Text), c("recorded", Bool), n("parent_id", Uuid),
        n("case_instance_id", Text),
    ]
);
table!(
    /// Heads of units of tasks that no process has made: their tasks name them as `instance_id`.
    TASK_UNIT, "task_unit", SlotBound, ["id"], [
        c("id", Uuid), c("slot", Small), c("root_id", Uuid), c("revision", Big), c("created", Big),
    ]
);
table!(
    /// Candidate users and groups of tasks.
    TASK_CANDIDATE, "task_candidate", SlotBound, ["task_id", "is_group", "name"], [
        c("task_id", Uuid), c("slot", Small), c("root_id", Uuid), c("is_group", Bool), c("name", Text),
    ]
);
table!(
    /// External tasks.
    EXTERNAL_TASK, "external_task", SlotBound, ["id"], [
        c("id", Uuid), c("slot", Small), c("root_id", Uuid), c("instance_id", Uuid), c("token_id", Uuid),
        c("execution_id", Uuid), c("activity_id", Uuid), c("definition_id", Uuid), c("element", Text),
        c("topic", Text), n("worker_id", Text), n("lock_expires", Big), n("retries", Int), n("error_message", Text),
        n("error_details", Text), c("priority", Big), c("suspended", Bool), c("created", Big),
        c("lock_revision", Big), n("business_key", Text), n("tenant_id", Text), c("recorded", Bool),
        n("made_priority", Big),
    ]
);
table!(
    /// Jobs; a timer start has no instance. `made_…`: null where the job is still as it was made.
    JOB, "job", SlotBound, ["id"], [
        c("id", Uuid), c("slot", Small), c("root_id", Uuid), n("instance_id", Uuid), n("token_id", Uuid),
        n("execution_id", Uuid), c("definition_id", Uuid), c("element", Text), c("kind", Small), n("due", Big),
        c("retries", Int), c("exclusive", Bool), c("priority", Big), c("suspended", Bool), c("created", Big),
        n("lock_owner", Text), n("lock_expires", Big), n("error_message", Text), n("stacktrace", Text),
        n("repeat", Text), n("tenant_id", Text), c("recorded", Bool), n("failed_element", Text),
        n("made_retries", Int), n("made_due", Big), n("made_priority", Big),
    ]
);
table!(
    /// Tokens that wait for an event.
    EVENT_SUBSCRIPTION, "event_subscription", SlotBound, ["id"], [
        c("id", Uuid), c("slot", Small), c("root_id", Uuid), c("instance_id", Uuid), c("token_id", Uuid),
        c("execution_id", Uuid), c("element", Text), c("kind", Small), n("name", Text), c("created", Big),
        n("tenant_id", Text),
    ]
);
table!(
    /// Incidents.
    INCIDENT, "incident", SlotBound, ["id"], [
        c("id", Uuid), c("slot", Small), c("root_id", Uuid), n("instance_id", Uuid), n("execution_id", Uuid),
        c("definition_id", Uuid), c("kind", Text), c("element", Text), n("message", Text), n("configuration", Text),
        c("created", Big), c("cause_id", Uuid), c("root_cause_id", Uuid), n("tenant_id", Text), n("job_kind", Small),
        n("annotation", Text), c("recorded", Bool), n("failed_element", Text),
    ]
);
table!(
    /// Process instances that have ended. `recorded` below: see `process_instance`.
    HISTORY_PROCESS, "history_process", History, ["root_id", "id"], [
        c("id", Uuid), c("slot", Small), c("retention", Small), c("root_id", Uuid), n("super_token_id", Uuid),
        n("super_instance_id", Uuid), c("definition_id", Uuid), n("business_key", Text), c("started", Big),
        n("start_user", Text), c("start_element", Text), n("tenant_id", Text), c("ended", Big), n("end_element", Text),
        c("state", Small), n("delete_reason", Text), n("removal", Big), n("restarted_id", Uuid),
        n("case_instance_id", Text),
    ]
);
table!(
    /// Activity instances that have ended. `parent_id` and `execution_id` are null where they are the process instance,
    /// `begun_as` where it is the element.
    HISTORY_ACTIVITY, "history_activity", History, ["root_id", "id"], [
        c("id", Uuid), c("slot", Small), c("retention", Small), c("root_id", Uuid), c("instance_id", Uuid),
        c("definition_id", Uuid), n("parent_id", Uuid), n("execution_id", Uuid), c("element", Text),
        n("task_id", Uuid), n("assignee", Text), n("called_instance_id", Uuid), c("started", Big),
        c("ended", Big), c("canceled", Bool), c("complete_scope", Bool), n("tenant_id", Text),
        n("begun_as", Text),
    ]
);
table!(
    /// User tasks that have ended.
    HISTORY_TASK, "history_task", History, ["root_id", "id"], [
        c("id", Uuid), c("slot", Small), c("retention", Small), c("root_id", Uuid), n("instance_id", Uuid),
        n("execution_id", Uuid), n("activity_id", Uuid), n("definition_id", Uuid), n("element", Text),
        n("name", Text), n("description", Text), n("assignee", Text), n("owner", Text), c("priority", Int),
        c("created", Big), n("due", Big), n("follow_up", Big), c("ended", Big), n("delete_reason", Text),
        n("tenant_id", Text), n("parent_id", Uuid), n("went_as", Small), n("case_instance_id", Text),
    ]
);
table!(
    /// Variables that are gone, with their last value. `activity_id` is the scope's, null for the process instance.
    HISTORY_VARIABLE, "history_variable", History, ["root_id", "id"], [
        c("id", Uuid), c("slot", Small), c("retention", Small), c("root_id", Uuid), n("instance_id", Uuid),
        c("scope_id", Uuid), n("activity_id", Uuid), n("task_id", Uuid), c("name", Text), c("type", Text),
        n("text", Text), n("number", Big), n("float", Float), n("bytes", Bytes), n("info", Text),
        n("large_id", Uuid), c("created", Big), n("updated", Big), c("revision", Int), n("version_id", Uuid),
        n("writer_id", Uuid), n("shown_id", Uuid), c("recorded", Small), c("initial", Bool), c("ended", Big),
        c("deleted", Bool),
    ]
);
table!(
    /// Values of variables that a later one has replaced; the present one is the variable itself. `id` is the version's.
    HISTORY_DETAIL, "history_detail", History, ["root_id", "id"], [
        c("id", Uuid), c("slot", Small), c("retention", Small), c("root_id", Uuid), n("instance_id", Uuid),
        c("variable_id", Uuid), c("scope_id", Uuid), n("task_id", Uuid), c("name", Text), c("type", Text),
        n("text", Text), n("number", Big), n("float", Float), n("bytes", Bytes), n("info", Text),
        n("large_id", Uuid), c("updated", Big), c("revision", Int), n("writer_id", Uuid), c("initial", Bool),
    ]
);
table!(
    /// What forms were submitted with. `activity_id`: null for the process instance.
    HISTORY_FORM_FIELD, "history_form_field", History, ["root_id", "id"], [
        c("id", Uuid), c("slot", Small), c("retention", Small), c("root_id", Uuid), c("instance_id", Uuid),
        c("execution_id", Uuid), n("activity_id", Uuid), n("task_id", Uuid), c("name", Text), c("value", Text),
        c("time", Big),
    ]
);
table!(
    /// Incidents that are resolved or deleted.
    HISTORY_INCIDENT, "history_incident", History, ["root_id", "id"], [
        c("id", Uuid), c("slot", Small), c("retention", Small), c("root_id", Uuid), n("instance_id", Uuid),
        n("execution_id", Uuid), c("definition_id", Uuid), c("kind", Text), c("element", Text),
        n("message", Text), n("configuration", Text), c("created", Big), c("cause_id", Uuid),
        c("root_cause_id", Uuid), n("tenant_id", Text), n("job_kind", Small), n("annotation", Text),
        c("ended", Big), c("state", Small), n("failed_element", Text),
    ]
);
table!(
    /// Runs of jobs: failed tries, and how each job ended. Its creation is told by the row of its end, or by the job itself.
    HISTORY_JOB, "history_job", History, ["root_id", "id"], [
        c("id", Uuid), c("slot", Small), c("retention", Small), c("root_id", Uuid), c("job_id", Uuid),
        n("instance_id", Uuid), n("execution_id", Uuid), c("definition_id", Uuid), c("element", Text),
        c("kind", Small), n("due", Big), c("retries", Int), c("priority", Big), c("created", Big),
        c("time", Big), c("state", Small), n("error_message", Text), n("stacktrace", Text), n("node", Text),
        n("tenant_id", Text), n("failed_element", Text), n("made_retries", Int), n("made_due", Big),
        n("made_priority", Big),
    ]
);
table!(
    /// Failures of external tasks, and how each ended. Its creation is told by the row of its end, or by the task itself.
    HISTORY_EXTERNAL_TASK, "history_external_task", History, ["root_id", "id"], [
        c("id", Uuid), c("slot", Small), c("retention", Small), c("root_id", Uuid), c("task_id", Uuid),
        c("instance_id", Uuid), n("execution_id", Uuid), n("activity_id", Uuid), c("definition_id", Uuid),
        c("element", Text), c("topic", Text), n("worker_id", Text), n("retries", Int), c("priority", Big),
        c("created", Big), c("time", Big), c("state", Small), n("error_message", Text),
        n("error_details", Text), n("tenant_id", Text), n("made_priority", Big),
    ]
);
table!(
    /// Candidates, assignees and owners as they were added to tasks and taken away.
    HISTORY_IDENTITY_LINK, "history_identity_link", History, ["root_id", "id"], [
        c("id", Uuid), c("slot", Small), c("retention", Small), c("root_id", Uuid), n("task_id", Uuid),
        n("instance_id", Uuid), n("definition_id", Uuid), c("kind", Text), n("user_id", Text),
        n("group_id", Text), c("added", Bool), n("operator", Text), c("time", Big), n("tenant_id", Text),
    ]
);
table!(
    /// Values too large for a variable's row, stored once and shared by runtime and history.
    LARGE_VALUE, "large_value", History, ["root_id", "id"], [
        c("id", Uuid), c("slot", Small), c("retention", Small), c("root_id", Uuid), n("text", Text),
        n("bytes", Bytes),
    ]
);
table!(
    /// What requests with an `Idempotency-Key` were answered. The key is bytes: it holds a NUL between its parts.
    IDEMPOTENCY, "idempotency", SlotBound, ["slot", "key"], [
        c("slot", Small), c("key", Bytes), n("root_id", Uuid), c("digest", Text), c("status", Small),
        c("body", Text), c("created", Big), n("instance_id", Uuid),
    ]
);
table!(
    /// Ids that clients have chosen (protocol 11), with the id that stands for them: in the slot of their hash (kind 0),
    /// which makes them unique, with the slot where the entity lives; and there too (kind 1), if that is another.
    ALIAS, "alias", SlotBound, ["slot", "id", "kind"], [
        c("slot", Small), c("id", Text), c("kind", Small), c("target_slot", Small), n("root_id", Uuid),
        n("entity_id", Uuid),
    ]
);
table!(
    /// What has to be delivered to other slots, numbered per sending slot (protocol 5).
    OUTBOX, "outbox", SlotBound, ["slot", "sequence"], [
        c("slot", Small), c("sequence", Big), n("root_id", Uuid), c("target_slot", Small), c("kind", Small),
        c("created", Big), c("body", Text),
    ]
);
table!(
    /// Instances that carry a business key of this slot but live in another (protocol 10).
    KEY_DIRECTORY, "key_directory", SlotBound, ["slot", "business_key", "instance_id"], [
        c("slot", Small), c("business_key", Text), c("instance_id", Uuid), n("root_id", Uuid), c("intent", Bool),
    ]
);
table!(
    /// Deployments.
    DEPLOYMENT, "deployment", Replicated, ["id"], [
        c("id", Uuid), n("name", Text), n("source", Text), n("tenant_id", Text), c("deployed", Big),
        c("published", Bool),
    ]
);
table!(
    /// Files of deployments.
    RESOURCE, "resource", Replicated, ["deployment_id", "name"], [
        c("deployment_id", Uuid), c("name", Text), c("id", Uuid), c("content", Bytes),
    ]
);
table!(
    /// Process definitions.
    DEFINITION, "definition", Replicated, ["id"], [
        c("id", Uuid), c("rest_id", Text), c("key", Text), c("version", Int), n("name", Text), n("category", Text),
        n("description", Text), n("version_tag", Text), n("tenant_id", Text), n("history_ttl_days", Int),
        c("startable_in_tasklist", Bool), c("suspended", Bool), c("resource_name", Text), c("deployment_id", Uuid),
        c("home", Small),
    ]
);
table!(
    /// Elements of definitions that become activities: for queries and views by name and kind.
    ELEMENT, "element", Replicated, ["definition_id", "element"], [
        c("definition_id", Uuid), c("element", Text), n("name", Text), c("kind", Text),
    ]
);
mod batches;
mod decisions;
mod filters;
mod identity;
mod notes;
mod operations;
pub use batches::*;
pub use decisions::*;
pub use filters::*;
pub use identity::*;
pub use notes::*;
pub use operations::*;

table!(
    /// Job definitions, with what operators have set for their jobs.
    JOB_DEFINITION, "job_definition", Replicated, ["definition_id", "element", "kind"], [
        c("id", Uuid), c("definition_id", Uuid), c("element", Text), c("kind", Small), c("job_type", Text),
        c("configuration", Text), c("suspended", Bool), n("priority", Big),
    ]
);
table!(
    /// What this database owns.
    SLOT, "slot", ShardLocal, ["slot"], [
        c("slot", Small), c("state", Small), c("epoch", Big), n("move_id", Text), c("armed", Big),
    ]
);
table!(
    /// Slots whose rows nobody may see: being copied in, or moved away.
    HIDDEN_SLOT, "hidden_slot", ShardLocal, ["slot"], [c("slot", Small)]
);
table!(
    /// Changes of common counts, written by triggers with the rows they count; their sum is the count of what is
    /// stored, hidden slots included. Kinds: see [`super::counters`].
    COUNTER, "counter", ShardLocal, ["kind", "definition_id"], [
        c("kind", Small), c("definition_id", Uuid), c("delta", Big),
    ]
);
table!(
    /// What nodes have counted, by quarter of an hour.
    METRIC, "metric", ShardLocal, ["bucket", "name", "reporter"], [
        c("reporter", Text), c("name", Text), c("bucket", Big), c("value", Big),
    ]
);
table!(
    /// Batches that were committed and what became of their units, for a COMMIT whose answer was lost.
    COMMIT_BATCH, "commit_batch", ShardLocal, ["id"], [c("id", Uuid), c("refused", Text)]
);
table!(
    /// Bytes of log entries by digest.
    PAYLOAD, "payload", ShardLocal, ["digest"], [c("digest", Text), c("bytes", Bytes)]
);
table!(
    /// History rows that the sink doesn't have yet: a table and the roots and ids of some of its rows. Filled by
    /// triggers while a sink is configured.
    HISTORY_OUTBOX, "history_outbox", ShardLocal, ["id"], [
        c("id", Big), c("created", Big), c("source", Text), c("rows", Text),
    ]
);
table!(
    /// Which cluster and shard this database belongs to: one row, or none if it stands alone.
    STAMP, "stamp", ShardLocal, ["one"], [
        c("one", Small), c("cluster", Text), c("shard", Text), c("generation", Big),
    ]
);
table!(
    /// `log`: last entry of the reference log applied here. `slots`: raised with every change of slot rows.
    APPLIED, "applied", ShardLocal, ["name"], [c("name", Text), c("value", Big)]
);
table!(
    /// What is set for all nodes of this database, by name: `history`.
    SETTING, "setting", ShardLocal, ["name"], [c("name", Text), c("value", Text)]
);
table!(
    /// The scripts that made this schema; kept by the `migrations` crate.
    SCHEMA_VERSION, "schema_version", ShardLocal, ["version"], [
        c("version", Int), c("name", Text), c("checksum", Text), c("applied_at", Big),
    ]
);

/// All tables.
pub const TABLES: &[Table] = &[
    PROCESS_INSTANCE,
    TOKEN,
    VARIABLE,
    TASK,
    TASK_UNIT,
    TASK_CANDIDATE,
    TASK_LINK,
    EXTERNAL_TASK,
    JOB,
    EVENT_SUBSCRIPTION,
    INCIDENT,
    HISTORY_PROCESS,
    HISTORY_ACTIVITY,
    HISTORY_TASK,
    HISTORY_VARIABLE,
    HISTORY_DETAIL,
    HISTORY_FORM_FIELD,
    HISTORY_INCIDENT,
    HISTORY_JOB,
    HISTORY_EXTERNAL_TASK,
    HISTORY_IDENTITY_LINK,
    HISTORY_DECISION,
    HISTORY_DECISION_INPUT,
    HISTORY_DECISION_OUTPUT,
    HISTORY_OPERATION,
    LARGE_VALUE,
    COMMENT,
    ATTACHMENT,
    IDEMPOTENCY,
    ALIAS,
    OUTBOX,
    KEY_DIRECTORY,
    BATCH,
    BATCH_WORK,
    PARKED_MESSAGE,
    DEPLOYMENT,
    RESOURCE,
    DEFINITION,
    ELEMENT,
    JOB_DEFINITION,
    DECISION_DEFINITION,
    DECISION_REQUIREMENTS,
    TASK_FILTER,
    ENGINE_USER,
    ENGINE_GROUP,
    ENGINE_TENANT,
    GROUP_MEMBER,
    TENANT_MEMBER,
    ENGINE_AUTHORIZATION,
    SLOT,
    HIDDEN_SLOT,
    COUNTER,
    METRIC,
    COMMIT_BATCH,
    PAYLOAD,
    HISTORY_OUTBOX,
    STAMP,
    APPLIED,
    SETTING,
    SCHEMA_VERSION,
];

/// The tables whose rows move with a slot, instances first.
pub fn slot_bound() -> impl DoubleEndedIterator<Item = &'static Table> {
    TABLES
        .iter()
        .filter(|t| matches!(t.class, SlotBound | Class::History))
}

/// Condition of every query on a slot-bound table: its rows are not a copy in the making nor a left-over
/// (protocol 5). `alias` is the table's name or alias in the query.
pub fn visible(alias: impl IntoIden) -> Expr {
    let hidden = Query::select()
        .column(Alias::new("slot"))
        .from(Alias::new("hidden_slot"))
        .to_owned();
    Expr::col((alias, Alias::new("slot"))).not_in_subquery(hidden)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_bound_table_can_be_read_by_slot_and_root() {
        for table in slot_bound() {
            for (name, ty) in [("slot", Small), ("root_id", Uuid)] {
                assert_eq!(table.columns[table.position(name)].ty, ty, "{}", table.name);
            }
        }
        for table in TABLES {
            assert!(
                !table.key.is_empty() && table.key.iter().all(|k| !table.columns[table.position(k)].null)
            );
        }
    }
}
