//! What an operator does once the cluster runs, and what clients see of it meanwhile: two shards of two nodes on
//! PostgreSQL and etcd, asked through the router.
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};
use testkit::{cluster::Cluster, postgres::Session, process::wait_for};

/// Claims that go all the way.
const CLAIMS: u64 = 16;

/// Kinds of history, an order for each, and the rows that one claim leaves in it.
const HISTORY: [(&str, &str, u64); 8] = [
    ("process-instance", "startTime", 1),
    ("variable-instance", "variableName", 5),
    // Each variable's first value, and the amount that the clerk set.
    ("detail", "time", 6),
    ("task", "startTime", 1),
    // Creation and success of the continuation and of the reminder.
    ("job-log", "timestamp", 4),
    ("external-task-log", "timestamp", 2),
    // The candidate group, the assignee.
    ("identity-link-log", "time", 2),
    ("activity-instance", "startTime", 8),
];

struct Day {
    cluster: Cluster,
    router: String,
    definition: String,
}

impl Day {
    async fn ok(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value> {
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.router)
        };
        let (status, answer) = self.cluster.call(method, &url, body.as_ref()).await?;
        ensure!((200..300).contains(&status), "{method} {url}: {status} {answer}");
        Ok(answer)
    }

    async fn count(&self, path: &str) -> Result<u64> {
        let answer = self.ok("GET", path, None).await?;
        answer["count"]
            .as_u64()
            .with_context(|| format!("{path}: {answer}"))
    }

    async fn until(&self, path: &str, count: u64) -> Result<()> {
        let what = format!("{path} to be {count}");
        wait_for(&what, Duration::from_secs(60), async || {
            let is = self.count(path).await?;
            ensure!(is == count, "{path} is {is}");
            Ok(Some(()))
        })
        .await
    }

    async fn start(&self, base: &str, body: Value) -> Result<String> {
        let url = format!("{base}/process-definition/{}/start", self.definition);
        let started = self.ok("POST", &url, Some(body)).await?;
        Ok(started["id"].as_str().context("id")?.to_owned())
    }

    async fn admin(&self, arguments: &[&str]) -> Result<String> {
        let output = self.cluster.admin(arguments).await?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{arguments:?}: {said}");
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Every row of a list, page by page.
    async fn pages(&self, path: &str) -> Result<Vec<Value>> {
        let mut rows = Vec::new();
        loop {
            let page = format!("{path}&firstResult={}&maxResults=7", rows.len());
            let page = self.ok("GET", &page, None).await?;
            let page = page.as_array().context("rows")?;
            rows.extend(page.iter().cloned());
            if page.len() < 7 {
                return Ok(rows);
            }
        }
    }

    /// The list has as many rows as its count says, and none twice.
    async fn listed_as_counted(&self, path: &str, filter: &str, sort: &str) -> Result<Vec<Value>> {
        let count = self.count(&format!("{path}/count?{filter}")).await?;
        let rows = self
            .pages(&format!("{path}?{filter}&sortBy={sort}&sortOrder=asc"))
            .await?;
        let ids: BTreeSet<&str> = rows.iter().filter_map(|r| r["id"].as_str()).collect();
        ensure!(
            rows.len() as u64 == count && ids.len() == rows.len(),
            "{path}: {count} counted, {} listed, {} of them distinct",
            rows.len(),
            ids.len()
        );
        Ok(rows)
    }

    /// A page of seven, and the cursor behind it if there may be more.
    async fn behind(&self, path: &str, cursor: &str) -> Result<(Vec<Value>, Option<String>)> {
        let url = format!("{}{path}&maxResults=7&cursor={cursor}", self.router);
        let (user, password) = testkit::cluster::USER;
        let request = reqwest::Client::new().get(url).basic_auth(user, Some(password));
        let answer = request.send().await?.error_for_status()?;
        let next = answer.headers().get("x-stellwerk-cursor");
        let next = next.map(|next| next.to_str().map(str::to_owned)).transpose()?;
        Ok((answer.json().await?, next))
    }

    fn node_name(&self, shard: &str, number: usize) -> String {
        self.cluster.nodes[shard][number].url.replace("http://", "")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_14_operators_change_history_jobs_indexes_and_shards_while_claims_are_worked_on() -> Result<()> {
    let cluster = Cluster::start("day-two", 2, 2, 1).await?;
    let router = cluster.routers[0].base();
    let model = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models/day_two.bpmn");
    let deployed = cluster.deploy(&router, &model).await?;
    let definitions = deployed["deployedProcessDefinitions"].as_object();
    let definition = definitions.and_then(|d| d.keys().next().cloned());
    let mut day = Day {
        cluster,
        router,
        definition: definition.context("a definition")?,
    };
    let result = hours(&mut day).await;
    result.with_context(|| day.cluster.last_words())
}

async fn hours(day: &mut Day) -> Result<()> {
    claims_are_worked_on(day).await.context("claims")?;
    history_is_full_and_in_order(day).await.context("history")?;
    operators_sql_adds_up(day).await.context("SQL")?;
    levels_of_history_change_at_once(day).await.context("levels")?;
    other_nodes_run_what_one_leaves(day).await.context("executors")?;
    jobs_of_a_killed_node_run_elsewhere_once(day)
        .await
        .context("killed")?;
    a_new_shard_keeps_counts_and_history(day)
        .await
        .context("new shard")?;
    what_has_lived_its_time_is_cleaned_up(day)
        .await
        .context("clean-up")
}

/// Continuation, user task, external task, reminder, message: each once, wherever it lies.
async fn claims_are_worked_on(day: &Day) -> Result<()> {
    for number in 0..CLAIMS {
        let body = json!({"businessKey": format!("claim-{number}"),
            "variables": {"amount": {"value": number}, "customer": {"value": format!("c{number}")}}});
        day.start(&day.router, body).await?;
    }
    day.until("/task/count", CLAIMS).await?;
    for task in day.listed_as_counted("/task", "", "id").await? {
        let task = task["id"].as_str().context("task")?;
        let body = json!({"userId": "clerk"});
        day.ok("POST", &format!("/task/{task}/claim"), Some(body)).await?;
        let body = json!({"variables": {"amount": {"value": 1000}}});
        day.ok("POST", &format!("/task/{task}/complete"), Some(body))
            .await?;
    }
    let fetch = json!({"workerId": "w", "maxTasks": 5,
        "topics": [{"topicName": "invoices", "lockDuration": 60_000}]});
    let mut done = 0;
    while done < CLAIMS {
        let tasks = day
            .ok("POST", "/external-task/fetchAndLock", Some(fetch.clone()))
            .await?;
        let tasks = tasks.as_array().context("tasks")?;
        ensure!(!tasks.is_empty(), "{done} invoices, and no more");
        for task in tasks {
            let path = format!("/external-task/{}/complete", task["id"].as_str().context("id")?);
            let body = json!({"workerId": "w", "variables": {"invoice": {"value": "x"}}});
            day.ok("POST", &path, Some(body)).await?;
            done += 1;
        }
    }
    let reminders = "/history/activity-instance/count?activityId=remind";
    day.until(reminders, CLAIMS).await?;
    for number in 0..CLAIMS {
        let body = json!({"messageName": "paid", "businessKey": format!("claim-{number}"),
            "processVariables": {"paid": {"value": true}}});
        day.ok("POST", "/message", Some(body)).await?;
    }
    day.until("/process-instance/count", 0).await?;
    // S3-11: two nodes of each shard, and each timer fired once.
    day.until(reminders, CLAIMS).await
}

async fn history_is_full_and_in_order(day: &Day) -> Result<()> {
    for (kind, sort, each) in HISTORY {
        let path = format!("/history/{kind}");
        let rows = day.listed_as_counted(&path, "", sort).await?;
        ensure!(rows.len() as u64 == CLAIMS * each, "{kind}: {}", rows.len());
        let key = if sort == "variableName" { "name" } else { sort };
        let values: Vec<&str> = rows.iter().filter_map(|r| r[key].as_str()).collect();
        ensure!(
            values.len() == rows.len() && values.is_sorted(),
            "{kind} by {sort}: {values:?}"
        );
        for shard in ["a", "b"] {
            let url = format!("{}{path}/count", day.cluster.nodes[shard][1].base());
            ensure!(day.count(&url).await? > 0, "{kind} on {shard}");
        }
    }
    ensure!(day.count("/history/incident/count").await? == 0);
    let timers = day
        .ok("GET", "/history/job-log?activityIdIn=remind", None)
        .await?;
    let timers = timers.as_array().context("rows")?;
    ensure!(
        timers
            .iter()
            .all(|t| t["jobDefinitionType"] == "timer-transition"),
        "{timers:?}"
    );
    Ok(())
}

/// S3-06, S3-37: each shard's views answer for its part, and the printed index is taken.
async fn operators_sql_adds_up(day: &Day) -> Result<()> {
    let sql = "select count(*) from ACT_HI_PROCINST p join ACT_HI_DETAIL d on d.PROC_INST_ID_ = p.ID_ \
               where p.PROC_DEF_KEY_ = 'claim' and p.STATE_ = 'COMPLETED' and p.END_TIME_ <= now()";
    let mut sum = 0;
    for shard in ["shard_a", "shard_b"] {
        sum += day.cluster.postgres.psql(shard, sql)?.trim().parse::<u64>()?;
    }
    ensure!(sum == CLAIMS * 6, "{sum} details");
    let (a, b) = ("shard_a", "shard_b");
    let (a, b) = (day.cluster.postgres.url(a), day.cluster.postgres.url(b));
    let (a, b) = (format!("a={a}"), format!("b={b}"));
    let printed = "create index PROC_DEF_ID_END_TIME ON ACT_HI_PROCINST (PROC_DEF_ID_,END_TIME_)";
    let own = "create index MY_TEXT on ACT_HI_VARINST (NAME_, TEXT_)";
    for statement in [printed, own] {
        let said = day
            .admin(&["index", "add", statement, "--database", &a, "--database", &b])
            .await?;
        ensure!(statement == own || said.contains("served by"), "{said}");
    }
    let listed = day
        .admin(&["index", "list", "--database", &a, "--database", &b])
        .await?;
    ensure!(listed.contains("user_my_text"), "{listed}");
    day.admin(&["index", "drop", "MY_TEXT", "--database", &a, "--database", &b])
        .await?;
    day.admin(&["storage"]).await?;
    Ok(())
}

/// S2-14.
async fn levels_of_history_change_at_once(day: &Day) -> Result<()> {
    for (level, variables) in [("activity", 0), ("full", 2)] {
        day.admin(&["history-level", "set", level]).await?;
        let said = day.admin(&["history-level", "get"]).await?;
        ensure!(said.matches(level).count() == 4, "{said}");
        let body = json!({"variables": {"amount": {"value": 1}}});
        let id = day.start(&day.router, body).await?;
        day.until(&format!("/task/count?processInstanceId={id}"), 1)
            .await?;
        let of = format!("/history/variable-instance/count?processInstanceId={id}");
        ensure!(day.count(&of).await? == variables, "variables at {level}");
        day.ok("DELETE", &format!("/process-instance/{id}"), None).await?;
    }
    Ok(())
}

/// S1-26, S3-11: jobs pile up while no node runs them; one that runs them takes what another was given.
async fn other_nodes_run_what_one_leaves(day: &Day) -> Result<()> {
    day.admin(&["executor", "stop"]).await?;
    let first = day.cluster.nodes["b"][0].base();
    for _ in 0..5 {
        day.start(&first, json!({"variables": {"amount": {"value": 1}}}))
            .await?;
    }
    let jobs: Value = serde_json::from_str(&day.admin(&["jobs", "--output", "json"]).await?)?;
    let due: u64 = jobs
        .as_array()
        .context("shards")?
        .iter()
        .filter_map(|s| s["dueUnlocked"].as_u64())
        .sum();
    ensure!(due == 5 && day.count("/task/count").await? == 0, "{jobs}");
    let second = day.node_name("b", 1);
    day.admin(&["executor", "start", "--shard", "b", "--node", &second])
        .await?;
    day.until("/task/count", 5).await?;
    day.start(&first, json!({"variables": {"amount": {"value": 1}}}))
        .await?;
    day.until("/task/count", 6).await
}

/// S3-14: a killed node held every job, running; they run on the other one, each once.
async fn jobs_of_a_killed_node_run_elsewhere_once(day: &mut Day) -> Result<()> {
    let base = day.cluster.nodes["a"][0].base();
    for _ in 0..30 {
        day.start(&base, json!({"variables": {"amount": {"value": 1}}}))
            .await?;
    }
    // Whatever runs waits for these rows.
    let mut held = Session::open(&day.cluster.postgres, "shard_a")?;
    held.run("begin; do $$ begin perform 1 from process_instance for update; end $$;")?;
    let (doomed, other) = (day.node_name("a", 0), day.node_name("a", 1));
    day.admin(&["executor", "start", "--shard", "a", "--node", &doomed])
        .await?;
    wait_for("the jobs to be locked", Duration::from_secs(30), async || {
        let jobs: Value =
            serde_json::from_str(&day.admin(&["jobs", "--by-owner", "--output", "json"]).await?)?;
        let owner = &jobs[0]["owners"][0];
        Ok((owner["owner"] == doomed && owner["locked"] == 30).then_some(()))
    })
    .await?;
    day.cluster.nodes.get_mut("a").context("shard a")?[0]
        .process
        .kill()?;
    drop(held);
    day.admin(&["executor", "start", "--shard", "a", "--node", &other])
        .await?;
    day.until("/task/count", 36).await?;
    let prepared = "/history/job-log/count?successLog=true&activityIdIn=prepare";
    // And two of the change of levels, of which one had no log.
    day.until(prepared, CLAIMS + 36 + 1).await?;
    let activities = "/history/activity-instance/count?activityId=prepare&finished=true";
    day.until(activities, CLAIMS + 36 + 2).await
}

/// Counters, lists and history stay whole when slots move under load.
async fn a_new_shard_keeps_counts_and_history(day: &mut Day) -> Result<()> {
    day.cluster.start_shard("c", 1).await?;
    let list = "/history/activity-instance?sortBy=activityName&sortOrder=desc";
    let before = day.pages(list).await?;
    let (mut walked, mut cursor) = day.behind(list, "").await?;
    let (go, started) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU64::new(0)));
    let load = {
        let (go, started) = (go.clone(), started.clone());
        let url = format!("{}/process-definition/{}/start", day.router, day.definition);
        tokio::spawn(async move {
            let client = reqwest::Client::new();
            let (user, password) = testkit::cluster::USER;
            while go.load(SeqCst) {
                let key = format!("moving-{}", started.load(SeqCst));
                let body = json!({"businessKey": key, "variables": {"amount": {"value": 1}}});
                let sent = client.post(&url).basic_auth(user, Some(password)).json(&body);
                let answer = sent.send().await?;
                let status = answer.status();
                ensure!(status == 200, "{status} {}", answer.text().await?);
                started.fetch_add(1, SeqCst);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Ok(())
        })
    };
    let added = day.cluster.add_shard("c").await;
    go.store(false, SeqCst);
    load.await??;
    added?;
    // A cursor from before the slots moved goes on behind the same row.
    while let Some(next) = cursor {
        let page = day.behind(list, &next).await?;
        walked.extend(page.0);
        cursor = page.1;
    }
    let ids = |rows: &[Value]| -> BTreeSet<String> { rows.iter().map(|r| r["id"].to_string()).collect() };
    ensure!(ids(&walked).len() == walked.len(), "a row came twice");
    ensure!(ids(&walked).is_superset(&ids(&before)), "a row was passed over");
    let running = 36 + started.load(SeqCst);
    day.until("/task/count", running).await?;
    day.until("/process-instance/count", running).await?;
    day.listed_as_counted("/task", "", "created").await?;
    day.listed_as_counted("/process-instance", "", "instanceId")
        .await?;
    for (kind, sort, each) in HISTORY {
        let rows = day
            .listed_as_counted(&format!("/history/{kind}"), "", sort)
            .await?;
        ensure!(rows.len() as u64 >= CLAIMS * each, "{kind}: {}", rows.len());
    }
    let moved = format!(
        "{}/history/process-instance/count?finished=true",
        day.cluster.nodes["c"][0].base()
    );
    ensure!(day.count(&moved).await? > 0, "history moves along");
    Ok(())
}

/// S3-07: on every shard, only what has ended, with all its rows.
async fn what_has_lived_its_time_is_cleaned_up(day: &Day) -> Result<()> {
    let running = day.count("/process-instance/count").await?;
    let path = format!("/process-definition/{}/history-time-to-live", day.definition);
    day.ok("PUT", &path, Some(json!({"historyTimeToLive": 0})))
        .await?;
    day.ok("POST", "/history/cleanup", None).await?;
    day.until("/history/process-instance/count", running).await?;
    day.until("/history/external-task-log/count", 0).await?;
    day.until("/history/variable-instance/count?variableName=customer", 0)
        .await?;
    day.until("/process-instance/count", running).await
}
