//! FEEL and DMN as Camunda 7 evaluates them: the expression language with the semantics of its engine, and decisions
//! (`dmn`). Pure: variables, the time and random bits come from the caller's [`Host`].
//!
//! Like the reference, a text is only parsed when it is first evaluated: what is no FEEL deploys and then fails.

pub mod dmn;
mod eval;
mod functions;
mod host;
mod number;
mod parse;
mod syntax;
mod temporal;
mod value;

pub use host::{Host, Value};

use eval::{Interpreter, Scope, Thrown};
use std::sync::Arc;
use value::Val;

/// A parsed expression. Cloning shares the syntax tree.
#[derive(Clone, Debug)]
pub struct Expression(Arc<Parsed>);

#[derive(Debug)]
struct Parsed {
    text: String,
    root: syntax::Node,
}

impl Expression {
    /// Parses an expression.
    ///
    /// # Errors
    /// A text that is no FEEL; the message is the reference's.
    pub fn parse(text: &str) -> Result<Expression, String> {
        Ok(Expression(Arc::new(Parsed {
            text: text.to_owned(),
            root: parse::expression(text)?,
        })))
    }

    /// The value.
    ///
    /// # Errors
    /// Failures with the reference's message. Most of what can't be computed is null instead.
    pub fn eval(&self, host: &dyn Host) -> Result<Value, String> {
        self.0.eval(host)
    }
}

/// The tests of a decision table's cell. Cloning shares the syntax tree.
#[derive(Clone, Debug)]
pub struct UnaryTests(Arc<Parsed>);

impl UnaryTests {
    /// Parses unary tests.
    ///
    /// # Errors
    /// A text that is no FEEL; the message is the reference's.
    pub fn parse(text: &str) -> Result<UnaryTests, String> {
        Ok(UnaryTests(Arc::new(Parsed {
            text: text.to_owned(),
            root: parse::unary_tests(text)?,
        })))
    }

    /// Whether the input meets them. The input is the host's variable `cellInput`, or the one that its variable
    /// `inputVariableName` names.
    ///
    /// # Errors
    /// As [`Expression::eval`].
    pub fn eval(&self, host: &dyn Host) -> Result<bool, String> {
        Ok(self.0.eval(host)? == Value::Boolean(true))
    }
}

impl Parsed {
    fn eval(&self, host: &dyn Host) -> Result<Value, String> {
        let text = &self.text;
        let interpreter = Interpreter::new(host);
        let thrown = |message| format!("failed to evaluate expression '{text}' : {message}");
        let value = interpreter
            .eval(&self.root, &Scope::default())
            .map_err(|Thrown(message)| thrown(message))?;
        if let Some(message) = interpreter.assertion.into_inner() {
            return Err(format!(
                "Assertion failure on evaluate the expression '{text}': {message}"
            ));
        }
        match value {
            Val::Error(message) | Val::Fatal(message) => {
                Err(format!("failed to evaluate expression '{text}': {message}"))
            }
            value => host::unpacked(&value)
                .map_err(|message| thrown(format!("java.lang.IllegalArgumentException: {message}"))),
        }
    }
}
