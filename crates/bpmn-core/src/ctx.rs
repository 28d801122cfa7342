//! What a step works with, and its run loop: tokens that arrive at nodes, in a list instead of on the call stack.
use crate::{
    ask::BpmnError,
    command::{Env, Outcome, Rejection},
    definition::{DefinitionRef, FlowIx, Node, NodeIx},
    element::Next,
    family::Member,
    history::Recording,
    instance::*,
    moves::{Change, Scene, Termination},
    tracked::By,
    value::Variables,
    world::Decided,
};
use std::{cell::RefCell, collections::BTreeMap};
use topology::{Id, Slot};

/// One thing still to be done in this step.
#[derive(Clone, Copy, Debug)]
enum Work {
    /// A token goes over a flow.
    Take(Id, FlowIx),
    /// A token has come over a flow and stands before a node.
    Arrive(Id, NodeIx),
    /// The last token in a scope (`None`: the instance) has gone.
    ScopeDone(Option<Id>),
    /// The instance that a token's activity has called has ended.
    Returned(Id),
    /// An incident of a called instance is gone, resolved or not, and with it the one that it has caused here.
    /// The last: whether it was that of a job.
    CauseEnded(Id, bool, bool),
}

/// A step in progress: the current instance's working copy, the others of its tree, and the world outside.
pub struct Ctx<'a, 'b> {
    pub(crate) def: DefinitionRef<'a>,
    pub(crate) inst: &'a mut Instance,
    pub(crate) env: &'a mut Env<'b>,
    pub(crate) outcome: Outcome,
    /// With the instance each belongs to.
    work: Vec<(Id, Work)>,
    steps: u32,
    /// Whether a token is on its way already: of several flows the first is taken first then. Where a command makes an
    /// activity leave, the reference takes the last first.
    pub(crate) on_the_way: bool,
    /// Other instances of the tree that the step has made or looked into.
    pub(crate) others: BTreeMap<Id, Box<Member<'a>>>,
    /// How often it has asked.
    pub(crate) asked: usize,
    /// Whether output parameters are left out.
    pub(crate) skip_outputs: bool,
    /// Whether input parameters are left out.
    pub(crate) skip_inputs: bool,
    /// The instance that outlives moments without tokens: instructions for it are still to come.
    pub(crate) preserved: Option<Id>,
    /// The element at which the current instance's last token ended.
    pub(crate) last: Option<String>,
    /// What of the current instance goes to history.
    pub(crate) recording: Recording<'a>,
    /// The instance gets the variables it starts with.
    pub(crate) starting: bool,
    /// The user task or external task that is being completed.
    pub(crate) completing: Option<Id>,
    /// What is being evaluated, where expressions can see that.
    pub(crate) scene: Option<Scene>,
    /// What a connector gave, while its outputs are evaluated.
    pub(crate) answered: Option<Variables>,
    /// A BPMN error that a script has thrown, with the failure it has become.
    pub(crate) thrown: Option<BpmnError>,
    /// The code of a BPMN error that a worker or a user has reported in this step.
    pub(crate) failed_error: Option<String>,
    /// Whether listeners know that all tasks are deleted.
    pub(crate) tasks_told: bool,
    /// Whether an activity is being canceled.
    pub(crate) canceling: bool,
    /// An instruction makes a scope in an execution that is in no activity instance.
    pub(crate) opens_nowhere: bool,
    /// Whether the tasks of the activity that ends stay.
    pub(crate) keeps_tasks: bool,
    /// What scopes end as, if they are canceled.
    pub(crate) canceled_as: BTreeMap<Id, &'a Node>,
    /// As what history tells that activities have been canceled, if not as themselves.
    pub(crate) told_as: BTreeMap<Id, &'a Node>,
    /// Whether the scope that is emptied is canceled too, with what it remembers for compensation.
    pub(crate) cancels_all: bool,
    /// Whether listeners are left out.
    pub(crate) skip_listeners: bool,
    /// Why activities are being canceled.
    pub(crate) termination: Termination,
    /// Only a token's own variables are seen, not those around it.
    pub(crate) own_only: bool,
    /// Why the instance is being deleted.
    pub(crate) delete_reason: Option<String>,
    /// Why the task of the activity that is being canceled is deleted, if not because of that.
    pub(crate) task_reason: Option<String>,
    /// Changes of variables that conditional events have not been told of yet.
    pub(crate) changes: Vec<Change>,
    /// Variables that go when the command is done, by instance.
    pub(crate) transient: Vec<(Id, Id)>,
    /// A variable that was to become transient, or to stay, and was not so before.
    pub(crate) transient_clash: Option<String>,
    /// Large values that were touched and aren't at hand.
    pub(crate) needs: RefCell<Vec<Id>>,
    /// The activity that runs now; after a failure, the one that failed.
    pub(crate) at: Option<&'a str>,
    /// Results of decisions that tokens have evaluated in this step: `decisionResult` of expressions.
    pub(crate) decided: BTreeMap<Id, Decided>,
}

impl<'a, 'b> Ctx<'a, 'b> {
    pub(crate) fn new(def: &DefinitionRef<'a>, inst: &'a mut Instance, env: &'a mut Env<'b>) -> Ctx<'a, 'b> {
        let env_history = env.history;
        Ctx {
            def: *def,
            inst,
            env,
            outcome: Outcome::default(),
            work: Vec::new(),
            steps: 0,
            on_the_way: false,
            others: BTreeMap::new(),
            asked: 0,
            skip_outputs: false,
            skip_inputs: false,
            preserved: None,
            last: None,
            recording: env_history.of(&def.definition.key),
            starting: false,
            completing: None,
            scene: None,
            answered: None,
            thrown: None,
            failed_error: None,
            tasks_told: false,
            canceling: false,
            opens_nowhere: false,
            keeps_tasks: false,
            canceled_as: BTreeMap::new(),
            told_as: BTreeMap::new(),
            cancels_all: false,
            skip_listeners: false,
            termination: Termination::default(),
            own_only: false,
            delete_reason: None,
            task_reason: None,
            changes: Vec::new(),
            transient: Vec::new(),
            transient_clash: None,
            needs: RefCell::default(),
            at: None,
            decided: BTreeMap::new(),
        }
    }

    /// A new id in the instance's slot.
    pub(crate) fn new_id(&mut self) -> Id {
        // An id that isn't ours can't come from `new_instance`; slot 0 is then as good as any.
        let slot = self.inst.process.root_id.slot().unwrap_or(Slot::from_bits(0));
        self.env.ids.next(slot)
    }

    pub(crate) fn node(&self, ix: NodeIx) -> &'a Node {
        &self.def.definition.nodes[ix]
    }

    /// A failure of the process at an element.
    pub(crate) fn failure(node: &Node, message: impl Into<String>) -> Rejection {
        Rejection::Failure {
            message: message.into(),
            element: Some(node.id.clone()),
        }
    }

    /// Runs something of an activity. After a failure it stays the one that ran, as the reference tells of it
    /// (`failedActivityId`): also where that is another than the element whose expression was wrong.
    pub(crate) fn running<T>(
        &mut self,
        node: &'a Node,
        run: impl FnOnce(&mut Self) -> Result<T, Rejection>,
    ) -> Result<T, Rejection> {
        let before = self.at.replace(&node.id);
        let result = run(self)?;
        self.at = before;
        Ok(result)
    }

    /// A failure, with the activity that ran. What is refused within a job is a failure of the job.
    pub(crate) fn located(&self, rejection: Rejection, in_job: bool) -> Rejection {
        let message = match rejection {
            Rejection::Failure { message, .. } => message,
            Rejection::Suspended(message) | Rejection::NotValid(message) | Rejection::BadRequest(message)
                if in_job =>
            {
                message
            }
            other => return other,
        };
        Rejection::Failure {
            message,
            element: self.at.map(str::to_owned),
        }
    }

    pub(crate) fn token(&self, id: Id) -> Result<&Token, Rejection> {
        self.inst
            .tokens
            .get(id)
            .ok_or(Rejection::NotFound { kind: "Token", id })
    }

    /// Changes a token.
    pub(crate) fn change_token(&mut self, id: Id, change: impl FnOnce(&mut Token)) -> Result<(), Rejection> {
        let changed = self.inst.tokens.update(id, change);
        changed.ok_or(Rejection::NotFound { kind: "Token", id })
    }

    /// The node a token stands on.
    pub(crate) fn node_of(&self, token: Id) -> Result<&'a Node, Rejection> {
        let element = &self.token(token)?.element;
        let definition = self.def.definition;
        let found = definition.index(element).map(|ix| &definition.nodes[ix]);
        // The shell passed another definition than the instance's: an internal error, told instead of run.
        found.ok_or_else(|| Rejection::BadRequest(format!("the definition has no element '{element}'")))
    }

    /// Runs until every token waits or has ended.
    pub(crate) fn run(&mut self) -> Result<(), Rejection> {
        // Where something runs, it tells them when it is safe.
        if self.work.is_empty() {
            self.tell_conditions()?;
        }
        loop {
            let Some((instance, work)) = self.work.pop() else {
                // Variables may have been passed to an instance in which nothing runs.
                let told = self.others.iter().find(|(_, other)| !other.changes.is_empty());
                let Some(id) = told.map(|(id, _)| *id) else {
                    return Ok(());
                };
                self.switch_to(id)?;
                self.tell_conditions()?;
                continue;
            };
            self.switch_to(instance)?;
            self.on_the_way |= matches!(work, Work::Take(..) | Work::Arrive(..));
            match work {
                // It was canceled by another token that ran before it.
                Work::Take(token, _) | Work::Arrive(token, _) if self.inst.tokens.get(token).is_none() => {}
                Work::Take(token, flow) => self.take(token, flow)?,
                Work::Arrive(token, ix) => self.arrive(token, self.node(ix))?,
                Work::ScopeDone(Some(scope)) => {
                    if self.inst.tokens.get(scope).is_some() {
                        self.leave_scope(scope)?;
                    }
                }
                Work::ScopeDone(None) if self.preserved == Some(instance) => {}
                Work::ScopeDone(None) => self.complete()?,
                Work::Returned(token) => self.leave(token, self.node_of(token)?)?,
                Work::CauseEnded(cause, resolved, _) => self.end_caused(cause, resolved),
            }
        }
    }

    /// Lets the activity of a caller's token go on: the instance that it called has ended.
    pub(crate) fn go_on_in(&mut self, caller: Id, token: Id) {
        // As in the reference the incidents of external tasks are resolved before what was called ends, those of jobs
        // when the job has run: then they are gone with the activity.
        let (before, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.work)
            .into_iter()
            .partition(|(of, work)| *of == caller && matches!(work, Work::CauseEnded(_, _, false)));
        self.work = others;
        self.work.push((caller, Work::Returned(token)));
        self.work.extend(before);
    }

    /// Tells the caller that an incident is gone, when all else is done.
    pub(crate) fn cause_ended(&mut self, caller: Id, cause: Id, resolved: bool, of_job: bool) {
        self.work
            .push((caller, Work::CauseEnded(cause, resolved, of_job)));
    }

    fn push(&mut self, work: Work) {
        self.work.push((self.here(), work));
    }

    /// Puts a new token before a node; it runs with [`Ctx::run`].
    pub(crate) fn spawn(&mut self, scope: Option<Id>, ix: NodeIx) -> Id {
        let id = self.add_token(scope, self.node(ix), TokenState::Waiting);
        self.push(Work::Arrive(id, ix));
        id
    }

    /// A new token in a scope, at a node whose activity it is not in.
    pub(crate) fn add_token(&mut self, scope: Option<Id>, at: &Node, state: TokenState) -> Id {
        let id = self.new_id();
        self.inst.tokens.insert(Token {
            id,
            instance_id: self.inst.process.id,
            parent_id: scope,
            element: at.id.clone(),
            state,
            execution_id: id,
            activity_id: None,
            started: self.env.now,
            data: None,
        });
        id
    }

    /// A new iteration of a parallel multi-instance.
    pub(crate) fn add_iteration(&mut self, body: &Node, scope: Id) -> Id {
        self.add_token(Some(scope), body, TokenState::Iteration)
    }

    /// Moves an existing token before a node.
    pub(crate) fn send(&mut self, token: Id, ix: NodeIx) {
        self.push(Work::Arrive(token, ix));
    }

    /// Lets an existing token take a flow.
    pub(crate) fn go(&mut self, token: Id, flow: FlowIx) {
        self.push(Work::Take(token, flow));
    }

    /// The node that a token is about to go to in this step.
    pub(crate) fn heading_for(&self, token: Id) -> Option<NodeIx> {
        self.work.iter().find_map(|(_, work)| match work {
            Work::Take(of, flow) if *of == token => Some(self.def.definition.flows[*flow].target),
            Work::Arrive(of, node) if *of == token => Some(*node),
            _ => None,
        })
    }

    /// Takes a flow: its listeners still see the element it leaves.
    fn take(&mut self, token: Id, flow: FlowIx) -> Result<(), Rejection> {
        let definition = self.def.definition;
        let taken = &definition.flows[flow];
        self.at = Some(&definition.nodes[taken.source].id);
        self.notify(&taken.take, Scene::Take(flow), Some(token))?;
        if !self.undisturbed(token)? {
            return Ok(());
        }
        self.arrive(token, &definition.nodes[taken.target])
    }

    fn arrive(&mut self, token: Id, node: &'a Node) -> Result<(), Rejection> {
        self.steps += 1;
        self.at = Some(&node.id);
        if self.steps > self.env.max_steps {
            let message = format!(
                "the process passed {} elements without reaching a wait state",
                self.env.max_steps
            );
            return Err(Self::failure(node, message));
        }
        if node.behavior.interrupts_scope() {
            let scope = self.token(token)?.parent_id;
            self.termination = Termination::interrupting(&node.id);
            self.cancel_others(scope, token)?;
        }
        let execution = self.base_execution(token)?;
        self.change_token(token, |row| {
            row.element.clone_from(&node.id);
            row.execution_id = execution;
            row.activity_id = None;
            row.data = None;
            row.state = match node.async_before {
                true => TokenState::BeforeAsync,
                false => TokenState::Waiting,
            };
        })?;
        if node.async_before {
            return self
                .add_job(token, node, JobKind::AsyncBefore, None, None)
                .map(drop);
        }
        self.begin(token, node)
    }

    /// Starts the activity instance: after arriving, or by the job of asyncBefore.
    pub(crate) fn begin(&mut self, token: Id, node: &'a Node) -> Result<(), Rejection> {
        self.running(node, |ctx| ctx.begin_here(token, node))
    }

    fn begin_here(&mut self, token: Id, node: &'a Node) -> Result<(), Rejection> {
        if node.parent.is_none() && node.behavior.start().is_some() {
            let definition = self.def.definition;
            self.notify(&definition.listeners.start, Scene::Start, Some(token))?;
        }
        self.prepare(token, node)?;
        self.thrown = None;
        let carried_out = self.carry_out(token, node);
        match (carried_out, self.thrown.take()) {
            (Err(_), Some(error)) => self.throw_error(token, &error.code, error.message.as_deref()),
            (result, _) => result,
        }
    }

    /// Makes the activity instance with its input parameters and the events around and inside it.
    fn prepare(&mut self, token: Id, node: &'a Node) -> Result<(), Rejection> {
        let activity = self.new_id();
        self.outcome.tally.started += 1;
        // As in the reference a handler has no execution of its own, and so nothing around it waits.
        let compensates = self.compensates(token, node)?;
        let execution = if node.is_scope() && !compensates {
            self.new_id()
        } else {
            self.base_execution(token)?
        };
        let now = self.env.now;
        self.change_token(token, |row| {
            row.state = TokenState::Waiting;
            row.activity_id = Some(activity);
            row.execution_id = execution;
            row.started = now;
        })?;
        self.show_iteration(token, node, activity)?;
        self.show_subprocess(token, node)?;
        self.map_inputs(token, node)?;
        match compensates {
            true => Ok(()),
            false => self.attach_events(token, node),
        }
    }

    /// Makes the activity instance of an activity that contains others without entering it; false if a listener has
    /// led its token away.
    pub(crate) fn make_scope(&mut self, token: Id, node: &'a Node) -> Result<bool, Rejection> {
        self.prepare(token, node)?;
        self.notify(&node.listeners.start, Scene::Start, Some(token))?;
        self.undisturbed(token)
    }

    /// The activity has begun: its start listeners, then what it does.
    fn carry_out(&mut self, token: Id, node: &'a Node) -> Result<(), Rejection> {
        self.notify(&node.listeners.start, Scene::Start, Some(token))?;
        if !self.undisturbed(token)? {
            return Ok(());
        }
        if node.is_scope() && !self.look_at_conditions(token)? {
            return Ok(());
        }
        // What it waits for has happened at the gateway.
        if node.behind_gateway {
            return self.leave(token, node);
        }
        match node.behavior.enter(node, token, self)? {
            Next::Wait => Ok(()),
            Next::Leave => self.leave(token, node),
        }
    }

    /// A scope whose activity goes on as its token does: all inside has ended.
    pub(crate) fn leave_scope(&mut self, scope: Id) -> Result<(), Rejection> {
        let node = self.node_of(scope)?;
        self.leave(scope, node)
    }

    /// Ends the activity instance regularly and takes its outgoing flows (or waits for the job of asyncAfter).
    ///
    /// The flows are chosen first: as in the reference, conditions don't see what end listeners and output
    /// parameters set.
    pub(crate) fn leave(&mut self, token: Id, node: &'a Node) -> Result<(), Rejection> {
        self.active_execution(self.token(token)?.execution_id)?;
        self.running(node, |ctx| ctx.leave_here(token, node))
    }

    fn leave_here(&mut self, token: Id, node: &'a Node) -> Result<(), Rejection> {
        if !self.undisturbed(token)? {
            return Ok(());
        }
        let flows = node.behavior.outgoing(node, token, self)?;
        self.remember(token, node)?;
        let compensates = self.ends_compensation(token, node)?;
        let ends = (node.outgoing.is_empty() && !compensates) || node.behavior.ends_token();
        if flows.is_empty() && node.async_after && !compensates {
            return self.wait_ended(token, node, ends);
        }
        // As in the reference, a handler sets no output parameters.
        let before = self.skip_outputs;
        self.skip_outputs |= compensates;
        self.end_activity(
            token,
            node,
            Ended {
                canceled: false,
                // What history takes for an event subprocess has nowhere to go.
                complete_scope: ends || self.told_as.contains_key(&token),
            },
        )?;
        self.skip_outputs = before;
        if !self.undisturbed(token)? {
            return Ok(());
        }
        let Some((first, rest)) = flows.split_first() else {
            return self.end_token(token);
        };
        // Camunda keeps the arriving execution for the first flow and makes new ones for the others.
        let scope = self.token(token)?.parent_id;
        let mut ways = vec![(token, *first)];
        for flow in rest {
            ways.push((self.add_token(scope, node, TokenState::Waiting), *flow));
        }
        self.rebalance(scope);
        if node.async_after {
            return ways
                .into_iter()
                .try_for_each(|(token, flow)| self.wait_after(token, node, flow));
        }
        // The list is a stack: the first flow is to run first, or the last.
        if self.on_the_way {
            ways.reverse();
        }
        for (token, flow) in ways {
            self.push(Work::Take(token, flow));
        }
        Ok(())
    }

    /// Waits for the job of asyncAfter before a flow that has been chosen.
    fn wait_after(&mut self, token: Id, node: &'a Node, flow: FlowIx) -> Result<(), Rejection> {
        let flow = self.def.definition.flows[flow].id.clone();
        self.change_token(token, |row| {
            row.state = TokenState::AfterAsync;
            row.data = Some(flow);
        })?;
        self.add_job(token, node, JobKind::AsyncAfter, None, None)
            .map(drop)
    }

    /// The job of asyncAfter runs.
    pub(crate) fn resume_after(&mut self, token: Id, node: &'a Node) -> Result<(), Rejection> {
        let flow = self.chosen_flow(token, node)?;
        if self.token(token)?.ended().is_some() {
            let ended = Ended {
                canceled: false,
                complete_scope: true,
            };
            self.end_activity(token, node, ended)?;
            return self.running(node, |ctx| ctx.end_token(token));
        }
        self.change_token(token, |row| {
            row.state = TokenState::Waiting;
            row.data = None;
        })?;
        match flow {
            Some(flow) => self.push(Work::Take(token, flow)),
            None => self.running(node, |ctx| ctx.end_token(token))?,
        }
        Ok(())
    }

    /// The flow that a token after its element is to take.
    pub(crate) fn chosen_flow(&self, token: Id, node: &Node) -> Result<Option<FlowIx>, Rejection> {
        let chosen = self.token(token)?.data.as_ref();
        let flows = &self.def.definition.flows;
        let mut outgoing = node.outgoing.iter().copied();
        Ok(outgoing.find(|&ix| chosen == Some(&flows[ix].id)))
    }

    /// Waits for the job of asyncAfter without a flow to take: the activity instance has ended, but as in the reference
    /// what belongs to it (its execution, variables, events around it) goes with the job only.
    pub(crate) fn wait_ended(
        &mut self,
        token: Id,
        node: &'a Node,
        complete_scope: bool,
    ) -> Result<(), Rejection> {
        let ended = Ended {
            canceled: false,
            complete_scope,
        };
        self.running(node, |ctx| {
            ctx.notify(&node.listeners.end, Scene::End, Some(token))?;
            ctx.tell_activity(token, node, ended)?;
            // What it waited for has come.
            match ctx.completing {
                Some(task) if ctx.inst.tasks.get(task).is_some() => ctx.end_task(task, None),
                Some(task) if ctx.inst.external_tasks.get(task).is_some() => ctx.end_external_task(task),
                _ => {}
            }
            Ok(())
        })?;
        if node.behavior.is_composite() {
            self.show_body(token)?;
        }
        let activity = self.token(token)?.activity_id;
        self.inst.variables.update_by(By::Scope(token), |variable| {
            variable.version.shown_id = variable.version.shown_id.or(activity);
        });
        self.change_token(token, |row| {
            row.state = TokenState::AfterAsync;
            row.activity_id = None;
            // One whose task was left there may be ended again.
            row.data = activity.map_or(row.data.take(), |activity| Some(activity.to_string()));
        })?;
        self.add_job(token, node, JobKind::AsyncAfter, None, None)
            .map(drop)
    }

    /// Removes a token whose activity instance has ended; the last one of a scope completes the scope.
    pub(crate) fn end_token(&mut self, token: Id) -> Result<(), Rejection> {
        let row = self.token(token)?;
        let (scope, element) = (row.parent_id, row.element.clone());
        self.remove_token(token);
        self.last = Some(element);
        if let Some(around) = scope {
            let row = self.token(around)?;
            let node = match (row.state, row.parent_id) {
                (TokenState::Compensating, _) => return self.compensated(around),
                (TokenState::Iteration, Some(body)) => self.node_of(body)?,
                _ => self.node_of(around)?,
            };
            if node.behavior.inner_ended(node, around, self)? {
                return Ok(());
            }
        }
        if self.tokens_within(scope) == 0 {
            self.push(Work::ScopeDone(scope));
        } else {
            self.rebalance(scope);
        }
        Ok(())
    }

    /// Removes everything of the process; what it leaves in history is appended.
    ///
    /// # Errors
    /// Those of the process's end listeners.
    pub(crate) fn end_process(
        &mut self,
        state: EndState,
        delete_reason: Option<String>,
    ) -> Result<(), Rejection> {
        let definition = self.def.definition;
        if let Some(last) = self.last.as_deref().and_then(|last| definition.node(last)) {
            self.at = Some(&last.id);
        }
        self.notify(&definition.listeners.end, Scene::ProcessEnd, None)?;
        if state == EndState::Completed {
            self.pass_outputs()?;
            self.map_last_outputs()?;
            self.map_remembered_outputs()?;
        } else {
            self.end_event_scopes(None)?;
        }
        let end_element = if state == EndState::Completed {
            self.last.take()
        } else {
            None
        };
        self.end_waits(self.here());
        self.end_all_variables();
        self.end_all_incidents();
        if self.inst.process.recorded {
            let row = HistoricProcessInstance {
                process: self.inst.process.clone(),
                ended: self.env.now,
                end_element,
                state,
                delete_reason,
            };
            self.inst.history.push(HistoryRow::Process(row));
        }
        self.inst.ended = true;
        Ok(())
    }
}

/// How an activity instance ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    pub canceled: bool,
    /// Whether an end was reached here.
    pub complete_scope: bool,
}
