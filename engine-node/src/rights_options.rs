//! Options of authorizations and tenants: Camunda's settings under their own names.
use crate::rights::{Enforced, Need, load::Admins, need::resource::TASK};
use clap::{Args, ValueEnum};

/// Options of what is enforced.
#[derive(Args, Clone, Debug)]
pub struct RightsOptions {
    /// Ask authorizations before everything that is done (`authorizationEnabled`); needs --auth
    #[arg(long)]
    pub authorization_enabled: bool,
    /// Whether users see and touch only what belongs to their tenants or to none (`tenantCheckEnabled`)
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    pub tenant_check: bool,
    /// Groups of administrators (`adminGroups`): they are granted everything, in every tenant
    #[arg(
        long,
        value_name = "GROUP,…",
        value_delimiter = ',',
        default_value = "camunda-admin"
    )]
    pub admin_groups: Vec<String>,
    /// Users who are administrators by name (`adminUsers`)
    #[arg(long, value_name = "USER,…", value_delimiter = ',')]
    pub admin_users: Vec<String>,
    /// What a task gives its assignee, owner and candidates beside reading it (`defaultUserPermissionNameForTask`)
    #[arg(long, value_name = "PERMISSION", default_value = "UPDATE")]
    pub default_user_permission_for_task: TaskPermission,
}

/// A permission of tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TaskPermission {
    #[value(name = "UPDATE")]
    Update,
    #[value(name = "TASK_WORK")]
    TaskWork,
}

impl Default for RightsOptions {
    fn default() -> RightsOptions {
        RightsOptions {
            authorization_enabled: false,
            tenant_check: true,
            admin_groups: vec!["camunda-admin".to_owned()],
            admin_users: Vec::new(),
            default_user_permission_for_task: TaskPermission::Update,
        }
    }
}

impl RightsOptions {
    /// What is enforced.
    pub fn enforced(&self) -> Enforced {
        let permission = match self.default_user_permission_for_task {
            TaskPermission::Update => "UPDATE",
            TaskPermission::TaskWork => "TASK_WORK",
        };
        Enforced {
            authorizations: self.authorization_enabled,
            tenants: self.tenant_check,
            task: Need::of(TASK, "READ").bits() | Need::of(TASK, permission).bits(),
        }
    }

    /// Who is an administrator.
    pub fn admins(&self) -> Admins {
        Admins {
            users: self.admin_users.clone(),
            groups: self.admin_groups.clone(),
        }
    }
}
