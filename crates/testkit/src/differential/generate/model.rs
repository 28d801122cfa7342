//! Random block-structured processes in short form: each block is entered at one element and left at one.
//!
//! None loops without a wait state (which would take the reference engine down): what may come back is behind a user task,
//! conditions watch a variable that only steps set, and what an event's handler does throws nothing that the event could catch again.
use super::Dice;
use std::fmt::Write;

/// The short form of a process (and those that it calls).
pub fn process(theme: &str, seed: u64) -> String {
    let mut builder = Builder {
        dice: Dice::new(seed),
        rich: ["data", "events", "changes"].contains(&theme),
        weights: weights(theme),
        count: 0,
        quiet: false,
        called: Vec::new(),
        budget: 3 + (seed % 16) as usize,
    };
    let depth = [1, 1, 2, 2, 3][builder.dice.below(5)];
    let mut process = builder.scope(depth, true);
    if builder.dice.once_in(if theme == "scopes" { 3 } else { 10 }) {
        builder.event_sub(&mut process, 1);
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
    elements: Vec<Element>,
}

pub(super) struct Element {
    id: String,
    head: String,
    flows: Vec<String>,
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
    rich: bool,
    weights: Vec<(Block, usize)>,
    count: usize,
    /// In what an event runs: throws nothing.
    quiet: bool,
    called: Vec<Scope>,
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
    fn scope(&mut self, depth: u32, top: bool) -> Scope {
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
        }
    }

    /// Parameters, listeners and the like, sometimes.
    fn extras(&mut self, id: &str, element: &mut Element) {
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

    fn fork(&mut self, scope: &mut Scope, depth: u32, kind: &str) -> Ends {
        let (fork, join) = (self.id("f"), self.id("j"));
        let branches = 2 + self.dice.below(2);
        // After it, the jobs of the branches could not be told apart.
        let asynchronous = if self.dice.once_in(8) { " async" } else { "" };
        scope.add(&fork, format!("{kind} {fork}{asynchronous}"));
        // Now and then branches meet without waiting for each other, or not at all.
        let apart = kind != "xor" && self.dice.once_in(8);
        let meet = if kind != "xor" && self.dice.once_in(8) {
            "xor"
        } else {
            kind
        };
        let asynchronous = self.asynchronous();
        scope.add(&join, format!("{meet} {join}{asynchronous}"));
        for branch in 0..branches {
            let (first, last) = self.block(scope, depth - 1);
            let how = match kind {
                "and" => String::new(),
                _ if branch + 1 == branches => " default".to_owned(),
                "xor" => format!(" if ${{x%{branches}=={branch}}}"),
                _ => format!(" if ${{x>{branch}}}"),
            };
            scope.flow(&fork, &first, &how);
            if apart && branch > 0 {
                let end = self.end(scope, false);
                scope.flow(&last, &end, "");
            } else {
                scope.flow(&last, &join, "");
            }
        }
        (fork, join)
    }

    fn event_gateway(&mut self, scope: &mut Scope, depth: u32) -> Ends {
        let (fork, join) = (self.id("f"), self.id("j"));
        let asynchronous = if self.dice.once_in(8) { " async" } else { "" };
        scope.add(&fork, format!("event-gateway {fork}{asynchronous}"));
        scope.add(&join, format!("xor {join}"));
        let mut ways = vec![
            "catch {} timer PT1H",
            "catch {} message m",
            "catch {} signal g",
            "catch {} conditional ${c>2} .@variableName=c",
        ];
        for _ in 0..2 + self.dice.below(2) {
            let way = ways.swap_remove(self.dice.below(ways.len()));
            let event = self.id("w");
            scope.add(&event, way.replacen("{}", &event, 1));
            scope.flow(&fork, &event, "");
            if self.dice.once_in(2) {
                let (first, last) = self.block(scope, depth - 1);
                scope.flow(&event, &first, "");
                scope.flow(&last, &join, "");
            } else {
                scope.flow(&event, &join, "");
            }
        }
        (fork, join)
    }

    fn sub(&mut self, scope: &mut Scope, depth: u32) -> Ends {
        let id = self.id("p");
        let mut inner = self.scope(depth - 1, false);
        if self.dice.once_in(2) {
            self.event_sub(&mut inner, depth - 1);
        }
        let asynchronous = self.asynchronous();
        let mut element = Element {
            id: id.clone(),
            head: format!("sub {id}{asynchronous}"),
            flows: vec![],
            inside: vec![],
            scope: Some(inner),
        };
        self.extras(&id, &mut element);
        scope.elements.push(element);
        if self.dice.once_in(3) {
            let end = self.attached(scope, &id, depth - 1);
            return (id, end);
        }
        (id.clone(), id)
    }

    fn event_sub(&mut self, scope: &mut Scope, depth: u32) {
        let id = self.id("q");
        let event = match self.dice.below(9) {
            0 => "timer PT1H",
            1 => "timer:cycle R2/PT1H nonint",
            2 => "message m",
            3 => "message m nonint",
            4 => "signal g",
            5 => "signal g nonint",
            6 => self.pick(&[
                "error E1",
                "error",
                "error E2 .@errorCodeVariable=code .@errorMessageVariable=text",
            ]),
            7 => self.pick(&[
                "escalation S1",
                "escalation S1 nonint",
                "escalation nonint .@escalationCodeVariable=code",
            ]),
            _ => self.pick(&[
                "conditional ${c>2} .@variableName=c",
                "conditional ${c>2} .@variableName=c nonint",
            ]),
        };
        let was = std::mem::replace(&mut self.quiet, true);
        let (start, end) = (self.id("s"), self.id("e"));
        let mut inner = Scope::default();
        inner.add(&start, format!("start {start} {event}"));
        let (first, last) = self.block(&mut inner, depth.min(1));
        inner.flow(&start, &first, "");
        inner.add(&end, format!("end {end}"));
        inner.flow(&last, &end, "");
        self.quiet = was;
        scope.add(&id, format!("event-sub {id}")).scope = Some(inner);
    }

    /// A boundary event at an activity; gives where the activity and the event meet.
    fn attached(&mut self, scope: &mut Scope, activity: &str, depth: u32) -> String {
        let meet = self.id("j");
        scope.add(
            &meet,
            format!("{} {meet}", if self.dice.once_in(2) { "xor" } else { "task" }),
        );
        scope.flow(activity, &meet, "");
        for _ in 0..1 + self.dice.below(2) {
            self.boundary_event(scope, activity, &meet, depth);
        }
        meet
    }

    fn boundary_event(&mut self, scope: &mut Scope, activity: &str, meet: &str, depth: u32) {
        let id = self.id("b");
        // Only what can escalate may have an event for that; one of a kind is enough.
        let escalates = ["sub ", "call ", "user "].iter().any(|kind| {
            scope
                .elements
                .iter()
                .any(|e| e.id == activity && e.head.starts_with(kind))
        });
        let escalates = escalates
            && !scope
                .elements
                .iter()
                .any(|e| e.head.contains(&format!(" {activity} escalation")));
        let event = match self.dice.below(10) {
            0 | 1 => "timer PT1H",
            2 => self.pick(&["timer PT1H nonint", "timer:cycle R2/PT1H nonint"]),
            3 => self.pick(&["message m", "message m nonint"]),
            4 => self.pick(&["signal g", "signal g nonint"]),
            5 | 6 => self.pick(&[
                "error E1",
                "error",
                "error E1 .@errorCodeVariable=code .@errorMessageVariable=text",
            ]),
            7 | 8 if escalates => self.pick(&[
                "escalation S1",
                "escalation S1 nonint",
                "escalation nonint",
                "escalation .@escalationCodeVariable=code",
            ]),
            _ => self.pick(&[
                "conditional ${c>2} .@variableName=c",
                "conditional ${c>2} .@variableName=c nonint",
            ]),
        };
        let kind = event.split([' ', ':']).next().unwrap_or_default();
        let twice = scope
            .elements
            .iter()
            .any(|e| e.head.contains(&format!(" {activity} {kind}")));
        let event = if twice && kind != "timer" {
            "timer PT3H"
        } else {
            event
        };
        let asynchronous = self.asynchronous();
        scope.add(&id, format!("boundary {id} {activity} {event}{asynchronous}"));
        let way = self.dice.below(3);
        if event.contains("nonint") || way == 0 {
            let was = std::mem::replace(&mut self.quiet, true);
            let (first, last) = self.block(scope, depth.min(1));
            self.quiet = was;
            scope.flow(&id, &first, "");
            let end = self.id("e");
            scope.add(&end, format!("end {end}"));
            scope.flow(&last, &end, "");
        } else {
            scope.flow(&id, meet, "");
        }
    }

    fn boundary(&mut self, scope: &mut Scope, depth: u32) -> Ends {
        // What waits, mostly: else there is no time for events.
        let (first, activity) = if depth > 1 && self.dice.once_in(2) {
            let id = self.id("p");
            let inner = self.scope(depth - 1, false);
            scope.add(&id, format!("sub {id}")).scope = Some(inner);
            (id.clone(), id)
        } else {
            let head = self.pick(&[
                "user {}",
                "user {}",
                "external {} topic",
                "receive {} m",
                "service {} async @expression=${missing}",
                "sub",
            ]);
            let id = self.id("a");
            if head == "sub" {
                let (was, start, task, end) = (self.quiet, self.id("s"), self.id("u"), self.id("e"));
                let mut inner = Scope::default();
                inner.add(&start, format!("start {start} > {task}"));
                let event = if was {
                    ""
                } else {
                    self.pick(&[" error E1", " escalation S1", " terminate", ""])
                };
                inner.add(&task, format!("user {task} > {end}"));
                inner.add(&end, format!("end {end}{event}"));
                scope.add(&id, format!("sub {id}")).scope = Some(inner);
            } else {
                let asynchronous = if head.contains("async") {
                    ""
                } else {
                    self.asynchronous()
                };
                scope.add(&id, head.replacen("{}", &id, 1) + asynchronous);
            }
            (id.clone(), id)
        };
        let last = self.attached(scope, &activity, depth - 1);
        (first, last)
    }

    /// Activities with compensation handlers, then something that compensates.
    fn compensation(&mut self, scope: &mut Scope, depth: u32) -> Ends {
        let (first, mut last) = self.compensable(scope, depth);
        let mut activity = last.clone();
        for _ in 0..self.dice.below(3) {
            let (next, end) = if self.dice.once_in(2) {
                self.compensable(scope, depth)
            } else {
                self.block(scope, depth - 1)
            };
            scope.flow(&last, &next, "");
            last = end;
            if self.dice.once_in(2)
                && scope
                    .elements
                    .iter()
                    .any(|e| e.head.contains(&format!(" {last} compensate")))
            {
                activity = last.clone();
            }
        }
        let throw = self.id("h");
        let of = if self.dice.once_in(3) {
            format!(" {activity}")
        } else {
            String::new()
        };
        let asynchronous = self.asynchronous();
        scope.add(&throw, format!("throw {throw} compensate{of}{asynchronous}"));
        scope.flow(&last, &throw, "");
        (first, throw)
    }

    fn compensable(&mut self, scope: &mut Scope, depth: u32) -> Ends {
        let (event, handler) = (self.id("b"), self.id("z"));
        let head = self.pick(&["user", "service", "external", "sub", "sub", "multi"]);
        let id = self.id("a");
        match head {
            "sub" => {
                let mut inner = self.scope(depth - 1, false);
                if self.rich && self.dice.once_in(3) {
                    self.undoing_sub(&mut inner);
                }
                scope.add(&id, format!("sub {id}")).scope = Some(inner);
            }
            "multi" => {
                let multi = self.multi_line();
                scope.add(&id, format!("user {id}")).inside.push(multi);
            }
            "external" => {
                scope.add(&id, format!("external {id} topic"));
            }
            "service" => {
                scope.add(&id, format!("service {id} @expression=${{x}} @resultVariable=y"));
            }
            _ => {
                scope.add(&id, format!("user {id}"));
            }
        }
        // A subprocess may be compensated by what is inside, too.
        if head != "sub" || self.dice.once_in(2) {
            scope.add(&event, format!("boundary {event} {id} compensate ~> {handler}"));
            let how = self.pick(&["user", "service", "external"]);
            let rest = match how {
                "external" => " topic",
                "service" => " @expression=${y} @resultVariable=undone",
                _ => "",
            };
            scope.add(&handler, format!("{how} {handler}{rest} isForCompensation=true"));
        }
        (id.clone(), id)
    }

    fn transaction(&mut self, scope: &mut Scope, depth: u32) -> Ends {
        let (id, cancelled, meet) = (self.id("y"), self.id("b"), self.id("j"));
        let (start, choose, cancel, end) = (self.id("s"), self.id("f"), self.id("e"), self.id("e"));
        let mut inner = Scope::default();
        let (first, last) = self.compensable(&mut inner, depth.min(1));
        inner.add(&start, format!("start {start} > {first}"));
        inner.add(
            &choose,
            format!("xor {choose} > {cancel} if ${{x%2==0}} > {end} default"),
        );
        inner.add(&cancel, format!("end {cancel} cancel"));
        inner.add(&end, format!("end {end}"));
        if self.dice.once_in(2) {
            let (next, end) = self.block(&mut inner, depth - 1);
            inner.flow(&last, &next, "");
            inner.flow(&end, &choose, "");
        } else {
            inner.flow(&last, &choose, "");
        }
        let asynchronous = self.asynchronous();
        scope.add(&id, format!("tx {id}{asynchronous}")).scope = Some(inner);
        scope.add(&cancelled, format!("boundary {cancelled} {id} cancel > {meet}"));
        scope.add(&meet, format!("task {meet}"));
        scope.flow(&id, &meet, "");
        (id, meet)
    }

    fn call(&mut self, scope: &mut Scope, depth: u32) -> Ends {
        let id = self.id("l");
        if self.called.len() >= 3 {
            return self.leaf(scope);
        }
        // The number is taken before what is called may call more; a called process is called once.
        let number = self.called.len();
        self.called.push(Scope::default());
        let called = self.scope(depth - 1, false);
        self.called[number] = called;
        let asynchronous = self.asynchronous();
        let mut element = Element {
            id: id.clone(),
            head: format!("call {id} KEY_{}{asynchronous}", number + 1),
            flows: vec![],
            inside: vec![],
            scope: None,
        };
        let passes = self.pick(&[
            "camunda:in variables=all",
            "camunda:in source=x target=x",
            "camunda:in sourceExpression=${x+1} target=x",
            "camunda:in businessKey=${execution.processBusinessKey}",
        ]);
        element.inside.push(passes.to_owned());
        if !passes.contains("target=x") && !passes.contains("all") && !self.dice.once_in(8) {
            element.inside.push("camunda:in source=x target=x".to_owned());
        }
        element.inside.push("camunda:in source=c target=c".to_owned());
        element.inside.push("camunda:in source=l target=l".to_owned());
        match self.dice.below(4) {
            // What a condition watches must not be set behind it.
            0 if !self.quiet => element.inside.push("camunda:out variables=all".to_owned()),
            1 => element.inside.push("camunda:out source=x target=got".to_owned()),
            2 => element
                .inside
                .push("camunda:out sourceExpression=${x*2} target=x".to_owned()),
            _ => {}
        }
        if self.dice.once_in(5) {
            let multi = self.multi_line();
            element.inside.push(multi);
        }
        scope.elements.push(element);
        if self.dice.once_in(2) {
            let end = self.attached(scope, &id, depth - 1);
            return (id, end);
        }
        (id.clone(), id)
    }

    /// Back again after a user task, or on.
    fn again(&mut self, scope: &mut Scope, depth: u32) -> Ends {
        let (enter, task, choose) = (self.id("j"), self.id("u"), self.id("f"));
        scope.add(&enter, format!("xor {enter}"));
        scope.add(&task, format!("user {task} > {choose}"));
        scope.add(&choose, format!("xor {choose} > {enter} if ${{x>3}}"));
        let (first, last) = self.block(scope, depth - 1);
        scope.flow(&enter, &first, "");
        scope.flow(&last, &task, "");
        let out = self.id("n");
        scope.add(&out, format!("task {out}"));
        scope.flow(&choose, &out, " default");
        (enter, out)
    }

    fn multi_line(&mut self) -> String {
        let way = self.pick(&["par", "seq"]);
        let over = self.pick(&["2", "3", "${x+1}", "over=l as=item", "over=${l} as=item", "2"]);
        let until = self.pick(&["", "", "", " until=${nrOfCompletedInstances>=1}", " until=${x>3}"]);
        let asynchronous = match self.dice.below(12) {
            0 => " async",
            1 => " after",
            _ => "",
        };
        format!("multi {way} {over}{until}{asynchronous}")
    }

    fn multi(&mut self, scope: &mut Scope, depth: u32) -> Ends {
        let multi = self.multi_line();
        let (id, element) = if depth > 1 && self.dice.once_in(2) {
            let id = self.id("p");
            let mut inner = self.scope(depth - 1, false);
            if self.dice.once_in(3) {
                self.event_sub(&mut inner, depth - 1);
            }
            (
                id.clone(),
                Element {
                    id: id.clone(),
                    head: format!("sub {id}"),
                    flows: vec![],
                    inside: vec![multi],
                    scope: Some(inner),
                },
            )
        } else {
            let head = self.pick(&[
                "user {} @assignee=${item}",
                "user {}",
                "external {} topic",
                "service {} @expression=${loopCounter} @resultVariable=y",
                "receive {} m",
                "task {}",
            ]);
            // Without a collection there is no item.
            let head = if multi.contains("item") {
                head
            } else {
                head.split(" @assignee").next().unwrap_or(head)
            };
            let id = self.id("a");
            let asynchronous = self.asynchronous();
            let mut element = Element {
                id: id.clone(),
                head: head.replacen("{}", &id, 1) + asynchronous,
                flows: vec![],
                inside: vec![multi],
                scope: None,
            };
            self.extras(&id, &mut element);
            (id, element)
        };
        scope.elements.push(element);
        if self.dice.once_in(3) {
            let end = self.attached(scope, &id, depth - 1);
            return (id, end);
        }
        (id.clone(), id)
    }
}
