//! `decisionResult`: the result of the decision that a business rule task has just evaluated.
use super::Place;
use crate::{
    convert::to_value,
    world::{Decided, Entries},
};
use expr::{EvalError, Value};

/// The name of the bean, and of those of its results with their number behind it.
pub(super) const RESULT: &str = "decisionResult";

/// The number of a result's bean: `decisionResult#0`.
fn numbered(bean: &str) -> Option<usize> {
    bean.strip_prefix(RESULT)?.strip_prefix('#')?.parse().ok()
}

fn bean_of(index: usize) -> Value {
    Value::Bean(format!("{RESULT}#{index}"))
}

fn entry(entries: &Entries, name: &str) -> Value {
    let found = entries.iter().find(|(n, _)| n.as_deref() == Some(name));
    found.map_or(Value::Null, |(_, value)| to_value(value))
}

fn map(entries: &Entries) -> Value {
    let named = entries
        .iter()
        .map(|(name, value)| (name.clone().unwrap_or_default(), to_value(value)));
    Value::Map(named.collect())
}

impl Place<'_, '_, '_> {
    /// What the token has decided, if it is such a bean.
    fn decided(&self, bean: &str) -> Option<&Decided> {
        let own = bean == RESULT || numbered(bean).is_some();
        self.token
            .filter(|_| own)
            .and_then(|token| self.ctx.decided.get(&token))
    }

    pub(super) fn has_decided(&self) -> bool {
        self.decided(RESULT).is_some()
    }

    /// A method of `decisionResult`; the outer `None`: it isn't that bean.
    pub(super) fn decision_call(
        &self,
        bean: &str,
        method: &str,
        args: &[Value],
    ) -> Option<Result<Option<Value>, EvalError>> {
        let decided = self.decided(bean)?;
        Some(match numbered(bean) {
            Some(index) => Ok(decided
                .results
                .get(index)
                .and_then(|entries| of_one(entries, method, args))),
            None => of_all(decided, method, args),
        })
    }

    /// A property of `decisionResult`: it is a list, so only numbers are.
    pub(super) fn decision_property(
        &self,
        bean: &str,
        name: &str,
    ) -> Option<Result<Option<Value>, EvalError>> {
        let decided = self.decided(bean)?;
        Some(match numbered(bean) {
            Some(index) => Ok(decided.results.get(index).map(|entries| entry(entries, name))),
            None => match name.parse::<usize>() {
                Ok(index) if index < decided.results.len() => Ok(Some(bean_of(index))),
                Ok(_) => Ok(Some(Value::Null)),
                Err(_) => Err(EvalError::new(format!("For input string: \"{name}\""))),
            },
        })
    }
}

fn of_all(decided: &Decided, method: &str, args: &[Value]) -> Result<Option<Value>, EvalError> {
    let results = &decided.results;
    let single = || match results.len() {
        0 | 1 => Ok(results.first()),
        _ => Err(EvalError::new(format!(
            "DMN-01011 Unable to get single decision result as it has more than one result '{}'",
            decided.text
        ))),
    };
    Ok(Some(match (method, args) {
        ("size", []) => Value::Int(i32::try_from(results.len()).unwrap_or(i32::MAX)),
        ("isEmpty", []) => Value::Bool(results.is_empty()),
        ("getFirstResult", []) => results.first().map_or(Value::Null, |_| bean_of(0)),
        ("getSingleResult", []) => single()?.map_or(Value::Null, |_| bean_of(0)),
        ("getSingleEntry" | "getSingleEntryTyped", []) => match single()? {
            Some(entries) if entries.len() > 1 => {
                return Err(EvalError::new(format!(
                    "DMN-01010 Unable to get single decision result entry as it has more than one entry '{}'",
                    decided.text.trim_start_matches('[').trim_end_matches(']')
                )));
            }
            Some(entries) => entries.first().map_or(Value::Null, |(_, value)| to_value(value)),
            None => Value::Null,
        },
        ("getResultList", []) => Value::List(results.iter().map(map).collect()),
        ("collectEntries", [name]) => {
            let name = name.to_text();
            let of_name = results
                .iter()
                .flatten()
                .filter(|(n, _)| n.as_deref() == Some(name.as_str()));
            Value::List(of_name.map(|(_, value)| to_value(value)).collect())
        }
        ("get", [index]) => match index.to_text().parse::<usize>() {
            Ok(index) if index < results.len() => bean_of(index),
            _ => {
                let message = format!(
                    "Index {} out of bounds for length {}",
                    index.to_text(),
                    results.len()
                );
                return Err(EvalError::thrown("java.lang.IndexOutOfBoundsException", message));
            }
        },
        _ => return Ok(None),
    }))
}

fn of_one(entries: &Entries, method: &str, args: &[Value]) -> Option<Value> {
    Some(match (method, args) {
        ("get" | "getEntry" | "getEntryTyped", [name]) => entry(entries, &name.to_text()),
        ("getFirstEntry" | "getSingleEntry" | "getFirstEntryTyped" | "getSingleEntryTyped", []) => {
            entries.first().map_or(Value::Null, |(_, value)| to_value(value))
        }
        ("containsKey", [name]) => {
            let name = name.to_text();
            Value::Bool(entries.iter().any(|(n, _)| n.as_deref() == Some(name.as_str())))
        }
        ("size", []) => Value::Int(i32::try_from(entries.len()).unwrap_or(i32::MAX)),
        ("isEmpty", []) => Value::Bool(entries.is_empty()),
        ("keySet", []) => Value::List(
            entries
                .iter()
                .map(|(name, _)| Value::Str(name.clone().unwrap_or_default()))
                .collect(),
        ),
        ("values", []) => Value::List(entries.iter().map(|(_, value)| to_value(value)).collect()),
        ("getEntryMap", []) => map(entries),
        _ => return None,
    })
}
