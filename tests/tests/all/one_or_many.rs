//! The fan-out contract: the same random data on one shard and on two, three and eight give the same answers to the same
//! random lists, whatever is filtered, sorted and paged. Ids and times differ between clusters, so rows are compared by
//! the label of their instance.
use super::compat::against;
use anyhow::{Context, Result, ensure};
use reqwest::Client;
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
    time::Duration,
};
use testkit::process::wait_for;

const MODEL: &str = r#"<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
  xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="http://many">
  <bpmn:message id="m" name="go"/>
  <bpmn:process id="KEY" name="KEY" isExecutable="true" camunda:historyTimeToLive="5">
    <bpmn:startEvent id="start"/>
    <bpmn:sequenceFlow id="f1" sourceRef="start" targetRef="fork"/>
    <bpmn:parallelGateway id="fork"/>
    <bpmn:sequenceFlow id="f2" sourceRef="fork" targetRef="user"/>
    <bpmn:sequenceFlow id="f3" sourceRef="fork" targetRef="work"/>
    <bpmn:sequenceFlow id="f4" sourceRef="fork" targetRef="wait"/>
    <bpmn:sequenceFlow id="f5" sourceRef="fork" targetRef="later"/>
    <bpmn:userTask id="user" name="${name}" camunda:assignee="${assignee}" camunda:candidateGroups="${group}"/>
    <bpmn:serviceTask id="work" camunda:type="external" camunda:topic="${topic}" camunda:taskPriority="${number}"/>
    <bpmn:receiveTask id="wait" messageRef="m"/>
    <bpmn:serviceTask id="later" camunda:asyncBefore="true" camunda:jobPriority="${number}" camunda:expression="${nothing}"/>
    <bpmn:sequenceFlow id="f6" sourceRef="user" targetRef="end"/>
    <bpmn:endEvent id="end"/>
  </bpmn:process></bpmn:definitions>"#;
const INSTANCES: usize = 60;
const QUERIES: usize = 250;
/// Numbers that a failing run names, and that repeat it.
const SEED: u64 = 0x5EED;

/// A list: its path, filters to choose from, and criteria with the member of a row that shows them.
struct List {
    path: &'static str,
    filters: &'static [(&'static str, &'static [&'static str])],
    sorts: &'static [(&'static str, &'static str)],
}

const LISTS: &[List] = &[
    List {
        path: "/process-instance",
        filters: &[
            ("businessKey", &["b", "ä", "nobody"]),
            ("businessKeyLike", &["%b%", "B%"]),
            ("processDefinitionKey", &["one", "two"]),
            ("variables", &["number_gt_4", "name_like_%a%", "topic_neq_t1"]),
            ("suspended", &["true"]),
            ("withIncident", &["true"]),
        ],
        sorts: &[("businessKey", "businessKey"), ("definitionKey", "")],
    },
    List {
        path: "/task",
        filters: &[
            ("nameLike", &["%a%", "Z%"]),
            ("assignee", &["anna", "Zoe"]),
            ("unassigned", &["true"]),
            ("candidateGroup", &["g1", "g2"]),
            ("processVariables", &["number_lteq_3"]),
            ("processInstanceBusinessKey", &["b"]),
        ],
        sorts: &[
            ("name", "name"),
            ("assignee", "assignee"),
            ("priority", "priority"),
            ("dueDate", "due"),
        ],
    },
    List {
        path: "/external-task",
        filters: &[
            ("topicName", &["t1", "t2"]),
            ("priorityHigherThanOrEquals", &["3"]),
            ("active", &["true"]),
        ],
        sorts: &[
            ("taskPriority", "priority"),
            ("processDefinitionKey", "processDefinitionKey"),
        ],
    },
    List {
        path: "/job",
        filters: &[
            ("priorityLowerThanOrEquals", &["5"]),
            ("noRetriesLeft", &["true"]),
        ],
        sorts: &[
            ("jobPriority", "priority"),
            ("jobRetries", "retries"),
            ("jobDueDate", "dueDate"),
        ],
    },
    List {
        path: "/incident",
        filters: &[("incidentType", &["failedJob"])],
        sorts: &[("incidentType", "incidentType"), ("activityId", "activityId")],
    },
    List {
        path: "/execution",
        filters: &[
            ("activityId", &["user", "wait"]),
            ("processVariables", &["number_eq_2"]),
        ],
        sorts: &[("definitionKey", "")],
    },
    List {
        path: "/variable-instance",
        filters: &[
            ("variableName", &["name", "number"]),
            ("variableNameLike", &["n%"]),
        ],
        sorts: &[("variableName", "name"), ("variableType", "type")],
    },
    List {
        path: "/history/process-instance",
        filters: &[
            ("finished", &["true"]),
            ("processInstanceBusinessKeyLike", &["%b%"]),
            ("variables", &["number_gt_4", "name_like_%a%"]),
            ("withIncidents", &["true"]),
            ("incidentType", &["failedJob"]),
            ("processDefinitionKey", &["two"]),
        ],
        sorts: &[
            ("businessKey", "businessKey"),
            ("definitionKey", "processDefinitionKey"),
        ],
    },
    List {
        path: "/history/activity-instance",
        filters: &[
            ("activityType", &["userTask", "parallelGateway"]),
            ("finished", &["true"]),
            ("activityId", &["later"]),
        ],
        sorts: &[("activityId", "activityId"), ("activityType", "activityType")],
    },
    List {
        path: "/history/task",
        filters: &[
            ("taskAssignee", &["anna"]),
            ("unfinished", &["true"]),
            ("processVariables", &["number_lteq_3"]),
            ("taskNameLike", &["%e%"]),
        ],
        sorts: &[("taskName", "name"), ("assignee", "assignee")],
    },
    List {
        path: "/history/variable-instance",
        filters: &[("variableNameLike", &["n%"]), ("variableName", &["topic"])],
        sorts: &[("variableName", "name")],
    },
    List {
        path: "/history/detail",
        filters: &[
            ("variableUpdates", &["true"]),
            ("activityInstanceId", &["nobody"]),
        ],
        sorts: &[("variableName", "variableName"), ("variableType", "variableType")],
    },
    List {
        path: "/history/incident",
        filters: &[("open", &["true"]), ("incidentType", &["failedJob"])],
        sorts: &[("activityId", "activityId")],
    },
    List {
        path: "/history/external-task-log",
        filters: &[("topicNames", &["t1", "t2"]), ("creationLog", &["true"])],
        sorts: &[("topicName", "topicName")],
    },
    List {
        path: "/history/job-log",
        filters: &[
            ("creationLog", &["true"]),
            ("jobPriorityLowerThanOrEquals", &["5"]),
        ],
        sorts: &[("jobPriority", "jobPriority"), ("activityId", "activityId")],
    },
    List {
        path: "/history/identity-link-log",
        filters: &[
            ("operationType", &["add"]),
            ("groupId", &["g1"]),
            ("userId", &["anna"]),
        ],
        sorts: &[("groupId", "groupId")],
    },
    List {
        path: "/event-subscription",
        filters: &[("eventName", &["go"]), ("activityId", &["wait", "nobody"])],
        sorts: &[],
    },
];

/// Marsaglia's xorshift: the same on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end
    }

    fn of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }
}

/// A question, the same for every cluster.
struct Ask {
    list: &'static List,
    filters: Vec<(&'static str, &'static str)>,
    sorts: Vec<(&'static (&'static str, &'static str), &'static str)>,
    first: usize,
    max: usize,
}

fn questions() -> Vec<Ask> {
    let mut random = Random(SEED);
    (0..QUERIES)
        .map(|number| {
            let list = &LISTS[number % LISTS.len()];
            let mut filters = Vec::new();
            for _ in 0..random.below(3) {
                let (name, values) = &list.filters[random.below(list.filters.len())];
                if filters.iter().all(|(known, _)| known != name) {
                    filters.push((*name, random.of(values)));
                }
            }
            let sorts = (0..random.below(3).min(list.sorts.len()))
                .map(|n| {
                    (
                        &list.sorts[(random.below(2) + n) % list.sorts.len()],
                        random.of(&["asc", "desc"]),
                    )
                })
                .collect();
            Ask {
                list,
                filters,
                sorts,
                first: random.below(50),
                max: 1 + random.below(20),
            }
        })
        .collect()
}

/// A cluster with the data in it.
struct Many {
    base: String,
    client: Client,
    /// Label of an instance's id.
    labels: BTreeMap<String, String>,
}

impl Many {
    async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Value)> {
        let url = format!("{}{path}", self.base);
        let mut request = self.client.request(method.parse()?, url);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let text = response.text().await?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    async fn ok(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let (status, answer) = self.call(method, path, body).await?;
        ensure!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        Ok(answer)
    }

    async fn fill(base: String) -> Result<Many> {
        let health = base.replace("/engine-rest", "/health/ready");
        wait_for("every shard", Duration::from_secs(60), async || {
            Ok(reqwest::get(&health).await?.status().is_success().then_some(()))
        })
        .await?;
        let mut many = Many {
            base,
            client: Client::new(),
            labels: BTreeMap::new(),
        };
        for key in ["one", "two"] {
            let file =
                reqwest::multipart::Part::text(MODEL.replace("KEY", key)).file_name(format!("{key}.bpmn"));
            let form = reqwest::multipart::Form::new()
                .text("deployment-name", "many")
                .part("data", file);
            let url = format!("{}/deployment/create", many.base);
            let answer = many.client.post(url).multipart(form).send().await?;
            ensure!(answer.status().is_success(), "{}", answer.text().await?);
        }
        let mut random = Random(SEED + 1);
        for number in 0..INSTANCES {
            let label = format!("i{number}");
            let mut variables = Map::new();
            let mut set = |name: &str, value: Value| variables.insert(name.into(), json!({"value": value}));
            set("label", json!(label));
            set(
                "name",
                json!(random.of(&["apple", "Apple", "Zebra", "zebra", "äpfel", "_", "pear"])),
            );
            set("number", json!(random.below(9)));
            set("topic", json!(random.of(&["t1", "t2", "t3"])));
            set("group", json!(random.of(&["g1", "g2"])));
            set(
                "assignee",
                [Value::Null, json!("anna"), json!("Zoe")][random.below(3)].clone(),
            );
            let keys = ["a", "b", "B", "ab", "ä", "10", "9"];
            let key = (random.below(5) > 0).then(|| keys[random.below(keys.len())]);
            let body = json!({"businessKey": key, "variables": variables});
            let path = format!("/process-definition/key/{}/start", random.of(&["one", "two"]));
            let started = many.ok("POST", &path, Some(&body)).await?;
            let id = started["id"].as_str().context("id")?.to_owned();
            many.change(&id, random.below(6)).await?;
            many.labels.insert(id, label);
        }
        Ok(many)
    }

    /// What becomes of an instance after its start.
    async fn change(&self, id: &str, what: usize) -> Result<()> {
        let of = format!("processInstanceId={id}");
        match what {
            0 => {
                let tasks = self.ok("GET", &format!("/task?{of}"), None).await?;
                let task = tasks[0]["id"].as_str().context("task")?;
                self.ok("POST", &format!("/task/{task}/complete"), Some(&json!({})))
                    .await?;
            }
            1 => {
                self.ok("DELETE", &format!("/process-instance/{id}"), None)
                    .await?;
            }
            2 => {
                let jobs = self.ok("GET", &format!("/job?{of}"), None).await?;
                let job = jobs[0]["id"].as_str().context("job")?;
                let retries = json!({"retries": 0});
                self.ok("PUT", &format!("/job/{job}/retries"), Some(&retries))
                    .await?;
            }
            3 => {
                let suspended = json!({"suspended": true});
                self.ok(
                    "PUT",
                    &format!("/process-instance/{id}/suspended"),
                    Some(&suspended),
                )
                .await?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The whole list, and the page of it, which must be a part of it.
    async fn answer(&self, ask: &Ask) -> Result<(Vec<Value>, usize)> {
        let query = |pairs: &[(&str, String)]| {
            let pairs: Vec<String> = pairs
                .iter()
                .map(|(n, v)| format!("{n}={}", v.replace('%', "%25")))
                .collect();
            pairs.join("&")
        };
        let mut pairs: Vec<(&str, String)> = ask.filters.iter().map(|(n, v)| (*n, (*v).to_owned())).collect();
        let count = format!("{}/count?{}", ask.list.path, query(&pairs));
        let sorting = json!({"sorting": ask.sorts.iter().map(|((by, _), order)| json!({"sortBy": by, "sortOrder": order})).collect::<Vec<_>>()});
        // Several criteria take the POST form, where filters are members of the body: only sorting is tried there.
        let (method, body) = match ask.sorts.as_slice() {
            [] => ("GET", None),
            [((by, _), order)] => {
                pairs.push(("sortBy", (*by).to_owned()));
                pairs.push(("sortOrder", (*order).to_owned()));
                ("GET", None)
            }
            _ if ask.list.path == "/incident" => ("GET", None),
            _ => {
                pairs.clear();
                ("POST", Some(&sorting))
            }
        };
        let whole = self
            .ok(method, &format!("{}?{}", ask.list.path, query(&pairs)), body)
            .await?;
        let whole = whole.as_array().context("a list")?.clone();
        let filters = query(&pairs);
        pairs.push(("firstResult", ask.first.to_string()));
        pairs.push(("maxResults", ask.max.to_string()));
        let page = self
            .ok(method, &format!("{}?{}", ask.list.path, query(&pairs)), body)
            .await?;
        let expected: Vec<Value> = whole.iter().skip(ask.first).take(ask.max).cloned().collect();
        ensure!(
            page == Value::Array(expected),
            "{}: a page is no part of its list",
            ask.list.path
        );
        let walked = self
            .walk(method, ask.list.path, &filters, 10 + ask.max, body)
            .await?;
        ensure!(
            walked == whole,
            "{}: the pages behind cursors are not the list",
            ask.list.path
        );
        let ids: BTreeSet<&str> = whole.iter().filter_map(|row| row["id"].as_str()).collect();
        ensure!(ids.len() == whole.len(), "{}: a row comes twice", ask.list.path);
        let count = self.ok("GET", &count, None).await?["count"]
            .as_u64()
            .context("count")? as usize;
        if method == "GET" {
            ensure!(
                count == whole.len(),
                "{}: {} rows, counted {count}",
                ask.list.path,
                whole.len()
            );
        }
        Ok((whole, count))
    }

    /// A list put together of pages that begin behind cursors.
    async fn walk(
        &self,
        method: &str,
        path: &str,
        filters: &str,
        max: usize,
        body: Option<&Value>,
    ) -> Result<Vec<Value>> {
        let mut rows = Vec::new();
        let mut cursor = String::new();
        loop {
            let url = format!("{}{path}?{filters}&maxResults={max}&cursor={cursor}", self.base);
            let mut request = self.client.request(method.parse()?, url);
            if let Some(body) = body {
                request = request.json(body);
            }
            let response = request.send().await?.error_for_status()?;
            let next = response.headers().get("x-stellwerk-cursor").cloned();
            let page: Vec<Value> = response.json().await?;
            ensure!(
                page.len() <= max && next.is_some() == (page.len() == max),
                "{path}: {}",
                page.len()
            );
            rows.extend(page);
            let Some(next) = next else { return Ok(rows) };
            cursor = next.to_str()?.to_owned();
        }
    }

    /// What a question tells of the data alone: the sorted members in order, and the rows without order.
    async fn facts(&self, ask: &Ask) -> Result<Value> {
        let (rows, count) = self.answer(ask).await?;
        let sorted: Vec<Vec<&Value>> = rows
            .iter()
            .map(|row| ask.sorts.iter().map(|((_, member), _)| &row[*member]).collect())
            .collect();
        let mut shown: Vec<String> = rows
            .iter()
            .map(|row| {
                let id = ["processInstanceId", "id"].iter().find_map(|m| row[*m].as_str());
                let label = id.and_then(|id| self.labels.get(id)).map_or("?", String::as_str);
                let members = [
                    "activityId",
                    "taskDefinitionKey",
                    "name",
                    "state",
                    "value",
                    "suspended",
                    "retries",
                ];
                let told: Vec<String> = members.iter().map(|m| row[*m].to_string()).collect();
                format!("{label} {}", told.join(" "))
            })
            .collect();
        shown.sort();
        Ok(json!({"count": count, "sorted": sorted, "rows": shown}))
    }

    /// Sums and sets over all shards.
    async fn sums(&self) -> Result<Value> {
        let mut all = Map::new();
        let topics = self.ok("GET", "/external-task/topic-names", None).await?;
        all.insert("topics".into(), topics);
        let statistics = self
            .ok(
                "GET",
                "/process-definition/statistics?incidents=true&failedJobs=true",
                None,
            )
            .await?;
        let mut lines: Vec<Value> = Vec::new();
        for row in statistics.as_array().context("statistics")? {
            let id = row["definition"]["id"].as_str().context("definition")?;
            let active = self
                .ok(
                    "GET",
                    &format!("/process-definition/{id}/statistics?incidents=true"),
                    None,
                )
                .await?;
            let past = format!(
                "/history/process-definition/{id}/statistics?canceled=true&finished=true&incidents=true"
            );
            let past = self.ok("GET", &past, None).await?;
            let by_id = |rows: &Value| {
                let mut rows = rows.as_array().cloned().unwrap_or_default();
                rows.sort_by_key(|row| row["id"].to_string());
                rows
            };
            lines.push(json!([
                row["definition"]["key"],
                row["instances"],
                row["failedJobs"],
                row["incidents"],
                by_id(&active),
                by_id(&past)
            ]));
        }
        lines.sort_by_key(|line| line[0].to_string());
        all.insert("statistics".into(), json!(lines));
        Ok(Value::Object(all))
    }

    async fn everything(&self) -> Result<Vec<Value>> {
        let mut all = vec![self.sums().await?];
        for (number, ask) in questions().iter().enumerate() {
            let facts = self.facts(ask).await;
            let sorts: Vec<_> = ask
                .sorts
                .iter()
                .map(|((by, _), order)| format!("{by} {order}"))
                .collect();
            all.push(facts.with_context(|| {
                format!("question {number} {} {:?} {sorts:?}", ask.list.path, ask.filters)
            })?);
        }
        Ok(all)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_counts_and_sums_over_many_shards_are_those_of_one() -> Result<()> {
    let one: Mutex<Vec<Value>> = Mutex::default();
    for shards in ["1", "2", "3", "8"] {
        let arguments = [
            "dev",
            "--shards",
            shards,
            "--port",
            "PORT",
            "--no-sample",
            "--job-executor-activate",
            "false",
        ];
        against(&format!("many-{shards}"), &arguments, async |base| {
            let all = Many::fill(base).await?.everything().await?;
            let mut one = one.lock().unwrap_or_else(|e| e.into_inner());
            if one.is_empty() {
                *one = all;
                return Ok(0);
            }
            let questions = questions();
            for (number, (expected, seen)) in one.iter().zip(&all).enumerate() {
                let ask = number
                    .checked_sub(1)
                    .map(|n| (questions[n].list.path, &questions[n].filters));
                ensure!(expected == seen, "{shards} shards, {ask:?}:\n{expected}\n{seen}");
            }
            Ok(all.len())
        })
        .await?;
    }
    Ok(())
}
