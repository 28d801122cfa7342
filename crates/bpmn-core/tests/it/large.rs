//! Large values: a row each, shared where it can be, gone with the last that refers to it, loaded when touched.
use crate::twin::Twin;
use bpmn_core::{
    Id,
    command::{Command, Outcome, Rejection},
    history::{History, Level, Rule},
    instance::{HistoryRow, Variable},
    large::Content,
    parse,
    value::{TypedValue, Variables},
};
use std::collections::BTreeSet;

/// A user task that comes back until the variable `stop` is there; it copies `a` into its scope and out as `b`.
const LOOP: &str = r#"<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="test"
    xmlns:camunda="http://camunda.org/schema/1.0/bpmn"><process id="p" isExecutable="true"><startEvent id="s"/>
    <sequenceFlow id="f1" sourceRef="s" targetRef="m"/><exclusiveGateway id="m"/>
    <sequenceFlow id="f2" sourceRef="m" targetRef="u"/><userTask id="u"><extensionElements><camunda:inputOutput>
    <camunda:inputParameter name="copy">${a}</camunda:inputParameter>
    <camunda:outputParameter name="b">${copy}</camunda:outputParameter></camunda:inputOutput></extensionElements>
    </userTask><sequenceFlow id="f3" sourceRef="u" targetRef="g"/><exclusiveGateway id="g" default="f4"/>
    <sequenceFlow id="f4" sourceRef="g" targetRef="m"/><sequenceFlow id="f5" sourceRef="g" targetRef="e">
    <conditionExpression>${execution.hasVariable('stop')}</conditionExpression></sequenceFlow>
    <endEvent id="e"/></process></definitions>"#;

fn large(letter: char) -> TypedValue {
    TypedValue::Json(format!("[\"{}\"]", letter.to_string().repeat(5_000)))
}

fn set(name: &str, value: TypedValue) -> Variables {
    vec![(name.to_owned(), value)]
}

fn started(told: History, variables: Variables) -> Twin {
    let mut twin = Twin::new(parse(LOOP.as_bytes()).unwrap().remove(0));
    twin.told = told;
    let element = None;
    twin.start(None, Command::Start { element, variables }).unwrap();
    twin
}

/// Steps with what the step needs; tells how many values were loaded for it.
fn step(twin: &mut Twin, command: Command) -> (Result<Outcome, Rejection>, usize) {
    loop {
        match twin.step(command.clone()) {
            Err(Rejection::NeedsValues(ids)) => twin.lent.extend(ids),
            result => return (result, std::mem::take(&mut twin.lent).len()),
        }
    }
}

fn change(twin: &mut Twin, set: Variables, delete: &[&str]) -> usize {
    let command = Command::SetVariables {
        scope: twin.instance().process.id,
        local: false,
        set,
        delete: delete.iter().map(|name| (*name).to_owned()).collect(),
    };
    let (result, loaded) = step(twin, command);
    result.unwrap();
    loaded
}

fn complete(twin: &mut Twin, variables: Variables) -> usize {
    let command = Command::CompleteTask {
        task: twin.instance().tasks.iter().next().unwrap().id,
        variables,
        local_variables: Vec::new(),
    };
    let (result, loaded) = step(twin, command);
    result.unwrap();
    loaded
}

fn row_of(twin: &Twin, name: &str) -> Option<Id> {
    let found = twin.instance().variables.iter().find(|v| v.name == name);
    found.and_then(|v| v.value.large_id())
}

/// Every row that a variable or a row of history refers to.
fn referred(twin: &Twin) -> BTreeSet<Id> {
    let of = |v: &Variable| v.value.large_id();
    let told = twin.history.iter().filter_map(|row| match row {
        HistoryRow::Variable(h) => of(&h.variable),
        HistoryRow::Detail(v) => of(v),
        _ => None,
    });
    twin.instance()
        .variables
        .iter()
        .filter_map(of)
        .chain(told)
        .collect()
}

fn check(twin: &Twin) {
    let stored: BTreeSet<Id> = twin.contents.keys().copied().collect();
    assert_eq!(
        stored,
        referred(twin),
        "rows are there exactly as long as something refers to them"
    );
}

#[test]
fn s3_40_a_mapping_copies_the_reference_and_not_the_bytes() {
    for level in [Level::None, Level::Full] {
        let mut twin = started(History::of_level(level), set("a", large('x')));
        assert_eq!(
            (row_of(&twin, "copy"), twin.contents.len()),
            (row_of(&twin, "a"), 1)
        );
        assert!(row_of(&twin, "a").is_some());
        assert_eq!(complete(&mut twin, Vec::new()), 0, "nothing is loaded");
        assert_eq!((row_of(&twin, "b"), twin.contents.len()), (row_of(&twin, "a"), 1));
        check(&twin);
    }
}

#[test]
fn s3_40_setting_an_unchanged_large_value_writes_nothing() {
    let mut twin = started(bpmn_core::history::FULL.clone(), set("a", large('x')));
    assert_eq!(change(&mut twin, set("a", large('x')), &[]), 0);
    let write = twin.last_write.as_ref().unwrap();
    assert_eq!(
        write.variables.upserts().count() + write.variables.deletes().count(),
        0
    );
    assert_eq!((write.large.new_rows().count(), write.history.len()), (0, 0));
    assert_eq!(change(&mut twin, set("a", large('y')), &[]), 0);
    assert_eq!(twin.contents.len(), 2, "the old one is history's");
}

#[test]
fn s2_16_an_expression_that_touches_a_large_value_gets_it() {
    let model = LOOP.replace("${a}", "${a == null ? 'none' : 'some'}");
    let mut twin = Twin::new(parse(model.as_bytes()).unwrap().remove(0));
    let (element, variables) = (None, set("a", large('x')));
    twin.start(None, Command::Start { element, variables }).unwrap();
    assert_eq!(
        complete(&mut twin, Vec::new()),
        1,
        "the task comes back and looks at it again"
    );
    let copy = twin
        .instance()
        .variables
        .iter()
        .find(|v| v.name == "copy")
        .unwrap();
    assert_eq!(copy.value, TypedValue::String("some".into()));
    assert_eq!(twin.instance().large.new_rows().count(), 0);
    assert!(
        row_of(&twin, "a").is_some_and(|id| twin.instance().large.content(id).is_none()),
        "nor does it stay"
    );
}

#[test]
fn s2_15_the_content_is_kept_as_it_was() {
    let text = "Ä/ß 🚆".repeat(2_000);
    let twin = started(
        bpmn_core::history::FULL.clone(),
        set("a", TypedValue::String(text.clone())),
    );
    let id = row_of(&twin, "a").unwrap();
    assert_eq!(twin.contents[&id], Content::Text(text.clone()));
    let value = &twin
        .instance()
        .variables
        .iter()
        .find(|v| v.name == "a")
        .unwrap()
        .value;
    assert_eq!(value.name(), "String");
    let TypedValue::Large(value) = value else {
        panic!("{value:?}")
    };
    assert_eq!(value.whole(Content::Text(text.clone())), TypedValue::String(text));
}

/// Whatever is done at whatever level: no row is left behind, and none is missed.
#[test]
fn s3_40_rows_live_exactly_as_long_as_something_refers_to_them() {
    let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |limit: u64| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        dice % limit
    };
    let secret = || {
        let rule = Rule::new(&[], None, Some("b")).unwrap();
        History {
            level: Level::Full,
            rules: vec![rule],
        }
    };
    let levels = |n: u64| match n {
        0 => History::of_level(Level::None),
        1 => History::of_level(Level::Activity),
        2 => History::of_level(Level::Audit),
        3 => secret(),
        _ => History::of_level(Level::Full),
    };
    for round in 0..200 {
        let mut twin = started(levels(below(5)), set("a", large('x')));
        for _ in 0..15 {
            if below(4) == 0 {
                twin.told = levels(below(5));
            }
            let name = ["a", "b", "copy"][below(3) as usize];
            let value = match below(4) {
                0 => TypedValue::Integer(below(5) as i32),
                n => large(['x', 'y', 'z'][n as usize - 1]),
            };
            match below(4) {
                0 => drop(change(&mut twin, Vec::new(), &[name])),
                1 => drop(complete(&mut twin, Vec::new())),
                _ => drop(change(&mut twin, set(name, value), &[])),
            }
            // The mappings need it.
            if row_of(&twin, "a").is_none() {
                change(&mut twin, set("a", large('x')), &[]);
            }
            check(&twin);
        }
        complete(&mut twin, set("stop", TypedValue::Null));
        assert!(twin.instance().ended, "{round}");
        check(&twin);
    }
}
