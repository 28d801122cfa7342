//! Events that wait while a scope lives: boundary events of an activity, start events of the event subprocesses inside
//! it. And what follows when one of them, or a catch event, occurs.
use crate::{
    command::Rejection,
    ctx::{Ctx, Ended},
    definition::{Node, NodeIx},
    element::Start,
    instance::{EventKind, EventSubscription, RunState, TokenState},
    moves::Termination,
    tracked::By,
};
use expr::Expression;
use topology::Id;

impl<'a> Ctx<'a, '_> {
    /// What events of a scope (`None`: the process instance) belong to: its token, or the instance itself.
    pub(crate) fn host(&self, scope: Option<Id>) -> Id {
        scope.unwrap_or(self.inst.process.id)
    }

    /// The scope that a host stands for.
    pub(crate) fn scope_of(&self, host: Id) -> Option<Id> {
        (host != self.inst.process.id).then_some(host)
    }

    /// The execution that events of a host show.
    pub(crate) fn execution_of(&self, host: Id) -> Result<Id, Rejection> {
        match self.scope_of(host) {
            Some(token) => Ok(self.token(token)?.execution_id),
            None => Ok(host),
        }
    }

    /// Lets the boundary events of an activity that has just begun wait, and the event subprocesses inside it. What
    /// they wait with (a job, a subscription) belongs to the activity's token and goes with the activity.
    pub(crate) fn attach_events(&mut self, host: Id, node: &'a Node) -> Result<(), Rejection> {
        for &ix in &node.waiting {
            let event = self.node(ix);
            event.behavior.attach(event, host, self)?;
        }
        Ok(())
    }

    /// Lets the event subprocesses of the process wait: those for messages and signals before the instance has its
    /// first variables, which their names can't use therefore, the others after.
    pub(crate) fn attach_process_events(&mut self, before_variables: bool) -> Result<(), Rejection> {
        let host = self.host(None);
        for &ix in &self.def.definition.waiting {
            let event = self.node(ix);
            let named = matches!(event.behavior.start(), Some(Start::Message(_) | Start::Signal(_)));
            if named == before_variables {
                event.behavior.attach(event, host, self)?;
            }
        }
        Ok(())
    }

    /// Subscribes a host to an event; the name may be an expression.
    pub(crate) fn subscribe(
        &mut self,
        at: &Node,
        host: Id,
        kind: EventKind,
        name: Option<&Expression>,
    ) -> Result<(), Rejection> {
        let name = match name {
            Some(name) => self.eval_text(name, Some(host))?,
            None => None,
        };
        let id = self.new_id();
        let execution_id = self.execution_of(host)?;
        self.outcome.waits_for_message |= kind == EventKind::Message;
        let process = &self.inst.process;
        self.inst.subscriptions.insert(EventSubscription {
            id,
            instance_id: process.id,
            token_id: host,
            execution_id,
            element: at.id.clone(),
            kind,
            name,
            created: self.env.now,
            tenant_id: process.tenant_id.clone(),
        });
        Ok(())
    }

    /// What a host waited for at an element has happened: the activity itself, a boundary event of it, a catch event
    /// behind an event-based gateway, or the start event of an event subprocess.
    pub(crate) fn occurred(&mut self, host: Id, element: &str) -> Result<(), Rejection> {
        let Some(event) = self.def.definition.index(element) else {
            let message = format!("the definition has no element '{element}'");
            return Err(Rejection::BadRequest(message));
        };
        // Conditions are told of variables that are set in a suspended instance too.
        self.active_execution(self.execution_of(host)?)?;
        let node = self.node(event);
        if self.is_kept(host) && (node.attached_to.is_none() || node.interrupting) {
            return Ok(());
        }
        if let Some(around) = node.parent
            && self.node(around).event_subprocess
            && node.behavior.start().is_some()
        {
            return self.start_event_subprocess(host, around, event);
        }
        let at = self.node_of(host)?;
        if at.id == element {
            return self.leave(host, at);
        }
        if node.attached_to.is_none() {
            return self.go_on_at(host, event);
        }
        self.enter_boundary(host, event)
    }

    /// Goes on at a boundary event of a token's activity, which ends if the event interrupts it.
    pub(crate) fn enter_boundary(&mut self, host: Id, event: NodeIx) -> Result<(), Rejection> {
        let node = self.node(event);
        if node.interrupting {
            self.termination = Termination::scope(&node.id);
            self.interrupt(host)?;
            self.send(host, event);
        } else {
            let around = self.around(host)?;
            self.spawn(around, event);
            self.rebalance(around);
        }
        Ok(())
    }

    /// The catch events behind an event-based gateway.
    pub(crate) fn events_behind(&self, gateway: &Node) -> Vec<NodeIx> {
        let flows = &self.def.definition.flows;
        gateway.outgoing.iter().map(|&flow| flows[flow].target).collect()
    }

    /// Ends the wait at an event-based gateway and goes on at one of the events behind it, which has occurred.
    pub(crate) fn go_on_at(&mut self, gateway: Id, event: NodeIx) -> Result<(), Rejection> {
        self.interrupt(gateway)?;
        self.send(gateway, event);
        Ok(())
    }

    /// Starts an event subprocess. One that interrupts ends everything else in the scope around it, and all that
    /// waits with the scope, boundary events too (as the reference does), but not what may compensate.
    fn start_event_subprocess(&mut self, host: Id, ix: NodeIx, start: NodeIx) -> Result<(), Rejection> {
        let scope = self.scope_of(host);
        if let Some(scope) = scope {
            // A condition may hold before anything else is inside.
            self.change_token(scope, |row| {
                if row.state == TokenState::Waiting {
                    row.state = TokenState::Scope;
                }
            })?;
        }
        if self.node(start).interrupting {
            self.termination = Termination::interrupting(&self.node(ix).id);
            self.cancel_within(scope, None)?;
            self.end_waits(host);
        }
        // A condition may hold before the scope around has been entered.
        if let Some(token) = scope
            && self.token(token)?.state == TokenState::Waiting
        {
            self.change_token(token, |row| row.state = TokenState::Scope)?;
        }
        self.spawn(scope, ix);
        self.rebalance(scope);
        Ok(())
    }

    /// Starts an event subprocess that has caught what was thrown inside its scope.
    pub(crate) fn catch_in_subprocess(&mut self, scope: Option<Id>, start: NodeIx) -> Result<(), Rejection> {
        match self.node(start).parent {
            Some(ix) => self.start_event_subprocess(self.host(scope), ix, start),
            None => Ok(()),
        }
    }

    /// Takes out the jobs and subscriptions of a host, except those for compensation.
    pub(crate) fn end_waits(&mut self, host: Id) {
        for job in self.inst.jobs.ids_by(By::Token(host)) {
            self.end_job(job, RunState::Deleted);
        }
        let all = self.inst.subscriptions.by(By::Token(host));
        let gone: Vec<Id> = all
            .filter(|s| s.kind != EventKind::Compensation)
            .map(|s| s.id)
            .collect();
        for id in gone {
            self.inst.subscriptions.remove(id);
        }
    }

    /// Cancels an activity and all within it. Its token stays, outside of it, for the event that interrupted it.
    pub(crate) fn interrupt(&mut self, host: Id) -> Result<(), Rejection> {
        self.cancel_all_within(Some(host))?;
        let node = self.ended_as(host)?;
        self.end_activity(
            host,
            node,
            Ended {
                canceled: true,
                complete_scope: false,
            },
        )
    }

    /// Cancels everything else in the scope of a token that is about to end it, and all that waits with the scope.
    pub(crate) fn cancel_others(&mut self, scope: Option<Id>, token: Id) -> Result<(), Rejection> {
        self.cancel_within(scope, Some(token))?;
        self.end_waits(self.host(scope));
        Ok(())
    }

    /// Whether a host is a completed scope, which only compensation keeps or uses.
    fn is_kept(&self, host: Id) -> bool {
        let row = self.inst.tokens.get(host);
        row.is_some_and(|t| matches!(t.state, TokenState::EventScope | TokenState::Compensating))
    }
}
