//! Users and groups of an LDAP directory, which is only read: who somebody is says a bind with his password. Options are
//! those of Camunda's LDAP plugin.
use super::Judged;
use crate::tls;
use clap::Args;
use ldap3::{
    Ldap, LdapConnAsync, LdapConnSettings, LdapError, Scope, SearchEntry,
    adapters::{Adapter, EntriesOnly, PagedResults},
    ldap_escape,
};
use rustls::ClientConfig;
use service::{ConfigError, Secret};
use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};
use tokio::sync::Mutex;

/// How long the directory may take for anything.
const PATIENCE: Duration = Duration::from_secs(10);
/// Entries asked for at once.
const PAGE: i32 = 500;
/// Most entries of one answer: a list that finds more is refused rather than cut.
const MOST: usize = 10_000;
/// LDAP's result code for a wrong password.
const INVALID_CREDENTIALS: u32 = 49;

/// Options of the directory.
#[derive(Args, Clone, Debug, Default)]
pub struct DirectoryOptions {
    /// LDAP server whose users and groups are this engine's (`serverUrl`): ldap://HOST:PORT or ldaps://HOST:PORT
    #[arg(long, value_name = "URL")]
    pub ldap_server_url: Option<String>,
    /// Turn an ldap:// connection into a TLS one before anything is said
    #[arg(long)]
    pub ldap_starttls: bool,
    /// PEM file with certificate authorities to be trusted besides the web's
    #[arg(long, value_name = "FILE")]
    pub ldap_ca_file: Option<PathBuf>,
    /// Who looks into the directory (`managerDn`); not given: nobody, if it lets anybody look
    #[arg(long, value_name = "DN")]
    pub ldap_manager_dn: Option<String>,
    /// File with the manager's password
    #[arg(long, value_name = "FILE")]
    pub ldap_manager_password_file: Option<PathBuf>,
    /// The manager's password (`managerPassword`), from the environment or the configuration file only
    #[arg(long, value_name = "PASSWORD", hide = true)]
    pub ldap_manager_password: Option<Secret>,
    /// Where everything lies (`baseDn`)
    #[arg(long, value_name = "DN", default_value = "")]
    pub ldap_base_dn: String,
    /// Where users lie, below the base (`userSearchBase`)
    #[arg(long, value_name = "DN", default_value = "")]
    pub ldap_user_search_base: String,
    /// What users are (`userSearchFilter`)
    #[arg(long, value_name = "FILTER", default_value = "(objectclass=person)")]
    pub ldap_user_search_filter: String,
    /// Attribute with a user's id (`userIdAttribute`)
    #[arg(long, value_name = "NAME", default_value = "uid")]
    pub ldap_user_id_attribute: String,
    /// Attribute with the first name (`userFirstnameAttribute`)
    #[arg(long, value_name = "NAME", default_value = "cn")]
    pub ldap_user_firstname_attribute: String,
    /// Attribute with the last name (`userLastnameAttribute`)
    #[arg(long, value_name = "NAME", default_value = "sn")]
    pub ldap_user_lastname_attribute: String,
    /// Attribute with the mail address (`userEmailAttribute`)
    #[arg(long, value_name = "NAME", default_value = "mail")]
    pub ldap_user_email_attribute: String,
    /// Where groups lie, below the base (`groupSearchBase`)
    #[arg(long, value_name = "DN", default_value = "")]
    pub ldap_group_search_base: String,
    /// What groups are (`groupSearchFilter`)
    #[arg(long, value_name = "FILTER", default_value = "(objectclass=groupOfNames)")]
    pub ldap_group_search_filter: String,
    /// Attribute with a group's id (`groupIdAttribute`)
    #[arg(long, value_name = "NAME", default_value = "cn")]
    pub ldap_group_id_attribute: String,
    /// Attribute with a group's name (`groupNameAttribute`)
    #[arg(long, value_name = "NAME", default_value = "cn")]
    pub ldap_group_name_attribute: String,
    /// Attribute with a group's type (`groupTypeAttribute`); not given: groups have none
    #[arg(long, value_name = "NAME")]
    pub ldap_group_type_attribute: Option<String>,
    /// Attribute of a group with the DNs of its members (`groupMemberAttribute`)
    #[arg(long, value_name = "NAME", default_value = "member")]
    pub ldap_group_member_attribute: String,
    /// Members are told by their ids instead of their DNs (`usePosixGroups`)
    #[arg(long)]
    pub ldap_use_posix_groups: bool,
}

/// A user of the directory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Person {
    pub dn: String,
    pub id: String,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub email: Option<String>,
}

/// A group of the directory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Team {
    pub id: String,
    pub name: Option<String>,
    pub kind: Option<String>,
    /// DNs, or ids where the directory tells members so.
    pub members: Vec<String>,
}

/// The directory can't be asked.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    #[error("the directory can't be asked: {0}")]
    Ldap(#[from] LdapError),
    #[error("the directory finds more than {MOST} entries")]
    TooMany,
}

/// A text that a query asks for, or a pattern in SQL's words.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    Is(String),
    Like(String),
}

/// A field of users or of groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    Id,
    FirstName,
    LastName,
    Email,
    Name,
    Kind,
}

/// A directory.
pub struct Directory {
    options: DirectoryOptions,
    url: String,
    password: Option<Secret>,
    tls: Arc<ClientConfig>,
    /// The manager's connection, if there is one.
    manager: Mutex<Option<Ldap>>,
}

impl Directory {
    /// The directory of the options; `None` where none is named. Nothing is asked before the first use.
    ///
    /// # Errors
    /// Files that can't be read.
    pub fn new(options: &DirectoryOptions) -> Result<Option<Directory>, ConfigError> {
        let Some(url) = options.ldap_server_url.clone() else {
            return Ok(None);
        };
        if !url.starts_with("ldap://") && !url.starts_with("ldaps://") {
            let why = format!("'{url}' is neither ldap:// nor ldaps://");
            return Err(ConfigError::new("ldap-server-url", why));
        }
        let password = Secret::resolve(
            "ldap-manager-password",
            options.ldap_manager_password.as_ref(),
            options.ldap_manager_password_file.as_deref(),
        )?;
        let tls = tls::client(options.ldap_ca_file.as_deref())
            .map_err(|why| ConfigError::new("ldap-ca-file", why))?;
        Ok(Some(Directory {
            options: options.clone(),
            url,
            password,
            tls: Arc::new(tls),
            manager: Mutex::default(),
        }))
    }

    async fn connect(&self) -> Result<Ldap, LdapError> {
        let settings = LdapConnSettings::new()
            .set_conn_timeout(PATIENCE)
            .set_starttls(self.options.ldap_starttls)
            .set_config(self.tls.clone());
        let (connection, ldap) = LdapConnAsync::with_settings(settings, &self.url).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.drive().await {
                tracing::debug!(%error, "connection to the directory ended");
            }
        });
        Ok(ldap)
    }

    /// A connection on which the manager is known.
    async fn manager(&self) -> Result<Ldap, LdapError> {
        let mut kept = self.manager.lock().await;
        if let Some(ldap) = kept.as_mut()
            && !ldap.is_closed()
        {
            return Ok(ldap.clone());
        }
        let mut ldap = self.connect().await?;
        if let Some(dn) = &self.options.ldap_manager_dn {
            let password = self.password.as_ref().map_or("", |secret| secret.reveal());
            ldap.with_timeout(PATIENCE)
                .simple_bind(dn, password)
                .await?
                .success()?;
        }
        *kept = Some(ldap.clone());
        Ok(ldap)
    }

    /// Looks for entries; once more on a new connection if the one that was kept has died.
    async fn search(
        &self,
        base: &str,
        filter: &str,
        attributes: &[&str],
    ) -> Result<Vec<SearchEntry>, Trouble> {
        let found = self.search_once(base, filter, attributes).await;
        let Err(Trouble::Ldap(
            LdapError::Io { .. } | LdapError::OpSend { .. } | LdapError::ResultRecv { .. },
        )) = found
        else {
            return found;
        };
        *self.manager.lock().await = None;
        self.search_once(base, filter, attributes).await
    }

    async fn search_once(
        &self,
        base: &str,
        filter: &str,
        attributes: &[&str],
    ) -> Result<Vec<SearchEntry>, Trouble> {
        let mut ldap = self.manager().await?;
        let adapters: Vec<Box<dyn Adapter<_, _>>> =
            vec![Box::new(EntriesOnly::new()), Box::new(PagedResults::new(PAGE))];
        let attributes: Vec<String> = attributes.iter().map(|&name| name.to_owned()).collect();
        let mut search = ldap
            .with_timeout(PATIENCE)
            .streaming_search_with(adapters, base, Scope::Subtree, filter, attributes)
            .await?;
        let mut found = Vec::new();
        while let Some(entry) = search.next().await? {
            if found.len() == MOST {
                return Err(Trouble::TooMany);
            }
            found.push(SearchEntry::construct(entry));
        }
        search.finish().await.success()?;
        Ok(found)
    }

    /// The base of searches below the base.
    fn base(&self, below: &str) -> String {
        match (below, self.options.ldap_base_dn.as_str()) {
            ("", base) => base.to_owned(),
            (below, "") => below.to_owned(),
            (below, base) => format!("{below},{base}"),
        }
    }

    fn attribute(&self, field: Field, of_user: bool) -> Option<&str> {
        let options = &self.options;
        Some(match (field, of_user) {
            (Field::Id, true) => &options.ldap_user_id_attribute,
            (Field::FirstName, _) => &options.ldap_user_firstname_attribute,
            (Field::LastName, _) => &options.ldap_user_lastname_attribute,
            (Field::Email, _) => &options.ldap_user_email_attribute,
            (Field::Id, false) => &options.ldap_group_id_attribute,
            (Field::Name, _) => &options.ldap_group_name_attribute,
            (Field::Kind, _) => return options.ldap_group_type_attribute.as_deref(),
        })
    }

    /// The filter for users or groups with these fields; one that the directory doesn't have finds nothing.
    fn filter(&self, of_user: bool, asked: &[(Field, Asked)], also: &str) -> String {
        let own = match of_user {
            true => &self.options.ldap_user_search_filter,
            false => &self.options.ldap_group_search_filter,
        };
        let fields: String = asked
            .iter()
            .map(|(field, text)| match (self.attribute(*field, of_user), text) {
                (None, _) => "(!(objectClass=*))".to_owned(),
                (Some(name), Asked::Is(text)) => format!("({name}={})", ldap_escape(text.as_str())),
                (Some(name), Asked::Like(pattern)) => format!("({name}={})", pattern_of(pattern)),
            })
            .collect();
        format!("(&{own}{fields}{also})")
    }

    /// Users with these fields.
    ///
    /// # Errors
    /// The directory can't be asked, or finds too many.
    pub async fn people(&self, asked: &[(Field, Asked)]) -> Result<Vec<Person>, Trouble> {
        let fields = [Field::Id, Field::FirstName, Field::LastName, Field::Email];
        let names: Vec<&str> = fields
            .iter()
            .filter_map(|field| self.attribute(*field, true))
            .collect();
        let base = self.base(&self.options.ldap_user_search_base);
        let found = self.search(&base, &self.filter(true, asked, ""), &names).await?;
        let person = |entry: SearchEntry| {
            let first = |field| {
                self.attribute(field, true)
                    .and_then(|name| value(&entry.attrs, name))
            };
            Some(Person {
                id: first(Field::Id)?,
                first_name: first(Field::FirstName),
                last_name: first(Field::LastName),
                email: first(Field::Email),
                dn: entry.dn.clone(),
            })
        };
        Ok(found.into_iter().filter_map(person).collect())
    }

    /// The user of that id.
    ///
    /// # Errors
    /// As [`Directory::people`].
    pub async fn person(&self, id: &str) -> Result<Option<Person>, Trouble> {
        let found = self.people(&[(Field::Id, Asked::Is(id.to_owned()))]).await?;
        // The directory may take letters of either case for the same.
        Ok(found.into_iter().find(|person| person.id == id))
    }

    /// Groups with these fields; `member`: those that this user is in.
    ///
    /// # Errors
    /// As [`Directory::people`].
    pub async fn teams(
        &self,
        asked: &[(Field, Asked)],
        member: Option<&Person>,
    ) -> Result<Vec<Team>, Trouble> {
        let options = &self.options;
        let mut names: Vec<&str> = [Field::Id, Field::Name, Field::Kind]
            .iter()
            .filter_map(|field| self.attribute(*field, false))
            .collect();
        names.push(&options.ldap_group_member_attribute);
        let of_member = member.map(|person| {
            let told = if options.ldap_use_posix_groups {
                &person.id
            } else {
                &person.dn
            };
            format!(
                "({}={})",
                options.ldap_group_member_attribute,
                ldap_escape(told.as_str())
            )
        });
        let filter = self.filter(false, asked, &of_member.unwrap_or_default());
        let base = self.base(&options.ldap_group_search_base);
        let found = self.search(&base, &filter, &names).await?;
        let team = |entry: SearchEntry| {
            let first = |field| {
                self.attribute(field, false)
                    .and_then(|name| value(&entry.attrs, name))
            };
            Some(Team {
                id: first(Field::Id)?,
                name: first(Field::Name),
                kind: first(Field::Kind),
                members: values(&entry.attrs, &options.ldap_group_member_attribute),
            })
        };
        Ok(found.into_iter().filter_map(team).collect())
    }

    /// Ids of a user's groups; none for a user that there isn't.
    ///
    /// # Errors
    /// As [`Directory::people`].
    pub async fn groups_of(&self, user: &str) -> Result<Vec<String>, Trouble> {
        let Some(person) = self.person(user).await? else {
            return Ok(Vec::new());
        };
        let teams = self.teams(&[], Some(&person)).await?;
        Ok(teams.into_iter().map(|team| team.id).collect())
    }

    /// Whether a user is in a group.
    pub fn is_in(&self, person: &Person, team: &Team) -> bool {
        let told = match self.options.ldap_use_posix_groups {
            true => &person.id,
            false => &person.dn,
        };
        team.members
            .iter()
            .any(|member| member.eq_ignore_ascii_case(told))
    }

    /// Judges a user's password by a bind.
    ///
    /// # Errors
    /// As [`Directory::people`].
    pub async fn judge(&self, user: &str, password: &str) -> Result<Judged, Trouble> {
        // A bind without a password is one of nobody, which many directories accept.
        if password.is_empty() {
            return Ok(Judged::Wrong);
        }
        let Some(person) = self.person(user).await? else {
            return Ok(Judged::Wrong);
        };
        let mut ldap = self.connect().await?;
        let bound = ldap
            .with_timeout(PATIENCE)
            .simple_bind(&person.dn, password)
            .await?;
        let _ = ldap.unbind().await;
        match bound.rc {
            0 => Ok(Judged::Right),
            INVALID_CREDENTIALS => Ok(Judged::Wrong),
            _ => {
                bound.success()?;
                Ok(Judged::Wrong)
            }
        }
    }
}

/// SQL's pattern as LDAP's: `%` is any text; `_`, any character, is any text too.
fn pattern_of(pattern: &str) -> String {
    let mut made = String::new();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '%' | '_' => made.push('*'),
            '\\' => made.extend(
                letters
                    .next()
                    .map(|next| ldap_escape(next.to_string()).into_owned()),
            ),
            other => made.push_str(&ldap_escape(other.to_string())),
        }
    }
    while made.contains("**") {
        made = made.replace("**", "*");
    }
    made
}

/// The values of an attribute, whose name the directory may spell in other letters.
fn values(attributes: &HashMap<String, Vec<String>>, name: &str) -> Vec<String> {
    let found = attributes
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, values)| values.clone()).unwrap_or_default()
}

fn value(attributes: &HashMap<String, Vec<String>>, name: &str) -> Option<String> {
    values(attributes, name).into_iter().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> Directory {
        let options = DirectoryOptions {
            ldap_server_url: Some("ldap://127.0.0.1:1".into()),
            ldap_base_dn: "o=firm".into(),
            ldap_user_search_base: "ou=people".into(),
            ldap_user_search_filter: "(objectclass=person)".into(),
            ldap_user_id_attribute: "uid".into(),
            ldap_user_email_attribute: "mail".into(),
            ldap_group_search_filter: "(objectclass=groupOfNames)".into(),
            ..DirectoryOptions::default()
        };
        Directory::new(&options).unwrap().unwrap()
    }

    #[test]
    fn s1_02_a_filter_holds_what_is_asked_for_and_nothing_that_a_client_slips_in() {
        let directory = directory();
        let asked = [
            (Field::Id, Asked::Is("a*)(uid=*".into())),
            (Field::Email, Asked::Like("%@firm.\\%_".into())),
        ];
        assert_eq!(
            directory.filter(true, &asked, ""),
            "(&(objectclass=person)(uid=a\\2a\\29\\28uid=\\2a)(mail=*@firm.%*))"
        );
        let kind = [(Field::Kind, Asked::Is("x".into()))];
        assert_eq!(
            directory.filter(false, &kind, ""),
            "(&(objectclass=groupOfNames)(!(objectClass=*)))"
        );
        assert_eq!(directory.base("ou=people"), "ou=people,o=firm");
        assert_eq!(directory.base(""), "o=firm");
    }

    #[tokio::test]
    async fn s1_02_without_a_password_nobody_is_asked() {
        assert_eq!(directory().judge("anna", "").await.unwrap(), Judged::Wrong);
    }
}
