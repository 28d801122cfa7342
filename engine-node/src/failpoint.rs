//! Named points where a test ends the process, as a crash or `kill -9` would. Builds without debug assertions have
//! none of it.
//!
//! `STELLWERK_FAILPOINTS=NAME=abort@N,…` arms points: the process aborts when it passes NAME for the Nth time.
//! Points, in the order in which a command meets them: `write.loaded` (instances loaded and stepped, nothing sent),
//! `write.before` (the statement is built), `write.sent` (sent, its answer not read), `write.committed` (committed,
//! nobody told), `write.answered` (some clients of the batch told). Beside them: `job.before`, `job.after`,
//! `log.before` and `log.after` (an entry of the reference log applied to the database), and `batch.done` (requests of a
//! batch have had their effect, the batch doesn't know yet).

/// The variable that arms points.
pub const VARIABLE: &str = "STELLWERK_FAILPOINTS";

#[cfg(debug_assertions)]
mod armed {
    use std::sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    };

    struct Point {
        name: String,
        /// Passes left before the one that aborts; 1 is that one.
        left: AtomicU64,
    }

    static POINTS: LazyLock<Vec<Point>> =
        LazyLock::new(|| std::env::var(super::VARIABLE).map_or_else(|_| Vec::new(), |text| parse(&text)));

    fn parse(text: &str) -> Vec<Point> {
        let one = |part: &str| {
            let (name, count) = part.trim().split_once("=abort@")?;
            let left = AtomicU64::new(count.parse().ok().filter(|n| *n > 0)?);
            Some(Point {
                name: name.to_owned(),
                left,
            })
        };
        text.split(',')
            .filter(|part| !part.trim().is_empty())
            .map(|part| {
                // Loud: a test that arms nothing proves nothing.
                one(part).unwrap_or_else(|| {
                    eprintln!("{}: '{part}' is not NAME=abort@N", super::VARIABLE);
                    std::process::exit(2)
                })
            })
            .collect()
    }

    /// Whether this pass is the one to die at.
    pub fn due(name: &str) -> bool {
        let point = POINTS.iter().find(|p| p.name == name);
        point.is_some_and(|p| p.left.fetch_sub(1, Ordering::Relaxed) == 1)
    }

    #[test]
    fn a_point_is_due_at_its_count_and_no_other() {
        let points = parse("write.sent=abort@3, job.after=abort@1");
        assert_eq!(points[0].name, "write.sent");
        assert_eq!(points[0].left.load(Ordering::Relaxed), 3);
        assert_eq!(points[1].left.load(Ordering::Relaxed), 1);
        assert!(!due("never.armed"));
    }
}

/// Aborts the process if the point is armed and this is its pass.
#[inline(always)]
pub fn hit(_name: &str) {
    #[cfg(debug_assertions)]
    if armed::due(_name) {
        die(_name);
    }
}

/// Awaits the future; if the point is armed and this is its pass, the future is begun and the process aborts while
/// it is under way.
#[inline(always)]
pub async fn during<F: Future>(_name: &str, future: F) -> F::Output {
    #[cfg(debug_assertions)]
    if armed::due(_name) {
        // What it sent may reach the other side or not, may be carried out or not: each happens.
        let micros = rand::random_range(0..3_000);
        let _ = tokio::time::timeout(std::time::Duration::from_micros(micros), future).await;
        die(_name);
    }
    future.await
}

#[cfg(debug_assertions)]
fn die(name: &str) -> ! {
    eprintln!("failpoint {name}");
    std::process::abort()
}
