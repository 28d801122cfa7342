//! Which external task topic stands for Java code that models name: what `--java-delegates` says.
use bpmn_core::world::JavaCode;
use serde::Deserialize;
use std::{collections::BTreeMap, path::Path};

/// Topics by the names of classes and beans.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JavaTopics {
    /// The topic of all that nothing else fits.
    #[serde(default)]
    default: Option<String>,
    /// Topics by full class names; `*` stands for any text.
    #[serde(default)]
    classes: BTreeMap<String, String>,
    /// Topics by names of beans, or by whole delegate expressions; `*` stands for any text.
    #[serde(default)]
    beans: BTreeMap<String, String>,
}

impl JavaTopics {
    /// Reads a file: TOML, or JSON if its name ends so.
    ///
    /// # Errors
    /// It can't be read, or makes no sense; in words for an operator.
    pub fn read(path: &Path) -> Result<JavaTopics, String> {
        let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
        JavaTopics::parse(
            &text,
            path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json")),
        )
    }

    fn parse(text: &str, json: bool) -> Result<JavaTopics, String> {
        let read: JavaTopics = match json {
            true => serde_json::from_str(text).map_err(|e| e.to_string())?,
            false => toml::from_str(text).map_err(|e| e.to_string())?,
        };
        let named = read.classes.iter().chain(&read.beans);
        let empty = named.into_iter().find(|(_, topic)| topic.trim().is_empty());
        match (empty, read.default.as_deref().map(str::trim)) {
            (Some((name, _)), _) => Err(format!("'{name}' has an empty topic")),
            (None, Some("")) => Err("the default topic is empty".to_owned()),
            _ => Ok(read),
        }
    }

    /// The topic of a piece of code: of the pattern with the most letters that fits, else the default.
    pub fn topic(&self, code: JavaCode<'_>) -> Option<&str> {
        let (patterns, name) = match code {
            JavaCode::Class(class) => (&self.classes, class),
            JavaCode::Bean(bean) => (&self.beans, bean),
            JavaCode::Delegate(expression) => (&self.beans, bean_of(expression)),
        };
        let fitting = patterns.iter().filter(|(pattern, _)| fits(pattern, name));
        let best =
            fitting.max_by_key(|(pattern, _)| (pattern.len() - pattern.matches('*').count(), *pattern));
        best.map(|(_, topic)| topic)
            .or(self.default.as_ref())
            .map(String::as_str)
    }
}

/// The bean of a delegate expression: `mail` of `${mail}`; any other expression stands for itself.
fn bean_of(expression: &str) -> &str {
    let inner = ["${", "#{"]
        .iter()
        .find_map(|open| expression.strip_prefix(open)?.strip_suffix('}'));
    let name = inner.map(str::trim);
    let is_name = |name: &&str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    name.filter(is_name).unwrap_or(expression)
}

/// Whether a pattern with `*` fits all of a text.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((start, mut rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(start) else {
        return false;
    };
    while let Some((part, after)) = rest.split_once('*') {
        let Some(at) = text.find(part) else { return false };
        text = &text[at + part.len()..];
        rest = after;
    }
    text.ends_with(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics(text: &str) -> JavaTopics {
        toml::from_str(text).expect("a file of topics")
    }

    #[test]
    fn the_longest_pattern_decides_and_the_default_takes_the_rest() {
        let topics = topics(
            r#"
            default = "java"
            [classes]
            "com.acme.*" = "acme"
            "com.acme.mail.*" = "mail"
            "com.acme.mail.Print" = "print"
            [beans]
            "*Service" = "services"
            "#,
        );
        let topic = |code| topics.topic(code).map(str::to_owned);
        assert_eq!(topic(JavaCode::Class("com.acme.Order")).as_deref(), Some("acme"));
        assert_eq!(
            topic(JavaCode::Class("com.acme.mail.Send")).as_deref(),
            Some("mail")
        );
        assert_eq!(
            topic(JavaCode::Class("com.acme.mail.Print")).as_deref(),
            Some("print")
        );
        assert_eq!(topic(JavaCode::Class("org.other.Order")).as_deref(), Some("java"));
        assert_eq!(topic(JavaCode::Bean("mailService")).as_deref(), Some("services"));
        assert_eq!(
            topic(JavaCode::Delegate("${mailService}")).as_deref(),
            Some("services")
        );
        assert_eq!(
            topic(JavaCode::Delegate("#{ mailService }")).as_deref(),
            Some("services")
        );
        assert_eq!(
            topic(JavaCode::Delegate("${mail.service}")).as_deref(),
            Some("java")
        );
    }

    #[test]
    fn without_a_default_what_is_not_named_has_no_topic() {
        let topics = topics("[classes]\n\"a.*.B\" = \"ab\"\n");
        assert_eq!(topics.topic(JavaCode::Class("a.x.y.B")), Some("ab"));
        assert_eq!(topics.topic(JavaCode::Class("a.B")), None);
        assert_eq!(topics.topic(JavaCode::Bean("a.x.B")), None);
        assert_eq!(JavaTopics::default().topic(JavaCode::Class("a.x.B")), None);
    }

    #[test]
    fn a_file_that_makes_no_sense_is_refused_in_words() {
        let why = |text: &str, json| JavaTopics::parse(text, json).unwrap_err();
        assert_eq!(why("[classes]\n\"a\" = \" \"\n", false), "'a' has an empty topic");
        assert_eq!(why("{\"default\": \"\"}", true), "the default topic is empty");
        assert!(why("[class]\n", false).contains("unknown field `class`"));
    }
}
