//! Decisions in the payload of a deployment.
use crate::store::{DecisionRow, RequirementsRef, RequirementsRow};
use bpmn_core::Id;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Decision {
    id: Id,
    rest_id: String,
    key: String,
    version: i32,
    name: Option<String>,
    category: Option<String>,
    version_tag: Option<String>,
    history_ttl_days: Option<i32>,
    requirements: Option<Required>,
    resource_name: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Required {
    id: Id,
    rest_id: String,
    key: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Requirements {
    id: Id,
    rest_id: String,
    key: String,
    version: i32,
    name: Option<String>,
    category: Option<String>,
    resource_name: String,
}

impl Decision {
    pub fn new(row: &DecisionRow) -> Decision {
        Decision {
            id: row.id,
            rest_id: row.rest_id.clone(),
            key: row.key.clone(),
            version: row.version,
            name: row.name.clone(),
            category: row.category.clone(),
            version_tag: row.version_tag.clone(),
            history_ttl_days: row.history_ttl_days,
            requirements: row.requirements.as_ref().map(|r| Required {
                id: r.id,
                rest_id: r.rest_id.clone(),
                key: r.key.clone(),
            }),
            resource_name: row.resource_name.clone(),
        }
    }

    pub fn row(self, deployment_id: Id, tenant_id: Option<String>) -> DecisionRow {
        DecisionRow {
            id: self.id,
            rest_id: self.rest_id,
            key: self.key,
            version: self.version,
            name: self.name,
            category: self.category,
            version_tag: self.version_tag,
            tenant_id,
            history_ttl_days: self.history_ttl_days,
            requirements: self.requirements.map(|r| RequirementsRef {
                id: r.id,
                rest_id: r.rest_id,
                key: r.key,
            }),
            resource_name: self.resource_name,
            deployment_id,
        }
    }
}

impl Requirements {
    pub fn new(row: &RequirementsRow) -> Requirements {
        Requirements {
            id: row.id,
            rest_id: row.rest_id.clone(),
            key: row.key.clone(),
            version: row.version,
            name: row.name.clone(),
            category: row.category.clone(),
            resource_name: row.resource_name.clone(),
        }
    }

    pub fn row(self, deployment_id: Id, tenant_id: Option<String>) -> RequirementsRow {
        RequirementsRow {
            id: self.id,
            rest_id: self.rest_id,
            key: self.key,
            version: self.version,
            name: self.name,
            category: self.category,
            tenant_id,
            resource_name: self.resource_name,
            deployment_id,
        }
    }
}
