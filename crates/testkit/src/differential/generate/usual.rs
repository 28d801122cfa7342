//! What models of users are made of: decisions, scripts, listeners, workers with their errors, calls that pass
//! variables, conditions on what others set, and what is thrown from far inside.
use super::model::{Builder, Ends, Scope};

/// The decisions that [`Builder::rule`] asks for.
pub(super) const RATES: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="rates" name="rates" namespace="t">
  <decision id="KEY_one" name="one">
    <decisionTable id="one">
      <input id="one_in"><inputExpression id="one_x" typeRef="integer"><text>x</text></inputExpression></input>
      <output id="one_out" name="rate" typeRef="string"/>
      <rule id="one_low"><inputEntry id="one_low_in"><text>&lt; 2</text></inputEntry><outputEntry id="one_low_out"><text>"low"</text></outputEntry></rule>
      <rule id="one_high"><inputEntry id="one_high_in"><text>[2..4]</text></inputEntry><outputEntry id="one_high_out"><text>"high"</text></outputEntry></rule>
    </decisionTable>
  </decision>
  <decision id="KEY_two" name="two">
    <decisionTable id="two" hitPolicy="FIRST">
      <input id="two_in"><inputExpression id="two_x" typeRef="integer"><text>x</text></inputExpression></input>
      <output id="two_out" name="rate" typeRef="integer"/>
      <output id="two_word" name="word" typeRef="string"/>
      <rule id="two_a"><inputEntry id="two_a_in"><text>&gt; 3</text></inputEntry><outputEntry id="two_a_out"><text>x * 2</text></outputEntry><outputEntry id="two_a_word"><text>"more"</text></outputEntry></rule>
      <rule id="two_b"><inputEntry id="two_b_in"><text></text></inputEntry><outputEntry id="two_b_out"><text>1</text></outputEntry><outputEntry id="two_b_word"><text>"less"</text></outputEntry></rule>
    </decisionTable>
  </decision>
  <decision id="KEY_all" name="all">
    <decisionTable id="all" hitPolicy="COLLECT">
      <input id="all_in"><inputExpression id="all_x" typeRef="integer"><text>x</text></inputExpression></input>
      <output id="all_out" name="found" typeRef="integer"/>
      <rule id="all_a"><inputEntry id="all_a_in"><text>&gt; 1</text></inputEntry><outputEntry id="all_a_out"><text>10</text></outputEntry></rule>
      <rule id="all_b"><inputEntry id="all_b_in"><text>&gt; 2</text></inputEntry><outputEntry id="all_b_out"><text>20</text></outputEntry></rule>
      <rule id="all_c"><inputEntry id="all_c_in"><text>not(3)</text></inputEntry><outputEntry id="all_c_out"><text>30</text></outputEntry></rule>
    </decisionTable>
  </decision>
  <decision id="KEY_sum" name="sum">
    <decisionTable id="sum" hitPolicy="COLLECT" aggregation="SUM">
      <input id="sum_in"><inputExpression id="sum_x" typeRef="integer"><text>x</text></inputExpression></input>
      <output id="sum_out" name="total" typeRef="integer"/>
      <rule id="sum_a"><inputEntry id="sum_a_in"><text>&gt; 1</text></inputEntry><outputEntry id="sum_a_out"><text>10</text></outputEntry></rule>
      <rule id="sum_b"><inputEntry id="sum_b_in"><text></text></inputEntry><outputEntry id="sum_b_out"><text>x</text></outputEntry></rule>
    </decisionTable>
  </decision>
</definitions>
"#;

/// Scripts that give something. The reference needs no more than its own expressions to run them.
const SCRIPTS: [&str; 8] = [
    "${x + 1}",
    "${execution.getVariable('x') > 2}",
    "a ${x}",
    "${x > 2 ? 'high' : 'low'}",
    "${x / 4}",
    "${null}",
    "${l}",
    "${x % 2 == 0 and c < 3}",
];

impl Builder {
    /// A decision, and what is made of its result.
    pub(super) fn rule(&mut self, scope: &mut Scope) -> Ends {
        let id = self.id("d");
        let asynchronous = self.asynchronous();
        let (how, output) = match self.dice.below(8) {
            0 | 1 => ("one @mapDecisionResult=singleEntry @resultVariable=y", None),
            2 => ("sum @mapDecisionResult=singleEntry @resultVariable=y", None),
            3 => ("all @mapDecisionResult=collectEntries @resultVariable=many", None),
            4 => ("two @mapDecisionResult=singleResult @resultVariable=pair", None),
            5 => ("all @mapDecisionResult=singleEntry @resultVariable=y", None),
            6 => ("one", Some("${decisionResult.getSingleEntry()}")),
            _ => ("two", Some("${decisionResult.getFirstResult().get('rate')}")),
        };
        let element = scope.add(&id, format!("rule {id} @decisionRef=KEY_{how}{asynchronous}"));
        if let Some(output) = output {
            element.inside.push(format!("out {id}_out : {output}"));
        }
        (id.clone(), id)
    }

    /// A script task, or a task with a parameter that a script makes.
    pub(super) fn script(&mut self, scope: &mut Scope) -> Ends {
        let id = self.id("y");
        let asynchronous = self.asynchronous();
        let script = self.pick(&SCRIPTS);
        match self.dice.below(6) {
            0 | 1 => {
                let result = self.pick(&["", " @resultVariable=y", " @resultVariable=x"]);
                let plain = !result.ends_with('x') || script == "${x + 1}";
                let result = if plain { result } else { " @resultVariable=y" };
                let head = format!("script-task {id} scriptFormat=juel{result}{asynchronous}");
                scope.add(&id, head).inside.push(format!("script : {script}"));
            }
            2 => {
                let script = self.pick(&[
                    "${execution.setVariable('made', x * 2)}",
                    "${execution.setVariableLocal('made', x)}",
                    "${x.missing}",
                    "${execution.setVariable('made', execution.processBusinessKey)}",
                    "${execution.setVariable('made', execution.currentActivityId)}",
                    "${execution.removeVariable('made')}",
                ]);
                let head = format!("script-task {id} scriptFormat=juel{asynchronous}");
                scope.add(&id, head).inside.push(format!("script : {script}"));
            }
            way => {
                let head = self.pick(&["user", "external", "service"]);
                let rest = match head {
                    "external" => " topic",
                    "service" => " @expression=${x}",
                    _ => "",
                };
                let name = match way {
                    3 => "in given".to_owned(),
                    _ => format!("out {id}_out"),
                };
                let element = scope.add(&id, format!("{head} {id}{rest}{asynchronous}"));
                element.inside.push(name);
                element
                    .inside
                    .push(format!("  camunda:script scriptFormat=juel : {script}"));
            }
        }
        (id.clone(), id)
    }

    /// A task with listeners.
    pub(super) fn listened(&mut self, scope: &mut Scope) -> Ends {
        let id = self.id("n");
        let asynchronous = self.asynchronous();
        let head = self.pick(&["user", "user", "external", "service", "task"]);
        let rest = match head {
            "external" => " topic",
            "service" => " @expression=${x} @resultVariable=y",
            "user" => self.pick(&["", " @assignee=demo", " @candidateUsers=ann"]),
            _ => "",
        };
        let mut inside = Vec::new();
        for _ in 0..1 + self.dice.below(2) {
            let event = self.pick(&["start", "end"]);
            let expression = self.pick(&[
                "execution.setVariable('heard', x)",
                "execution.setVariableLocal('near', x)",
                "execution.setVariable('where', execution.currentActivityId)",
                "execution.setVariable('event', execution.eventName)",
            ]);
            if self.dice.once_in(3) {
                inside.push(format!("camunda:executionListener event={event}"));
                inside.push(format!("  camunda:script scriptFormat=juel : ${{{expression}}}"));
            } else {
                inside.push(format!("listen {event} ${{{expression}}}"));
            }
        }
        if head == "user" {
            let event = self.pick(&["create", "assignment", "complete", "delete", "update"]);
            let expression = self.pick(&[
                "task.setVariable('of_task', x)",
                "task.setVariableLocal('own', x)",
                "task.setName('another')",
                "task.setPriority(70)",
                "task.addCandidateGroup('more')",
            ]);
            if self.dice.once_in(3) {
                inside.push(format!("camunda:taskListener event={event}"));
                inside.push(format!("  camunda:script scriptFormat=juel : ${{{expression}}}"));
            } else {
                inside.push(format!("listen-task {event} ${{{expression}}}"));
            }
        }
        scope.add(&id, format!("{head} {id}{rest}{asynchronous}")).inside = inside;
        (id.clone(), id)
    }

    /// What a worker does, and what is done if that fails or lasts.
    pub(super) fn worker(&mut self, scope: &mut Scope, depth: u32) -> Ends {
        let (id, meet) = (self.id("x"), self.id("j"));
        let asynchronous = self.asynchronous();
        let kind = self.pick(&["external", "external", "send"]);
        let topic = if kind == "send" {
            " @type=external @topic=topic"
        } else {
            " topic"
        };
        let mut inside = Vec::new();
        if self.dice.once_in(2) {
            inside.push("in order : ${x}".to_owned());
        }
        if self.dice.once_in(2) {
            inside.push(format!("out {id}_out : ${{x + 1}}"));
        }
        if self.dice.once_in(4) {
            inside.push("camunda:errorEventDefinition E1 expression=${externalTask.retries==1}".to_owned());
        }
        scope.add(&id, format!("{kind} {id}{topic}{asynchronous}")).inside = inside;
        scope.add(&meet, format!("xor {meet}"));
        scope.flow(&id, &meet, "");
        let caught = self.pick(&[
            "error E1",
            "error",
            "error E1 .@errorCodeVariable=code .@errorMessageVariable=text",
        ]);
        let late = self.pick(&["timer PT1H", "timer PT1H nonint", ""]);
        for event in [caught, late] {
            if event.is_empty() {
                continue;
            }
            let boundary = self.id("b");
            scope.add(&boundary, format!("boundary {boundary} {id} {event}"));
            let was = std::mem::replace(&mut self.quiet, true);
            let (first, last) = self.block(scope, depth.saturating_sub(1).min(1));
            self.quiet = was;
            scope.flow(&boundary, &first, "");
            if self.dice.once_in(2) && !event.contains("nonint") {
                scope.flow(&last, &meet, "");
            } else {
                let end = self.id("e");
                scope.add(&end, format!("end {end}"));
                scope.flow(&last, &end, "");
            }
        }
        (id, meet)
    }

    /// A call that passes variables in and out in all the ways there are.
    pub(super) fn passing(&mut self, scope: &mut Scope, depth: u32) -> Ends {
        if self.called.len() >= 3 {
            return self.leaf(scope);
        }
        let id = self.id("l");
        let number = self.called.len();
        self.called.push(Scope::default());
        let called = self.scope(depth.saturating_sub(1), false);
        self.called[number] = called;
        let asynchronous = self.asynchronous();
        let mut inside = vec![
            "camunda:in source=x target=x".to_owned(),
            "camunda:in source=c target=c".to_owned(),
            "camunda:in source=l target=l".to_owned(),
        ];
        if self.dice.once_in(3) {
            inside[0] = "camunda:in variables=all".to_owned();
        }
        if self.dice.once_in(3) {
            inside.push("camunda:in businessKey=${execution.processBusinessKey}".to_owned());
        } else if self.dice.once_in(3) {
            inside.push("camunda:in businessKey=b${x}".to_owned());
        }
        if self.dice.once_in(4) {
            inside.push("in near : ${x}".to_owned());
            inside.push("camunda:in variables=all local=true".to_owned());
        }
        if !self.quiet {
            let out = self.pick(&[
                "",
                "camunda:out variables=all",
                "camunda:out variables=all local=true",
                "camunda:out source=y target=got",
                "camunda:out sourceExpression=${x*2} target=x",
                "camunda:out source=x target=got local=true",
            ]);
            if !out.is_empty() {
                inside.push(out.to_owned());
            }
        }
        if self.dice.once_in(4) {
            inside.push(format!("out {id}_out : ${{x}}"));
        }
        if self.dice.once_in(6) {
            inside.push("multi par over=l as=item".to_owned());
        }
        scope
            .add(&id, format!("call {id} KEY_{}{asynchronous}", number + 1))
            .inside = inside;
        if self.dice.once_in(2) {
            let end = self.attached(scope, &id, depth.saturating_sub(1));
            return (id, end);
        }
        (id.clone(), id)
    }

    /// Conditions on a variable that another branch sets. What follows a condition sets it no more.
    pub(super) fn watched(&mut self, scope: &mut Scope, depth: u32) -> Ends {
        if self.quiet {
            return self.leaf(scope);
        }
        let (fork, join) = (self.id("f"), self.id("j"));
        scope.add(&fork, format!("and {fork}"));
        scope.add(&join, format!("and {join}"));
        let set = self.id("v");
        let how = self.pick(&[
            "service {} @expression=${execution.setVariable('w',x)}",
            "service {} @expression=${x} @resultVariable=w",
            "script-task {} scriptFormat=juel @resultVariable=w",
            "user {}",
            "external {} topic",
            "service {} @expression=${execution.setVariableLocal('w',x)}",
        ]);
        let asynchronous = self.asynchronous();
        let element = scope.add(&set, how.replacen("{}", &set, 1) + asynchronous);
        if how.starts_with("script") {
            element.inside.push("script : ${x}".to_owned());
        } else if !how.starts_with("service") {
            element.inside.push("out w : ${x}".to_owned());
        }
        scope.flow(&fork, &set, "");
        scope.flow(&set, &join, "");
        let condition = self.pick(&[
            "conditional ${execution.getVariable('w')>2}",
            "conditional ${execution.getVariable('w')>2} .@variableName=w",
            "conditional ${execution.getVariable('w')>2} .@variableName=w .@variableEvents=create",
            "conditional ${execution.getVariable('w')>1} .@variableEvents=update",
        ]);
        let was = std::mem::replace(&mut self.quiet, true);
        match self.dice.below(3) {
            0 => {
                let id = self.id("k");
                let asynchronous = self.asynchronous();
                scope.add(&id, format!("catch {id} {condition}{asynchronous}"));
                scope.flow(&fork, &id, "");
                scope.flow(&id, &join, "");
            }
            1 => {
                let (id, boundary, end) = (self.id("a"), self.id("b"), self.id("e"));
                let kind = self.pick(&["user {}", "external {} topic", "receive {} m"]);
                let way = self.pick(&["", " nonint"]);
                scope.add(&id, kind.replacen("{}", &id, 1));
                scope.add(&boundary, format!("boundary {boundary} {id} {condition}{way}"));
                let (first, last) = self.block(scope, depth.min(1));
                scope.add(&end, format!("end {end}"));
                scope.flow(&boundary, &first, "");
                scope.flow(&last, &end, "");
                scope.flow(&fork, &id, "");
                scope.flow(&id, &join, "");
            }
            _ => {
                let (id, around, start, end) = (self.id("p"), self.id("q"), self.id("s"), self.id("e"));
                let way = self.pick(&["", " nonint"]);
                let mut inner = self.scope(depth.saturating_sub(1), false);
                let mut handler = Scope::default();
                handler.add(&start, format!("start {start} {condition}{way}"));
                let (first, last) = self.block(&mut handler, depth.min(1));
                handler.add(&end, format!("end {end}"));
                handler.flow(&start, &first, "");
                handler.flow(&last, &end, "");
                inner.add(&around, format!("event-sub {around}")).scope = Some(handler);
                scope.add(&id, format!("sub {id}")).scope = Some(inner);
                scope.flow(&fork, &id, "");
                scope.flow(&id, &join, "");
            }
        }
        self.quiet = was;
        (fork, join)
    }

    /// A subprocess with several branches, one of which may end it.
    pub(super) fn ending(&mut self, scope: &mut Scope, depth: u32) -> Ends {
        let (id, start, fork) = (self.id("p"), self.id("s"), self.id("f"));
        let mut inner = Scope::default();
        inner.add(&start, format!("start {start} > {fork}"));
        let kind = self.pick(&["and", "and", "or"]);
        inner.add(&fork, format!("{kind} {fork}"));
        for branch in 0..2 + self.dice.below(2) {
            let (first, last) = self.block(&mut inner, depth.saturating_sub(1));
            let end = self.id("e");
            let event = match (branch, self.quiet) {
                (0, false) => self.pick(&[
                    " terminate",
                    " terminate",
                    " error E1",
                    " escalation S1",
                    " compensate",
                ]),
                (0, true) => " terminate",
                _ => "",
            };
            inner.add(&end, format!("end {end}{event}"));
            let how = match (kind, branch) {
                ("and", _) => String::new(),
                (_, 0) => " default".to_owned(),
                (_, branch) => format!(" if ${{x>{branch}}}"),
            };
            inner.flow(&fork, &first, &how);
            inner.flow(&last, &end, "");
        }
        scope.add(&id, format!("sub {id}")).scope = Some(inner);
        if self.dice.once_in(2) {
            let end = self.attached(scope, &id, depth.saturating_sub(1));
            return (id, end);
        }
        (id.clone(), id)
    }

    /// Something thrown from inside nested subprocesses (or what they call), and who catches it on the way out.
    pub(super) fn thrower(&mut self, scope: &mut Scope, depth: u32) -> Ends {
        if self.quiet {
            return self.leaf(scope);
        }
        let thrown = self.pick(&[
            "error E1",
            "error E2",
            "escalation S1",
            "escalation S1",
            "signal g",
        ]);
        let mut inner = Scope::default();
        let (start, throw, end) = (self.id("s"), self.id("h"), self.id("e"));
        let (first, last) = self.leaf(&mut inner);
        inner.add(&start, format!("start {start} > {first}"));
        if thrown.starts_with("error") || self.dice.once_in(2) {
            inner.add(&end, format!("end {end} {thrown}"));
            inner.flow(&last, &end, "");
        } else {
            inner.add(&throw, format!("throw {throw} {thrown}"));
            inner.flow(&last, &throw, "");
            let (next, last) = self.leaf(&mut inner);
            inner.flow(&throw, &next, "");
            inner.add(&end, format!("end {end}"));
            inner.flow(&last, &end, "");
        }
        for _ in 0..self.dice.below(3) {
            if self.dice.once_in(3) {
                self.catching(&mut inner, thrown);
            }
            let (start, end) = (self.id("s"), self.id("e"));
            let mut outer = Scope::default();
            let (first, last) = self.level(&mut outer, inner, thrown, depth);
            outer.add(&start, format!("start {start} > {first}"));
            outer.add(&end, format!("end {end}"));
            outer.flow(&last, &end, "");
            inner = outer;
        }
        self.level(scope, inner, thrown, depth)
    }

    /// A subprocess or a call, with boundary events now and then.
    fn level(&mut self, scope: &mut Scope, inner: Scope, thrown: &str, depth: u32) -> Ends {
        let id = self.id("p");
        let multi = if self.dice.once_in(6) {
            Some(self.multi_line())
        } else {
            None
        };
        if self.called.len() < 3 && self.dice.once_in(4) {
            self.called.push(inner);
            let number = self.called.len();
            let element = scope.add(&id, format!("call {id} KEY_{number}"));
            element.inside.push("camunda:in variables=all".to_owned());
            element.inside.extend(multi);
        } else {
            let element = scope.add(&id, format!("sub {id}"));
            element.inside.extend(multi);
            element.scope = Some(inner);
        }
        if self.dice.once_in(3) {
            return (id.clone(), id);
        }
        let (boundary, meet) = (self.id("b"), self.id("j"));
        let event = match thrown.split(' ').next() {
            Some("error") => self.pick(&["error E1", "error", "error E2 .@errorCodeVariable=code"]),
            Some("escalation") => self.pick(&["escalation S1", "escalation nonint", "escalation S1 nonint"]),
            _ => self.pick(&["signal g", "signal g nonint"]),
        };
        scope.add(&boundary, format!("boundary {boundary} {id} {event}"));
        scope.add(&meet, format!("task {meet}"));
        scope.flow(&id, &meet, "");
        if event.contains("nonint") || self.dice.once_in(2) {
            let end = self.id("e");
            let was = std::mem::replace(&mut self.quiet, true);
            let (first, last) = self.block(scope, depth.min(1));
            self.quiet = was;
            scope.add(&end, format!("end {end}"));
            scope.flow(&boundary, &first, "");
            scope.flow(&last, &end, "");
        } else {
            scope.flow(&boundary, &meet, "");
        }
        (id, meet)
    }

    /// An event subprocess that may catch what is thrown beside it.
    fn catching(&mut self, scope: &mut Scope, thrown: &str) {
        let (id, start, end) = (self.id("q"), self.id("s"), self.id("e"));
        let event = match thrown.split(' ').next() {
            Some("error") => self.pick(&["error E1", "error"]),
            Some("escalation") => self.pick(&["escalation S1", "escalation nonint", "escalation S1 nonint"]),
            _ => self.pick(&["signal g", "signal g nonint"]),
        };
        let mut inner = Scope::default();
        inner.add(&start, format!("start {start} {event}"));
        let was = std::mem::replace(&mut self.quiet, true);
        let (first, last) = self.leaf(&mut inner);
        self.quiet = was;
        inner.add(&end, format!("end {end}"));
        inner.flow(&start, &first, "");
        inner.flow(&last, &end, "");
        scope.add(&id, format!("event-sub {id}")).scope = Some(inner);
    }
}
