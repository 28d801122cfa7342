//! What an operation needs: permissions on resources, one of which is enough.
use bpmn_core::Id;
use rest_api::authorization::{ANY, bits};

/// Numbers of the resources, `resourceType` of REST.
pub mod resource {
    pub const USER: i32 = 1;
    pub const GROUP: i32 = 2;
    pub const GROUP_MEMBERSHIP: i32 = 3;
    pub const AUTHORIZATION: i32 = 4;
    pub const FILTER: i32 = 5;
    pub const PROCESS_DEFINITION: i32 = 6;
    pub const TASK: i32 = 7;
    pub const PROCESS_INSTANCE: i32 = 8;
    pub const DEPLOYMENT: i32 = 9;
    pub const DECISION_DEFINITION: i32 = 10;
    pub const TENANT: i32 = 11;
    pub const TENANT_MEMBERSHIP: i32 = 12;
    pub const BATCH: i32 = 13;
    pub const DECISION_REQUIREMENTS_DEFINITION: i32 = 14;
    pub const OPERATION_LOG_CATEGORY: i32 = 17;
    pub const SYSTEM: i32 = 21;
}

/// A permission on a resource: of one id, of any (`*`), or of the resource as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    pub resource: i32,
    pub permission: &'static str,
    pub id: Option<String>,
}

impl Need {
    /// Of the resource as a whole.
    pub fn of(resource: i32, permission: &'static str) -> Need {
        Need {
            resource,
            permission,
            id: None,
        }
    }

    /// Of one thing.
    pub fn on(resource: i32, permission: &'static str, id: impl ToString) -> Need {
        Need {
            id: Some(id.to_string()),
            ..Need::of(resource, permission)
        }
    }

    /// Of every thing (`*`), as some operations word it.
    pub fn any(resource: i32, permission: &'static str) -> Need {
        Need::on(resource, permission, ANY)
    }

    /// The permission's bits; none for a permission that the resource doesn't have, which nothing then grants.
    pub fn bits(&self) -> i32 {
        bits(self.permission, self.resource).unwrap_or(i32::MIN)
    }
}

/// What is done with something of a process: the permission on the thing itself, and that on its definition, each pair
/// in the order in which the reference asks and names them.
pub type Pairs = &'static [(&'static str, &'static str)];

pub const READ_INSTANCE: Pairs = &[("READ", "READ_INSTANCE")];
pub const UPDATE_INSTANCE: Pairs = &[("UPDATE", "UPDATE_INSTANCE")];
pub const DELETE_INSTANCE: Pairs = &[("DELETE", "DELETE_INSTANCE")];
pub const SUSPEND_INSTANCE: Pairs = &[("SUSPEND", "SUSPEND_INSTANCE"), ("UPDATE", "UPDATE_INSTANCE")];
pub const RETRY_JOB: Pairs = &[("RETRY_JOB", "RETRY_JOB"), ("UPDATE", "UPDATE_INSTANCE")];
pub const UPDATE_VARIABLE: Pairs = &[
    ("UPDATE_VARIABLE", "UPDATE_INSTANCE_VARIABLE"),
    ("UPDATE", "UPDATE_INSTANCE"),
];
pub const READ_TASK: Pairs = &[("READ", "READ_TASK")];
pub const WORK_ON_TASK: Pairs = &[("TASK_WORK", "TASK_WORK"), ("UPDATE", "UPDATE_TASK")];
pub const ASSIGN_TASK: Pairs = &[("TASK_ASSIGN", "TASK_ASSIGN"), ("UPDATE", "UPDATE_TASK")];
pub const UPDATE_TASK_VARIABLE: Pairs = &[
    ("UPDATE_VARIABLE", "UPDATE_TASK_VARIABLE"),
    ("UPDATE", "UPDATE_TASK"),
];

/// The needs of these pairs for a thing and the key of its definition. Without an id the thing is any of its kind.
pub fn needs(pairs: Pairs, of: i32, thing: Option<Id>, key: &str) -> Vec<Need> {
    let mut needs = Vec::with_capacity(pairs.len() * 2);
    for (own, through) in pairs {
        needs.push(Need {
            id: thing.map(|id| id.to_string()),
            ..Need::of(of, own)
        });
        needs.push(Need::on(resource::PROCESS_DEFINITION, through, key));
    }
    needs
}
