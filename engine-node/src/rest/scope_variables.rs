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
    if call.content_type.is_none() && call.body.is_empty() {
        return Err(ApiError::null_pointer(
            "Cannot invoke \"org.camunda.bpm.engine.rest.mapper.MultipartFormData.getNamedPart(String)\" because \
             \"payload\" is null",
        ));
    }
    let parts = multipart::parts(&call).await?;
    let part = |name: &str| parts.iter().find(|part| part.name == name);
    if let Some(class) = part("type") {
        let class = String::from_utf8_lossy(&class.bytes).trim().to_owned();
        let data = part("data").ok_or_else(|| no_part("getContentType", "dataPart"))?;
        let prefix = format!("Cannot put {} variable {name}", place.word());
        let gone = place.gone(call.param("id"));
        let Some(value) = java_object(&class, data)? else {
            return Ok(no_content());
        };
        place.tell(&mut call, "SetVariable");
        return change(&call, place, vec![(name, value)], Vec::new(), &prefix, gone).await;
    }
    let kind = part("valueType").map(|part| String::from_utf8_lossy(&part.bytes).trim().to_owned());
    let data = part("data").ok_or_else(|| no_part("getBinaryContent", "binaryDataFormPart"))?;
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
        // The reference makes a text of its array's address.
        Some("String") => TypedValue::String(String::from_utf8_lossy(&content).into_owned()),
        Some(other) => return Err(no_bytes(other)),
    };
    let prefix = format!("Cannot put {} variable {name}", place.word());
    let gone = place.gone(call.param("id"));
    place.tell(&mut call, "SetVariable");
    change(&call, place, vec![(name, value)], Vec::new(), &prefix, gone).await
}

fn no_part(method: &str, variable: &str) -> ApiError {
    ApiError::null_pointer(format!(
        "Cannot invoke \"org.camunda.bpm.engine.rest.mapper.MultipartFormData$FormPart.{method}()\" because \
         \"{variable}\" is null"
    ))
}

/// Why bytes are no value of that type.
fn no_bytes(kind: &str) -> ApiError {
    let class = match kind {
        "Json" | "Xml" | "Object" => {
            return ApiError::invalid_request(format!(
                "Must provide 'null' or String value for value of SerializableValue type '{kind}'."
            ));
        }
        "Boolean" | "Short" | "Integer" | "Long" | "Double" => format!("java.lang.{kind}"),
        "Date" => "java.util.Date".to_owned(),
        other => {
            let text = format!("Unsupported value type '{other}'");
            return ApiError::new(StatusCode::BAD_REQUEST, "RestException", text);
        }
    };
    ApiError::invalid_request(format!(
        "Cannot convert value '[B' of type '{kind}' to java type {class}"
    ))
}

/// Classes whose objects are a JSON value each.
const SCALARS: [&str; 6] = [
    "java.lang.String",
    "java.lang.Boolean",
    "java.lang.Short",
    "java.lang.Integer",
    "java.lang.Long",
    "java.lang.Double",
];

/// A Java object that a client sends as JSON, read and written as the reference does; `None` for null. Of classes there
/// are Java's own.
fn java_object(class: &str, data: &multipart::Part) -> ApiResult<Option<TypedValue>> {
    let media = data.media_type.as_deref().unwrap_or("text/plain");
    if !media.starts_with("application/json") {
        return Err(ApiError::invalid_request(format!(
            "Unrecognized content type for serialized java type: {media}"
        )));
    }
    let unreadable = |why: String| {
        let error = ApiError::invalid_request(format!("Could not deserialize JSON object: {why}"));
        error.with_status(StatusCode::INTERNAL_SERVER_ERROR)
    };
    if class.is_empty() {
        let why = "Failed to parse type '' (remaining: ''): Unexpected end-of-string";
        return Err(unreadable(why.to_owned()));
    }
    let json: serde_json::Value =
        serde_json::from_slice(&data.bytes).map_err(|error| unreadable(error.to_string()))?;
    if json.is_null() {
        return Ok(None);
    }
    let object = TypedValue::Object {
        text: Some(json.to_string()),
        type_name: class.to_owned(),
        format: "application/json".to_owned(),
    };
    if SCALARS.contains(&class) {
        return Ok(Some(object));
    }
    match bpmn_core::passed_on(object.clone()) {
        read if read != object || class.contains('<') || class.starts_with("java.util.") => Ok(Some(read)),
        _ => Err(unreadable(format!(
            "Failed to parse type '{class}' (remaining: ''): Cannot locate class '{class}', problem: {class}"
        ))),
    }
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
    let found = found.map_err(error::api)?;
    // An instance goes by the ids of all that it has.
    Ok(found.filter(|instance| !place.is_task() || instance.tasks.get(id).is_some()))
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
            let decide = move |instance: &Instance| match instance.tasks.get(id) {
                Some(_) => Ok(command.clone()),
                None => Err(EngineError::NotFound {
                    entity: Entity::Task,
                    id,
                }),
            };
            engine
                .decide_entity(&call.caller, Entity::Task, id, Box::new(decide), render())
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
    if matches!(set, Err(VariableError::Engine(_))) && load(&call, place).await?.is_none() {
        // What can't be stored is seen when it is to be: not before the place is looked for.
        let id = call.param("id");
        let text = format!("Cannot modify variables for {word} {id}: {}", place.gone(id));
        return Err(ApiError::rest(StatusCode::INTERNAL_SERVER_ERROR, text));
    }
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
