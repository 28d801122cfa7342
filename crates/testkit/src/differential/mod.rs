//! The differential suite: cases whose every step was recorded on Camunda 7.24, replayed on any engine.
//!
//! A case is a model, steps and what the engine showed after each: activity instance trees, executions, variables, tasks,
//! external tasks, jobs, event subscriptions and incidents, at the end the history ([`state`], [`history`]). Nothing in a case
//! depends on ids or times, so a record of one engine can be compared with a run on another.
pub mod case;
pub mod engine;
pub mod generate;
pub mod history;
mod plans;
pub mod run;
pub mod shorthand;
pub mod state;
pub mod steps;

use anyhow::{Context, Result, bail};
use case::{Case, Cases, Step};
use engine::Engine;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::{sync::Semaphore, task::JoinSet};

/// Files of cases below a directory (or the file itself), sorted.
pub fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).with_context(|| path.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(self::files(&path)?);
        } else if path.extension().is_some_and(|e| e == "txt") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The cases of a file.
pub fn read(file: &Path) -> Result<Cases> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    text.parse().with_context(|| file.display().to_string())
}

/// Names of cases that are not equal yet, a line each.
pub fn pending(directory: &Path) -> Result<BTreeSet<String>> {
    let text = fs::read_to_string(directory.join(PENDING)).unwrap_or_default();
    Ok(text
        .lines()
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
        .map(str::to_owned)
        .collect())
}

/// All cases below a directory.
pub fn read_all(directory: &Path) -> Result<Vec<Case>> {
    let files = files(directory)?.into_iter().filter(|f| !f.ends_with(PENDING));
    Ok(files
        .map(|f| Ok(read(&f)?.0))
        .collect::<Result<Vec<_>>>()?
        .concat())
}

/// The list of cases that are not equal yet.
pub const PENDING: &str = "pending.txt";

/// Replays cases on an engine and compares: gives how many are equal, or what is wrong. Pending cases must differ.
pub async fn replay(base: &str, cases: Vec<Case>, pending: &BTreeSet<String>) -> Result<usize> {
    let engine = Engine::new(base)?;
    let found = run_all(&engine, cases.clone(), 4, true).await?;
    let (mut equal, mut wrong) = (0, Vec::new());
    for (case, found) in cases.iter().zip(&found) {
        match (difference(case, found), pending.contains(&case.name)) {
            (None, false) => equal += 1,
            (None, true) => wrong.push(format!("{} is equal now: take it out of {PENDING}", case.name)),
            (Some(_), true) => {}
            (Some(difference), false) => wrong.push(format!("{}: {difference}", case.name)),
        }
    }
    if !wrong.is_empty() {
        bail!(
            "{} of {} cases are wrong:\n{}",
            wrong.len(),
            cases.len(),
            wrong.join("\n")
        );
    }
    Ok(equal)
}

/// Runs cases on an engine, so many at a time, and gives what it made of each, in their order. `keep` leaves what they deployed.
pub async fn run_all(engine: &Engine, cases: Vec<Case>, at_once: usize, keep: bool) -> Result<Vec<Case>> {
    let permits = Arc::new(Semaphore::new(at_once));
    let mut running = JoinSet::new();
    for (number, case) in cases.into_iter().enumerate() {
        let (engine, permits) = (engine.clone(), permits.clone());
        running.spawn(async move {
            let _permit = permits.acquire().await?;
            anyhow::Ok((number, run::run(&engine, &case, keep).await))
        });
    }
    let mut found = Vec::new();
    while let Some(done) = running.join_next().await {
        found.push(done??);
    }
    found.sort_by_key(|(number, _)| *number);
    Ok(found.into_iter().map(|(_, case)| case).collect())
}

/// The first difference between a case and what an engine made of it, in words.
pub fn difference(expected: &Case, found: &Case) -> Option<String> {
    for (number, step) in expected.steps.iter().enumerate() {
        let other = found.steps.get(number);
        if other.is_none_or(|other| (&step.refused, &step.changes) != (&other.refused, &other.changes)) {
            let lines = |step: Option<&Step>| {
                let refused = step.and_then(|s| s.refused.as_ref()).map(|r| format!("! {r}"));
                refused
                    .into_iter()
                    .chain(step.into_iter().flat_map(|s| s.changes.clone()))
                    .collect::<Vec<_>>()
            };
            let lines = unequal(&lines(Some(step)), &lines(other));
            return Some(format!("step {number} > {}\n{lines}", step.what));
        }
    }
    (expected.history != found.history)
        .then(|| format!("history\n{}", unequal(&expected.history, &found.history)))
}

/// Lines that only the reference has, and lines that only the other has.
fn unequal(expected: &[String], found: &[String]) -> String {
    let (mut before, mut after) = (expected.to_vec(), found.to_vec());
    before.sort();
    after.sort();
    let lines = case::changes(&before, &after).into_iter();
    let lines = lines.map(|line| match line.split_at(1) {
        ("-", line) => format!("  reference{line}\n"),
        (_, line) => format!("  here     {line}\n"),
    });
    lines.collect()
}
