//! The grammar: a path as a tree.

use super::values::Found;

/// The deepest nesting of parentheses and predicates accepted.
const MAX_NESTING: usize = 32;

pub(super) enum Tree {
    Number(f64),
    Text(String),
    Path(Start, Vec<Step>),
    Call(String, Vec<Tree>),
    Binary(String, Box<Tree>, Box<Tree>),
}

pub(super) enum Start {
    Here,
    Root,
    Of(Box<Tree>),
}

pub(super) struct Step {
    pub(super) axis: Axis,
    pub(super) test: Test,
    pub(super) predicates: Vec<Tree>,
}

#[derive(Clone, Copy)]
pub(super) enum Axis {
    Child,
    Attribute,
    Itself,
    Parent,
    Deep,
    Descendant,
    Ancestor,
    Following,
    Preceding,
}

impl Axis {
    fn named(name: &str) -> Option<Axis> {
        Some(match name {
            "child" => Axis::Child,
            "attribute" => Axis::Attribute,
            "self" => Axis::Itself,
            "parent" => Axis::Parent,
            "descendant" => Axis::Descendant,
            "descendant-or-self" => Axis::Deep,
            "ancestor" => Axis::Ancestor,
            "following-sibling" => Axis::Following,
            "preceding-sibling" => Axis::Preceding,
            _ => return None,
        })
    }

    pub(super) fn nodes<'a>(self, from: &Found<'a>) -> Vec<Found<'a>> {
        let Found::Node(node) = from else {
            return if matches!(self, Axis::Itself | Axis::Deep) {
                vec![from.clone()]
            } else {
                Vec::new()
            };
        };
        match self {
            Axis::Child => node.children().map(Found::Node).collect(),
            Axis::Attribute => node.attributes().map(Found::Attribute).collect(),
            Axis::Itself => vec![from.clone()],
            Axis::Parent => node.parent().map(Found::Node).into_iter().collect(),
            Axis::Deep => node.descendants().map(Found::Node).collect(),
            Axis::Descendant => node.descendants().skip(1).map(Found::Node).collect(),
            Axis::Ancestor => node.ancestors().skip(1).map(Found::Node).collect(),
            Axis::Following => node.next_siblings().skip(1).map(Found::Node).collect(),
            Axis::Preceding => node.prev_siblings().skip(1).map(Found::Node).collect(),
        }
    }
}

pub(super) enum Test {
    Any,
    Node,
    Text,
    Name(Option<String>, String),
}

/// Binary operators by how tightly they bind, the loosest first.
const LEVELS: [&[&str]; 7] = [
    &["or"],
    &["and"],
    &["!=", "="],
    &["<=", ">=", "<", ">"],
    &["+", "-"],
    &["*", "div", "mod"],
    &["|"],
];

pub(super) struct Parser<'a> {
    pub(super) rest: &'a str,
    pub(super) depth: usize,
}

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Option<Tree> {
        self.depth += 1;
        let found = (self.depth <= MAX_NESTING).then(|| self.binary(0)).flatten();
        self.depth -= 1;
        found
    }

    fn binary(&mut self, level: usize) -> Option<Tree> {
        let Some(operators) = LEVELS.get(level) else {
            return self.operand();
        };
        let mut left = self.binary(level + 1)?;
        while let Some(operator) = operators.iter().find(|operator| self.operator(operator)) {
            let right = self.binary(level + 1)?;
            left = Tree::Binary((*operator).to_owned(), Box::new(left), Box::new(right));
        }
        Some(left)
    }

    fn operator(&mut self, operator: &str) -> bool {
        let before = self.rest;
        let is_word = operator.starts_with(char::is_alphabetic);
        let ends = |rest: &str| !is_word || !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-');
        if self.take(operator) && ends(self.rest) {
            return true;
        }
        self.rest = before;
        false
    }

    fn take(&mut self, symbol: &str) -> bool {
        let after = self.rest.trim_start().strip_prefix(symbol);
        if let Some(after) = after {
            self.rest = after;
        }
        after.is_some()
    }

    fn operand(&mut self) -> Option<Tree> {
        self.rest = self.rest.trim_start();
        let first = self.rest.chars().next()?;
        if first == '-' {
            self.rest = &self.rest[1..];
            let operand = self.operand()?;
            return Some(Tree::Binary(
                "-".to_owned(),
                Box::new(Tree::Number(0.0)),
                Box::new(operand),
            ));
        }
        if first == '\'' || first == '"' {
            let (text, after) = self.rest[1..].split_once(first)?;
            self.rest = after;
            return Some(Tree::Text(text.to_owned()));
        }
        if first.is_ascii_digit() {
            let end = self
                .rest
                .find(|c: char| !c.is_ascii_digit() && c != '.')
                .unwrap_or(self.rest.len());
            let (digits, after) = self.rest.split_at(end);
            self.rest = after;
            return digits.parse().ok().map(Tree::Number);
        }
        if self.take("(") {
            let inner = self.expression()?;
            self.take(")").then_some(())?;
            let steps = self.further(Vec::new())?;
            return Some(Tree::Path(Start::Of(Box::new(inner)), steps));
        }
        self.path()
    }

    fn path(&mut self) -> Option<Tree> {
        if self.rest.starts_with('/') {
            let mut steps = Vec::new();
            if self.take("//") {
                steps.push(deep());
            } else {
                self.take("/");
                if !self.starts_step() {
                    return Some(Tree::Path(Start::Root, steps));
                }
            }
            steps.push(self.step()?);
            let steps = self.further(steps)?;
            return Some(Tree::Path(Start::Root, steps));
        }
        let before = self.rest;
        if let Some(name) = self.name()
            && self.take("(")
            && name != "text"
            && name != "node"
        {
            let mut arguments = Vec::new();
            if !self.take(")") {
                loop {
                    arguments.push(self.expression()?);
                    if self.take(")") {
                        break;
                    }
                    self.take(",").then_some(())?;
                }
            }
            let steps = self.further(Vec::new())?;
            let call = Tree::Call(name, arguments);
            return Some(Tree::Path(Start::Of(Box::new(call)), steps));
        }
        self.rest = before;
        let first = self.step()?;
        let steps = self.further(vec![first])?;
        Some(Tree::Path(Start::Here, steps))
    }

    fn further(&mut self, mut steps: Vec<Step>) -> Option<Vec<Step>> {
        loop {
            if self.take("//") {
                steps.push(deep());
            } else if !self.take("/") {
                return Some(steps);
            }
            steps.push(self.step()?);
        }
    }

    fn starts_step(&self) -> bool {
        let start = |c: char| c.is_alphabetic() || "_@.*".contains(c);
        self.rest.trim_start().starts_with(start)
    }

    fn step(&mut self) -> Option<Step> {
        let plain = |axis| Step {
            axis,
            test: Test::Node,
            predicates: Vec::new(),
        };
        if self.take("..") {
            return Some(plain(Axis::Parent));
        }
        if self.take(".") {
            return Some(plain(Axis::Itself));
        }
        let mut axis = if self.take("@") {
            Axis::Attribute
        } else {
            Axis::Child
        };
        let before = self.rest;
        match self.name() {
            Some(name) if self.take("::") => axis = Axis::named(&name)?,
            _ => self.rest = before,
        }
        let test = if self.take("*") {
            Test::Any
        } else {
            let name = self.name()?;
            if self.take("(") {
                self.take(")").then_some(())?;
                match name.as_str() {
                    "text" => Test::Text,
                    "node" => Test::Node,
                    _ => return None,
                }
            } else if self.rest.starts_with(':') && !self.rest.starts_with("::") {
                self.take(":");
                let local = if self.take("*") {
                    "*".to_owned()
                } else {
                    self.name()?
                };
                Test::Name(Some(name), local)
            } else {
                Test::Name(None, name)
            }
        };
        let mut predicates = Vec::new();
        while self.take("[") {
            predicates.push(self.expression()?);
            self.take("]").then_some(())?;
        }
        Some(Step {
            axis,
            test,
            predicates,
        })
    }

    fn name(&mut self) -> Option<String> {
        let rest = self.rest.trim_start();
        if !rest.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            return None;
        }
        let end = rest
            .find(|c: char| !c.is_alphanumeric() && !"_-.".contains(c))
            .unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        self.rest = after;
        Some(name.to_owned())
    }
}

fn deep() -> Step {
    Step {
        axis: Axis::Deep,
        test: Test::Node,
        predicates: Vec::new(),
    }
}
