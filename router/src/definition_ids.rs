//! What ids of process definitions stand for: key and tenant, asked of a node once and remembered.
use crate::{forward::out_to_any, state::App, text::encoded, upstream::Outgoing};
use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use rest_api::ApiError;
use serde::Deserialize;
use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

/// Most definitions that a router remembers; with more it forgets them all and asks again.
const REMEMBERED: usize = 10_000;

/// What a definition's id stands for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Definition {
    /// Its key.
    pub key: String,
    /// Its tenant.
    pub tenant_id: Option<String>,
}

/// Definitions that were asked for by id. What an id stands for never changes.
#[derive(Debug, Default)]
pub struct Definitions(RwLock<HashMap<String, Definition>>);

impl Definitions {
    /// One that is known.
    pub fn get(&self, id: &str) -> Option<Definition> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(id).cloned()
    }

    /// Remembers one; all others are forgotten when there are too many.
    pub fn remember(&self, id: &str, definition: Definition) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(id.to_owned(), definition);
    }
}

/// Asks a node what a definition's id stands for, and remembers it. `None`: no definition has it.
///
/// # Errors
/// No node tells.
pub async fn learn(app: &App, like: &Outgoing, id: &str) -> Result<Option<Definition>, ApiError> {
    let mut out = like.internal("", Vec::new());
    out.method = Method::GET;
    out.target = format!("/internal/definition/{}", encoded(id));
    let answer = out_to_any(app, None, &out, true).await?;
    let status = answer.status();
    let body: Bytes = match answer.into_body().collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => {
            return Err(ApiError::unavailable(format!(
                "a node did not tell what '{id}' is: {error}"
            )));
        }
    };
    match status {
        StatusCode::NOT_FOUND => Ok(None),
        status if status.is_success() => {
            let definition: Definition = serde_json::from_slice(&body).map_err(|error| {
                ApiError::bad_gateway(format!(
                    "a node told something else of definition '{id}': {error}"
                ))
            })?;
            app.definitions.remember(id, definition.clone());
            Ok(Some(definition))
        }
        status => Err(ApiError::unavailable(format!(
            "a node answered {} when asked what '{id}' is",
            status.as_u16()
        ))),
    }
}
