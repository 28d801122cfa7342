//! Sends load: closed loop for capacity, open loop for latency as clients see it, and workers of external tasks.
//!
//! All of it runs on one thread of its own, so that measuring takes little of the cores that the engine needs.
use crate::{http::Connection, stats::Samples, target::Target};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub method: &'static str,
    /// Below the base URL.
    pub path: String,
    /// JSON, or nothing.
    pub body: String,
}

/// Makes the request with a number.
pub type Requests = Arc<dyn Fn(u64) -> Request + Send + Sync>;

/// When a stretch of load ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Until {
    /// When the time is over.
    Time(Duration),
    /// After so many operations, or at the latest when the time is over.
    Count(u64, Duration),
}

impl Until {
    fn limits(self) -> (u64, Duration) {
        match self {
            Until::Time(time) => (u64::MAX, time),
            Until::Count(count, time) => (count, time),
        }
    }
}

/// Runs load on a thread of its own.
async fn alone<T: Send + 'static, F: Future<Output = Result<T>>>(
    work: impl FnOnce() -> F + Send + 'static,
) -> Result<T> {
    let thread = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(work())
    });
    thread.await.context("the load's thread")?
}

async fn connections(target: &Target, count: usize) -> Result<Vec<Connection>> {
    let mut open = Vec::new();
    for _ in 0..count {
        open.push(Connection::open(target).await?);
    }
    Ok(open)
}

/// Sends one request; counts it, with the time since `since`.
async fn one(connection: &mut Connection, request: &Request, since: Instant, samples: &mut Samples) {
    match connection
        .send(request.method, &request.path, &request.body)
        .await
    {
        Ok((200..=299, _)) => samples.latencies.push(since.elapsed().as_micros() as u32),
        Ok((status, body)) => samples.failed(&format!("{status} {}", String::from_utf8_lossy(body))),
        Err(error) => {
            samples.failed(&format!("{error:#}"));
            reopen(connection).await;
        }
    }
}

/// A broken connection is replaced; the next operation fails if that is impossible.
async fn reopen(connection: &mut Connection) {
    tokio::time::sleep(Duration::from_millis(10)).await;
    if let Err(error) = connection.again().await {
        // Told by the next operation, which fails the same way.
        drop(error);
    }
}

/// Closed loop: each connection sends its next request when the last is answered.
///
/// # Errors
/// A connection can't be opened.
pub async fn closed(target: &Target, count: usize, until: Until, requests: Requests) -> Result<Samples> {
    let target = target.clone();
    alone(move || async move {
        let (most, time) = until.limits();
        let open = connections(&target, count).await?;
        let next = Arc::new(AtomicU64::new(0));
        let began = Instant::now();
        let workers: Vec<_> = open
            .into_iter()
            .map(|mut connection| {
                let (requests, next) = (requests.clone(), next.clone());
                tokio::spawn(async move {
                    let mut samples = Samples::default();
                    while began.elapsed() < time {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= most {
                            break;
                        }
                        one(&mut connection, &requests(number), Instant::now(), &mut samples).await;
                    }
                    samples
                })
            })
            .collect();
        gather(workers, began).await
    })
    .await
}

/// Open loop: requests are due at a steady rate, whether or not earlier ones are answered, and each one's time counts
/// from when it was due. Those still unsent when twice the time is over count as failed.
///
/// # Errors
/// A connection can't be opened.
pub async fn open(
    target: &Target,
    count: usize,
    rate: f64,
    until: Until,
    requests: Requests,
) -> Result<Samples> {
    let target = target.clone();
    alone(move || async move {
        let (most, time) = until.limits();
        let total = most.min((time.as_secs_f64() * rate) as u64);
        let open = connections(&target, count).await?;
        let next = Arc::new(AtomicU64::new(0));
        let due = Arc::new(Semaphore::new(0));
        let began = Instant::now();
        let over = Arc::new(AtomicBool::new(false));
        let pace = pacer(began, rate, total, due.clone(), over.clone());
        let workers: Vec<_> = open
            .into_iter()
            .map(|mut connection| {
                let (requests, next, due) = (requests.clone(), next.clone(), due.clone());
                tokio::spawn(async move {
                    let mut samples = Samples::default();
                    while let Ok(permit) = due.acquire().await {
                        permit.forget();
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let since = began + Duration::from_secs_f64(number as f64 / rate);
                        if began.elapsed() > time * 2 {
                            samples.failed("never sent: every connection was busy");
                        } else {
                            one(&mut connection, &requests(number), since, &mut samples).await;
                        }
                        if number + 1 == total {
                            due.close();
                        }
                    }
                    samples
                })
            })
            .collect();
        let samples = gather(workers, began).await;
        over.store(true, Ordering::Relaxed);
        let _ = pace.join();
        samples
    })
    .await
}

/// Releases each request when it is due. A thread, because the runtime's clock only knows milliseconds.
fn pacer(
    began: Instant,
    rate: f64,
    total: u64,
    due: Arc<Semaphore>,
    over: Arc<AtomicBool>,
) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let mut released = 0;
        while released < total && !over.load(Ordering::Relaxed) {
            let now = ((began.elapsed().as_secs_f64() * rate) as u64 + 1).min(total);
            if now > released {
                due.add_permits((now - released) as usize);
                released = now;
            }
            let at = began + Duration::from_secs_f64(released as f64 / rate);
            // Never more often than every 200 µs: each wake-up costs more than a few late requests.
            std::thread::sleep(
                at.saturating_duration_since(Instant::now())
                    .max(Duration::from_micros(200)),
            );
        }
    })
}

async fn gather(workers: Vec<tokio::task::JoinHandle<Samples>>, began: Instant) -> Result<Samples> {
    let mut all = Samples::default();
    for worker in workers {
        all.merge(worker.await?);
    }
    all.elapsed = began.elapsed();
    all.latencies.sort_unstable();
    Ok(all)
}

/// The one member of a fetched task that a worker needs.
#[derive(Deserialize)]
struct Locked {
    id: String,
}

/// Workers of external tasks: each fetches up to `most` tasks and completes them one by one, until `total` are
/// completed or the time is over. Latencies are those of the completions.
///
/// # Errors
/// A connection can't be opened.
pub async fn workers(
    target: &Target,
    count: usize,
    topic: &'static str,
    most: usize,
    total: u64,
    time: Duration,
) -> Result<Samples> {
    let target = target.clone();
    alone(move || async move {
        let open = connections(&target, count).await?;
        let done = Arc::new(AtomicU64::new(0));
        let began = Instant::now();
        let workers: Vec<_> = open
            .into_iter()
            .enumerate()
            .map(|(worker, mut connection)| {
                let done = done.clone();
                tokio::spawn(async move {
                    let mut samples = Samples::default();
                    let owner = format!(r#"{{"workerId":"bench-{worker}""#);
                    let fetch = format!(
                        r#"{owner},"maxTasks":{most},"topics":[{{"topicName":"{topic}","lockDuration":60000}}]}}"#
                    );
                    let complete = format!("{owner}}}");
                    while done.load(Ordering::Relaxed) < total && began.elapsed() < time {
                        let tasks = fetched(&mut connection, &fetch, &mut samples).await;
                        if tasks.is_empty() {
                            tokio::time::sleep(Duration::from_millis(2)).await;
                        }
                        for task in tasks {
                            let path = format!("/external-task/{}/complete", task.id);
                            let request = Request { method: "POST", path, body: complete.clone() };
                            one(&mut connection, &request, Instant::now(), &mut samples).await;
                            done.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                    samples
                })
            })
            .collect();
        gather(workers, began).await
    })
    .await
}

async fn fetched(connection: &mut Connection, body: &str, samples: &mut Samples) -> Vec<Locked> {
    match connection.send("POST", "/external-task/fetchAndLock", body).await {
        Ok((200, body)) => match serde_json::from_slice(body) {
            Ok(tasks) => return tasks,
            Err(error) => samples.failed(&format!("fetchAndLock: {error}")),
        },
        Ok((status, body)) => samples.failed(&format!("{status} {}", String::from_utf8_lossy(body))),
        Err(error) => {
            samples.failed(&format!("{error:#}"));
            reopen(connection).await;
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    /// Answers every request with 200, the first one of a connection after a pause.
    async fn server(pause: Duration) -> Result<Target> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut buffer, mut first) = ([0; 4096], true);
                    while let Ok(1..) = stream.read(&mut buffer).await {
                        if std::mem::take(&mut first) {
                            tokio::time::sleep(pause).await;
                        }
                        if stream
                            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                            .await
                            .is_err()
                        {
                            break;
                        }
                    }
                });
            }
        });
        crate::target::engine(&format!("test=http://{address}")).map_err(anyhow::Error::msg)
    }

    fn get() -> Requests {
        Arc::new(|_| Request {
            method: "GET",
            path: "/version".into(),
            body: String::new(),
        })
    }

    #[tokio::test]
    async fn a_closed_loop_sends_exactly_the_count() -> Result<()> {
        let target = server(Duration::ZERO).await?;
        let until = Until::Count(100, Duration::from_secs(20));
        let samples = closed(&target, 4, until, get()).await?;
        assert_eq!((samples.latencies.len(), samples.failures()), (100, 0));
        Ok(())
    }

    #[tokio::test]
    async fn an_open_loop_counts_the_time_that_requests_waited_to_be_sent() -> Result<()> {
        let target = server(Duration::from_millis(300)).await?;
        // One connection, stuck for 300 ms: the requests due meanwhile waited, too.
        let until = Until::Count(100, Duration::from_secs(20));
        let samples = open(&target, 1, 200.0, until, get()).await?;
        assert_eq!(samples.latencies.len(), 100);
        let slow = samples.latencies.iter().filter(|us| **us > 100_000).count();
        assert!(slow >= 30, "{slow}");
        Ok(())
    }

    #[tokio::test]
    async fn nobody_there_is_told_by_name() {
        let target = crate::target::engine("gone=http://127.0.0.1:1").expect("parses");
        let error = closed(&target, 1, Until::Time(Duration::ZERO), get())
            .await
            .expect_err("nobody");
        assert!(format!("{error:#}").contains("gone"), "{error:#}");
    }
}
