//! How a role stops: not ready, drain, exit 0; a second signal exits 1.
use std::{future::Future, io, process, sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

/// The wish to stop, shared by everything in a process. Clones share it.
#[derive(Clone, Debug)]
pub struct Shutdown {
    token: CancellationToken,
    handed_over: CancellationToken,
    drain_timeout: Duration,
    since: Arc<watch::Sender<Option<Instant>>>,
}

impl Shutdown {
    /// A shutdown that only [`Shutdown::start`] begins: for tests and for parts of a process.
    pub fn new(drain_timeout: Duration) -> Shutdown {
        Shutdown {
            token: CancellationToken::new(),
            handed_over: CancellationToken::new(),
            drain_timeout,
            since: Arc::new(watch::Sender::new(None)),
        }
    }

    /// A shutdown that SIGTERM and SIGINT begin. A second signal ends the process at once with status 1.
    ///
    /// # Errors
    /// The signal handlers can't be installed.
    pub fn on_signals(drain_timeout: Duration) -> io::Result<Shutdown> {
        use tokio::signal::unix::{SignalKind, signal};
        let shutdown = Shutdown::new(drain_timeout);
        let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let on_signal = shutdown.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
                if on_signal.is_stopping() {
                    tracing::error!("second signal: stopping at once");
                    process::exit(1);
                }
                tracing::info!(drain_timeout = ?on_signal.drain_timeout, "stopping");
                on_signal.start();
            }
        });
        Ok(shutdown)
    }

    /// Begins the shutdown. Again does nothing.
    pub fn start(&self) {
        self.since.send_if_modified(|since| {
            let first = since.is_none();
            since.get_or_insert_with(Instant::now);
            first
        });
        self.token.cancel();
    }

    /// Begins it because a successor serves: nothing new is for this process any more, questions about its health included.
    pub fn hand_over(&self) {
        self.handed_over.cancel();
        self.start();
    }

    /// Whether a successor serves.
    pub fn is_handed_over(&self) -> bool {
        self.handed_over.is_cancelled()
    }

    /// Whether it has begun.
    pub fn is_stopping(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Ends when the shutdown begins.
    pub async fn started(&self) {
        self.token.cancelled().await;
    }

    /// A token that is cancelled when the shutdown begins, for what takes one.
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// How long draining may take.
    pub fn drain_timeout(&self) -> Duration {
        self.drain_timeout
    }

    /// Ends when the shutdown has begun and its drain time is over: then leave what still runs.
    pub async fn drain_over(&self) {
        self.started().await;
        if let Some(deadline) = self.deadline() {
            tokio::time::sleep_until(deadline).await;
        }
    }

    /// Ends when nobody is to be told of this process's health any more: the drain is over, or a successor tells of its own.
    pub async fn silent(&self) {
        tokio::select! {
            () = self.handed_over.cancelled() => {}
            () = self.drain_over() => {}
        }
    }

    /// Waits for the last work after the shutdown has begun, at most until the drain time is over.
    /// None: it wasn't finished.
    pub async fn drain<F: Future>(&self, work: F) -> Option<F::Output> {
        match self.deadline() {
            Some(deadline) => timeout_at(deadline, work).await.ok(),
            None => Some(work.await),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.since.borrow().map(|since| since + self.drain_timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_never_ends_is_left_when_the_drain_time_is_over() {
        let shutdown = Shutdown::new(Duration::ZERO);
        assert!(!shutdown.is_stopping());
        shutdown.start();
        shutdown.started().await;
        assert_eq!(shutdown.drain(std::future::pending::<()>()).await, None);
        assert_eq!(shutdown.clone().drain(async { 7 }).await, Some(7));
        shutdown.drain_over().await;
    }
}
