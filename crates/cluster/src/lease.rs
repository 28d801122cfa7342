//! A node's registration, alive as long as its handle.
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Keeps a node registered. Dropping it withdraws the registration in the background; [`NodeLease::revoke`] waits
/// for that. If the process dies, the registration disappears when its time to live ends.
#[derive(Debug)]
pub struct NodeLease {
    end: CancellationToken,
    keeper: Option<JoinHandle<()>>,
}

impl NodeLease {
    /// A lease kept by a task that withdraws the registration once `end` is cancelled.
    pub(crate) fn new(end: CancellationToken, keeper: JoinHandle<()>) -> NodeLease {
        NodeLease {
            end,
            keeper: Some(keeper),
        }
    }

    /// Withdraws the registration and waits until that is done (or has been given up: then it expires).
    pub async fn revoke(mut self) {
        self.end.cancel();
        if let Some(keeper) = self.keeper.take() {
            // A keeper that panicked keeps nothing alive any more, so the registration expires.
            let _ = keeper.await;
        }
    }
}

impl Drop for NodeLease {
    fn drop(&mut self) {
        self.end.cancel();
    }
}
