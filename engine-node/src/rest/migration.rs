//! `/migration`: plans generated and validated, and carried out on instances.
use super::{
    batch::targets::RUNNING,
    call::{Call, json, no_content},
    error, selection,
};
use crate::{
    App,
    app::{Answer, Deployed, EngineError, writer::Decide},
    rights::need::{Need, resource},
    store::operations::Told,
};
use axum::{Router, response::Response, routing::post};
use bpmn_core::{
    Id,
    change::migration::{self, MigrationInstruction, MigrationPlan, Refused},
    command::Command,
    instance::Instance,
    value::Variables,
};
use http::StatusCode;
use rest_api::{ApiError, ApiResult, filters::Filters, variable};
use serde_json::{Map, Value, json as object};
use std::sync::Arc;

/// Routes of this resource.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/migration/generate", post(generate))
        .route("/migration/validate", post(validate))
        .route("/migration/execute", post(execute))
}

/// A plan with its definitions.
pub struct Given {
    source: Arc<Deployed>,
    target: Arc<Deployed>,
    plan: MigrationPlan,
    prohibited: Vec<(String, Value)>,
}

/// The variables of a plan; and those that are Java's serialized objects, as they came: the plan isn't valid with them.
fn variables(body: &Filters) -> ApiResult<(Variables, Vec<(String, Value)>)> {
    const JAVA: &str = "application/x-java-serialized-object";
    let (mut read, mut prohibited) = (body.raw("variables").cloned(), Vec::new());
    if let Some(Value::Object(all)) = &mut read {
        all.retain(|name, dto| {
            let is_java = dto["valueInfo"]["serializationDataFormat"] == JAVA && dto["value"].is_string();
            if is_java {
                prohibited.push((name.clone(), dto.clone()));
            }
            !is_java
        });
    }
    let read = variable::read_values(read.as_ref()).map_err(variable::VariableError::bare)?;
    Ok((read, prohibited))
}

fn why_prohibited(name: &str) -> String {
    format!("Cannot set variable with name {name}. Java serialization format is prohibited")
}

/// What is wrong with the variables of a plan, in one text.
fn variables_text(prohibited: &[(String, Value)]) -> String {
    let each = prohibited.iter().map(|(name, _)| {
        let why = why_prohibited(name);
        format!("\t Migration variable {name} is not valid:\n\t\t{why}\n")
    });
    each.collect()
}

/// The definitions that a plan is between.
fn definitions(call: &Call, body: &Filters) -> ApiResult<(Arc<Deployed>, Arc<Deployed>)> {
    let view = call.catalog();
    let refused = |text: String| ApiError::invalid_request(text).with_code(0);
    // The one is looked for before the other is looked at.
    let find = |member: &str, word: &str| {
        let id = body.text(member)?;
        let id = id.ok_or_else(|| refused(format!("{word} process definition id is null")))?;
        let deployed = view.by_rest_id(&id).filter(|d| d.published).cloned();
        let unknown = || format!("ENGINE-23008 {word} process definition with id '{id}' does not exist");
        deployed.ok_or_else(|| refused(unknown()))
    };
    let source = find("sourceProcessDefinitionId", "Source")?;
    let target = find("targetProcessDefinitionId", "Target")?;
    call.demand_on([&*source, &*target], "READ")?;
    Ok((source, target))
}

fn instruction(item: &Value) -> ApiResult<MigrationInstruction> {
    if item.is_null() {
        return Err(ApiError::null_pointer(
            "Cannot invoke \"org.camunda.bpm.engine.rest.dto.migration.MigrationInstructionDto.getSourceActivityIds()\" \
             because \"migrationInstructionDto\" is null",
        ));
    }
    let first = |member: &str, getter: &str| {
        let list = item.get(member).and_then(Value::as_array).ok_or_else(|| {
            ApiError::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "NullPointerException",
                format!(
                    "Cannot invoke \"java.util.List.get(int)\" because the return value of \
                     \"org.camunda.bpm.engine.rest.dto.migration.MigrationInstructionDto.{getter}()\" is null"
                ),
            )
        })?;
        let Some(first) = list.first() else {
            return Err(ApiError::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "IndexOutOfBoundsException",
                "Index 0 out of bounds for length 0",
            ));
        };
        Ok(first.as_str().unwrap_or_default().to_owned())
    };
    Ok(MigrationInstruction {
        source: first("sourceActivityIds", "getSourceActivityIds")?,
        target: first("targetActivityIds", "getTargetActivityIds")?,
        update_event_trigger: item.get("updateEventTrigger") == Some(&Value::Bool(true)),
    })
}

/// A plan, as the reference builds it: variables, instructions, and then it looks for the definitions.
fn given(call: &Call, body: &Filters) -> ApiResult<Given> {
    let (variables, prohibited) = variables(body)?;
    let items = body.array("instructions")?.into_iter().flatten();
    let instructions = items.map(instruction).collect::<ApiResult<_>>()?;
    let (source, target) = definitions(call, body)?;
    Ok(Given {
        source,
        target,
        plan: MigrationPlan {
            instructions,
            variables,
        },
        prohibited,
    })
}

fn shown(instruction: &MigrationInstruction) -> Value {
    object!({
        "sourceActivityIds": [instruction.source],
        "targetActivityIds": [instruction.target],
        "updateEventTrigger": instruction.update_event_trigger,
    })
}

async fn generate(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let (typed, prohibited) = variables(&body)?;
    let (source, target) = definitions(&call, &body)?;
    if !prohibited.is_empty() {
        let text = invalid(&source, &target, &variables_text(&prohibited));
        return Err(ApiError::invalid_request(text).with_code(0));
    }
    let update = body.on("updateEventTriggers")?;
    let instructions = migration::generate(&source.definition, &target.definition, update);
    // Typed ones as variables are shown, others as they came.
    let variables = body.object("variables")?.map(|all| {
        let style = variable::Style {
            deserialize: false,
            binary: true,
        };
        let each = typed.iter().map(|(name, value)| {
            let came = all.get(name).unwrap_or(&Value::Null);
            let shown = match came["type"].is_null() && !came["value"].is_null() {
                true => object!({"type": null, "value": came["value"], "valueInfo": null}),
                false => variable::write(value, style),
            };
            (name.clone(), shown)
        });
        Value::Object(each.collect::<Map<_, _>>())
    });
    Ok(json(&object!({
        "sourceProcessDefinitionId": source.row.rest_id,
        "targetProcessDefinitionId": target.row.rest_id,
        "instructions": instructions.iter().map(shown).collect::<Vec<_>>(),
        "variables": variables,
    })))
}

/// What is wrong with a plan, as REST shows it, and in one text.
fn report(given: &Given) -> (Value, String) {
    let failures = migration::validate(&given.source.definition, &given.target.definition, &given.plan);
    let mut reports = Vec::new();
    let mut text = String::new();
    for (instruction, failures) in given.plan.instructions.iter().zip(failures) {
        if failures.is_empty() {
            continue;
        }
        text += &format!(
            "\t Migration instruction MigrationInstructionImpl{{sourceActivityId='{}', targetActivityId='{}', \
             updateEventTrigger='{}'}} is not valid:\n",
            instruction.source, instruction.target, instruction.update_event_trigger
        );
        failures
            .iter()
            .for_each(|failure| text += &format!("\t\t{failure}\n"));
        reports.push(object!({"instruction": shown(instruction), "failures": failures}));
    }
    text += &variables_text(&given.prohibited);
    let variables = given.prohibited.iter().map(|(name, dto)| {
        let shown = object!({
            "type": dto["type"], "value": dto["value"], "valueInfo": dto["valueInfo"],
            "failures": [why_prohibited(name)],
        });
        (name.clone(), shown)
    });
    let variables: Map<String, Value> = variables.collect();
    (
        object!({"instructionReports": reports, "variableReports": variables}),
        text,
    )
}

/// The message about a plan that isn't valid.
fn invalid(source: &Deployed, target: &Deployed, why: &str) -> String {
    let (source, target) = (&source.row.rest_id, &target.row.rest_id);
    format!(
        "ENGINE-23001 Migration plan for process definition '{source}' to '{target}' is not valid:\n{why}"
    )
}

async fn validate(call: Call) -> ApiResult<Response> {
    let given = given(&call, &call.body()?)?;
    Ok(json(&report(&given).0))
}

/// Migrates instances of this shard, all looked at before any is changed; the router asks every shard that may have
/// some.
async fn execute(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let given = checked(&call, &body)?;
    given.demand(&call)?;
    let words = selection::Words {
        empty: "Process instance ids cannot empty",
        null: "Process instance ids cannot be null",
        of: "process instance ids",
        hidden: false,
        queries: RUNNING,
    };
    let found = selection::instances(&call, &body, &words).await?;
    let mut ids: Vec<Id> = Vec::new();
    for id in found {
        let id = id.map_err(|unknown| gone(&unknown))?;
        let instance = call.app.engine.load(id).await.map_err(error::api)?;
        let instance = instance.ok_or_else(|| gone(&id.to_string()))?;
        check(&call, &given, &instance)?;
        ids.push(id);
    }
    let command = Command::Migrate {
        target: given.target.row.id,
        plan: given.plan.clone(),
        skip_listeners: body.on("skipCustomListeners")?,
        skip_mappings: body.on("skipIoMappings")?,
    };
    let source = given.source.row.id;
    let number = ids.len();
    for id in ids {
        let command = command.clone();
        // Looked at again when it is written: it may have become another since.
        let decide: Decide =
            Box::new(
                move |instance: &Instance| match instance.process.definition_id == source {
                    true => Ok(command.clone()),
                    false => Err(EngineError::Busy(format!(
                        "instance {id} has just been migrated by somebody else"
                    ))),
                },
            );
        let render = Box::new(|_: &_, _: &_| Answer::no_content());
        let done = call.app.engine.decide(&call.caller, id, decide, render).await;
        done.map_err(error::unknown(|| gone(&id.to_string()), error::api))?;
    }
    call.log(|| told(&given, number, false)).await?;
    Ok(no_content())
}

impl Given {
    /// Refuses whoever may not migrate from the one to the other.
    ///
    /// # Errors
    /// 403 in the reference's words.
    pub fn demand(&self, call: &Call) -> ApiResult<()> {
        let Some(rights) = &call.caller.rights else {
            return Ok(());
        };
        let on = |d: &Deployed| Need::on(resource::PROCESS_DEFINITION, "MIGRATE_INSTANCE", &d.row.key);
        let both = [on(&self.source), on(&self.target)];
        match both.iter().all(|one| rights.allows(std::slice::from_ref(one))) {
            true => Ok(()),
            false => Err(rights.refusal(&both)),
        }
    }
}

/// What the user log is told of a migration.
pub fn told(given: &Given, number: usize, later: bool) -> Vec<Told> {
    let (source, target) = (&given.source.row, &given.target.row);
    let base = Told::operator("ProcessInstance", "Migrate").of_definition(source);
    let ids = (Some(source.rest_id.clone()), Some(target.rest_id.clone()));
    vec![
        base.changed("processDefinitionId", ids.0, ids.1),
        base.said("nrOfInstances", number),
        base.said("async", later),
    ]
}

/// The plan that a body holds, valid.
///
/// # Errors
/// As the reference words them.
pub fn checked(call: &Call, body: &Filters) -> ApiResult<Given> {
    let Some(plan) = body.object("migrationPlan")? else {
        return Err(ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "NullPointerException",
            "Cannot invoke \"org.camunda.bpm.engine.rest.dto.migration.MigrationPlanDto.getSourceProcessDefinitionId()\" \
             because \"migrationPlanDto\" is null",
        ));
    };
    let given = given(call, &Filters::from_body(plan.clone()))?;
    let (reports, text) = report(&given);
    if !text.is_empty() {
        let message = invalid(&given.source, &given.target, &text);
        let error = ApiError::new(
            StatusCode::BAD_REQUEST,
            "MigrationPlanValidationException",
            message,
        );
        return Err(error.with_code(0).with("validationReport", reports));
    }
    Ok(given)
}

fn gone(id: &str) -> ApiError {
    ApiError::engine(format!(
        "ENGINE-23003 Process instance '{id}' cannot be migrated. The process instance does not exist"
    ))
}

/// Refuses an instance that the plan doesn't fit.
fn check(call: &Call, given: &Given, instance: &Instance) -> ApiResult<()> {
    let process = &instance.process;
    if process.definition_id != given.source.row.id {
        let own = super::instance_view::definition_id(&call.catalog(), process.definition_id);
        return Err(ApiError::engine(format!(
            "ENGINE-23002 Process instance '{}' cannot be migrated. Its process definition '{own}' does not match the source \
             process definition of the migration plan '{}'",
            process.id, given.source.row.rest_id
        )));
    }
    let report = migration::examine(
        &given.source.reference(),
        &given.target.definition,
        instance,
        &given.plan,
    );
    if report.is_empty() {
        return Ok(());
    }
    let mut message = format!("ENGINE-23004 Cannot migrate process instance '{}':\n", process.id);
    report
        .failures
        .iter()
        .for_each(|failure| message += &format!("\t{failure}\n"));
    let mut listed = |refused: &[Refused], word: &str| -> Vec<Value> {
        let each = refused.iter().map(|one| {
            message += &format!("\tCannot migrate {word} instance '{}':\n", one.id);
            one.failures
                .iter()
                .for_each(|failure| message += &format!("\t\t{failure}\n"));
            object!({
                "migrationInstruction": given.plan.of(&one.element).map(shown),
                format!("{word}InstanceId"): one.id,
                "sourceScopeId": one.element,
                "failures": one.failures,
            })
        });
        each.collect()
    };
    let activities = listed(&report.activities, "activity");
    let transitions = listed(&report.transitions, "transition");
    let report = object!({
        "processInstanceId": process.id.to_string(),
        "failures": report.failures,
        "activityInstanceValidationReports": activities,
        "transitionInstanceValidationReports": transitions,
    });
    let error = ApiError::new(
        StatusCode::BAD_REQUEST,
        "MigratingProcessInstanceValidationException",
        message,
    );
    Err(error.with_code(0).with("validationReport", report))
}
