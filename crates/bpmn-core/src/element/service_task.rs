//! The service task: an external task for workers, or an expression. Java classes and beans can be deployed, so that
//! models with them can be read, but fail when they are reached.
use super::{Behavior, ElementSpec, ErrorRule, Next};
use crate::{
    command::Rejection,
    ctx::Ctx,
    definition::Node,
    history::Kind,
    instance::ExternalTask,
    xml::{Reader, extension, extensions},
};
use expr::Expression;
use roxmltree::Node as Xml;
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "serviceTask",
    event: None,
    activity_type: "serviceTask",
    parse: |reader, xml| {
        let id = xml.attribute("id").unwrap_or_default();
        let missing = "One of the attributes 'class', 'delegateExpression', 'type', or 'expression' is mandatory on \
                       serviceTask. If you are using a connector, make sure the connect process engine plugin is \
                       registered with the process engine.";
        parse(reader, xml, id, "serviceTask", missing)
    },
};

/// Whether an event definition says how to send its message, with the attributes of a service task.
pub(super) fn is_service(xml: Xml<'_, '_>) -> bool {
    ["class", "expression", "delegateExpression", "type"]
        .iter()
        .any(|name| extension(xml, name).is_some())
        || extensions(xml, "connector").next().is_some()
}

/// Reads the implementation that the attributes of a service task, or of what is like one, name. `id` is the
/// element's, `element` what problems call it, `missing` the problem of one without any.
pub(super) fn parse<'x>(
    reader: &mut Reader<'x>,
    xml: Xml<'x, 'x>,
    id: &str,
    element: &str,
    missing: &str,
) -> Option<Box<dyn Behavior>> {
    let result = extension(xml, "resultVariable").or_else(|| extension(xml, "resultVariableName"));
    let kind = extension(xml, "type");
    if let Some(class) = extension(xml, "class") {
        if result.is_some() {
            let message = format!("'resultVariableName' not supported for {element} elements using 'class'");
            reader.error(xml, id, message);
        }
        let message = format!(
            "ENGINE-09008 Exception while instantiating class '{class}': ENGINE-09017 Cannot load class '{class}': \
             Java classes can't be run here; make it an external task"
        );
        return Some(Box::new(JavaClass { message }));
    }
    if let Some(text) = extension(xml, "delegateExpression") {
        return Some(Box::new(Delegate {
            expression: reader.expression(xml, id, text)?,
        }));
    }
    if let Some(text) = extension(xml, "expression") {
        let expression = reader.expression(xml, id, text)?;
        return Some(Box::new(Evaluate {
            expression,
            result: result.map(str::to_owned),
        }));
    }
    match kind {
        Some("external") => {
            let Some(topic) = extension(xml, "topic") else {
                let message = "External tasks must specify a 'topic' attribute in the camunda namespace";
                reader.error(xml, id, message);
                return None;
            };
            let topic = reader.expression(xml, id, topic)?;
            let priority = reader.priority(xml, id, "taskPriority");
            Some(Box::new(External {
                topic,
                priority,
                errors: ErrorRule::read_all(reader, xml, id),
            }))
        }
        Some(other) => {
            let message = format!("Invalid usage of type attribute on {element}: '{other}'");
            reader.error(xml, id, message);
            None
        }
        None => {
            reader.error(xml, id, missing);
            None
        }
    }
}

/// Waits for a worker.
#[derive(Debug)]
struct External {
    topic: Expression,
    priority: Option<Expression>,
    errors: Vec<ErrorRule>,
}

impl Behavior for External {
    fn enter(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        let topic = ctx.eval_text(&self.topic, Some(token))?.unwrap_or_default();
        let priority = ctx.task_priority(token, at, self.priority.as_ref())?;
        let id = ctx.new_id();
        let row = ctx.token(token)?;
        let (execution_id, activity_id) = (row.execution_id, row.activity_id);
        let process = &ctx.inst.process;
        let task = ExternalTask {
            id,
            instance_id: process.id,
            token_id: token,
            execution_id,
            activity_id: activity_id.unwrap_or(id),
            definition_id: process.definition_id,
            element: at.id.clone(),
            topic: topic.clone(),
            worker_id: None,
            lock_expires: None,
            retries: None,
            error_message: None,
            error_details: None,
            priority,
            suspended: process.suspended,
            created: ctx.env.now,
            lock_revision: 0,
            business_key: process.business_key.clone(),
            tenant_id: process.tenant_id.clone(),
            recorded: ctx.recording.keeps(Kind::ExternalTask),
        };
        ctx.inst.external_tasks.insert(task);
        ctx.offer(topic);
        Ok(Next::Wait)
    }

    fn is_scope(&self) -> bool {
        true
    }

    fn error_rules(&self) -> &[ErrorRule] {
        &self.errors
    }
}

/// Evaluates an expression, perhaps into a variable.
#[derive(Debug)]
struct Evaluate {
    expression: Expression,
    result: Option<String>,
}

impl Behavior for Evaluate {
    fn enter(&self, _: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        match &self.result {
            Some(name) => {
                let value = ctx.eval_typed(&self.expression, Some(token), name)?;
                ctx.set_variable(Some(token), None, name, value);
            }
            None => drop(ctx.eval(&self.expression, Some(token))?),
        }
        Ok(Next::Leave)
    }
}

/// A Java class, which isn't there.
#[derive(Debug)]
struct JavaClass {
    message: String,
}

impl Behavior for JavaClass {
    fn enter(&self, at: &Node, _: Id, _: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        Err(Ctx::failure(at, self.message.clone()))
    }
}

/// An expression that should give a Java object, which it can't.
#[derive(Debug)]
struct Delegate {
    expression: Expression,
}

impl Behavior for Delegate {
    fn enter(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        ctx.eval(&self.expression, Some(token))?;
        let message = format!(
            "ENGINE-02033 Delegate Expression '{}' did neither resolve to an implementation of 'interface \
             org.camunda.bpm.engine.impl.pvm.delegate.ActivityBehavior' nor 'interface \
             org.camunda.bpm.engine.delegate.JavaDelegate'.",
            self.expression.text()
        );
        Err(Ctx::failure(at, message))
    }
}
