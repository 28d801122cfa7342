//! How long a step takes without I/O: `cargo run --release -p bpmn-core --example steps`.
//!
//! Prints nanoseconds per command for a process that runs through, one that stops at a user task after an expression
//! and a gateway with three variables, completing that task, and a command to one of many branches.
#![allow(clippy::disallowed_methods)] // It measures: the clock is what it is about.
use bpmn_core::{
    Definition, DefinitionRef, Id, IdSource, Slot,
    command::{Command, Env, Outcome, Retries},
    instance::Instance,
    new_instance, parse, step,
    value::{TypedValue, Variables},
};
use std::{hint::black_box, time::Instant};

struct Counter(u64);

impl IdSource for Counter {
    fn next(&mut self, slot: Slot) -> Id {
        self.0 += 1;
        Id::from_parts(1_000_000 + (self.0 >> 12), (self.0 & 0xfff) as u16, slot, 0)
    }
}

fn model(body: &str) -> Definition {
    let xml = format!(
        "<definitions xmlns='http://www.omg.org/spec/BPMN/20100524/MODEL' targetNamespace='test' \
         xmlns:camunda='http://camunda.org/schema/1.0/bpmn'><process id='p' isExecutable='true'>{body}</process>\
         </definitions>"
    );
    parse(xml.as_bytes()).expect("the model is right").remove(0)
}

fn straight() -> Definition {
    model(
        "<startEvent id='start'/><sequenceFlow id='f' sourceRef='start' targetRef='end'/><endEvent id='end'/>",
    )
}

fn order() -> Definition {
    model(
        "<startEvent id='start'/><sequenceFlow id='f1' sourceRef='start' targetRef='compute'/>\
         <serviceTask id='compute' name='Compute' camunda:expression='${amount * 2}' camunda:resultVariable='total'/>\
         <sequenceFlow id='f2' sourceRef='compute' targetRef='which'/><exclusiveGateway id='which' default='f4'/>\
         <sequenceFlow id='f3' sourceRef='which' targetRef='approve'>\
         <conditionExpression>${total &gt; 100}</conditionExpression></sequenceFlow>\
         <sequenceFlow id='f4' sourceRef='which' targetRef='end'/>\
         <userTask id='approve' name='Approve' camunda:assignee='demo'/>\
         <sequenceFlow id='f5' sourceRef='approve' targetRef='end'/><endEvent id='end'/>",
    )
}

fn wide(branches: usize) -> Definition {
    let mut body = String::from(
        "<startEvent id='start'/><sequenceFlow id='f' sourceRef='start' targetRef='fork'/><parallelGateway id='fork'/>",
    );
    for n in 0..branches {
        body += &format!(
            "<userTask id='t{n}'/><sequenceFlow id='a{n}' sourceRef='fork' targetRef='t{n}'/>\
             <sequenceFlow id='b{n}' sourceRef='t{n}' targetRef='join'/>"
        );
    }
    model(&(body + "<parallelGateway id='join'/>"))
}

fn variables() -> Variables {
    vec![
        ("amount".to_owned(), TypedValue::Integer(70)),
        ("customer".to_owned(), TypedValue::String("a customer".to_owned())),
        ("express".to_owned(), TypedValue::Boolean(true)),
    ]
}

struct World(Counter);

impl World {
    fn run(&mut self, definition: &Definition, instance: &mut Instance, command: Command) -> Outcome {
        let mut env = Env {
            now: 1_000_000,
            ids: &mut self.0,
            user: Some("demo"),
            groups: None,
            max_steps: 100_000,
            retries: Retries::default(),
            history: &bpmn_core::history::FULL,
            world: &bpmn_core::world::NoWorld,
            given: &[],
        };
        let reference = reference(definition);
        step(&reference, instance, command, &mut env).expect("the command is carried out")
    }

    fn start(&mut self, definition: &Definition, variables: Variables) -> Instance {
        let mut env = Env {
            now: 1_000_000,
            ids: &mut self.0,
            user: Some("demo"),
            groups: None,
            max_steps: 100_000,
            retries: Retries::default(),
            history: &bpmn_core::history::FULL,
            world: &bpmn_core::world::NoWorld,
            given: &[],
        };
        let mut instance = new_instance(&reference(definition), Slot::from_bits(5), None, &mut env);
        let element = None;
        self.run(definition, &mut instance, Command::Start { element, variables });
        instance
    }
}

fn reference(definition: &Definition) -> DefinitionRef<'_> {
    DefinitionRef {
        id: Id::from_parts(1, 0, Slot::from_bits(0), 7),
        definition,
        rest_id: "p:1:definition",
        version: 1,
        tenant_id: None,
        job_settings: &[],
    }
}

fn complete(instance: &Instance, at: usize) -> Command {
    let task = instance.tasks.iter().nth(at).expect("there is a task").id;
    Command::CompleteTask {
        task,
        variables: Vec::new(),
        local_variables: Vec::new(),
    }
}

/// Runs for about a second and prints what one run took.
fn measure(name: &str, mut run: impl FnMut()) {
    let begin = Instant::now();
    let mut count = 0_u32;
    while begin.elapsed().as_millis() < 1_000 {
        run();
        count += 1;
    }
    println!("{name}: {} ns", begin.elapsed().as_nanos() / u128::from(count));
}

fn main() {
    let mut world = World(Counter(0));
    let (straight, order) = (straight(), order());
    measure("start to end", || {
        black_box(world.start(&straight, Vec::new()));
    });
    measure("start into a user task", || {
        black_box(world.start(&order, variables()));
    });
    let mut waiting = world.start(&order, variables());
    waiting.committed();
    let command = complete(&waiting, 0);
    measure("copy and complete the task", || {
        let mut copy = waiting.clone();
        world.run(&order, &mut copy, command.clone());
        black_box(copy);
    });
    for branches in [10, 100, 1_000, 10_000] {
        let wide = wide(branches);
        measure(&format!("start {branches} branches"), || {
            black_box(world.start(&wide, Vec::new()));
        });
        measure(&format!("start {branches} branches and complete all"), || {
            let mut instance = world.start(&wide, Vec::new());
            let tasks: Vec<Id> = instance.tasks.iter().map(|task| task.id).collect();
            for task in tasks {
                let (variables, local_variables) = (Vec::new(), Vec::new());
                instance.committed();
                let mut copy = instance.clone();
                let command = Command::CompleteTask {
                    task,
                    variables,
                    local_variables,
                };
                world.run(&wide, &mut copy, command);
                instance = copy;
            }
            assert!(instance.ended);
        });
        let mut waiting = world.start(&wide, Vec::new());
        waiting.committed();
        let command = complete(&waiting, branches / 2);
        measure(&format!("complete one of {branches} tasks"), || {
            let mut copy = waiting.clone();
            world.run(&wide, &mut copy, command.clone());
            copy.committed();
            black_box(copy);
        });
    }
}
