//! Expressions as the logic of a decision, without a type and as a string.
use crate::host::{Variables, shown};
use feel::Value;
use serde_json::Value as Json;

fn variables() -> Variables {
    let list = |items: &[i32]| Value::List(items.iter().map(|i| Value::Integer(*i)).collect());
    let map = |entries: Vec<(&str, Value)>| {
        Value::Map(entries.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
    };
    let named = [
        ("x", Value::Integer(5)),
        ("y", Value::Double(2.5)),
        ("s", Value::String("foo".to_owned())),
        ("b", Value::Boolean(true)),
        ("n", Value::Null),
        ("d", Value::Instant(1_710_498_600_000)),
        // A serialized object over REST: the reference doesn't read it.
        ("l", Value::Unreadable("Object is not deserialized.".to_owned())),
        (
            "j",
            map(vec![
                ("a", Value::Integer(1)),
                ("b", map(vec![("c", Value::String("x".to_owned()))])),
                ("l", list(&[1, 2])),
            ]),
        ),
    ];
    Variables(named.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// What evaluating gives: type and value, or `error`.
fn evaluated(expression: &str, type_name: Option<&str>) -> (Json, Json) {
    let type_ref = type_name.map_or(String::new(), |t| format!(" typeRef=\"{t}\""));
    let text = format!(
        "<definitions xmlns=\"https://www.omg.org/spec/DMN/20191111/MODEL/\" id=\"defs\" name=\"n\" namespace=\"x\">\
         <decision id=\"d\" name=\"d\"><variable id=\"v\" name=\"r\"{type_ref}/>\
         <literalExpression id=\"l\"><text>{}</text></literalExpression></decision></definitions>",
        escaped(expression)
    );
    let definitions = feel::dmn::parse(&text).expect("the model is valid");
    let result = definitions
        .evaluate(0, &variables())
        .ok()
        .and_then(|e| shown(&e.results[0][0].1));
    match result {
        Some((name, value)) => (name.map_or(Json::Null, Json::from), value),
        None => ("error".into(), Json::Null),
    }
}

#[test]
fn expressions_evaluate_as_the_reference_evaluates_them() {
    let cases: Vec<(String, Option<String>, Json, Json)> =
        serde_json::from_str(include_str!("../recorded/expressions.json")).expect("cases");
    let mut wrong = Vec::new();
    for (expression, type_name, kind, value) in &cases {
        let (our_kind, our_value) = evaluated(expression, type_name.as_deref());
        if (&our_kind, &our_value) != (kind, value) {
            wrong.push(format!(
                "{expression}  ({}): {kind} {value}, but here {our_kind} {our_value}",
                type_name.as_deref().unwrap_or("-")
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} differ:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}
