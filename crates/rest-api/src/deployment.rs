//! Deployments and their resources on the wire.
use crate::Date;
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
    pub deployed_decision_definitions: Option<Map<String, Value>>,
    pub deployed_decision_requirements_definitions: Option<Map<String, Value>>,
}

/// Definitions by id, as [`Deployed`] shows them: null if there are none.
pub fn by_id<D: Serialize>(definitions: impl Iterator<Item = (String, D)>) -> Option<Map<String, Value>> {
    let map: Map<String, Value> = definitions
        .map(|(id, d)| (id, serde_json::to_value(d).unwrap_or_default()))
        .collect();
    (!map.is_empty()).then_some(map)
}

/// A file of a deployment.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    pub id: String,
    pub name: String,
    pub deployment_id: String,
}
