//! Modification: instructions are carried out one after the other; the process instance outlives moments without
//! tokens in between.
use super::{Instruction, instantiate::Target};
use crate::{command::Rejection, ctx::Ctx, moves::Termination, tracked::By, value::Variables};
use topology::Id;

/// Why called instances end whose call is canceled; the reference's words, slip included.
const REASON: &str = "Cancellation due to process instance modifcation";

impl Ctx<'_, '_> {
    /// Carries out instructions on a running instance. If nothing runs afterwards, the instance ends: regularly if
    /// its last token did, else as one that was deleted.
    pub(crate) fn modify(&mut self, instructions: &[Instruction]) -> Result<(), Rejection> {
        self.instruct(instructions)?;
        // As in the reference it stays for what might be compensated.
        let idle = self.tokens_within(None) == 0 && self.inst.tokens.count(By::EventScopes(None)) == 0;
        if self.inst.ended || !idle {
            return Ok(());
        }
        match self.last {
            Some(_) => self.complete(),
            None => self.delete(Termination {
                reason: None,
                external: true,
                keeps_called: false,
                interrupts: false,
            }),
        }
    }

    /// Starts a new instance by instructions instead of its start event.
    pub(crate) fn start_by(
        &mut self,
        instructions: &[Instruction],
        variables: &Variables,
    ) -> Result<(), Rejection> {
        let definition = self.def.definition;
        if let Some(Instruction::Start { at, .. }) = instructions.first() {
            let first = match self.target(&instructions[0], at)? {
                Target::Activity(ix) => ix,
                Target::Flow(flow) => definition.flows[flow].target,
            };
            self.inst.process.start_element.clone_from(&self.node(first).id);
        }
        match self.prepare_start(None, variables)? {
            true => self.modify(instructions),
            false => Ok(()),
        }
    }

    fn instruct(&mut self, instructions: &[Instruction]) -> Result<(), Rejection> {
        let home = self.here();
        self.preserved = Some(home);
        self.termination = Termination {
            reason: Some(REASON.to_owned()),
            external: true,
            keeps_called: false,
            interrupts: false,
        };
        let present = |instruction: &Instruction| match instruction {
            Instruction::CancelPresent(activity) => self.tokens_at(activity),
            _ => Vec::new(),
        };
        let present: Vec<Vec<Id>> = instructions.iter().map(present).collect();
        for (instruction, present) in instructions.iter().zip(present) {
            // In the reference one for a single activity instance has no reason.
            self.termination.reason = match instruction {
                Instruction::CancelActivityInstance(_) => None,
                _ => Some(REASON.to_owned()),
            };
            match instruction {
                Instruction::Start {
                    at,
                    ancestor,
                    variables,
                    local_variables,
                } => self.instantiate(instruction, at, ancestor.as_deref(), variables, local_variables)?,
                Instruction::CancelActivityInstance(id) => self.cancel_activity_instance(instruction, id)?,
                Instruction::CancelTransitionInstance(id) => {
                    self.cancel_transition_instance(instruction, id)?
                }
                Instruction::CancelAll(activity) => self.cancel_each(&self.tokens_at(activity))?,
                Instruction::CancelPresent(_) => self.cancel_each(&present)?,
            }
            self.run()?;
            self.on_the_way = false;
            self.switch_to(home)?;
        }
        self.preserved = None;
        Ok(())
    }
}
