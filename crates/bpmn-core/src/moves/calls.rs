//! Called instances: starting them, passing variables in and out, ending them with who called them and the other way
//! round.
use crate::{
    collections::passed_on,
    command::Rejection,
    ctx::Ctx,
    definition::DefinitionRef,
    history::Kind,
    instance::{EndState, Incident, Instance, ProcessInstance},
    parameter::{Parameter, Source},
    tracked::By,
    value::{TypedValue, Variables},
};
use topology::Id;

/// Variables that a multi-instance keeps; they are not passed out.
const COUNTERS: [&str; 3] = ["nrOfInstances", "nrOfActiveInstances", "nrOfCompletedInstances"];

/// Why activities are canceled: what the instances that they have called are told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Termination {
    /// The reference's words.
    pub reason: Option<String>,
    /// Whether somebody outside has done it.
    pub external: bool,
    /// Whether called instances stay, on their own.
    pub keeps_called: bool,
    /// Whether what runs in a scope is interrupted, and the scope stays.
    pub interrupts: bool,
}

impl Termination {
    /// A boundary event, or the like, that ends the activity it is attached to.
    pub fn scope(by: &str) -> Termination {
        Termination {
            reason: Some(format!("Cancel scope activity Activity({by}) executed.")),
            ..Termination::default()
        }
    }

    /// An event subprocess or a terminate end event.
    pub fn interrupting(by: &str) -> Termination {
        Termination {
            reason: Some(format!("Interrupting activity Activity({by}) executed.")),
            interrupts: true,
            ..Termination::default()
        }
    }

    /// The completion condition of a parallel multi-instance, where others still run.
    pub fn completed() -> Termination {
        Termination {
            reason: Some("Multi instance completion condition satisfied.".to_owned()),
            ..Termination::default()
        }
    }

    /// How a called instance ends.
    pub fn state(&self) -> EndState {
        match self.external {
            true => EndState::ExternallyTerminated,
            false => EndState::InternallyTerminated,
        }
    }
}

impl<'a> Ctx<'a, '_> {
    /// The instance and the token of the call activity that has called the current instance.
    pub(crate) fn caller(&self) -> Option<(Id, Id)> {
        let process = &self.inst.process;
        Some((process.super_instance_id?, process.super_token_id?))
    }

    /// The instance that a token's activity has called.
    pub(crate) fn called(&self, token: Id) -> Option<Id> {
        let row = self.inst.tokens.get(token)?;
        self.def.definition.node(&row.element)?.behavior.called(row)
    }

    /// Starts the instance that a token's activity calls; it runs before anything else does.
    pub(crate) fn start_called(
        &mut self,
        token: Id,
        def: DefinitionRef<'a>,
        business_key: Option<String>,
        variables: &Variables,
    ) -> Result<(), Rejection> {
        let id = self.new_id();
        let caller = &self.inst.process;
        let inst = Instance::new(ProcessInstance {
            id,
            root_id: caller.root_id,
            super_token_id: Some(token),
            super_instance_id: Some(caller.id),
            definition_id: def.id,
            business_key,
            revision: 0,
            suspended: false,
            started: self.env.now,
            start_user: self.env.user.map(str::to_owned),
            start_element: String::new(),
            tenant_id: def
                .tenant_id
                .map(str::to_owned)
                .or_else(|| caller.tenant_id.clone()),
            // History of a tree stays together.
            retention: caller.retention,
            recorded: self.env.history.of(&def.definition.key).keeps(Kind::Process),
            restarted_id: None,
            case_instance_id: caller.case_instance_id.clone(),
        });
        self.change_token(token, |row| row.data = Some(id.to_string()))?;
        self.adopt(inst, def);
        self.within(id, |ctx| ctx.start_at(None, variables, false))
    }

    /// Adds what a mapping passes on from a token (`None`: the process instance), whole, so that another instance can
    /// take it. With `local` only what is the token's own is seen.
    pub(crate) fn pass(
        &mut self,
        parameter: &Parameter,
        from: Option<Id>,
        local: bool,
        into: &mut Variables,
    ) -> Result<(), Rejection> {
        self.own_only = local;
        let passed = self.passed(parameter, from);
        self.own_only = false;
        for (name, value) in passed? {
            let value = self.portable(value)?;
            match into.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = value,
                None => into.push((name, value)),
            }
        }
        Ok(())
    }

    fn passed(&mut self, parameter: &Parameter, from: Option<Id>) -> Result<Variables, Rejection> {
        let target = parameter.target.clone();
        let value = match &parameter.source {
            Source::All => {
                let seen = self.visible_variables(from).into_iter();
                return Ok(seen.map(|v| (v.name.clone(), v.value.clone())).collect());
            }
            Source::Variable(name) => {
                let found = self.find_variable(from, None, name);
                found.map_or(TypedValue::Null, |v| v.value.clone())
            }
            Source::Expression(expression) => self.eval_typed(expression, from, &target)?,
        };
        Ok(vec![(target, value)])
    }

    /// A value with its content: one that another instance can keep.
    fn portable(&self, value: TypedValue) -> Result<TypedValue, Rejection> {
        let TypedValue::Large(mut large) = value else {
            return Ok(passed_on(value));
        };
        if let Some(id) = large.id {
            let content = self.inst.large.content(id);
            large.bring(content.ok_or_else(|| Rejection::NeedsValues(vec![id]))?.clone());
        }
        Ok(TypedValue::Large(large))
    }

    /// Passes variables of the current instance out to who called it.
    pub(crate) fn pass_outputs(&mut self) -> Result<(), Rejection> {
        let Some((caller, token)) = self.caller() else {
            return Ok(());
        };
        let node = self.within(caller, |ctx| ctx.node_of(token))?;
        let (mut all, mut local) = (Vec::new(), Vec::new());
        for output in node.behavior.outputs() {
            let into = if output.local { &mut local } else { &mut all };
            self.pass(output, None, false, into)?;
        }
        all.retain(|(name, _)| !COUNTERS.contains(&name.as_str()));
        self.within(caller, |ctx| {
            ctx.set_variables(Some(token), &all);
            ctx.set_local_variables(token, &local);
            node.behavior.returned(node, token, ctx)
        })
    }

    /// The current instance has run to its end: who called it goes on.
    pub(crate) fn complete(&mut self) -> Result<(), Rejection> {
        self.end_process(EndState::Completed, None)?;
        if let Some((caller, token)) = self.caller() {
            self.go_on_in(caller, token)
        }
        Ok(())
    }

    /// Takes what nobody in the current instance has caught to the call activity that called it. Variables are
    /// passed out on the way, as in the reference: even if nobody catches it there. `None`: nobody has called it.
    pub(crate) fn in_caller<T>(
        &mut self,
        run: impl FnOnce(&mut Self, Id) -> Result<T, Rejection>,
    ) -> Result<Option<T>, Rejection> {
        let Some((caller, token)) = self.caller() else {
            return Ok(None);
        };
        self.pass_outputs()?;
        self.within(caller, |ctx| run(ctx, token)).map(Some)
    }

    /// Ends the instance that a token's activity has called, as that is canceled.
    pub(crate) fn cancel_called(&mut self, token: Id) -> Result<(), Rejection> {
        let Some(called) = self.called(token) else {
            return Ok(());
        };
        let (state, reason) = (self.termination.state(), self.termination.reason.clone());
        // The reason of a deletion or interruption is that of the instance's tasks, not of those called.
        let of_tasks = self.delete_reason.take();
        let interrupts = std::mem::take(&mut self.termination.interrupts);
        self.within(called, |ctx| {
            if ctx.inst.ended {
                return Ok(());
            }
            if ctx.termination.keeps_called {
                let process = &mut ctx.inst.process;
                (process.super_token_id, process.super_instance_id) = (None, None);
                return Ok(());
            }
            ctx.cancel_all_within(None)?;
            ctx.end_process(state, reason)
        })?;
        self.delete_reason = of_tasks;
        self.termination.interrupts = interrupts;
        Ok(())
    }

    /// Lets the call activities above the current instance have an incident too. `cause` is the one in it, `root` the
    /// one at the bottom.
    pub(crate) fn raise_in_caller(&mut self, kind: &str, cause: Id, root: Id) -> Result<(), Rejection> {
        let Some((caller, token)) = self.caller() else {
            return Ok(());
        };
        self.within(caller, |ctx| {
            let id = ctx.new_id();
            let row = ctx.token(token)?;
            let process = &ctx.inst.process;
            let incident = Incident {
                id,
                instance_id: Some(process.id),
                execution_id: Some(row.execution_id),
                definition_id: process.definition_id,
                kind: kind.to_owned(),
                element: row.element.clone(),
                message: None,
                configuration: None,
                job_kind: None,
                failed_element: Some(row.element.clone()),
                annotation: None,
                created: ctx.env.now,
                cause_id: cause,
                root_cause_id: root,
                tenant_id: process.tenant_id.clone(),
                recorded: ctx.recording.keeps(Kind::Incident),
            };
            ctx.inst.incidents.insert(incident);
            ctx.raise_in_caller(kind, id, root)
        })
    }

    /// Deletes the current instance; the call activity that called it is canceled too.
    pub(crate) fn delete(&mut self, termination: Termination) -> Result<(), Rejection> {
        let (state, reason) = (termination.state(), termination.reason.clone());
        self.delete_reason.clone_from(&reason);
        self.termination = termination;
        self.all_tasks_deleted()?;
        self.cancel_all_within(None)?;
        self.end_process(state, reason)?;
        self.termination.keeps_called = false;
        self.cancel_caller()
    }

    fn cancel_caller(&mut self) -> Result<(), Rejection> {
        match self.caller() {
            Some((caller, token)) => self.within(caller, |ctx| ctx.cancel_upwards(token)),
            None => Ok(()),
        }
    }

    /// Cancels an activity, and each scope in which nothing is left then; with the last one the process instance
    /// and the activity that called it.
    pub(crate) fn cancel_upwards(&mut self, token: Id) -> Result<(), Rejection> {
        let mut at = Some(token);
        while let Some(token) = at {
            let scope = self.token(token)?.parent_id;
            self.cancel_all_within(Some(token))?;
            self.cancel_token(token, scope)?;
            if self.inst.tokens.first(By::Parent(scope)).is_some() {
                self.rebalance(scope);
                return Ok(());
            }
            at = scope;
        }
        let (state, reason) = (self.termination.state(), self.termination.reason.clone());
        self.end_process(state, reason)?;
        self.cancel_caller()
    }
}
