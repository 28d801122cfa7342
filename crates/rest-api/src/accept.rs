//! Which of the forms that an operation offers a client takes.

/// Tasks with what they refer to (Hypertext Application Language).
pub const HAL: &str = "application/hal+json";

/// A range of media types in an `Accept` header.
struct Range<'a> {
    media_type: &'a str,
    quality: f32,
}

fn ranges(accept: &str) -> impl Iterator<Item = Range<'_>> {
    accept.split(',').map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default();
        let quality = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok());
        Range {
            media_type,
            quality: quality.unwrap_or(1.0),
        }
    })
}

/// Whether the client names one of these media types; the reference (7.24) gives them at a quality of 0 too.
pub fn takes(accept: &str, offered: &[&str]) -> bool {
    ranges(accept).any(|range| {
        let is = |other: &str| range.media_type.eq_ignore_ascii_case(other);
        range.media_type == "*/*" || range.media_type.is_empty() || offered.iter().any(|o| is(o))
    })
}

/// Whether the client likes HAL better than plain JSON, where an operation offers both: by quality, then by how
/// specific a range is, then by place.
pub fn likes_hal(accept: &str) -> bool {
    let specific = |media_type: &str| match media_type.to_ascii_lowercase().as_str() {
        HAL => Some((2, true)),
        "application/json" => Some((2, false)),
        "application/*" => Some((1, false)),
        "*/*" | "" => Some((0, false)),
        _ => None,
    };
    let mut best: Option<((f32, i32), bool)> = None;
    for range in ranges(accept).filter(|range| range.quality > 0.0) {
        let Some((specific, hal)) = specific(range.media_type) else {
            continue;
        };
        let rank = (range.quality, specific);
        if best.is_none_or(|(other, _)| rank > other) {
            best = Some((rank, hal));
        }
    }
    best.is_some_and(|(_, hal)| hal)
}

/// Whether an operation offers HAL beside JSON.
pub fn offers_hal(method: &http::Method, path: &str) -> bool {
    let mut parts = path.trim_start_matches('/').split('/');
    let parts = (parts.next(), parts.next(), parts.next(), parts.next());
    match parts {
        (Some("task"), None, ..) => method == http::Method::GET,
        (Some("task"), Some(id), None, _) => method == http::Method::GET && id != "count",
        (Some("filter"), Some(_), Some("list" | "singleResult"), None) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hal_is_given_to_who_likes_it_best() {
        for (accept, expected) in [
            ("application/hal+json", true),
            ("application/json;q=0.5, application/hal+json", true),
            ("application/hal+json, application/json", true),
            ("application/json, application/hal+json", false),
            ("*/*, application/hal+json", true),
            ("*/*", false),
            ("application/hal+json;q=0", false),
        ] {
            assert_eq!(likes_hal(accept), expected, "{accept}");
        }
    }
}
