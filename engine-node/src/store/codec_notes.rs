//! Comments, attachments and links of tasks as rows, in the order of the columns in [`super::schema`].
use super::{
    StoreError,
    cell::{Cell, Reader},
    change::{Change, Verb, Written},
    codec::Place,
};
use bpmn_core::{
    Id,
    instance::UserTask,
    note::{Attachment, Comment, NoteChange, TaskLink},
};

macro_rules! cells {
    ($($value:expr),* $(,)?) => { vec![$(Cell::from($value)),*] };
}

fn comment(c: &Comment, at: Place) -> Vec<Cell> {
    cells![
        c.id,
        at.slot,
        c.root_id,
        c.task_id,
        &c.process_instance_id,
        &c.user_id,
        c.time,
        &c.message,
        c.bound,
    ]
}

fn attachment(a: &Attachment, at: Place) -> Vec<Cell> {
    cells![
        a.id,
        at.slot,
        a.root_id,
        a.task_id,
        &a.name,
        &a.description,
        &a.kind,
        &a.url,
        &a.user_id,
        a.created,
        a.bound,
        a.content.clone(),
    ]
}

fn link(task: Id, link: &TaskLink, at: Place) -> (Written, Vec<Cell>) {
    match link.is_candidate() {
        true => (
            Written::Candidate,
            cells![task, at.slot, at.root, link.group, &link.name],
        ),
        false => (
            Written::Link,
            cells![task, at.slot, at.root, &link.kind, link.group, &link.name],
        ),
    }
}

/// Gives the task's id too.
pub(crate) fn read_link(r: &mut Reader) -> Result<(Id, TaskLink), StoreError> {
    let task = r.id()?;
    r.next();
    r.next();
    let link = TaskLink {
        kind: r.text()?,
        group: r.bool()?,
        name: r.text()?,
    };
    Ok((task, link))
}

impl Change {
    /// Rows of a comment or an attachment.
    pub(super) fn note(&mut self, change: &NoteChange) -> Result<(), StoreError> {
        match change {
            NoteChange::PutComment(c) => {
                let row = comment(c, Place::of(c.root_id)?);
                self.add(Verb::Put, Written::Comment as usize, row);
            }
            NoteChange::PutAttachment(a) => {
                let row = attachment(a, Place::of(a.root_id)?);
                self.add(Verb::Put, Written::Attachment as usize, row);
            }
            NoteChange::DeleteComment(id) => self.delete(Written::Comment as usize, *id),
            NoteChange::DeleteAttachment(id) => self.delete(Written::Attachment as usize, *id),
        }
        Ok(())
    }

    /// Rows of a task's candidates and links: all of a new task, the changes of a stored one.
    pub(super) fn links(&mut self, task: &UserTask, stored: bool, at: Place) {
        let all = || {
            let candidate = |(group, name): &(bool, String)| {
                (
                    Written::Candidate,
                    cells![task.id, at.slot, at.root, *group, name],
                )
            };
            let links = task.links.iter().map(|l| link(task.id, l, at));
            task.candidates.iter().map(candidate).chain(links)
        };
        if !stored {
            for (table, row) in all() {
                self.add(Verb::Insert, table as usize, row);
            }
            return;
        }
        for (changed, add) in &task.changed_links {
            let (table, row) = link(task.id, changed, at);
            let verb = if *add { Verb::Put } else { Verb::Remove };
            self.add(verb, table as usize, row);
        }
    }
}
