//! Databases for tests, and small process instances.
use crate::store::*;
use bpmn_core::{instance::*, value::TypedValue};
use std::sync::{
    Arc, LazyLock, OnceLock,
    atomic::{AtomicU32, Ordering},
};
use testkit::postgres::Server;
use topology::IdGenerator;

static SERVER: OnceLock<Server> = OnceLock::new();
static TEMPLATE: tokio::sync::OnceCell<()> = tokio::sync::OnceCell::const_new();
static NUMBER: AtomicU32 = AtomicU32::new(0);
static IDS: LazyLock<IdGenerator> = LazyLock::new(IdGenerator::default);

/// A store and where it is.
pub(super) struct Fixture {
    pub store: Arc<dyn Store>,
    pub url: String,
    pub postgres: bool,
}

pub(super) fn options() -> OpenOptions {
    // The test server doesn't sync.
    OpenOptions {
        unsafe_durability: true,
        ..OpenOptions::default()
    }
}

/// The server all tests of this process share.
pub(super) fn server() -> &'static Server {
    SERVER.get_or_init(|| Server::start().expect("a PostgreSQL server for tests"))
}

/// A name no other test has.
pub(super) fn unique(what: &str) -> String {
    format!("{what}_{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// An empty database of PostgreSQL.
pub(super) fn empty_postgres() -> String {
    server().create(&unique("empty")).expect("database")
}

/// A migrated database of its own, cloned from a template that owns every slot.
pub(super) async fn postgres() -> Fixture {
    let server = tokio::task::spawn_blocking(server).await.expect("server");
    TEMPLATE
        .get_or_init(|| async {
            let url = server.create("template_store").expect("template");
            open(&url, options()).await.expect("template").close().await;
        })
        .await;
    let url = server.copy("template_store", &unique("store")).expect("clone");
    Fixture {
        store: open(&url, options()).await.expect("store"),
        url,
        postgres: true,
    }
}

/// Where this process keeps its SQLite files. What processes that are gone left behind is removed first.
static DIRECTORY: LazyLock<std::path::PathBuf> = LazyLock::new(|| {
    let all = std::env::temp_dir().join("stellwerk-contract");
    for entry in std::fs::read_dir(&all).into_iter().flatten().flatten() {
        if !std::path::Path::new("/proc").join(entry.file_name()).exists() {
            // Another process may be removing it too.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    let own = all.join(std::process::id().to_string());
    std::fs::create_dir_all(&own).expect("a directory for tests");
    own
});

/// The address of a file of SQLite that isn't there yet.
pub(super) fn empty_sqlite() -> String {
    format!("sqlite://{}", DIRECTORY.join(unique("store.db")).display())
}

pub(super) async fn sqlite() -> Fixture {
    let url = empty_sqlite();
    Fixture {
        store: open(&url, options()).await.expect("store"),
        url,
        postgres: false,
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        if let Some(path) = self.url.strip_prefix("sqlite://") {
            for suffix in ["", "-wal", "-shm"] {
                let _ = std::fs::remove_file(format!("{path}{suffix}"));
            }
        }
    }
}

impl Fixture {
    /// Closes and opens again.
    pub async fn reopen(&mut self) {
        self.store.close().await;
        self.store = open(&self.url, options()).await.expect("reopened");
    }

    /// An empty database of the same kind.
    pub async fn another(&self) -> Fixture {
        if self.postgres {
            postgres().await
        } else {
            sqlite().await
        }
    }

    pub fn empty(&self) -> String {
        if self.postgres {
            empty_postgres()
        } else {
            empty_sqlite()
        }
    }

    pub async fn write_one(&self, unit: Unit) -> Applied {
        self.store.write(&[unit]).await.expect("write").remove(0)
    }

    /// Writes an instance alone and takes its changes as committed.
    pub async fn save(&self, instance: &mut Instance) {
        assert_eq!(self.write_one(unit(instance)).await, Applied::Done);
        instance.committed();
    }

    pub async fn load_one(&self, id: Id) -> Option<Instance> {
        self.store.load(&[id]).await.expect("load").pop()
    }

    /// Rows of a table in a slot.
    pub async fn count(&self, slot: Slot, table: &str) -> u64 {
        let counts = self.store.count_slot(slot).await.expect("count");
        counts.iter().find(|(name, _)| name == table).expect("table").1
    }

    /// Sets a slot's state whatever it was.
    pub async fn set_state(&self, slot: Slot, state: SlotState) {
        let rows = self.store.slots().await.expect("slots");
        let old = rows.iter().find(|r| r.slot == slot).expect("slot row").clone();
        let new = SlotRow { state, ..old.clone() };
        assert!(self.store.change_slots(&[old], &[new]).await.expect("change"));
    }
}

pub(super) fn slot(number: u16) -> Slot {
    Slot::new(number).expect("slot")
}

pub(super) fn id(slot: Slot) -> Id {
    IDS.next(slot)
}

pub(super) fn unit(instance: &Instance) -> Unit {
    let slot = instance.process.root_id.slot().expect("slot");
    Unit {
        slots: vec![slot],
        instances: vec![InstanceWrite {
            instance: instance.clone(),
        }],
        ..Unit::default()
    }
}

/// A new instance in a slot with one token.
pub(super) fn instance(slot: Slot) -> Instance {
    let own = id(slot);
    let mut instance = Instance::new(ProcessInstance {
        id: own,
        root_id: own,
        super_token_id: None,
        super_instance_id: None,
        definition_id: id(slot),
        business_key: Some("order-1".into()),
        revision: 0,
        suspended: false,
        started: 1_700_000_000_123,
        start_user: None,
        start_element: "start".into(),
        tenant_id: None,
        retention: 0,
        recorded: true,
        restarted_id: None,
        case_instance_id: None,
    });
    instance.tokens.insert(token(own, slot));
    instance
}

pub(super) fn token(instance: Id, slot: Slot) -> Token {
    Token {
        id: id(slot),
        instance_id: instance,
        parent_id: None,
        element: "task".into(),
        state: TokenState::Waiting,
        execution_id: instance,
        activity_id: Some(id(slot)),
        started: 1_700_000_000_124,
        data: None,
    }
}

pub(super) fn variable(instance: Id, slot: Slot, name: &str, value: TypedValue) -> Variable {
    Variable {
        id: id(slot),
        instance_id: instance,
        scope_id: instance,
        task_id: None,
        name: name.into(),
        value,
        version: Version::default(),
    }
}

pub(super) fn task(instance: Id, slot: Slot) -> UserTask {
    UserTask {
        id: id(slot),
        instance_id: Some(instance),
        token_id: Some(id(slot)),
        execution_id: Some(instance),
        activity_id: Some(id(slot)),
        definition_id: Some(id(slot)),
        element: Some("approve".into()),
        name: Some("Approve".into()),
        description: None,
        assignee: None,
        owner: None,
        delegation: None,
        priority: 50,
        created: 1,
        last_updated: None,
        due: Some(5),
        follow_up: None,
        suspended: false,
        form_key: None,
        tenant_id: None,
        recorded: false,
        parent_id: None,
        case_instance_id: None,
        candidates: vec![(false, "anna".into()), (true, "clerks".into())],
        links: Vec::new(),
        changed_links: Vec::new(),
    }
}

pub(super) fn external_task(instance: &Instance, slot: Slot, topic: &str) -> ExternalTask {
    ExternalTask {
        id: id(slot),
        instance_id: instance.process.id,
        token_id: id(slot),
        execution_id: instance.process.id,
        activity_id: id(slot),
        definition_id: instance.process.definition_id,
        element: "invoice".into(),
        topic: topic.into(),
        worker_id: None,
        lock_expires: None,
        retries: None,
        error_message: None,
        error_details: None,
        priority: 0,
        suspended: false,
        created: 10,
        lock_revision: 0,
        business_key: instance.process.business_key.clone(),
        tenant_id: None,
        recorded: false,
        made_priority: None,
    }
}

pub(super) fn job(instance: Option<Id>, slot: Slot) -> Job {
    let own = id(slot);
    Job {
        id: own,
        root_id: instance.unwrap_or(own),
        instance_id: instance,
        token_id: None,
        execution_id: instance,
        definition_id: id(slot),
        element: "timer".into(),
        kind: if instance.is_some() {
            JobKind::Timer
        } else {
            JobKind::TimerStart
        },
        due: None,
        retries: 3,
        exclusive: false,
        priority: 0,
        suspended: false,
        created: 1,
        lock_owner: None,
        lock_expires: None,
        error_message: None,
        stacktrace: None,
        failed_element: None,
        made: Made {
            retries: 3,
            ..Made::default()
        },
        repeat: None,
        tenant_id: None,
        recorded: false,
    }
}

pub(super) fn subscription(instance: Id, slot: Slot) -> EventSubscription {
    EventSubscription {
        id: id(slot),
        instance_id: instance,
        token_id: id(slot),
        execution_id: instance,
        element: "receive".into(),
        kind: EventKind::Message,
        name: Some("paid".into()),
        created: 1,
        tenant_id: None,
    }
}

pub(super) fn incident(instance: Option<Id>, slot: Slot, configuration: Option<Id>) -> Incident {
    let own = id(slot);
    Incident {
        id: own,
        instance_id: instance,
        execution_id: instance,
        definition_id: id(slot),
        kind: "failedJob".into(),
        element: "timer".into(),
        message: Some("boom".into()),
        configuration: configuration.map(|c| c.to_string()),
        created: 1,
        cause_id: own,
        root_cause_id: own,
        tenant_id: None,
        job_kind: Some(JobKind::Timer),
        failed_element: Some("inner".into()),
        annotation: None,
        recorded: false,
    }
}

pub(super) fn activity(instance: Id, slot: Slot) -> HistoryRow {
    HistoryRow::Activity(HistoricActivity {
        id: id(slot),
        instance_id: instance,
        root_id: instance,
        definition_id: id(slot),
        parent_id: instance,
        execution_id: instance,
        element: "start".into(),
        task_id: None,
        assignee: None,
        called_instance_id: None,
        started: 1,
        ended: 2,
        canceled: false,
        complete_scope: false,
        tenant_id: None,
        begun_as: None,
    })
}

/// Ends an instance: history of the process, and nothing else left.
pub(super) fn end(instance: &mut Instance) {
    instance
        .history
        .push(HistoryRow::Process(HistoricProcessInstance {
            process: instance.process.clone(),
            ended: 3,
            end_element: Some("end".into()),
            state: EndState::Completed,
            delete_reason: None,
        }));
    instance.ended = true;
}

pub(super) fn idempotency(slot: Slot, key: &str) -> IdempotencyRow {
    IdempotencyRow {
        slot,
        key: key.into(),
        digest: "d".into(),
        status: 200,
        body: "{}".into(),
        created: 1,
        instance_id: None,
    }
}

/// An instance with every kind of row.
pub(super) fn full_instance(slot: Slot) -> Instance {
    let mut i = instance(slot);
    let own = i.process.id;
    i.variables
        .insert(variable(own, slot, "amount", TypedValue::Long(7)));
    i.tasks.insert(task(own, slot));
    i.external_tasks.insert(external_task(&i, slot, "invoice"));
    i.jobs.insert(job(Some(own), slot));
    i.subscriptions.insert(subscription(own, slot));
    i.incidents.insert(incident(Some(own), slot, None));
    i.history.push(activity(own, slot));
    i
}
