//! Where history can be streamed to: a second PostgreSQL database, a file, an HTTP endpoint.
use crate::store::housekeeping::Event;
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use std::{fmt, path::PathBuf, str::FromStr, time::Duration};
use tokio::io::AsyncWriteExt;

/// Where history goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Nowhere; what has been noted for a sink is forgotten.
    Off,
    /// A table `history_event` of that database.
    Postgres(String),
    /// One JSON object a line, appended.
    File(PathBuf),
    /// The same lines in the body of a POST.
    Http(String),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Target, String> {
        match text.split_once(':') {
            None if text == "off" => Ok(Target::Off),
            Some(("postgres" | "postgresql", _)) => Ok(Target::Postgres(text.to_owned())),
            Some(("http" | "https", _)) => Ok(Target::Http(text.to_owned())),
            Some(("file", path)) if !path.is_empty() => {
                Ok(Target::File(path.trim_start_matches("//").into()))
            }
            _ => Err("not postgres://…, file:/PATH, http://… or off".to_owned()),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Off => f.write_str("off"),
            Target::Postgres(url) | Target::Http(url) => f.write_str(&service::mask(url)),
            Target::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

const TABLE: &str = "CREATE TABLE IF NOT EXISTS history_event (event text PRIMARY KEY, shard text NOT NULL, \
    source text NOT NULL, root_id uuid NOT NULL, id uuid NOT NULL, received timestamptz NOT NULL DEFAULT now(), \
    data jsonb NOT NULL)";
const INSERT: &str = "INSERT INTO history_event (event, shard, source, root_id, id, data) \
    SELECT e, $2, s, r, i, d::jsonb FROM unnest($1::text[], $3::text[], $4::uuid[], $5::uuid[], $6::text[]) x(e, s, r, i, d) \
    ON CONFLICT (event) DO UPDATE SET data = excluded.data, shard = excluded.shard";
/// Rows of one statement.
const PART: usize = 1_000;
/// How long one load may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What takes the rows.
pub(super) struct Receiver {
    shard: String,
    way: Way,
}

enum Way {
    Postgres(String, Option<PgConnection>),
    File(PathBuf),
    Http(String, reqwest::Client),
}

fn line(shard: &str, event: &Event) -> Value {
    json!({
        "event": name(event),
        "shard": shard,
        "table": event.table,
        "root_id": event.root_id,
        "id": event.id,
        "data": event.row,
    })
}

fn name(event: &Event) -> String {
    format!("{}/{}", event.table, event.id)
}

fn lines(shard: &str, events: &[Event]) -> String {
    events
        .iter()
        .map(|event| line(shard, event).to_string() + "\n")
        .collect()
}

impl Receiver {
    pub fn new(target: &Target, shard: &str) -> Option<Receiver> {
        let way = match target {
            Target::Off => return None,
            Target::Postgres(url) => Way::Postgres(url.clone(), None),
            Target::File(path) => Way::File(path.clone()),
            Target::Http(url) => Way::Http(url.clone(), reqwest::Client::new()),
        };
        Some(Receiver {
            shard: shard.to_owned(),
            way,
        })
    }

    /// Hands rows over; when it returns without an error they are kept there.
    pub async fn send(&mut self, events: &[Event]) -> anyhow::Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let sent = tokio::time::timeout(PATIENCE, self.deliver(events)).await;
        let sent = sent.context("no answer in time").and_then(|sent| sent);
        if sent.is_err()
            && let Way::Postgres(_, connection) = &mut self.way
        {
            *connection = None;
        }
        sent
    }

    async fn deliver(&mut self, events: &[Event]) -> anyhow::Result<()> {
        match &mut self.way {
            Way::Postgres(url, connection) => {
                if connection.is_none() {
                    let mut fresh = PgConnection::connect(url).await?;
                    sqlx::query(TABLE).execute(&mut fresh).await?;
                    *connection = Some(fresh);
                }
                let connection = connection.as_mut().context("no connection")?;
                let mut transaction = connection.begin().await?;
                for part in events.chunks(PART) {
                    sqlx::query(INSERT)
                        .bind(part.iter().map(name).collect::<Vec<_>>())
                        .bind(&self.shard)
                        .bind(part.iter().map(|e| e.table.to_owned()).collect::<Vec<_>>())
                        .bind(part.iter().map(|e| e.root_id.0).collect::<Vec<_>>())
                        .bind(part.iter().map(|e| e.id.0).collect::<Vec<_>>())
                        .bind(
                            part.iter()
                                .map(|e| Value::Object(e.row.clone()).to_string())
                                .collect::<Vec<_>>(),
                        )
                        .execute(&mut *transaction)
                        .await?;
                }
                transaction.commit().await?;
            }
            Way::File(path) => {
                let mut file = tokio::fs::OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(path)
                    .await?;
                file.write_all(lines(&self.shard, events).as_bytes()).await?;
                file.sync_data().await?;
            }
            Way::Http(url, client) => {
                let request = client
                    .post(url.as_str())
                    .header(http::header::CONTENT_TYPE, "application/x-ndjson")
                    .body(lines(&self.shard, events));
                let answer = request.send().await?;
                ensure!(answer.status().is_success(), "answered {}", answer.status());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sink_is_named_by_its_address() {
        assert_eq!("off".parse(), Ok(Target::Off));
        assert_eq!(
            "file:/var/h.ndjson".parse(),
            Ok(Target::File("/var/h.ndjson".into()))
        );
        assert_eq!(
            "file:///var/h.ndjson".parse(),
            Ok(Target::File("/var/h.ndjson".into()))
        );
        assert_eq!("http://h/x".parse(), Ok(Target::Http("http://h/x".into())));
        assert!("kafka://h".parse::<Target>().is_err() && "nowhere".parse::<Target>().is_err());
    }
}
