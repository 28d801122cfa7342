//! What host and worker say to each other: a greeting, then an answer for each call, each a JSON document in a line.
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

/// The protocol's version; a worker of another one isn't used.
pub const VERSION: u32 = 1;

/// The first line of a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Greeting {
    pub version: u32,
    /// Names of the languages it runs, in lower case.
    pub languages: Vec<String>,
}

/// A script to be run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// Given back in the answer.
    pub id: u64,
    pub language: String,
    pub source: String,
    /// How long it may run.
    pub time_ms: u64,
    pub variables: Vec<Variable>,
    /// It is of a connector's outputs: it sees `connector`, with variables alone, instead of `execution`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub connector: bool,
    /// What the getters of `execution` give: `processInstanceId`, `currentActivityId`, …
    pub execution: Map<String, Json>,
    /// What the getters of `task` give; with it there is `task` instead of `execution`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Map<String, Json>>,
}

/// A variable that the script sees.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Variable {
    pub name: String,
    #[serde(default)]
    pub value: Value,
    /// It is of the innermost scope.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub local: bool,
    /// It is there but its value isn't in the call: touching it gives [`Outcome::Needs`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub missing: bool,
}

/// A typed value, as in REST: `Integer`, `String`, `Date` (milliseconds), `Bytes` (base64), `Json`, `Object`, …
/// A `Double` is a text, so that infinities can be told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Value {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub value: Json,
    /// Of an `Object`: its Java class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub type_name: Option<String>,
    /// Of an `Object`: the format of its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    pub id: u64,
    /// Lines it has printed.
    pub printed: Vec<String>,
    /// In the order they were made.
    pub effects: Vec<Effect>,
    pub outcome: Outcome,
}

/// How a script ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Outcome {
    /// The value of its last expression.
    Value { value: Value },
    /// It threw a BPMN error; its effects count.
    BpmnError { code: String, message: Option<String> },
    /// It failed: exception and message, as the reference shows them.
    Failed { message: String },
    /// It touched a variable whose value isn't in the call.
    Needs { name: String },
}

/// A change that a script made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Effect {
    Set {
        name: String,
        local: bool,
        value: Value,
    },
    Remove {
        name: String,
        local: bool,
    },
    /// `execution.setProcessBusinessKey`.
    BusinessKey {
        value: Option<String>,
    },
    /// A setter of `task`: `name`, `assignee`, `dueDate`, …, `addCandidateUser`, `deleteCandidateGroup`, …
    Task {
        field: String,
        value: Value,
    },
}
