//! A topology in this process's memory: for `stellwerk dev`, a single node and tests.
use crate::{
    Cluster, Error, NodeLease, Result, View,
    file::Backing,
    keys,
    store::{Entry, Guard, Op, Store},
    stored::{self, Stored},
};
use async_trait::async_trait;
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A new, empty cluster in memory; clones of the handle share it. It is gone with the last handle.
pub fn in_process() -> Arc<dyn Cluster> {
    let (views, receiver) = watch::channel(Arc::new(View {
        connected: true,
        ..View::default()
    }));
    let store = Memory {
        inner: Arc::new(Inner {
            state: Mutex::default(),
            views,
            file: None,
        }),
    };
    Arc::new(Stored {
        store,
        views: receiver,
        place: "this process".into(),
        cluster_id: stored::new_id(),
    })
}

/// A cluster in memory that outlives the process in a file: for `stellwerk dev` on a directory that is kept. The
/// file is made if it doesn't exist, and only one process at a time may use it.
///
/// # Errors
/// The file can't be read or written, is damaged, or another process uses it.
pub async fn in_process_at(path: &Path) -> Result<Arc<dyn Cluster>> {
    let (file, revision, keys) = Backing::open(path)?;
    let view = View::build(&topology(&keys), &View::default(), revision)?;
    let (views, receiver) = watch::channel(Arc::new(view));
    let state = Mutex::new(State { revision, keys });
    let store = Memory {
        inner: Arc::new(Inner {
            state,
            views,
            file: Some(file),
        }),
    };
    let cluster_id = stored::cluster_id(&store).await?;
    let place = format!("this process and {}", path.display());
    Ok(Arc::new(Stored {
        store,
        views: receiver,
        place,
        cluster_id,
    }))
}

#[derive(Clone)]
struct Memory {
    inner: Arc<Inner>,
}

struct Inner {
    state: Mutex<State>,
    views: watch::Sender<Arc<View>>,
    file: Option<Backing>,
}

#[derive(Clone, Default)]
struct State {
    revision: u64,
    keys: BTreeMap<String, Entry>,
}

/// What a view is made of.
fn topology(keys: &BTreeMap<String, Entry>) -> BTreeMap<String, Entry> {
    let below = keys.range(keys::TOPOLOGY.to_owned()..keys::end_of(keys::TOPOLOGY));
    below.map(|(k, v)| (k.clone(), v.clone())).collect()
}

impl Memory {
    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while it was held can't have left it half changed: it is replaced as a whole.
        self.inner.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Applies the changes and shows them, all under the lock, so that views come in the order of revisions. The
    /// file, if there is one, is written there too: changes are rare, and none may be seen that isn't kept.
    fn apply(&self, guards: &[Guard], ops: Vec<Op>) -> Result<Option<u64>> {
        let mut state = self.state();
        let holds = |guard: &Guard| state.keys.get(&guard.0).map_or(0, |e| e.revision) == guard.1;
        if !guards.iter().all(holds) {
            return Ok(None);
        }
        let shown = ops.iter().any(|op| op.key().starts_with(keys::TOPOLOGY));
        let mut next = state.clone();
        next.revision += 1;
        let revision = next.revision;
        for op in ops {
            match op {
                Op::Put(key, value) => drop(next.keys.insert(key.clone(), Entry { key, value, revision })),
                Op::Delete(key) => drop(next.keys.remove(&key)),
            }
        }
        if let Some(file) = &self.inner.file {
            file.write(revision, &next.keys)?;
        }
        *state = next;
        if shown {
            let previous = self.inner.views.borrow().clone();
            self.inner.views.send_replace(Arc::new(View::build(
                &topology(&state.keys),
                &previous,
                revision,
            )?));
        }
        Ok(Some(revision))
    }
}

#[async_trait]
impl Store for Memory {
    async fn get(&self, key: &str) -> Result<Option<Entry>> {
        Ok(self.state().keys.get(key).cloned())
    }

    async fn range(&self, from: &str, end: &str, limit: usize) -> Result<Vec<Entry>> {
        let limit = if limit == 0 { usize::MAX } else { limit };
        let state = self.state();
        Ok(state
            .keys
            .range(from.to_owned()..end.to_owned())
            .take(limit)
            .map(|(_, e)| e.clone())
            .collect())
    }

    async fn write(&self, guards: Vec<Guard>, ops: Vec<Op>) -> Result<Option<u64>> {
        self.apply(&guards, ops)
    }

    async fn hold(&self, key: String, value: Vec<u8>) -> Result<NodeLease> {
        let revision = self
            .apply(&[], vec![Op::Put(key.clone(), value)])?
            .ok_or(Error::Busy("the registration"))?;
        let end = CancellationToken::new();
        let (memory, ended) = (self.clone(), end.clone());
        let keeper = tokio::spawn(async move {
            ended.cancelled().await;
            // A later registration under the same id has replaced this one: then there is nothing to withdraw.
            let guard = Guard(key.clone(), revision);
            if let Err(error) = memory.apply(&[guard], vec![Op::Delete(key)]) {
                tracing::warn!(%error, "a node's registration couldn't be withdrawn");
            }
        });
        Ok(NodeLease::new(end, keeper))
    }

    async fn seen(&self, _revision: u64) {}
}
