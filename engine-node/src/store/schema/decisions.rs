//! Tables of decisions: what is deployed, and what was evaluated.
use super::{Class::*, Table, Type::*, c, n};

table!(
    /// Decisions.
    DECISION_DEFINITION, "decision_definition", Replicated, ["id"], [
        c("id", Uuid), c("rest_id", Text), c("key", Text), c("version", Int), n("name", Text), n("category", Text),
        n("version_tag", Text), n("tenant_id", Text), n("history_ttl_days", Int), n("requirements_id", Uuid),
        n("requirements_rest_id", Text), n("requirements_key", Text), c("resource_name", Text),
        c("deployment_id", Uuid),
    ]
);
table!(
    /// Files of several decisions: what they require of each other.
    DECISION_REQUIREMENTS, "decision_requirements", Replicated, ["id"], [
        c("id", Uuid), c("rest_id", Text), c("key", Text), c("version", Int), n("name", Text), n("category", Text),
        n("tenant_id", Text), c("resource_name", Text), c("deployment_id", Uuid),
    ]
);
table!(
    /// Decisions that were evaluated. One that no process asked for is the root of its own tree, of class 0: it is
    /// deleted by its definition's time to live. `parent_id` is the decision that required it.
    HISTORY_DECISION, "history_decision", History, ["root_id", "id"], [
        c("id", Uuid), c("slot", Small), c("retention", Small), c("root_id", Uuid), c("decision_id", Uuid),
        n("definition_id", Uuid), n("instance_id", Uuid), n("activity_id", Uuid), n("element", Text),
        n("user_id", Text), c("evaluated", Big), n("collected", Float), n("parent_id", Uuid), n("tenant_id", Text),
        n("removal", Big),
    ]
);
table!(
    /// What evaluated decisions had as inputs.
    HISTORY_DECISION_INPUT, "history_decision_input", History, ["root_id", "id"], [
        c("id", Uuid), c("slot", Small), c("retention", Small), c("root_id", Uuid), c("evaluation_id", Uuid),
        c("clause_id", Text), n("clause_name", Text), c("type", Text), n("text", Text), n("number", Big),
        n("float", Float), n("bytes", Bytes), n("info", Text), c("created", Big),
    ]
);
table!(
    /// What evaluated decisions gave. Without rule: the value of a literal expression.
    HISTORY_DECISION_OUTPUT, "history_decision_output", History, ["root_id", "id"], [
        c("id", Uuid), c("slot", Small), c("retention", Small), c("root_id", Uuid), c("evaluation_id", Uuid),
        n("clause_id", Text), n("clause_name", Text), n("rule_id", Text), n("rule_order", Int), n("name", Text),
        c("type", Text), n("text", Text), n("number", Big), n("float", Float), n("bytes", Bytes), n("info", Text),
        n("created", Big),
    ]
);
