//! Stored filters, the same on every shard.
use super::{Replication, payload::Payload};
use crate::{app::EngineError, store::FilterChange};

impl Replication {
    /// Changes a stored filter on every shard; of two changes at once the later one in the log holds.
    ///
    /// # Errors
    /// [`EngineError::NotReplicated`] when the log can't be reached.
    pub async fn change_filter(&self, change: FilterChange) -> Result<(), EngineError> {
        let payload = Payload::Filter { change };
        self.to_the_end(|me| async move { me.replicate(payload).await })
            .await
    }
}
