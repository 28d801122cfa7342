//! Job definitions as JSON.
use serde::Serialize;

/// A job definition.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobDefinition {
    pub id: String,
    /// Null for those of batches, as the key and the activity.
    pub process_definition_id: Option<String>,
    pub process_definition_key: Option<String>,
    pub job_type: String,
    pub job_configuration: String,
    pub activity_id: Option<String>,
    pub suspended: bool,
    pub overriding_job_priority: Option<i64>,
    pub tenant_id: Option<String>,
    /// Null for all but those of batches, in the reference too.
    pub deployment_id: Option<String>,
}
