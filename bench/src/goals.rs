//! The goals: how far Stellwerk is to be ahead of its peer, and whether it is.
use crate::{report::number, runs::Measured, stats::Figures, workload::Workload};

/// A figure that a goal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    Rate,
    P50,
    P95,
    /// Of engine and database together.
    Cpu,
    Disk,
    Wal,
}

impl Figure {
    /// Its value in a round.
    pub fn of(self, figures: &Figures) -> Option<f64> {
        match self {
            Figure::Rate => Some(figures.rate),
            Figure::P50 => figures.p50,
            Figure::P95 => figures.p95,
            Figure::Cpu => figures.cpu(),
            Figure::Disk => figures.bytes(),
            Figure::Wal => figures.wal,
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Figure::Rate => "/s",
            Figure::P50 => "p50 ms",
            Figure::P95 => "p95 ms",
            Figure::Cpu => "CPU ms per operation, engine + database",
            Figure::Disk => "bytes on disk per instance",
            Figure::Wal => "bytes of WAL per instance",
        }
    }

    fn more_is_better(self) -> bool {
        self == Figure::Rate
    }
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Goal {
    pub workload: Workload,
    pub connections: usize,
    pub figure: Figure,
    /// How many times better than the peer's: more of a rate, less of anything else.
    pub factor: f64,
    /// What the work is called.
    pub work: &'static str,
}

const fn goal(
    workload: Workload,
    connections: usize,
    figure: Figure,
    factor: f64,
    work: &'static str,
) -> Goal {
    Goal {
        workload,
        connections,
        figure,
        factor,
        work,
    }
}

/// All goals that compare with a peer.
pub const GOALS: &[Goal] = &[
    goal(Workload::StartEnd, 64, Figure::Rate, 30.0, "start → end"),
    goal(Workload::StartEnd, 64, Figure::P95, 20.0, "start → end"),
    goal(Workload::StartEnd, 64, Figure::Cpu, 40.0, "start → end"),
    goal(
        Workload::StartWait,
        64,
        Figure::Rate,
        25.0,
        "start → expression → gateway → user task, 3 variables",
    ),
    goal(
        Workload::StartWait,
        64,
        Figure::Cpu,
        40.0,
        "start → expression → gateway → user task, 3 variables",
    ),
    goal(
        Workload::External,
        4,
        Figure::Rate,
        25.0,
        "external tasks fetched and completed",
    ),
    goal(
        Workload::External,
        64,
        Figure::Rate,
        25.0,
        "external tasks fetched and completed",
    ),
    goal(
        Workload::Correlate,
        64,
        Figure::Rate,
        25.0,
        "message correlated by business key",
    ),
    goal(
        Workload::Jobs,
        64,
        Figure::Rate,
        40.0,
        "async continuation started and run by the job executor",
    ),
    goal(
        Workload::StartWait,
        64,
        Figure::Disk,
        3.0,
        "start → expression → gateway → user task, 3 variables",
    ),
    goal(
        Workload::StartWait,
        64,
        Figure::Wal,
        3.0,
        "start → expression → gateway → user task, 3 variables",
    ),
    goal(
        Workload::Count,
        1,
        Figure::P50,
        50.0,
        "count of running instances",
    ),
    goal(
        Workload::HistoryCount,
        1,
        Figure::P50,
        50.0,
        "count of historic instances",
    ),
];

/// A row, measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub work: String,
    pub figure: String,
    pub ours: String,
    pub peer: String,
    /// What was reached, and what it takes: `31 ×` and `≥ 30 ×`.
    pub reached: String,
    pub goal: String,
    /// Reached over asked; 1 and more holds. `None` if something wasn't measured.
    pub share: Option<f64>,
}

impl Row {
    /// The verdict as the table has it.
    pub fn verdict(&self) -> &'static str {
        match self.share {
            None => "not measured",
            Some(share) if share >= 1.0 => "holds",
            Some(_) => "MISSED",
        }
    }
}

/// How many times better `ours` is. `None` if either is missing, or not a positive number.
pub fn factor(figure: Figure, ours: Option<f64>, peer: Option<f64>) -> Option<f64> {
    let (ours, peer) = (ours?, peer?);
    let (over, under) = if figure.more_is_better() {
        (ours, peer)
    } else {
        (peer, ours)
    };
    (over > 0.0 && under > 0.0).then(|| over / under)
}

/// Judges one goal. The connections named are those that were used.
pub fn judge(goal: &Goal, ours: Option<&Measured>, peer: Option<&Measured>) -> Row {
    let value = |side: Option<&Measured>| side.and_then(|m| m.median(|f| goal.figure.of(f)));
    let (mine, theirs) = (value(ours), value(peer));
    let reached = factor(goal.figure, mine, theirs);
    // Times, CPU and bytes are to be a fraction of the peer's: said as such.
    let said = |factor: f64| match goal.figure.more_is_better() {
        true => format!("{} ×", number(factor)),
        false => format!("1/{}", number(factor)),
    };
    let connections = ours.map_or(goal.connections, |m| m.connections);
    let each = if goal.workload == Workload::External {
        "workers"
    } else {
        "connections"
    };
    Row {
        work: format!("{}, {connections} {each}", goal.work),
        figure: goal.figure.unit().to_owned(),
        ours: crate::report::maybe(mine),
        peer: crate::report::maybe(theirs),
        reached: reached.map_or_else(|| "–".to_owned(), said),
        goal: match goal.figure.more_is_better() {
            true => format!("≥ {} ×", goal.factor),
            false => format!("≤ 1/{}", goal.factor),
        },
        share: reached.map(|reached| reached / goal.factor),
    }
}

/// A row about Stellwerk alone: a value that is to be at most, or at least, a limit.
pub fn own(work: &str, figure: &str, value: f64, limit: f64, at_most: bool) -> Row {
    let share = if at_most { limit / value } else { value / limit };
    Row {
        work: work.to_owned(),
        figure: figure.to_owned(),
        ours: number(value),
        peer: "–".to_owned(),
        reached: number(value),
        goal: format!("{} {limit}", if at_most { "≤" } else { "≥" }),
        share: Some(share),
    }
}

/// The rows as Markdown.
pub fn markdown(peer: &str, rows: &[Row]) -> String {
    let mut text =
        format!("| work | figure | Stellwerk | {peer} | reached | goal | |\n|---|---|--:|--:|--:|--:|---|\n");
    for row in rows {
        let cells = [
            &row.work,
            &row.figure,
            &row.ours,
            &row.peer,
            &row.reached,
            &row.goal,
        ]
        .map(String::as_str);
        text.push_str(&format!("| {} | {} |\n", cells.join(" | "), row.verdict()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(rate: f64, p95: f64, cpu: Option<f64>) -> Measured {
        let figures = Figures {
            rate,
            p95: Some(p95),
            engine_cpu: cpu,
            database_cpu: cpu,
            ..Figures::default()
        };
        Measured {
            connections: 64,
            rounds: vec![figures; 3],
            ..Measured::default()
        }
    }

    #[test]
    fn a_goal_holds_when_the_ratio_is_reached() {
        let (ours, peer) = (
            measured(15_000.0, 8.0, Some(0.03)),
            measured(460.0, 244.0, Some(1.5)),
        );
        let row = |at: usize| judge(&GOALS[at], Some(&ours), Some(&peer));
        assert_eq!((row(0).reached.as_str(), row(0).verdict()), ("32.6 ×", "holds"));
        assert_eq!(
            (row(1).reached.as_str(), row(1).goal.as_str(), row(1).verdict()),
            ("1/30.5", "≤ 1/20", "holds")
        );
        assert_eq!((row(2).reached.as_str(), row(2).verdict()), ("1/50.0", "holds"));
        let slow = measured(10_000.0, 80.0, None);
        assert_eq!(judge(&GOALS[0], Some(&slow), Some(&peer)).verdict(), "MISSED");
        assert_eq!(
            judge(&GOALS[2], Some(&slow), Some(&peer)).verdict(),
            "not measured"
        );
        assert_eq!(judge(&GOALS[0], Some(&slow), None).verdict(), "not measured");
    }

    #[test]
    fn a_limit_of_our_own_is_a_ceiling_or_a_floor() {
        assert_eq!(own("memory", "MiB", 45.0, 48.0, true).verdict(), "holds");
        assert_eq!(own("memory", "MiB", 50.0, 48.0, true).verdict(), "MISSED");
        assert_eq!(own("full against none", "", 0.7, 0.6, false).verdict(), "holds");
    }

    #[test]
    fn markdown_has_a_line_for_each_row() {
        let text = markdown("camunda7", &[own("memory", "MiB", 45.0, 48.0, true)]);
        assert_eq!(text.lines().count(), 3);
        assert!(
            text.ends_with("| memory | MiB | 45.0 | – | 45.0 | ≤ 48 | holds |\n"),
            "{text}"
        );
    }
}
