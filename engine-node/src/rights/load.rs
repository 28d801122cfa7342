//! Loading what a user may do, remembered until identity changes anywhere.
use super::{Enforced, Rights};
use crate::{
    query::{authorization, group, tenant},
    store::{Row, Store, StoreError},
};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Users remembered.
const USERS: usize = 10_000;

/// Who was found to ask.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Who {
    pub user: Arc<str>,
    /// His groups as somebody else vouches for them (a token, a directory); `None`: those of the engine.
    pub groups: Option<Arc<[String]>>,
}

impl From<Arc<str>> for Who {
    fn from(user: Arc<str>) -> Who {
        Who { user, groups: None }
    }
}

/// Who is an administrator.
#[derive(Clone, Debug, Default)]
pub struct Admins {
    /// `adminUsers`.
    pub users: Vec<String>,
    /// `adminGroups`.
    pub groups: Vec<String>,
}

/// Knows what users may do.
pub struct Authority {
    store: Arc<dyn Store>,
    enforced: Enforced,
    admins: Admins,
    /// Raised when identity may have changed: what was loaded before is forgotten.
    generation: Arc<AtomicU64>,
    known: quick_cache::sync::Cache<(Who, u64), Arc<Rights>>,
}

impl Authority {
    /// Nobody is known yet.
    pub fn new(
        store: Arc<dyn Store>,
        enforced: Enforced,
        admins: Admins,
        generation: Arc<AtomicU64>,
    ) -> Authority {
        Authority {
            store,
            enforced,
            admins,
            generation,
            known: quick_cache::sync::Cache::new(USERS),
        }
    }

    /// What is enforced.
    pub fn enforced(&self) -> &Enforced {
        &self.enforced
    }

    /// Who is an administrator.
    pub fn admins(&self) -> &Admins {
        &self.admins
    }

    /// What this user may do.
    ///
    /// # Errors
    /// The database can't be reached.
    pub async fn of(&self, who: &Who) -> Result<Arc<Rights>, StoreError> {
        let key = (who.clone(), self.generation.load(Ordering::Acquire));
        self.known.get_or_insert_async(&key, self.load(who)).await
    }

    async fn load(&self, who: &Who) -> Result<Arc<Rights>, StoreError> {
        let user = &*who.user;
        let groups = match &who.groups {
            Some(groups) => groups.to_vec(),
            None => self.texts(&group::ids_of(user)).await?,
        };
        let rows = match self.enforced.authorizations {
            true => {
                let found = self.store.select(&authorization::held(user, &groups)).await?;
                let rows = found.rows.iter().map(|row| authorization::row(&**row));
                rows.collect::<Result<Vec<_>, _>>()?
            }
            false => Vec::new(),
        };
        let tenants = self.texts(&tenant::of_user(user, &groups)).await?;
        let admin = self.admins.users.iter().any(|name| name == user)
            || self.admins.groups.iter().any(|name| groups.contains(name));
        let mut rights = Rights::new(user, groups, self.enforced.clone(), &rows);
        (rights.tenants, rights.admin) = (tenants, admin);
        Ok(Arc::new(rights))
    }

    async fn texts(&self, query: &sea_query::SelectStatement) -> Result<Vec<String>, StoreError> {
        let found = self.store.select(query).await?;
        found.rows.iter().map(|row: &Box<dyn Row>| row.text(0)).collect()
    }
}
