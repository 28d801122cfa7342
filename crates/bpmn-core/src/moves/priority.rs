//! Priorities of jobs and external tasks.
use crate::{
    command::Rejection,
    ctx::Ctx,
    definition::Node,
    instance::{JobKind, Token},
};
use expr::{Expression, Value};
use topology::Id;

/// The priority if the model gives none, and if its expression fails: it must not keep a process from running.
const DEFAULT_PRIORITY: i64 = 0;

impl Ctx<'_, '_> {
    /// A job's priority: what an operator has set, else of its element, else of the process.
    pub(crate) fn job_priority(&mut self, token: Id, at: &Node, kind: JobKind) -> Result<i64, Rejection> {
        let set = self.def.job_setting(&at.id, kind).and_then(|s| s.priority);
        if let Some(priority) = set {
            return Ok(priority);
        }
        let of_process = &self.def.definition.job_priority;
        let Some(expression) = at.job_priority.as_ref().or(of_process.as_ref()) else {
            return Ok(DEFAULT_PRIORITY);
        };
        self.priority(expression, token).map_err(|cause| {
            let place = self.token(token).map(|row| self.context(row));
            let message = format!(
                "Job {}/{} instantiated in context of {}: {cause}",
                at.id,
                self.handler(token, at, kind),
                place.unwrap_or_default()
            );
            Self::failure(at, message)
        })
    }

    /// An external task's priority: of its element, else of the process.
    pub(crate) fn task_priority(
        &mut self,
        token: Id,
        at: &Node,
        own: Option<&Expression>,
    ) -> Result<i64, Rejection> {
        let Some(expression) = own.or(self.def.definition.task_priority.as_ref()) else {
            return Ok(DEFAULT_PRIORITY);
        };
        self.priority(expression, token)
            .map_err(|cause| Self::failure(at, format!(": {cause}")))
    }

    fn priority(&mut self, expression: &Expression, token: Id) -> Result<i64, &'static str> {
        if expression.is_literal() {
            return Ok(expression.text().trim().parse().unwrap_or(DEFAULT_PRIORITY));
        }
        match self.eval(expression, Some(token)) {
            Err(_) => Ok(DEFAULT_PRIORITY),
            Ok(Value::Short(n)) => Ok(n.into()),
            Ok(Value::Int(n)) => Ok(n.into()),
            Ok(Value::Long(n)) => Ok(n),
            Ok(Value::Double(_)) => Err("Priority value must be either Short, Integer, or Long"),
            Ok(_) => Err("Priority value is not an Integer"),
        }
    }

    /// The reference's word for what a job does.
    fn handler(&self, token: Id, at: &Node, kind: JobKind) -> &'static str {
        let of_boundary = self.token(token).is_ok_and(|row| row.element != at.id);
        match kind {
            JobKind::AsyncBefore | JobKind::AsyncAfter => "async-continuation",
            JobKind::TimerStart => "timer-start-event",
            JobKind::Event => "event",
            JobKind::Suspension => "suspension",
            JobKind::Timeout(_) => "timer-task-listener",
            JobKind::Timer if at.has_timeout() => "timer-task-listener",
            JobKind::Timer if of_boundary => "timer-transition",
            JobKind::Timer => "timer-intermediate-transition",
        }
    }

    /// The execution of a token as the reference writes it.
    fn context(&self, token: &Token) -> String {
        let kind = match token.execution_id {
            id if id == self.inst.process.id => "ProcessInstance",
            id if id == token.id => "ConcurrentExecution",
            _ => "ScopeExecution",
        };
        format!("{kind}[{}]", token.execution_id)
    }
}
