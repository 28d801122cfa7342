//! Chooses what to do next from what the state offers.
use super::{Dice, deploys};
use crate::differential::{
    case::{Case, Step},
    run::Run,
};
use anyhow::Result;

const MAX_STEPS: usize = 14;

/// Deploys and starts the process, goes on at random until nothing is left, and notes it all.
pub async fn record(run: &mut Run<'_>, case: &mut Case, model: String, seed: u64) -> Result<()> {
    let mut dice = Dice::new(seed ^ 0x5eed);
    let deployed = run.step(&deploys(model)).await?;
    let refused = deployed.refused.is_some();
    case.steps.push(deployed);
    if refused {
        return Ok(());
    }
    let mut next = Some(format!(
        "start {{\"x\":{},\"c\":0,\"l\":[\"a\",\"b\"]}}",
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
        next = (case.steps.len() < MAX_STEPS)
            .then(|| choose(run, &mut dice))
            .flatten();
    }
    Ok(())
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
