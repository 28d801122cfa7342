//! What a batch's own jobs do, over all its parts: a seed job makes jobs of what waits, a monitor job ends the batch when
//! nothing is left. They lie with one part of the batch; the other shards are asked what they have, and told what to do.
use crate::{
    App,
    app::writer::now,
    query::batch::{self, Led},
    rest::error,
    store::{
        BatchJobChange, BatchJobs, BatchWork, JobSetting, NewJob, Remains, StoreError, Subject, WhichJobs,
    },
};
use bpmn_core::{Id, Millis};
use http::Method;
use rest_api::{
    ApiError, ApiResult,
    batch::{JobDefinition, PER_SEED},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// How much later a monitor job looks again, as the reference's `batchPollTime`, ms.
const POLL: Millis = 30_000;

/// What is asked of a shard about its part of a batch.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    Remains,
    /// Makes jobs of what waits for the turn of that deployment.
    Seed {
        deployment: Option<Id>,
        most: i64,
        setting: JobSetting,
    },
    Change {
        kind: JobDefinition,
        change: BatchJobChange,
    },
    /// Changes what is set for the jobs of a kind, where the batch's own jobs are.
    Set {
        kind: JobDefinition,
        suspended: Option<bool>,
        priority: Option<Option<i64>>,
    },
}

/// What a shard answers.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    Remains(Remains),
    /// How many it has changed.
    Done(i64),
}

/// Answers what is asked of this shard.
///
/// # Errors
/// Those of the database.
pub async fn here(app: &App, batch: Id, ask: Ask) -> Result<Told, StoreError> {
    let store = app.engine.store();
    let told = match ask {
        Ask::Remains => return store.remains_of_batch(batch).await.map(Told::Remains),
        Ask::Seed {
            deployment,
            most,
            setting,
        } => store.seed_batch(batch, deployment, most, setting).await?,
        Ask::Change { kind, change } => {
            let which = WhichJobs::Of(batch, Some(kind));
            store.change_jobs_of_batches(which, change).await? as i64
        }
        Ask::Set {
            kind,
            suspended,
            priority,
        } => {
            let set = |jobs: &mut BatchJobs| {
                let setting = jobs.of_mut(kind);
                setting.suspended = suspended.unwrap_or(setting.suspended);
                setting.priority = priority.unwrap_or(setting.priority);
            };
            i64::from(store.set_batch_jobs(batch, &set).await?)
        }
    };
    if told > 0 {
        app.engine.news().heard(Subject::Batches);
    }
    Ok(Told::Done(told))
}

/// A shard with a part of a batch: this one, or where others are asked.
type Place = Option<(topology::ShardName, Vec<String>)>;

fn places(app: &App) -> Vec<Place> {
    let others = app.replication.peers().others().into_iter().map(Some);
    std::iter::once(None).chain(others).collect()
}

async fn at(app: &App, place: &Place, batch: Id, ask: Ask) -> Result<Told, String> {
    let Some((shard, urls)) = place else {
        return here(app, batch, ask).await.map_err(|error| error.to_string());
    };
    let asked = json!({"batch": batch, "ask": ask}).to_string();
    let path = "/internal/batch/part";
    let answer = app
        .replication
        .peers()
        .ask(shard, urls, Method::POST, path, Some(asked.as_bytes()))
        .await?;
    serde_json::from_slice(&answer).map_err(|error| error.to_string())
}

/// Asks all shards, this one first; gives how many have been changed in all.
///
/// # Errors
/// What one could not do; the others may have done it.
pub async fn everywhere(app: &App, batch: Id, ask: Ask) -> Result<i64, String> {
    let mut all = 0;
    for place in places(app) {
        if let Told::Done(number) = at(app, &place, batch, ask).await? {
            all += number;
        }
    }
    Ok(all)
}

/// The batches that run and have their own jobs on this shard.
///
/// # Errors
/// Those of the database.
pub async fn led_here(app: &App) -> Result<Vec<Led>, StoreError> {
    let found = app.engine.store().select(&batch::led()).await?;
    found.rows.iter().map(|row| batch::led_row(&**row)).collect()
}

/// The batches that run, on all shards.
///
/// # Errors
/// What one shard could not tell.
pub async fn led(app: &App) -> Result<Vec<Led>, String> {
    let mut all = led_here(app).await.map_err(|error| error.to_string())?;
    let peers = app.replication.peers();
    for (shard, urls) in peers.others() {
        let path = "/internal/batch/led";
        let answer = peers.ask(&shard, &urls, Method::POST, path, None).await?;
        let told: Vec<Led> = serde_json::from_slice(&answer).map_err(|error| error.to_string())?;
        all.extend(told);
    }
    Ok(all)
}

/// Gives the batch's own jobs to the part of it that is here: its first seed job is for the first deployment of all parts.
///
/// # Errors
/// 503 if not all parts can be asked; those of the database.
pub async fn lead(app: &App, batch: Id) -> ApiResult<bool> {
    let known = led(app).await.map_err(ApiError::unavailable)?;
    if known.iter().any(|led| led.id == batch) {
        return Ok(false);
    }
    let parts = remains(app, batch).await.map_err(ApiError::unavailable)?;
    let deployment = turn(parts.iter().map(|(_, remains)| remains));
    let led = app.engine.store().lead_batch(batch, deployment).await;
    let led = led.map_err(error::store)?;
    app.engine.news().heard(Subject::Batches);
    Ok(led)
}

/// What all parts of a batch have.
async fn remains(app: &App, batch: Id) -> Result<Vec<(Place, Remains)>, String> {
    let mut all = Vec::new();
    for place in places(app) {
        if let Told::Remains(remains) = at(app, &place, batch, Ask::Remains).await? {
            all.push((place, remains));
        }
    }
    Ok(all)
}

/// What a job of a batch's own has come to.
pub enum Ran {
    /// It is done, and followed by another or none.
    Done(Option<NewJob>),
    /// A part could not be asked, or has something left.
    Later,
}

/// Runs a seed or monitor job. By hand a monitor job that finds something left is followed by one that looks later;
/// otherwise it waits itself.
///
/// # Errors
/// Those of the database.
pub async fn run(app: &App, job: &BatchWork, by_hand: bool) -> Result<Ran, StoreError> {
    let Some(jobs) = app.engine.store().batch_jobs(job.batch_id).await? else {
        // The batch is gone, or its own jobs are: nothing follows.
        return Ok(Ran::Done(None));
    };
    let ran = match job.kind {
        JobDefinition::Seed => seed(app, job, &jobs).await,
        _ => monitor(app, job, &jobs, by_hand).await,
    };
    Ok(ran.unwrap_or_else(|why| {
        tracing::info!(batch = %job.batch_id, why, "a part of a batch could not be asked; its job runs later");
        Ran::Later
    }))
}

fn next(
    app: &App,
    job: &BatchWork,
    jobs: &BatchJobs,
    kind: JobDefinition,
    wait: Option<Millis>,
) -> Option<NewJob> {
    let now = now();
    Some(NewJob {
        id: app.engine.new_id(job.id.slot()?),
        batch_id: job.batch_id,
        kind,
        deployment_id: jobs.deployment_id.filter(|_| kind == JobDefinition::Seed),
        created: now,
        due: wait.map(|wait| now + wait),
        setting: jobs.of(kind),
    })
}

async fn seed(app: &App, job: &BatchWork, jobs: &BatchJobs) -> Result<Ran, String> {
    let waiting = remains(app, job.batch_id).await?;
    let deployment = turn(waiting.iter().map(|(_, remains)| remains));
    let mut left: i64 = waiting.iter().map(|(_, remains)| remains.waiting).sum();
    let mut most = i64::from(PER_SEED);
    for (place, remains) in &waiting {
        if remains.waiting == 0 || most == 0 {
            continue;
        }
        let ask = Ask::Seed {
            deployment,
            most,
            setting: jobs.work,
        };
        if let Told::Done(seeded) = at(app, place, job.batch_id, ask).await? {
            most -= seeded;
            left -= seeded;
        }
    }
    let kind = if left > 0 {
        JobDefinition::Seed
    } else {
        JobDefinition::Monitor
    };
    Ok(Ran::Done(next(app, job, jobs, kind, None)))
}

/// Whose turn it is: that of the first deployment that something waits for, and of what belongs to none at last.
fn turn<'r>(remains: impl Iterator<Item = &'r Remains>) -> Option<Id> {
    remains
        .filter(|part| part.waiting > 0)
        .filter_map(|part| part.next)
        .min()
}

async fn monitor(app: &App, job: &BatchWork, jobs: &BatchJobs, by_hand: bool) -> Result<Ran, String> {
    let parts = remains(app, job.batch_id).await?;
    Ok(match parts.iter().any(|(_, remains)| remains.all > 0) {
        false => Ran::Done(None),
        true if by_hand => Ran::Done(next(app, job, jobs, JobDefinition::Monitor, Some(POLL))),
        true => Ran::Later,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deployments_have_their_turn_one_after_the_other_and_what_belongs_to_none_comes_last() {
        let id = |n| Id::from_parts(n, 0, topology::Slot::from_bits(0), 0);
        let part = |waiting, next| Remains {
            all: 9,
            waiting,
            next,
        };
        let parts = [part(1, Some(id(2))), part(3, None), part(1, Some(id(1)))];
        assert_eq!(turn(parts.iter()), Some(id(1)));
        assert_eq!(turn([part(2, None)].iter()), None);
    }
}
