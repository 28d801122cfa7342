//! What nodes of a shard tell each other of, so that none has to ask its database again and again (S4-03).

/// What has changed in the database. Whoever acts on it looks at the database itself: news may be late, double or lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An entry of the reference log was applied.
    Log,
    /// What is set for all nodes of the shard.
    Settings,
    /// Rows of slots.
    Slots,
    /// Something is to be done for a batch.
    Batches,
}

impl Subject {
    /// All, in the order of their numbers.
    pub const ALL: [Subject; 4] = [Subject::Log, Subject::Settings, Subject::Slots, Subject::Batches];

    /// The line that tells it. A node of another release that doesn't know the word ignores it.
    pub fn line(self) -> &'static str {
        match self {
            Subject::Log => "log",
            Subject::Settings => "settings",
            Subject::Slots => "slots",
            Subject::Batches => "batches",
        }
    }

    /// The subject of a line.
    pub fn of(line: &str) -> Option<Subject> {
        Subject::ALL.into_iter().find(|subject| subject.line() == line)
    }
}
