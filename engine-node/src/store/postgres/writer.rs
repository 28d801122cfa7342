//! The connections that write batches. They are kept apart from the pools because a batch whose answer is lost has
//! to know its backend, to make sure that it is gone (protocol 2).
use super::{hosts::Hosts, layout::Layouts};
use sqlx::{ConnectOptions, Connection, PgConnection, Row};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::{Semaphore, SemaphorePermit};

/// A server process, named so that its successor with the same number isn't taken for it.
#[derive(Clone, Debug)]
pub(super) struct BackendId {
    pid: i32,
    started: String,
}

/// A connection and the server process behind it.
pub(super) struct Writer {
    pub connection: PgConnection,
    pub backend: BackendId,
    pub layouts: Layouts,
}

/// The idle ones, and how many there may be.
pub(super) struct Writers {
    hosts: Arc<Hosts>,
    permits: Semaphore,
    idle: Mutex<Vec<Writer>>,
}

impl Writers {
    pub fn new(hosts: Arc<Hosts>, most: u32) -> Writers {
        Writers {
            hosts,
            permits: Semaphore::new(most as usize),
            idle: Mutex::default(),
        }
    }

    /// The right to use one connection.
    pub async fn permit(&self) -> Result<SemaphorePermit<'_>, sqlx::Error> {
        match tokio::time::timeout(Duration::from_secs(20), self.permits.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(sqlx::Error::PoolClosed),
            Err(_) => Err(sqlx::Error::PoolTimedOut),
        }
    }

    /// An idle connection, if there is one, or a new one.
    pub async fn take(&self) -> Result<Writer, sqlx::Error> {
        let idle = self.idle.lock().unwrap_or_else(|e| e.into_inner()).pop();
        match idle {
            Some(writer) => Ok(writer),
            None => self.connect().await,
        }
    }

    /// A new connection; a server that is just starting is waited for a moment.
    pub async fn connect(&self) -> Result<Writer, sqlx::Error> {
        let mut tries = 0;
        loop {
            tries += 1;
            let connect = tokio::time::timeout(Duration::from_secs(3), self.connect_once()).await;
            match connect.unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into())) {
                Err(e) if tries < 6 && super::is_connection(&e) => {
                    self.hosts.suspect(false);
                    tokio::time::sleep(Duration::from_millis(50 << tries)).await;
                }
                other => return other,
            }
        }
    }

    async fn connect_once(&self) -> Result<Writer, sqlx::Error> {
        let mut connection = self.hosts.options(true).connect().await?;
        if !migrations::hosts::takes_writes(&mut connection).await? {
            return Err(sqlx::Error::Protocol("the server takes no writes".to_owned()));
        }
        let row =
            sqlx::query("SELECT pid, backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()")
                .fetch_one(&mut connection)
                .await?;
        let backend = BackendId {
            pid: row.try_get(0)?,
            started: row.try_get(1)?,
        };
        let layouts = Layouts::read(&mut connection).await?;
        Ok(Writer {
            connection,
            backend,
            layouts,
        })
    }

    /// Keeps a sound connection for the next batch.
    pub fn give_back(&self, writer: Writer) {
        if !self.permits.is_closed() {
            self.idle.lock().unwrap_or_else(|e| e.into_inner()).push(writer);
        }
    }

    /// Forgets idle connections: after one was lost to that error the others likely are too.
    pub fn forget_idle(&self, error: &sqlx::Error) {
        self.hosts.suspect(super::is_read_only(error));
        self.idle.lock().unwrap_or_else(|e| e.into_inner()).clear();
    }

    pub async fn close(&self) {
        self.permits.close();
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(|e| e.into_inner()));
        for writer in idle {
            // It is going away; whether the farewell arrives doesn't matter.
            let _ = writer.connection.close().await;
        }
    }
}

/// Ends a server process and waits until it is gone, so that what it had begun is decided; false if it won't go.
pub(super) async fn end(connection: &mut PgConnection, backend: &BackendId) -> Result<bool, sqlx::Error> {
    for _ in 0..100 {
        let there: Option<bool> = sqlx::query_scalar(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND backend_start::text = $2",
        )
        .bind(backend.pid)
        .bind(&backend.started)
        .fetch_optional(&mut *connection)
        .await?;
        if there.is_none() {
            return Ok(true);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(false)
}
