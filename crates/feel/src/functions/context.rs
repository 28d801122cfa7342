//! Functions on contexts.
use super::{Builtin, Reply, function, variadic};
use crate::eval::Interpreter;
use crate::value::{Entries, Val};
use std::rc::Rc;

pub(super) static FUNCTIONS: &[Builtin] = &[
    function("get entries", &["context"], get_entries),
    function("get entries", &["m"], get_entries),
    function("get value", &["m", "key"], get_value),
    function("get value", &["context", "key"], get_value),
    function("get value", &["context", "keys"], get_value),
    function("context put", &["context", "key", "value"], put),
    function("context put", &["context", "keys", "value"], put),
    function("put", &["context", "key", "value"], put),
    variadic("context merge", &["contexts"], merge),
    variadic("put all", &["contexts"], merge),
    function("context", &["entries"], from_entries),
];

fn get_entries(_: &Interpreter<'_>, args: &[Val]) -> Reply {
    let [Val::Context(context)] = args else {
        return Ok(None);
    };
    let entry = |(key, value): &(String, Val)| {
        Val::context(vec![
            ("key".to_owned(), Val::text(key)),
            ("value".to_owned(), value.clone()),
        ])
    };
    Ok(Some(Val::list(context.variables().map(entry).collect())))
}

fn variable(context: &Entries, key: &str) -> Option<Val> {
    context
        .get(key)
        .filter(|v| !matches!(v, Val::Function(_)))
        .cloned()
}

/// The texts of a list; `None` if something else is in it.
fn texts(list: &[Val]) -> Option<Vec<Rc<str>>> {
    list.iter()
        .map(|v| match v {
            Val::String(text) => Some(text.clone()),
            _ => None,
        })
        .collect()
}

fn get_value(_: &Interpreter<'_>, args: &[Val]) -> Reply {
    Ok(match args {
        [Val::Context(context), Val::String(key)] => Some(variable(context, key).unwrap_or(Val::Null)),
        [Val::Context(context), Val::List(keys)] => {
            let Some(keys) = texts(keys) else {
                return Ok(Some(Val::Null));
            };
            let mut value = if keys.is_empty() {
                Val::Null
            } else {
                Val::Context(context.clone())
            };
            for key in keys {
                value = match &value {
                    Val::Context(inner) => variable(inner, &key).unwrap_or(Val::Null),
                    _ => Val::Null,
                };
            }
            Some(value)
        }
        _ => None,
    })
}

fn put(_: &Interpreter<'_>, args: &[Val]) -> Reply {
    Ok(match args {
        [Val::Context(context), Val::String(key), value] => {
            Some(put_at(context, std::slice::from_ref(key), value))
        }
        [Val::Context(context), Val::List(keys), value] => match texts(keys) {
            Some(keys) if keys.is_empty() => Some(Val::Null),
            Some(keys) => Some(put_at(context, &keys, value)),
            None => None,
        },
        _ => None,
    })
}

/// The context with a value put at a path of keys; contexts on the way are made where there are none.
fn put_at(context: &Entries, keys: &[Rc<str>], value: &Val) -> Val {
    let mut entries = Entries {
        list: context.variables().cloned().collect(),
        literal: false,
    };
    if let Some((key, rest)) = keys.split_first() {
        let value = match (rest.is_empty(), context.get(key)) {
            (true, _) => value.clone(),
            (false, Some(Val::Context(inner))) => put_at(inner, rest, value),
            (false, _) => put_at(&Entries::default(), rest, value),
        };
        entries.put(key.to_string(), value);
    }
    Val::Context(Rc::new(entries))
}

fn merge(_: &Interpreter<'_>, args: &[Val]) -> Reply {
    let [Val::List(contexts)] = args else {
        return Ok(Some(Val::Null));
    };
    let mut merged = Entries::default();
    for context in contexts.iter() {
        let Val::Context(context) = context else {
            return Ok(Some(Val::Null));
        };
        for (key, value) in context.variables() {
            merged.put(key.clone(), value.clone());
        }
    }
    Ok(Some(Val::Context(Rc::new(merged))))
}

fn from_entries(_: &Interpreter<'_>, args: &[Val]) -> Reply {
    let [Val::List(entries)] = args else {
        return Ok(Some(Val::Null));
    };
    let mut result = Entries::default();
    for entry in entries.iter() {
        let Val::Context(entry) = entry else {
            return Ok(Some(Val::Null));
        };
        match (variable(entry, "key"), variable(entry, "value")) {
            (Some(Val::String(key)), Some(value)) => result.put(key.to_string(), value),
            _ => return Ok(Some(Val::Null)),
        }
    }
    Ok(Some(Val::Context(Rc::new(result))))
}
