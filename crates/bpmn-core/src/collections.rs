//! Java's lists, sets and maps as variables keep them: which class they are read as, and how they are written again.
//!
//! The reference reads an object when an expression touches it and writes it again at the end of the command; where
//! that gives another text than the client wrote (blanks, the order of a `HashMap`) the variable changes with it.
use crate::value::TypedValue;
use expr::{Java, Value};

/// The serialization format of all that expressions make.
pub(crate) const FORMAT: &str = "application/json";

/// The class an object of a declared type is read as; `None`: not one of Java's collections.
fn class_read(declared: &str) -> Option<&str> {
    let class = declared.split('<').next().unwrap_or(declared);
    Some(match class {
        "java.util.List" | "java.util.Collection" | "java.lang.Iterable" | "java.util.AbstractList" => {
            "java.util.ArrayList"
        }
        "java.util.Map" | "java.util.AbstractMap" | "java.lang.Object" => "java.util.LinkedHashMap",
        "java.util.Set" => "java.util.HashSet",
        "java.util.SortedMap" | "java.util.NavigableMap" => "java.util.TreeMap",
        "java.util.SortedSet" | "java.util.NavigableSet" => "java.util.TreeSet",
        "[Ljava.lang.String;" | "[Ljava.lang.Object;" => class,
        _ if class.starts_with("java.util.") && ["List", "Map", "Set"].iter().any(|s| class.ends_with(s)) => {
            class
        }
        _ => return None,
    })
}

/// The declared class of a list's elements.
pub(crate) fn elements(declared: &str) -> &str {
    let inner = declared.split_once('<').map(|(_, inner)| inner);
    inner.map_or("java.lang.Object", |inner| {
        inner.strip_suffix('>').unwrap_or(inner)
    })
}

/// Whether objects of that declared type are lists, sets or maps of Java's own.
pub(crate) fn is_collection(declared: &str) -> bool {
    class_read(declared).is_some()
}

/// The type the reference writes for a value: a list by its first element.
fn type_name(value: &Value) -> String {
    match value {
        Value::List(items) => list_type("java.util.ArrayList", items),
        Value::Map(_) => map_type("java.util.LinkedHashMap"),
        other => other.class_name().to_owned(),
    }
}

fn list_type(class: &str, items: &[Value]) -> String {
    let elements = items
        .first()
        .map_or_else(|| "java.lang.Object".to_owned(), type_name);
    format!("{class}<{elements}>")
}

fn map_type(class: &str) -> String {
    format!("{class}<java.lang.Object,java.lang.Object>")
}

/// A list or map as a variable of a declared class keeps it.
pub(crate) fn written(declared: &str, value: Value) -> TypedValue {
    let class = class_read(declared).unwrap_or(declared);
    let (type_name, value) = match value {
        Value::List(items) if class.starts_with('[') => (class.to_owned(), Value::List(items)),
        Value::List(mut items) if class.ends_with("Set") => {
            let mut kept: Vec<Value> = Vec::with_capacity(items.len());
            for item in items.drain(..) {
                if !kept.contains(&item) {
                    kept.push(item);
                }
            }
            ordered(class, &mut kept, Value::to_text);
            (format!("{class}<java.lang.Object>"), Value::List(kept))
        }
        Value::List(items) => {
            let class = if class.ends_with("Map") {
                "java.util.ArrayList"
            } else {
                class
            };
            (list_type(class, &items), Value::List(items))
        }
        Value::Map(mut entries) => {
            ordered(class, &mut entries, |(key, _)| key.clone());
            (map_type(class), Value::Map(entries))
        }
        other => (type_name(&other), other),
    };
    TypedValue::Object {
        text: Some(crate::convert::into_json(value).to_string()),
        type_name,
        format: FORMAT.to_owned(),
    }
}

/// A list or map that was read as an object of a declared class, in the order the class iterates in.
pub(crate) fn iterated(declared: &str, mut value: Value) -> Value {
    let class = class_read(declared).unwrap_or(declared);
    match &mut value {
        Value::List(items) if class.ends_with("Set") => ordered(class, items, Value::to_text),
        Value::Map(entries) => ordered(class, entries, |(key, _)| key.clone()),
        _ => {}
    }
    value
}

/// Puts entries in the order that the class iterates in.
fn ordered<T>(class: &str, entries: &mut [T], key: impl Fn(&T) -> String) {
    if class.contains(".Tree") {
        entries.sort_by(|a, b| key(a).encode_utf16().cmp(key(b).encode_utf16()));
    } else if class == "java.util.HashMap" || class == "java.util.HashSet" {
        // As many buckets as a table has that grew from 16, doubled when three quarters are full.
        let mut buckets = 16;
        while entries.len() * 4 > buckets * 3 {
            buckets *= 2;
        }
        entries.sort_by_key(|entry| {
            let hash = hash(&key(entry));
            (hash ^ (hash >> 16)) as usize & (buckets - 1)
        });
    }
}

/// `hashCode` of a key: that of an integer is itself.
fn hash(key: &str) -> u32 {
    match key.parse::<i32>() {
        Ok(number) => number as u32,
        Err(_) => key.encode_utf16().fold(0, |hash: u32, unit| {
            hash.wrapping_mul(31).wrapping_add(u32::from(unit))
        }),
    }
}

/// What becomes of a variable's value when an expression has read it; `None`: it stays as it is.
pub(crate) fn reread(value: &TypedValue) -> Option<TypedValue> {
    let again = rewritten(value)?;
    match (value, &again) {
        (TypedValue::Object { text: old, .. }, TypedValue::Object { text: new, .. }) if old == new => None,
        _ => Some(again),
    }
}

/// A value as another instance gets it: read and written again, with the class that has then.
pub fn passed_on(value: TypedValue) -> TypedValue {
    rewritten(&value).unwrap_or(value)
}

fn rewritten(value: &TypedValue) -> Option<TypedValue> {
    let TypedValue::Object {
        text: Some(_),
        type_name,
        format,
    } = value
    else {
        return None;
    };
    if !format.contains("json") || !is_collection(type_name) {
        return None;
    }
    let content = match crate::convert::to_value(value) {
        content @ (Value::List(_) | Value::Map(_)) => content,
        Value::Java(object) => match *object {
            Java::Array(_, items) => Value::List(items),
            _ => return None,
        },
        _ => return None,
    };
    Some(written(type_name, content))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(type_name: &str, text: &str) -> Option<(String, String)> {
        let value = TypedValue::Object {
            text: Some(text.to_owned()),
            type_name: type_name.to_owned(),
            format: FORMAT.to_owned(),
        };
        match reread(&value)? {
            TypedValue::Object { text, type_name, .. } => Some((type_name, text?)),
            _ => None,
        }
    }

    fn is(type_name: &str, text: &str) -> Option<(String, String)> {
        Some((type_name.to_owned(), text.to_owned()))
    }

    /// Recorded from Camunda 7.24.
    #[test]
    fn objects_that_were_read_are_written_as_the_reference_writes_them() {
        let map = "java.util.HashMap<java.lang.Object,java.lang.Object>";
        assert_eq!(
            again("java.util.HashMap", r#"{"b": 1, "a": 2}"#),
            is(map, r#"{"a":2,"b":1}"#)
        );
        let map = "java.util.LinkedHashMap<java.lang.Object,java.lang.Object>";
        assert_eq!(
            again("java.util.Map", r#"{"b": 1, "a": 2}"#),
            is(map, r#"{"b":1,"a":2}"#)
        );
        assert_eq!(again("java.lang.Object", r#"{"a": 1}"#), is(map, r#"{"a":1}"#));
        let tree = "java.util.TreeMap<java.lang.Object,java.lang.Object>";
        let declared = "java.util.TreeMap<java.lang.String,java.lang.Integer>";
        assert_eq!(
            again(declared, r#"{"b": 1, "a": 2}"#),
            is(tree, r#"{"a":2,"b":1}"#)
        );
        let list = "java.util.ArrayList<java.lang.Integer>";
        assert_eq!(
            again("java.util.List<java.lang.Integer>", "[1, 2]"),
            is(list, "[1,2]")
        );
        let list = "java.util.ArrayList<java.lang.String>";
        assert_eq!(
            again("java.util.ArrayList", r#"["x", "y"]"#),
            is(list, r#"["x","y"]"#)
        );
        let set = "java.util.HashSet<java.lang.Object>";
        assert_eq!(
            again("java.util.HashSet<java.lang.Integer>", "[1, 2]"),
            is(set, "[1,2]")
        );
        let inner = "java.util.LinkedHashMap<java.lang.Object,java.lang.Object>";
        let list = format!("java.util.ArrayList<{inner}>");
        assert_eq!(
            again("java.util.ArrayList", r#"[{"a": 1}]"#),
            is(&list, r#"[{"a":1}]"#)
        );
        let map = "java.util.HashMap<java.lang.Object,java.lang.Object>";
        assert_eq!(
            again(
                map,
                r#"{"name":1,"age":2,"big":3,"pi":4,"ok":5,"nil":6,"tags":7,"o":8,"items":9}"#
            ),
            is(
                map,
                r#"{"nil":6,"big":3,"name":1,"pi":4,"ok":5,"items":9,"age":2,"tags":7,"o":8}"#
            )
        );
    }

    #[test]
    fn objects_whose_text_stays_the_same_keep_their_type() {
        assert_eq!(again("java.util.List", "[1,2]"), None);
        assert_eq!(again("com.acme.Order", r#"{"a": 1}"#), None);
    }
}
