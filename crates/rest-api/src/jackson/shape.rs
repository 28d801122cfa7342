//! What an operation's body may hold, and how the reference's parser (Jackson, Camunda 7.24) makes its members from
//! what was sent: a text where a number belongs is read, a fraction is cut off, a blank text is no value.
//!
//! `bodies.tsv` names the shape of each operation with a JSON body, `shapes.tsv` the members of each shape.
use crate::{date, operations::Operation};
use serde_json::{Map, Number, Value};
use std::{collections::HashMap, sync::LazyLock};

/// A member's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Text,
    Bool,
    Int,
    Long,
    /// A date in the one format, or Unix milliseconds.
    Date,
    /// Taken as it is.
    Any,
    List(Box<Kind>),
    Map(Box<Kind>),
    /// An object of that shape, as in `shapes.tsv`.
    Object(&'static str),
}

/// The members of a body or of an object in it; others are passed over.
#[derive(Debug)]
pub struct Shape {
    members: HashMap<&'static str, Kind>,
}

/// What the table says of an operation's body.
#[derive(Debug)]
pub struct Body {
    /// Its members.
    pub shape: &'static Shape,
    /// The reference's call on a body that isn't there, and the name it has there: a NullPointerException. `None` where
    /// the operation looks at something else before.
    pub null: Option<(&'static str, &'static str)>,
}

/// The JSON is of another type than the member: the reference answers with an empty message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mismatch;

static SHAPES: LazyLock<HashMap<&'static str, Shape>> = LazyLock::new(|| {
    let lines = include_str!("../../shapes.tsv").lines();
    let shape = |line: &'static str| {
        let (name, members) = line.split_once('\t')?;
        let members = members.split(' ').map(|member| {
            let (name, kind) = member.split_once(':')?;
            Some((name, Kind::parse(kind)))
        });
        Some((
            name,
            Shape {
                members: members.collect::<Option<_>>()?,
            },
        ))
    };
    lines.filter_map(shape).collect()
});

static BODIES: LazyLock<HashMap<(&'static str, &'static str), Body>> = LazyLock::new(|| {
    let lines = include_str!("../../bodies.tsv").lines();
    let body = |line: &'static str| {
        let mut cells = line.split('\t');
        let (method, path, shape) = (cells.next()?, cells.next()?, cells.next()?);
        let null = cells.next().filter(|call| !call.is_empty()).zip(cells.next());
        Some((
            (method, path),
            Body {
                shape: SHAPES.get(shape)?,
                null,
            },
        ))
    };
    lines.filter_map(body).collect()
});

/// The body of an operation, if it takes one of JSON.
pub fn of(operation: &Operation) -> Option<&'static Body> {
    BODIES.get(&(operation.method, operation.path))
}

impl Shape {
    /// Whether a member of that name is looked at.
    pub fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// Makes the members what the reference takes them for.
    ///
    /// # Errors
    /// One is of another type.
    pub fn read(&self, members: &mut Map<String, Value>) -> Result<(), Mismatch> {
        for (name, value) in members {
            if let Some(kind) = self.members.get(name.as_str()) {
                kind.read(value)?;
            }
        }
        Ok(())
    }

    /// Whether a member could be taken.
    ///
    /// # Errors
    /// It is of another type.
    pub fn check(&self, name: &str, mut value: Value) -> Result<(), Mismatch> {
        match self.members.get(name) {
            Some(kind) => kind.read(&mut value),
            None => Ok(()),
        }
    }
}

impl Kind {
    fn parse(word: &'static str) -> Kind {
        let inner = |text: &'static str| text.get(1..text.len() - 1).map(Kind::parse).map(Box::new);
        match word {
            "text" => Kind::Text,
            "bool" => Kind::Bool,
            "int" => Kind::Int,
            "long" => Kind::Long,
            "date" => Kind::Date,
            "any" => Kind::Any,
            list if list.starts_with('[') => inner(list).map_or(Kind::Any, Kind::List),
            map if map.starts_with('{') => inner(map).map_or(Kind::Any, Kind::Map),
            name => Kind::Object(name),
        }
    }

    /// Makes a value what the reference takes it for.
    ///
    /// # Errors
    /// It is of another type.
    pub fn read(&self, value: &mut Value) -> Result<(), Mismatch> {
        let made = match (self, &mut *value) {
            (_, Value::Null)
            | (Kind::Any, _)
            | (Kind::Text, Value::String(_))
            | (Kind::Bool, Value::Bool(_)) => return Ok(()),
            (Kind::List(kind), Value::Array(items)) => {
                return items.iter_mut().try_for_each(|item| kind.read(item));
            }
            (Kind::Map(kind), Value::Object(members)) => {
                return members.values_mut().try_for_each(|member| kind.read(member));
            }
            (Kind::Object(name), Value::Object(members)) => {
                return SHAPES.get(name).map_or(Ok(()), |shape| shape.read(members));
            }
            (Kind::Text, Value::Bool(_) | Value::Number(_)) => Value::String(value.to_string()),
            (Kind::Bool, Value::Number(n)) if !n.is_f64() => Value::Bool(n.as_i64() != Some(0)),
            (Kind::Int | Kind::Long, Value::Number(n)) => self.whole(n)?,
            (Kind::Date, Value::Number(n)) => Value::String(date::format(n.as_i64().ok_or(Mismatch)?)),
            (Kind::Bool | Kind::Int | Kind::Long | Kind::Date, Value::String(text)) => self.text(text)?,
            _ => return Err(Mismatch),
        };
        *value = made;
        Ok(())
    }

    /// A number without its fraction, if it is not too large.
    fn whole(&self, number: &Number) -> Result<Value, Mismatch> {
        let whole = match number.as_f64() {
            _ if !number.is_f64() => number.as_i64(),
            Some(float) if float.abs() < 9.2e18 => Some(float as i64),
            _ => None,
        };
        let whole = whole.ok_or(Mismatch)?;
        if *self == Kind::Int {
            i32::try_from(whole).map_err(|_| Mismatch)?;
        }
        Ok(Value::from(whole))
    }

    /// What a text stands for where something else belongs.
    fn text(&self, text: &str) -> Result<Value, Mismatch> {
        let text = text.trim();
        if text.is_empty() || (text == "null" && *self != Kind::Date) {
            return Ok(Value::Null);
        }
        match self {
            Kind::Bool => match text {
                "true" | "True" | "TRUE" => Ok(Value::Bool(true)),
                "false" | "False" | "FALSE" => Ok(Value::Bool(false)),
                _ => Err(Mismatch),
            },
            Kind::Int | Kind::Long => {
                let number = text.parse::<i64>().map_err(|_| Mismatch)?;
                self.whole(&number.into())
            }
            _ => match date::parse(text) {
                Some(_) => Ok(Value::String(text.to_owned())),
                None => Err(Mismatch),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations;
    use serde_json::json;

    #[test]
    fn every_body_belongs_to_an_operation_and_every_shape_is_there() {
        let all = operations::operations();
        let lines = include_str!("../../bodies.tsv").lines().count();
        assert_eq!(BODIES.len(), lines);
        for (method, path) in BODIES.keys() {
            assert!(
                all.iter().any(|o| o.method == *method && o.path == *path),
                "{method} {path}"
            );
        }
        assert_eq!(SHAPES.len(), include_str!("../../shapes.tsv").lines().count());
        fn named(kind: &Kind) {
            match kind {
                Kind::Object(name) => assert!(SHAPES.contains_key(name), "{name}"),
                Kind::List(kind) | Kind::Map(kind) => named(kind),
                _ => {}
            }
        }
        SHAPES
            .values()
            .flat_map(|shape| shape.members.values())
            .for_each(named);
    }

    /// As the reference took them.
    #[test]
    fn members_are_taken_as_the_reference_takes_them() {
        let cases = [
            ("text", json!(5), Some(json!("5"))),
            ("text", json!(1.5), Some(json!("1.5"))),
            ("text", json!(true), Some(json!("true"))),
            ("text", json!({}), None),
            ("text", json!([]), None),
            ("bool", json!(5), Some(json!(true))),
            ("bool", json!(0), Some(json!(false))),
            ("bool", json!(1.5), None),
            ("bool", json!("true"), Some(json!(true))),
            ("bool", json!(" "), Some(json!(null))),
            ("bool", json!("5"), None),
            ("bool", json!("yes"), None),
            ("int", json!(1.5), Some(json!(1))),
            ("int", json!("5"), Some(json!(5))),
            ("int", json!(""), Some(json!(null))),
            ("int", json!(true), None),
            ("int", json!(3_000_000_000_i64), None),
            ("long", json!(3_000_000_000_i64), Some(json!(3_000_000_000_i64))),
            ("date", json!(0), Some(json!("1970-01-01T00:00:00.000+0000"))),
            ("date", json!(1.5), None),
            ("date", json!("2036-01-02"), None),
            ("[text]", json!("x"), None),
            ("[text]", json!([5, null]), Some(json!(["5", null]))),
            ("[text]", json!([{}]), None),
            ("{any}", json!({"a": [1]}), Some(json!({"a": [1]}))),
            ("{any}", json!(""), None),
        ];
        for (kind, sent, expected) in cases {
            let mut read = sent.clone();
            let read = Kind::parse(kind).read(&mut read).ok().map(|()| read);
            assert_eq!(read, expected, "{kind} {sent}");
        }
    }
}
