//! The reference log: order and digest of what must be equal on all shards. The bytes live in the shards' databases.
use crate::{
    Error, Result, keys,
    store::{Entry, Guard, Op, Store},
    view::Progress,
};
use serde::{Deserialize, Serialize};
use topology::ShardName;

/// The kind of an entry that publishes the entries up to `data.index`. Made by [`crate::Cluster::publish`] only.
pub const PUBLISH: &str = "publish";

/// SHA-256 of no bytes: the digest of an entry without a payload.
pub const EMPTY_DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// How often a guarded change is tried again when others change the same key.
pub(crate) const TRIES: usize = 32;

/// The largest value of `data`, so that the log stays small.
const MAX_ENTRY_BYTES: usize = 128 * 1024;

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogEntry {
    /// What it is: `deployment`, `user`, [`PUBLISH`] …
    pub kind: String,
    /// SHA-256 of its payload in lower-case hexadecimal digits; [`EMPTY_DIGEST`] without one.
    pub digest: String,
    /// The ids and versions it creates; small.
    pub data: serde_json::Value,
    /// The client's idempotency key, scoped by the caller to the authenticated user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

fn number(entry: &Option<Entry>) -> Result<u64> {
    entry.as_ref().map_or(Ok(0), Entry::decode)
}

pub(crate) async fn append(store: &impl Store, expected_head: u64, entry: LogEntry) -> Result<u64> {
    check(&entry)?;
    let head = store.get(keys::LOG_HEAD).await?;
    if let Some(key) = &entry.idempotency_key
        && let Some(known) = store.get(&format!("{}{key}", keys::LOG_KEYS)).await?
    {
        return Err(Error::AlreadyAppended {
            index: known.decode()?,
        });
    }
    if number(&head)? != expected_head {
        return Err(Error::HeadMoved { head: number(&head)? });
    }
    let index = expected_head + 1;
    let mut guards = vec![
        Guard::unchanged(keys::LOG_HEAD, &head),
        Guard(keys::entry(index), 0),
    ];
    let mut ops = vec![
        Op::put(keys::LOG_HEAD, &index),
        Op::put(keys::entry(index), &entry),
    ];
    if let Some(key) = &entry.idempotency_key {
        let key = format!("{}{key}", keys::LOG_KEYS);
        guards.push(Guard(key.clone(), 0));
        ops.push(Op::put(key, &index));
    }
    match store.write(guards, ops).await? {
        Some(revision) => {
            store.seen(revision).await;
            Ok(index)
        }
        // The key can only have been taken together with the head.
        None => Err(Error::HeadMoved {
            head: number(&store.get(keys::LOG_HEAD).await?)?,
        }),
    }
}

fn check(entry: &LogEntry) -> Result<()> {
    if entry.kind == PUBLISH {
        return Err(Error::Refused(
            "an entry of kind 'publish' is made by publish()".into(),
        ));
    }
    let hex = entry.digest.len() == 64
        && entry
            .digest
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !hex {
        return Err(Error::Refused(format!(
            "'{}' isn't a SHA-256 digest in lower-case hex",
            entry.digest
        )));
    }
    let size = serde_json::to_vec(entry).map_or(0, |bytes| bytes.len());
    if size > MAX_ENTRY_BYTES {
        return Err(Error::Refused(format!(
            "an entry of {size} bytes doesn't fit the reference log; payloads belong into the databases"
        )));
    }
    Ok(())
}

pub(crate) async fn publish(store: &impl Store, index: u64) -> Result<u64> {
    for _ in 0..TRIES {
        let (head, published) = (
            store.get(keys::LOG_HEAD).await?,
            store.get(keys::PUBLISHED).await?,
        );
        let (last, done) = (number(&head)?, number(&published)?);
        if done >= index {
            return Ok(done);
        }
        if index > last {
            return Err(Error::Refused(format!(
                "index {index} is beyond the reference log's head {last}"
            )));
        }
        let entry = LogEntry {
            kind: PUBLISH.into(),
            digest: EMPTY_DIGEST.into(),
            data: serde_json::json!({ "index": index }),
            idempotency_key: None,
        };
        let guards = vec![
            Guard::unchanged(keys::LOG_HEAD, &head),
            Guard::unchanged(keys::PUBLISHED, &published),
        ];
        let ops = vec![
            Op::put(keys::LOG_HEAD, &(last + 1)),
            Op::put(keys::entry(last + 1), &entry),
            Op::put(keys::PUBLISHED, &index),
        ];
        if let Some(revision) = store.write(guards, ops).await? {
            store.seen(revision).await;
            return Ok(index);
        }
    }
    Err(Error::Busy("the reference log"))
}

pub(crate) async fn entries(store: &impl Store, from: u64, limit: usize) -> Result<Vec<(u64, LogEntry)>> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let stored = store
        .range(&keys::entry(from), &keys::end_of(keys::LOG), limit)
        .await?;
    let indexed = stored
        .iter()
        .filter_map(|e| Some((keys::entry_index(&e.key)?, e)));
    indexed.map(|(index, e)| Ok((index, e.decode()?))).collect()
}

/// Changes what stands in a shard's record, given the log's head.
async fn update(
    store: &impl Store,
    shard: &ShardName,
    change: impl Fn(Progress, u64) -> Result<Progress>,
) -> Result<()> {
    keys::check_name("shard", shard.as_str(), "")?;
    let key = keys::shard(shard);
    for _ in 0..TRIES {
        let (stored, head) = (store.get(&key).await?, store.get(keys::LOG_HEAD).await?);
        let before = stored.as_ref().map_or(Ok(Progress::default()), Entry::decode)?;
        let after = change(before, number(&head)?)?;
        if stored.is_some() && before == after {
            return Ok(());
        }
        let guards = vec![
            Guard::unchanged(&key, &stored),
            Guard::unchanged(keys::LOG_HEAD, &head),
        ];
        if let Some(revision) = store.write(guards, vec![Op::put(&key, &after)]).await? {
            store.seen(revision).await;
            return Ok(());
        }
    }
    Err(Error::Busy("the shard's record"))
}

pub(crate) async fn set_applied(store: &impl Store, shard: &ShardName, index: u64) -> Result<()> {
    update(store, shard, |before, head| {
        if index > head {
            return Err(Error::Refused(format!(
                "index {index} is beyond the reference log's head {head}"
            )));
        }
        let applied = before.applied.max(index);
        Ok(Progress {
            applied,
            behind: before.behind && applied < head,
        })
    })
    .await
}

pub(crate) async fn mark_behind(store: &impl Store, shard: &ShardName, behind: bool) -> Result<()> {
    update(store, shard, |before, _| Ok(Progress { behind, ..before })).await
}
