//! Tasks as HAL: with links, and with what they refer to embedded.
use super::{dto, instances, keyed};
use crate::{
    app::CatalogView,
    query::{Listing, group, task, user},
    rest::{
        call::{Call, typed},
        contents::Contents,
        error, identity_link, lists, process_definition,
    },
    store::{Snapshot, StoreError},
};
use axum::response::Response;
use bpmn_core::{
    Id,
    instance::{Instance, UserTask, Variable},
};
use rest_api::{
    ApiError, ApiResult,
    accept::HAL,
    filters::Filters,
    variable::{self, Style},
};
use serde_json::{Map, Value, json};
use std::collections::{BTreeSet, HashMap};

/// Values as they are stored.
const STYLE: Style = Style {
    deserialize: false,
    binary: false,
};

/// A link, relative to the REST root.
fn link(path: String) -> Value {
    json!({ "href": path })
}

/// A text as one segment of a path.
fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => out.push(byte as char),
            b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b','
            | b';' | b'=' | b':' | b'@' => out.push(byte as char),
            other => out += &format!("%{other:02X}"),
        }
    }
    out
}

fn links_of(task: &Value) -> Value {
    let text = |name: &str| task.get(name).and_then(Value::as_str);
    let mut links = Map::new();
    let mut add = |rel: &str, path: Option<String>| {
        if let Some(path) = path {
            links.insert(rel.to_owned(), link(path));
        }
    };
    let to = |root: &str, name: &str| text(name).map(|id| format!("/{root}/{}", segment(id)));
    let own = to("task", "id");
    add("assignee", to("user", "assignee"));
    add("execution", to("execution", "executionId"));
    add(
        "identityLink",
        own.clone().map(|own| format!("{own}/identity-links")),
    );
    add("owner", to("user", "owner"));
    add("parentTask", to("task", "parentTaskId"));
    add(
        "processDefinition",
        to("process-definition", "processDefinitionId"),
    );
    add("processInstance", to("process-instance", "processInstanceId"));
    add("self", own);
    Value::Object(links)
}

/// A task without what is embedded in it.
fn resource(view: &CatalogView, task: UserTask, embedded: Value) -> Map<String, Value> {
    let shown = serde_json::to_value(dto(view, task)).unwrap_or_default();
    let mut resource = Map::new();
    resource.insert("_links".into(), links_of(&shown));
    resource.insert("_embedded".into(), embedded);
    if let Value::Object(members) = shown {
        let own = members
            .into_iter()
            .filter(|(name, _)| !matches!(name.as_str(), "lastUpdated" | "taskState"));
        resource.extend(own);
    }
    resource
}

async fn users(call: &Call, ids: BTreeSet<String>) -> ApiResult<Vec<Value>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<String> = ids.into_iter().collect();
    let found = call.select(&user::named(&ids)).await?;
    let rows = found.rows.iter().map(|row| user::row(&**row));
    let rows = rows
        .collect::<Result<Vec<_>, StoreError>>()
        .map_err(error::store)?;
    let shown = rows.into_iter().map(|user| {
        json!({"_links": {"self": link(format!("/user/{}", segment(&user.id)))}, "_embedded": null, "id": user.id,
               "firstName": user.first_name, "lastName": user.last_name, "email": user.email})
    });
    Ok(shown.collect())
}

async fn groups(call: &Call, ids: BTreeSet<String>) -> ApiResult<Vec<Value>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<String> = ids.into_iter().collect();
    let found = call.select(&group::named(&ids)).await?;
    let rows = found.rows.iter().map(|row| group::row(&**row));
    let rows = rows
        .collect::<Result<Vec<_>, StoreError>>()
        .map_err(error::store)?;
    let shown = rows.into_iter().map(|group| {
        json!({"_links": {"self": link(format!("/group/{}", segment(&group.id)))}, "_embedded": null, "id": group.id,
               "name": group.name, "type": group.kind})
    });
    Ok(shown.collect())
}

/// The definitions of tasks, in order of their ids.
fn definitions<'t>(view: &CatalogView, tasks: impl Iterator<Item = &'t UserTask>) -> Vec<Value> {
    let ids: BTreeSet<Id> = tasks.filter_map(|task| task.definition_id).collect();
    let mut found: Vec<_> = ids.into_iter().filter_map(|id| view.by_id(id)).collect();
    found.sort_by(|a, b| a.row.rest_id.cmp(&b.row.rest_id));
    let shown = found.into_iter().map(|deployed| {
        let d = process_definition::dto(view, &deployed.row);
        let deployment = format!("/deployment/{}", d.deployment_id);
        let resource = format!("{deployment}/resources/{}", segment(&d.resource));
        let own = format!("/process-definition/{}", segment(&d.id));
        json!({"_links": {"deployment": link(deployment), "resource": link(resource), "self": link(own)},
               "_embedded": null, "id": d.id, "key": d.key, "category": d.category, "description": d.description,
               "name": d.name, "versionTag": d.version_tag, "version": d.version, "resource": d.resource,
               "deploymentId": d.deployment_id, "diagram": d.diagram, "suspended": d.suspended, "contextPath": null})
    });
    shown.collect()
}

/// The variables of those names that a task sees, the nearest of each name: its own, its execution's, its process's.
fn seen<'i>(instance: &'i Instance, task: &UserTask, names: &[String]) -> Vec<(&'i Variable, String)> {
    let mut found: Vec<(&Variable, String)> = Vec::new();
    let mut add = |variables: Vec<&'i Variable>, root: String| {
        for variable in variables {
            if names.contains(&variable.name) && !found.iter().any(|(v, _)| v.name == variable.name) {
                found.push((variable, format!("{root}/{}", segment(&variable.name))));
            }
        }
    };
    let sorted = |filter: &dyn Fn(&Variable) -> bool| {
        let mut own: Vec<&Variable> = instance.variables.iter().filter(|v| filter(v)).collect();
        own.sort_by_key(|v| v.id);
        own
    };
    add(
        sorted(&|v| v.task_id == Some(task.id)),
        format!("/task/{}/localVariables", task.id),
    );
    let process = instance.process.id;
    if let Some(execution) = task.execution_id.filter(|execution| *execution != process) {
        let of_execution = |v: &Variable| {
            let token = instance.tokens.get(v.scope_id);
            v.task_id.is_none() && token.is_some_and(|token| token.execution_id == execution)
        };
        add(
            sorted(&of_execution),
            format!("/execution/{execution}/localVariables"),
        );
    }
    if task.process_id().is_some() {
        add(
            sorted(&|v| v.task_id.is_none() && v.scope_id == process),
            format!("/process-instance/{process}/variables"),
        );
    }
    found
}

/// What is shown of a task's variables: with the paths that lead to them.
struct Seen<'i> {
    task: Id,
    instance: &'i Instance,
    variables: Vec<(&'i Variable, String)>,
}

impl<'i> Seen<'i> {
    fn of(instance: &'i Instance, task: &UserTask, names: &[String]) -> Seen<'i> {
        Seen {
            task: task.id,
            instance,
            variables: seen(instance, task, names),
        }
    }
}

/// Variables as they are embedded, for each task.
async fn variables(call: &Call, of: Vec<Seen<'_>>) -> ApiResult<HashMap<Id, Vec<Value>>> {
    let mut values = Vec::new();
    for seen in &of {
        values.extend(
            seen.variables
                .iter()
                .map(|(v, _)| (seen.instance, &v.value, STYLE)),
        );
    }
    let contents = Contents::of(call, values).await?;
    let mut shown = HashMap::with_capacity(of.len());
    for seen in of {
        let own = seen.variables.into_iter().map(|(v, path)| {
            let value = contents.whole(&v.value);
            json!({"_links": {"self": link(path)}, "_embedded": null, "name": v.name,
                   "value": variable::plain(&value, STYLE), "type": value.name(), "valueInfo": variable::info(&value)})
        });
        shown.insert(seen.task, own.collect());
    }
    Ok(shown)
}

/// A page and the number of all rows, of the same slots.
async fn page_and_count(call: &Call, listing: &Listing) -> ApiResult<(Snapshot, Option<String>, i64)> {
    for _ in 0..5 {
        let (page, next) = lists::select(call, listing).await?;
        let count = call.select(&listing.count()).await?;
        if count.coverage == page.coverage {
            let number = count.rows.first().map_or(Ok(0), |row| row.i64(0));
            return Ok((page, next, number.map_err(error::store)?));
        }
    }
    Err(ApiError::unavailable("slots are being moved"))
}

/// What stands for no task.
pub fn none() -> Response {
    typed(
        HAL,
        json!({"_links": {}, "_embedded": {}}).to_string().into_bytes(),
    )
}

/// One page of tasks; `names`: the variables that each is shown with.
pub async fn list(call: &Call, filters: &Filters, names: Option<&[String]>) -> ApiResult<Response> {
    let view = call.catalog();
    let listing = task::listing(call.sees(filters, &view))?;
    let (page, next, count) = page_and_count(call, &listing).await?;
    let rows = page.rows.iter().map(|row| task::row(&**row));
    let rows: Vec<UserTask> = rows.collect::<Result<_, StoreError>>().map_err(error::store)?;
    let rows = keyed(call, rows).await?;
    let instances = match names {
        Some(_) => instances(call, rows.iter().filter_map(|task| task.instance_id).collect()).await?,
        None => HashMap::new(),
    };
    let mut seen = Vec::new();
    for (task, names) in rows.iter().zip(names.into_iter().cycle()) {
        let instance = task.instance_id.and_then(|id| instances.get(&id));
        seen.extend(instance.map(|instance| Seen::of(instance, task, names)));
    }
    let mut variables = variables(call, seen).await?;
    let assignees: BTreeSet<String> = rows.iter().filter_map(|task| task.assignee.clone()).collect();
    let owners: BTreeSet<String> = rows.iter().filter_map(|task| task.owner.clone()).collect();
    let mut embedded = Map::new();
    for (rel, found) in [
        ("assignee", users(call, assignees).await?),
        ("owner", users(call, owners).await?),
        ("processDefinition", definitions(&view, rows.iter())),
    ] {
        if !found.is_empty() {
            embedded.insert(rel.into(), found.into());
        }
    }
    let mut tasks: Vec<Value> = Vec::with_capacity(rows.len());
    for (task, row) in rows.into_iter().zip(&page.rows) {
        let inside = match names {
            Some(_) => json!({"variable": variables.remove(&task.id).unwrap_or_default()}),
            None => Value::Null,
        };
        let mut shown = resource(&view, task, inside);
        if call.caller.fanout {
            let sort = listing.sort_values(&**row).map_err(error::store)?;
            shown.insert("_sort".into(), sort.into());
        }
        tasks.push(shown.into());
    }
    embedded.insert("task".into(), tasks.into());
    let body = json!({"_links": {"self": link("/task".into())}, "_embedded": embedded, "count": count});
    let answer = call.with_coverage(typed(HAL, body.to_string().into_bytes()), page.coverage);
    Ok(lists::continued(answer, next))
}

/// One task with its links to people.
pub async fn one(call: &Call, id: Id, names: Option<&[String]>) -> ApiResult<Response> {
    let view = call.catalog();
    let missing = || super::no_match(call.param("id"));
    let instance = call.app.engine.load_task(&call.caller, id).await;
    let instance = instance.map_err(error::api)?.ok_or_else(missing)?;
    let task = instance.tasks.get(id).ok_or_else(missing)?;
    let own = format!("/task/{id}");
    let people = identity_link::links(task);
    let mut shown = Vec::with_capacity(people.len());
    let (mut user_ids, mut group_ids) = (BTreeSet::new(), BTreeSet::new());
    for person in people {
        let text = |name: &str| person[name].as_str().map(str::to_owned);
        let mut links = Map::new();
        if let Some(group) = text("groupId") {
            links.insert("group".into(), link(format!("/group/{}", segment(&group))));
            group_ids.insert(group);
        }
        links.insert("task".into(), link(own.clone()));
        if let Some(user) = text("userId") {
            links.insert("user".into(), link(format!("/user/{}", segment(&user))));
            user_ids.insert(user);
        }
        shown.push(
            json!({"_links": links, "_embedded": null, "type": person["type"], "userId": person["userId"],
                          "groupId": person["groupId"], "taskId": id.to_string()}),
        );
    }
    let variables = match names {
        Some(names) => {
            let mut found = variables(call, vec![Seen::of(&instance, task, names)]).await?;
            Some(found.remove(&id).unwrap_or_default())
        }
        None => None,
    };
    let mut embedded = Map::new();
    for (rel, found) in [
        ("group", groups(call, group_ids).await?),
        ("identityLink", shown),
        ("processDefinition", definitions(&view, std::iter::once(task))),
        ("user", users(call, user_ids).await?),
    ] {
        if !found.is_empty() {
            embedded.insert(rel.into(), found.into());
        }
    }
    if let Some(variables) = variables {
        embedded.insert("variable".into(), variables.into());
    }
    let embedded = match embedded.is_empty() {
        true => Value::Null,
        false => embedded.into(),
    };
    let task = keyed(call, vec![task.clone()]).await?.pop().ok_or_else(missing)?;
    let body = Value::Object(resource(&view, task, embedded));
    Ok(typed(HAL, body.to_string().into_bytes()))
}
