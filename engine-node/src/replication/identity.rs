//! Users, groups, tenants and authorizations: decided on the state at the log's head, then changed on every shard.
use super::{
    Replication, TRIES, entry_key,
    log::{Appended, New},
    payload::Payload,
};
use crate::{
    app::{Caller, EngineError},
    rights::{grants, load::Admins},
    store::{IdentityChange, Store, UserRow},
};
use std::sync::Arc;

impl Replication {
    /// Changes what `decide` gives for the state at the head of the log; it is asked again when others were faster.
    /// Answers when every shard that isn't behind has it. Nothing to change is no entry. `answer` is what the caller is
    /// answered; a repeated request (`Idempotency-Key`) changes nothing and gives the first one's.
    ///
    /// # Errors
    /// What `decide` refuses with; [`EngineError::KeyReused`]; [`EngineError::NotReplicated`] when the log can't be
    /// reached.
    pub async fn change_identity<E, F>(
        &self,
        caller: &Caller,
        answer: String,
        decide: impl Fn(Arc<dyn Store>) -> F + Send + Sync + 'static,
    ) -> Result<String, E>
    where
        F: Future<Output = Result<Vec<IdentityChange>, E>> + Send + 'static,
        E: From<EngineError> + Send + 'static,
    {
        let key = entry_key("identity", caller);
        let named = caller.idempotency.as_ref().map(|key| key.key.clone());
        self.to_the_end(move |me| async move {
            let _turn = me.appending.lock().await;
            if let Some((hashed, request)) = &key {
                me.catch_up().await?;
                match me.remembered(hashed).await? {
                    Some(memory) if memory.request == *request => {
                        return Ok(Ok(memory.answer.unwrap_or_default()));
                    }
                    Some(_) => return Err(EngineError::KeyReused(named.unwrap_or_default())),
                    None => {}
                }
            }
            match me.decided(decide, key, &answer).await? {
                Ok(Some(index)) => me.note_behind(me.log.wait_for_shards(index).await?),
                Ok(None) => {}
                Err(refused) => return Ok(Err(refused)),
            }
            Ok(Ok(answer))
        })
        .await?
    }

    /// Creates the first user if there is none at all, and gives administrators what they lack; whether there was
    /// anything to do. Of several nodes that try, one does. Waits for no other shard: it may not run yet.
    pub async fn put_administrators(
        &self,
        first: Option<&UserRow>,
        admins: &Admins,
        enforced: bool,
    ) -> Result<bool, EngineError> {
        let _turn = self.appending.lock().await;
        let decide = |store: Arc<dyn Store>| async move {
            let changes = grants::administrators(&self.engine, &*store, first, admins, enforced);
            changes.await.map_err(EngineError::from)
        };
        let decided = self.decided(decide, None, "");
        Ok(decided.await??.is_some())
    }

    /// Appends what `decide` gives, and applies it here; the index, or `None` if there was nothing to change.
    async fn decided<E, F>(
        &self,
        decide: impl Fn(Arc<dyn Store>) -> F,
        idempotency: Option<(String, String)>,
        answer: &str,
    ) -> Result<Result<Option<u64>, E>, EngineError>
    where
        F: Future<Output = Result<Vec<IdentityChange>, E>>,
    {
        for _ in 0..TRIES {
            let head = self.catch_up().await?;
            let changes = match decide(self.store.clone()).await {
                Ok(changes) if changes.is_empty() => return Ok(Ok(None)),
                Ok(changes) => changes,
                Err(refused) => return Ok(Err(refused)),
            };
            let new = New {
                payload: Payload::Identity { changes },
                answer: idempotency.as_ref().map(|_| answer.to_owned()),
                idempotency: idempotency.clone(),
            };
            if let Appended::At(index) = self.log.append(head, new).await? {
                self.catch_up().await?;
                return Ok(Ok(Some(index)));
            }
        }
        Err(EngineError::Busy(
            "the reference log is being changed by too many others".into(),
        ))
    }
}
