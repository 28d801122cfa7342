//! Labelled runs: stored as JSON, compared with an estimate of what is noise.
use crate::stats::{Figures, median, noise};
use anyhow::{Context, Result, ensure};
use comfy_table::Table;
use serde::{Deserialize, Serialize};
use std::{fs, path::Path};

/// What one command measured.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Run {
    pub label: String,
    /// When it ended, ISO 8601.
    pub at: String,
    /// The command that did it.
    pub command: String,
    pub results: Vec<Measured>,
}

/// The rounds of one workload on one engine.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Measured {
    pub engine: String,
    pub workload: String,
    pub connections: usize,
    /// Operations a second of an open loop.
    pub rate: Option<f64>,
    pub rounds: Vec<Figures>,
}

impl Measured {
    /// The median over the rounds that have the figure.
    pub fn median(&self, figure: impl Fn(&Figures) -> Option<f64>) -> Option<f64> {
        median(self.rounds.iter().filter_map(figure))
    }

    /// What it is called in tables.
    pub fn what(&self) -> String {
        let rate = self.rate.map_or_else(String::new, |rate| format!(" at {rate}/s"));
        format!("{}, {}{rate}", self.workload, self.connections)
    }
}

/// Stores a run as `DIRECTORY/LABEL.json`; one of the same label is replaced.
///
/// # Errors
/// The label isn't a plain name, or the file can't be written.
pub fn store(directory: &Path, run: &Run) -> Result<()> {
    check(&run.label)?;
    fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
    let file = directory.join(format!("{}.json", run.label));
    fs::write(&file, serde_json::to_string_pretty(run)?).with_context(|| file.display().to_string())?;
    println!("stored as {}", file.display());
    Ok(())
}

/// Reads a stored run.
///
/// # Errors
/// There is none of that label, or it isn't one.
pub fn load(directory: &Path, label: &str) -> Result<Run> {
    check(label)?;
    let file = directory.join(format!("{label}.json"));
    let text = fs::read_to_string(&file).with_context(|| format!("run '{label}': {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| file.display().to_string())
}

fn check(label: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    ensure!(
        !label.is_empty() && !label.starts_with('.') && label.chars().all(plain),
        "a label is made of letters, digits, '-', '_' and '.': '{label}'"
    );
    Ok(())
}

/// What a difference between two runs is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Better,
    Worse,
    /// Smaller than what rounds of the same run differ by.
    Noise,
    /// Fewer than three rounds on a side.
    Unknown,
}

/// Compares a figure of two runs: the change as a share of `a`, the noise of both medians together, the verdict.
/// `None` if a side has no such
/// figure, or it was zero.
pub fn judge(a: &[f64], b: &[f64], more_is_better: bool) -> Option<(f64, Option<f64>, Verdict)> {
    let (old, new) = (median(a.iter().copied())?, median(b.iter().copied())?);
    if old == 0.0 {
        return None;
    }
    let change = (new - old) / old.abs();
    // Independent errors add up by their squares. Clock ticks and luck can make few rounds equal: 1 % is always noise.
    let both = noise(a)
        .zip(noise(b))
        .map(|(a, b)| (a * a + b * b).sqrt().max(0.01));
    let verdict = match both {
        None => Verdict::Unknown,
        Some(noise) if change.abs() <= noise => Verdict::Noise,
        Some(_) if (change > 0.0) == more_is_better => Verdict::Better,
        Some(_) => Verdict::Worse,
    };
    Some((change, both, verdict))
}

/// A figure that runs are compared by: name, whether more of it is better, how to read it.
type Compared = (&'static str, bool, fn(&Figures) -> Option<f64>);

const COMPARED: &[Compared] = &[
    ("operations/s", true, |f| Some(f.rate)),
    ("p50 ms", false, |f| f.p50),
    ("p95 ms", false, |f| f.p95),
    ("p99 ms", false, |f| f.p99),
    ("engine CPU ms", false, |f| f.engine_cpu),
    ("database CPU ms", false, |f| f.database_cpu),
    ("bytes on disk", false, Figures::bytes),
    ("WAL bytes", false, |f| f.wal),
];

/// The differences between two runs, as a table.
pub fn compare(a: &Run, b: &Run) -> Table {
    let mut table = Table::new();
    table.set_header([
        "engine", "workload", "figure", &a.label, &b.label, "change", "noise", "",
    ]);
    for old in &a.results {
        let same = |new: &&Measured| {
            new.engine == old.engine
                && new.workload == old.workload
                && new.connections == old.connections
                && new.rate == old.rate
        };
        let Some(new) = b.results.iter().find(same) else {
            continue;
        };
        for (name, more_is_better, figure) in COMPARED {
            let values = |m: &Measured| -> Vec<f64> { m.rounds.iter().filter_map(figure).collect() };
            let (a, b) = (values(old), values(new));
            let Some((change, noise, verdict)) = judge(&a, &b, *more_is_better) else {
                continue;
            };
            let shown = |values: Vec<f64>| median(values).map_or_else(String::new, crate::report::number);
            table.add_row([
                old.engine.clone(),
                old.what(),
                (*name).to_owned(),
                shown(a),
                shown(b),
                format!("{:+.1} %", change * 100.0),
                noise.map_or_else(|| "?".to_owned(), |n| format!("± {:.1} %", n * 100.0)),
                match verdict {
                    Verdict::Better => "better",
                    Verdict::Worse => "worse",
                    Verdict::Noise => "noise",
                    Verdict::Unknown => "too few rounds",
                }
                .to_owned(),
            ]);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s3_33_a_difference_within_the_noise_is_called_noise() {
        let a = [100.0, 104.0, 96.0, 101.0, 99.0];
        let verdict = |b: &[f64], more| judge(&a, b, more).expect("figures").2;
        assert_eq!(verdict(&[101.0, 103.0, 97.0, 100.0, 102.0], true), Verdict::Noise);
        assert_eq!(verdict(&[150.0, 152.0, 148.0], true), Verdict::Better);
        assert_eq!(verdict(&[150.0, 152.0, 148.0], false), Verdict::Worse);
        assert_eq!(verdict(&[150.0], true), Verdict::Unknown);
        assert_eq!(judge(&a, &[], true), None);
    }

    #[test]
    fn s3_33_a_stored_run_is_read_again_and_compared() -> Result<()> {
        let directory = std::env::temp_dir().join(format!("stellwerk-bench-runs-{}", std::process::id()));
        let rounds = |rate: f64| {
            (0..3)
                .map(|_| Figures {
                    rate,
                    ..Figures::default()
                })
                .collect()
        };
        let run = |label: &str, rate| Run {
            label: label.to_owned(),
            results: vec![Measured {
                engine: "ours".into(),
                workload: "start-end".into(),
                connections: 64,
                rate: None,
                rounds: rounds(rate),
            }],
            ..Run::default()
        };
        store(&directory, &run("before", 100.0))?;
        store(&directory, &run("after", 200.0))?;
        let text = compare(&load(&directory, "before")?, &load(&directory, "after")?).to_string();
        assert!(text.contains("+100.0 %") && text.contains("better"), "{text}");
        assert!(load(&directory, "../before").is_err());
        assert!(load(&directory, "absent").is_err());
        fs::remove_dir_all(&directory)?;
        Ok(())
    }
}
