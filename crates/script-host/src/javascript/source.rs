//! What GraalJS reads beyond the language's standard: `for each (… in …)`, as old models write it.
use std::borrow::Cow;

/// The script as standard JavaScript. `for each (var x in y)` runs over the values of `y`.
pub(super) fn adapted(source: &str) -> Cow<'_, str> {
    if !source.contains("each") {
        return Cow::Borrowed(source);
    }
    let mut out = String::with_capacity(source.len() + 32);
    let mut rest = source;
    while let Some((before, head, collection, after)) = next_loop(rest) {
        out.push_str(before);
        out.push_str("for (");
        out.push_str(head);
        out.push_str(" of Object.values(");
        out.push_str(collection);
        out.push_str("))");
        rest = after;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The first `for each (HEAD in COLLECTION)`: what is before, both parts, and what is after.
fn next_loop(text: &str) -> Option<(&str, &str, &str, &str)> {
    let mut from = 0;
    while let Some(at) = text[from..].find("for") {
        let start = from + at;
        from = start + 3;
        let tail = text[from..].trim_start();
        let Some(open) = tail.strip_prefix("each").map(str::trim_start) else {
            continue;
        };
        let Some(inner) = open.strip_prefix('(') else {
            continue;
        };
        let Some(end) = closing(inner) else { continue };
        if let Some((head, collection)) = inner[..end].split_once(" in ") {
            return Some((&text[..start], head.trim(), collection.trim(), &inner[end + 1..]));
        }
    }
    None
}

/// Where the parenthesis closes that stands before `text`.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => return Some(at),
            ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::adapted;

    #[test]
    fn for_each_runs_over_values() {
        assert_eq!(
            adapted("var t; for each (var q in f(li)) { t += q }"),
            "var t; for (var q of Object.values(f(li))) { t += q }"
        );
        assert_eq!(
            adapted("li.forEach(f); // for each one"),
            "li.forEach(f); // for each one"
        );
    }
}
