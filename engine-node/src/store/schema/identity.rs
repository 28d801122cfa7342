//! Tables of identity and rights: who there is, what belongs together, who may do what.
use super::{Class::*, Table, Type::*, c, n};

table!(
    /// Users. `password_hash` is empty for a user without a password; `unlocks` is raised by each unlocking, which
    /// makes nodes forget the failed logins that they remember.
    ENGINE_USER, "engine_user", Replicated, ["id"], [
        c("id", Text), n("first_name", Text), n("last_name", Text), n("email", Text), c("password_hash", Text),
        c("unlocks", Big),
    ]
);
table!(
    /// Groups of users.
    ENGINE_GROUP, "engine_group", Replicated, ["id"], [c("id", Text), n("name", Text), n("kind", Text)]
);
table!(
    /// Tenants.
    ENGINE_TENANT, "engine_tenant", Replicated, ["id"], [c("id", Text), n("name", Text)]
);
table!(
    /// Users of groups.
    GROUP_MEMBER, "group_member", Replicated, ["group_id", "user_id"], [c("group_id", Text), c("user_id", Text)]
);
table!(
    /// Users and groups of tenants.
    TENANT_MEMBER, "tenant_member", Replicated, ["tenant_id", "is_group", "member_id"], [
        c("tenant_id", Text), c("is_group", Bool), c("member_id", Text),
    ]
);
table!(
    /// Authorizations. `kind`: 0 global, 1 grant, 2 revoke. `permissions`: the reference's bits.
    ENGINE_AUTHORIZATION, "engine_authorization", Replicated, ["id"], [
        c("id", Uuid), c("kind", Small), n("user_id", Text), n("group_id", Text), c("resource_type", Int),
        n("resource_id", Text), c("permissions", Big),
    ]
);
