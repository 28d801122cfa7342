//! Whether two answers are equal: status, media type and body, where ids are those of one thing, times are masked, and lists
//! without an order hold the same.
use super::{
    pool::{Pool, each_id},
    request::Request,
};
use crate::compat::is_time;
use serde_json::{Map, Value};

pub struct Answer {
    pub status: u16,
    pub media: String,
    pub body: Value,
}

/// Members whose values are of the moment or the machine.
const MASKED: [&str; 11] = [
    "average",
    "minimum",
    "maximum",
    "durationInMillis",
    "duration",
    "hostname",
    "reporter",
    "sequenceCounter",
    "startYear",
    "result",
    "revision",
];

/// None if they are equal, else the kind of difference. Ids that they show at the same places become known as pairs.
pub fn judge(pool: &mut Pool, request: &Request, reference: &Answer, ours: &Answer) -> Option<String> {
    let (theirs_body, our_body) = (shown(&reference.body), shown(&ours.body));
    let known = Sides { pool: &*pool };
    let theirs = known.body(&theirs_body, true);
    let here = known.body(&our_body, false);
    let (theirs, here) = (settled(theirs), settled(here));
    let mut ids = true;
    pair(pool, &theirs.1, &here.1, &mut ids);
    if mistyped(reference) && mistyped(ours) || unsaid(reference, ours) {
        return None;
    }
    if reference.status != ours.status {
        return Some(format!(
            "status {} {} | ours {} {}",
            reference.status,
            said(&reference.body),
            ours.status,
            said(&ours.body)
        ));
    }
    if request.method == "HEAD" {
        return None;
    }
    if reference.media != ours.media {
        return Some(format!(
            "{} type {} {} | ours {} {}",
            reference.status,
            reference.media,
            said(&reference.body),
            ours.media,
            said(&ours.body)
        ));
    }
    if theirs.0 != here.0 {
        if request.paged() && reference.body.as_array().map(Vec::len) == ours.body.as_array().map(Vec::len) {
            return order(request, &reference.body, &ours.body);
        }
        if reference.status >= 400 {
            return Some(format!(
                "{} {} | ours {}",
                reference.status,
                said(&reference.body),
                said(&ours.body)
            ));
        }
        let (at, a, b) = first("", &theirs.0, &here.0)?;
        return Some(format!("{} at {at}: {a} | ours {b}", reference.status));
    }
    if !ids {
        return Some(format!("{} other ids", reference.status));
    }
    order(request, &reference.body, &ours.body)
}

/// A body that can't be read: the reference has two mappers for that, its own and its library's, and which of them answers
/// changes from start to start.
fn mistyped(answer: &Answer) -> bool {
    answer.status == 400
        && match &answer.body {
            Value::String(text) => text.contains("(`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled)"),
            body => body["type"] == "InvalidRequestException" && body["message"] == "",
        }
}

/// Java leaves the text of a NullPointerException out once it has happened often.
fn unsaid(reference: &Answer, ours: &Answer) -> bool {
    let null_pointer = |answer: &Answer| answer.body["type"] == "NullPointerException";
    reference.status == ours.status
        && null_pointer(reference)
        && null_pointer(ours)
        && reference.body["message"].is_null()
}

/// A stack trace is Java's: its first line is compared.
fn shown(body: &Value) -> Value {
    match body {
        Value::String(text) if text.contains("\n\tat ") => {
            Value::String(text.lines().next().unwrap_or_default().to_owned())
        }
        other => other.clone(),
    }
}

/// Whether the member by which was sorted comes in one order on both sides, if rows have it.
fn order(request: &Request, reference: &Value, ours: &Value) -> Option<String> {
    let by = request.sorted_by.as_ref()?;
    if by == "variableType" && request.template.starts_with("/history/detail") {
        // The reference sorts by another column, which is the same in all rows.
        return None;
    }
    let (theirs, here) = (reference.as_array()?, ours.as_array()?);
    let short = by.rsplit('.').next().unwrap_or(by).to_owned();
    let mut tail = short.clone();
    // `taskName` sorts by `name`, `startTime` by itself.
    if let Some(at) = short.rfind(|c: char| c.is_ascii_uppercase()) {
        tail = short[at..].to_lowercase();
    }
    let name = [&short, &tail].into_iter().find(|name| {
        theirs
            .iter()
            .chain(here)
            .any(|row| row.get(name.as_str()).is_some_and(|v| !v.is_null()))
    })?;
    let values = |rows: &[Value]| -> Vec<Value> {
        let of = |row: &Value| match &row[name.as_str()] {
            Value::String(text) if each_id(text, |_| String::new()) != *text => Value::Null,
            Value::String(text) if text.len() == 28 && is_time(text) => Value::Null,
            other => other.clone(),
        };
        rows.iter().map(of).collect()
    };
    (values(theirs) != values(here)).then(|| format!("200 order by {by}"))
}

struct Sides<'a> {
    pool: &'a Pool,
}

impl Sides<'_> {
    /// The body to compare, beside the body as it came: lists without order are still as they came.
    fn body(&self, body: &Value, reference: bool) -> (Value, Value) {
        match body {
            Value::Array(items) => {
                let (a, b) = items.iter().map(|item| self.body(item, reference)).unzip();
                (Value::Array(a), Value::Array(b))
            }
            Value::Object(members) => {
                let mut a = Map::new();
                let mut b = Map::new();
                for (name, value) in members {
                    let (x, y) = self.body(value, reference);
                    let masked = MASKED.contains(&name.as_str()) && !value.is_null();
                    let key = self.text(name, reference);
                    a.insert(key.clone(), if masked { "<masked>".into() } else { x });
                    b.insert(key, y);
                }
                (Value::Object(a), Value::Object(b))
            }
            Value::String(text) => (self.text(text, reference).into(), text.clone().into()),
            Value::Number(number) if number.is_f64() && number.as_f64().is_some_and(|n| n.fract() == 0.0) => {
                (format!("{number}").into(), body.clone())
            }
            other => (other.clone(), other.clone()),
        }
    }

    fn text(&self, text: &str, reference: bool) -> String {
        let text = each_id(text, |id| {
            let known = match reference {
                true => self.pool.ours(id).cloned(),
                false => self.pool.knows_ours(id).then(|| id.to_owned()),
            };
            known.unwrap_or_else(|| "<id>".to_owned())
        });
        let mut out = String::new();
        let mut rest = text.as_str();
        while let Some(first) = rest.chars().next() {
            if rest.get(..28).is_some_and(is_time) {
                // Times far off were sent by who asks.
                let kept = matches!(&rest[..2], "19") || !matches!(&rest[..3], "202");
                out.push_str(if kept { &rest[..28] } else { "<time>" });
                rest = &rest[28..];
            } else if !out.ends_with(|c: char| c.is_ascii_digit())
                && rest.starts_with("17")
                && is_millis(rest)
            {
                out.push_str("<millis>");
                rest = &rest[13..];
            } else {
                out.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
        out
    }
}

/// Whether the text begins with a time of these years in milliseconds.
fn is_millis(text: &str) -> bool {
    text.bytes().take_while(u8::is_ascii_digit).count() == 13
}

/// Lists of objects and of ids in an order of their own.
fn settled((a, b): (Value, Value)) -> (Value, Value) {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => {
            let mut rows: Vec<(Value, Value)> = a.into_iter().zip(b).map(settled).collect();
            if rows.iter().all(|(a, _)| a.is_object() || a.is_string()) {
                rows.sort_by_cached_key(|(a, _)| a.to_string());
            }
            let (a, b) = rows.into_iter().unzip();
            (Value::Array(a), Value::Array(b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let mut x = Map::new();
            let mut y = Map::new();
            for ((name, a), (_, b)) in a.into_iter().zip(b) {
                let (a, b) = settled((a, b));
                x.insert(name.clone(), a);
                y.insert(name, b);
            }
            (Value::Object(x), Value::Object(y))
        }
        other => other,
    }
}

/// Takes ids at the same places as pairs.
fn pair(pool: &mut Pool, reference: &Value, ours: &Value, good: &mut bool) {
    match (reference, ours) {
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).for_each(|(a, b)| pair(pool, a, b, good));
        }
        (Value::Object(a), Value::Object(b)) => {
            for (name, a) in a {
                if let Some(b) = b.get(name) {
                    pair(pool, a, b, good);
                }
            }
        }
        (Value::String(a), Value::String(b)) => {
            let mut theirs = Vec::new();
            let mut here = Vec::new();
            let rest_a = each_id(a, |id| {
                theirs.push(id.to_owned());
                String::new()
            });
            let rest_b = each_id(b, |id| {
                here.push(id.to_owned());
                String::new()
            });
            if theirs.len() == here.len() && rest_a == rest_b {
                for (a, b) in theirs.iter().zip(&here) {
                    *good &= pool.pair(a, b);
                }
            }
        }
        _ => {}
    }
}

/// The first place where they differ: names, what is there, what is here.
fn first(at: &str, a: &Value, b: &Value) -> Option<(String, String, String)> {
    if a == b {
        return None;
    }
    match (a, b) {
        (Value::Array(x), Value::Array(y)) if x.len() == y.len() => {
            x.iter().zip(y).find_map(|(x, y)| first(&format!("{at}/*"), x, y))
        }
        (Value::Array(x), Value::Array(y)) => Some((
            at.to_owned(),
            match x.len() > y.len() {
                true => "more rows".to_owned(),
                false => "fewer rows".to_owned(),
            },
            "rows".to_owned(),
        )),
        (Value::Object(x), Value::Object(y)) => {
            let mut names: Vec<&String> = x.keys().chain(y.keys()).collect();
            names.sort();
            names.into_iter().find_map(|name| {
                let here = format!("{at}/{}", each_id(name, |_| "*".into()));
                match (x.get(name), y.get(name)) {
                    (Some(x), Some(y)) => first(&here, x, y),
                    (x, y) => Some((
                        here,
                        short(x.unwrap_or(&"absent".into())),
                        short(y.unwrap_or(&"absent".into())),
                    )),
                }
            })
        }
        _ => Some((at.to_owned(), short(a), short(b))),
    }
}

fn short(value: &Value) -> String {
    templated(&value.to_string()).chars().take(90).collect()
}

/// Type and message of an error with names and numbers masked.
fn said(body: &Value) -> String {
    let text = match body {
        Value::Object(members) if members.contains_key("message") => {
            format!(
                "{}({}): {}",
                body["type"].as_str().unwrap_or("?"),
                body["code"],
                body["message"].as_str().unwrap_or("null")
            )
        }
        Value::Null => "no body".into(),
        other => other.to_string(),
    };
    templated(&text).chars().take(230).collect()
}

fn templated(text: &str) -> String {
    let text = each_id(text, |_| "_".into());
    let mut out = String::new();
    let mut quote = None;
    for c in text.chars() {
        match quote {
            Some(q) if c == q => {
                quote = None;
                out.push(c);
            }
            Some(_) if text.len() < 400 => {}
            _ if c == '\'' && !out.ends_with(|c: char| c.is_alphanumeric()) => {
                quote = Some(c);
                out.push(c);
            }
            _ if c.is_ascii_digit() && out.ends_with('#') => {}
            _ if c.is_ascii_digit() => out.push('#'),
            _ => out.push(c),
        }
    }
    out
}
