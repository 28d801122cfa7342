//! What the reference's XML parser says of files that are no XML.
use roxmltree::{Error, TextPos};

/// The message for what is wrong with a file.
pub(super) fn message(source: &str, cause: &Error) -> String {
    match cause {
        Error::DtdDetected => "DOCTYPE is disallowed when the feature \
             \"http://apache.org/xml/features/disallow-doctype-decl\" set to true."
            .to_owned(),
        Error::UnknownNamespace(prefix, at) => unbound(source, prefix, *at),
        Error::UnknownEntityReference(name, _) => {
            format!("The entity \"{name}\" was referenced, but not declared.")
        }
        // The name is read as far as it fits.
        Error::UnexpectedCloseTag(expected, found, _) if found.starts_with(expected.as_str()) => {
            format!("The end-tag for element type \"{expected}\" must end with a '>' delimiter.")
        }
        Error::UnexpectedCloseTag(expected, _, _) => {
            format!(
                "The element type \"{expected}\" must be terminated by the matching end-tag \"</{expected}>\"."
            )
        }
        Error::DuplicatedAttribute(name, at) => {
            let at = offset(source, *at);
            let tag = source.get(..at).and_then(|text| text.rsplit_once('<'));
            let tag = tag.map_or("", |(_, tag)| name_in(tag));
            let bound = source.get(at..).and_then(|rest| namespace(source, name_in(rest)));
            let bound = bound.map_or(String::new(), |uri| format!(" bound to namespace \"{uri}\""));
            format!("Attribute \"{name}\"{bound} was already specified for element \"{tag}\".")
        }
        Error::UnclosedRootNode | Error::UnexpectedEndOfStream => {
            "XML document structures must start and end within the same entity.".to_owned()
        }
        Error::NoRootNode if source.contains('<') => {
            "XML document structures must start and end within the same entity.".to_owned()
        }
        Error::NoRootNode => "Premature end of file.".to_owned(),
        Error::UnknownToken(at) if source[..offset(source, *at)].trim().is_empty() => {
            "Content is not allowed in prolog.".to_owned()
        }
        Error::UnknownToken(at) => trailing(source, *at),
        Error::UnexpectedDeclaration(_) => {
            "The processing instruction target matching \"[xX][mM][lL]\" is not allowed.".to_owned()
        }
        Error::InvalidName(at)
        | Error::InvalidChar(_, _, at)
        | Error::InvalidChar2(_, _, at)
        | Error::InvalidString(_, at) => inside_tag(source, *at).unwrap_or_else(|| cause.to_string()),
        other => other.to_string(),
    }
}

fn trailing(source: &str, at: TextPos) -> String {
    match source
        .get(offset(source, at)..)
        .unwrap_or_default()
        .starts_with('<')
    {
        true => "The markup in the document following the root element must be well-formed.".to_owned(),
        false => "Content is not allowed in trailing section.".to_owned(),
    }
}

/// What is wrong with a tag, if the place is in one.
fn inside_tag(source: &str, at: TextPos) -> Option<String> {
    let (_, tag) = source.get(..offset(source, at))?.rsplit_once('<')?;
    if source
        .get(offset(source, at)..)
        .is_some_and(|rest| rest.starts_with('<'))
        && let Some(attribute) = open_value(tag)
    {
        return Some(format!(
            "The value of attribute \"{attribute}\" associated with an element type \"{}\" must not contain the '<' \
             character.",
            name_in(tag)
        ));
    }
    if tag.contains('>') {
        return None;
    }
    if let Some(name) = tag.strip_prefix('/') {
        let name = name_in(name);
        return Some(format!(
            "The end-tag for element type \"{name}\" must end with a '>' delimiter."
        ));
    }
    if tag.starts_with("?xml") {
        return tag.trim_end().ends_with(['"', '\'']).then(|| {
            "White space is required before the encoding pseudo attribute in the XML declaration.".to_owned()
        });
    }
    let name = name_in(tag);
    if let Some(attribute) = bare_attribute(tag) {
        return Some(format!(
            "Attribute name \"{attribute}\" associated with an element type \"{name}\" must be followed by the ' = ' \
             character."
        ));
    }
    Some(format!(
        "Element type \"{name}\" must be followed by either attribute specifications, \">\" or \"/>\"."
    ))
}

/// The attribute whose value the text of a tag ends in.
fn open_value(tag: &str) -> Option<&str> {
    let mut rest = tag;
    loop {
        let (name, value) = rest.split_once('=')?;
        let quote = value
            .trim_start()
            .chars()
            .next()
            .filter(|c| matches!(c, '"' | '\''))?;
        let value = value.trim_start().get(1..)?;
        match value.split_once(quote) {
            Some((_, after)) => rest = after,
            None => return name.split_ascii_whitespace().next_back(),
        }
    }
}

/// The attribute without a value that the text of a tag ends with.
fn bare_attribute(tag: &str) -> Option<&str> {
    let (before, last) = tag.trim_end().rsplit_once(|c: char| c.is_ascii_whitespace())?;
    let is_name =
        last.starts_with(|c: char| c.is_alphabetic() || c == '_') && !last.contains(['=', '"', '\'', '/']);
    (is_name && !before.is_empty()).then_some(last)
}

fn unbound(source: &str, prefix: &str, at: TextPos) -> String {
    let at = offset(source, at);
    let (before, rest) = source.split_at(at);
    let tag = match rest.strip_prefix('<') {
        Some(tag) => tag,
        None => before
            .rsplit_once('<')
            .map_or(rest, |(start, _)| &source[start.len() + 1..]),
    };
    let element = name_in(tag);
    if element.split(':').next() == Some(prefix) {
        return format!("The prefix \"{prefix}\" for element \"{element}\" is not bound.");
    }
    let attribute = tag.split_ascii_whitespace().find(|word| {
        word.strip_prefix(prefix)
            .is_some_and(|word| word.starts_with(':'))
    });
    format!(
        "The prefix \"{prefix}\" for attribute \"{}\" associated with an element type \"{element}\" is not bound.",
        attribute.map_or("", name_in)
    )
}

/// The namespace of an attribute with a prefix, as far as the text tells.
fn namespace<'s>(source: &'s str, attribute: &str) -> Option<&'s str> {
    let (prefix, _) = attribute.split_once(':')?;
    let (_, bound) = source.split_once(&format!("xmlns:{prefix}="))?;
    let quote = bound.chars().next()?;
    bound.get(1..)?.split_once(quote).map(|(uri, _)| uri)
}

/// The name that a text begins with.
fn name_in(text: &str) -> &str {
    let end = text.find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>' | '='));
    text.get(..end.unwrap_or(text.len())).unwrap_or_default()
}

fn offset(source: &str, at: TextPos) -> usize {
    let line = source
        .split_inclusive('\n')
        .take(at.row.saturating_sub(1) as usize)
        .map(str::len)
        .sum::<usize>();
    let rest = source.get(line..).unwrap_or_default();
    let column = rest.char_indices().nth(at.col.saturating_sub(1) as usize);
    line + column.map_or(rest.len(), |(at, _)| at)
}
