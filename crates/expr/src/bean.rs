//! Expressions that only call a method of an object: `${bean.method(argument)}`.

use crate::ast::{Node, Part};
use crate::{Context, EvalError, Expression, Value, eval};

/// The names of built-in objects.
const BUILT_IN: [&str; 6] = [
    "execution",
    "task",
    "externalTask",
    "authenticatedUserId",
    "strongUuidGenerator",
    "identityService",
];

/// A method call on a name that is no built-in object: on a variable, or else on a Java bean.
#[derive(Clone, Copy)]
pub struct BeanCall<'a> {
    /// The name before the dot.
    pub bean: &'a str,
    pub method: &'a str,
    arguments: &'a [Node],
    text: &'a str,
}

impl Expression {
    /// The method call that the expression is; `None` if it is anything else.
    pub fn bean_call(&self) -> Option<BeanCall<'_>> {
        let [Part::Expr(Node::Method(base, name, arguments))] = self.0.parts.as_slice() else {
            return None;
        };
        match (&**base, &**name) {
            (Node::Identifier(bean), Node::Literal(Value::Str(method))) => {
                let call = BeanCall {
                    bean,
                    method,
                    arguments,
                    text: self.text(),
                };
                (!BUILT_IN.contains(&bean.as_str())).then_some(call)
            }
            _ => None,
        }
    }
}

impl BeanCall<'_> {
    /// The whole expression as written.
    pub fn text(&self) -> &str {
        self.text
    }

    /// The values of the arguments.
    ///
    /// # Errors
    /// As [`Expression::eval`].
    pub fn arguments(&self, ctx: &mut dyn Context) -> Result<Vec<Value>, EvalError> {
        let values = self.arguments.iter().map(|argument| eval::node(argument, ctx));
        let values: Result<Vec<Value>, EvalError> = values.collect();
        values.map_err(|cause| cause.wrapped(self.text))
    }
}
