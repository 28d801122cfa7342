//! Reads DMN files, refusing what the reference refuses.
use super::model::*;
use super::schema::{self, Version};
use roxmltree::{Document, Node, ParsingOptions};
use std::collections::{HashMap, HashSet};

const CAMUNDA: &str = "http://camunda.org/schema/1.0/dmn";
/// Names of FEEL as the language of a whole file: they are the default.
const FEEL: [&str; 5] = [
    "http://www.omg.org/spec/FEEL/20140401",
    "http://www.omg.org/spec/DMN/20180521/FEEL/",
    "https://www.omg.org/spec/DMN/20191111/FEEL/",
    "https://www.omg.org/spec/DMN/20211108/FEEL/",
    "https://www.omg.org/spec/DMN/20230324/FEEL/",
];
/// Most nodes of a file.
const MAX_NODES: u32 = 1_000_000;

/// Whether a language is FEEL.
pub(super) fn is_feel(language: &str) -> bool {
    FEEL.contains(&language) || language.eq_ignore_ascii_case("feel")
}

/// Why a file is refused. The reference tells clients only that it is; this says why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

fn refuse<T>(reason: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal(reason.into()))
}

/// Reads a DMN file as its bytes: UTF-8.
///
/// # Errors
/// As [`parse`].
pub fn parse_bytes(bytes: &[u8]) -> Result<Definitions, Refusal> {
    match std::str::from_utf8(bytes) {
        Ok(text) => parse(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => refuse(error.to_string()),
    }
}

/// Reads a DMN file of any version from 1.1 to 1.5.
///
/// # Errors
/// What isn't XML, breaks the schema of its version, or has no meaning to the reference.
pub fn parse(text: &str) -> Result<Definitions, Refusal> {
    let options = ParsingOptions {
        nodes_limit: MAX_NODES,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(text, options).map_err(|e| Refusal(e.to_string()))?;
    let root = document.root_element();
    let namespace = root.tag_name().namespace().unwrap_or_default();
    let Some(version) = Version::of(namespace) else {
        return refuse(format!("'{namespace}' is no namespace of DMN"));
    };
    if !schema::is_valid(&document, version, namespace) {
        return refuse("the file does not follow the schema of its version of DMN");
    }
    let Some(key) = root.attribute("id") else {
        return refuse("DMN-02017 The decision requirements graph must have an 'id' attribute set.");
    };
    let language = root
        .attribute("expressionLanguage")
        .filter(|l| !FEEL.contains(l))
        .map(str::to_owned);
    let reader = Reader { namespace, language };
    let nodes: Vec<Node<'_, '_>> = reader.children(root, "decision").collect();
    let mut decisions = Vec::new();
    let mut by_key = HashMap::new();
    for node in &nodes {
        if let Some(decision) = reader.decision(*node)? {
            by_key.insert(decision.key.clone(), decisions.len());
            decisions.push(decision);
        }
    }
    let ids: HashSet<&str> = nodes
        .iter()
        .filter_map(|n| n.attribute("id"))
        .map(str::trim)
        .collect();
    for node in nodes {
        let requires = reader.requirements(node, &ids, &by_key)?;
        match node.attribute("id").and_then(|id| by_key.get(id.trim())) {
            Some(index) => decisions[*index].requires = requires,
            None if requires.is_empty() => {}
            None => return refuse("a decision without logic requires another"),
        }
    }
    without_loops(&decisions)?;
    Ok(Definitions {
        key: key.trim().to_owned(),
        name: root.attribute("name").unwrap_or_default().to_owned(),
        namespace: root.attribute("namespace").unwrap_or_default().to_owned(),
        decisions,
    })
}

/// No decision may require itself, over whatever others.
fn without_loops(decisions: &[Decision]) -> Result<(), Refusal> {
    fn visit(
        at: usize,
        decisions: &[Decision],
        path: &mut Vec<usize>,
        done: &mut HashSet<usize>,
    ) -> Result<(), Refusal> {
        if done.contains(&at) {
            return Ok(());
        }
        path.push(at);
        for next in &decisions[at].requires {
            if path.contains(next) {
                return refuse(format!(
                    "DMN-02015 The decision '{}' has a loop.",
                    decisions[*next].key
                ));
            }
            visit(*next, decisions, path, done)?;
        }
        path.pop();
        done.insert(at);
        Ok(())
    }
    let mut done = HashSet::new();
    (0..decisions.len()).try_for_each(|at| visit(at, decisions, &mut Vec::new(), &mut done))
}

struct Reader<'n> {
    namespace: &'n str,
    /// The language of cells that name none, if it isn't FEEL.
    language: Option<String>,
}

fn id_of(node: Node<'_, '_>, what: &str) -> Result<String, Refusal> {
    match node.attribute("id") {
        Some(id) => Ok(id.trim().to_owned()),
        None => refuse(format!("the {what} must have an 'id' attribute set")),
    }
}

/// An attribute; to the reference an empty one is none.
fn owned(node: Node<'_, '_>, name: &str) -> Option<String> {
    node.attribute(name).filter(|v| !v.is_empty()).map(str::to_owned)
}

impl<'n> Reader<'n> {
    fn children<'a, 'i: 'a>(
        &self,
        node: Node<'a, 'i>,
        name: &'static str,
    ) -> impl Iterator<Item = Node<'a, 'i>> + use<'a, 'i, 'n> {
        let namespace = self.namespace.to_owned();
        node.children().filter(move |c| {
            c.tag_name().name() == name && c.tag_name().namespace() == Some(namespace.as_str())
        })
    }

    fn child<'a, 'i: 'a>(&self, node: Node<'a, 'i>, name: &'static str) -> Option<Node<'a, 'i>> {
        self.children(node, name).next()
    }

    /// A decision; `None` if it has no logic, or one that the reference ignores.
    fn decision(&self, node: Node<'_, '_>) -> Result<Option<Decision>, Refusal> {
        let key = id_of(node, "decision")?;
        let history_time_to_live = node
            .attribute((CAMUNDA, "historyTimeToLive"))
            .filter(|text| !text.is_empty())
            .map(str::to_owned);
        if let Some(text) = &history_time_to_live
            && !is_time_to_live(text)
        {
            return refuse(format!("'{text}' is no history time to live"));
        }
        let logic = if let Some(table) = self.child(node, "decisionTable") {
            Logic::Table(self.table(table)?)
        } else if let Some(literal) = self.child(node, "literalExpression") {
            let Some(variable) = self.child(node, "variable") else {
                return refuse(format!(
                    "DMN-02018 The decision '{key}' must have an 'variable' element if it contains a literal \
                     expression."
                ));
            };
            Logic::Literal(Literal {
                variable: owned(variable, "name").unwrap_or_default(),
                type_name: owned(variable, "typeRef"),
                expression: self.cell(literal),
            })
        } else {
            return Ok(None);
        };
        Ok(Some(Decision {
            key,
            name: owned(node, "name").unwrap_or_default(),
            version_tag: node
                .attribute((CAMUNDA, "versionTag"))
                .filter(|v| !v.is_empty())
                .map(str::to_owned),
            history_time_to_live,
            logic,
            requires: Vec::new(),
        }))
    }

    /// The decisions that one requires.
    fn requirements(
        &self,
        node: Node<'_, '_>,
        ids: &HashSet<&str>,
        by_key: &HashMap<String, usize>,
    ) -> Result<Vec<usize>, Refusal> {
        let mut required = Vec::new();
        for requirement in self.children(node, "informationRequirement") {
            let Some(reference) = self.child(requirement, "requiredDecision") else {
                continue;
            };
            let href = reference.attribute("href").unwrap_or_default().trim();
            let id = href.rsplit('#').next().unwrap_or_default();
            match by_key.get(id) {
                Some(index) => required.push(*index),
                None if ids.contains(id) => {
                    return refuse(format!("the required decision '{id}' has no logic"));
                }
                None => return refuse(format!("there is no decision '{id}'")),
            }
        }
        Ok(required)
    }

    fn table(&self, node: Node<'_, '_>) -> Result<Table, Refusal> {
        let hit_policy = hit_policy(node)?;
        let inputs = self
            .children(node, "input")
            .map(|n| self.input(n))
            .collect::<Result<Vec<_>, _>>()?;
        let mut outputs: Vec<Output> = Vec::new();
        let several = self.children(node, "output").count() > 1;
        for child in self.children(node, "output") {
            let output = Output {
                id: id_of(child, "output")?,
                name: owned(child, "label"),
                output_name: owned(child, "name"),
                type_name: owned(child, "typeRef"),
            };
            if several && output.output_name.is_none() {
                return refuse(format!(
                    "DMN-02008 output '{}' does not have an output name",
                    output.id
                ));
            }
            if outputs.iter().any(|o| o.output_name == output.output_name) {
                return refuse(format!(
                    "DMN-02009 the name of output '{}' is duplicate",
                    output.id
                ));
            }
            outputs.push(output);
        }
        let mut rules = Vec::new();
        for child in self.children(node, "rule") {
            let rule = Rule {
                id: id_of(child, "rule")?,
                conditions: self.children(child, "inputEntry").map(|n| self.cell(n)).collect(),
                conclusions: self
                    .children(child, "outputEntry")
                    .map(|n| self.cell(n))
                    .collect(),
            };
            if rule.conditions.len() != inputs.len() {
                return refuse(format!(
                    "DMN-02005 rule '{}' has not as many entries as inputs",
                    rule.id
                ));
            }
            if rule.conclusions.len() != outputs.len() {
                return refuse(format!(
                    "DMN-02006 rule '{}' has not as many entries as outputs",
                    rule.id
                ));
            }
            rules.push(rule);
        }
        Ok(Table {
            hit_policy,
            inputs,
            outputs,
            rules,
        })
    }

    fn input(&self, node: Node<'_, '_>) -> Result<Input, Refusal> {
        let expression = self.child(node, "inputExpression");
        Ok(Input {
            id: id_of(node, "input")?,
            name: owned(node, "label"),
            variable: node
                .attribute((CAMUNDA, "inputVariable"))
                .filter(|v| !v.is_empty())
                .map(str::to_owned),
            type_name: expression.and_then(|e| owned(e, "typeRef")),
            expression: expression.map(|e| self.cell(e)).unwrap_or_default(),
        })
    }

    fn cell(&self, node: Node<'_, '_>) -> Cell {
        let text: Option<String> = self.child(node, "text").map(|text| {
            text.descendants()
                .filter(Node::is_text)
                .filter_map(|t| t.text())
                .collect::<String>()
                .trim()
                .to_owned()
        });
        Cell {
            text: text.filter(|t| !t.is_empty()),
            language: owned(node, "expressionLanguage").or_else(|| self.language.clone()),
            ..Cell::default()
        }
    }
}

fn hit_policy(node: Node<'_, '_>) -> Result<HitPolicy, Refusal> {
    let policy = node.attribute("hitPolicy").unwrap_or("UNIQUE");
    let aggregation = node.attribute("aggregation");
    Ok(match (policy, aggregation) {
        ("UNIQUE", None) => HitPolicy::Unique,
        ("FIRST", None) => HitPolicy::First,
        ("ANY", None) => HitPolicy::Any,
        ("RULE ORDER", None) => HitPolicy::RuleOrder,
        ("COLLECT", None) => HitPolicy::Collect,
        ("COLLECT", Some("SUM")) => HitPolicy::Aggregate(Aggregator::Sum),
        ("COLLECT", Some("COUNT")) => HitPolicy::Aggregate(Aggregator::Count),
        ("COLLECT", Some("MIN")) => HitPolicy::Aggregate(Aggregator::Min),
        ("COLLECT", Some("MAX")) => HitPolicy::Aggregate(Aggregator::Max),
        (policy, _) => return refuse(format!("DMN-02007 The hit policy '{policy}' is not supported.")),
    })
}

/// Days, or a period of days as ISO 8601 writes it.
fn is_time_to_live(text: &str) -> bool {
    days(text).is_some()
}

fn days(text: &str) -> Option<i32> {
    let digits = text
        .strip_prefix('P')
        .and_then(|t| t.strip_suffix('D'))
        .unwrap_or(text);
    digits
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| digits.parse().ok())?
}

impl Decision {
    /// Days that history of it is kept, as the model says; `None`: for ever, or it doesn't say.
    pub fn history_days(&self) -> Option<i32> {
        days(self.history_time_to_live.as_deref()?)
    }
}
