//! Chooses what to do next from what the state offers.
use super::{Dice, Meddling, deploys, model::BEGIN, versions};
use crate::differential::{
    case::{Case, Step},
    run::Run,
};
use anyhow::Result;

const MAX_STEPS: usize = 14;

/// Deploys and starts the process, goes on at random until nothing is left, and notes it all.
/// Operators meddle beside.
pub async fn record(
    run: &mut Run<'_>,
    case: &mut Case,
    model: String,
    seed: u64,
    meddling: Meddling,
) -> Result<()> {
    let mut dice = Dice::new(seed ^ 0x5eed);
    let elements = match meddling {
        Meddling::None => Vec::new(),
        Meddling::Changes | Meddling::Versions => elements(&model),
    };
    let how = match model.contains(BEGIN) {
        true => "message begin",
        false => "start",
    };
    let deployed = run.step(&deploys(model.clone())).await?;
    let refused = deployed.refused.is_some();
    case.steps.push(deployed);
    if refused {
        return Ok(());
    }
    let mut next = Some(format!(
        "{how} {{\"x\":{},\"c\":0,\"l\":[\"a\",\"b\"]}}",
        dice.below(6)
    ));
    while let Some(what) = next {
        case.steps.push(
            run.step(&Step {
                what,
                ..Step::default()
            })
            .await?,
        );
        if case.steps.len() >= MAX_STEPS {
            break;
        }
        if meddling == Meddling::Versions && dice.once_in(3) && run.is_main_running() {
            let (version, instructions) = versions::changed(&model, &mut dice);
            let deployed = run.step(&deploys(version)).await?;
            let refused = deployed.refused.is_some();
            case.steps.push(deployed);
            if !refused {
                next = Some(migrate(&instructions, &mut dice));
                continue;
            }
        }
        if meddling == Meddling::Versions
            && run.state.instances.is_empty()
            && !elements.is_empty()
            && dice.once_in(2)
        {
            let initial = ["", " initial"][dice.below(2)];
            next = Some(format!(
                "restart {}{initial}",
                elements[dice.below(elements.len())]
            ));
            continue;
        }
        next = {
            let change = (!elements.is_empty() && dice.once_in(3))
                .then(|| change(run, &mut dice, &elements))
                .flatten();
            change.or_else(|| choose(run, &mut dice))
        };
    }
    Ok(())
}

fn migrate(instructions: &[(String, String)], dice: &mut Dice) -> String {
    let update = if dice.once_in(3) { " update" } else { "" };
    let pairs = instructions.iter().map(|(from, to)| format!(" {from}>{to}"));
    format!("migrate{update}{}", pairs.collect::<String>())
}

/// What of the main process an operator may start.
fn elements(model: &str) -> Vec<String> {
    const NONE: [&str; 4] = ["boundary", "start", "event-sub", "process"];
    let main = model
        .lines()
        .skip(1)
        .take_while(|line| !line.starts_with("process "));
    let words = main.filter_map(|line| {
        let mut words = line.split_whitespace();
        words.next().zip(words.next())
    });
    let named = words.filter(|(kind, id)| {
        let plain = |c: char| c.is_ascii_alphanumeric();
        !NONE.contains(kind)
            && id.len() < 5
            && id.chars().all(plain)
            && id.ends_with(|c: char| c.is_ascii_digit())
    });
    let kinds = [
        "user",
        "external",
        "service",
        "receive",
        "task",
        "manual",
        "xor",
        "and",
        "sub",
        "catch",
        "throw",
        "end",
        "call",
        "script-task",
        "tx",
        "event-gateway",
    ];
    named
        .filter(|(kind, _)| kinds.contains(kind))
        .map(|(_, id)| id.to_owned())
        .collect()
}

/// What an operator may do.
fn change(run: &Run<'_>, dice: &mut Dice, elements: &[String]) -> Option<String> {
    let state = &run.state;
    if !run.is_main_running() {
        return None;
    }
    let tasks: Vec<&String> = state.tasks.keys().collect();
    let how = dice.below(12);
    if how < 4 && !tasks.is_empty() {
        let task = tasks[dice.below(tasks.len())];
        return Some(match how {
            0 => format!("claim {task} ann"),
            1 => format!("delegate {task} bob"),
            2 => format!("resolve {task}"),
            _ => format!("assignee {task} kim"),
        });
    }
    if how == 4 {
        return Some("remove x".to_owned());
    }
    let running: Vec<&String> = state
        .nodes
        .keys()
        .filter(|name| elements.iter().any(|e| name.split('.').next() == Some(e)))
        .collect();
    let element = &elements[dice.below(elements.len())];
    let start = match dice.below(4) {
        0 => "startAfterActivity",
        _ => "startBeforeActivity",
    };
    let start = format!("{{\"type\":\"{start}\",\"activityId\":\"{element}\"}}");
    let cancel = (!running.is_empty()).then(|| {
        let name = running[dice.below(running.len())];
        match dice.below(2) {
            0 => format!(
                "{{\"type\":\"cancel\",\"activityId\":\"{}\"}}",
                name.split('.').next().unwrap_or_default()
            ),
            _ => format!("{{\"type\":\"cancel\",\"activityInstanceId\":\"<{name}>\"}}"),
        }
    });
    let instructions = match (cancel, dice.below(3)) {
        (Some(cancel), 0) => cancel,
        (Some(cancel), 1) => format!("{cancel},{start}"),
        _ => start,
    };
    Some(format!("modify {{\"instructions\":[{instructions}]}}"))
}

/// One of the things that can be done, none when all has ended.
fn choose(run: &Run<'_>, dice: &mut Dice) -> Option<String> {
    let state = &run.state;
    if state.instances.is_empty() {
        return None;
    }
    let variables = match dice.below(4) {
        0 => String::new(),
        1 => format!(" {{\"c\":{}}}", dice.below(6)),
        _ => format!(" {{\"x\":{}}}", dice.below(6)),
    };
    let mut offers = Vec::new();
    for name in state.tasks.keys() {
        offers.push(match dice.below(12) {
            0 => format!("error {name} E{}{variables}", dice.below(3)),
            1 => format!("escalate {name} S{}{variables}", dice.below(3)),
            _ => format!("complete {name}{variables}"),
        });
    }
    for name in state.externals.keys() {
        offers.push(match dice.below(10) {
            0 | 1 => format!("ext-error {name} E{}{variables}", dice.below(3)),
            2 => format!("ext-fail {name} {}", dice.below(2)),
            _ => format!("ext-complete {name}{variables}"),
        });
    }
    for name in state.jobs.keys() {
        offers.push(if dice.once_in(12) {
            format!("retries {name} {}", dice.below(3))
        } else {
            format!("job {name}")
        });
    }
    for (name, (kind, event, _)) in &state.subscriptions {
        let event = event.split('-').next().unwrap_or_default();
        offers.extend(match kind.as_str() {
            "message" if dice.once_in(3) => Some(format!("message {event}{variables}")),
            "message" => Some(format!("deliver {name}{variables}")),
            "signal" => Some(format!("signal {event}{variables}")),
            "conditional" => Some(format!("set {{\"c\":{}}}", dice.below(6))),
            _ => None,
        });
    }
    for line in &state.lines {
        // A receive task without a message.
        let words: Vec<&str> = line.split(' ').collect();
        if let ["activity", "receiveTask", name, "in", _, "on", execution] = words[..]
            && !state.subscriptions.contains_key(name)
        {
            offers.push(format!("trigger {}{variables}", run.shown(execution)));
        }
    }
    if state
        .lines
        .iter()
        .any(|l| l.starts_with("instance ") && l.contains(" suspended"))
        && dice.once_in(3)
    {
        return Some("activate".to_owned());
    }
    let rare = match dice.below(60) {
        0 => Some("delete".to_owned()),
        1 => Some("suspend".to_owned()),
        2 | 3 => Some(format!("set {{\"x\":{}}}", dice.below(6))),
        4 => {
            let names: Vec<&String> = state.executions.keys().collect();
            Some(format!(
                "set {} {{\"own\":1}}",
                run.shown(names[dice.below(names.len())])
            ))
        }
        _ => None,
    };
    if let Some(rare) = rare.filter(|_| run.is_main_running()) {
        return Some(rare);
    }
    (!offers.is_empty()).then(|| offers.swap_remove(dice.below(offers.len())))
}
