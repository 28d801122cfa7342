//! Call trees, thrown signals, compensation and migration while nodes are killed: each step has happened exactly once.
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::PathBuf, time::Duration};
use testkit::{cluster::Cluster, process::wait_for};

const TRIPS: usize = 60;
const LISTENERS: usize = 6;

/// What a trip and its booking leave in history.
const STEPS: [&str; 11] = [
    "asked",
    "book",
    "confirm",
    "confirmed",
    "end",
    "pay",
    "refund",
    "start",
    "tell",
    "unbook",
    "undo",
];

struct Trips {
    cluster: Cluster,
    base: String,
}

impl Trips {
    /// One request that is repeated as long as the answer says that the service is away.
    async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value> {
        let url = format!("{}{path}", self.base);
        wait_for(path, Duration::from_secs(60), async || {
            let (status, answer) = self.cluster.call(method, &url, body.as_ref()).await?;
            match status {
                200..300 => Ok(Some(answer)),
                502..=504 => Ok(None),
                _ => bail!("{method} {path}: {status} {answer}"),
            }
        })
        .await
    }

    async fn count(&self, path: &str) -> Result<u64> {
        let answer = self.ask("GET", path, None).await?;
        answer["count"].as_u64().with_context(|| answer.to_string())
    }

    async fn until(&self, path: &str, count: u64) -> Result<()> {
        let mut last = 0;
        let reached = wait_for(path, Duration::from_secs(120), async || {
            last = self.count(path).await?;
            Ok((last == count).then_some(()))
        });
        reached.await.with_context(|| format!("is {last}, not {count}"))
    }

    /// Deploys a file of the models and gives the id of a definition in it.
    async fn deploy(&self, model: &str) -> Result<String> {
        let models = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models");
        let answer = self.cluster.deploy(&self.base, &models.join(model)).await?;
        let definitions = answer["deployedProcessDefinitions"].as_object();
        let id = definitions.and_then(|d| d.keys().next());
        Ok(id.context("a definition")?.clone())
    }

    fn kill(&mut self, shard: &str) -> Result<()> {
        let nodes = self.cluster.nodes.get_mut(shard).context("shard")?;
        nodes.remove(0).process.kill()
    }

    /// How often each activity of the trips and bookings is in history.
    async fn steps(&self) -> Result<BTreeMap<String, usize>> {
        let mut steps = BTreeMap::new();
        for row in self.rows("/history/activity-instance?").await? {
            let activity = row["activityId"].as_str().context("activity")?;
            if STEPS.contains(&activity) && row["processDefinitionKey"] != "listener" {
                ensure!(row["endTime"].is_string() && row["canceled"] == false, "{row}");
                *steps.entry(activity.to_owned()).or_default() += 1;
            }
        }
        Ok(steps)
    }

    async fn rows(&self, path: &str) -> Result<Vec<Value>> {
        let answer = self.ask("GET", path, None).await?;
        Ok(answer.as_array().context("rows")?.clone())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_signals_compensation_and_migration_happen_once_while_nodes_are_killed() -> Result<()> {
    let cluster = Cluster::start("trips", 2, 2, 1).await?;
    let base = cluster.routers[0].base();
    let mut trips = Trips { cluster, base };
    let result = scenario(&mut trips).await;
    result.with_context(|| trips.cluster.last_words())
}

async fn scenario(trips: &mut Trips) -> Result<()> {
    let first = trips.deploy("listener.bpmn").await?;
    trips.deploy("trip.bpmn").await?;
    for number in 0..LISTENERS {
        let body = json!({"businessKey": format!("listener-{number}")});
        trips
            .ask("POST", "/process-definition/key/listener/start", Some(body))
            .await?;
    }
    let ended = trips_come_and_go(trips).await?;
    // Every listener hears of every trip, whichever shard it lives on.
    let heard = "/history/activity-instance/count?activityId=noted&finished=true";
    let expected = (ended * LISTENERS) as u64;
    trips.until(heard, expected).await?;
    listeners_move_to_a_new_version(trips, &first).await?;
    trips
        .ask("POST", "/signal", Some(json!({"name": "paid"})))
        .await?;
    trips.until(heard, expected + LISTENERS as u64).await
}

/// Gives how many trips there were.
async fn trips_come_and_go(trips: &mut Trips) -> Result<usize> {
    let (mut answered, mut unclear) = (0, 0);
    let url = format!("{}/process-definition/key/trip/start", trips.base);
    for number in 0..TRIPS {
        match number * 6 / TRIPS {
            2 if number % 10 == 0 => trips.kill("a")?,
            3 if number % 10 == 0 => trips.cluster.start_node("a")?,
            4 if number % 10 == 0 => trips.kill("b")?,
            5 if number % 10 == 0 => trips.cluster.start_node("b")?,
            _ => {}
        }
        let body =
            json!({"businessKey": format!("trip-{number}"), "variables": {"number": {"value": number}}});
        match trips.cluster.call("POST", &url, Some(&body)).await? {
            (200, _) => answered += 1,
            (502..=504, _) => unclear += 1,
            (status, answer) => bail!("{status} {answer}"),
        }
    }
    trips
        .until("/process-instance/count?processDefinitionKey=trip", 0)
        .await?;
    let path = "/history/process-instance/count?processDefinitionKey=trip&completed=true";
    let ended = trips.count(path).await? as usize;
    ensure!(
        (answered..=answered + unclear).contains(&ended),
        "{ended} trips, {answered} answered, {unclear} unclear"
    );
    let steps = trips.steps().await?;
    let expected = STEPS.map(|step| (step.to_owned(), ended)).into();
    ensure!(steps == expected, "{ended} trips: {steps:?}");
    ensure!(trips.count("/incident/count").await? == 0, "there are incidents");
    Ok(ended)
}

/// A node dies while they move. Who is left behind then is asked to move again.
async fn listeners_move_to_a_new_version(trips: &mut Trips, first: &str) -> Result<()> {
    let second = trips.deploy("listener.bpmn").await?;
    let body = json!({"sourceProcessDefinitionId": first, "targetProcessDefinitionId": second});
    let plan = trips.ask("POST", "/migration/generate", Some(body)).await?;
    let behind = format!("/process-instance?processDefinitionId={first}");
    for _ in 0..5 {
        let rows = trips.rows(&behind).await?;
        if rows.is_empty() {
            break;
        }
        let ids: Vec<&Value> = rows.iter().map(|row| &row["id"]).collect();
        let body = json!({"migrationPlan": plan, "processInstanceIds": ids});
        let url = format!("{}/migration/execute", trips.base);
        let nodes = trips.cluster.nodes.get_mut("b").context("shard b")?;
        let mut node = (nodes.len() > 1).then(|| nodes.remove(0));
        let moved = trips.cluster.call("POST", &url, Some(&body));
        let killed = async { node.as_mut().map_or(Ok(()), |node| node.process.kill()) };
        let (moved, killed) = tokio::join!(moved, killed);
        killed?;
        let (status, answer) = moved?;
        ensure!(matches!(status, 204 | 502..=504), "{status} {answer}");
    }
    let count = LISTENERS as u64;
    trips.until(&behind.replace("?", "/count?"), 0).await?;
    let there = format!("/process-instance/count?processDefinitionId={second}");
    trips.until(&there, count).await?;
    trips
        .until("/task/count?processDefinitionKey=listener", count)
        .await?;
    let waits = "/event-subscription/count?eventType=signal&eventName=paid";
    trips.until(waits, count).await
}
