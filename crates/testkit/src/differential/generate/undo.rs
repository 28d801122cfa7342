//! Compensation and transactions.
use super::model::{Builder, Ends, Scope};

impl Builder {
    /// Activities with compensation handlers, then something that compensates.
    pub(super) fn compensation(&mut self, scope: &mut Scope, depth: u32) -> Ends {
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

    pub(super) fn compensable(&mut self, scope: &mut Scope, depth: u32) -> Ends {
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

    pub(super) fn transaction(&mut self, scope: &mut Scope, depth: u32) -> Ends {
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

    /// An event subprocess that compensates the scope it lies in.
    pub(super) fn undoing_sub(&mut self, scope: &mut Scope) {
        let (id, start, end) = (self.id("q"), self.id("s"), self.id("e"));
        let mut inner = Scope::default();
        inner.add(&start, format!("start {start} compensate"));
        let (first, last) = self.leaf(&mut inner);
        inner.flow(&start, &first, "");
        if self.dice.once_in(2) {
            let throw = self.id("h");
            inner.add(&throw, format!("throw {throw} compensate"));
            inner.flow(&last, &throw, "");
            inner.flow(&throw, &end, "");
        } else {
            inner.flow(&last, &end, "");
        }
        inner.add(&end, format!("end {end}"));
        scope.add(&id, format!("event-sub {id}")).scope = Some(inner);
    }
}
