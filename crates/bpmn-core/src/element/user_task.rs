//! The user task: a task for a human, with assignee, candidates, dates, priority and form key from expressions.
use super::{Behavior, ElementSpec, Next};
use crate::{
    Millis,
    command::Rejection,
    ctx::Ctx,
    definition::Node,
    history::Kind,
    instance::UserTask as TaskRow,
    listener::TaskListener,
    moves::whole_number,
    timer,
    xml::{bpmn_child, extension, text},
};
use expr::{Expression, Value};
use topology::Id;

/// A task's priority if the model gives none.
const DEFAULT_PRIORITY: i32 = 50;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "userTask",
    event: None,
    activity_type: "userTask",
    parse: |reader, xml| {
        let id = xml.attribute("id").unwrap_or_default();
        let name = xml
            .attribute("name")
            .and_then(|name| reader.expression(xml, id, name));
        let description = bpmn_child(xml, "documentation")
            .map(text)
            .filter(|t| !t.is_empty())
            .and_then(|text| reader.expression(xml, id, &text));
        let mut candidates = Vec::new();
        for (group, attribute) in [(false, "candidateUsers"), (true, "candidateGroups")] {
            for one in split(extension(xml, attribute).unwrap_or_default()) {
                if let Some(expression) = reader.expression(xml, id, one) {
                    candidates.push((group, expression));
                }
            }
        }
        Some(Box::new(UserTask {
            name,
            description,
            assignee: reader.expression_attribute(xml, "assignee"),
            candidates,
            due: reader.expression_attribute(xml, "dueDate"),
            follow_up: reader.expression_attribute(xml, "followUpDate"),
            priority: reader.expression_attribute(xml, "priority"),
            form_key: reader.expression_attribute(xml, "formKey"),
            listeners: TaskListener::read_all(reader, xml, id),
        }))
    },
};

/// Splits at commas outside of `${…}`.
fn split(list: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut depth) = (0, 0);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&list[start..]);
    parts
        .into_iter()
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect()
}

#[derive(Debug)]
struct UserTask {
    name: Option<Expression>,
    description: Option<Expression>,
    assignee: Option<Expression>,
    candidates: Vec<(bool, Expression)>,
    due: Option<Expression>,
    follow_up: Option<Expression>,
    priority: Option<Expression>,
    form_key: Option<Expression>,
    listeners: Vec<TaskListener>,
}

impl Behavior for UserTask {
    fn enter(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        let id = ctx.new_id();
        let row = ctx.token(token)?.clone();
        let process = &ctx.inst.process;
        let task = TaskRow {
            id,
            instance_id: Some(process.id),
            token_id: Some(token),
            execution_id: Some(row.execution_id),
            activity_id: row.activity_id,
            definition_id: Some(process.definition_id),
            element: Some(at.id.clone()),
            name: None,
            description: None,
            assignee: None,
            owner: None,
            delegation: None,
            priority: DEFAULT_PRIORITY,
            created: ctx.env.now,
            last_updated: None,
            due: None,
            follow_up: None,
            suspended: process.suspended,
            form_key: None,
            tenant_id: process.tenant_id.clone(),
            recorded: ctx.recording.keeps(Kind::Task),
            candidates: Vec::new(),
        };
        // Stored first: expressions may look at `task`.
        ctx.inst.tasks.insert(task);
        let mut text = |expression: &Option<Expression>| match expression {
            Some(e) if e.is_literal() => Ok(Some(e.text().to_owned())),
            Some(e) => match ctx.eval_in_task(e, token, id)? {
                Value::Null => Ok(None),
                value => Ok(Some(value.to_text())),
            },
            None => Ok(None),
        };
        let name = text(&self.name)?;
        let description = text(&self.description)?;
        let assignee = text(&self.assignee)?;
        let form_key = text(&self.form_key)?;
        let due = self.date(("Due date", &self.due), at, token, id, ctx)?;
        let follow_up = self.date(("Follow up date", &self.follow_up), at, token, id, ctx)?;
        let priority = self.priority(at, token, id, ctx)?;
        let candidates = self.candidates(at, token, id, ctx)?;
        if let Some(task) = ctx.inst.tasks.get_mut(id) {
            *task = TaskRow {
                name,
                description,
                assignee,
                form_key,
                due,
                follow_up,
                priority,
                candidates,
                ..task.clone()
            };
        }
        ctx.task_created(id)?;
        Ok(Next::Wait)
    }

    fn task_listeners(&self) -> &[TaskListener] {
        &self.listeners
    }
}

impl UserTask {
    /// A date, or a duration from now.
    fn date(
        &self,
        (what, expression): (&str, &Option<Expression>),
        at: &Node,
        token: Id,
        task: Id,
        ctx: &mut Ctx<'_, '_>,
    ) -> Result<Option<Millis>, Rejection> {
        let Some(expression) = expression else {
            return Ok(None);
        };
        match ctx.eval_in_task(expression, token, task)? {
            Value::Null => Ok(None),
            Value::Date(date) | Value::DateTime(date) => Ok(Some(date)),
            Value::Str(text) => {
                let text = text.trim();
                let date = if text.starts_with('P') {
                    timer::duration(text, ctx.env.now)
                } else {
                    timer::date(text)
                };
                date.map(Some).map_err(|cause| {
                    Ctx::failure(
                        at,
                        format!("ENGINE-09027 Exception while resolving duedate '{text}': {cause}"),
                    )
                })
            }
            _ => {
                let text = expression.text();
                Err(Ctx::failure(
                    at,
                    format!("{what} expression does not resolve to a Date or Date string: {text}"),
                ))
            }
        }
    }

    fn priority(&self, at: &Node, token: Id, task: Id, ctx: &mut Ctx<'_, '_>) -> Result<i32, Rejection> {
        let Some(expression) = &self.priority else {
            return Ok(DEFAULT_PRIORITY);
        };
        let value = ctx.eval_in_task(expression, token, task)?;
        if value == Value::Null {
            return Ok(DEFAULT_PRIORITY);
        }
        whole_number(&value)
            .and_then(|n| i32::try_from(n).ok())
            .ok_or_else(|| {
                Ctx::failure(
                    at,
                    format!("Priority does not resolve to a number: {}", expression.text()),
                )
            })
    }

    /// Users and groups; an expression may give a list, or a text with commas.
    fn candidates(
        &self,
        at: &Node,
        token: Id,
        task: Id,
        ctx: &mut Ctx<'_, '_>,
    ) -> Result<Vec<(bool, String)>, Rejection> {
        let mut candidates: Vec<(bool, String)> = Vec::new();
        for (group, expression) in &self.candidates {
            let names = match ctx.eval_in_task(expression, token, task)? {
                Value::Null => Vec::new(),
                Value::List(items) => items.iter().map(Value::to_text).collect(),
                Value::Str(text) => split(&text).into_iter().map(str::to_owned).collect(),
                _ => {
                    let message = "Expression did not resolve to a string or collection of strings";
                    return Err(Ctx::failure(at, message));
                }
            };
            for name in names {
                if !candidates.contains(&(*group, name.clone())) {
                    candidates.push((*group, name));
                }
            }
        }
        Ok(candidates)
    }
}
