//! Comments, attachments and identity links of tasks, as clients change them.
use crate::{
    command::Rejection,
    ctx::Ctx,
    history::Kind,
    note::{NoteChange, TaskLink},
};
use topology::Id;

impl Ctx<'_, '_> {
    /// Writes comments and attachments. A suspended task takes them too, as in the reference.
    pub(crate) fn note(&mut self, task: Option<Id>, changes: Vec<NoteChange>) -> Result<(), Rejection> {
        for change in changes {
            self.inst.notes.push(change);
        }
        let Some(task) = task else {
            return Ok(());
        };
        let row = self.inst.tasks.get(task).ok_or(Rejection::NotFound {
            kind: "Task",
            id: task,
        })?;
        let assignee = row.assignee.clone();
        self.task_updated(task, assignee)
    }

    /// Adds or removes a link, tells history and the listeners of the task.
    pub(crate) fn change_task_link(&mut self, task: Id, link: &TaskLink, add: bool) -> Result<(), Rejection> {
        let (_, row) = self.active_task(task)?;
        let assignee = row.assignee.clone();
        self.change_link(task, link, add);
        self.task_updated(task, assignee)
    }

    /// Takes a link in or out; one that is there already, or isn't, changes nothing.
    pub(crate) fn change_link(&mut self, task: Id, link: &TaskLink, add: bool) {
        let Some(row) = self.inst.tasks.get_mut(task) else {
            return;
        };
        let who = (link.group, link.name.clone());
        let there = match link.is_candidate() {
            true => row.candidates.contains(&who),
            false => row.links.contains(link),
        };
        if there == add {
            return;
        }
        match (link.is_candidate(), add) {
            (true, true) => row.candidates.push(who.clone()),
            (true, false) => row.candidates.retain(|candidate| *candidate != who),
            (false, true) => row.links.push(link.clone()),
            (false, false) => row.links.retain(|other| other != link),
        }
        row.changed_links.retain(|(changed, _)| changed != link);
        row.changed_links.push((link.clone(), add));
        let told = if add { Kind::LinkAdded } else { Kind::LinkDeleted };
        if self.recording.keeps(told) {
            self.tell_link(task, &link.kind, who, add);
        }
    }
}
