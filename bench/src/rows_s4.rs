//! Rows of the loop of building blocks (S4): what an idle node asks, what scripts take, how long a round of the loop takes.
use crate::{own, rows::Measured};
use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use script_host::{
    Limits, Pool, Program, javascript,
    protocol::{Call, Outcome, Value, Variable},
};
use serde_json::{Value as Json, json};
use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use testkit::{postgres::Server, process::stellwerk, process::wait_for};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// How long an idle node is watched, and after which time: what a start asks is asked within a minute.
const WATCHED: Duration = Duration::from_secs(60);
const STARTED: Duration = Duration::from_secs(70);
/// Where the build leaves the host for Groovy.
const GROOVY_HOST: &str = "deploy/groovy-host/target/groovy-host.jar";
/// Calls that are measured of each script, after as many that warm up.
const CALLS: usize = 500;
/// Rounds of the loop.
const ROUNDS: usize = 200;

fn durable() -> Result<Server> {
    tokio::task::block_in_place(Server::durable)
}

async fn statements(metrics: &str) -> Result<f64> {
    let text = reqwest::get(format!("{metrics}/metrics")).await?.text().await?;
    let counts = text
        .lines()
        .filter(|line| line.contains("statement_seconds_count"))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    Ok(counts.sum())
}

/// S4-03: statements of a node that has nothing to do.
pub async fn idle() -> Result<Vec<Measured>> {
    let postgres = durable()?;
    let url = crate::database::create_beside(&postgres.url("postgres"), "rest").await?;
    let node = own::start("rest", &url, "full", &[]).await?;
    let metrics = node.subject.metrics.clone().context("metrics")?;
    tokio::time::sleep(STARTED).await;
    let before = statements(&metrics).await?;
    tokio::time::sleep(WATCHED).await;
    let asked = statements(&metrics).await? - before;
    let of_five = asked / (WATCHED.as_secs_f64() / 5.0);
    Ok(vec![Measured {
        what: "statements of an idle node within 5 s".into(),
        value: format!("{of_five:.2} ({asked:.0} in {} s)", WATCHED.as_secs()),
        limit: "≤ 1".into(),
        holds: of_five <= 1.0,
    }])
}

fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() - 1) * percent / 100]
}

/// Milliseconds of a script's 99th percentile, judged.
async fn script(
    pool: &Pool,
    language: &str,
    what: &str,
    source: &str,
    expected: &Value,
    most: u64,
) -> Result<Measured> {
    let text = "x".repeat(10 * 1024);
    let call = Call {
        language: language.to_owned(),
        source: source.to_owned(),
        variables: vec![Variable {
            name: "text".to_owned(),
            value: Value {
                kind: "String".to_owned(),
                value: json!(text),
                ..Value::default()
            },
            ..Variable::default()
        }],
        ..Call::default()
    };
    let mut times = Vec::with_capacity(CALLS);
    for turn in 0..CALLS * 2 {
        let began = Instant::now();
        let answer = pool.call(call.clone()).await?;
        let took = began.elapsed();
        let Outcome::Value { value } = &answer.outcome else {
            anyhow::bail!("{language}, {what}: {:?}", answer.outcome);
        };
        ensure!(value == expected, "{language}, {what}: {value:?}");
        if turn >= CALLS {
            times.push(took);
        }
    }
    let p99 = percentile(&mut times, 99);
    Ok(Measured {
        what: format!("{language}: {what}, p99 of {CALLS}"),
        value: format!("{:.2} ms", p99.as_secs_f64() * 1000.0),
        limit: format!("< {most} ms"),
        holds: p99 < Duration::from_millis(most),
    })
}

/// S4-10: a short script, and base64 of 10 KB, in each language that has a host here.
pub async fn scripts() -> Result<Vec<Measured>> {
    let limits = Limits {
        workers: 1,
        time: Duration::from_secs(20),
        ..Limits::default()
    };
    let own = Program::Process {
        path: stellwerk()?.get_program().into(),
        args: vec![javascript::ROLE.to_owned(), (64 << 20).to_string()],
    };
    let of = |kind: &str, value: Json| Value {
        kind: kind.to_owned(),
        value,
        ..Value::default()
    };
    let encoded = of("String", json!(STANDARD.encode("x".repeat(10 * 1024))));
    let length = of("Integer", json!(10 * 1024 + 1));
    let mut rows = Vec::new();
    let javascript = Pool::new(own, limits);
    let base64 = "java.util.Base64.getEncoder().encodeToString(new java.lang.String(text).getBytes())";
    rows.push(
        script(
            &javascript,
            "javascript",
            "a short script",
            "text.length + 1",
            &length,
            5,
        )
        .await?,
    );
    rows.push(script(&javascript, "javascript", "base64 of 10 KB", base64, &encoded, 10).await?);
    if !Path::new(GROOVY_HOST).exists() {
        rows.push(Measured {
            what: "groovy".into(),
            value: format!("{GROOVY_HOST} isn't built"),
            limit: "< 5 ms".into(),
            holds: false,
        });
        return Ok(rows);
    }
    let groovy = Program::Process {
        path: "java".into(),
        args: vec!["-jar".to_owned(), GROOVY_HOST.to_owned()],
    };
    let groovy = Pool::new(groovy, limits);
    let base64 = "text.bytes.encodeBase64().toString()";
    rows.push(
        script(
            &groovy,
            "groovy",
            "a short script",
            "text.length() + 1",
            &length,
            5,
        )
        .await?,
    );
    rows.push(script(&groovy, "groovy", "base64 of 10 KB", base64, &encoded, 10).await?);
    Ok(rows)
}

/// The other system of the loop: gives tokens, and echoes what is published at once.
struct Echo {
    base: String,
    client: reqwest::Client,
    published: Mutex<Vec<Instant>>,
}

impl Echo {
    async fn serve(self: Arc<Echo>, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let echo = self.clone();
            tokio::spawn(async move {
                // A connection that breaks off is opened again.
                let _ = echo.answer(stream).await;
            });
        }
    }

    /// Answers the requests of a connection, one after the other.
    async fn answer(&self, mut stream: TcpStream) -> Result<()> {
        let mut buffer = Vec::new();
        loop {
            let end = loop {
                if let Some(at) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                    break at + 4;
                }
                if stream.read_buf(&mut buffer).await? == 0 {
                    return Ok(());
                }
            };
            let head = String::from_utf8_lossy(&buffer[..end]).to_lowercase();
            let length = head
                .split("content-length:")
                .nth(1)
                .and_then(|rest| rest.lines().next());
            let length: usize = length.map_or(Ok(0), |length| length.trim().parse())?;
            while buffer.len() < end + length {
                ensure!(stream.read_buf(&mut buffer).await? > 0, "a request broke off");
            }
            let body = buffer[end..end + length].to_vec();
            buffer.drain(..end + length);
            let answer = if head.starts_with("get /token") {
                json!({"access_token": "secret"}).to_string()
            } else {
                self.published(&body).await?;
                "{}".to_owned()
            };
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                answer.len()
            );
            stream.write_all((head + &answer).as_bytes()).await?;
        }
    }

    async fn published(&self, body: &[u8]) -> Result<()> {
        let message: Json = serde_json::from_slice(body)?;
        self.published
            .lock()
            .unwrap_or_else(|e| e.into_inner())
            .push(Instant::now());
        let echo = json!({"messageName": "echo", "businessKey": message["chain"]});
        let sent = self
            .client
            .post(format!("{}/message", self.base))
            .json(&echo)
            .send()
            .await?;
        ensure!(sent.status().is_success(), "echo: {}", sent.status());
        Ok(())
    }
}

/// S4-23: a round of the loop, from a publish over its echo to the next publish.
pub async fn round_trip() -> Result<Vec<Measured>> {
    let postgres = durable()?;
    let url = crate::database::create_beside(&postgres.url("postgres"), "round").await?;
    let node = own::start_with("round", &url, "full", &[], &["--connector-allow", "127.0.0.1"]).await?;
    let target = &node.subject.target;
    for model in ["http_call", "publish", "echo"] {
        let file = std::fs::read_to_string(format!("tests/models/{model}.bpmn"));
        let file = file.context("run this in the root of the repository")?;
        target.deploy(model, &file).await?;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let other = format!("http://{}", listener.local_addr()?);
    let echo = Arc::new(Echo {
        base: target.url(),
        client: reqwest::Client::new(),
        published: Mutex::default(),
    });
    tokio::spawn(echo.clone().serve(listener));
    let variables = json!({
        "round": {"value": 0, "type": "Integer"}, "rounds": {"value": ROUNDS, "type": "Integer"},
        "tokenUrl": {"value": format!("{other}/token")}, "publishUrl": {"value": format!("{other}/publish")},
    });
    let body = json!({"businessKey": "chain", "variables": variables}).to_string();
    target
        .call("POST", "/process-definition/key/echo/start", &body)
        .await?;
    let published = || echo.published.lock().unwrap_or_else(|e| e.into_inner()).clone();
    wait_for("all rounds", Duration::from_secs(300), async || {
        Ok((published().len() >= ROUNDS).then_some(()))
    })
    .await?;
    let mut rounds: Vec<Duration> = published().windows(2).map(|pair| pair[1] - pair[0]).collect();
    let p50 = percentile(&mut rounds, 50);
    Ok(vec![Measured {
        what: format!("a round of the echo loop (token, publish, echo), p50 of {ROUNDS}"),
        value: format!("{:.1} ms", p50.as_secs_f64() * 1000.0),
        limit: "≤ 100 ms (1 vCPU); ≤ 20 ms".into(),
        holds: p50 <= Duration::from_millis(100),
    }])
}
