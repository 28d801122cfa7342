//! One instance and what its client knows of it: started, its external task completed, its message correlated, its
//! job run by the node.
use super::Dice;
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::{path::PathBuf, time::Duration};
use testkit::process::wait_for;

/// What a client knows of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// Not sent.
    Not,
    /// Sent; no answer came.
    Sent,
    /// Answered with success.
    Done,
}

/// A client's view of one instance.
#[derive(Debug)]
pub struct Case {
    key: String,
    /// Requests carry an idempotency key.
    keyed: bool,
    start: Known,
    complete: Known,
    correlate: Known,
    id: Option<String>,
    task: Option<String>,
    ended: bool,
}

/// A node under test.
#[derive(Clone, Debug)]
pub struct Node {
    pub client: reqwest::Client,
    pub base: String,
}

/// Why a request has no good answer: the node died, or it answered something that it must not.
enum Trouble {
    Died,
    Wrong(String),
}

impl Node {
    async fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
        key: Option<String>,
    ) -> Result<(u16, Value), reqwest::Error> {
        let method = method.parse().unwrap_or(reqwest::Method::GET);
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let text = answer.text().await?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    /// A GET that must succeed.
    pub async fn get(&self, path: &str) -> Result<Value> {
        let (status, body) = self.send("GET", path, None, None).await?;
        ensure!(status == 200, "GET {path}: {status} {body}");
        Ok(body)
    }

    /// A command that must succeed, unless the node dies meanwhile.
    async fn command(&self, path: &str, body: Value, key: Option<String>) -> Result<Value, Trouble> {
        match self.send("POST", path, Some(body), key).await {
            Ok((200..=299, answer)) => Ok(answer),
            Ok((status, answer)) => Err(Trouble::Wrong(format!("POST {path}: {status} {answer}"))),
            Err(_) => Err(Trouble::Died),
        }
    }

    /// Deploys the model under that name.
    pub async fn deploy(&self, name: &str) -> Result<()> {
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models/crash.bpmn");
        let part = reqwest::multipart::Part::bytes(std::fs::read(file)?).file_name("crash.bpmn");
        let form = reqwest::multipart::Form::new()
            .text("deployment-name", name.to_owned())
            .part("data", part);
        let url = format!("{}/deployment/create", self.base);
        let answer = self.client.post(url).multipart(form).send().await?;
        ensure!(
            answer.status().is_success(),
            "deployment: {}",
            answer.text().await?
        );
        Ok(())
    }

    /// A deployment whose node died: whole, or not there.
    pub async fn deployed_once_or_not(&self, name: &str, acknowledged: bool) -> Result<()> {
        let found = self.get(&format!("/deployment?name={name}")).await?;
        let found = found.as_array().context("deployments")?;
        ensure!(found.len() <= 1, "{name} was deployed {} times", found.len());
        ensure!(!acknowledged || found.len() == 1, "the deployment {name} is lost");
        for deployment in found {
            let id = deployment["id"].as_str().context("id")?;
            let path = format!("/process-definition/count?deploymentId={id}");
            let definitions = self.get(&path).await?;
            ensure!(definitions["count"] == 1, "{name} has {definitions} definitions");
        }
        Ok(())
    }

    /// After the last case nothing runs and nothing has been run twice.
    pub async fn nothing_is_left(&self, ended: u64) -> Result<()> {
        for list in [
            "/process-instance",
            "/execution",
            "/external-task",
            "/event-subscription",
            "/job",
            "/incident",
            "/variable-instance",
        ] {
            let count = self.get(&format!("{list}/count")).await?;
            ensure!(count["count"] == 0, "{list}: {count} are left");
        }
        let finished = self.get("/history/process-instance/count?finished=true").await?;
        let all = self.get("/history/process-instance/count").await?;
        ensure!(
            finished["count"] == ended && all["count"] == ended,
            "{ended} ended, the history says {finished} of {all}"
        );
        Ok(())
    }
}

/// Works on cases until the node dies; gives them back with what is known.
pub async fn work(node: Node, mut cases: Vec<Case>, first: u64, mut dice: Dice) -> Result<Vec<Case>> {
    for number in first.. {
        let open: Vec<usize> = (0..cases.len()).filter(|n| !cases[*n].answered()).collect();
        let at = match open.len() {
            n if n > 0 && dice.roll(4) > 0 => open[dice.roll(n as u64) as usize],
            _ => {
                cases.push(Case {
                    key: format!("case-{number}"),
                    keyed: dice.roll(2) == 0,
                    start: Known::Not,
                    complete: Known::Not,
                    correlate: Known::Not,
                    id: None,
                    task: None,
                    ended: false,
                });
                cases.len() - 1
            }
        };
        match cases[at].step(&node, &mut dice).await {
            Ok(()) => {}
            Err(Trouble::Died) => break,
            Err(Trouble::Wrong(what)) => bail!("{}: {what}", cases[at].key),
        }
    }
    Ok(cases)
}

impl Case {
    /// Whether the client has nothing more to do.
    fn answered(&self) -> bool {
        [self.start, self.complete, self.correlate] == [Known::Done; 3]
    }

    /// Whether it was seen to have ended as it should.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    fn idempotency(&self, what: &str) -> Option<String> {
        self.keyed.then(|| format!("{what}-{}", self.key))
    }

    async fn step(&mut self, node: &Node, dice: &mut Dice) -> Result<(), Trouble> {
        if self.start != Known::Done {
            return self.start(node).await;
        }
        match self.complete != Known::Done && (self.correlate == Known::Done || dice.roll(2) == 0) {
            true => self.complete(node).await,
            false => self.correlate(node).await,
        }
    }

    async fn start(&mut self, node: &Node) -> Result<(), Trouble> {
        self.start = Known::Sent;
        let body = json!({"businessKey": self.key, "variables": {
            "number": {"value": 1, "type": "Integer"}, "text": {"value": "x".repeat(200), "type": "String"}}});
        let path = "/process-definition/key/crash/start";
        let started = node.command(path, body, self.idempotency("start")).await?;
        self.id = started["id"].as_str().map(str::to_owned);
        self.start = Known::Done;
        Ok(())
    }

    async fn complete(&mut self, node: &Node) -> Result<(), Trouble> {
        let fetch = json!({"workerId": "w", "maxTasks": 1, "topics": [
            {"topicName": "work", "lockDuration": 600_000, "businessKey": self.key}]});
        if self.task.is_none() {
            let tasks = node.command("/external-task/fetchAndLock", fetch, None).await?;
            self.task = tasks[0]["id"].as_str().map(str::to_owned);
        }
        if self.task.is_none() {
            // It was locked for this worker by a fetch whose answer was lost.
            let path = format!("/external-task?processInstanceId={}", self.id());
            let tasks = node.get(&path).await.map_err(|_| Trouble::Died)?;
            self.task = tasks[0]["id"].as_str().map(str::to_owned);
        }
        let Some(task) = self.task.clone() else {
            return Err(Trouble::Wrong("its external task is gone".to_owned()));
        };
        self.complete = Known::Sent;
        let path = format!("/external-task/{task}/complete");
        let body = json!({"workerId": "w", "variables": {"done": {"value": true, "type": "Boolean"}}});
        node.command(&path, body, self.idempotency("complete")).await?;
        self.complete = Known::Done;
        Ok(())
    }

    async fn correlate(&mut self, node: &Node) -> Result<(), Trouble> {
        self.correlate = Known::Sent;
        let body = json!({"messageName": "paid", "businessKey": self.key});
        node.command("/message", body, self.idempotency("correlate"))
            .await?;
        self.correlate = Known::Done;
        Ok(())
    }

    fn id(&self) -> &str {
        self.id.as_deref().unwrap_or_default()
    }

    /// After a death: what was acknowledged is there once, what wasn't is there whole or not at all. Repeats what
    /// has an idempotency key; afterwards everything is known.
    pub async fn settle(&mut self, node: &Node) -> Result<()> {
        let found = self.found(node).await?;
        ensure!(found.len() <= 1, "{}: {} instances", self.key, found.len());
        if self.start == Known::Done {
            ensure!(found == [self.id().to_owned()], "{self:?}: found {found:?}");
        } else if self.start == Known::Sent {
            self.start = match (self.keyed, found.is_empty()) {
                (true, _) => Known::Sent,
                (false, true) => Known::Not,
                (false, false) => Known::Done,
            };
            if self.keyed {
                self.again(node, "start").await?;
                let after = self.found(node).await?;
                ensure!(
                    after == [self.id().to_owned()],
                    "{self:?}: found {found:?}, then {after:?}"
                );
                ensure!(
                    found.is_empty() || found == after,
                    "{self:?}: found {found:?}, then {after:?}"
                );
            }
            self.id = self.id.take().or_else(|| found.into_iter().next());
        }
        if self.start == Known::Not {
            return Ok(());
        }
        if self.complete == Known::Sent && self.keyed {
            self.again(node, "complete").await?;
        }
        if self.correlate == Known::Sent && self.keyed {
            self.again(node, "correlate").await?;
        }
        // The node's executor works meanwhile: what is half there stays half there.
        let mut seen = Err(anyhow::anyhow!("not looked at"));
        for _ in 0..100 {
            seen = self.look(node).await;
            if seen.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let (completed, correlated) = seen.with_context(|| format!("{self:?}"))?;
        for (what, known, done) in [
            ("complete", &mut self.complete, completed),
            ("correlate", &mut self.correlate, correlated),
        ] {
            match known {
                Known::Done => ensure!(done, "{}: an acknowledged {what} is lost", self.key),
                Known::Not => ensure!(!done, "{}: {what} happened by itself", self.key),
                Known::Sent => *known = if done { Known::Done } else { Known::Not },
            }
        }
        Ok(())
    }

    async fn again(&mut self, node: &Node, what: &str) -> Result<()> {
        let done = match what {
            "start" => self.start(node).await,
            "complete" => self.complete(node).await,
            _ => self.correlate(node).await,
        };
        match done {
            Ok(()) => Ok(()),
            Err(Trouble::Died) => bail!("the node died in peace"),
            Err(Trouble::Wrong(text)) => bail!("{what} of {} again: {text}", self.key),
        }
    }

    async fn found(&self, node: &Node) -> Result<Vec<String>> {
        let path = format!(
            "/history/process-instance?processInstanceBusinessKey={}",
            self.key
        );
        let rows = node.get(&path).await?;
        let ids = rows.as_array().context("instances")?.iter();
        Ok(ids.filter_map(|r| r["id"].as_str().map(str::to_owned)).collect())
    }

    /// Whether the task is completed and the message taken; an error if the rows don't fit together.
    async fn look(&mut self, node: &Node) -> Result<(bool, bool)> {
        let id = self.id().to_owned();
        let of = async |list: &str| -> Result<usize> {
            let rows = node.get(&format!("{list}processInstanceId={id}")).await?;
            Ok(rows.as_array().context("rows")?.len())
        };
        let history = node
            .get(&format!("/history/activity-instance?processInstanceId={id}"))
            .await?;
        let history = history.as_array().context("activities")?;
        // None: never begun; false: open; true: ended.
        let state = |activity: &str| -> Result<Option<bool>> {
            let rows: Vec<&Value> = history.iter().filter(|r| r["activityId"] == activity).collect();
            ensure!(
                rows.len() <= 1,
                "{activity} ran {} times: {history:?}",
                rows.len()
            );
            Ok(rows.first().map(|r| !r["endTime"].is_null()))
        };
        let (work, paid, later, end) = (state("work")?, state("paid")?, state("later")?, state("end")?);
        let process = node.get(&format!("/history/process-instance/{id}")).await?;
        let ended = !process["endTime"].is_null();
        let running = node
            .get(&format!("/process-instance/count?processInstanceIds={id}"))
            .await?;
        let running = running["count"] == 1;
        let (tasks, waiting, jobs) = (
            of("/external-task?").await?,
            of("/event-subscription?").await?,
            of("/job?").await?,
        );
        let executions = of("/execution?").await?;
        let variables = node
            .get(&format!("/variable-instance?processInstanceIdIn={id}"))
            .await?;
        let variables = variables.as_array().context("variables")?.len();
        ensure!(work.is_some() && paid.is_some(), "started by half: {history:?}");
        let (completed, correlated) = (work == Some(true), paid == Some(true));
        let both = completed && correlated;
        let open = |is: bool| usize::from(is);
        ensure!(running != ended, "running {running}, ended {ended}");
        ensure!(
            tasks == open(!completed),
            "{tasks} external tasks, work ended: {completed}"
        );
        ensure!(
            waiting == open(!correlated),
            "{waiting} subscriptions, paid ended: {correlated}"
        );
        ensure!(jobs == open(both && running), "{jobs} jobs of {history:?}");
        ensure!(
            (later == Some(true)) == ended && (end == Some(true)) == ended,
            "ended {ended}, but {history:?}"
        );
        ensure!(!ended || both, "ended early: {history:?}");
        ensure!(
            (executions > 0) == running,
            "{executions} executions, running {running}"
        );
        let expected = if running { 2 + open(completed) } else { 0 };
        ensure!(
            variables == expected,
            "{variables} variables instead of {expected}"
        );
        Ok((completed, correlated))
    }

    /// Does what is left to do and waits for the instance's end.
    pub async fn finish(&mut self, node: &Node) -> Result<()> {
        for (what, known) in [
            ("start", self.start),
            ("complete", self.complete),
            ("correlate", self.correlate),
        ] {
            if known != Known::Done {
                self.again(node, what).await?;
            }
        }
        let path = format!("/history/process-instance/{}", self.id());
        wait_for(
            &format!("{} to end", self.key),
            Duration::from_secs(30),
            async || Ok((!node.get(&path).await?["endTime"].is_null()).then_some(())),
        )
        .await?;
        self.look(node).await.with_context(|| format!("{self:?}"))?;
        self.ended = true;
        Ok(())
    }
}
