//! Jobs on the wire.
use crate::Date;
use serde::Serialize;

/// A job.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    pub id: String,
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

impl Job {
    /// A job of no process instance: with neither tries nor a time.
    pub fn of_no_instance(id: String, created: Date) -> Job {
        Job {
            id,
            job_definition_id: None,
            process_instance_id: None,
            process_definition_id: None,
            process_definition_key: None,
            execution_id: None,
            exception_message: None,
            failed_activity_id: None,
            retries: 0,
            due_date: None,
            suspended: false,
            priority: 0,
            tenant_id: None,
            create_time: created,
            batch_id: None,
        }
    }
}
