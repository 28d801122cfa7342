//! Decisions on the wire.
use crate::Date;
use serde::Serialize;
use serde_json::Value;

/// A decision definition.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DecisionDefinition {
    pub id: String,
    pub key: String,
    pub category: Option<String>,
    pub name: Option<String>,
    pub version: i32,
    pub resource: String,
    pub deployment_id: String,
    pub tenant_id: Option<String>,
    pub decision_requirements_definition_id: Option<String>,
    pub decision_requirements_definition_key: Option<String>,
    pub history_time_to_live: Option<i32>,
    pub version_tag: Option<String>,
}

/// A decision requirements definition.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DecisionRequirementsDefinition {
    pub id: String,
    pub key: String,
    pub category: Option<String>,
    pub name: Option<String>,
    pub version: i32,
    pub resource: String,
    pub deployment_id: String,
    pub tenant_id: Option<String>,
}

/// The model of a decision.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DmnXml {
    pub id: String,
    pub dmn_xml: String,
}

/// Filters of `/decision-definition`.
pub const DEFINITION_FILTERS: &[&str] = &[
    "category",
    "categoryLike",
    "decisionDefinitionId",
    "decisionDefinitionIdIn",
    "decisionRequirementsDefinitionId",
    "decisionRequirementsDefinitionKey",
    "deployedAfter",
    "deployedAt",
    "deploymentId",
    "includeDecisionDefinitionsWithoutTenantId",
    "key",
    "keyLike",
    "latestVersion",
    "name",
    "nameLike",
    "resourceName",
    "resourceNameLike",
    "tenantIdIn",
    "version",
    "versionTag",
    "versionTagLike",
    "withoutDecisionRequirementsDefinition",
    "withoutTenantId",
];

/// Filters of `/decision-requirements-definition`.
pub const REQUIREMENTS_FILTERS: &[&str] = &[
    "category",
    "categoryLike",
    "decisionRequirementsDefinitionId",
    "decisionRequirementsDefinitionIdIn",
    "deploymentId",
    "includeDecisionRequirementsDefinitionsWithoutTenantId",
    "key",
    "keyLike",
    "latestVersion",
    "name",
    "nameLike",
    "resourceName",
    "resourceNameLike",
    "tenantIdIn",
    "version",
    "withoutTenantId",
];

/// Filters of `/history/decision-instance`.
pub const HISTORY_FILTERS: &[&str] = &[
    "activityIdIn",
    "activityInstanceIdIn",
    "caseDefinitionId",
    "caseDefinitionKey",
    "caseInstanceId",
    "decisionDefinitionId",
    "decisionDefinitionIdIn",
    "decisionDefinitionKey",
    "decisionDefinitionKeyIn",
    "decisionDefinitionName",
    "decisionDefinitionNameLike",
    "decisionInstanceId",
    "decisionInstanceIdIn",
    "decisionRequirementsDefinitionId",
    "decisionRequirementsDefinitionKey",
    "disableBinaryFetching",
    "disableCustomObjectDeserialization",
    "evaluatedAfter",
    "evaluatedBefore",
    "includeInputs",
    "includeOutputs",
    "processDefinitionId",
    "processDefinitionKey",
    "processInstanceId",
    "rootDecisionInstanceId",
    "rootDecisionInstancesOnly",
    "tenantIdIn",
    "userId",
    "withoutTenantId",
];

/// A decision that was evaluated.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoricDecisionInstance {
    pub id: String,
    pub decision_definition_id: Option<String>,
    pub decision_definition_key: Option<String>,
    pub decision_definition_name: Option<String>,
    pub evaluation_time: Date,
    pub removal_time: Option<Date>,
    pub process_definition_id: Option<String>,
    pub process_definition_key: Option<String>,
    pub process_instance_id: Option<String>,
    pub root_process_instance_id: Option<String>,
    pub case_definition_id: Option<String>,
    pub case_definition_key: Option<String>,
    pub case_instance_id: Option<String>,
    pub activity_id: Option<String>,
    pub activity_instance_id: Option<String>,
    pub user_id: Option<String>,
    /// Where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Vec<Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Vec<Value>>,
    pub collect_result_value: Option<f64>,
    pub root_decision_instance_id: Option<String>,
    pub decision_requirements_definition_id: Option<String>,
    pub decision_requirements_definition_key: Option<String>,
    pub tenant_id: Option<String>,
}
