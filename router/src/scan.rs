//! Finds members of a JSON object's top level without building the document.
//!
//! It reads what routing needs and checks nothing else: a node parses the whole body and refuses what is malformed.
//! The last member of a name wins, and text after the first object is not read, as in the reference.

use smallvec::SmallVec;
use std::borrow::Cow;

/// A member's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found<'b> {
    /// `null`.
    Null,
    /// A string, decoded; borrowed where it stands in the body as it is.
    Text(Cow<'b, str>),
    /// A number, `true` or `false` as it stands in the body: the reference reads it into a text member as it is.
    Scalar(&'b str),
    /// An array or object, raw.
    Nested(&'b [u8]),
}

impl Found<'_> {
    /// The text that the reference would read into a text member; `None` for null, arrays and objects.
    pub fn text(&self) -> Option<&str> {
        match self {
            Found::Text(text) => Some(text),
            Found::Scalar(text) => Some(text),
            Found::Null | Found::Nested(_) => None,
        }
    }

    /// Its texts: one, or those of an array of strings.
    pub fn texts(&self) -> Vec<String> {
        match self {
            Found::Nested(raw) => serde_json::from_slice(raw).unwrap_or_default(),
            other => other.text().map(str::to_owned).into_iter().collect(),
        }
    }
}

/// What was found of each wanted member, in their order.
pub type Members<'b> = SmallVec<[Option<Found<'b>>; 4]>;

/// The wanted members in the order of `wanted`; `None` where the body has none of that name. A body that isn't a
/// JSON object has none at all; of a malformed one, those before the damage.
pub fn members<'b>(body: &'b [u8], wanted: &[&str]) -> Members<'b> {
    let mut found = SmallVec::from_elem(None, wanted.len());
    // A BOM is skipped, as Jackson does.
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let mut scanner = Scanner { body, at: 0 };
    let _ = scanner.object(wanted, &mut found);
    found
}

struct Scanner<'b> {
    body: &'b [u8],
    at: usize,
}

impl<'b> Scanner<'b> {
    fn object(&mut self, wanted: &[&str], found: &mut [Option<Found<'b>>]) -> Option<()> {
        self.expect(b'{')?;
        loop {
            if self.peek()? == b'}' {
                return Some(());
            }
            let name = self.string()?;
            self.expect(b':')?;
            let value = self.value()?;
            let index = match name.contains(&b'\\') {
                false => wanted
                    .iter()
                    .position(|w| w.as_bytes() == &name[1..name.len() - 1]),
                true => serde_json::from_slice::<String>(name)
                    .ok()
                    .and_then(|n| wanted.iter().position(|w| *w == n)),
            };
            if let Some(index) = index {
                found[index] = Some(decode(value)?);
            }
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    /// The next byte that isn't white space, not taken.
    fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.body.get(self.at)?;
            if !byte.is_ascii_whitespace() {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// A string with its quotes.
    fn string(&mut self) -> Option<&'b [u8]> {
        self.expect(b'"')?;
        let start = self.at - 1;
        self.at += end_of_string(self.body.get(self.at..)?)?;
        Some(&self.body[start..self.at])
    }

    /// Any value, raw.
    fn value(&mut self) -> Option<&'b [u8]> {
        let first = self.peek()?;
        let start = self.at;
        match first {
            b'"' => return self.string(),
            b'{' | b'[' => {
                self.at += end_of_nested(&self.body[self.at..])?;
            }
            _ => {
                let ends = |b: &u8| matches!(b, b',' | b'}' | b']') || b.is_ascii_whitespace();
                while !ends(self.body.get(self.at)?) {
                    self.at += 1;
                }
                if self.at == start {
                    return None;
                }
            }
        }
        Some(&self.body[start..self.at])
    }
}

/// The bytes of the string that begins behind its opening quote, with the closing one.
fn end_of_string(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        // Names and values are short: looking at each byte is quicker than beginning a search.
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// The bytes of an array or object, from its opening bracket to the one that closes it. Only depth counts: whether brackets match is the
/// node's to judge.
fn end_of_nested(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0, 0usize);
    loop {
        // Nearly all bytes are nothing of these: one look at a table settles them.
        let byte = *bytes.get(at)?;
        at += 1;
        if !MARKS[usize::from(byte)] {
            continue;
        }
        match byte {
            b'"' => at += end_of_string(bytes.get(at..)?)?,
            b'{' | b'[' => depth += 1,
            _ => depth -= 1,
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

/// Bytes that mean something in an array or object.
const MARKS: [bool; 256] = {
    let mut marks = [false; 256];
    let bytes = b"\"{}[]";
    let mut i = 0;
    while i < bytes.len() {
        marks[bytes[i] as usize] = true;
        i += 1;
    }
    marks
};

fn decode(raw: &[u8]) -> Option<Found<'_>> {
    Some(match raw.first()? {
        b'"' => Found::Text(text(raw)?),
        b'{' | b'[' => Found::Nested(raw),
        _ if raw == b"null" => Found::Null,
        _ => Found::Scalar(std::str::from_utf8(raw).ok()?),
    })
}

/// The text of a string that stands there with its quotes.
fn text(raw: &[u8]) -> Option<Cow<'_, str>> {
    let inner = raw.get(1..raw.len() - 1)?;
    match inner.iter().all(|byte| *byte >= b' ' && *byte != b'\\') {
        true => std::str::from_utf8(inner).ok().map(Cow::Borrowed),
        false => serde_json::from_slice(raw).ok().map(Cow::Owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(body: &str) -> Option<String> {
        members(body.as_bytes(), &["businessKey"])
            .remove(0)?
            .text()
            .map(str::to_owned)
    }

    #[test]
    fn the_business_key_is_found_whatever_surrounds_it() {
        let cases = [
            (r#"{}"#, None),
            ("", None),
            (r#"{"businessKey":"a"}"#, Some("a")),
            (
                " { \"x\" : [1,{\"businessKey\":\"no\"},\"]\"] ,\n\"businessKey\"\t: \"a\" } ",
                Some("a"),
            ),
            (r#"{"businessKey":"a","businessKey":"b"}"#, Some("b")),
            (r#"{"businessKey":"a","businessKey":null}"#, None),
            (r#"{"business\u004bey":"a"}"#, Some("a")),
            (r#"{"businessKey":"\"}{\\\u00e4\ud83d\ude00"}"#, Some("\"}{\\ä😀")),
            (
                r#"{"variables":{"businessKey":{"value":"x"}},"businessKey":"Ä/ß & Söhne"}"#,
                Some("Ä/ß & Söhne"),
            ),
            (r#"{"x":"\\","businessKey":"a"}"#, Some("a")),
            (r#"{"businessKey":5}"#, Some("5")),
            (r#"{"businessKey":true,"y":1}"#, Some("true")),
            (r#"{"businessKey":["a"]}"#, None),
            (r#"{"businessKey":"a"} {"businessKey":"b"}"#, Some("a")),
            (r#"["businessKey","a"]"#, None),
            (r#"{"businessKey":"#, None),
            (r#"{"businessKey":"a"#, None),
            ("\u{feff}{\"businessKey\":\"a\"}", Some("a")),
        ];
        for (body, expected) in cases {
            assert_eq!(key(body).as_deref(), expected, "{body}");
        }
    }

    #[test]
    fn lists_of_ids_are_read() {
        let found = members(br#"{"ids":["a","b"],"one":"c"}"#, &["one", "ids", "none"]);
        assert_eq!(found[0].as_ref().unwrap().texts(), ["c"]);
        assert_eq!(found[1].as_ref().unwrap().texts(), ["a", "b"]);
        assert_eq!(found[2], None);
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
                prop::collection::vec((any::<String>(), inner), 0..4)
                    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_parser(before in json(), wanted in any::<String>(), after in json(), pretty in any::<bool>()) {
            let document = serde_json::json!({"a": before, "businessKey": wanted, "b": after});
            let body = if pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) };
            prop_assert_eq!(key(&body.unwrap()), Some(wanted));
        }

        #[test]
        fn no_bytes_make_it_panic(body in prop::collection::vec(prop::sample::select(b"{}[]\",:\\ a1n".to_vec()), 0..40)) {
            members(&body, &["a", "n"]);
        }
    }
}
