//! `/process-definition`: list, models, starts, suspension.
use super::{
    call::{Call, answer, json, no_content},
    error, instance_view,
    modification::{self, For},
    suspension,
};
use crate::{
    App,
    app::{
        Answer, Deployed,
        commands::{Start, StartBy},
    },
    query::{self, memory},
    rights::need::{Need, SUSPEND_INSTANCE, resource},
    store::DefinitionRow,
};
use axum::{
    Router,
    response::Response,
    routing::{get, post, put},
};
use http::StatusCode;
use rest_api::{
    ApiError, ApiResult,
    definition::{CalledProcessDefinition, ProcessDefinition, Xml},
    filters::{Filters, sorting},
    variable,
};
use serde_json::json;
use std::sync::Arc;

/// Routes of this resource.
pub fn routes() -> Router<App> {
    let root = "/process-definition";
    let mut router = Router::new()
        .route(root, get(list))
        .route(&format!("{root}/count"), get(count))
        .route(&format!("{root}/suspended"), put(suspend_by_key_in_body));
    for place in ["{id}", "key/{key}", "key/{key}/tenant-id/{tenant}"] {
        router = router
            .route(&format!("{root}/{place}"), get(one))
            .route(&format!("{root}/{place}/xml"), get(xml))
            .route(&format!("{root}/{place}/diagram"), get(diagram))
            .route(
                &format!("{root}/{place}/static-called-process-definitions"),
                get(called),
            )
            .route(&format!("{root}/{place}/start"), post(start))
            .route(&format!("{root}/{place}/submit-form"), post(submit_form))
            .route(&format!("{root}/{place}/suspended"), put(suspend))
            .route(&format!("{root}/{place}/history-time-to-live"), put(history_ttl));
    }
    router
}

/// A definition on the wire. Of a row as just deployed, all members are there; lists agree.
pub fn dto(row: &DefinitionRow) -> ProcessDefinition {
    ProcessDefinition {
        id: row.rest_id.clone(),
        key: row.key.clone(),
        category: row.category.clone(),
        description: row.description.clone(),
        name: row.name.clone(),
        version: row.version,
        resource: row.resource_name.clone(),
        deployment_id: row.deployment_id.to_string(),
        diagram: None,
        suspended: row.suspended,
        tenant_id: row.tenant_id.clone(),
        version_tag: row.version_tag.clone(),
        history_time_to_live: row.history_ttl_days,
        startable_in_tasklist: row.startable_in_tasklist,
    }
}

fn unknown_id(id: &str) -> ApiError {
    ApiError::not_found(format!("No matching definition with id {id}")).with_code(0)
}

/// The definition that the path names by id, or by key and perhaps tenant; `missing` words an unknown id.
pub fn named(call: &Call, missing: impl Fn(&str) -> ApiError) -> ApiResult<Arc<Deployed>> {
    let view = call.catalog();
    let (id, key, tenant) = (call.param("id"), call.param("key"), call.param("tenant"));
    if !id.is_empty() {
        let found = view.by_rest_id(id).filter(|d| d.published && !call.hidden);
        return found.cloned().ok_or_else(|| missing(id));
    }
    let found = match (call.hidden, tenant) {
        (true, _) => None,
        (false, "") => view.latest(key, None).cloned(),
        (false, tenant) => view.latest(key, Some(tenant)).cloned(),
    };
    found.ok_or_else(|| {
        let of = if tenant.is_empty() {
            "no tenant-id".to_owned()
        } else {
            format!("tenant-id: {tenant}")
        };
        let message = format!("No matching process definition with key: {key} and {of}");
        ApiError::new(StatusCode::NOT_FOUND, "RestException", message)
    })
}

/// The groups of the user who is to be able to start something.
async fn groups(call: &Call, filters: &Filters) -> ApiResult<Vec<String>> {
    let Some(user) = filters.text("startableBy")? else {
        return Ok(Vec::new());
    };
    let snapshot = call.select(&query::group::ids_of(&user)).await?;
    let names = snapshot.rows.iter().map(|row| row.text(0));
    names.collect::<Result<_, _>>().map_err(error::store)
}

/// Definitions that meet the filters and may be seen.
async fn found(call: &Call, filters: &Filters) -> ApiResult<Vec<Arc<Deployed>>> {
    let mut rows = query::definition::find(filters, &call.catalog(), &groups(call, filters).await?)?;
    readable(call, &mut rows);
    if filters.on("startablePermissionCheck")? {
        call.keep(&mut rows, resource::PROCESS_DEFINITION, "CREATE_INSTANCE", |d| {
            (d.row.key.clone(), d.row.tenant_id.clone())
        });
    }
    Ok(rows)
}

/// Keeps the definitions that may be read.
pub fn readable(call: &Call, rows: &mut Vec<Arc<Deployed>>) {
    call.keep(rows, resource::PROCESS_DEFINITION, "READ", |d| {
        (d.row.key.clone(), d.row.tenant_id.clone())
    });
}

async fn list(call: Call) -> ApiResult<Response> {
    let (filters, view) = (call.filters(), call.catalog());
    let sortings = sorting(&filters, &|by| query::definition::SORTS.contains(&by))?;
    let rows = found(&call, &filters).await?;
    let rows = memory::page(
        rows,
        &sortings,
        call.paging()?,
        |d, by| query::definition::key(&view, d, by),
        |d| d.row.rest_id.clone(),
    );
    Ok(json(&rows.iter().map(|d| dto(&d.row)).collect::<Vec<_>>()))
}

async fn count(call: Call) -> ApiResult<Response> {
    let rows = found(&call, &call.filters()).await?;
    Ok(json(&json!({"count": rows.len()})))
}

async fn one(call: Call) -> ApiResult<Response> {
    Ok(json(&dto(&named(&call, unknown_id)?.row)))
}

async fn xml(call: Call) -> ApiResult<Response> {
    let deployed = named(&call, unknown_id)?;
    let row = &deployed.row;
    let resource = call
        .app
        .engine
        .store()
        .resource(row.deployment_id, &row.resource_name)
        .await;
    let resource = resource
        .map_err(error::store)?
        .ok_or_else(|| unknown_id(&row.rest_id))?;
    let bpmn20_xml = String::from_utf8_lossy(&resource.content).into_owned();
    Ok(json(&Xml {
        id: row.rest_id.clone(),
        bpmn20_xml,
    }))
}

/// What call activities call, whatever happens: those whose process and version are no expressions.
async fn called(call: Call) -> ApiResult<Response> {
    let missing = |id: &str| {
        ApiError::not_found(format!(
            "no deployed process definition found with id '{id}': processDefinition is null"
        ))
    };
    let deployed = named(&call, missing)?;
    let (view, row) = (call.catalog(), &deployed.row);
    let mut all: Vec<CalledProcessDefinition> = Vec::new();
    let calls = deployed.definition.static_calls(row.id, row.tenant_id.as_deref());
    for (element, called) in calls {
        let Ok(found) = view.called(&called) else { continue };
        match all
            .iter_mut()
            .find(|known| known.definition.id == found.row.rest_id)
        {
            Some(known) => known.called_from_activity_ids.push(element.to_owned()),
            None => all.push(CalledProcessDefinition {
                definition: dto(&found.row),
                called_from_activity_ids: vec![element.to_owned()],
                calling_process_definition_id: row.rest_id.clone(),
            }),
        }
    }
    Ok(json(&all))
}

/// Models carry no image: 204, as the reference without one.
async fn diagram(call: Call) -> ApiResult<Response> {
    named(&call, unknown_id)?;
    Ok(no_content())
}

async fn start(call: Call) -> ApiResult<Response> {
    started(call, false).await
}

/// A start whose variables are those of the start event's form.
async fn submit_form(call: Call) -> ApiResult<Response> {
    started(call, true).await
}

async fn started(call: Call, form: bool) -> ApiResult<Response> {
    let deployed = named(&call, |id| {
        ApiError::rest(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!(
                "Cannot instantiate process definition {id}: no deployed process definition found with id '{id}': \
                 processDefinition is null"
            ),
        )
    })?;
    let body = call.body()?;
    let prefix = format!("Cannot instantiate process definition {}", deployed.row.rest_id);
    let request = start_request(&body, &prefix)?;
    if deployed.row.suspended {
        let text = format!(
            "{prefix}: ENGINE-03043 Process Definition with id '{}' is suspended.",
            deployed.row.rest_id
        );
        return Err(ApiError::rest(StatusCode::INTERNAL_SERVER_ERROR, text));
    }
    let (view, base_url) = (call.catalog(), call.caller.base_url.clone());
    let with_variables = request.with_variables;
    let render = move |instance: &bpmn_core::instance::Instance, _: &bpmn_core::command::Outcome| {
        let mut started = instance_view::started(&view, instance, &base_url);
        started.variables = with_variables.then(|| instance_view::instance_variables(instance));
        Answer::json(&started)
    };
    let start = Start {
        by: request.by,
        deployed,
        element: None,
        business_key: request.business_key,
        variables: request.variables,
        form,
    };
    let result = call.app.engine.start(&call.caller, start, Box::new(render)).await;
    result
        .map(answer)
        .map_err(error::wrapped(prefix, StatusCode::INTERNAL_SERVER_ERROR))
}

struct StartRequest {
    by: Option<StartBy>,
    business_key: Option<String>,
    variables: bpmn_core::value::Variables,
    with_variables: bool,
}

fn start_request(body: &Filters, prefix: &str) -> ApiResult<StartRequest> {
    let given = body
        .array("startInstructions")?
        .is_some_and(|list| !list.is_empty());
    let before = format!("{prefix}: ");
    let instructions = modification::instructions(body, "startInstructions", For::NewInstance, &before)?;
    let (skip_listeners, skip_mappings) = (body.on("skipCustomListeners")?, body.on("skipIoMappings")?);
    if !given && (skip_listeners || skip_mappings) {
        let text = format!(
            "{prefix}: ENGINE-13024 Cannot skip custom listeners or input/output mappings when start a process instance at \
             default start activity."
        );
        return Err(ApiError::rest(StatusCode::INTERNAL_SERVER_ERROR, text));
    }
    let by = (!instructions.is_empty()).then_some(StartBy {
        restarted: None,
        instructions,
        skip_listeners,
        skip_mappings,
    });
    if body.text("caseInstanceId")?.is_some() {
        return Err(ApiError::not_implemented("a start with 'caseInstanceId'"));
    }
    Ok(StartRequest {
        by,
        business_key: body.text("businessKey")?,
        variables: variable::read_all(body.raw("variables")).map_err(|e| e.api(prefix))?,
        with_variables: body.on("withVariablesInReturn")?,
    })
}

async fn history_ttl(call: Call) -> ApiResult<Response> {
    let days = call.body()?.int("historyTimeToLive")?;
    if days.is_some_and(|days| days < 0) {
        let text = "historyTimeToLive is not greater than or equal to 0";
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "BadUserRequestException", text).with_code(0));
    }
    let deployed = named(&call, unknown_id)?;
    if deployed.row.history_ttl_days != days {
        let set = call.app.replication.set_history_ttl(deployed.row.id, days).await;
        set.map_err(error::api)?;
    }
    Ok(no_content())
}

/// What names the definitions in the body.
const BY: [&str; 2] = ["processDefinitionId", "processDefinitionKey"];

async fn suspend(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    if body.has("processDefinitionKey") {
        let text = "Only one of processDefinitionId or processDefinitionKey should be set to update the suspension state.";
        return Err(ApiError::invalid_request(text));
    }
    // The reference answers 204 for an id that it doesn't know.
    let deployed = match named(&call, unknown_id) {
        Err(error) if call.param("id").is_empty() => return Err(error),
        Err(_) => return Ok(no_content()),
        Ok(deployed) => deployed,
    };
    let id = &deployed.row.rest_id;
    let could_not = format!("The suspension state of Process Definition with id {id} could not be updated");
    suspension::at_once(&body, &could_not)?;
    set_suspended(&call, &body, vec![deployed]).await
}

async fn suspend_by_key_in_body(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    if body.has("processDefinitionId") {
        let text = "Only processDefinitionKey can be set to update the suspension state.";
        return Err(ApiError::invalid_request(text));
    }
    suspension::one_of(&body, &BY, "processDefinitionId or processDefinitionKey")?;
    suspension::at_once(
        &body,
        "Could not update the suspension state of Process Definitions",
    )?;
    let found = suspension::definitions(&body, &call.catalog())?;
    suspension::demand(&call, &body, &found, |key| {
        let on = |permission| Need::on(resource::PROCESS_DEFINITION, permission, key);
        vec![on("SUSPEND"), on("UPDATE")]
    })?;
    set_suspended(&call, &body, found).await
}

async fn set_suspended(call: &Call, body: &Filters, definitions: Vec<Arc<Deployed>>) -> ApiResult<Response> {
    let (suspended, instances) = (body.on("suspended")?, body.on("includeProcessInstances")?);
    if instances {
        suspension::demand(call, body, &definitions, |key| {
            suspension::of_instances(SUSPEND_INSTANCE, key)
        })?;
    }
    if !definitions.is_empty() {
        let ids = suspension::ids(&definitions);
        let replication = &call.app.replication;
        let done = replication
            .suspend_definitions(&call.caller, ids, suspended, instances)
            .await;
        done.map_err(error::api)?;
    }
    Ok(no_content())
}
