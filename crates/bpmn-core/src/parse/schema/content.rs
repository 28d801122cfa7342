//! Content models: which children may follow one another.
use super::table::{Schema, namespace_of};

/// A content model as an automaton: its leaves are the elements and wildcards of the model in order, and the state is
/// the leaf that matched last.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub leaves: Vec<Leaf>,
    first: Vec<usize>,
    follow: Vec<Vec<usize>>,
    last: Vec<bool>,
    may_be_empty: bool,
    /// The first leaves of elements that must come twice.
    twice: Vec<usize>,
}

/// What a place of a content model accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaf {
    /// A declaration, or one that stands for it.
    Element(usize),
    /// Any element outside a namespace, or any at all; with `strict`, it must be declared.
    Any {
        outside: Option<&'static str>,
        strict: bool,
    },
}

/// Where an element is in its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Start,
    After(usize),
    /// A child didn't fit, so that the order of the others isn't judged.
    Failed,
}

/// A part of a content model: its leaves that may come first and last.
#[derive(Clone, Default)]
struct Part {
    first: Vec<usize>,
    last: Vec<usize>,
    may_be_empty: bool,
}

impl Content {
    /// Reads particles: those of a base type before those of the type itself.
    pub fn read(schema: &mut Schema, type_name: &'static str, particles: &[&'static str]) -> Content {
        let mut content = Content::default();
        let mut whole = Part {
            may_be_empty: true,
            ..Part::default()
        };
        for particles in particles {
            let words: Vec<&'static str> = particles.split_whitespace().collect();
            let part = match words.as_slice() {
                ["(", inner @ .., ")"] => {
                    let mut choice = Part::default();
                    for branch in inner.split(|word| *word == "|") {
                        let branch = content.sequence(schema, type_name, branch);
                        choice.first.extend(branch.first);
                        choice.last.extend(branch.last);
                        choice.may_be_empty |= branch.may_be_empty;
                    }
                    choice
                }
                words => content.sequence(schema, type_name, words),
            };
            whole = content.concatenate(whole, part);
        }
        content.first = whole.first;
        content.may_be_empty = whole.may_be_empty;
        content.last = vec![false; content.leaves.len()];
        for leaf in whole.last {
            content.last[leaf] = true;
        }
        content
    }

    fn sequence(&mut self, schema: &mut Schema, type_name: &'static str, words: &[&'static str]) -> Part {
        let mut whole = Part {
            may_be_empty: true,
            ..Part::default()
        };
        for word in words {
            let (term, occurs) = match word.find(['?', '*', '+', '{']) {
                Some(at) => word.split_at(at),
                None => (*word, ""),
            };
            let leaf = leaf(schema, type_name, term);
            let occurrences: &[&str] = match occurs {
                "{2,}" => &["", "+"],
                "{1,2}" => &["", "?"],
                other => &[other],
            };
            if occurs == "{2,}" {
                self.twice.push(self.leaves.len());
            }
            for occurs in occurrences {
                let part = self.leaf(leaf, occurs);
                whole = self.concatenate(whole, part);
            }
        }
        whole
    }

    fn leaf(&mut self, leaf: Leaf, occurs: &str) -> Part {
        let at = self.leaves.len();
        self.leaves.push(leaf);
        let repeats = matches!(occurs, "*" | "+");
        self.follow.push(if repeats { vec![at] } else { Vec::new() });
        Part {
            first: vec![at],
            last: vec![at],
            may_be_empty: matches!(occurs, "?" | "*"),
        }
    }

    fn concatenate(&mut self, mut left: Part, right: Part) -> Part {
        for &leaf in &left.last {
            self.follow[leaf].extend(&right.first);
        }
        if left.may_be_empty {
            left.first.extend(right.first);
        }
        if right.may_be_empty {
            left.last.extend(right.last);
        } else {
            left.last = right.last;
        }
        left.may_be_empty &= right.may_be_empty;
        left
    }

    /// The leaves that may come next.
    fn next(&self, state: State) -> &[usize] {
        match state {
            State::Start => &self.first,
            State::After(leaf) => &self.follow[leaf],
            State::Failed => &[],
        }
    }

    /// The leaf that a child matches in a state, and the declaration found for it.
    pub fn step(&self, schema: &Schema, state: State, child: (&str, &str)) -> Option<(usize, Leaf)> {
        self.next(state)
            .iter()
            .find_map(|&at| Some((at, matches(schema, self.leaves[at], child)?)))
    }

    /// The leaf that a child matches anywhere in the model.
    pub fn anywhere(&self, schema: &Schema, child: (&str, &str)) -> Option<Leaf> {
        self.leaves.iter().find_map(|&leaf| matches(schema, leaf, child))
    }

    /// The declaration that must come a second time next.
    pub fn must_repeat(&self, state: State) -> Option<usize> {
        match state {
            State::After(leaf) if self.twice.contains(&leaf) => match self.leaves[leaf] {
                Leaf::Element(declared) => Some(declared),
                Leaf::Any { .. } => None,
            },
            _ => None,
        }
    }

    /// Whether an element may end in a state.
    pub fn may_end(&self, state: State) -> bool {
        match state {
            State::Start => self.may_be_empty,
            State::After(leaf) => self.last[leaf],
            State::Failed => true,
        }
    }

    /// What may come next of what is declared, as the reference lists it; `None` if nothing may.
    pub fn expected(&self, schema: &Schema, state: State, declared: &[&str]) -> Option<String> {
        let mut next = self.next(state).to_vec();
        next.sort_unstable();
        let mut named: Vec<Leaf> = Vec::new();
        for leaf in next.into_iter().map(|at| self.leaves[at]) {
            let known = match leaf {
                Leaf::Element(at) => declared.contains(&schema.declarations[at].name.0),
                Leaf::Any { .. } => true,
            };
            if known && !named.contains(&leaf) {
                named.push(leaf);
            }
        }
        let names = named.iter().map(|leaf| match leaf {
            Leaf::Element(at) => {
                let (namespace, name) = schema.declarations[*at].name;
                format!("\"{namespace}\":{name}")
            }
            Leaf::Any { outside: None, .. } => "WC[##any]".to_owned(),
            Leaf::Any {
                outside: Some(namespace),
                ..
            } => format!("WC[##other:\"{namespace}\"]"),
        });
        (!named.is_empty()).then(|| format!("{{{}}}", names.collect::<Vec<_>>().join(", ")))
    }
}

fn leaf(schema: &mut Schema, type_name: &'static str, term: &'static str) -> Leaf {
    if let Some(wildcard) = term.strip_prefix("any:") {
        return Leaf::Any {
            outside: wildcard.starts_with("other").then(|| namespace_of(type_name)),
            strict: wildcard.ends_with("strict"),
        };
    }
    match term.split_once('=') {
        Some((name, ty)) => Leaf::Element(schema.declare(name, ty, false)),
        // The table's own test proves that each reference is declared.
        None => Leaf::Element(schema.referred(term).unwrap_or(usize::MAX)),
    }
}

/// What a leaf takes a child for.
fn matches(schema: &Schema, leaf: Leaf, (namespace, name): (&str, &str)) -> Option<Leaf> {
    match leaf {
        Leaf::Element(declared) => schema.stands_for(namespace, name, declared).map(Leaf::Element),
        Leaf::Any { outside, .. } => {
            let fits = outside.is_none_or(|outside| !namespace.is_empty() && namespace != outside);
            fits.then_some(leaf)
        }
    }
}
