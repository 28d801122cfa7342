//! Incidents on the wire.
use crate::Date;
use serde::Serialize;

/// An incident.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Incident {
    pub id: String,
    pub process_definition_id: Option<String>,
    pub process_instance_id: Option<String>,
    pub execution_id: Option<String>,
    pub incident_timestamp: Date,
    pub incident_type: String,
    /// Null if a batch's job has failed, as the definition.
    pub activity_id: Option<String>,
    pub failed_activity_id: Option<String>,
    pub cause_incident_id: String,
    pub root_cause_incident_id: String,
    pub configuration: Option<String>,
    pub incident_message: Option<String>,
    pub tenant_id: Option<String>,
    pub job_definition_id: Option<String>,
    pub annotation: Option<String>,
}
