//! JUEL in cells.
use crate::host::{Host, Value};
use expr::{Context, EvalError, Expression};

/// Compiles a cell; one without `${…}` is taken for what would be inside.
pub(super) fn parse(text: &str) -> Result<Expression, String> {
    let trimmed = text.trim();
    let whole = if trimmed.starts_with("${") || trimmed.starts_with("#{") {
        text.to_owned()
    } else {
        format!("${{{text}}}")
    };
    Expression::parse(&whole).map_err(|e| e.message)
}

/// Evaluates a cell with variables.
pub(super) fn evaluate(
    parsed: &Result<Expression, String>,
    text: &str,
    language: &str,
    variables: &dyn Host,
) -> Result<Value, String> {
    let failure = || {
        format!(
            "DMN-01002 Unable to evaluate expression for language '{language}': '{}'",
            written(text)
        )
    };
    let expression = parsed.as_ref().map_err(|_| failure())?;
    expression
        .eval(&mut Variables(variables))
        .map(from_expr)
        .map_err(|_| failure())
}

fn written(text: &str) -> String {
    let trimmed = text.trim();
    if trimmed.starts_with("${") || trimmed.starts_with("#{") {
        text.to_owned()
    } else {
        format!("${{{text}}}")
    }
}

/// The name by which an expression asks whether there is a variable.
const CONTEXT: &str = "variableContext";

struct Variables<'a>(&'a dyn Host);

impl Context for Variables<'_> {
    fn variable(&mut self, name: &str) -> Option<expr::Value> {
        let context = || (name == CONTEXT).then(|| expr::Value::Bean(CONTEXT.to_owned()));
        self.0.variable(name).map(to_expr).or_else(context)
    }

    fn call(
        &mut self,
        bean: &str,
        method: &str,
        args: Vec<expr::Value>,
    ) -> Result<Option<expr::Value>, EvalError> {
        let [expr::Value::Str(name)] = &args[..] else {
            return Ok(None);
        };
        let found = self.0.variable(name).map(to_expr);
        Ok(match (bean, method) {
            (CONTEXT, "containsVariable") => Some(expr::Value::Bool(found.is_some())),
            // A typed value, of which expressions ask the value.
            (CONTEXT, "resolve") => Some(found.map_or(expr::Value::Null, |value| {
                expr::Value::Map(vec![("value".to_owned(), value)])
            })),
            _ => None,
        })
    }

    fn property(&mut self, bean: &str, name: &str) -> Result<Option<expr::Value>, EvalError> {
        Ok((bean == CONTEXT).then(|| self.0.variable(name).map_or(expr::Value::Null, to_expr)))
    }

    fn now(&self) -> i64 {
        self.0.now()
    }

    fn user(&self) -> Option<String> {
        None
    }
}

fn to_expr(value: Value) -> expr::Value {
    match value {
        Value::Null => expr::Value::Null,
        Value::Boolean(v) => expr::Value::Bool(v),
        Value::Short(v) => expr::Value::Short(v),
        Value::Integer(v) => expr::Value::Int(v),
        Value::Long(v) => expr::Value::Long(v),
        Value::Double(v) => expr::Value::Double(v),
        Value::String(v) => expr::Value::Str(v),
        Value::Instant(v) => expr::Value::Date(v),
        Value::List(items) => expr::Value::List(items.into_iter().map(to_expr).collect()),
        Value::Map(entries) => expr::Value::Map(entries.into_iter().map(|(k, v)| (k, to_expr(v))).collect()),
        // JUEL knows no such types: their texts are what it can work with.
        other => expr::Value::Str(other.java_text()),
    }
}

fn from_expr(value: expr::Value) -> Value {
    match value {
        expr::Value::Null => Value::Null,
        expr::Value::Bool(v) => Value::Boolean(v),
        expr::Value::Short(v) => Value::Short(v),
        expr::Value::Int(v) => Value::Integer(v),
        expr::Value::Long(v) => Value::Long(v),
        expr::Value::Double(v) => Value::Double(v),
        expr::Value::Str(v) => Value::String(v),
        expr::Value::Date(v) | expr::Value::DateTime(v) => Value::Instant(v),
        expr::Value::List(items) => Value::List(items.into_iter().map(from_expr).collect()),
        expr::Value::Map(entries) => {
            Value::Map(entries.into_iter().map(|(k, v)| (k, from_expr(v))).collect())
        }
        expr::Value::Json(json) => from_json(json),
        other => Value::String(other.to_text()),
    }
}

/// A JSON value as the value that it is.
pub fn from_json(json: serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match json {
        Json::Null => Value::Null,
        Json::Bool(v) => Value::Boolean(v),
        Json::Number(n) => match n.as_i64() {
            Some(v) => i32::try_from(v).map_or(Value::Long(v), Value::Integer),
            None => Value::Double(n.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(v) => Value::String(v),
        Json::Array(items) => Value::List(items.into_iter().map(from_json).collect()),
        Json::Object(entries) => Value::Map(entries.into_iter().map(|(k, v)| (k, from_json(v))).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One;

    impl Host for One {
        fn variable(&self, name: &str) -> Option<Value> {
            (name == "x").then_some(Value::Integer(5))
        }
        fn now(&self) -> i64 {
            0
        }
        fn random(&self) -> u64 {
            0
        }
    }

    #[test]
    fn the_context_of_variables_is_asked_as_in_the_reference() {
        for (text, value) in [
            ("variableContext.containsVariable('x')", Value::Boolean(true)),
            ("variableContext.containsVariable('nope')", Value::Boolean(false)),
            ("variableContext.resolve('x').value + 1", Value::Long(6)),
            ("variableContext.resolve('nope')", Value::Null),
            ("variableContext.x", Value::Integer(5)),
        ] {
            assert_eq!(evaluate(&parse(text), text, "juel", &One), Ok(value), "{text}");
        }
    }
}
