//! What each level leaves in history, against the rows the reference left after the same commands.
use crate::twin::Twin;
use bpmn_core::{
    Id,
    command::{Command, TaskChange},
    history::{History, Level, Rule},
    instance::{EndState, HistoryRow, Recorded, RunState},
    parse,
    value::{TypedValue, Variables},
};
use std::collections::BTreeMap;

/// Level, script, table, group (a state or reason), rows: counted in the database of Camunda 7.24.
const REFERENCE: &str = include_str!("history.tsv");

const USER: &str = r#"<userTask id="u" camunda:candidateUsers="u1,u2" camunda:candidateGroups="g1" camunda:assignee="kermit"/>"#;
const EXTERNAL: &str = r#"<serviceTask id="u" camunda:type="external" camunda:topic="t"/>"#;
const JOB: &str = r#"<serviceTask id="u" camunda:asyncBefore="true" camunda:expression="${missing}"
    camunda:resultVariable="r"><extensionElements><camunda:failedJobRetryTimeCycle>R2/PT1S</camunda:failedJobRetryTimeCycle>
    </extensionElements></serviceTask>"#;
const TIMED: &str = r#"<userTask id="u" camunda:assignee="kermit"><extensionElements><camunda:inputOutput>
    <camunda:inputParameter name="in">x</camunda:inputParameter></camunda:inputOutput></extensionElements></userTask>
    <boundaryEvent id="b" attachedToRef="u"><timerEventDefinition><timeDuration>PT1H</timeDuration></timerEventDefinition>
    </boundaryEvent><sequenceFlow id="f3" sourceRef="b" targetRef="e2"/><endEvent id="e2"/>"#;

fn text(value: &str) -> TypedValue {
    TypedValue::String(value.to_owned())
}

fn set(name: &str, value: TypedValue) -> Variables {
    vec![(name.to_owned(), value)]
}

/// A started instance of a process around an element, telling of history what it is told to.
fn started(element: &str, told: History, variables: Variables) -> Twin {
    let xml = format!(
        r#"<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:camunda="http://camunda.org/schema/1.0/bpmn"
        targetNamespace="t"><process id="p" isExecutable="true"><startEvent id="s"/>
        <sequenceFlow id="f1" sourceRef="s" targetRef="u"/>{element}<sequenceFlow id="f2" sourceRef="u" targetRef="e"/>
        <endEvent id="e"/></process></definitions>"#
    );
    let mut twin = Twin::new(parse(xml.as_bytes()).unwrap().remove(0));
    twin.told = told;
    twin.start(
        None,
        Command::Start {
            element: None,
            variables,
        },
    )
    .unwrap();
    twin
}

/// Sets variables of the instance, deletes others.
fn change(twin: &mut Twin, set: Variables, delete: &[&str]) {
    let scope = twin.instance().process.id;
    let delete = delete.iter().map(|name| (*name).to_owned()).collect();
    let command = Command::SetVariables {
        scope,
        local: false,
        set,
        delete,
    };
    twin.step(command).unwrap();
}

fn task(twin: &Twin) -> Id {
    twin.instance().tasks.iter().next().unwrap().id
}

fn job(twin: &Twin) -> Id {
    twin.instance().jobs.iter().next().unwrap().id
}

fn assign(twin: &mut Twin, user: &str) {
    let change = TaskChange {
        assignee: Some(Some(user.to_owned())),
        ..TaskChange::default()
    };
    let task = task(twin);
    twin.step(Command::UpdateTask { task, change }).unwrap();
}

fn user(told: History) -> Twin {
    let mut variables = set("a", text("1"));
    variables.push(("b".to_owned(), TypedValue::Integer(1)));
    let mut twin = started(USER, told, variables);
    change(&mut twin, set("a", text("2")), &[]);
    change(&mut twin, Vec::new(), &["b"]);
    let task = task(&twin);
    let local = Command::SetVariables {
        scope: task,
        local: true,
        set: set("loc", TypedValue::Integer(1)),
        delete: Vec::new(),
    };
    twin.step(local).unwrap();
    assign(&mut twin, "fozzie");
    twin.step(Command::CompleteTask {
        task,
        variables: set("c", TypedValue::Integer(3)),
        local_variables: Vec::new(),
    })
    .unwrap();
    twin
}

fn external(told: History) -> Twin {
    let mut twin = started(EXTERNAL, told, set("a", text("1")));
    let task = twin.instance().external_tasks.iter().next().unwrap().id;
    let worker = || "w1".to_owned();
    let lock = || Command::LockExternalTask {
        task,
        worker: worker(),
        duration: 60_000,
    };
    for (message, retries) in [("e1", 1), ("e2", 0)] {
        twin.step(lock()).unwrap();
        let failure = Command::FailExternalTask {
            task,
            worker: worker(),
            error_message: Some(message.to_owned()),
            error_details: None,
            retries,
            retry_timeout: 0,
            variables: Vec::new(),
            local_variables: Vec::new(),
        };
        twin.step(failure).unwrap();
    }
    twin.step(Command::SetExternalTaskRetries { task, retries: 1 })
        .unwrap();
    twin.step(lock()).unwrap();
    twin.step(Command::CompleteExternalTask {
        task,
        worker: worker(),
        variables: set("a", text("2")),
        local_variables: set("l", TypedValue::Integer(1)),
    })
    .unwrap();
    twin
}

fn failing_job(told: History) -> Twin {
    let mut twin = started(JOB, told, set("a", text("1")));
    let job = job(&twin);
    for _ in 0..2 {
        let failure = twin.step(Command::ExecuteJob { job }).unwrap_err();
        let message = failure.to_string();
        let stacktrace = message.clone();
        twin.step(Command::FailJob {
            job,
            element: Some("b".to_owned()),
            message,
            stacktrace,
        })
        .unwrap();
    }
    assert_eq!(twin.instance().incidents.len(), 1);
    change(&mut twin, set("missing", TypedValue::Integer(5)), &[]);
    twin.step(Command::SetJobRetries {
        job,
        retries: 1,
        due: None,
    })
    .unwrap();
    twin.step(Command::ExecuteJob { job }).unwrap();
    twin
}

fn cancel(told: History) -> Twin {
    let mut twin = started(TIMED, told, set("a", text("1")));
    twin.step(Command::Delete {
        reason: None,
        skip_listeners: false,
        skip_outputs: false,
        skip_called: false,
    })
    .unwrap();
    twin
}

fn interrupt(told: History) -> Twin {
    let mut twin = started(TIMED, told, set("a", text("1")));
    let job = job(&twin);
    twin.step(Command::ExecuteJob { job }).unwrap();
    twin
}

type Counts = BTreeMap<(String, String), usize>;

/// Rows as the reference would have written them: a value that is gone is a variable and a detail, an end of a job
/// tells of its creation too.
fn counts(history: &[HistoryRow]) -> Counts {
    let mut counts = Counts::new();
    let mut count = |table: &str, group: &str| {
        let key = (format!("ACT_HI_{table}"), group.to_owned());
        *counts.entry(key).or_default() += 1;
    };
    for row in history {
        match row {
            HistoryRow::Process(p) => count(
                "PROCINST",
                match p.state {
                    EndState::Completed => "COMPLETED",
                    EndState::ExternallyTerminated => "EXTERNALLY_TERMINATED",
                    EndState::InternallyTerminated => "INTERNALLY_TERMINATED",
                },
            ),
            HistoryRow::Activity(_) => count("ACTINST", ""),
            HistoryRow::Task(t) => count("TASKINST", t.delete_reason.as_deref().unwrap_or_default()),
            HistoryRow::Variable(v) => {
                count("VARINST", if v.deleted { "DELETED" } else { "CREATED" });
                if v.variable.version.recorded == Recorded::Detail {
                    count("DETAIL", "VariableUpdate");
                }
            }
            HistoryRow::Detail(_) => count("DETAIL", "VariableUpdate"),
            HistoryRow::FormField(_) => count("DETAIL", "FormProperty"),
            HistoryRow::Incident(i) => count("INCIDENT", if i.resolved { "1" } else { "2" }),
            HistoryRow::Job(j) => {
                count("JOB_LOG", &(j.state as i16).to_string());
                if j.state != RunState::Failed {
                    count("JOB_LOG", "0");
                }
            }
            HistoryRow::ExternalTask(t) => {
                count("EXT_TASK_LOG", &(t.state as i16).to_string());
                if t.state != RunState::Failed {
                    count("EXT_TASK_LOG", "0");
                }
            }
            HistoryRow::IdentityLink(l) => {
                let operation = if l.added { "add" } else { "delete" };
                count("IDENTITYLINK", &format!("{operation} {}", l.kind));
            }
            HistoryRow::Decision(_) => count("DECINST", ""),
            HistoryRow::DecisionInput(_) => count("DEC_IN", ""),
            HistoryRow::DecisionOutput(_) => count("DEC_OUT", ""),
        }
    }
    counts
}

fn expected(level: &str, script: &str) -> Counts {
    let rows = REFERENCE.lines().filter(|line| !line.starts_with('#'));
    let rows = rows.map(|line| line.split('\t').collect::<Vec<_>>());
    rows.filter(|row| row[0] == level && row[1] == script)
        .map(|row| ((row[2].to_owned(), row[3].to_owned()), row[4].parse().unwrap()))
        .collect()
}

type Script = (&'static str, fn(History) -> Twin);
const SCRIPTS: [Script; 5] = [
    ("user", user),
    ("ext", external),
    ("job", failing_job),
    ("cancel", cancel),
    ("interrupt", interrupt),
];

#[test]
fn s2_13_each_level_writes_what_the_reference_writes_at_that_level() {
    for level in Level::ALL {
        for (name, script) in SCRIPTS {
            let twin = script(History::of_level(level));
            assert!(twin.instance().ended, "{name}");
            let expected = expected(level.name(), name);
            assert_eq!(expected.is_empty(), level == Level::None, "{name}");
            assert_eq!(
                counts(&twin.history),
                expected,
                "{name} at level {}",
                level.name()
            );
        }
    }
}

#[test]
fn s3_40_an_unchanged_value_leaves_nothing() {
    let mut twin = started(USER, bpmn_core::history::FULL.clone(), set("a", text("1")));
    change(&mut twin, set("a", text("1")), &[]);
    assert_eq!(twin.last_write.as_ref().unwrap().variables.upserts().count(), 0);
    change(&mut twin, set("a", text("2")), &[]);
    change(&mut twin, set("a", text("2")), &[]);
    let details = twin
        .history
        .iter()
        .filter(|row| matches!(row, HistoryRow::Detail(_)));
    assert_eq!(details.count(), 1);
}

#[test]
fn s2_39_every_value_is_told_with_who_set_it_and_when() {
    let twin = user(bpmn_core::history::FULL.clone());
    let activity = twin.history.iter().find_map(|row| match row {
        HistoryRow::Activity(a) if a.element == "u" => Some(a.id),
        _ => None,
    });
    let mut values = Vec::new();
    for row in &twin.history {
        let v = match row {
            HistoryRow::Detail(v) => v,
            HistoryRow::Variable(v) => &v.variable,
            _ => continue,
        };
        let by = match v.version.writer_id {
            None => "start",
            by if by == activity => "u",
            _ => "?",
        };
        values.push((v.name.as_str(), v.version.revision, by, v.version.initial));
    }
    values.sort_unstable();
    let expected = [
        ("a", 0, "start", true),
        ("a", 1, "u", false),
        ("b", 0, "start", true),
        ("b", 1, "u", false),
        ("c", 0, "u", false),
        ("loc", 0, "u", false),
    ];
    assert_eq!(values, expected);
}

/// Rows without the ids that differ between runs that make more or fewer of them.
fn told_of(history: &[HistoryRow], dropped: impl Fn(&HistoryRow) -> bool) -> Vec<String> {
    let kept = history.iter().filter(|row| !dropped(row));
    let line = |row: &HistoryRow| match row {
        HistoryRow::Variable(v) => format!("{} {:?} {}", v.variable.name, v.variable.value, v.deleted),
        HistoryRow::Detail(v) => format!("{} {:?} {}", v.name, v.value, v.version.revision),
        HistoryRow::Job(j) => format!("job {:?} {} {:?}", j.state, j.job.retries, j.error_message),
        HistoryRow::Activity(a) => format!("{} {}", a.element, a.canceled),
        HistoryRow::Task(t) => format!("{:?} {:?}", t.task.element, t.delete_reason),
        HistoryRow::IdentityLink(l) => format!("{} {:?} {:?} {}", l.kind, l.user_id, l.group_id, l.added),
        HistoryRow::Decision(d) => format!("{:?} {:?}", d.element, d.collected),
        HistoryRow::DecisionInput(i) => format!("{} {:?}", i.clause_id, i.value),
        HistoryRow::DecisionOutput(o) => format!("{:?} {:?}", o.name, o.value),
        HistoryRow::Incident(i) => format!("{} {}", i.incident.kind, i.resolved),
        HistoryRow::ExternalTask(t) => format!("{:?} {:?}", t.state, t.task.retries),
        HistoryRow::Process(p) => format!("{:?}", p.state),
        HistoryRow::FormField(f) => format!("{} {}", f.field, f.value),
    };
    kept.map(line).collect()
}

#[test]
fn s3_04_what_a_rule_drops_is_absent_and_all_else_is_as_without_it() {
    let with = |rule: Rule| History {
        level: Level::Full,
        rules: vec![rule],
    };
    let by_name = Rule::new(&[], None, Some("a*")).unwrap();
    let plain = user(bpmn_core::history::FULL.clone());
    let of_a = |row: &HistoryRow| match row {
        HistoryRow::Variable(v) => v.variable.name == "a",
        HistoryRow::Detail(v) => v.name == "a",
        _ => false,
    };
    let filtered = user(with(by_name));
    assert!(plain.history.iter().any(of_a) && !filtered.history.iter().any(of_a));
    assert_eq!(
        told_of(&filtered.history, |_| false),
        told_of(&plain.history, of_a)
    );
    let by_event = Rule::new(&["JOB_FAIL".to_owned(), "INCIDENT_*".to_owned()], Some("p"), None).unwrap();
    let plain = failing_job(bpmn_core::history::FULL.clone());
    let failures = |row: &HistoryRow| match row {
        HistoryRow::Job(j) => j.state == RunState::Failed,
        HistoryRow::Incident(_) => true,
        _ => false,
    };
    let filtered = failing_job(with(by_event));
    assert_eq!(
        told_of(&filtered.history, |_| false),
        told_of(&plain.history, failures)
    );
    let other = Rule::new(&[], Some("another"), None).unwrap();
    assert_eq!(failing_job(with(other)).history, plain.history);
}

#[test]
fn s3_05_a_secret_in_a_filtered_variable_is_nowhere_in_history() {
    let rule = Rule::new(&[], None, Some("secret*")).unwrap();
    let told = History {
        level: Level::Full,
        rules: vec![rule],
    };
    let mut twin = started(USER, told, set("secret_pin", text("MARK-1")));
    change(&mut twin, set("secret_pin", text("MARK-2")), &[]);
    change(&mut twin, Vec::new(), &["secret_pin"]);
    change(&mut twin, set("secret_pin", text("MARK-3")), &[]);
    twin.step(Command::Delete {
        reason: None,
        skip_listeners: false,
        skip_outputs: false,
        skip_called: false,
    })
    .unwrap();
    assert!(!format!("{:?}", twin.history).contains("MARK"));
}

#[test]
fn s2_14_a_running_instance_follows_a_level_that_changes() {
    let mut twin = started(USER, bpmn_core::history::FULL.clone(), set("a", text("1")));
    change(&mut twin, set("a", text("2")), &[]);
    twin.told = History::of_level(Level::None);
    change(&mut twin, set("a", text("3")), &[]);
    change(&mut twin, set("new", text("x")), &[]);
    // What was known of the variable stays known; what comes now is not told.
    let values: Vec<String> = told_of(&twin.history, |row| {
        !matches!(row, HistoryRow::Variable(_) | HistoryRow::Detail(_))
    });
    assert_eq!(values, ["a String(\"1\") 0", "a String(\"2\") false"]);
    twin.told = bpmn_core::history::FULL.clone();
    change(&mut twin, set("late", text("y")), &[]);
    let task = task(&twin);
    twin.step(Command::CompleteTask {
        task,
        variables: Vec::new(),
        local_variables: Vec::new(),
    })
    .unwrap();
    let names = twin.history.iter().filter_map(|row| match row {
        HistoryRow::Variable(v) => Some(v.variable.name.as_str()),
        _ => None,
    });
    assert_eq!(names.collect::<Vec<_>>(), ["a", "late"]);
    let ended = |row: &&HistoryRow| matches!(row, HistoryRow::Process(_) | HistoryRow::Task(_));
    assert_eq!(twin.history.iter().filter(ended).count(), 2);
}
