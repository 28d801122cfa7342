//! One activity or event of any kind, with several things around it that rarely stand together: repetition, boundary
//! events, compensation, continuations, listeners and parameters, inside of any kind of scope. What other themes find by
//! chance, these seeds look for.
use super::model::{Builder, Ends, Scope};

/// What any activity may be.
const ACTIVITIES: [&str; 15] = [
    "user {}",
    "user {} @assignee=demo",
    "external {} topic",
    "receive {} m2",
    "receive {}",
    "service {} @expression=${x} @resultVariable=y",
    "service {} async @expression=${missing}",
    "script-task {} scriptFormat=juel @resultVariable=y",
    "send {} @type=external @topic=topic",
    "rule {} @decisionRef=KEY_one @mapDecisionResult=singleEntry @resultVariable=y",
    "manual {}",
    "call {}",
    "sub {}",
    "sub {}",
    "tx {}",
];

/// What happens on the way.
const EVENTS: [&str; 12] = [
    "catch {} timer PT1H",
    "catch {} timer:cycle R2/PT1H",
    "catch {} message m2",
    "catch {} signal g2",
    "catch {} conditional ${c>2}",
    "throw {} signal g",
    "throw {} signal g .@async=true",
    "throw {} escalation S1",
    "throw {} message m2 .@expression=${x}",
    "throw {} message m2 .@type=external .@topic=topic",
    "throw {} compensate",
    "throw {}",
];

/// What may stand at the edge of an activity or start an event subprocess.
const CAUGHT: [&str; 20] = [
    "timer PT1H",
    "timer PT1H nonint",
    "timer:cycle R2/PT1H",
    "timer:cycle R2/PT1H nonint",
    "message m",
    "message m nonint",
    "signal g",
    "signal g nonint",
    "error",
    "error E1",
    "error E1 .@errorCodeVariable=code .@errorMessageVariable=text",
    "escalation",
    "escalation S1",
    "escalation S1 nonint .@escalationCodeVariable=code",
    "escalation nonint",
    "conditional ${c>2}",
    "conditional ${c>2} nonint",
    "conditional ${c>2} .@variableName=c nonint",
    "conditional ${execution.getVariable('y')>2} nonint .@variableEvents=create,update",
    "conditional ${execution.getVariable('y')>2} .@variableName=y",
];

impl Builder {
    /// A process about one thing, in surroundings.
    pub(super) fn pairs(&mut self) -> Scope {
        let mut inner = Scope::default();
        let (start, end) = (self.id("s"), self.id("e"));
        let (first, last) = self.decorated(&mut inner);
        let asynchronous = self.pick(&["", "", "", "", " async", " after"]);
        inner.add(&start, format!("start {start}{asynchronous} > {first}"));
        let (first, last) = self.after(&mut inner, last);
        inner.flow(&last, &end, "");
        let how = self.ends();
        inner.add(&end, format!("end {end}{how}"));
        drop(first);
        if self.dice.once_in(3) {
            self.started(&mut inner);
        }
        for _ in 0..self.dice.below(3) {
            inner = self.around(inner);
        }
        inner
    }

    /// Something behind the activity in question, so that it isn't the last.
    fn after(&mut self, scope: &mut Scope, last: String) -> Ends {
        let next = match self.dice.below(5) {
            0 => {
                let id = self.id("w");
                scope.add(&id, format!("user {id}"));
                id
            }
            1 => {
                let id = self.id("h");
                scope.add(&id, format!("throw {id} compensate"));
                id
            }
            _ => return (last.clone(), last),
        };
        scope.flow(&last, &next, "");
        (last, next)
    }

    fn ends(&mut self) -> &'static str {
        self.pick(&[
            "",
            "",
            "",
            "",
            " terminate",
            " error E1",
            " escalation S1",
            " signal g",
            " compensate",
            " message m2 .@expression=${x}",
            " async",
            " after",
        ])
    }

    /// A scope inside another one, which is left as it is entered.
    fn around(&mut self, inner: Scope) -> Scope {
        let mut outer = Scope::default();
        let (start, end) = (self.id("s"), self.id("e"));
        let (first, last) = match self.dice.below(8) {
            0 if self.called.len() < 3 => {
                self.called.push(inner);
                let (id, number) = (self.id("l"), self.called.len());
                let element = outer.add(&id, format!("call {id} KEY_{number}"));
                element.inside.push("camunda:in variables=all".to_owned());
                element.inside.push("camunda:out source=y target=y".to_owned());
                self.decorate(&mut outer, &id, false)
            }
            1 => {
                // What was the process is an event subprocess now.
                let (id, task) = (self.id("q"), self.id("u"));
                let mut inner = inner;
                // It may set and throw anything.
                let event = match self.caught() {
                    event if event.starts_with("conditional") || event.starts_with("signal") => {
                        "message m nonint"
                    }
                    event => event,
                };
                if let Some(start) = inner.elements.iter_mut().find(|e| e.head.starts_with("start ")) {
                    start.head = start.head.replacen(
                        &format!("start {}", start.id),
                        &format!("start {} {event}", start.id),
                        1,
                    );
                }
                outer.add(&id, format!("event-sub {id}")).scope = Some(inner);
                outer.add(&task, format!("user {task}"));
                (task.clone(), task)
            }
            2 => {
                let (fork, join) = (self.id("f"), self.id("j"));
                let kind = self.pick(&["and", "or", "and"]);
                outer.add(&fork, format!("{kind} {fork}"));
                outer.add(&join, format!("{kind} {join}"));
                let id = self.id("p");
                outer.add(&id, format!("sub {id}")).scope = Some(inner);
                let (first, last) = self.decorate(&mut outer, &id, false);
                outer.flow(&fork, &first, "");
                outer.flow(&last, &join, "");
                let (first, last) = self.decorated(&mut outer);
                outer.flow(&fork, &first, "");
                outer.flow(&last, &join, "");
                (fork, join)
            }
            3 => {
                let id = self.id("p");
                outer.add(&id, format!("tx {id}")).scope = Some(inner);
                self.decorate(&mut outer, &id, true)
            }
            _ => {
                let id = self.id("p");
                outer.add(&id, format!("sub {id}")).scope = Some(inner);
                self.decorate(&mut outer, &id, false)
            }
        };
        outer.add(&start, format!("start {start} > {first}"));
        let (_, last) = self.after(&mut outer, last);
        outer.flow(&last, &end, "");
        let how = self.ends();
        outer.add(&end, format!("end {end}{how}"));
        if self.dice.once_in(3) {
            self.started(&mut outer);
        }
        outer
    }

    fn caught(&mut self) -> &'static str {
        CAUGHT[self.dice.below(CAUGHT.len())]
    }

    /// An event subprocess.
    fn started(&mut self, scope: &mut Scope) {
        let (id, start, end) = (self.id("q"), self.id("s"), self.id("e"));
        let event = self.caught();
        let mut inner = Scope::default();
        let asynchronous = self.pick(&["", "", "", " async"]);
        inner.add(&start, format!("start {start} {event}{asynchronous}"));
        let first = self.plain(&mut inner, event);
        inner.flow(&start, &first, "");
        inner.flow(&first, &end, "");
        let how = self.pick(&["", "", "", " terminate", " compensate"]);
        inner.add(&end, format!("end {end}{how}"));
        scope.add(&id, format!("event-sub {id}")).scope = Some(inner);
    }

    /// A task without anything, behind an event. What a condition has started must not set what would start it again: the
    /// reference has no end of that.
    fn plain(&mut self, scope: &mut Scope, event: &str) -> String {
        let id = self.id("n");
        let head = self.pick(match event.starts_with("conditional") {
            true => &["user {}", "external {} topic", "task {}"],
            false => &[
                "user {}",
                "external {} topic",
                "task {}",
                "service {} @expression=${x} @resultVariable=z",
            ],
        });
        scope.add(&id, head.replacen("{}", &id, 1));
        id
    }

    /// An activity with much around it, or an event with what events may have.
    fn decorated(&mut self, scope: &mut Scope) -> Ends {
        if self.dice.once_in(5) {
            let id = self.id("k");
            let head = self.pick(&EVENTS).replacen("{}", &id, 1);
            scope.add(&id, head);
            self.beside(scope, &id, false);
            return (id.clone(), id);
        }
        let id = self.id("a");
        let kind = self.pick(&ACTIVITIES);
        let mut head = kind.replacen("{}", &id, 1);
        if kind.starts_with("call") {
            let (start, task, end) = (self.id("s"), self.id("n"), self.id("e"));
            let mut called = Scope::default();
            let how = self.pick(&["", "", " error E1", " escalation S1", " terminate"]);
            called.add(&start, format!("start {start} > {task}"));
            let body = self.pick(&["user", "task"]);
            called.add(&task, format!("{body} {task} > {end}"));
            called.add(&end, format!("end {end}{how}"));
            self.called.push(called);
            let _ = std::fmt::Write::write_fmt(&mut head, format_args!(" KEY_{}", self.called.len()));
        }
        let transaction = kind.starts_with("tx");
        let inner = (transaction || kind.starts_with("sub")).then(|| self.content(transaction));
        let element = scope.add(&id, head);
        if kind.starts_with("script") {
            element.inside.push("script : ${x + 1}".to_owned());
        }
        if kind.starts_with("call") {
            element.inside.push("camunda:in variables=all".to_owned());
        }
        element.scope = inner;
        self.decorate(scope, &id, transaction)
    }

    /// What lies in a subprocess or transaction that is decorated.
    fn content(&mut self, transaction: bool) -> Scope {
        let mut inner = Scope::default();
        let (start, end) = (self.id("s"), self.id("e"));
        let (first, last) = match self.dice.below(3) {
            0 => self.compensable(&mut inner, 1),
            _ => {
                let id = self.plain(&mut inner, "");
                (id.clone(), id)
            }
        };
        inner.add(&start, format!("start {start} > {first}"));
        let how = match (transaction, self.dice.below(2)) {
            (true, 0) => " cancel",
            _ => self.ends(),
        };
        let (_, last) = self.after(&mut inner, last);
        inner.flow(&last, &end, "");
        inner.add(&end, format!("end {end}{how}"));
        if self.dice.once_in(4) {
            self.started(&mut inner);
        }
        inner
    }

    /// Repetition, boundary events and the rest; gives where one comes in and where one goes out.
    fn decorate(&mut self, scope: &mut Scope, id: &str, transaction: bool) -> Ends {
        let multi = self.dice.once_in(3);
        if multi {
            let line = self.multi_line();
            self.put(scope, id, line);
        }
        self.beside(scope, id, multi);
        let mut kinds: Vec<&str> = Vec::new();
        for _ in 0..self.dice.below(3) {
            let event = self.caught();
            let kind = event.split([' ', ':']).next().unwrap_or_default();
            if kinds.contains(&kind) && kind != "timer" {
                continue;
            }
            kinds.push(kind);
            self.at_edge(scope, id, event);
        }
        if transaction && self.dice.once_in(2) {
            self.at_edge(scope, id, "cancel");
        }
        if self.dice.once_in(4) {
            let (event, handler) = (self.id("b"), self.id("z"));
            scope.add(&event, format!("boundary {event} {id} compensate ~> {handler}"));
            let how = self.pick(&[
                "user {}",
                "service {} @expression=${y} @resultVariable=undone",
                "external {} topic",
                "manual {}",
            ]);
            let handler_head = format!("{} isForCompensation=true", how.replacen("{}", &handler, 1));
            scope.add(&handler, handler_head);
        }
        (id.to_owned(), id.to_owned())
    }

    fn at_edge(&mut self, scope: &mut Scope, id: &str, event: &str) {
        let (boundary, end) = (self.id("b"), self.id("e"));
        let asynchronous = self.pick(&["", "", "", " async", " after"]);
        scope.add(
            &boundary,
            format!("boundary {boundary} {id} {event}{asynchronous}"),
        );
        let next = self.plain(scope, event);
        scope.flow(&boundary, &next, "");
        scope.flow(&next, &end, "");
        let how = self.pick(&["", "", "", " terminate", " compensate", " error E2"]);
        scope.add(&end, format!("end {end}{how}"));
    }

    fn put(&mut self, scope: &mut Scope, id: &str, line: String) {
        if let Some(element) = scope.elements.iter_mut().find(|e| e.id == id) {
            element.inside.push(line);
        }
    }

    /// Continuations, listeners, parameters.
    fn beside(&mut self, scope: &mut Scope, id: &str, multi: bool) {
        let flags = self.pick(&["", "", " async", " after", " async after", " async nonexclusive"]);
        let priority = self.pick(&["", "", "", " @jobPriority=${x}", " @jobPriority=7"]);
        if let Some(element) = scope.elements.iter_mut().find(|e| e.id == id) {
            let flags = match element.head.contains(" async") {
                true => "",
                false => flags,
            };
            element.head += flags;
            element.head += priority;
        }
        if self.dice.once_in(4) {
            self.put(scope, id, "in in : ${x}".to_owned());
        }
        if self.dice.once_in(4) && !multi {
            self.put(scope, id, format!("out {id}_out : ${{x + 1}}"));
        }
        if self.dice.once_in(4) {
            let event = self.pick(&["start", "end"]);
            let line = self.pick(&[
                "execution.setVariable('heard', execution.currentActivityId)",
                "execution.setVariableLocal('near', x)",
                "execution.setVariable('y', x + 1)",
                "execution.setVariable('c', 3)",
                "execution.setVariable('scope', execution.eventName)",
            ]);
            self.put(scope, id, format!("listen {event} ${{{line}}}"));
        }
        if self.dice.once_in(6) {
            self.put(scope, id, "retry R2/PT10M".to_owned());
        }
    }
}
