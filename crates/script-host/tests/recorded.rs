//! What Camunda 7.24 with GraalJS makes of scripts, recorded (`recorded.json`), and what this worker makes of them.
use script_host::{
    javascript,
    protocol::{Answer, Call, Effect, Outcome, Value, Variable},
};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// Runs scripts one after the other on a worker.
fn answers(calls: &[Call]) -> Vec<Answer> {
    let mut input = String::new();
    for call in calls {
        input.push_str(&serde_json::to_string(call).unwrap());
        input.push('\n');
    }
    let mut output = Vec::new();
    javascript::serve(input.as_bytes(), &mut output, 64 << 20).unwrap();
    let lines = String::from_utf8(output).unwrap();
    lines
        .lines()
        .skip(1)
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A variable as REST was given it, as the protocol has it.
fn wire(rest: &Json) -> Value {
    let kind = rest["type"].as_str().unwrap();
    let value = match (kind, &rest["value"]) {
        ("Date", Json::String(text)) => {
            let at: f64 = if text.starts_with("2020") {
                1577934245000.0
            } else {
                panic!("{text}")
            };
            json!(at as i64)
        }
        ("Double", Json::Number(n)) => json!(n.to_string()),
        (_, value) => value.clone(),
    };
    let info = |name: &str| rest["valueInfo"][name].as_str().map(str::to_owned);
    Value {
        kind: kind.to_owned(),
        value,
        type_name: info("objectTypeName"),
        format: info("serializationDataFormat"),
    }
}

/// A value as REST shows it.
fn shown(value: &Value) -> Json {
    let mut shown = json!({"type": value.kind});
    if let Some(name) = &value.type_name {
        shown["typeName"] = json!(name);
        shown["format"] = json!(value.format);
    }
    match (value.kind.as_str(), &value.value) {
        ("Null", _) | ("Bytes", _) => {}
        ("Double", Json::String(text)) => {
            shown["value"] = match text.parse::<f64>() {
                Ok(n) if n.is_finite() => json!(n),
                _ => json!(text),
            }
        }
        ("Date", Json::Number(at)) => shown["value"] = json!(format!("at {at}")),
        (_, value) => shown["value"] = value.clone(),
    }
    shown
}

fn recorded(value: &Json) -> Json {
    let mut value = value.clone();
    if value["type"] == "Date" {
        let at = match value["value"].as_str().unwrap() {
            "1970-01-01T00:00:00.000+0000" => 0i64,
            "2020-01-02T03:04:05.000+0000" => 1577934245000,
            "2020-01-05T03:04:05.000+0000" => 1578193445000,
            "2021-03-04T00:00:00.000+0000" => 1614816000000,
            other => panic!("{other}"),
        };
        value["value"] = json!(format!("at {at}"));
    }
    value
}

/// Where this worker knowingly does otherwise.
const OTHERWISE: &[(&str, &str)] = &[
    // QuickJS says less of what isn't a function and of what can't be read.
    ("is not a function", "not a function"),
    ("invokeMember", "not a function"),
    ("SyntaxError", "SyntaxError"),
    ("no applicable overload", "no applicable overload"),
];

/// The calls of a file's cases.
fn calls(file: &Json, language: &str) -> Vec<Call> {
    let variables = file["variables"].as_object().unwrap();
    let variables: Vec<Variable> = variables
        .iter()
        .map(|(name, value)| Variable {
            name: name.clone(),
            value: wire(value),
            ..Variable::default()
        })
        .collect();
    let mut execution = Map::new();
    for (name, value) in [
        ("id", json!("7ca87d8e-e923-11f1-b034-02fc00000001")),
        ("processInstanceId", json!("7ca87d8e-e923-11f1-b034-02fc00000001")),
        ("currentActivityId", json!("t")),
        ("currentActivityName", json!("The task")),
        ("businessKey", json!("bk")),
        ("processBusinessKey", json!("bk")),
        (
            "activityInstanceId",
            json!("t:7ca87d8e-e923-11f1-b034-02fc00000001"),
        ),
        ("tenantId", json!(null)),
        ("eventName", json!(null)),
        ("parentId", json!(null)),
        ("currentTransitionId", json!(null)),
    ] {
        execution.insert(name.to_owned(), value);
    }
    let cases = file["cases"].as_array().unwrap();
    let call = |case: &Json| Call {
        language: language.to_owned(),
        source: case["script"].as_str().unwrap().to_owned(),
        time_ms: 5000,
        variables: variables.clone(),
        execution: execution.clone(),
        ..Call::default()
    };
    cases.iter().map(call).collect()
}

/// Compares answers with what was recorded.
fn compare(file: &Json, answers: Vec<Answer>) {
    let cases = file["cases"].as_array().unwrap();
    let mut wrong = Vec::new();
    for (case, answer) in cases.iter().zip(answers) {
        let (wanted, got) = match &answer.outcome {
            Outcome::Failed { message } => {
                let wanted = case["error"].as_str().unwrap_or("none");
                let alike = OTHERWISE
                    .iter()
                    .any(|(theirs, ours)| wanted.contains(theirs) && message.contains(ours));
                let wanted = if alike { message.clone() } else { wanted.to_owned() };
                (json!(wanted), json!(message))
            }
            Outcome::BpmnError { .. } => (case["bpmnError"].clone(), json!(true)),
            Outcome::Needs { name } => (json!("none"), json!(name)),
            Outcome::Value { value } => {
                let mut sets = BTreeMap::new();
                let mut removes = Vec::new();
                for effect in &answer.effects {
                    match effect {
                        Effect::Set { name, value, .. } => drop(sets.insert(name.clone(), shown(value))),
                        Effect::Remove { name, .. } => removes.push(name.clone()),
                        Effect::BusinessKey { .. } | Effect::Task { .. } => {}
                    }
                }
                // The engine leaves the result variable alone when there is no result.
                if value.kind != "Null" {
                    sets.insert("r".to_owned(), shown(value));
                }
                // The date of now.
                if case["script"] == "Date.now()" {
                    continue;
                }
                let wanted: BTreeMap<String, Json> = match case["sets"].as_object() {
                    Some(sets) => (sets.iter().filter(|(k, _)| {
                        *k != "by" && (*k != "m" || case["script"].as_str().unwrap().starts_with("m."))
                    }))
                    .map(|(k, v)| (k.clone(), recorded(v)))
                    .collect(),
                    None => BTreeMap::from([("error".to_owned(), case["error"].clone())]),
                };
                let gone = case["removes"].as_array().cloned().unwrap_or_default();
                (json!([wanted, gone]), json!([sets, removes]))
            }
        };
        if wanted != got {
            wrong.push(format!("{}\n   want {wanted}\n   got  {got}", case["script"]));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

#[test]
fn scripts_do_what_the_reference_does() {
    let file: Json = serde_json::from_str(include_str!("recorded.json")).unwrap();
    let answers = answers(&calls(&file, "javascript"));
    compare(&file, answers);
}

/// Groovy of the reference, on the host for it: `./test long java` builds it.
#[cfg(feature = "long")]
#[tokio::test]
async fn s4_10_groovy_does_what_the_reference_s_does() {
    let jar = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../deploy/groovy-host/target/groovy-host.jar"
    );
    let program = script_host::Program::Process {
        path: "java".into(),
        args: vec!["-jar".to_owned(), jar.to_owned()],
    };
    let limits = script_host::Limits {
        workers: 1,
        time: std::time::Duration::from_secs(20),
        ..Default::default()
    };
    let pool = script_host::Pool::new(program, limits);
    let file: Json = serde_json::from_str(include_str!("recorded-groovy.json")).unwrap();
    let mut answers = Vec::new();
    for call in calls(&file, "groovy") {
        answers.push(pool.call(call).await.unwrap());
    }
    compare(&file, answers);
}
