//! Multi-instance and call activities.
use super::model::{Builder, Element, Ends, Scope};

impl Builder {
    pub(super) fn call(&mut self, scope: &mut Scope, depth: u32) -> Ends {
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

    pub(super) fn multi_line(&mut self) -> String {
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

    pub(super) fn multi(&mut self, scope: &mut Scope, depth: u32) -> Ends {
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
