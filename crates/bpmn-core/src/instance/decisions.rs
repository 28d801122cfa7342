//! Rows of history that tell of decisions.
use crate::{Id, Millis, value::TypedValue};

/// A decision that was evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoricDecision {
    pub id: Id,
    /// Row id of the decision's definition.
    pub decision_id: Id,
    /// The process that asked for it; `None`: a client did.
    pub definition_id: Option<Id>,
    pub instance_id: Option<Id>,
    pub activity_id: Option<Id>,
    pub element: Option<String>,
    /// The client, if one asked.
    pub user_id: Option<String>,
    pub evaluated: Millis,
    /// The value of an aggregation.
    pub collected: Option<f64>,
    /// The evaluation that required it.
    pub parent_id: Option<Id>,
    pub tenant_id: Option<String>,
}

/// An input of an evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoricDecisionInput {
    pub id: Id,
    pub evaluation_id: Id,
    pub clause_id: String,
    pub clause_name: Option<String>,
    pub value: TypedValue,
    pub created: Millis,
}

/// An output of an evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoricDecisionOutput {
    pub id: Id,
    pub evaluation_id: Id,
    pub clause_id: Option<String>,
    pub clause_name: Option<String>,
    /// The rule, and its place among those that matched, from 1; none of a literal expression.
    pub rule: Option<(String, i32)>,
    pub name: Option<String>,
    pub value: TypedValue,
    pub created: Option<Millis>,
}
