//! Random block-structured processes, driven at random until they end.
use crate::twin::Twin;
use bpmn_core::{
    command::Command,
    instance::{HistoryRow, JobKind, TokenState},
    parse,
    value::TypedValue,
};
use std::collections::HashSet;

/// A small deterministic generator (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// Builds XML; each block is entered at one node and left at one node.
struct Builder {
    dice: Dice,
    xml: String,
    count: usize,
}

impl Builder {
    fn id(&mut self) -> String {
        self.count += 1;
        format!("n{}", self.count)
    }

    fn flow(&mut self, from: &str, to: &str, condition: &str) {
        let id = self.id();
        let condition = match condition {
            "" => String::new(),
            text => format!("<conditionExpression>{text}</conditionExpression>"),
        };
        self.xml += &format!(
            "<sequenceFlow id='{id}' sourceRef='{from}' targetRef='{to}'>{condition}</sequenceFlow>"
        );
    }

    fn asynchronous(&mut self) -> &'static str {
        match self.dice.below(8) {
            0 => " camunda:asyncBefore='true'",
            1 => " camunda:asyncAfter='true'",
            2 => " camunda:async='true' camunda:asyncAfter='true'",
            _ => "",
        }
    }

    fn leaf(&mut self) -> (String, String) {
        let (id, asynchronous) = (self.id(), self.asynchronous());
        let mapping = match self.dice.below(3) {
            0 => format!(
                "<extensionElements><camunda:inputOutput><camunda:inputParameter name='in'>${{x}}</camunda:inputParameter>\
                 <camunda:outputParameter name='{id}'>${{in}}</camunda:outputParameter></camunda:inputOutput>\
                 </extensionElements>"
            ),
            _ => String::new(),
        };
        self.xml += &match self.dice.below(6) {
            0 => format!("<userTask id='{id}'{asynchronous}>{mapping}</userTask>"),
            1 => format!(
                "<serviceTask id='{id}' camunda:type='external' camunda:topic='t'{asynchronous}>{mapping}</serviceTask>"
            ),
            2 => format!("<receiveTask id='{id}' messageRef='m'{asynchronous}>{mapping}</receiveTask>"),
            3 => format!(
                "<intermediateCatchEvent id='{id}'{asynchronous}><timerEventDefinition><timeDuration>PT1S</timeDuration>\
                 </timerEventDefinition></intermediateCatchEvent>"
            ),
            4 => format!("<task id='{id}'{asynchronous}>{mapping}</task>"),
            _ => format!(
                "<serviceTask id='{id}' camunda:expression='${{x}}' camunda:resultVariable='y'{asynchronous}/>"
            ),
        };
        (id.clone(), id)
    }

    fn block(&mut self, depth: u32) -> (String, String) {
        match if depth == 0 { 0 } else { self.dice.below(7) } {
            1 => {
                let (first, left) = self.block(depth - 1);
                let (right, last) = self.block(depth - 1);
                self.flow(&left, &right, "");
                (first, last)
            }
            kind @ (2 | 3) => {
                let tag = if kind == 2 {
                    "parallelGateway"
                } else {
                    "exclusiveGateway"
                };
                let (fork, join) = (self.id(), self.id());
                let branches = 2 + self.dice.below(2);
                let asynchronous = self.asynchronous();
                self.xml += &format!("<{tag} id='{fork}'{asynchronous}/><{tag} id='{join}'/>");
                for branch in 0..branches {
                    let (first, last) = self.block(depth - 1);
                    let condition = if kind == 3 {
                        format!("${{x % {branches} == {branch}}}")
                    } else {
                        String::new()
                    };
                    self.flow(&fork, &first, &condition);
                    self.flow(&last, &join, "");
                }
                (fork, join)
            }
            4 => {
                let (id, start, asynchronous) = (self.id(), self.id(), self.asynchronous());
                self.xml += &format!("<subProcess id='{id}'{asynchronous}><startEvent id='{start}'/>");
                self.inside(&start, depth - 1);
                self.xml += "</subProcess>";
                (id.clone(), id)
            }
            5 => {
                // An external task with an error boundary; both ways meet again without a join.
                let (id, event, meet) = (self.id(), self.id(), self.id());
                self.xml += &format!(
                    "<serviceTask id='{id}' camunda:type='external' camunda:topic='t'/><boundaryEvent id='{event}' \
                     attachedToRef='{id}'><errorEventDefinition camunda:errorCodeVariable='code'/></boundaryEvent>\
                     <task id='{meet}'/>"
                );
                self.flow(&id, &meet, "");
                self.flow(&event, &meet, "");
                (id, meet)
            }
            6 => {
                // A timer that interrupts and one that doesn't, whose token ends apart.
                let (first, meet) = (self.id(), self.id());
                let (inside, start, once, beside, end) =
                    (self.id(), self.id(), self.id(), self.id(), self.id());
                self.xml += &format!("<subProcess id='{inside}'><startEvent id='{start}'/>");
                self.inside(&start, depth - 1);
                let timer = "<timerEventDefinition><timeDuration>PT1S</timeDuration></timerEventDefinition>";
                let asynchronous = self.asynchronous();
                self.xml += &format!(
                    "</subProcess><task id='{first}'/><task id='{meet}'/><endEvent id='{end}'/>\
                     <boundaryEvent id='{once}' attachedToRef='{inside}'{asynchronous}>{timer}</boundaryEvent>\
                     <boundaryEvent id='{beside}' attachedToRef='{inside}' cancelActivity='false'>{timer}</boundaryEvent>"
                );
                self.flow(&first, &inside, "");
                self.flow(&inside, &meet, "");
                self.flow(&once, &meet, "");
                self.flow(&beside, &end, "");
                (first, meet)
            }
            _ => self.leaf(),
        }
    }

    /// A block between a start event and an end event.
    fn inside(&mut self, start: &str, depth: u32) {
        let (first, last) = self.block(depth);
        let end = self.id();
        self.xml += &format!("<endEvent id='{end}'/>");
        self.flow(start, &first, "");
        self.flow(&last, &end, "");
    }

    fn process(mut self) -> String {
        self.inside("start", 4);
        format!(
            "<definitions xmlns='http://www.omg.org/spec/BPMN/20100524/MODEL' targetNamespace='test' \
             xmlns:camunda='http://camunda.org/schema/1.0/bpmn'><message id='m' name='go'/>\
             <process id='p' isExecutable='true'><startEvent id='start'/>{}</process></definitions>",
            self.xml
        )
    }
}

/// One thing that can be done now.
fn choose(twin: &Twin, dice: &mut Dice) -> Command {
    let inst = twin.instance();
    let variables = vec![("z".to_owned(), TypedValue::Integer(dice.below(5) as i32))];
    // Uncaught, an error ends its branch, and a join after it waits for ever, as it does in the reference.
    let catches = |element: &str| {
        twin.definition
            .node(element)
            .is_some_and(|n| !n.boundary.is_empty())
    };
    let mut choices = Vec::new();
    for task in inst.tasks.iter() {
        choices.push(Command::CompleteTask {
            task: task.id,
            variables: variables.clone(),
            local_variables: vec![],
        });
    }
    for task in inst.external_tasks.iter() {
        let worker = "w".to_owned();
        choices.push(match &task.worker_id {
            None => Command::LockExternalTask {
                task: task.id,
                worker,
                duration: 1_000,
            },
            Some(_) if catches(&task.element) && dice.below(2) == 0 => Command::ExternalTaskError {
                task: task.id,
                worker,
                code: "E".to_owned(),
                message: None,
                variables: variables.clone(),
            },
            Some(_) => Command::CompleteExternalTask {
                task: task.id,
                worker,
                variables: variables.clone(),
                local_variables: variables.clone(),
            },
        });
    }
    for job in inst.jobs.iter() {
        assert_ne!(job.kind, JobKind::TimerStart);
        choices.push(Command::ExecuteJob { job: job.id });
    }
    for row in inst.subscriptions.iter() {
        let (variables, local_variables) = (variables.clone(), variables.clone());
        choices.push(Command::Trigger {
            subscription: row.id,
            variables,
            local_variables,
            scoped_variables: Vec::new(),
        });
    }
    assert!(!choices.is_empty(), "the instance is stuck: {:?}", inst.tokens);
    choices.swap_remove(dice.below(choices.len() as u64) as usize)
}

/// What must hold between steps.
fn check(twin: &Twin) {
    let inst = twin.instance();
    let has = |id| inst.tokens.get(id).is_some();
    let waits = inst
        .jobs
        .iter()
        .filter_map(|j| j.token_id)
        .chain(inst.tasks.iter().filter_map(|t| t.token_id));
    let waits = waits.chain(inst.external_tasks.iter().map(|t| t.token_id));
    let waits: HashSet<_> = waits
        .chain(inst.subscriptions.iter().map(|s| s.token_id))
        .collect();
    for token in inst.tokens.iter() {
        assert!(token.parent_id.is_none_or(has));
        let inside = inst.tokens.iter().any(|t| t.parent_id == Some(token.id));
        match token.state {
            TokenState::Scope => assert!(inside),
            TokenState::Joining => assert!(!waits.contains(&token.id)),
            _ => assert!(waits.contains(&token.id), "{token:?} waits for nothing"),
        }
        let waiting_before = matches!(token.state, TokenState::BeforeAsync | TokenState::AfterAsync);
        assert_eq!(token.activity_id.is_none(), waiting_before);
    }
    for variable in inst.variables.iter() {
        assert!(
            variable.scope_id == inst.process.id || has(variable.scope_id),
            "{variable:?} has no scope"
        );
    }
    let executions = bpmn_core::tree::executions(inst);
    let ids: HashSet<_> = executions.iter().map(|e| e.id).collect();
    assert_eq!(ids.len(), executions.len(), "an execution is listed twice");
    assert!(inst.tokens.iter().all(|t| ids.contains(&t.execution_id)));
    assert!(
        inst.tasks
            .iter()
            .all(|t| t.execution_id.is_some_and(|id| ids.contains(&id)))
    );
    assert!(
        inst.jobs
            .iter()
            .all(|j| j.execution_id.is_some_and(|id| ids.contains(&id)))
    );
}

#[test]
fn random_processes_run_to_their_end_and_reloading_changes_nothing() {
    for seed in 1..=250 {
        let builder = Builder {
            dice: Dice(seed * 0x9e37_79b9),
            xml: String::new(),
            count: 0,
        };
        let xml = builder.process();
        let definition = parse(xml.as_bytes())
            .unwrap_or_else(|e| panic!("seed {seed}: {e}\n{xml}"))
            .remove(0);
        let mut dice = Dice(seed * 0x85eb_ca6b);
        let mut twin = Twin::new(definition);
        let variables = vec![("x".to_owned(), TypedValue::Integer(dice.below(6) as i32))];
        twin.start(
            None,
            Command::Start {
                element: None,
                variables,
            },
        )
        .unwrap();
        let mut steps = 0;
        while !twin.instance().ended {
            check(&twin);
            let command = choose(&twin, &mut dice);
            twin.step(command)
                .unwrap_or_else(|e| panic!("seed {seed}: {e}\n{xml}"));
            steps += 1;
            assert!(steps < 10_000, "seed {seed} does not end");
        }
        let processes = twin
            .history
            .iter()
            .filter(|row| matches!(row, HistoryRow::Process(_)))
            .count();
        assert_eq!(processes, 1);
        let activities: Vec<_> = twin
            .history
            .iter()
            .filter_map(|row| match row {
                HistoryRow::Activity(activity) => Some(activity.id),
                _ => None,
            })
            .collect();
        let distinct: HashSet<_> = activities.iter().collect();
        assert_eq!(
            distinct.len(),
            activities.len(),
            "seed {seed}: an activity was written twice"
        );
    }
}
