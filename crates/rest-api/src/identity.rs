//! Users, groups and tenants on the wire.
use serde::Serialize;

/// A user's profile.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    pub id: String,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub email: Option<String>,
}

/// A group.
#[derive(Clone, Debug, Serialize)]
pub struct Group {
    pub id: String,
    pub name: Option<String>,
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

/// A tenant.
#[derive(Clone, Debug, Serialize)]
pub struct Tenant {
    pub id: String,
    pub name: Option<String>,
}

/// A user's groups, and who else is in them.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Groups {
    pub groups: Vec<GroupName>,
    pub group_users: Vec<GroupUser>,
}

/// A group by name.
#[derive(Clone, Debug, Serialize)]
pub struct GroupName {
    pub id: String,
    pub name: Option<String>,
}

/// A user as others of its groups see it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupUser {
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub display_name: String,
    pub id: String,
}

impl GroupUser {
    /// With the name that the reference shows; where only the last name is known, it begins with `null` there as well.
    pub fn new(user: Profile) -> GroupUser {
        let display_name = match (&user.first_name, &user.last_name) {
            (None, None) => user.id.clone(),
            (Some(first), None) => first.clone(),
            (first, Some(last)) => format!("{} {last}", first.as_deref().unwrap_or("null")),
        };
        GroupUser {
            first_name: user.first_name,
            last_name: user.last_name,
            display_name,
            id: user.id,
        }
    }
}

/// Whether a password is right. The groups and tenants are never told.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    pub authenticated_user: String,
    pub groups: Option<Vec<String>>,
    pub tenants: Option<Vec<String>>,
    pub authenticated: bool,
}

/// Whether the text is an id that users, groups and tenants may have: the reference's default pattern,
/// `[a-zA-Z0-9]+|camunda-admin`.
pub fn is_resource_id(id: &str) -> bool {
    id == "camunda-admin" || (!id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_s_name_is_shown_as_the_reference_does() {
        let shown = |first: Option<&str>, last: Option<&str>| {
            let (first_name, last_name) = (first.map(str::to_owned), last.map(str::to_owned));
            let user = Profile {
                id: "u".into(),
                first_name,
                last_name,
                email: None,
            };
            GroupUser::new(user).display_name
        };
        assert_eq!(shown(None, None), "u");
        assert_eq!(shown(Some("F"), None), "F");
        assert_eq!(shown(None, Some("L")), "null L");
        assert_eq!(shown(Some("F"), Some("L")), "F L");
    }

    #[test]
    fn ids_are_letters_and_digits() {
        for good in ["a", "A9", "camunda-admin"] {
            assert!(is_resource_id(good), "{good}");
        }
        for bad in ["", "a b", "*", "a-b", "ä", "a_b", "a.b"] {
            assert!(!is_resource_id(bad), "{bad}");
        }
    }
}
