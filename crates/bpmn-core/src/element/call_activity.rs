//! The call activity: starts an instance of another process in the same tree and waits for its end.
//!
//! Mappings are taken in document order, a later one replaces an earlier one of the same target. `variables="all"`
//! copies what the call activity sees (`local="true"`: its own), and nothing is copied without a mapping. A case
//! (CMMN) can be named, but none is ever found; variable mappings in Java fail when they are reached.
use super::{Behavior, ElementSpec, Next};
use crate::{
    command::Rejection,
    ctx::Ctx,
    definition::Node,
    instance::Token,
    parameter::{Inputs, Parameter},
    world::{Binding, Call},
    xml::{Reader, extension, extensions},
};
use expr::{Expression, Value};
use roxmltree::Node as Xml;
use topology::Id;

pub(super) const SPEC: ElementSpec = ElementSpec {
    tag: "callActivity",
    event: None,
    activity_type: "callActivity",
    parse,
};

/// Which of the versions of the called process.
#[derive(Debug)]
enum Version {
    Latest,
    Deployment,
    Number(Expression),
    Tag(Expression),
}

/// Java code that maps variables.
#[derive(Debug)]
enum Delegate {
    Class(String),
    Expression(Expression),
}

#[derive(Debug)]
struct CallActivity {
    called: Expression,
    /// What is called is a case.
    case: bool,
    version: Version,
    tenant: Option<Expression>,
    inputs: Inputs,
    outputs: Vec<Parameter>,
    delegate: Option<Delegate>,
}

fn parse<'x>(reader: &mut Reader<'x>, xml: Xml<'x, 'x>) -> Option<Box<dyn Behavior>> {
    let id = xml.attribute("id").unwrap_or_default();
    let called = xml.attribute("calledElement");
    let case = extension(xml, "caseRef");
    match (called, case) {
        (None, None) => reader.error(xml, id, "Missing attribute 'calledElement' or 'caseRef'"),
        (Some(_), Some(_)) => reader.error(
            xml,
            id,
            "The attributes 'calledElement' or 'caseRef' cannot be used together: Use either 'calledElement' or \
             'caseRef'",
        ),
        _ => {}
    }
    let names = match called {
        Some(_) => [
            "calledElementBinding",
            "calledElementVersion",
            "calledElementTenantId",
        ],
        None => ["caseBinding", "caseVersion", "caseTenantId"],
    };
    let called_text = called.or(case)?;
    let version = version(reader, xml, id, names);
    let tenant = extension(xml, names[2]).filter(|tenant| !tenant.is_empty());
    let tenant = match tenant {
        Some(text) => Some(reader.expression(xml, id, text)?),
        None => None,
    };
    let inputs = Inputs::read(reader, xml, id);
    let outputs: Vec<Option<Parameter>> = extensions(xml, "out")
        .map(|output| Parameter::read(reader, output, id))
        .collect();
    let delegate = match extension(xml, "variableMappingClass") {
        Some(class) => Some(Delegate::Class(class.to_owned())),
        None => match extension(xml, "variableMappingDelegateExpression") {
            Some(text) => Some(Delegate::Expression(reader.expression(xml, id, text)?)),
            None => None,
        },
    };
    Some(Box::new(CallActivity {
        called: reader.expression(xml, id, called_text)?,
        case: called.is_none(),
        version: version?,
        tenant,
        inputs: inputs?,
        outputs: outputs.into_iter().collect::<Option<_>>()?,
        delegate: delegate.filter(|_| called.is_some()),
    }))
}

fn version<'x>(
    reader: &mut Reader<'x>,
    xml: Xml<'x, 'x>,
    id: &str,
    [binding, number, _]: [&'static str; 3],
) -> Option<Version> {
    let wanted = extension(xml, binding);
    let attribute = match wanted {
        Some("deployment") => return Some(Version::Deployment),
        Some("version") => number,
        Some("versionTag") => "calledElementVersionTag",
        // A word it doesn't know is no binding.
        _ => return Some(Version::Latest),
    };
    let Some(text) = extension(xml, attribute) else {
        let wanted = wanted.unwrap_or_default();
        let message = format!("Missing attribute '{attribute}' when '{binding}' has value '{wanted}'");
        reader.error(xml, id, message);
        return None;
    };
    let text = reader.expression(xml, id, text)?;
    Some(match wanted {
        Some("version") => Version::Number(text),
        _ => Version::Tag(text),
    })
}

impl Behavior for CallActivity {
    fn enter(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        let mut variables = Vec::new();
        for input in &self.inputs.parameters {
            ctx.pass(input, Some(token), input.local, &mut variables)?;
        }
        if let Some(delegate) = &self.delegate {
            delegate.run(at, token, ctx)?;
        }
        let business_key = match &self.inputs.business_key {
            Some(key) => text(at, ctx.eval(key, Some(token))?)?,
            None => None,
        };
        let key = text(at, ctx.eval(&self.called, Some(token))?)?;
        let tenant = match &self.tenant {
            Some(tenant) => text(at, ctx.eval(tenant, Some(token))?)?,
            None => ctx.def.tenant_id.map(str::to_owned),
        };
        let tag;
        let binding = match &self.version {
            Version::Latest => Binding::Latest,
            Version::Deployment => Binding::Deployment,
            Version::Number(number) => Binding::Version(whole(at, ctx.eval(number, Some(token))?)?),
            Version::Tag(text) => {
                tag = tag_text(at, ctx.eval(text, Some(token))?)?;
                Binding::VersionTag(tag.as_deref())
            }
        };
        let call = Call {
            key: key.as_deref(),
            binding,
            tenant: tenant.as_deref(),
            caller: ctx.def.id,
        };
        if self.case {
            let deployment = ctx.env.world.deployment_of(ctx.def.id);
            let message = call.missing(
                "case definition deployed",
                "caseDefinition",
                deployment.as_deref(),
            );
            return Err(Ctx::failure(at, message));
        }
        let world = ctx.env.world;
        let def = world.called(&call).map_err(|message| Ctx::failure(at, message))?;
        ctx.start_called(token, def, business_key, &variables)?;
        Ok(Next::Wait)
    }

    fn is_scope(&self) -> bool {
        true
    }

    fn outputs(&self) -> &[Parameter] {
        &self.outputs
    }

    fn called(&self, token: &Token) -> Option<Id> {
        token.data.as_ref()?.parse().ok()
    }

    fn returned(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<(), Rejection> {
        match &self.delegate {
            Some(delegate) => delegate.run(at, token, ctx),
            None => Ok(()),
        }
    }
}

impl Delegate {
    fn run(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<(), Rejection> {
        let message = match self {
            Delegate::Class(class) => format!(
                "ENGINE-09008 Exception while instantiating class '{class}': ENGINE-09017 Cannot load class \
                 '{class}': {class}"
            ),
            Delegate::Expression(expression) => match ctx.eval(expression, Some(token))? {
                Value::Null => return Ok(()),
                value => format!(
                    "ENGINE-02041 Class '{}' doesn't implement \
                     'org.camunda.bpm.engine.delegate.DelegateVariableMapping'.",
                    value.class_name()
                ),
            },
        };
        Err(Ctx::failure(at, message))
    }
}

/// A text or null; the reference casts.
fn text(at: &Node, value: Value) -> Result<Option<String>, Rejection> {
    match value {
        Value::Null => Ok(None),
        Value::Str(text) => Ok(Some(text)),
        other => {
            let message = format!("Cannot cast '{}' to String", other.to_text());
            Err(Ctx::failure(at, message))
        }
    }
}

fn tag_text(at: &Node, value: Value) -> Result<Option<String>, Rejection> {
    match value {
        Value::Null => Ok(None),
        Value::Str(text) => Ok(Some(text)),
        other => {
            let text = other.to_text();
            let message = format!("It is not possible to transform '{text}' into a string.");
            Err(Ctx::failure(at, message))
        }
    }
}

fn whole(at: &Node, value: Value) -> Result<Option<i32>, Rejection> {
    let message = match value {
        Value::Null => return Ok(None),
        Value::Int(number) => return Ok(Some(number)),
        Value::Str(text) => match text.parse() {
            Ok(number) => return Ok(Some(number)),
            Err(_) => format!("For input string: \"{text}\""),
        },
        other => {
            let text = other.to_text();
            format!("It is not possible to transform '{text}' into an integer.")
        }
    };
    Err(Ctx::failure(at, message))
}
