//! The slot table as one stored value, changed by compare-and-set.
use crate::{
    Error, Result, keys,
    log::TRIES,
    store::{Entry, Guard, Op, Store},
    view::Progress,
};
use std::sync::Arc;
use topology::{Slot, SlotTable, table::Shard};

/// A table and the version at which it stood in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionedTable {
    /// Grows with each change; what [`crate::Cluster::cas_table`] compares.
    pub version: u64,
    /// The table.
    pub table: Arc<SlotTable>,
}

/// The stored table, or an error for a cluster without a shard.
pub(crate) fn require(stored: &Option<Entry>) -> Result<SlotTable> {
    match stored {
        Some(entry) => entry.decode(),
        None => Err(Error::Refused(
            "the cluster has no shard yet; add one with shard-admin shard add".into(),
        )),
    }
}

pub(crate) async fn table(store: &impl Store) -> Result<Option<VersionedTable>> {
    let Some(entry) = store.get(keys::TABLE).await? else {
        return Ok(None);
    };
    Ok(Some(VersionedTable {
        version: entry.revision,
        table: Arc::new(entry.decode()?),
    }))
}

/// No epoch falls and no owner changes without a higher epoch, or two shards would both be right about a slot.
fn check_successor(old: &SlotTable, new: &SlotTable) -> Result<()> {
    for slot in Slot::all() {
        let ((old_owner, old_epoch), (new_owner, new_epoch)) = (old.owner(slot), new.owner(slot));
        if new_epoch < old_epoch || (old_owner != new_owner && new_epoch == old_epoch) {
            return Err(Error::Refused(format!(
                "slot {slot} would go from {old_owner} at epoch {old_epoch} to {new_owner} at epoch {new_epoch}"
            )));
        }
    }
    Ok(())
}

pub(crate) async fn cas_table(store: &impl Store, expected: u64, new: SlotTable) -> Result<u64> {
    let stored = store.get(keys::TABLE).await?;
    let version = stored.as_ref().map_or(0, |e| e.revision);
    if version != expected {
        return Err(Error::TableChanged { version });
    }
    if let Some(entry) = &stored {
        check_successor(&entry.decode()?, &new)?;
    }
    for shard in new.shards() {
        keys::check_name("shard", shard.name.as_str(), "")?;
    }
    match store
        .write(
            vec![Guard(keys::TABLE.into(), expected)],
            vec![Op::put(keys::TABLE, &new)],
        )
        .await?
    {
        Some(revision) => {
            store.seen(revision).await;
            Ok(revision)
        }
        None => Err(Error::TableChanged {
            version: store.get(keys::TABLE).await?.map_or(0, |e| e.revision),
        }),
    }
}

pub(crate) async fn add(store: &impl Store, shard: Shard) -> Result<VersionedTable> {
    keys::check_name("shard", shard.name.as_str(), "")?;
    let record = keys::shard(&shard.name);
    for _ in 0..TRIES {
        let (stored, head) = (store.get(keys::TABLE).await?, store.get(keys::LOG_HEAD).await?);
        let table = match &stored {
            None => SlotTable::split(vec![shard.clone()]),
            Some(entry) => {
                let table: SlotTable = entry.decode()?;
                if table.shards().contains(&shard) {
                    return Ok(VersionedTable {
                        version: entry.revision,
                        table: Arc::new(table),
                    });
                }
                table.with_shard(shard.clone())
            }
        };
        let mut guards = vec![Guard::unchanged(keys::TABLE, &stored)];
        let mut ops = vec![Op::put(keys::TABLE, &table)];
        let progress = store.get(&record).await?;
        if progress.is_none() {
            guards.extend([Guard(record.clone(), 0), Guard::unchanged(keys::LOG_HEAD, &head)]);
            ops.push(Op::put(
                &record,
                &Progress {
                    applied: 0,
                    behind: head.is_some(),
                },
            ));
        }
        if let Some(revision) = store.write(guards, ops).await? {
            store.seen(revision).await;
            return Ok(VersionedTable {
                version: revision,
                table: Arc::new(table),
            });
        }
    }
    Err(Error::Busy("the slot table"))
}
