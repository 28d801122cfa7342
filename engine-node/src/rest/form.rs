//! Forms of tasks and of starts: where they are, what their fields hold, and what is shown of them. Submitting one is
//! a start or the completion of a task.
use super::{
    call::{Call, json, typed},
    error, instance_view, process_definition, rendered_form, task,
};
use crate::{
    App,
    app::{Deployed, writer::now},
};
use axum::{Router, response::Response, routing::get};
use bpmn_core::{
    Id, Node,
    form::{self, Shown},
    instance::{Instance, UserTask},
    value::TypedValue,
};
use http::StatusCode;
use rest_api::{
    ApiError, ApiResult,
    task::FormRef,
    variable::{self, Style},
};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Routes of forms.
pub fn routes() -> Router<App> {
    let mut router = Router::new()
        .route("/task/{id}/form", get(task_form))
        .route("/task/{id}/form-variables", get(task_variables))
        .route("/task/{id}/rendered-form", get(rendered_task))
        .route("/task/{id}/deployed-form", get(deployed_task));
    for place in ["{id}", "key/{key}", "key/{key}/tenant-id/{tenant}"] {
        let root = format!("/process-definition/{place}");
        router = router
            .route(&format!("{root}/startForm"), get(start_form))
            .route(&format!("{root}/form-variables"), get(start_variables))
            .route(&format!("{root}/rendered-form"), get(rendered_start))
            .route(&format!("{root}/deployed-start-form"), get(deployed_start));
    }
    router
}

/// A form as REST describes it. One that has fields and no key is shown by the engine.
fn form_dto(key: Option<String>, reference: Option<FormRef>, node: &Node, rendered: String) -> Value {
    let generated = key.is_none() && reference.is_none() && !node.form.fields.is_empty();
    let key = key
        .or_else(|| generated.then(|| format!("embedded:engine://engine/:engine/{rendered}/rendered-form")));
    json!({"key": key, "camundaFormRef": reference, "contextPath": null})
}

/// The start event of a plain start, which has the start form.
fn start_node(deployed: &Deployed) -> Option<&Node> {
    let definition = &deployed.definition;
    definition.initial().map(|ix| &definition.nodes[ix])
}

/// Key and reference of a start form as they are written.
fn start_key(node: &Node) -> (Option<String>, Option<FormRef>) {
    let Some(form) = &node.form.key else {
        return (None, None);
    };
    let key = Some(form.text().to_owned());
    match &form.binding {
        None => (key, None),
        Some(binding) => {
            let reference = FormRef {
                key,
                binding: binding.kind,
                version: binding.version(),
            };
            (None, Some(reference))
        }
    }
}

fn unknown_definition(id: &str) -> String {
    format!("no deployed process definition found with id '{id}': processDefinition is null")
}

async fn start_form(call: Call) -> ApiResult<Response> {
    let refused = |id: &str| {
        let text = format!("Cannot get start form data for process definition {id}");
        ApiError::new(StatusCode::BAD_REQUEST, "InvalidRequestException", text).with_code(0)
    };
    let deployed = process_definition::named(&call, refused)?;
    // A definition that only messages and the like start, and more than one of them, has none.
    let node = start_node(&deployed).ok_or_else(|| refused(&deployed.row.rest_id))?;
    let (key, reference) = start_key(node);
    let rendered = format!("process-definition/{}", deployed.row.rest_id);
    Ok(json(&form_dto(key, reference, node, rendered)))
}

/// The fields of a start form.
fn start_fields(call: &Call, deployed: &Deployed) -> ApiResult<Vec<Shown>> {
    let Some(node) = start_node(deployed) else {
        return Ok(Vec::new());
    };
    let user = call.caller.user.as_deref();
    let shown = form::shown(&deployed.reference(), node, None, now(), user);
    shown.map_err(|cause| ApiError::engine(cause.to_string()))
}

async fn start_variables(call: Call) -> ApiResult<Response> {
    let deployed = process_definition::named(&call, |id| {
        ApiError::bad_user_request("NotFoundException", unknown_definition(id))
    })?;
    let node = start_node(&deployed).ok_or_else(|| ApiError::null_value(no_start_form(&deployed)))?;
    let fields = start_fields(&call, &deployed)?;
    let mut variables = Map::new();
    show_fields(&call, node, &fields, &mut variables)?;
    Ok(json(&variables))
}

/// The reference's words for a definition that only messages and the like start, and more than one of them.
fn no_start_form(deployed: &Deployed) -> String {
    let id = &deployed.row.rest_id;
    format!("No startFormHandler defined in process '{id}': startFormHandler is null")
}

async fn rendered_start(call: Call) -> ApiResult<Response> {
    let deployed = process_definition::named(&call, |id| {
        ApiError::bad_user_request("NotFoundException", unknown_definition(id))
    })?;
    let fields = start_fields(&call, &deployed)?;
    let none = || {
        let id = &deployed.row.rest_id;
        let what = format!("start form for process definition with the id {id}");
        invalid(
            StatusCode::NOT_FOUND,
            format!("No matching rendered {what} found."),
        )
    };
    let node = start_node(&deployed).ok_or_else(none)?;
    rendered(&call, &deployed, node, &fields, None)?.ok_or_else(none)
}

/// The HTML of a form with its fields and its properties; `None`: it has neither.
fn rendered(
    call: &Call,
    deployed: &Deployed,
    node: &Node,
    fields: &[Shown],
    of: Option<(&Instance, Id)>,
) -> ApiResult<Option<Response>> {
    let user = call.caller.user.as_deref();
    let properties = form::shown_properties(&deployed.reference(), node, of, now(), user)
        .map_err(|cause| ApiError::engine(cause.to_string()))?;
    if fields.is_empty() && properties.is_empty() {
        return Ok(None);
    }
    if properties.iter().any(|(property, _)| !property.typed) {
        let type_name = "Cannot invoke \"org.camunda.bpm.engine.form.FormType.getName()\" because the return value of \
                         \"org.camunda.bpm.engine.form.FormProperty.getType()\" is null";
        return Err(ApiError::null_pointer(type_name));
    }
    let properties = properties
        .iter()
        .map(|(property, shown)| (&property.field, shown));
    let all = node.form.fields.iter().zip(fields).chain(properties);
    Ok(Some(xhtml(rendered_form::render(all))))
}

async fn deployed_start(call: Call) -> ApiResult<Response> {
    let deployed =
        process_definition::named(&call, |id| invalid(StatusCode::NOT_FOUND, unknown_definition(id)))?;
    let node = start_node(&deployed);
    let node = node.ok_or_else(|| invalid(StatusCode::BAD_REQUEST, no_start_form(&deployed)))?;
    let (key, reference) = start_key(node);
    content(&call, &deployed, key, reference).await
}

/// A task with its instance and definition, if a process has made it; `missing` answers for an unknown one.
async fn found(
    call: &Call,
    missing: impl Fn(&str) -> ApiError,
) -> ApiResult<(Arc<Instance>, UserTask, Option<Arc<Deployed>>)> {
    let missing = || missing(call.param("id"));
    let id = call.id("id").ok_or_else(missing)?;
    let instance = call.app.engine.load_task(&call.caller, id).await;
    let instance = instance.map_err(error::api)?.ok_or_else(missing)?;
    let task = instance.tasks.get(id).cloned().ok_or_else(missing)?;
    let deployed = match task.definition_id {
        Some(id) => Some(call.catalog().by_id(id).cloned().ok_or_else(missing)?),
        None => None,
    };
    Ok((instance, task, deployed))
}

fn node_of<'d>(deployed: &'d Deployed, task: &UserTask) -> Option<&'d Node> {
    deployed.definition.node(task.element.as_deref()?)
}

async fn task_form(call: Call) -> ApiResult<Response> {
    let missing = |id: &str| {
        ApiError::rest(StatusCode::BAD_REQUEST, format!("Cannot get form for task {id}")).with_code(0)
    };
    let (instance, mut row, deployed) = found(&call, missing).await?;
    let Some(deployed) = deployed else {
        return Ok(json(
            &json!({"key": null, "camundaFormRef": null, "contextPath": null}),
        ));
    };
    row.form_key = task::key_now(&call, &deployed, &instance, &row)?;
    let node = node_of(&deployed, &row).ok_or_else(|| missing(call.param("id")))?;
    let (key, reference) = task::form_of(&call.catalog(), &row);
    Ok(json(&form_dto(key, reference, node, format!("task/{}", row.id))))
}

fn task_fields(
    call: &Call,
    instance: &Instance,
    task: Id,
    node: &Node,
    deployed: &Deployed,
) -> ApiResult<Vec<Shown>> {
    let user = call.caller.user.as_deref();
    let of = Some((instance, task));
    let shown = form::shown(&deployed.reference(), node, of, now(), user);
    shown.map_err(|cause| ApiError::engine(cause.to_string()))
}

/// The fields of a task's form, and all other variables that the task sees.
async fn task_variables(call: Call) -> ApiResult<Response> {
    let missing = |id: &str| {
        let text = format!("Cannot find task with id '{id}'.: task is null");
        ApiError::bad_user_request("BadUserRequestException", text)
    };
    let (instance, row, deployed) = found(&call, missing).await?;
    let mut variables = Map::new();
    if let Some((deployed, node)) = deployed.as_ref().and_then(|d| Some((d, node_of(d, &row)?))) {
        let fields = task_fields(&call, &instance, row.id, node, deployed)?;
        show_fields(&call, node, &fields, &mut variables)?;
    }
    let names = wanted(&call)?;
    let style = Style {
        deserialize: call.filters().flag("deserializeValues")? != Some(false),
        binary: true,
    };
    let own = instance_view::local_to_task(&instance, row.id).map(|v| (v.name.as_str(), &v.value));
    for (name, value) in own.chain(instance_view::around_task(&instance, row.id)) {
        if names.as_ref().is_none_or(|names| names.iter().any(|n| n == name)) && !variables.contains_key(name)
        {
            let value = instance_view::whole(&instance, value);
            variables.insert(name.to_owned(), variable::write(&value, style));
        }
    }
    Ok(json(&variables))
}

async fn rendered_task(call: Call) -> ApiResult<Response> {
    let missing = |id: &str| {
        let text = format!("Task '{id}' not found: task is null");
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "NullValueException", text).with_code(0)
    };
    let (instance, row, deployed) = found(&call, missing).await?;
    let deployed = deployed.ok_or_else(|| {
        let id = call.param("id");
        let text = format!("Task form definition for '{id}' not found: task.getTaskDefinition() is null");
        ApiError::null_value(text)
    })?;
    let none = || {
        let text = format!("No matching rendered form for task with the id {} found.", row.id);
        invalid(StatusCode::NOT_FOUND, text)
    };
    let node = node_of(&deployed, &row).ok_or_else(none)?;
    let fields = task_fields(&call, &instance, row.id, node, &deployed)?;
    rendered(&call, &deployed, node, &fields, Some((&instance, row.id)))?.ok_or_else(none)
}

async fn deployed_task(call: Call) -> ApiResult<Response> {
    let missing = |_: &str| {
        // What the reference says of a task that isn't there.
        let text = "Cannot invoke \"org.camunda.bpm.engine.impl.persistence.entity.TaskEntity.getId()\" because \
                    \"task\" is null";
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "NullPointerException", text)
    };
    let (instance, mut row, deployed) = found(&call, missing).await?;
    let deployed = deployed.ok_or_else(|| {
        ApiError::null_pointer(
            "Cannot invoke \"org.camunda.bpm.engine.form.FormData.getFormKey()\" because \"formData\" is null",
        )
    })?;
    row.form_key = task::key_now(&call, &deployed, &instance, &row)?;
    let (key, reference) = task::form_of(&call.catalog(), &row);
    content(&call, &deployed, key, reference).await
}

fn invalid(status: StatusCode, message: impl Into<String>) -> ApiError {
    ApiError::new(status, "InvalidRequestException", message)
}

fn xhtml(html: String) -> Response {
    typed("application/xhtml+xml", html.into_bytes())
}

/// The names that `variableNames` asks for.
fn wanted(call: &Call) -> ApiResult<Option<Vec<String>>> {
    let names = call.filters().text("variableNames")?;
    Ok(names.map(|names| names.split(',').map(|name| name.trim().to_owned()).collect()))
}

/// Puts a form's fields into a map of variables; an empty one has its field's type.
fn show_fields(call: &Call, node: &Node, shown: &[Shown], into: &mut Map<String, Value>) -> ApiResult<()> {
    let names = wanted(call)?;
    let style = Style {
        deserialize: true,
        binary: true,
    };
    for (field, shown) in node.form.fields.iter().zip(shown) {
        if names.as_ref().is_some_and(|names| !names.contains(&field.id)) {
            continue;
        }
        let value = match &shown.value {
            TypedValue::Null => json!({"type": field.kind.word(), "value": null, "valueInfo": {}}),
            value => variable::write(value, style),
        };
        into.insert(field.id.clone(), value);
    }
    Ok(())
}

/// Where the key of a form names a file of its deployment, with the media type such a form has.
const DEPLOYED: [(&str, &str); 3] = [
    ("deployment:", "application/xhtml+xml"),
    ("embedded:deployment:", "application/xhtml+xml"),
    ("camunda-forms:deployment:", "application/json"),
];

/// The deployed file that is a form.
async fn content(
    call: &Call,
    deployed: &Deployed,
    key: Option<String>,
    reference: Option<FormRef>,
) -> ApiResult<Response> {
    if let Some(reference) = reference {
        return camunda_form(call, deployed, &reference).await;
    }
    let none = || {
        let text =
            "One of the attributes 'formKey' and 'camunda:formRef' must be supplied but none were set.";
        invalid(StatusCode::BAD_REQUEST, text)
    };
    let key = key.ok_or_else(none)?;
    let file = DEPLOYED
        .iter()
        .find_map(|(prefix, media)| Some((key.strip_prefix(prefix)?, *media)));
    let (name, media) = file.ok_or_else(|| {
        invalid(
            StatusCode::BAD_REQUEST,
            format!("The form key '{key}' does not reference a deployed form."),
        )
    })?;
    let store = call.app.engine.store();
    let resource = store.resource(deployed.row.deployment_id, name).await;
    let resource = resource.map_err(error::store)?.ok_or_else(|| {
        let id = deployed.row.deployment_id;
        let text =
            format!("The form with the resource name '{name}' cannot be found in deployment with id {id}");
        invalid(StatusCode::NOT_FOUND, text)
    })?;
    Ok(typed(media, resource.content))
}

/// The Camunda form that a reference means: a deployed `.form` file whose JSON has that `id`.
async fn camunda_form(call: &Call, deployed: &Deployed, reference: &FormRef) -> ApiResult<Response> {
    let view = call.catalog();
    let tenant = &deployed.row.tenant_id;
    let places = view
        .deployments
        .values()
        .filter(|d| d.tenant_id == *tenant)
        .filter(|d| reference.binding != "deployment" || d.id == deployed.row.deployment_id)
        .flat_map(|d| {
            d.resources
                .iter()
                .map(move |r| (d.deployed, d.id, r.name.clone()))
        })
        .filter(|(_, _, name)| name.ends_with(".form"));
    let mut places: Vec<_> = places.collect();
    places.sort_by_key(|(at, ..)| *at);
    let mut versions = Vec::new();
    for (_, deployment, name) in places {
        let resource = call.app.engine.store().resource(deployment, &name).await;
        let content = resource
            .map_err(error::store)?
            .map(|r| r.content)
            .unwrap_or_default();
        let id = serde_json::from_slice::<Value>(&content).ok();
        let id = id.and_then(|form| Some(form.get("id")?.as_str()?.to_owned()));
        if id.is_some() && id == reference.key {
            versions.push(content);
        }
    }
    let wanted = match reference.version {
        Some(version) => usize::try_from(version - 1).ok(),
        None => versions.len().checked_sub(1),
    };
    let found = wanted
        .filter(|at| *at < versions.len())
        .map(|at| versions.swap_remove(at));
    let content = found.ok_or_else(|| {
        let null = || "null".to_owned();
        let text = format!(
            "No Camunda Form Definition was found for Camunda Form Ref: CamundaFormRefImpl [key={}, binding={}, \
             version={}]",
            reference.key.clone().unwrap_or_else(null),
            reference.binding,
            reference.version.map_or_else(null, |version| version.to_string())
        );
        invalid(StatusCode::NOT_FOUND, text)
    })?;
    Ok(typed("application/json", content))
}
