//! A process instance as stored: one row per entity, tracked so that a write touches only what changed.
//!
//! Words: a *token* stands on an element inside a *scope*; the root scope is the process instance itself. REST's
//! `executionId` is [`Token::execution_id`], its activity instance id is made of [`Token::activity_id`] (`ELEMENT:UUID`)
//! (the process instance's own id for the root).
use crate::{
    Millis,
    large::LargeValues,
    note::{NoteChange, TaskLink},
    tracked::{By, Entity, FixedKeys, Log, Tracked},
    tree::activity_instance_id,
    value::TypedValue,
};
use std::sync::Arc;
use topology::Id;

/// The row of a running process instance; also its root scope.
#[derive(Clone, Debug, PartialEq)]
pub struct ProcessInstance {
    pub id: Id,
    /// Root of the tree of called instances; its own id if nobody called it. All of a tree lives in the root's slot.
    pub root_id: Id,
    /// The token of the call activity that called it.
    pub super_token_id: Option<Id>,
    /// The instance that token is of.
    pub super_instance_id: Option<Id>,
    /// Id of the definition row (the UUID part of REST's `key:version:uuid`).
    pub definition_id: Id,
    pub business_key: Option<String>,
    /// Raised by the store with every write; what optimistic locking compares.
    pub revision: i64,
    pub suspended: bool,
    pub started: Millis,
    pub start_user: Option<String>,
    pub start_element: String,
    pub tenant_id: Option<String>,
    /// Retention class of the root's definition at its start ([`crate::history::retention`]): with the root's id it
    /// names the partition of all its history.
    pub retention: i16,
    /// Whether history tells of it: a level above `none` when it started.
    pub recorded: bool,
    /// The instance that it was restarted from.
    pub restarted_id: Option<Id>,
    /// What a start called its case: a text that is only told.
    pub case_instance_id: Option<String>,
}

/// What a token is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum TokenState {
    /// A scope with tokens inside (subprocess), not itself waiting.
    Scope = 0,
    /// In a wait state on its element: user task, external task, receive task, catch event.
    Waiting = 1,
    /// Before its element, at a job of asyncBefore.
    BeforeAsync = 2,
    /// After its element, at a job of asyncAfter.
    AfterAsync = 3,
    /// Arrived at a joining gateway.
    Joining = 4,
    /// One iteration of a parallel multi-instance: an execution between the body and the activity, which has a token
    /// of its own. Stays without that until the body is done.
    Iteration = 5,
    /// What compensation of a completed scope may need: its variables and subscriptions. No token runs in it.
    EventScope = 6,
    /// Throws compensation and waits for the handlers, which run inside.
    Compensating = 7,
}

impl TokenState {
    /// The state of a stored number.
    pub fn from_i16(number: i16) -> Option<TokenState> {
        use TokenState::*;
        [
            Scope,
            Waiting,
            BeforeAsync,
            AfterAsync,
            Joining,
            Iteration,
            EventScope,
            Compensating,
        ]
        .into_iter()
        .find(|s| *s as i16 == number)
    }
}

/// A token, or (state `Scope`) an inner scope.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    pub id: Id,
    pub instance_id: Id,
    /// The inner scope it lives in; `None` is the process instance.
    pub parent_id: Option<Id>,
    pub element: String,
    pub state: TokenState,
    /// REST's execution id: differs from `id` where Camunda would have an execution of another id (the process
    /// instance's for the first token outside a scope activity).
    pub execution_id: Id,
    /// The activity instance it is in; `None` before the activity has begun or at a gateway's join.
    pub activity_id: Option<Id>,
    /// When that activity instance started.
    pub started: Millis,
    /// What it has to remember beyond this: after its element (`AfterAsync`) the sequence flow to take, or the activity
    /// instance that has ended and whose tasks and variables are still there; in an event scope the id of the
    /// subscription that compensates it; while it compensates REST's id of the activity instance that what is inside is
    /// shown in (`None`: its own).
    pub data: Option<String>,
}

impl Token {
    /// The activity instance that has ended without a flow to take, while what belongs to it waits for the job of
    /// asyncAfter.
    pub(crate) fn ended(&self) -> Option<Id> {
        match self.state {
            TokenState::AfterAsync => self.data.as_deref()?.parse().ok(),
            _ => None,
        }
    }

    /// REST's id of the activity instance it is in.
    pub(crate) fn shown(&self) -> String {
        activity_instance_id(&self.element, self.activity_id.unwrap_or(self.id))
    }
}

/// A variable in a scope: the process instance, an inner scope, a token's activity, or a task.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    pub id: Id,
    pub instance_id: Id,
    /// Id of the process instance, scope token or activity token it belongs to.
    pub scope_id: Id,
    /// The task it is local to.
    pub task_id: Option<Id>,
    pub name: String,
    pub value: TypedValue,
    pub version: Version,
}

/// What history knows of a variable's present value. A value that is replaced goes to
/// [`HistoryRow::Detail`], so that each is stored once.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Version {
    /// When the variable was made.
    pub created: Millis,
    /// When it got its present value; `None`: when it was made.
    pub updated: Option<Millis>,
    /// How often its value has been replaced.
    pub revision: i32,
    /// Id of the present value's detail; `None`: the variable's own.
    pub version_id: Option<Id>,
    /// Activity instance that set the present value; `None`: the process instance; [`Id::NIL`]: none.
    pub writer_id: Option<Id>,
    /// Activity instance that history shows the variable in, fixed by who makes it, where that isn't its scope's; the
    /// process instance's id: that; [`Id::NIL`]: none.
    pub shown_id: Option<Id>,
    pub recorded: Recorded,
    /// Set by the start of the process instance.
    pub initial: bool,
}

/// How much of a variable's present value goes to history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i16)]
pub enum Recorded {
    /// Nothing any more, since somebody deleted its history; its next value is told again.
    Forgotten = -1,
    /// Nothing.
    #[default]
    No = 0,
    /// The variable with its last value: level `audit`.
    Variable = 1,
    /// Each of its values: level `full`.
    Detail = 2,
}

impl Job {
    /// Shifts the later repetitions of a timer by as much as this firing is moved to another time.
    pub fn shift_repeats(&mut self, due: Option<Millis>) {
        if let (Some(from), Some(to), Some(repeat)) = (self.due, due, &self.repeat) {
            self.repeat = Some(crate::timer::shifted(repeat, to - from));
        }
    }
}

impl Recorded {
    /// The value of a stored number.
    pub fn from_i16(number: i16) -> Option<Recorded> {
        use Recorded::*;
        [Forgotten, No, Variable, Detail]
            .into_iter()
            .find(|k| *k as i16 == number)
    }
}

/// A user task.
#[derive(Clone, Debug, PartialEq)]
pub struct UserTask {
    pub id: Id,
    /// The unit it is stored with: its process instance, or for tasks outside of processes [`Instance::is_standalone`].
    pub instance_id: Option<Id>,
    /// `None` for a task that no process has made.
    pub token_id: Option<Id>,
    pub execution_id: Option<Id>,
    pub activity_id: Option<Id>,
    pub definition_id: Option<Id>,
    /// The element's id: REST's `taskDefinitionKey`.
    pub element: Option<String>,
    pub name: Option<String>,
    pub description: Option<String>,
    pub assignee: Option<String>,
    pub owner: Option<String>,
    pub delegation: Option<String>,
    pub priority: i32,
    pub created: Millis,
    pub last_updated: Option<Millis>,
    pub due: Option<Millis>,
    pub follow_up: Option<Millis>,
    pub suspended: bool,
    pub form_key: Option<String>,
    pub tenant_id: Option<String>,
    /// Whether history tells of it.
    pub recorded: bool,
    /// The task that it is a part of.
    pub parent_id: Option<Id>,
    /// What a client has called its case.
    pub case_instance_id: Option<String>,
    /// Candidate users and groups: (`true` = group, name).
    pub candidates: Vec<(bool, String)>,
    /// Links of other kinds.
    pub links: Vec<TaskLink>,
    /// Candidates and links that came (`true`) or went since it was loaded; writing one again changes nothing.
    pub changed_links: Vec<(TaskLink, bool)>,
}

impl UserTask {
    /// Whether no process has made it.
    pub fn is_standalone(&self) -> bool {
        self.token_id.is_none()
    }

    /// The process instance it is of.
    pub fn process_id(&self) -> Option<Id> {
        self.instance_id.filter(|_| self.token_id.is_some())
    }
}

/// An external task. Worker and lock are changed by fetchAndLock without touching the instance's revision, hence
/// `lock_revision`, which a write compares.
#[derive(Clone, Debug, PartialEq)]
pub struct ExternalTask {
    pub id: Id,
    pub instance_id: Id,
    pub token_id: Id,
    pub execution_id: Id,
    pub activity_id: Id,
    pub definition_id: Id,
    pub element: String,
    pub topic: String,
    pub worker_id: Option<String>,
    pub lock_expires: Option<Millis>,
    /// `None` until a failure sets it.
    pub retries: Option<i32>,
    pub error_message: Option<String>,
    pub error_details: Option<String>,
    pub priority: i64,
    pub suspended: bool,
    pub created: Millis,
    pub lock_revision: i64,
    pub business_key: Option<String>,
    pub tenant_id: Option<String>,
    /// Whether the external task log tells of it.
    pub recorded: bool,
    /// The priority it was made with, where that is another one.
    pub made_priority: Option<i64>,
}

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobKind {
    /// Runs the element a token stands before.
    AsyncBefore,
    /// Takes the outgoing flows of the element a token stands after.
    AsyncAfter,
    /// A timer catch event or boundary timer of an instance, or the first timeout listener of a user task.
    Timer,
    /// A timer start event: belongs to a definition, not to an instance.
    TimerStart,
    /// A signal that was thrown asynchronously reaches who waits for it.
    Event,
    /// A suspension or activation of definitions at a later time: belongs to none.
    Suspension,
    /// A further timeout listener of a user task: which, from 1.
    Timeout(u8),
}

impl JobKind {
    /// Stored for the first further timeout listener.
    const TIMEOUTS: i16 = 16;

    /// The number it is stored as.
    pub fn number(self) -> i16 {
        match self {
            JobKind::AsyncBefore => 0,
            JobKind::AsyncAfter => 1,
            JobKind::Timer => 2,
            JobKind::TimerStart => 3,
            JobKind::Event => 4,
            JobKind::Suspension => 5,
            JobKind::Timeout(place) => JobKind::TIMEOUTS + i16::from(place),
        }
    }

    /// The kind of a stored number.
    pub fn from_i16(number: i16) -> Option<JobKind> {
        use JobKind::*;
        [AsyncBefore, AsyncAfter, Timer, TimerStart, Event, Suspension]
            .into_iter()
            .find(|kind| kind.number() == number)
            .or_else(|| {
                let place = u8::try_from(number.checked_sub(JobKind::TIMEOUTS)?).ok()?;
                (place > 0).then_some(Timeout(place))
            })
    }

    /// The kind of the jobs of a user task's timeout listener, by its place among them.
    pub(crate) fn of_timeout(place: u8) -> JobKind {
        match place {
            0 => JobKind::Timer,
            further => JobKind::Timeout(further),
        }
    }

    /// The place among a user task's timeout listeners, for a job of one.
    pub(crate) fn timeout(self) -> usize {
        match self {
            JobKind::Timeout(place) => place.into(),
            _ => 0,
        }
    }

    /// Whether it waits inside an instance for a time.
    pub fn is_timer(self) -> bool {
        matches!(self, JobKind::Timer | JobKind::Timeout(_))
    }
}

/// What the job log tells of a job's creation, whatever has changed since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Made {
    pub retries: i32,
    pub due: Option<Millis>,
    pub priority: i64,
}

/// A job. Its lock is changed by acquisition without touching the instance's revision.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    pub id: Id,
    /// Root of the instance's tree, or the job's own id for a timer start.
    pub root_id: Id,
    pub instance_id: Option<Id>,
    pub token_id: Option<Id>,
    pub execution_id: Option<Id>,
    pub definition_id: Id,
    pub element: String,
    pub kind: JobKind,
    /// `None`: at once.
    pub due: Option<Millis>,
    pub retries: i32,
    pub exclusive: bool,
    pub priority: i64,
    pub suspended: bool,
    pub created: Millis,
    pub lock_owner: Option<String>,
    pub lock_expires: Option<Millis>,
    pub error_message: Option<String>,
    pub stacktrace: Option<String>,
    /// Where it stood when it failed last: REST's `failedActivityId`. `None` also if nothing ran yet.
    pub failed_element: Option<String>,
    /// As it was made.
    pub made: Made,
    /// For repeating timers: the remaining cycle, as the timer parser wrote it. For a job of asyncAfter beside another:
    /// the sequence flow to take.
    pub repeat: Option<String>,
    pub tenant_id: Option<String>,
    /// Whether the job log tells of it.
    pub recorded: bool,
}

impl Job {
    /// How it is now.
    pub fn present(&self) -> Made {
        Made {
            retries: self.retries,
            due: self.due,
            priority: self.priority,
        }
    }

    /// The job as one that is made as it is now, and hasn't run.
    #[must_use]
    pub fn fresh(self) -> Job {
        Job {
            lock_owner: None,
            lock_expires: None,
            error_message: None,
            stacktrace: None,
            failed_element: None,
            made: self.present(),
            ..self
        }
    }
}

/// What a subscription waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum EventKind {
    Message = 0,
    Signal = 1,
    Conditional = 2,
    Compensation = 3,
}

impl EventKind {
    /// The kind of a stored number.
    pub fn from_i16(number: i16) -> Option<EventKind> {
        use EventKind::*;
        [Message, Signal, Conditional, Compensation]
            .into_iter()
            .find(|k| *k as i16 == number)
    }
}

/// A token that waits for an event.
#[derive(Clone, Debug, PartialEq)]
pub struct EventSubscription {
    pub id: Id,
    pub instance_id: Id,
    pub token_id: Id,
    pub execution_id: Id,
    pub element: String,
    pub kind: EventKind,
    pub name: Option<String>,
    pub created: Millis,
    pub tenant_id: Option<String>,
}

/// Something a human has to look at.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    pub id: Id,
    /// `None` for a failed timer start job.
    pub instance_id: Option<Id>,
    pub execution_id: Option<Id>,
    pub definition_id: Id,
    /// Camunda's word: `failedJob`, `failedExternalTask`.
    pub kind: String,
    pub element: String,
    pub message: Option<String>,
    /// Job id or external task id.
    pub configuration: Option<String>,
    /// Kind of the job that failed.
    pub job_kind: Option<JobKind>,
    /// Where it stood when it failed; a call activity whose called instance has the incident.
    pub failed_element: Option<String>,
    /// An operator's note.
    pub annotation: Option<String>,
    pub created: Millis,
    pub cause_id: Id,
    pub root_cause_id: Id,
    pub tenant_id: Option<String>,
    /// Whether history tells of it.
    pub recorded: bool,
}

/// How a process instance ended; `word()` is REST's `state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum EndState {
    Completed = 0,
    ExternallyTerminated = 1,
    InternallyTerminated = 2,
}

/// A row written once, when what it tells of has ended (a value: been replaced; a job: been run).
#[derive(Clone, Debug, PartialEq)]
pub enum HistoryRow {
    Process(HistoricProcessInstance),
    Activity(HistoricActivity),
    Task(HistoricTask),
    Variable(HistoricVariable),
    /// The replaced value of a variable, as the variable was; or, of type `Null`, that it was removed by name.
    Detail(Arc<Variable>),
    Incident(HistoricIncident),
    Job(HistoricJob),
    ExternalTask(HistoricExternalTask),
    IdentityLink(HistoricIdentityLink),
    Decision(HistoricDecision),
    DecisionInput(HistoricDecisionInput),
    DecisionOutput(HistoricDecisionOutput),
    FormField(HistoricFormField),
}

mod decisions;
pub use decisions::*;

/// A user task that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoricTask {
    pub task: Arc<UserTask>,
    pub ended: Millis,
    /// `completed`, `deleted`, or what the deletion gave.
    pub delete_reason: Option<String>,
    /// It went with the task that it was a part of, which has been completed.
    pub went_along: bool,
}

/// A variable that is gone.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoricVariable {
    pub variable: Arc<Variable>,
    /// Activity instance of its scope; `None`: the process instance.
    pub activity_id: Option<Id>,
    pub ended: Millis,
    /// Removed by name, not with its scope.
    pub deleted: bool,
}

/// An incident that is gone.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoricIncident {
    pub incident: Arc<Incident>,
    pub ended: Millis,
    /// Resolved by a retry or by hand, not deleted with its instance.
    pub resolved: bool,
}

/// What became of a job or an external task; Camunda's numbers of `JOB_STATE_` and `STATE_`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum RunState {
    Failed = 1,
    Successful = 2,
    Deleted = 3,
}

/// A failed run of a job, or its end. The row of the end tells of its creation too.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoricJob {
    pub id: Id,
    /// The job with its retries before the run, as in the reference.
    pub job: Arc<Job>,
    pub time: Millis,
    pub state: RunState,
    pub error_message: Option<String>,
    pub stacktrace: Option<String>,
}

/// A failure of an external task, or its end. The row of the end tells of its creation too.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoricExternalTask {
    pub id: Id,
    /// The task with its retries before the failure, as in the reference.
    pub task: Arc<ExternalTask>,
    pub time: Millis,
    pub state: RunState,
}

/// A candidate, assignee or owner that was added or taken away.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoricIdentityLink {
    pub id: Id,
    pub task_id: Option<Id>,
    pub instance_id: Option<Id>,
    pub definition_id: Option<Id>,
    /// `candidate`, `assignee`, `owner`.
    pub kind: String,
    pub user_id: Option<String>,
    pub group_id: Option<String>,
    pub added: bool,
    pub operator: Option<String>,
    pub time: Millis,
    pub tenant_id: Option<String>,
}

/// A text that a form was submitted with.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoricFormField {
    pub id: Id,
    pub instance_id: Id,
    pub execution_id: Id,
    /// Activity instance of the task; `None`: the process instance, of a start.
    pub activity_id: Option<Id>,
    pub task_id: Option<Id>,
    pub field: String,
    pub value: String,
    pub time: Millis,
}

/// A process instance that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoricProcessInstance {
    pub process: ProcessInstance,
    pub ended: Millis,
    pub end_element: Option<String>,
    pub state: EndState,
    pub delete_reason: Option<String>,
}

/// An activity instance that has ended (or an event, gateway or task that was passed at once).
#[derive(Clone, Debug, PartialEq)]
pub struct HistoricActivity {
    pub id: Id,
    pub instance_id: Id,
    pub root_id: Id,
    pub definition_id: Id,
    /// Activity instance it ran in: the process instance, or an inner scope's activity id.
    pub parent_id: Id,
    pub execution_id: Id,
    /// Its name and kind are the definition's.
    pub element: String,
    pub task_id: Option<Id>,
    pub assignee: Option<String>,
    pub called_instance_id: Option<Id>,
    pub started: Millis,
    pub ended: Millis,
    pub canceled: bool,
    /// Whether it ended its scope (an end event that was reached).
    pub complete_scope: bool,
    pub tenant_id: Option<String>,
    /// The element that REST's id of it names, where that isn't [`HistoricActivity::element`]: it was canceled as another.
    pub begun_as: Option<String>,
}

/// The working copy of a process instance. A rejected command throws it away.
#[derive(Clone, Debug)]
pub struct Instance {
    pub process: ProcessInstance,
    pub tokens: Tracked<Token>,
    pub variables: Tracked<Variable>,
    pub tasks: Tracked<UserTask>,
    pub external_tasks: Tracked<ExternalTask>,
    pub jobs: Tracked<Job>,
    pub subscriptions: Tracked<EventSubscription>,
    pub incidents: Tracked<Incident>,
    /// Contents of large values at hand; those of its variables are mostly not.
    pub large: LargeValues,
    /// Rows to append with the next write.
    pub history: Log<HistoryRow>,
    /// Comments and attachments to write or delete with the next write.
    pub notes: Log<NoteChange>,
    /// Set when it has ended: the write deletes the process row.
    pub ended: bool,
    /// Variables of its own that it has no longer, for whoever asked the command for them: when it ended, all; while it
    /// runs, those that lived for the last command only.
    pub last_variables: Vec<Arc<Variable>>,
    /// Whether the store has it.
    pub stored: bool,
}

impl Instance {
    /// A new instance that isn't stored yet.
    pub fn new(process: ProcessInstance) -> Instance {
        Instance {
            process,
            tokens: Tracked::default(),
            variables: Tracked::default(),
            tasks: Tracked::default(),
            external_tasks: Tracked::default(),
            jobs: Tracked::default(),
            subscriptions: Tracked::default(),
            incidents: Tracked::default(),
            large: LargeValues::default(),
            history: Log::default(),
            notes: Log::default(),
            ended: false,
            last_variables: Vec::new(),
            stored: false,
        }
    }

    /// A unit of tasks that no process has made: one without a parent, and what is part of it. It has no tokens, and
    /// ends with its last task.
    pub fn is_standalone(&self) -> bool {
        self.process.definition_id == Id::NIL
    }

    /// Whether it is new and nothing has been started in it.
    pub(crate) fn start_is_pending(&self) -> bool {
        !self.stored && self.process.start_element.is_empty()
    }

    /// Its changes have been committed.
    pub fn committed(&mut self) {
        self.stored = true;
        self.process.revision += 1;
        self.history.clear();
        self.notes.clear();
        self.tokens.committed();
        self.variables.committed();
        self.tasks.committed();
        self.external_tasks.committed();
        self.jobs.committed();
        self.subscriptions.committed();
        self.incidents.committed();
        self.large.committed();
    }
}

macro_rules! entity {
    ($type:ty, |$row:ident| $($key:expr),*) => {
        impl Entity for $type {
            fn id(&self) -> Id {
                self.id
            }
            fn keys(&self, mut each: impl FnMut(By<'_>)) {
                let $row = self;
                $(if let Some(key) = $key { each(key); })*
            }
        }
    };
}
entity!(
    Token,
    |t| match t.state {
        TokenState::EventScope => Some(By::EventScopes(t.parent_id)),
        _ => Some(By::Parent(t.parent_id)),
    },
    Some(By::Execution(t.execution_id)),
    (t.state == TokenState::Joining).then_some(By::Joining(t.parent_id, &t.element))
);
entity!(
    Variable,
    |v| Some(By::Scope(v.scope_id)),
    v.task_id.map(By::Task),
    Some(By::Named(v.task_id.unwrap_or(v.scope_id), &v.name)),
    v.value.large_id().map(By::Large)
);
entity!(UserTask, |t| t.token_id.map(By::Token), t.parent_id.map(By::Task));
entity!(ExternalTask, |t| Some(By::Token(t.token_id)));
entity!(Job, |j| j.token_id.map(By::Token));
entity!(EventSubscription, |s| Some(By::Token(s.token_id)));
entity!(
    Incident,
    |i| i.execution_id.map(By::Execution),
    i.configuration.as_deref().map(By::Cause),
    (i.cause_id != i.id).then_some(By::Caused(i.cause_id))
);
impl FixedKeys for Variable {}
impl FixedKeys for UserTask {}
impl FixedKeys for ExternalTask {}
impl FixedKeys for Job {}
impl FixedKeys for EventSubscription {}
