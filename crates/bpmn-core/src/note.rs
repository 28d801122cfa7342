//! What people add to tasks: comments, attachments and identity links. Nothing a process does depends on them.
use crate::{Id, Millis};

/// A comment on a task, or on its process instance as well.
#[derive(Clone, Debug, PartialEq)]
pub struct Comment {
    pub id: Id,
    pub root_id: Id,
    pub task_id: Id,
    /// As the client named it.
    pub process_instance_id: Option<String>,
    pub user_id: Option<String>,
    pub time: Millis,
    pub message: String,
    /// False for one that was written after its task had ended.
    pub bound: bool,
}

/// A file or a link at a task.
#[derive(Clone, Debug, PartialEq)]
pub struct Attachment {
    pub id: Id,
    pub root_id: Id,
    pub task_id: Id,
    pub name: Option<String>,
    pub description: Option<String>,
    pub kind: Option<String>,
    pub url: Option<String>,
    pub user_id: Option<String>,
    pub created: Millis,
    /// False for one that was added after its task had ended.
    pub bound: bool,
    pub content: Option<Vec<u8>>,
}

/// One row that a write puts or deletes.
#[derive(Clone, Debug, PartialEq)]
pub enum NoteChange {
    PutComment(Comment),
    DeleteComment(Id),
    PutAttachment(Attachment),
    DeleteAttachment(Id),
}

/// How a user or a group is linked to a task, beside its assignee and owner.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskLink {
    /// `candidate`, or any word of the client's.
    pub kind: String,
    pub group: bool,
    pub name: String,
}

impl TaskLink {
    pub(crate) const CANDIDATE: &'static str = "candidate";

    /// Whether it makes a candidate.
    pub fn is_candidate(&self) -> bool {
        self.kind == TaskLink::CANDIDATE
    }
}
