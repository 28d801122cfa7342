//! Migration of running instances from one definition to another.
mod classes;
mod compensation;
mod examine;
mod execute;
mod generate;
mod mapping;
mod validate;
mod waits;

use crate::value::Variables;
pub use examine::{Refused, Report, examine};
pub use generate::generate;
pub use validate::validate;

/// How instances of one definition become instances of another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MigrationPlan {
    pub instructions: Vec<MigrationInstruction>,
    /// Set in the process instance when it has been migrated.
    pub variables: Variables,
}

/// What becomes of the instances of one activity.
#[derive(Clone, Debug, PartialEq)]
pub struct MigrationInstruction {
    pub source: String,
    pub target: String,
    /// Whether what its event waits for is made anew from the target's model.
    pub update_event_trigger: bool,
}

impl MigrationPlan {
    /// The instruction for an activity.
    pub fn of(&self, source: &str) -> Option<&MigrationInstruction> {
        self.instructions.iter().find(|i| i.source == source)
    }
}
