//! Tasks that no process has made: where they go, and ids that clients choose for them (protocol 11).
//!
//! Such an id is kept as an alias in the slot of its hash, before the task is made: that makes it unique, and any router
//! finds the task by it. A part of another task lives with that; where that is another slot, the alias says which.
use super::{Answer, Caller, Engine, EngineError, Inner, commands::Render, writer::Task};
use crate::{
    query::alias,
    store::{AliasKind, AliasRow, Applied, Entity, StoreError, Unit},
};
use bpmn_core::{
    Id, Slot,
    command::{Command, NewTask, TaskChange},
};
use http::Method;
use serde::{Deserialize, Serialize};

/// The reference's word for a row that its database refuses.
pub const PERSISTENCE: &str = "ProcessEnginePersistenceException";

/// The error for an id that is taken, in the reference's words.
pub fn taken() -> EngineError {
    EngineError::Invalid {
        kind: PERSISTENCE,
        message: "An exception occurred in the persistence layer. Please check the server logs for a detailed message \
                  and the entire exception stack trace."
            .to_owned(),
    }
}

/// A request between shards: an id that a client has chosen leads to that slot.
#[derive(Debug, Serialize, Deserialize)]
pub struct Reservation {
    pub text: String,
    pub target: Slot,
}

/// Where an id leads.
#[derive(Debug, Serialize, Deserialize)]
pub struct Reserved {
    pub target: Slot,
    /// It did so before.
    pub before: bool,
}

/// The row that keeps how a client names a parent that isn't there.
pub(super) fn parent_row(change: &TaskChange, slot: Slot) -> Option<AliasRow> {
    let text = change.parent_name.clone()?;
    let entity_id = change.parent??;
    Some(AliasRow {
        slot,
        kind: AliasKind::Name,
        text,
        unit_slot: slot,
        root_id: None,
        entity_id,
    })
}

/// The rows of an id that a client has chosen for what lives in a slot: all that this database keeps.
pub(super) fn rows(inner: &Inner, new: &NewTask, unit_slot: Slot, root: Id) -> Vec<AliasRow> {
    let (Some(text), Some(entity_id)) = (&new.name, new.id) else {
        return Vec::new();
    };
    let home = entity_id.slot().unwrap_or(unit_slot);
    let row = |slot: Slot, kind: AliasKind| AliasRow {
        slot,
        kind,
        text: text.clone(),
        unit_slot,
        root_id: (slot == unit_slot).then_some(root),
        entity_id,
    };
    if home == unit_slot {
        return vec![row(home, AliasKind::Place)];
    }
    let mut rows = vec![row(unit_slot, AliasKind::Name)];
    if inner.owned.load().owns(home) {
        rows.push(row(home, AliasKind::Place));
    }
    rows
}

impl Inner {
    /// Whether any of these ids stands for a client's text already.
    pub(super) async fn is_taken(&self, entities: &[Id]) -> Result<bool, StoreError> {
        for id in entities {
            if self.place_of(*id).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn place_of(&self, entity: Id) -> Result<Option<Slot>, StoreError> {
        let found = self.store.select(&alias::place(entity)).await?;
        found.rows.first().map(|row| alias::place_row(&**row)).transpose()
    }

    async fn has_task(&self, id: Id) -> Result<bool, StoreError> {
        Ok(!self.store.select(&alias::task(id)).await?.rows.is_empty())
    }
}

impl Engine {
    /// Makes a task and answers after the commit: in the slot of what it is part of; else of its id, if the client has
    /// chosen one; else as a start without a business key.
    ///
    /// # Errors
    /// [`taken`] for an id that is or was a task's; [`EngineError::NotFound`] for an unknown parent.
    pub async fn create_task(&self, caller: &Caller, mut new: NewTask) -> Result<Answer, EngineError> {
        new.id = new.name.as_deref().map(Id::of_text);
        if let Some(id) = new.id
            && self.inner.has_task(id).await?
        {
            // By the first try of this very request, perhaps.
            let before = match caller.slot.or(id.slot()) {
                Some(slot) => self.remembered(caller, slot).await?,
                None => None,
            };
            return before.ok_or_else(taken);
        }
        let render: Render = Box::new(|_, _| Answer::no_content());
        let Some(parent) = new.parent else {
            let slot = match (new.id.and_then(Id::slot), caller.slot, &caller.idempotency) {
                (Some(slot), ..) | (None, Some(slot), _) => slot,
                (None, None, Some(key)) => Slot::of_key(&key.key),
                (None, None, None) => self.any_owned_slot()?,
            };
            self.check_slot(slot).await?;
            if let Some(id) = new.id
                && self.inner.is_taken(&[id]).await?
            {
                return Err(taken());
            }
            return self
                .submit(caller, slot, Task::NewTask(Box::new(new)), render)
                .await;
        };
        if let (Some(text), Some(id)) = (&new.name, new.id) {
            let missing = || EngineError::NotFound {
                entity: Entity::Task,
                id: parent,
            };
            let unit = self
                .load_entity(Entity::Task, parent)
                .await?
                .ok_or_else(missing)?;
            let target = unit.process.root_id.slot().ok_or_else(missing)?;
            self.reserve_for(id, text, target).await?;
        }
        let command = Command::CreateTask(Box::new(new));
        self.entity_command(caller, Entity::Task, parent, command, render)
            .await
    }

    /// Makes sure that an id leads to a slot, before there is something in it.
    async fn reserve_for(&self, id: Id, text: &str, target: Slot) -> Result<(), EngineError> {
        let home = id.slot().unwrap_or(target);
        if home == target || self.owned().owns(home) {
            // Written with the task itself.
            return match self.inner.is_taken(&[id]).await? {
                true => Err(taken()),
                false => Ok(()),
            };
        }
        let reservation = Reservation {
            text: text.to_owned(),
            target,
        };
        let body = serde_json::to_vec(&reservation).unwrap_or_default();
        let mut last = format!("slot {home} has no owner that can be reached");
        let peers = self.inner.peers.get();
        for (shard, urls) in peers.map(|peers| peers.others()).unwrap_or_default() {
            let Some(peers) = peers else { break };
            match peers
                .ask(&shard, &urls, Method::POST, "/internal/alias", Some(&body))
                .await
            {
                Ok(answer) => {
                    let reserved: Reserved =
                        serde_json::from_slice(&answer).map_err(|e| EngineError::Busy(e.to_string()))?;
                    // One from a try that got no further may be used: there is no such task.
                    return match reserved.target == target {
                        true => Ok(()),
                        false => Err(taken()),
                    };
                }
                Err(error) => last = error,
            }
        }
        Err(EngineError::Busy(last))
    }

    /// Lets an id that a client has chosen lead to a slot, unless it leads somewhere already: then there.
    ///
    /// # Errors
    /// [`EngineError::Misdirected`] if the slot of its hash isn't owned here.
    pub async fn reserve(&self, asked: Reservation) -> Result<Reserved, EngineError> {
        let id = Id::of_text(&asked.text);
        let slot = id.slot().unwrap_or(asked.target);
        self.check_slot(slot).await?;
        if let Some(target) = self.inner.place_of(id).await? {
            return Ok(Reserved { target, before: true });
        }
        let row = AliasRow {
            slot,
            kind: AliasKind::Place,
            text: asked.text,
            unit_slot: asked.target,
            root_id: None,
            entity_id: id,
        };
        let unit = Unit {
            slots: vec![slot],
            aliases: vec![row],
            ..Unit::default()
        };
        match self.store().write(&[unit]).await?.pop() {
            Some(Applied::Done) => Ok(Reserved {
                target: asked.target,
                before: false,
            }),
            Some(Applied::NotOwner(slot)) => Err(self.inner.misdirected(slot)),
            Some(Applied::Conflict) => match self.inner.place_of(id).await? {
                Some(target) => Ok(Reserved { target, before: true }),
                None => Err(EngineError::Busy("the id was not reserved".into())),
            },
            other => Err(EngineError::Busy(format!("the id was not reserved: {other:?}"))),
        }
    }

    /// Sends on to where a task lives that isn't in the slot of its id.
    ///
    /// # Errors
    /// [`EngineError::Misdirected`] to that slot, if it isn't here.
    pub async fn follow_alias(&self, id: Id) -> Result<(), EngineError> {
        match self.inner.place_of(id).await? {
            Some(slot) if Some(slot) != id.slot() && !self.owned().shows(slot) => {
                Err(self.inner.misdirected(slot))
            }
            _ => Ok(()),
        }
    }
}
