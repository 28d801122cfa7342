//! The BPMN engine without I/O: parse a model, then `step` an instance with a command.
//!
//! Deterministic: time and ids come in through [`command::Env`]. Knows no database, no HTTP, no clock, no thread.
pub mod ask;
mod callable;
pub mod change;
mod collections;
pub mod command;
mod connector;
mod convert;
mod ctx;
pub mod definition;
mod element;
mod eval;
mod family;
pub mod form;
pub mod hash_order;
pub mod history;
pub mod instance;
pub mod java_code;
mod job_definition;
pub mod large;
mod listener;
mod moves;
pub mod needs;
pub mod note;
mod parameter;
mod parse;
pub mod problem;
mod property;
pub mod script;
mod standalone;
mod step;
#[cfg(test)]
mod step_cost;
pub mod timer;
pub mod tracked;
pub mod tree;
pub mod value;
pub mod world;
mod xml;

pub use collections::passed_on;
pub use definition::{Definition, DefinitionRef, MessageStart, Node, TimerStart};
pub use job_definition::{JobDefinition, JobSetting};
pub use moves::{decision_values, sequence};
pub use parse::{Abilities, load, parse, parse_for};
pub use problem::{ParseErrors, Problem, Severity};
pub use standalone::{new_tasks, no_definition};
pub use step::{new_instance, step};
pub use topology::{Id, IdSource, Slot};

/// Unix milliseconds.
pub type Millis = i64;
