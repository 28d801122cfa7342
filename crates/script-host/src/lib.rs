//! Runs scripts in processes of their own, which can be killed: a script that loops, sorts for ever or eats memory
//! costs its worker and nothing else. Workers are kept warm, so that a call costs milliseconds.
//!
//! The protocol is lines of JSON over standard input and output ([`protocol`], and for implementers
//! `docs/script-hosts.md`). JavaScript is built in: the node's own program, started again, is the worker
//! ([`javascript::serve`]). Other languages have hosts of their own, such as the one for Groovy.
//!
//! Knows nothing of processes and tokens: what a script may see is in its call, what it did is in the answer.
pub mod javascript;
mod pool;
pub mod protocol;
mod worker;

pub use pool::{Failure, Limits, Pool};
pub use worker::Program;
