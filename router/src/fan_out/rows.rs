//! Rows of a part, read without touching their values: what a node wrote goes to the client byte for byte.
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Value, value::RawValue};
use std::{borrow::Cow, fmt};

/// An object's members in order, values raw.
#[derive(Debug, Clone)]
pub struct Members<'b>(pub Vec<(Cow<'b, str>, &'b RawValue)>);

impl<'de: 'b, 'b> Deserialize<'de> for Members<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members<'b>, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Members<'de>, M::Error> {
                let mut members = Vec::new();
                while let Some(Name(name)) = map.next_key()? {
                    members.push((name, map.next_value()?));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A member's name: borrowed unless it holds escapes.
struct Name<'b>(Cow<'b, str>);

impl<'de: 'b, 'b> Deserialize<'de> for Name<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Name<'b>, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a name")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl<'b> Members<'b> {
    /// A member's raw value; the last one of that name.
    pub fn get(&self, name: &str) -> Option<&'b RawValue> {
        self.0
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| *value)
    }

    /// A member as text.
    pub fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }

    /// A member as a value.
    pub fn value(&self, name: &str) -> Option<Value> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }

    /// Writes the object without the named member.
    pub fn write_without(&self, name: &str, into: &mut Vec<u8>) {
        into.push(b'{');
        let mut first = true;
        for (key, value) in self.0.iter().filter(|(key, _)| key != name) {
            if !std::mem::take(&mut first) {
                into.push(b',');
            }
            into.extend_from_slice(Value::from(key.as_ref()).to_string().as_bytes());
            into.push(b':');
            into.extend_from_slice(value.get().as_bytes());
        }
        into.push(b'}');
    }
}

/// The objects of a part's array.
///
/// # Errors
/// The body isn't an array of objects.
pub fn read(body: &[u8]) -> serde_json::Result<Vec<Members<'_>>> {
    serde_json::from_slice(body)
}

/// Writes an array of objects without one of their members.
pub fn write<'r, 'b: 'r>(rows: impl Iterator<Item = &'r Members<'b>>, without: &str) -> Vec<u8> {
    let mut bytes = vec![b'['];
    for (i, row) in rows.enumerate() {
        if i > 0 {
            bytes.push(b',');
        }
        row.write_without(without, &mut bytes);
    }
    bytes.push(b']');
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_bytes() {
        let body =
            r#" [ {"id":"a","n": 1.00,"big":1152921504606846977,"_sort":["x"],"q\"x":{"_sort": 1}} ,{}] "#;
        let rows = read(body.as_bytes()).unwrap();
        assert_eq!(rows[0].text("id").as_deref(), Some("a"));
        let written = String::from_utf8(write(rows.iter(), "_sort")).unwrap();
        assert_eq!(
            written,
            r#"[{"id":"a","n":1.00,"big":1152921504606846977,"q\"x":{"_sort": 1}},{}]"#
        );
        assert!(read(b"{}").is_err());
    }
}
