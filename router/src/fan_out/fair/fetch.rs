//! What the router reads of a `fetchAndLock` request, and what a shard is asked of it.
use crate::fan_out::{places::Order, rows};
use serde_json::{Map, Value, value::RawValue};
use std::collections::BTreeSet;
use topology::Slot;

/// What the router reads of a request's body.
#[derive(Debug)]
pub(super) struct Fetch {
    members: Vec<(String, Box<RawValue>)>,
    pub(super) max_tasks: i64,
    pub(super) wait: Option<i64>,
    pub(super) topics: Vec<Map<String, Value>>,
    pub(super) order: Option<Order>,
}

impl Fetch {
    /// `None` for a body that isn't what the reference expects: a shard words the error.
    pub(super) fn read(body: &[u8]) -> Option<Fetch> {
        let members: Vec<(String, Box<RawValue>)> = serde_json::from_slice::<rows::Members>(body)
            .ok()?
            .0
            .into_iter()
            .map(|(name, value)| (name.into_owned(), value.to_owned()))
            .collect();
        let value = |name: &str| -> Option<Value> {
            let raw = &members.iter().rev().find(|(key, _)| key == name)?.1;
            serde_json::from_str(raw.get()).ok()
        };
        let number = |value: Value| value.as_i64().or_else(|| value.as_str()?.trim().parse().ok());
        let max_tasks = number(value("maxTasks")?)?;
        let wait = match value("asyncResponseTimeout") {
            None | Some(Value::Null) => None,
            Some(value) => Some(number(value)?),
        };
        let topics: Vec<Map<String, Value>> = serde_json::from_value(value("topics")?).ok()?;
        let order = Order::read(value("usePriority").as_ref(), value("sorting").as_ref());
        Some(Fetch {
            members,
            max_tasks,
            wait,
            topics,
            order,
        })
    }

    /// The topics' names, each once.
    pub(super) fn names(&self) -> Vec<String> {
        let names = self
            .topics
            .iter()
            .filter_map(|topic| topic.get("topicName")?.as_str().map(str::to_owned));
        names.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Whether it may find nothing where another request for the same topics would.
    pub(super) fn filtered(&self) -> bool {
        let plain = [
            "topicName",
            "lockDuration",
            "variables",
            "localVariables",
            "deserializeValues",
            "includeExtensionProperties",
        ];
        let empty = |value: &Value| match value {
            Value::Null | Value::Bool(false) => true,
            Value::Array(list) => list.is_empty(),
            Value::Object(map) => map.is_empty(),
            _ => false,
        };
        self.topics
            .iter()
            .flatten()
            .any(|(name, value)| !plain.contains(&name.as_str()) && !empty(value))
    }

    /// The slots of the business keys, if every topic names one.
    pub(super) fn slots(&self) -> Vec<Slot> {
        let key = |topic: &Map<String, Value>| Some(Slot::of_key(topic.get("businessKey")?.as_str()?));
        self.topics
            .iter()
            .map(key)
            .collect::<Option<Vec<Slot>>>()
            .unwrap_or_default()
    }

    /// The body for a shard: so many tasks at most, and no waiting there.
    pub(super) fn body(&self, max_tasks: usize) -> Vec<u8> {
        let kept = self
            .members
            .iter()
            .filter(|(name, _)| name != "maxTasks" && name != "asyncResponseTimeout");
        let mut body = format!("{{\"maxTasks\":{max_tasks}").into_bytes();
        for (name, value) in kept {
            body.push(b',');
            body.extend_from_slice(Value::from(name.as_str()).to_string().as_bytes());
            body.push(b':');
            body.extend_from_slice(value.get().as_bytes());
        }
        body.push(b'}');
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Fetch {
        Fetch::read(body.as_bytes()).unwrap()
    }

    #[test]
    fn a_shard_is_asked_without_waiting_and_for_what_is_missing() {
        let body = r#"{"workerId":"w","maxTasks":10,"asyncResponseTimeout":10000,"usePriority":true,
            "topics":[{"topicName":"t","lockDuration":1000,"processVariables":{"x": 1.50}}],"sorting":[]}"#;
        let fetch = read(body);
        assert_eq!((fetch.max_tasks, fetch.wait), (10, Some(10_000)));
        let sent = String::from_utf8(fetch.body(3)).unwrap();
        assert!(
            sent.starts_with(r#"{"maxTasks":3,"workerId":"w","usePriority":true,"topics":[{"#),
            "{sent}"
        );
        assert!(
            sent.contains("1.50") && !sent.contains("asyncResponseTimeout"),
            "{sent}"
        );
    }

    #[test]
    fn explicit_nulls_of_the_java_client_are_no_filters() {
        let fetch = read(
            r#"{"maxTasks":1,"topics":[{"topicName":"t","lockDuration":1,"variables":null,"businessKey":null,
            "processDefinitionIdIn":[],"withoutTenantId":false,"processVariables":{}}]}"#,
        );
        assert!(!fetch.filtered() && fetch.slots().is_empty() && fetch.wait.is_none());
        let keyed = read(r#"{"maxTasks":1,"topics":[{"topicName":"t","businessKey":"k"}]}"#);
        assert!(keyed.filtered());
        assert_eq!(keyed.slots(), [Slot::of_key("k")]);
    }

    #[test]
    fn bodies_that_are_not_understood_are_left_to_a_shard() {
        for body in [
            "",
            "{x",
            "[]",
            r#"{"maxTasks":1}"#,
            r#"{"topics":[]}"#,
            r#"{"maxTasks":"x","topics":[]}"#,
        ] {
            assert!(Fetch::read(body.as_bytes()).is_none(), "{body}");
        }
    }
}
