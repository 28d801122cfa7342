//! Batches: much to be done, each thing by a request of its own that a client could have sent for it. What a shard has
//! of a batch begins here; `rest::batch` sends the requests.
use super::{Caller, Engine, EngineError, history::LevelName, writer::now};
use crate::store::{BatchChange, Begun, NewBatch, NewWork, Subject};
use bpmn_core::{Id, Slot};
use rest_api::batch::{Part, id_of_key};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is to be done for one thing, as a request to this API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    pub method: String,
    /// Behind the REST root, with its query.
    pub path: String,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub body: Value,
    /// In whose name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// What a 404 says, where the reference words it in another way than this operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
}

impl Request {
    /// The idempotency key under which it is sent, so that it has its effect once.
    pub fn key(work: Id) -> String {
        format!("batch {work}")
    }
}

impl Engine {
    /// Begins what this shard has of a batch: each request with the id of the thing that it is for, in whose slot it
    /// waits. A batch that has begun already stays as it is: a repeated request makes no second one.
    ///
    /// # Errors
    /// [`EngineError::Busy`] while a slot is being moved; then nothing was done.
    pub async fn begin_batch(
        &self,
        caller: &Caller,
        kind: &str,
        work: Vec<(Option<Id>, Request)>,
    ) -> Result<Part, EngineError> {
        let home = self.any_owned_slot()?;
        let owned = self.owned();
        let slot_of = |id: &Option<Id>| id.and_then(Id::slot).filter(|slot| owned.owns(*slot));
        let by_key = caller
            .idempotency
            .as_ref()
            .map(|key| id_of_key(caller.user.as_deref().unwrap_or_default(), &key.key));
        let level = self.history().level;
        let mut batch = NewBatch {
            id: caller
                .batch
                .or(by_key)
                .unwrap_or_else(|| self.inner.ids.next(home)),
            slot: home,
            kind: kind.to_owned(),
            started: now(),
            recorded: matches!(level, LevelName::Full | LevelName::Custom),
            create_user: caller.user.clone(),
            work: Vec::with_capacity(work.len()),
        };
        for (thing, mut request) in work {
            let slot: Slot = slot_of(&thing).unwrap_or(home);
            request.user.clone_from(&caller.user);
            let request = serde_json::to_string(&request);
            let request = request.map_err(|error| EngineError::Busy(error.to_string()))?;
            let id = self.inner.ids.next(slot);
            batch.work.push(NewWork { id, slot, request });
        }
        match self.store().begin_batch(&batch).await? {
            Begun::Done | Begun::Known => {}
            Begun::NotOwner(slot) => {
                return Err(EngineError::Busy(format!("slot {slot} is being moved")));
            }
        }
        self.news().heard(Subject::Batches);
        Ok(Part {
            id: batch.id.to_string(),
            kind: Some(batch.kind),
            total: batch.work.len() as i64,
            running: true,
            recorded: batch.recorded,
            started: Some(batch.started),
            create_user: batch.create_user,
            ..Part::default()
        })
    }

    /// Whether a request has had its effect already, and only the word of it was lost.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn has_done(&self, work: Id, request: &Request) -> Result<bool, EngineError> {
        let Some(slot) = work.slot() else {
            return Ok(false);
        };
        let user = request.user.as_deref().unwrap_or_default();
        let key = format!("{user}\n{}", Request::key(work));
        Ok(self.store().idempotency(slot, &key).await?.is_some())
    }

    /// Changes what this shard has of a batch.
    ///
    /// # Errors
    /// [`EngineError::Busy`] while one of its slots is being moved; then nothing was done.
    pub async fn change_batch(&self, id: Id, change: BatchChange) -> Result<(), EngineError> {
        match self.store().change_batch(id, change).await? {
            true => {
                self.news().heard(Subject::Batches);
                Ok(())
            }
            false => Err(EngineError::Busy(
                "slots with work of the batch are being moved".into(),
            )),
        }
    }
}
