//! `/process-instance`: list, read, delete, suspend, variables, activity instances.
use super::{
    batch::targets::INSTANCES,
    call::{Call, answer, json, no_content},
    error, instance_view, lists,
    scope_variables::{self, Place},
    selection, suspension,
};
use crate::{
    App,
    app::{
        Answer, CatalogView, EngineError,
        operations::{self, Tell},
    },
    query::process_instance::{self, InstanceRow},
    rights::need::SUSPEND_INSTANCE,
    store::operations::Told,
};
use axum::{
    Router,
    response::Response,
    routing::{get, put},
};
use bpmn_core::{
    Id,
    command::{Command, Rejection},
};
use rest_api::{ApiError, ApiResult, filters::Filters, runtime::ProcessInstance};

/// Routes of this resource.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/process-instance", get(list).post(list_post))
        .route("/process-instance/count", get(count).post(count_post))
        .route("/process-instance/suspended", put(suspend_many))
        .route("/process-instance/{id}", get(one).delete(delete))
        .route("/process-instance/{id}/suspended", put(suspend))
        .route("/process-instance/{id}/activity-instances", get(tree))
        .merge(scope_variables::routes(
            "/process-instance/{id}/variables",
            Place::Instance,
        ))
}

fn dto(view: &CatalogView, row: InstanceRow) -> ProcessInstance {
    ProcessInstance {
        links: Vec::new(),
        id: row.id.to_string(),
        definition_id: instance_view::definition_id(view, row.definition_id),
        business_key: row.business_key,
        case_instance_id: row.case_instance_id,
        ended: false,
        suspended: row.suspended,
        tenant_id: row.tenant_id,
        definition_key: instance_view::definition_key(view, row.definition_id).unwrap_or_default(),
        variables: None,
    }
}

async fn list(call: Call) -> ApiResult<Response> {
    find(&call, &call.filters()).await
}

async fn list_post(call: Call) -> ApiResult<Response> {
    find(&call, &call.body()?).await
}

async fn find(call: &Call, filters: &Filters) -> ApiResult<Response> {
    let view = call.catalog();
    let listing = process_instance::listing(call.sees(filters, &view))?;
    lists::page(call, &listing, process_instance::row, |row| dto(&view, row)).await
}

async fn count(call: Call) -> ApiResult<Response> {
    number(&call, &call.filters()).await
}

async fn count_post(call: Call) -> ApiResult<Response> {
    number(&call, &call.body()?).await
}

async fn number(call: &Call, filters: &Filters) -> ApiResult<Response> {
    let view = call.catalog();
    lists::count(call, &process_instance::listing(call.sees(filters, &view))?).await
}

fn missing(id: &str) -> ApiError {
    ApiError::not_found(format!("Process instance with id {id} does not exist"))
}

async fn one(call: Call) -> ApiResult<Response> {
    let view = call.catalog();
    let query = process_instance::by_id;
    let row = lists::one(&call, call.id("id"), query, process_instance::row, || {
        missing(call.param("id"))
    })
    .await?;
    Ok(json(&dto(&view, row)))
}

async fn tree(call: Call) -> ApiResult<Response> {
    let gone = || missing(call.param("id"));
    let id = call.id("id").ok_or_else(gone)?;
    let instance = call
        .app
        .engine
        .load(id)
        .await
        .map_err(error::api)?
        .ok_or_else(gone)?;
    let view = call.catalog();
    let deployed = view.by_id(instance.process.definition_id).ok_or_else(|| {
        let id = instance.process.definition_id;
        ApiError::unavailable(format!(
            "process definition {id} has not arrived at this node yet"
        ))
    })?;
    Ok(json(&instance_view::tree(&instance, &deployed.reference())))
}

fn is_missing(error: &EngineError) -> bool {
    matches!(
        error,
        EngineError::NotFound { .. } | EngineError::Rejected(Rejection::NotFound { .. })
    )
}

async fn delete(mut call: Call) -> ApiResult<Response> {
    call.tell(|| Tell::just(vec![Told::operator("ProcessInstance", "Delete")]));
    let filters = call.filters();
    let must_exist = filters.java_flag("failIfNotExists") != Some(false);
    let gone = || {
        if !must_exist {
            return Ok(no_content());
        }
        let id = call.param("id");
        let message = format!("No process instance found for id '{id}': processInstance is null");
        Err(ApiError::not_found(message).with_code(0))
    };
    let Some(id) = call.id("id") else {
        return gone();
    };
    let command = Command::Delete {
        reason: filters.text("deleteReason")?,
        skip_listeners: filters.java_flag("skipCustomListeners").unwrap_or_default(),
        skip_outputs: filters.java_flag("skipIoMappings").unwrap_or_default(),
        skip_called: filters.java_flag("skipSubprocesses").unwrap_or_default(),
    };
    match run(&call, id, command).await {
        Ok(answered) => Ok(answer(answered)),
        Err(error) if is_missing(&error) => gone(),
        Err(error) => Err(error::api(error)),
    }
}

/// What the user log is told of an instance, or of those of a definition.
fn told(suspended: bool) -> Told {
    let operation = if suspended { "Suspend" } else { "Activate" };
    let told = Told::operator("ProcessInstance", operation);
    told.changed("suspensionState", None, operations::suspension(suspended))
}

async fn suspend(mut call: Call) -> ApiResult<Response> {
    let suspended = call.body()?.on("suspended")?;
    call.tell(|| Tell::just(vec![told(suspended)]));
    let Some(id) = call.id("id") else {
        return Ok(no_content());
    };
    match run(&call, id, Command::SetSuspended { suspended }).await {
        Ok(answered) => Ok(answer(answered)),
        // The reference answers 204 for an id that it doesn't know.
        Err(error) if is_missing(&error) => Ok(no_content()),
        Err(error) => Err(error::api(error)),
    }
}

/// Instances of this shard; the router asks every shard that may have some.
async fn suspend_many(mut call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let (by, group) = (
        ["processDefinitionId", "processDefinitionKey"],
        [
            "processInstanceIds",
            "processInstanceQuery",
            "historicProcessInstanceQuery",
        ],
    );
    let suspended = body.on("suspended")?;
    if group.iter().any(|name| body.has(name)) {
        if by.iter().any(|name| body.has(name)) {
            return Err(ApiError::invalid_request(
                "Choose either a single processInstance with processDefinitionId or processDefinitionKey or a group of \
                 processInstances with processInstanceIds, procesInstanceQuery or historicProcessInstanceQuery.",
            ));
        }
        let words = selection::Words {
            empty: "No process instance ids given",
            null: "Cannot be null.",
            of: "Process Instance ids",
            hidden: false,
            queries: &INSTANCES,
        };
        let found = selection::instances(&call, &body, &words).await?;
        let number = found.len();
        let found: Vec<Id> = found.into_iter().filter_map(Result::ok).collect();
        call.demand_of_all(&found, SUSPEND_INSTANCE).await?;
        call.one_operation();
        call.tell(|| Tell::just(vec![told(suspended)]));
        let engine = &call.app.engine;
        let done = engine.suspend_instances(&call.caller, found, suspended).await;
        done.map_err(error::api)?;
        let operation = if suspended { "SuspendJob" } else { "ActivateJob" };
        let base = Told::operator("ProcessInstance", operation);
        call.log(|| vec![base.said("nrOfInstances", number), base.said("async", false)])
            .await?;
        return Ok(no_content());
    }
    suspension::one_of(&body, &by, "processDefinitionId or processDefinitionKey")?;
    let definitions = suspension::definitions(&body, &call.catalog())?;
    suspension::demand(&call, &body, &definitions, |key| {
        suspension::of_instances(SUSPEND_INSTANCE, key)
    })?;
    let definitions = suspension::ids(&definitions);
    if !definitions.is_empty() {
        let engine = &call.app.engine;
        let done = engine
            .suspend_of_definitions(&call.caller, &definitions, suspended)
            .await;
        done.map_err(error::api)?;
    }
    let (id, key) = (body.text(by[0])?, body.text(by[1])?);
    call.log(|| vec![told(suspended).of_named(&call.catalog(), id.as_deref(), key.as_deref())])
        .await?;
    Ok(no_content())
}

async fn run(call: &Call, id: Id, command: Command) -> Result<Answer, EngineError> {
    call.app
        .engine
        .command(&call.caller, id, command, Box::new(|_, _| Answer::no_content()))
        .await
}
