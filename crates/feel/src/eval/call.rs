//! Calls of built-in functions and of functions written in FEEL.
use super::{Evaluated, Interpreter, Scope};
use crate::functions::{self, Builtin};
use crate::syntax::{Exp, Node, Params};
use crate::value::{Closure, Val};
use std::rc::Rc;

/// What a name and the number or names of its parameters select.
enum Function {
    Builtin(&'static Builtin),
    Closure(Rc<Closure>),
}

fn fits_closure(closure: &Closure, params: &Params<Node>) -> bool {
    match params {
        Params::Positional(values) => closure.params.len() == values.len(),
        Params::Named(values) => values.iter().all(|(name, _)| closure.params.contains(name)),
    }
}

fn fits_builtin(builtin: &Builtin, params: &Params<Node>) -> bool {
    match params {
        Params::Positional(values) => {
            builtin.params.len() == values.len() || (builtin.params.len() < values.len() && builtin.variadic)
        }
        Params::Named(values) => values
            .iter()
            .all(|(name, _)| builtin.params.contains(&name.as_str())),
    }
}

impl Interpreter<'_> {
    pub(super) fn call(&self, name: &str, params: &Params<Node>, scope: &Scope) -> Evaluated {
        let function = scope
            .functions(name)
            .find(|closure| fits_closure(closure, params))
            .map(Function::Closure)
            .or_else(|| {
                functions::named(name)
                    .find(|b| fits_builtin(b, params))
                    .map(Function::Builtin)
            });
        let Some(function) = function else {
            return Ok(Val::Error(format!("No function found with name '{name}'")));
        };
        let result = self.invoke(&function, params, scope)?;
        if let Val::Error(message) = &result
            && name == "assert"
        {
            self.assertion.borrow_mut().get_or_insert_with(|| message.clone());
        }
        Ok(result)
    }

    /// A function of a context.
    pub(super) fn call_of(&self, path: &Exp, name: &str, params: &Params<Node>, scope: &Scope) -> Evaluated {
        let entries = match self.eval(path, scope)? {
            Val::Context(entries) => entries,
            error if error.is_error() => return Ok(error),
            other => return Ok(Val::Error(format!("Expected context but found '{other}'"))),
        };
        match entries.get(name) {
            Some(Val::Function(closure)) if fits_closure(closure, params) => {
                self.invoke(&Function::Closure(closure.clone()), params, scope)
            }
            _ => Ok(Val::Error(format!("No function found with name '{name}'"))),
        }
    }

    fn invoke(&self, function: &Function, params: &Params<Node>, scope: &Scope) -> Evaluated {
        let names: Vec<&str> = match function {
            Function::Builtin(builtin) => builtin.params.to_vec(),
            Function::Closure(closure) => closure.params.iter().map(String::as_str).collect(),
        };
        let variadic = matches!(function, Function::Builtin(b) if b.variadic) && !names.is_empty();
        let mut args = Vec::new();
        match params {
            Params::Positional(values) => {
                for value in values {
                    args.push(self.eval(value, scope)?);
                }
                if variadic {
                    args = gathered(args, names.len() - 1);
                }
            }
            Params::Named(values) => {
                for name in names {
                    args.push(match values.iter().rev().find(|(n, _)| n == name) {
                        Some((_, value)) => self.eval(value, scope)?,
                        None => Val::Null,
                    });
                }
            }
        }
        let fatal = args.iter().find(|a| matches!(a, Val::Fatal(_)));
        if let Some(error) = fatal.or_else(|| args.iter().find(|a| a.is_error())) {
            return Ok(error.clone());
        }
        match function {
            Function::Closure(closure) => self.apply(closure, args),
            Function::Builtin(builtin) => Ok((builtin.run)(self, &args)?.unwrap_or_else(|| {
                let shown: Vec<String> = args.iter().map(|a| format!("'{a}'")).collect();
                Val::Error(format!("Illegal arguments: {}", shown.join(", ")))
            })),
        }
    }

    /// A function written in FEEL, called.
    pub(crate) fn apply(&self, closure: &Closure, args: Vec<Val>) -> Evaluated {
        let bound = closure.params.iter().cloned().zip(args).collect();
        self.eval(&closure.body, &closure.scope.with_variables(bound))
    }
}

/// The arguments of a function that takes any number: the surplus as a list. A list given alone is that list.
fn gathered(mut args: Vec<Val>, fixed: usize) -> Vec<Val> {
    let surplus = args.split_off(fixed.min(args.len()));
    let list = match <[Val; 1]>::try_from(surplus) {
        Ok([Val::List(items)]) if fixed == 0 => Val::List(items),
        Ok([single]) => Val::list(vec![single]),
        Err(surplus) => Val::list(surplus),
    };
    args.push(list);
    args
}
