//! The bytes of a log entry: JSON, the same on every shard, named by their SHA-256.
mod decisions;

use crate::store::{
    DefinitionRow, DeploymentRow, FilterChange, IdentityChange, Reference, ResourceRow, UserRow,
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bpmn_core::{Id, Slot};
use decisions::{Decision, Requirements};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What one entry does; what is stored and sent between shards. Publishing has no payload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Payload {
    Deploy {
        deployment: Deployment,
    },
    DeleteDeployment {
        deployment: Id,
        /// With all that history tells of it.
        #[serde(default)]
        cascade: bool,
    },
    DeleteDefinition {
        definition: Id,
        #[serde(default)]
        cascade: bool,
    },
    SuspendDefinition {
        definition: Id,
        suspended: bool,
    },
    SuspendJobs {
        definition: Id,
        job_definition: Option<Id>,
        suspended: bool,
    },
    SetJobPriority {
        job_definition: Id,
        priority: Option<i64>,
    },
    SetHistoryTtl {
        definition: Id,
        days: Option<i32>,
    },
    SetDecisionHistoryTtl {
        decision: Id,
        days: Option<i32>,
    },
    /// Users, groups, tenants, memberships, authorizations.
    Identity {
        changes: Vec<IdentityChange>,
    },
    /// A stored filter.
    Filter {
        change: FilterChange,
    },
    /// A user, as earlier releases wrote it.
    PutUser {
        user: UserRow,
    },
}

/// A deployment with its files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    id: Id,
    name: Option<String>,
    source: Option<String>,
    tenant_id: Option<String>,
    deployed: i64,
    resources: Vec<Resource>,
    definitions: Vec<Definition>,
    /// Absent in entries of releases without decisions.
    #[serde(default)]
    decisions: Vec<Decision>,
    #[serde(default)]
    requirements: Vec<Requirements>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Resource {
    id: Id,
    name: String,
    /// Base64.
    content: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Definition {
    id: Id,
    rest_id: String,
    key: String,
    version: i32,
    name: Option<String>,
    category: Option<String>,
    description: Option<String>,
    version_tag: Option<String>,
    history_ttl_days: Option<i32>,
    startable_in_tasklist: bool,
    suspended: bool,
    resource_name: String,
    home: Slot,
}

/// A payload that can't be read: a newer release's, or damaged.
#[derive(Debug, thiserror::Error)]
#[error("payload of a reference log entry can't be read: {0}")]
pub struct Unreadable(String);

impl Payload {
    /// The word that stands in the log entry.
    pub fn kind(&self) -> &'static str {
        match self {
            Payload::Deploy { .. } => "deploy",
            Payload::DeleteDeployment { .. } => "delete-deployment",
            Payload::DeleteDefinition { .. } => "delete-definition",
            Payload::SuspendDefinition { .. } => "suspend-definition",
            Payload::SuspendJobs { .. } => "suspend-jobs",
            Payload::SetJobPriority { .. } => "set-job-priority",
            Payload::SetHistoryTtl { .. } => "set-history-ttl",
            Payload::SetDecisionHistoryTtl { .. } => "set-decision-history-ttl",
            Payload::Identity { .. } => "identity",
            Payload::Filter { .. } => "filter",
            Payload::PutUser { .. } => "put-user",
        }
    }

    /// Its bytes and their digest. The same value always gives the same bytes.
    pub fn encode(&self) -> (Vec<u8>, String) {
        let bytes = serde_json::to_vec(self).unwrap_or_default(); // plain data with text keys: can't fail
        let digest = digest(&bytes);
        (bytes, digest)
    }

    /// Reads what [`Payload::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Payload, Unreadable> {
        serde_json::from_slice(bytes).map_err(|e| Unreadable(e.to_string()))
    }

    /// What the store has to do.
    pub fn reference(self) -> Result<Reference, Unreadable> {
        Ok(match self {
            Payload::Deploy { deployment } => Reference::Deploy(Box::new(deployment.row()?)),
            Payload::DeleteDeployment { deployment, cascade } => {
                Reference::DeleteDeployment { deployment, cascade }
            }
            Payload::DeleteDefinition { definition, cascade } => {
                Reference::DeleteDefinition { definition, cascade }
            }
            Payload::SuspendDefinition {
                definition,
                suspended,
            } => Reference::SuspendDefinition {
                definition,
                suspended,
            },
            Payload::SuspendJobs {
                definition,
                job_definition,
                suspended,
            } => Reference::SuspendJobs {
                definition,
                job_definition,
                suspended,
            },
            Payload::SetJobPriority {
                job_definition,
                priority,
            } => Reference::SetJobPriority {
                job_definition,
                priority,
            },
            Payload::SetHistoryTtl { definition, days } => Reference::SetHistoryTtl { definition, days },
            Payload::SetDecisionHistoryTtl { decision, days } => {
                Reference::SetDecisionHistoryTtl { decision, days }
            }
            Payload::Identity { changes } => Reference::Identity(changes),
            Payload::Filter { change } => Reference::Filter(change),
            Payload::PutUser { user } => Reference::Identity(vec![IdentityChange::PutUser(user)]),
        })
    }
}

/// SHA-256 in lower-case hexadecimal digits.
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

impl Deployment {
    /// From a row with contents.
    pub fn new(row: &DeploymentRow) -> Deployment {
        Deployment {
            id: row.id,
            name: row.name.clone(),
            source: row.source.clone(),
            tenant_id: row.tenant_id.clone(),
            deployed: row.deployed,
            resources: row
                .resources
                .iter()
                .map(|r| Resource {
                    id: r.id,
                    name: r.name.clone(),
                    content: BASE64.encode(&r.content),
                })
                .collect(),
            definitions: row.definitions.iter().map(Definition::new).collect(),
            decisions: row.decisions.iter().map(Decision::new).collect(),
            requirements: row.requirements.iter().map(Requirements::new).collect(),
        }
    }

    /// Its id.
    pub fn id(&self) -> Id {
        self.id
    }

    fn row(self) -> Result<DeploymentRow, Unreadable> {
        let (id, tenant) = (self.id, self.tenant_id.clone());
        let resources = self
            .resources
            .into_iter()
            .map(|r| {
                let content = BASE64.decode(&r.content).map_err(|e| Unreadable(e.to_string()))?;
                Ok(ResourceRow {
                    id: r.id,
                    name: r.name,
                    content,
                })
            })
            .collect::<Result<_, Unreadable>>()?;
        Ok(DeploymentRow {
            id,
            name: self.name,
            source: self.source,
            tenant_id: self.tenant_id,
            deployed: self.deployed,
            resources,
            definitions: self
                .definitions
                .into_iter()
                .map(|d| d.row(id, tenant.clone()))
                .collect(),
            decisions: self
                .decisions
                .into_iter()
                .map(|d| d.row(id, tenant.clone()))
                .collect(),
            requirements: self
                .requirements
                .into_iter()
                .map(|d| d.row(id, tenant.clone()))
                .collect(),
        })
    }
}

impl Definition {
    fn new(row: &DefinitionRow) -> Definition {
        Definition {
            id: row.id,
            rest_id: row.rest_id.clone(),
            key: row.key.clone(),
            version: row.version,
            name: row.name.clone(),
            category: row.category.clone(),
            description: row.description.clone(),
            version_tag: row.version_tag.clone(),
            history_ttl_days: row.history_ttl_days,
            startable_in_tasklist: row.startable_in_tasklist,
            suspended: row.suspended,
            resource_name: row.resource_name.clone(),
            home: row.home,
        }
    }

    fn row(self, deployment_id: Id, tenant_id: Option<String>) -> DefinitionRow {
        DefinitionRow {
            id: self.id,
            rest_id: self.rest_id,
            key: self.key,
            version: self.version,
            name: self.name,
            category: self.category,
            description: self.description,
            version_tag: self.version_tag,
            tenant_id,
            history_ttl_days: self.history_ttl_days,
            startable_in_tasklist: self.startable_in_tasklist,
            suspended: self.suspended,
            resource_name: self.resource_name,
            deployment_id,
            home: self.home,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{DecisionRow, RequirementsRef, RequirementsRow};

    #[test]
    fn a_deployment_survives_its_payload_byte_for_byte() {
        let slot = Slot::of_key("x");
        let id = |n| Id::from_parts(1_700_000_000_000 + n, 0, slot, n);
        let definition = DefinitionRow {
            id: id(2),
            rest_id: format!("x:1:{}", id(2)),
            key: "x".into(),
            version: 1,
            name: Some("Ä\"".into()),
            category: None,
            description: None,
            version_tag: None,
            tenant_id: Some("t".into()),
            history_ttl_days: Some(5),
            startable_in_tasklist: true,
            suspended: false,
            resource_name: "x.bpmn".into(),
            deployment_id: id(1),
            home: slot,
        };
        let row = DeploymentRow {
            id: id(1),
            name: None,
            source: Some("s".into()),
            tenant_id: Some("t".into()),
            deployed: 7,
            resources: vec![ResourceRow {
                id: id(3),
                name: "x.bpmn".into(),
                content: vec![0, 255, 10],
            }],
            definitions: vec![definition],
            decisions: vec![DecisionRow {
                id: id(4),
                rest_id: format!("d:1:{}", id(4)),
                key: "d".into(),
                version: 1,
                name: Some("D".into()),
                category: None,
                version_tag: Some("v".into()),
                tenant_id: Some("t".into()),
                history_ttl_days: None,
                requirements: Some(RequirementsRef {
                    id: id(5),
                    rest_id: format!("r:1:{}", id(5)),
                    key: "r".into(),
                }),
                resource_name: "d.dmn".into(),
                deployment_id: id(1),
            }],
            requirements: vec![RequirementsRow {
                id: id(5),
                rest_id: format!("r:1:{}", id(5)),
                key: "r".into(),
                version: 1,
                name: None,
                category: Some("c".into()),
                tenant_id: Some("t".into()),
                resource_name: "d.dmn".into(),
                deployment_id: id(1),
            }],
        };
        let payload = Payload::Deploy {
            deployment: Deployment::new(&row),
        };
        let (bytes, digest) = payload.encode();
        assert_eq!((payload.encode().1, digest.len()), (digest, 64));
        match Payload::decode(&bytes).unwrap().reference().unwrap() {
            Reference::Deploy(back) => assert_eq!(*back, row),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_user_s_entry_of_an_earlier_release_is_still_read() {
        let earlier = br#"{"kind":"put-user","user":{"id":"anna","first_name":null,"last_name":null,
            "email":"a@b","password_hash":"$argon2id$"}}"#;
        let Reference::Identity(changes) = Payload::decode(earlier).unwrap().reference().unwrap() else {
            panic!("no identity entry");
        };
        let [IdentityChange::PutUser(user)] = &changes[..] else {
            panic!("{changes:?}");
        };
        assert_eq!((user.email.as_deref(), user.unlocks), (Some("a@b"), 0));
        let now = Payload::Identity {
            changes: changes.clone(),
        };
        match Payload::decode(&now.encode().0).unwrap().reference().unwrap() {
            Reference::Identity(back) => assert_eq!(back, changes),
            other => panic!("{other:?}"),
        }
    }
}
