//! Simple types: what values attributes and texts may have.
use roxmltree::Node as Xml;
use std::sync::LazyLock;

/// A simple type.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Simple {
    pub name: &'static str,
    pub kind: Kind,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    AnyUri,
    Boolean,
    Double,
    Id,
    IdRef,
    Int,
    Integer,
    QName,
    /// Strings, and types that no element of BPMN has.
    Text,
    Enumeration(Vec<&'static str>),
    /// An URI or one of some words.
    Union(Vec<&'static str>),
}

static BUILTINS: LazyLock<Vec<Simple>> = LazyLock::new(|| {
    use Kind::*;
    let types = [
        ("anyURI", AnyUri),
        ("boolean", Boolean),
        ("double", Double),
        ("ID", Id),
        ("IDREF", IdRef),
        ("int", Int),
        ("integer", Integer),
        ("QName", QName),
        ("string", Text),
    ];
    types
        .into_iter()
        .map(|(name, kind)| Simple { name, kind })
        .collect()
});

impl Simple {
    /// The type of XML Schema with that name; a string for those that BPMN doesn't use.
    pub fn builtin(name: &str) -> &'static Simple {
        let types: &'static [Simple] = &BUILTINS;
        types
            .iter()
            .find(|t| t.name == name)
            .unwrap_or(&types[types.len() - 1])
    }

    pub fn enumeration(name: &'static str, values: &[&'static str]) -> Simple {
        Simple {
            name,
            kind: Kind::Enumeration(values.to_vec()),
        }
    }

    pub fn union(name: &'static str, values: &[&'static str]) -> Simple {
        Simple {
            name,
            kind: Kind::Union(values.to_vec()),
        }
    }

    /// The value without the white space that its type ignores.
    pub fn normalized(&self, value: &str) -> String {
        match self.kind {
            Kind::Text | Kind::Enumeration(_) => value.to_owned(),
            _ => value
                .split([' ', '\t', '\n', '\r'])
                .filter(|w| !w.is_empty())
                .collect::<Vec<_>>()
                .join(" "),
        }
    }

    /// What is wrong with a normalized value, in the reference's words. Whether ids are unique and known is not
    /// judged here.
    pub fn check(&self, value: &str, at: Xml<'_, '_>) -> Result<(), String> {
        let refuse = |ty: &str| {
            Err(format!(
                "cvc-datatype-valid.1.2.1: '{value}' is not a valid value for '{ty}'."
            ))
        };
        let expect = |good: bool, ty: &str| if good { Ok(()) } else { refuse(ty) };
        match &self.kind {
            Kind::Text => Ok(()),
            Kind::AnyUri => expect(is_uri(value), "anyURI"),
            Kind::Boolean => expect(matches!(value, "true" | "false" | "0" | "1"), "boolean"),
            Kind::Double => expect(is_double(value), "double"),
            Kind::Id | Kind::IdRef => expect(is_name(value), "NCName"),
            Kind::Integer => expect(is_integer(value), "integer"),
            Kind::Int => {
                expect(is_integer(value), "integer")?;
                let small = value.strip_prefix('+').unwrap_or(value).parse::<i32>().is_ok();
                expect(small, "int")
            }
            Kind::QName => {
                let (prefix, name) = match value.split_once(':') {
                    Some((prefix, name)) => (Some(prefix), name),
                    None => (None, value),
                };
                expect(prefix.is_none_or(is_name) && is_name(name), "QName")?;
                match prefix {
                    Some(prefix) if prefix != "xml" && at.lookup_namespace_uri(Some(prefix)).is_none() => {
                        Err(format!(
                            "UndeclaredPrefix: Cannot resolve '{value}' as a QName: the prefix '{prefix}' is not declared."
                        ))
                    }
                    _ => Ok(()),
                }
            }
            Kind::Enumeration(values) if values.contains(&value) => Ok(()),
            Kind::Enumeration(values) => Err(format!(
                "cvc-enumeration-valid: Value '{value}' is not facet-valid with respect to enumeration '[{}]'. It must \
                 be a value from the enumeration.",
                values.join(", ")
            )),
            Kind::Union(values) if values.contains(&value) || is_uri(value) => Ok(()),
            Kind::Union(_) => Err(format!(
                "cvc-datatype-valid.1.2.3: '{value}' is not a valid value of union type '{}'.",
                self.name
            )),
        }
    }
}

/// Whether a text is a name without a colon, by the fourth edition of XML 1.0.
pub(super) fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    let starts = |c: char| c == '_' || is_letter(c);
    chars.next().is_some_and(starts)
        && chars.all(|c| {
            starts(c)
                || c.is_ascii_digit()
                || matches!(c, '-' | '.' | '\u{b7}')
                || is_digit(c)
                || is_combining(c)
        })
}

fn is_letter(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphabetic();
    }
    // XML 1.0 knows the letters of Unicode 2.0, which are all in the first plane.
    (0xC0..0xD7A4).contains(&u32::from(c)) && c.is_alphabetic()
}

fn is_digit(c: char) -> bool {
    !c.is_ascii() && u32::from(c) < 0x0F2A && c.is_numeric() && !is_letter(c)
}

fn is_combining(c: char) -> bool {
    matches!(u32::from(c), 0x300..=0x345 | 0x360..=0x361 | 0x483..=0x486 | 0x591..=0x5C4 | 0x64B..=0x670 | 0x6D6..=0x6E8
        | 0x901..=0x903 | 0x93C..=0x94D | 0x951..=0x963 | 0x20D0..=0x20E1 | 0x302A..=0x302F | 0x3099..=0x309A)
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

fn is_double(text: &str) -> bool {
    if matches!(text, "INF" | "-INF" | "NaN") {
        return true;
    }
    let numeric = |b: u8| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E');
    text.bytes().all(numeric) && text.parse::<f64>().is_ok()
}

/// Whether a text is an URI once what URIs may not hold is escaped.
fn is_uri(text: &str) -> bool {
    let hex = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_hexdigit);
    let escapes = text
        .bytes()
        .enumerate()
        .all(|(at, b)| b != b'%' || hex(at + 1) && hex(at + 2));
    let scheme = text
        .find([':', '/', '?', '#'])
        .filter(|&at| text.as_bytes()[at] == b':');
    let has_scheme = scheme.is_none_or(|at| {
        text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text[..at]
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
            && text.len() > at + 1
    });
    escapes && has_scheme && text.matches('#').count() < 2
}
