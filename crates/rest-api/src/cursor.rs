//! Cursors: where a page of a list ended, so that the next one begins behind it, however deep, and whichever shards
//! own its rows by then. An extension of Stellwerk: a full page (`maxResults` rows) carries the header
//! [`HEADER`], and the same request with the query parameter `cursor` set to its value gives the next page.
use crate::ApiError;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::HeaderName;
use serde_json::Value;

/// Tells the cursor behind a full page. In a part of a fan-out: the order of the list.
pub const HEADER: HeaderName = HeaderName::from_static("x-stellwerk-cursor");
/// The query parameter.
pub const PARAMETER: &str = "cursor";

/// A place between two rows of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Cursor {
    /// The order of the list, such as `created:desc,name:asc`.
    pub order: String,
    /// The sort values of the row before, its id last.
    pub after: Vec<Value>,
}

impl Cursor {
    /// As a client gets it.
    pub fn encode(self) -> String {
        let mut parts = vec![Value::String(self.order)];
        parts.extend(self.after);
        URL_SAFE_NO_PAD.encode(Value::Array(parts).to_string())
    }

    /// Reads what a client sends.
    ///
    /// # Errors
    /// 400 for what was not given out by [`Cursor::encode`].
    pub fn decode(text: &str) -> Result<Cursor, ApiError> {
        let read = || {
            let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
            let mut parts: Vec<Value> = serde_json::from_slice(&bytes).ok()?;
            if parts.len() < 2 || !parts[0].is_string() {
                return None;
            }
            let Value::String(order) = parts.remove(0) else {
                return None;
            };
            Some(Cursor { order, after: parts })
        };
        read().ok_or_else(|| {
            ApiError::invalid_request(
                "the cursor is none that a page of this list gave: take it from the X-Stellwerk-Cursor header",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_cursor_comes_back_as_it_was_given() {
        let cursor = Cursor {
            order: "name:desc".into(),
            after: vec![json!("ä"), json!(null), json!(5), json!("id")],
        };
        let text = cursor.clone().encode();
        assert!(
            text.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        );
        assert_eq!(Cursor::decode(&text).unwrap(), cursor);
        for bad in [
            "",
            "x",
            "!!",
            &URL_SAFE_NO_PAD.encode("[1,2]"),
            &URL_SAFE_NO_PAD.encode("[\"\"]"),
        ] {
            assert_eq!(Cursor::decode(bad).unwrap_err().status, 400, "{bad}");
        }
    }
}
