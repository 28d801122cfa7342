//! What the reference's XML parser refuses for its size, looked for before the file is read: reading takes longer than
//! in proportion to the attributes of an element.

/// Most attributes of an element.
const ATTRIBUTES: usize = 10_000;

/// The message for the first element that has too many attributes.
pub(super) fn problem(source: &str) -> Option<String> {
    let mut rest = source;
    while let Some(at) = rest.find('<') {
        rest = &rest[at..];
        let skipped = [
            ("<!--", "-->"),
            ("<![CDATA[", "]]>"),
            ("<?", "?>"),
            ("<!", ">"),
            ("</", ">"),
        ];
        if let Some((start, end)) = skipped.iter().find(|(start, _)| rest.starts_with(start)) {
            let after = rest[start.len()..].find(end)?;
            rest = &rest[start.len() + after + end.len()..];
            continue;
        }
        let (attributes, length) = tag(&rest[1..]);
        if attributes > ATTRIBUTES {
            let name = rest[1..].split(|c: char| c.is_whitespace() || c == '>').next();
            return Some(format!(
                "JAXP00010002:  Element \"{}\" has more than \"10,000\" attributes, \"10,000\" is the limit imposed by the \
                 JDK.",
                name.unwrap_or_default()
            ));
        }
        rest = &rest[1 + length..];
    }
    None
}

/// How many attributes an opening tag has, and its length in bytes.
fn tag(text: &str) -> (usize, usize) {
    let (mut attributes, mut quote) = (0, None);
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), byte) if open == byte => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'=') => attributes += 1,
            (None, b'>') => return (attributes, at + 1),
            (None, _) => {}
        }
    }
    (attributes, text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_has_ten_thousand_attributes_at_most() {
        let with = |count: usize| {
            let attributes: String = (0..count).map(|n| format!(" a{n}='=\">'")).collect();
            format!("<?xml version='1.0'?><!-- <x a='1' --><a:b><![CDATA[<y]]><a:process{attributes}/></a:b>")
        };
        assert_eq!(problem(&with(10_000)), None);
        let refused = problem(&with(10_001)).unwrap();
        assert!(
            refused.starts_with("JAXP00010002:  Element \"a:process\" has more than"),
            "{refused}"
        );
        assert_eq!(problem("<a b='"), None);
        assert_eq!(problem("<!-- "), None);
    }
}
