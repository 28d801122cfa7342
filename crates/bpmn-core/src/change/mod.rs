//! Changes of running instances by operators: modification.
mod cancel;
mod execution;
mod find;
mod instantiate;
pub mod migration;
mod modify;

use crate::value::Variables;

/// One instruction of a modification. Activities, flows and activity instances are named as REST names them.
#[derive(Clone, Debug, PartialEq)]
pub enum Instruction {
    /// Starts an activity or takes a flow, after making the scopes around it that don't run.
    Start {
        at: StartAt,
        /// The activity instance to start in; `None`: the only one there is, or a new one.
        ancestor: Option<String>,
        variables: Variables,
        local_variables: Variables,
    },
    /// Cancels an activity instance: `ELEMENT:UUID`, or the process instance's id.
    CancelActivityInstance(String),
    /// Cancels what stands at an asynchronous continuation: its execution's id.
    CancelTransitionInstance(String),
    /// Cancels all instances of an activity.
    CancelAll(String),
    /// Cancels those instances of an activity that run before any instruction.
    CancelPresent(String),
}

/// Where an instruction starts.
#[derive(Clone, Debug, PartialEq)]
pub enum StartAt {
    Before(String),
    /// Behind the only flow that leaves the activity.
    After(String),
    Flow(String),
}

impl Instruction {
    /// The instruction in the reference's words.
    fn describe(&self) -> String {
        match self {
            Instruction::Start { at, ancestor, .. } => {
                let what = match at {
                    StartAt::Before(id) => format!("Start before activity '{id}'"),
                    StartAt::After(id) => format!("Start after activity '{id}'"),
                    StartAt::Flow(id) => format!("Start transition '{id}'"),
                };
                match ancestor {
                    Some(id) => format!("{what} with ancestor activity instance '{id}'"),
                    None => what,
                }
            }
            Instruction::CancelActivityInstance(id) => format!("Cancel activity instance '{id}'"),
            Instruction::CancelTransitionInstance(id) => format!("Cancel transition instance '{id}'"),
            Instruction::CancelAll(id) | Instruction::CancelPresent(id) => {
                format!("Cancel all instances of activity '{id}'")
            }
        }
    }
}
