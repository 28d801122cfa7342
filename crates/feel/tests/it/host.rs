//! A place to evaluate in: given variables, a fixed clock.
use feel::{Host, Value};
use serde_json::Value as Json;

pub struct Variables(pub Vec<(String, Value)>);

impl Host for Variables {
    fn variable(&self, name: &str) -> Option<Value> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone())
    }

    fn now(&self) -> i64 {
        1_710_498_600_000
    }

    fn random(&self) -> u64 {
        0x1234_5678_9abc_def0
    }
}

impl feel::dmn::Host for Variables {}

/// A value with its type as REST writes both; an "untyped" value has the type that its JSON suggests.
pub fn value(kind: Option<&str>, json: &Json) -> Value {
    match (kind, json) {
        (_, Json::Null) => Value::Null,
        (Some("Integer"), n) => Value::Integer(
            n.as_i64()
                .and_then(|n| i32::try_from(n).ok())
                .expect("an integer"),
        ),
        (Some("Long"), n) => Value::Long(n.as_i64().expect("a long")),
        (Some("Double"), n) => Value::Double(n.as_f64().expect("a double")),
        (Some("Date"), Json::String(text)) => {
            let at: jiff::Timestamp = text.replace("+0000", "Z").parse().expect("a date");
            Value::Instant(at.as_millisecond())
        }
        (_, json) => feel::dmn::from_json(json.clone()),
    }
}

/// A result as REST writes it: type and value. What has no JSON form is `None`.
pub fn shown(typed: &feel::dmn::Typed) -> Option<(Option<&'static str>, Json)> {
    let name = match (&typed.value, typed.typed) {
        (Value::Null, _) => Some("Null"),
        (_, false) => None,
        (Value::Boolean(_), true) => Some("Boolean"),
        (Value::Integer(_), true) => Some("Integer"),
        (Value::Long(_), true) => Some("Long"),
        (Value::Double(_), true) => Some("Double"),
        (Value::Instant(_), true) => Some("Date"),
        (_, true) => Some("String"),
    };
    // History refuses what can't be stored.
    typed.stored().ok()?;
    Some((name, json(&typed.value)?))
}

fn json(value: &Value) -> Option<Json> {
    Some(match value {
        Value::Null => Json::Null,
        Value::Boolean(v) => (*v).into(),
        Value::Short(v) => (*v).into(),
        Value::Integer(v) => (*v).into(),
        Value::Long(v) => (*v).into(),
        Value::Double(v) => (*v).into(),
        Value::String(v) => v.clone().into(),
        Value::Instant(v) => {
            let at = jiff::Timestamp::from_millisecond(*v).ok()?;
            format!("{}+0000", at.strftime("%Y-%m-%dT%H:%M:%S%.3f")).into()
        }
        Value::List(items) => Json::Array(items.iter().map(json).collect::<Option<_>>()?),
        Value::Map(entries) => Json::Object(
            entries
                .iter()
                .map(|(k, v)| Some((k.clone(), json(v)?)))
                .collect::<Option<_>>()?,
        ),
        Value::Function(_) => serde_json::json!({"comparable": false}),
        _ => return None,
    })
}
