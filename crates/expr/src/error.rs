//! What goes wrong in expressions, with Camunda's messages.

use std::fmt;

use thiserror::Error;

/// An expression text that is not valid.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct ParseError {
    /// Where it went wrong, in characters from the start of the text.
    pub position: usize,
    /// The whole message as Camunda words it.
    pub message: String,
}

impl ParseError {
    /// A syntax error in `text` at the byte offset `start`.
    pub(crate) fn new(text: &str, start: usize, cause: &str) -> Self {
        let position = text.get(..start).map_or(0, |before| before.chars().count());
        ParseError {
            position,
            message: format!("Error parsing '{text}': {cause}"),
        }
    }

    /// A call of a function that does not exist or takes other arguments.
    pub(crate) fn function(text: &str, start: usize, message: String) -> Self {
        ParseError {
            message,
            ..ParseError::new(text, start, "")
        }
    }

    /// A text that exceeds a limit; it is not repeated in the message.
    pub(crate) fn limit(cause: &str) -> Self {
        ParseError {
            position: 0,
            message: format!("Error parsing expression: {cause}"),
        }
    }
}

/// What kind of failure an evaluation met; it decides the first words of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// A variable or property does not exist.
    UnknownProperty,
    /// A method or function does not exist.
    UnknownMethod,
    /// Anything else that failed during evaluation.
    Failed,
    /// A method call threw; the message starts with the Java exception's class.
    Thrown,
    /// The value of a condition is not a boolean.
    Condition,
}

/// An evaluation that failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct EvalError {
    /// What kind of failure it is.
    pub kind: ErrorKind,
    /// From a context: the cause alone. From [`crate::Expression::eval`]: the whole message.
    pub message: String,
}

impl EvalError {
    /// A failure with its cause, for implementations of [`crate::Context`].
    pub fn new(cause: impl Into<String>) -> Self {
        EvalError {
            kind: ErrorKind::Failed,
            message: cause.into(),
        }
    }

    pub(crate) fn unknown_property(cause: impl Into<String>) -> Self {
        EvalError {
            kind: ErrorKind::UnknownProperty,
            message: cause.into(),
        }
    }

    pub(crate) fn unknown_method(cause: impl Into<String>) -> Self {
        EvalError {
            kind: ErrorKind::UnknownMethod,
            message: cause.into(),
        }
    }

    /// An exception out of a method: its class and its message. Camunda shows these without the expression.
    pub fn thrown(class: &str, message: impl fmt::Display) -> Self {
        EvalError {
            kind: ErrorKind::Thrown,
            message: format!("{class}: {message}"),
        }
    }

    pub(crate) fn condition(message: String) -> Self {
        EvalError {
            kind: ErrorKind::Condition,
            message,
        }
    }

    /// The same failure with the expression named in the message.
    pub(crate) fn wrapped(self, text: &str) -> Self {
        let start = match self.kind {
            ErrorKind::UnknownProperty => "Unknown property used in expression: ",
            ErrorKind::UnknownMethod => "Unknown method used in expression: ",
            ErrorKind::Failed => "Error while evaluating expression: ",
            ErrorKind::Thrown | ErrorKind::Condition => return self,
        };
        EvalError {
            kind: self.kind,
            message: format!("{start}{text}. Cause: {}", self.message),
        }
    }
}
