//! The access log: one JSON object a line for each answered request.
//!
//! Lines are written by a thread of their own. When it doesn't keep up, lines are lost and counted, and no request waits for a disk.
use crate::metrics::Metrics;
use http::{HeaderMap, HeaderName};
use serde_json::json;
use std::{
    fs::OpenOptions,
    io::{self, BufWriter, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    time::{Duration, SystemTime},
};

/// Lines that wait for the disk.
const WAITING: usize = 10_000;

/// Which node gave an answer: goes with it as an extension.
#[derive(Debug, Clone)]
pub struct Served {
    /// Shard.
    pub shard: String,
    /// Node.
    pub node: String,
}

/// What is told of a request.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// Who asked.
    pub client: Option<SocketAddr>,
    /// Method.
    pub method: &'a str,
    /// Path; queries may name persons, and aren't told.
    pub path: &'a str,
    /// Status of the answer.
    pub status: u16,
    /// From the whole request to the head of the answer.
    pub took: Duration,
    /// Who answered, if one node did.
    pub served: Option<(&'a str, &'a str)>,
    /// The client's `traceparent`.
    pub traceparent: Option<&'a [u8]>,
}

impl Line<'_> {
    /// The line, with its end.
    fn write(&self, now: SystemTime) -> Vec<u8> {
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut line = json!({
            "time": since.as_millis() as u64,
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "ms": self.took.as_micros() as f64 / 1000.0,
        });
        if let Some(client) = self.client {
            line["client"] = client.ip().to_canonical().to_string().into();
        }
        if let Some((shard, node)) = self.served {
            line["shard"] = shard.into();
            line["node"] = node.into();
        }
        if let Some(id) = self.traceparent.and_then(trace_id) {
            line["trace_id"] = id.into();
        }
        let mut bytes = line.to_string().into_bytes();
        bytes.push(b'\n');
        bytes
    }
}

/// The trace id of a `traceparent` (W3C Trace Context, version 00).
pub fn trace_id(traceparent: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(traceparent).ok()?;
    let id = text.split('-').nth(1)?;
    let fits = id.len() == 32 && id.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
    (fits && id.bytes().any(|c| c != b'0')).then_some(id)
}

/// The header with the trace of a request.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Its value.
pub fn traceparent(headers: &HeaderMap) -> Option<&[u8]> {
    headers.get(TRACEPARENT).map(|value| value.as_bytes())
}

/// What the log's thread is told.
enum Told {
    Line(Vec<u8>),
    /// Lines go there from now on.
    To(To),
}

type To = Box<dyn Write + Send>;

fn open(path: &Path) -> io::Result<To> {
    Ok(match path.to_str() {
        Some("-") => Box::new(io::stdout()),
        _ => Box::new(OpenOptions::new().create(true).append(true).open(path)?),
    })
}

/// The log.
#[derive(Debug)]
pub struct AccessLog {
    told: SyncSender<Told>,
    path: PathBuf,
    metrics: Metrics,
}

impl AccessLog {
    /// Appends to that file; `-` is stdout.
    ///
    /// # Errors
    /// The file can't be opened.
    pub fn open(path: &Path, metrics: Metrics) -> io::Result<AccessLog> {
        let to = open(path)?;
        let (told, waiting) = sync_channel(WAITING);
        std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || write_all(&waiting, BufWriter::new(to)))?;
        Ok(AccessLog {
            told,
            path: path.to_owned(),
            metrics,
        })
    }

    /// Writes a line, or counts that it was lost.
    pub fn tell(&self, line: Line) {
        let line = Told::Line(line.write(SystemTime::now()));
        if let Err(TrySendError::Full(_)) = self.told.try_send(line) {
            self.metrics.access_lines_lost.inc();
        }
    }

    /// Opens the file anew, after somebody has moved it away.
    ///
    /// # Errors
    /// It can't be opened: lines go on to where they went.
    pub async fn reopen(&self) -> io::Result<()> {
        let (path, told) = (self.path.clone(), self.told.clone());
        // The thread may be behind, and the disk slow.
        let reopened = tokio::task::spawn_blocking(move || {
            let to = open(&path)?;
            let gone = |_| io::ErrorKind::BrokenPipe.into();
            told.send(Told::To(to)).map_err(gone)
        });
        reopened.await?
    }
}

fn write_all(waiting: &Receiver<Told>, mut to: BufWriter<To>) {
    while let Ok(first) = waiting.recv() {
        let mut written = Ok(());
        let mut next = Some(first);
        while let Some(told) = next {
            written = written.and_then(|()| match told {
                Told::Line(line) => to.write_all(&line),
                Told::To(other) => {
                    let flushed = to.flush();
                    to = BufWriter::new(other);
                    flushed
                }
            });
            next = waiting.try_recv().ok();
        }
        if let Err(error) = written.and_then(|()| to.flush()) {
            tracing::warn!(%error, "the access log can't be written");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_who_asked_what_and_who_answered() {
        let line = Line {
            client: Some("[::ffff:10.0.0.1]:5".parse().unwrap()),
            method: "POST",
            path: "/engine-rest/\"x",
            status: 200,
            took: Duration::from_micros(1_250),
            served: Some(("a", "n1")),
            traceparent: Some(b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        };
        let text = String::from_utf8(line.write(SystemTime::UNIX_EPOCH + Duration::from_millis(5))).unwrap();
        assert_eq!(
            text,
            "{\"time\":5,\"method\":\"POST\",\"path\":\"/engine-rest/\\\"x\",\"status\":200,\"ms\":1.25,\"client\":\"10.0.0.1\",\
             \"shard\":\"a\",\"node\":\"n1\",\"trace_id\":\"0af7651916cd43dd8448eb211c80319c\"}\n"
        );
    }

    #[test]
    fn a_damaged_trace_is_none() {
        for text in [
            "",
            "00",
            "00-xyz-1-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-\u{e4}-1",
        ] {
            assert_eq!(trace_id(text.as_bytes()), None, "{text}");
        }
    }
}
