//! What who asks may do, as the reference judges it (7.24): authorizations of the user, of his groups and of everybody,
//! and the tenants he belongs to. Pure; how it is loaded is in [`load`], what operations need in [`rules`].
mod check;
pub mod grants;
pub mod load;
pub mod need;
mod rules;

pub use check::Subject;
pub use load::{Authority, Who};
pub use need::Need;

use crate::store::AuthorizationRow;
use http::StatusCode;
use rest_api::{
    ApiError,
    authorization::{ANY, resource as named},
};
use serde_json::{Value, json};
use std::collections::HashMap;

/// What the node enforces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enforced {
    /// `authorizationEnabled`.
    pub authorizations: bool,
    /// `tenantCheckEnabled`.
    pub tenants: bool,
    /// Bits that a task gives whom it is linked to: READ and `defaultUserPermissionForTask`.
    pub task: i32,
}

/// Whose row an authorization is, for one user; the first level that decides is the one that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    User,
    Group,
    Global,
}

/// The levels in the order in which they are asked.
pub const LEVELS: [Level; 3] = [Level::User, Level::Group, Level::Global];

/// What a row says: bits that it grants, or that it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    revokes: bool,
    bits: i32,
}

/// The rows of one level on one resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct OfResource {
    /// On `*`.
    any: Vec<Held>,
    one: HashMap<String, Vec<Held>>,
}

/// What one user may do, as of one state of identity.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rights {
    pub user: String,
    pub groups: Vec<String>,
    pub tenants: Vec<String>,
    /// Of an administrators' group, or an administrator by name.
    pub admin: bool,
    enforced: Enforced,
    held: HashMap<(Level, i32), OfResource>,
    /// Revocations count only for whom there are any; global rows then revoke what they don't grant.
    revokes: bool,
}

impl Rights {
    /// What these rows mean for the user; rows of others are passed over.
    pub fn new(user: &str, groups: Vec<String>, enforced: Enforced, rows: &[AuthorizationRow]) -> Rights {
        let is = |name: &Option<String>, text: &str| name.as_deref() == Some(text);
        let mine = |row: &AuthorizationRow| row.group.as_ref().is_some_and(|group| groups.contains(group));
        let revokes = rows.iter().any(|row| {
            row.kind == AuthorizationRow::REVOKE && (is(&row.user, user) || is(&row.user, ANY) || mine(row))
        });
        let mut held: HashMap<(Level, i32), OfResource> = HashMap::new();
        for row in rows {
            let level = match row.kind {
                AuthorizationRow::GLOBAL if is(&row.user, ANY) => Level::Global,
                AuthorizationRow::GLOBAL => continue,
                _ if is(&row.user, user) => Level::User,
                _ if mine(row) => Level::Group,
                _ => continue,
            };
            let of = held.entry((level, row.resource_type)).or_default();
            let says = Held {
                revokes: row.kind == AuthorizationRow::REVOKE,
                bits: row.permissions,
            };
            match row.resource_id.as_deref() {
                None | Some(ANY) => of.any.push(says),
                Some(id) => of.one.entry(id.to_owned()).or_default().push(says),
            }
        }
        Rights {
            user: user.to_owned(),
            groups,
            enforced,
            held,
            revokes,
            ..Rights::default()
        }
    }

    /// Whether authorizations are asked for at all.
    pub fn asks(&self) -> bool {
        self.enforced.authorizations
    }

    /// Whether something of that tenant may be seen and touched.
    pub fn of_tenant(&self, tenant: Option<&str>) -> bool {
        let known = |tenant: &str| self.tenants.iter().any(|mine| mine == tenant);
        !self.enforced.tenants || self.admin || tenant.is_none_or(known)
    }

    /// The only tenants that may be seen, besides none; `None`: all.
    pub fn only_tenants(&self) -> Option<&[String]> {
        (self.enforced.tenants && !self.admin).then_some(&self.tenants[..])
    }

    /// What these rows of one level say of a permission.
    fn says(&self, level: Level, bits: i32, rows: &[Held]) -> Option<bool> {
        let (mut granted, mut revoked) = (false, false);
        for held in rows {
            let has = held.bits & bits == bits;
            match (level, held.revokes) {
                (_, true) => revoked |= !has,
                (Level::Global, false) => {
                    granted |= has;
                    revoked |= !has;
                }
                (_, false) => granted |= has,
            }
        }
        match (granted, revoked && self.revokes) {
            (true, _) => Some(true),
            (false, true) => Some(false),
            (false, false) => None,
        }
    }

    /// Whether bits of a resource are granted, of one thing or of any.
    pub fn says_of(&self, resource: i32, bits: i32, id: Option<&str>) -> bool {
        self.said(resource, bits, id, &[]) == Some(true)
    }

    /// What is said of one permission; `linked`: what the thing itself gives, by level. `None`: nothing.
    pub fn decides(&self, need: &Need, linked: &[(Level, i32)]) -> Option<bool> {
        self.said(need.resource, need.bits(), need.id.as_deref(), linked)
    }

    fn said(&self, resource: i32, bits: i32, id: Option<&str>, linked: &[(Level, i32)]) -> Option<bool> {
        let one = id.filter(|id| *id != ANY);
        LEVELS.into_iter().find_map(|level| {
            let of = self.held.get(&(level, resource));
            let own = one.and_then(|id| {
                if linked.iter().any(|(l, has)| *l == level && has & bits == bits) {
                    return Some(true);
                }
                self.says(level, bits, of?.one.get(id)?)
            });
            own.or_else(|| self.says(level, bits, &of?.any))
        })
    }

    /// Whether one of these is allowed: the first that anything is said of decides.
    pub fn allows(&self, needs: &[Need]) -> bool {
        self.allows_linked(needs, &[])
    }

    /// The same for a task that is linked to users and groups.
    pub fn allows_linked(&self, needs: &[Need], task: &[(Level, i32)]) -> bool {
        let linked = |need: &Need| match need.resource {
            need::resource::TASK => task,
            _ => &[],
        };
        !self.asks() || needs.iter().find_map(|need| self.decides(need, linked(need))) == Some(true)
    }

    /// Ids of single things of that resource that rows of a level speak of, with what they say of a permission.
    pub fn singles(&self, level: Level, need: &Need) -> impl Iterator<Item = (&str, bool)> {
        let bits = need.bits();
        let of = self.held.get(&(level, need.resource));
        let all = of.into_iter().flat_map(|of| &of.one);
        all.filter_map(move |(id, rows)| Some((id.as_str(), self.says(level, bits, rows)?)))
    }

    /// What rows of a level say of every thing of the resource.
    pub fn of_any(&self, level: Level, need: &Need) -> Option<bool> {
        self.says(level, need.bits(), &self.held.get(&(level, need.resource))?.any)
    }

    /// Bits that a task gives whom it is linked to.
    pub fn task_bits(&self) -> i32 {
        self.enforced.task
    }

    /// The reference's 403, which names all that was missing.
    pub fn refusal(&self, needs: &[Need]) -> ApiError {
        let said: Vec<String> = needs.iter().map(missing).collect();
        match &said[..] {
            [one] => {
                let message = format!("The user with id '{}' does not have {one}.", self.user);
                forbidden(message, Some(&self.user), needs)
            }
            _ => self.refusal_of_any(needs),
        }
    }

    /// The same in the words for several permissions, even for one.
    pub fn refusal_of_any(&self, needs: &[Need]) -> ApiError {
        let said: Vec<String> = needs.iter().map(missing).collect();
        let message = format!(
            "The user with id '{}' does not have one of the following permissions: {}",
            self.user,
            said.join(" or ")
        );
        forbidden(message, Some(&self.user), needs)
    }

    /// Refuses what isn't allowed.
    ///
    /// # Errors
    /// 403 in the reference's words.
    pub fn demand(&self, needs: &[Need]) -> Result<(), ApiError> {
        match self.allows(needs) {
            true => Ok(()),
            false => Err(self.refusal(needs)),
        }
    }

    /// Refuses what only administrators may do, and whoever has one of these permissions.
    ///
    /// # Errors
    /// 403 in the reference's words.
    pub fn demand_admin(&self, or: &[Need]) -> Result<(), ApiError> {
        if !self.asks() || self.admin || (!or.is_empty() && self.allows(or)) {
            return Ok(());
        }
        let message = match or.iter().map(missing).collect::<Vec<_>>()[..].join(" or ") {
            none if none.is_empty() => "ENGINE-03029 Required admin authenticated group or user.".to_owned(),
            said => format!(
                "ENGINE-03110 Required admin authenticated group or user or any of the following permissions: {said}."
            ),
        };
        Err(forbidden(message, None, &[]))
    }

    /// Refuses what belongs to another tenant; `what` says what was to be done.
    ///
    /// # Errors
    /// 500 in the reference's words.
    pub fn demand_tenant(&self, tenant: Option<&str>, what: &str) -> Result<(), ApiError> {
        match self.of_tenant(tenant) {
            true => Ok(()),
            false => Err(other_tenant(what)),
        }
    }
}

/// The reference's 500 for what belongs to another tenant; `what` says what was to be done.
pub fn other_tenant(what: &str) -> ApiError {
    ApiError::engine(format!(
        "ENGINE-13034 Cannot {what} because it belongs to no authenticated tenant."
    ))
}

/// A missing permission in the reference's words.
fn missing(need: &Need) -> String {
    let resource = named(need.resource).map_or("", |r| r.name);
    match &need.id {
        Some(id) => format!(
            "'{}' permission on resource '{id}' of type '{resource}'",
            need.permission
        ),
        None => format!("'{}' permission on resource '{resource}'", need.permission),
    }
}

fn forbidden(message: String, user: Option<&str>, needs: &[Need]) -> ApiError {
    let one = |need: &Need| {
        json!({
            "permissionName": need.permission,
            "resourceName": named(need.resource).map(|r| r.name),
            "resourceId": need.id,
        })
    };
    let all: Vec<Value> = needs.iter().map(one).collect();
    let alone = |member: &str| match &all[..] {
        [one] => one[member].clone(),
        _ => Value::Null,
    };
    let (permission, resource, id) = (
        alone("permissionName"),
        alone("resourceName"),
        alone("resourceId"),
    );
    ApiError::forbidden(message)
        .with("userId", json!(user))
        .with("resourceName", resource)
        .with("resourceId", id)
        .with("permissionName", permission)
        .with("missingAuthorizations", all)
}

/// How some operations hide a refusal behind an error of the REST layer, as the reference does.
pub fn behind_rest(refusal: ApiError) -> ApiError {
    let kind = match refusal.status {
        StatusCode::FORBIDDEN => "AuthorizationException",
        _ => return refusal,
    };
    let text = format!("org.camunda.bpm.engine.{kind}: {}", refusal.message);
    ApiError::rest(StatusCode::INTERNAL_SERVER_ERROR, text)
}

#[cfg(test)]
mod tests {
    use super::{need::resource::*, *};
    use bpmn_core::Id;

    fn row(
        kind: i16,
        user: Option<&str>,
        group: Option<&str>,
        id: &str,
        permissions: i32,
    ) -> AuthorizationRow {
        AuthorizationRow {
            id: Id::NIL,
            kind,
            user: user.map(str::to_owned),
            group: group.map(str::to_owned),
            resource_type: PROCESS_DEFINITION,
            resource_id: Some(id.to_owned()),
            permissions,
        }
    }

    fn rights(rows: &[AuthorizationRow]) -> Rights {
        let enforced = Enforced {
            authorizations: true,
            tenants: true,
            task: 6,
        };
        Rights::new("anna", vec!["sales".into()], enforced, rows)
    }

    const READ: i32 = 2;

    #[test]
    fn the_user_comes_before_his_groups_and_these_before_everybody_and_one_thing_before_all() {
        let read = |id: &str| [Need::on(PROCESS_DEFINITION, "READ", id)];
        let all = i32::MAX;
        let (grant, revoke, global) = (
            AuthorizationRow::GRANT,
            AuthorizationRow::REVOKE,
            AuthorizationRow::GLOBAL,
        );
        let asked = |rows: &[AuthorizationRow]| rights(rows).allows(&read("order"));
        assert!(!asked(&[]));
        assert!(asked(&[row(grant, Some("anna"), None, "order", READ)]));
        assert!(!asked(&[row(grant, Some("anna"), None, "order", 4)]));
        assert!(!asked(&[row(grant, Some("ben"), None, "order", READ)]));
        assert!(asked(&[row(grant, None, Some("sales"), ANY, READ)]));
        assert!(asked(&[row(global, Some(ANY), None, ANY, READ)]));
        // A revocation of the user is stronger than what his group has; a grant of the thing is stronger than that.
        let revoked = row(revoke, Some("anna"), None, ANY, all & !READ);
        assert!(!asked(&[
            revoked.clone(),
            row(grant, None, Some("sales"), "order", READ)
        ]));
        assert!(asked(&[
            revoked.clone(),
            row(grant, Some("anna"), None, "order", READ)
        ]));
        assert!(!asked(&[
            row(revoke, Some("anna"), None, "order", all & !READ),
            row(grant, Some("anna"), None, ANY, READ)
        ]));
        // Of the group likewise, before everybody.
        assert!(!asked(&[
            row(revoke, None, Some("sales"), "order", all & !READ),
            row(global, Some(ANY), None, ANY, READ)
        ]));
    }

    #[test]
    fn of_several_permissions_the_first_that_anything_is_said_of_decides() {
        let needs = need::needs(need::READ_INSTANCE, PROCESS_INSTANCE, Some(Id::NIL), "order");
        let through = row(AuthorizationRow::GRANT, Some("anna"), None, "order", 512);
        assert!(rights(std::slice::from_ref(&through)).allows(&needs));
        let mut revoked = row(
            AuthorizationRow::REVOKE,
            Some("anna"),
            None,
            ANY,
            i32::MAX & !READ,
        );
        revoked.resource_type = PROCESS_INSTANCE;
        assert!(!rights(&[through, revoked]).allows(&needs));
    }

    #[test]
    fn a_linked_task_gives_reading_and_its_default_permission() {
        let needs = [Need::on(TASK, "UPDATE", Id::NIL)];
        let rights = rights(&[]);
        assert!(!rights.allows(&needs));
        assert!(rights.allows_linked(&needs, &[(Level::Group, 6)]));
        assert!(!rights.allows_linked(&[Need::on(TASK, "DELETE", Id::NIL)], &[(Level::User, 6)]));
    }

    #[test]
    fn only_own_tenants_are_seen_and_what_has_none() {
        let mut rights = rights(&[]);
        rights.tenants = vec!["one".into()];
        assert!(rights.of_tenant(None) && rights.of_tenant(Some("one")) && !rights.of_tenant(Some("two")));
        rights.admin = true;
        assert!(rights.of_tenant(Some("two")));
    }

    #[test]
    fn a_refusal_is_the_reference_s() {
        let error = rights(&[]).refusal(&[Need::of(DEPLOYMENT, "CREATE")]);
        let expected = "The user with id 'anna' does not have 'CREATE' permission on resource 'Deployment'.";
        assert_eq!((error.status, &*error.message), (StatusCode::FORBIDDEN, expected));
        assert!(error.extra.contains(&("permissionName", json!("CREATE"))));
        let two = rights(&[]).refusal(&need::needs(need::READ_TASK, TASK, None, "order"));
        assert!(two.message.ends_with(
            "one of the following permissions: 'READ' permission on resource 'Task' or 'READ_TASK' permission on \
             resource 'order' of type 'ProcessDefinition'"
        ));
        assert!(two.extra.contains(&("permissionName", Value::Null)));
    }
}
