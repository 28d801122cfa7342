//! What the schemas of DMN 1.1 to 1.5 allow: children, their order and number, and attributes. The reference refuses at
//! deployment what they don't allow. Contents of diagrams are not looked into.
mod types;

use regex::Regex;
use roxmltree::{Document, Node};
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;
use types::{ALIASES, CHOICES, TYPES, Type};

const DIAGRAMS: [&str; 3] = [
    "http://www.omg.org/spec/DMN/20180521/DMNDI/",
    "https://www.omg.org/spec/DMN/20191111/DMNDI/",
    "https://www.omg.org/spec/DMN/20230324/DMNDI/",
];

/// A version of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Version {
    V11,
    V12,
    V13,
    V14,
    V15,
}

impl Version {
    /// The version of a namespace.
    pub fn of(namespace: &str) -> Option<Version> {
        Some(match namespace {
            "http://www.omg.org/spec/DMN/20151101/dmn.xsd"
            | "http://www.omg.org/spec/DMN/20151101/dmn11.xsd" => Version::V11,
            "http://www.omg.org/spec/DMN/20180521/MODEL/" => Version::V12,
            "https://www.omg.org/spec/DMN/20191111/MODEL/" => Version::V13,
            "https://www.omg.org/spec/DMN/20211108/MODEL/" => Version::V14,
            "https://www.omg.org/spec/DMN/20230324/MODEL/" => Version::V15,
            _ => return None,
        })
    }

    fn diagram(self) -> Option<&'static str> {
        match self {
            Version::V11 => None,
            Version::V12 => Some(DIAGRAMS[0]),
            Version::V13 | Version::V14 => Some(DIAGRAMS[1]),
            Version::V15 => Some(DIAGRAMS[2]),
        }
    }
}

fn expressions(version: Version) -> &'static str {
    if version >= Version::V14 {
        "(literalExpression|invocation|decisionTable|context|functionDefinition|relation|list|for|every|some|\
         conditional|filter)"
    } else {
        "(literalExpression|invocation|decisionTable|context|functionDefinition|relation|list)"
    }
}

/// The members of a group of elements that stand for each other.
fn group(name: &str, version: Version) -> Option<&'static str> {
    Some(match name {
        "EXPRESSION" => expressions(version),
        "DRG" if version == Version::V11 => "(decision|businessKnowledgeModel|inputData|knowledgeSource)",
        "DRG" => "(decision|businessKnowledgeModel|inputData|knowledgeSource|decisionService)",
        "ARTIFACT" if version >= Version::V13 => "(textAnnotation|association|group)",
        "ARTIFACT" => "(textAnnotation|association)",
        "BUSINESS" => "(performanceIndicator|organizationUnit)",
        _ => return None,
    })
}

/// A type with those it extends put together, for one version.
struct Compiled {
    children: Option<Regex>,
    attributes: Vec<(&'static str, bool)>,
    typed: &'static [(&'static str, &'static str)],
    /// Attributes of other namespaces are allowed.
    open: bool,
}

const VERSIONS: [Version; 5] = [
    Version::V11,
    Version::V12,
    Version::V13,
    Version::V14,
    Version::V15,
];

static COMPILED: LazyLock<HashMap<Version, HashMap<&'static str, Compiled>>> = LazyLock::new(|| {
    let names = || {
        TYPES
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| !name.contains('@'))
    };
    VERSIONS
        .map(|version| {
            (
                version,
                names().map(|name| (name, compiled(name, version))).collect(),
            )
        })
        .into()
});

/// The type of a name in a version: the newest that is not newer.
fn type_of(name: &str, version: Version) -> Option<&'static Type> {
    let number = |v: Version| v as usize + 11;
    TYPES
        .iter()
        .filter(|(known, _)| {
            let (known, since) = known.split_once('@').unwrap_or((known, "11"));
            known == name && since.parse::<usize>().is_ok_and(|since| since <= number(version))
        })
        .map(|(_, found)| found)
        .next_back()
}

fn compiled(name: &str, version: Version) -> Compiled {
    let mut pattern = String::new();
    let mut attributes = Vec::new();
    let mut typed: &'static [(&str, &str)] = &[];
    let mut open = false;
    let mut next = name;
    while let Some(found) = type_of(next, version) {
        open |= next == "element";
        pattern.insert_str(0, &content(found.children, version));
        attributes.extend(
            found
                .attributes
                .split_whitespace()
                .map(|a| match a.strip_suffix('!') {
                    Some(required) => (required, true),
                    None => (a, false),
                }),
        );
        if !found.typed.is_empty() {
            typed = found.typed;
        }
        next = found.base;
    }
    Compiled {
        children: Regex::new(&format!("^{pattern}$")).ok(),
        attributes,
        typed,
        open,
    }
}

/// A pattern over names followed by a space, from one over names.
fn content(children: &str, version: Version) -> String {
    let mut pattern = String::new();
    let mut word = String::new();
    let end = |word: &mut String, pattern: &mut String| {
        if word.is_empty() {
            return;
        }
        match group(word, version) {
            Some(members) => pattern.push_str(&format!("({members} )")),
            None => pattern.push_str(&format!("({word} )")),
        }
        word.clear();
    };
    for c in children.chars() {
        if c.is_alphanumeric() {
            word.push(c);
            continue;
        }
        end(&mut word, &mut pattern);
        if c != ' ' {
            pattern.push(c);
        }
    }
    end(&mut word, &mut pattern);
    pattern
}

/// Whether a document is one of its version's schema.
pub(super) fn is_valid(document: &Document<'_>, version: Version, namespace: &str) -> bool {
    let root = document.root_element();
    let mut ids = HashSet::new();
    root.tag_name().name() == "definitions" && element(root, "definitions", version, namespace, &mut ids)
}

fn element<'a>(
    node: Node<'a, '_>,
    name: &str,
    version: Version,
    namespace: &str,
    ids: &mut HashSet<&'a str>,
) -> bool {
    let Some(known) = COMPILED.get(&version).and_then(|types| types.get(name)) else {
        // A text: no attributes, no children.
        return node.attributes().all(|a| is_free(a.namespace())) && !node.children().any(|c| c.is_element());
    };
    attributes(node, known, version, namespace, ids) && children(node, known, version, namespace, ids)
}

fn is_free(namespace: Option<&str>) -> bool {
    namespace == Some("http://www.w3.org/2001/XMLSchema-instance")
}

fn attributes<'a>(
    node: Node<'a, '_>,
    known: &Compiled,
    version: Version,
    namespace: &str,
    ids: &mut HashSet<&'a str>,
) -> bool {
    for attribute in node.attributes() {
        match attribute.namespace() {
            None => {
                if !known.attributes.iter().any(|(name, _)| *name == attribute.name()) {
                    return false;
                }
            }
            Some(other) if is_free(Some(other)) => continue,
            Some(other) => {
                if !known.open || other == namespace {
                    return false;
                }
                continue;
            }
        }
        let value = attribute.value();
        let allowed = CHOICES.iter().find(|(name, _)| *name == attribute.name());
        let fits = match attribute.name() {
            "id" => is_name(value.trim()) && ids.insert(attribute.value().trim()),
            "typeRef" if version == Version::V11 => is_qualified_name(value.trim(), node),
            _ => allowed.is_none_or(|(_, values)| values.contains(&value)),
        };
        if !fits {
            return false;
        }
    }
    known
        .attributes
        .iter()
        .all(|(name, required)| !required || node.attribute(*name).is_some())
}

fn children<'a>(
    node: Node<'a, '_>,
    known: &Compiled,
    version: Version,
    namespace: &str,
    ids: &mut HashSet<&'a str>,
) -> bool {
    let mut names = String::new();
    for child in node.children() {
        if child.is_text() && child.text().is_some_and(|t| !t.trim().is_empty()) {
            return false;
        }
        if !child.is_element() {
            continue;
        }
        let name = child.tag_name().name();
        if child.tag_name().namespace() == Some(namespace) {
            names.push_str(name);
        } else if name == "DMNDI" && child.tag_name().namespace() == version.diagram() {
            names.push_str("DMNDI");
        } else {
            return false;
        }
        names.push(' ');
    }
    if !known
        .children
        .as_ref()
        .is_some_and(|pattern| pattern.is_match(&names))
    {
        return false;
    }
    node.children().filter(Node::is_element).all(|child| {
        let name = child.tag_name().name();
        match name {
            "extensionElements" => extensions(child, namespace),
            "DMNDI" => true,
            _ => element(child, type_name(name, known), version, namespace, ids),
        }
    })
}

/// The name of a child's type.
fn type_name<'n>(name: &'n str, parent: &Compiled) -> &'n str {
    let listed =
        |list: &[(&'static str, &'static str)]| list.iter().find(|(n, _)| *n == name).map(|(_, t)| *t);
    listed(parent.typed).or_else(|| listed(ALIASES)).unwrap_or(name)
}

/// Extensions are of other namespaces.
fn extensions(node: Node<'_, '_>, namespace: &str) -> bool {
    node.attributes().all(|a| is_free(a.namespace()))
        && node.children().filter(Node::is_element).all(|child| {
            child
                .tag_name()
                .namespace()
                .is_some_and(|n| !n.is_empty() && n != namespace)
        })
}

/// A name without a colon.
fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '\u{b7}'))
}

/// A name, perhaps with a prefix that is bound.
fn is_qualified_name(text: &str, node: Node<'_, '_>) -> bool {
    match text.split_once(':') {
        None => is_name(text),
        Some((prefix, name)) => {
            is_name(prefix) && is_name(name) && node.lookup_namespace_uri(Some(prefix)).is_some()
        }
    }
}
