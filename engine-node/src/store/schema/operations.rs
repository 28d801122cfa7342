//! The table of the user operation log.
use super::{Class::*, Table, Type::*, c, n};

table!(
    /// What users have done: one row for each property that an operation has changed. What belongs to no tree is a tree
    /// of its own, by the operation's id. `removal` is set where the tree's own history has been deleted by hand.
    HISTORY_OPERATION, "history_operation", History, ["root_id", "id"], [
        c("id", Uuid), c("slot", Small), c("retention", Small), c("root_id", Uuid), n("instance_id", Uuid),
        c("operation_id", Uuid), n("user_id", Text), c("time", Big), c("category", Text), c("entity", Text),
        c("operation", Text), n("property", Text), n("old_value", Text), n("new_value", Text),
        n("deployment_id", Text), n("definition_id", Text), n("definition_key", Text), n("process_instance", Text),
        n("execution_id", Text), n("task_id", Text), n("job_id", Text), n("job_definition_id", Text),
        n("batch_id", Text), n("external_task_id", Text), n("tenant_id", Text), n("annotation", Text),
        n("removal", Big),
    ]
);
