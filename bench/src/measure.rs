//! One round of a workload on one engine: prefill, load, CPU, bytes.
use crate::{
    cpu::Watched,
    database,
    drive::{self, Until},
    stats::{Figures, Samples},
    target::Target,
    workload::{self, Shape, Workload},
};
use anyhow::{Context, Result, bail, ensure};
use std::{
    collections::HashMap,
    time::{Duration, Instant, SystemTime},
};

/// An engine with all that is known of it.
#[derive(Clone, Debug)]
pub struct Subject {
    pub target: Target,
    pub watched: Watched,
    /// URL of its database.
    pub database: Option<String>,
    /// Base URL of its admin listener.
    pub metrics: Option<String>,
}

/// How a workload is sent.
#[derive(Clone, Debug)]
pub struct Load {
    pub workload: Workload,
    /// Connections, or workers.
    pub connections: usize,
    /// What a round should last.
    pub time: Duration,
    /// Operations a second, for an open loop.
    pub rate: Option<f64>,
    /// Most tasks of one fetchAndLock.
    pub max_tasks: usize,
    /// Bytes are measured where the database is known.
    pub bytes: bool,
    /// Operations of a round that uses up what was started before; estimated if absent.
    pub instances: Option<u64>,
}

/// Rates seen so far, by engine and load: they say how much to prefill so that a round lasts as long as asked.
#[derive(Debug, Default)]
pub struct Seen(HashMap<(String, Workload, usize), f64>);

impl Seen {
    fn of(&self, subject: &Subject, load: &Load) -> Option<f64> {
        self.0
            .get(&(subject.target.name.clone(), load.workload, load.connections))
            .copied()
    }

    fn note(&mut self, subject: &Subject, load: &Load, rate: f64) {
        self.0.insert(
            (subject.target.name.clone(), load.workload, load.connections),
            rate,
        );
    }
}

/// Operations of the first round, whose rate isn't known yet.
const PROBE: u64 = 400;
/// Connections that prefill.
const PREFILL: usize = 16;
/// Longest time that a round may take, whatever it should last.
const PATIENCE: Duration = Duration::from_secs(300);

/// Deploys what a workload needs and checks by one instance that the engine does what the workload is about.
///
/// # Errors
/// The engine refuses the model, or an instance stands where it shouldn't.
pub async fn prepare(subject: &Subject, workload: Workload) -> Result<()> {
    let (Some(key), Some(model)) = (workload.key(), workload.model()) else {
        return Ok(());
    };
    subject.target.deploy(key, &model).await?;
    if workload == Workload::Timers {
        // See `executor`: what wakes the acquisition.
        let (key, model) = (Workload::Jobs.key(), Workload::Jobs.model());
        subject
            .target
            .deploy(key.unwrap_or_default(), &model.unwrap_or_default())
            .await?;
    }
    let start = workload::starts(workload, &workload::fresh_prefix(), SystemTime::now())(0);
    let answer = subject
        .target
        .call(start.method, &start.path, &start.body)
        .await?;
    let ended = answer["ended"].as_bool();
    ensure!(
        ended == Some(workload.ends_at_once()),
        "{}: a started {key} has ended: {ended:?}",
        subject.target.name
    );
    Ok(())
}

/// One round. The first of a workload that needs a prefill is short: it finds the rate.
///
/// # Errors
/// Nobody answers, a prefill or every operation fails, or the database can't be measured.
pub async fn round(subject: &Subject, load: &Load, seen: &mut Seen) -> Result<Figures> {
    let name = &subject.target.name;
    let amount = load.instances.unwrap_or_else(|| match seen.of(subject, load) {
        Some(rate) => ((rate * load.time.as_secs_f64()) as u64).max(PROBE),
        None => PROBE,
    });
    let (figures, rate) = match load.workload.shape() {
        Shape::Timed => timed(subject, load).await,
        Shape::Prefilled => prefilled(subject, load, amount).await,
        Shape::Workers => workers(subject, load, amount).await,
        Shape::Executor => executor(subject, load, amount).await,
    }
    .with_context(|| format!("{} on {name}", load.workload.name()))?;
    if figures.operations == 0 {
        bail!(
            "{} on {name}: nothing succeeded: {:?}",
            load.workload.name(),
            figures.errors
        );
    }
    seen.note(subject, load, rate);
    Ok(figures)
}

async fn send(subject: &Subject, load: &Load, until: Until, requests: drive::Requests) -> Result<Samples> {
    match load.rate {
        Some(rate) => drive::open(&subject.target, load.connections, rate, until, requests).await,
        None => drive::closed(&subject.target, load.connections, until, requests).await,
    }
}

async fn timed(subject: &Subject, load: &Load) -> Result<(Figures, f64)> {
    let prefix = workload::fresh_prefix();
    let requests = match load.workload {
        Workload::Count => workload::reads("/process-instance/count"),
        Workload::HistoryCount => workload::reads("/history/process-instance/count"),
        Workload::Get => {
            let start = workload::starts(load.workload, &prefix, SystemTime::now())(0);
            let started = subject
                .target
                .call(start.method, &start.path, &start.body)
                .await?;
            workload::reads(&format!(
                "/process-instance/{}",
                started["id"].as_str().context("no id")?
            ))
        }
        other => workload::starts(other, &prefix, SystemTime::now()),
    };
    let before = Before::take(subject, load).await?;
    let samples = send(subject, load, Until::Time(load.time), requests).await?;
    before.figures(subject, &samples).await
}

/// Starts so many instances, and gives how long that took.
async fn fill(
    subject: &Subject,
    workload: Workload,
    prefix: &str,
    amount: u64,
    due: SystemTime,
) -> Result<Duration> {
    let requests = workload::starts(workload, prefix, due);
    let samples = drive::closed(&subject.target, PREFILL, Until::Count(amount, PATIENCE), requests).await?;
    ensure!(
        samples.latencies.len() as u64 == amount,
        "only {} of {amount} instances started: {:?}",
        samples.latencies.len(),
        samples.errors
    );
    Ok(samples.elapsed)
}

async fn prefilled(subject: &Subject, load: &Load, amount: u64) -> Result<(Figures, f64)> {
    let prefix = workload::fresh_prefix();
    fill(subject, load.workload, &prefix, amount, SystemTime::now()).await?;
    let (requests, amount) = if load.workload == Workload::UserTask {
        let ids = tasks(subject, amount).await?;
        let found = ids.len() as u64;
        (workload::completions(ids), found)
    } else {
        (workload::correlations(&prefix), amount)
    };
    let before = Before::take(subject, load).await?;
    let samples = send(subject, load, Until::Count(amount, PATIENCE), requests).await?;
    before.figures(subject, &samples).await
}

/// Ids of at most so many waiting user tasks.
async fn tasks(subject: &Subject, amount: u64) -> Result<Vec<String>> {
    const PAGE: u64 = 5_000;
    let mut ids = Vec::new();
    while (ids.len() as u64) < amount {
        let path = format!(
            "/task?processDefinitionKey=bench_task&sortBy=id&sortOrder=desc&firstResult={}&maxResults={}",
            ids.len(),
            PAGE.min(amount - ids.len() as u64)
        );
        let page = subject.target.call("GET", &path, "").await?;
        let page = page.as_array().context("no list of tasks")?;
        if page.is_empty() {
            break;
        }
        ids.extend(
            page.iter()
                .filter_map(|task| task["id"].as_str().map(str::to_owned)),
        );
    }
    Ok(ids)
}

async fn workers(subject: &Subject, load: &Load, amount: u64) -> Result<(Figures, f64)> {
    fill(
        subject,
        load.workload,
        &workload::fresh_prefix(),
        amount,
        SystemTime::now(),
    )
    .await?;
    let before = Before::take(subject, load).await?;
    let samples = drive::workers(
        &subject.target,
        load.connections,
        "bench",
        load.max_tasks,
        amount,
        PATIENCE,
    )
    .await?;
    before.figures(subject, &samples).await
}

async fn executor(subject: &Subject, load: &Load, amount: u64) -> Result<(Figures, f64)> {
    let key = load
        .workload
        .key()
        .context("a workload of the executor has a process")?;
    let running = format!("/process-instance/count?processDefinitionKey={key}");
    let base = subject.target.count(&running).await?;
    let (prefix, name) = (workload::fresh_prefix(), &subject.target.name);
    let (before, began, mut samples);
    if load.workload == Workload::Timers {
        let spare = Duration::from_millis(amount * 8) + Duration::from_secs(2);
        let due = SystemTime::now() + spare;
        fill(subject, load.workload, &prefix, amount, due).await?;
        before = Before::take(subject, load).await?;
        let left = due.duration_since(SystemTime::now());
        tokio::time::sleep(
            left.with_context(|| format!("{name}: timers were due before the last was started"))?,
        )
        .await;
        began = Instant::now();
        // An acquisition that found nothing for long sleeps for long; a new job wakes it, on either engine.
        let wake = workload::starts(Workload::Jobs, &prefix, due)(0);
        subject.target.call(wake.method, &wake.path, &wake.body).await?;
        samples = Samples::default();
    } else {
        before = Before::take(subject, load).await?;
        began = Instant::now();
        let requests = workload::starts(load.workload, &prefix, SystemTime::now());
        samples = drive::closed(
            &subject.target,
            load.connections,
            Until::Count(amount, PATIENCE),
            requests,
        )
        .await?;
    }
    // Looks cost the engine something, too: seldom enough not to matter, often enough for seconds to be right.
    while subject.target.count(&running).await? > base {
        ensure!(
            began.elapsed() < PATIENCE,
            "{name}: jobs are still left after {PATIENCE:?}"
        );
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    samples.elapsed = began.elapsed();
    let (mut figures, _) = before
        .figures_of(subject, &samples, amount - samples.failures())
        .await?;
    figures.rate = figures.operations as f64 / figures.seconds;
    let rate = figures.rate;
    Ok((figures, rate))
}

/// What is noted before load begins.
struct Before {
    used: crate::cpu::Used,
    mark: Option<(database::Mark, sqlx::PgConnection)>,
}

impl Before {
    async fn take(subject: &Subject, load: &Load) -> Result<Before> {
        let mark = match subject
            .database
            .as_deref()
            .filter(|_| load.bytes && load.workload.writes())
        {
            Some(url) => {
                let mut connection = database::connect(url).await?;
                Some((database::mark(&mut connection).await?, connection))
            }
            None => None,
        };
        Ok(Before {
            used: subject.watched.used(),
            mark,
        })
    }

    async fn figures(self, subject: &Subject, samples: &Samples) -> Result<(Figures, f64)> {
        self.figures_of(subject, samples, samples.latencies.len() as u64)
            .await
    }

    async fn figures_of(
        self,
        subject: &Subject,
        samples: &Samples,
        operations: u64,
    ) -> Result<(Figures, f64)> {
        let used = subject.watched.used().since(self.used);
        let each = |time: Duration| time.as_secs_f64() * 1000.0 / operations.max(1) as f64;
        let known = |pids: &[u32], time| (!pids.is_empty()).then(|| each(time));
        let at = |percent| Some(samples.percentile(percent)).filter(|ms| ms.is_finite());
        let mut figures = Figures {
            operations,
            seconds: samples.elapsed.as_secs_f64(),
            rate: samples.rate(),
            p50: at(50.0),
            p95: at(95.0),
            p99: at(99.0),
            max: at(100.0),
            engine_cpu: known(&subject.watched.engine, used.engine),
            database_cpu: known(&subject.watched.database, used.database),
            client_cpu: each(used.client),
            failed: samples.failures(),
            errors: samples.errors.clone(),
            ..Figures::default()
        };
        if let Some((before, mut connection)) = self.mark {
            // What the load wrote, before the checkpoint adds its own.
            let wal = database::wal(&mut connection).await?;
            let after = database::mark(&mut connection).await?;
            figures.disk = database::growth(&before, &after, operations);
            figures.wal = Some((wal - before.wal) / operations.max(1) as f64);
        }
        let rate = figures.rate;
        Ok((figures, rate))
    }
}
