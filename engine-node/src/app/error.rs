//! Why the engine did not do what was asked. `rest::error` maps it to status and body.
use crate::store::{Entity, StoreError};
use bpmn_core::{Id, Slot, command::Rejection};

/// The errors of all functions in `app`.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The process or the core refused.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// No entity of that id.
    #[error("{entity:?} with id {id} does not exist")]
    NotFound { entity: Entity, id: Id },
    /// Deployment refused: the model's problems by resource.
    #[error("{message}")]
    Parse {
        message: String,
        problems: Vec<(String, bpmn_core::ParseErrors)>,
    },
    /// Nothing or too much matched a message; the text is the reference's.
    #[error("{0}")]
    Mismatch(String),
    /// The same idempotency key came with another request: 422.
    #[error("idempotency key '{0}' was used for another request")]
    KeyReused(String),
    /// This shard doesn't own the slot: 421 with the epoch it knows.
    #[error("slot {slot} is not owned here")]
    Misdirected { slot: Slot, epoch: u32 },
    /// Too much waits, or a retry budget is spent: 503.
    #[error("{0}")]
    Busy(String),
    /// The request is wrong in a way the engine noticed; becomes 400 with that type.
    #[error("{message}")]
    Invalid { kind: &'static str, message: String },
    /// Who asks may not do it; the answer.
    #[error(transparent)]
    Refused(Box<rest_api::ApiError>),
    /// Replicated state can't be changed now (no topology writer, a shard too far behind): 503.
    #[error("{0}")]
    NotReplicated(String),
    /// The store's own trouble: 503.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// `StoreError` can't be cloned, and every command of a failed batch gets one.
pub(super) fn copy(error: &StoreError) -> StoreError {
    use StoreError::*;
    match error {
        Unavailable(source) => Unavailable(sqlx::Error::Protocol(source.to_string())),
        UnknownOutcome(source) => UnknownOutcome(sqlx::Error::Protocol(source.to_string())),
        Overloaded(text) => Overloaded(text.clone()),
        Internal(text) => Internal(text.clone()),
    }
}
