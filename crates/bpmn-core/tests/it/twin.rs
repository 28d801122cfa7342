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
    value::Variables,
    world::{Call, Decided, Moment, Scripted, Undecided, World},
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
    /// Definitions that it may call.
    pub called: Vec<Definition>,
    /// The other instances of its tree.
    pub others: BTreeMap<Id, Instance>,
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

fn reference(definition: &Definition, at: usize) -> DefinitionRef<'_> {
    DefinitionRef {
        id: Id::from_parts(1, 0, Slot::from_bits(0), 7 + at as u64),
        definition,
        rest_id: REST_ID,
        version: 1,
        tenant_id: None,
        job_settings: &[],
    }
}

/// The definitions and instances of a twin, as they are or as they come from their rows.
struct Around<'a> {
    twin: &'a Twin,
    reload: bool,
}

impl World for Around<'_> {
    fn decide(
        &self,
        call: &Call<'_>,
        variables: &Variables,
        _: Moment,
        answers: &[Scripted],
    ) -> Result<Decided, Undecided> {
        crate::decisions::decide(call, variables, answers)
    }

    fn definition(&self, id: Id) -> Option<DefinitionRef<'_>> {
        Some(self.twin.definition_of(id))
    }

    fn instance(&self, id: Id) -> Option<Instance> {
        let known = self.twin.any(id)?;
        Some(match self.reload {
            true => reloaded(known),
            false => known.clone(),
        })
    }

    fn called(&self, call: &Call<'_>) -> Result<DefinitionRef<'_>, String> {
        let all = std::iter::once(&self.twin.definition).chain(&self.twin.called);
        let mut all = all.enumerate();
        all.find(|(_, definition)| Some(definition.key.as_str()) == call.key)
            .map(|(at, definition)| reference(definition, at))
            .ok_or_else(|| call.missing("processes deployed", "processDefinition", None))
    }
}

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
        notes: Default::default(),
        history: Default::default(),
        ended: false,
        last_variables: Vec::new(),
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
            called: Vec::new(),
            others: BTreeMap::new(),
            last_write: None,
            history: Vec::new(),
            contents: BTreeMap::new(),
            lent: Vec::new(),
        }
    }

    /// The definition as the shell would pass it.
    pub fn reference(&self) -> DefinitionRef<'_> {
        reference(&self.definition, 0)
    }

    /// The definition of that row id.
    pub fn definition_of(&self, id: Id) -> DefinitionRef<'_> {
        let mut all = std::iter::once(&self.definition).chain(&self.called).enumerate();
        all.find_map(|(at, definition)| Some(reference(definition, at)).filter(|found| found.id == id))
            .expect("no such definition")
    }

    /// The row id of the definition of that key.
    pub fn definition_id(&self, key: &str) -> Id {
        let mut all = std::iter::once(&self.definition).chain(&self.called).enumerate();
        all.find(|(_, definition)| definition.key == key)
            .map(|(at, definition)| reference(definition, at).id)
            .expect("no such definition")
    }

    /// The instance; panics before the first start.
    pub fn instance(&self) -> &Instance {
        self.instance.as_ref().expect("no instance has been started")
    }

    /// The id of the instance that was started; before, of none.
    pub fn started(&self) -> Id {
        self.instance
            .as_ref()
            .map_or(reference(&self.definition, 0).id, |inst| inst.process.id)
    }

    /// The running instance of a called definition.
    pub fn called_instance(&self, key: &str) -> Id {
        let mut all = self.others.values();
        let found = all.find(|inst| self.definition_of(inst.process.definition_id).definition.key == key);
        found.expect("no such called instance").process.id
    }

    /// One of the tree's instances.
    pub fn any(&self, id: Id) -> Option<&Instance> {
        let own = self.instance.as_ref().filter(|inst| inst.process.id == id);
        own.or_else(|| self.others.get(&id))
    }

    /// Starts a new instance in place of the old one.
    pub fn start(&mut self, key: Option<String>, command: Command) -> Result<Outcome, Rejection> {
        let (mut outcome, instance, ids) = answered(|given| {
            let mut ids = self.ids.clone();
            let world = Around {
                twin: self,
                reload: false,
            };
            let mut env = self.env(&mut ids, &world, given);
            let mut instance = new_instance(&self.reference(), Slot::from_bits(5), key.clone(), &mut env);
            let outcome = step(&self.reference(), &mut instance, command.clone(), &mut env)?;
            Ok((outcome, instance, ids))
        })?;
        self.ids = ids;
        self.history.clear();
        self.contents.clear();
        self.others.clear();
        self.last_write = Some(instance.clone());
        self.write(instance, true);
        for other in std::mem::take(&mut outcome.others) {
            self.write(other, false);
        }
        Ok(outcome)
    }

    fn env<'a>(&'a self, ids: &'a mut Counter, world: &'a dyn World, given: &'a [Given]) -> Env<'a> {
        Env {
            now: self.now,
            ids,
            user: Some("demo"),
            groups: None,
            max_steps: self.max_steps,
            retries: self.retries,
            history: &self.told,
            world,
            given,
        }
    }

    fn write(&mut self, mut instance: Instance, own: bool) {
        let new = instance.large.new_rows();
        self.contents
            .extend(new.map(|(id, content)| (id, content.clone())));
        for id in instance.large.gone() {
            assert!(self.contents.remove(&id).is_some(), "{id} is deleted twice");
        }
        self.history.extend(instance.history.iter().cloned());
        if instance.ended {
            assert!(instance.tokens.is_empty() && instance.variables.is_empty() && instance.tasks.is_empty());
            assert!(instance.external_tasks.is_empty() && instance.jobs.is_empty());
            assert!(instance.subscriptions.is_empty() && instance.incidents.is_empty());
        }
        instance.committed();
        match own {
            true => self.instance = Some(instance),
            false if instance.ended => drop(self.others.remove(&instance.process.id)),
            false => drop(self.others.insert(instance.process.id, instance)),
        }
    }

    /// Carries out a command on both copies.
    pub fn step(&mut self, command: Command) -> Result<Outcome, Rejection> {
        self.step_in(self.instance().process.id, command)
    }

    /// Carries out a command on both copies of one of the tree's instances.
    pub fn step_in(&mut self, id: Id, command: Command) -> Result<Outcome, Rejection> {
        let (mut outcome, instance, ids) = answered(|given| self.stepped(id, &command, given))?;
        self.ids = ids;
        let own = self.instance().process.id;
        for written in std::mem::take(&mut outcome.others) {
            let is_own = written.process.id == own;
            self.write(written, is_own);
        }
        self.last_write = Some(instance.clone());
        self.write(instance, id == own);
        Ok(outcome)
    }

    /// Both copies after a command.
    fn stepped(
        &self,
        id: Id,
        command: &Command,
        given: &[Given],
    ) -> Result<(Outcome, Instance, Counter), Rejection> {
        let run = |mut instance: Instance, mut ids: Counter, reload: bool| {
            for id in &self.lent {
                instance.large.lend(*id, Arc::new(self.contents[id].clone()));
            }
            let world = Around { twin: self, reload };
            let mut env = self.env(&mut ids, &world, given);
            let def = self.definition_of(instance.process.definition_id);
            let result = step(&def, &mut instance, command.clone(), &mut env);
            (result, instance, ids)
        };
        let known = self.any(id).expect("no such instance");
        let (kept, instance, ids) = run(known.clone(), self.ids.clone(), false);
        let (other, again, _) = run(reloaded(known), self.ids.clone(), true);
        assert_eq!(told(&kept), told(&other), "{command:?}");
        let outcome = kept?;
        assert_eq!(rows(&instance), rows(&again), "{command:?}");
        let others = |outcome: &Outcome| outcome.others.iter().map(rows).collect::<String>();
        assert_eq!(others(&outcome), other.map(|o| others(&o)).unwrap_or_default());
        Ok((outcome, instance, ids))
    }
}
