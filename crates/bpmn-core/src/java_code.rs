//! Java code that a model names instead of a topic: `camunda:class`, `camunda:delegateExpression` and calls of beans.
//! The operator says which external task topic stands for it ([`World::java_topic`](crate::world::World)); a worker of
//! that topic runs it. Extension properties of the task tell the worker what to run, local variables what it needs.
//!
//! Without a topic it fails when it is reached, in the reference's words for a class that isn't there.
use crate::{
    command::Rejection,
    convert,
    ctx::Ctx,
    definition::Node,
    element::{Behavior, Next},
    value::TypedValue,
    world,
    xml::{Reader, extension, extensions, is_extension, text},
};
use expr::{BeanCall, Expression, Value};
use roxmltree::Node as Xml;
use topology::Id;

/// The extension property with the class to run.
pub const CLASS: &str = "java.class";
/// The extension property with the delegate expression to run.
pub const DELEGATE: &str = "java.delegateExpression";
/// The extension properties with the bean and the method to call, and the variable for what it returns.
pub const BEAN: &str = "java.bean";
pub const METHOD: &str = "java.method";
pub const RESULT: &str = "java.resultVariable";
/// What names of fields begin with: extension properties for texts, local variables for values of expressions.
pub const FIELD: &str = "java.field.";
/// The local variable with the arguments of a bean's method, a JSON list: `{"type": …, "value": …}`, or
/// `{"bean": "execution"}` for what only the worker has.
pub const ARGUMENTS: &str = "java.arguments";

/// What to do, for messages of code that no topic stands for.
const ADVICE: &str = "map it to an external task topic with --java-delegates";

/// Which code.
#[derive(Debug)]
pub(crate) enum Code {
    Class(String),
    Delegate(Expression),
}

/// An activity that Java code carries out.
#[derive(Debug)]
pub(crate) struct JavaCode {
    code: Code,
    fields: Vec<(String, Expression)>,
    priority: Option<Expression>,
}

impl JavaCode {
    /// Reads the fields beside the code.
    pub(crate) fn read(reader: &mut Reader<'_>, xml: Xml<'_, '_>, id: &str, code: Code) -> Option<JavaCode> {
        let fields = read_fields(reader, xml, id);
        let priority = reader.priority(xml, id, "taskPriority");
        Some(JavaCode {
            code,
            fields,
            priority,
        })
    }
}

/// The fields of an element, by name.
pub(crate) fn read_fields(reader: &mut Reader<'_>, xml: Xml<'_, '_>, id: &str) -> Vec<(String, Expression)> {
    let mut fields = Vec::new();
    for field in extensions(xml, "field") {
        let name = field.attribute("name").unwrap_or_default();
        let Some(value) = field_value(field) else {
            let message = "One of the following is mandatory on a field declaration: one of attributes \
                           stringValue|expression or one of child elements string|expression";
            reader.error(field, id, message);
            continue;
        };
        if let Some(value) = reader.expression(field, id, &value) {
            fields.push((name.to_owned(), value));
        }
    }
    fields
}

fn field_value(field: Xml<'_, '_>) -> Option<String> {
    let attribute = ["stringValue", "expression"]
        .iter()
        .find_map(|name| field.attribute(*name).or_else(|| extension(field, name)));
    attribute.map(str::to_owned).or_else(|| {
        let child = field
            .children()
            .find(|n| is_extension(*n) && matches!(n.tag_name().name(), "string" | "expression"))?;
        Some(text(child))
    })
}

impl Behavior for JavaCode {
    fn enter(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        let known_as = match &self.code {
            Code::Class(class) => world::JavaCode::Class(class),
            Code::Delegate(expression) => world::JavaCode::Delegate(expression.text()),
        };
        let Some(topic) = ctx.env.world.java_topic(known_as) else {
            return Err(self.missing(at, token, ctx));
        };
        for (name, value) in self.fields.iter().filter(|(_, value)| !value.is_literal()) {
            let name = format!("{FIELD}{name}");
            let value = ctx.eval_typed(value, Some(token), &name)?;
            let writer = ctx.writer(Some(token));
            ctx.set_local(token, None, &name, value, writer);
        }
        let priority = ctx.task_priority(token, at, self.priority.as_ref())?;
        ctx.add_external_task(token, at, topic, priority)?;
        Ok(Next::Wait)
    }

    fn is_scope(&self) -> bool {
        true
    }

    fn properties(&self) -> Vec<(String, String)> {
        let code = match &self.code {
            Code::Class(class) => (CLASS.to_owned(), class.clone()),
            Code::Delegate(expression) => (DELEGATE.to_owned(), expression.text().to_owned()),
        };
        let texts = self.fields.iter().filter(|(_, value)| value.is_literal());
        let fields = texts.map(|(name, value)| (format!("{FIELD}{name}"), value.text().to_owned()));
        std::iter::once(code).chain(fields).collect()
    }
}

impl JavaCode {
    fn missing(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Rejection {
        match &self.code {
            Code::Class(class) => Ctx::failure(
                at,
                format!(
                    "ENGINE-09008 Exception while instantiating class '{class}': ENGINE-09017 Cannot load class \
                     '{class}': {class}; {ADVICE}"
                ),
            ),
            Code::Delegate(expression) => match ctx.eval(expression, Some(token)) {
                Ok(found) if !self.fields.is_empty() => Ctx::failure(at, no_field(&self.fields[0].0, &found)),
                Ok(_) => Ctx::failure(
                    at,
                    format!(
                        "ENGINE-02033 Delegate Expression '{}' did neither resolve to an implementation of 'interface \
                         org.camunda.bpm.engine.impl.pvm.delegate.ActivityBehavior' nor 'interface \
                         org.camunda.bpm.engine.delegate.JavaDelegate'.; {ADVICE}",
                        expression.text()
                    ),
                ),
                Err(cause) => advised(cause),
            },
        }
    }
}

/// What the reference says of a field of what an expression gives, which no Java delegate is here.
pub(crate) fn no_field(field: &str, found: &Value) -> String {
    match found {
        Value::Null => "Cannot invoke \"Object.getClass()\" because \"target\" is null".to_owned(),
        found => format!(
            "Field definition uses unexisting field '{field}' on class {}: field is null",
            found.class_name()
        ),
    }
}

fn advised(cause: Rejection) -> Rejection {
    match cause {
        Rejection::Failure { message, element } => Rejection::Failure {
            message: format!("{message}; {ADVICE}"),
            element,
        },
        other => other,
    }
}

/// Calls a method of a bean, which no variable is: by a worker, if there is a topic for the bean. Without one it fails in
/// the reference's words and no others: nobody knows that a bean was meant, not a variable that isn't there.
pub(crate) fn call_bean(
    call: &BeanCall<'_>,
    at: &Node,
    token: Id,
    ctx: &mut Ctx<'_, '_>,
) -> Result<Next, Rejection> {
    let Some(topic) = ctx.env.world.java_topic(world::JavaCode::Bean(call.bean)) else {
        return Err(ctx.unknown_bean(call, token));
    };
    let arguments = ctx.eval_arguments(call, token)?;
    let arguments: Vec<serde_json::Value> = arguments.into_iter().map(argument).collect();
    let arguments = TypedValue::Json(serde_json::Value::Array(arguments).to_string());
    let writer = ctx.writer(Some(token));
    ctx.set_local(token, None, ARGUMENTS, arguments, writer);
    let priority = ctx.task_priority(token, at, None)?;
    ctx.add_external_task(token, at, topic, priority)?;
    Ok(Next::Wait)
}

/// An argument as the worker is told it.
fn argument(value: Value) -> serde_json::Value {
    if let Value::Bean(name) = value {
        return serde_json::json!({ "bean": name });
    }
    let class = value.class_name().to_owned();
    let kind = convert::from_value(value.clone()).name();
    serde_json::json!({ "type": kind, "class": class, "value": convert::into_json(value) })
}

impl Ctx<'_, '_> {
    /// What the reference says of a bean that isn't there.
    fn unknown_bean(&self, call: &BeanCall<'_>, token: Id) -> Rejection {
        let element = self.inst.tokens.get(token).map(|t| t.element.clone());
        Rejection::Failure {
            message: format!(
                "Unknown property used in expression: {}. Cause: Cannot resolve identifier '{}'",
                call.text(),
                call.bean
            ),
            element,
        }
    }
}
