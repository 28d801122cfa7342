//! A command is had once although its node died after the commit and before the answer: for each way in which a router sends
//! commands, its first try meets a node that dies there, and the second, with the same `Idempotency-Key`, one that lives.
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::{path::Path, time::Duration};
use testkit::{
    cluster::{Cluster, USER},
    process::wait_for,
};

/// Commands of the tree of an instance have been committed, nobody was told.
const COMMITTED: &str = "write.committed=abort@1";
/// An entry of the reference log was applied to the database, nobody was told.
const LOGGED: &str = "log.after=abort@1";

struct Twice {
    cluster: Cluster,
    base: String,
    client: reqwest::Client,
}

impl Twice {
    async fn send(&self, method: &str, path: &str, body: &Value, key: Option<&str>) -> Result<(u16, Value)> {
        let url = format!("{}{path}", self.base);
        let mut request = self
            .client
            .request(method.parse()?, url)
            .basic_auth(USER.0, Some(USER.1));
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        if !body.is_null() {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        Ok((
            status,
            serde_json::from_str(&answer.text().await?).unwrap_or(Value::Null),
        ))
    }

    async fn get(&self, path: &str) -> Result<Value> {
        let (status, answer) = self.send("GET", path, &Value::Null, None).await?;
        ensure!(status == 200, "{path}: {status} {answer}");
        Ok(answer)
    }

    async fn count(&self, path: &str) -> Result<u64> {
        self.get(path).await?["count"].as_u64().context("a count")
    }

    /// An instance of shard `a`, and whatever business key led it there.
    async fn instance(&self, prefix: &str) -> Result<(String, String)> {
        for n in 0..64 {
            let key = format!("{prefix}-{n}");
            let url = format!("{}/process-definition/key/repeated/start", self.base);
            let request = self.client.post(url).basic_auth(USER.0, Some(USER.1));
            let request = request
                .header("X-Stellwerk-Where", "1")
                .json(&json!({"businessKey": key}));
            let answer = request.send().await?;
            let shard = answer.headers().get("x-stellwerk-shard").cloned();
            let started: Value = answer.json().await?;
            if shard.is_some_and(|shard| shard == "a") {
                let id = started["id"].as_str().context("an id")?;
                return Ok((id.to_owned(), key));
            }
        }
        anyhow::bail!("no key leads to shard a")
    }

    /// The same request twice: at the first, the node of shard `a` dies at that point; gives the second's answer.
    async fn twice(&mut self, point: &str, method: &str, path: &str, body: &Value) -> Result<Value> {
        let key = format!("key of {method} {path}");
        self.restart(Some(point)).await?;
        let first = self.send(method, path, body, Some(&key)).await;
        let process = &mut self.cluster.nodes.get_mut("a").context("shard a")?[0].process;
        let died = wait_for("its death", Duration::from_secs(30), async || {
            Ok((!process.runs()).then_some(()))
        });
        died.await
            .with_context(|| format!("{path}: the node never met {point}; answered {first:?}"))?;
        // An entry of the log may have been appended, and answered, by the other shard.
        if let Ok((status, answer)) = first
            && point == COMMITTED
        {
            ensure!(
                (502..=504).contains(&status),
                "{path}: {status} {answer} of a node that died"
            );
        }
        self.restart(None).await?;
        let (status, answer) = self.send(method, path, body, Some(&key)).await?;
        ensure!(
            (200..300).contains(&status),
            "{path}, repeated: {status} {answer}"
        );
        let (again, same) = self.send(method, path, body, Some(&key)).await?;
        ensure!(
            (again, &same) == (status, &answer),
            "{path}: {same} after {answer}"
        );
        Ok(answer)
    }

    /// Another node for shard `a`, which dies at that point if one is named.
    async fn restart(&mut self, point: Option<&str>) -> Result<()> {
        for mut node in self.cluster.nodes.remove("a").unwrap_or_default() {
            if node.process.runs() {
                node.process.terminate().await?;
            }
        }
        self.cluster.start_node_that_dies("a", point)?;
        wait_for(
            "shard a to be served again",
            Duration::from_secs(60),
            async || {
                let (status, _) = self
                    .send("GET", "/process-instance/count", &Value::Null, None)
                    .await?;
                Ok((status == 200).then_some(()))
            },
        )
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_whose_node_died_before_it_answered_is_had_once_when_it_is_repeated() -> Result<()> {
    let cluster = Cluster::start_with("repeated", 2, 1, 1, &["--job-executor-activate", "false"]).await?;
    let base = cluster.routers[0].base();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/repeated.bpmn");
    cluster.deploy(&base, &model).await?;
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(60))
        .build()?;
    let mut it = Twice {
        cluster,
        base,
        client,
    };
    let result = all(&mut it).await;
    result.with_context(|| it.cluster.last_words())
}

async fn all(it: &mut Twice) -> Result<()> {
    // A start by key.
    let (_, key) = it.instance("start").await?;
    let started = it
        .twice(
            COMMITTED,
            "POST",
            "/process-definition/key/repeated/start",
            &json!({"businessKey": key}),
        )
        .await?;
    let id = started["id"].as_str().context("an id")?.to_owned();
    ensure!(
        it.count(&format!("/process-instance/count?businessKey={key}"))
            .await?
            == 2
    );

    // Commands by id: one that a second time would fail, and one that a second time would do more.
    let of_instance = format!("/task?processInstanceId={id}");
    let task = it.get(&of_instance).await?[0]["id"]
        .as_str()
        .context("a task")?
        .to_owned();
    it.twice(COMMITTED, "POST", &format!("/task/{task}/complete"), &json!({}))
        .await?;
    ensure!(it.get(&of_instance).await?[0]["taskDefinitionKey"] == "more");
    let more = json!({"instructions": [{"type": "startBeforeActivity", "activityId": "work"}]});
    it.twice(
        COMMITTED,
        "POST",
        &format!("/process-instance/{id}/modification"),
        &more,
    )
    .await?;
    ensure!(it.count(&format!("/task/count?processInstanceId={id}")).await? == 2);

    // A message whose receiver all shards are searched for, and a signal that both shards hear.
    let (id, key) = it.instance("message").await?;
    it.twice(
        COMMITTED,
        "POST",
        "/message",
        &json!({"messageName": "ring", "businessKey": key}),
    )
    .await?;
    let rung = format!("/task/count?taskDefinitionKey=answer&processInstanceId={id}");
    ensure!(it.count(&rung).await? == 1);
    let instances = it
        .count("/process-instance/count?processDefinitionKey=repeated")
        .await?;
    it.twice(COMMITTED, "POST", "/signal", &json!({"name": "alarm"}))
        .await?;
    let alarmed = it.count("/task/count?taskDefinitionKey=run").await?;
    ensure!(alarmed == instances, "{alarmed} of {instances}");

    // The reference log, through the shard whose node dies.
    let user = json!({"profile": {"id": "ada"}, "credentials": {"password": "correct horse"}});
    it.twice(LOGGED, "POST", "/user/create", &user).await?;
    ensure!(it.count("/user/count?id=ada").await? == 1);
    Ok(())
}
