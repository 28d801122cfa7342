//! Compares what two engines make of models: whether and how they deploy, what they tell of the definitions, and what an
//! instance goes through.
//!
//! `models record BASE-URL LIST OUT [--restart COMMAND] [--deployments]`: LIST names a BPMN or DMN file a line; each is deployed, looked at,
//! started, taken some steps further and deleted, and what the engine showed becomes a line of OUT. Files that OUT has are
//! passed over; with `--deployments` each is only deployed. A start that takes longer than 20 s is taken for a loop without a wait state: COMMAND is run, and the file left out.
//! `models replay BASE-URL OUT [--only TEXT] [--first]`: does the same steps there, and prints what differs.
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use testkit::differential::{
    case::changes,
    engine::Engine,
    history,
    run::normal,
    state::{Jobs, State, capture, text},
    steps,
};

/// How long a request may take on the engine that records.
const PATIENCE: Duration = Duration::from_secs(20);
/// What this engine adds to the reference's words where there is something to be done about it.
const ADVICE: [&str; 3] = [
    "; map it to an external task topic with --java-delegates",
    "; Java listeners can't be run here, use an expression or a script; --strict-deploy refuses such models at deployment",
    ". Groovy needs a Java runtime and its host: --groovy-host JAR",
];
/// What an engine says that runs no scripts of a language: what follows isn't compared, for here they may run.
const NO_SCRIPTS: &str = "scriptEngine is null";
/// Steps after a start.
const FURTHER: usize = 5;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| {
        let at = arguments.iter().position(|a| a == name)?;
        arguments.get(at + 1).cloned()
    };
    match &arguments[..] {
        [verb, base, list, out, ..] if verb == "record" => {
            let only = arguments.iter().any(|a| a == "--deployments");
            record(base, list, out, option("--restart").as_deref(), only).await
        }
        [verb, base, out, ..] if verb == "replay" => {
            replay(
                base,
                out,
                option("--only").as_deref(),
                arguments.iter().any(|a| a == "--first"),
            )
            .await
        }
        _ => bail!("usage: models record BASE-URL LIST OUT | replay BASE-URL OUT"),
    }
}

async fn record(
    base: &str,
    list: &str,
    out: &str,
    restart: Option<&str>,
    deployments_only: bool,
) -> Result<()> {
    let mut engine = Engine::new(base)?;
    let known: BTreeSet<String> = fs::read_to_string(out)
        .unwrap_or_default()
        .lines()
        .filter_map(|l| {
            Some(
                serde_json::from_str::<Value>(l).ok()?["file"]
                    .as_str()?
                    .to_owned(),
            )
        })
        .collect();
    let mut out = fs::OpenOptions::new().create(true).append(true).open(out)?;
    for file in fs::read_to_string(list)?.lines().filter(|f| !known.contains(*f)) {
        let model = Model::read(file)?;
        let mut run = Run::new(&engine, &model);
        let line = match run.record(deployments_only).await {
            Ok(()) => json!({"file": file, "steps": run.done}),
            Err(error) => {
                eprintln!("{file}: {error:#}");
                json!({"file": file, "failed": format!("{error:#}")})
            }
        };
        writeln!(out, "{line}")?;
        if line["failed"].is_string() {
            if let Some(command) = restart.filter(|_| line["failed"].to_string().contains("patience")) {
                std::process::Command::new("sh").args(["-c", command]).status()?;
                engine = Engine::new(base)?;
            }
            Run::new(&engine, &model).sweep().await?;
        } else {
            run.sweep().await?;
        }
    }
    Ok(())
}

async fn replay(base: &str, recorded: &str, only: Option<&str>, first: bool) -> Result<()> {
    let engine = Engine::new(base)?;
    let (mut files, mut equal) = (0, 0);
    for line in fs::read_to_string(recorded)?.lines() {
        let case: Value = serde_json::from_str(line)?;
        let file = text(&case, "file");
        if only.is_some_and(|o| !file.contains(o)) || case["failed"].is_string() {
            continue;
        }
        let model = Model::read(file)?;
        let mut run = Run::new(&engine, &model);
        let mut differs = Vec::new();
        for step in case["steps"].as_array().into_iter().flatten() {
            let what = text(step, "what");
            let expected: Vec<String> = serde_json::from_value(step["lines"].clone())?;
            let found = match run.step(what).await {
                Ok(lines) => lines.iter().map(|line| without_advice(line)).collect(),
                Err(error) => vec![format!("! cannot be tried: {error:#}")],
            };
            let scripts = |lines: &[String]| lines.iter().any(|line| line.contains(NO_SCRIPTS));
            if scripts(&expected) && !scripts(&found) {
                break;
            }
            // The order of an object's members says nothing.
            if sorted(&expected) != sorted(&found) {
                differs.push(json!({"what": what, "changes": changes(&sorted(&expected), &sorted(&found))}));
                if first || found.iter().any(|l| l.starts_with("! cannot")) {
                    break;
                }
            }
        }
        run.sweep().await?;
        files += 1;
        if differs.is_empty() {
            equal += 1;
        } else {
            println!("{}", json!({"file": file, "differs": differs}));
        }
    }
    eprintln!("{equal} of {files} files are equal");
    Ok(())
}

fn without_advice(line: &str) -> String {
    ADVICE
        .iter()
        .fold(line.to_owned(), |line, advice| line.replace(advice, ""))
}

fn sorted(lines: &[String]) -> Vec<String> {
    let mut lines = lines.to_vec();
    lines.sort();
    lines
}

/// A file, and what can be guessed from it.
struct Model {
    name: String,
    bytes: Vec<u8>,
    text: String,
    seed: usize,
}

impl Model {
    fn read(file: &str) -> Result<Model> {
        let bytes = fs::read(file).with_context(|| file.to_owned())?;
        let name = Path::new(file).file_name().context("a file")?;
        Ok(Model {
            name: name.to_string_lossy().into_owned(),
            text: String::from_utf8_lossy(&bytes).into_owned(),
            seed: bytes
                .iter()
                .fold(7usize, |h, b| h.wrapping_mul(31).wrapping_add(*b as usize)),
            bytes,
        })
    }

    /// Whether running it may reach beyond the engine.
    fn reaches_out(&self) -> bool {
        const OUT: [&str; 12] = [
            "connectorId",
            "type=\"shell\"",
            "type=\"mail\"",
            "java.io",
            "java.net",
            "java.nio",
            "Runtime",
            "ProcessBuilder",
            "new File",
            "System.exit",
            "http://localhost",
            "load(",
        ];
        OUT.iter().any(|o| self.text.contains(o))
    }

    /// Names that expressions use, with values that they may have: the first lets comparisons hold, the second doesn't.
    fn variables(&self) -> BTreeMap<String, [Value; 2]> {
        let mut found = BTreeMap::new();
        let text = self
            .text
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&")
            .replace("&#34;", "\"")
            .replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&apos;", "'");
        let mut rest = text.as_str();
        while let Some(at) = rest.find(['$', '#']) {
            rest = &rest[at + 1..];
            let Some(inside) = rest.strip_prefix('{') else {
                continue;
            };
            let Some(end) = inside.find('}') else { break };
            expression(&inside[..end], &mut found);
            rest = &inside[end..];
        }
        for name in attributes(&text, "collection=\"") {
            if name.chars().all(|c| c.is_alphanumeric() || c == '_') && !name.is_empty() {
                found.insert(name, [json!(["a", "b"]), json!([])]);
            }
        }
        found
    }
}

fn attributes(text: &str, start: &str) -> Vec<String> {
    let parts = text.split(start).skip(1);
    parts
        .filter_map(|p| Some(p.split_once('"')?.0.to_owned()))
        .collect()
}

fn expression(text: &str, found: &mut BTreeMap<String, [Value; 2]>) {
    const WORDS: [&str; 22] = [
        "true",
        "false",
        "null",
        "empty",
        "not",
        "and",
        "or",
        "eq",
        "ne",
        "lt",
        "gt",
        "le",
        "ge",
        "div",
        "mod",
        "execution",
        "task",
        "now",
        "dateTime",
        "S",
        "XML",
        "JSON",
    ];
    let chars: Vec<char> = text.chars().collect();
    let mut at = 0;
    while at < chars.len() {
        match chars[at] {
            quote @ ('\'' | '"') => {
                at += 1;
                while at < chars.len() && chars[at] != quote {
                    at += 1;
                }
                at += 1;
            }
            c if c.is_alphabetic() || c == '_' => {
                let from = at;
                while at < chars.len() && (chars[at].is_alphanumeric() || chars[at] == '_') {
                    at += 1;
                }
                let name: String = chars[from..at].iter().collect();
                let after: String = chars[at..].iter().collect();
                let member = from > 0 && chars[from - 1] == '.';
                if member || after.starts_with(['(', '.', ':']) || WORDS.contains(&name.as_str()) {
                    continue;
                }
                let after = after.trim_start();
                let operand = after.trim_start_matches(['=', '!', '<', '>']).trim_start();
                let compared = operand.len() != after.len();
                let before: String = chars[..from].iter().collect();
                let values = match operand.chars().next() {
                    Some(quote @ ('\'' | '"')) if compared => {
                        let value = operand[1..].split(quote).next().unwrap_or_default();
                        [json!(value), json!("other")]
                    }
                    Some(digit) if compared && (digit.is_ascii_digit() || digit == '-') => {
                        let digits = operand.chars().take_while(|c| c.is_ascii_digit() || *c == '-');
                        let n: i64 = digits.collect::<String>().parse().unwrap_or(0);
                        match after.starts_with(['>', '=']) {
                            true => [json!(n + i64::from(after.starts_with('>'))), json!(n - 1)],
                            false => [json!(n - 1), json!(n + 1)],
                        }
                    }
                    _ if operand.starts_with("true") || operand.starts_with("false") => {
                        [json!(true), json!(false)]
                    }
                    _ if after.is_empty() && before.trim_matches([' ', '!']).is_empty() => {
                        [json!(true), json!(false)]
                    }
                    _ if before.trim_end().ends_with('!')
                        || after.starts_with("&&")
                        || after.starts_with("||") =>
                    {
                        [json!(true), json!(false)]
                    }
                    _ => [json!("text"), json!(7)],
                };
                let old = found.entry(name).or_insert_with(|| values.clone());
                if compared {
                    *old = values;
                }
            }
            c if c.is_ascii_digit() => {
                while at < chars.len() && (chars[at].is_alphanumeric() || chars[at] == '.') {
                    at += 1;
                }
            }
            _ => at += 1,
        }
    }
}

/// What is done with a model on an engine.
struct Run<'a> {
    engine: &'a Engine,
    model: &'a Model,
    deployment: String,
    /// Ids by key.
    definitions: BTreeMap<String, String>,
    decisions: BTreeMap<String, String>,
    jobs: Jobs,
    begun: Vec<i64>,
    state: State,
    done: Vec<Value>,
}

impl<'a> Run<'a> {
    fn new(engine: &'a Engine, model: &'a Model) -> Run<'a> {
        Run {
            engine,
            model,
            deployment: String::new(),
            definitions: BTreeMap::new(),
            decisions: BTreeMap::new(),
            jobs: Jobs::new(),
            begun: Vec::new(),
            state: State::default(),
            done: Vec::new(),
        }
    }

    async fn record(&mut self, deployments_only: bool) -> Result<()> {
        self.note("deploy").await?;
        if deployments_only {
            return Ok(());
        }
        for key in self.definitions.keys().cloned().collect::<Vec<_>>() {
            self.note(&format!("look {key}")).await?;
        }
        if !self.model.reaches_out() {
            self.instances().await?;
        }
        for key in self.decisions.keys().take(6).cloned().collect::<Vec<_>>() {
            self.note(&format!("decision {key}")).await?;
            for inputs in inputs(&self.model.text, self.model.seed) {
                self.note(&format!("evaluate {key} {inputs}")).await?;
            }
        }
        if !self.definitions.is_empty() {
            self.note("history").await?;
        }
        Ok(())
    }

    async fn instances(&mut self) -> Result<()> {
        let guesses = self.model.variables();
        let with = |n: usize| {
            let pairs = guesses
                .iter()
                .map(|(name, values)| (name.clone(), values[n].clone()));
            Value::Object(pairs.collect())
        };
        let mut starts = vec![json!({})];
        if !guesses.is_empty() {
            starts.extend([with(0), with(1)]);
        }
        for key in self.definitions.keys().take(3).cloned().collect::<Vec<_>>() {
            for variables in &starts {
                self.note(&format!("start {key} {variables}")).await?;
                let mut refused = BTreeSet::new();
                for number in 0..FURTHER {
                    let mut options = self.options();
                    options.retain(|o| !refused.contains(o));
                    let Some(what) = options.get((self.model.seed >> number) % options.len().max(1)) else {
                        break;
                    };
                    self.note(&what.clone()).await?;
                    let lines = &self.done.last().context("a step")?["lines"];
                    if lines[0].as_str().is_some_and(|l| l.starts_with('!')) {
                        refused.insert(what.clone());
                    } else {
                        refused.clear();
                    }
                }
                while let Some(name) = self.state.instances.keys().next().cloned() {
                    let before = self.state.instances.len();
                    self.note(&format!("drop {name}")).await?;
                    if self.state.instances.len() >= before {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// Steps that may follow.
    fn options(&self) -> Vec<String> {
        let mut options = Vec::new();
        options.extend(self.state.tasks.keys().map(|t| format!("complete {t}")));
        options.extend(self.state.externals.keys().map(|t| format!("ext-complete {t}")));
        options.extend(
            self.state
                .jobs
                .keys()
                .filter(|j| !j.is_empty())
                .map(|j| format!("job {j}")),
        );
        for (name, (kind, ..)) in &self.state.subscriptions {
            match kind.as_str() {
                "message" => options.push(format!("deliver {name}")),
                "signal" => options.push(format!("hear {name}")),
                _ => {}
            }
        }
        if options.is_empty() {
            for line in &self.state.lines {
                if let Some(rest) = line.strip_prefix("activity receiveTask ")
                    && let Some((_, on)) = rest.split_once(" on @")
                {
                    options.push(format!("trigger @{}", on.split(' ').next().unwrap_or_default()));
                }
            }
        }
        options.sort();
        options
    }

    async fn note(&mut self, what: &str) -> Result<()> {
        let step = tokio::time::timeout(PATIENCE, self.step(what)).await;
        let lines = step.context("patience")?.with_context(|| what.to_owned())?;
        self.done.push(json!({"what": what, "lines": lines}));
        Ok(())
    }

    async fn step(&mut self, what: &str) -> Result<Vec<String>> {
        let words: Vec<&str> = what.splitn(3, ' ').collect();
        match words[..] {
            ["deploy"] => self.deploy().await,
            ["look", key] => self.look(key).await,
            ["decision", key] => self.decision(key).await,
            ["evaluate", key, inputs] => self.evaluate(key, inputs).await,
            ["history"] => {
                let definitions: Vec<String> = self.definitions.values().cloned().collect();
                let lines = history::read(self.engine, &definitions, &self.begun).await?;
                Ok(sorted(&lines.iter().map(|l| self.normal(l)).collect::<Vec<_>>()))
            }
            _ => self.act(what).await,
        }
    }

    async fn deploy(&mut self) -> Result<Vec<String>> {
        let (status, body) = self
            .engine
            .upload(&self.model.name, self.model.bytes.clone())
            .await?;
        let mut lines = vec![format!("status {status}")];
        if status != 200 {
            lines.extend(flat("", &body).iter().map(|l| self.normal(l)));
            return Ok(lines);
        }
        self.deployment = text(&body, "id").to_owned();
        for member in [
            "deployedProcessDefinitions",
            "deployedCaseDefinitions",
            "deployedDecisionDefinitions",
            "deployedDecisionRequirementsDefinitions",
        ] {
            let rows: BTreeMap<&str, &Value> = body[member]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(_, row)| (text(row, "key"), row))
                .collect();
            for (key, row) in rows {
                lines.extend(
                    flat(&format!("{member} {key}"), row)
                        .iter()
                        .map(|l| self.normal(l)),
                );
                let ids = match member {
                    "deployedProcessDefinitions" => &mut self.definitions,
                    "deployedDecisionDefinitions" => &mut self.decisions,
                    _ => continue,
                };
                ids.insert(key.to_owned(), text(row, "id").to_owned());
            }
        }
        Ok(lines)
    }

    async fn get(&self, label: &str, path: &str, lines: &mut Vec<String>) -> Result<()> {
        let (status, body) = self.engine.send("GET", path, None).await?;
        let mut shown = flat(label, &body);
        if let Value::Array(rows) = &body {
            let rows = rows.iter().map(|row| sorted(&flat("", row)).join(" "));
            shown = sorted(&rows.map(|row| format!("{label} {row}")).collect::<Vec<_>>());
        }
        lines.push(format!("{label} {status}"));
        lines.extend(shown.iter().map(|l| self.normal(l)));
        Ok(())
    }

    async fn look(&self, key: &str) -> Result<Vec<String>> {
        let id = self.definitions.get(key).context("a definition")?;
        let mut lines = Vec::new();
        for path in [
            "",
            "/startForm",
            "/form-variables",
            "/rendered-form",
            "/deployed-start-form",
            "/static-called-process-definitions",
        ] {
            self.get(path, &format!("/process-definition/{id}{path}"), &mut lines)
                .await?;
        }
        self.get(
            "jobDef",
            &format!("/job-definition?processDefinitionId={id}"),
            &mut lines,
        )
        .await?;
        self.get(
            "startable",
            &format!("/process-definition?startableInTasklist=true&processDefinitionId={id}"),
            &mut lines,
        )
        .await?;
        self.get(
            "links",
            &format!("/process-definition/{id}/identity-links"),
            &mut lines,
        )
        .await
        .ok();
        let (_, xml) = self
            .engine
            .send("GET", &format!("/process-definition/{id}/xml"), None)
            .await?;
        let same = text(&xml, "bpmn20Xml").len();
        lines.push(format!("xml {same}"));
        let subscriptions = self.engine.list("/event-subscription").await?;
        let of = subscriptions.iter().filter(|s| s["executionId"].is_null());
        let rows = of.map(|row| {
            format!(
                "sub {} {} {}",
                text(row, "activityId"),
                text(row, "eventType"),
                text(row, "eventName")
            )
        });
        lines.extend(sorted(&rows.collect::<Vec<_>>()));
        Ok(lines)
    }

    async fn decision(&self, key: &str) -> Result<Vec<String>> {
        let id = self.decisions.get(key).context("a decision")?;
        let mut lines = Vec::new();
        self.get("", &format!("/decision-definition/{id}"), &mut lines)
            .await?;
        let (_, xml) = self
            .engine
            .send("GET", &format!("/decision-definition/{id}/xml"), None)
            .await?;
        lines.push(format!("xml {}", text(&xml, "dmnXml").len()));
        Ok(lines)
    }

    async fn evaluate(&self, key: &str, inputs: &str) -> Result<Vec<String>> {
        let id = self.decisions.get(key).context("a decision")?;
        let body = json!({"variables": serde_json::from_str::<Value>(inputs)?});
        let (status, body) = self
            .engine
            .send(
                "POST",
                &format!("/decision-definition/{id}/evaluate"),
                Some(&body),
            )
            .await?;
        let mut lines = vec![format!("status {status}")];
        lines.extend(flat("", &body).iter().map(|l| self.normal(l)));
        Ok(lines)
    }

    /// A step of an instance: a refusal, and how the state changes.
    async fn act(&mut self, what: &str) -> Result<Vec<String>> {
        self.begun.push(now());
        let words: Vec<&str> = what.splitn(3, ' ').collect();
        let (status, body) = match words[..] {
            ["start", key, variables] => {
                let id = self.definitions.get(key).context("a definition")?;
                let variables: Value = serde_json::from_str(variables)?;
                let members = variables.as_object().into_iter().flatten().map(|(name, value)| {
                    let value = match value {
                        Value::Array(_) => json!({
                            "value": value.to_string(), "type": "Object",
                            "valueInfo": {
                                "objectTypeName": "java.util.ArrayList",
                                "serializationDataFormat": "application/json",
                            },
                        }),
                        plain => json!({"value": plain}),
                    };
                    (name.clone(), value)
                });
                let body = json!({"variables": Value::Object(members.collect())});
                self.engine
                    .send("POST", &format!("/process-definition/{id}/start"), Some(&body))
                    .await?
            }
            ["drop", name] => {
                let id = self.state.instances.get(name).context("an instance")?;
                let path = format!("/process-instance/{id}?skipCustomListeners=true&skipIoMappings=true");
                self.engine.send("DELETE", &path, None).await?
            }
            ["hear", name] => {
                let (_, signal, execution) = self.state.subscriptions.get(name).context("a subscription")?;
                let body = json!({"name": signal, "executionId": execution});
                self.engine.send("POST", "/signal", Some(&body)).await?
            }
            _ => {
                let call = steps::call(what, "", &self.state)?;
                if let Some(id) = &call.locks {
                    let body = json!({"workerId": steps::WORKER, "lockDuration": 60_000});
                    self.engine
                        .send("POST", &format!("/external-task/{id}/lock"), Some(&body))
                        .await?;
                }
                self.engine
                    .send(call.method, &call.path, call.body.as_ref())
                    .await?
            }
        };
        let mut lines = Vec::new();
        if status >= 400 {
            let message = body["message"]
                .as_str()
                .map_or_else(|| body.to_string(), str::to_owned);
            lines.push(format!(
                "! {status} {}: {}",
                text(&body, "type"),
                self.normal(&message)
            ));
            if !body["code"].is_null() && body["code"] != 0 {
                lines.push(format!("! code {}", body["code"]));
            }
        }
        let definitions: Vec<String> = self.definitions.values().cloned().collect();
        let mut state = capture(
            self.engine,
            std::slice::from_ref(&self.deployment),
            &definitions,
            &mut self.jobs,
        )
        .await?;
        state.lines = sorted(
            &state
                .lines
                .iter()
                .map(|l| normal(l, "\u{0}", &state))
                .collect::<Vec<_>>(),
        );
        lines.extend(changes(&self.state.lines, &state.lines));
        self.state = state;
        Ok(lines)
    }

    fn normal(&self, line: &str) -> String {
        normal(line, "\u{0}", &self.state)
            .replace("<id>", "ID")
            .replace('\n', "\\n")
    }

    /// Deletes all deployments.
    async fn sweep(&self) -> Result<()> {
        for row in self.engine.list("/deployment").await? {
            let path = format!(
                "/deployment/{}?cascade=true&skipCustomListeners=true&skipIoMappings=true",
                text(&row, "id")
            );
            self.engine.send("DELETE", &path, None).await?;
        }
        Ok(())
    }
}

/// `LABEL PATH=VALUE` of each member that isn't null.
fn flat(label: &str, value: &Value) -> Vec<String> {
    let below = |name: &str, value: &Value| {
        let mut inside = flat("", value);
        if name == "calledFromActivityIds" {
            inside = inside
                .iter()
                .map(|line| line.split_once('=').map_or("", |(_, id)| id).to_owned())
                .collect();
            inside.sort();
        }
        inside
            .into_iter()
            .map(|line| format!("{label} {name}{line}"))
            .collect::<Vec<_>>()
    };
    match value {
        Value::Null => Vec::new(),
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| *name != "links")
            .flat_map(|(name, value)| below(name, value))
            .collect(),
        Value::Array(rows) => rows
            .iter()
            .enumerate()
            .flat_map(|(i, row)| below(&format!("[{i}]"), row))
            .collect(),
        other => vec![format!("{label}={other}")],
    }
}

/// Some sets of inputs of a decision table: values from its entries, by turns.
fn inputs(text: &str, seed: usize) -> Vec<Value> {
    let mut names = BTreeSet::new();
    for part in text.split("<").collect::<Vec<_>>().windows(2) {
        let tag = part[0].split(':').next_back().unwrap_or_default();
        if tag.starts_with("inputExpression")
            || part[0].contains("inputExpression")
            || part[0].contains(":literalExpression")
            || part[0].starts_with("literalExpression")
        {
            let inside = part[1].split_once('>').map_or("", |(_, inside)| inside);
            let mut found = BTreeMap::new();
            expression(inside.trim_matches(['$', '#', '{', '}', ' ', '\n']), &mut found);
            names.extend(found.into_keys());
        }
    }
    for name in attributes(text, "inputVariable=\"") {
        names.insert(name);
    }
    let mut values = vec![json!(true), json!(false), json!(0), json!(42), json!("text")];
    for part in text.split("text>").skip(1).step_by(2) {
        for word in part.split([',', ' ', '[', ']', '(', ')', '<', '>', ';', '=']) {
            if let Some(word) = word.strip_prefix('"').and_then(|w| w.strip_suffix('"')) {
                values.push(json!(word));
            } else if let Ok(n) = word.parse::<i32>() {
                values.extend([json!(n), json!(n.saturating_add(1))]);
            } else if let Ok(n) = word.parse::<f64>()
                && n.is_finite()
            {
                values.push(json!(n));
            }
        }
    }
    let mut sets = vec![json!({})];
    let mut random = seed | 1;
    for _ in 0..6 {
        let members = names.iter().map(|name| {
            random = random
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (
                name.clone(),
                json!({"value": values[(random >> 33) % values.len()]}),
            )
        });
        sets.push(Value::Object(members.collect()));
    }
    sets
}

fn now() -> i64 {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    elapsed.as_millis() as i64
}
