//! Makes the indexes that operators have declared in the topology (`shard-admin index add`) in this shard's database:
//! at the start, so that a new shard has them, and whenever one was declared since.
use cluster::Cluster;
use migrations::{
    Db,
    indexes::UserIndex,
    user_indexes::{self, Made},
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// Between two looks at the declarations.
const LOOK: Duration = Duration::from_secs(30);

/// Looks until `stop`. What fails is logged and tried again at the next look: a missing index makes nothing wrong.
pub async fn keep(cluster: Arc<dyn Cluster>, database_url: String, stop: CancellationToken) {
    let mut done: BTreeSet<String> = BTreeSet::new();
    loop {
        if let Err(error) = look(cluster.as_ref(), &database_url, &mut done).await {
            tracing::warn!(
                error = format!("{error:#}"),
                "users' indexes could not be made; trying again"
            );
        }
        let pause = tokio::time::sleep(LOOK);
        tokio::select! { () = stop.cancelled() => return, () = pause => {} }
    }
}

/// Makes what is declared and not known to be there.
async fn look(cluster: &dyn Cluster, database_url: &str, done: &mut BTreeSet<String>) -> anyhow::Result<()> {
    let declared = cluster.meta(cluster::USER_INDEXES).await?;
    let mut missing = Vec::new();
    let mut kept = BTreeSet::new();
    for (_, _, value) in declared {
        let index: UserIndex = serde_json::from_value(value)?;
        match done.contains(&index.name) {
            true => drop(kept.insert(index.name)),
            false => missing.push(index),
        }
    }
    // One that was dropped and declared anew is made anew.
    *done = kept;
    if missing.is_empty() {
        return Ok(());
    }
    let mut db = Db::connect(database_url).await?;
    for index in missing {
        for (target, made) in user_indexes::make(&mut db, &index).await? {
            if made != Made::Present {
                tracing::info!(index = target.index, table = target.table, "user's index {made}");
            }
        }
        done.insert(index.name);
    }
    Ok(db.close().await?)
}
