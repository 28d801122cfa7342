//! Random cases: a block-structured process from a seed, and steps chosen from what each recorded state offers.
mod drive;
mod flows;
pub mod model;
mod pairs;
mod repeat;
mod rich;
mod scopes;
mod undo;
mod usual;
mod versions;

use super::{
    case::{Case, Resource, Step},
    engine::Engine,
    run::Run,
};
use anyhow::Result;

/// A small deterministic generator (xorshift).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        let mut dice = Dice((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for _ in 0..8 {
            dice.below(2);
        }
        dice
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % limit.max(1) as u64) as usize
    }

    /// Once in so many times.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}

/// What generated processes may be about: each has more of some elements.
pub const THEMES: [&str; 16] = [
    "tasks",
    "gateways",
    "boundary",
    "scopes",
    "loops",
    "compensation",
    "calls",
    "mixed",
    "data",
    "events",
    "changes",
    "usual",
    "scripts",
    "throws",
    "pairs",
    "versions",
];

/// What operators do beside users.
#[derive(Clone, Copy, PartialEq)]
enum Meddling {
    None,
    /// Modification, assignment, retries.
    Changes,
    /// Migration and restart too.
    Versions,
}

/// Generates a case and records it on an engine.
pub async fn generate(engine: &Engine, theme: &str, seed: u64) -> Result<Case> {
    let model = model::process(theme, seed);
    let mut case = Case {
        name: format!("{theme} {seed}"),
        ..Case::default()
    };
    let mut run = Run::new(engine);
    let meddling = match theme {
        "versions" => Meddling::Versions,
        "changes" => Meddling::Changes,
        "pairs" if seed % 4 == 3 => Meddling::Changes,
        _ => Meddling::None,
    };
    let result = drive::record(&mut run, &mut case, model, seed, meddling).await;
    if result.is_ok() {
        case.history = run.history().await?;
    }
    run.clean_up().await;
    result.map(|()| case)
}

fn deploys(model: String) -> Step {
    let rates = model.contains("@decisionRef").then(|| Resource {
        name: Some("rates.dmn".to_owned()),
        text: usual::RATES.to_owned(),
    });
    let model = Resource {
        name: None,
        text: model,
    };
    let resources = Some(model).into_iter().chain(rates).collect();
    Step {
        what: "deploy".to_owned(),
        resources,
        ..Step::default()
    }
}
