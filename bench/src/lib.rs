//! `stellwerk bench`: load figures side by side with a peer, and the requirement rows that state a time or a ratio.
//!
//! Rates on a shared machine mean little; ratios within one run and CPU time per operation mean a lot.
pub mod cpu;
pub mod database;
pub mod drive;
pub mod goals;
pub mod hold;
pub mod http;
pub mod measure;
mod options;
pub mod own;
pub mod plot;
pub mod ramp;
pub mod report;
pub mod rows;
mod rows_s4;
pub mod runs;
pub mod seed;
pub mod stats;
pub mod table;
pub mod target;
pub mod topology;
pub mod workload;

pub use options::{Arguments, What};

use anyhow::{Context, Result, ensure};
use measure::Subject;
use runs::Measured;

/// Runs a benchmark and prints its table.
///
/// # Errors
/// What is measured can't be started or answers wrongly; a judged row misses its limit.
pub async fn run(arguments: Arguments) -> Result<()> {
    match arguments.what {
        What::Run(options) => load(&options).await,
        What::Table(options) => goals_table(options).await,
        What::Ramp(options) => raise(&options).await,
        What::Compare(options) => {
            let (a, b) = (
                runs::load(&options.runs, &options.before)?,
                runs::load(&options.runs, &options.after)?,
            );
            println!("{}", runs::compare(&a, &b));
            Ok(())
        }
        What::Seed(options) => seed::run(&options).await,
        What::Topology => topology::run(),
        What::Rows { ids } => rows::run(&ids).await,
    }
}

async fn load(options: &options::Run) -> Result<()> {
    let subjects = options.engines.subjects()?;
    if let (Some(time), Some(rate)) = (options.hold, options.rate) {
        let load = options.loads().swap_remove(0);
        let mut all = true;
        for subject in &subjects {
            all &= hold::run(subject, &load, rate, time).await?;
        }
        ensure!(all, "the rate was not held");
        return Ok(());
    }
    let all: Vec<&Subject> = subjects.iter().collect();
    let mut results = Vec::new();
    for load in options.loads() {
        results.extend(table::compare(&all, &load, options.rounds).await?);
    }
    println!(
        "{} rounds of {:?} for each engine in turn, medians",
        options.rounds, options.duration
    );
    println!("{}", report::table(&results));
    for line in report::details(&results) {
        println!("{line}");
    }
    store(&options.label, results)
}

async fn goals_table(options: options::Table) -> Result<()> {
    let subjects = options.engines.subjects()?;
    let ours = subjects.first().context("no engine")?;
    ensure!(
        subjects.len() <= 2,
        "the table compares Stellwerk with one peer: two engines"
    );
    let plan = table::Plan {
        time: options.duration,
        rounds: options.rounds,
        only: options.workloads,
        fill: options.fill,
        own: options.own,
        hold: options.hold.map(|time| (options.rate, time)),
        markdown: options.markdown,
        svg: options.svg,
        command: command(),
    };
    let results = table::run(ours, subjects.get(1), &plan).await?;
    store(&options.label, results)
}

async fn raise(options: &options::Ramp) -> Result<()> {
    ensure!(
        options.factor > 1.0 && options.from >= 1.0,
        "a rate that rises: --from from 1, --factor over 1"
    );
    let plan = ramp::Plan {
        from: options.from,
        factor: options.factor,
        step: options.step,
        p95_ms: options.p95_ms,
        failures: options.failures,
    };
    for subject in &options.engines.subjects()? {
        let load = measure::Load {
            workload: options.workload,
            connections: options.connections,
            time: options.step,
            rate: None,
            max_tasks: 10,
            bytes: false,
            instances: None,
        };
        ramp::run(subject, &load, &plan).await?;
    }
    Ok(())
}

fn store(label: &options::Label, results: Vec<Measured>) -> Result<()> {
    let Some(name) = &label.label else { return Ok(()) };
    let at = jiff::Timestamp::now().to_string();
    runs::store(
        &label.runs,
        &runs::Run {
            label: name.clone(),
            at,
            command: command(),
            results,
        },
    )
}

/// The command line, without what could be a password.
fn command() -> String {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let mut hide = false;
    let shown = words.into_iter().map(|word| {
        let secret = std::mem::replace(&mut hide, word == "--user");
        if secret {
            "NAME:PASSWORD".to_owned()
        } else {
            service::mask(&word)
        }
    });
    format!("stellwerk {}", shown.collect::<Vec<_>>().join(" "))
}
