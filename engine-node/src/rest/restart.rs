//! `/process-definition/{id}/restart`: new instances like ended ones, with their variables, started by instructions.
use super::{
    batch::targets::HISTORIC,
    call::{Call, no_content},
    contents::Contents,
    error, lists,
    modification::{self, For, hidden},
    process_definition::named_first,
    selection,
};
use crate::{
    App,
    app::{
        Answer, Caller, Deployed,
        commands::{Start, StartBy},
        operations::Tell,
    },
    query::{
        history_detail,
        history_process::{self, ProcessRow},
        history_variable,
    },
    store::{Row, StoreError, operations::Told},
};
use axum::{Router, response::Response, routing::post};
use bpmn_core::{Id, change::Instruction, passed_on, value::TypedValue, value::Variables};
use http::StatusCode;
use rest_api::{ApiError, ApiResult, filters::Filters};
use serde_json::json;

/// Routes of this resource.
pub fn routes() -> Router<App> {
    let mut router = Router::new();
    for place in ["{id}", "key/{key}", "key/{key}/tenant-id/{tenant}"] {
        router = router.route(&format!("/process-definition/{place}/restart"), post(restart));
    }
    router
}

/// Restarts ended instances of this shard, one after the other; the router asks every shard that may have some.
async fn restart(mut call: Call) -> ApiResult<Response> {
    let deployed = named_first(&call, unknown)?;
    let body = call.body()?;
    selection::check(&call, &body, HISTORIC).map_err(selection::hide)?;
    selection::unsorted(&body)?;
    let instructions = instructions(&body)?;
    if instructions.is_empty() {
        return Err(ApiError::invalid_request(
            "Restart instructions cannot be empty: instructions is empty",
        ));
    }
    let words = selection::Words {
        empty: "",
        null: "Process instance ids cannot be null",
        of: "processInstanceIds",
        hidden: true,
        queries: HISTORIC,
    };
    let found = selection::instances(&call, &body, &words).await?;
    let deployed = deployed?;
    let by = StartBy {
        restarted: None,
        instructions,
        skip_listeners: body.on("skipCustomListeners")?,
        skip_mappings: body.on("skipIoMappings")?,
    };
    let (initial, no_key) = (body.on("initialVariables")?, body.on("withoutBusinessKey")?);
    let number = found.len();
    call.one_operation();
    call.tell(|| Tell::just(vec![Told::operator("ProcessInstance", "Create")]));
    for id in found {
        let ended = ended(&call, id, &deployed).await?;
        let variables = match initial {
            true => first_variables(&call, &ended).await?,
            false => last_variables(&call, &ended).await?,
        };
        let start = Start {
            deployed: deployed.clone(),
            element: None,
            business_key: ended.business_key.filter(|_| !no_key),
            case_instance_id: None,
            variables,
            form: false,
            by: Some(StartBy {
                restarted: Some(ended.id),
                ..by.clone()
            }),
        };
        let render = Box::new(|_: &_, _: &_| Answer::no_content());
        let engine = &call.app.engine;
        // Beside the one that ended, which is not where its business key leads if something else placed that.
        let caller = Caller {
            slot: ended.id.slot(),
            placed: true,
            ..call.caller.with_part(&ended.id.to_string())
        };
        engine.start(&caller, start, render).await.map_err(hidden)?;
    }
    call.log(|| told(&deployed, number, false)).await?;
    Ok(no_content())
}

/// What the user log is told of a restart.
pub fn told(deployed: &Deployed, number: usize, later: bool) -> Vec<Told> {
    let base = Told::operator("ProcessInstance", "RestartProcessInstance").of_definition(&deployed.row);
    vec![base.said("nrOfInstances", number), base.said("async", later)]
}

/// The instructions of a body.
///
/// # Errors
/// The reference's own if there are none.
pub fn instructions(body: &Filters) -> ApiResult<Vec<Instruction>> {
    if !body.has("instructions") {
        return Err(ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "NullPointerException",
            "Cannot invoke \"java.util.List.iterator()\" because \"this.instructions\" is null",
        ));
    }
    modification::instructions(body, "instructions", For::NewInstance, "")
}

/// The refusal of a definition that isn't deployed.
pub fn unknown(id: &str) -> ApiError {
    ApiError::invalid_request(format!(
        "no deployed process definition found with id '{id}': processDefinition is null"
    ))
}

/// The ended instance of an id.
async fn ended(call: &Call, id: Result<Id, String>, deployed: &Deployed) -> ApiResult<ProcessRow> {
    let missing = || {
        ApiError::invalid_request(
            "Historic process instance cannot be found: historicProcessInstanceId is null",
        )
    };
    let query = history_process::by_id;
    let row = lists::one(call, id.ok(), query, history_process::row, missing).await?;
    if row.ended.is_none() {
        return Err(ApiError::engine(format!(
            "ENGINE-13040 Historic process instance '{}' cannot be restarted. It is not completed or terminated.",
            row.id
        )));
    }
    if row.definition_id != deployed.row.id {
        let view = call.catalog();
        let of = super::instance_view::definition_id(&view, row.definition_id);
        return Err(ApiError::engine(format!(
            "ENGINE-13041 Historic process instance '{}' cannot be restarted. Its process definition '{of}' does not match \
             given process definition '{}'",
            row.id, deployed.row.rest_id
        )));
    }
    Ok(row)
}

/// The variables of the instance itself, as they were when it ended.
async fn last_variables(call: &Call, ended: &ProcessRow) -> ApiResult<Variables> {
    let filters = own_scope(ended.id, false);
    let view = call.catalog();
    let listing = history_variable::listing(call.sees(&filters, &view))?;
    let mut variables = Variables::new();
    for id in selection::ids(call, &listing).await? {
        let whole = one_row(call, &history_variable::by_id(id), history_variable::row).await?;
        if let Some(found) = whole.filter(|v| !v.deleted) {
            variables.push((found.name, with_content(call, found.root_id, found.value).await?));
        }
    }
    Ok(variables)
}

/// The variables that the instance was started with.
async fn first_variables(call: &Call, ended: &ProcessRow) -> ApiResult<Variables> {
    let filters = own_scope(ended.id, true);
    let view = call.catalog();
    let listing = history_detail::listing(call.sees(&filters, &view))?;
    let mut variables = Variables::new();
    for id in selection::ids(call, &listing).await? {
        let whole = one_row(call, &history_detail::by_id(id), history_detail::row).await?;
        if let Some(found) = whole {
            variables.push((found.name, with_content(call, found.root_id, found.value).await?));
        }
    }
    Ok(variables)
}

/// Filters for what lies in the instance's own scope, at its start or at all.
fn own_scope(id: Id, initial: bool) -> Filters {
    let mut members = serde_json::Map::new();
    members.insert("processInstanceId".into(), json!(id.to_string()));
    match initial {
        true => members.insert("initial".into(), json!(true)),
        false => members.insert("executionIdIn".into(), json!([id.to_string()])),
    };
    Filters::from_body(members)
}

async fn one_row<R>(
    call: &Call,
    query: &sea_query::SelectStatement,
    read: impl Fn(&dyn Row) -> Result<R, StoreError>,
) -> ApiResult<Option<R>> {
    let snapshot = call.select(query).await?;
    let row = snapshot.rows.first().map(|row| read(&**row));
    row.transpose().map_err(error::store)
}

async fn with_content(call: &Call, root: Id, value: TypedValue) -> ApiResult<TypedValue> {
    let contents = Contents::of_root(call, root, &value).await?;
    // Read and written again, as in the reference.
    Ok(passed_on(contents.into_whole(&value)).folded())
}
