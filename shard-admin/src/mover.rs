//! Carries out slot moves: look, decide ([`crate::plan::next`]), do one step, look again.
use crate::{
    connect::Admin,
    node::{self, ShardClient},
    options::Moving,
    plan::{self, Change, Side, Step},
};
use anyhow::{Context, Result, anyhow, bail};
use cluster::{MoveState, SlotMove};
use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::StatusCode;
use std::{collections::BTreeMap, time::Duration};
use topology::{ShardName, Slot};

/// Rows per request: a page of JSON well below a node's body limit.
const ROWS_PER_CHANGE: usize = 2_048;
/// Slots copied at once: keeps both databases busy without taking them from the clients.
const SLOTS_AT_ONCE: usize = 8;
/// Rows that somebody else changes again and again mean that two operators work against each other.
const MOST_CONFLICTS: u32 = 20;

/// How following a move ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The target owns the slots and the source has dropped its copy.
    Released,
    /// It was taken back; the source owns the slots.
    Aborted,
}

/// Moves slots from one shard to another: records a move, carries it out, and tries again with a new record when a
/// writer outlasts the fence's budget or a node fails.
///
/// # Errors
/// It was taken back as often as `moving.tries` allows, or nobody can tell how far it is.
pub async fn move_slots(
    admin: &Admin,
    from: &ShardName,
    to: &ShardName,
    slots: &[Slot],
    moving: &Moving,
) -> Result<()> {
    let mut pause = Duration::from_millis(100);
    let mut last = anyhow!("not tried");
    for _ in 0..moving.tries {
        let record = admin.cluster.create_move(from, to, slots.to_vec()).await?;
        tracing::info!(id = record.id, %from, %to, slots = slots.len(), "move recorded");
        let forward = run(admin, &record.id, moving.fence_budget).await;
        match forward {
            Ok(End::Released) => return Ok(()),
            Ok(End::Aborted) => {
                last = anyhow!(
                    "a writer outlasted the fence's budget of {:?}",
                    moving.fence_budget
                )
            }
            Err(error) => {
                tracing::warn!(
                    id = record.id,
                    error = format!("{error:#}"),
                    "taking the move back"
                );
                last = error;
                if take_back(admin, &record.id)
                    .await
                    .with_context(|| left_open(&record))?
                    == End::Released
                {
                    return Ok(());
                }
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(5));
    }
    Err(last.context(format!(
        "moving slots {} from {from} to {to} was taken back {} times",
        plan::short(&slots.iter().map(|slot| slot.number()).collect::<Vec<_>>()),
        moving.tries
    )))
}

/// Takes back what may still be taken back and finishes what has flipped: for moves whose operator is gone.
/// Gives the number of moves that needed something.
///
/// # Errors
/// A shard's nodes or etcd don't answer, or rows contradict the records.
pub async fn resume(admin: &Admin) -> Result<usize> {
    let mut resumed = 0;
    for record in admin.cluster.get_moves().await? {
        let unfinished = match record.state {
            MoveState::Released => false,
            MoveState::Copying | MoveState::Fenced | MoveState::Flipped => true,
            MoveState::Aborted => follows(admin, &record).await?,
        };
        if unfinished {
            // Going on with somebody else's fence is not safe (its operator may only be stalled), so what has not
            // flipped is aborted first; a flip of the stalled one then fails.
            let end = take_back(admin, &record.id)
                .await
                .with_context(|| left_open(&record))?;
            tracing::info!(id = record.id, ?end, "interrupted move");
            resumed += 1;
        }
    }
    Ok(resumed)
}

/// Whether an aborted move still has rows in a database.
async fn follows(admin: &Admin, record: &SlotMove) -> Result<bool> {
    for shard in [&record.from, &record.to] {
        let rows = admin.shard(shard).slots(&numbers(record)).await?;
        if rows.values().any(|row| row.move_id.as_ref() == Some(&record.id)) {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn take_back(admin: &Admin, id: &str) -> Result<End> {
    abort(admin, id).await?;
    run(admin, id, Duration::ZERO).await
}

/// Records `aborted` unless the move has flipped or ended.
async fn abort(admin: &Admin, id: &str) -> Result<()> {
    for _ in 0..MOST_CONFLICTS {
        let state = admin.cluster.get_move(id).await?.state;
        if !state.is_open() {
            return Ok(());
        }
        match admin.cluster.cas_move(id, state, MoveState::Aborted).await {
            Ok(_) => return Ok(()),
            Err(cluster::Error::MoveConflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    bail!("move {id} keeps changing")
}

/// Follows a move's record until both databases agree with its end.
async fn run(admin: &Admin, id: &str, fence_budget: Duration) -> Result<End> {
    let mut conflicts = 0;
    loop {
        let record = admin.cluster.get_move(id).await?;
        let (source, target, slots) = (
            admin.shard(&record.from),
            admin.shard(&record.to),
            numbers(&record),
        );
        let table = admin
            .cluster
            .table()
            .await?
            .context("the cluster has no slot table")?
            .table;
        let epochs: BTreeMap<u16, u32> = record
            .slots
            .iter()
            .map(|s| (s.number(), table.owner(*s).1))
            .collect();
        let (at_source, at_target) = tokio::try_join!(source.slots(&slots), target.slots(&slots))?;
        let step = plan::next(&record, &epochs, &at_source, &at_target)
            .map_err(|why| anyhow!("move {id}: {why}"))?;
        let done = match step {
            Step::Rows(Side::Source, change) => change_rows(&source, change).await,
            Step::Rows(Side::Target, change) => change_rows(&target, change).await,
            Step::Settle => settle(admin, &source, id, fence_budget).await,
            Step::CopyAndFlip => {
                copy(&record, &source, &target).await?;
                admin.cluster.flip(id).await?;
                Ok(())
            }
            Step::Clear(change) => {
                purge_filled(&target, change.from.iter().map(|row| row.slot), id).await?;
                change_rows(&target, change).await
            }
            Step::Purge => {
                purge_filled(&source, record.slots.iter().map(|slot| slot.number()), id).await?;
                admin
                    .cluster
                    .cas_move(id, MoveState::Flipped, MoveState::Released)
                    .await?;
                Ok(())
            }
            Step::Done if record.state == MoveState::Aborted => return Ok(End::Aborted),
            Step::Done => return Ok(End::Released),
        };
        match done {
            Ok(()) => {}
            // The rows were changed by somebody else, or by a try of ours whose answer was lost: look again.
            Err(error)
                if node::status(&error) == Some(StatusCode::CONFLICT) && conflicts < MOST_CONFLICTS =>
            {
                conflicts += 1;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// The fence is committed; what had begun before it must end before the copy is read.
async fn settle(admin: &Admin, source: &ShardClient, id: &str, budget: Duration) -> Result<()> {
    if source.wait_for_writers(budget).await? {
        admin
            .cluster
            .cas_move(id, MoveState::Copying, MoveState::Fenced)
            .await?;
    } else {
        // Aborted in etcd first: only then may the source lift its fence.
        tracing::warn!(id, ?budget, "a writer outlasts the fence; lifting it");
        abort(admin, id).await?;
    }
    Ok(())
}

/// Purges those of the slots that have rows.
async fn purge_filled(shard: &ShardClient, slots: impl Iterator<Item = u16>, id: &str) -> Result<()> {
    let slots: Vec<u16> = slots.collect();
    purge(shard, shard.filled(&slots).await?.into_keys(), id).await
}

async fn purge(shard: &ShardClient, slots: impl Iterator<Item = u16>, id: &str) -> Result<()> {
    stream::iter(slots.map(|slot| shard.purge(slot, id)))
        .buffer_unordered(SLOTS_AT_ONCE)
        .try_collect::<()>()
        .await
}

/// Copies the slots that have rows and compares the number of rows of every table.
async fn copy(record: &SlotMove, source: &ShardClient, target: &ShardClient) -> Result<()> {
    let numbers: Vec<u16> = record.slots.iter().map(|slot| slot.number()).collect();
    let (wanted, left_over) = tokio::try_join!(source.filled(&numbers), target.filled(&numbers))?;
    purge(target, left_over.into_keys(), &record.id).await?;
    let slots = wanted.keys().map(|slot| async move {
        let copied = source.copy_slot(target, *slot, &record.id).await;
        copied.with_context(|| format!("copying slot {slot}"))
    });
    stream::iter(slots)
        .buffer_unordered(SLOTS_AT_ONCE)
        .try_collect::<()>()
        .await?;
    let copied = target.filled(&numbers).await?;
    if let Some((slot, rows)) = wanted
        .iter()
        .find(|(slot, rows)| copied.get(*slot) != Some(*rows))
    {
        bail!(
            "slot {slot}: {} has {:?}, {} should have {rows:?}",
            target.name,
            copied.get(slot),
            source.name
        );
    }
    Ok(())
}

/// Changes rows in parts.
///
/// # Errors
/// A row differs (409): parts before it stand; look again and go on.
pub async fn change_rows(shard: &ShardClient, change: Change) -> Result<()> {
    for part in plan::parts(change, ROWS_PER_CHANGE) {
        shard.change_slots(&part.from, &part.to).await?;
    }
    Ok(())
}

/// Records hold their slots in order.
fn numbers(record: &SlotMove) -> Vec<u16> {
    record.slots.iter().map(|slot| slot.number()).collect()
}

fn left_open(record: &SlotMove) -> String {
    format!(
        "move {} is left open; run `shard-admin slots move --resume` when both shards answer",
        record.id
    )
}
