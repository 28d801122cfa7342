//! The names an expression sees: inner scopes before outer ones, and the variables of the host last.
use crate::value::{Closure, Entries, Val};
use std::rc::Rc;

/// Names known in a place of an expression.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope(Option<Rc<Frame>>);

#[derive(Debug)]
struct Frame {
    entries: Rc<Entries>,
    /// Loop variables and parameters are variables whatever they hold; a context's functions can only be called.
    all_variables: bool,
    outer: Scope,
}

impl Scope {
    /// With a context's entries on top.
    pub fn with_context(&self, entries: Rc<Entries>) -> Scope {
        self.with(entries, false)
    }

    /// With loop variables or parameters on top.
    pub fn with_variables(&self, list: Vec<(String, Val)>) -> Scope {
        self.with(Rc::new(Entries { list, literal: false }), true)
    }

    /// With one more name.
    pub fn with_entry(&self, name: &str, value: Val) -> Scope {
        let list = vec![(name.to_owned(), value)];
        self.with(Rc::new(Entries { list, literal: false }), false)
    }

    fn with(&self, entries: Rc<Entries>, all_variables: bool) -> Scope {
        Scope(Some(Rc::new(Frame {
            entries,
            all_variables,
            outer: self.clone(),
        })))
    }

    fn frames(&self) -> impl Iterator<Item = &Frame> {
        std::iter::successors(self.0.as_deref(), |frame| frame.outer.0.as_deref())
    }

    pub fn variable(&self, name: &str) -> Option<Val> {
        self.frames().find_map(|frame| {
            let value = frame.entries.get(name)?;
            (frame.all_variables || !matches!(value, Val::Function(_))).then(|| value.clone())
        })
    }

    /// Functions of that name, from inside out.
    pub fn functions<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Rc<Closure>> + 'a {
        self.frames()
            .filter(|f| !f.all_variables)
            .filter_map(|frame| match frame.entries.get(name)? {
                Val::Function(closure) => Some(closure.clone()),
                _ => None,
            })
    }
}
