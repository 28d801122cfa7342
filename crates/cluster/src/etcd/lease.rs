//! Keeps a key in etcd as long as its lease. The client's keep-alive doesn't resume by itself; this task renews the
//! lease, and after its loss takes a new one and sets the key again.
use super::{Etcd, members::Repeat};
use crate::{NodeLease, Result};
use etcd_client::{Client, PutOptions};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Time after which etcd removes the registration of a node that has fallen silent.
const LEASE_TTL: Duration = Duration::from_secs(5);

const RENEW_EVERY: Duration = Duration::from_millis(1500);
const RETRY_EVERY: Duration = Duration::from_millis(500);

/// Sets the key under a new lease and keeps both until the handle goes.
pub async fn hold(etcd: Etcd, key: String, value: Vec<u8>) -> Result<NodeLease> {
    let mut held = Held {
        etcd,
        key,
        value,
        lease: 0,
    };
    held.take().await?;
    let end = CancellationToken::new();
    let ended = end.clone();
    let keeper = tokio::spawn(async move {
        tokio::select! {
            () = held.keep() => {}
            () = ended.cancelled() => {}
        }
        held.let_go().await;
    });
    Ok(NodeLease::new(end, keeper))
}

struct Held {
    etcd: Etcd,
    key: String,
    value: Vec<u8>,
    lease: i64,
}

impl Held {
    /// Takes a new lease and sets the key under it. An old key is replaced, so its old lease no longer removes it.
    async fn take(&mut self) -> Result<()> {
        let members = self.etcd.members.clone();
        let ttl = LEASE_TTL.as_secs() as i64;
        let grant = |client: Client| async move { client.lease_client().grant(ttl, None).await };
        // A lease that was granted without our hearing of it just ends.
        let granted = members.ask(Repeat::Always, grant).await?;
        // Remembered first: a withdrawal during the put must find it.
        self.lease = granted.id();
        let put = |client: Client| {
            let (key, value) = (self.etcd.key(&self.key), self.value.clone());
            let options = PutOptions::new().with_lease(self.lease);
            async move { client.kv_client().put(key, value, Some(options)).await }
        };
        members.ask(Repeat::Always, put).await?;
        Ok(())
    }

    async fn keep(&mut self) {
        let mut lost = false;
        loop {
            match self.renew().await {
                Ok(()) => {}
                Err(error) if !lost => {
                    tracing::warn!(%error, key = self.key, "a registration may be lost; trying to keep it");
                    lost = true;
                }
                Err(_) => {}
            }
            // Whatever ended the stream: the lease may be gone, and a new one costs nothing.
            match self.take().await {
                Ok(()) if lost => {
                    tracing::info!(key = self.key, "registered again");
                    lost = false;
                }
                Ok(()) => {}
                Err(_) => tokio::time::sleep(RETRY_EVERY).await,
            }
        }
    }

    /// Renews the lease until something is wrong.
    async fn renew(&self) -> Result<()> {
        let members = &self.etcd.members;
        let member = members.choose();
        let mut client = member.client.lease_client();
        let (mut keeper, mut answers) = members.limited(&member, client.keep_alive(self.lease)).await?;
        loop {
            tokio::time::sleep(RENEW_EVERY).await;
            members.limited(&member, keeper.keep_alive()).await?;
            match members.limited(&member, answers.message()).await? {
                Some(answer) if answer.ttl() > 0 => {}
                Some(_) => return Err(members.unavailable("the lease has ended")),
                None => {
                    members.leave(&member);
                    return Err(members.unavailable("the keep-alive ended"));
                }
            }
        }
    }

    /// Gives the lease back, and with it the key. If etcd is away, both expire.
    async fn let_go(&self) {
        let lease = self.lease;
        let revoke = |client: Client| async move { client.lease_client().revoke(lease).await };
        if let Err(error) = self.etcd.members.ask(Repeat::IfUnsent, revoke).await {
            tracing::warn!(%error, key = self.key, "a registration couldn't be withdrawn; it expires");
        }
    }
}
