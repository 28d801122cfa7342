//! Logs: stderr, one event a line, secrets masked.
use crate::ConfigError;
use std::{
    io::{self, Write},
    sync::OnceLock,
};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

/// Form of the log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Sets the level of the process's log once it has been started.
type SetLevel = Box<dyn Fn(EnvFilter) -> Result<(), String> + Send + Sync>;
static SET_LEVEL: OnceLock<SetLevel> = OnceLock::new();

/// Starts logging for the process: once, in the binary. Libraries and tests don't call it.
///
/// # Errors
/// `level` is neither a level nor a list of `TARGET=LEVEL`, or logging was started before.
pub fn init_logging(format: LogFormat, level: &str) -> Result<(), ConfigError> {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(level)?)
        .with_ansi(false)
        .with_writer(Lines);
    let (started, set): (_, SetLevel) = match format {
        LogFormat::Text => {
            let builder = builder.with_filter_reloading();
            let handle = builder.reload_handle();
            let set = move |filter| handle.reload(filter).map_err(|e| e.to_string());
            (builder.try_init(), Box::new(set))
        }
        LogFormat::Json => {
            let builder = builder
                .json()
                .flatten_event(true)
                .with_current_span(true)
                .with_span_list(false)
                .with_filter_reloading();
            let handle = builder.reload_handle();
            let set = move |filter| handle.reload(filter).map_err(|e| e.to_string());
            (builder.try_init(), Box::new(set))
        }
    };
    started.map_err(|e| ConfigError::new("log-format", e.to_string()))?;
    let _ = SET_LEVEL.set(set);
    Ok(())
}

fn filter(level: &str) -> Result<EnvFilter, ConfigError> {
    let parsed = EnvFilter::builder().parse(level);
    parsed.map_err(|e| ConfigError::new("log-level", format!("'{level}': {e}")))
}

/// Whether a text is a level, or a list of `TARGET=LEVEL`.
///
/// # Errors
/// It isn't.
pub fn check_log_level(level: &str) -> Result<(), ConfigError> {
    filter(level).map(drop)
}

/// Changes the level of the running process's log; does nothing where logging was not started.
///
/// # Errors
/// As [`check_log_level`].
pub fn set_log_level(level: &str) -> Result<(), ConfigError> {
    let filter = filter(level)?;
    let set = SET_LEVEL.get().map_or(Ok(()), |set| set(filter));
    set.map_err(|e| ConfigError::new("log-level", e))
}

/// Hides the password in every URL of a text: `postgres://user:pw@host/db` becomes `postgres://user:***@host/db`.
pub fn mask(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after
            .find(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '"' | '\'' | ','))
            .unwrap_or(after.len());
        let authority = &after[..end];
        match authority
            .rsplit_once('@')
            .and_then(|(user, host)| user.split_once(':').map(|(name, _)| (name, host)))
        {
            Some((name, host)) => {
                out.push_str(name);
                out.push_str(":***@");
                out.push_str(host);
            }
            None => out.push_str(authority),
        }
        rest = &after[end..];
    }
    out.push_str(rest);
    out
}

/// Writes each event to stderr in one piece. The formatter hands over one whole event per write.
#[derive(Clone, Copy)]
struct Lines;

impl Write for Lines {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        io::stderr()
            .lock()
            .write_all(line(&String::from_utf8_lossy(event)).as_bytes())?;
        Ok(event.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Lines;
    fn make_writer(&'a self) -> Lines {
        *self
    }
}

fn line(event: &str) -> String {
    let body = event.strip_suffix('\n').unwrap_or(event);
    let mut line = mask(body).replace('\r', "\\r").replace('\n', "\\n");
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_urls_are_masked() {
        for (text, masked) in [
            (
                "at postgres://me:s3cret@db:5432/x failed",
                "at postgres://me:***@db:5432/x failed",
            ),
            ("postgres://me:a@b@db/x", "postgres://me:***@db/x"),
            ("http://host:8080/engine-rest", "http://host:8080/engine-rest"),
            ("a://u:1@h,b://u:2@h", "a://u:***@h,b://u:***@h"),
            ("none", "none"),
        ] {
            assert_eq!(mask(text), masked);
        }
    }

    #[test]
    fn an_event_is_one_line() {
        assert_eq!(line("INFO first\nsecond\n"), "INFO first\\nsecond\n");
    }
}
