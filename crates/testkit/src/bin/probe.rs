//! `probe REFERENCE-URL OUR-URL [--seed N] [--requests N] [--each N] [--wrong PERCENT] [--tier N] [--only TEXT,…] [--but TEXT,…]
//! [--reads] [--kinds N] [--log FILE]`: asks both the same random questions and prints what differs. Both lose all they have: neither may
//! be an engine that somebody needs.
use anyhow::{Result, bail};
use std::path::Path;
use testkit::{
    differential::engine::Engine,
    probe::{Plan, probe},
};

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| {
        let at = arguments.iter().position(|a| a == name)?;
        arguments.get(at + 1).cloned()
    };
    let number = |name: &str, otherwise: usize| option(name).map_or(Ok(otherwise), |n| n.parse());
    let names = |name: &str| -> Vec<String> {
        option(name).map_or_else(Vec::new, |text| text.split(',').map(str::to_owned).collect())
    };
    let [reference, ours, ..] = &arguments[..] else {
        bail!(
            "usage: probe REFERENCE-URL OUR-URL [--seed N] [--requests N] [--wrong PERCENT] [--only TEXT,…]"
        )
    };
    let plan = Plan {
        seed: number("--seed", 1)? as u64,
        requests: number("--requests", 2000)?,
        each: number("--each", 300)?,
        wrong: number("--wrong", 20)?,
        tier: number("--tier", 2)? as u8,
        only: names("--only"),
        but: names("--but"),
        reads: arguments.iter().any(|a| a == "--reads"),
        log: option("--log").map(Into::into),
    };
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/compat/models");
    let report = probe(&Engine::new(reference)?, &Engine::new(ours)?, &models, &plan).await?;
    print!("{}", report.shown(number("--kinds", 60)?));
    Ok(())
}
