//! A rate that is to be held: an open loop in stretches of at most a minute, and a verdict.
use crate::{
    drive::{self, Until},
    measure::{self, Load, Subject},
    stats::{Samples, percentile},
    workload::{self},
};
use anyhow::{Result, ensure};
use comfy_table::Table;
use std::time::{Duration, SystemTime};

/// 95th percentile that starts must stay under, in milliseconds (S3-27).
pub const P95_MS: f64 = 50.0;
/// Share of the asked rate that must have been answered with success.
const SHARE: f64 = 0.999;

/// Whether a rate was held: enough succeeded, and quickly enough.
pub fn held(asked: u64, samples: &Samples) -> bool {
    samples.latencies.len() as f64 >= asked as f64 * SHARE && samples.percentile(95.0) < P95_MS
}

/// Holds the load's rate for the whole time and prints each minute. Gives whether each minute and the whole held.
///
/// # Errors
/// The engine refuses the model or can't be reached.
pub async fn run(subject: &Subject, load: &Load, rate: f64, whole: Duration) -> Result<bool> {
    ensure!(
        load.workload.shape() == workload::Shape::Timed && load.workload.key().is_some(),
        "only starts can be held at a rate: start-end, start-wait"
    );
    measure::prepare(subject, load.workload).await?;
    // Connections, caches and compilers are warm before it counts.
    let warm = workload::starts(load.workload, &workload::fresh_prefix(), SystemTime::now());
    let second = Until::Time(Duration::from_secs(2));
    drive::open(&subject.target, load.connections, rate, second, warm).await?;
    let mut all = Samples::default();
    let (mut left, mut minute, mut every) = (whole, 0, true);
    let before = subject.watched.used();
    while left > Duration::ZERO {
        let part = left.min(Duration::from_secs(60));
        left -= part;
        minute += 1;
        let requests = workload::starts(load.workload, &workload::fresh_prefix(), SystemTime::now());
        let samples = drive::open(
            &subject.target,
            load.connections,
            rate,
            Until::Time(part),
            requests,
        )
        .await?;
        let asked = (part.as_secs_f64() * rate) as u64;
        let holds = held(asked, &samples);
        every &= holds;
        println!(
            "{}: minute {minute}: {} of {asked} succeeded, p50 {:.2} ms, p95 {:.2}, p99 {:.2}, max {:.2}{}",
            subject.target.name,
            samples.latencies.len(),
            samples.percentile(50.0),
            samples.percentile(95.0),
            samples.percentile(99.0),
            samples.percentile(100.0),
            if holds { "" } else { ": NOT HELD" }
        );
        for (text, count) in &samples.errors {
            println!("  {count} × {text}");
        }
        let elapsed = all.elapsed + samples.elapsed;
        all.merge(samples);
        all.elapsed = elapsed;
    }
    all.latencies.sort_unstable();
    let used = subject.watched.used().since(before);
    let cores = |time: Duration| format!("{:.2}", time.as_secs_f64() / all.elapsed.as_secs_f64());
    let holds = every && held((whole.as_secs_f64() * rate) as u64, &all);
    let mut table = Table::new();
    table.set_header([
        "engine",
        "rate",
        "for",
        "/s",
        "p95 ms",
        "max ms",
        "cores: engine",
        "database",
        "client",
        "",
    ]);
    table.add_row([
        subject.target.name.clone(),
        format!("{rate}"),
        format!("{whole:?}"),
        format!("{:.1}", all.rate()),
        format!("{:.2}", percentile(&all.latencies, 95.0)),
        format!("{:.2}", percentile(&all.latencies, 100.0)),
        cores(used.engine),
        cores(used.database),
        cores(used.client),
        if holds { "holds" } else { "MISSED" }.to_owned(),
    ]);
    println!("{table}");
    Ok(holds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s3_27_a_rate_is_held_when_nearly_all_succeed_within_fifty_milliseconds() {
        let samples = |count: usize, us: u32| Samples {
            latencies: vec![us; count],
            ..Samples::default()
        };
        assert!(held(1000, &samples(1000, 3_000)));
        assert!(!held(1000, &samples(1000, 51_000)));
        assert!(!held(1000, &samples(990, 3_000)));
    }
}
