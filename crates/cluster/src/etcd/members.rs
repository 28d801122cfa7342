//! One client per member of the etcd cluster. Given several endpoints, the client library goes on asking a dead one
//! every other time; here all calls go to one member until it fails, then to the next.
use super::REQUEST_LIMIT;
use crate::{Error, Result};
use etcd_client::{Client, ConnectOptions};
use std::{
    error::Error as _,
    future::Future,
    io::ErrorKind,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// The members and which of them is asked now; clones share both.
#[derive(Clone)]
pub(crate) struct Members {
    clients: Arc<[Client]>,
    current: Arc<AtomicUsize>,
    endpoints: Arc<str>,
}

/// A member as it was chosen for a call or a stream.
pub(crate) struct Member {
    pub client: Client,
    index: usize,
}

/// Which failed calls are sent to the next member.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// All: the call changes nothing, or repeating it does no harm.
    Always,
    /// Those that certainly never reached etcd.
    IfUnsent,
}

impl Members {
    /// Makes the clients; connects nothing yet.
    pub async fn new(endpoints: &[String], options: ConnectOptions) -> Result<Members> {
        let names = endpoints.join(",");
        if endpoints.is_empty() {
            return Err(Error::Refused("etcd needs at least one endpoint".into()));
        }
        let mut clients = Vec::with_capacity(endpoints.len());
        for endpoint in endpoints {
            let client = Client::connect([endpoint], Some(options.clone())).await;
            clients.push(client.map_err(|e| Error::Unavailable {
                endpoints: names.clone(),
                reason: e.to_string(),
            })?);
        }
        Ok(Members {
            clients: clients.into(),
            current: Arc::default(),
            endpoints: names.into(),
        })
    }

    pub fn endpoints(&self) -> &str {
        &self.endpoints
    }

    /// The member to ask now.
    pub fn choose(&self) -> Member {
        let index = self.current.load(Ordering::Relaxed);
        Member {
            client: self.clients[index].clone(),
            index,
        }
    }

    /// That member has failed: the next call asks another. If several callers notice it, they move on only once.
    pub fn leave(&self, member: &Member) {
        let next = (member.index + 1) % self.clients.len();
        let _ = self
            .current
            .compare_exchange(member.index, next, Ordering::Relaxed, Ordering::Relaxed);
    }

    pub fn unavailable(&self, reason: impl ToString) -> Error {
        Error::Unavailable {
            endpoints: self.endpoints.to_string(),
            reason: reason.to_string(),
        }
    }

    /// Waits for an answer of that member, but not for ever, and leaves it if there is none.
    pub async fn limited<T>(
        &self,
        member: &Member,
        call: impl Future<Output = std::result::Result<T, etcd_client::Error>>,
    ) -> Result<T> {
        self.attempt(member, call).await.map_err(|(error, _)| error)
    }

    /// Asks the present member, and the others in turn as far as `repeat` allows.
    pub async fn ask<T, C>(&self, repeat: Repeat, call: impl Fn(Client) -> C) -> Result<T>
    where
        C: Future<Output = std::result::Result<T, etcd_client::Error>>,
    {
        let mut tries = self.clients.len();
        loop {
            let member = self.choose();
            match self.attempt(&member, call(member.client.clone())).await {
                Ok(answer) => return Ok(answer),
                Err((error, unsent)) => {
                    tries -= 1;
                    if tries == 0 || (repeat == Repeat::IfUnsent && !unsent) {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// One attempt; the error says whether the call certainly was never sent.
    async fn attempt<T>(
        &self,
        member: &Member,
        call: impl Future<Output = std::result::Result<T, etcd_client::Error>>,
    ) -> std::result::Result<T, (Error, bool)> {
        let failed = match tokio::time::timeout(REQUEST_LIMIT, call).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => (self.unavailable(&error), unsent(&error)),
            Err(_) => {
                let reason = format!("no answer within {} s", REQUEST_LIMIT.as_secs());
                (self.unavailable(reason), false)
            }
        };
        self.leave(member);
        Err(failed)
    }
}

/// Whether the error is one that only connecting can give.
fn unsent(error: &etcd_client::Error) -> bool {
    let etcd_client::Error::GRpcStatus(status) = error else {
        return false;
    };
    let mut cause = status.source();
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return matches!(
                io.kind(),
                ErrorKind::ConnectionRefused | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable
            );
        }
        cause = error.source();
    }
    false
}
