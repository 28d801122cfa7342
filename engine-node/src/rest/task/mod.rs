//! `/task`: list, read, and the variables of tasks; what changes them is in the files beside.
mod complete;
pub(super) mod hal;
mod people;
mod write;

use super::{
    accept,
    call::{Call, json},
    contents::Contents,
    error, instance_view, lists,
    scope_variables::{self, Place},
    task_expressions::evaluated,
};
use crate::{
    App,
    app::{Answer, CatalogView, Deployed, commands::Render, writer::now},
    query::task,
    store::{Row, Snapshot, StoreError},
};
use axum::{Router, response::Response, routing::get};
use bpmn_core::{
    Id,
    command::Rejection,
    form,
    instance::{Instance, UserTask},
};
use rest_api::{
    ApiError, ApiResult, Date,
    filters::{Filters, Paging},
    task::{FormRef, Task},
    task_query,
    variable::{self, Style},
};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

pub(super) use people::decide;

/// Routes of this resource.
pub fn routes() -> Router<App> {
    let root = "/task";
    Router::new()
        .route(root, get(list).post(list_post))
        .route(&format!("{root}/count"), get(count).post(count_post))
        .route(&format!("{root}/{{id}}"), get(one))
        .merge(complete::routes(root))
        .merge(people::routes(root))
        .merge(write::routes(root))
        .merge(scope_variables::routes(
            &format!("{root}/{{id}}/variables"),
            Place::Task,
        ))
        .merge(scope_variables::routes(
            &format!("{root}/{{id}}/localVariables"),
            Place::TaskLocal,
        ))
}

/// What a task's row says of its form: a key, or which Camunda form it is.
pub fn form_of(view: &CatalogView, task: &UserTask) -> (Option<String>, Option<FormRef>) {
    let key = task.form_key.clone();
    let definition = task.definition_id.and_then(|id| view.by_id(id));
    let node = definition.and_then(|d| d.definition.node(task.element.as_deref()?));
    let Some(binding) = node.and_then(|node| node.form.key.as_ref()?.binding.as_ref()) else {
        return (key, None);
    };
    let reference = FormRef {
        key,
        binding: binding.kind,
        version: binding.version(),
    };
    (None, Some(reference))
}

/// Tasks with the keys of their forms as they are now.
///
/// # Errors
/// An expression fails: then none of the tasks is shown, as in the reference.
async fn keyed(call: &Call, mut tasks: Vec<UserTask>) -> ApiResult<Vec<UserTask>> {
    let view = call.catalog();
    let deployed = |task: &UserTask| Some(view.by_id(task.definition_id?)?.clone());
    let varies = |task: &UserTask| {
        let node = view
            .by_id(task.definition_id?)?
            .definition
            .node(task.element.as_deref()?)?;
        let key = node.form.key.as_ref()?;
        task.instance_id.filter(|_| key.varies())
    };
    let mut ids: Vec<Id> = tasks.iter().filter_map(varies).collect();
    if ids.is_empty() {
        return Ok(tasks);
    }
    ids.sort_unstable();
    ids.dedup();
    let loaded = call.app.engine.store().load(&ids).await.map_err(error::store)?;
    for task in tasks.iter_mut().filter(|task| varies(task).is_some()) {
        // One that has ended since keeps the key that it had.
        let instance = loaded.iter().find(|i| Some(i.process.id) == task.instance_id);
        let (Some(instance), Some(deployed)) = (instance, deployed(task)) else {
            continue;
        };
        task.form_key = key_now(call, &deployed, instance, task)?;
    }
    Ok(tasks)
}

/// The key of a task's form as it is now.
///
/// # Errors
/// Its expression fails.
pub fn key_now(
    call: &Call,
    deployed: &Deployed,
    instance: &Instance,
    task: &UserTask,
) -> ApiResult<Option<String>> {
    let node = task
        .element
        .as_deref()
        .and_then(|element| deployed.definition.node(element));
    let Some(node) = node.filter(|_| instance.tasks.get(task.id).is_some()) else {
        return Ok(task.form_key.clone());
    };
    let user = call.caller.user.as_deref();
    match form::key(&deployed.reference(), node, instance, task.id, now(), user) {
        Ok(key) => Ok(key),
        // A key that is longer than any: as it was when the task began.
        Err(Rejection::NeedsValues(_)) => Ok(task.form_key.clone()),
        Err(cause) => Err(ApiError::engine(cause.to_string())),
    }
}

fn dto(view: &CatalogView, task: UserTask) -> Task {
    let (form_key, camunda_form_ref) = form_of(view, &task);
    let process_instance_id = task.process_id().map(|id| id.to_string());
    Task {
        id: task.id.to_string(),
        name: task.name,
        assignee: task.assignee,
        created: Date(task.created),
        due: task.due.map(Date),
        follow_up: task.follow_up.map(Date),
        last_updated: task.last_updated.map(Date),
        delegation_state: task.delegation,
        description: task.description,
        execution_id: task.execution_id.map(|id| id.to_string()),
        owner: task.owner,
        parent_task_id: task.parent_id.map(|id| id.to_string()),
        priority: task.priority,
        process_definition_id: task
            .definition_id
            .map(|id| instance_view::definition_id(view, id)),
        process_instance_id,
        task_definition_key: task.element,
        case_execution_id: None,
        case_instance_id: task.case_instance_id,
        case_definition_id: None,
        suspended: task.suspended,
        form_key,
        camunda_form_ref,
        tenant_id: task.tenant_id,
        variables: None,
        attachment: None,
        comment: None,
        task_state: if task.last_updated.is_some() {
            "Updated"
        } else {
            "Created"
        },
    }
}

async fn list(call: Call) -> ApiResult<Response> {
    let filters = evaluated(&call, call.filters(), false).await?;
    match accept::hal(&call) {
        true => hal::list(&call, &filters, None).await,
        false => find(&call, &filters).await,
    }
}

/// A query in a body.
fn query_of(call: &Call) -> ApiResult<Filters> {
    match call.body()?.into_value() {
        Value::Object(members) => Ok(Filters::from_body(task_query::typed(members)?)),
        _ => Err(ApiError::invalid_request("")),
    }
}

async fn list_post(call: Call) -> ApiResult<Response> {
    let filters = evaluated(&call, query_of(&call)?, false).await?;
    find(&call, &filters).await
}

/// One page of the tasks that meet the filters.
pub(super) async fn find(call: &Call, filters: &Filters) -> ApiResult<Response> {
    let view = call.catalog();
    let with = With::of(filters)?;
    lists::completed(
        call,
        &task::listing(call.sees(filters, &view))?,
        |row| Ok((task::row(row)?, task::notes(row, with.notes)?)),
        |rows| shown(call, rows, with),
    )
    .await
}

/// The one task that meets the filters, or 204.
///
/// # Errors
/// 400 for more than one.
pub(super) async fn single(
    call: &Call,
    filters: &Filters,
    variables: Option<&[String]>,
) -> ApiResult<Response> {
    let view = call.catalog();
    let listing = task::listing(call.sees(filters, &view))?;
    let two = Paging {
        first: 0,
        max: Some(2),
    };
    let snapshot = call.select(&listing.page(two)).await?;
    let rows = snapshot.rows.iter().map(|row| task::row(&**row));
    let mut rows: Vec<UserTask> = rows.collect::<Result<_, StoreError>>().map_err(error::store)?;
    let in_hal = accept::hal(call);
    match (rows.pop(), rows.is_empty()) {
        // Among several shards one may have it.
        (None, _) if in_hal && !call.caller.fanout => Ok(hal::none()),
        (None, _) => Ok(call.with_coverage(super::call::no_content(), snapshot.coverage)),
        (Some(row), true) if in_hal => {
            let shown = hal::one(call, row.id, variables).await?;
            Ok(call.with_coverage(shown, snapshot.coverage))
        }
        (Some(row), true) => {
            let found = keyed(call, vec![row]).await?.pop().map(|row| dto(&view, row));
            Ok(call.covered(&found, &snapshot))
        }
        _ => Err(ApiError::invalid_request("Filter does not returns a valid single result").with_code(0)),
    }
}

/// What tasks are shown with beside their own fields.
#[derive(Clone, Copy, Debug)]
struct With {
    notes: bool,
    /// Those that they see, or (`true`) only their own.
    variables: Option<bool>,
}

impl With {
    fn of(filters: &Filters) -> ApiResult<With> {
        let local = filters.on(task::WITH_LOCAL_VARIABLES)?;
        Ok(With {
            notes: filters.on(task::WITH_NOTES)?,
            variables: match filters.on(task::WITH_VARIABLES)? {
                true => Some(false),
                false => local.then_some(true),
            },
        })
    }
}

/// Tasks as they are shown.
async fn shown(call: &Call, rows: Vec<(UserTask, Option<(bool, bool)>)>, with: With) -> ApiResult<Vec<Task>> {
    let view = call.catalog();
    let mut variables = match with.variables {
        Some(local) => {
            let of = rows.iter().filter_map(|(t, _)| Some((t.id, t.instance_id?)));
            variables_of(call, of.collect(), local).await?
        }
        None => HashMap::new(),
    };
    let (tasks, notes): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
    let tasks = keyed(call, tasks).await?.into_iter().zip(notes);
    let tasks = tasks.map(|(task, notes)| Task {
        variables: variables.remove(&task.id),
        attachment: notes.map(|n| n.0),
        comment: notes.map(|n| n.1),
        ..dto(&view, task)
    });
    Ok(tasks.collect())
}

/// The variables of tasks that have any, by task; `of` are the tasks with their instances.
async fn variables_of(call: &Call, of: Vec<(Id, Id)>, local: bool) -> ApiResult<HashMap<Id, Value>> {
    const STYLE: Style = Style {
        deserialize: true,
        binary: true,
    };
    let instances = instances(call, of.iter().map(|(_, instance)| *instance).collect()).await?;
    let mut seen = Vec::with_capacity(of.len());
    let mut values = Vec::new();
    for (task, instance) in of {
        let Some(instance) = instances.get(&instance) else {
            continue;
        };
        let mut own = match local {
            true => BTreeMap::new(),
            false => instance_view::around_task(instance, task),
        };
        own.extend(instance_view::local_to_task(instance, task).map(|v| (v.name.as_str(), &v.value)));
        values.extend(own.values().map(|value| (instance, *value, STYLE)));
        if !own.is_empty() {
            seen.push((task, own));
        }
    }
    let contents = Contents::of(call, values).await?;
    let mut written = HashMap::with_capacity(seen.len());
    for (task, own) in seen {
        let whole = own.iter().map(|(name, value)| (*name, contents.whole(value)));
        written.insert(task, variable::write_all(whole, STYLE));
    }
    Ok(written)
}

/// The instances of these ids that are there.
async fn instances(call: &Call, mut ids: Vec<Id>) -> ApiResult<HashMap<Id, Instance>> {
    ids.sort_unstable();
    ids.dedup();
    let loaded = call.app.engine.store().load(&ids).await.map_err(error::store)?;
    Ok(loaded.into_iter().map(|i| (i.process.id, i)).collect())
}

async fn count(call: Call) -> ApiResult<Response> {
    let filters = evaluated(&call, call.filters(), false).await?;
    number(&call, &filters).await
}

async fn count_post(call: Call) -> ApiResult<Response> {
    let filters = evaluated(&call, query_of(&call)?, false).await?;
    number(&call, &filters).await
}

/// How many tasks meet the filters.
pub(super) async fn number(call: &Call, filters: &Filters) -> ApiResult<Response> {
    let (count, snapshot) = how_many(call, filters).await?;
    Ok(call.covered(&serde_json::json!({ "count": count }), &snapshot))
}

/// The number of tasks that meet the filters.
pub(super) async fn how_many(call: &Call, filters: &Filters) -> ApiResult<(i64, Snapshot)> {
    let view = call.catalog();
    let snapshot = call
        .select(&task::listing(call.sees(filters, &view))?.count())
        .await?;
    let count = snapshot.rows.first().map_or(Ok(0), |row| row.i64(0));
    Ok((count.map_err(error::store)?, snapshot))
}

pub(super) fn no_match(id: &str) -> ApiError {
    ApiError::not_found(format!("No matching task with id {id}"))
}

async fn one(call: Call) -> ApiResult<Response> {
    let missing = || no_match(call.param("id"));
    let with = With::of(&call.filters())?;
    let query = match with.notes {
        true => task::by_id_with_notes,
        false => task::by_id,
    };
    let read = |row: &dyn Row| Ok((task::row(row)?, task::notes(row, with.notes)?));
    let row = lists::one(&call, call.id("id"), query, read, missing).await?;
    if accept::hal(&call) {
        return hal::one(&call, row.0.id, None).await;
    }
    let shown = shown(&call, vec![row], with).await?.pop();
    shown.map(|task| json(&task)).ok_or_else(missing)
}

/// The reference's words for a task that isn't there.
pub(super) fn gone(id: &str) -> String {
    format!("Cannot find task with id {id}: task is null")
}

pub(super) fn null_value(id: &str) -> ApiError {
    ApiError::null_value(gone(id))
}

pub(super) fn not_found(id: &str) -> ApiError {
    ApiError::bad_user_request("NotFoundException", gone(id))
}

pub(super) fn no_content() -> Render {
    Box::new(|_, _| Answer::no_content())
}
