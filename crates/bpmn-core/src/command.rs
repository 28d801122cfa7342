//! What can be asked of an instance, and what comes back.
use crate::{
    Id, IdSource, Millis,
    ask::{Ask, Given},
    change::{Instruction, migration::MigrationPlan},
    history::History,
    instance::{Instance, JobKind},
    note::{NoteChange, TaskLink},
    value::Variables,
    world::World,
};

/// A command to one process instance. Ids are of entities of that instance.
#[derive(Clone, Debug)]
pub enum Command {
    /// Starts a new instance at a start event (`None`: the none start event).
    Start {
        element: Option<String>,
        variables: Variables,
    },
    /// Starts a new instance by instructions instead of at a start event.
    StartBy {
        instructions: Vec<Instruction>,
        variables: Variables,
        skip_listeners: bool,
        skip_mappings: bool,
    },
    /// Starts and cancels activities as told.
    Modify {
        instructions: Vec<Instruction>,
        skip_listeners: bool,
        skip_mappings: bool,
    },
    /// Completes a user task.
    CompleteTask {
        task: Id,
        variables: Variables,
        local_variables: Variables,
    },
    /// Starts a new instance at its plain start event with what its form was submitted with.
    StartForm {
        variables: Variables,
    },
    /// Submits the form of a task, which is completed then, or resolved if it has been delegated.
    SubmitTask {
        task: Id,
        variables: Variables,
    },
    /// Changes a task's fields (claim, assign, delegate, resolve, update): the decision is the caller's, in `app`.
    UpdateTask {
        task: Id,
        change: TaskChange,
    },
    /// Makes a task that no process has made: in a new unit, or as a part of another task.
    CreateTask(Box<NewTask>),
    /// Deletes a task that no process has made.
    DeleteTask {
        task: Id,
        reason: Option<String>,
    },
    /// Links a user or a group to a task, or takes the link away.
    ChangeLink {
        task: Id,
        link: TaskLink,
        add: bool,
    },
    /// Writes comments and attachments; `task`: whose listeners hear of an update.
    Note {
        task: Option<Id>,
        changes: Vec<NoteChange>,
    },
    /// Completes an external task held by `worker`.
    CompleteExternalTask {
        task: Id,
        worker: String,
        variables: Variables,
        local_variables: Variables,
    },
    /// Reports a failure; `retries` 0 makes an incident `failedExternalTask`; the task is not fetched again before `retry_timeout` ms.
    FailExternalTask {
        task: Id,
        worker: String,
        error_message: Option<String>,
        error_details: Option<String>,
        retries: i32,
        retry_timeout: Millis,
        variables: Variables,
        local_variables: Variables,
    },
    /// Throws a BPMN error at an external task held by `worker`.
    ExternalTaskError {
        task: Id,
        worker: String,
        code: String,
        message: Option<String>,
        variables: Variables,
    },
    /// Extends the lock of an external task to now + `duration` ms.
    ExtendLock {
        task: Id,
        worker: String,
        duration: Millis,
    },
    /// Locks one external task for a worker.
    LockExternalTask {
        task: Id,
        worker: String,
        duration: Millis,
    },
    /// Gives an external task back.
    UnlockExternalTask {
        task: Id,
    },
    SetExternalTaskRetries {
        task: Id,
        retries: i32,
    },
    SetExternalTaskPriority {
        task: Id,
        priority: i64,
    },
    /// Throws a BPMN error at a user task.
    TaskError {
        task: Id,
        code: String,
        message: Option<String>,
        variables: Variables,
    },
    /// Throws an escalation at a user task, which goes on if nothing interrupts it.
    TaskEscalation {
        task: Id,
        code: String,
        variables: Variables,
    },
    /// Delivers an event to a subscription.
    Trigger {
        subscription: Id,
        variables: Variables,
        local_variables: Variables,
        /// Variables of what the event starts: an event subprocess, the path of a boundary event. Elsewhere they are
        /// nobody's.
        scoped_variables: Variables,
    },
    /// Delivers an event that was thrown asynchronously to a subscription.
    TriggerLater {
        subscription: Id,
        variables: Variables,
    },
    /// Runs a job now. A rejection of kind `Failure` is the job's failure; the caller then sends `FailJob`.
    ExecuteJob {
        job: Id,
    },
    /// Counts a failed try: retries − 1, at 0 an incident `failedJob`. `lock` is cleared.
    FailJob {
        job: Id,
        /// Where it stood, as the rejection said.
        element: Option<String>,
        message: String,
        stacktrace: String,
    },
    /// Sets retries; above 0 resolves the job's incident.
    SetJobRetries {
        job: Id,
        retries: i32,
        due: Option<Option<Millis>>,
    },
    SetJobSuspended {
        job: Id,
        suspended: bool,
    },
    /// Changes every job, or those of one kind at an element.
    ChangeJobs {
        at: Option<(String, JobKind)>,
        change: JobChange,
    },
    /// Sets a job's priority.
    SetJobPriority {
        job: Id,
        priority: i64,
    },
    /// Sets when a job is due; a timer's later repetitions keep their times, or with `cascade` are shifted as much.
    SetJobDue {
        job: Id,
        due: Option<Millis>,
        cascade: bool,
    },
    /// Sets a timer's due date anew from its expression, seen from now or from when the job was made.
    RecalculateDue {
        job: Id,
        from_creation: bool,
    },
    DeleteJob {
        job: Id,
    },
    /// Sets and deletes variables in the scope that `scope` names: the instance, an execution, or a task. With
    /// `local` false a name that an outer scope has is set there.
    SetVariables {
        scope: Id,
        local: bool,
        set: Variables,
        delete: Vec<String>,
    },
    /// History forgets a variable, or all that there are, with their values; they themselves stay.
    ForgetVariables {
        variable: Option<Id>,
    },
    /// Suspends or activates instance, tasks, external tasks and jobs.
    SetSuspended {
        suspended: bool,
    },
    /// Cancels the instance, with its listeners and output parameters or without.
    Delete {
        reason: Option<String>,
        skip_listeners: bool,
        skip_outputs: bool,
        /// Called instances stay, on their own.
        skip_called: bool,
    },
    /// Makes the instance one of another definition.
    Migrate {
        target: Id,
        plan: MigrationPlan,
        skip_listeners: bool,
        skip_mappings: bool,
    },
    /// Leaves the activity that an execution waits in.
    SignalExecution {
        execution: Id,
        variables: Variables,
    },
    /// Raises an incident at an execution's activity.
    CreateIncident {
        execution: Id,
        kind: String,
        configuration: Option<String>,
        message: Option<String>,
    },
    /// Sets or removes an operator's note on an incident.
    Annotate {
        incident: Id,
        text: Option<String>,
    },
    /// Resolves an incident by hand.
    ResolveIncident {
        incident: Id,
    },
}

/// A change of several jobs at once.
#[derive(Clone, Debug, PartialEq)]
pub enum JobChange {
    Suspended(bool),
    Priority(i64),
    /// For jobs that have no tries left.
    Retries {
        retries: i32,
        due: Option<Option<Millis>>,
    },
}

/// A task that a client makes.
#[derive(Clone, Debug, Default)]
pub struct NewTask {
    /// `None`: a new one.
    pub id: Option<Id>,
    /// How the client has named it, if it has.
    pub name: Option<String>,
    pub parent: Option<Id>,
    pub tenant_id: Option<String>,
    pub fields: TaskChange,
}

/// A change of a user task's fields; `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct TaskChange {
    pub assignee: Option<Option<String>>,
    pub owner: Option<Option<String>>,
    pub delegation: Option<Option<String>>,
    pub name: Option<Option<String>>,
    pub description: Option<Option<String>>,
    pub priority: Option<i32>,
    pub due: Option<Option<Millis>>,
    pub follow_up: Option<Option<Millis>>,
    pub case_instance_id: Option<Option<String>>,
    /// The task that it is a part of: one of the same unit, or one that isn't there.
    pub parent: Option<Option<Id>>,
    /// How the client names that, if it isn't there.
    pub parent_name: Option<String>,
    /// Set on the task's execution before the change, as resolving a task with variables does.
    pub variables: Variables,
}

/// Why a command was not carried out. The working copy is worthless afterwards.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Rejection {
    /// The entity isn't there.
    #[error("{kind} with id {id} does not exist")]
    NotFound { kind: &'static str, id: Id },
    /// The external task is locked by another worker; the text is the reference's.
    #[error(
        "External Task {task} cannot be {action} by worker '{worker}'. It is locked by worker '{owner}'."
    )]
    WrongWorker {
        task: Id,
        action: &'static str,
        worker: String,
        owner: String,
    },
    /// The lock of an external task has expired (extending it).
    #[error("{0}")]
    LockExpired(String),
    /// It, its definition or its task is suspended.
    #[error("{0}")]
    Suspended(String),
    /// An instruction that can't be carried out; REST's NotValidException.
    #[error("{0}")]
    NotValid(String),
    /// A value or state the engine refuses; becomes REST's BadUserRequestException family.
    #[error("{0}")]
    BadRequest(String),
    /// Running the process failed: an expression, no outgoing flow, too many steps. For a job this costs a try.
    #[error("{message}")]
    Failure {
        /// Camunda's text where we know it.
        message: String,
        /// Activity that ran: `failedActivityId` of a job.
        element: Option<String>,
    },
    /// It touches large values whose contents aren't at hand: lend them to the instance and step again.
    #[error("large values are not loaded")]
    NeedsValues(Vec<Id>),
    /// It touches other instances of its tree that the world hasn't at hand: load them and step again.
    #[error("other instances of the tree are not loaded")]
    NeedsInstances(Vec<Id>),
    /// The step asks for the n-th time, and the answer isn't known: have it done, put the answer at that place of
    /// [`Env::given`], drop those behind it, and step again.
    #[error("the answer to question {0} of the step is not known")]
    Asks(usize, Box<Ask>),
}

/// What a step needs from outside.
pub struct Env<'a> {
    /// Unix milliseconds now.
    pub now: Millis,
    /// New ids, in the instance's slot.
    pub ids: &'a mut dyn IdSource,
    /// The authenticated user, for `currentUser()` and start user.
    pub user: Option<&'a str>,
    /// The user's groups, for `currentUserGroups()`.
    pub groups: Option<&'a [String]>,
    /// Most elements one command may pass before a wait state; past it the command fails.
    pub max_steps: u32,
    /// How failed jobs are tried again.
    pub retries: Retries<'a>,
    /// What goes to history.
    pub history: &'a History,
    /// What it may look up.
    pub world: &'a dyn World,
    /// Answers to what it asks, in order.
    pub given: &'a [Given],
}

/// How failed jobs are tried again where their element doesn't say.
#[derive(Clone, Copy, Debug)]
pub struct Retries<'a> {
    /// Tries in all (`defaultNumberOfRetries`).
    pub tries: i32,
    /// Waits between tries, and then how many there are (`failedJobRetryTimeCycle`); `None`: no wait.
    pub cycle: Option<&'a str>,
    /// How much later than a wait says a job may be due, in percent of it: each job at a time of its own, so that what failed
    /// together isn't tried again together.
    pub jitter: u8,
}

impl Default for Retries<'_> {
    fn default() -> Self {
        Retries {
            tries: 3,
            cycle: None,
            jitter: 0,
        }
    }
}

impl Retries<'_> {
    /// Whether a text can be read as [`Retries::cycle`].
    pub fn is_cycle(text: &str) -> bool {
        crate::moves::is_retry_cycle(text)
    }
}

/// What a command did besides changing the instance.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Topics on which an external task became available.
    pub topics: Vec<String>,
    /// Jobs created or made due now.
    pub due_jobs: Vec<Id>,
    /// What an operator should know of, in words for a log.
    pub warnings: Vec<String>,
    /// Other instances of the tree that it has made or changed, by id: to be written with the commanded one.
    pub others: Vec<Instance>,
    /// Signals thrown: the shell delivers them to everybody who has not been told.
    pub signals: Vec<SignalThrown>,
    /// How many activities have begun and ended.
    pub tally: Tally,
    /// Whether something waits for a message since.
    pub waits_for_message: bool,
}

/// Numbers of activity instances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub started: u32,
    pub ended: u32,
}

/// A signal that a process has thrown.
#[derive(Clone, Debug, PartialEq)]
pub struct SignalThrown {
    /// Names this throw: who delivers it twice can tell.
    pub id: Id,
    /// The instance that throws it; whoever waits in it has been told.
    pub instance: Id,
    /// Those that have called it; whoever waits in them has been told too.
    pub above: Vec<Id>,
    /// Of that instance.
    pub tenant_id: Option<String>,
    pub name: String,
    /// Of instances that it starts.
    pub business_key: Option<String>,
    pub variables: Variables,
    /// Whether each recipient hears it in a job.
    pub later: bool,
}
