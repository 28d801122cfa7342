//! Whole models: what deploys, which decisions come of it, and what they give.
use crate::host::{Variables, shown, value};
use feel::Value;
use feel::dmn::Evaluation;
use serde_json::{Map, Value as Json, json};

/// A decision, the variables it is evaluated with, and the answer.
type Asked = (String, Map<String, Json>, Json);

/// A variable as clients give it.
fn variable(given: &Json) -> Value {
    value(given.get("type").and_then(Json::as_str), &given["value"])
}

fn variables(given: &Map<String, Json>) -> Variables {
    let parsed = |(name, v): (&String, &Json)| {
        let value = match v.get("type").and_then(Json::as_str) {
            Some("Json") => {
                let text = v["value"].as_str().expect("a text");
                feel::dmn::from_json(serde_json::from_str(text).expect("JSON"))
            }
            _ => variable(v),
        };
        (name.clone(), value)
    };
    Variables(given.iter().map(parsed).collect())
}

/// Results as REST writes them; `error` where something failed or can't be kept.
fn result(evaluation: Result<Evaluation, String>) -> Json {
    let shown_all = |evaluation: &Evaluation| -> Option<Json> {
        for decision in &evaluation.decisions {
            let inputs = decision.inputs.iter().map(|i| &i.value);
            let outputs = decision.rules.iter().flat_map(|r| &r.outputs).map(|o| &o.value);
            let literal = decision.literal.iter().map(|(_, v)| v);
            if inputs.chain(outputs).chain(literal).any(|v| v.stored().is_err()) {
                return None;
            }
        }
        let entries = evaluation.results.iter().map(|entries| {
            let shown_entries = entries.iter().map(|(name, typed)| {
                let (kind, value) = shown(typed)?;
                // There is no JSON for an output without a name.
                Some((name.clone()?, json!([kind, value])))
            });
            shown_entries.collect::<Option<Map<_, _>>>().map(Json::Object)
        });
        entries.collect::<Option<Vec<_>>>().map(Json::Array)
    };
    evaluation
        .ok()
        .as_ref()
        .and_then(shown_all)
        .unwrap_or_else(|| "error".into())
}

#[test]
fn models_deploy_and_decide_as_in_the_reference() {
    let cases: Vec<(String, Json, Vec<Asked>)> =
        serde_json::from_str(include_str!("../recorded/models.json")).expect("cases");
    let mut wrong = Vec::new();
    for (text, keys, evaluations) in cases {
        let definitions = match feel::dmn::parse(&text) {
            Ok(definitions) => definitions,
            Err(refusal) => {
                if keys != Json::Bool(false) {
                    wrong.push(format!("refused ({refusal}): {text}"));
                }
                continue;
            }
        };
        let mut ours: Vec<&str> = definitions.decisions.iter().map(|d| d.key.as_str()).collect();
        ours.sort_unstable();
        if json!(ours) != keys {
            wrong.push(format!("decisions {keys}, but here {ours:?}: {text}"));
            continue;
        }
        for (key, given, expected) in evaluations {
            let index = definitions.decision(&key).expect("the decision is there");
            let ours = result(definitions.evaluate(index, &variables(&given)));
            if ours != expected {
                wrong.push(format!(
                    "{} gives {expected}, but here {ours}: {text}",
                    json!(given)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
