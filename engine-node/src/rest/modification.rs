//! Modification of instances: `/process-instance/{id}/modification`, `/modification/execute`, and the instructions that
//! starts and restarts share with them.
use super::{
    batch::targets::INSTANCES,
    call::{Call, answer, no_content},
    error, instance_view, selection,
};
use crate::{
    App,
    app::{Answer, EngineError, operations::Tell},
    rights::need::UPDATE_INSTANCE,
    store::operations::Told,
};
use axum::{Router, response::Response, routing::post};
use bpmn_core::{
    change::{Instruction, StartAt},
    command::{Command, Outcome, Rejection},
    instance::Instance,
    value::Variables,
};
use rest_api::{ApiError, ApiResult, filters::Filters, variable};
use serde_json::{Map, Value};

/// Routes of this resource.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/process-instance/{id}/modification", post(modify))
        .route("/modification/execute", post(modify_many))
}

/// What a list of instructions is for: not everything is allowed everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    OneInstance,
    ManyInstances,
    /// A start or restart: nothing is there to be canceled, and no ancestor.
    NewInstance,
}

/// The instructions in a body's member; an empty list if there is none.
///
/// # Errors
/// 400 in the reference's words, behind `prefix`.
pub fn instructions(body: &Filters, member: &str, of: For, prefix: &str) -> ApiResult<Vec<Instruction>> {
    let mut found = Vec::new();
    for item in body.array(member)?.into_iter().flatten() {
        let Value::Object(members) = item else {
            return Err(ApiError::invalid_request(""));
        };
        found.extend(instruction(members, of, prefix)?);
    }
    Ok(found)
}

fn instruction(members: &Map<String, Value>, of: For, prefix: &str) -> ApiResult<Option<Instruction>> {
    let body = Filters::from_body(members.clone());
    let Some(kind) = body.text("type")? else {
        return Err(ApiError::invalid_request(""));
    };
    let wrong = |what: &str| {
        let text = format!("{prefix}For instruction type '{kind}': {what}");
        Err(ApiError::invalid_request(text))
    };
    let text = |name: &str| body.text(name);
    let at = match kind.as_str() {
        "startBeforeActivity" => text("activityId")?.map(StartAt::Before),
        "startAfterActivity" => text("activityId")?.map(StartAt::After),
        "startTransition" => text("transitionId")?.map(StartAt::Flow),
        "cancel" => return cancellation(&body, of, wrong),
        _ => return Err(ApiError::invalid_request("")),
    };
    let Some(at) = at else {
        let member = if kind == "startTransition" {
            "transitionId"
        } else {
            "activityId"
        };
        return wrong(&format!("'{member}' must be set"));
    };
    let (variables, local_variables) = variables(&body, prefix)?;
    let ancestor = text("ancestorActivityInstanceId")?.filter(|_| of == For::OneInstance);
    Ok(Some(Instruction::Start {
        at,
        ancestor,
        variables,
        local_variables,
    }))
}

fn cancellation(
    body: &Filters,
    of: For,
    wrong: impl Fn(&str) -> ApiResult<Option<Instruction>>,
) -> ApiResult<Option<Instruction>> {
    let (activity, instance, transition) = (
        body.text("activityId")?,
        body.text("activityInstanceId")?,
        body.text("transitionInstanceId")?,
    );
    Ok(Some(match (of, activity, instance, transition) {
        // There is nothing to cancel yet: the reference leaves it out.
        (For::NewInstance, ..) => return Ok(None),
        (For::ManyInstances, None, ..) => return wrong("'activityId' must be set"),
        (For::ManyInstances, Some(activity), ..) => match body.on("cancelCurrentActiveActivityInstances")? {
            true => Instruction::CancelPresent(activity),
            false => Instruction::CancelAll(activity),
        },
        (For::OneInstance, Some(activity), None, None) => Instruction::CancelAll(activity),
        (For::OneInstance, None, Some(id), None) => Instruction::CancelActivityInstance(id),
        (For::OneInstance, None, None, Some(id)) => Instruction::CancelTransitionInstance(id),
        _ => {
            return wrong(
                "exactly one, 'activityId', 'activityInstanceId', or 'transitionInstanceId', is required",
            );
        }
    }))
}

/// An instruction's variables: those set around, and those that are local.
fn variables(body: &Filters, prefix: &str) -> ApiResult<(Variables, Variables)> {
    let all = body.object("variables")?.cloned().unwrap_or_default();
    let is_local = |value: &Value| value.get("local").and_then(Value::as_bool) == Some(true);
    let (local, around): (Map<_, _>, Map<_, _>) = all.into_iter().partition(|(_, value)| is_local(value));
    let read = |map| {
        let read = variable::read_all(Some(&Value::Object(map)));
        read.map_err(|error| match error {
            variable::VariableError::Message(text) => ApiError::invalid_request(format!("{prefix}{text}")),
            other => other.bare(),
        })
    };
    Ok((read(around)?, read(local)?))
}

async fn modify(mut call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let instructions = instructions(&body, "instructions", For::OneInstance, "")?;
    if instructions.is_empty() {
        return Ok(no_content());
    }
    let command = command(&body, instructions)?;
    let told = Told {
        annotation: body.text("annotation")?,
        ..Told::operator("ProcessInstance", "ModifyProcessInstance")
    };
    call.tell(|| Tell::just(vec![told]));
    let gone = || gone(call.param("id"));
    let id = call.id("id").ok_or_else(gone)?;
    let render = Box::new(|_: &Instance, _: &Outcome| Answer::no_content());
    let result = call.app.engine.command(&call.caller, id, command, render).await;
    result.map(answer).map_err(error::unknown(gone, error::api))
}

fn command(body: &Filters, instructions: Vec<Instruction>) -> ApiResult<Command> {
    Ok(Command::Modify {
        instructions,
        skip_listeners: body.on("skipCustomListeners")?,
        skip_mappings: body.on("skipIoMappings")?,
    })
}

/// The reference's refusal to modify what doesn't run.
pub fn gone(id: &str) -> ApiError {
    ApiError::engine(format!(
        "ENGINE-13036 Process instance '{id}' cannot be modified. The process instance does not exist"
    ))
}

/// What the user log is told of a modification of several instances.
pub fn many(
    call: &Call,
    definition: &str,
    annotation: Option<String>,
    number: usize,
    later: bool,
) -> Vec<Told> {
    let base = Told {
        annotation,
        ..Told::operator("ProcessInstance", "ModifyProcessInstance")
    };
    let base = base.of_named(&call.catalog(), Some(definition), None);
    vec![base.said("nrOfInstances", number), base.said("async", later)]
}

/// The definition and the instructions of a modification of several instances.
///
/// # Errors
/// As the reference words them, in its order: the definition, the instructions, the queries, and that there are some.
pub fn of_many(call: &Call, body: &Filters) -> ApiResult<(String, Vec<Instruction>)> {
    let Some(definition) = body.text("processDefinitionId")? else {
        return Err(ApiError::invalid_request("processDefinitionId is null"));
    };
    let instructions = instructions(body, "instructions", For::ManyInstances, "")?;
    selection::check(call, body, &INSTANCES).map_err(selection::hide)?;
    selection::unsorted(body)?;
    match instructions.is_empty() {
        true => Err(ApiError::invalid_request(
            "Modification instructions cannot be empty is empty",
        )),
        false => Ok((definition, instructions)),
    }
}

/// Instances of this shard, one after the other; the router asks every shard that may have some.
async fn modify_many(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let (definition, instructions) = of_many(&call, &body)?;
    let words = selection::Words {
        empty: "Process instance ids cannot be empty",
        null: "Process instance ids cannot be null",
        of: "Process instance ids",
        hidden: true,
        queries: &INSTANCES,
    };
    let found = selection::instances(&call, &body, &words).await?;
    let view = call.catalog();
    let Some(given) = view.by_rest_id(&definition) else {
        return Err(ApiError::invalid_request(format!(
            "no deployed process definition found with id '{definition}': processDefinition is null"
        )));
    };
    let command = command(&body, instructions)?;
    let (number, annotation) = (found.len(), body.text("annotation")?);
    for id in found {
        let id = id.map_err(|unknown| gone(&unknown))?;
        let instance = call.app.engine.load(id).await.map_err(error::api)?;
        let of = instance.map(|instance| instance.process.definition_id);
        if let Some(of) = of.filter(|of| *of != given.row.id) {
            let of = instance_view::definition_id(&view, of);
            return Err(ApiError::engine(format!(
                "ENGINE-13037 Process instance '{id}' cannot be modified. Its process definition '{of}' does not match \
                 given process definition '{definition}'"
            )));
        }
        call.demand_of_all(&[id], UPDATE_INSTANCE).await?;
        let render = Box::new(|_: &Instance, _: &Outcome| Answer::no_content());
        let result = call
            .app
            .engine
            .command(&call.caller, id, command.clone(), render)
            .await;
        result.map_err(error::unknown(|| gone(&id.to_string()), hidden))?;
    }
    call.log(|| many(&call, &definition, annotation, number, false))
        .await?;
    Ok(no_content())
}

/// Engine errors as operations show them that hide a BadUserRequestException behind one of the REST layer.
pub fn hidden(error: EngineError) -> ApiError {
    match error {
        EngineError::Rejected(
            Rejection::NotValid(text) | Rejection::BadRequest(text) | Rejection::Suspended(text),
        ) => ApiError::invalid_request(text),
        other => error::api(other),
    }
}
