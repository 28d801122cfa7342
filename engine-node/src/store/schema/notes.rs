//! Tables of what people add to tasks. Comments and attachments stay when their tree has ended, until its history is
//! deleted.
use super::{Class::*, Table, Type::*, c, n};

table!(
    /// Links of users and groups to running tasks, of other kinds than candidates.
    TASK_LINK, "task_link", SlotBound, ["task_id", "kind", "is_group", "name"], [
        c("task_id", Uuid), c("slot", Small), c("root_id", Uuid), c("kind", Text), c("is_group", Bool),
        c("name", Text),
    ]
);
table!(
    /// Comments. `process_instance` is what the client named; not `bound`: written after the task had ended.
    COMMENT, "comment", SlotBound, ["id"], [
        c("id", Uuid), c("slot", Small), c("root_id", Uuid), c("task_id", Uuid), n("process_instance", Text),
        n("user_id", Text), c("time", Big), c("message", Text), c("bound", Bool),
    ]
);
table!(
    /// Attachments, with their content.
    ATTACHMENT, "attachment", SlotBound, ["id"], [
        c("id", Uuid), c("slot", Small), c("root_id", Uuid), c("task_id", Uuid), n("name", Text),
        n("description", Text), n("kind", Text), n("url", Text), n("user_id", Text), c("created", Big),
        c("bound", Bool), n("content", Bytes),
    ]
);
