//! Cancelling activity and transition instances.
use super::{
    Instruction,
    find::{Place, refused},
};
use crate::{command::Rejection, ctx::Ctx, instance::TokenState};
use topology::Id;

impl Ctx<'_, '_> {
    pub(super) fn cancel_activity_instance(
        &mut self,
        instruction: &Instruction,
        name: &str,
    ) -> Result<(), Rejection> {
        match self.find_activity_instance(name) {
            Some(Place::Process) => self.cancel_everything(),
            Some(Place::Token(token)) => self.cancel(token),
            None => {
                let why = format!("Activity instance '{name}' does not exist: activityInstance is null");
                Err(refused(instruction, why))
            }
        }
    }

    pub(super) fn cancel_transition_instance(
        &mut self,
        instruction: &Instruction,
        name: &str,
    ) -> Result<(), Rejection> {
        let waits = [TokenState::BeforeAsync, TokenState::AfterAsync];
        let found = name.parse::<Id>().ok().and_then(|execution| {
            let mut tokens = self.inst.tokens.iter();
            tokens.find(|t| t.execution_id == execution && waits.contains(&t.state))
        });
        match found.map(|t| t.id) {
            Some(token) => self.cancel(token),
            None => {
                let why = format!("Transition instance '{name}' does not exist: transitionInstance is null");
                Err(refused(instruction, why))
            }
        }
    }

    /// Cancels tokens, as far as they are still there.
    pub(super) fn cancel_each(&mut self, tokens: &[Id]) -> Result<(), Rejection> {
        for &token in tokens {
            if self.inst.tokens.get(token).is_some() {
                self.cancel(token)?;
            }
        }
        Ok(())
    }

    /// Cancels a token with the scopes around it that contain nothing else.
    pub(super) fn cancel(&mut self, token: Id) -> Result<(), Rejection> {
        let mut top = token;
        let around = loop {
            let around = self.token(top)?.parent_id;
            match around {
                _ if self.tokens_within(around) > 1 => break around,
                Some(scope) => top = scope,
                None => return self.cancel_everything(),
            }
        };
        self.cancel_within(Some(top), None)?;
        let of_body = self.token(top)?.state == TokenState::Iteration;
        self.cancel_token(top, around)?;
        match around.filter(|_| of_body) {
            Some(body) => {
                let node = self.node_of(body)?;
                node.behavior.part_canceled(node, body, self)
            }
            None => {
                self.rebalance(around);
                Ok(())
            }
        }
    }

    /// Cancels all that runs in the process instance, which itself waits for further instructions.
    fn cancel_everything(&mut self) -> Result<(), Rejection> {
        // The reference looks at suspension where the process instance's own execution is in an activity.
        let process = self.inst.process.id;
        if self.tokens_in(None).any(|t| t.execution_id == process) {
            self.active_execution(process)?;
        }
        // Tasks of the process instance's own execution are told why.
        let before = std::mem::replace(&mut self.termination.interrupts, true);
        self.cancel_within(None, None)?;
        self.termination.interrupts = before;
        self.last = None;
        Ok(())
    }
}
