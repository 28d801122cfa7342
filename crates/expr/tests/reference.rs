//! Every row of the tables is an expression with the answer of Camunda 7.24.

use expr::{Context, ErrorKind, EvalError, Expression, Java, Value};

const NOW: i64 = 1_700_000_000_123;

const CUSTOMER: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><c:customer xmlns:c=\"http://acme\" \
    xmlns=\"http://d\" id=\"7\" c:level=\"gold\"><name>Ann</name><order id=\"1\"><price>10</price></order>\
    <order id=\"2\"><price>20</price></order>text</c:customer>";

/// The variables the tables were recorded with.
struct Recorded;

fn json() -> serde_json::Value {
    serde_json::json!({
        "name": "Ann", "age": 30, "big": 3_000_000_000_i64, "pi": 3.25, "ok": true, "nil": null,
        "tags": ["x", "y"], "o": {"a": {"b": 1}}, "items": [{"id": 1, "p": 10}, {"id": 2, "p": 20}]
    })
}

impl Context for Recorded {
    fn variable(&mut self, name: &str) -> Option<Value> {
        let entry = |key: &str, value: Value| (key.to_owned(), value);
        Some(match name {
            "i" => Value::Int(5),
            "i0" => Value::Int(0),
            "l" => Value::Long(7),
            "s" => Value::Short(3),
            "d" => Value::Double(2.5),
            "t" => Value::Bool(true),
            "f" => Value::Bool(false),
            "nul" => Value::Null,
            "str" => Value::from("Hello World"),
            "num" => Value::from("42"),
            "dnum" => Value::from("4.5"),
            "true1" => Value::from("true"),
            "empty1" => Value::from(""),
            "date" => Value::Date(NOW),
            "date2" => Value::Date(1_700_000_100_123),
            "list" => Value::List(vec![Value::from("a"), Value::from("b"), Value::from("c")]),
            "elist" => Value::List(Vec::new()),
            "map" => Value::Map(vec![
                entry("k", Value::from("v")),
                entry("n", Value::Int(1)),
                entry("nil", Value::Null),
            ]),
            "ilist" => Value::List(vec![Value::Int(3), Value::Int(1), Value::Int(2)]),
            "nested" => Value::Map(vec![
                entry(
                    "a",
                    Value::Map(vec![entry(
                        "b",
                        Value::List(vec![
                            Value::Int(1),
                            Value::Map(vec![entry("c", Value::from("deep"))]),
                        ]),
                    )]),
                ),
                entry("l", Value::List(vec![Value::from("x"), Value::from("y")])),
            ]),
            "jarr" => Value::Json(serde_json::json!([1, "a", null, {"k": true}])),
            "xml" => Value::Xml(CUSTOMER.to_owned()),
            "xmls" => Value::from("<a><b x='1'>t</b><b x='2'/></a>"),
            "execution" => Value::Bean("execution".to_owned()),
            "emap" => Value::Map(Vec::new()),
            "bytes" => Value::Bytes(b"abc".to_vec()),
            "big" => Value::Long(3_000_000_000),
            "json" => Value::Json(json()),
            "jsons" => Value::from("{\"a\": 1, \"b\":[1,2]}"),
            _ => return None,
        })
    }

    fn call(&mut self, _: &str, method: &str, arguments: Vec<Value>) -> Result<Option<Value>, EvalError> {
        Ok(match (method, arguments.as_slice()) {
            ("getVariable", [name]) => Some(self.variable(&name.to_text()).unwrap_or(Value::Null)),
            _ => None,
        })
    }

    fn property(&mut self, _: &str, _: &str) -> Result<Option<Value>, EvalError> {
        Ok(None)
    }

    fn now(&self) -> i64 {
        NOW
    }

    fn user(&self) -> Option<String> {
        None
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('\n', "\\n")
        .replace('\t', "\\t")
}

/// The outcome in the notation of the tables.
fn outcome(text: &str) -> String {
    let expression = match Expression::parse(text) {
        Ok(expression) => expression,
        Err(error) => return format!("!parse\t{}", escaped(&error.message)),
    };
    match expression.eval(&mut Recorded) {
        Ok(Value::Null) => "null".to_owned(),
        Ok(value) => {
            let class = match &value {
                Value::List(_) => "list",
                Value::Java(object) if matches!(**object, Java::Array(..)) => "list",
                Value::Map(_) => "map",
                Value::Bytes(_) => return "byte[]".to_owned(),
                other => other.class_name().rsplit('.').next().unwrap_or_default(),
            };
            format!("{class}\t{}", escaped(&value.to_text()))
        }
        Err(error) => {
            let whole = |start: &str| error.message.replacen(&format!("{start}{text}. Cause: "), "", 1);
            match error.kind {
                ErrorKind::UnknownProperty => {
                    format!(
                        "!property\t{}",
                        escaped(&whole("Unknown property used in expression: "))
                    )
                }
                ErrorKind::UnknownMethod => {
                    format!(
                        "!method\t{}",
                        escaped(&whole("Unknown method used in expression: "))
                    )
                }
                _ => format!("!el\t{}", escaped(&whole("Error while evaluating expression: "))),
            }
        }
    }
}

fn compare(table: &str) {
    let mut differences = Vec::new();
    for row in table.lines().filter(|row| !row.starts_with('#')) {
        let (text, expected) = row.split_once('\t').unwrap_or((row, ""));
        let found = outcome(text);
        if found != expected {
            differences.push(format!("{text}\n  expected {expected}\n  found    {found}"));
        }
    }
    assert!(
        differences.is_empty(),
        "{} differences:\n{}",
        differences.len(),
        differences.join("\n")
    );
}

#[test]
fn operators_and_properties_answer_as_camunda_does() {
    compare(include_str!("reference/language.tsv"));
}

#[test]
fn methods_and_functions_answer_as_camunda_does() {
    compare(include_str!("reference/methods.tsv"));
}

#[test]
fn json_nodes_answer_as_camunda_does() {
    compare(include_str!("reference/json.tsv"));
}

#[test]
fn java_objects_and_changed_collections_answer_as_camunda_does() {
    compare(include_str!("reference/java.tsv"));
}

#[test]
fn spin_values_answer_as_camunda_does() {
    compare(include_str!("reference/spin.tsv"));
}

#[test]
fn combined_expressions_answer_as_camunda_does() {
    compare(include_str!("reference/combined.tsv"));
}

#[test]
fn syntax_errors_read_as_camundas_do() {
    compare(include_str!("reference/syntax.tsv"));
}

#[test]
fn longer_expressions_answer_as_camunda_does() {
    compare(include_str!("reference/more.tsv"));
}

#[test]
fn known_differences_stay_as_they_are_written_down() {
    compare(include_str!("reference/differences.tsv"));
}
