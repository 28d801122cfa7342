//! Loops, quantifiers and filters.
use super::logic::until;
use super::{Evaluated, Interpreter, Scope, Thrown};
use crate::number::Number;
use crate::syntax::{Exp, Node};
use crate::value::Val;
use std::rc::Rc;

/// The most items a range or the combinations of a loop's lists may have.
const MAX_ITEMS: usize = 1_000_000;

type Bindings = Vec<(String, Val)>;

fn too_large() -> Thrown {
    Thrown("a list has too many items".to_owned())
}

impl Interpreter<'_> {
    /// All combinations of the iterators' items, the last iterator running fastest; `Err(value)` is an error value.
    fn combinations(
        &self,
        iterators: &[(String, Node)],
        scope: &Scope,
    ) -> Result<Result<Vec<Bindings>, Val>, Thrown> {
        let mut lists = Vec::with_capacity(iterators.len());
        for (name, list) in iterators {
            lists.push((name, self.eval(list, scope)?));
        }
        let mut rows: Vec<Bindings> = vec![Vec::new()];
        for (name, list) in lists {
            let items = match list {
                Val::List(items) => items,
                fatal @ Val::Fatal(_) => return Ok(Err(fatal)),
                other => return Ok(Err(Val::Error(format!("Expected list but found '{other}'")))),
            };
            if rows.len().saturating_mul(items.len()) > MAX_ITEMS {
                return Err(too_large());
            }
            self.spend(rows.len() * items.len())?;
            rows = rows
                .iter()
                .flat_map(|row| {
                    items.iter().map(move |item| {
                        let mut row = row.clone();
                        row.push((name.clone(), item.clone()));
                        row
                    })
                })
                .collect();
        }
        Ok(Ok(rows))
    }

    pub(super) fn loop_over(&self, iterators: &[(String, Node)], body: &Exp, scope: &Scope) -> Evaluated {
        let rows = match self.combinations(iterators, scope)? {
            Ok(rows) => rows,
            Err(error) => return Ok(error),
        };
        let mut partial: Rc<Vec<Val>> = Rc::new(Vec::with_capacity(rows.len()));
        for row in rows {
            let seen = scope
                .with_variables(row)
                .with_entry("partial", Val::List(partial.clone()));
            let value = self.eval(body, &seen)?;
            drop(seen);
            Rc::make_mut(&mut partial).push(value);
        }
        Ok(Val::List(partial))
    }

    pub(super) fn some(&self, iterators: &[(String, Node)], condition: &Exp, scope: &Scope) -> Evaluated {
        self.quantified(iterators, condition, scope, true)
    }

    pub(super) fn every(&self, iterators: &[(String, Node)], condition: &Exp, scope: &Scope) -> Evaluated {
        self.quantified(iterators, condition, scope, false)
    }

    fn quantified(
        &self,
        iterators: &[(String, Node)],
        condition: &Exp,
        scope: &Scope,
        decisive: bool,
    ) -> Evaluated {
        match self.combinations(iterators, scope)? {
            Ok(rows) => {
                let truths = rows
                    .into_iter()
                    .map(|row| self.eval(condition, &scope.with_variables(row)));
                until(truths, decisive)
            }
            Err(error) => Ok(error),
        }
    }

    pub(super) fn iteration(&self, start: &Exp, end: &Exp, scope: &Scope) -> Evaluated {
        let (start, end) = (self.eval(start, scope)?, self.eval(end, scope)?);
        let (Val::Number(from), Val::Number(to)) = (&start, &end) else {
            return Ok(Val::Error("Expected number".to_owned()));
        };
        let up = from < to;
        let step = Number::from(if up { 1 } else { -1 });
        let mut items = Vec::new();
        let mut at = from.clone();
        while if up { at <= *to } else { at >= *to } {
            if items.len() >= MAX_ITEMS {
                return Err(too_large());
            }
            items.push(Val::Number(at.clone()));
            at = at.plus(&step);
        }
        self.spend(items.len())?;
        Ok(Val::list(items))
    }

    pub(super) fn filtered(&self, list: &Exp, filter: &Exp, scope: &Scope) -> Evaluated {
        let items = match self.eval(list, scope)? {
            Val::List(items) => items,
            fatal @ Val::Fatal(_) => return Ok(fatal),
            _ => return Ok(Val::Null),
        };
        let by_item = matches!(
            filter,
            Exp::Equal(..) | Exp::Compare(..) | Exp::Call(..) | Exp::CallOf(..)
        );
        if !by_item && let Val::Number(index) = self.eval(filter, scope)? {
            return Ok(at_index(&items, &index));
        }
        self.matching(&items, filter, scope).map(Val::or_null)
    }

    /// The items that meet a condition; a number for the first item is an index.
    fn matching(&self, items: &[Val], filter: &Exp, scope: &Scope) -> Evaluated {
        let Some((first, rest)) = items.split_first() else {
            return Ok(Val::list(Vec::new()));
        };
        let mut met = Vec::new();
        match self.eval(filter, &item_scope(first, scope))? {
            error if error.is_error() => return Ok(error),
            Val::Number(index) => return Ok(at_index(items, &index)),
            Val::Boolean(true) => met.push(first.clone()),
            _ => {}
        }
        for item in rest {
            // The reference marks what isn't met with this very text, and so loses it.
            let lost = matches!(item, Val::String(text) if &**text == "_");
            if matches!(self.eval(filter, &item_scope(item, scope))?, Val::Boolean(true)) && !lost {
                met.push(item.clone());
            }
        }
        Ok(Val::list(met))
    }
}

/// A filter sees the item, and a context's entries by their names.
fn item_scope(item: &Val, scope: &Scope) -> Scope {
    let seen = scope.with_entry("item", item.clone());
    match item {
        Val::Context(entries) => seen.with_context(entries.clone()),
        _ => seen,
    }
}

/// The item at an index from 1, or from the end if it is negative.
fn at_index(items: &[Val], index: &Number) -> Val {
    let size = items.len() as i64;
    let Some(index) = index.to_i64() else {
        return Val::Null;
    };
    let at = if index > 0 { index - 1 } else { size + index };
    usize::try_from(at)
        .ok()
        .and_then(|at| items.get(at))
        .cloned()
        .unwrap_or(Val::Null)
}
