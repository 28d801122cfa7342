//! The user operation log on the wire.
use crate::Date;
use serde::Serialize;

/// What a user has done, of one property.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserOperationLogEntry {
    pub id: String,
    pub deployment_id: Option<String>,
    pub process_definition_id: Option<String>,
    pub process_definition_key: Option<String>,
    pub process_instance_id: Option<String>,
    pub execution_id: Option<String>,
    pub case_definition_id: Option<String>,
    pub case_instance_id: Option<String>,
    pub case_execution_id: Option<String>,
    pub task_id: Option<String>,
    pub job_id: Option<String>,
    pub job_definition_id: Option<String>,
    pub batch_id: Option<String>,
    pub user_id: Option<String>,
    pub timestamp: Date,
    pub operation_id: String,
    pub external_task_id: Option<String>,
    pub operation_type: String,
    pub entity_type: String,
    pub property: Option<String>,
    pub org_value: Option<String>,
    pub new_value: Option<String>,
    pub removal_time: Option<Date>,
    pub root_process_instance_id: Option<String>,
    pub category: String,
    pub annotation: Option<String>,
}
