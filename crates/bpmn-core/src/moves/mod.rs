//! Moves that elements share: tokens and scopes, flows, waiting, variables, jobs, errors.
mod boundary;
mod errors;
mod external;
mod flows;
mod job_changes;
mod jobs;
mod listeners;
mod priority;
mod record;
mod tasks;
mod tokens;
mod variables;

pub(crate) use jobs::{is_retry_cycle, whole_number};
pub(crate) use listeners::Scene;
pub use tokens::sequence;
