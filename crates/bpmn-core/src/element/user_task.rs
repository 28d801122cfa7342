//! The user task: a task for a human, with assignee, candidates, dates, priority and form key from expressions.
use super::{Behavior, ElementSpec, Next, timer_catch_event::TimerDefinition};
use crate::{
    Millis,
    command::Rejection,
    ctx::Ctx,
    definition::Node,
    history::Kind,
    instance::{JobKind, UserTask as TaskRow},
    listener::TaskListener,
    parse::{documentation, owners},
    property::Property,
    timer,
    xml::{Reader, bpmn_child, bpmn_children, extension, extensions, raw_text, split_list},
};
use expr::{Expression, Value};
use roxmltree::Node as Xml;
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
        let description = documentation(xml).and_then(|text| reader.expression(xml, id, &text));
        let assignee = assignee(reader, xml, id);
        let candidates = candidates(reader, xml, id);
        Some(Box::new(UserTask {
            name,
            description,
            assignee,
            candidates,
            due: reader.expression_attribute(xml, "dueDate"),
            follow_up: reader.expression_attribute(xml, "followUpDate"),
            priority: reader.expression_attribute(xml, "priority"),
            listeners: TaskListener::read_all(reader, xml, id),
            timeouts: timeouts(reader, xml, id),
            properties: bpmn_children(xml)
                .filter(|n| n.tag_name().name() == "property")
                .map(|n| Property::read(reader, n))
                .collect(),
        }))
    },
};

/// The texts of `resourceAssignmentExpression/formalExpression` in resources of a kind.
fn resources(task: Xml<'_, '_>, kind: &'static str) -> Vec<Option<String>> {
    bpmn_children(task)
        .filter(|n| n.tag_name().name() == kind)
        .map(|resource| {
            let expression = bpmn_child(resource, "resourceAssignmentExpression")?;
            bpmn_child(expression, "formalExpression").map(raw_text)
        })
        .collect()
}

/// From `humanPerformer` or `camunda:assignee`.
fn assignee(reader: &mut Reader<'_>, xml: Xml<'_, '_>, id: &str) -> Option<Expression> {
    let name = xml.attribute("name").unwrap_or("null");
    let performers = resources(xml, "humanPerformer");
    let performer = match &performers[..] {
        [one] => one.as_ref(),
        [] => None,
        _ => {
            let message =
                format!("Invalid task definition: multiple humanPerformer sub elements defined for {name}");
            reader.error(xml, id, message);
            None
        }
    };
    match (performer, extension(xml, "assignee")) {
        (Some(_), Some(_)) => {
            let message = format!("Invalid usage: duplicate assignee declaration for task {name}");
            reader.error(xml, id, message);
            None
        }
        (Some(text), None) => reader.expression(xml, id, text),
        (None, Some(text)) => reader.expression(xml, id, text),
        (None, None) => None,
    }
}

/// The timers of the task's timeout listeners: as many as the kinds of jobs can tell apart.
fn timeouts(reader: &mut Reader<'_>, xml: Xml<'_, '_>, id: &str) -> Vec<TimerDefinition> {
    let listeners: Vec<_> = extensions(xml, "taskListener")
        .filter(|l| l.attribute("event") == Some("timeout"))
        .collect();
    if let Some(further) = listeners.get(usize::from(u8::MAX) + 1) {
        let message = format!("more than 256 timeout listeners of '{id}' are not supported");
        reader.error(*further, id, message);
    }
    let timers = listeners.into_iter();
    timers.filter_map(|l| TimerDefinition::read(reader, l)).collect()
}

/// Candidates (`true`: groups) from `potentialOwner`s, whose names are groups unless they say `user(…)`, and from
/// Camunda's attributes.
fn candidates(reader: &mut Reader<'_>, xml: Xml<'_, '_>, id: &str) -> Vec<(bool, Expression)> {
    let mut found: Vec<(bool, String)> = Vec::new();
    for owner in resources(xml, "potentialOwner").into_iter().flatten() {
        found.extend(owners(&owner));
    }
    for (group, attribute) in [(false, "candidateUsers"), (true, "candidateGroups")] {
        let names = split_list(extension(xml, attribute).unwrap_or_default());
        found.extend(names.into_iter().map(|name| (group, name.to_owned())));
    }
    let compiled = found
        .into_iter()
        .filter_map(|(group, name)| Some((group, reader.expression(xml, id, &name)?)));
    compiled.collect()
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
    listeners: Vec<TaskListener>,
    /// When its timeout listeners run.
    timeouts: Vec<TimerDefinition>,
    /// Variables to be made. The reference gives it a scope for them.
    properties: Vec<Property>,
}

impl Behavior for UserTask {
    fn enter(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        for property in &self.properties {
            property.make(at, token, ctx)?;
        }
        self.attach(at, token, ctx)?;
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
            parent_id: None,
            case_instance_id: ctx.inst.process.case_instance_id.clone(),
            candidates: Vec::new(),
            links: Vec::new(),
            changed_links: Vec::new(),
        };
        ctx.inst.tasks.insert(task);
        let mut text = |expression: &Option<Expression>| match expression {
            Some(e) if e.is_literal() => Ok(Some(e.text().to_owned())),
            Some(e) => match ctx.eval(e, Some(token))? {
                Value::Null => Ok(None),
                Value::Str(text) => Ok(Some(text)),
                value => Err(Ctx::failure(at, not_a_text(&value))),
            },
            None => Ok(None),
        };
        let name = text(&self.name)?;
        let description = text(&self.description)?;
        let assignee = text(&self.assignee)?;
        // It is evaluated anew whenever the task is shown; that can't fail the process.
        let form_key = match &at.form.key {
            Some(form) => ctx
                .eval_text(&form.key, Some(token))
                .or_else(Rejection::unless_failure)?,
            None => None,
        };
        let due = self.date(("Due date", &self.due), at, token, ctx)?;
        let follow_up = self.date(("Follow up date", &self.follow_up), at, token, ctx)?;
        let priority = self.priority(at, token, ctx)?;
        let candidates = self.candidates(at, token, ctx)?;
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

    /// Its timeout listeners wait.
    fn attach(&self, at: &Node, host: Id, ctx: &mut Ctx<'_, '_>) -> Result<(), Rejection> {
        for (place, timeout) in (0..).zip(&self.timeouts) {
            let (due, repeat) = timeout.due(at, host, ctx)?;
            ctx.add_job(host, at, JobKind::of_timeout(place), Some(due), repeat)?;
        }
        Ok(())
    }

    fn is_scope(&self) -> bool {
        !self.timeouts.is_empty() || !self.properties.is_empty()
    }

    fn timeouts(&self) -> &[TimerDefinition] {
        &self.timeouts
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
        ctx: &mut Ctx<'_, '_>,
    ) -> Result<Option<Millis>, Rejection> {
        let Some(expression) = expression else {
            return Ok(None);
        };
        match ctx.eval(expression, Some(token))? {
            Value::Null => Ok(None),
            Value::Date(date) | Value::DateTime(date) => Ok(Some(date)),
            Value::Str(text) => {
                let date = if text.starts_with('P') {
                    timer::duration(&text, ctx.env.now)
                } else {
                    timer::date(&text)
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

    fn priority(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<i32, Rejection> {
        let Some(expression) = &self.priority else {
            return Ok(DEFAULT_PRIORITY);
        };
        let wrong = |message: String| Err(Ctx::failure(at, message));
        match ctx.eval(expression, Some(token))? {
            Value::Null => Ok(DEFAULT_PRIORITY),
            Value::Str(text) => match text.parse() {
                Ok(priority) => Ok(priority),
                Err(_) => wrong(format!("Priority does not resolve to a number: {text}")),
            },
            Value::Short(n) => Ok(n.into()),
            Value::Int(n) => Ok(n),
            // Java's `intValue`.
            Value::Long(n) => Ok(n as i32),
            Value::Double(n) => Ok(n as i32),
            _ => wrong(format!(
                "Priority expression does not resolve to a number: {}",
                expression.text()
            )),
        }
    }

    /// Users and groups, each once; an expression may give a list, or a text with commas.
    fn candidates(
        &self,
        at: &Node,
        token: Id,
        ctx: &mut Ctx<'_, '_>,
    ) -> Result<Vec<(bool, String)>, Rejection> {
        let mut candidates: Vec<(bool, String)> = Vec::new();
        for (group, expression) in &self.candidates {
            let names: Vec<String> = match ctx.eval(expression, Some(token))? {
                Value::List(items) => items.iter().map(Value::to_text).collect(),
                Value::Str(text) => names(&text),
                _ => {
                    let message = "Expression did not resolve to a string or collection of strings";
                    return Err(Ctx::failure(at, message));
                }
            };
            for candidate in names.into_iter().map(|name| (*group, name)) {
                if !candidates.contains(&candidate) {
                    candidates.push(candidate);
                }
            }
        }
        Ok(candidates)
    }
}

/// The names in a text with commas, as Java splits at `\s*,\s*`: empty ones don't count at the end.
fn names(text: &str) -> Vec<String> {
    if !text.contains(',') {
        return vec![text.to_owned()];
    }
    let last = text.matches(',').count();
    let parts = text.split(',').enumerate().map(|(at, part)| {
        let part = if at > 0 { part.trim_start() } else { part };
        if at < last { part.trim_end() } else { part }
    });
    let mut names: Vec<String> = parts.map(str::to_owned).collect();
    while names.last().is_some_and(String::is_empty) {
        names.pop();
    }
    names
}

/// Java's words for a value that is cast to a text.
pub(super) fn not_a_text(value: &Value) -> String {
    let class = value.class_name();
    let module = match class.starts_with("java.") {
        true => format!("{class} and java.lang.String are in module java.base of loader 'bootstrap'"),
        false => format!(
            "{class} is in unnamed module of loader 'app'; java.lang.String is in module java.base of loader 'bootstrap'"
        ),
    };
    format!("class {class} cannot be cast to class java.lang.String ({module})")
}
