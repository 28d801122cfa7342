//! Runs `tests/scenarios/*.txt`: a command, a line of dashes, what is expected, an empty line. `UPDATE_EXPECT=1`
//! rewrites the expectations.
//!
//! `model` is followed by XML inside a process (lines starting with `<message`, `<error` go around it), `called KEY` by
//! that of a process it may call; `in KEY` before a command names the instance called. Variables are a JSON object at
//! the end of a line.
use crate::{
    dump::{Names, dump},
    twin::Twin,
};
use bpmn_core::{
    Abilities, Id,
    change::{
        Instruction, StartAt,
        migration::{MigrationInstruction, MigrationPlan},
    },
    command::{Command, Rejection, TaskChange},
    instance::{EventKind, Instance},
    parse_for,
    value::{TypedValue, Variables},
};
use std::{fs, path::Path};

/// What the scenarios' runner can do.
const HOST: Abilities = Abilities { mail: true };

#[test]
fn scenarios_give_what_they_say() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    let mut wrong = Vec::new();
    for path in files {
        let expected = fs::read_to_string(&path).unwrap();
        let found = run(&expected);
        if found != expected {
            if update {
                fs::write(&path, &found).unwrap();
            } else {
                wrong.push(format!(
                    "== {}\n{}",
                    path.display(),
                    difference(&expected, &found)
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "UPDATE_EXPECT=1 rewrites these:\n{}",
        wrong.join("\n")
    );
}

fn difference(expected: &str, found: &str) -> String {
    let at = expected
        .lines()
        .zip(found.lines())
        .take_while(|(a, b)| a == b)
        .count();
    let from = at.saturating_sub(6);
    let part = |text: &str| text.lines().skip(from).take(14).collect::<Vec<_>>().join("\n");
    format!(
        "expected from line {}:\n{}\nfound:\n{}",
        from + 1,
        part(expected),
        part(found)
    )
}

/// The text with its expectations replaced by what comes out.
fn run(text: &str) -> String {
    let mut out = String::new();
    let mut world = World {
        twin: None,
        names: Names::default(),
    };
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        out += line;
        out += "\n";
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut input = Vec::new();
        for line in lines.by_ref() {
            out += line;
            out += "\n";
            if line == "----" {
                break;
            }
            input.push(line);
        }
        while lines.peek().is_some_and(|line| !line.is_empty()) {
            lines.next();
        }
        out += &world.run(line, &input);
    }
    out
}

struct World {
    twin: Option<Twin>,
    names: Names,
}

impl World {
    fn run(&mut self, line: &str, input: &[&str]) -> String {
        if line == "model" {
            return self.model(input);
        }
        if let (Some(key), Some(twin)) = (line.strip_prefix("called "), &mut self.twin) {
            return match parse_for(process(key, input).as_bytes(), HOST) {
                Ok(definitions) => {
                    twin.called.extend(definitions);
                    "ok\n".to_owned()
                }
                Err(errors) => problems(&errors),
            };
        }
        let (words, json) = line.split_at(line.find('{').unwrap_or(line.len()));
        let words: Vec<&str> = words.split_whitespace().collect();
        let variables = variables(json);
        let Some(twin) = &mut self.twin else {
            return "there is no model\n".to_owned();
        };
        if let ["advance", ms] = words[..] {
            twin.now += ms.parse::<i64>().unwrap();
            return String::new();
        }
        let seen = twin.history.len();
        let (inst, words) = match words[..] {
            ["in", key, ref rest @ ..] => (twin.called_instance(key), rest),
            _ => (twin.started(), &words[..]),
        };
        let mut result = match *words {
            ["start"] => start(twin, None, None, variables),
            ["start", "at", element] => start(twin, Some(element), None, variables),
            ["start-form"] => twin.start(None, Command::StartForm { variables }).map(drop),
            ["start", "key", key] => start(twin, None, Some(key), variables),
            ["migrate", key, ref pairs @ ..] => {
                let command = migration(twin.definition_id(key), pairs, variables);
                twin.step_in(inst, command).map(drop)
            }
            _ => run_command(twin, inst, words, variables),
        };
        let seen = if words[0].starts_with("start") { 0 } else { seen };
        let mut out = String::new();
        if let (["job", element], Err(Rejection::Failure { message, element: at })) = (words, &result) {
            out += &format!("failed: {message}\n");
            let fail = Command::FailJob {
                job: job(twin.any(inst).unwrap(), element).unwrap(),
                element: at.clone(),
                message: message.clone(),
                stacktrace: String::new(),
            };
            result = twin.step_in(inst, fail).map(drop);
        }
        match result {
            Ok(()) => out += &dump(twin, &mut self.names, seen),
            Err(rejection) => out += &format!("rejected: {}\n", self.names.replace(&rejection.to_string())),
        }
        out
    }

    fn model(&mut self, input: &[&str]) -> String {
        let xml = process("p", input);
        self.names = Names::default();
        self.twin = None;
        match parse_for(xml.as_bytes(), HOST) {
            Ok(definitions) => match definitions.into_iter().next() {
                Some(definition) => {
                    let mut out = String::new();
                    for start in definition.start_messages() {
                        out += &format!("starts at {} by message {:?}\n", start.element, start.name);
                    }
                    for start in definition.start_timers() {
                        out += &format!(
                            "starts at {} by timer {:?} {:?}\n",
                            start.element, start.kind, start.text
                        );
                    }
                    self.twin = Some(Twin::new(definition));
                    if out.is_empty() { "ok\n".to_owned() } else { out }
                }
                None => "nothing executable\n".to_owned(),
            },
            Err(errors) => problems(&errors),
        }
    }
}

/// A file with one process.
fn process(key: &str, input: &[&str]) -> String {
    let is_head = |line: &&str| {
        ["<message ", "<error ", "<signal ", "<escalation "]
            .iter()
            .any(|tag| line.starts_with(tag))
    };
    let (head, body): (Vec<&str>, Vec<&str>) = input.iter().copied().partition(is_head);
    let body = body.join("\n");
    let (attributes, body) = match body.strip_prefix("@") {
        Some(rest) => rest.split_once('\n').unwrap_or((rest, "")),
        None => ("isExecutable=\"true\"", body.as_str()),
    };
    format!(
        "<definitions xmlns=\"http://www.omg.org/spec/BPMN/20100524/MODEL\" \
         xmlns:camunda=\"http://camunda.org/schema/1.0/bpmn\" xmlns:activiti=\"http://activiti.org/bpmn\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" targetNamespace=\"t\">{}\n\
         <process id=\"{key}\" {attributes}>\n{body}\n</process></definitions>",
        head.join("")
    )
}

fn problems(errors: &bpmn_core::ParseErrors) -> String {
    let problems = errors.problems.iter();
    problems
        .map(|p| format!("{}:{} {:?} {}\n", p.line, p.column, p.element_ids, p.message))
        .collect()
}

fn run_command(twin: &mut Twin, inst: Id, words: &[&str], variables: Variables) -> Result<(), Rejection> {
    let command = command(twin.any(inst).unwrap(), words, variables)?;
    twin.step_in(inst, command).map(drop)
}

fn start(
    twin: &mut Twin,
    element: Option<&str>,
    key: Option<&str>,
    variables: Variables,
) -> Result<(), Rejection> {
    let command = Command::Start {
        element: element.map(str::to_owned),
        variables,
    };
    twin.start(key.map(str::to_owned), command).map(drop)
}

fn variables(json: &str) -> Variables {
    if json.is_empty() {
        return Vec::new();
    }
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json).unwrap();
    let typed = |value: serde_json::Value| match value {
        serde_json::Value::Null => TypedValue::Null,
        serde_json::Value::Bool(v) => TypedValue::Boolean(v),
        serde_json::Value::String(v) => TypedValue::String(v),
        serde_json::Value::Number(n) => match n.as_i64() {
            Some(v) => i32::try_from(v).map_or(TypedValue::Long(v), TypedValue::Integer),
            None => TypedValue::Double(n.as_f64().unwrap()),
        },
        other => TypedValue::Json(other.to_string()),
    };
    object
        .into_iter()
        .map(|(name, value)| (name, typed(value)))
        .collect()
}

fn missing(kind: &'static str) -> Rejection {
    Rejection::BadRequest(format!("the scenario has no such {kind}"))
}

/// `a>b` for each activity; `a>b!` makes its event anew.
fn migration(target: Id, pairs: &[&str], variables: Variables) -> Command {
    let instructions = pairs.iter().map(|pair| {
        let (source, target) = pair.split_once('>').unwrap();
        MigrationInstruction {
            source: source.to_owned(),
            target: target.trim_end_matches('!').to_owned(),
            update_event_trigger: target.ends_with('!'),
        }
    });
    let plan = MigrationPlan {
        instructions: instructions.collect(),
        variables,
    };
    Command::Migrate {
        target,
        plan,
        skip_listeners: false,
        skip_mappings: false,
    }
}

/// `before A`, `after A`, `flow F`, `cancel A`.
fn instruction(words: &[&str], variables: &Variables, local: &Variables) -> Instruction {
    let name = words[1].to_owned();
    let at = match words[0] {
        "before" => StartAt::Before(name),
        "after" => StartAt::After(name),
        "flow" => StartAt::Flow(name),
        _ => return Instruction::CancelAll(name),
    };
    Instruction::Start {
        at,
        ancestor: None,
        variables: variables.clone(),
        local_variables: local.clone(),
    }
}

fn job(inst: &Instance, element: &str) -> Result<Id, Rejection> {
    let found = inst.jobs.iter().find(|j| j.element == element);
    found.map(|j| j.id).ok_or_else(|| missing("job"))
}

/// Names starting with `_` are local variables.
fn split_local(variables: Variables) -> (Variables, Variables) {
    variables
        .into_iter()
        .partition(|(name, _)| !name.starts_with('_'))
}

fn command(inst: &Instance, words: &[&str], variables: Variables) -> Result<Command, Rejection> {
    let task = |element: &str| {
        let found = inst.tasks.iter().find(|t| t.element.as_deref() == Some(element));
        found.map(|t| t.id).ok_or_else(|| missing("task"))
    };
    let external = |element: &str| {
        let found = inst.external_tasks.iter().find(|t| t.element == element);
        found.map(|t| t.id).ok_or_else(|| missing("external task"))
    };
    let scope = |element: &str| match element {
        "instance" => Ok(inst.process.id),
        _ => {
            let found = inst.tokens.iter().find(|t| t.element == element);
            found.map(|t| t.execution_id).ok_or_else(|| missing("token"))
        }
    };
    let (variables, local_variables) = split_local(variables);
    Ok(match *words {
        ["complete", element] => Command::CompleteTask {
            task: task(element)?,
            variables,
            local_variables,
        },
        ["submit", element] => Command::SubmitTask {
            task: task(element)?,
            variables,
        },
        ["assign", element, user] => {
            let change = TaskChange {
                assignee: Some(Some(user.to_owned())),
                ..TaskChange::default()
            };
            Command::UpdateTask {
                task: task(element)?,
                change,
            }
        }
        ["task-escalation", element, code] => Command::TaskEscalation {
            task: task(element)?,
            code: code.to_owned(),
            variables,
        },
        ["lock", element, worker, ms] => Command::LockExternalTask {
            task: external(element)?,
            worker: worker.to_owned(),
            duration: ms.parse().unwrap(),
        },
        ["extend", element, worker, ms] => Command::ExtendLock {
            task: external(element)?,
            worker: worker.to_owned(),
            duration: ms.parse().unwrap(),
        },
        ["unlock", element] => Command::UnlockExternalTask {
            task: external(element)?,
        },
        ["work", element, worker] => Command::CompleteExternalTask {
            task: external(element)?,
            worker: worker.to_owned(),
            variables,
            local_variables,
        },
        ["error", element, worker, code, ref message @ ..] => Command::ExternalTaskError {
            task: external(element)?,
            worker: worker.to_owned(),
            code: code.to_owned(),
            message: (!message.is_empty()).then(|| message.join(" ")),
            variables,
        },
        ["task-error", element, code, ref message @ ..] => Command::TaskError {
            task: task(element)?,
            code: code.to_owned(),
            message: (!message.is_empty()).then(|| message.join(" ")),
            variables,
        },
        ["fail", element, worker, retries, timeout, ref message @ ..] => Command::FailExternalTask {
            task: external(element)?,
            worker: worker.to_owned(),
            error_message: Some(message.join(" ")),
            error_details: None,
            retries: retries.parse().unwrap(),
            retry_timeout: timeout.parse().unwrap(),
            variables,
            local_variables,
        },
        ["retries", element, retries] => match external(element) {
            Ok(task) => Command::SetExternalTaskRetries {
                task,
                retries: retries.parse().unwrap(),
            },
            Err(_) => Command::SetJobRetries {
                job: job(inst, element)?,
                retries: retries.parse().unwrap(),
                due: None,
            },
        },
        // The subscription of a message or signal of that name.
        [kind @ ("message" | "signal"), name] => {
            let wanted = match kind {
                "message" => EventKind::Message,
                _ => EventKind::Signal,
            };
            let mut all = inst.subscriptions.iter();
            let found = all.find(|s| s.kind == wanted && s.name.as_deref() == Some(name));
            Command::Trigger {
                subscription: found.map(|s| s.id).ok_or_else(|| missing("subscription"))?,
                variables,
                local_variables,
                scoped_variables: Variables::new(),
            }
        }
        ["trigger", element] => {
            let found = inst.subscriptions.iter().find(|s| s.element == element);
            let subscription = found.map(|s| s.id).ok_or_else(|| missing("subscription"))?;
            Command::Trigger {
                subscription,
                variables,
                local_variables,
                scoped_variables: Variables::new(),
            }
        }
        ["job", element] => Command::ExecuteJob {
            job: job(inst, element)?,
        },
        ["set", element] => Command::SetVariables {
            scope: scope(element)?,
            local: false,
            set: variables,
            delete: Vec::new(),
        },
        ["set-local", element] => Command::SetVariables {
            scope: scope(element)?,
            local: true,
            set: variables,
            delete: Vec::new(),
        },
        ["set-task-local", element] => Command::SetVariables {
            scope: task(element)?,
            local: true,
            set: variables,
            delete: Vec::new(),
        },
        ["unset", element, name] => Command::SetVariables {
            scope: scope(element)?,
            local: false,
            set: Vec::new(),
            delete: vec![name.to_owned()],
        },
        ["modify", ref words @ ..] => Command::Modify {
            instructions: words
                .chunks(2)
                .map(|pair| instruction(pair, &variables, &local_variables))
                .collect(),
            skip_listeners: false,
            skip_mappings: false,
        },
        ["suspend"] => Command::SetSuspended { suspended: true },
        ["activate"] => Command::SetSuspended { suspended: false },
        ["delete-alone"] => Command::Delete {
            reason: None,
            skip_listeners: false,
            skip_outputs: false,
            skip_called: true,
        },
        ["delete-silently"] => Command::Delete {
            reason: None,
            skip_listeners: true,
            skip_outputs: true,
            skip_called: false,
        },
        ["delete", ref reason @ ..] => Command::Delete {
            reason: (!reason.is_empty()).then(|| reason.join(" ")),
            skip_listeners: false,
            skip_outputs: false,
            skip_called: false,
        },
        _ => panic!("no such command: {}", words.join(" ")),
    })
}
