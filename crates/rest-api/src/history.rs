//! Historic process and activity instances on the wire.
use crate::Date;
use serde::Serialize;

/// A process instance, running or ended.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoricProcessInstance {
    pub id: String,
    pub business_key: Option<String>,
    pub process_definition_id: String,
    pub process_definition_key: Option<String>,
    pub process_definition_name: Option<String>,
    pub process_definition_version: Option<i32>,
    pub start_time: Date,
    pub end_time: Option<Date>,
    pub removal_time: Option<Date>,
    pub duration_in_millis: Option<i64>,
    pub start_user_id: Option<String>,
    pub start_activity_id: String,
    pub delete_reason: Option<String>,
    pub root_process_instance_id: String,
    pub super_process_instance_id: Option<String>,
    pub super_case_instance_id: Option<String>,
    pub case_instance_id: Option<String>,
    pub tenant_id: Option<String>,
    pub state: &'static str,
    pub restarted_process_instance_id: Option<String>,
}

/// An activity instance, running or ended.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoricActivityInstance {
    pub id: String,
    pub parent_activity_instance_id: String,
    pub activity_id: String,
    pub activity_name: Option<String>,
    pub activity_type: String,
    pub process_definition_key: Option<String>,
    pub process_definition_id: String,
    pub process_instance_id: String,
    pub execution_id: String,
    pub task_id: Option<String>,
    pub called_process_instance_id: Option<String>,
    pub called_case_instance_id: Option<String>,
    pub assignee: Option<String>,
    pub start_time: Date,
    pub end_time: Option<Date>,
    pub duration_in_millis: Option<i64>,
    pub canceled: bool,
    pub complete_scope: bool,
    pub tenant_id: Option<String>,
    pub removal_time: Option<Date>,
    pub root_process_instance_id: String,
}

/// `/history/process-definition/{id}/statistics`: numbers of an activity; those not asked for are 0.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoricActivityStatistics {
    pub id: String,
    pub instances: i64,
    pub canceled: i64,
    pub finished: i64,
    pub complete_scope: i64,
    pub open_incidents: i64,
    pub resolved_incidents: i64,
    pub deleted_incidents: i64,
}
