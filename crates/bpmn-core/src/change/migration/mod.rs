//! Migration of running instances from one definition to another.
mod execute;
mod plan;

use crate::{
    definition::Definition,
    instance::{Instance, TokenState},
    tree::activity_instance_id,
    value::Variables,
};
pub use plan::{generate, validate};

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

/// An activity or transition instance that a plan says nothing of.
#[derive(Clone, Debug, PartialEq)]
pub struct Unmapped {
    /// Id of the activity instance, or of the transition instance's execution.
    pub id: String,
    pub transition: bool,
    pub element: String,
}

impl MigrationPlan {
    /// The instruction for an activity.
    pub fn of(&self, source: &str) -> Option<&MigrationInstruction> {
        self.instructions.iter().find(|i| i.source == source)
    }
}

/// What of an instance keeps it from being migrated: whatever waits needs an instruction, a scope needs none.
pub fn unmapped(definition: &Definition, inst: &Instance, plan: &MigrationPlan) -> Vec<Unmapped> {
    let scopes = [
        TokenState::Scope,
        TokenState::Iteration,
        TokenState::EventScope,
        TokenState::Compensating,
    ];
    let waiting = inst.tokens.iter().filter(|t| !scopes.contains(&t.state));
    let left = waiting.filter(|t| definition.node(&t.element).is_none() || plan.of(&t.element).is_none());
    left.map(|t| Unmapped {
        id: match t.activity_id {
            Some(activity) => activity_instance_id(&t.element, activity),
            None => t.execution_id.to_string(),
        },
        transition: t.activity_id.is_none(),
        element: t.element.clone(),
    })
    .collect()
}
