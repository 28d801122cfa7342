//! `POST /external-task/fetchAndLock`: locking tasks for a worker, with a long poll.
use super::{
    call::{Call, json},
    contents::Contents,
    error, instance_view,
};
use crate::{
    App,
    app::{CatalogView, Deployed, external::Fetch},
    rights::need::{READ_INSTANCE, UPDATE_INSTANCE, needs, resource},
    store::{FetchOrder, Fetched, TopicRequest},
};
use axum::{Router, response::Response, routing::post};
use bpmn_core::{
    Id,
    instance::{ExternalTask, Instance},
    tree::activity_instance_id,
    value::TypedValue,
};
use rest_api::{
    ApiError, ApiResult, Date,
    external_task::LockedExternalTask,
    filters::Filters,
    variable::{self, Style},
};
use serde_json::{Value, json as value};

/// Longest wait that a client may ask for, in ms.
const WAIT_MAX: i64 = 1_800_000;

/// Routes of this resource.
pub fn routes() -> Router<App> {
    Router::new().route("/external-task/fetchAndLock", post(fetch_and_lock))
}

/// What a topic's tasks are shown with.
struct Shown {
    /// Names of variables; `None` is all that the task sees.
    variables: Option<Vec<String>>,
    local: bool,
    deserialize: bool,
    properties: bool,
}

impl Shown {
    fn style(&self) -> Style {
        Style {
            deserialize: self.deserialize,
            binary: true,
        }
    }
}

async fn fetch_and_lock(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let view = call.catalog();
    let (mut fetch, shown) = request(&body, &view)?;
    only_own(&call, &view, &mut fetch);
    if fetch.topics.is_empty() || fetch.max == 0 {
        return Ok(json(&Value::Array(Vec::new())));
    }
    let tasks = call.app.engine.fetch_and_lock(&fetch).await.map_err(error::api)?;
    let rows = rows(&call, tasks, &fetch, &shown).await?;
    Ok(json(&rows))
}

/// Leaves of the topics what the worker may read and update: tasks of some definitions, and of his tenants. Rights on
/// single process instances count for none of them.
fn only_own(call: &Call, view: &CatalogView, fetch: &mut Fetch) {
    let Some(rights) = &call.caller.rights else {
        return;
    };
    let may = |d: &Deployed| {
        let through = |pairs| rights.allows(&needs(pairs, resource::PROCESS_INSTANCE, None, &d.row.key));
        rights.of_tenant(d.row.tenant_id.as_deref()) && through(READ_INSTANCE) && through(UPDATE_INSTANCE)
    };
    if view.all().all(|d| may(d)) {
        return;
    }
    let own: Vec<Id> = view.all().filter(|d| may(d)).map(|d| d.row.id).collect();
    for topic in &mut fetch.topics {
        match &mut topic.definitions {
            Some(asked) => asked.retain(|id| own.contains(id)),
            none => *none = Some(own.clone()),
        }
    }
}

async fn rows(
    call: &Call,
    tasks: Vec<Fetched>,
    fetch: &Fetch,
    shown: &[Shown],
) -> ApiResult<Vec<LockedExternalTask>> {
    if tasks.is_empty() {
        return Ok(Vec::new());
    }
    let instances = match call.app.engine.instances_of_fetched(&tasks).await {
        Ok(instances) => instances,
        Err(failure) => {
            give_back(call, &tasks).await;
            return Err(error::api(failure));
        }
    };
    // An instance that ended or moved away since: its task isn't for this worker, least of all without variables.
    let (tasks, gone): (Vec<_>, Vec<_>) = tasks
        .into_iter()
        .partition(|task| instances.contains_key(&task.instance_id));
    if !gone.is_empty() {
        give_back(call, &gone).await;
    }
    let shown_of = |task: &ExternalTask| {
        let topic = fetch.topics.iter().position(|t| t.topic == task.topic);
        topic.and_then(|at| shown.get(at))
    };
    let mut seen: Vec<(&Instance, &TypedValue, Style)> = Vec::new();
    for task in &tasks {
        if let Some((instance, shown)) = instances.get(&task.instance_id).zip(shown_of(task)) {
            let values = variables(instance, task, shown).into_iter();
            seen.extend(values.map(|(_, value)| (&**instance, value, shown.style())));
        }
    }
    let contents = match Contents::of(call, seen).await {
        Ok(contents) => contents,
        Err(failure) => {
            give_back(call, &tasks).await;
            return Err(failure);
        }
    };
    // A definition may have arrived while the request waited.
    let view = call.catalog();
    let rows = tasks.into_iter().map(|Fetched { task, .. }| {
        let shown = shown_of(&task);
        let variables = instances
            .get(&task.instance_id)
            .zip(shown)
            .map(|(instance, shown)| {
                let seen = variables(instance, &task, shown).into_iter();
                variable::write_all(
                    seen.map(|(name, value)| (name, contents.whole(value))),
                    shown.style(),
                )
            });
        row(
            &view,
            task,
            variables.unwrap_or_else(|| value!({})),
            shown.is_some_and(|s| s.properties),
            call.caller.fanout,
        )
    });
    Ok(rows.collect())
}

/// Unlocks tasks that the client doesn't get: nobody would work on them until their locks expire.
async fn give_back(call: &Call, tasks: &[Fetched]) {
    let locks: Vec<(Id, i64)> = tasks.iter().map(|task| (task.id, task.lock_revision)).collect();
    if let Err(error) = call.app.engine.unlock_fetched(&locks).await {
        tracing::warn!(error = %error, "tasks that were fetched but not delivered stay locked");
    }
}

/// The variables that a task is shown with.
fn variables<'a>(
    instance: &'a Instance,
    task: &ExternalTask,
    shown: &'a Shown,
) -> Vec<(&'a str, &'a TypedValue)> {
    let scopes = match shown.local {
        true => vec![task.token_id],
        false => instance_view::scopes_of_token(instance, task.token_id),
    };
    let visible = instance_view::visible(instance, &scopes);
    match &shown.variables {
        None => visible.into_iter().collect(),
        Some(names) => {
            let found = names
                .iter()
                .filter_map(|name| Some((name.as_str(), *visible.get(name.as_str())?)));
            found.collect()
        }
    }
}

fn row(
    view: &CatalogView,
    task: ExternalTask,
    variables: Value,
    with_properties: bool,
    fanout: bool,
) -> LockedExternalTask {
    let deployed = view.by_id(task.definition_id);
    let node = deployed
        .filter(|_| with_properties)
        .and_then(|d| d.definition.node(&task.element));
    let properties = node.into_iter().flat_map(|n| &n.properties);
    let properties = properties.map(|(name, value)| (name.clone(), Value::from(value.as_str())));
    let extension_properties = Value::Object(properties.collect());
    LockedExternalTask {
        activity_instance_id: activity_instance_id(&task.element, task.activity_id),
        activity_id: task.element,
        error_message: task.error_message,
        error_details: task.error_details,
        execution_id: task.execution_id.to_string(),
        id: task.id.to_string(),
        lock_expiration_time: task.lock_expires.map(Date),
        create_time: Date(task.created),
        process_definition_id: instance_view::definition_id(view, task.definition_id),
        process_definition_key: deployed.map(|d| d.row.key.clone()).unwrap_or_default(),
        process_definition_version_tag: deployed.and_then(|d| d.row.version_tag.clone()),
        process_instance_id: task.instance_id.to_string(),
        retries: task.retries,
        suspended: task.suspended,
        worker_id: task.worker_id,
        topic_name: task.topic,
        tenant_id: task.tenant_id,
        variables,
        priority: task.priority,
        business_key: task.business_key,
        extension_properties,
        lock_revision: fanout.then_some(task.lock_revision),
    }
}

/// What a fetchAndLock asks for, without how its tasks are shown.
///
/// # Errors
/// Those of the request itself.
pub fn asked(call: &Call) -> ApiResult<Fetch> {
    let view = call.catalog();
    let mut fetch = request(&call.body()?, &view)?.0;
    only_own(call, &view, &mut fetch);
    Ok(fetch)
}

fn request(body: &Filters, view: &CatalogView) -> ApiResult<(Fetch, Vec<Shown>)> {
    let timeout = body.long("asyncResponseTimeout")?;
    if timeout.is_some_and(|ms| ms > WAIT_MAX) {
        return Err(ApiError::invalid_request(format!(
            "The asynchronous response timeout cannot be set to a value greater than {WAIT_MAX} milliseconds"
        )));
    }
    let order = order(body)?;
    let worker = body.text("workerId")?;
    let max = body.int("maxTasks")?.unwrap_or(0);
    let worker = worker.ok_or_else(|| ApiError::null_value("workerId is null"))?;
    let max =
        u32::try_from(max).map_err(|_| ApiError::engine("maxResults is not greater than or equal to 0"))?;
    let (mut topics, mut shown) = (Vec::new(), Vec::new());
    for item in body.array("topics")?.into_iter().flatten() {
        let Value::Object(members) = item else {
            return Err(ApiError::invalid_request(""));
        };
        let topic = Filters::from_body(members.clone());
        topics.push(topic_request(&topic, view)?);
        shown.push(Shown {
            variables: topic.list("variables")?,
            local: topic.on("localVariables")?,
            deserialize: topic.on("deserializeValues")?,
            properties: topic.on("includeExtensionProperties")?,
        });
    }
    let timeout_ms = timeout.filter(|ms| *ms > 0).map(|ms| ms as u64);
    Ok((
        Fetch {
            worker,
            max,
            topics,
            order,
            timeout_ms,
        },
        shown,
    ))
}

fn order(body: &Filters) -> ApiResult<FetchOrder> {
    let mut created_ascending = None;
    for item in body.array("sorting")?.into_iter().flatten() {
        let member = |name: &str| item.get(name).and_then(Value::as_str);
        let by = member("sortBy").unwrap_or("null");
        if by != "createTime" {
            return Err(ApiError::invalid_request(format!(
                "Cannot set query sortBy parameter to value {by}"
            )));
        }
        created_ascending = match member("sortOrder") {
            Some("asc") => Some(true),
            Some("desc") => Some(false),
            other => {
                let other = other.unwrap_or("null");
                let message = format!("Cannot set query sortOrder parameter to value {other}");
                return Err(ApiError::invalid_request(message));
            }
        };
    }
    Ok(FetchOrder {
        by_priority: body.on("usePriority")?,
        created_ascending,
    })
}

fn topic_request(topic: &Filters, view: &CatalogView) -> ApiResult<TopicRequest> {
    let name = topic
        .text("topicName")?
        .ok_or_else(|| ApiError::null_value("topicName is null"))?;
    let lock_duration = topic.long("lockDuration")?.unwrap_or(0);
    if lock_duration <= 0 {
        return Err(ApiError::engine("lockTime is not greater than 0"));
    }
    let process_variables = topic.object("processVariables")?.into_iter().flatten();
    let process_variables = process_variables
        .map(|(name, value)| (name.clone(), variable::implicit(value)))
        .collect();
    // An empty list of tenants is no filter on the wire; null neither.
    let tenants = topic.list("tenantIdIn")?.filter(|list| !list.is_empty());
    Ok(TopicRequest {
        topic: name,
        lock_duration,
        business_key: topic.text("businessKey")?,
        definitions: definitions(topic, view)?,
        tenants,
        without_tenant: topic.on("withoutTenantId")?,
        process_variables,
    })
}

/// The definitions that all of the topic's filters allow.
fn definitions(topic: &Filters, view: &CatalogView) -> ApiResult<Option<Vec<Id>>> {
    let id = topic.text("processDefinitionId")?;
    let ids = topic
        .list("processDefinitionIdIn")?
        .filter(|list| !list.is_empty());
    let key = topic.text("processDefinitionKey")?;
    let keys = topic
        .list("processDefinitionKeyIn")?
        .filter(|list| !list.is_empty());
    let tag = topic.text("processDefinitionVersionTag")?;
    if id.is_none() && ids.is_none() && key.is_none() && keys.is_none() && tag.is_none() {
        return Ok(None);
    }
    let found = view.all().filter(|d| {
        id.as_ref().is_none_or(|id| d.row.rest_id == *id)
            && ids.as_ref().is_none_or(|ids| ids.contains(&d.row.rest_id))
            && key.as_ref().is_none_or(|key| d.row.key == *key)
            && keys.as_ref().is_none_or(|keys| keys.contains(&d.row.key))
            && tag
                .as_ref()
                .is_none_or(|tag| d.row.version_tag.as_ref() == Some(tag))
    });
    Ok(Some(found.map(|d| d.row.id).collect()))
}
