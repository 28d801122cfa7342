//! Batches over process instances: deleted, suspended, given variables or messages, modified, migrated, restarted.
use super::{
    bad_user_request, begin, history, later, nothing_here,
    targets::{Finds, HISTORIC, INSTANCES, RUNNING, each, encoded, named, of_instances, with_instance},
};
use crate::{
    App,
    rest::{
        call::Call,
        migration,
        modification::{self, For},
        process_definition, restart,
        selection::{self, hide},
    },
    store::operations::Told,
};
use axum::{Router, response::Response, routing::post};
use bpmn_core::value::{TypedValue, Variables};
use rest_api::{
    ApiError, ApiResult,
    filters::Filters,
    variable::{self, VariableError},
};
use serde_json::{Value, json};

/// Routes of these operations.
pub fn routes() -> Router<App> {
    let root = "/process-instance";
    let mut router = Router::new()
        .route(
            &format!("{root}/delete"),
            post(|call: Call| delete(call, RUNNING)),
        )
        .route(
            &format!("{root}/delete-historic-query-based"),
            post(|call: Call| delete(call, HISTORIC)),
        )
        .route(&format!("{root}/suspended-async"), post(suspend))
        .route(&format!("{root}/variables-async"), post(set_variables))
        .route(&format!("{root}/message-async"), post(correlate))
        .route(&format!("{root}/{{id}}/modification-async"), post(modify_one))
        .route("/modification/executeAsync", post(modify))
        .route("/migration/executeAsync", post(migrate));
    for place in ["{id}", "key/{key}", "key/{key}/tenant-id/{tenant}"] {
        let path = format!("/process-definition/{place}/restart-async");
        router = router.route(&path, post(restart_all));
    }
    router
}

const IDS: &str = "processInstanceIds";

/// The members of a body that are given, as they came.
fn members(body: &Filters, names: &[&str]) -> Value {
    names
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), body.raw(name)?.clone())))
        .collect()
}

async fn delete(call: Call, queries: &[(&str, Finds)]) -> ApiResult<Response> {
    let body = call.body()?;
    selection::check(&call, &body, queries)?;
    let mut named = named(&call, &body, IDS, queries).await.map_err(hide)?;
    if named.null {
        // The reference makes a job for it, which finds nothing to delete.
        named.ids.push("null".to_owned());
    }
    if named.ids.is_empty() {
        return Err(nothing_here(ApiError::invalid_request(
            "processInstanceIds is empty",
        )));
    }
    let mut path = "/process-instance/ID?failIfNotExists=false".to_owned();
    for name in ["skipCustomListeners", "skipIoMappings", "skipSubprocesses"] {
        if body.on(name)? {
            path += &format!("&{name}=true");
        }
    }
    if let Some(reason) = body.text("deleteReason")? {
        path += &format!("&deleteReason={}", encoded(&reason));
    }
    let work = each(&named.ids, "DELETE", &path, |_| Value::Null);
    let reason = body.text("deleteReason")?;
    begin(&call, "instance-deletion", work, |n| {
        let base = Told::operator("ProcessInstance", "Delete");
        let mut told = later(&base, n);
        told.push(base.changed("deleteReason", None, reason));
        told
    })
    .await
}

async fn suspend(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let suspended = body.on("suspended")?;
    let named = named(&call, &body, IDS, &INSTANCES).await.map_err(hide)?;
    if !named.given {
        return Err(ApiError::invalid_request(
            "Either processInstanceIds, processInstanceQuery or historicProcessInstanceQuery should be set to update \
             the suspension state.",
        ));
    }
    if named.null {
        let text = "Cannot be null.: Process Instance ids contains null value";
        return Err(ApiError::invalid_request(text));
    }
    if named.ids.is_empty() {
        return Err(nothing_here(ApiError::invalid_request(
            "No process instance ids given: process Instance Ids is empty",
        )));
    }
    let set = json!({"suspended": suspended});
    let work = each(&named.ids, "PUT", "/process-instance/ID/suspended", |_| {
        set.clone()
    });
    let operation = if suspended { "SuspendJob" } else { "ActivateJob" };
    begin(&call, "instance-update-suspension-state", work, |n| {
        later(&Told::operator("ProcessInstance", operation), n)
    })
    .await
}

async fn set_variables(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let read = variable::read_all(body.raw("variables"));
    let given = read.map_err(|error| match error {
        VariableError::Engine(text) => ApiError::invalid_request(text),
        other => other.api("Cannot set variables"),
    })?;
    selection::check(&call, &body, &INSTANCES)?;
    let Some(variables) = body.object("variables")? else {
        return Err(ApiError::invalid_request("variables is null"));
    };
    let named = named(&call, &body, IDS, &INSTANCES).await?;
    if !named.given {
        return Err(ApiError::invalid_request("No process instances found."));
    }
    if variables.is_empty() {
        return Err(bad_user_request("variables is empty"));
    }
    // Those that don't run are left out.
    let running = of_instances(&call, &named.ids, Finds::Instances).await?;
    if running.is_empty() {
        return Err(nothing_here(bad_user_request("processInstanceIds is empty")));
    }
    none_transient(&given)?;
    let set = json!({"modifications": variables});
    let work = each(&running, "POST", "/process-instance/ID/variables", |_| {
        set.clone()
    });
    let number = variables.len();
    begin(&call, "set-variables", work, |n| {
        let base = Told::operator("ProcessInstance", "SetVariables");
        vec![
            base.said("nrOfInstances", n),
            base.said("nrOfVariables", number),
            base.said("async", true),
        ]
    })
    .await
}

/// What lives for one command can't wait for another.
fn none_transient(variables: &Variables) -> ApiResult<()> {
    let transient = |(_, value): &&(String, TypedValue)| matches!(value, TypedValue::Transient(_));
    match variables.iter().find(transient) {
        None => Ok(()),
        Some((name, _)) => Err(bad_user_request(format!(
            "ENGINE-13044 Setting transient variable '{name}' asynchronously is currently not supported."
        ))),
    }
}

async fn correlate(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let read = variable::read_all(body.raw("variables"));
    let given = read.map_err(|error| match error {
        VariableError::Engine(_) => error.bare(),
        other => other.api("Cannot set variables"),
    })?;
    selection::check(&call, &body, &INSTANCES)?;
    let mut named = named(&call, &body, IDS, &INSTANCES).await?;
    if !named.given {
        return Err(ApiError::invalid_request("No process instances found."));
    }
    if named.null {
        named.ids.push("null".to_owned());
    }
    if named.ids.is_empty() {
        return Err(nothing_here(bad_user_request(
            "Process instance ids cannot be empty: process instance ids is empty",
        )));
    }
    none_transient(&given)?;
    let name = body.text("messageName")?;
    let variables = body.object("variables")?.cloned().unwrap_or_default();
    let message = |id: &str| {
        json!({
            "messageName": name,
            "processInstanceId": id,
            "all": true,
            "processVariables": variables,
        })
    };
    let work = match name {
        Some(_) => each(&named.ids, "POST", "/message", message),
        // Whatever message an instance waits for.
        None => each(&named.ids, history::TRIGGER, "ID", |_| variables.clone().into()),
    };
    begin(&call, "correlate-message", work, |n| {
        let base = Told::operator("ProcessInstance", "CorrelateMessage");
        vec![
            base.changed("messageName", None, name.clone()),
            base.said("nrOfInstances", n),
            base.said("nrOfVariables", variables.len()),
            base.said("async", true),
        ]
    })
    .await
}

async fn modify(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let (definition, _) = modification::of_many(&call, &body)?;
    let named = named(&call, &body, IDS, &INSTANCES).await.map_err(hide)?;
    if named.null {
        let text = "Process instance ids cannot be null: Process instance ids contains null value";
        return Err(ApiError::invalid_request(text));
    }
    if named.ids.is_empty() {
        let text = "Process instance ids cannot be empty: Process instance ids is empty";
        return Err(nothing_here(ApiError::invalid_request(text)));
    }
    if call.catalog().by_rest_id(&definition).is_none() {
        return Err(ApiError::invalid_request(format!(
            "no deployed process definition found with id '{definition}': processDefinition is null"
        )));
    }
    let one = members(
        &body,
        &[
            "processDefinitionId",
            "instructions",
            "skipCustomListeners",
            "skipIoMappings",
        ],
    );
    let annotation = body.text("annotation")?;
    let work = each(&named.ids, "POST", "/modification/execute", with_instance(&one));
    begin(&call, "instance-modification", work, |n| {
        modification::many(&call, &definition, annotation, n, true)
    })
    .await
}

async fn modify_one(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let instructions = modification::instructions(&body, "instructions", For::OneInstance, "")?;
    if instructions.is_empty() {
        let text = "The provided instuctions are invalid.";
        return Err(ApiError::invalid_request(text));
    }
    let id = call.param("id").to_owned();
    let running = match call.id("id") {
        Some(known) => call
            .app
            .engine
            .load(known)
            .await
            .map_err(crate::rest::error::api)?,
        None => None,
    };
    if running.is_none() {
        return Err(modification::gone(&id));
    }
    let one = members(&body, &["instructions", "skipCustomListeners", "skipIoMappings"]);
    let path = "/process-instance/ID/modification";
    let work = each(&[id], "POST", path, |_| one.clone());
    let process = running.as_ref().map(|instance| &instance.process);
    let told = process.map(|process| {
        let told = Told {
            annotation: body.text("annotation").unwrap_or_default(),
            ..Told::operator("ProcessInstance", "ModifyProcessInstance")
        };
        let told = match call.catalog().by_id(process.definition_id) {
            Some(deployed) => told.of_definition(&deployed.row),
            None => told,
        };
        (told, (process.root_id, process.retention, process.id))
    });
    let answer = begin(&call, "instance-modification", work, |_| Vec::new()).await?;
    if let Some((told, tree)) = told {
        let log = call.app.engine.log(&call.caller, vec![told], Some(tree)).await;
        log.map_err(crate::rest::error::api)?;
    }
    Ok(answer)
}

async fn migrate(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let given = migration::checked(&call, &body)?;
    call.demand_batch("CREATE_BATCH_MIGRATE_PROCESS_INSTANCES")?;
    given.demand(&call)?;
    let named = named(&call, &body, IDS, RUNNING).await?;
    if named.null {
        let text = "Process instance ids cannot be null: process instance ids contains null value";
        return Err(bad_user_request(text));
    }
    if named.ids.is_empty() {
        let text = "Process instance ids cannot empty: process instance ids is empty";
        return Err(nothing_here(bad_user_request(text)));
    }
    let one = members(&body, &["migrationPlan", "skipCustomListeners", "skipIoMappings"]);
    let work = each(&named.ids, "POST", "/migration/execute", with_instance(&one));
    begin(&call, "instance-migration", work, |n| {
        migration::told(&given, n, true)
    })
    .await
}

async fn restart_all(call: Call) -> ApiResult<Response> {
    let deployed = process_definition::named_first(&call, restart::unknown)?;
    let body = call.body()?;
    selection::check(&call, &body, HISTORIC).map_err(hide)?;
    selection::unsorted(&body)?;
    let instructions = restart::instructions(&body)?;
    let named = named(&call, &body, IDS, HISTORIC).await.map_err(hide)?;
    if named.ids.is_empty() && !named.null {
        let text = "processInstanceIds is empty";
        return Err(nothing_here(ApiError::invalid_request(text)));
    }
    if instructions.is_empty() {
        let text = "Restart instructions cannot be empty: instructions is empty";
        return Err(ApiError::invalid_request(text));
    }
    if named.null {
        let text = "Process instance ids cannot be null: processInstanceIds contains null value";
        return Err(ApiError::invalid_request(text));
    }
    let deployed = deployed?;
    let one = members(
        &body,
        &[
            "instructions",
            "initialVariables",
            "withoutBusinessKey",
            "skipCustomListeners",
            "skipIoMappings",
        ],
    );
    let path = format!("/process-definition/{}/restart", encoded(&deployed.row.rest_id));
    let mut work = each(&named.ids, "POST", "", with_instance(&one));
    for (_, request) in &mut work {
        request.path.clone_from(&path);
    }
    begin(&call, "instance-restart", work, |n| {
        restart::told(&deployed, n, true)
    })
    .await
}
