//! An instance run twice: kept in memory, and reloaded from its rows after each step. Both must agree in everything.
use crate::outside::answered;
use bpmn_core::{
    Definition, DefinitionRef, Id, IdSource, Millis, Slot,
    ask::Given,
    command::{Command, Env, Outcome, Rejection, Retries},
    instance::{HistoryRow, Instance},
    large::Content,
    new_instance, step,
    tracked::{Entity, Tracked},
};
use std::{collections::BTreeMap, sync::Arc};

/// Ids by a counter.
#[derive(Clone, Default)]
pub struct Counter(u64);

impl IdSource for Counter {
    fn next(&mut self, slot: Slot) -> Id {
        self.0 += 1;
        Id::from_parts(1_000_000 + (self.0 >> 12), (self.0 & 0xfff) as u16, slot, 0)
    }
}

/// The two copies and the world around them.
pub struct Twin {
    pub definition: Definition,
    pub now: Millis,
    pub max_steps: u32,
    pub retries: Retries<'static>,
    /// What goes to history.
    pub told: bpmn_core::history::History,
    ids: Counter,
    instance: Option<Instance>,
    /// The instance as the last step left it for the store.
    pub last_write: Option<Instance>,
    /// All history written so far.
    pub history: Vec<HistoryRow>,
    /// The rows of large values.
    pub contents: BTreeMap<Id, Content>,
    /// Those that the next step finds at hand.
    pub lent: Vec<Id>,
}

const REST_ID: &str = "p:1:definition";

/// What the store would give back after this write.
fn reload<E: Entity + Clone>(rows: &Tracked<E>) -> Tracked<E> {
    Tracked::loaded(rows.iter().cloned())
}

fn reloaded(instance: &Instance) -> Instance {
    Instance {
        process: instance.process.clone(),
        tokens: reload(&instance.tokens),
        variables: reload(&instance.variables),
        tasks: reload(&instance.tasks),
        external_tasks: reload(&instance.external_tasks),
        jobs: reload(&instance.jobs),
        subscriptions: reload(&instance.subscriptions),
        incidents: reload(&instance.incidents),
        large: Default::default(),
        history: Default::default(),
        ended: false,
        stored: true,
    }
}

/// Everything of an instance that a user or the store can see, for comparing.
fn rows(instance: &Instance) -> String {
    fn all<E: std::fmt::Debug + Entity>(rows: &Tracked<E>) -> String {
        let deletes: Vec<Id> = rows.deletes().collect();
        format!("{:?} - {deletes:?}\n", rows.iter().collect::<Vec<_>>())
    }
    format!(
        "{:?} {} {:?}\n{}{}{}{}{}{}{}",
        instance.process,
        instance.ended,
        instance.history,
        all(&instance.tokens),
        all(&instance.variables),
        all(&instance.tasks),
        all(&instance.external_tasks),
        all(&instance.jobs),
        all(&instance.subscriptions),
        all(&instance.incidents)
    )
}

/// What a step told, for comparing.
fn told(result: &Result<Outcome, Rejection>) -> Result<(&[String], &[Id]), &Rejection> {
    result
        .as_ref()
        .map(|outcome| (&*outcome.topics, &*outcome.due_jobs))
}

impl Twin {
    pub fn new(definition: Definition) -> Twin {
        let ids = Counter::default();
        Twin {
            definition,
            now: 1_000_000,
            max_steps: 10_000,
            retries: Retries::default(),
            told: bpmn_core::history::FULL.clone(),
            ids,
            instance: None,
            last_write: None,
            history: Vec::new(),
            contents: BTreeMap::new(),
            lent: Vec::new(),
        }
    }

    /// The definition as the shell would pass it.
    pub fn reference(&self) -> DefinitionRef<'_> {
        let id = Id::from_parts(1, 0, Slot::from_bits(0), 7);
        DefinitionRef {
            id,
            definition: &self.definition,
            rest_id: REST_ID,
            version: 1,
            tenant_id: None,
            job_settings: &[],
        }
    }

    /// The instance; panics before the first start.
    pub fn instance(&self) -> &Instance {
        self.instance.as_ref().expect("no instance has been started")
    }

    /// Starts a new instance in place of the old one.
    pub fn start(&mut self, key: Option<String>, command: Command) -> Result<Outcome, Rejection> {
        let (outcome, instance, ids) = answered(|given| {
            let mut ids = self.ids.clone();
            let mut env = Env {
                now: self.now,
                ids: &mut ids,
                user: Some("demo"),
                max_steps: self.max_steps,
                retries: self.retries,
                history: &self.told,
                world: &bpmn_core::world::NoWorld,
                given,
            };
            let mut instance = new_instance(&self.reference(), Slot::from_bits(5), key.clone(), &mut env);
            let outcome = step(&self.reference(), &mut instance, command.clone(), &mut env)?;
            Ok((outcome, instance, ids))
        })?;
        self.ids = ids;
        self.history = instance.history.iter().cloned().collect();
        self.contents.clear();
        self.write(instance);
        Ok(outcome)
    }

    fn write(&mut self, mut instance: Instance) {
        let new = instance.large.new_rows();
        self.contents
            .extend(new.map(|(id, content)| (id, content.clone())));
        for id in instance.large.gone() {
            assert!(self.contents.remove(&id).is_some(), "{id} is deleted twice");
        }
        self.last_write = Some(instance.clone());
        instance.committed();
        self.instance = Some(instance);
    }

    /// Carries out a command on both copies.
    pub fn step(&mut self, command: Command) -> Result<Outcome, Rejection> {
        let (outcome, instance, ids) = answered(|given| self.stepped(&command, given))?;
        self.ids = ids;
        self.history.extend(instance.history.iter().cloned());
        if instance.ended {
            assert!(instance.tokens.is_empty() && instance.variables.is_empty() && instance.tasks.is_empty());
            assert!(instance.external_tasks.is_empty() && instance.jobs.is_empty());
            assert!(instance.subscriptions.is_empty() && instance.incidents.is_empty());
        }
        self.write(instance);
        Ok(outcome)
    }

    /// Both copies after a command.
    fn stepped(&self, command: &Command, given: &[Given]) -> Result<(Outcome, Instance, Counter), Rejection> {
        let run = |mut instance: Instance, mut ids: Counter| {
            for id in &self.lent {
                instance.large.lend(*id, Arc::new(self.contents[id].clone()));
            }
            let mut env = Env {
                now: self.now,
                ids: &mut ids,
                user: Some("demo"),
                max_steps: self.max_steps,
                retries: self.retries,
                history: &self.told,
                world: &bpmn_core::world::NoWorld,
                given,
            };
            let result = step(&self.reference(), &mut instance, command.clone(), &mut env);
            (result, instance, ids)
        };
        let (kept, instance, ids) = run(self.instance().clone(), self.ids.clone());
        let (other, again, _) = run(reloaded(self.instance()), self.ids.clone());
        assert_eq!(told(&kept), told(&other), "{command:?}");
        let outcome = kept?;
        assert_eq!(rows(&instance), rows(&again), "{command:?}");
        Ok((outcome, instance, ids))
    }
}
