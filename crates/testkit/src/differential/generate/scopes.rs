//! Subprocesses, event subprocesses and boundary events.
use super::model::{Builder, Element, Ends, Scope};

impl Builder {
    pub(super) fn sub(&mut self, scope: &mut Scope, depth: u32) -> Ends {
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

    pub(super) fn event_sub(&mut self, scope: &mut Scope, depth: u32) {
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
    pub(super) fn attached(&mut self, scope: &mut Scope, activity: &str, depth: u32) -> String {
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

    pub(super) fn boundary_event(&mut self, scope: &mut Scope, activity: &str, meet: &str, depth: u32) {
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

    pub(super) fn boundary(&mut self, scope: &mut Scope, depth: u32) -> Ends {
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
}
