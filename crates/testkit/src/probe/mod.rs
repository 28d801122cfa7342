//! Asks the reference engine and ours the same random questions in lockstep, and tells what differs.
//!
//! Both get the same data (`world`), then requests made from the reference's own document (`request`): of every operation,
//! with parameters, members and sort criteria by chance, some of them wrong. Answers are compared as the recorded ones are:
//! status, media type, body with ids and times masked (`judge`). After a command that one side takes and the other refuses
//! both start anew, so that one difference isn't counted for what follows from it.
pub mod judge;
pub mod pool;
pub mod request;
pub mod rng;
mod world;

use crate::differential::engine::Engine;
use anyhow::Result;
use judge::{Answer, judge};
use pool::Pool;
use request::{Body, Maker, Operation, Request};
use rng::Rng;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
};

/// What is to be asked.
pub struct Plan {
    pub seed: u64,
    /// Requests in all.
    pub requests: usize,
    /// Requests before both start anew.
    pub each: usize,
    /// How many in a hundred aren't right in some way.
    pub wrong: usize,
    /// Operations up to this tier.
    pub tier: u8,
    /// Only operations that contain one of those.
    pub only: Vec<String>,
    /// No operations that contain one of those.
    pub but: Vec<String>,
    /// Only operations that change nothing.
    pub reads: bool,
    /// Where every request goes, with both statuses.
    pub log: Option<PathBuf>,
}

/// What came of it.
#[derive(Default)]
pub struct Report {
    pub asked: usize,
    pub equal: usize,
    /// By operation: equal, asked.
    operations: BTreeMap<String, (usize, usize)>,
    /// By operation and kind of difference: how often, and one example.
    kinds: BTreeMap<String, (usize, String)>,
}

/// Both engines, and what they have told.
pub struct Lockstep<'a> {
    reference: &'a Engine,
    ours: &'a Engine,
    pub pool: Pool,
    report: Report,
    log: Option<File>,
}

/// Asks both engines as planned.
pub async fn probe(reference: &Engine, ours: &Engine, models: &Path, plan: &Plan) -> Result<Report> {
    let document = rest_api::openapi::document("", |_| None);
    let operations: Vec<Operation> = request::operations(&document)
        .into_iter()
        .filter(|o| wanted(o, plan))
        .collect();
    let mut rng = Rng::new(plan.seed);
    let mut run = Lockstep {
        reference,
        ours,
        pool: Pool::default(),
        report: Report::default(),
        log: plan.log.as_ref().map(File::create).transpose()?,
    };
    let mut left = 0;
    let mut turn: Vec<usize> = Vec::new();
    while run.report.asked < plan.requests {
        if left == 0 {
            run.clean().await?;
            run.pool = Pool::default();
            run.make(models).await?;
            left = plan.each;
        }
        left -= 1;
        // Every operation once, in an order of chance, before any has its next turn.
        if turn.is_empty() {
            turn = (0..operations.len()).collect();
            for at in (1..turn.len()).rev() {
                turn.swap(at, rng.below(at + 1));
            }
        }
        let Some(operation) = turn.pop().map(|at| &operations[at]) else {
            break;
        };
        let mut maker = Maker {
            document: &document,
            pool: &run.pool,
            rng: &mut rng,
            wrong: plan.wrong,
        };
        let request = maker.request(operation);
        if request.line().contains("/deployment/")
            && request.method == "DELETE"
            && !run.report.asked.is_multiple_of(4)
        {
            continue;
        }
        let (_, difference) = run.ask(&request).await?;
        run.report.asked += 1;
        let name = format!("{} {}", operation.method, operation.path);
        let counted = run.report.operations.entry(name.clone()).or_default();
        counted.1 += 1;
        match difference {
            None => {
                counted.0 += 1;
                run.report.equal += 1;
            }
            Some(difference) => {
                let done = |status: &str| status.starts_with('2');
                let (theirs, here) = statuses(&difference);
                run.note(&request, &format!("{name}: "), &difference);
                if operation.method != "GET" && done(theirs) != done(here) {
                    left = 0;
                }
            }
        }
    }
    run.clean().await?;
    Ok(run.report)
}

/// The two statuses that a difference tells of, where it is one of them.
fn statuses(difference: &str) -> (&str, &str) {
    let after = |mark: &str| difference.split_once(mark).map_or("", |(_, rest)| rest);
    match difference.starts_with("status ") {
        true => (after("status "), after("| ours ")),
        false => ("", ""),
    }
}

fn wanted(operation: &Operation, plan: &Plan) -> bool {
    let name = format!("{} {}", operation.method, operation.path);
    let named = |names: &[String]| names.iter().any(|n| name.contains(n));
    let read = operation.method == "GET"
        || operation.method == "POST"
            && (operation.path.ends_with("/count")
                || rest_api::operations::operations()
                    .iter()
                    .any(|o| o.method == "POST" && o.path == operation.path && o.paged));
    operation.tier <= plan.tier
        && operation.method != "OPTIONS"
        && (plan.only.is_empty() || named(&plan.only))
        && !named(&plan.but)
        && (read || !plan.reads)
}

impl Lockstep<'_> {
    /// Sends the request to both; the reference's answer, and what differs.
    pub async fn ask(&mut self, request: &Request) -> Result<(Answer, Option<String>)> {
        let here = Request {
            path: self.pool.translated(&request.path),
            query: request
                .query
                .iter()
                .map(|(n, v)| (n.clone(), self.pool.translated(v)))
                .collect(),
            body: match &request.body {
                Body::Text(text) => Body::Text(self.pool.translated(text)),
                Body::Parts(parts) => Body::Parts(
                    parts
                        .iter()
                        .map(|(n, f, m, text)| (n.clone(), f.clone(), m.clone(), self.pool.translated(text)))
                        .collect(),
                ),
                Body::None => Body::None,
            },
            ..request.clone()
        };
        let (theirs, ours) = tokio::join!(self.reference.answer(request), self.ours.answer(&here));
        let (theirs, ours) = (theirs?, ours?);
        if let Some(log) = &mut self.log {
            writeln!(log, "{} {} {}", theirs.status, ours.status, here.line())?;
        }
        let difference = judge(&mut self.pool, request, &theirs, &ours);
        let difference = difference.map(|d| {
            format!(
                "{d}\u{0}{}\n      ours {} {}",
                one_line(&theirs),
                ours.status,
                one_line_of(&ours.body)
            )
        });
        if theirs.status < 300 {
            self.pool.harvest(&request.template, &theirs.body);
        }
        Ok((theirs, difference))
    }

    fn note(&mut self, request: &Request, head: &str, difference: &str) {
        let (kind, bodies) = difference.split_once('\u{0}').unwrap_or((difference, ""));
        let example = format!(
            "{}\n      reference {bodies}",
            request.line().chars().take(700).collect::<String>()
        );
        let entry = self
            .report
            .kinds
            .entry(format!("{head}{kind}"))
            .or_insert((0, example));
        entry.0 += 1;
    }
}

fn one_line(answer: &Answer) -> String {
    format!("{} {}", answer.status, one_line_of(&answer.body))
}

fn one_line_of(body: &Value) -> String {
    body.to_string().chars().take(1200).collect()
}

impl Engine {
    /// Sends a request and takes the answer apart.
    async fn answer(&self, request: &Request) -> Result<Answer> {
        let (status, media, text) = self.exchange(request).await?;
        let body = match serde_json::from_str(&text) {
            Ok(body) => body,
            Err(_) if text.is_empty() => Value::Null,
            Err(_) => Value::String(text),
        };
        let body = self.without_base(body);
        Ok(Answer { status, media, body })
    }

    /// Links are written with the address that was asked.
    fn without_base(&self, body: Value) -> Value {
        let text = body.to_string();
        match text.contains(self.base()) {
            true => serde_json::from_str(&text.replace(self.base(), "<base>")).unwrap_or(body),
            false => body,
        }
    }

    async fn exchange(&self, request: &Request) -> Result<(u16, String, String)> {
        let mut url = format!("{}{}", self.base(), request.path);
        if !request.query.is_empty() {
            url = format!("{url}?{}", request::query(&request.query));
        }
        let mut sent = self.client().request(request.method.parse()?, url);
        if let Some(media) = &request.content_type {
            sent = sent.header("Content-Type", media);
        }
        if let Some(accept) = &request.accept {
            sent = sent.header("Accept", accept);
        }
        sent = match &request.body {
            Body::None => sent,
            Body::Text(text) => sent.body(text.clone()),
            Body::Parts(parts) => {
                let mut form = reqwest::multipart::Form::new();
                for (name, file, media, text) in parts {
                    let mut part = reqwest::multipart::Part::text(text.clone());
                    if let Some(file) = file {
                        part = part.file_name(file.clone());
                    }
                    if let Some(media) = media {
                        part = part.mime_str(media)?;
                    }
                    form = form.part(name.clone(), part);
                }
                sent.multipart(form)
            }
        };
        let response = sent.send().await?;
        let status = response.status().as_u16();
        let media = response
            .headers()
            .get("content-type")
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default();
        let media = media.split(';').next().unwrap_or_default().to_owned();
        let bytes = response.bytes().await?;
        Ok((status, media, String::from_utf8_lossy(&bytes).into_owned()))
    }
}

impl Report {
    /// The shares by operation, worst first, and the most frequent kinds of differences with an example each.
    pub fn shown(&self, kinds: usize) -> String {
        let mut out = String::new();
        let share = |equal: usize, asked: usize| 100.0 * equal as f64 / asked.max(1) as f64;
        let mut by_kind: Vec<_> = self.kinds.iter().collect();
        by_kind.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        for (kind, (count, example)) in by_kind.iter().take(kinds) {
            let _ = writeln!(out, "{count}× {kind}\n      {example}");
        }
        let mut operations: Vec<_> = self
            .operations
            .iter()
            .filter(|(_, (equal, asked))| equal < asked)
            .collect();
        operations.sort_by_key(|(_, (equal, asked))| std::cmp::Reverse(asked - equal));
        for (name, (equal, asked)) in operations {
            let _ = writeln!(out, "{equal}/{asked} {name}");
        }
        let _ = writeln!(
            out,
            "{} of {} answers are equal: {:.2} %",
            self.equal,
            self.asked,
            share(self.equal, self.asked)
        );
        out
    }
}
