//! Random block-structured processes in short form: each block is entered at one element and left at one.
//!
//! None loops without a wait state (which would take the reference engine down): what may come back is behind a user task,
//! conditions watch a variable that only steps set, and what an event's handler does throws nothing that the event could catch again.
use super::Dice;
use std::fmt::Write;

/// Makes a start event one that a message starts.
pub(super) const BEGIN: &str = " message begin";

/// The short form of a process (and those that it calls).
pub fn process(theme: &str, seed: u64) -> String {
    let mut builder = Builder {
        dice: Dice::new(seed),
        rich: ["data", "events", "changes", "usual", "versions"].contains(&theme),
        weights: weights(theme),
        count: 0,
        quiet: false,
        called: Vec::new(),
        budget: 3 + (seed % 16) as usize,
    };
    let depth = [1, 1, 2, 2, 3][builder.dice.below(5)];
    let mut process = match theme {
        "pairs" => builder.pairs(),
        _ => builder.scope(depth, true),
    };
    if builder.dice.once_in(if theme == "scopes" { 3 } else { 10 }) {
        builder.event_sub(&mut process, 1);
    }
    if theme == "usual" && builder.dice.once_in(5) {
        process.elements[0].head += BEGIN;
    }
    let mut text = "process KEY\n".to_owned();
    process.write(&mut text, 1);
    for (number, called) in builder.called.iter().enumerate() {
        let _ = writeln!(text, "process KEY_{}", number + 1);
        called.write(&mut text, 1);
    }
    text
}

#[derive(Clone, Copy)]
enum Block {
    Leaf,
    Sequence,
    Fork,
    Exclusive,
    Inclusive,
    EventGateway,
    Sub,
    Boundary,
    Compensation,
    Transaction,
    Call,
    Loop,
    Multi,
    Split,
    Link,
    Rule,
    Script,
    Listened,
    Worker,
    Passing,
    Watched,
    Ending,
    Thrower,
}
use Block::*;

fn weights(theme: &str) -> Vec<(Block, usize)> {
    match theme {
        "tasks" => vec![(Leaf, 4), (Sequence, 6), (Exclusive, 1)],
        "gateways" => vec![
            (Leaf, 1),
            (Sequence, 2),
            (Fork, 3),
            (Exclusive, 2),
            (Inclusive, 3),
            (EventGateway, 2),
            (Loop, 1),
        ],
        "boundary" => vec![(Leaf, 1), (Sequence, 2), (Boundary, 6), (Sub, 1), (Fork, 1)],
        "scopes" => vec![(Leaf, 1), (Sequence, 2), (Sub, 6), (Fork, 1), (Boundary, 1)],
        "loops" => vec![
            (Leaf, 1),
            (Sequence, 1),
            (Multi, 7),
            (Sub, 1),
            (Loop, 1),
            (Fork, 1),
        ],
        "compensation" => vec![
            (Leaf, 1),
            (Sequence, 2),
            (Compensation, 4),
            (Transaction, 3),
            (Sub, 1),
        ],
        "calls" => vec![
            (Leaf, 1),
            (Sequence, 2),
            (Call, 5),
            (Boundary, 1),
            (Fork, 1),
            (Multi, 1),
        ],
        "data" => vec![
            (Leaf, 3),
            (Sequence, 5),
            (Split, 2),
            (Exclusive, 1),
            (Sub, 1),
            (Multi, 1),
            (Call, 1),
        ],
        "events" => vec![
            (Leaf, 1),
            (Sequence, 2),
            (Sub, 3),
            (Boundary, 3),
            (Fork, 2),
            (Split, 1),
            (Link, 1),
            (Inclusive, 1),
            (EventGateway, 1),
            (Compensation, 2),
            (Transaction, 1),
        ],
        "usual" => vec![
            (Leaf, 3),
            (Sequence, 9),
            (Exclusive, 3),
            (Worker, 2),
            (Listened, 2),
            (Script, 2),
            (Rule, 1),
            (Passing, 2),
            (Boundary, 2),
            (EventGateway, 1),
            (Fork, 1),
            (Sub, 1),
            (Multi, 1),
            (Loop, 1),
        ],
        "scripts" => vec![
            (Sequence, 6),
            (Script, 4),
            (Listened, 4),
            (Rule, 3),
            (Exclusive, 1),
            (Sub, 1),
            (Multi, 1),
        ],
        "throws" => vec![
            (Leaf, 1),
            (Sequence, 3),
            (Thrower, 5),
            (Passing, 3),
            (Ending, 2),
            (Watched, 3),
            (Multi, 1),
        ],
        _ => vec![
            (Leaf, 1),
            (Sequence, 4),
            (Fork, 2),
            (Exclusive, 2),
            (Inclusive, 1),
            (EventGateway, 1),
            (Sub, 2),
            (Boundary, 3),
            (Compensation, 1),
            (Transaction, 1),
            (Call, 1),
            (Loop, 1),
            (Multi, 2),
        ],
    }
}

#[derive(Default)]
pub(super) struct Scope {
    pub(super) elements: Vec<Element>,
}

pub(super) struct Element {
    pub(super) id: String,
    pub(super) head: String,
    pub(super) flows: Vec<String>,
    pub(super) inside: Vec<String>,
    pub(super) scope: Option<Scope>,
}

impl Scope {
    fn write(&self, text: &mut String, depth: usize) {
        for element in &self.elements {
            let _ = writeln!(
                text,
                "{:1$}{2}{3}",
                "",
                depth * 2,
                element.head,
                element.flows.concat()
            );
            for line in &element.inside {
                let _ = writeln!(text, "{:1$}{line}", "", depth * 2 + 2);
            }
            if let Some(scope) = &element.scope {
                scope.write(text, depth + 1);
            }
        }
    }

    pub(super) fn flow(&mut self, from: &str, to: &str, how: &str) {
        if let Some(element) = self.elements.iter_mut().find(|e| e.id == from) {
            element.flows.push(format!(" > {to}{how}"));
        }
    }

    pub(super) fn add(&mut self, id: &str, head: String) -> &mut Element {
        let element = Element {
            id: id.to_owned(),
            head,
            flows: Vec::new(),
            inside: Vec::new(),
            scope: None,
        };
        self.elements.push(element);
        let last = self.elements.len() - 1;
        &mut self.elements[last]
    }
}

/// First and last element of a block.
pub(super) type Ends = (String, String);

pub(super) struct Builder {
    pub(super) dice: Dice,
    /// Whether there is more than tasks with plain parameters ([`super::rich`]).
    pub(super) rich: bool,
    weights: Vec<(Block, usize)>,
    count: usize,
    /// In what an event runs: throws nothing.
    pub(super) quiet: bool,
    pub(super) called: Vec<Scope>,
    /// How many more blocks there may be.
    budget: usize,
}

impl Builder {
    pub(super) fn id(&mut self, prefix: &str) -> String {
        self.count += 1;
        format!("{prefix}{}", self.count)
    }

    pub(super) fn pick(&mut self, from: &[&'static str]) -> &'static str {
        self.dice.pick(from)
    }

    /// Asynchronous continuations, sometimes.
    pub(super) fn asynchronous(&mut self) -> &'static str {
        match self.dice.below(14) {
            0 => " async",
            1 => " after",
            2 => " async after",
            3 => " async nonexclusive",
            _ => "",
        }
    }

    /// A scope with its start and end events, and event subprocesses now and then.
    pub(super) fn scope(&mut self, depth: u32, top: bool) -> Scope {
        let mut scope = Scope::default();
        let start = self.id("s");
        let asynchronous = if self.dice.once_in(12) { " async" } else { "" };
        scope.add(&start, format!("start {start}{asynchronous}"));
        let (first, last) = self.block(&mut scope, depth);
        scope.flow(&start, &first, "");
        let end = self.end(&mut scope, top);
        scope.flow(&last, &end, "");
        scope
    }

    pub(super) fn end(&mut self, scope: &mut Scope, top: bool) -> String {
        let end = self.id("e");
        let event = match self.dice.below(18) {
            0 => " terminate",
            1 if !self.quiet && !top => " error E1",
            2 if !self.quiet && !top => " error E2",
            3 if !self.quiet => " escalation S1",
            4 if !self.quiet => " signal g",
            5 => " message m .@expression=${x}",
            _ => "",
        };
        let asynchronous = if self.dice.once_in(16) { " async" } else { "" };
        scope.add(&end, format!("end {end}{event}{asynchronous}"));
        end
    }

    pub(super) fn block(&mut self, scope: &mut Scope, depth: u32) -> Ends {
        if depth == 0 || self.budget == 0 {
            return self.leaf(scope);
        }
        self.budget -= 1;
        let total: usize = self.weights.iter().map(|(_, w)| w).sum();
        let mut at = self.dice.below(total);
        let mut kind = Leaf;
        for (block, weight) in &self.weights {
            if at < *weight {
                kind = *block;
                break;
            }
            at -= weight;
        }
        match kind {
            Leaf => self.leaf(scope),
            Sequence => {
                let (first, left) = self.block(scope, depth);
                let (right, last) = self.block(scope, depth - 1);
                scope.flow(&left, &right, "");
                (first, last)
            }
            Fork => self.fork(scope, depth, "and"),
            Exclusive => self.fork(scope, depth, "xor"),
            Inclusive => self.fork(scope, depth, "or"),
            EventGateway => self.event_gateway(scope, depth),
            Sub => self.sub(scope, depth),
            Boundary => self.boundary(scope, depth),
            Compensation => self.compensation(scope, depth),
            Transaction => self.transaction(scope, depth),
            Call => self.call(scope, depth),
            Loop => self.again(scope, depth),
            Multi => self.multi(scope, depth),
            Split => self.split(scope, depth),
            Link => self.link(scope, depth),
            Rule => self.rule(scope),
            Script => self.script(scope),
            Listened => self.listened(scope),
            Worker => self.worker(scope, depth),
            Passing => self.passing(scope, depth),
            Watched => self.watched(scope, depth),
            Ending => self.ending(scope, depth),
            Thrower => self.thrower(scope, depth),
        }
    }

    /// Parameters, listeners and the like, sometimes.
    pub(super) fn extras(&mut self, id: &str, element: &mut Element) {
        let multi = element.inside.iter().any(|l| l.starts_with("multi"));
        if self.rich && self.dice.once_in(3) {
            return self.rich_extras(id, element, multi);
        }
        match self.dice.below(14) {
            0 | 1 => {
                element.inside.push("in in : ${x}".to_owned());
                if self.dice.once_in(2) && !multi {
                    element.inside.push(format!("out {id} : ${{in}}"));
                }
            }
            2 if !multi => element.inside.push(format!("out {id} : ${{x}}")),
            3 => {
                let event = self.pick(&["start", "end"]);
                let expression = format!("${{execution.setVariable('{id}_{event}', x)}}");
                element.inside.push(format!("listen {event} {expression}"));
            }
            4 => {
                element.inside.push("in in : text".to_owned());
                element.inside.push("in missing".to_owned());
            }
            _ => {}
        }
    }

    pub(super) fn leaf(&mut self, scope: &mut Scope) -> Ends {
        if self.rich && self.dice.once_in(3) {
            return self.rich_leaf(scope);
        }
        let asynchronous = self.asynchronous();
        let kind = self.dice.below(24);
        let (prefix, head) = match kind {
            0..=4 => ("u", "user"),
            5..=7 => ("x", "external"),
            8 => ("r", "receive"),
            9 => ("r", "receive"),
            10 => ("n", "manual"),
            11 => ("n", "task"),
            12..=14 => ("v", "service"),
            15 => ("v", "send"),
            16 => ("v", "rule"),
            17 | 18 => ("t", "catch"),
            19 => ("m", "catch"),
            20 => ("g", "catch"),
            21 => ("k", "catch"),
            _ => ("h", "throw"),
        };
        let id = self.id(prefix);
        let rest = match kind {
            0..=4 => self.pick(&[
                "",
                "",
                " @assignee=demo",
                " name=\"Do ${x}\" @candidateGroups=g1,g2",
                " @priority=${x}",
                " @formKey=f",
            ]),
            5..=7 => " topic",
            8 => " m",
            12..=16 => self.pick(&[
                " @expression=${x}",
                " @expression=${x} @resultVariable=y",
                " @expression=${execution.setVariable('y',x)}",
                " @expression=${missing}",
                " @expression=${x+1} @resultVariable=x",
            ]),
            17 => " timer PT1H",
            18 => self.pick(&[
                " timer P1D",
                " timer:date 2099-01-01T00:00:00Z",
                " timer ${'PT2H'}",
            ]),
            19 => " message m",
            20 => " signal g",
            21 => " conditional ${c>2} .@variableName=c",
            22 if !self.quiet => self.pick(&[" signal g", " escalation S1", " escalation S2", ""]),
            23 => self.pick(&["", " message m .@expression=${x}"]),
            _ => "",
        };
        // A service that always fails may as well have retries to wait for.
        let head = format!("{head} {id}{rest}{asynchronous}");
        let mut element = Element {
            id: id.clone(),
            head,
            flows: vec![],
            inside: vec![],
            scope: None,
        };
        if kind < 17 {
            self.extras(&id, &mut element);
        }
        if rest.contains("missing") && self.dice.once_in(2) {
            element.inside.push("retry R2/PT10M".to_owned());
        }
        scope.elements.push(element);
        (id.clone(), id)
    }
}
