//! Raises the rate until something breaks, and says what it was (S2-41).
use crate::{
    drive::{self, Until},
    measure::{self, Load, Subject},
    report::number,
    stats::Samples,
    workload,
};
use anyhow::{Context, Result, ensure};
use comfy_table::Table;
use sqlx::Row;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

/// From which rate on, how fast it rises, and what counts as broken.
#[derive(Clone, Debug)]
pub struct Plan {
    pub from: f64,
    pub factor: f64,
    pub step: Duration,
    /// Broken: a 95th percentile over this, in milliseconds.
    pub p95_ms: f64,
    /// Broken: a larger share of failures.
    pub failures: f64,
}

/// What was seen during one step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    pub asked: f64,
    pub rate: f64,
    pub p95_ms: f64,
    pub failed: u64,
    /// Answers 503 among them.
    pub refused: u64,
    /// Cores used.
    pub engine: f64,
    pub database: f64,
    pub client: f64,
    pub machine: f64,
    pub cores: f64,
    /// Mean milliseconds that work waited for a connection of the node's pool, where the node tells.
    pub pool_wait_ms: Option<f64>,
    /// Sessions that waited, by event, as mean number at a time.
    pub waits: BTreeMap<String, f64>,
}

impl Plan {
    /// Whether a step went over what counts as broken.
    pub fn broken(&self, seen: &Seen) -> bool {
        let total = seen.rate.max(1.0) * self.step.as_secs_f64() + seen.failed as f64;
        seen.p95_ms.is_nan()
            || seen.p95_ms > self.p95_ms
            || seen.failed as f64 / total > self.failures
            || seen.rate < seen.asked * 0.95
    }
}

/// What limited a step, the likeliest first.
pub fn limits(seen: &Seen) -> Vec<String> {
    let mut found = Vec::new();
    let busy = seen.machine / seen.cores.max(1.0);
    if busy > 0.9 {
        let other = (seen.machine - seen.engine - seen.database - seen.client).max(0.0);
        let mut shares = [
            ("engine", seen.engine),
            ("database", seen.database),
            ("client", seen.client),
            ("others", other),
        ];
        shares.sort_by(|a, b| b.1.total_cmp(&a.1));
        let parts: Vec<String> = shares
            .iter()
            .map(|(who, cores)| format!("{who} {cores:.2}"))
            .collect();
        found.push(format!(
            "CPU: {:.0} % of {} cores ({})",
            busy * 100.0,
            seen.cores,
            parts.join(", ")
        ));
    } else if seen.client > 0.9 {
        found.push(format!(
            "this program: its one thread used {:.0} % of a core",
            seen.client * 100.0
        ));
    }
    if seen.refused > 0 {
        found.push(format!("a full queue: {} answers 503", seen.refused));
    }
    if let Some(wait) = seen.pool_wait_ms.filter(|ms| *ms > 1.0) {
        found.push(format!("the pool: work waited {wait:.1} ms for a connection"));
    }
    let of = |prefixes: &[&str]| -> f64 {
        seen.waits
            .iter()
            .filter(|(event, _)| prefixes.iter().any(|p| event.starts_with(p)))
            .map(|(_, n)| n)
            .sum()
    };
    for (what, prefixes) in [
        (
            "disk: writing and syncing WAL",
            &["IO/WAL", "LWLock/WALWrite"][..],
        ),
        ("disk: data files", &["IO/Data", "IO/Buf"][..]),
        (
            "locks in the database",
            &[
                "Lock/",
                "LWLock/BufferContent",
                "LWLock/WALInsert",
                "LWLock/LockManager",
            ][..],
        ),
    ] {
        let sessions = of(prefixes);
        if sessions > 0.5 {
            found.push(format!("{what}: {sessions:.1} sessions waited at a time"));
        }
    }
    if found.is_empty() {
        found.push("the network, or waiting in the engine: no core, pool, disk or lock was short".to_owned());
    }
    found
}

/// Raises the rate step by step until a step is broken, prints each, and names the limit.
///
/// # Errors
/// The engine refuses the model or can't be reached; nothing breaks before 64 steps.
pub async fn run(subject: &Subject, load: &Load, plan: &Plan) -> Result<()> {
    ensure!(
        load.workload.shape() == workload::Shape::Timed,
        "only independent requests have a rate that can rise: start-end, start-wait, get, count"
    );
    measure::prepare(subject, load.workload).await?;
    let mut table = Table::new();
    table.set_header([
        "asked /s",
        "/s",
        "p95 ms",
        "failed",
        "503",
        "cores: engine",
        "database",
        "client",
        "machine",
        "pool wait ms",
    ]);
    let mut rate = plan.from;
    let mut best = 0.0_f64;
    for _ in 0..64 {
        let seen = step(subject, load, plan, rate).await?;
        table.add_row([
            number(seen.asked),
            number(seen.rate),
            format!("{:.2}", seen.p95_ms),
            seen.failed.to_string(),
            seen.refused.to_string(),
            format!("{:.2}", seen.engine),
            format!("{:.2}", seen.database),
            format!("{:.2}", seen.client),
            format!("{:.2}", seen.machine),
            crate::report::maybe(seen.pool_wait_ms),
        ]);
        if plan.broken(&seen) {
            println!("{table}");
            println!(
                "{}: held {} /s, broke at {} /s. Limited by:",
                subject.target.name,
                number(best),
                number(rate)
            );
            for limit in limits(&seen) {
                println!("  {limit}");
            }
            return Ok(());
        }
        best = seen.rate;
        rate *= plan.factor;
    }
    println!("{table}");
    anyhow::bail!("nothing broke up to {} /s", number(best))
}

async fn step(subject: &Subject, load: &Load, plan: &Plan, rate: f64) -> Result<Seen> {
    let requests = match load.workload {
        workload::Workload::Count => workload::reads("/process-instance/count"),
        workload::Workload::HistoryCount => workload::reads("/history/process-instance/count"),
        other => workload::starts(other, &workload::fresh_prefix(), SystemTime::now()),
    };
    let pool = pool_wait(subject).await;
    let over = Arc::new(AtomicBool::new(false));
    let sampler = tokio::spawn(waits(subject.database.clone(), over.clone()));
    let before = subject.watched.used();
    let samples = drive::open(
        &subject.target,
        load.connections,
        rate,
        Until::Time(plan.step),
        requests,
    )
    .await;
    let used = subject.watched.used().since(before);
    over.store(true, Ordering::Relaxed);
    let waits = sampler.await?;
    let samples = samples?;
    let seconds = samples.elapsed.as_secs_f64();
    let cores = |time: Duration| time.as_secs_f64() / seconds;
    let pool = pool
        .zip(pool_wait(subject).await)
        .and_then(|(old, new)| mean_ms(old, new));
    Ok(Seen {
        asked: rate,
        rate: samples.rate(),
        p95_ms: samples.percentile(95.0),
        failed: samples.failures(),
        refused: refused(&samples),
        engine: cores(used.engine),
        database: cores(used.database),
        client: cores(used.client),
        machine: cores(used.machine),
        cores: std::thread::available_parallelism().map_or(1.0, |n| n.get() as f64),
        pool_wait_ms: pool,
        waits: waits.unwrap_or_else(|error| {
            eprintln!("no waits of the database: {error:#}");
            BTreeMap::new()
        }),
    })
}

fn refused(samples: &Samples) -> u64 {
    samples
        .errors
        .iter()
        .filter(|(text, _)| text.starts_with("503"))
        .map(|(_, count)| count)
        .sum()
}

/// Sum and count of a histogram in the text of a node's metrics, over all its labels.
pub fn histogram(text: &str, name: &str) -> Option<(f64, f64)> {
    let sum = |suffix: &str| -> Option<f64> {
        let values: Vec<f64> = text
            .lines()
            .filter(|line| {
                let rest = line.strip_prefix(name).and_then(|rest| rest.strip_prefix(suffix));
                rest.is_some_and(|rest| rest.starts_with([' ', '{']))
            })
            .filter_map(|line| line.rsplit(' ').next()?.parse().ok())
            .collect();
        (!values.is_empty()).then(|| values.iter().sum())
    };
    Some((sum("_sum")?, sum("_count")?))
}

fn mean_ms(old: (f64, f64), new: (f64, f64)) -> Option<f64> {
    let count = new.1 - old.1;
    (count > 0.0).then(|| (new.0 - old.0) / count * 1000.0)
}

async fn pool_wait(subject: &Subject) -> Option<(f64, f64)> {
    let url = format!("{}/metrics", subject.metrics.as_ref()?.trim_end_matches('/'));
    let text = reqwest::get(url).await.ok()?.text().await.ok()?;
    histogram(&text, "stellwerk_node_pool_wait_seconds")
}

/// Looks twenty times a second what the database's sessions wait for: event to mean number of sessions.
async fn waits(url: Option<String>, over: Arc<AtomicBool>) -> Result<BTreeMap<String, f64>> {
    let Some(url) = url else {
        return Ok(BTreeMap::new());
    };
    let mut connection = crate::database::connect(&url).await.context("pg_stat_activity")?;
    let (mut waits, mut looks) = (BTreeMap::<String, f64>::new(), 0.0_f64);
    while !over.load(Ordering::Relaxed) {
        // Sessions of this database, and what works for all of them.
        let rows = sqlx::query(
            "SELECT wait_event_type || '/' || wait_event, count(*) FROM pg_stat_activity \
             WHERE (datname = current_database() AND state = 'active' AND pid <> pg_backend_pid() \
                    OR backend_type IN ('walwriter', 'checkpointer')) \
               AND wait_event_type IN ('IO', 'Lock', 'LWLock') GROUP BY 1",
        )
        .fetch_all(&mut connection)
        .await?;
        for row in rows {
            *waits.entry(row.try_get(0)?).or_default() += row.try_get::<i64, _>(1)? as f64;
        }
        looks += 1.0;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    waits
        .values_mut()
        .for_each(|sessions| *sessions /= looks.max(1.0));
    Ok(waits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan {
            from: 100.0,
            factor: 1.5,
            step: Duration::from_secs(5),
            p95_ms: 100.0,
            failures: 0.01,
        }
    }

    fn calm() -> Seen {
        Seen {
            asked: 100.0,
            rate: 100.0,
            p95_ms: 5.0,
            machine: 0.4,
            cores: 2.0,
            ..Seen::default()
        }
    }

    #[test]
    fn s2_41_a_step_is_broken_by_slow_answers_failures_or_a_rate_not_reached() {
        assert!(!plan().broken(&calm()));
        assert!(plan().broken(&Seen {
            p95_ms: 101.0,
            ..calm()
        }));
        assert!(plan().broken(&Seen { failed: 6, ..calm() }));
        assert!(plan().broken(&Seen { rate: 90.0, ..calm() }));
        assert!(plan().broken(&Seen {
            p95_ms: f64::NAN,
            ..calm()
        }));
    }

    #[test]
    fn s2_41_the_limit_is_named() {
        let first = |seen: &Seen| limits(seen).swap_remove(0);
        let busy = Seen {
            machine: 1.95,
            engine: 0.9,
            database: 0.7,
            client: 0.3,
            ..calm()
        };
        assert_eq!(
            first(&busy),
            "CPU: 98 % of 2 cores (engine 0.90, database 0.70, client 0.30, others 0.05)"
        );
        assert!(
            first(&Seen {
                client: 0.95,
                ..calm()
            })
            .starts_with("this program")
        );
        assert!(first(&Seen { refused: 3, ..calm() }).contains("503"));
        assert!(
            first(&Seen {
                pool_wait_ms: Some(12.0),
                ..calm()
            })
            .starts_with("the pool")
        );
        let waits = BTreeMap::from([("IO/WALSync".to_owned(), 1.4), ("Lock/tuple".to_owned(), 0.1)]);
        assert!(first(&Seen { waits, ..calm() }).starts_with("disk: writing"));
        assert!(first(&calm()).starts_with("the network"));
    }

    #[test]
    fn a_histogram_is_summed_over_its_labels() {
        let text = "# TYPE w histogram\nw_sum{node=\"a\"} 1.5\nw_sum{node=\"b\"} 0.5\nw_count{node=\"a\"} 3\nw_count{node=\"b\"} 1\nw_bucket{le=\"1\"} 9\n";
        assert_eq!(histogram(text, "w"), Some((2.0, 4.0)));
        assert_eq!(histogram(text, "x"), None);
        assert_eq!(mean_ms((0.0, 0.0), (2.0, 4.0)), Some(500.0));
    }
}
