//! What an operation costs the database: statements, each of them one round trip and, where it writes, one commit.
use crate::api::Api;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use testkit::postgres::Server;

const MODELS: &str = r#"<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
  xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="http://budget">
  <bpmn:message id="m" name="paid"/>
  <bpmn:process id="coarse" isExecutable="true" camunda:historyTimeToLive="5">
    <bpmn:startEvent id="s1"/><bpmn:sequenceFlow id="a1" sourceRef="s1" targetRef="a"/>
    <bpmn:serviceTask id="a" camunda:expression="${1}"/><bpmn:sequenceFlow id="a2" sourceRef="a" targetRef="b"/>
    <bpmn:serviceTask id="b" camunda:expression="${1}"/><bpmn:sequenceFlow id="a3" sourceRef="b" targetRef="c"/>
    <bpmn:serviceTask id="c" camunda:expression="${1}"/><bpmn:sequenceFlow id="a4" sourceRef="c" targetRef="e1"/>
    <bpmn:endEvent id="e1"/>
  </bpmn:process>
  <bpmn:process id="external" isExecutable="true" camunda:historyTimeToLive="5">
    <bpmn:startEvent id="s2"/><bpmn:sequenceFlow id="b1" sourceRef="s2" targetRef="x"/>
    <bpmn:serviceTask id="x" camunda:type="external" camunda:topic="budget"/>
    <bpmn:sequenceFlow id="b2" sourceRef="x" targetRef="e2"/><bpmn:endEvent id="e2"/>
  </bpmn:process>
  <bpmn:process id="message" isExecutable="true" camunda:historyTimeToLive="5">
    <bpmn:startEvent id="s3"/><bpmn:sequenceFlow id="c1" sourceRef="s3" targetRef="r"/>
    <bpmn:receiveTask id="r" messageRef="m"/>
    <bpmn:sequenceFlow id="c2" sourceRef="r" targetRef="e3"/><bpmn:endEvent id="e3"/>
  </bpmn:process>
  <bpmn:process id="user" isExecutable="true" camunda:historyTimeToLive="5">
    <bpmn:startEvent id="s4"/><bpmn:sequenceFlow id="d1" sourceRef="s4" targetRef="u"/>
    <bpmn:userTask id="u"/>
    <bpmn:sequenceFlow id="d2" sourceRef="u" targetRef="e4"/><bpmn:endEvent id="e4"/>
  </bpmn:process></bpmn:definitions>"#;

/// Counts the statements of calls. What a node does in the background is counted with one of them now and then, so
/// each is made several times and the least counts.
struct Budget {
    api: Api,
    /// What, the budget, the least that it took.
    seen: Vec<(&'static str, u64, u64)>,
}

impl Budget {
    fn statements(&self) -> u64 {
        let stats = self.api.app.engine.store().stats();
        stats.statements.load(Ordering::Relaxed)
    }

    async fn post(&mut self, what: &'static str, at_most: u64, path: &str, body: Value) -> Value {
        let before = self.statements();
        let reply = self.api.json("POST", path, body).await;
        let took = self.statements() - before;
        assert!(reply.status / 100 == 2, "{what}: {} {}", reply.status, reply.body);
        match self.seen.iter_mut().find(|(of, ..)| *of == what) {
            Some((.., least)) => *least = took.min(*least),
            None => self.seen.push((what, at_most, took)),
        }
        reply.body
    }

    /// Prints what operations cost, and asserts it.
    fn judge(&self) {
        for (what, at_most, least) in &self.seen {
            println!("{what:<40} {least:>3} statements, at most {at_most}");
        }
        let over = self.seen.iter().filter(|(_, at_most, least)| least > at_most);
        assert_eq!(over.collect::<Vec<_>>(), Vec::<&(&str, u64, u64)>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s2_09_s2_19_s2_20_s3_36_operations_stay_within_their_budget_of_statements() {
    let server = tokio::task::spawn_blocking(Server::start).await.unwrap().unwrap();
    let url = server.create("budget").unwrap();
    let api = Api::with(|options| {
        options.job_executor_activate = false;
        options.database_url = Some(url);
        options.unsafe_durability = true;
    })
    .await;
    api.deploy(MODELS).await;
    let mut budget = Budget {
        api,
        seen: Vec::new(),
    };
    let start = |key: &str| format!("/process-definition/key/{key}/start");
    for _ in 0..5 {
        budget
            .post("start, three tasks, end", 1, &start("coarse"), json!({}))
            .await;
        budget
            .post("start into an external task", 1, &start("external"), json!({}))
            .await;
        let fetch = json!({"workerId": "w", "maxTasks": 10, "topics": [{"topicName": "budget", "lockDuration": 60000}]});
        let tasks = budget
            .post("fetch and lock, warm", 1, "/external-task/fetchAndLock", fetch)
            .await;
        let path = format!("/external-task/{}/complete", tasks[0]["id"].as_str().unwrap());
        budget
            .post(
                "complete an external task, warm",
                1,
                &path,
                json!({"workerId": "w"}),
            )
            .await;
        budget
            .post(
                "start into a receive task",
                1,
                &start("message"),
                json!({"businessKey": "k"}),
            )
            .await;
        let message = json!({"messageName": "paid", "businessKey": "k"});
        budget
            .post("correlate by business key", 2, "/message", message)
            .await;
        let started = budget
            .post("start into a user task", 1, &start("user"), json!({}))
            .await;
        let instance = started["id"].as_str().unwrap().to_owned();
        let mut many = serde_json::Map::new();
        for n in 0..1000 {
            many.insert(format!("v{n}"), json!({"value": n, "type": "Integer"}));
        }
        let path = format!("/process-instance/{instance}/variables");
        budget
            .post(
                "1 000 variables at once",
                1,
                &path,
                json!({"modifications": many}),
            )
            .await;
    }
    budget.judge();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_behind_another_answers_from_the_stored_state() {
    let server = tokio::task::spawn_blocking(Server::start).await.unwrap().unwrap();
    let url = server.create("behind").unwrap();
    let node = async |url: &str| {
        let url = url.to_owned();
        Api::with(|options| {
            options.job_executor_activate = false;
            options.database_url = Some(url);
            options.unsafe_durability = true;
        })
        .await
    };
    let one = node(&url).await;
    one.deploy(MODELS).await;
    let two = node(&url).await;
    let fetch =
        json!({"workerId": "w", "maxTasks": 1, "topics": [{"topicName": "budget", "lockDuration": 60000}]});
    let started = one
        .json("POST", "/process-definition/key/external/start", json!({}))
        .await;
    let instance = started.body["id"].as_str().unwrap().to_owned();
    // Fetched at one node, completed at the other, whose copy (if any) knows of no lock.
    let task = two
        .json("POST", "/external-task/fetchAndLock", fetch.clone())
        .await
        .body[0]["id"]
        .clone();
    let complete = format!("/external-task/{}/complete", task.as_str().unwrap());
    let reply = one.json("POST", &complete, json!({"workerId": "w"})).await;
    assert_eq!(reply.status, 204, "{}", reply.body);
    // The other node has loaded the instance and doesn't know that it has ended.
    let reply = two.json("POST", &complete, json!({"workerId": "w"})).await;
    assert_eq!(reply.status, 404, "{}", reply.body);
    // Both write one instance in turn: each one's copy is old every time.
    let started = one
        .json("POST", "/process-definition/key/user/start", json!({}))
        .await;
    let user = started.body["id"].as_str().unwrap().to_owned();
    for n in 0..6 {
        let node = if n % 2 == 0 { &one } else { &two };
        let path = format!("/process-instance/{user}/variables");
        let body = json!({"modifications": {format!("v{n}"): {"value": n, "type": "Integer"}}});
        assert_eq!(node.json("POST", &path, body).await.status, 204);
    }
    let seen = two.get(&format!("/process-instance/{user}/variables")).await;
    assert_eq!(seen.as_object().unwrap().len(), 6, "{seen}");
    assert_ne!(instance, user);
}
