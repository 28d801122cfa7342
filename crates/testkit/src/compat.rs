//! Replays recorded conversations with the reference engine against any base URL.
//!
//! A scenario is a JSON file: steps, each a request with the answer that Camunda 7.24 gave. Ids and times are
//! replaced by placeholders in order of appearance, so that equal ids must be equal on both sides. `as`, of a step or of
//! the scenario, names who asks (HTTP Basic). With
//! `STELLWERK_RECORD=http://…/engine-rest` the answers are taken from that engine and written into the file.
use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, fs, path::Path, time::Duration};

/// Runs every scenario below a directory against a base URL; returns how many ran, or every difference.
pub async fn replay(directory: &Path, base: &str) -> Result<usize> {
    replay_those(directory, base, |_| true).await
}

/// Those that wait for jobs to run by themselves (they say `"jobs": true`), or all others.
pub async fn replay_with_jobs(directory: &Path, base: &str, jobs: bool) -> Result<usize> {
    replay_those(directory, base, |scenario| (scenario["jobs"] == true) == jobs).await
}

async fn replay_those(directory: &Path, base: &str, wanted: impl Fn(&Value) -> bool) -> Result<usize> {
    let record = std::env::var("STELLWERK_RECORD").ok();
    let mut files: Vec<_> = walk(directory)?;
    files.sort();
    let mut differences = Vec::new();
    let mut replayed = 0;
    for file in &files {
        let text = fs::read_to_string(file).with_context(|| format!("{}", file.display()))?;
        let mut scenario: Value =
            serde_json::from_str(&text).with_context(|| format!("{}", file.display()))?;
        if !wanted(&scenario) {
            continue;
        }
        replayed += 1;
        let run = Run::new(record.as_deref().unwrap_or(base), file);
        let result = run.scenario(&mut scenario, record.is_some()).await;
        match result {
            Ok(found) => differences.extend(found.into_iter().map(|d| format!("{}: {d}", file.display()))),
            Err(error) => differences.push(format!("{}: {error:#}", file.display())),
        }
        if record.is_some() {
            fs::write(file, serde_json::to_string_pretty(&scenario)? + "\n")?;
        }
    }
    if !differences.is_empty() {
        bail!(
            "{} differences in {replayed} scenarios:\n{}",
            differences.len(),
            differences.join("\n")
        );
    }
    Ok(replayed)
}

fn walk(directory: &Path) -> Result<Vec<std::path::PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(walk(&path)?);
        } else if path.extension().is_some_and(|e| e == "json") {
            files.push(path);
        }
    }
    Ok(files)
}

struct Run<'a> {
    client: reqwest::Client,
    base: &'a str,
    models: std::path::PathBuf,
    /// Values saved from answers, by name.
    saved: BTreeMap<String, String>,
    /// Ids seen, with their placeholders.
    ids: BTreeMap<String, String>,
    deployments: Vec<String>,
    /// `USER:PASSWORD` of steps that don't say otherwise; what is set up is taken down by this user, too.
    user: Option<String>,
}

impl<'a> Run<'a> {
    fn new(base: &'a str, file: &Path) -> Run<'a> {
        Run {
            client: reqwest::Client::new(),
            base,
            models: file.parent().unwrap_or(Path::new(".")).to_owned(),
            saved: BTreeMap::new(),
            ids: BTreeMap::new(),
            deployments: Vec::new(),
            user: None,
        }
    }

    async fn scenario(mut self, scenario: &mut Value, record: bool) -> Result<Vec<String>> {
        self.user = scenario["as"].as_str().map(str::to_owned);
        let result = self.steps(scenario, record).await;
        for id in std::mem::take(&mut self.deployments) {
            let url = format!("{}/deployment/{id}?cascade=true", self.base);
            let _ = by(self.client.delete(url), self.user.as_deref()).send().await;
        }
        result
    }

    async fn steps(&mut self, scenario: &mut Value, record: bool) -> Result<Vec<String>> {
        let mut differences = Vec::new();
        let steps = scenario["steps"].as_array_mut().context("no steps")?;
        for (number, step) in steps.iter_mut().enumerate() {
            let run = step["do"].as_str().and_then(|line| line.strip_prefix("RUN "));
            if let Some(batch) = run.map(|batch| self.filled(batch)) {
                self.run_batch(&batch).await?;
                continue;
            }
            let got = self
                .step(step)
                .await
                .with_context(|| format!("step {number} {}", step["do"]))?;
            if record {
                step["expect"] = got;
            } else if got != step["expect"] {
                differences.push(format!(
                    "step {number} {}\n  expected {}\n  got      {}",
                    step["do"], step["expect"], got
                ));
            }
        }
        Ok(differences)
    }

    /// Sends one request (again while `until` doesn't hold yet) and normalises its answer.
    async fn step(&mut self, step: &Value) -> Result<Value> {
        for _ in 0..600 {
            let (status, media, body) = self.send(step).await?;
            if let Some(until) = step.get("until") {
                let pointer = until["at"].as_str().unwrap_or("");
                if body.pointer(pointer) != Some(&until["is"]) {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            }
            if let Some(save) = step.get("save").and_then(Value::as_object) {
                for (name, pointer) in save {
                    let value = body.pointer(pointer.as_str().unwrap_or("")).with_context(|| {
                        format!("nothing at {pointer} to save as {name} in {status} {body}")
                    })?;
                    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    self.saved.insert(name.clone(), text);
                }
            }
            let ignored: Vec<&str> = step["ignore"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let body = self.normal(&without(body, &ignored));
            return Ok(json!({"status": status, "type": media, "body": body}));
        }
        bail!("what `until` waits for did not come")
    }

    /// Runs a batch until it has ended or nothing but failures is left: by its jobs where they don't run by themselves.
    async fn run_batch(&mut self, batch: &str) -> Result<()> {
        for _ in 0..600 {
            let found = self.get(&format!("/batch/statistics?batchId={batch}")).await?;
            let Some(row) = found.get(0) else {
                return Ok(());
            };
            let failed = row["failedJobs"] != 0 && row["remainingJobs"] == row["failedJobs"];
            if failed && row["jobsCreated"] == row["totalJobs"] {
                return Ok(());
            }
            for kind in [
                "seedJobDefinitionId",
                "batchJobDefinitionId",
                "monitorJobDefinitionId",
            ] {
                let definition = row[kind].as_str().unwrap_or_default();
                let jobs = self.get(&format!("/job?jobDefinitionId={definition}")).await?;
                for job in jobs.as_array().into_iter().flatten() {
                    if job["retries"] != 0 && job["suspended"] == false {
                        let id = job["id"].as_str().unwrap_or_default();
                        let url = format!("{}/job/{id}/execute", self.base);
                        let request = self.client.post(url).header("Content-Type", "application/json");
                        by(request, self.user.as_deref()).send().await?;
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("batch {batch} did not end")
    }

    async fn get(&self, path: &str) -> Result<Value> {
        let request = self.client.get(format!("{}{path}", self.base));
        let answer = by(request, self.user.as_deref()).send().await?;
        Ok(answer.json().await?)
    }

    async fn send(&mut self, step: &Value) -> Result<(u16, Value, Value)> {
        // A plus in a path or query would be read as a space.
        let line = self.filled_in(step["do"].as_str().context("no `do`")?, |value| {
            value.replace('+', "%2B")
        });
        let (method, path) = line.split_once(' ').context("`do` is METHOD PATH")?;
        let url = format!("{}{path}", self.base);
        let mut request = self
            .client
            .request(method.parse()?, url)
            .timeout(Duration::from_secs(60));
        if let Some(files) = step.get("files").and_then(Value::as_array) {
            let mut form = reqwest::multipart::Form::new();
            for (name, value) in step["fields"].as_object().into_iter().flatten() {
                form = form.text(name.clone(), value.as_str().unwrap_or("").to_owned());
            }
            for file in files.iter().filter_map(Value::as_str) {
                let bytes = fs::read(self.models.join(file)).with_context(|| file.to_owned())?;
                let name = Path::new(file)
                    .file_name()
                    .and_then(|n| n.to_str())
                    .unwrap_or(file)
                    .to_owned();
                form = form.part(
                    name.clone(),
                    reqwest::multipart::Part::bytes(bytes).file_name(name),
                );
            }
            request = request.multipart(form);
        } else if let Some(parts) = step.get("parts").and_then(Value::as_array) {
            let mut form = reqwest::multipart::Form::new();
            for part in parts {
                let text = |member: &str| part[member].as_str().map(str::to_owned);
                let mut made = reqwest::multipart::Part::text(text("text").unwrap_or_default());
                if let Some(name) = text("file") {
                    made = made.file_name(name);
                }
                if let Some(media) = text("type") {
                    made = made.mime_str(&media)?;
                }
                form = form.part(text("name").unwrap_or_default(), made);
            }
            request = request.multipart(form);
        } else if let Some(body) = step.get("body") {
            request = request
                .header("Content-Type", "application/json")
                .body(self.filled(&body.to_string()));
        } else if let Some(text) = step.get("text").and_then(Value::as_str) {
            request = request
                .header("Content-Type", "application/json")
                .body(text.to_owned());
        }
        if let Some(accept) = step.get("accept").and_then(Value::as_str) {
            request = request.header("Accept", accept);
        }
        let user = step.get("as").and_then(Value::as_str).or(self.user.as_deref());
        let response = by(request, user).send().await?;
        let status = response.status().as_u16();
        let media = response
            .headers()
            .get("content-type")
            .and_then(|v| v.to_str().ok())
            .map_or(Value::Null, |v| {
                Value::String(v.split(';').next().unwrap_or(v).to_owned())
            });
        let text = response.text().await?;
        let body = match serde_json::from_str(&text) {
            Ok(value) => value,
            Err(_) if text.is_empty() => Value::Null,
            Err(_) => Value::String(text),
        };
        if path == "/deployment/create"
            && let Some(id) = body["id"].as_str()
        {
            self.deployments.push(id.to_owned());
        }
        Ok((status, media, body))
    }

    /// `{{name}}` replaced by what was saved under that name.
    fn filled(&self, text: &str) -> String {
        self.filled_in(text, str::to_owned)
    }

    fn filled_in(&self, text: &str, spelled: impl Fn(&str) -> String) -> String {
        self.saved.iter().fold(text.to_owned(), |text, (name, value)| {
            text.replace(&format!("{{{{{name}}}}}"), &spelled(value))
        })
    }

    fn normal(&mut self, value: &Value) -> Value {
        match value {
            Value::Array(items) => items.iter().map(|v| self.normal(v)).collect(),
            Value::Object(members) => {
                // Member order is no contract, so placeholders are given in the order of names, ids in names aside.
                let mut members: Vec<(&String, &Value)> = members.iter().collect();
                members.sort_by_key(|(name, _)| masked(name));
                let members = members.into_iter().map(|(name, value)| {
                    let name = self.normal_text(name);
                    let value = self.normal(value);
                    (name, value)
                });
                Value::Object(members.collect())
            }
            Value::String(text) => Value::String(self.normal_text(text)),
            other => other.clone(),
        }
    }

    fn normal_text(&mut self, text: &str) -> String {
        let mut normal = String::new();
        let mut rest = text.replace(self.base, "<base>");
        while !rest.is_empty() {
            if let Some(id) = rest.get(..36).filter(|head| is_uuid(head)) {
                let next = format!("<id{}>", self.ids.len() + 1);
                normal.push_str(self.ids.entry(id.to_owned()).or_insert(next));
                rest.drain(..36);
            } else if rest.get(..28).is_some_and(is_time) {
                normal.push_str("<time>");
                rest.drain(..28);
            } else {
                let Some(first) = rest.chars().next() else { break };
                normal.push(first);
                rest.drain(..first.len_utf8());
            }
        }
        normal
    }
}

/// The request as `USER:PASSWORD` sends it.
fn by(request: reqwest::RequestBuilder, user: Option<&str>) -> reqwest::RequestBuilder {
    match user.and_then(|user| user.split_once(':')) {
        Some((name, password)) => request.basic_auth(name, Some(password)),
        None => request,
    }
}

/// The members of those names removed, wherever they stand.
fn without(value: Value, names: &[&str]) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(|v| without(v, names)).collect(),
        Value::Object(members) => members
            .into_iter()
            .filter(|(name, _)| !names.contains(&name.as_str()))
            .map(|(name, value)| (name, without(value, names)))
            .collect::<Map<_, _>>()
            .into(),
        other => other,
    }
}

/// A member's name without the ids in it.
fn masked(name: &str) -> String {
    name.split(':')
        .filter(|part| part.len() != 36 || !is_uuid(part))
        .collect::<Vec<_>>()
        .join(":")
}

pub(crate) fn is_uuid(text: &str) -> bool {
    text.bytes().enumerate().all(|(i, b)| match i {
        8 | 13 | 18 | 23 => b == b'-',
        _ => b.is_ascii_hexdigit(),
    })
}

/// `2026-01-02T03:04:05.678+0000`
pub(crate) fn is_time(text: &str) -> bool {
    text.bytes().enumerate().all(|(i, b)| match i {
        4 | 7 => b == b'-',
        10 => b == b'T',
        13 | 16 => b == b':',
        19 => b == b'.',
        23 => b == b'+' || b == b'-',
        _ => b.is_ascii_digit(),
    })
}
