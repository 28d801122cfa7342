//! `/task/{id}/comment` and `/process-instance/{id}/comment`: comments of running and ended tasks.
use super::{
    call::{Call, answer, json, no_content},
    error, history,
};
use crate::{
    App,
    app::{
        Answer,
        operations::{self, Tell},
        writer::now,
    },
    query::note::{self, Noted, Of, Owner},
    store::{StoreError, operations::Told},
};
use axum::{
    Router,
    response::Response,
    routing::{get, post},
};
use bpmn_core::{
    Id,
    command::Command,
    note::{Comment, NoteChange},
};
use rest_api::{ApiError, ApiResult, Date, deployment::Link, note::Comment as Dto};
use sea_query::SelectStatement;

/// Routes of this resource.
pub fn routes() -> Router<App> {
    use Place::{Instance, Task};
    let (task, instance) = ("/task/{id}/comment", "/process-instance/{id}/comment");
    let of_task = get(|call: Call| of_place(call, Task))
        .put(|call: Call| update(call, Task))
        .delete(|call: Call| delete_all(call, Task));
    let of_instance = get(|call: Call| of_place(call, Instance))
        .put(|call: Call| update(call, Instance))
        .delete(|call: Call| delete_all(call, Instance));
    let one_of_instance = axum::routing::delete(|call: Call| delete(call, Instance));
    Router::new()
        .route(task, of_task)
        .route(&format!("{task}/create"), post(create))
        .route(
            &format!("{task}/{{commentId}}"),
            get(one).delete(|call: Call| delete(call, Task)),
        )
        .route(instance, of_instance)
        .route(&format!("{instance}/{{commentId}}"), one_of_instance)
}

/// Whose comments a path means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Task,
    Instance,
}

impl Place {
    fn missing(self, id: &str) -> ApiError {
        let what = match self {
            Place::Task => "task found for task id",
            Place::Instance => "process instance found for id",
        };
        ApiError::not_found(format!("No {what} {id}"))
    }

    /// It was there and has ended.
    fn ended(self, id: &str) -> ApiError {
        let what = match self {
            Place::Task => format!("No task exists with taskId: {id}: task is null"),
            Place::Instance => {
                format!("No processInstance exists with processInstanceId: {id}: processInstance is null")
            }
        };
        ApiError::invalid_request(what)
    }

    async fn owner(self, call: &Call) -> ApiResult<Owner> {
        let query = match self {
            Place::Task => note::task,
            Place::Instance => note::instance,
        };
        owner(call, query, || self.missing(call.param("id"))).await
    }

    fn comments<'a>(self, call: &'a Call, owner: Owner) -> Of<'a> {
        match self {
            Place::Task => Of::Task(owner.id),
            Place::Instance => Of::Instance(call.param("id")),
        }
    }

    fn has(self, owner: Owner, comment: &Comment) -> bool {
        match self {
            Place::Task => comment.task_id == owner.id,
            Place::Instance => comment.process_instance_id.as_deref() == Some(&owner.id.to_string()),
        }
    }

    fn tell(self, call: &mut Call, told: Told) {
        match (self, call.id("id")) {
            (Place::Task, Some(id)) => call.tell(|| operations::at_task(id, told)),
            _ => call.tell(|| Tell::just(vec![told])),
        }
    }

    fn tell_deleted(self, call: &mut Call) {
        let told = Told::task_worker("Comment", "DeleteComment");
        self.tell(call, told.changed("comment", None, None));
    }

    /// Writes changes of comments of what runs.
    async fn change(self, call: &Call, owner: Owner, changes: Vec<NoteChange>) -> ApiResult<Response> {
        let ended = || self.ended(call.param("id"));
        if !owner.running {
            return Err(ended());
        }
        let (engine, caller, done) = (&call.app.engine, &call.caller, Answer::no_content());
        let result = match self {
            Place::Task => engine.note_task(caller, owner, changes, done).await,
            Place::Instance => {
                let command = Command::Note { task: None, changes };
                engine
                    .command(caller, owner.id, command, Box::new(move |_, _| done.clone()))
                    .await
            }
        };
        result.map(answer).map_err(error::unknown(ended, error::api))
    }
}

/// The task or process instance in the path, running or ended.
pub(super) async fn owner(
    call: &Call,
    query: impl Fn(Id) -> SelectStatement,
    missing: impl Fn() -> ApiError,
) -> ApiResult<Owner> {
    super::lists::one(call, call.id("id"), query, note::owner_row, missing).await
}

/// Notes with the root and the removal time that they show.
pub(super) fn shown<N>(call: &Call, row: &Noted<N>, root: Id, bound: bool) -> (Option<String>, Option<Date>) {
    if !bound {
        return (None, None);
    }
    let removal = row
        .definition_id
        .and_then(|id| history::removal(&call.catalog(), id, row.root_end));
    (Some(root.to_string()), removal)
}

fn dto(call: &Call, row: Noted<Comment>, links: Vec<Link>) -> Dto {
    let (root_process_instance_id, removal_time) = shown(call, &row, row.note.root_id, row.note.bound);
    let comment = row.note;
    Dto {
        links,
        id: comment.id.to_string(),
        user_id: comment.user_id,
        time: Date(comment.time),
        task_id: comment.task_id.to_string(),
        message: comment.message,
        removal_time,
        root_process_instance_id,
        process_instance_id: comment.process_instance_id,
    }
}

async fn read(call: &Call, of: Of<'_>) -> ApiResult<Vec<Noted<Comment>>> {
    let snapshot = call.select(&note::comments(of)).await?;
    let rows = snapshot.rows.iter().map(|row| note::comment_row(&**row));
    rows.collect::<Result<_, StoreError>>().map_err(error::store)
}

async fn of_place(call: Call, place: Place) -> ApiResult<Response> {
    let owner = place.owner(&call).await?;
    let rows = read(&call, place.comments(&call, owner)).await?;
    let rows = rows.into_iter().map(|row| dto(&call, row, Vec::new()));
    Ok(json(&rows.collect::<Vec<_>>()))
}

async fn find(call: &Call, id: Option<Id>) -> ApiResult<Option<Noted<Comment>>> {
    match id {
        Some(id) => Ok(read(call, Of::One(id)).await?.pop()),
        None => Ok(None),
    }
}

async fn one(call: Call) -> ApiResult<Response> {
    let found = find(&call, call.id("commentId")).await?;
    match found.filter(|row| Some(row.note.task_id) == call.id("id")) {
        Some(row) => Ok(json(&dto(&call, row, Vec::new()))),
        None => {
            let text = format!(
                "Task comment with id {} does not exist for task id '{}'.",
                call.param("commentId"),
                call.param("id")
            );
            Err(call.missing(call.id("id"), ApiError::not_found(text)).await)
        }
    }
}

async fn create(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let missing = || {
        Place::Task
            .missing(call.param("id"))
            .with_status(http::StatusCode::BAD_REQUEST)
    };
    let task = owner(&call, note::task, missing).await?;
    let message = body
        .text("message")?
        .ok_or_else(|| ApiError::invalid_request("Not enough parameters submitted").with_code(0))?;
    let comment = Comment {
        id: id_beside(&call, task, missing)?,
        root_id: task.root_id,
        task_id: task.id,
        process_instance_id: body.text("processInstanceId")?,
        user_id: call.caller.user.clone(),
        time: now(),
        message,
        bound: task.running && task.of_process,
    };
    let href = format!("{}/task/{}/comment/{}", call.caller.base_url, task.id, comment.id);
    let link = Link {
        method: "GET",
        href,
        rel: "self",
    };
    let row = Noted {
        note: comment.clone(),
        definition_id: None,
        root_end: None,
    };
    let done = Answer::json(&dto(&call, row, vec![link]));
    let changes = vec![NoteChange::PutComment(comment)];
    let result = call.app.engine.note_task(&call.caller, task, changes, done).await;
    result.map(answer).map_err(error::unknown(missing, error::api))
}

/// A new id in the slot of what it belongs to.
pub(super) fn id_beside(call: &Call, owner: Owner, missing: impl Fn() -> ApiError) -> ApiResult<Id> {
    let slot = owner.root_id.slot().ok_or_else(missing)?;
    Ok(call.app.engine.new_id(slot))
}

async fn update(mut call: Call, place: Place) -> ApiResult<Response> {
    let body = call.body()?;
    let owner = place.owner(&call).await?;
    if call.without_body() {
        return Err(ApiError::null_pointer(
            "Cannot invoke \"org.camunda.bpm.engine.rest.dto.task.CommentDto.getId()\" because \"comment\" is null",
        ));
    }
    let null = |what: &str| ApiError::invalid_request(format!("{what} is null"));
    let id = body.text("id")?.ok_or_else(|| null("commentId"))?;
    let message = body.text("message")?.ok_or_else(|| null("message"))?;
    let found = find(&call, id.parse().ok()).await?;
    let Some(found) = found.filter(|row| place.has(owner, &row.note)) else {
        let of = match place {
            Place::Task => "taskId",
            Place::Instance => "processInstanceId",
        };
        return Err(ApiError::invalid_request(format!(
            "No comment exists with commentId: {id} and {of}: {}: comment is null",
            call.param("id")
        )));
    };
    let told = Told::task_worker("Comment", "UpdateComment");
    let told = told.changed("comment", Some(found.note.message.clone()), Some(message.clone()));
    place.tell(&mut call, told);
    let comment = Comment {
        message,
        time: now(),
        ..found.note
    };
    place
        .change(&call, owner, vec![NoteChange::PutComment(comment)])
        .await
}

async fn delete(mut call: Call, place: Place) -> ApiResult<Response> {
    let owner = place.owner(&call).await?;
    if !owner.running {
        return Err(place.ended(call.param("id")));
    }
    let found = find(&call, call.id("commentId")).await?;
    match found.filter(|row| place.has(owner, &row.note)) {
        Some(row) => {
            place.tell_deleted(&mut call);
            place
                .change(&call, owner, vec![NoteChange::DeleteComment(row.note.id)])
                .await
        }
        None => Ok(no_content()),
    }
}

async fn delete_all(mut call: Call, place: Place) -> ApiResult<Response> {
    let owner = place.owner(&call).await?;
    let rows = read(&call, place.comments(&call, owner)).await?;
    // A task has been changed even if it had none.
    if rows.is_empty() && owner.running && place == Place::Instance {
        return Ok(no_content());
    }
    place.tell_deleted(&mut call);
    let gone = rows.iter().map(|row| NoteChange::DeleteComment(row.note.id));
    place.change(&call, owner, gone.collect()).await
}
