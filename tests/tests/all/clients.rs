//! Clients that nobody here wrote, unmodified, over a router in front of three shards: `tests/clients` has a small program
//! for each. A *worker* does with each task what its variable `case` says, and what came of it is looked at here; an
//! *order* is a script that deploys, starts, works, asks and looks at the answers itself.
use super::compat::{THREE_QUIET, against};
use anyhow::{Context, Result, bail, ensure};
use futures_util::future::{join_all, try_join_all};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use testkit::{
    cluster::{Cluster, USER},
    process::{Process, wait_for},
};

/// Business keys a case.
const EACH: usize = 4;
/// How long any of it may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);

/// A program that works on tasks until it is stopped.
struct Worker {
    name: &'static str,
    command: Command,
    /// What its client can do besides completing, failing and reporting BPMN errors.
    cases: &'static [&'static str],
    /// Variables that it gives back as they came, as `echo_…`.
    echoes: &'static [&'static str],
    /// Whether it bears variables that are files.
    file: bool,
    /// Whether its BPMN errors have messages.
    says: bool,
}

const ALWAYS: [&str; 4] = ["complete", "fail", "break", "refuse"];
const VALUES: [&str; 8] = [
    "number", "text", "flag", "big", "ratio", "when", "data", "nothing",
];
const VALUES_AND_FILE: [&str; 9] = [
    "number", "text", "flag", "big", "ratio", "when", "data", "nothing", "document",
];

fn directory(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("clients")
        .join(language)
}

fn model() -> PathBuf {
    directory("order.bpmn")
}

fn program(language: &str, program: &str, script: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(directory(language)).arg(script);
    command
}

fn node(script: &str) -> Command {
    program("node", "node", script)
}

fn python(script: &str) -> Command {
    program("python", ".venv/bin/python", script)
}

/// What every instance starts with; the client sees all of it.
fn variables(topic: &str, case: &str, file: bool) -> Value {
    let mut variables = json!({
        "topic": {"value": topic, "type": "String"},
        "case": {"value": case, "type": "String"},
        "number": {"value": 7, "type": "Integer"},
        "text": {"value": "Grüße, \"x\"\n\u{1F600}", "type": "String"},
        "flag": {"value": true, "type": "Boolean"},
        "big": {"value": 9_007_199_254_740_991_i64, "type": "Long"},
        "ratio": {"value": 0.1, "type": "Double"},
        "when": {"value": "2030-05-06T07:08:09.010+0000", "type": "Date"},
        "data": {"value": "{\"a\":[1,2,{\"b\":\"ä\"}]}", "type": "Json"},
        "nothing": {"value": null, "type": "Null"},
    });
    if file {
        let info = json!({"filename": "g.txt", "mimeType": "text/plain"});
        variables["document"] = json!({"value": "R3LDvMOfZQ==", "type": "File", "valueInfo": info});
    }
    variables
}

/// The router, as one of these clients sees it.
struct Rest<'a> {
    cluster: &'a Cluster,
    base: String,
}

impl Rest<'_> {
    async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value> {
        let url = format!("{}{path}", self.base);
        let (status, answer) = self.cluster.call(method, &url, body.as_ref()).await?;
        ensure!(status < 300, "{method} {path}: {status} {answer}");
        Ok(answer)
    }

    /// Instances of a topic that fit the filter.
    async fn count(&self, topic: &str, mut filter: Value) -> Result<u64> {
        filter["variables"] = json!([{"name": "topic", "operator": "eq", "value": topic}]);
        let answer = self
            .ask("POST", "/history/process-instance/count", Some(filter))
            .await?;
        answer["count"].as_u64().context("count")
    }

    async fn reached(&self, topic: &str, filter: Value, expected: usize) -> Result<()> {
        wait_for(&format!("{expected} of {filter}"), LIMIT, async || {
            let found = self.count(topic, filter.clone()).await?;
            Ok((found == expected as u64).then_some(()))
        })
        .await
    }
}

/// Starts instances of all cases, lets the worker work, and looks at what it has made of them.
async fn work(rest: &Rest<'_>, mut worker: Worker) -> Result<()> {
    let topic = worker.name;
    worker.command.args([&rest.base, topic, topic, USER.0, USER.1]);
    let mut process = Process::start(&rest.cluster.directory, topic, worker.command)?;
    let result = async {
        let cases: Vec<&str> = ALWAYS.iter().chain(worker.cases).copied().collect();
        let starts = cases.iter().flat_map(|case| (0..EACH).map(move |number| (*case, number)));
        let started = try_join_all(starts.map(async |(case, number)| {
            let body = json!({"businessKey": format!("{topic} {case} {number}"), "variables": variables(topic, case, worker.file)});
            let answer = rest.ask("POST", "/process-definition/key/client-order/start", Some(body)).await?;
            anyhow::Ok((case, answer["id"].as_str().context("id")?.to_owned()))
        }))
        .await?;
        // Who breaks leaves an incident; the repaired task is taken again.
        let broken: Vec<&str> = started.iter().filter(|(case, _)| *case == "break").map(|(_, id)| id.as_str()).collect();
        rest.reached(topic, json!({"withIncidents": true, "incidentStatus": "open"}), EACH).await?;
        let incidents = rest.ask("GET", &format!("/incident?processInstanceId={}", broken[0]), None).await?;
        ensure!(
            incidents[0]["incidentType"] == "failedExternalTask" && incidents[0]["incidentMessage"] == "broken",
            "{incidents}"
        );
        let repair = json!({"processInstanceIds": broken, "retries": 1});
        rest.ask("PUT", "/external-task/retries", Some(repair)).await?;
        // All but the refused now wait for their confirmation.
        let wait = (cases.len() - 1) * EACH;
        rest.reached(topic, json!({"activeActivityIdIn": ["confirm"]}), wait).await?;
        rest.reached(topic, json!({"completed": true}), EACH).await?;
        for (case, id) in &started {
            match *case {
                "complete" => echoed(rest, id, worker.echoes).await?,
                "refuse" if worker.says => refused(rest, id).await?,
                _ => {}
            }
        }
        anyhow::Ok(())
    }
    .await;
    let said = process.last_words();
    process.kill()?;
    result.with_context(|| format!("{topic} said:\n{said}"))
}

async fn echoed(rest: &Rest<'_>, id: &str, echoes: &[&str]) -> Result<()> {
    let path = format!("/process-instance/{id}/variables?deserializeValues=false");
    let found = rest.ask("GET", &path, None).await?;
    for name in echoes {
        let echo = &found[format!("echo_{name}")];
        ensure!(
            *name == "document" && echo["value"] == "Grüße" || echo == &found[*name],
            "{name}: {} came back as {echo}",
            found[*name]
        );
    }
    Ok(())
}

async fn refused(rest: &Rest<'_>, id: &str) -> Result<()> {
    let path = format!(
        "/history/variable-instance?processInstanceId={id}&variableNameIn=said,reason&sortBy=variableName&sortOrder=asc"
    );
    let rows = rest.ask("GET", &path, None).await?;
    let values: Vec<&Value> = rows
        .as_array()
        .into_iter()
        .flatten()
        .map(|row| &row["value"])
        .collect();
    ensure!(values.contains(&&json!("no, thanks")), "{rows}");
    Ok(())
}

/// Runs a script to its end.
async fn order(rest: &Rest<'_>, name: &str, mut command: Command, deploys: bool) -> Result<()> {
    command.args([&rest.base, name]);
    if deploys {
        // A process of its own, for it deletes what it has deployed.
        let own = rest.cluster.directory.join(format!("{name}.bpmn"));
        fs::write(&own, fs::read_to_string(model())?.replace("client-order", name))?;
        command.arg(own);
    }
    command.args([USER.0, USER.1]);
    let mut process = Process::start(&rest.cluster.directory, name, command)?;
    wait_for(name, LIMIT, async || Ok((!process.runs()).then_some(())))
        .await
        .with_context(|| process.last_words())?;
    let said = process.last_words();
    ensure!(said.lines().last() == Some("done"), "{name} said:\n{said}");
    Ok(())
}

/// Three shards behind a router, with the model deployed, for these clients.
async fn run(name: &str, workers: Vec<Worker>, orders: Vec<(&str, Command, bool)>) -> Result<()> {
    let cluster = Cluster::start_with(name, 3, 1, 1, &["--job-executor-activate", "false"]).await?;
    let rest = &Rest {
        cluster: &cluster,
        base: cluster.routers[0].base(),
    };
    cluster.deploy(&rest.base, &model()).await?;
    let worked = join_all(workers.into_iter().map(|worker| work(rest, worker)));
    let ordered = join_all(
        orders
            .into_iter()
            .map(|(name, command, deploys)| order(rest, name, command, deploys)),
    );
    let (worked, ordered) = tokio::join!(worked, ordered);
    let wrong: Vec<String> = worked
        .into_iter()
        .chain(ordered)
        .filter_map(|result| Some(format!("{:?}", result.err()?)))
        .collect();
    if !wrong.is_empty() {
        bail!("{}\n{}", wrong.join("\n"), cluster.last_words());
    }
    for (shard, nodes) in &cluster.nodes {
        let url = format!(
            "{}/history/process-instance/count?processDefinitionKey=client-order",
            nodes[0].base()
        );
        let (_, answer) = cluster.call("GET", &url, None).await?;
        ensure!(
            answer["count"].as_u64() > Some(0),
            "shard {shard} had nothing to do: {answer}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn s0_17_workers_and_clients_of_npm_and_pypi_work_unmodified_over_three_shards() -> Result<()> {
    let npm = |name, package, echoes| {
        let mut command = node("cases.mjs");
        command.arg(package);
        Worker {
            name,
            command,
            cases: &["extend", "unlock"],
            echoes,
            file: true,
            says: true,
        }
    };
    let workers = vec![
        // It decodes a file's content from base64, which it isn't in.
        npm("npm-oldest", "oldest", &VALUES),
        npm("npm-newest", "newest", &VALUES_AND_FILE),
        Worker {
            name: "python3",
            command: python("cases_python3.py"),
            cases: &[],
            echoes: &VALUES,
            file: true,
            says: true,
        },
        Worker {
            name: "camunda-client",
            command: python("cases_camunda_client.py"),
            cases: &["extend", "unlock"],
            echoes: &VALUES,
            file: false,
            says: true,
        },
    ];
    let orders = vec![
        ("visaright", node("order.mjs"), false),
        ("pycamunda", python("order_pycamunda.py"), true),
        ("camunda-client-order", python("order_camunda_client.py"), false),
        ("python3-order", python("order_python3.py"), false),
        ("generic", python("order_generic.py"), true),
    ];
    run("clients", workers, orders).await
}

/// Requests made from the reference's own OpenAPI document, always the same ones: no answer is 5xx, and none of another shape
/// than declared, but where the reference's is (`schemathesis/known.tsv`). With `STELLWERK_TEST_SECONDS` others for so long,
/// from `STELLWERK_TEST_SEED`: each speed finds other faults still.
#[tokio::test(flavor = "multi_thread")]
async fn clients_generated_requests_are_answered_as_the_document_says() -> Result<()> {
    let setting = |name| std::env::var(name).ok();
    let which = match setting("STELLWERK_TEST_SECONDS") {
        Some(seconds) => {
            let seed = setting("STELLWERK_TEST_SEED").unwrap_or_else(|| "7".to_owned());
            let phases = "examples,coverage,fuzzing";
            format!(
                "--max-time {seconds} --seed {seed} --phases {phases} --generation-database none --workers 2"
            )
        }
        None => {
            "--generation-deterministic --max-examples 3 --phases examples,fuzzing --workers 1".to_owned()
        }
    };
    against("schemathesis", &THREE_QUIET, async |base| {
        let directory = std::env::temp_dir().join(format!("stellwerk-schemathesis-{}", std::process::id()));
        let document = directory.join("openapi.json");
        fs::write(&document, rest_api::openapi::reference().to_string())?;
        let mut command = Command::new("../python/.venv/bin/st");
        command
            .current_dir(self::directory("schemathesis"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("SCHEMATHESIS_HOOKS", "hooks")
            .envs(
                setting("STELLWERK_TEST_SECONDS")
                    .is_none()
                    .then_some(("ANY_OPERATION", "1")),
            )
            .env("BASE", &base)
            .arg("run")
            .arg(&document)
            .args(["--url", &base, "--checks", "as_the_reference"])
            .args(which.split(' '))
            .args(["--continue-on-failure", "--request-timeout", "60"])
            .args(["--warnings", "off", "--no-color"]);
        let output = tokio::task::spawn_blocking(move || command.output()).await??;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(
            output.status.success(),
            "{said}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(1)
    })
    .await
}

#[cfg(feature = "long")]
#[tokio::test(flavor = "multi_thread")]
async fn s0_17_workers_and_clients_of_maven_work_unmodified_over_three_shards() -> Result<()> {
    let java = |project: &str, target: &str, main: &str| {
        let target = directory("java").join(project).join(target);
        let mut command = Command::new("java");
        command
            .args(["-Xmx200m", "-cp"])
            .arg(format!("{0}/classes:{0}/lib/*", target.display()))
            .arg(main);
        command
    };
    let worker = |name, command, says| Worker {
        name,
        command,
        cases: &["extend", "unlock"],
        echoes: &VALUES,
        file: true,
        says,
    };
    let workers = vec![
        // Its BPMN errors are bare codes.
        worker("maven-oldest", java("worker", "target/1.0.0", "Cases"), false),
        worker("maven-newest", java("worker", "target/7.24.0", "Cases"), true),
        worker("spring-boot", java("spring", "target", "clients.Cases"), true),
    ];
    let orders = vec![("openapi-java", java("order", "target", "Order"), true)];
    run("maven-clients", workers, orders).await
}
