//! `history-level`: how much history each shard writes, shown and changed while it runs.
use crate::{
    connect::Admin,
    options::{HistoryLevelSet, Options},
    output,
};
use anyhow::{Result, bail};
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};
use service::ConfigError;
use std::{
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

/// How long the nodes of a shard get to take a level over; each looks once a second.
const TAKEN_OVER: Duration = Duration::from_secs(10);

#[derive(Serialize)]
struct Line {
    shard: String,
    node: String,
    level: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rules: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Shows the level of every node.
///
/// # Errors
/// etcd doesn't answer; or, after printing, a node doesn't.
pub async fn get(options: &Options, shard: Option<&str>, out: &mut (dyn Write + Send)) -> Result<()> {
    let admin = Admin::connect(options).await?;
    let lines = look(&admin, shard).await?;
    print(options, &lines, out)?;
    silent(&lines)
}

/// Sets the level of one shard or of all, and waits until every node has taken it over.
///
/// # Errors
/// As [`get`]; rules that a node refuses; a node that still writes another level after some seconds.
pub async fn set(options: &Options, set: &HistoryLevelSet, out: &mut (dyn Write + Send)) -> Result<()> {
    let mut wanted = json!({ "level": set.level });
    match (&set.rules, set.level == "custom") {
        (Some(path), true) => wanted["rules"] = rules(path)?,
        (None, false) => {}
        (Some(_), false) => bail!(ConfigError::usage("--rules is for level custom".to_owned())),
        (None, true) => bail!(ConfigError::usage("level custom needs --rules FILE".to_owned())),
    }
    let admin = Admin::connect(options).await?;
    let shards = admin.shards();
    let shards: Vec<_> = shards
        .iter()
        .filter(|s| set.shard.as_ref().is_none_or(|name| name == s.name.as_str()))
        .collect();
    if shards.is_empty() {
        bail!("no such shard has nodes");
    }
    for shard in shards {
        // As the node reads it: what it leaves out or fills in is to be compared with.
        let path = "/internal/history-level";
        let now: Value = shard.ask(Method::PUT, path, Some(&wanted)).await?;
        wanted = now;
    }
    let end = Instant::now() + TAKEN_OVER;
    let same =
        |line: &Line| line.error.is_some() || line_of(&wanted) == (line.level.clone(), line.rules.clone());
    let mut lines = look(&admin, set.shard.as_deref()).await?;
    while !lines.iter().all(same) && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(200)).await;
        lines = look(&admin, set.shard.as_deref()).await?;
    }
    print(options, &lines, out)?;
    if !lines.iter().all(same) {
        bail!("a node still writes another level");
    }
    silent(&lines)
}

fn rules(path: &Path) -> Result<Value> {
    let wrong = |why: String| ConfigError::new("rules", format!("{}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|e| wrong(e.to_string()))?;
    let json = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json"));
    Ok(match json {
        true => serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))?,
        false => toml::from_str(&text).map_err(|e| wrong(e.to_string()))?,
    })
}

fn line_of(told: &Value) -> (String, Option<Value>) {
    let level = told["level"].as_str().unwrap_or_default().to_owned();
    (level, told.get("rules").cloned())
}

async fn look(admin: &Admin, shard: Option<&str>) -> Result<Vec<Line>> {
    let view = admin.cluster.view();
    let mut lines = Vec::new();
    for (name, known) in &view.shards {
        if shard.is_some_and(|s| s != name.as_str()) {
            continue;
        }
        for node in &known.nodes {
            let answer = admin
                .node(name, &node.url)
                .get::<Value>("/internal/history-level")
                .await;
            let ((level, rules), error) = match answer {
                Ok(told) => (line_of(&told), None),
                Err(error) => (Default::default(), Some(format!("{error:#}"))),
            };
            lines.push(Line {
                shard: name.to_string(),
                node: node.id.clone(),
                level,
                rules,
                error,
            });
        }
    }
    if lines.is_empty() {
        bail!("no such shard has nodes");
    }
    Ok(lines)
}

fn silent(lines: &[Line]) -> Result<()> {
    match lines.iter().filter(|line| line.error.is_some()).count() {
        0 => Ok(()),
        silent => bail!("{silent} nodes don't answer"),
    }
}

fn print(options: &Options, lines: &[Line], out: &mut (dyn Write + Send)) -> Result<()> {
    let row = |line: &Line| {
        let rules = line.rules.as_ref().map(Value::to_string).unwrap_or_default();
        vec![
            line.shard.clone(),
            line.node.clone(),
            line.error.clone().unwrap_or_else(|| line.level.clone()),
            rules,
        ]
    };
    let rows = lines.iter().map(row).collect();
    output::print(
        out,
        options.output,
        &lines,
        &["SHARD", "NODE", "LEVEL", "RULES"],
        rows,
    )?;
    Ok(())
}
