//! What the store sees of its database: how long statements of each class take, how long work waits for a
//! connection, and who waits. Classes are a verb and a table of the schema, so their number is bounded.
use super::{StoreError, schema};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        histogram::{Histogram, exponential_buckets},
    },
};
use service::trace::{self, Attribute, Kind};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Longest text of a slow statement in the log, in bytes.
const SHOWN: usize = 600;

/// A kind of statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Class {
    /// `select`, `insert`, `update`, `delete`, `with`, `write` (a batch of commands), `list` (a client's query).
    pub verb: &'static str,
    /// The first table that the statement names; `-` for none of ours.
    pub table: &'static str,
}

/// Name of a pool, as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct PoolName {
    /// `engine`, `lists` or `writers`.
    pub pool: &'static str,
}

/// Times of a node's database.
#[derive(Debug)]
pub struct Stats {
    /// Seconds from sending a statement to its last row.
    pub seconds: Family<Class, Histogram, fn() -> Histogram>,
    /// Seconds that work waited for a connection.
    pub wait: Family<PoolName, Histogram, fn() -> Histogram>,
    /// Work refused because too much waited already, or for too long.
    pub refused: Family<PoolName, Counter>,
    slow: Option<Duration>,
    /// Statements carried out: each one a round trip.
    pub statements: AtomicU64,
    born: Instant,
    /// When a statement last succeeded, in ms after the birth; 0: never.
    answered: AtomicU64,
    gates: Mutex<Vec<Arc<Gate>>>,
}

/// 0.1 ms to 26 s.
fn buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.0001, 4.0, 10))
}

impl Stats {
    /// Nothing seen yet; statements that take `slow` or longer are logged.
    pub fn new(slow: Option<Duration>) -> Arc<Stats> {
        Arc::new(Stats {
            seconds: Family::new_with_constructor(buckets),
            wait: Family::new_with_constructor(buckets),
            refused: Family::default(),
            slow,
            statements: AtomicU64::new(0),
            born: Instant::now(),
            answered: AtomicU64::new(0),
            gates: Mutex::default(),
        })
    }

    /// Notes a statement that began then and has ended now, also in the trace that runs. The text is logged if it was slow: it holds
    /// placeholders, never values.
    pub fn done(&self, class: Class, began: Instant, text: &str, ok: bool) {
        let took = began.elapsed();
        self.statements.fetch_add(1, Ordering::Relaxed);
        if ok {
            let now = self.born.elapsed().as_millis() as u64;
            self.answered.store(now, Ordering::Relaxed);
        }
        self.seconds.get_or_create(&class).observe(took.as_secs_f64());
        if let Some(trace) = trace::current() {
            let name = format!("database: {} {}", class.verb, class.table);
            let failed = (!ok).then(|| Attribute::new("error.type", "statement failed"));
            trace.did(
                name,
                Kind::Client,
                SystemTime::now() - took,
                failed.into_iter().collect(),
            );
        }
        if self.slow.is_some_and(|slow| took >= slow) {
            let shown = text
                .char_indices()
                .nth(SHOWN)
                .map_or(text, |(end, _)| &text[..end]);
            tracing::warn!(
                ms = took.as_millis() as u64,
                class = format_args!("{} {}", class.verb, class.table),
                statement = shown,
                "slow statement"
            );
        }
    }

    /// Whether the database has carried out a statement within the last 200 ms: then it need not be asked whether it
    /// is there, least of all under load.
    pub fn answered_lately(&self) -> bool {
        let at = self.answered.load(Ordering::Relaxed);
        at > 0 && self.born.elapsed().as_millis() as u64 <= at + 200
    }

    /// A gate before a pool of `size` connections, known to the metrics.
    pub fn gate(
        self: &Arc<Stats>,
        pool: &'static str,
        size: u32,
        most: usize,
        longest: Duration,
    ) -> Arc<Gate> {
        let gate = Arc::new(Gate {
            name: PoolName { pool },
            size,
            most,
            longest,
            room: Arc::new(Semaphore::new(size as usize)),
            waiting: AtomicUsize::new(0),
            wait: self.wait.get_or_create_owned(&PoolName { pool }),
            refused: self.refused.get_or_create_owned(&PoolName { pool }),
        });
        self.gates
            .lock()
            .unwrap_or_else(|e| e.into_inner())
            .push(gate.clone());
        gate
    }

    /// How much work a pool has refused.
    pub fn refused_by(&self, pool: &'static str) -> u64 {
        self.refused.get_or_create(&PoolName { pool }).get()
    }

    /// Every pool's numbers now.
    pub fn pools(&self) -> Vec<PoolNow> {
        let gates = self.gates.lock().unwrap_or_else(|e| e.into_inner());
        gates.iter().map(|gate| gate.now()).collect()
    }
}

/// A pool at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolNow {
    pub name: PoolName,
    /// Most connections.
    pub size: u32,
    pub in_use: u32,
    /// Work that waits for a connection.
    pub waiting: usize,
}

/// What work passes before it takes a connection: first come, first served, a bounded number waits a bounded time.
#[derive(Debug)]
pub struct Gate {
    name: PoolName,
    size: u32,
    most: usize,
    longest: Duration,
    room: Arc<Semaphore>,
    waiting: AtomicUsize,
    wait: Histogram,
    refused: Counter,
}

/// The right to use one connection.
pub type Room = OwnedSemaphorePermit;

impl Gate {
    /// Waits for a connection to be free.
    ///
    /// # Errors
    /// [`StoreError::Overloaded`] at once when too much waits already, or after the longest wait.
    pub async fn enter(&self) -> Result<Room, StoreError> {
        if let Ok(room) = self.room.clone().try_acquire_owned() {
            self.wait.observe(0.0);
            return Ok(room);
        }
        let waiting = Waiting::new(self)?;
        let began = Instant::now();
        let room = tokio::time::timeout(self.longest, self.room.clone().acquire_owned()).await;
        drop(waiting);
        self.wait.observe(began.elapsed().as_secs_f64());
        match room {
            Ok(Ok(room)) => Ok(room),
            Ok(Err(_)) => Err(StoreError::Unavailable(sqlx::Error::PoolClosed)),
            Err(_) => Err(self.refuse()),
        }
    }

    fn refuse(&self) -> StoreError {
        self.refused.inc();
        StoreError::Overloaded("too much waits for a connection to the database of this shard".to_owned())
    }

    fn now(&self) -> PoolNow {
        PoolNow {
            name: self.name,
            size: self.size,
            in_use: self.size.saturating_sub(self.room.available_permits() as u32),
            waiting: self.waiting.load(Ordering::Relaxed),
        }
    }
}

/// One who waits; counted until dropped, also when the request is given up.
struct Waiting<'a>(&'a Gate);

impl<'a> Waiting<'a> {
    fn new(gate: &'a Gate) -> Result<Waiting<'a>, StoreError> {
        let waiting = Waiting(gate);
        match gate.waiting.fetch_add(1, Ordering::Relaxed) < gate.most {
            true => Ok(waiting),
            false => Err(gate.refuse()),
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A statement's class, from its text.
pub fn class(text: &str) -> Class {
    let mut words = text.split_ascii_whitespace();
    let verb = match words.next() {
        Some("SELECT") => "select",
        Some("INSERT") => "insert",
        Some("UPDATE") => "update",
        Some("DELETE") => "delete",
        Some("WITH") => "with",
        _ => "other",
    };
    Class {
        verb,
        table: table(text),
    }
}

/// The class of a client's query.
pub fn list(text: &str) -> Class {
    Class {
        verb: "list",
        table: table(text),
    }
}

/// The class of a batch of commands.
pub const BATCH: Class = Class {
    verb: "write",
    table: "batch",
};

/// The first of our tables that stands after FROM, INTO or UPDATE.
fn table(text: &str) -> &'static str {
    let mut before = "";
    for word in text.split_ascii_whitespace() {
        if ["FROM", "INTO", "UPDATE"].contains(&before) {
            let name = word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            if let Some(found) = schema::TABLES.iter().find(|t| t.name == name) {
                return found.name;
            }
        }
        before = word.trim_start_matches('(');
    }
    "-"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_fall_into_few_classes() {
        let of = |text| (class(text).verb, class(text).table);
        assert_eq!(of("SELECT \"a\" FROM job WHERE \"id\" = $1"), ("select", "job"));
        assert_eq!(
            of("INSERT INTO payload (\"digest\") VALUES ($1)"),
            ("insert", "payload")
        );
        assert_eq!(
            of("WITH x AS (SELECT 1 FROM \"task\") SELECT 2"),
            ("with", "task")
        );
        assert_eq!(of("SELECT 1"), ("select", "-"));
        assert_eq!(of("SELECT * FROM users_own"), ("select", "-"));
    }

    #[tokio::test]
    async fn s2_10_a_bounded_number_waits_for_a_connection_and_the_rest_is_refused_at_once() {
        let stats = Stats::new(None);
        let gate = stats.gate("engine", 1, 2, Duration::from_secs(30));
        let held = gate.enter().await.unwrap();
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let gate = gate.clone();
                tokio::spawn(async move { gate.enter().await.map(drop) })
            })
            .collect();
        while gate.now().waiting < 2 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(gate.enter().await, Err(StoreError::Overloaded(_))));
        assert_eq!((gate.now().in_use, gate.now().waiting), (1, 2));
        drop(held);
        for waiter in waiting {
            waiter.await.unwrap().unwrap();
        }
        assert_eq!((gate.now().in_use, gate.now().waiting), (0, 0));
        // Whoever gives up waits no more.
        let _held = gate.enter().await.unwrap();
        let left = tokio::time::timeout(Duration::from_millis(1), gate.enter()).await;
        assert!(left.is_err());
        assert_eq!(gate.now().waiting, 0);
    }
}
