//! Steps in words, as calls of the REST API.
//!
//! `start [PROCESS] [business=KEY] {variables}`, `complete TASK {variables}`, `error TASK CODE`, `escalate TASK CODE`,
//! `claim|assignee|delegate TASK USER`, `unclaim|resolve TASK`, `ext-complete TASK`, `ext-fail TASK RETRIES`,
//! `ext-error TASK CODE`, `ext-retries TASK N`, `job JOB`, `retries JOB N`, `message NAME [business=…] [of=INSTANCE]
//! [where=VARIABLE:VALUE] [all]`, `deliver SUBSCRIPTION`, `signal NAME [to=EXECUTION]`, `trigger EXECUTION`,
//! `set [EXECUTION] {variables}`, `remove VARIABLE…`, `suspend|activate [INSTANCE]`, `delete [INSTANCE]`,
//! `modify [INSTANCE] {body}`; [`plans`](super::plans) has `migrate` and `restart`. Names are those of the lines of the state.
use super::state::State;
use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

/// Who fetches external tasks.
pub const WORKER: &str = "worker";

/// A request.
pub struct Call {
    pub method: &'static str,
    pub path: String,
    pub body: Option<Value>,
    /// The external task that must be locked before.
    pub locks: Option<String>,
}

fn request(method: &'static str, path: String, body: Option<Value>) -> Result<Call> {
    Ok(Call {
        method,
        path,
        body,
        locks: None,
    })
}

fn post(path: String, body: Value) -> Result<Call> {
    request("POST", path, Some(body))
}

fn put(path: String, body: Value) -> Result<Call> {
    request("PUT", path, Some(body))
}

/// The request that a step stands for.
pub fn call(what: &str, key: &str, state: &State) -> Result<Call> {
    let (words, json) = what.split_at(what.find('{').unwrap_or(what.len()));
    let words: Vec<&str> = words.split_whitespace().collect();
    let json: Value = match json {
        "" => Value::Null,
        json => serde_json::from_str(&with_ids(json, state)?).with_context(|| json.to_owned())?,
    };
    let variables = variables(&json);
    let id = State::id;
    let with = |words: &[&str], name: &str| {
        let found = words
            .iter()
            .find_map(|w| w.strip_prefix(name)?.strip_prefix('=').map(str::to_owned));
        found.map_or(Value::Null, Value::String)
    };
    let instance = |words: &[&str]| {
        let name = words.first().copied().unwrap_or(key);
        id(&state.instances, name).map(str::to_owned)
    };
    let mut made = match words[..] {
        ["start", ref rest @ ..] => {
            let key = rest.first().filter(|w| !w.contains('=')).copied().unwrap_or(key);
            let body = json!({"variables": variables, "businessKey": with(rest, "business")});
            post(format!("/process-definition/key/{key}/start"), body)
        }
        ["complete", task] => {
            let task = id(&state.tasks, task)?;
            post(format!("/task/{task}/complete"), json!({"variables": variables}))
        }
        ["error", task, code] => {
            let body = json!({"errorCode": code, "errorMessage": "a message", "variables": variables});
            post(format!("/task/{}/bpmnError", id(&state.tasks, task)?), body)
        }
        ["escalate", task, code] => {
            let body = json!({"escalationCode": code, "variables": variables});
            post(format!("/task/{}/bpmnEscalation", id(&state.tasks, task)?), body)
        }
        [how @ ("claim" | "assignee" | "delegate"), task, user] => post(
            format!("/task/{}/{how}", id(&state.tasks, task)?),
            json!({"userId": user}),
        ),
        [how @ ("unclaim" | "resolve"), task] => {
            post(format!("/task/{}/{how}", id(&state.tasks, task)?), json!({}))
        }
        ["ext-complete", task] => {
            let task = id(&state.externals, task)?;
            post(
                format!("/external-task/{task}/complete"),
                json!({"workerId": WORKER, "variables": variables}),
            )
        }
        ["ext-fail", task, retries] => {
            let task = id(&state.externals, task)?;
            let retries: i32 = retries.parse()?;
            let body = json!({
                "workerId": WORKER, "retries": retries, "retryTimeout": 0, "errorMessage": "it failed",
                "errorDetails": "details", "variables": variables,
            });
            post(format!("/external-task/{task}/failure"), body)
        }
        ["ext-error", task, code] => {
            let task = id(&state.externals, task)?;
            let body = json!({
                "workerId": WORKER, "errorCode": code, "errorMessage": "a message", "variables": variables,
            });
            post(format!("/external-task/{task}/bpmnError"), body)
        }
        ["ext-retries", task, retries] => {
            let body = json!({"retries": retries.parse::<i32>()?});
            put(
                format!("/external-task/{}/retries", id(&state.externals, task)?),
                body,
            )
        }
        ["job", job] => post(format!("/job/{}/execute", id(&state.jobs, job)?), json!({})),
        ["retries", job, retries] => {
            let body = json!({"retries": retries.parse::<i32>()?});
            put(format!("/job/{}/retries", id(&state.jobs, job)?), body)
        }
        ["message", name, ref rest @ ..] => {
            let mut body = json!({
                "messageName": format!("{name}-{}", key),
                "processVariables": variables,
                "businessKey": with(rest, "business"),
                "all": rest.contains(&"all"),
            });
            if let Value::String(of) = with(rest, "of") {
                body["processInstanceId"] = id(&state.instances, &of)?.into();
            }
            if let Value::String(pair) = with(rest, "where") {
                let (name, value) = pair.split_once(':').context("where=NAME:VALUE")?;
                let value: Value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
                body["correlationKeys"] = json!({name: {"value": value}});
            }
            post("/message".to_owned(), body)
        }
        // The message for one event subscription.
        ["deliver", name] => {
            let (_, message, execution) = state
                .subscriptions
                .get(name)
                .with_context(|| format!("there is no {name}"))?;
            let path = format!("/execution/{execution}/messageSubscriptions/{message}/trigger");
            post(path, json!({"variables": variables}))
        }
        ["signal", name, ref rest @ ..] => {
            let mut body = json!({"name": format!("{name}-{}", key), "variables": variables});
            if let Value::String(to) = with(rest, "to") {
                body["executionId"] = id(&state.executions, &to)?.into();
            }
            post("/signal".to_owned(), body)
        }
        // A receive task without a message.
        ["trigger", execution] => {
            let execution = id(&state.executions, execution)?;
            post(
                format!("/execution/{execution}/signal"),
                json!({"variables": variables}),
            )
        }
        ["set", execution] => {
            let execution = id(&state.executions, execution)?;
            post(
                format!("/execution/{execution}/localVariables"),
                json!({"modifications": variables}),
            )
        }
        ["set"] => {
            let instance = instance(&[])?;
            post(
                format!("/process-instance/{instance}/variables"),
                json!({"modifications": variables}),
            )
        }
        ["remove", ref names @ ..] => {
            let instance = instance(&[])?;
            post(
                format!("/process-instance/{instance}/variables"),
                json!({"deletions": names}),
            )
        }
        [how @ ("suspend" | "activate"), ref rest @ ..] => put(
            format!("/process-instance/{}/suspended", instance(rest)?),
            json!({"suspended": how == "suspend"}),
        ),
        ["delete", ref rest @ ..] => {
            request("DELETE", format!("/process-instance/{}", instance(rest)?), None)
        }
        ["modify", ref rest @ ..] => post(
            format!("/process-instance/{}/modification", instance(rest)?),
            json,
        ),
        _ => bail!("what is {what}?"),
    }?;
    if let ["ext-complete" | "ext-fail" | "ext-error", task, ..] = words[..] {
        made.locks = Some(id(&state.externals, task)?.to_owned());
    }
    Ok(made)
}

/// `<NAME>` of an activity instance replaced by its id.
fn with_ids(json: &str, state: &State) -> Result<String> {
    let mut out = String::new();
    let mut rest = json;
    while let Some((before, after)) = rest.split_once("\"<") {
        let (name, after) = after.split_once(">\"").context("no > behind <")?;
        out += &format!("{before}\"{}\"", State::id(&state.nodes, name)?);
        rest = after;
    }
    Ok(out + rest)
}

/// Variables as the API wants them. A plain value is one without a type, a list a serialized Java list.
fn variables(json: &Value) -> Value {
    let Some(members) = json.as_object() else {
        return json!({});
    };
    let typed = members.iter().map(|(name, value)| {
        let value = match value {
            Value::Object(typed) if typed.contains_key("value") => value.clone(),
            Value::Array(_) => json!({
                "value": value.to_string(),
                "type": "Object",
                "valueInfo": {
                    "objectTypeName": "java.util.ArrayList",
                    "serializationDataFormat": "application/json",
                },
            }),
            Value::Object(_) => json!({"value": value.to_string(), "type": "Json"}),
            plain => json!({"value": plain}),
        };
        (name.clone(), value)
    });
    Value::Object(typed.collect::<Map<_, _>>())
}
