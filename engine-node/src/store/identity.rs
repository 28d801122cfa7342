//! Identity and rights as the reference log changes them: what an entry may do, and which rows that is.
use super::{
    StoreError, UserRow,
    backend::{Backend, Transaction},
    cell::{Cell, Reader},
    schema::{
        ENGINE_AUTHORIZATION, ENGINE_GROUP, ENGINE_TENANT, ENGINE_USER, GROUP_MEMBER, TENANT_MEMBER, Table,
    },
    sql::columns,
    sql_store::{SqlStore, each},
};
use bpmn_core::Id;
use serde::{Deserialize, Serialize};

/// A group of users.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupRow {
    pub id: String,
    pub name: Option<String>,
    /// `type` of REST.
    pub kind: Option<String>,
}

/// A tenant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TenantRow {
    pub id: String,
    pub name: Option<String>,
}

/// A user of a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupMember {
    pub group: String,
    pub user: String,
}

/// A user or a group of a tenant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TenantMember {
    pub tenant: String,
    pub is_group: bool,
    pub member: String,
}

/// What a user or a group may do, or may not, or everybody may.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuthorizationRow {
    pub id: Id,
    /// [`AuthorizationRow::GLOBAL`], [`AuthorizationRow::GRANT`] or [`AuthorizationRow::REVOKE`].
    pub kind: i16,
    pub user: Option<String>,
    pub group: Option<String>,
    pub resource_type: i32,
    pub resource_id: Option<String>,
    /// Bits of what is granted; of a revoke, of what is left.
    pub permissions: i32,
}

impl AuthorizationRow {
    pub const GLOBAL: i16 = 0;
    pub const GRANT: i16 = 1;
    pub const REVOKE: i16 = 2;
}

/// One change, as it stands in the log: its form is stored and read by other releases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdentityChange {
    PutUser(UserRow),
    PutGroup(GroupRow),
    PutTenant(TenantRow),
    PutGroupMember(GroupMember),
    PutTenantMember(TenantMember),
    PutAuthorization(AuthorizationRow),
    /// With the user's memberships; so the two below.
    DeleteUser(String),
    DeleteGroup(String),
    DeleteTenant(String),
    DeleteGroupMember(GroupMember),
    DeleteTenantMember(TenantMember),
    DeleteAuthorization(Id),
}

/// Values that columns have, all of them in a row that is meant.
type Rows = Vec<(&'static str, Cell)>;

impl IdentityChange {
    /// The row that is there afterwards.
    fn put(&self) -> Option<(&'static Table, Vec<Cell>)> {
        Some(match self {
            Self::PutUser(u) => (
                &ENGINE_USER,
                vec![
                    (&u.id).into(),
                    (&u.first_name).into(),
                    (&u.last_name).into(),
                    (&u.email).into(),
                    (&u.password_hash).into(),
                    u.unlocks.into(),
                ],
            ),
            Self::PutGroup(g) => (
                &ENGINE_GROUP,
                vec![(&g.id).into(), (&g.name).into(), (&g.kind).into()],
            ),
            Self::PutTenant(t) => (&ENGINE_TENANT, vec![(&t.id).into(), (&t.name).into()]),
            Self::PutGroupMember(m) => (&GROUP_MEMBER, vec![(&m.group).into(), (&m.user).into()]),
            Self::PutTenantMember(m) => (
                &TENANT_MEMBER,
                vec![(&m.tenant).into(), m.is_group.into(), (&m.member).into()],
            ),
            Self::PutAuthorization(a) => (
                &ENGINE_AUTHORIZATION,
                vec![
                    a.id.into(),
                    a.kind.into(),
                    (&a.user).into(),
                    (&a.group).into(),
                    a.resource_type.into(),
                    (&a.resource_id).into(),
                    a.permissions.into(),
                ],
            ),
            _ => return None,
        })
    }

    /// The rows that are gone afterwards.
    fn deleted(&self) -> Vec<(&'static Table, Rows)> {
        let member = |is_group: bool, id: &String| {
            (
                &TENANT_MEMBER,
                vec![("is_group", is_group.into()), ("member_id", id.into())],
            )
        };
        match self {
            Self::DeleteUser(id) => vec![
                (&GROUP_MEMBER, vec![("user_id", id.into())]),
                member(false, id),
                (&ENGINE_USER, vec![("id", id.into())]),
            ],
            Self::DeleteGroup(id) => vec![
                (&GROUP_MEMBER, vec![("group_id", id.into())]),
                member(true, id),
                (&ENGINE_GROUP, vec![("id", id.into())]),
            ],
            Self::DeleteTenant(id) => vec![
                (&TENANT_MEMBER, vec![("tenant_id", id.into())]),
                (&ENGINE_TENANT, vec![("id", id.into())]),
            ],
            Self::DeleteGroupMember(m) => vec![(
                &GROUP_MEMBER,
                vec![("group_id", (&m.group).into()), ("user_id", (&m.user).into())],
            )],
            Self::DeleteTenantMember(m) => vec![(
                &TENANT_MEMBER,
                vec![
                    ("tenant_id", (&m.tenant).into()),
                    ("is_group", m.is_group.into()),
                    ("member_id", (&m.member).into()),
                ],
            )],
            Self::DeleteAuthorization(id) => vec![(&ENGINE_AUTHORIZATION, vec![("id", (*id).into())])],
            _ => Vec::new(),
        }
    }
}

impl<B: Backend> SqlStore<B> {
    /// Makes one change.
    pub(super) async fn change_identity(
        &self,
        transaction: &mut dyn Transaction,
        change: &IdentityChange,
    ) -> Result<(), StoreError> {
        if let Some((table, row)) = change.put() {
            transaction.run(self.put(table, row)).await?;
        }
        for (table, rows) in change.deleted() {
            transaction
                .run(self.meant(&format!("DELETE FROM {}", table.name), table, rows))
                .await?;
        }
        Ok(())
    }

    /// See [`super::Store::identity_holds`].
    pub(crate) async fn holds_identity(&self, changes: &[IdentityChange]) -> Result<bool, StoreError> {
        for change in changes {
            if let Some((table, row)) = change.put() {
                let rows = table.columns.iter().map(|c| c.name).zip(row).collect();
                if !self.any(table, rows).await? {
                    return Ok(false);
                }
            }
            for (table, rows) in change.deleted() {
                if self.any(table, rows).await? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    async fn any(&self, table: &Table, rows: Rows) -> Result<bool, StoreError> {
        let sql = self.meant(&format!("SELECT 1 FROM {}", table.name), table, rows);
        Ok(!self.backend.read(sql).await?.is_empty())
    }

    /// The statement with the condition that every column has its value.
    fn meant(&self, statement: &str, table: &Table, rows: Rows) -> super::sql::Sql {
        let mut sql = self.sql(statement);
        for (i, (column, value)) in rows.into_iter().enumerate() {
            let ty = table.columns[table.position(column)].ty;
            let word = if i == 0 { "WHERE" } else { "AND" };
            sql = match value {
                Cell::Null => sql.push(&format!(" {word} \"{column}\" IS NULL")),
                value => sql.push(&format!(" {word} \"{column}\" = ")).bind(ty, value),
            };
        }
        sql
    }

    /// See [`super::Store::user`].
    pub(crate) async fn read_user(&self, id: &str) -> Result<Option<UserRow>, StoreError> {
        let sql = format!("SELECT {} FROM engine_user", columns(&ENGINE_USER, ""));
        let sql = self.meant(&sql, &ENGINE_USER, vec![("id", id.into())]);
        let read = |r: &mut Reader| {
            Ok(UserRow {
                id: r.text()?,
                first_name: r.text_opt()?,
                last_name: r.text_opt()?,
                email: r.text_opt()?,
                password_hash: r.text()?,
                unlocks: r.int()?,
            })
        };
        Ok(each(self.backend.read(sql).await?, read)?.pop())
    }
}
