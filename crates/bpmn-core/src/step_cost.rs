//! What a command costs must not depend on how many branches its instance has.
use crate::{
    Definition, DefinitionRef, Id, IdSource, Slot,
    command::{Command, Env, Retries},
    instance::Instance,
    new_instance, parse, step,
    tracked::{Entity, Tracked, looked_at},
    value::TypedValue,
};

struct Counter(u64);

impl IdSource for Counter {
    fn next(&mut self, slot: Slot) -> Id {
        self.0 += 1;
        Id::from_parts(1_000_000 + (self.0 >> 12), (self.0 & 0xfff) as u16, slot, 0)
    }
}

/// Branches that each wait for a human, a job, a worker and a message, and then join.
fn model(branches: usize) -> Definition {
    let mut xml = String::from(
        "<definitions xmlns='http://www.omg.org/spec/BPMN/20100524/MODEL' targetNamespace='test' \
         xmlns:camunda='http://camunda.org/schema/1.0/bpmn'><message id='m' name='go'/>\
         <process id='p' isExecutable='true'><startEvent id='start'/><parallelGateway id='fork'/>\
         <sequenceFlow id='f' sourceRef='start' targetRef='fork'/><parallelGateway id='join'/>",
    );
    for n in 0..branches {
        xml += &format!(
            "<userTask id='u{n}' camunda:asyncAfter='true'><extensionElements><camunda:inputOutput>\
             <camunda:inputParameter name='own'>${{x}}</camunda:inputParameter></camunda:inputOutput>\
             </extensionElements></userTask><serviceTask id='e{n}' camunda:type='external' camunda:topic='t'/>\
             <subProcess id='s{n}'><startEvent id='i{n}'/><receiveTask id='r{n}' messageRef='m'/>\
             <sequenceFlow id='z{n}' sourceRef='i{n}' targetRef='r{n}'/></subProcess>"
        );
        for (flow, from, to) in [
            ("a", "fork", "u"),
            ("b", "u", "e"),
            ("c", "e", "s"),
            ("d", "s", "join"),
        ] {
            let end = |word: &str| {
                if word.len() > 1 {
                    word.to_owned()
                } else {
                    format!("{word}{n}")
                }
            };
            let (from, to) = (end(from), end(to));
            xml += &format!("<sequenceFlow id='{flow}{n}' sourceRef='{from}' targetRef='{to}'/>");
        }
    }
    parse((xml + "</process></definitions>").as_bytes())
        .unwrap()
        .remove(0)
}

struct World {
    definition: Definition,
    instance: Instance,
    ids: Counter,
}

impl World {
    fn new(branches: usize) -> World {
        World::of(model(branches))
    }

    fn of(definition: Definition) -> World {
        let mut ids = Counter(0);
        let mut env = Env {
            now: 1_000_000,
            ids: &mut ids,
            user: None,
            groups: None,
            max_steps: 1_000_000,
            retries: Retries::default(),
            history: &crate::history::FULL,
            world: &crate::world::NoWorld,
            given: &[],
        };
        let instance = new_instance(&reference(&definition), Slot::from_bits(5), None, &mut env);
        let mut world = World {
            definition,
            instance,
            ids,
        };
        let variables = vec![("x".to_owned(), TypedValue::Integer(1))];
        world.run(Command::Start {
            element: None,
            variables,
        });
        world
    }

    /// How many rows a command on a copy looked at, and how many it wrote.
    fn run(&mut self, command: Command) -> (usize, usize) {
        let mut copy = self.instance.clone();
        let mut env = Env {
            now: 1_000_000,
            ids: &mut self.ids,
            user: None,
            groups: None,
            max_steps: 1_000_000,
            retries: Retries::default(),
            history: &crate::history::FULL,
            world: &crate::world::NoWorld,
            given: &[],
        };
        looked_at();
        step(&reference(&self.definition), &mut copy, command, &mut env).unwrap();
        let written = written(&copy);
        copy.committed();
        self.instance = copy;
        (looked_at(), written)
    }

    /// Takes the branch in the middle through all it waits for up to the join.
    fn branch(&mut self, n: usize) -> Vec<(usize, usize)> {
        let none = Vec::new;
        let mut costs = Vec::new();
        let element = format!("u{n}");
        let user = self
            .instance
            .tasks
            .iter()
            .find(|t| t.element.as_deref() == Some(&element))
            .unwrap();
        let (task, execution) = (user.id, user.execution_id.unwrap());
        costs.push(self.run(Command::SetVariables {
            scope: execution,
            local: true,
            set: vec![
                ("own".to_owned(), TypedValue::Integer(2)),
                ("new".to_owned(), TypedValue::Null),
            ],
            delete: vec!["nothing".to_owned()],
        }));
        costs.push(self.run(Command::CompleteTask {
            task,
            variables: vec![("x".to_owned(), TypedValue::Integer(3))],
            local_variables: none(),
        }));
        let job = self.instance.jobs.iter().next().unwrap().id;
        let message = "failed".to_owned();
        costs.push(self.run(Command::FailJob {
            job,
            element: None,
            message,
            stacktrace: String::new(),
        }));
        costs.push(self.run(Command::ExecuteJob { job }));
        let task = self.instance.external_tasks.iter().next().unwrap().id;
        let worker = || "w".to_owned();
        costs.push(self.run(Command::LockExternalTask {
            task,
            worker: worker(),
            duration: 1,
        }));
        costs.push(self.run(Command::FailExternalTask {
            task,
            worker: worker(),
            error_message: None,
            error_details: None,
            retries: 0,
            retry_timeout: 0,
            variables: none(),
            local_variables: none(),
        }));
        costs.push(self.run(Command::CompleteExternalTask {
            task,
            worker: worker(),
            variables: none(),
            local_variables: none(),
        }));
        let subscription = self.instance.subscriptions.iter().next().unwrap().id;
        costs.push(self.run(Command::Trigger {
            subscription,
            variables: none(),
            local_variables: none(),
            scoped_variables: none(),
        }));
        costs
    }
}

fn written(instance: &Instance) -> usize {
    fn of<E: Entity>(rows: &Tracked<E>) -> usize {
        rows.upserts().count() + rows.deletes().count()
    }
    let i = instance;
    of(&i.tokens)
        + of(&i.variables)
        + of(&i.tasks)
        + of(&i.external_tasks)
        + of(&i.jobs)
        + of(&i.subscriptions)
        + of(&i.incidents)
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

#[test]
fn a_command_looks_at_as_many_rows_of_ten_branches_as_of_two_thousand() {
    let (mut small, mut large) = (World::new(10), World::new(2_000));
    // The second time there is a token at the join.
    for time in 0..2 {
        let (expected, found) = (small.branch(5 + time), large.branch(1_000 + time));
        assert_eq!(expected, found);
        assert!(found.iter().all(|(looked_at, _)| *looked_at < 100), "{found:?}");
    }
}

/// A multi-instance of a subprocess in which a worker and a human are waited for one after the other.
fn iterations(count: usize, inner: &str) -> Definition {
    let xml = format!(
        "<definitions xmlns='http://www.omg.org/spec/BPMN/20100524/MODEL' targetNamespace='test' \
         xmlns:camunda='http://camunda.org/schema/1.0/bpmn'>\
         <process id='p' isExecutable='true'><startEvent id='start'/><sequenceFlow id='f' sourceRef='start' targetRef='s'/>\
         <subProcess id='s'><multiInstanceLoopCharacteristics><loopCardinality>{count}</loopCardinality>\
         </multiInstanceLoopCharacteristics><startEvent id='i'/><sequenceFlow id='a' sourceRef='i' targetRef='e'/>{inner}\
         </subProcess></process></definitions>"
    );
    parse(xml.as_bytes()).unwrap().remove(0)
}

#[test]
fn s3_47_s3_48_an_iteration_costs_the_same_among_ten_as_among_three_thousand() {
    let waiting = "<serviceTask id='e' camunda:type='external' camunda:topic='t'/>\
                   <sequenceFlow id='b' sourceRef='e' targetRef='u'/><userTask id='u'/>";
    let cost = |count: usize| {
        let mut world = World::of(iterations(count, waiting));
        let mut costs = Vec::new();
        for _ in 0..2 {
            let task = world.instance.external_tasks.iter().next_back().unwrap().id;
            let worker = || "w".to_owned();
            costs.push(world.run(Command::LockExternalTask {
                task,
                worker: worker(),
                duration: 1,
            }));
            costs.push(world.run(Command::CompleteExternalTask {
                task,
                worker: worker(),
                variables: Vec::new(),
                local_variables: Vec::new(),
            }));
            let task = world.instance.tasks.iter().next().unwrap().id;
            costs.push(world.run(Command::CompleteTask {
                task,
                variables: Vec::new(),
                local_variables: Vec::new(),
            }));
        }
        costs
    };
    let (few, many) = (cost(10), cost(3_000));
    assert_eq!(few, many);
    assert!(many.iter().all(|(looked_at, _)| *looked_at < 100), "{many:?}");
}

#[test]
fn s3_49_iterations_that_wait_for_nothing_leave_nothing_to_write() {
    let world = World::of(iterations(3_000, "<task id='e'/>"));
    assert!(world.instance.ended);
    assert_eq!(world.instance.tokens.iter().count(), 0);
    assert_eq!(written(&world.instance), 0);
}
