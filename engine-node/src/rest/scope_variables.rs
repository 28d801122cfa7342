//! Variables of a process instance, an execution or a task: the same operations under four paths.
use super::{
    call::{Call, answer, json, no_content, typed},
    contents::Contents,
    deployment::attachment,
    error, instance_view, multipart,
};
use crate::{
    App,
    app::{
        Answer, EngineError,
        operations::{self, Tell},
    },
    store::{Entity, operations::Told},
};
use axum::{Router, response::Response, routing::get};
use bpmn_core::{
    Id,
    command::{Command, Rejection},
    instance::Instance,
    value::{TypedValue, Variables},
};
use http::StatusCode;
use rest_api::{
    ApiError, ApiResult,
    filters::Filters,
    variable::{self, Style, VariableError},
};
use std::{collections::BTreeMap, sync::Arc};

/// Whose variables a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Instance,
    /// Local to an execution.
    Execution,
    /// What a task sees.
    Task,
    /// Local to a task.
    TaskLocal,
}

impl Place {
    /// The reference's word in its messages.
    fn word(self) -> &'static str {
        match self {
            Place::Instance => "process instance",
            Place::Execution => "execution",
            Place::Task | Place::TaskLocal => "task",
        }
    }

    fn is_task(self) -> bool {
        matches!(self, Place::Task | Place::TaskLocal)
    }

    fn local(self) -> bool {
        matches!(self, Place::Execution | Place::TaskLocal)
    }

    fn gone(self, id: &str) -> String {
        match self.is_task() {
            true => format!("task {id} doesn't exist: task is null"),
            false => format!("execution {id} doesn't exist: execution is null"),
        }
    }
}

impl Place {
    /// The user log tells that variables were changed, but not which.
    fn tell(self, call: &mut Call, operation: &'static str) {
        match call.id("id").filter(|_| self.is_task()) {
            Some(id) => call.tell(|| operations::at_task(id, Told::task_worker("Variable", operation))),
            None => call.tell(|| Tell::just(vec![Told::operator("Variable", operation)])),
        }
    }
}

/// Routes for one kind of scope under `path`, which holds `{id}`.
pub fn routes(path: &str, place: Place) -> Router<App> {
    Router::new()
        .route(
            path,
            get(move |call: Call| list(call, place)).post(move |call: Call| modify(call, place)),
        )
        .route(
            &format!("{path}/{{name}}"),
            get(move |call: Call| one(call, place))
                .put(move |call: Call| put(call, place))
                .delete(move |call: Call| delete(call, place)),
        )
        .route(
            &format!("{path}/{{name}}/data"),
            get(move |call: Call| data(call, place)).post(move |call: Call| upload(call, place)),
        )
}

/// Sets a file or bytes from the part `data`; what they are says the part `valueType`.
async fn upload(mut call: Call, place: Place) -> ApiResult<Response> {
    let name = call.name("name")?;
    let parts = multipart::parts(&call).await?;
    let part = |name: &str| parts.iter().find(|part| part.name == name);
    if part("type").is_some() {
        return Err(ApiError::not_implemented("a serialized Java object as a part"));
    }
    let kind = part("valueType").map(|part| String::from_utf8_lossy(&part.bytes).trim().to_owned());
    let data = part("data").ok_or_else(|| {
        ApiError::null_pointer(
            "Cannot invoke \"org.camunda.bpm.engine.rest.mapper.MultipartFormData$FormPart.getBinaryContent()\" because \
             \"binaryDataFormPart\" is null",
        )
    })?;
    let content = data.bytes.to_vec();
    let value = match kind.as_deref() {
        None | Some("Bytes") => TypedValue::Bytes(content),
        Some("File") => {
            let media = data.media_type.as_deref().unwrap_or("application/octet-stream");
            TypedValue::File {
                content,
                filename: data.file_name.clone().unwrap_or_default(),
                // Without its parameters, as in the reference.
                mime_type: Some(media.split(';').next().unwrap_or(media).trim().to_owned()),
                encoding: None,
            }
        }
        Some(other) => {
            return Err(ApiError::not_implemented(&format!(
                "a variable of type {other} as a part"
            )));
        }
    };
    let prefix = format!("Cannot put {} variable {name}", place.word());
    let gone = place.gone(call.param("id"));
    place.tell(&mut call, "SetVariable");
    change(&call, place, vec![(name, value)], Vec::new(), &prefix, gone).await
}

/// The instance that has the scope.
async fn load(call: &Call, place: Place) -> ApiResult<Option<Arc<Instance>>> {
    let Some(id) = call.id("id") else {
        return Ok(None);
    };
    let engine = &call.app.engine;
    let found = match place {
        // The reference takes the id of any execution for either.
        Place::Instance | Place::Execution => match engine.load(id).await {
            Ok(None) => engine.load_entity(Entity::Execution, id).await,
            found => found,
        },
        Place::Task | Place::TaskLocal => engine.load_task(&call.caller, id).await,
    };
    found.map_err(error::api)
}

/// The variables that the path shows.
fn shown(instance: &Instance, place: Place, id: Id) -> BTreeMap<&str, &TypedValue> {
    let mut found = match place {
        Place::Instance => {
            let token = instance.tokens.iter().find(|t| t.execution_id == id);
            let token = token.filter(|_| id != instance.process.id);
            let scopes = token.map_or_else(
                || vec![instance.process.id],
                |token| instance_view::scopes_of_token(instance, token.id),
            );
            instance_view::visible(instance, &scopes)
        }
        Place::Execution => {
            let tokens = instance
                .tokens
                .iter()
                .filter(|t| t.execution_id == id && id != instance.process.id);
            let mut scopes: Vec<Id> = tokens.map(|t| t.id).collect();
            scopes.push(id);
            instance_view::visible(instance, &scopes)
        }
        Place::Task => instance_view::around_task(instance, id),
        Place::TaskLocal => BTreeMap::new(),
    };
    if place.is_task() {
        found.extend(instance_view::local_to_task(instance, id).map(|v| (v.name.as_str(), &v.value)));
    }
    found
}

fn deserialize(filters: &Filters, name: &str) -> bool {
    filters.java_flag(name) != Some(false)
}

async fn list(call: Call, place: Place) -> ApiResult<Response> {
    let style = Style {
        deserialize: deserialize(&call.filters(), "deserializeValues"),
        binary: true,
    };
    let (Some(instance), Some(id)) = (load(&call, place).await?, call.id("id")) else {
        return Err(ApiError::null_value(place.gone(call.param("id"))));
    };
    let shown = shown(&instance, place, id);
    let unreadable = |(name, value): (&&str, &&TypedValue)| variable::unreadable(name, value, style);
    if let Some(why) = shown.iter().find_map(unreadable) {
        return Err(ApiError::engine(why));
    }
    let contents = Contents::of(&call, shown.values().map(|value| (&*instance, *value, style))).await?;
    let whole = shown.iter().map(|(name, value)| (*name, contents.whole(value)));
    Ok(json(&variable::write_all(whole, style)))
}

/// A variable's value; with its content if showing it in that style takes it, or always.
async fn value(call: &Call, place: Place, name: &str, style: Option<Style>) -> ApiResult<TypedValue> {
    let (Some(instance), Some(id)) = (load(call, place).await?, call.id("id")) else {
        let text = format!(
            "Cannot get {} variable {name}: {}",
            place.word(),
            place.gone(call.param("id"))
        );
        return Err(ApiError::rest(StatusCode::INTERNAL_SERVER_ERROR, text));
    };
    let found = shown(&instance, place, id).get(name).copied();
    let value = found.ok_or_else(|| {
        ApiError::not_found(format!(
            "{} variable with name {name} does not exist",
            place.word()
        ))
    })?;
    let contents = match style {
        Some(style) => Contents::of(call, [(&*instance, value, style)]).await?,
        None => Contents::of_one(call, &instance, value).await?,
    };
    Ok(contents.into_whole(value))
}

async fn one(call: Call, place: Place) -> ApiResult<Response> {
    let name = call.name("name")?;
    let style = Style {
        deserialize: deserialize(&call.filters(), "deserializeValue"),
        binary: true,
    };
    let value = value(&call, place, &name, Some(style)).await?;
    if let Some(why) = variable::unreadable(&name, &value, style) {
        let text = format!("Cannot get {} variable {name}: {why}", place.word());
        return Err(ApiError::rest(StatusCode::INTERNAL_SERVER_ERROR, text));
    }
    Ok(json(&variable::write(&value, style)))
}

async fn data(call: Call, place: Place) -> ApiResult<Response> {
    let name = call.name("name")?;
    match value(&call, place, &name, None).await? {
        TypedValue::Bytes(bytes) => Ok(typed("application/octet-stream", bytes)),
        TypedValue::File {
            content,
            filename,
            mime_type,
            encoding,
        } => {
            let mut media_type = mime_type.unwrap_or_else(|| "application/octet-stream".into());
            if let Some(encoding) = encoding {
                media_type = format!("{media_type};charset={encoding}");
            }
            Ok(attachment(&filename, &media_type, content))
        }
        _ => {
            let text = format!(
                "Value of variable with id {} is not a binary value.",
                call.param("id")
            );
            Err(ApiError::invalid_request(text))
        }
    }
}

/// Sends the change; `prefix` names the command in errors, `gone` words an unknown scope.
async fn change(
    call: &Call,
    place: Place,
    set: Variables,
    delete: Vec<String>,
    prefix: &str,
    gone: String,
) -> ApiResult<Response> {
    let missing = || ApiError::rest(StatusCode::INTERNAL_SERVER_ERROR, format!("{prefix}: {gone}"));
    let Some(id) = call.id("id") else {
        return Err(missing());
    };
    let command = Command::SetVariables {
        scope: id,
        local: place.local(),
        set,
        delete,
    };
    let engine = &call.app.engine;
    let render = || Box::new(|_: &Instance, _: &bpmn_core::command::Outcome| Answer::no_content());
    let result = match place {
        Place::Task | Place::TaskLocal => {
            engine
                .entity_command(&call.caller, Entity::Task, id, command, render())
                .await
        }
        Place::Instance | Place::Execution => {
            match engine.command(&call.caller, id, command.clone(), render()).await {
                Err(EngineError::NotFound { .. } | EngineError::Rejected(Rejection::NotFound { .. })) => {
                    engine
                        .entity_command(&call.caller, Entity::Execution, id, command, render())
                        .await
                }
                result => result,
            }
        }
    };
    let other = error::wrapped(prefix.to_owned(), StatusCode::INTERNAL_SERVER_ERROR);
    result.map(answer).map_err(error::unknown(missing, other))
}

async fn put(mut call: Call, place: Place) -> ApiResult<Response> {
    let name = call.name("name")?;
    let prefix = format!("Cannot put {} variable {name}", place.word());
    let body = call.body()?.into_value();
    let variables =
        variable::read_all(Some(&serde_json::json!({ name.clone(): body }))).map_err(|e| e.api(&prefix))?;
    place.tell(&mut call, "SetVariable");
    change(
        &call,
        place,
        variables,
        Vec::new(),
        &prefix,
        place.gone(call.param("id")),
    )
    .await
}

async fn delete(mut call: Call, place: Place) -> ApiResult<Response> {
    let name = call.name("name")?;
    let prefix = format!("Cannot delete {} variable {name}", place.word());
    place.tell(&mut call, "RemoveVariable");
    let id = call.param("id");
    let gone = match place.is_task() {
        true => format!("Cannot find task with id {id}: task is null"),
        false => place.gone(id),
    };
    change(&call, place, Vec::new(), vec![name], &prefix, gone).await
}

async fn modify(mut call: Call, place: Place) -> ApiResult<Response> {
    let body = call.body()?;
    let word = place.word();
    let set = variable::read_all(body.raw("modifications"));
    let set = set.map_err(|error| match error {
        VariableError::Engine(_) => error.api(&format!(
            "Cannot modify variables for {word} {}",
            call.param("id")
        )),
        other => other.api(&format!("Cannot modify variables for {word}")),
    })?;
    let delete = body.exact_list("deletions")?.unwrap_or_default();
    let id = call.param("id");
    let gone = place.gone(id);
    let prefix = format!("Cannot modify variables for {word} {id}");
    if set.is_empty() && delete.is_empty() {
        if load(&call, place).await?.is_some() {
            return Ok(no_content());
        }
        return Err(ApiError::rest(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("{prefix}: {gone}"),
        ));
    }
    place.tell(&mut call, "ModifyVariable");
    change(&call, place, set, delete, &prefix, gone).await
}
