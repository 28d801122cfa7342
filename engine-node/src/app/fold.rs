//! Keeps the counter table short: adds up the changes that writes have left there (`query::counters` reads the sum).
use super::Engine;
use std::{sync::atomic::Ordering, time::Duration};
use tokio_util::sync::CancellationToken;

/// How long changes may pile up: at a thousand batches a second a count then reads some thousand short rows.
const PAUSE: Duration = Duration::from_secs(1);

/// Folds while this node writes, until `drain`. Several nodes of a shard may do so at once.
pub async fn run(engine: Engine, drain: CancellationToken) {
    let mut seen = 0;
    loop {
        tokio::select! {
            () = drain.cancelled() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
        let written = engine.counters().batches.load(Ordering::Relaxed);
        if written == seen {
            continue;
        }
        seen = written;
        if let Err(error) = engine.store().fold_counters().await {
            // The sum is right without it; the next turn folds more.
            tracing::debug!(error = &error as &dyn std::error::Error, "counters not folded");
        }
    }
}
