//! `bench table`: every goal measured for Stellwerk and its peer in turn, in one run.
use crate::{
    drive::{self, Until},
    goals::{self, GOALS, Row},
    hold,
    measure::{self, Load, Seen, Subject},
    own, plot,
    runs::Measured,
    workload::{self, Workload},
};
use anyhow::{Context, Result, ensure};
use comfy_table::Table;
use std::{
    collections::BTreeSet,
    path::PathBuf,
    time::{Duration, SystemTime},
};

/// What the table is to hold, and where it goes.
#[derive(Clone, Debug)]
pub struct Plan {
    pub time: Duration,
    pub rounds: usize,
    /// Workloads to leave out or in: all if empty.
    pub only: Vec<Workload>,
    /// Instances that both engines have running, and historic ones, before counts are measured.
    pub fill: u64,
    /// Rows about Stellwerk alone, too.
    pub own: bool,
    pub hold: Option<(f64, Duration)>,
    pub markdown: Option<PathBuf>,
    pub svg: Option<PathBuf>,
    pub command: String,
}

/// Measures, prints, writes. Gives what was measured; which goals hold is printed, not an error.
///
/// # Errors
/// An engine can't be reached or a workload fails on it; files can't be written.
pub async fn run(ours: &Subject, peer: Option<&Subject>, plan: &Plan) -> Result<Vec<Measured>> {
    let subjects: Vec<&Subject> = std::iter::once(ours).chain(peer).collect();
    let mut rows = Vec::new();
    if plan.own {
        rows.extend(alone(ours, plan).await?);
    }
    let wanted = |workload: Workload| plan.only.is_empty() || plan.only.contains(&workload);
    let works: BTreeSet<(Workload, usize)> = GOALS
        .iter()
        .map(|g| (g.workload, g.connections))
        .filter(|(w, _)| wanted(*w))
        .collect();
    let mut results = Vec::new();
    for (workload, connections) in works {
        if matches!(workload, Workload::Count | Workload::HistoryCount) {
            for subject in &subjects {
                fill(subject, workload, plan.fill).await?;
            }
        }
        let load = Load {
            workload,
            connections,
            time: plan.time,
            rate: None,
            max_tasks: if connections > 16 { 10 } else { 50 },
            bytes: workload == Workload::StartWait,
            instances: None,
        };
        eprintln!("{}, {connections} …", workload.name());
        results.extend(compare(&subjects, &load, plan.rounds).await?);
    }
    let find = |subject: Option<&Subject>, goal: &goals::Goal| {
        let name = &subject?.target.name;
        results.iter().find(|m| {
            m.engine == *name && m.workload == goal.workload.name() && m.connections == goal.connections
        })
    };
    let compared: Vec<Row> = GOALS
        .iter()
        .filter(|goal| wanted(goal.workload))
        .map(|goal| goals::judge(goal, find(Some(ours), goal), find(peer, goal)))
        .collect();
    rows.splice(0..0, compared);
    if let Some((rate, time)) = plan.hold {
        let load = Load {
            rate: Some(rate),
            ..start_end(plan.time)
        };
        let held = hold::run(ours, &load, rate, time).await?;
        let mut row = goals::own(
            &format!(
                "start → end at {rate}/s for {time:?}, p95 under {} ms",
                hold::P95_MS
            ),
            "held",
            f64::from(u8::from(held)),
            1.0,
            false,
        );
        row.ours = if held { "yes" } else { "no" }.into();
        (row.reached, row.goal) = (row.ours.clone(), "yes".into());
        rows.push(row);
    }
    print(peer, &rows, &results, plan);
    write(peer, &rows, plan)?;
    Ok(results)
}

fn start_end(time: Duration) -> Load {
    Load {
        workload: Workload::StartEnd,
        connections: 64,
        time,
        rate: None,
        max_tasks: 10,
        bytes: false,
        instances: None,
    }
}

/// Rounds of one load on each engine in turn, after one that warms up and finds the rate.
///
/// # Errors
/// An engine can't be reached, or the workload fails on it.
pub async fn compare(subjects: &[&Subject], load: &Load, rounds: usize) -> Result<Vec<Measured>> {
    let mut seen = Seen::default();
    let mut results = Vec::new();
    for subject in subjects {
        measure::prepare(subject, load.workload).await?;
        let warm = Load {
            time: load.time / 2,
            bytes: false,
            ..load.clone()
        };
        measure::round(subject, &warm, &mut seen).await?;
        results.push(Measured {
            engine: subject.target.name.clone(),
            workload: load.workload.name(),
            connections: load.connections,
            rate: load.rate,
            rounds: Vec::new(),
        });
    }
    for _ in 0..rounds {
        for (subject, result) in subjects.iter().zip(&mut results) {
            result
                .rounds
                .push(measure::round(subject, load, &mut seen).await?);
        }
    }
    Ok(results)
}

/// Starts instances until so many run, or are in the history.
async fn fill(subject: &Subject, counted: Workload, size: u64) -> Result<()> {
    let (path, workload) = match counted {
        Workload::HistoryCount => ("/history/process-instance/count", Workload::StartEnd),
        _ => ("/process-instance/count", Workload::StartWait),
    };
    let there = subject.target.count(path).await?;
    if there < size {
        eprintln!(
            "{}: starting {} instances first …",
            subject.target.name,
            size - there
        );
        measure::prepare(subject, workload).await?;
        let requests = workload::starts(workload, &workload::fresh_prefix(), SystemTime::now());
        let until = Until::Count(size - there, Duration::from_secs(1800));
        let samples = drive::closed(&subject.target, 16, until, requests).await?;
        ensure!(
            samples.failures() == 0,
            "{}: {:?}",
            subject.target.name,
            samples.errors
        );
    }
    let there = subject.target.count(path).await?;
    println!("{}: {path} is {there}", subject.target.name);
    Ok(())
}

/// Memory, boot and cost of history, on nodes of our own beside the given database.
async fn alone(ours: &Subject, plan: &Plan) -> Result<Vec<Row>> {
    let name = &ours.target.name;
    let beside = ours.database.as_deref();
    let beside = beside.with_context(|| format!("rows about Stellwerk alone need --database {name}=URL"))?;
    eprintln!("idle node …");
    let (boot, memory) = own::idle(beside).await?;
    eprintln!("history levels …");
    let load = Load {
        bytes: false,
        ..own::level_load(plan.time)
    };
    let levels = own::levels(
        beside,
        &["none", "full"],
        &load,
        plan.rounds,
        &ours.watched.database,
    )
    .await?;
    let share = own::share(&levels).context("no rate of a history level")?;
    Ok(vec![
        goals::own(
            "memory of an idle node",
            "MiB",
            memory as f64 / 1024.0,
            48.0,
            true,
        ),
        goals::own(
            "process start to first answer",
            "ms",
            boot.as_secs_f64() * 1000.0,
            300.0,
            true,
        ),
        goals::own("starts/s at level full against none", "ratio", share, 0.6, false),
    ])
}

fn print(peer: Option<&Subject>, rows: &[Row], results: &[Measured], plan: &Plan) {
    println!(
        "{} rounds of {:?} for each engine in turn, medians",
        plan.rounds, plan.time
    );
    println!("{}", crate::report::table(results));
    let mut table = Table::new();
    table.set_header([
        "work",
        "figure",
        "Stellwerk",
        peer_name(peer),
        "reached",
        "goal",
        "",
    ]);
    for row in rows {
        let cells = [
            &row.work,
            &row.figure,
            &row.ours,
            &row.peer,
            &row.reached,
            &row.goal,
        ];
        table.add_row(cells.map(String::as_str).into_iter().chain([row.verdict()]));
    }
    println!("{table}");
    for line in crate::report::details(results) {
        println!("{line}");
    }
}

fn peer_name(peer: Option<&Subject>) -> &str {
    peer.map_or("no peer", |peer| &peer.target.name)
}

fn write(peer: Option<&Subject>, rows: &[Row], plan: &Plan) -> Result<()> {
    if let Some(file) = &plan.markdown {
        let mut text = goals::markdown(peer_name(peer), rows);
        text.push_str(&format!(
            "\n{} rounds of {:?} for each engine in turn, medians. Command:\n\n```sh\n{}\n```\n",
            plan.rounds, plan.time, plan.command
        ));
        std::fs::write(file, text).with_context(|| file.display().to_string())?;
    }
    if let Some(file) = &plan.svg {
        let title = format!(
            "Stellwerk against {}: share of each goal reached",
            peer_name(peer)
        );
        std::fs::write(file, plot::svg(&title, rows)?).with_context(|| file.display().to_string())?;
    }
    Ok(())
}
