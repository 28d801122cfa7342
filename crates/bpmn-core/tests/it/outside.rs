//! Answers what steps ask for: scripts of a language made up for scenarios, one order a line, and a connector that
//! gives back what it is given.
use bpmn_core::{
    ask::{Ask, BpmnError, Connector, Effect, Given, Ran, Reply, Script, Source},
    command::Rejection,
    value::{TypedValue, Variables},
};

/// Steps until nothing is asked any more; `run` steps with the answers so far.
pub fn answered<T>(mut run: impl FnMut(&[Given]) -> Result<T, Rejection>) -> Result<T, Rejection> {
    let mut given = Vec::new();
    loop {
        match run(&given) {
            Err(Rejection::Asks(nth, ask)) => {
                given.truncate(nth);
                let reply = answer(&ask);
                given.push(Given {
                    ask: *ask,
                    reply,
                    at: 0,
                });
            }
            other => return other,
        }
    }
}

fn answer(ask: &Ask) -> Reply {
    match ask {
        Ask::Script(script) => Reply::Script(run(script)),
        Ask::Connector(connector) => Reply::Connector(call(connector)),
    }
}

/// `error` makes it fail with that.
fn call(connector: &Connector) -> Result<Variables, String> {
    match connector.inputs.iter().find(|(name, _)| name == "error") {
        Some((_, TypedValue::String(message))) => Err(message.clone()),
        _ => Ok(connector.inputs.clone()),
    }
}

fn run(script: &Script) -> Result<Ran, String> {
    let text = match &script.source {
        Source::Text(text) => text,
        Source::Resource(path) => return Err(format!("ENGINE-09024 Unable to find resource at path {path}")),
    };
    if script.language != "test" {
        return Err(format!(
            "Can't find scripting engine for '{}': scriptEngine is null",
            script.language
        ));
    }
    let mut ran = Ran::default();
    for line in text.trim().lines().map(str::trim) {
        let (order, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (name, value) = rest.split_once(' ').unwrap_or((rest, ""));
        let named = |variables: &Variables| {
            let found = variables.iter().find(|(n, _)| n == rest);
            Some(found.map_or(TypedValue::Null, |(_, value)| value.clone()))
        };
        match order {
            "set" | "local" => ran.effects.push(Effect::SetVariable {
                name: name.to_owned(),
                value: TypedValue::String(value.to_owned()),
                local: order == "local",
            }),
            "remove" => ran.effects.push(Effect::RemoveVariable {
                name: name.to_owned(),
                local: false,
            }),
            "task" => ran.effects.push(Effect::SetTask {
                field: name.to_owned(),
                value: TypedValue::String(value.to_owned()),
            }),
            "value" => ran.value = Some(TypedValue::String(rest.to_owned())),
            "true" => ran.value = Some(TypedValue::Boolean(true)),
            "get" => {
                let binding = script.bindings.iter().find(|b| b.name == rest);
                match binding.map(|b| &b.value) {
                    Some(None) => ran.needs = Some(rest.to_owned()),
                    found => ran.value = found.cloned().flatten(),
                }
            }
            "execution" => ran.value = named(&script.execution),
            "of-task" => ran.value = script.task.as_ref().and_then(named),
            "error" => {
                ran.error = Some(BpmnError {
                    code: name.to_owned(),
                    message: (!value.is_empty()).then(|| value.to_owned()),
                });
            }
            "fail" => {
                return Err(format!(
                    "Unable to evaluate script while executing activity '{}' in the process definition with id '{}':{rest}",
                    script.facts.element, script.facts.definition_id
                ));
            }
            other => return Err(format!("no such order: {other}")),
        }
    }
    Ok(ran)
}
