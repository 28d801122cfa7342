//! What expressions do to variables, and what `execution` tells them: every row of the table is an expression with what
//! Camunda 7.24 made of it.
use crate::twin::Twin;
use bpmn_core::{
    command::{Command, Rejection},
    parse,
    value::{TypedValue, Variables},
};

const CUSTOMER: &str = r#"<?xml version="1.0" encoding="UTF-8"?><c:customer xmlns:c="http://acme" xmlns="http://d" id="7" c:level="gold"><name>Ann</name><order id="1"><price>10</price></order><order id="2"><price>20</price></order>text</c:customer>"#;
const PERSON: &str = r#"{"name":"Ann","age":30,"big":3000000000,"pi":3.25,"ok":true,"nil":null,"tags":["x","y"],"o":{"a":{"b":1}},"items":[{"id":1,"p":10},{"id":2,"p":20}]}"#;

fn object(type_name: &str, text: &str) -> TypedValue {
    TypedValue::Object {
        text: Some(text.to_owned()),
        type_name: type_name.to_owned(),
        format: "application/json".to_owned(),
    }
}

/// The variables that the table was recorded with.
fn variables() -> Variables {
    let map = "java.util.LinkedHashMap<java.lang.String,java.lang.Object>";
    [
        ("i", TypedValue::Integer(5)),
        ("l", TypedValue::Long(7)),
        ("d", TypedValue::Double(2.5)),
        ("str", TypedValue::String("Hello World".to_owned())),
        ("nul", TypedValue::Null),
        ("t", TypedValue::Boolean(true)),
        ("date", TypedValue::Date(1_700_000_000_123)),
        (
            "list",
            object("java.util.ArrayList<java.lang.String>", r#"["a", "b", "c"]"#),
        ),
        ("elist", object("java.util.ArrayList<java.lang.Object>", "[]")),
        (
            "ilist",
            object("java.util.ArrayList<java.lang.Integer>", "[3, 1, 2]"),
        ),
        ("map", object(map, r#"{"k": "v", "n": 1, "nil": null}"#)),
        (
            "nested",
            object(map, r#"{"a": {"b": [1, {"c": "deep"}]}, "l": ["x", "y"]}"#),
        ),
        ("json", TypedValue::Json(PERSON.to_owned())),
        ("xml", TypedValue::Xml(CUSTOMER.to_owned())),
        ("bytes", TypedValue::Bytes(b"abc".to_vec())),
        ("jsons", TypedValue::String(r#"{"a": 1, "b":[1,2]}"#.to_owned())),
        ("hm", object("java.util.HashMap", r#"{"b": 1, "a": 2}"#)),
        (
            "hs",
            object("java.util.HashSet<java.lang.String>", r#"["x", "y"]"#),
        ),
        ("ob", object("java.lang.Object", r#"{"a": 1}"#)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Ids are each other's equals.
fn without_ids(text: &str) -> String {
    let is_id = |word: &str| word.len() == 36 && word.matches('-').count() == 4;
    let words = text.split_inclusive([':', '[', ']']).map(|word| {
        let bare = word.trim_end_matches([':', ']']);
        if is_id(bare) {
            word.replace(bare, "<id>")
        } else {
            word.to_owned()
        }
    });
    words.collect::<String>().replace('\n', "\\n")
}

fn shown(value: &TypedValue) -> String {
    let text = match value {
        TypedValue::Null => String::new(),
        TypedValue::Boolean(value) => value.to_string(),
        TypedValue::Integer(value) => value.to_string(),
        TypedValue::Long(value) => value.to_string(),
        TypedValue::Double(value) => format!("{value:?}"),
        TypedValue::String(text) | TypedValue::Json(text) | TypedValue::Xml(text) => without_ids(text),
        TypedValue::Object { text, type_name, .. } => {
            return format!("Object<{type_name}> {}", text.as_deref().unwrap_or_default());
        }
        other => format!("{other:?}"),
    };
    format!("{} {text}", value.name())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

fn outcome(expression: &str) -> String {
    let model = format!(
        r#"<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="test"
        xmlns:camunda="http://camunda.org/schema/1.0/bpmn"><process id="p" isExecutable="true"><startEvent id="s"/>
        <sequenceFlow id="f1" sourceRef="s" targetRef="a"/><serviceTask id="a" name="Task A"
        camunda:expression="{}" camunda:resultVariable="r"/><sequenceFlow id="f2" sourceRef="a" targetRef="u"/>
        <userTask id="u"/></process></definitions>"#,
        escaped(expression)
    );
    let mut twin = match parse(model.as_bytes()) {
        Ok(mut definitions) => Twin::new(definitions.remove(0)),
        Err(problems) => return format!("!{problems:?}"),
    };
    let start = Command::Start {
        element: None,
        variables: variables(),
    };
    match twin.start(Some("bk-1".to_owned()), start) {
        Ok(_) => {}
        Err(Rejection::Failure { message, .. }) => return format!("!{}", without_ids(&message)),
        Err(other) => return format!("!{other}"),
    }
    let before = variables();
    let mut changed: Vec<String> = twin
        .instance()
        .variables
        .iter()
        .filter(|v| {
            !before
                .iter()
                .any(|(name, value)| *name == v.name && *value == v.value)
        })
        .map(|v| format!("{} {}", v.name, shown(&v.value)))
        .collect();
    changed.sort();
    changed.join("\t")
}

#[test]
fn expressions_change_variables_as_camunda_does() {
    let mut differences = Vec::new();
    for row in include_str!("beans.tsv")
        .lines()
        .filter(|row| !row.starts_with('#'))
    {
        let (expression, expected) = row.split_once('\t').unwrap_or((row, ""));
        let found = outcome(expression);
        if found != expected {
            differences.push(format!("{expression}\n  expected {expected}\n  found    {found}"));
        }
    }
    assert!(
        differences.is_empty(),
        "{} differences:\n{}",
        differences.len(),
        differences.join("\n")
    );
}
