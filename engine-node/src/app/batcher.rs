//! Look-ups of concurrent requests in one statement: while one is under way the next ones gather. A lone request
//! waits for nobody.
use super::EngineError;
use crate::store::StoreError;
use std::{future::Future, sync::Arc};
use tokio::sync::{mpsc, oneshot};

/// Most look-ups of one statement.
const MOST: usize = 200;

type Answer<V> = Result<V, Arc<StoreError>>;

/// Gathers look-ups of `K`, each answered with a `V`.
#[derive(Debug)]
pub struct Batcher<K, V> {
    queue: mpsc::Sender<(K, oneshot::Sender<Answer<V>>)>,
}

impl<K: Send + 'static, V: Send + 'static> Batcher<K, V> {
    /// Starts a batcher: `ask` answers many keys in their order, or none if the engine is gone. At most `queue_max`
    /// look-ups wait.
    pub fn start<F>(queue_max: usize, ask: impl Fn(Vec<K>) -> F + Send + 'static) -> Batcher<K, V>
    where
        F: Future<Output = Option<Result<Vec<V>, StoreError>>> + Send,
    {
        let (queue, mut waiting) = mpsc::channel::<(K, oneshot::Sender<Answer<V>>)>(queue_max);
        tokio::spawn(async move {
            let mut gathered = Vec::new();
            while waiting.recv_many(&mut gathered, MOST).await > 0 {
                let (keys, replies): (Vec<K>, Vec<_>) = gathered.drain(..).unzip();
                match ask(keys).await {
                    Some(Ok(values)) => {
                        for (reply, value) in replies.into_iter().zip(values) {
                            // An error means that the request was given up.
                            let _ = reply.send(Ok(value));
                        }
                    }
                    Some(Err(error)) => {
                        let error = Arc::new(error);
                        for reply in replies {
                            let _ = reply.send(Err(error.clone()));
                        }
                    }
                    None => return,
                }
            }
        });
        Batcher { queue }
    }

    /// Asks, with whoever asks at the same time.
    ///
    /// # Errors
    /// What the statement gave; [`EngineError::Busy`] if too many wait or the node shuts down.
    pub async fn ask(&self, key: K) -> Result<V, EngineError> {
        let (reply, answer) = oneshot::channel();
        self.queue
            .try_send((key, reply))
            .map_err(|_| EngineError::Busy("the node has too many look-ups waiting".into()))?;
        match answer.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(EngineError::Store(super::error::copy(&error))),
            Err(_) => Err(EngineError::Busy("the node is shutting down".into())),
        }
    }
}
