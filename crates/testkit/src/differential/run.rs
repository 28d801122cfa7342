//! Carries out the steps of a case on an engine and notes what the engine shows.
use super::{
    case::{Case, Step, changes},
    engine::Engine,
    history, plans, shorthand,
    state::{Jobs, State, capture, text},
    steps,
};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// One run of a case. Its process, message and signal names contain a key of its own, which is shown as `KEY`.
pub struct Run<'a> {
    engine: &'a Engine,
    key: String,
    deployments: Vec<String>,
    definitions: Vec<String>,
    jobs: Jobs,
    /// When each step began, in ms.
    begun: Vec<i64>,
    /// Definition and id of the main instance that was there last.
    main: Option<(String, String)>,
    pub state: State,
}

fn now() -> i64 {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    elapsed.as_millis() as i64
}

/// A name that no other run has.
fn unique_key() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    // Always as long: columns in messages hang on it.
    format!("diff{:010x}x{count:04x}", now() & 0xff_ffff_ffff)
}

/// What the engine makes of a case: the same case with refusals, changes and history as they are here. A step that cannot
/// be tried, because what it names isn't there, is the last; its refusal says so. What it deployed is deleted unless `keep`.
pub async fn run(engine: &Engine, case: &Case, keep: bool) -> Case {
    let mut run = Run::new(engine);
    let mut found = Case {
        steps: Vec::new(),
        history: Vec::new(),
        ..case.clone()
    };
    let mut complete = true;
    for step in &case.steps {
        match run.step(step).await {
            Ok(step) => found.steps.push(step),
            Err(error) => {
                let refused = Some(format!("cannot be tried: {error:#}"));
                found.steps.push(Step {
                    refused,
                    changes: Vec::new(),
                    ..step.clone()
                });
                complete = false;
                break;
            }
        }
    }
    if complete {
        found.history = match run.history().await {
            Ok(lines) => lines,
            Err(error) => vec![format!("cannot be read: {error:#}")],
        };
    }
    if !keep {
        run.clean_up().await;
    }
    found
}

impl<'a> Run<'a> {
    pub fn new(engine: &'a Engine) -> Run<'a> {
        Run {
            engine,
            key: unique_key(),
            deployments: Vec::new(),
            definitions: Vec::new(),
            jobs: Jobs::new(),
            begun: Vec::new(),
            main: None,
            state: State::default(),
        }
    }

    /// Carries out one step.
    pub async fn step(&mut self, step: &Step) -> Result<Step> {
        self.begun.push(now());
        let (status, body) = self.perform(step).await.with_context(|| step.what.clone())?;
        let refused = (status >= 400).then(|| {
            let message = body["message"]
                .as_str()
                .map_or_else(|| body.to_string(), str::to_owned);
            let named = sorted_report(&self.normal(&message));
            format!("{status} {}: {named}", text(&body, "type")).replace('\n', "\\n")
        });
        let mut state = capture(self.engine, &self.deployments, &self.definitions, &mut self.jobs).await?;
        state.lines = state
            .lines
            .iter()
            .map(|line| normal(line, &self.key, &state))
            .collect();
        state.lines.sort();
        let changes = changes(&self.state.lines, &state.lines);
        let main = (state.definitions.get(&self.key), state.instances.get(&self.key));
        if let (Some(definition), Some(id)) = main {
            self.main = Some((definition.clone(), id.clone()));
        }
        self.state = state;
        Ok(Step {
            what: step.what.clone(),
            resources: step.resources.clone(),
            refused,
            changes,
        })
    }

    /// Whether the instance of the process `KEY` that was started first is there.
    pub fn is_main_running(&self) -> bool {
        self.state.instances.contains_key(&self.key)
    }

    /// A name as a case has it.
    pub fn shown(&self, name: &str) -> String {
        name.replace(&self.key, "KEY")
    }

    /// The history of all instances of the case.
    pub async fn history(&self) -> Result<Vec<String>> {
        let lines = history::read(self.engine, &self.definitions, &self.begun).await?;
        let mut lines: Vec<String> = lines.iter().map(|line| self.normal(line)).collect();
        lines.sort();
        Ok(lines)
    }

    /// Deletes everything that the run made.
    pub async fn clean_up(self) {
        for id in &self.deployments {
            let path = format!("/deployment/{id}?cascade=true&skipCustomListeners=true");
            let _ = self.engine.send("DELETE", &path, None).await;
        }
    }

    fn normal(&self, text: &str) -> String {
        normal(text, &self.key, &self.state)
    }

    async fn deploy(&mut self, step: &Step) -> Result<(u16, Value)> {
        let mut resources = Vec::new();
        for (number, resource) in step.resources.iter().enumerate() {
            let (name, text) = match &resource.name {
                Some(name) => (name.clone(), resource.text.clone()),
                None => (format!("model{number}.bpmn"), shorthand::expand(&resource.text)?),
            };
            resources.push((name, text.replace("KEY", &self.key)));
        }
        let (status, body) = self.engine.deploy(&self.key, resources).await?;
        if status == 200 {
            self.deployments.push(text(&body, "id").to_owned());
            let definitions = body["deployedProcessDefinitions"].as_object();
            self.definitions
                .extend(definitions.into_iter().flatten().map(|(id, _)| id.clone()));
            self.definitions.sort();
        }
        Ok((status, body))
    }

    async fn perform(&mut self, step: &Step) -> Result<(u16, Value)> {
        let what = step.what.replace("KEY", &self.key);
        if what == "deploy" {
            return self.deploy(step).await;
        }
        let main = self.main.as_ref();
        if let Some(answer) = plans::perform(&what, &self.key, main, self.engine).await? {
            return Ok(answer);
        }
        let call = steps::call(&what, &self.key, &self.state)?;
        if let Some(id) = &call.locks {
            let body = json!({"workerId": steps::WORKER, "lockDuration": 60_000});
            let (status, answer) = self
                .engine
                .send("POST", &format!("/external-task/{id}/lock"), Some(&body))
                .await?;
            if status >= 400 {
                bail!("locking: {status} {answer}");
            }
        }
        let answer = self
            .engine
            .send(call.method, &call.path, call.body.as_ref())
            .await?;
        // It may have ended at once.
        let told = (text(&answer.1, "definitionId"), text(&answer.1, "id"));
        if what.starts_with("start") && told.0.starts_with(&format!("{}:", self.key)) {
            self.main = Some((told.0.to_owned(), told.1.to_owned()));
        }
        Ok(answer)
    }
}

/// The text with the run's key, ids and times replaced.
pub fn normal(text: &str, key: &str, state: &State) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some(id) = rest.get(..36).filter(|head| is_uuid(head)) {
            out.push_str(state.names.get(id).map_or("<id>", String::as_str));
            rest = &rest[36..];
        } else if rest.get(..28).is_some_and(is_time) {
            out.push_str("<time>");
            rest = &rest[28..];
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    // A Java object written out, with a time in a form of its own.
    while let Some((before, rest)) = out.split_once("EventSubscriptionEntity[") {
        let Some((_, after)) = rest.split_once(']') else {
            break;
        };
        out = format!("{before}EventSubscriptionEntity{after}");
    }
    out.replace(key, "KEY")
}

/// The message with what it reports of parts of a plan or an instance in one order: the reference has none.
fn sorted_report(message: &str) -> String {
    for part in ["\n\t Migration instruction ", "\n\tCannot migrate "] {
        let mut blocks: Vec<&str> = message.trim_end().split(part).collect();
        if blocks.len() > 2 {
            blocks[1..].sort_unstable();
            return blocks.join(part) + "\n";
        }
    }
    message.to_owned()
}

fn is_time(text: &str) -> bool {
    text.as_bytes()[10] == b'T' && super::state::millis(text).is_some()
}

fn is_uuid(text: &str) -> bool {
    text.bytes().enumerate().all(|(i, b)| match i {
        8 | 13 | 18 | 23 => b == b'-',
        _ => b.is_ascii_hexdigit(),
    })
}
