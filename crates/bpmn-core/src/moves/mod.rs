//! Moves that elements share: tokens and scopes, flows, waiting, events, compensation, variables, jobs, errors.
mod calls;
mod compensation;
mod conditions;
mod errors;
mod events;
mod external;
mod flows;
mod forms;
mod job_changes;
mod jobs;
mod listeners;
mod priority;
mod record;
mod retries;
mod scripts;
mod signals;
mod tasks;
mod tokens;
mod variables;

pub(crate) use calls::Termination;
pub(crate) use conditions::Change;
pub(crate) use jobs::whole_number;
pub(crate) use listeners::Scene;
pub(crate) use retries::is_retry_cycle;
pub(crate) use scripts::Ended as ScriptEnd;
pub use tokens::sequence;
