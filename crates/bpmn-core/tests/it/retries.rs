//! Retry cycles of failed jobs against what the reference did.
use crate::twin::Twin;
use bpmn_core::{
    command::{Command, Rejection},
    parse,
    value::TypedValue,
};

/// About when it was recorded: months differ in length.
const NOW: i64 = 1_795_650_152_000;

/// The tries that are left after each failure, and the seconds until the job is due.
fn failures(cycle: &str) -> String {
    let xml = format!(
        "<definitions xmlns=\"http://www.omg.org/spec/BPMN/20100524/MODEL\" \
         xmlns:camunda=\"http://camunda.org/schema/1.0/bpmn\" targetNamespace=\"t\">\
         <process id=\"p\" isExecutable=\"true\"><startEvent id=\"s\"/>\
         <sequenceFlow id=\"f\" sourceRef=\"s\" targetRef=\"u\"/>\
         <serviceTask id=\"u\" camunda:expression=\"${{nope}}\" camunda:asyncBefore=\"true\"><extensionElements>\
         <camunda:failedJobRetryTimeCycle>{cycle}</camunda:failedJobRetryTimeCycle></extensionElements>\
         </serviceTask></process></definitions>"
    );
    let mut twin = Twin::new(parse(xml.as_bytes()).unwrap().remove(0));
    twin.now = NOW;
    let start = Command::Start {
        element: None,
        variables: vec![
            ("n".to_owned(), TypedValue::Integer(4)),
            ("x".to_owned(), TypedValue::String("R4/PT7S".to_owned())),
        ],
    };
    twin.start(None, start).unwrap();
    let mut seen = Vec::new();
    for _ in 0..4 {
        let job = twin.instance().jobs.iter().next().unwrap().id;
        let Err(Rejection::Failure { message, .. }) = twin.step(Command::ExecuteJob { job }) else {
            panic!("'{cycle}' doesn't fail");
        };
        let stacktrace = String::new();
        let fail = Command::FailJob {
            job,
            element: None,
            message,
            stacktrace,
        };
        twin.step(fail).unwrap();
        let row = twin.instance().jobs.get(job).unwrap().clone();
        let wait = row.due.map(|due| (due - NOW + 500).div_euclid(1_000));
        let wait = wait.map_or("-".to_owned(), |seconds| seconds.to_string());
        seen.push(format!("{}:{wait}", row.retries));
    }
    seen.join(" ")
}

#[test]
fn s4_15_s4_16_retry_cycles_count_as_in_the_reference() {
    let rows = include_str!("retries.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'));
    let wrong: Vec<String> = rows
        .filter_map(|row| {
            let (cycle, expected) = row.split_once('\t').unwrap();
            let found = failures(cycle);
            (found != expected).then(|| format!("{cycle}: {found}, not {expected}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
