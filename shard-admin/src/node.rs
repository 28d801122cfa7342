//! Calls of the nodes of a shard: `/internal/…` and `/engine-rest/…`.
use anyhow::{Context, Result, bail};
use reqwest::{Method, StatusCode, header};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use service::{NodeClient, NodeTls, Secret, node_client::CallError};
use std::{collections::BTreeMap, time::Duration};
use topology::ShardName;

/// The state of a slot in a shard's database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SlotState {
    /// Accepts writes.
    Owned,
    /// Refuses writes: a move is about to flip.
    Fenced,
    /// Being copied in.
    Incoming,
    /// Moved away.
    Released,
}

/// A slot's row in a shard's database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SlotRow {
    /// The slot.
    pub slot: u16,
    /// Its state there.
    pub state: SlotState,
    /// The epoch known there.
    pub epoch: u32,
    /// The move it is part of.
    #[serde(default)]
    pub move_id: Option<String>,
    /// Up to which log index its start events are armed; moves with the slot.
    #[serde(default)]
    pub armed: u64,
}

/// How to call nodes; shared by all shards.
#[derive(Clone, Debug)]
pub struct Caller {
    client: NodeClient,
    secret: Option<Secret>,
    login: Option<(String, Secret)>,
}

/// A call was answered, but not as it should have been.
#[derive(Debug)]
pub struct Refusal {
    /// The HTTP status.
    pub status: StatusCode,
    text: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.status, self.text)
    }
}

impl std::error::Error for Refusal {}

impl Caller {
    /// A caller. `timeout` bounds each call; the secret and the login go with each.
    ///
    /// # Errors
    /// A file of the options about TLS can't be used.
    pub fn new(
        timeout: Duration,
        tls: &NodeTls,
        secret: Option<Secret>,
        login: Option<(String, Secret)>,
    ) -> Result<Caller> {
        Ok(Caller {
            client: NodeClient::new(tls, timeout.min(Duration::from_secs(3)), timeout)?,
            secret,
            login,
        })
    }

    fn request(&self, method: Method, url: &str) -> reqwest::RequestBuilder {
        let mut request = self.client.request(method, url);
        if let Some(secret) = &self.secret {
            request = request.header("X-Stellwerk-Secret", secret.reveal());
        }
        if let Some((user, password)) = &self.login {
            request = request.basic_auth(user, Some(password.reveal()));
        }
        request
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<reqwest::Response, CallError> {
        self.client.send(request).await
    }
}

/// A shard's nodes.
#[derive(Clone, Debug)]
pub struct ShardClient {
    /// The shard.
    pub name: ShardName,
    urls: Vec<String>,
    caller: Caller,
}

impl ShardClient {
    /// The nodes of a shard at these base URLs.
    pub fn new(name: ShardName, urls: Vec<String>, caller: Caller) -> ShardClient {
        ShardClient { name, urls, caller }
    }

    /// The base URLs of its nodes.
    pub fn urls(&self) -> &[String] {
        &self.urls
    }

    /// Calls the nodes one after the other until one answers. Only for calls that may be repeated: a node that
    /// didn't answer may have done it all the same. A node that answers 502, 503 or 504 counts as down.
    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<reqwest::Response> {
        if self.urls.is_empty() {
            bail!("shard {} has no registered node", self.name);
        }
        let mut last = None;
        for url in &self.urls {
            let mut request = self.caller.request(method.clone(), &format!("{url}{path}"));
            if let Some(body) = body {
                request = request.json(body);
            }
            match self.caller.send(request).await {
                Ok(answer) if matches!(answer.status().as_u16(), 502..=504) => {
                    last = Some(refusal(answer).await.context(format!("{method} {url}{path}")));
                }
                Ok(answer) if answer.status().is_success() => return Ok(answer),
                Ok(answer) => return Err(refusal(answer).await.context(format!("{method} {url}{path}"))),
                Err(error) => last = Some(anyhow::Error::new(error).context(format!("{method} {url}{path}"))),
            }
        }
        Err(last
            .unwrap_or_else(|| anyhow::anyhow!("no answer"))
            .context(format!("no node of shard {} could", self.name)))
    }

    /// GET with a JSON answer.
    ///
    /// # Errors
    /// No node answers, or the answer isn't 2xx JSON.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let answer = self.call(Method::GET, path, None).await?;
        answer
            .json()
            .await
            .with_context(|| format!("reading GET {path} of shard {}", self.name))
    }

    /// A repeatable command with a JSON body; the answer's body is dropped.
    ///
    /// # Errors
    /// No node answers, or the answer isn't 2xx: then a [`Refusal`] is in the chain.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<()> {
        self.call(method, path, body).await.map(drop)
    }

    /// A repeatable call with a JSON answer.
    ///
    /// # Errors
    /// As [`ShardClient::get`].
    pub async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T> {
        let answer = self.call(method, path, body).await?;
        let context = || format!("reading the answer of {path} of shard {}", self.name);
        answer.json().await.with_context(context)
    }

    /// The rows of these slots in the shard's database, by slot.
    ///
    /// # Errors
    /// As [`ShardClient::get`].
    pub async fn slots(&self, slots: &[u16]) -> Result<BTreeMap<u16, SlotRow>> {
        let path = format!(
            "/internal/slots?slots={}",
            crate::plan::runs(slots.iter().copied())
        );
        let rows: Vec<SlotRow> = self.get(&path).await?;
        let wanted = |row: &SlotRow| slots.binary_search(&row.slot).is_ok();
        Ok(rows
            .into_iter()
            .filter(wanted)
            .map(|row| (row.slot, row))
            .collect())
    }

    /// Changes slot rows by compare-and-set. A lost answer may be followed by a second try that finds its own work
    /// done and is told 409: callers look at the rows again before they judge.
    ///
    /// # Errors
    /// As [`ShardClient::send`]; 409 when a row differs.
    pub async fn change_slots(&self, from: &[SlotRow], to: &[SlotRow]) -> Result<()> {
        let body = serde_json::json!({ "from": from, "to": to });
        self.send(Method::POST, "/internal/slots/change", Some(&body))
            .await
    }

    /// Waits until every writer that had begun before now has ended. False: one still ran when the budget was over.
    ///
    /// # Errors
    /// As [`ShardClient::send`].
    pub async fn wait_for_writers(&self, budget: Duration) -> Result<bool> {
        let path = format!("/internal/slots/wait-for-writers?budget={}", budget.as_millis());
        match self.send(Method::POST, &path, None).await {
            Ok(()) => Ok(true),
            Err(error) if status(&error) == Some(StatusCode::CONFLICT) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Rows per table of those of the slots that have any.
    ///
    /// # Errors
    /// As [`ShardClient::get`].
    pub async fn filled(&self, slots: &[u16]) -> Result<BTreeMap<u16, BTreeMap<String, u64>>> {
        let mut filled = BTreeMap::new();
        for part in slots.chunks(2_048) {
            let runs = crate::plan::runs(part.iter().copied());
            let more: BTreeMap<u16, _> = self.get(&format!("/internal/slots/filled?slots={runs}")).await?;
            filled.extend(
                more.into_iter()
                    .filter(|(slot, _)| part.binary_search(slot).is_ok()),
            );
        }
        Ok(filled)
    }

    /// Deletes the shard's copy of a slot that is released, or incoming in that move.
    ///
    /// # Errors
    /// As [`ShardClient::send`].
    pub async fn purge(&self, slot: u16, move_id: &str) -> Result<()> {
        self.send(
            Method::POST,
            &format!("/internal/slots/{slot}/purge?move={move_id}"),
            None,
        )
        .await
    }

    /// Posts a multipart form to the first node that accepts a connection. Not repeated once a byte may have been
    /// read: a deployment is not idempotent.
    ///
    /// # Errors
    /// No node accepts a connection, or the answer isn't 2xx JSON.
    pub async fn post_form(&self, path: &str, form: impl Fn() -> reqwest::multipart::Form) -> Result<Value> {
        let mut last = anyhow::anyhow!("shard {} has no registered node", self.name);
        for url in &self.urls {
            let context = || format!("POST {url}{path}");
            let request = self.caller.request(Method::POST, &format!("{url}{path}"));
            match self.caller.send(request.multipart(form())).await {
                Ok(answer) if answer.status().is_success() => {
                    return answer.json().await.with_context(context);
                }
                Ok(answer) => return Err(refusal(answer).await.context(context())),
                Err(error) if error.is_unsent() => last = anyhow::Error::new(error).context(context()),
                Err(error) => return Err(anyhow::Error::new(error).context(context())),
            }
        }
        Err(last)
    }
}

/// The status of the refusal in an error's chain.
pub fn status(error: &anyhow::Error) -> Option<StatusCode> {
    error
        .chain()
        .find_map(|cause| cause.downcast_ref::<Refusal>())
        .map(|refusal| refusal.status)
}

async fn refusal(answer: reqwest::Response) -> anyhow::Error {
    let status = answer.status();
    let json = answer
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|t| t.as_bytes().starts_with(b"application/json"));
    let body = answer.text().await.unwrap_or_default();
    let message = match json {
        true => serde_json::from_str::<Value>(&body)
            .ok()
            .and_then(|v| Some(v.get("message")?.as_str()?.to_owned())),
        false => None,
    };
    let text = message.unwrap_or(body).chars().take(500).collect();
    anyhow::Error::new(Refusal { status, text })
}

/// An exported page of a slot.
#[derive(Debug, Deserialize)]
pub struct Page {
    /// Rows, each a line of JSON.
    pub lines: Vec<Value>,
    /// Where the next page begins; none at the end.
    pub cursor: Option<String>,
}

impl ShardClient {
    /// Copies a slot's rows to another shard, page by page.
    ///
    /// # Errors
    /// As [`ShardClient::get`] and [`ShardClient::send`].
    pub async fn copy_slot(&self, target: &ShardClient, slot: u16, move_id: &str) -> Result<()> {
        let mut cursor: Option<String> = None;
        loop {
            let path = match &cursor {
                None => format!("/internal/slots/{slot}/export"),
                Some(cursor) => format!("/internal/slots/{slot}/export?cursor={}", encode(cursor)),
            };
            let page: Page = self.get(&path).await?;
            if !page.lines.is_empty() {
                let body = serde_json::json!({ "lines": page.lines });
                target
                    .send(
                        Method::POST,
                        &format!("/internal/slots/{slot}/import?move={move_id}"),
                        Some(&body),
                    )
                    .await?;
            }
            match page.cursor {
                Some(next) if Some(&next) != cursor.as_ref() => cursor = Some(next),
                Some(next) => bail!("slot {slot}: the export stays at {next}"),
                None => return Ok(()),
            }
        }
    }
}

/// Percent-encodes everything but letters, digits, `-`, `_`, `.` and `~`.
pub fn encode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte as char),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
