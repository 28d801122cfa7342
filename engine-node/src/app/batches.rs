//! Batches: much to be done, each thing by a request of its own that a client could have sent for it. What a shard has
//! of a batch begins here; `rest::batch` sends the requests.
use super::{Caller, Engine, EngineError, history::LevelName, writer::now};
use crate::store::{BatchChange, BatchJobs, Begun, NewBatch, NewWork, Subject};
use bpmn_core::{Id, Slot};
use rest_api::batch::{Part, id_of_key};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How often a batch is begun anew while slots are being moved.
const TRIES: usize = 10;

/// One thing that is to be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Thing {
    /// What it is done for, as far as that has an id: it waits in its slot.
    pub id: Option<Id>,
    /// Of the definition that this belongs to: those of one deployment have their turn together.
    pub deployment_id: Option<Id>,
    pub request: Request,
}

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
    /// The thing that it is for, as far as it names one by an id.
    pub fn thing(&self) -> Option<Id> {
        let path = self.path.split('?').next().unwrap_or_default();
        let in_path = path.split('/').find_map(|part| part.parse::<Id>().ok());
        let in_body = || {
            let one = self.body["processInstanceId"].as_str();
            let several = self.body["processInstanceIds"][0].as_str();
            one.or(several)?.parse().ok()
        };
        in_path.or_else(in_body)
    }

    /// The idempotency key under which it is sent, so that it has its effect once.
    pub fn key(work: Id) -> String {
        format!("batch {work}")
    }
}

impl Engine {
    /// Begins what this shard has of a batch. Its own jobs are here too, unless the router says otherwise. A batch that has begun already stays as it is: a repeated request makes no second one.
    ///
    /// # Errors
    /// [`EngineError::KeyReused`] for another request with its idempotency key; [`EngineError::Busy`] if this shard owns
    /// nothing, or slots keep moving; then nothing was done.
    pub async fn begin_batch(
        &self,
        caller: &Caller,
        kind: &str,
        tenant_id: Option<String>,
        work: Vec<Thing>,
    ) -> Result<Part, EngineError> {
        let by_key = caller
            .idempotency
            .as_ref()
            .map(|key| id_of_key(caller.user.as_deref().unwrap_or_default(), &key.key));
        for _ in 0..TRIES {
            let home = self.any_owned_slot()?;
            let id = caller
                .batch
                .or(by_key)
                .unwrap_or_else(|| self.inner.ids.next(home));
            let mut batch = self.new_batch(caller, kind, id, home, &work)?;
            batch.tenant_id.clone_from(&tenant_id);
            match self.store().begin_batch(&batch).await? {
                Begun::Done | Begun::Known => return Ok(self.begun(batch)),
                Begun::Other => {
                    let key = caller.idempotency.as_ref().map(|key| key.key.clone());
                    return Err(EngineError::KeyReused(key.unwrap_or_default()));
                }
                // It is being moved: what belongs there waits at home, and is sent after it ([`Request::thing`]).
                Begun::NotOwner(_) => self.refresh_owned().await,
            }
        }
        Err(EngineError::Busy("slots are being moved".into()))
    }

    fn new_batch(
        &self,
        caller: &Caller,
        kind: &str,
        id: Id,
        home: Slot,
        work: &[Thing],
    ) -> Result<NewBatch, EngineError> {
        let owned = self.owned();
        let slot_of = |id: &Option<Id>| id.and_then(Id::slot).filter(|slot| owned.owns(*slot));
        let level = self.history().level;
        let jobs = BatchJobs {
            deployment_id: work.iter().filter_map(|thing| thing.deployment_id).min(),
            ..BatchJobs::default()
        };
        let mut batch = NewBatch {
            id,
            slot: home,
            kind: kind.to_owned(),
            started: now(),
            recorded: matches!(level, LevelName::Full | LevelName::Custom),
            create_user: caller.user.clone(),
            tenant_id: None,
            digest: caller.idempotency.as_ref().map(|key| key.digest.clone()),
            jobs: caller.batch.is_none().then(|| (jobs, self.inner.ids.next(home))),
            work: Vec::with_capacity(work.len()),
        };
        for thing in work {
            let slot: Slot = slot_of(&thing.id).unwrap_or(home);
            let request = Request {
                user: caller.user.clone(),
                ..thing.request.clone()
            };
            let request = serde_json::to_string(&request);
            let request = request.map_err(|error| EngineError::Busy(error.to_string()))?;
            let id = self.inner.ids.next(slot);
            batch.work.push(NewWork {
                id,
                slot,
                request,
                deployment_id: thing.deployment_id,
            });
        }
        Ok(batch)
    }

    fn begun(&self, batch: NewBatch) -> Part {
        self.news().heard(Subject::Batches);
        Part {
            id: batch.id.to_string(),
            kind: Some(batch.kind),
            total: batch.work.len() as i64,
            waiting: batch.work.len() as i64,
            running: true,
            recorded: batch.recorded,
            started: Some(batch.started),
            create_user: batch.create_user,
            tenant_id: batch.tenant_id,
            ..Part::default()
        }
    }

    /// Whether a request has had its effect already, and only the word of it was lost.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn has_done(&self, work: Id, request: &Request) -> Result<bool, EngineError> {
        let thing = request.thing().and_then(Id::slot);
        let Some(slot) = thing.or(work.slot()) else {
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
