//! What is under load: an engine's address, its processes and its database, as the command line names them.
use crate::http::Connection;
use anyhow::{Context, Result, bail};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;

/// An engine under load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// What tables call it.
    pub name: String,
    /// `HOST:PORT`
    pub authority: String,
    /// Path of the base URL: `/engine-rest`.
    pub path: String,
    /// Value of the `Authorization` header.
    pub authorization: Option<String>,
}

/// Parses `NAME=http://HOST:PORT/PATH`.
///
/// # Errors
/// A text for the user: no name, or not plain HTTP.
pub fn engine(text: &str) -> Result<Target, String> {
    let (name, url) = text.split_once('=').ok_or("NAME=URL is expected")?;
    let rest = url
        .strip_prefix("http://")
        .ok_or("only http:// URLs are measured")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let path = path.trim_end_matches('/');
    Ok(Target {
        name: name.to_owned(),
        authority: authority.to_owned(),
        path: if path.is_empty() {
            String::new()
        } else {
            format!("/{path}")
        },
        authorization: None,
    })
}

/// Parses `NAME=PID[,PID…]`.
///
/// # Errors
/// A text for the user.
pub fn pids(text: &str) -> Result<(String, Vec<u32>), String> {
    let (name, list) = text.split_once('=').ok_or("NAME=PID[,PID…] is expected")?;
    let pids = list
        .split(',')
        .map(|p| p.parse().map_err(|_| format!("'{p}' is no process id")))
        .collect::<Result<_, _>>()?;
    Ok((name.to_owned(), pids))
}

/// Parses `NAME=URL` of a database or an admin listener.
///
/// # Errors
/// A text for the user.
pub fn named(text: &str) -> Result<(String, String), String> {
    let (name, url) = text.split_once('=').ok_or("NAME=URL is expected")?;
    Ok((name.to_owned(), url.to_owned()))
}

impl Target {
    /// The same engine, asked as `NAME:PASSWORD`.
    #[must_use]
    pub fn with_user(mut self, user: Option<&str>) -> Target {
        self.authorization = user.map(|user| format!("Basic {}", BASE64_STANDARD.encode(user)));
        self
    }

    /// The base URL.
    pub fn url(&self) -> String {
        format!("http://{}{}", self.authority, self.path)
    }

    /// Sends one request on a connection of its own and parses the answer (null if it has no body).
    ///
    /// # Errors
    /// Nobody answers, or not with 2xx and JSON.
    pub async fn call(&self, method: &str, path: &str, body: &str) -> Result<Value> {
        let mut connection = Connection::open(self).await?;
        let (status, answer) = connection.send(method, path, body).await?;
        let text = String::from_utf8_lossy(answer);
        if !(200..300).contains(&status) {
            bail!("{}: {method} {path} answered {status} {text}", self.name);
        }
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).with_context(|| format!("{}: {method} {path}: {text:.200}", self.name))
    }

    /// The number that a `…/count` path answers with.
    ///
    /// # Errors
    /// Those of [`Target::call`]; no count in the answer.
    pub async fn count(&self, path: &str) -> Result<u64> {
        let answer = self.call("GET", path, "").await?;
        answer["count"]
            .as_u64()
            .with_context(|| format!("{}: {path} answered {answer}", self.name))
    }

    /// Deploys a model; one that is deployed already stays.
    ///
    /// # Errors
    /// Nobody answers, or the engine refuses the model.
    pub async fn deploy(&self, name: &str, model: &str) -> Result<()> {
        let part = reqwest::multipart::Part::text(model.to_owned()).file_name(format!("{name}.bpmn"));
        let form = reqwest::multipart::Form::new()
            .text("deployment-name", name.to_owned())
            .text("enable-duplicate-filtering", "true")
            .part(format!("{name}.bpmn"), part);
        let mut request = reqwest::Client::new()
            .post(format!("{}/deployment/create", self.url()))
            .multipart(form);
        if let Some(value) = &self.authorization {
            request = request.header("Authorization", value);
        }
        let response = request.send().await.with_context(|| self.name.clone())?;
        if !response.status().is_success() {
            let status = response.status();
            bail!(
                "{}: deployment answered {status} {}",
                self.name,
                response.text().await?
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_a_name_and_a_plain_http_url() {
        let target = engine("camunda7=http://127.0.0.1:8081/engine-rest/").expect("parses");
        assert_eq!(target.name, "camunda7");
        assert_eq!(target.authority, "127.0.0.1:8081");
        assert_eq!(target.path, "/engine-rest");
        assert_eq!(engine("a=http://h:1").expect("parses").url(), "http://h:1");
        assert!(engine("a=https://h").is_err());
        assert!(engine("http://h").is_err());
    }

    #[test]
    fn process_ids_are_a_name_and_numbers() {
        assert_eq!(pids("a=1,22"), Ok(("a".to_owned(), vec![1, 22])));
        assert_eq!(pids("a=1,x"), Err("'x' is no process id".to_owned()));
    }
}
