//! What each filter of each list costs on PostgreSQL: `docs/query-plans.tsv` names them all, and this test holds it.
//!
//! *indexed*: the filter alone finds its rows by an index. *narrowed*: beside a filter by process instance or
//! definition no big table is read whole. *scan*: neither; the statement's time limit bounds it. The table is made by
//! `STELLWERK_PLANS=write cargo test -p engine-node query_plans`.
use super::*;
use crate::{
    app::Deployed,
    store::{self, DefinitionRow, OpenOptions},
};
use bpmn_core::Slot;
use rest_api::known;
use sea_query::PostgresQueryBuilder;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::Path,
    sync::Arc,
};
use testkit::postgres::Server;

/// Rows per table, as many running as ended; variables and activities have five times as many. `./test long size`
/// sets a million, with ten variables and activities each.
const INSTANCES: u32 = 20_000;
const DEFINITIONS: u32 = 50;
const SEED: &str = include_str!("seed.sql");
const MODEL: &str = r#"<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="t">
<process id="KEY" name="Name of KEY" isExecutable="true"><startEvent id="start"/></process></definitions>"#;

/// A list: its path, the filters that its document names, the statement for some, and the filter that narrows it.
struct List {
    path: &'static str,
    known: &'static [&'static str],
    listing: fn(Where<'_>) -> ApiResult<Listing>,
    companion: &'static str,
}

const LISTS: &[List] = &[
    List {
        path: "/process-instance",
        known: known::PROCESS_INSTANCE,
        listing: process_instance::listing,
        companion: "businessKey",
    },
    List {
        path: "/execution",
        known: known::EXECUTION,
        listing: execution::listing,
        companion: "processInstanceId",
    },
    List {
        path: "/task",
        known: known::TASK,
        listing: task::listing,
        companion: "processInstanceId",
    },
    List {
        path: "/external-task",
        known: known::EXTERNAL_TASK,
        listing: |w| external_task::listing(w, NOW),
        companion: "processInstanceId",
    },
    List {
        path: "/job",
        known: known::JOB,
        listing: |w| job::listing(w, NOW, None),
        companion: "processInstanceId",
    },
    List {
        path: "/incident",
        known: known::INCIDENT,
        listing: incident::listing,
        companion: "processInstanceId",
    },
    List {
        path: "/event-subscription",
        known: known::EVENT_SUBSCRIPTION,
        listing: event_subscription::listing,
        companion: "processInstanceId",
    },
    List {
        path: "/variable-instance",
        known: known::VARIABLE_INSTANCE,
        listing: variable::listing,
        companion: "processInstanceIdIn",
    },
    List {
        path: "/history/process-instance",
        known: known::HISTORY_PROCESS,
        listing: history_process::listing,
        companion: "processInstanceBusinessKey",
    },
    List {
        path: "/history/activity-instance",
        known: known::HISTORY_ACTIVITY,
        listing: history_activity::listing,
        companion: "processInstanceId",
    },
    List {
        path: "/history/variable-instance",
        known: known::HISTORY_VARIABLE,
        listing: history_variable::listing,
        companion: "processInstanceId",
    },
    List {
        path: "/history/detail",
        known: known::HISTORY_DETAIL,
        listing: history_detail::listing,
        companion: "processInstanceId",
    },
    List {
        path: "/history/task",
        known: known::HISTORY_TASK,
        listing: history_task::listing,
        companion: "processInstanceId",
    },
    List {
        path: "/history/incident",
        known: known::HISTORY_INCIDENT,
        listing: history_incident::listing,
        companion: "processInstanceId",
    },
    List {
        path: "/history/user-operation",
        known: known::HISTORY_OPERATION,
        listing: operation::listing,
        companion: "processInstanceId",
    },
    List {
        path: "/history/job-log",
        known: known::HISTORY_JOB_LOG,
        listing: |w| history_log::Log::Job.listing(w),
        companion: "processInstanceId",
    },
    List {
        path: "/history/external-task-log",
        known: known::HISTORY_EXTERNAL_TASK_LOG,
        listing: |w| history_log::Log::ExternalTask.listing(w),
        companion: "processInstanceId",
    },
];

/// Filters that change how others compare, or that select nothing by themselves.
const MODIFIERS: &[&str] = &[
    "variableNamesIgnoreCase",
    "variableValuesIgnoreCase",
    "includeAssignedTasks",
];

/// Tables that every query may read whole: they stay small.
const SMALL: &[&str] = &["definition", "deployment", "element", "hidden_slot", "slot"];

/// A moment before everything seeded.
const NOW: i64 = 1_699_999_999_000;

/// Id number `n` of a kind in the seed.
fn seeded(kind: u64, n: u64) -> String {
    let slot = Slot::from_bits(n % 16_384);
    Id::from_parts(1_700_000_000_000 + n * 1_000, 0, slot, (kind << 40) | n).to_string()
}

/// A value that finds few of the seeded rows.
fn example(filter: &str) -> String {
    let name = filter.to_lowercase();
    match filter {
        "variables" | "processVariables" | "taskVariables" | "variableValues" => {
            return "v1_eq_value 17".into();
        }
        "dueDates" | "createTimes" => return "lt_2023-11-14T00:00:00.000+0000".into(),
        "delegationState" => return "PENDING".into(),
        "eventType" => return "message".into(),
        "incidentStatus" => return "open".into(),
        "incidentType" => return "failedJob".into(),
        "priority" | "minPriority" | "priorityHigherThanOrEquals" => return "100".into(),
        "maxPriority" | "priorityLowerThanOrEquals" => return "0".into(),
        "processDefinitionId" => return "key7:1:".to_owned() + &seeded(1, 7),
        "processDefinitionKey" | "processDefinitionKeyIn" => return "key7".into(),
        "processDefinitionKeyNotIn" => return "key7".into(),
        "processDefinitionName" | "processDefinitionNameLike" => return "Name of key7".into(),
        "configuration" => return seeded(6, 17),
        _ => {}
    }
    let kind = match filter {
        "taskId" | "taskIdIn" => Some(5),
        "executionId" | "executionIdIn" => Some(2),
        "jobId" | "jobIds" => Some(6),
        "externalTaskId" | "externalTaskIdIn" => Some(7),
        "incidentId" | "incidentIdIn" | "causeIncidentId" | "rootCauseIncidentId" => Some(8),
        "eventSubscriptionId" => Some(9),
        "activityInstanceId" | "activityInstanceIdIn" => Some(10),
        "variableScopeIdIn" => Some(2),
        _ if name.contains("processinstanceid")
            || name.contains("superprocess")
            || name.contains("subprocess") =>
        {
            Some(3)
        }
        _ => None,
    };
    match kind {
        Some(kind) => seeded(kind, 17),
        None if name.ends_with("before") || name.ends_with("beforeornotexistent") => {
            "2023-11-14T00:00:00.000+0000".into()
        }
        None if name.ends_with("after") => "2040-01-01T00:00:00.000+0000".into(),
        None if name.ends_with("date") || name.ends_with("on") && name.starts_with("created") => {
            "2023-11-14T22:13:37.000+0000".into()
        }
        None if name.ends_with("like") => "text 17%".into(),
        None => "text 17".into(),
    }
}

/// Filters of a GET.
fn filters(pairs: &[(&str, &str)]) -> Filters {
    let pairs: Vec<(String, String)> = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Filters::from_query(&pairs)
}

/// The statement that counts the rows of a list (not its counters) for some filters; `None` where it isn't served.
fn statement(list: &List, view: &CatalogView, pairs: &[(&str, &str)]) -> Option<String> {
    let filters = filters(pairs);
    let listing = (list.listing)(Where::new(&filters, view)).ok()?;
    Some(listing.counted(None).count().to_string(PostgresQueryBuilder))
}

/// An example that the list takes for a filter, with its statement.
fn served(list: &List, view: &CatalogView, filter: &str) -> Option<String> {
    let modifier =
        MODIFIERS.contains(&filter) || filter.starts_with("include") || filter == "deserializeValues";
    if modifier {
        return None;
    }
    [example(filter), "true".to_owned()]
        .into_iter()
        .find(|value| statement(list, view, &[(filter, value)]).is_some())
}

/// How a plan finds its rows.
#[derive(Debug, Default)]
struct Plan {
    /// Big tables read whole, by heap or by a whole index.
    scans: BTreeSet<String>,
    indexes: BTreeSet<String>,
}

impl Plan {
    fn read(plan: &Value) -> Plan {
        let mut found = Plan::default();
        found.walk(&plan[0]["Plan"]);
        found
    }

    fn walk(&mut self, node: &Value) {
        let text = |name: &str| node[name].as_str().unwrap_or_default().to_owned();
        let table = text("Relation Name").replace("_default", "");
        let whole = match text("Node Type").as_str() {
            "Seq Scan" | "Parallel Seq Scan" => true,
            "Index Scan" | "Index Only Scan" | "Bitmap Index Scan" => {
                let index = text("Index Name");
                let partial = ["_suspended", "_failed", "_child"]
                    .iter()
                    .any(|end| index.ends_with(end));
                self.indexes.insert(index);
                node["Index Cond"].is_null() && !partial
            }
            _ => false,
        };
        if whole && !SMALL.contains(&table.as_str()) {
            self.scans.insert(table);
        }
        for child in node["Plans"].as_array().into_iter().flatten() {
            self.walk(child);
        }
    }
}

fn catalog() -> CatalogView {
    let deployed = (1..=DEFINITIONS).map(|n| {
        let key = format!("key{n}");
        let id: Id = seeded(1, n.into()).parse().unwrap();
        let definition = bpmn_core::parse(MODEL.replace("KEY", &key).as_bytes())
            .unwrap()
            .remove(0);
        let row = DefinitionRow {
            id,
            rest_id: format!("{key}:1:{id}"),
            key: key.clone(),
            version: 1,
            name: Some(format!("Name of {key}")),
            category: None,
            description: None,
            version_tag: None,
            tenant_id: None,
            history_ttl_days: None,
            startable_in_tasklist: true,
            suspended: false,
            resource_name: "m.bpmn".into(),
            deployment_id: id,
            home: Slot::from_bits(0),
        };
        Arc::new(Deployed::new(row, Arc::new(definition), true, Vec::new()))
    });
    CatalogView::new(BTreeMap::new(), deployed.collect(), Default::default(), 1)
}

fn explain(server: &Server, statements: &[String]) -> Vec<Plan> {
    let mut plans = Vec::new();
    // A few at a time: psql stops reading while nobody reads what it prints.
    for part in statements.chunks(8) {
        let script: String = part
            .iter()
            .map(|text| format!("EXPLAIN (FORMAT JSON) {text};\n\\echo ----\n"))
            .collect();
        let printed = server.psql("plans", &script).unwrap();
        let texts = printed
            .split("----\n")
            .map(str::trim)
            .filter(|text| !text.is_empty());
        plans.extend(texts.map(|text| Plan::read(&serde_json::from_str(text).unwrap())));
    }
    plans
}

/// One line of the table.
struct Line {
    list: &'static str,
    filter: &'static str,
    value: String,
    alone: String,
    narrowed: String,
}

#[tokio::test]
async fn query_plans_are_what_their_table_says() {
    let server = tokio::task::spawn_blocking(|| Server::start().unwrap())
        .await
        .unwrap();
    let url = server.create("plans").unwrap();
    let options = OpenOptions {
        unsafe_durability: true,
        ..OpenOptions::default()
    };
    store::open(&url, options).await.unwrap().close().await;
    let asked = std::env::var("STELLWERK_TEST_INSTANCES")
        .ok()
        .and_then(|n| n.parse().ok());
    let instances: u32 = asked.unwrap_or(INSTANCES);
    let each = if asked.is_some() { 10 } else { 5 };
    let seed = SEED
        .replace("$EACH", &each.to_string())
        .replace("$INSTANCES", &instances.to_string())
        .replace("$DEFINITIONS", &DEFINITIONS.to_string());
    server.psql("plans", &seed).unwrap();

    let view = catalog();
    let mut lines = Vec::new();
    for list in LISTS {
        let companion = example(list.companion);
        for filter in list.known {
            if let Some(value) = served(list, &view, filter) {
                let alone = statement(list, &view, &[(filter, &value)]).unwrap();
                let both = statement(list, &view, &[(filter, &value), (list.companion, &companion)]).unwrap();
                lines.push(Line {
                    list: list.path,
                    filter,
                    value,
                    alone,
                    narrowed: both,
                });
            }
        }
    }
    let alone = explain(
        &server,
        &lines.iter().map(|l| l.alone.clone()).collect::<Vec<_>>(),
    );
    let both = explain(
        &server,
        &lines.iter().map(|l| l.narrowed.clone()).collect::<Vec<_>>(),
    );
    assert_eq!((alone.len(), both.len()), (lines.len(), lines.len()));

    let mut table = String::from("list\tfilter\tuse\texample\tindexes or tables read whole\n");
    for ((line, alone), both) in lines.iter().zip(&alone).zip(&both) {
        let (word, what) = if alone.scans.is_empty() {
            ("indexed", &alone.indexes)
        } else if both.scans.is_empty() {
            ("narrowed", &alone.scans)
        } else {
            ("scan", &both.scans)
        };
        let what = what.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
        let _ = writeln!(
            table,
            "{}\t{}\t{word}\t{}\t{what}",
            line.list, line.filter, line.value
        );
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/query-plans.tsv");
    if std::env::var("STELLWERK_PLANS").is_ok_and(|v| v == "write") {
        std::fs::write(&file, &table).unwrap();
    }
    let uses = |text: &str| -> BTreeMap<(String, String), String> {
        text.lines()
            .skip(1)
            .filter_map(|line| {
                let mut cells = line.split('\t').map(str::to_owned);
                Some(((cells.next()?, cells.next()?), cells.next()?))
            })
            .collect()
    };
    let (expected, found) = (uses(&std::fs::read_to_string(&file).unwrap()), uses(&table));
    let rank = |word: &str| ["indexed", "narrowed", "scan"].iter().position(|w| *w == word);
    let worse: Vec<String> = found
        .iter()
        .filter(|(filter, now)| expected.get(*filter).is_none_or(|was| rank(now) > rank(was)))
        .map(|((list, filter), now)| format!("{list} {filter}: {now}"))
        .collect();
    assert!(
        worse.is_empty(),
        "worse than docs/query-plans.tsv says, or missing there: {worse:#?}"
    );
    let gone: Vec<_> = expected
        .keys()
        .filter(|filter| !found.contains_key(*filter))
        .collect();
    assert!(
        gone.is_empty(),
        "in docs/query-plans.tsv, but not served: {gone:?}"
    );
}
