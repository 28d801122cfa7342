//! Flows that fork, meet and come back.
use super::model::{Builder, Ends, Scope};

impl Builder {
    pub(super) fn fork(&mut self, scope: &mut Scope, depth: u32, kind: &str) -> Ends {
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

    pub(super) fn event_gateway(&mut self, scope: &mut Scope, depth: u32) -> Ends {
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

    /// Back again after a user task, or on.
    pub(super) fn again(&mut self, scope: &mut Scope, depth: u32) -> Ends {
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

    /// Flows that fork at a task, and may meet again or not.
    pub(super) fn split(&mut self, scope: &mut Scope, depth: u32) -> Ends {
        let (task, join) = (self.id("u"), self.id("j"));
        let head = self.pick(&["user", "task", "external"]);
        let topic = if head == "external" { " topic" } else { "" };
        // After it, the jobs of the branches could not be told apart.
        let asynchronous = if self.dice.once_in(8) { " async" } else { "" };
        scope.add(&task, format!("{head} {task}{topic}{asynchronous}"));
        let (meet, how): (&str, [&str; 2]) = match self.dice.below(4) {
            0 => ("and", ["", ""]),
            1 => ("xor", ["", ""]),
            2 => ("xor", [" if ${x>2}", " default"]),
            _ => ("or", [" if ${x>1}", " if ${x<4}"]),
        };
        scope.add(&join, format!("{meet} {join}"));
        for how in how {
            let (first, last) = self.block(scope, depth - 1);
            scope.flow(&task, &first, how);
            scope.flow(&last, &join, "");
        }
        (task, join)
    }

    /// A jump over a link.
    pub(super) fn link(&mut self, scope: &mut Scope, depth: u32) -> Ends {
        let (throw, catch) = (self.id("o"), self.id("i"));
        let (first, last) = self.block(scope, depth - 1);
        scope.add(&throw, format!("throw {throw} link {throw}"));
        scope.add(&catch, format!("catch {catch} link {throw}"));
        scope.flow(&last, &throw, "");
        (first, catch)
    }
}
