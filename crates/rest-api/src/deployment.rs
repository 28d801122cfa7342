//! Deployments and their resources on the wire.
use crate::{Date, definition::ProcessDefinition};
use serde::Serialize;
use serde_json::{Map, Value};

/// A hypermedia link of an instance or deployment.
#[derive(Clone, Debug, Serialize)]
pub struct Link {
    pub method: &'static str,
    /// Absolute.
    pub href: String,
    pub rel: &'static str,
}

/// A deployment.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    pub links: Vec<Link>,
    pub id: String,
    pub name: Option<String>,
    pub source: Option<String>,
    pub deployment_time: Date,
    pub tenant_id: Option<String>,
}

/// The answer of `POST /deployment/create`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployed {
    #[serde(flatten)]
    pub deployment: Deployment,
    /// By definition id; null if the deployment brought none.
    pub deployed_process_definitions: Option<Map<String, Value>>,
    pub deployed_case_definitions: Option<()>,
    pub deployed_decision_definitions: Option<()>,
    pub deployed_decision_requirements_definitions: Option<()>,
}

impl Deployed {
    /// The answer for a deployment with these definitions.
    pub fn new(deployment: Deployment, definitions: &[ProcessDefinition]) -> Deployed {
        let map: Map<String, Value> = definitions
            .iter()
            .map(|d| (d.id.clone(), serde_json::to_value(d).unwrap_or_default()))
            .collect();
        Deployed {
            deployment,
            deployed_process_definitions: (!map.is_empty()).then_some(map),
            deployed_case_definitions: None,
            deployed_decision_definitions: None,
            deployed_decision_requirements_definitions: None,
        }
    }
}

/// A file of a deployment.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    pub id: String,
    pub name: String,
    pub deployment_id: String,
}
