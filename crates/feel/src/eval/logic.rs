//! Three-valued logic: null where a truth can't be told.
use super::{Evaluated, Interpreter, Scope, Thrown};
use crate::syntax::Node;
use crate::value::Val;

impl Interpreter<'_> {
    /// Whether one expression is true; those behind it aren't evaluated.
    pub(super) fn any_of(&self, items: &[Node], scope: &Scope) -> Evaluated {
        until(items.iter().map(|item| self.eval(item, scope)), true)
    }

    pub(super) fn both(&self, a: &Node, b: &Node, scope: &Scope) -> Evaluated {
        until([a, b].into_iter().map(|item| self.eval(item, scope)), false)
    }
}

/// Goes through truths until the decisive one: `true` for "or", `false` for "and". Something else on the way makes the
/// result null.
pub(super) fn until(items: impl Iterator<Item = Result<Val, Thrown>>, decisive: bool) -> Evaluated {
    let mut unknown = false;
    for item in items {
        match item? {
            Val::Boolean(truth) if truth == decisive => return Ok(Val::Boolean(decisive)),
            Val::Boolean(_) => {}
            fatal @ Val::Fatal(_) => return Ok(fatal),
            _ => unknown = true,
        }
    }
    Ok(if unknown {
        Val::Null
    } else {
        Val::Boolean(!decisive)
    })
}
