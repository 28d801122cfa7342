//! Files with one thing wrong, and what the reference answers to each: `refusals.txt`, recorded.
use bpmn_core::{
    parse,
    problem::{Problem, Refusal},
};
use std::fmt::Write as _;

const NAMESPACES: [(&str, &str); 4] = [
    ("{BPMN}", "http://www.omg.org/spec/BPMN/20100524/MODEL"),
    ("{DI}", "http://www.omg.org/spec/BPMN/20100524/DI"),
    ("{DC}", "http://www.omg.org/spec/DD/20100524/DC"),
    ("{DD}", "http://www.omg.org/spec/DD/20100524/DI"),
];

const HEAD: &str = "<definitions xmlns=\"{BPMN}\" xmlns:camunda=\"http://camunda.org/schema/1.0/bpmn\" \
                    xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:di=\"{DI}\" xmlns:dc=\"{DC}\" \
                    xmlns:dd=\"{DD}\" targetNamespace=\"test\">";

/// The file that a case describes.
fn file(case: &str) -> String {
    let part = |name: &str| {
        let prefix = format!("{name} ");
        case.lines()
            .find_map(|line| line.strip_prefix(&prefix))
            .unwrap_or_default()
    };
    let mut text = part("file").to_owned();
    if text.is_empty() {
        let executable = match part("process") {
            own if own.contains("isExecutable") => own.to_owned(),
            "" => "isExecutable=\"true\"".to_owned(),
            own => format!("isExecutable=\"true\" {own}"),
        };
        text = format!(
            "{HEAD}\n{}\n<process id=\"p\" {executable}>\n{}\n</process>\n{}\n</definitions>\n",
            part("before"),
            part("body"),
            part("after")
        );
    }
    for (short, uri) in NAMESPACES {
        text = text.replace(short, uri);
    }
    text
}

/// What the engine answers, as the recording writes it.
fn answer(file: &str) -> String {
    let refused = match parse(file.as_bytes()) {
        Ok(_) => return "accepted\n".to_owned(),
        Err(refused) => refused,
    };
    if refused.refusal != Refusal::Problems {
        return format!("failed {}\n", refused.message("x.bpmn"));
    }
    let mut text = String::new();
    let mut list = |kind: &str, problem: &Problem| {
        let main = problem.main_element.as_deref().unwrap_or("-");
        let (line, column) = (problem.line, problem.column);
        let ids = problem.element_ids.join(" ");
        let _ = writeln!(text, "{kind} {line}:{column} {main} [{ids}] {}", problem.message);
    };
    refused.errors().for_each(|p| list("error", p));
    refused.warnings().for_each(|p| list("warning", p));
    for (short, uri) in NAMESPACES {
        text = text.replace(uri, short);
    }
    text
}

#[test]
fn a_file_with_one_thing_wrong_is_refused_as_the_reference_refuses_it() {
    let recorded = include_str!("../refusals.txt");
    let mut wrong = String::new();
    let cases: Vec<&str> = recorded.split("\ncase ").skip(1).collect();
    assert!(cases.len() > 300, "{} cases", cases.len());
    for case in cases {
        let name = case.lines().next().unwrap_or_default();
        let (given, expected) = case.split_once("\n----\n").unwrap();
        let expected: String = expected
            .lines()
            .take_while(|line| !line.is_empty())
            .map(|line| format!("{line}\n"))
            .collect();
        let found = answer(&file(given));
        if found != expected {
            let _ = write!(wrong, "== {name}\nexpected:\n{expected}found:\n{found}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
