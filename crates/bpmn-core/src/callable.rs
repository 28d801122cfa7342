//! What a call activity or a business rule task names: a key, a version, and a tenant.
use crate::{
    command::Rejection,
    ctx::Ctx,
    definition::Node,
    world::{Binding, Call},
    xml::{Reader, extension},
};
use expr::{Expression, Value};
use roxmltree::Node as Xml;
use topology::Id;

/// What is named.
#[derive(Debug)]
pub(crate) struct Callable {
    key: Expression,
    version: Version,
    tenant: Option<Expression>,
}

/// Which of its versions.
#[derive(Debug)]
enum Version {
    Latest,
    Deployment,
    Number(Expression),
    Tag(Expression),
}

impl Callable {
    /// `names` are those of the attributes for binding, version, version tag and tenant.
    pub fn parse<'x>(
        reader: &mut Reader<'x>,
        xml: Xml<'x, 'x>,
        id: &str,
        key: &str,
        names: [&'static str; 4],
    ) -> Option<Callable> {
        let version = version(reader, xml, id, names);
        let tenant = extension(xml, names[3]).filter(|tenant| !tenant.is_empty());
        let tenant = match tenant {
            Some(text) => Some(reader.expression(xml, id, text)?),
            None => None,
        };
        Some(Callable {
            key: reader.expression(xml, id, key)?,
            version: version?,
            tenant,
        })
    }

    /// What is named where that needs no evaluation; by nobody yet ([`Id::NIL`]).
    pub fn literal(&self) -> Option<Call<'_>> {
        fn text(expression: &Expression) -> Option<&str> {
            expression.is_literal().then(|| expression.text())
        }
        let binding = match &self.version {
            Version::Latest => Binding::Latest,
            Version::Deployment => Binding::Deployment,
            Version::Number(number) => Binding::Version(Some(text(number)?.parse().ok()?)),
            Version::Tag(tag) => Binding::VersionTag(Some(text(tag)?)),
        };
        let tenant = match &self.tenant {
            Some(tenant) => Some(text(tenant)?),
            None => None,
        };
        Some(Call {
            key: Some(text(&self.key)?),
            binding,
            tenant,
            caller: Id::NIL,
        })
    }

    pub fn evaluate(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Called, Rejection> {
        let key = text(at, ctx.eval(&self.key, Some(token))?)?;
        let tenant = match &self.tenant {
            Some(tenant) => text(at, ctx.eval(tenant, Some(token))?)?,
            None => ctx.def.tenant_id.map(str::to_owned),
        };
        let version = match &self.version {
            Version::Latest => Named::Latest,
            Version::Deployment => Named::Deployment,
            Version::Number(number) => Named::Number(whole(at, ctx.eval(number, Some(token))?)?),
            Version::Tag(text) => Named::Tag(tag_text(at, ctx.eval(text, Some(token))?)?),
        };
        Ok(Called { key, version, tenant })
    }
}

/// What the expressions gave.
pub(crate) struct Called {
    key: Option<String>,
    version: Named,
    tenant: Option<String>,
}

enum Named {
    Latest,
    Deployment,
    Number(Option<i32>),
    Tag(Option<String>),
}

impl Called {
    pub fn call(&self, caller: Id) -> Call<'_> {
        Call {
            key: self.key.as_deref(),
            binding: match &self.version {
                Named::Latest => Binding::Latest,
                Named::Deployment => Binding::Deployment,
                Named::Number(number) => Binding::Version(*number),
                Named::Tag(tag) => Binding::VersionTag(tag.as_deref()),
            },
            tenant: self.tenant.as_deref(),
            caller,
        }
    }
}

fn version<'x>(
    reader: &mut Reader<'x>,
    xml: Xml<'x, 'x>,
    id: &str,
    [binding, number, tag, _]: [&'static str; 4],
) -> Option<Version> {
    let wanted = extension(xml, binding);
    let attribute = match wanted {
        Some("deployment") => return Some(Version::Deployment),
        Some("version") => number,
        Some("versionTag") => tag,
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

/// A text or null; the reference casts.
pub(crate) fn text(at: &Node, value: Value) -> Result<Option<String>, Rejection> {
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
