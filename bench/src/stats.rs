//! Numbers out of rounds: percentiles, medians, and how far rounds of the same thing lie apart.
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};

/// What one stretch of load gave.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    /// Microseconds of each successful operation, sorted once the stretch is over.
    pub latencies: Vec<u32>,
    /// How often each error text came.
    pub errors: BTreeMap<String, u64>,
    /// From the first request to the last answer.
    pub elapsed: Duration,
}

/// Kinds of error texts that are told apart.
const KINDS: usize = 12;

impl Samples {
    /// Counts a failed operation.
    pub fn failed(&mut self, text: &str) {
        let text = plain(text);
        let full = self.errors.len() >= KINDS && !self.errors.contains_key(&text);
        let text = if full { "other errors".to_owned() } else { text };
        *self.errors.entry(text).or_default() += 1;
    }

    /// Adds those of another connection.
    pub fn merge(&mut self, other: Samples) {
        self.latencies.extend(other.latencies);
        for (text, count) in other.errors {
            *self.errors.entry(text).or_default() += count;
        }
    }

    /// How many operations failed.
    pub fn failures(&self) -> u64 {
        self.errors.values().sum()
    }

    /// Successful operations a second.
    pub fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// A percentile in milliseconds.
    pub fn percentile(&self, percent: f64) -> f64 {
        percentile(&self.latencies, percent)
    }
}

/// A percentile of sorted microseconds, in milliseconds: the smallest value that so many do not exceed.
/// NaN if there is none.
pub fn percentile(sorted: &[u32], percent: f64) -> f64 {
    let rank = (sorted.len() as f64 * percent / 100.0).ceil() as usize;
    let at = rank.clamp(1, sorted.len().max(1)) - 1;
    sorted.get(at).map_or(f64::NAN, |us| f64::from(*us) / 1000.0)
}

/// An error text without what differs each time: ids and numbers become `…`, and long texts are cut.
fn plain(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_inclusive(|c: char| !(c.is_ascii_alphanumeric() || c == '-')) {
        let bare = word.trim_end_matches(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
        let id = bare.len() >= 4 && bare.contains(|c: char| c.is_ascii_digit());
        out.push_str(if id { "…" } else { bare });
        out.push_str(&word[bare.len()..]);
    }
    out.chars().take(160).collect()
}

/// One round of a workload on an engine, as it is printed and stored. Times are milliseconds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Figures {
    pub operations: u64,
    pub seconds: f64,
    /// Successful operations a second.
    pub rate: f64,
    pub p50: Option<f64>,
    pub p95: Option<f64>,
    pub p99: Option<f64>,
    pub max: Option<f64>,
    /// CPU of the engine's own processes, of its database's, and of this program, per operation.
    pub engine_cpu: Option<f64>,
    pub database_cpu: Option<f64>,
    pub client_cpu: f64,
    pub failed: u64,
    pub errors: BTreeMap<String, u64>,
    /// Bytes per operation: on disk by group of tables, and of WAL.
    pub disk: BTreeMap<String, f64>,
    pub wal: Option<f64>,
}

impl Figures {
    /// CPU of engine and database together, if both are known.
    pub fn cpu(&self) -> Option<f64> {
        Some(self.engine_cpu? + self.database_cpu?)
    }

    /// Bytes on disk of all groups.
    pub fn bytes(&self) -> Option<f64> {
        (!self.disk.is_empty()).then(|| self.disk.values().sum())
    }
}

/// The median; `None` without values.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().filter(|v| v.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        n if n % 2 == 1 => Some(values[middle]),
        _ => Some((values[middle - 1] + values[middle]) / 2.0),
    }
}

/// How far the median of such rounds may be off by chance, as a share of it: 1.96 standard errors of the median,
/// the standard deviation being estimated by the median absolute deviation. `None` for fewer than three rounds.
pub fn noise(values: &[f64]) -> Option<f64> {
    if values.len() < 3 {
        return None;
    }
    let middle = median(values.iter().copied())?;
    let deviation = median(values.iter().map(|v| (v - middle).abs()))? * 1.4826;
    let error = 1.2533 * deviation / (values.len() as f64).sqrt();
    Some(1.96 * error / middle.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_value_that_so_many_do_not_exceed() {
        let sorted: Vec<u32> = (1..=100).map(|ms| ms * 1000).collect();
        assert_eq!(percentile(&sorted, 50.0), 50.0);
        assert_eq!(percentile(&sorted, 95.0), 95.0);
        assert_eq!(percentile(&sorted, 100.0), 100.0);
        assert_eq!(percentile(&[7000], 99.0), 7.0);
        assert!(percentile(&[], 50.0).is_nan());
    }

    #[test]
    fn errors_that_differ_by_an_id_are_one_kind() {
        let mut samples = Samples::default();
        samples.failed("404 task 5f0c2a18-aaaa-11ee-9b5e-0242ac120002 is gone");
        samples.failed("404 task 7f0c2a18-bbbb-11ee-9b5e-0242ac120002 is gone");
        assert_eq!(
            samples.errors,
            BTreeMap::from([("404 task … is gone".to_owned(), 2)])
        );
        for letter in 'a'..='z' {
            samples.failed(&letter.to_string());
        }
        assert!(samples.errors.len() <= KINDS + 1);
        assert_eq!(samples.failures(), 28);
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_the_two_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median([]), None);
        assert_eq!(median([f64::NAN, 1.0]), Some(1.0));
    }

    #[test]
    fn noise_needs_three_rounds_and_ignores_one_outlier() {
        assert_eq!(noise(&[1.0, 2.0]), None);
        assert_eq!(noise(&[5.0, 5.0, 5.0]), Some(0.0));
        let calm = noise(&[99.0, 100.0, 101.0, 100.5, 99.5]).expect("five");
        let outlier = noise(&[99.0, 100.0, 101.0, 100.5, 300.0]).expect("five");
        assert!(calm < 0.02, "{calm}");
        assert!(outlier < 0.02, "{outlier}");
        assert!(noise(&[50.0, 100.0, 150.0]).expect("three") > 0.3);
    }
}
