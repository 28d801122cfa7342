//! Steps that need what the engine says first, about the instance of the process `KEY` that was there last.
//!
//! `migrate [update] [ELEMENT>ELEMENT…]`: to the newest version, by the plan that the engine generates (`update` of event triggers
//! too), with further instructions; each replaces a generated one of the same source. `restart ELEMENT [initial]`: once it has ended, before
//! that element, with its last or its initial variables.
use super::engine::Engine;
use anyhow::{Context, Result};
use serde_json::{Value, json};

/// Status and body of the last call, if it is such a step. `main` is the instance's definition and id.
pub async fn perform(
    what: &str,
    key: &str,
    main: Option<&(String, String)>,
    engine: &Engine,
) -> Result<Option<(u16, Value)>> {
    let words: Vec<&str> = what.split_whitespace().collect();
    let known = || main.context("nothing was started");
    match words[..] {
        ["migrate", ref rest @ ..] => migrate(rest, key, known()?, engine).await.map(Some),
        ["restart", element, ref rest @ ..] => {
            let (definition, instance) = known()?;
            let body = json!({
                "processInstanceIds": [instance],
                "instructions": [{"type": "startBeforeActivity", "activityId": element}],
                "initialVariables": rest.contains(&"initial"),
            });
            let path = format!("/process-definition/{definition}/restart");
            engine.send("POST", &path, Some(&body)).await.map(Some)
        }
        _ => Ok(None),
    }
}

async fn migrate(
    words: &[&str],
    key: &str,
    (definition, instance): &(String, String),
    engine: &Engine,
) -> Result<(u16, Value)> {
    let newest = engine.get(&format!("/process-definition/key/{key}")).await?;
    let wanted = json!({
        "sourceProcessDefinitionId": definition,
        "targetProcessDefinitionId": newest["id"],
        "updateEventTriggers": words.contains(&"update"),
    });
    let (status, mut plan) = engine.send("POST", "/migration/generate", Some(&wanted)).await?;
    if status != 200 {
        return Ok((status, plan));
    }
    let mut instructions = plan["instructions"].as_array().cloned().unwrap_or_default();
    for (from, to) in words.iter().filter_map(|word| word.split_once('>')) {
        instructions.retain(|known| known["sourceActivityIds"] != json!([from]));
        instructions.push(json!({"sourceActivityIds": [from], "targetActivityIds": [to]}));
    }
    plan["instructions"] = instructions.into();
    let body = json!({"migrationPlan": plan, "processInstanceIds": [instance]});
    engine.send("POST", "/migration/execute", Some(&body)).await
}
