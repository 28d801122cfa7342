//! The user operation log: what authenticated users do, in the reference's words. A handler says what a command tells,
//! the slot's writer writes it with the command; what belongs to no tree is written after it was done and before it is
//! answered. Where nobody is authenticated nothing is told, and nothing is worked out.
use super::{Caller, CatalogView, Engine, EngineError, Inner, writer::now};
use crate::store::{
    Applied, DefinitionRow, Unit,
    operations::{OperationRow, Told, Word},
};
use bpmn_core::{
    Id, Millis, Slot,
    command::Rejection,
    history::Kind,
    instance::{Instance, Job, UserTask},
};
use std::{
    fmt,
    sync::{Arc, Mutex},
};

/// How often what belongs to no tree is tried in another slot, when slots are moving.
const TRIES: usize = 5;
/// What a new task of the reference has before its fields are set.
const NEW_PRIORITY: i32 = 50;

tokio::task_local! {
    /// What the router is to write for all shards; see [`gathering`].
    static GATHERED: Mutex<Vec<OperationRow>>;
}

/// Runs a request and also gives what it told that the router writes, once for all shards.
pub async fn gathering<T>(request: impl Future<Output = T>) -> (T, Vec<OperationRow>) {
    GATHERED
        .scope(Mutex::default(), async {
            let answer = request.await;
            let rows =
                GATHERED.with(|rows| std::mem::take(&mut *rows.lock().unwrap_or_else(|e| e.into_inner())));
            (answer, rows)
        })
        .await
}

/// What is told of a command.
#[derive(Clone, Debug)]
pub enum Entry {
    /// Of its instance.
    Here(Told),
    /// Of no instance, although one was commanded.
    Apart(Told),
}

type Telling = dyn Fn(&Instance, &Instance) -> Vec<Entry> + Send + Sync;

/// Says what a command tells, from its instance before and after it.
#[derive(Clone)]
pub struct Tell(Arc<Telling>);

impl fmt::Debug for Tell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tell")
    }
}

impl Tell {
    /// From a pure function.
    pub fn new(tell: impl Fn(&Instance, &Instance) -> Vec<Entry> + Send + Sync + 'static) -> Tell {
        Tell(Arc::new(tell))
    }

    /// The same whatever the instance is.
    pub fn just(told: Vec<Told>) -> Tell {
        Tell::new(move |_, _| told.iter().cloned().map(Entry::Here).collect())
    }
}

/// What the log is told of a request.
#[derive(Clone, Debug, Default)]
pub struct Logging {
    /// Nothing: what a batch does was told when the batch was made.
    pub silent: bool,
    /// The operation that everything it tells belongs to, where several commands do.
    pub operation: Option<Id>,
    /// A router draws the operation for several shards, and writes what belongs to no tree.
    pub gathered: bool,
    /// What its next command tells.
    pub tell: Option<Tell>,
}

/// A value as the log shows it.
pub fn text(value: impl ToString) -> Option<String> {
    Some(value.to_string())
}

/// A value or none.
pub fn option<V: ToString>(value: Option<V>) -> Option<String> {
    value.map(|value| value.to_string())
}

impl Told {
    fn of(category: &'static str, entity: &'static str, operation: &'static str) -> Told {
        Told {
            category: category.into(),
            entity: entity.into(),
            operation: operation.into(),
            ..Told::default()
        }
    }

    /// What operators do.
    pub fn operator(entity: &'static str, operation: &'static str) -> Told {
        Told::of("Operator", entity, operation)
    }

    /// What who works on tasks does.
    pub fn task_worker(entity: &'static str, operation: &'static str) -> Told {
        Told::of("TaskWorker", entity, operation)
    }

    /// What administrators do.
    pub fn admin(entity: &'static str, operation: &'static str) -> Told {
        Told::of("Admin", entity, operation)
    }

    /// With a property that has changed.
    pub fn changed(&self, property: impl Into<Word>, old: Option<String>, new: Option<String>) -> Told {
        Told {
            property: Some(property.into()),
            old,
            new,
            ..self.clone()
        }
    }

    /// With a property that is said alone.
    pub fn said(&self, property: impl Into<Word>, new: impl ToString) -> Told {
        self.changed(property, None, text(new))
    }

    /// Of a process definition.
    pub fn of_definition(mut self, row: &DefinitionRow) -> Told {
        self.deployment_id = text(row.deployment_id);
        self.definition_id = Some(row.rest_id.clone());
        self.definition_key = Some(row.key.clone());
        self.tenant_id.clone_from(&row.tenant_id);
        self
    }

    /// Of what a body names: a process definition, or all of a key.
    pub fn of_named(mut self, view: &CatalogView, id: Option<&str>, key: Option<&str>) -> Told {
        match id.and_then(|id| view.by_rest_id(id)) {
            Some(deployed) => self.of_definition(&deployed.row),
            None => {
                self.definition_id = id.map(str::to_owned);
                self.definition_key = key.map(str::to_owned);
                self
            }
        }
    }

    /// Of a job of that instance, or of a timer start.
    pub fn of_job(mut self, view: &CatalogView, job: &Job) -> Told {
        self.job_id = text(job.id);
        self.job_definition_id = option(view.job_definition_id(job.definition_id, &job.element, job.kind));
        self
    }

    /// Of a job without an instance.
    pub fn of_start_job(self, view: &CatalogView, job: &Job) -> Told {
        let told = self.of_job(view, job);
        match view.by_id(job.definition_id) {
            Some(deployed) => told.of_definition(&deployed.row),
            None => told,
        }
    }

    /// Of a task.
    pub fn of_task(mut self, task: &UserTask) -> Told {
        self.task_id = text(task.id);
        self.tenant_id.clone_from(&task.tenant_id);
        self.execution_id = option(task.execution_id);
        self
    }
}

/// Suspension and activation as values.
pub fn suspension(suspended: bool) -> Option<String> {
    text(if suspended { "suspended" } else { "active" })
}

/// What a change of a task tells: each field that is another one now, in the order of the reference's hash map.
pub fn task_changed(operation: &'static str, before: &UserTask, after: &UserTask) -> Vec<Entry> {
    let base = Told::task_worker("Task", operation).of_task(before);
    let date = |at: Option<Millis>| option(at);
    let fields = [
        ("owner", before.owner.clone(), after.owner.clone()),
        ("followUpDate", date(before.follow_up), date(after.follow_up)),
        ("parentTask", option(before.parent_id), option(after.parent_id)),
        ("dueDate", date(before.due), date(after.due)),
        ("name", before.name.clone(), after.name.clone()),
        (
            "description",
            before.description.clone(),
            after.description.clone(),
        ),
        ("assignee", before.assignee.clone(), after.assignee.clone()),
        ("priority", text(before.priority), text(after.priority)),
        ("delegation", before.delegation.clone(), after.delegation.clone()),
        (
            "caseInstanceId",
            before.case_instance_id.clone(),
            after.case_instance_id.clone(),
        ),
    ];
    let changed = fields.into_iter().filter(|(_, old, new)| old != new);
    changed
        .map(|(property, old, new)| Entry::Here(base.changed(property, old, new)))
        .collect()
}

/// What a change of a task tells ([`task_changed`]).
pub fn task(operation: &'static str, id: Id) -> Tell {
    Tell::new(
        move |before, after| match (before.tasks.get(id), after.tasks.get(id)) {
            (Some(before), Some(after)) => task_changed(operation, before, after),
            _ => Vec::new(),
        },
    )
}

/// A task that somebody makes: what it has that a new one hasn't.
pub fn task_created() -> Tell {
    Tell::new(|before, after| {
        let made = after
            .tasks
            .iter()
            .find(|task| before.tasks.get(task.id).is_none());
        let Some(task) = made else {
            return Vec::new();
        };
        let blank = UserTask {
            owner: None,
            follow_up: None,
            parent_id: None,
            due: None,
            name: None,
            description: None,
            assignee: None,
            priority: NEW_PRIORITY,
            delegation: None,
            case_instance_id: None,
            ..task.clone()
        };
        match task_changed("Create", &blank, task) {
            none if none.is_empty() => vec![Entry::Here(Told::task_worker("Task", "Create").of_task(task))],
            told => told,
        }
    })
}

/// A task that is completed; one that only is resolved by it tells that.
pub fn task_completed(id: Id) -> Tell {
    Tell::new(move |before, after| {
        let Some(task) = before.tasks.get(id) else {
            return Vec::new();
        };
        match after.tasks.get(id) {
            Some(after) => task_changed("Resolve", task, after),
            None => {
                let told = Told::task_worker("Task", "Complete").of_task(task);
                vec![Entry::Here(told.changed("delete", text(false), text(true)))]
            }
        }
    })
}

/// Something at a task.
pub fn at_task(id: Id, told: Told) -> Tell {
    Tell::new(move |before, _| match before.tasks.get(id) {
        Some(task) => vec![Entry::Here(told.clone().of_task(task))],
        None => Vec::new(),
    })
}

/// A change of a job; `properties` from the job before and after, once each, or one entry without any.
pub fn job(
    view: &Arc<CatalogView>,
    operation: &'static str,
    id: Id,
    properties: impl Fn(&Job, Option<&Job>) -> Vec<(&'static str, Option<String>, Option<String>)>
    + Send
    + Sync
    + 'static,
) -> Tell {
    let view = view.clone();
    Tell::new(move |before, after| {
        let Some(job) = before.jobs.get(id) else {
            return Vec::new();
        };
        let base = Told::operator("Job", operation).of_job(&view, job);
        each(&base, properties(job, after.jobs.get(id)))
            .into_iter()
            .map(Entry::Here)
            .collect()
    })
}

/// The entry once for each property, or once without any.
pub fn each(base: &Told, properties: Vec<(&'static str, Option<String>, Option<String>)>) -> Vec<Told> {
    if properties.is_empty() {
        return vec![base.clone()];
    }
    let all = properties.into_iter();
    all.map(|(property, old, new)| base.changed(property, old, new))
        .collect()
}

impl Inner {
    /// What a command's instance tells, as rows of its unit.
    pub(super) fn operations(
        &self,
        user: &str,
        (tell, operation): &(Tell, Option<Id>),
        before: &Instance,
        after: &Instance,
    ) -> Vec<OperationRow> {
        let process = &after.process;
        let Some(slot) = process.id.slot() else {
            return Vec::new();
        };
        let told = (tell.0)(before, after);
        if told.is_empty() {
            return Vec::new();
        }
        let view = self.catalog.view();
        let definition = view.by_id(before.process.definition_id).map(|d| d.row.clone());
        let operation = operation.unwrap_or_else(|| self.ids.next(slot));
        let time = now();
        let row = |entry| {
            let (root_id, retention, instance_id, mut told) = match entry {
                Entry::Here(told) => {
                    let told = match &definition {
                        Some(row) => told.of_definition(row),
                        None => told,
                    };
                    let instance = (!after.is_standalone()).then_some(process.id);
                    (process.root_id, process.retention, instance, told)
                }
                Entry::Apart(told) => (self.root_of(operation, slot), 0, None, told),
            };
            if !after.is_standalone() {
                told.tenant_id.clone_from(&process.tenant_id);
            }
            OperationRow {
                id: self.ids.next(slot),
                root_id,
                retention,
                instance_id,
                operation_id: operation,
                user_id: Some(user.to_owned()),
                time,
                told,
            }
        };
        told.into_iter().map(row).collect()
    }

    /// The root of what an operation tells of no tree, in that slot.
    fn root_of(&self, operation: Id, slot: Slot) -> Id {
        match operation.slot() == Some(slot) {
            true => operation,
            false => self.ids.next(slot),
        }
    }
}

impl Engine {
    /// Whether the user log is told of a caller's requests.
    pub fn logs(&self, caller: &Caller) -> bool {
        caller.user.is_some() && !caller.log.silent && self.tells("", Kind::Operation)
    }

    /// Tells the log what belongs to no tree, under the caller's operation; `tree`: root, retention class and instance
    /// of one that has ended, where it does belong to one. Within a fan-out the router writes it.
    ///
    /// # Errors
    /// [`EngineError::Busy`] if no slot takes it.
    pub async fn log(
        &self,
        caller: &Caller,
        told: Vec<Told>,
        tree: Option<(Id, i16, Id)>,
    ) -> Result<(), EngineError> {
        if told.is_empty() || !self.logs(caller) {
            return Ok(());
        }
        for _ in 0..TRIES {
            let slot = match tree {
                Some((root, ..)) => root.slot(),
                None => caller
                    .log
                    .operation
                    .and_then(Id::slot)
                    .filter(|slot| self.owned().owns(*slot)),
            };
            let slot = match slot {
                Some(slot) => slot,
                None => self.any_owned_slot()?,
            };
            let operation = caller.log.operation.unwrap_or_else(|| self.new_id(slot));
            let (root_id, retention, instance_id) = match tree {
                Some((root, retention, instance)) => (root, retention, Some(instance)),
                None => (self.inner.root_of(operation, slot), 0, None),
            };
            let row = |told: &Told| OperationRow {
                id: self.new_id(slot),
                root_id,
                retention,
                instance_id,
                operation_id: operation,
                user_id: caller.user.clone(),
                time: now(),
                told: told.clone(),
            };
            let rows: Vec<OperationRow> = told.iter().map(row).collect();
            if caller.log.gathered && tree.is_none() {
                // An error means that nobody gathers: it is no part of a fan-out then.
                let gathered =
                    GATHERED.try_with(|all| all.lock().unwrap_or_else(|e| e.into_inner()).extend(rows));
                debug_assert!(gathered.is_ok());
                return Ok(());
            }
            if self.write_operations(slot, rows).await? {
                return Ok(());
            }
            self.refresh_owned().await;
        }
        Err(EngineError::Busy("slots are being moved".into()))
    }

    /// Writes what a router has gathered, where this shard owns the slot of the operation.
    ///
    /// # Errors
    /// [`EngineError::Misdirected`] where it doesn't.
    pub async fn log_gathered(&self, operation: Id, mut rows: Vec<OperationRow>) -> Result<(), EngineError> {
        let slot = operation.slot().ok_or(EngineError::NotFound {
            entity: crate::store::Entity::Execution,
            id: operation,
        })?;
        self.check_slot(slot).await?;
        for row in &mut rows {
            (row.id, row.root_id, row.retention) = (self.new_id(slot), operation, 0);
            (row.operation_id, row.instance_id) = (operation, None);
        }
        match self.write_operations(slot, rows).await? {
            true => Ok(()),
            false => Err(self.inner.misdirected(slot)),
        }
    }

    /// False if the slot isn't owned here.
    async fn write_operations(&self, slot: Slot, rows: Vec<OperationRow>) -> Result<bool, EngineError> {
        let unit = Unit {
            slots: vec![slot],
            operations: rows,
            ..Unit::default()
        };
        match self.store().write(&[unit]).await?.pop() {
            Some(Applied::Done) => Ok(true),
            Some(Applied::NotOwner(_)) => Ok(false),
            Some(Applied::Refused(reason)) => Err(EngineError::Rejected(Rejection::BadRequest(reason))),
            other => Err(EngineError::Busy(format!("the log was not written: {other:?}"))),
        }
    }
}
