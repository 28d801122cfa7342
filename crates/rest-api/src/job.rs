//! Jobs on the wire.
use crate::Date;
use serde::Serialize;

/// A job.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    pub id: String,
    /// Job definitions are not kept: always null.
    pub job_definition_id: Option<String>,
    pub process_instance_id: Option<String>,
    pub process_definition_id: Option<String>,
    pub process_definition_key: Option<String>,
    pub execution_id: Option<String>,
    pub exception_message: Option<String>,
    pub failed_activity_id: Option<String>,
    pub retries: i32,
    pub due_date: Option<Date>,
    pub suspended: bool,
    pub priority: i64,
    pub tenant_id: Option<String>,
    pub create_time: Date,
    pub batch_id: Option<String>,
}
