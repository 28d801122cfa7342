//! What a run prints.
use crate::runs::Measured;
use comfy_table::Table;
use std::collections::BTreeMap;

/// A number with about three digits that mean something.
pub fn number(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// A number, or a dash.
pub fn maybe(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), number)
}

/// The medians of each workload and engine.
pub fn table(results: &[Measured]) -> Table {
    let mut table = Table::new();
    table.set_header([
        "engine",
        "work, connections",
        "/s",
        "p50 ms",
        "p95",
        "p99",
        "max",
        "engine CPU ms",
        "database",
        "client",
        "disk B",
        "WAL B",
        "failed",
    ]);
    for one in results {
        table.add_row([
            one.engine.clone(),
            one.what(),
            maybe(one.median(|f| Some(f.rate))),
            maybe(one.median(|f| f.p50)),
            maybe(one.median(|f| f.p95)),
            maybe(one.median(|f| f.p99)),
            maybe(one.median(|f| f.max)),
            maybe(one.median(|f| f.engine_cpu)),
            maybe(one.median(|f| f.database_cpu)),
            maybe(one.median(|f| Some(f.client_cpu))),
            maybe(one.median(crate::stats::Figures::bytes)),
            maybe(one.median(|f| f.wal)),
            one.rounds.iter().map(|f| f.failed).sum::<u64>().to_string(),
        ]);
    }
    table
}

/// Errors by text, and bytes by group of tables, where there are any.
pub fn details(results: &[Measured]) -> Vec<String> {
    let mut lines = Vec::new();
    for one in results {
        let mut errors = BTreeMap::<&str, u64>::new();
        for (text, count) in one.rounds.iter().flat_map(|f| &f.errors) {
            *errors.entry(text).or_default() += count;
        }
        for (text, count) in errors {
            lines.push(format!("{}, {}: {count} × {text}", one.engine, one.what()));
        }
        let groups: Vec<String> = one
            .rounds
            .iter()
            .flat_map(|f| f.disk.keys())
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .map(|group| {
                let bytes = one.median(|f| f.disk.get(group).copied().or(Some(0.0)));
                format!("{group} {}", maybe(bytes))
            })
            .collect();
        if !groups.is_empty() {
            lines.push(format!(
                "{}, {}: bytes on disk: {}",
                one.engine,
                one.what(),
                groups.join(", ")
            ));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_about_three_digits() {
        assert_eq!(
            [0.0234, 1.234, 12.34, 1234.5].map(number),
            ["0.023", "1.23", "12.3", "1234"]
        );
        assert_eq!(maybe(None), "–");
    }
}
