//! Lines of text between the nodes of a shard, by LISTEN and NOTIFY. A node listens on one connection that it keeps.
//!
//! A NOTIFY holds a lock that all of a database share until its transaction has committed, so it is a transaction of
//! its own that doesn't wait for the disk, and batches of the writers have none.
use super::{super::StoreError, hosts::Hosts, store_error};
use sqlx::{
    PgPool,
    postgres::{PgListener, PgPoolOptions},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc;

/// The channel's name; a channel is of one database.
const CHANNEL: &str = "stellwerk";
/// Longest pause between two tries to reach the server.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Sends a line to all who listen.
pub(super) async fn announce(pool: &PgPool, line: &str) -> Result<(), StoreError> {
    sqlx::query("SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, $2)")
        .bind(CHANNEL)
        .bind(line)
        .execute(pool)
        .await
        .map(drop)
        .map_err(store_error)
}

/// Listens until the receiver is dropped or the engine's pool is closed; a lost connection is opened again.
pub(super) fn listen(hosts: &Arc<Hosts>, engine: &PgPool) -> mpsc::Receiver<Option<String>> {
    let (sender, receiver) = mpsc::channel(64);
    let (hosts, closed) = (hosts.clone(), engine.close_event());
    tokio::spawn(async move {
        tokio::select! {
            () = closed => {}
            () = sender.closed() => {}
            () = follow(&hosts, &sender) => {}
        }
    });
    receiver
}

async fn follow(hosts: &Hosts, sender: &mpsc::Sender<Option<String>>) {
    let mut pause = Duration::from_millis(20);
    loop {
        if let Err(error) = one_connection(hosts, sender, &mut pause).await {
            tracing::debug!(error = %error, "not listening for other nodes; trying again");
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Passes lines on until the connection is lost.
async fn one_connection(
    hosts: &Hosts,
    sender: &mpsc::Sender<Option<String>>,
    pause: &mut Duration,
) -> Result<(), sqlx::Error> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(hosts.options(true));
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    *pause = Duration::from_millis(20);
    // Whatever was said while nobody listened is lost.
    let mut line = Some(None);
    while let Some(news) = line {
        if sender.send(news).await.is_err() {
            return Ok(());
        }
        line = listener
            .try_recv()
            .await?
            .map(|news| Some(news.payload().to_owned()));
    }
    Ok(())
}
