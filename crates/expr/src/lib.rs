//! The expression language of conditions, mappings and delegates: JUEL as Camunda 7 uses it.
//!
//! An expression is parsed once per deployment and evaluated many times. The crate is pure: variables,
//! built-in objects, the time and the user come from the caller's [`Context`].

mod ast;
mod bean;
mod coerce;
mod error;
mod eval;
mod java;
mod lexer;
mod methods;
mod numbers;
mod parse;
mod text;
mod value;

use std::fmt;
use std::sync::Arc;

pub use bean::BeanCall;
pub use error::{ErrorKind, EvalError, ParseError};
pub use java::Java;
pub use methods::number::not_comparable;
pub use value::Value;

/// The longest expression text accepted, in characters.
pub const MAX_LENGTH: usize = 64 * 1024;

/// The deepest nesting of parentheses, brackets, arguments, choices and prefix operators accepted.
pub const MAX_NESTING: usize = 64;

/// The deepest syntax tree accepted; a chain such as `a || b || c` adds a level per operator.
pub const MAX_DEPTH: usize = 500;

/// The longest string a method may build, in bytes.
pub(crate) const MAX_RESULT: usize = 16 * 1024 * 1024;

/// What an expression may ask of the scope it is evaluated in.
pub trait Context {
    /// The variable or built-in object of that name; `None` when there is none (an existing variable with
    /// the value null is `Some(Value::Null)`). Built-in objects such as `execution` are [`Value::Bean`].
    fn variable(&mut self, name: &str) -> Option<Value>;

    /// Calls a method of a built-in object. `Ok(None)` means the object has no such method; a method that
    /// returns nothing gives `Ok(Some(Value::Null))`.
    fn call(&mut self, bean: &str, method: &str, args: Vec<Value>) -> Result<Option<Value>, EvalError>;

    /// Reads a property of a built-in object (`execution.businessKey`). `Ok(None)`: no such property.
    fn property(&mut self, bean: &str, name: &str) -> Result<Option<Value>, EvalError>;

    /// A list or map that a variable holds was changed in place (`${list.add("x")}`): its new content.
    fn update(&mut self, variable: &str, value: Value) {
        let _ = (variable, value);
    }

    /// The current time in milliseconds since 1970-01-01T00:00:00Z.
    fn now(&self) -> i64;

    /// The authenticated user, for `currentUser()`.
    fn user(&self) -> Option<String>;

    /// The groups of the authenticated user, for `currentUserGroups()`; `None` gives null.
    fn groups(&self) -> Option<Vec<String>> {
        None
    }
}

/// A compiled expression. Cloning shares the syntax tree.
#[derive(Clone)]
pub struct Expression(Arc<Compiled>);

struct Compiled {
    text: String,
    parts: Vec<ast::Part>,
}

impl Expression {
    /// Compiles a text: a literal, `${…}`, `#{…}`, or a mix of literal text and one of the two.
    ///
    /// # Errors
    /// The syntax error with its position, or the limit the text exceeds; the message is Camunda's.
    pub fn parse(text: &str) -> Result<Expression, ParseError> {
        let parts = parse::parse(text)?;
        Ok(Expression(Arc::new(Compiled {
            text: text.to_owned(),
            parts,
        })))
    }

    /// The text as it was given.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Whether the text holds no `${…}` or `#{…}`, so that its value never depends on the context.
    pub fn is_literal(&self) -> bool {
        self.0.parts.iter().all(|part| matches!(part, ast::Part::Text(_)))
    }

    /// The value. A literal and a mixed text give a string; a single `${…}` gives whatever it evaluates to.
    ///
    /// # Errors
    /// Unknown variables, properties and methods, failing coercions and calls, with Camunda's message.
    pub fn eval(&self, ctx: &mut dyn Context) -> Result<Value, EvalError> {
        eval::parts(&self.0.parts, ctx).map_err(|cause| cause.wrapped(&self.0.text))
    }

    /// The value of a condition.
    ///
    /// # Errors
    /// As [`Expression::eval`]; also when the value is null or not a boolean, as Camunda's conditions do.
    pub fn eval_bool(&self, ctx: &mut dyn Context) -> Result<bool, EvalError> {
        match self.eval(ctx)? {
            Value::Bool(truth) => Ok(truth),
            Value::Null => Err(EvalError::condition(
                "condition expression returns null: result is null".to_owned(),
            )),
            other => Err(EvalError::condition(format!(
                "condition expression returns non-Boolean: result has class {} and not java.lang.Boolean",
                other.class_name()
            ))),
        }
    }

    /// The value as JUEL coerces it to a string; null gives the empty string.
    ///
    /// # Errors
    /// As [`Expression::eval`].
    pub fn eval_text(&self, ctx: &mut dyn Context) -> Result<String, EvalError> {
        Ok(self.eval_opt_text(ctx)?.unwrap_or_default())
    }

    /// The value as JUEL coerces it to a string; null gives `None`.
    ///
    /// # Errors
    /// As [`Expression::eval`].
    pub fn eval_opt_text(&self, ctx: &mut dyn Context) -> Result<Option<String>, EvalError> {
        Ok(match self.eval(ctx)? {
            Value::Null => None,
            value => Some(value.to_text()),
        })
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({:?})", self.0.text)
    }
}
