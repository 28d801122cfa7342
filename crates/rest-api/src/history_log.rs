//! Historic variables, details, tasks, incidents and logs on the wire.
use crate::Date;
use serde::Serialize;
use serde_json::Value;

/// A variable, existing or gone.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoricVariableInstance {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub value: Value,
    pub value_info: Value,
    pub id: String,
    pub name: String,
    pub process_definition_key: Option<String>,
    pub process_definition_id: Option<String>,
    pub process_instance_id: Option<String>,
    pub execution_id: Option<String>,
    pub activity_instance_id: Option<String>,
    pub case_definition_key: Option<String>,
    pub case_definition_id: Option<String>,
    pub case_instance_id: Option<String>,
    pub case_execution_id: Option<String>,
    pub task_id: Option<String>,
    pub error_message: Option<String>,
    pub tenant_id: Option<String>,
    pub state: &'static str,
    pub create_time: Date,
    pub removal_time: Option<Date>,
    pub root_process_instance_id: Option<String>,
}

/// A value that a variable had or has, or what the field of a form was submitted with.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoricDetail {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub id: String,
    pub process_definition_key: Option<String>,
    pub process_definition_id: Option<String>,
    pub process_instance_id: Option<String>,
    pub activity_instance_id: Option<String>,
    pub execution_id: Option<String>,
    pub case_definition_key: Option<String>,
    pub case_definition_id: Option<String>,
    pub case_instance_id: Option<String>,
    pub case_execution_id: Option<String>,
    pub task_id: Option<String>,
    pub tenant_id: Option<String>,
    pub user_operation_id: Option<String>,
    pub time: Date,
    pub removal_time: Option<Date>,
    pub root_process_instance_id: Option<String>,
    #[serde(flatten)]
    pub of: DetailOf,
}

/// What a detail tells.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum DetailOf {
    #[serde(rename_all = "camelCase")]
    Variable {
        variable_name: String,
        variable_instance_id: String,
        variable_type: &'static str,
        value: Value,
        value_info: Value,
        initial: bool,
        revision: i64,
        error_message: Option<String>,
    },
    #[serde(rename_all = "camelCase")]
    Field { field_id: String, field_value: String },
}

/// A user task, existing or ended.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoricTaskInstance {
    pub id: String,
    pub process_definition_key: Option<String>,
    pub process_definition_id: Option<String>,
    pub process_instance_id: Option<String>,
    pub execution_id: Option<String>,
    pub case_definition_key: Option<String>,
    pub case_definition_id: Option<String>,
    pub case_instance_id: Option<String>,
    pub case_execution_id: Option<String>,
    pub activity_instance_id: Option<String>,
    pub name: Option<String>,
    pub description: Option<String>,
    pub delete_reason: Option<String>,
    pub owner: Option<String>,
    pub assignee: Option<String>,
    pub start_time: Date,
    pub end_time: Option<Date>,
    pub duration: Option<i64>,
    pub task_definition_key: Option<String>,
    pub priority: i64,
    pub due: Option<Date>,
    pub parent_task_id: Option<String>,
    pub follow_up: Option<Date>,
    pub tenant_id: Option<String>,
    pub removal_time: Option<Date>,
    pub root_process_instance_id: Option<String>,
    pub task_state: &'static str,
}

/// An incident, open or gone.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoricIncident {
    pub id: String,
    pub process_definition_key: Option<String>,
    /// Null of a batch's job, as the activity.
    pub process_definition_id: Option<String>,
    pub process_instance_id: Option<String>,
    pub execution_id: Option<String>,
    pub root_process_instance_id: Option<String>,
    pub create_time: Date,
    pub end_time: Option<Date>,
    pub removal_time: Option<Date>,
    pub incident_type: String,
    pub activity_id: Option<String>,
    pub failed_activity_id: Option<String>,
    pub cause_incident_id: String,
    pub root_cause_incident_id: String,
    pub configuration: Option<String>,
    pub history_configuration: Option<String>,
    pub incident_message: Option<String>,
    pub tenant_id: Option<String>,
    pub job_definition_id: Option<String>,
    pub open: bool,
    pub deleted: bool,
    pub resolved: bool,
    pub annotation: Option<String>,
}

/// What happened to a job.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoricJobLog {
    pub id: String,
    pub timestamp: Date,
    pub removal_time: Option<Date>,
    pub job_id: String,
    pub job_due_date: Option<Date>,
    pub job_retries: Option<i64>,
    pub job_priority: i64,
    pub job_exception_message: Option<String>,
    pub job_definition_id: Option<String>,
    pub job_definition_type: Option<String>,
    pub job_definition_configuration: Option<String>,
    pub activity_id: Option<String>,
    pub failed_activity_id: Option<String>,
    pub execution_id: Option<String>,
    pub process_instance_id: Option<String>,
    /// Null of a batch's job, as the activity.
    pub process_definition_id: Option<String>,
    pub process_definition_key: Option<String>,
    pub deployment_id: Option<String>,
    pub tenant_id: Option<String>,
    pub hostname: Option<String>,
    pub root_process_instance_id: Option<String>,
    pub batch_id: Option<String>,
    pub creation_log: bool,
    pub failure_log: bool,
    pub success_log: bool,
    pub deletion_log: bool,
}

/// What happened to an external task.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoricExternalTaskLog {
    pub id: String,
    pub timestamp: Date,
    pub removal_time: Option<Date>,
    pub external_task_id: String,
    pub topic_name: String,
    pub worker_id: Option<String>,
    pub priority: i64,
    pub retries: Option<i64>,
    pub error_message: Option<String>,
    pub activity_id: String,
    pub activity_instance_id: Option<String>,
    pub execution_id: Option<String>,
    pub process_instance_id: Option<String>,
    pub process_definition_id: String,
    pub process_definition_key: Option<String>,
    pub tenant_id: Option<String>,
    pub root_process_instance_id: String,
    pub creation_log: bool,
    pub failure_log: bool,
    pub success_log: bool,
    pub deletion_log: bool,
}

/// A candidate, assignee or owner that was added or taken away.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoricIdentityLink {
    pub id: String,
    pub time: Date,
    #[serde(rename = "type")]
    pub kind: String,
    pub user_id: Option<String>,
    pub group_id: Option<String>,
    pub task_id: Option<String>,
    pub process_definition_id: Option<String>,
    pub process_definition_key: Option<String>,
    pub operation_type: &'static str,
    pub assigner_id: Option<String>,
    pub tenant_id: Option<String>,
    pub removal_time: Option<Date>,
    pub root_process_instance_id: Option<String>,
}
