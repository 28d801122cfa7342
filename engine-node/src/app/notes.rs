//! Writes comments and attachments: through the writer of their slot while the instance runs, by a write of their own
//! when what they belong to has ended.
use super::{Answer, Caller, Engine, EngineError, commands::Render};
use crate::{
    query::note::Owner,
    store::{Applied, Entity, Unit},
};
use bpmn_core::{
    command::{Command, Rejection},
    note::NoteChange,
};

impl Engine {
    /// Changes notes of a task; one that runs tells its listeners of an update.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if the task ran and no longer does; the node's own trouble.
    pub async fn note_task(
        &self,
        caller: &Caller,
        task: Owner,
        changes: Vec<NoteChange>,
        answer: Answer,
    ) -> Result<Answer, EngineError> {
        if !task.running {
            self.note_ended(task, changes).await?;
            return Ok(answer);
        }
        let command = Command::Note {
            task: Some(task.id),
            changes,
        };
        let render: Render = Box::new(move |_, _| answer.clone());
        self.entity_command(caller, Entity::Task, task.id, command, render)
            .await
    }

    async fn note_ended(&self, of: Owner, notes: Vec<NoteChange>) -> Result<(), EngineError> {
        let slot = of.root_id.slot().ok_or(EngineError::NotFound {
            entity: Entity::Task,
            id: of.id,
        })?;
        let unit = Unit {
            slots: vec![slot],
            notes,
            ..Unit::default()
        };
        match self.store().write(&[unit]).await?.pop() {
            Some(Applied::Done) => Ok(()),
            Some(Applied::NotOwner(slot)) => Err(self.inner.misdirected(slot)),
            Some(Applied::Refused(reason)) => Err(EngineError::Rejected(Rejection::BadRequest(reason))),
            other => Err(EngineError::Busy(format!("the note was not written: {other:?}"))),
        }
    }
}
