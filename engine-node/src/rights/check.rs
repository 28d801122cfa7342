//! Asking, before an operation begins, whether who asks may do it.
use super::{
    Level, Rights, behind_rest,
    grants::{To, grant},
    need::{self, Need, resource},
    other_tenant,
    rules::{self, Otherwise, What},
};
use crate::{
    app::Caller,
    query::{external_task, history_process, incident, job, process_instance},
    rest::{call::Call, error},
    store::{Entity, IdentityChange, Row, StoreError},
};
use bpmn_core::{
    Id,
    instance::{Instance, UserTask},
};
use http::StatusCode;
use rest_api::{ApiError, ApiResult, operations};
use sea_query::SelectStatement;

/// Something of a process, as far as rights on it go.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Subject {
    /// The instance it belongs to, or is.
    pub instance: Option<Id>,
    /// Key of its process definition.
    pub key: String,
    pub tenant: Option<String>,
}

impl Subject {
    fn needs(&self, pairs: need::Pairs) -> Vec<Need> {
        need::needs(pairs, resource::PROCESS_INSTANCE, self.instance, &self.key)
    }
}

impl Rights {
    /// Bits that a task gives this user, by level.
    pub fn linked(&self, task: &UserTask) -> Vec<(Level, i32)> {
        let names = |is_group: bool| {
            let candidates = task.candidates.iter().filter(move |c| c.0 == is_group);
            let links = task.links.iter().filter(move |link| link.group == is_group);
            candidates.map(|c| &c.1).chain(links.map(|link| &link.name))
        };
        let own = [&task.assignee, &task.owner].into_iter().flatten();
        let mut linked = Vec::new();
        if own.chain(names(false)).any(|name| *name == self.user) {
            linked.push((Level::User, self.task_bits()));
        }
        if names(true).any(|name| self.groups.contains(name)) {
            linked.push((Level::Group, self.task_bits()));
        }
        linked
    }

    /// Refuses what may not be done with something of an instance.
    ///
    /// # Errors
    /// 403; 500 for one of another tenant.
    pub fn demand_of(&self, subject: &Subject, pairs: need::Pairs, what: &str) -> ApiResult<()> {
        self.demand(&subject.needs(pairs))?;
        let id = subject.instance.map(|id| id.to_string()).unwrap_or_default();
        self.demand_tenant(
            subject.tenant.as_deref(),
            &format!("{what} the process instance '{id}'"),
        )
    }
}

/// What is wanted of something, whether it may be had, and what is said otherwise.
struct Asked {
    allowed: bool,
    of_tenant: bool,
    refusal: ApiError,
    /// The words of the refusal to another tenant.
    what: String,
}

impl Call {
    /// Refuses what who asks may not do, and hides from him what he may not know of.
    ///
    /// # Errors
    /// In the reference's words; those of the database.
    pub async fn ask_rights(&mut self, method: &str, path: &str) -> ApiResult<()> {
        let Some(rights) = self.caller.rights.clone() else {
            return Ok(());
        };
        let in_tenants = rights.only_tenants().is_some() && self.catalog().has_tenants();
        if !rights.asks() && !in_tenants {
            return Ok(());
        }
        let Ok(found) = operations::find(method, path) else {
            return Ok(());
        };
        if ["/openapi.json", "/openapi.html"].contains(&found.operation.path) {
            return Ok(());
        }
        let Some(rules) = rules::of(found.operation) else {
            let text = format!("nothing says who may {method} {}", found.operation.path);
            return Err(ApiError::forbidden(text));
        };
        for rule in rules {
            let Some(asked) = self.asked(&rights, rule.what, found.operation.path).await? else {
                continue;
            };
            if asked.allowed && asked.of_tenant {
                continue;
            }
            if !asked.allowed && rule.otherwise != Otherwise::Hidden {
                return Err(match rule.otherwise {
                    Otherwise::Rest => behind_rest(asked.refusal),
                    Otherwise::Form => {
                        ApiError::invalid_request(asked.refusal.message).with_status(StatusCode::FORBIDDEN)
                    }
                    Otherwise::Single => {
                        ApiError::invalid_request("Filter does not returns a valid single result")
                            .with_code(0)
                    }
                    _ => asked.refusal,
                });
            }
            if rule.otherwise != Otherwise::Hidden {
                return Err(other_tenant(&asked.what));
            }
            self.hidden = true;
            return Ok(());
        }
        Ok(())
    }

    /// How one rule goes; `None` where there is nothing it could be about: the operation says so itself.
    async fn asked(&self, rights: &Rights, what: What, path: &str) -> ApiResult<Option<Asked>> {
        let plain = |needs: Vec<Need>| {
            Some(Asked {
                allowed: rights.allows(&needs),
                of_tenant: true,
                refusal: rights.refusal(&needs),
                what: String::new(),
            })
        };
        Ok(match what {
            What::Task(pairs) => {
                let Some((instance, id)) = self.task_of_path().await? else {
                    return Ok(None);
                };
                let Some(task) = instance.tasks.get(id) else {
                    return Ok(None);
                };
                let key = self.key_of(task.definition_id);
                let needs = need::needs(pairs, resource::TASK, Some(id), &key);
                Some(Asked {
                    allowed: rights.allows_linked(&needs, &rights.linked(task)),
                    of_tenant: rights.of_tenant(task.tenant_id.as_deref()),
                    refusal: rights.refusal(&needs),
                    what: match pairs {
                        need::READ_TASK => format!("read the task '{id}'"),
                        need::WORK_ON_TASK => format!("work on task '{id}'"),
                        need::ASSIGN_TASK => format!("assign the task '{id}'"),
                        _ => format!("update the task '{id}'"),
                    },
                })
            }
            What::Instance(pairs) => {
                let Some(subject) = self.subject_of_path(path).await? else {
                    return Ok(None);
                };
                let needs = subject.needs(pairs);
                let verb = match pairs {
                    need::READ_INSTANCE => "read",
                    need::DELETE_INSTANCE => "delete",
                    _ => "update",
                };
                let (kind, id) = match path.split('/').nth(1) {
                    Some("job") => ("job", Some(self.param("id").to_owned())),
                    _ => ("process instance", subject.instance.map(|id| id.to_string())),
                };
                Some(Asked {
                    allowed: rights.allows(&needs),
                    of_tenant: rights.of_tenant(subject.tenant.as_deref()),
                    refusal: rights.refusal(&needs),
                    what: format!("{verb} the {kind} '{}'", id.unwrap_or_default()),
                })
            }
            What::InstanceHistory => {
                let Some(id) = self.id("id") else {
                    return Ok(None);
                };
                let found = self
                    .first(&history_process::by_id(id), history_process::row)
                    .await?;
                let Some(row) = found else {
                    return Ok(None);
                };
                let key = self.key_of(Some(row.definition_id));
                let needs = vec![Need::on(resource::PROCESS_DEFINITION, "READ_HISTORY", key)];
                Some(Asked {
                    allowed: rights.allows(&needs),
                    of_tenant: rights.of_tenant(row.tenant_id.as_deref()),
                    refusal: rights.refusal(&needs),
                    what: String::new(),
                })
            }
            What::Definition(_) | What::Start | What::JobsOfDefinition => {
                let Some((key, tenant, id)) = self.definition_of_path(path) else {
                    return Ok(None);
                };
                let on = |permission| Need::on(resource::PROCESS_DEFINITION, permission, &key);
                let (groups, words) = match what {
                    What::Definition(permissions) => {
                        let words = match permissions {
                            ["READ"] => "get",
                            ["DELETE"] => "delete",
                            _ => "update",
                        };
                        let needs = permissions.iter().copied().map(on).collect();
                        (vec![needs], format!("{words} the process definition '{id}'"))
                    }
                    What::Start => {
                        let create = vec![Need::of(resource::PROCESS_INSTANCE, "CREATE")];
                        let words = format!("create an instance of the process definition '{id}'");
                        (vec![create, vec![on("CREATE_INSTANCE")]], words)
                    }
                    _ => {
                        let any = |permission| Need::any(resource::PROCESS_INSTANCE, permission);
                        let mut needs: Vec<Need> = Vec::new();
                        for (own, through) in need::RETRY_JOB {
                            needs.extend([any(own), on(through)]);
                        }
                        (vec![needs], format!("update the process definition '{id}'"))
                    }
                };
                let lacking = groups.iter().find(|needs| !rights.allows(needs));
                Some(Asked {
                    allowed: lacking.is_none(),
                    of_tenant: rights.of_tenant(tenant.as_deref()),
                    refusal: rights.refusal(lacking.or(groups.last()).map_or(&[][..], Vec::as_slice)),
                    what: words,
                })
            }
            What::Decision(permission) | What::Requirements(permission) => {
                let requirements = matches!(what, What::Requirements(_));
                let Some((key, tenant, id)) = self.decision_of_path(requirements) else {
                    return Ok(None);
                };
                let (number, kind) = match requirements {
                    true => (
                        resource::DECISION_REQUIREMENTS_DEFINITION,
                        "decision requirements definition",
                    ),
                    false => (resource::DECISION_DEFINITION, "decision definition"),
                };
                let needs = vec![Need::on(number, permission, key)];
                let words = match permission {
                    "CREATE_INSTANCE" => format!("evaluate the decision '{id}'"),
                    "READ" => format!("get the {kind} '{id}'"),
                    _ => format!("update the {kind} '{id}'"),
                };
                Some(Asked {
                    allowed: rights.allows(&needs),
                    of_tenant: rights.of_tenant(tenant.as_deref()),
                    refusal: rights.refusal(&needs),
                    what: words,
                })
            }
            What::Thing(number, permission) => {
                let id = self.param("id");
                let mut asked = plain(vec![Need::on(number, permission, id)]);
                let tenant = match number {
                    resource::DEPLOYMENT => self.id("id").and_then(|id| {
                        let view = self.catalog();
                        view.deployments.get(&id).map(|row| row.tenant_id.clone())
                    }),
                    resource::TENANT => Some(Some(id.to_owned())),
                    _ => Some(None),
                };
                let Some(tenant) = tenant else {
                    return Ok(None);
                };
                if let Some(asked) = &mut asked {
                    // Who administers tenants sees those that aren't his.
                    asked.of_tenant = number == resource::TENANT || rights.of_tenant(tenant.as_deref());
                    asked.what = match permission {
                        "DELETE" => format!("delete the deployment '{id}'"),
                        _ => format!("get the deployment '{id}'"),
                    };
                }
                asked
            }
            What::Whole(number, permission) => plain(vec![Need::of(number, permission)]),
            What::Every(number, permission) => plain(vec![Need::any(number, permission)]),
            What::Batch(permission) => plain(vec![
                Need::of(resource::BATCH, permission),
                Need::of(resource::BATCH, "CREATE"),
            ]),
            What::Admin(or) => {
                let or: Vec<Need> = or
                    .map(|(number, permission)| Need::of(number, permission))
                    .into_iter()
                    .collect();
                let refusal = rights.demand_admin(&or).err();
                let allowed = refusal.is_none();
                Some(Asked {
                    allowed,
                    of_tenant: true,
                    refusal: refusal.unwrap_or_else(ApiError::unauthorized),
                    what: String::new(),
                })
            }
        })
    }

    /// The key of a definition; empty for one that isn't deployed any more.
    pub fn key_of(&self, definition: Option<Id>) -> String {
        let view = self.catalog();
        let found = definition.and_then(|id| view.by_id(id));
        found.map(|d| d.row.key.clone()).unwrap_or_default()
    }

    /// Something of a process: its instance, definition and tenant.
    pub fn subject(&self, instance: Option<Id>, definition: Id, tenant: Option<String>) -> Subject {
        Subject {
            instance,
            key: self.key_of(Some(definition)),
            tenant,
        }
    }

    /// The first row that a query finds.
    async fn first<R>(
        &self,
        query: &SelectStatement,
        read: impl Fn(&dyn Row) -> Result<R, StoreError>,
    ) -> ApiResult<Option<R>> {
        let found = self.select(query).await?;
        let row = found.rows.first().map(|row| read(&**row));
        row.transpose().map_err(error::store)
    }

    async fn task_of_path(&self) -> ApiResult<Option<(std::sync::Arc<Instance>, Id)>> {
        let Some(id) = self.id("id") else {
            return Ok(None);
        };
        let found = self.app.engine.load_entity(Entity::Task, id).await;
        Ok(found.map_err(error::api)?.map(|instance| (instance, id)))
    }

    /// What the path's id names, as far as it belongs to an instance or could.
    async fn subject_of_path(&self, path: &str) -> ApiResult<Option<Subject>> {
        let Some(id) = self.id("id") else {
            return Ok(None);
        };
        Ok(match path.split('/').nth(1) {
            Some("job") => {
                let found = self.first(&job::by_id(id), job::row).await?;
                found.map(|row| self.subject(row.instance_id, row.definition_id, row.tenant_id))
            }
            Some("external-task") => {
                let found = self.first(&external_task::by_id(id), external_task::row).await?;
                found.map(|row| self.subject(Some(row.instance_id), row.definition_id, row.tenant_id))
            }
            Some("incident") => {
                let found = self.first(&incident::by_id(id), incident::row).await?;
                found.map(|row| self.subject(row.instance_id, row.definition_id, row.tenant_id))
            }
            _ => match self.subject_of_instance(id).await? {
                None if path.starts_with("/execution/") => {
                    let found = self.app.engine.load_entity(Entity::Execution, id).await;
                    let found = found.map_err(error::api)?;
                    found.map(|instance| self.subject_of(&instance))
                }
                found => found,
            },
        })
    }

    /// A running instance, if there is one of that id.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn subject_of_instance(&self, id: Id) -> ApiResult<Option<Subject>> {
        let found = self
            .first(&process_instance::by_id(id), process_instance::row)
            .await?;
        Ok(found.map(|row| self.subject(Some(id), row.definition_id, row.tenant_id)))
    }

    /// A running instance.
    pub fn subject_of(&self, instance: &Instance) -> Subject {
        let process = &instance.process;
        self.subject(Some(process.id), process.definition_id, process.tenant_id.clone())
    }

    /// Key, tenant and REST's id of the process definition that the path names, directly or by a job definition.
    fn definition_of_path(&self, path: &str) -> Option<(String, Option<String>, String)> {
        let view = self.catalog();
        let (id, key, tenant) = (self.param("id"), self.param("key"), self.param("tenant"));
        let deployed = if path.starts_with("/job-definition/") {
            view.job_definition(self.id("id")?)?.0
        } else if !id.is_empty() {
            view.by_rest_id(id)?
        } else {
            view.latest(key, Some(tenant).filter(|tenant| !tenant.is_empty()))?
        };
        let row = &deployed.row;
        Some((row.key.clone(), row.tenant_id.clone(), row.rest_id.clone()))
    }

    fn decision_of_path(&self, requirements: bool) -> Option<(String, Option<String>, String)> {
        let view = self.catalog();
        let (id, key, tenant) = (self.param("id"), self.param("key"), self.param("tenant"));
        let tenant = Some(tenant).filter(|tenant| !tenant.is_empty());
        if requirements {
            let row = match id {
                "" => view.decisions.latest_requirements(key, tenant)?,
                id => view.decisions.requirements_by_rest_id(id)?,
            };
            return Some((row.key.clone(), row.tenant_id.clone(), row.rest_id.clone()));
        }
        let deployed = match id {
            "" => view.decisions.latest(key, tenant)?,
            id => view.decisions.by_rest_id(id)?,
        };
        let row = &deployed.row;
        Some((row.key.clone(), row.tenant_id.clone(), row.rest_id.clone()))
    }

    /// Whether history of that definition and tenant may be seen.
    pub fn shows_history(&self, definition: Option<Id>, tenant: Option<&str>) -> bool {
        let Some(rights) = &self.caller.rights else {
            return true;
        };
        let read = |id| {
            let key = self.key_of(Some(id));
            rights.allows(&[Need::on(resource::PROCESS_DEFINITION, "READ_HISTORY", key)])
        };
        definition.is_none_or(read) && rights.of_tenant(tenant)
    }

    /// Keeps of some things those on which there is the permission, and that belong to no other tenant.
    pub fn keep<T>(
        &self,
        things: &mut Vec<T>,
        resource: i32,
        permission: &'static str,
        of: impl Fn(&T) -> (String, Option<String>),
    ) {
        if let Some(rights) = &self.caller.rights {
            things.retain(|thing| {
                let (id, tenant) = of(thing);
                rights.of_tenant(tenant.as_deref()) && rights.allows(&[Need::on(resource, permission, id)])
            });
        }
    }

    /// Whether both READ and READ_HISTORY are there, as reports of what may be cleaned ask.
    pub fn reads_and_history(&self, resource: i32, key: &str, tenant: Option<&str>) -> bool {
        self.caller.rights.as_ref().is_none_or(|rights| {
            let may = |permission| rights.allows(&[Need::on(resource, permission, key)]);
            rights.of_tenant(tenant) && may("READ") && may("READ_HISTORY")
        })
    }

    /// Refuses what may not be done with history of a process definition.
    ///
    /// # Errors
    /// 403; 500 for one of another tenant.
    pub fn demand_history(
        &self,
        permission: &'static str,
        definition: Id,
        tenant: Option<&str>,
        what: &str,
    ) -> ApiResult<()> {
        let Some(rights) = &self.caller.rights else {
            return Ok(());
        };
        let key = self.key_of(Some(definition));
        rights.demand(&[Need::on(resource::PROCESS_DEFINITION, permission, key)])?;
        rights.demand_tenant(tenant, what)
    }

    /// Refuses what may not be done with one of these instances; those that don't run are passed over.
    ///
    /// # Errors
    /// 403; 500 for one of another tenant; those of the database.
    pub async fn demand_of_all(&self, instances: &[Id], pairs: need::Pairs) -> ApiResult<()> {
        let Some(rights) = self.caller.rights.clone() else {
            return Ok(());
        };
        for id in instances {
            if let Some(subject) = self.subject_of_instance(*id).await? {
                rights.demand_of(&subject, pairs, "update")?;
            }
        }
        Ok(())
    }

    /// Whether authorizations are asked for; they come and go with things then.
    pub fn asks(&self) -> bool {
        self.app.auth.authority().enforced().authorizations
    }

    /// The change that grants permissions on a new thing, where authorizations are asked for.
    pub fn grants(
        &self,
        to: To<'_>,
        resource: i32,
        id: &str,
        permissions: &[&'static str],
    ) -> Option<IdentityChange> {
        self.asks()
            .then(|| grant(&self.app.engine, to, resource, id, permissions))
    }

    /// Puts a grant on every shard.
    ///
    /// # Errors
    /// Those of the reference log.
    pub async fn put_grant(&self, grant: Option<IdentityChange>) -> ApiResult<()> {
        let Some(grant) = grant else {
            return Ok(());
        };
        let decide = move |_| {
            let grant = grant.clone();
            async move { Ok::<_, ApiError>(vec![grant]) }
        };
        // The key, if there is one, is that of the request that this is a part of.
        let caller = Caller::default();
        let changed = self
            .app
            .replication
            .change_identity(&caller, String::new(), decide);
        changed.await.map(drop)
    }

    /// Takes away, on every shard, the authorizations of a thing that is gone, where they are asked for.
    ///
    /// # Errors
    /// Those of the reference log.
    pub async fn drop_grants(&self, resource: i32, id: String) -> ApiResult<()> {
        if !self.asks() {
            return Ok(());
        }
        let decide = move |store: std::sync::Arc<dyn crate::store::Store>| {
            let id = id.clone();
            async move {
                let changes = super::grants::gone(&*store, resource, &id).await;
                changes.map_err(error::store)
            }
        };
        // The key, if there is one, is that of the request that this is a part of.
        let caller = Caller::default();
        let changed = self
            .app
            .replication
            .change_identity(&caller, String::new(), decide);
        changed.await.map(drop)
    }

    /// Refuses to make a batch for whoever may not.
    ///
    /// # Errors
    /// 403 in the reference's words.
    pub fn demand_batch(&self, permission: &'static str) -> ApiResult<()> {
        let needs = [
            Need::of(resource::BATCH, permission),
            Need::of(resource::BATCH, "CREATE"),
        ];
        self.caller
            .rights
            .as_ref()
            .map_or(Ok(()), |rights| rights.demand(&needs))
    }

    /// Refuses what may not be done with an external task; one that isn't there is passed over.
    ///
    /// # Errors
    /// As [`Call::demand_of_all`].
    pub async fn demand_of_task(&self, task: Id) -> ApiResult<()> {
        let Some(rights) = self.caller.rights.clone() else {
            return Ok(());
        };
        let found = self
            .first(&external_task::by_id(task), external_task::row)
            .await?;
        let Some(row) = found else {
            return Ok(());
        };
        let subject = self.subject(Some(row.instance_id), row.definition_id, row.tenant_id);
        rights.demand_of(&subject, need::UPDATE_INSTANCE, "update")
    }

    /// Refuses what may not be done with process definitions, each by its key.
    ///
    /// # Errors
    /// 403; 500 for one of another tenant.
    pub fn demand_on<'d>(
        &self,
        definitions: impl IntoIterator<Item = &'d crate::app::Deployed>,
        permission: &'static str,
    ) -> ApiResult<()> {
        let Some(rights) = &self.caller.rights else {
            return Ok(());
        };
        for deployed in definitions {
            let row = &deployed.row;
            rights.demand(&[Need::on(resource::PROCESS_DEFINITION, permission, &row.key)])?;
            let what = format!("get process definition '{}'", row.rest_id);
            rights.demand_tenant(row.tenant_id.as_deref(), &what)?;
        }
        Ok(())
    }
}
