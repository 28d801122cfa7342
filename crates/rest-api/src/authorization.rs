//! Authorizations on the wire, and what can be authorized: the resources and permissions of Camunda 7.24.
use crate::{ApiError, ApiResult, Date};
use serde::Serialize;

/// An authorization.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Authorization {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: i16,
    pub permissions: Vec<&'static str>,
    pub user_id: Option<String>,
    pub group_id: Option<String>,
    pub resource_type: i32,
    pub resource_id: Option<String>,
    /// Of authorizations of historic entities, which this engine doesn't make.
    pub removal_time: Option<Date>,
    pub root_process_instance_id: Option<String>,
}

/// Whether somebody may do something.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Checked {
    pub permission_name: String,
    pub resource_name: String,
    pub resource_id: Option<String>,
    pub authorized: bool,
}

/// Every permission of a resource.
pub const ALL: &str = "ALL";
/// All bits.
pub const ALL_BITS: i32 = i32::MAX;
/// No permission.
pub const NONE: &str = "NONE";
/// Every user of a global authorization, and any resource of a type.
pub const ANY: &str = "*";

/// A permission and its bit.
pub type Permission = (&'static str, i32);

/// Something that can be authorized.
#[derive(Debug)]
pub struct Resource {
    /// `resourceType` of REST.
    pub number: i32,
    /// Its constant in the reference, which messages name.
    pub constant: &'static str,
    /// Its name in the reference, which refusals tell.
    pub name: &'static str,
    /// In the reference's order, without [`ALL`] and [`NONE`].
    pub permissions: &'static [Permission],
    /// Whether its permissions are some of [`COMMON`]; else they are its own.
    common: bool,
}

/// Permissions that many resources share, each some of them.
const COMMON: &[Permission] = &[
    ("READ", 2),
    ("UPDATE", 4),
    ("CREATE", 8),
    ("DELETE", 16),
    ("ACCESS", 32),
    ("READ_TASK", 64),
    ("UPDATE_TASK", 128),
    ("CREATE_INSTANCE", 256),
    ("READ_INSTANCE", 512),
    ("UPDATE_INSTANCE", 1024),
    ("DELETE_INSTANCE", 2048),
    ("READ_HISTORY", 4096),
    ("DELETE_HISTORY", 8192),
    ("TASK_WORK", 16384),
    ("TASK_ASSIGN", 32768),
    ("MIGRATE_INSTANCE", 65536),
];
const CRUD: &[Permission] = &[("READ", 2), ("UPDATE", 4), ("CREATE", 8), ("DELETE", 16)];

const fn shared(
    number: i32,
    constant: &'static str,
    name: &'static str,
    permissions: &'static [Permission],
) -> Resource {
    Resource {
        number,
        constant,
        name,
        permissions,
        common: true,
    }
}

const fn own(
    number: i32,
    constant: &'static str,
    name: &'static str,
    permissions: &'static [Permission],
) -> Resource {
    Resource {
        number,
        constant,
        name,
        permissions,
        common: false,
    }
}

/// Every resource by number.
pub const RESOURCES: &[Resource] = &[
    shared(0, "APPLICATION", "Application", &[("ACCESS", 32)]),
    shared(1, "USER", "User", CRUD),
    shared(2, "GROUP", "Group", CRUD),
    shared(
        3,
        "GROUP_MEMBERSHIP",
        "Group membership",
        &[("CREATE", 8), ("DELETE", 16)],
    ),
    shared(4, "AUTHORIZATION", "Authorization", CRUD),
    shared(5, "FILTER", "Filter", CRUD),
    own(
        6,
        "PROCESS_DEFINITION",
        "ProcessDefinition",
        &[
            ("READ", 2),
            ("UPDATE", 4),
            ("DELETE", 16),
            ("READ_TASK", 64),
            ("UPDATE_TASK", 128),
            ("CREATE_INSTANCE", 256),
            ("READ_INSTANCE", 512),
            ("UPDATE_INSTANCE", 1024),
            ("DELETE_INSTANCE", 2048),
            ("READ_HISTORY", 4096),
            ("DELETE_HISTORY", 8192),
            ("TASK_WORK", 16384),
            ("TASK_ASSIGN", 32768),
            ("MIGRATE_INSTANCE", 65536),
            ("RETRY_JOB", 32),
            ("SUSPEND", 1048576),
            ("SUSPEND_INSTANCE", 131072),
            ("UPDATE_INSTANCE_VARIABLE", 262144),
            ("UPDATE_TASK_VARIABLE", 524288),
            ("READ_INSTANCE_VARIABLE", 2097152),
            ("READ_HISTORY_VARIABLE", 4194304),
            ("READ_TASK_VARIABLE", 8388608),
            ("UPDATE_HISTORY", 16777216),
        ],
    ),
    own(
        7,
        "TASK",
        "Task",
        &[
            ("READ", 2),
            ("UPDATE", 4),
            ("CREATE", 8),
            ("DELETE", 16),
            ("READ_HISTORY", 4096),
            ("TASK_WORK", 16384),
            ("TASK_ASSIGN", 32768),
            ("UPDATE_VARIABLE", 32),
            ("READ_VARIABLE", 64),
        ],
    ),
    own(
        8,
        "PROCESS_INSTANCE",
        "ProcessInstance",
        &[
            ("READ", 2),
            ("UPDATE", 4),
            ("CREATE", 8),
            ("DELETE", 16),
            ("RETRY_JOB", 32),
            ("SUSPEND", 64),
            ("UPDATE_VARIABLE", 128),
        ],
    ),
    shared(
        9,
        "DEPLOYMENT",
        "Deployment",
        &[("READ", 2), ("CREATE", 8), ("DELETE", 16)],
    ),
    shared(
        10,
        "DECISION_DEFINITION",
        "DecisionDefinition",
        &[
            ("READ", 2),
            ("UPDATE", 4),
            ("CREATE_INSTANCE", 256),
            ("READ_HISTORY", 4096),
            ("DELETE_HISTORY", 8192),
        ],
    ),
    shared(11, "TENANT", "Tenant", CRUD),
    shared(
        12,
        "TENANT_MEMBERSHIP",
        "TenantMembership",
        &[("CREATE", 8), ("DELETE", 16)],
    ),
    own(
        13,
        "BATCH",
        "Batch",
        &[
            ("READ", 2),
            ("UPDATE", 4),
            ("CREATE", 8),
            ("DELETE", 16),
            ("READ_HISTORY", 4096),
            ("DELETE_HISTORY", 8192),
            ("CREATE_BATCH_MIGRATE_PROCESS_INSTANCES", 32),
            ("CREATE_BATCH_MODIFY_PROCESS_INSTANCES", 64),
            ("CREATE_BATCH_RESTART_PROCESS_INSTANCES", 128),
            ("CREATE_BATCH_DELETE_RUNNING_PROCESS_INSTANCES", 256),
            ("CREATE_BATCH_DELETE_FINISHED_PROCESS_INSTANCES", 512),
            ("CREATE_BATCH_DELETE_DECISION_INSTANCES", 1024),
            ("CREATE_BATCH_SET_JOB_RETRIES", 2048),
            ("CREATE_BATCH_SET_EXTERNAL_TASK_RETRIES", 16384),
            ("CREATE_BATCH_UPDATE_PROCESS_INSTANCES_SUSPEND", 32768),
            ("CREATE_BATCH_SET_REMOVAL_TIME", 65536),
            ("CREATE_BATCH_SET_VARIABLES", 131072),
            ("CREATE_BATCH_CORRELATE_MESSAGE", 262144),
        ],
    ),
    shared(
        14,
        "DECISION_REQUIREMENTS_DEFINITION",
        "DecisionRequirementsDefinition",
        &[("READ", 2)],
    ),
    shared(15, "REPORT", "Report", CRUD),
    shared(16, "DASHBOARD", "Dashboard", CRUD),
    own(
        17,
        "OPERATION_LOG_CATEGORY",
        // The reference's spelling.
        "OperationLogCatgeory",
        &[("READ", 2), ("UPDATE", 4), ("DELETE", 16)],
    ),
    own(18, "OPTIMIZE", "Optimize", &[("EDIT", 2), ("SHARE", 4)]),
    own(
        19,
        "HISTORIC_TASK",
        "HistoricTask",
        &[("READ", 2), ("READ_VARIABLE", 64)],
    ),
    own(
        20,
        "HISTORIC_PROCESS_INSTANCE",
        "HistoricProcessInstance",
        &[("READ", 2)],
    ),
    own(21, "SYSTEM", "System", &[("READ", 2), ("SET", 4), ("DELETE", 8)]),
];

/// The resource of a number.
pub fn resource(number: i32) -> Option<&'static Resource> {
    RESOURCES.iter().find(|r| r.number == number)
}

/// The bits of a permission's name, where the resource's set of permissions has such a name.
///
/// # Errors
/// In the reference's words for another name.
pub fn bits(name: &str, resource_type: i32) -> ApiResult<i32> {
    let resource = resource(resource_type);
    let names = match resource {
        Some(resource) if !resource.common => resource.permissions,
        _ => COMMON,
    };
    let bits = match name {
        ALL => Some(ALL_BITS),
        NONE => Some(0),
        name => names.iter().find(|(n, _)| *n == name).map(|(_, bit)| *bit),
    };
    bits.ok_or_else(|| {
        let constant = resource.map_or("null", |r| r.constant);
        refused(format!(
            "The permission '{name}' is not valid for '{constant}' resource type."
        ))
    })
}

/// Refuses a permission that the resource doesn't have though its set has one of that name.
///
/// # Errors
/// In the reference's words.
pub fn check(name: &str, resource_type: i32) -> ApiResult<()> {
    let has = |r: &Resource| [ALL, NONE].contains(&name) || r.permissions.iter().any(|(n, _)| *n == name);
    if resource(resource_type).is_some_and(has) {
        return Ok(());
    }
    Err(refused(format!(
        "ENGINE-03087 The resource type with id:'{resource_type}' is not valid for '{name}' permission."
    )))
}

fn refused(message: String) -> ApiError {
    ApiError::bad_user_request("BadUserRequestException", message)
}

/// The names of bits that are set, or of those that are not (what a revoke takes away).
pub fn names(bits: i32, set: bool, resource_type: i32) -> Vec<&'static str> {
    if bits == if set { ALL_BITS } else { 0 } {
        return vec![ALL];
    }
    let of = resource(resource_type).map_or(&[][..], |r| r.permissions);
    let meant = of.iter().filter(|(_, bit)| (bits & bit == *bit) == set);
    meant.map(|(name, _)| *name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_is_one_of_its_resource() {
        assert_eq!(bits("READ", 1).unwrap(), 2);
        assert_eq!(bits("RETRY_JOB", 6).unwrap(), 32);
        assert_eq!(bits("ALL", 21).unwrap(), ALL_BITS);
        let message = |name, number| match bits(name, number) {
            Ok(_) => check(name, number).unwrap_err().message,
            Err(error) => error.message,
        };
        assert_eq!(
            message("NOPE", 1),
            "The permission 'NOPE' is not valid for 'USER' resource type."
        );
        assert_eq!(
            message("CREATE_INSTANCE", 1),
            "ENGINE-03087 The resource type with id:'1' is not valid for 'CREATE_INSTANCE' permission."
        );
        assert_eq!(
            message("X", 77),
            "The permission 'X' is not valid for 'null' resource type."
        );
        assert!(message("ALL", 77).starts_with("ENGINE-03087"));
        assert!(check("NONE", 1).is_ok());
    }

    #[test]
    fn names_are_in_the_reference_s_order_and_a_revoke_names_what_is_missing() {
        assert_eq!(names(2 | 16, true, 6), ["READ", "DELETE"]);
        assert_eq!(names(ALL_BITS, true, 6), [ALL]);
        assert_eq!(names(0, true, 6), [""; 0]);
        assert_eq!(names(ALL_BITS & !2, false, 1), ["READ"]);
        assert_eq!(names(0, false, 1), [ALL]);
        assert_eq!(names(6, true, 77), [""; 0]);
    }

    #[test]
    fn bits_of_a_resource_are_different() {
        for resource in RESOURCES {
            let mut seen = 0;
            for (name, bit) in resource.permissions {
                assert_eq!(seen & bit, 0, "{} {name}", resource.constant);
                seen |= bit;
            }
        }
    }
}
