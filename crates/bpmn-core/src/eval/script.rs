//! What `execution` and `task` are to scripts: told in advance, since scripts run elsewhere.
use super::{Bean, Place};
use crate::{command::Rejection, convert::from_value, ctx::Ctx, value::Variables};
use expr::{Context, EvalError, Expression, Value};
use topology::Id;

const OF_EXECUTION: &[&str] = &[
    "id",
    "processInstanceId",
    "processBusinessKey",
    "businessKey",
    "processDefinitionId",
    "currentActivityId",
    "currentActivityName",
    "activityInstanceId",
    "parentActivityInstanceId",
    "parentId",
    "eventName",
    "currentTransitionId",
    "tenantId",
];

const OF_TASK: &[&str] = &[
    "id",
    "name",
    "description",
    "assignee",
    "owner",
    "priority",
    "taskDefinitionKey",
    "dueDate",
    "followUpDate",
    "createTime",
    "lastUpdated",
    "executionId",
    "processInstanceId",
    "processDefinitionId",
    "tenantId",
    "eventName",
    "deleteReason",
    "formKey",
];

impl Ctx<'_, '_> {
    /// What the getters of `execution`, and those of `task`, give a script.
    pub(crate) fn getters(&mut self, token: Option<Id>, task: Option<Id>) -> (Variables, Option<Variables>) {
        let mut place = Place {
            ctx: self,
            token,
            task,
        };
        let mut of = |bean: Bean, names: &[&str]| -> Variables {
            let told = names.iter().map(|&name| {
                let value = place.property_of(bean, name).unwrap_or(Value::Null);
                (name.to_owned(), from_value(value))
            });
            told.collect()
        };
        let execution = of(Bean::Execution, OF_EXECUTION);
        (execution, task.map(|task| of(Bean::Task(task), OF_TASK)))
    }

    /// Carries out what a script did to its task. What a task hasn't got, or can't have, is left out.
    pub(crate) fn set_by_script(&mut self, token: Option<Id>, task: Option<Id>, field: &str, value: &Value) {
        let Some(id) = task else { return };
        let mut place = Place {
            ctx: self,
            token,
            task,
        };
        let args = std::slice::from_ref(value);
        let mut chars = field.chars();
        let setter: String = chars
            .next()
            .map(|c| c.to_ascii_uppercase())
            .into_iter()
            .chain(chars)
            .collect();
        if place.change_candidates(id, field, args).is_none() {
            // The script host sends values of the fields' types.
            let _ = place.set_task(id, &setter, args);
        }
    }

    /// Evaluates; a failure of the expression is an answer.
    pub(crate) fn eval_caught(
        &mut self,
        expression: &Expression,
        token: Option<Id>,
        task: Option<Id>,
    ) -> Result<Result<Value, EvalError>, Rejection> {
        self.evaluated(token, task, |place| {
            let place: &mut dyn Context = place;
            Ok(expression.eval(place))
        })
    }
}
