//! The table of stored filters.
use super::{Class::*, Table, Type::*, c, n};

table!(
    /// Filters of task lists; `query` and `properties` are JSON.
    TASK_FILTER, "task_filter", Replicated, ["id"], [
        c("id", Uuid), c("name", Text), n("owner", Text), c("query", Text), n("properties", Text),
    ]
);
