//! Moves that elements share: tokens and scopes, flows, waiting, events, compensation, variables, jobs, errors.
mod compensation;
mod conditions;
mod errors;
mod events;
mod external;
mod flows;
mod jobs;
mod listeners;
mod priority;
mod record;
mod scripts;
mod signals;
mod tasks;
mod tokens;
mod variables;

pub(crate) use conditions::Change;
pub(crate) use jobs::{is_retry_cycle, whole_number};
pub(crate) use listeners::Scene;
pub(crate) use scripts::Ended as ScriptEnd;
pub(crate) use signals::Payload;
pub use tokens::sequence;
