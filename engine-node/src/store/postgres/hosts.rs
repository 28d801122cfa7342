//! Which of the database's servers takes writes now. Connections are opened there alone: a replica's answers may be
//! stale (S2-29). After trouble the servers are asked in turn, and pools move with the one that takes writes (S2-28).
use sqlx::postgres::{PgConnectOptions, PgPool};
use std::{
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// The servers that the address names, usually one (which may be another machine from one moment to the next).
pub(super) struct Hosts {
    /// Sessions of the engine and of lists, by server; never empty: the address has at least an empty host.
    engine: Vec<PgConnectOptions>,
    lists: Vec<PgConnectOptions>,
    current: AtomicUsize,
    /// Connections older than this are not used any more.
    since: Mutex<Option<Instant>>,
    suspected: Notify,
    suspicions: AtomicU64,
}

impl Hosts {
    /// The servers of an address; `session` makes the options of one server's sessions (of the engine, or of lists).
    pub fn new(
        url: &str,
        session: impl Fn(&str, bool) -> Result<PgConnectOptions, sqlx::Error>,
    ) -> Result<Arc<Hosts>, sqlx::Error> {
        let urls = migrations::hosts::split(url);
        let all = |engine: bool| -> Result<Vec<PgConnectOptions>, sqlx::Error> {
            urls.iter().map(|url| session(url, engine)).collect()
        };
        Ok(Arc::new(Hosts {
            engine: all(true)?,
            lists: all(false)?,
            current: AtomicUsize::new(0),
            since: Mutex::default(),
            suspected: Notify::new(),
            suspicions: AtomicU64::new(0),
        }))
    }

    /// How to reach the server that takes writes, as far as is known.
    pub fn options(&self, engine: bool) -> PgConnectOptions {
        let all = if engine { &self.engine } else { &self.lists };
        all[self.current.load(Ordering::Relaxed).min(all.len() - 1)].clone()
    }

    /// A connection failed. `refused`: its server lives but takes no writes, so that none of its connections is to
    /// be used any more.
    pub fn suspect(&self, refused: bool) {
        self.suspicions.fetch_add(1, Ordering::Relaxed);
        if refused {
            self.forget();
        }
        self.suspected.notify_one();
    }

    /// How often a connection has failed.
    pub fn suspicions(&self) -> u64 {
        self.suspicions.load(Ordering::Relaxed)
    }

    /// Whether a connection of that age is one of before the last change.
    pub fn is_old(&self, age: Duration) -> bool {
        let since = *self.since.lock().unwrap_or_else(|e| e.into_inner());
        since.is_some_and(|since| age >= since.elapsed())
    }

    fn forget(&self) {
        *self.since.lock().unwrap_or_else(|e| e.into_inner()) = Some(Instant::now());
    }

    /// Finds the server that takes writes, where there are several.
    pub async fn find(&self) -> Result<(), sqlx::Error> {
        if self.engine.len() > 1 {
            let (number, connection) = migrations::hosts::primary(&self.engine).await?;
            // Its farewell may get lost.
            let _ = sqlx::Connection::close(connection).await;
            if self.current.swap(number, Ordering::Relaxed) != number {
                self.forget();
                let options = &self.engine[number];
                tracing::warn!(
                    server = format_args!("{}:{}", options.get_host(), options.get_port()),
                    "this server of the database takes the writes now"
                );
            }
        }
        Ok(())
    }
}

/// Moves the pools whenever another server takes the writes; ends with them. Does nothing for one server.
pub(super) async fn follow(hosts: Weak<Hosts>, engine: PgPool, lists: PgPool) {
    let closed = engine.close_event();
    let moving = async {
        loop {
            let Some(hosts) = hosts.upgrade().filter(|h| h.engine.len() > 1) else {
                return;
            };
            hosts.suspected.notified().await;
            while let Err(error) = hosts.find().await {
                tracing::debug!(error = %error, "no server of the database takes writes");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            engine.set_connect_options(hosts.options(true));
            lists.set_connect_options(hosts.options(false));
        }
    };
    tokio::select! { () = closed => {}, () = moving => {} }
}
