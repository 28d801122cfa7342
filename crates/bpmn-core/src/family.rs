//! Instances of one tree in one step: the commanded one, and those it calls or that call it. One of them is current;
//! a piece of work names the instance it belongs to, and the run loop makes that one current.
use crate::{command::Rejection, ctx::Ctx, definition::DefinitionRef, instance::Instance, moves::Change};
use topology::Id;

/// An instance that isn't current, with what the step knows of it.
pub(crate) struct Member<'a> {
    pub def: DefinitionRef<'a>,
    pub inst: Instance,
    pub last: Option<String>,
    /// Changes of its variables that conditional events have not been told of yet.
    pub changes: Vec<Change>,
}

impl<'a> Ctx<'a, '_> {
    /// The current instance's id.
    pub(crate) fn here(&self) -> Id {
        self.inst.process.id
    }

    /// Makes another instance of the tree current.
    ///
    /// # Errors
    /// [`Rejection::NeedsInstances`] if it isn't at hand.
    pub(crate) fn switch_to(&mut self, id: Id) -> Result<(), Rejection> {
        if self.here() == id {
            return Ok(());
        }
        let mut member = match self.others.remove(&id) {
            Some(member) => member,
            None => Box::new(self.member(id)?),
        };
        let before = self.here();
        std::mem::swap(self.inst, &mut member.inst);
        std::mem::swap(&mut self.def, &mut member.def);
        std::mem::swap(&mut self.last, &mut member.last);
        std::mem::swap(&mut self.changes, &mut member.changes);
        self.recording = self.env.history.of(&self.def.definition.key);
        self.others.insert(before, member);
        Ok(())
    }

    /// Runs something with another instance current.
    pub(crate) fn within<T>(
        &mut self,
        id: Id,
        run: impl FnOnce(&mut Self) -> Result<T, Rejection>,
    ) -> Result<T, Rejection> {
        let back = self.here();
        self.switch_to(id)?;
        let result = run(self);
        // Also after a failure: a BPMN error of a script is one, and goes on from there.
        self.switch_to(back)?;
        result
    }

    /// Adds an instance that this step has made.
    pub(crate) fn adopt(&mut self, inst: Instance, def: DefinitionRef<'a>) {
        let member = Member {
            def,
            inst,
            last: None,
            changes: Vec::new(),
        };
        self.others.insert(member.inst.process.id, Box::new(member));
    }

    /// Brings the instances that tokens have called, before they are needed one after the other.
    ///
    /// # Errors
    /// [`Rejection::NeedsInstances`] with all that aren't at hand.
    pub(crate) fn gather_called(&mut self, tokens: &[Id]) -> Result<(), Rejection> {
        if !self.def.definition.has_calls {
            return Ok(());
        }
        let mut missing = Vec::new();
        for token in tokens {
            let Some(called) = self.called(*token) else {
                continue;
            };
            if called == self.here() || self.others.contains_key(&called) {
                continue;
            }
            match self.member(called) {
                Ok(member) => drop(self.others.insert(called, Box::new(member))),
                Err(Rejection::NeedsInstances(ids)) => missing.extend(ids),
                Err(other) => return Err(other),
            }
        }
        match missing.is_empty() {
            true => Ok(()),
            false => Err(Rejection::NeedsInstances(missing)),
        }
    }

    fn member(&self, id: Id) -> Result<Member<'a>, Rejection> {
        let world = self.env.world;
        let inst = world
            .instance(id)
            .ok_or_else(|| Rejection::NeedsInstances(vec![id]))?;
        let def = inst.process.definition_id;
        let def = world.definition(def).ok_or(Rejection::NotFound {
            kind: "Process definition",
            id: def,
        })?;
        Ok(Member {
            def,
            inst,
            last: None,
            changes: Vec::new(),
        })
    }
}
