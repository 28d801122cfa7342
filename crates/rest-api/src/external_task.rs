//! External tasks on the wire.
use crate::Date;
use serde::Serialize;
use serde_json::Value;

/// An external task as lists show it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExternalTask {
    pub activity_id: String,
    pub activity_instance_id: String,
    pub error_message: Option<String>,
    pub execution_id: String,
    pub id: String,
    pub lock_expiration_time: Option<Date>,
    pub create_time: Date,
    pub process_definition_id: String,
    pub process_definition_key: String,
    pub process_definition_version_tag: Option<String>,
    pub process_instance_id: String,
    pub retries: Option<i32>,
    pub suspended: bool,
    pub worker_id: Option<String>,
    pub topic_name: String,
    pub tenant_id: Option<String>,
    pub priority: i64,
    pub business_key: Option<String>,
}

/// An external task as fetchAndLock gives it to a worker.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LockedExternalTask {
    pub activity_id: String,
    pub activity_instance_id: String,
    pub error_message: Option<String>,
    pub error_details: Option<String>,
    pub execution_id: String,
    pub id: String,
    pub lock_expiration_time: Option<Date>,
    pub create_time: Date,
    pub process_definition_id: String,
    pub process_definition_key: String,
    pub process_definition_version_tag: Option<String>,
    pub process_instance_id: String,
    pub retries: Option<i32>,
    pub suspended: bool,
    pub worker_id: Option<String>,
    pub topic_name: String,
    pub tenant_id: Option<String>,
    pub variables: Value,
    pub priority: i64,
    pub business_key: Option<String>,
    pub extension_properties: Value,
    /// Token of this fetch; only in the parts of a fan-out, so that the router can give the task back.
    #[serde(rename = "_lockRevision", skip_serializing_if = "Option::is_none")]
    pub lock_revision: Option<i64>,
}
