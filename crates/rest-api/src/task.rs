//! User tasks on the wire.
use crate::Date;
use serde::Serialize;

/// A user task.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    pub id: String,
    pub name: Option<String>,
    pub assignee: Option<String>,
    pub created: Date,
    pub due: Option<Date>,
    pub follow_up: Option<Date>,
    pub last_updated: Option<Date>,
    pub delegation_state: Option<String>,
    pub description: Option<String>,
    pub execution_id: Option<String>,
    pub owner: Option<String>,
    pub parent_task_id: Option<String>,
    pub priority: i32,
    pub process_definition_id: Option<String>,
    pub process_instance_id: Option<String>,
    pub task_definition_key: Option<String>,
    pub case_execution_id: Option<String>,
    pub case_instance_id: Option<String>,
    pub case_definition_id: Option<String>,
    pub suspended: bool,
    pub form_key: Option<String>,
    pub camunda_form_ref: Option<FormRef>,
    pub tenant_id: Option<String>,
    pub task_state: &'static str,
    /// Only where `withTaskVariablesInReturn` or `withTaskLocalVariablesInReturn` asks for them, and there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variables: Option<serde_json::Value>,
    /// Only where `withCommentAttachmentInfo` asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attachment: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<bool>,
}

/// Which Camunda form a task has.
#[derive(Clone, Debug, Serialize)]
pub struct FormRef {
    pub key: Option<String>,
    pub binding: &'static str,
    pub version: Option<i64>,
}
