//! Percent-encoding and query strings. Queries go to nodes as they came; a decoded copy serves routing.

/// Decodes `%XX`, and `+` as a blank where `plus` says so. What is no escape stays.
pub fn percent_decode(text: &str, plus: bool) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = (bytes[at] == b'%')
            .then(|| {
                text.get(at + 1..at + 3)
                    .and_then(|hex| u8::from_str_radix(hex, 16).ok())
            })
            .flatten();
        match (escape, bytes[at]) {
            (Some(byte), _) => {
                decoded.push(byte);
                at += 2;
            }
            (None, b'+') if plus => decoded.push(b' '),
            (None, byte) => decoded.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// The decoded values of a parameter, in order.
pub fn query_values(query: Option<&str>, name: &str) -> Vec<String> {
    pairs(query)
        .filter(|(key, _)| percent_decode(key, true) == name)
        .map(|(_, value)| percent_decode(value, true))
        .collect()
}

/// All pairs, decoded, in order.
pub fn decoded(query: Option<&str>) -> Vec<(String, String)> {
    let decode = |(name, value)| (percent_decode(name, true), percent_decode(value, true));
    pairs(query).map(decode).collect()
}

/// The first value of a parameter.
pub fn query_value(query: Option<&str>, name: &str) -> Option<String> {
    query_values(query, name).into_iter().next()
}

/// The query without the named parameters, everything else untouched, and with these added.
pub fn query_with(query: Option<&str>, without: &[&str], added: &[(&str, String)]) -> Option<String> {
    let kept = query.unwrap_or("").split('&').filter(|pair| {
        let key = pair.split('=').next().unwrap_or("");
        !pair.is_empty() && !without.contains(&percent_decode(key, true).as_str())
    });
    let added = added.iter().map(|(key, value)| format!("{key}={value}"));
    let parts: Vec<String> = kept.map(str::to_owned).chain(added).collect();
    (!parts.is_empty()).then(|| parts.join("&"))
}

fn pairs(query: Option<&str>) -> impl Iterator<Item = (&str, &str)> {
    query
        .unwrap_or("")
        .split('&')
        .filter(|p| !p.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// An id as a segment of a path.
pub fn encoded(id: &str) -> String {
    let mut segment = String::with_capacity(id.len());
    for byte in id.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' => {
                segment.push(byte as char)
            }
            _ => segment.push_str(&format!("%{byte:02X}")),
        }
    }
    segment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_segment() {
        assert_eq!(encoded("Order:1:5b-28"), "Order:1:5b-28");
        assert_eq!(encoded("a/b ä"), "a%2Fb%20%C3%A4");
    }

    #[test]
    fn queries_are_read_and_changed() {
        let query = Some("businessKey=bk+%C3%A4%C3%9F%2F%26%2B&maxResults=5&x=%zz&firstResult=1");
        assert_eq!(query_value(query, "businessKey").as_deref(), Some("bk äß/&+"));
        assert_eq!(query_value(query, "x").as_deref(), Some("%zz"));
        assert_eq!(query_value(query, "y"), None);
        let changed = query_with(
            query,
            &["firstResult", "maxResults"],
            &[("maxResults", "6".to_owned())],
        );
        assert_eq!(
            changed.as_deref(),
            Some("businessKey=bk+%C3%A4%C3%9F%2F%26%2B&x=%zz&maxResults=6")
        );
        assert_eq!(query_with(Some("maxResults=1"), &["maxResults"], &[]), None);
        assert_eq!(percent_decode("a+b%3A1%", false), "a+b:1%");
    }
}
