//! Decisions: DMN 1.1 to 1.5 with Camunda's extensions, parsed and evaluated as Camunda 7 does.

mod evaluate;
mod hit_policy;
mod juel;
mod model;
mod parse;
mod schema;
mod typed;

pub use evaluate::{
    Entries, EvaluatedDecision, EvaluatedInput, EvaluatedOutput, EvaluatedRule, Evaluation, Host,
};
pub use juel::from_json;
pub use model::{
    Aggregator, Cell, Decision, Definitions, HitPolicy, Input, Literal, Logic, Output, Rule, Table,
};
pub use parse::{Refusal, parse, parse_bytes};
pub use typed::{Stored, Typed};
