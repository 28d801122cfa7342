//! Process definitions and their statistics on the wire.
use serde::Serialize;

/// A process definition.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessDefinition {
    pub id: String,
    pub key: String,
    pub category: Option<String>,
    pub description: Option<String>,
    pub name: Option<String>,
    pub version: i32,
    pub resource: String,
    pub deployment_id: String,
    pub diagram: Option<String>,
    pub suspended: bool,
    pub tenant_id: Option<String>,
    pub version_tag: Option<String>,
    pub history_time_to_live: Option<i32>,
    pub startable_in_tasklist: bool,
}

/// A process definition that others call.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CalledProcessDefinition {
    #[serde(flatten)]
    pub definition: ProcessDefinition,
    pub called_from_activity_ids: Vec<String>,
    pub calling_process_definition_id: String,
}

/// The model of a definition.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Xml {
    pub id: String,
    pub bpmn20_xml: String,
}

/// Incidents of one type in a statistics row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IncidentCount {
    pub incident_type: String,
    pub incident_count: i64,
}

/// What runs at one element of a definition.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivityStatistics {
    #[serde(rename = "@class")]
    pub class: &'static str,
    pub id: String,
    pub instances: i64,
    pub failed_jobs: i64,
    pub incidents: Vec<IncidentCount>,
}

/// What runs of one definition.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DefinitionStatistics {
    #[serde(rename = "@class")]
    pub class: &'static str,
    pub id: String,
    pub instances: i64,
    pub failed_jobs: i64,
    pub incidents: Vec<IncidentCount>,
    pub definition: ProcessDefinition,
}

/// `@class` of [`ActivityStatistics`].
pub const ACTIVITY_STATISTICS: &str =
    "org.camunda.bpm.engine.rest.dto.repository.ActivityStatisticsResultDto";
/// `@class` of [`DefinitionStatistics`].
pub const DEFINITION_STATISTICS: &str =
    "org.camunda.bpm.engine.rest.dto.repository.ProcessDefinitionStatisticsResultDto";
