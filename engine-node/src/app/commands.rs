//! Starting and commanding instances: from a request to a writer's queue and back.
use super::{
    Answer, Caller, Deployed, Engine, EngineError, Inner,
    batcher::Batcher,
    operations::Tell,
    writer::{Decide, Task, Work},
};
use crate::store::{Entity, SlotRow, SlotState, StoreError, Subject};
use bpmn_core::{
    Id, Slot,
    change::Instruction,
    command::{Command, Outcome},
    instance::Instance,
    value::Variables,
};
use std::sync::{Arc, Weak};
use tokio::sync::oneshot;
use topology::SLOTS;

/// A process instance to be started.
pub struct Start {
    pub deployed: Arc<Deployed>,
    /// The start event; `None` is the none start event.
    pub element: Option<String>,
    pub business_key: Option<String>,
    /// Told of the instance, and otherwise nothing.
    pub case_instance_id: Option<String>,
    pub variables: Variables,
    /// The variables are what the start event's form was submitted with.
    pub form: bool,
    /// Instructions instead of a start event.
    pub by: Option<StartBy>,
}

/// How an instance starts that doesn't start at a start event.
#[derive(Clone, Debug)]
pub struct StartBy {
    /// The ended instance that is begun anew.
    pub restarted: Option<Id>,
    pub instructions: Vec<Instruction>,
    pub skip_listeners: bool,
    pub skip_mappings: bool,
}

/// Renders the REST answer after the step and before the commit, so that it can be remembered with an
/// `Idempotency-Key`. Called again when the command is repeated after a conflict.
pub type Render = Box<dyn Fn(&Instance, &Outcome) -> Answer + Send + Sync>;

/// What this database owned when it was last looked at: to place starts, and to refuse early. The write checks again.
#[derive(Debug, Default)]
pub struct Owned {
    rows: Vec<Option<(SlotState, u32)>>,
    owned: Vec<Slot>,
    /// Version of the slot rows, and connections lost until they were read: both unchanged, so are the rows.
    seen: Option<(i64, u64)>,
}

impl Owned {
    /// From the rows of the slot table.
    pub fn new(slots: &[SlotRow]) -> Owned {
        let mut rows = vec![None; SLOTS as usize];
        for row in slots {
            rows[row.slot.number() as usize] = Some((row.state, row.epoch));
        }
        let owned = slots
            .iter()
            .filter(|r| r.state == SlotState::Owned)
            .map(|r| r.slot)
            .collect();
        Owned {
            rows,
            owned,
            seen: None,
        }
    }

    /// The epoch known for a slot, 0 if it was never here.
    pub fn epoch(&self, slot: Slot) -> u32 {
        self.rows
            .get(slot.number() as usize)
            .copied()
            .flatten()
            .map_or(0, |(_, epoch)| epoch)
    }

    /// Whether writes to the slot are accepted here.
    pub fn owns(&self, slot: Slot) -> bool {
        matches!(
            self.rows.get(slot.number() as usize),
            Some(Some((SlotState::Owned, _)))
        )
    }

    /// Whether reads of the slot are answered here.
    pub fn shows(&self, slot: Slot) -> bool {
        matches!(
            self.rows.get(slot.number() as usize),
            Some(Some((SlotState::Owned | SlotState::Fenced, _)))
        )
    }

    /// Every owned slot.
    pub fn slots(&self) -> &[Slot] {
        &self.owned
    }
}

impl Inner {
    /// Reads the slot table again if it has changed; trouble is logged and leaves the old picture, which the write
    /// checks anyway.
    pub async fn refresh_owned(&self) {
        if let Err(error) = self.read_owned().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "slot table not read");
        }
    }

    async fn read_owned(&self) -> Result<(), StoreError> {
        // The version before the rows: they are at least as new.
        let lost = self.store.lost_connections();
        let seen = Some((self.store.slots_version().await?, lost));
        if self.owned.load().seen != seen {
            let rows = self.store.slots().await?;
            self.owned.store(Arc::new(Owned {
                seen,
                ..Owned::new(&rows)
            }));
            // Start timers and batches may have come with slots.
            self.news.heard(Subject::Log);
            self.news.heard(Subject::Batches);
        }
        Ok(())
    }

    /// The writer of a slot.
    pub(super) fn writer(&self, slot: Slot) -> &super::writer::Handle {
        &self.writers[slot.number() as usize % self.writers.len()]
    }

    /// 421 for that slot, with the epoch known here.
    pub fn misdirected(&self, slot: Slot) -> EngineError {
        EngineError::Misdirected {
            slot,
            epoch: self.owned.load().epoch(slot),
        }
    }

    /// A definition that instances refer to.
    pub fn deployed(&self, id: Id) -> Result<Arc<Deployed>, EngineError> {
        self.catalog.view().by_id(id).cloned().ok_or_else(|| {
            EngineError::NotReplicated(format!(
                "process definition {id} has not arrived at this node yet"
            ))
        })
    }
}

impl Engine {
    /// Reads which slots this database owns; call after each change of slots.
    pub async fn refresh_owned(&self) {
        self.inner.refresh_owned().await;
    }

    /// What this database owned when last looked at.
    pub fn owned(&self) -> Arc<Owned> {
        self.inner.owned.load_full()
    }

    /// Refuses a slot that isn't owned here, looking into the database before it does.
    pub async fn check_slot(&self, slot: Slot) -> Result<(), EngineError> {
        if self.inner.owned.load().owns(slot) {
            return Ok(());
        }
        self.refused_unless(slot, |owned| owned.owns(slot)).await
    }

    async fn refused_unless(&self, slot: Slot, holds: impl Fn(&Owned) -> bool) -> Result<(), EngineError> {
        self.inner.refresh_owned().await;
        if holds(&self.inner.owned.load()) {
            Ok(())
        } else {
            Err(self.inner.misdirected(slot))
        }
    }

    /// Starts an instance and answers after the commit. Its slot: the router's, if it placed the start by something else;
    /// the business key's; else the router's choice; else the idempotency key's; else any that this shard owns.
    ///
    /// # Errors
    /// [`EngineError::Misdirected`] if the router chose another slot than the business key's, or the slot isn't
    /// owned here; whatever running the process to its first wait states gives.
    pub async fn start(&self, caller: &Caller, start: Start, render: Render) -> Result<Answer, EngineError> {
        let by_key = start
            .business_key
            .as_deref()
            .filter(|key| !key.is_empty() && !caller.placed)
            .map(Slot::of_key);
        let slot = match (by_key, caller.slot) {
            (Some(right), Some(chosen)) if right != chosen => {
                return Err(EngineError::Misdirected {
                    slot: right,
                    epoch: self.inner.owned.load().epoch(right),
                });
            }
            (Some(slot), _) | (None, Some(slot)) => slot,
            (None, None) => match &caller.idempotency {
                Some(key) => Slot::of_key(&key.key),
                None => self.any_owned_slot()?,
            },
        };
        self.check_slot(slot).await?;
        self.submit(caller, slot, Task::Start(Box::new(start)), render)
            .await
    }

    /// A random slot among those owned here.
    pub fn any_owned_slot(&self) -> Result<Slot, EngineError> {
        let owned = self.inner.owned.load();
        let slots = owned.slots();
        if slots.is_empty() {
            return Err(EngineError::Busy("this shard owns no slots yet".into()));
        }
        Ok(slots[rand::random_range(0..slots.len())])
    }

    /// Carries a command out on an instance and answers after the commit.
    pub async fn command(
        &self,
        caller: &Caller,
        instance: Id,
        command: Command,
        render: Render,
    ) -> Result<Answer, EngineError> {
        self.decide(caller, instance, Box::new(move |_| Ok(command.clone())), render)
            .await
    }

    /// Like [`Engine::command`] for whatever instance the entity belongs to.
    pub async fn entity_command(
        &self,
        caller: &Caller,
        entity: Entity,
        id: Id,
        command: Command,
        render: Render,
    ) -> Result<Answer, EngineError> {
        self.decide_entity(caller, entity, id, Box::new(move |_| Ok(command.clone())), render)
            .await
    }

    /// Carries out a command that is decided on the instance as it is written, again after each conflict; what it
    /// refuses is decided on the stored state.
    pub async fn decide(
        &self,
        caller: &Caller,
        instance: Id,
        decide: Decide,
        render: Render,
    ) -> Result<Answer, EngineError> {
        let slot = instance.slot().ok_or(EngineError::NotFound {
            entity: Entity::Execution,
            id: instance,
        })?;
        let result = self
            .submit(caller, slot, Task::Command { instance, decide }, render)
            .await;
        match result {
            Err(EngineError::NotFound { .. }) => {
                // Not here, or no longer: only the owner of the slot may say that it doesn't exist.
                self.refused_unless(slot, |owned| owned.shows(slot)).await?;
                result
            }
            other => other,
        }
    }

    /// [`Engine::decide`] for whatever instance the entity belongs to.
    pub async fn decide_entity(
        &self,
        caller: &Caller,
        entity: Entity,
        id: Id,
        decide: Decide,
        render: Render,
    ) -> Result<Answer, EngineError> {
        let missing = EngineError::NotFound { entity, id };
        if id.slot().is_none() {
            return Err(missing);
        }
        // An entity never changes its instance; whether it is still there the command itself sees.
        let warm = self.inner.cache.owner(id);
        let instance = match warm {
            Some(instance) => Some(instance),
            None => self.inner.owners.ask((entity, id)).await?,
        };
        let result = match instance {
            Some(instance) => self.decide(caller, instance, decide, render).await,
            None => Err(EngineError::NotFound { entity, id }),
        };
        match result {
            Err(EngineError::NotFound { .. }) => {}
            // That this instance has no such entity may only be said of what the database knows too.
            Err(EngineError::Rejected(_)) if warm.is_some() => {
                if self.inner.owners.ask((entity, id)).await?.is_some() {
                    return result;
                }
            }
            other => return other,
        }
        let Some(slot) = self.home_of(entity, id, caller.slot).await? else {
            return Err(missing);
        };
        // The first try of a repeated request may have removed the entity itself.
        match self.remembered(caller, slot).await? {
            Some(answer) => Ok(answer),
            None => Err(missing),
        }
    }

    /// What a first try of the caller's request was answered, if its record is in that slot.
    pub(super) async fn remembered(
        &self,
        caller: &Caller,
        slot: Slot,
    ) -> Result<Option<Answer>, EngineError> {
        let Some((key, digest)) = idempotency(caller) else {
            return Ok(None);
        };
        match self.inner.store.idempotency(slot, &key).await? {
            None => Ok(None),
            Some(row) if row.digest == digest => Ok(Some(Answer {
                status: row.status,
                body: row.body,
                needs: Vec::new(),
            })),
            Some(_) => Err(EngineError::KeyReused(
                key.split('\n').next_back().unwrap_or_default().to_owned(),
            )),
        }
    }

    /// An instance as the database has it now; `None` if it doesn't run (or never did).
    pub async fn load(&self, instance: Id) -> Result<Option<Arc<Instance>>, EngineError> {
        let found = self.inner.store.load(&[instance]).await?.pop();
        if found.is_none()
            && let Some(slot) = instance.slot()
        {
            self.refused_unless(slot, |owned| owned.shows(slot)).await?;
        }
        Ok(found.map(Arc::new))
    }

    /// The instance that an entity belongs to.
    pub async fn load_entity(&self, entity: Entity, id: Id) -> Result<Option<Arc<Instance>>, EngineError> {
        self.load_sent(entity, id, None).await
    }

    /// The instance of the task that a request is about.
    pub async fn load_task(&self, caller: &Caller, id: Id) -> Result<Option<Arc<Instance>>, EngineError> {
        self.load_sent(Entity::Task, id, caller.slot).await
    }

    async fn load_sent(
        &self,
        entity: Entity,
        id: Id,
        sent_to: Option<Slot>,
    ) -> Result<Option<Arc<Instance>>, EngineError> {
        let instance = match self.inner.cache.owner(id) {
            Some(instance) => Some(instance),
            None => self.inner.owners.ask((entity, id)).await?,
        };
        match instance {
            Some(instance) => self.load(instance).await,
            None => {
                self.home_of(entity, id, sent_to).await?;
                Ok(None)
            }
        }
    }

    /// The slot that an entity which isn't here would be in. A task called by a client's id may live in another one than
    /// that of its id: in the one that the request was sent to, if a router has been told so.
    ///
    /// # Errors
    /// [`EngineError::Misdirected`] if that slot is elsewhere.
    async fn home_of(
        &self,
        entity: Entity,
        id: Id,
        sent_to: Option<Slot>,
    ) -> Result<Option<Slot>, EngineError> {
        let Some(slot) = id.slot() else {
            return Ok(None);
        };
        let sent_on = sent_to.filter(|sent| entity == Entity::Task && *sent != slot);
        let home = sent_on.unwrap_or(slot);
        self.refused_unless(home, |owned| owned.shows(home)).await?;
        if entity == Entity::Task && sent_on.is_none() {
            self.follow_alias(id).await?;
        }
        Ok(Some(home))
    }

    fn telling(&self, caller: &Caller) -> Option<(Tell, Option<Id>)> {
        let tell = caller.log.tell.as_ref()?;
        self.logs(caller).then(|| (tell.clone(), caller.log.operation))
    }

    /// Queues a task at its slot's writer and waits for its answer.
    pub(crate) async fn submit(
        &self,
        caller: &Caller,
        slot: Slot,
        task: Task,
        render: Render,
    ) -> Result<Answer, EngineError> {
        let (reply, answer) = oneshot::channel();
        let work = Work {
            slot,
            task,
            render,
            user: caller.user.clone(),
            rights: caller.rights.clone(),
            tell: self.telling(caller),
            idempotency: idempotency(caller),
            reply,
            conflicts: 0,
            replay: None,
            trace: service::trace::current().map(Box::new),
        };
        self.inner.writer(slot).send(work)?;
        answer
            .await
            .unwrap_or_else(|_| Err(EngineError::Busy("the node is shutting down".into())))
    }
}

/// Looks up which instances entities belong to, those asked for at the same time in one statement per kind.
pub(super) fn owners(engine: Weak<Inner>, queue_max: usize) -> Batcher<(Entity, Id), Option<Id>> {
    Batcher::start(queue_max, move |asked: Vec<(Entity, Id)>| {
        let engine = engine.clone();
        async move {
            let store = engine.upgrade()?.store.clone();
            let mut found = vec![None; asked.len()];
            let mut rest: Vec<usize> = (0..asked.len()).collect();
            while let Some(first) = rest.first() {
                let kind = asked[*first].0;
                let (these, others): (Vec<usize>, Vec<usize>) =
                    rest.iter().partition(|at| asked[**at].0 == kind);
                rest = others;
                let ids: Vec<Id> = these.iter().map(|at| asked[*at].1).collect();
                match store.instances_of(kind, &ids).await {
                    Ok(owners) => these
                        .iter()
                        .zip(owners)
                        .for_each(|(at, owner)| found[*at] = owner),
                    Err(error) => return Some(Err(error)),
                }
            }
            Some(Ok(found))
        }
    })
}

/// Keys are scoped to the authenticated user.
fn idempotency(caller: &Caller) -> Option<(String, String)> {
    let key = caller.idempotency.as_ref()?;
    Some((
        format!("{}\n{}", caller.user.as_deref().unwrap_or_default(), key.key),
        key.digest.clone(),
    ))
}
