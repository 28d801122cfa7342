//! Calls to an engine's REST API.
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::time::Duration;

/// An engine at a base URL (`http://…/engine-rest`).
#[derive(Clone)]
pub struct Engine {
    client: reqwest::Client,
    base: String,
}

impl Engine {
    pub fn new(base: &str) -> Result<Engine> {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(60))
            .build()?;
        Ok(Engine {
            client,
            base: base.trim_end_matches('/').to_owned(),
        })
    }

    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    pub(crate) fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// Status and body (`null` without one, text if it isn't JSON).
    pub async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Value)> {
        let mut request = self
            .client
            .request(method.parse()?, format!("{}{path}", self.base));
        if let Some(body) = body {
            request = request
                .header("Content-Type", "application/json")
                .body(body.to_string());
        }
        answer(request.send().await?).await
    }

    /// The rows of a list.
    pub async fn list(&self, path: &str) -> Result<Vec<Value>> {
        match self.get(path).await? {
            Value::Array(rows) => Ok(rows),
            other => bail!("GET {path}: {other}"),
        }
    }

    /// A body that must be there.
    pub async fn get(&self, path: &str) -> Result<Value> {
        let (status, body) = self.send("GET", path, None).await?;
        if status != 200 {
            bail!("GET {path}: {status} {body}");
        }
        Ok(body)
    }

    /// Deploys one file as it is.
    pub async fn upload(&self, name: &str, bytes: Vec<u8>) -> Result<(u16, Value)> {
        let part = reqwest::multipart::Part::bytes(bytes).file_name(name.to_owned());
        let form = reqwest::multipart::Form::new()
            .text("deployment-name", name.to_owned())
            .part("data", part);
        let url = format!("{}/deployment/create", self.base);
        answer(self.client.post(url).multipart(form).send().await?).await
    }

    /// Deploys resources under a name.
    pub async fn deploy(&self, name: &str, resources: Vec<(String, String)>) -> Result<(u16, Value)> {
        let mut form = reqwest::multipart::Form::new().text("deployment-name", name.to_owned());
        for (name, text) in resources {
            let part = reqwest::multipart::Part::text(text).file_name(name.clone());
            form = form.part(name, part);
        }
        let url = format!("{}/deployment/create", self.base);
        answer(self.client.post(url).multipart(form).send().await?).await
    }
}

async fn answer(response: reqwest::Response) -> Result<(u16, Value)> {
    let status = response.status().as_u16();
    let text = response.text().await.context("reading an answer")?;
    let body = match serde_json::from_str(&text) {
        Ok(body) => body,
        Err(_) if text.is_empty() => Value::Null,
        Err(_) => Value::String(text),
    };
    Ok((status, body))
}
