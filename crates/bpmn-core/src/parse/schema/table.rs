//! The declarations of `bpmn20.txt`, read once.
use super::{content::Content, simple::Simple};
use std::{collections::HashMap, sync::LazyLock};

pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::read(include_str!("bpmn20.txt")));

/// A name in one of the schema's namespaces.
pub(super) type Name = (&'static str, &'static str);

/// What an element may contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    /// Anything: elements without a declaration.
    Any,
    Simple(&'static Simple),
    /// An index into [`Schema::types`].
    Complex(usize),
}

/// A global or local element declaration.
#[derive(Debug)]
pub(super) struct Declaration {
    pub name: Name,
    pub ty: Type,
    pub is_abstract: bool,
    /// The declaration that it may stand for.
    pub head: Option<usize>,
}

#[derive(Debug)]
pub(super) struct AttributeUse {
    pub name: &'static str,
    pub ty: &'static Simple,
    pub required: bool,
}

#[derive(Debug)]
pub(super) struct ComplexType {
    pub name: Name,
    pub is_abstract: bool,
    pub mixed: bool,
    pub base: Option<usize>,
    /// `None` for types that must be empty.
    pub content: Option<Content>,
    /// Its own attributes before those of its base.
    pub attributes: Vec<AttributeUse>,
    /// The namespace that foreign attributes must not have; `None` forbids foreign attributes.
    pub foreign_attributes_outside: Option<&'static str>,
}

/// All declarations, by index.
#[derive(Debug, Default)]
pub(super) struct Schema {
    pub declarations: Vec<Declaration>,
    pub types: Vec<ComplexType>,
    elements: HashMap<Name, usize>,
    type_names: HashMap<Name, Type>,
}

/// A complex type as the table spells it, before its base and its particles are resolved.
#[derive(Default)]
struct Source {
    name: &'static str,
    base: Option<&'static str>,
    is_abstract: bool,
    mixed: bool,
    content: Option<&'static str>,
    attributes: Vec<(&'static str, &'static str, bool)>,
    foreign_attributes: bool,
}

impl Schema {
    /// The global element of that name.
    pub fn element(&self, namespace: &str, name: &str) -> Option<usize> {
        self.elements.get(&(namespace, name)).copied()
    }

    /// The type of that name.
    pub fn type_named(&self, namespace: &str, name: &str) -> Option<Type> {
        self.type_names.get(&(namespace, name)).copied()
    }

    /// Its namespaces: the model's, and those of diagrams.
    pub fn namespaces(&self) -> &'static [&'static str] {
        const NAMESPACES: [&str; 4] = [PREFIXES[0].1, PREFIXES[1].1, PREFIXES[2].1, PREFIXES[3].1];
        &NAMESPACES
    }

    /// Whether a type is another one or extends it.
    pub fn is_derived(&self, ty: Type, base: Type) -> bool {
        match (ty, base) {
            (_, Type::Any) => true,
            (Type::Complex(ty), Type::Complex(base)) => {
                std::iter::successors(Some(ty), |&at| self.types[at].base).any(|at| at == base)
            }
            _ => ty == base,
        }
    }

    /// Whether the element of that name may stand where `declared` is expected, and as which declaration.
    pub fn stands_for(&self, namespace: &str, name: &str, declared: usize) -> Option<usize> {
        if self.declarations[declared].name == (namespace, name) {
            return Some(declared);
        }
        let found = self.element(namespace, name)?;
        std::iter::successors(self.declarations[found].head, |&at| self.declarations[at].head)
            .any(|at| at == declared)
            .then_some(found)
    }

    fn read(text: &'static str) -> Schema {
        let lines = || text.lines().filter(|line| !line.starts_with('#'));
        let mut schema = Schema::default();
        let mut sources: Vec<Source> = Vec::new();
        for line in lines() {
            let words: Vec<&'static str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["type", name, flags @ ..] => sources.push(Source {
                    name,
                    is_abstract: flags.contains(&"abstract"),
                    mixed: flags.contains(&"mixed"),
                    base: flags
                        .iter()
                        .position(|f| *f == "extends")
                        .and_then(|at| flags.get(at + 1).copied()),
                    ..Source::default()
                }),
                ["enumeration", name, values @ ..] => {
                    schema.simple_type(name, Simple::enumeration(local(name), values));
                }
                ["union", "anyURI", name, values @ ..] => {
                    schema.simple_type(name, Simple::union(local(name), values));
                }
                [word @ ("content" | "attribute" | "attributes"), rest @ ..] => {
                    let Some(source) = sources.last_mut() else {
                        continue;
                    };
                    match (*word, rest) {
                        ("content", _) => source.content = line.trim_start().strip_prefix("content "),
                        ("attribute", [name, ty, flags @ ..]) => {
                            source.attributes.push((name, ty, !flags.is_empty()));
                        }
                        _ => source.foreign_attributes = true,
                    }
                }
                _ => {}
            }
        }
        for (ix, source) in sources.iter().enumerate() {
            schema.type_names.insert(expand(source.name), Type::Complex(ix));
        }
        let mut heads = Vec::new();
        for line in lines() {
            let words: Vec<&'static str> = line.split_whitespace().collect();
            let ["element", name, ty, flags @ ..] = words.as_slice() else {
                continue;
            };
            let ix = schema.declare(name, ty, flags.contains(&"abstract"));
            schema.elements.insert(expand(name), ix);
            if let [.., "in", head] = flags {
                heads.push((ix, expand(head)));
            }
        }
        for (ix, head) in heads {
            schema.declarations[ix].head = schema.elements.get(&head).copied();
        }
        for ix in 0..sources.len() {
            let ty = schema.complex(&sources, ix);
            schema.types.push(ty);
        }
        schema
    }

    fn complex(&mut self, sources: &[Source], ix: usize) -> ComplexType {
        let base = |source: &Source| {
            let name = source.base?;
            sources.iter().position(|s| s.name == name)
        };
        let line: Vec<usize> = std::iter::successors(Some(ix), |&at| base(&sources[at])).collect();
        let particles: Vec<&'static str> = line.iter().rev().filter_map(|&at| sources[at].content).collect();
        let attributes = line.iter().flat_map(|&at| &sources[at].attributes);
        let attributes = attributes
            .map(|&(name, ty, required)| AttributeUse {
                name,
                ty: self.simple_named(ty),
                required,
            })
            .collect();
        ComplexType {
            name: expand(sources[ix].name),
            is_abstract: sources[ix].is_abstract,
            mixed: line.iter().any(|&at| sources[at].mixed),
            base: base(&sources[ix]),
            content: (!particles.is_empty()).then(|| Content::read(self, sources[ix].name, &particles)),
            attributes,
            foreign_attributes_outside: line
                .iter()
                .find(|&&at| sources[at].foreign_attributes)
                .map(|&at| expand(sources[at].name).0),
        }
    }

    /// Adds a declaration.
    pub fn declare(&mut self, name: &'static str, ty: &'static str, is_abstract: bool) -> usize {
        let ty = match self.type_names.get(&expand(ty)) {
            Some(ty) => *ty,
            None => Type::Simple(Simple::builtin(ty)),
        };
        self.declarations.push(Declaration {
            name: expand(name),
            ty,
            is_abstract,
            head: None,
        });
        self.declarations.len() - 1
    }

    /// The declaration that a reference in the table means.
    pub fn referred(&self, name: &'static str) -> Option<usize> {
        self.elements.get(&expand(name)).copied()
    }

    fn simple_type(&mut self, name: &'static str, simple: Simple) {
        self.type_names
            .insert(expand(name), Type::Simple(Box::leak(Box::new(simple))));
    }

    fn simple_named(&self, name: &'static str) -> &'static Simple {
        match self.type_names.get(&expand(name)) {
            Some(Type::Simple(simple)) => simple,
            _ => Simple::builtin(name),
        }
    }
}

const PREFIXES: &[(&str, &str)] = &[
    ("m", "http://www.omg.org/spec/BPMN/20100524/MODEL"),
    ("b", "http://www.omg.org/spec/BPMN/20100524/DI"),
    ("c", "http://www.omg.org/spec/DD/20100524/DC"),
    ("d", "http://www.omg.org/spec/DD/20100524/DI"),
];

fn local(name: &'static str) -> &'static str {
    name.rsplit(':').next().unwrap_or(name)
}

fn expand(name: &'static str) -> Name {
    let prefix = name.split(':').next().unwrap_or_default();
    let uri = PREFIXES.iter().find(|(p, _)| *p == prefix);
    (uri.map_or("", |(_, uri)| uri), local(name))
}

/// The namespace that a type of the table belongs to.
pub(super) fn namespace_of(name: &'static str) -> &'static str {
    expand(name).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_of_the_table_is_resolved() {
        let schema = &*SCHEMA;
        assert_eq!(
            schema.type_named("http://www.omg.org/spec/DD/20100524/DC", "Bounds"),
            schema
                .element("http://www.omg.org/spec/DD/20100524/DC", "Bounds")
                .map(|at| schema.declarations[at].ty)
        );
        for line in include_str!("bpmn20.txt").lines().filter(|l| !l.starts_with('#')) {
            for word in line
                .split_whitespace()
                .filter(|w| w.contains(':') && !w.starts_with("any:"))
            {
                for name in word
                    .trim_end_matches(['?', '*', '+', '}', ',', '1', '2', '{'])
                    .split('=')
                {
                    let (namespace, local) = expand(name);
                    let known = schema.element(namespace, local).is_some()
                        || schema.type_named(namespace, local).is_some()
                        || schema.declarations.iter().any(|d| d.name == (namespace, local));
                    assert!(known || matches!(name, "QName" | "IDREF"), "{name} in {line}");
                }
            }
        }
    }
}
