//! Cells of a decision table with one input, each against a row of values.
use crate::host::Variables;
use feel::Value;

/// The values, in the order of the recorded marks: `1` matched, `0` did not, `E` failed.
fn inputs() -> Vec<Option<Value>> {
    let text = |t: &str| Some(Value::String(t.to_owned()));
    vec![
        Some(Value::Integer(5)),
        Some(Value::Long(3)),
        Some(Value::Double(2.5)),
        text("foo"),
        text("a"),
        text("5"),
        Some(Value::Boolean(true)),
        Some(Value::Boolean(false)),
        Some(Value::Null),
        Some(Value::Instant(1_710_498_600_000)),
        Some(Value::Integer(-5)),
        None,
    ]
}

fn marks(cell: &str) -> String {
    let escaped = cell
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let text = format!(
        "<definitions xmlns=\"https://www.omg.org/spec/DMN/20191111/MODEL/\" id=\"defs\" name=\"n\" namespace=\"x\">\
         <decision id=\"d\" name=\"d\"><decisionTable id=\"t\"><input id=\"i\"><inputExpression id=\"ie\">\
         <text>v</text></inputExpression></input><output id=\"o\" name=\"r\"/><rule id=\"r\"><inputEntry id=\"e\">\
         <text>{escaped}</text></inputEntry><outputEntry id=\"oe\"><text>true</text></outputEntry></rule>\
         </decisionTable></decision></definitions>"
    );
    let definitions = feel::dmn::parse(&text).expect("the model is valid");
    let mark = |input: Option<Value>| {
        let mut variables = vec![
            ("x".to_owned(), Value::Integer(5)),
            ("y".to_owned(), Value::Double(2.5)),
            ("s".to_owned(), Value::String("foo".to_owned())),
        ];
        variables.extend(input.map(|value| ("v".to_owned(), value)));
        match definitions.evaluate(0, &Variables(variables)) {
            // An input that history can't keep fails the evaluation.
            Ok(evaluation) if evaluation.decisions[0].inputs[0].value.stored().is_err() => 'E',
            Ok(evaluation) if evaluation.results.is_empty() => '0',
            Ok(_) => '1',
            Err(_) => 'E',
        }
    };
    inputs().into_iter().map(mark).collect()
}

#[test]
fn cells_match_what_they_match_in_the_reference() {
    let cases: Vec<(String, String)> =
        serde_json::from_str(include_str!("../recorded/unary.json")).expect("cases");
    let wrong: Vec<String> = cases
        .iter()
        .map(|(cell, expected)| (cell, expected, marks(cell)))
        .filter(|(_, expected, ours)| *expected != ours)
        .map(|(cell, expected, ours)| format!("{cell}: {expected}, but here {ours}"))
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {} differ:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}
