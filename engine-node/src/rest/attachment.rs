//! `/task/{id}/attachment`: files and links at running and ended tasks.
use super::{
    call::{Call, answer, json, typed},
    comment::{id_beside, owner, shown},
    error, multipart,
};
use crate::{
    App,
    app::{Answer, operations, writer::now},
    query::note::{self, Noted, Of, Owner},
    store::{StoreError, operations::Told},
};
use axum::{
    Router,
    response::Response,
    routing::{get, post},
};
use bpmn_core::note::{Attachment, NoteChange};
use http::StatusCode;
use rest_api::{ApiError, ApiResult, Date, deployment::Link, note::Attachment as Dto};

/// Routes of this resource.
pub fn routes() -> Router<App> {
    let root = "/task/{id}/attachment";
    Router::new()
        .route(root, get(list))
        .route(&format!("{root}/create"), post(create))
        .route(&format!("{root}/{{attachmentId}}"), get(one).delete(delete))
        .route(&format!("{root}/{{attachmentId}}/data"), get(data))
}

fn no_task(call: &Call) -> ApiError {
    ApiError::not_found(format!("No task found for task id {}", call.param("id")))
}

fn dto(call: &Call, row: Noted<Attachment>, links: Vec<Link>) -> Dto {
    let (root_process_instance_id, removal_time) = shown(call, &row, row.note.root_id, row.note.bound);
    let attachment = row.note;
    Dto {
        links,
        id: attachment.id.to_string(),
        name: attachment.name,
        description: attachment.description,
        task_id: attachment.task_id.to_string(),
        kind: attachment.kind,
        url: attachment.url,
        create_time: Date(attachment.created),
        removal_time,
        root_process_instance_id,
    }
}

async fn read(call: &Call, of: Of<'_>) -> ApiResult<Vec<Noted<Attachment>>> {
    let snapshot = call.select(&note::attachments(of)).await?;
    let rows = snapshot.rows.iter().map(|row| note::attachment_row(&**row));
    rows.collect::<Result<_, StoreError>>().map_err(error::store)
}

async fn list(call: Call) -> ApiResult<Response> {
    let task = owner(&call, note::task, || no_task(&call)).await?;
    let rows = read(&call, Of::Task(task.id)).await?;
    let rows = rows.into_iter().map(|row| dto(&call, row, Vec::new()));
    Ok(json(&rows.collect::<Vec<_>>()))
}

/// The attachment in the path, if it is of the task there.
async fn find(call: &Call, missing: String) -> ApiResult<Noted<Attachment>> {
    let found = match call.id("attachmentId") {
        Some(id) => read(call, Of::One(id)).await?.pop(),
        None => None,
    };
    match found.filter(|row| Some(row.note.task_id) == call.id("id")) {
        Some(row) => Ok(row),
        None => Err(call.missing(call.id("id"), ApiError::not_found(missing)).await),
    }
}

async fn one(call: Call) -> ApiResult<Response> {
    let missing = format!(
        "Task attachment with id {} does not exist for task id '{}'.",
        call.param("attachmentId"),
        call.param("id")
    );
    let row = find(&call, missing).await?;
    Ok(json(&dto(&call, row, Vec::new())))
}

async fn data(call: Call) -> ApiResult<Response> {
    let missing = || {
        ApiError::not_found(format!(
            "Attachment content for attachment with id '{}' does not exist for task id '{}'.",
            call.param("attachmentId"),
            call.param("id")
        ))
    };
    let (task, attachment) = call.id("id").zip(call.id("attachmentId")).ok_or_else(missing)?;
    let snapshot = call.select(&note::content(task, attachment)).await?;
    let content = match snapshot.rows.first() {
        Some(row) => row.bytes_opt(0).map_err(error::store)?,
        None => None,
    };
    match content {
        Some(content) => Ok(typed("application/octet-stream", content)),
        None => Err(call.missing(Some(task), missing()).await),
    }
}

fn text(part: &multipart::Part) -> ApiResult<String> {
    let text = String::from_utf8_lossy(&part.bytes).into_owned();
    match text.contains('\0') {
        true => {
            let name = &part.name;
            Err(multipart::malformed(format!(
                "part '{name}' contains a NUL character"
            )))
        }
        false => Ok(text),
    }
}

fn tell(call: &mut Call, operation: &'static str, task: Owner, name: &Option<String>) {
    let told = Told::task_worker("Attachment", operation).changed("name", None, name.clone());
    call.tell(|| operations::at_task(task.id, told));
}

async fn create(mut call: Call) -> ApiResult<Response> {
    let parts = multipart::parts(&call).await?;
    let unknown = no_task(&call).with_status(StatusCode::BAD_REQUEST);
    let missing = || unknown.clone();
    let task = owner(&call, note::task, missing).await?;
    let part = |name: &str| parts.iter().find(|part| part.name == name);
    let text = |name: &str| part(name).map(text).transpose();
    let content = part("content").map(|part| part.bytes.to_vec());
    let url = text("url")?;
    if content.is_none() && url.is_none() {
        return Err(ApiError::invalid_request(
            "No content or url to remote content exists to create the task attachment.",
        ));
    }
    let attachment = Attachment {
        id: id_beside(&call, task, missing)?,
        root_id: task.root_id,
        task_id: task.id,
        name: text("attachment-name")?,
        description: text("attachment-description")?,
        kind: text("attachment-type")?,
        // Content is taken before a link to it.
        url: url.filter(|_| content.is_none()),
        user_id: call.caller.user.clone(),
        created: now(),
        bound: task.running && task.of_process,
        content,
    };
    tell(&mut call, "AddAttachment", task, &attachment.name);
    let href = format!(
        "{}/task/{}/attachment/{}",
        call.caller.base_url, task.id, attachment.id
    );
    let link = Link {
        method: "GET",
        href,
        rel: "self",
    };
    let shown = Noted {
        note: Attachment {
            content: None,
            ..attachment.clone()
        },
        definition_id: None,
        root_end: None,
    };
    let done = Answer::json(&dto(&call, shown, vec![link]));
    let changes = vec![NoteChange::PutAttachment(attachment)];
    let result = call.app.engine.note_task(&call.caller, task, changes, done).await;
    result.map(answer).map_err(error::unknown(missing, error::api))
}

async fn delete(mut call: Call) -> ApiResult<Response> {
    let unknown = format!(
        "Deletion is not possible. No attachment exists for task id '{}' and attachment id '{}'.",
        call.param("id"),
        call.param("attachmentId")
    );
    let missing = || unknown.clone();
    let row = find(&call, missing()).await?;
    let task = owner(&call, note::task, || ApiError::not_found(missing())).await?;
    tell(&mut call, "DeleteAttachment", task, &row.note.name);
    let changes = vec![NoteChange::DeleteAttachment(row.note.id)];
    let engine = &call.app.engine;
    let result = engine
        .note_task(&call.caller, task, changes, Answer::no_content())
        .await;
    let gone = || ApiError::not_found(missing());
    result.map(answer).map_err(error::unknown(gone, error::api))
}
