//! One request as handlers take it, and the answers they give.
use super::{caller::caller, error};
use crate::{
    App,
    app::{Answer, Caller, CatalogView, operations::Tell},
    query::Where,
    sizing::sizing,
    store::{Snapshot, operations::Told},
};
use axum::{
    body::{Body, to_bytes},
    extract::{FromRequest, FromRequestParts, RawPathParams, Request},
    response::{IntoResponse, Response},
};
use bpmn_core::{Id, Slot};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use rest_api::{
    ApiError, ApiResult, cursor,
    filters::{Filters, Paging},
    jackson,
    operations::{self, Operation},
};
use serde::Serialize;
use serde_json::{Map, Value};
use std::sync::{Arc, LazyLock};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Which slots an answer saw.
pub const COVERAGE: HeaderName = HeaderName::from_static("x-stellwerk-coverage");
/// Largest body of a request, in bytes.
pub const BODY_MAX: usize = 64 << 20;

/// A request, whole: its body has been read, its slot belongs to this shard.
pub struct Call {
    pub app: App,
    pub caller: Caller,
    /// Decoded pairs of the query.
    pub query: Vec<(String, String)>,
    pub body: Bytes,
    pub content_type: Option<String>,
    /// The media types that the client takes.
    pub accept: Option<String>,
    /// Who asks may not know of what the path names: it isn't there for him.
    pub hidden: bool,
    params: Vec<(String, String)>,
    /// The members of the body of an operation that takes JSON, or what is wrong with it; `None` where there is none.
    members: ApiResult<Option<Arc<Map<String, Value>>>>,
    /// Path of the operation.
    list: Option<&'static str>,
    /// The `id` in the path is a task's, which a client may have chosen.
    of_task: bool,
    _room: Option<SemaphorePermit<'static>>,
}

/// Marks a request to an engine that there isn't.
#[derive(Clone, Copy, Debug)]
pub struct NoEngine;

/// Bodies up to that many bytes are not counted: connections bound them.
const SMALL: u64 = 64 << 10;
/// What larger bodies may take together, in KiB: a quarter of the memory, at least one body of the largest size.
static ROOM: LazyLock<Semaphore> = LazyLock::new(|| {
    let bytes = sizing().memory.map_or(256 << 20, |bytes| bytes / 4);
    Semaphore::new((bytes.clamp(BODY_MAX as u64, 4 << 30) >> 10) as usize)
});

/// Room for a request's body; 503 when large bodies fill it already.
fn room(headers: &HeaderMap) -> ApiResult<Option<SemaphorePermit<'static>>> {
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    let chunked = headers.contains_key(header::TRANSFER_ENCODING);
    let bytes = match length {
        Some(length) => length.min(BODY_MAX as u64),
        None if chunked => BODY_MAX as u64,
        None => 0,
    };
    if bytes <= SMALL {
        return Ok(None);
    }
    let busy = |_| ApiError::unavailable("too many large requests are under way on this node");
    ROOM.try_acquire_many((bytes >> 10) as u32)
        .map(Some)
        .map_err(busy)
}

impl FromRequest<App> for Call {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> ApiResult<Call> {
        let (mut parts, body) = request.into_parts();
        let params = match RawPathParams::from_request_parts(&mut parts, app).await {
            Ok(params) => params
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            Err(_) => Vec::new(),
        };
        let read_only = matches!(parts.method, Method::GET | Method::HEAD);
        let room = room(&parts.headers)?;
        let body = to_bytes(body, BODY_MAX)
            .await
            .map_err(|_| ApiError::too_large(BODY_MAX as u64))?;
        let content_type = parts.headers.get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|v| v.to_str().ok()).map(str::to_owned);
        let accept = parts.headers.get(header::ACCEPT);
        let accept = accept.and_then(|v| v.to_str().ok()).map(str::to_owned);
        let operation = operations::find(parts.method.as_str(), parts.uri.path()).ok();
        let operation = operation.map(|found| found.operation);
        let mut members = match operation {
            Some(known) => members(known, content_type.as_deref(), &body),
            // What a router asks a node for is no operation of the reference, and may be no object.
            None => jackson::read(None, content_type.as_deref(), &body),
        };
        let late = operation.is_none_or(jackson::late);
        if !late {
            members = Ok(members?);
        } else if let Some(known) = operation {
            members = members.and_then(|members| jackson::need(known, members.as_ref()).map(|()| members));
        }
        let list = operation.map(|operation| operation.path);
        if parts.extensions.get::<NoEngine>().is_some() {
            return Err(ApiError::invalid_request("No process engine available"));
        }
        if let (Some(known), Ok(members), false) = (operation, &members, late) {
            jackson::need(known, members.as_ref())?;
        }
        let caller = caller(&parts, &body)?;
        let query = query(parts.uri.query());
        if query
            .iter()
            .any(|(name, value)| name.contains('\0') || value.contains('\0'))
        {
            return Err(ApiError::invalid_request(
                "the query contains a NUL character, which no text holds",
            ));
        }
        let mut call = Call {
            app: app.clone(),
            caller,
            query,
            body,
            content_type,
            accept,
            hidden: false,
            params,
            members: members.map(|members| members.map(Arc::new)),
            list,
            of_task: parts.uri.path().starts_with("/task/"),
            _room: room,
        };
        if let Some(slot) = call.caller.slot {
            if read_only {
                call.shows(slot).await?;
            } else {
                call.app.engine.check_slot(slot).await.map_err(error::api)?;
            }
        }
        call.ask_rights(parts.method.as_str(), parts.uri.path()).await?;
        Ok(call)
    }
}

/// The body of an operation that takes JSON, read before anything else is looked at.
fn members(
    operation: &Operation,
    content_type: Option<&str>,
    body: &Bytes,
) -> ApiResult<Option<Map<String, Value>>> {
    let members = jackson::admit(operation, content_type, body)?;
    if members
        .iter()
        .flatten()
        .any(|(name, value)| name.contains('\0') || has_nul(value))
    {
        return Err(ApiError::invalid_request(
            "the body contains a NUL character, which cannot be stored",
        ));
    }
    Ok(members)
}

/// Decoded pairs of a query: `+` is a space, escapes are UTF-8.
pub fn query(query: Option<&str>) -> Vec<(String, String)> {
    let pairs = query.unwrap_or("").split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}

fn decode(text: &str) -> String {
    unescaped(text, true)
}

/// A segment of a path without its escapes.
pub fn decoded(segment: &str) -> String {
    unescaped(segment, false)
}

fn unescaped(text: &str, plus_is_space: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' if plus_is_space => bytes.push(b' '),
            b'%' => {
                let mut ahead = rest.clone();
                let digit = |b: Option<u8>| b.and_then(|b| (b as char).to_digit(16));
                match (digit(ahead.next()), digit(ahead.next())) {
                    (Some(high), Some(low)) => {
                        bytes.push((high * 16 + low) as u8);
                        rest = ahead;
                    }
                    _ => bytes.push(byte),
                }
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Call {
    /// A path parameter, decoded.
    pub fn param(&self, name: &str) -> &str {
        self.params
            .iter()
            .find(|(n, _)| n == name)
            .map_or("", |(_, value)| value)
    }

    /// The id in the path; a text that isn't one of ours is `None`: an unknown id. So is one that is hidden.
    pub fn id(&self, name: &str) -> Option<Id> {
        if self.hidden {
            return None;
        }
        match self.of_task && name == "id" {
            true => Some(Id::of_text(self.param(name))),
            false => self.param(name).parse().ok(),
        }
    }

    /// A name in the path, such as a variable's.
    pub fn name(&self, param: &str) -> ApiResult<String> {
        let name = self.param(param);
        if name.contains('\0') {
            return Err(ApiError::invalid_request("the path contains a NUL character"));
        }
        Ok(name.to_owned())
    }

    /// The first query parameter of that name.
    pub fn query_param(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    /// Query parameters as filters.
    pub fn filters(&self) -> Filters {
        Filters::from_query(&self.query).of_list(self.list)
    }

    /// `firstResult`, `maxResults` of a list without cursors.
    pub fn paging(&self) -> ApiResult<Paging> {
        if self.cursor().is_some() {
            return Err(ApiError::invalid_request(
                "this list has no cursors: page it with firstResult",
            ));
        }
        Paging::from_query(&self.query)
    }

    /// The cursor behind which a page begins.
    pub fn cursor(&self) -> Option<&str> {
        let given = self.query.iter().find(|(name, _)| name == cursor::PARAMETER);
        given
            .map(|(_, text)| text.as_str())
            .filter(|text| !text.is_empty())
    }

    /// The members of the JSON body; none where there is no body.
    ///
    /// # Errors
    /// What is wrong with the body, where the reference looks at something else before: all others are refused before
    /// their operation begins.
    pub fn body(&self) -> ApiResult<Filters> {
        let members = self.members.clone()?;
        Ok(Filters::from_body(members.unwrap_or_default()).of_list(self.list))
    }

    /// Whether an operation that takes JSON was sent none.
    pub fn without_body(&self) -> bool {
        matches!(self.members, Ok(None))
    }

    /// The only tenants, besides none, that who asks may reach; `None`: all.
    pub fn own_tenants(&self) -> Option<Vec<String>> {
        let rights = self.caller.rights.as_ref()?;
        let mine = rights.only_tenants().filter(|_| self.catalog().has_tenants())?;
        Some(mine.to_vec())
    }

    /// A query of what who asks may see.
    pub fn sees<'a>(&'a self, filters: &'a Filters, view: &'a CatalogView) -> Where<'a> {
        Where::new(filters, view).of(self.caller.rights.as_deref())
    }

    /// Has the user log told of the command that follows.
    pub fn tell(&mut self, tell: impl FnOnce() -> Tell) {
        if self.logs() {
            self.caller.log.tell = Some(tell());
        }
    }

    /// Whether the user log is told of this request.
    pub fn logs(&self) -> bool {
        self.app.engine.logs(&self.caller)
    }

    /// Makes all that this request tells one operation.
    pub fn one_operation(&mut self) {
        if self.logs() && self.caller.log.operation.is_none() {
            let slot = self.app.engine.any_owned_slot().ok();
            self.caller.log.operation = slot.map(|slot| self.app.engine.new_id(slot));
        }
    }

    /// Tells the user log what has been done and belongs to no tree.
    ///
    /// # Errors
    /// 503 if it can't be written.
    pub async fn log(&self, told: impl FnOnce() -> Vec<Told>) -> ApiResult<()> {
        if !self.logs() {
            return Ok(());
        }
        let written = self.app.engine.log(&self.caller, told(), None).await;
        written.map_err(error::api)
    }

    /// Deployed definitions, as of now.
    pub fn catalog(&self) -> Arc<CatalogView> {
        self.app.engine.catalog().view()
    }

    /// 421 unless this shard answers reads of the slot.
    pub async fn shows(&self, slot: Slot) -> ApiResult<()> {
        if !self.app.engine.owned().shows(slot) {
            self.app.engine.refresh_owned().await;
            let owned = self.app.engine.owned();
            if !owned.shows(slot) {
                let epoch = owned.epoch(slot);
                return Err(error::api(crate::app::EngineError::Misdirected { slot, epoch }));
            }
        }
        Ok(())
    }

    /// The error for an id that nothing was found for: 421 if its slot isn't here, else `missing`.
    pub async fn missing(&self, id: Option<Id>, missing: ApiError) -> ApiError {
        let Some((id, slot)) = id.and_then(|id| Some((id, id.slot()?))) else {
            return missing;
        };
        // A router that was told where the task lives has sent the request on to there.
        let sent_on = self.caller.slot.filter(|sent| self.of_task && *sent != slot);
        let strayed = match self.shows(sent_on.unwrap_or(slot)).await {
            Ok(()) if self.of_task && sent_on.is_none() => {
                self.app.engine.follow_alias(id).await.map_err(error::api)
            }
            shown => shown,
        };
        strayed.err().unwrap_or(missing)
    }

    /// Runs a query.
    pub async fn select(&self, query: &sea_query::SelectStatement) -> ApiResult<Snapshot> {
        self.app.engine.store().select(query).await.map_err(error::store)
    }

    /// A JSON answer that tells, within a fan-out, which slots it saw.
    pub fn covered(&self, value: &impl Serialize, snapshot: &Snapshot) -> Response {
        self.covering(value, snapshot.coverage)
    }

    /// The same with the coverage alone.
    pub fn covering(&self, value: &impl Serialize, coverage: topology::Coverage) -> Response {
        self.with_coverage(json(value), coverage)
    }

    /// An answer that tells, within a fan-out, which slots it saw.
    pub fn with_coverage(&self, mut response: Response, coverage: topology::Coverage) -> Response {
        if self.caller.fanout
            && let Ok(coverage) = HeaderValue::from_str(&coverage.to_string())
        {
            response.headers_mut().insert(COVERAGE, coverage);
        }
        response
    }
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(map) => map
            .iter()
            .any(|(name, value)| name.contains('\0') || has_nul(value)),
        _ => false,
    }
}

/// 200 with a JSON body.
pub fn json(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => typed("application/json", body),
        Err(error) => ApiError::internal(error.to_string()).into_response(),
    }
}

/// 200 with a body of that type.
pub fn typed(media_type: &str, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    let media_type = HeaderValue::from_str(media_type);
    let media_type = media_type.unwrap_or(HeaderValue::from_static("application/octet-stream"));
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    response
}

/// 204.
pub fn no_content() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// A command's answer.
pub fn answer(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if answer.body.is_empty() {
        return status.into_response();
    }
    let mut response = typed("application/json", answer.body.into_bytes());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded_as_utf_8_with_plus_for_space() {
        let pairs = query(Some("businessKey=bk+%C3%A4%C3%9F%2F%26%2B&x&y=%zz"));
        let expected = [("businessKey", "bk äß/&+"), ("x", ""), ("y", "%zz")];
        let expected: Vec<_> = expected
            .iter()
            .map(|(n, v)| (n.to_string(), v.to_string()))
            .collect();
        assert_eq!(pairs, expected);
    }
}
