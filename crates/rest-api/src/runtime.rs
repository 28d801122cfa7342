//! Process instances, executions, event subscriptions, activity instance trees and variable instances on the wire.
use crate::{Date, deployment::Link};
use serde::Serialize;
use serde_json::Value;

/// A running process instance, or one that has ended while it was started.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessInstance {
    pub links: Vec<Link>,
    pub id: String,
    pub definition_id: String,
    pub business_key: Option<String>,
    pub case_instance_id: Option<String>,
    pub ended: bool,
    pub suspended: bool,
    pub tenant_id: Option<String>,
    pub definition_key: String,
    /// Only in the answer of a start with `withVariablesInReturn`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variables: Option<Value>,
}

/// An execution.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Execution {
    pub id: String,
    pub process_instance_id: String,
    pub ended: bool,
    pub tenant_id: Option<String>,
}

/// Something that waits for an event.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventSubscription {
    pub id: String,
    pub event_type: &'static str,
    pub event_name: Option<String>,
    pub execution_id: Option<String>,
    pub process_instance_id: Option<String>,
    pub activity_id: String,
    pub created_date: Date,
    pub tenant_id: Option<String>,
}

/// A node of the tree that `activity-instances` answers with.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivityInstance {
    pub id: String,
    pub parent_activity_instance_id: Option<String>,
    pub activity_id: String,
    pub activity_type: String,
    pub process_instance_id: String,
    pub process_definition_id: String,
    pub child_activity_instances: Vec<ActivityInstance>,
    pub child_transition_instances: Vec<TransitionInstance>,
    pub execution_ids: Vec<String>,
    pub activity_name: Option<String>,
    pub incident_ids: Vec<String>,
    pub incidents: Vec<ActivityIncident>,
    pub name: Option<String>,
}

/// A token before or after its element, at an asynchronous continuation.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TransitionInstance {
    pub id: String,
    pub parent_activity_instance_id: String,
    pub process_instance_id: String,
    pub process_definition_id: String,
    pub activity_id: String,
    pub activity_name: Option<String>,
    pub activity_type: String,
    pub execution_id: String,
    pub incident_ids: Vec<String>,
    pub incidents: Vec<ActivityIncident>,
    pub target_activity_id: String,
}

/// An incident of an activity instance.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivityIncident {
    pub id: String,
    pub activity_id: String,
}

/// A variable with the place it belongs to.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VariableInstance {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub value: Value,
    pub value_info: Value,
    pub id: String,
    pub name: String,
    pub process_definition_id: Option<String>,
    pub process_instance_id: Option<String>,
    pub execution_id: Option<String>,
    pub case_instance_id: Option<String>,
    pub case_execution_id: Option<String>,
    pub task_id: Option<String>,
    pub batch_id: Option<String>,
    pub activity_instance_id: Option<String>,
    pub error_message: Option<String>,
    pub tenant_id: Option<String>,
}

/// One result of a message correlation.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Correlated {
    pub result_type: &'static str,
    pub execution: Option<Execution>,
    pub process_instance: Option<ProcessInstance>,
    /// Only with `variablesInResultEnabled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variables: Option<Value>,
}
