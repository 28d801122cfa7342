//! `/process-definition`: list, models, starts, suspension.
use super::{
    batch::encoded,
    call::{Call, answer, json, no_content},
    deployment::{attachment, media_type},
    error, instance_view,
    modification::{self, For},
    suspension,
};
use crate::{
    App,
    app::{
        Answer, CatalogView, Deployed,
        commands::{Start, StartBy},
        operations::{self, Tell, option},
    },
    query::{self, memory},
    rights::need::{Need, SUSPEND_INSTANCE, resource},
    store::{DefinitionRow, DeploymentRow, operations::Told},
};
use axum::{
    Router,
    response::Response,
    routing::{get, post, put},
};
use bpmn_core::{Id, Millis};
use http::StatusCode;
use rest_api::{
    ApiError, ApiResult,
    definition::{CalledProcessDefinition, ProcessDefinition, Xml},
    filters::{Filters, Paging, sorting},
    variable::{self, VariableError},
};
use serde_json::json;
use std::{collections::HashSet, sync::Arc};

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

/// A definition on the wire, with the name of its image if its deployment has one.
pub fn dto(view: &CatalogView, row: &DefinitionRow) -> ProcessDefinition {
    wire(row, view.deployments.get(&row.deployment_id))
}

/// The same of a definition of that deployment.
pub fn wire(row: &DefinitionRow, deployment: Option<&DeploymentRow>) -> ProcessDefinition {
    let diagram = deployment.and_then(|d| d.diagram(&row.resource_name, &row.key));
    ProcessDefinition {
        id: row.rest_id.clone(),
        key: row.key.clone(),
        category: row.category.clone(),
        description: row.description.clone(),
        name: row.name.clone(),
        version: row.version,
        resource: row.resource_name.clone(),
        deployment_id: row.deployment_id.to_string(),
        diagram: diagram.map(|resource| resource.name.clone()),
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

/// The definition that the path names, where a key that names none is refused at once and an id only when it matters: the
/// reference finds what a key names before it looks at the body.
pub fn named_first(call: &Call, missing: impl Fn(&str) -> ApiError) -> ApiResult<ApiResult<Arc<Deployed>>> {
    match named(call, missing) {
        Err(error) if call.param("id").is_empty() => Err(error),
        found => Ok(found),
    }
}

/// Definitions that meet the filters and may be seen, also those of incidents: of this shard's; a router asks for all of
/// them first.
async fn found(call: &Call, filters: &Filters, view: &CatalogView) -> ApiResult<Vec<Arc<Deployed>>> {
    let names = [
        "incidentId",
        "incidentType",
        "incidentMessage",
        "incidentMessageLike",
    ];
    let asked: Vec<&str> = names.into_iter().filter(|name| filters.has(name)).collect();
    let mut rows = query::definition::find(filters, view, &groups(call, filters).await?)?;
    readable(call, &mut rows);
    if filters.on("startablePermissionCheck")? {
        call.keep(&mut rows, resource::PROCESS_DEFINITION, "CREATE_INSTANCE", |d| {
            (d.row.key.clone(), d.row.tenant_id.clone())
        });
    }
    if asked.is_empty() {
        return Ok(rows);
    }
    let pairs = call
        .query
        .iter()
        .filter(|(name, _)| asked.contains(&name.as_str()));
    let of_incidents = Filters::from_query(&pairs.cloned().collect::<Vec<_>>());
    let listing = query::incident::listing(call.sees(&of_incidents, view))?;
    let snapshot = call.select(&listing.page(Paging::default())).await?;
    let mut with_incidents = HashSet::new();
    for row in &snapshot.rows {
        with_incidents.insert(query::incident::row(&**row).map_err(error::store)?.definition_id);
    }
    rows.retain(|d| with_incidents.contains(&d.row.id));
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
    let rows = found(&call, &filters, &view).await?;
    let rows = memory::page(
        rows,
        &sortings,
        call.paging()?,
        |d, by| query::definition::key(&view, d, by),
        |d| d.row.rest_id.clone(),
    );
    Ok(json(&rows.iter().map(|d| dto(&view, &d.row)).collect::<Vec<_>>()))
}

async fn count(call: Call) -> ApiResult<Response> {
    let filters = call.filters();
    let rows = found(&call, &filters, &call.catalog()).await?;
    sorting(&filters, &|by| query::definition::SORTS.contains(&by))?;
    Ok(json(&json!({"count": rows.len()})))
}

async fn one(call: Call) -> ApiResult<Response> {
    Ok(json(&dto(&call.catalog(), &named(&call, unknown_id)?.row)))
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
                definition: dto(&view, &found.row),
                called_from_activity_ids: vec![element.to_owned()],
                calling_process_definition_id: row.rest_id.clone(),
            }),
        }
    }
    Ok(json(&all))
}

/// The image that was deployed with the model; 204 without one.
async fn diagram(call: Call) -> ApiResult<Response> {
    let deployed = named(&call, |id| {
        let text = format!("no deployed process definition found with id '{id}': processDefinition is null");
        ApiError::bad_user_request("NotFoundException", text)
    })?;
    image(
        &call,
        deployed.row.deployment_id,
        &deployed.row.resource_name,
        &deployed.row.key,
    )
    .await
}

/// 200 with the image of a model's definition, 204 without one.
pub async fn image(call: &Call, deployment: Id, model: &str, key: &str) -> ApiResult<Response> {
    let view = call.catalog();
    let found = view
        .deployments
        .get(&deployment)
        .and_then(|d| d.diagram(model, key));
    let Some(name) = found.map(|resource| resource.name.as_str()) else {
        return Ok(no_content());
    };
    let stored = call.app.engine.store().resource(deployment, name).await;
    match stored.map_err(error::store)? {
        Some(resource) => Ok(attachment(name, media_type(name), resource.content)),
        None => Ok(no_content()),
    }
}

async fn start(call: Call) -> ApiResult<Response> {
    started(call, false).await
}

/// A start whose variables are those of the start event's form.
async fn submit_form(call: Call) -> ApiResult<Response> {
    started(call, true).await
}

async fn started(mut call: Call, form: bool) -> ApiResult<Response> {
    let deployed = named_first(&call, |id| {
        ApiError::rest(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!(
                "Cannot instantiate process definition {id}: no deployed process definition found with id '{id}': \
                 processDefinition is null"
            ),
        )
    })?;
    let body = call.body()?;
    let id = match &deployed {
        Ok(deployed) => deployed.row.rest_id.as_str(),
        Err(_) => call.param("id"),
    };
    let prefix = format!("Cannot instantiate process definition {id}");
    let request = start_request(&body, &prefix, form)?;
    let deployed = deployed?;
    let variables = request.variables.map_err(|e| e.api(&prefix))?;
    if deployed.row.suspended {
        let text = format!(
            "{prefix}: ENGINE-03043 Process Definition with id '{}' is suspended.",
            deployed.row.rest_id
        );
        return Err(ApiError::rest(StatusCode::INTERNAL_SERVER_ERROR, text));
    }
    call.tell(|| Tell::just(vec![Told::operator("ProcessInstance", "Create")]));
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
        case_instance_id: request.case_instance_id,
        variables,
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
    /// Or what can't be stored: that is found when the definition is.
    variables: Result<bpmn_core::value::Variables, VariableError>,
    with_variables: bool,
    case_instance_id: Option<String>,
}

/// What a body asks for; a form has variables and a business key only.
fn start_request(body: &Filters, prefix: &str, form: bool) -> ApiResult<StartRequest> {
    let variables = match variable::read_all(body.raw("variables")) {
        Err(error) if !matches!(error, VariableError::Engine(_)) => return Err(error.api(prefix)),
        read => read,
    };
    let business_key = body.text("businessKey")?;
    if form {
        return Ok(StartRequest {
            by: None,
            business_key,
            variables,
            with_variables: false,
            case_instance_id: None,
        });
    }
    let before = format!("{prefix}: ");
    let instructions = modification::instructions(body, "startInstructions", For::NewInstance, &before)?;
    let (skip_listeners, skip_mappings) = (body.on("skipCustomListeners")?, body.on("skipIoMappings")?);
    if instructions.is_empty() && (skip_listeners || skip_mappings) {
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
    Ok(StartRequest {
        by,
        business_key,
        variables,
        with_variables: body.on("withVariablesInReturn")?,
        case_instance_id: body.text("caseInstanceId")?,
    })
}

async fn history_ttl(call: Call) -> ApiResult<Response> {
    let deployed = named_first(&call, |_| {
        ApiError::null_pointer(
            "Cannot invoke \"org.camunda.bpm.engine.impl.persistence.entity.ProcessDefinitionEntity\
             .getHistoryTimeToLive()\" because \"processDefinitionEntity\" is null",
        )
    })?;
    let days = call.body()?.int("historyTimeToLive")?;
    if days.is_some_and(|days| days < 0) {
        let text = "historyTimeToLive is not greater than or equal to 0";
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "BadUserRequestException", text).with_code(0));
    }
    let deployed = deployed?;
    let before = deployed.row.history_ttl_days;
    if before != days {
        let set = call.app.replication.set_history_ttl(deployed.row.id, days).await;
        set.map_err(error::api)?;
    }
    let base = Told::operator("ProcessDefinition", "UpdateHistoryTimeToLive").of_definition(&deployed.row);
    let told = base.changed("historyTimeToLive", option(before), option(days));
    call.log(|| vec![told]).await?;
    Ok(no_content())
}

/// What names the definitions in the body.
const BY: [&str; 2] = ["processDefinitionId", "processDefinitionKey"];

async fn suspend(call: Call) -> ApiResult<Response> {
    let deployed = named_first(&call, unknown_id)?;
    let body = call.body()?;
    if body.has("processDefinitionKey") {
        let text = "Only one of processDefinitionId or processDefinitionKey should be set to update the suspension state.";
        return Err(ApiError::invalid_request(text));
    }
    let id = match &deployed {
        Ok(deployed) => deployed.row.rest_id.as_str(),
        Err(_) => call.param("id"),
    };
    let could_not = format!("The suspension state of Process Definition with id {id} could not be updated");
    let path = format!("/process-definition/{}/suspended", encoded(id));
    let later = suspension::later(&body, &could_not)?.map(|due| (path, due));
    // The reference answers 204 for an id that it doesn't know, and looks again when it is time.
    let Ok(deployed) = &deployed else {
        if let Some((path, due)) = later {
            suspension::schedule(&call, &body, &path, None, due).await?;
        }
        return Ok(no_content());
    };
    let named = (Some(id.to_owned()), None);
    set_suspended(&call, &body, vec![deployed.clone()], named, later).await
}

async fn suspend_by_key_in_body(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    if body.has("processDefinitionId") {
        let text = "Only processDefinitionKey can be set to update the suspension state.";
        return Err(ApiError::invalid_request(text));
    }
    let could_not = "Could not update the suspension state of Process Definitions";
    if BY.iter().all(|name| !body.has(name)) {
        // A bad date is said before that nothing is named.
        suspension::later(&body, could_not)?;
    }
    suspension::one_of(&body, &BY, "processDefinitionId or processDefinitionKey")?;
    let path = "/process-definition/suspended".to_owned();
    let later = suspension::later(&body, could_not)?.map(|due| (path, due));
    let found = suspension::definitions(&body, &call.catalog())?;
    suspension::demand(&call, &body, &found, |key| {
        let on = |permission| Need::on(resource::PROCESS_DEFINITION, permission, key);
        vec![on("SUSPEND"), on("UPDATE")]
    })?;
    let named = (None, body.text(BY[1])?);
    set_suspended(&call, &body, found, named, later).await
}

async fn set_suspended(
    call: &Call,
    body: &Filters,
    definitions: Vec<Arc<Deployed>>,
    (id, key): (Option<String>, Option<String>),
    later: Option<(String, Millis)>,
) -> ApiResult<Response> {
    let (suspended, instances) = (body.on("suspended")?, body.on("includeProcessInstances")?);
    if instances {
        suspension::demand(call, body, &definitions, |key| {
            suspension::of_instances(SUSPEND_INSTANCE, key)
        })?;
    }
    if let Some((path, due)) = later {
        let deployment = definitions.first().map(|deployed| deployed.row.deployment_id);
        suspension::schedule(call, body, &path, deployment, due).await?;
    } else if !definitions.is_empty() {
        let ids = suspension::ids(&definitions);
        let replication = &call.app.replication;
        let done = replication
            .suspend_definitions(&call.caller, ids, suspended, instances)
            .await;
        done.map_err(error::api)?;
    }
    let operation = match suspended {
        true => "SuspendProcessDefinition",
        false => "ActivateProcessDefinition",
    };
    let base = Told::operator("ProcessDefinition", operation);
    let base = base.of_named(&call.catalog(), id.as_deref(), key.as_deref());
    call.log(|| {
        vec![
            base.changed("suspensionState", None, operations::suspension(suspended)),
            base.said("includeProcessInstances", instances),
        ]
    })
    .await?;
    Ok(no_content())
}
