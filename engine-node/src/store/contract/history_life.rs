//! A whole life of an instance at level full, stepped by the core and written command by command.
use super::fixture::*;
use crate::store::*;
use bpmn_core::{
    DefinitionRef,
    command::{Command, Env, Retries},
    history::{FULL, History, Level, Rule},
};
use std::collections::BTreeMap;

const MODEL: &str = r#"<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="t"><process id="life" isExecutable="true">
<startEvent id="s"/><sequenceFlow id="f1" sourceRef="s" targetRef="u"/>
<userTask id="u" camunda:assignee="kermit" camunda:candidateGroups="g"/><sequenceFlow id="f2" sourceRef="u" targetRef="x"/>
<serviceTask id="x" camunda:type="external" camunda:topic="t"/><sequenceFlow id="f3" sourceRef="x" targetRef="j"/>
<serviceTask id="j" camunda:asyncBefore="true" camunda:expression="${1}"/><sequenceFlow id="f4" sourceRef="j" targetRef="e"/>
<endEvent id="e"/></process></definitions>"#;

/// Runs the script on the store; the rows it leaves, by table.
async fn life(f: &Fixture, told: &History, at: Slot) -> BTreeMap<String, Vec<String>> {
    let definition = bpmn_core::parse(MODEL.as_bytes()).expect("model").remove(0);
    let def = DefinitionRef {
        id: id(at),
        definition: &definition,
        rest_id: "life:1:id",
        version: 1,
        tenant_id: None,
        job_settings: &[],
    };
    let generator = topology::IdGenerator::default();
    let mut ids = &generator;
    let mut env = Env {
        now: 1_700_000_000_000,
        ids: &mut ids,
        user: Some("demo"),
        groups: None,
        max_steps: 100,
        retries: Retries::default(),
        history: told,
        world: &bpmn_core::world::NoWorld,
        given: &[],
    };
    let text = |value: &str| TypedValue::String(value.to_owned());
    let mut instance = bpmn_core::new_instance(&def, at, None, &mut env);
    let own = instance.process.id;
    let secret = ("secret".to_owned(), text("MARK-1"));
    let start = Command::Start {
        element: None,
        variables: vec![("a".to_owned(), text("1")), secret],
    };
    bpmn_core::step(&def, &mut instance, start, &mut env).expect("start");
    f.save(&mut instance).await;
    // Each command on what the store gives back.
    type Make = fn(&Instance) -> Command;
    let script: [Make; 9] = [
        |i| values(i, &[("a", "2"), ("secret", "MARK-2")], &[]),
        |i| values(i, &[("a", "2")], &[]),
        |i| values(i, &[("b", "long ".repeat(2000).as_str())], &[]),
        |i| values(i, &[], &["b"]),
        |i| Command::CompleteTask {
            task: i.tasks.iter().next().expect("task").id,
            variables: Vec::new(),
            local_variables: Vec::new(),
        },
        lock,
        |i| Command::FailExternalTask {
            task: i.external_tasks.iter().next().expect("task").id,
            worker: "w".into(),
            error_message: Some("no".into()),
            error_details: Some("why".into()),
            retries: 0,
            retry_timeout: 0,
            variables: Vec::new(),
            local_variables: Vec::new(),
        },
        |i| Command::CompleteExternalTask {
            task: i.external_tasks.iter().next().expect("task").id,
            worker: "w".into(),
            variables: Vec::new(),
            local_variables: Vec::new(),
        },
        |i| Command::ExecuteJob {
            job: i.jobs.iter().next().expect("job").id,
        },
    ];
    for make in script {
        let mut instance = f.load_one(own).await.expect("stored");
        let command = make(&instance);
        bpmn_core::step(&def, &mut instance, command, &mut env).expect("step");
        f.save(&mut instance).await;
    }
    assert!(f.load_one(own).await.is_none());
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut cursor = None;
    loop {
        let (lines, next) = f.store.export_slot(at, cursor).await.expect("export");
        for line in lines {
            let row: serde_json::Value = serde_json::from_str(&line).expect("JSON");
            let table = row["t"].as_str().expect("table").to_owned();
            tables.entry(table).or_default().push(line);
        }
        cursor = next;
        if cursor.is_none() {
            return tables;
        }
    }
}

fn values(i: &Instance, set: &[(&str, &str)], delete: &[&str]) -> Command {
    Command::SetVariables {
        scope: i.process.id,
        local: false,
        set: set
            .iter()
            .map(|(name, value)| ((*name).to_owned(), TypedValue::String((*value).to_owned())))
            .collect(),
        delete: delete.iter().map(|name| (*name).to_owned()).collect(),
    }
}

fn lock(i: &Instance) -> Command {
    Command::LockExternalTask {
        task: i.external_tasks.iter().next().expect("task").id,
        worker: "w".into(),
        duration: 60_000,
    }
}

fn counts(tables: &BTreeMap<String, Vec<String>>) -> Vec<(&str, usize)> {
    tables
        .iter()
        .map(|(table, rows)| (table.as_str(), rows.len()))
        .collect()
}

pub(super) async fn s2_13_a_life_at_each_level_leaves_its_rows_and_no_others(f: Fixture) {
    let full = life(&f, &FULL, slot(7)).await;
    let expected = [
        ("history_activity", 5),
        // Replaced: a and secret once, b by its removal. The last values are the variables themselves.
        ("history_detail", 3),
        ("history_external_task", 2),
        ("history_identity_link", 2),
        ("history_incident", 1),
        ("history_job", 1),
        ("history_process", 1),
        ("history_task", 1),
        ("history_variable", 3),
        // The long value of b, which was in no other row.
        ("large_value", 1),
    ];
    assert_eq!(counts(&full), expected);
    let audit = life(&f, &History::of_level(Level::Audit), slot(8)).await;
    let expected = [
        ("history_activity", 5),
        ("history_process", 1),
        ("history_task", 1),
        ("history_variable", 3),
        // The long value of b, which was in no other row.
        ("large_value", 1),
    ];
    assert_eq!(counts(&audit), expected);
    let none = life(&f, &History::of_level(Level::None), slot(9)).await;
    assert_eq!(counts(&none), []);
    f.store.close().await;
}

pub(super) async fn s3_05_a_secret_that_a_rule_drops_is_in_no_row(f: Fixture) {
    let rule = Rule::new(&[], None, Some("secret")).expect("rule");
    let told = History {
        level: Level::Full,
        rules: vec![rule],
    };
    let left = life(&f, &told, slot(7)).await;
    assert!(!left["history_detail"].is_empty() && !left["history_variable"].is_empty());
    assert!(!format!("{left:?}").contains("MARK"), "{left:?}");
    f.store.close().await;
}
