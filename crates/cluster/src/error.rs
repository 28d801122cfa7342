//! What can go wrong, one variant per thing a caller may do about it.
use crate::moves::MoveState;

/// The result of a cluster call.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a cluster call didn't do what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Somebody else appended: apply the log up to `head`, then try again.
    #[error("the head of the reference log is at {head}")]
    HeadMoved {
        /// The head now.
        head: u64,
    },
    /// An entry with that idempotency key stands in the log: the work was done.
    #[error("the idempotency key stands in the reference log at index {index}")]
    AlreadyAppended {
        /// Index of that entry.
        index: u64,
    },
    /// The slot table was changed in between: read it again.
    #[error("the slot table has changed; its version is {version}")]
    TableChanged {
        /// Its version now (0: there is none).
        version: u64,
    },
    /// An administrative value was changed in between: read it again.
    #[error("the value has changed; its version is {version}")]
    MetaChanged {
        /// Its version now (0: there is none).
        version: u64,
    },
    /// A move isn't in the state that the change needs.
    #[error("move {id} is {state}")]
    MoveConflict {
        /// Its id.
        id: String,
        /// Its state now.
        state: MoveState,
    },
    /// No move has that id.
    #[error("there is no move {0}")]
    UnknownMove(String),
    /// The request makes no sense in any state of the cluster or breaks a rule; the text says which.
    #[error("{0}")]
    Refused(String),
    /// A fixed topology can't be changed.
    #[error("{what} isn't possible with a fixed list of shards; start with --topology etcd://HOST:PORT")]
    Fixed {
        /// What was asked for.
        what: &'static str,
    },
    /// The store didn't answer. A write may have happened all the same.
    #[error("etcd at {endpoints} doesn't answer: {reason}")]
    Unavailable {
        /// The endpoints as they were given.
        endpoints: String,
        /// What the client said.
        reason: String,
    },
    /// The file behind an in-process topology can't be used. Nothing was changed.
    #[error("the topology's file {path} can't be used: {reason}")]
    File {
        /// Its path.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// Too many others changed the same thing at once; nothing was done.
    #[error("{0} is being changed by others; try again")]
    Busy(&'static str),
    /// A stored value can't be read.
    #[error("{key} in the topology store is damaged: {reason}")]
    Damaged {
        /// Its key.
        key: String,
        /// What the parser said.
        reason: String,
    },
}
