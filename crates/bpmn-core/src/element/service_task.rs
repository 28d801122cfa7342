//! The service task: an external task for workers, an expression, or Java code ([`crate::java_code`]).
use super::{Behavior, ElementSpec, ErrorRule, Next, user_task::not_a_text};
use crate::{
    command::Rejection,
    connector::ConnectorCall,
    ctx::Ctx,
    definition::Node,
    java_code::{self, Code, JavaCode},
    xml::{Reader, extension, extensions},
};
use expr::{Expression, Value};
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
    if let Some(call) = ConnectorCall::read(reader, xml, id) {
        return Some(Box::new(call));
    }
    let result = extension(xml, "resultVariable").or_else(|| extension(xml, "resultVariableName"));
    let kind = extension(xml, "type");
    if let Some(class) = extension(xml, "class").filter(|class| !class.is_empty()) {
        if result.is_some() {
            let message = format!("'resultVariableName' not supported for {element} elements using 'class'");
            reader.error(xml, id, message);
        }
        let code = Code::Class(class.to_owned());
        return Some(Box::new(JavaCode::read(reader, xml, id, code)?));
    }
    if let Some(text) = extension(xml, "delegateExpression") {
        let code = Code::Delegate(reader.expression(xml, id, text)?);
        return Some(Box::new(JavaCode::read(reader, xml, id, code)?));
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
        Some(kind) if kind.eq_ignore_ascii_case("mail") => {
            Some(Box::new(ConnectorCall::mail(reader, xml, id)))
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
        let topic = match self.topic.is_literal() {
            true => self.topic.text().to_owned(),
            false => match ctx.eval(&self.topic, Some(token))? {
                Value::Null => String::new(),
                Value::Str(topic) => topic,
                other => return Err(Ctx::failure(at, not_a_text(&other))),
            },
        };
        let priority = ctx.task_priority(token, at, self.priority.as_ref())?;
        ctx.add_external_task(token, at, topic, priority)?;
        Ok(Next::Wait)
    }

    fn is_scope(&self) -> bool {
        true
    }

    fn error_rules(&self) -> &[ErrorRule] {
        &self.errors
    }

    fn topic(&self) -> Option<&Expression> {
        Some(&self.topic)
    }
}

/// Evaluates an expression, perhaps into a variable.
#[derive(Debug)]
struct Evaluate {
    expression: Expression,
    result: Option<String>,
}

impl Behavior for Evaluate {
    fn enter(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        if let Some(call) = self.expression.bean_call()
            && ctx.find_variable(Some(token), None, call.bean).is_none()
        {
            return java_code::call_bean(&call, at, token, ctx);
        }
        match &self.result {
            Some(name) => {
                let value = ctx.eval_typed(&self.expression, Some(token), name)?;
                ctx.set_variable(Some(token), None, name, value);
            }
            None => drop(ctx.eval(&self.expression, Some(token))?),
        }
        Ok(Next::Leave)
    }

    fn is_scope(&self) -> bool {
        // A bean may stand for an external task.
        self.expression.bean_call().is_some()
    }

    fn properties(&self) -> Vec<(String, String)> {
        let Some(call) = self.expression.bean_call() else {
            return Vec::new();
        };
        let mut all = vec![
            (java_code::BEAN.to_owned(), call.bean.to_owned()),
            (java_code::METHOD.to_owned(), call.method.to_owned()),
        ];
        all.extend(
            self.result
                .iter()
                .map(|name| (java_code::RESULT.to_owned(), name.clone())),
        );
        all
    }
}
