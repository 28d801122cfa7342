//! Closed-loop load over plain HTTP/1.1 connections.
use crate::{Start, cpu};
use anyhow::{Context, Result, bail, ensure};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use comfy_table::Table;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};
use tokio::net::TcpStream;

/// An engine under load.
#[derive(Clone, Debug)]
pub struct Target {
    pub name: String,
    pub authority: String,
    /// Path of the base URL: `/engine-rest`.
    pub path: String,
}

/// Parses `NAME=http://HOST:PORT/PATH`.
pub fn engine(text: &str) -> Result<Target, String> {
    let (name, url) = text.split_once('=').ok_or("NAME=URL is expected")?;
    let rest = url
        .strip_prefix("http://")
        .ok_or("only http:// URLs are measured")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    Ok(Target {
        name: name.to_owned(),
        authority: authority.to_owned(),
        path: format!("/{}", path.trim_end_matches('/')),
    })
}

/// Parses `NAME=PID[,PID…]`.
pub fn pids(text: &str) -> Result<(String, Vec<u32>), String> {
    let (name, list) = text.split_once('=').ok_or("NAME=PID[,PID…] is expected")?;
    let pids = list
        .split(',')
        .map(|p| p.parse().map_err(|_| format!("'{p}' is no process id")))
        .collect::<Result<_, _>>()?;
    Ok((name.to_owned(), pids))
}

/// One connection that sends requests one after the other.
pub struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    target: Target,
    authorization: Option<String>,
}

impl Connection {
    /// Connects.
    pub async fn open(target: &Target, user: Option<&str>) -> Result<Connection> {
        let stream = TcpStream::connect(&target.authority)
            .await
            .with_context(|| target.authority.clone())?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let authorization = user.map(|user| format!("Basic {}", BASE64_STANDARD.encode(user)));
        Ok(Connection {
            sender,
            target: target.clone(),
            authorization,
        })
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&mut self, method: &str, path: &str, body: String) -> Result<(u16, Bytes)> {
        let mut request = hyper::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.target.path))
            .header("Host", &self.target.authority);
        if !body.is_empty() {
            request = request.header("Content-Type", "application/json");
        }
        if let Some(value) = &self.authorization {
            request = request.header("Authorization", value);
        }
        self.sender.ready().await?;
        let response = self
            .sender
            .send_request(request.body(Full::new(body.into()))?)
            .await?;
        let status = response.status().as_u16();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }
}

/// What one round of load gave.
#[derive(Clone, Debug)]
pub struct Round {
    pub operations: usize,
    pub failures: usize,
    pub elapsed: Duration,
    /// Sorted, in microseconds.
    pub latencies: Vec<u32>,
    pub cpu: Duration,
}

impl Round {
    /// Successful operations a second.
    pub fn rate(&self) -> f64 {
        self.operations as f64 / self.elapsed.as_secs_f64()
    }

    /// A percentile in milliseconds.
    pub fn percentile(&self, percent: f64) -> f64 {
        let at = ((self.latencies.len() as f64 * percent / 100.0) as usize)
            .min(self.latencies.len().saturating_sub(1));
        self.latencies
            .get(at)
            .map_or(f64::NAN, |us| f64::from(*us) / 1000.0)
    }
}

/// Sends `request(number)` on every connection until the time is over.
pub async fn round(
    target: &Target,
    user: Option<&str>,
    connections: usize,
    duration: Duration,
    pids: &[u32],
    request: impl Fn(u64) -> (String, String) + Send + Sync + Clone + 'static,
) -> Result<Round> {
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(Connection::open(target, user).await?);
    }
    let before = cpu::used(pids);
    let began = Instant::now();
    let workers: Vec<_> = open
        .into_iter()
        .map(|mut connection| {
            let request = request.clone();
            tokio::spawn(async move {
                let (mut latencies, mut failures) = (Vec::new(), 0);
                while began.elapsed() < duration {
                    let (path, body) = request(NEXT.fetch_add(1, Ordering::Relaxed));
                    let sent = Instant::now();
                    match connection.send("POST", &path, body).await {
                        Ok((200..=299, _)) => latencies.push(sent.elapsed().as_micros() as u32),
                        Ok(_) => failures += 1,
                        Err(_) => {
                            failures += 1;
                            break;
                        }
                    }
                }
                (latencies, failures)
            })
        })
        .collect();
    let (mut latencies, mut failures) = (Vec::new(), 0);
    for worker in workers {
        let (more, failed) = worker.await?;
        latencies.extend(more);
        failures += failed;
    }
    let elapsed = began.elapsed();
    latencies.sort_unstable();
    Ok(Round {
        operations: latencies.len(),
        failures,
        elapsed,
        latencies,
        cpu: cpu::used(pids) - before,
    })
}

/// Makes business keys unique over all rounds of a run.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Start and end.
pub const END: &str = r#"<?xml version="1.0" encoding="UTF-8"?><definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="bench"><process id="bench_end" isExecutable="true" camunda:historyTimeToLive="30"><startEvent id="s"/><sequenceFlow id="f1" sourceRef="s" targetRef="e"/><endEvent id="e"/></process></definitions>"#;

/// Waits in a user task after an expression and a gateway.
pub const WAIT: &str = r#"<?xml version="1.0" encoding="UTF-8"?><definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:camunda="http://camunda.org/schema/1.0/bpmn" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" targetNamespace="bench"><process id="bench_wait" isExecutable="true" camunda:historyTimeToLive="30"><startEvent id="s"/><sequenceFlow id="f1" sourceRef="s" targetRef="t"/><serviceTask id="t" camunda:expression="${true}"/><sequenceFlow id="f2" sourceRef="t" targetRef="g"/><exclusiveGateway id="g" default="f4"/><sequenceFlow id="f3" sourceRef="g" targetRef="u"><conditionExpression xsi:type="tFormalExpression">${amount &gt; 100}</conditionExpression></sequenceFlow><sequenceFlow id="f4" sourceRef="g" targetRef="e"/><userTask id="u" camunda:assignee="demo"/><sequenceFlow id="f5" sourceRef="u" targetRef="e"/><endEvent id="e"/></process></definitions>"#;

/// Loads every engine in turn, round by round, and prints the medians side by side.
pub async fn compare(start: &Start) -> Result<()> {
    let (key, model) = if start.waiting {
        ("bench_wait", WAIT)
    } else {
        ("bench_end", END)
    };
    for target in &start.engines {
        deploy(target, start.user.as_deref(), model).await?;
    }
    let stamp = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)?
        .as_millis();
    let waiting = start.waiting;
    let request = move |number: u64| {
        let variables = r#","variables":{"amount":{"value":500,"type":"Integer"},"customer":{"value":"customer","type":"String"},"express":{"value":true,"type":"Boolean"}}"#;
        let variables = if waiting { variables } else { "" };
        (
            format!("/process-definition/key/{key}/start"),
            format!(r#"{{"businessKey":"{stamp}-{number}"{variables}}}"#),
        )
    };
    let mut rounds: Vec<Vec<Round>> = vec![Vec::new(); start.engines.len()];
    for target in &start.engines {
        // Warm up: connections, caches, compilers.
        round(
            target,
            start.user.as_deref(),
            start.connections,
            start.duration / 4,
            &[],
            request,
        )
        .await?;
    }
    for _ in 0..start.rounds {
        for (index, target) in start.engines.iter().enumerate() {
            let pids: Vec<u32> = start
                .pids
                .iter()
                .filter(|(name, _)| *name == target.name)
                .flat_map(|(_, p)| p.clone())
                .collect();
            let one = round(
                target,
                start.user.as_deref(),
                start.connections,
                start.duration,
                &pids,
                request,
            )
            .await?;
            ensure!(
                one.operations > 0,
                "{}: no start succeeded, {} failed",
                target.name,
                one.failures
            );
            rounds[index].push(one);
        }
    }
    let mut table = Table::new();
    table.set_header([
        "engine",
        "starts/s",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "failed",
        "CPU µs/start",
    ]);
    for (target, rounds) in start.engines.iter().zip(&rounds) {
        let median = |value: &dyn Fn(&Round) -> f64| {
            let mut values: Vec<f64> = rounds.iter().map(value).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        table.add_row([
            target.name.clone(),
            format!("{:.0}", median(&|r| r.rate())),
            format!("{:.2}", median(&|r| r.percentile(50.0))),
            format!("{:.2}", median(&|r| r.percentile(95.0))),
            format!("{:.2}", median(&|r| r.percentile(99.0))),
            rounds.iter().map(|r| r.failures).sum::<usize>().to_string(),
            format!(
                "{:.0}",
                median(&|r| r.cpu.as_micros() as f64 / r.operations as f64)
            ),
        ]);
    }
    println!(
        "{} connections, {} rounds of {:?} each, medians",
        start.connections, start.rounds, start.duration
    );
    println!("{table}");
    Ok(())
}

/// Deploys a model by a hand-made multipart body.
pub async fn deploy(target: &Target, user: Option<&str>, model: &str) -> Result<()> {
    let part = reqwest::multipart::Part::text(model.to_owned()).file_name("bench.bpmn");
    let form = reqwest::multipart::Form::new()
        .text("deployment-name", "bench")
        .text("enable-duplicate-filtering", "true")
        .part("bench.bpmn", part);
    let url = format!("http://{}{}/deployment/create", target.authority, target.path);
    let mut request = reqwest::Client::new().post(url).multipart(form);
    if let Some((name, password)) = user.and_then(|u| u.split_once(':')) {
        request = request.basic_auth(name, Some(password));
    }
    let response = request.send().await.with_context(|| target.name.clone())?;
    if !response.status().is_success() {
        bail!(
            "{}: deployment answered {} {}",
            target.name,
            response.status(),
            response.text().await?
        );
    }
    Ok(())
}
