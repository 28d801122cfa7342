//! BPMN errors and escalations: from the activity that throws out through its scopes to who catches.
//!
//! In each scope an event subprocess comes before a boundary event of the scope, and one that names the code before
//! one that takes all, as in the reference. An event subprocess doesn't catch what is thrown inside itself. What nobody
//! catches in a called instance is thrown at the call activity, with the variables passed out.
use crate::{
    command::Rejection,
    ctx::{Ctx, Ended},
    definition::{Node, NodeIx},
    element::{Catch, ErrorCatch, EscalationCatch},
    instance::{TokenState, UserTask},
    tracked::By,
    value::TypedValue,
};
use topology::Id;

/// Where something thrown is caught.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Handler {
    /// A boundary event of a token's activity.
    Boundary(Id, NodeIx),
    /// The start event of an event subprocess in a scope.
    Subprocess(Option<Id>, NodeIx),
}

impl Handler {
    fn event(self) -> NodeIx {
        match self {
            Handler::Boundary(_, event) | Handler::Subprocess(_, event) => event,
        }
    }

    /// The token from which variables of the catching event are set.
    fn place(self) -> Option<Id> {
        match self {
            Handler::Boundary(host, _) => Some(host),
            Handler::Subprocess(scope, _) => scope,
        }
    }
}

/// Whether a catching event takes a code: `Some(true)` one that names it, `Some(false)` one that takes all.
fn takes(caught: Option<&str>, code: &str) -> Option<bool> {
    match caught {
        None => Some(false),
        Some(caught) => (caught == code).then_some(true),
    }
}

impl Ctx<'_, '_> {
    /// Throws a BPMN error that a worker or a user reports: whatever fails then is a failure of that.
    pub(crate) fn report_error(
        &mut self,
        token: Id,
        code: &str,
        message: Option<&str>,
    ) -> Result<(), Rejection> {
        self.failed_error = Some(code.to_owned());
        self.throw_error(token, code, message)
    }

    /// Throws a BPMN error at a token's activity. Nobody catching it ends the token as a none end event would.
    pub(crate) fn throw_error(
        &mut self,
        token: Id,
        code: &str,
        message: Option<&str>,
    ) -> Result<(), Rejection> {
        if self.catch_error(token, code, message)? {
            return Ok(());
        }
        let node = self.node_of(token)?;
        // The reference's words, with the element where they speak of the execution.
        let thrown = format!(
            "Execution with id '{}' throws an error event with errorCode '{code}' and errorMessage '{}'",
            node.id,
            message.unwrap_or("null")
        );
        if self.env.world.unhandled_errors_fail() {
            let message = format!("ENGINE-02042 {thrown}, but no error handler was defined. ");
            return Err(Self::failure(node, message));
        }
        self.outcome.warnings.push(format!(
            "{thrown}, but no catching boundary event was defined. Execution is ended (none end event semantics)."
        ));
        if node.async_after {
            return self.wait_ended(token, node, true);
        }
        self.beside_handlers(token, node)?;
        if self.ends_again(token)? {
            return Ok(());
        }
        self.keeps_tasks = true;
        // The reference doesn't tell who throws compensation that a handler with an execution of its own has ended so.
        let untold = node.is_scope() && self.compensates(token, node)?;
        self.end_activity(
            token,
            node,
            Ended {
                canceled: false,
                complete_scope: true,
            },
        )?;
        if untold {
            self.remove_token(token);
            return Ok(());
        }
        self.end_token(token)
    }

    /// In the reference a handler of compensation without an execution of its own takes that of who throws with it: its
    /// database refuses that while other handlers run there.
    fn beside_handlers(&mut self, token: Id, node: &Node) -> Result<(), Rejection> {
        let around = self.token(token)?.parent_id;
        let thrower = around.filter(|id| self.node_of(*id).is_ok_and(|n| n.behavior.throws_compensation()));
        let Some(thrower) = thrower.filter(|_| !node.is_scope()) else {
            return Ok(());
        };
        if self.compensates(token, node)? && self.tokens_within(Some(thrower)) > 1 {
            self.failed_error = None;
            let message = "An exception occurred in the persistence layer. Please check the server logs for a detailed \
                           message and the entire exception stack trace.";
            return Err(Self::failure(node, message));
        }
        Ok(())
    }

    /// The tasks of an activity that an uncaught error ends stay with its execution, as in the reference: in a
    /// multi-instance that is an iteration's or the body's, and goes with the body.
    pub(crate) fn keep_tasks(&mut self, token: Id, node: &Node) -> Result<(), Rejection> {
        let row = self.token(token)?;
        let around = row.parent_id.and_then(|id| self.inst.tokens.get(id));
        let Some(around) = around.filter(|_| node.body.is_some() && !node.is_scope()) else {
            return Ok(());
        };
        let (around, execution) = (around.id, around.execution_id);
        for id in self.inst.tasks.ids_by(By::Token(token)) {
            if let Some(task) = self.inst.tasks.remove(id) {
                self.inst.tasks.insert(UserTask {
                    token_id: Some(around),
                    execution_id: Some(execution),
                    ..(*task).clone()
                });
            }
        }
        Ok(())
    }

    /// Ends what runs where an uncaught error has left a task in a multi-instance ([`Ctx::keep_tasks`]): as in the
    /// reference an iteration that has ended counts once more, and of a body the activity that runs now ends, whose task
    /// stays too. False: the token is in its activity.
    pub(crate) fn ends_again(&mut self, token: Id) -> Result<bool, Rejection> {
        let row = self.token(token)?;
        let body = match row.state {
            TokenState::Iteration => row.parent_id.unwrap_or(token),
            TokenState::Scope => token,
            _ => return Ok(false),
        };
        if let Some(task) = self.completing {
            self.end_task(task, None);
        }
        if body != token {
            let node = self.node_of(body)?;
            return node.behavior.inner_ended(node, token, self);
        }
        let inner = self.tokens_in(Some(body)).next().map(|t| t.id);
        if let Some(inner) = inner {
            let node = self.node_of(inner)?;
            self.keeps_tasks = true;
            self.leave(inner, node)?;
        }
        Ok(true)
    }

    /// Whether a BPMN error at a token's activity is caught; then the handler has taken over.
    pub(crate) fn catch_error(
        &mut self,
        token: Id,
        code: &str,
        message: Option<&str>,
    ) -> Result<bool, Rejection> {
        let handler = self.catcher(token, |catch| match catch {
            Catch::Error(catch) => takes(catch.code.as_deref(), code),
            _ => None,
        })?;
        let Some(handler) = handler else {
            let caught = self.in_caller(|ctx, call| ctx.catch_error(call, code, message))?;
            return Ok(caught.unwrap_or_default());
        };
        if let Some(Catch::Error(catch)) = self.node(handler.event()).behavior.catch() {
            let ErrorCatch {
                code_variable,
                message_variable,
                ..
            } = catch;
            if let Some(name) = code_variable {
                self.set_variable(handler.place(), None, name, TypedValue::String(code.to_owned()));
            }
            if let Some(name) = message_variable {
                let text = message.map_or(TypedValue::Null, |m| TypedValue::String(m.to_owned()));
                self.set_variable(handler.place(), None, name, text);
            }
        }
        self.take_over(handler)?;
        Ok(true)
    }

    /// Throws an escalation at a token's activity. `None`: nobody catches it; else whether that interrupts the
    /// activity or something around it.
    pub(crate) fn throw_escalation(&mut self, token: Id, code: &str) -> Result<Option<bool>, Rejection> {
        let handler = self.catcher(token, |catch| match catch {
            Catch::Escalation(catch) => takes(catch.code.as_deref(), code),
            _ => None,
        })?;
        let Some(handler) = handler else {
            let caught = self.in_caller(|ctx, call| ctx.throw_escalation(call, code))?;
            return Ok(caught.flatten());
        };
        let event = self.node(handler.event());
        if let Some(Catch::Escalation(EscalationCatch {
            code_variable: Some(name),
            ..
        })) = event.behavior.catch()
        {
            let place = match (handler, event.interrupting) {
                (Handler::Boundary(host, _), false) => self.token(host)?.parent_id,
                _ => handler.place(),
            };
            self.set_variable(place, None, name, TypedValue::String(code.to_owned()));
        }
        self.take_over(handler)?;
        Ok(Some(event.interrupting))
    }

    fn take_over(&mut self, handler: Handler) -> Result<(), Rejection> {
        match handler {
            Handler::Boundary(host, event) => self.enter_boundary(host, event),
            Handler::Subprocess(scope, start) => self.catch_in_subprocess(scope, start),
        }
    }

    /// The innermost event that takes what is thrown at a token's activity.
    fn catcher(
        &self,
        token: Id,
        takes: impl Fn(&Catch) -> Option<bool>,
    ) -> Result<Option<Handler>, Rejection> {
        let best = |events: &[NodeIx], within: &[&str]| {
            let mut found = None;
            for &ix in events {
                let event = self.node(ix);
                let inside = event
                    .parent
                    .is_some_and(|p| within.contains(&self.node(p).id.as_str()));
                if inside && event.attached_to.is_none() {
                    continue;
                }
                match event.behavior.catch().and_then(&takes) {
                    Some(true) => return Some(ix),
                    Some(false) => found = found.or(Some(ix)),
                    None => {}
                }
            }
            found
        };
        let mut within: Vec<&str> = Vec::new();
        let mut at = Some(token);
        while let Some(host) = at {
            let row = self.token(host)?;
            let node = self.node_of(host)?;
            at = row.parent_id;
            // An iteration is not the body, and what compensates is not the activity any more.
            if matches!(row.state, TokenState::Iteration | TokenState::Compensating) {
                continue;
            }
            if let Some(start) = best(&node.event_starts, &within) {
                return Ok(Some(Handler::Subprocess(Some(host), start)));
            }
            if let Some(event) = best(&node.boundary, &within) {
                return Ok(Some(Handler::Boundary(host, event)));
            }
            within.push(&node.id);
        }
        let start = best(&self.def.definition.event_starts, &within);
        Ok(start.map(|start| Handler::Subprocess(None, start)))
    }
}
