//! Entities to rows and back, in the order of the columns in [`super::schema`].
use super::value::{large_id, read_value, value};
use super::{
    AliasRow, DefinitionRow, IdempotencyRow, JobDefinitionRow, OutboxRow, StoreError,
    cell::{Cell, Reader},
};
use bpmn_core::{Id, Slot, instance::*};

/// Slot and root: what every slot-bound row carries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Place {
    pub slot: Slot,
    pub root: Id,
}

impl Place {
    /// The place of a tree of instances.
    ///
    /// # Errors
    /// If the id carries no slot, so isn't ours.
    pub fn of(root: Id) -> Result<Place, StoreError> {
        let slot = root
            .slot()
            .ok_or_else(|| StoreError::Internal(format!("id {root} carries no slot")))?;
        Ok(Place { slot, root })
    }
}

macro_rules! cells {
    ($($value:expr),* $(,)?) => { vec![$(Cell::from($value)),*] };
}

fn unknown(what: &str, number: i16) -> StoreError {
    StoreError::Internal(format!("stored {what} {number} is unknown"))
}

pub(crate) fn process(p: &ProcessInstance, at: Place) -> Vec<Cell> {
    cells![
        p.id,
        at.slot,
        p.root_id,
        p.super_token_id,
        p.super_instance_id,
        p.definition_id,
        &p.business_key,
        p.revision,
        p.suspended,
        p.started,
        &p.start_user,
        &p.start_element,
        &p.tenant_id,
        p.retention,
        p.recorded,
        p.restarted_id,
        &p.case_instance_id,
    ]
}

pub(crate) fn read_process(r: &mut Reader) -> Result<ProcessInstance, StoreError> {
    let id = r.id()?;
    r.next();
    Ok(ProcessInstance {
        id,
        root_id: r.id()?,
        super_token_id: r.id_opt()?,
        super_instance_id: r.id_opt()?,
        definition_id: r.id()?,
        business_key: r.text_opt()?,
        revision: r.int()?,
        suspended: r.bool()?,
        started: r.int()?,
        start_user: r.text_opt()?,
        start_element: r.text()?,
        tenant_id: r.text_opt()?,
        retention: r.i16()?,
        recorded: r.bool()?,
        restarted_id: r.id_opt()?,
        case_instance_id: r.text_opt()?,
    })
}

pub(crate) fn token(t: &Token, at: Place) -> Vec<Cell> {
    cells![
        t.id,
        at.slot,
        at.root,
        t.instance_id,
        t.parent_id,
        &t.element,
        t.state as i16,
        t.execution_id,
        t.activity_id,
        t.started,
        &t.data,
    ]
}

/// Reads id, slot, root and the instance, which most tables begin with.
fn head(r: &mut Reader) -> Result<Id, StoreError> {
    let id = r.id()?;
    r.next();
    r.next();
    Ok(id)
}

pub(crate) fn read_token(r: &mut Reader) -> Result<Token, StoreError> {
    Ok(Token {
        id: head(r)?,
        instance_id: r.id()?,
        parent_id: r.id_opt()?,
        element: r.text()?,
        state: r
            .i16()
            .and_then(|n| TokenState::from_i16(n).ok_or_else(|| unknown("token state", n)))?,
        execution_id: r.id()?,
        activity_id: r.id_opt()?,
        started: r.int()?,
        data: r.text_opt()?,
    })
}

pub(crate) fn variable(v: &Variable, at: Place) -> Vec<Cell> {
    let mut row = cells![
        v.id,
        at.slot,
        at.root,
        v.instance_id,
        v.scope_id,
        v.task_id,
        &v.name,
        v.value.name()
    ];
    row.extend(value(&v.value));
    let version = &v.version;
    row.extend(cells![
        large_id(&v.value),
        version.created,
        version.updated,
        version.revision,
        version.version_id,
        version.writer_id,
        version.shown_id,
        version.recorded as i16,
        version.initial,
    ]);
    row
}

pub(crate) fn read_variable(r: &mut Reader) -> Result<Variable, StoreError> {
    let id = head(r)?;
    let (instance_id, scope_id, task_id, name, ty) = (r.id()?, r.id()?, r.id_opt()?, r.text()?, r.text()?);
    let value = read_value(&ty, r)?;
    Ok(Variable {
        id,
        instance_id,
        scope_id,
        task_id,
        name,
        value,
        version: Version {
            created: r.int()?,
            updated: r.int_opt()?,
            revision: r.i32()?,
            version_id: r.id_opt()?,
            writer_id: r.id_opt()?,
            shown_id: r.id_opt()?,
            recorded: r
                .i16()
                .and_then(|n| Recorded::from_i16(n).ok_or_else(|| unknown("recording", n)))?,
            initial: r.bool()?,
        },
    })
}

pub(crate) fn task(t: &UserTask, at: Place) -> Vec<Cell> {
    cells![
        t.id,
        at.slot,
        at.root,
        t.instance_id,
        t.token_id,
        t.execution_id,
        t.activity_id,
        t.definition_id,
        &t.element,
        &t.name,
        &t.description,
        &t.assignee,
        &t.owner,
        &t.delegation,
        t.priority,
        t.created,
        t.last_updated,
        t.due,
        t.follow_up,
        t.suspended,
        &t.form_key,
        &t.tenant_id,
        t.recorded,
        t.parent_id,
        &t.case_instance_id,
    ]
}

/// The head of a unit of tasks that no process has made.
pub(crate) fn task_unit(p: &ProcessInstance, at: Place) -> Vec<Cell> {
    cells![p.id, at.slot, at.root, p.revision, p.started]
}

pub(crate) fn read_task_unit(r: &mut Reader) -> Result<ProcessInstance, StoreError> {
    let id = r.id()?;
    r.next();
    let root_id = r.id()?;
    Ok(ProcessInstance {
        id,
        root_id,
        super_token_id: None,
        super_instance_id: None,
        definition_id: Id::NIL,
        business_key: None,
        revision: r.int()?,
        suspended: false,
        started: r.int()?,
        start_user: None,
        start_element: String::new(),
        tenant_id: None,
        retention: bpmn_core::history::retention(None),
        recorded: false,
        restarted_id: None,
        case_instance_id: None,
    })
}

pub(crate) fn alias(row: &AliasRow) -> Vec<Cell> {
    cells![
        row.slot,
        &row.text,
        row.kind as i16,
        row.unit_slot,
        row.root_id,
        row.entity_id
    ]
}

pub(crate) fn read_task(r: &mut Reader) -> Result<UserTask, StoreError> {
    Ok(UserTask {
        id: head(r)?,
        instance_id: r.id_opt()?,
        token_id: r.id_opt()?,
        execution_id: r.id_opt()?,
        activity_id: r.id_opt()?,
        definition_id: r.id_opt()?,
        element: r.text_opt()?,
        name: r.text_opt()?,
        description: r.text_opt()?,
        assignee: r.text_opt()?,
        owner: r.text_opt()?,
        delegation: r.text_opt()?,
        priority: r.i32()?,
        created: r.int()?,
        last_updated: r.int_opt()?,
        due: r.int_opt()?,
        follow_up: r.int_opt()?,
        suspended: r.bool()?,
        form_key: r.text_opt()?,
        tenant_id: r.text_opt()?,
        recorded: r.bool()?,
        parent_id: r.id_opt()?,
        case_instance_id: r.text_opt()?,
        candidates: Vec::new(),
        links: Vec::new(),
        changed_links: Vec::new(),
    })
}

/// Gives the task's id too.
pub(crate) fn read_candidate(r: &mut Reader) -> Result<(Id, (bool, String)), StoreError> {
    Ok((head(r)?, (r.bool()?, r.text()?)))
}

pub(crate) fn external_task(t: &ExternalTask, at: Place) -> Vec<Cell> {
    cells![
        t.id,
        at.slot,
        at.root,
        t.instance_id,
        t.token_id,
        t.execution_id,
        t.activity_id,
        t.definition_id,
        &t.element,
        &t.topic,
        &t.worker_id,
        t.lock_expires,
        t.retries,
        &t.error_message,
        &t.error_details,
        t.priority,
        t.suspended,
        t.created,
        t.lock_revision,
        &t.business_key,
        &t.tenant_id,
        t.recorded,
        t.made_priority,
    ]
}

pub(crate) fn read_external_task(r: &mut Reader) -> Result<ExternalTask, StoreError> {
    Ok(ExternalTask {
        id: head(r)?,
        instance_id: r.id()?,
        token_id: r.id()?,
        execution_id: r.id()?,
        activity_id: r.id()?,
        definition_id: r.id()?,
        element: r.text()?,
        topic: r.text()?,
        worker_id: r.text_opt()?,
        lock_expires: r.int_opt()?,
        retries: r.i32_opt()?,
        error_message: r.text_opt()?,
        error_details: r.text_opt()?,
        priority: r.int()?,
        suspended: r.bool()?,
        created: r.int()?,
        lock_revision: r.int()?,
        business_key: r.text_opt()?,
        tenant_id: r.text_opt()?,
        recorded: r.bool()?,
        made_priority: r.int_opt()?,
    })
}

pub(crate) fn job(j: &Job, slot: Slot) -> Vec<Cell> {
    cells![
        j.id,
        slot,
        j.root_id,
        j.instance_id,
        j.token_id,
        j.execution_id,
        j.definition_id,
        &j.element,
        j.kind.number(),
        j.due,
        j.retries,
        j.exclusive,
        j.priority,
        j.suspended,
        j.created,
        &j.lock_owner,
        j.lock_expires,
        &j.error_message,
        &j.stacktrace,
        &j.repeat,
        &j.tenant_id,
        j.recorded,
        &j.failed_element,
        made(j).map(|made| made.retries),
        made(j).and_then(|made| made.due),
        made(j).map(|made| made.priority),
    ]
}

/// How a job was made, if that isn't how it is.
pub(super) fn made(j: &Job) -> Option<Made> {
    Some(j.made).filter(|made| *made != j.present())
}

fn read_made(r: &mut Reader) -> Result<Option<Made>, StoreError> {
    let (retries, due, priority) = (r.int_opt()?, r.int_opt()?, r.int_opt()?);
    let Some((retries, priority)) = retries.zip(priority) else {
        return Ok(None);
    };
    let retries = i32::try_from(retries).map_err(|_| StoreError::Internal(format!("retries {retries}")))?;
    Ok(Some(Made {
        retries,
        due,
        priority,
    }))
}

pub(crate) fn read_job(r: &mut Reader) -> Result<Job, StoreError> {
    let id = r.id()?;
    r.next();
    let mut job = Job {
        id,
        root_id: r.id()?,
        instance_id: r.id_opt()?,
        token_id: r.id_opt()?,
        execution_id: r.id_opt()?,
        definition_id: r.id()?,
        element: r.text()?,
        kind: r
            .i16()
            .and_then(|n| JobKind::from_i16(n).ok_or_else(|| unknown("job kind", n)))?,
        due: r.int_opt()?,
        retries: r.i32()?,
        exclusive: r.bool()?,
        priority: r.int()?,
        suspended: r.bool()?,
        created: r.int()?,
        lock_owner: r.text_opt()?,
        lock_expires: r.int_opt()?,
        error_message: r.text_opt()?,
        stacktrace: r.text_opt()?,
        repeat: r.text_opt()?,
        tenant_id: r.text_opt()?,
        recorded: r.bool()?,
        failed_element: r.text_opt()?,
        made: Made::default(),
    };
    job.made = read_made(r)?.unwrap_or(job.present());
    Ok(job)
}

pub(crate) fn subscription(s: &EventSubscription, at: Place) -> Vec<Cell> {
    cells![
        s.id,
        at.slot,
        at.root,
        s.instance_id,
        s.token_id,
        s.execution_id,
        &s.element,
        s.kind as i16,
        &s.name,
        s.created,
        &s.tenant_id,
    ]
}

pub(crate) fn read_subscription(r: &mut Reader) -> Result<EventSubscription, StoreError> {
    Ok(EventSubscription {
        id: head(r)?,
        instance_id: r.id()?,
        token_id: r.id()?,
        execution_id: r.id()?,
        element: r.text()?,
        kind: r
            .i16()
            .and_then(|n| EventKind::from_i16(n).ok_or_else(|| unknown("event kind", n)))?,
        name: r.text_opt()?,
        created: r.int()?,
        tenant_id: r.text_opt()?,
    })
}

pub(crate) fn incident(i: &Incident, at: Place) -> Vec<Cell> {
    cells![
        i.id,
        at.slot,
        at.root,
        i.instance_id,
        i.execution_id,
        i.definition_id,
        &i.kind,
        &i.element,
        &i.message,
        &i.configuration,
        i.created,
        i.cause_id,
        i.root_cause_id,
        &i.tenant_id,
        i.job_kind.map(JobKind::number),
        &i.annotation,
        i.recorded,
        &i.failed_element,
    ]
}

pub(crate) fn read_incident(r: &mut Reader) -> Result<Incident, StoreError> {
    Ok(Incident {
        id: head(r)?,
        instance_id: r.id_opt()?,
        execution_id: r.id_opt()?,
        definition_id: r.id()?,
        kind: r.text()?,
        element: r.text()?,
        message: r.text_opt()?,
        configuration: r.text_opt()?,
        created: r.int()?,
        cause_id: r.id()?,
        root_cause_id: r.id()?,
        tenant_id: r.text_opt()?,
        job_kind: job_kind(r.int_opt()?)?,
        annotation: r.text_opt()?,
        recorded: r.bool()?,
        failed_element: r.text_opt()?,
    })
}

pub(crate) fn outbox(row: &OutboxRow) -> Vec<Cell> {
    cells![
        row.slot,
        row.sequence,
        row.root_id,
        row.slot,
        0i16,
        row.created,
        &row.body
    ]
}

/// The kind of a job, where there is one.
pub(crate) fn job_kind(number: Option<i64>) -> Result<Option<JobKind>, StoreError> {
    let Some(number) = number else {
        return Ok(None);
    };
    let kind = i16::try_from(number).ok().and_then(JobKind::from_i16);
    kind.map(Some)
        .ok_or_else(|| StoreError::Internal(format!("job kind {number}")))
}

pub(crate) fn job_definition(row: &JobDefinitionRow) -> Vec<Cell> {
    cells![
        row.id,
        row.definition_id,
        &row.element,
        row.kind.number(),
        &row.job_type,
        &row.configuration,
        row.suspended,
        row.priority,
    ]
}

pub(crate) fn read_job_definition(r: &mut Reader) -> Result<JobDefinitionRow, StoreError> {
    Ok(JobDefinitionRow {
        id: r.id()?,
        definition_id: r.id()?,
        element: r.text()?,
        kind: r
            .i16()
            .and_then(|n| JobKind::from_i16(n).ok_or_else(|| unknown("job kind", n)))?,
        job_type: r.text()?,
        configuration: r.text()?,
        suspended: r.bool()?,
        priority: r.int_opt()?,
    })
}

pub(crate) fn idempotency(row: &IdempotencyRow, root: Option<Id>) -> Vec<Cell> {
    cells![
        row.slot,
        row.key.clone().into_bytes(),
        root,
        &row.digest,
        i64::from(row.status),
        &row.body,
        row.created,
        row.instance_id,
    ]
}

pub(crate) fn read_idempotency(r: &mut Reader) -> Result<IdempotencyRow, StoreError> {
    let damaged = || StoreError::Internal("a stored idempotency record is damaged".to_string());
    let slot = Slot::new(r.i16()? as u16).map_err(|_| damaged())?;
    let key = String::from_utf8(r.bytes_opt()?.unwrap_or_default()).map_err(|_| damaged())?;
    r.next();
    Ok(IdempotencyRow {
        slot,
        key,
        digest: r.text()?,
        status: r.i16()? as u16,
        body: r.text()?,
        created: r.int()?,
        instance_id: r.id_opt()?,
    })
}

pub(crate) fn definition(d: &DefinitionRow) -> Vec<Cell> {
    cells![
        d.id,
        &d.rest_id,
        &d.key,
        d.version,
        &d.name,
        &d.category,
        &d.description,
        &d.version_tag,
        &d.tenant_id,
        d.history_ttl_days,
        d.startable_in_tasklist,
        d.suspended,
        &d.resource_name,
        d.deployment_id,
        d.home,
    ]
}

pub(crate) fn read_definition(r: &mut Reader) -> Result<DefinitionRow, StoreError> {
    Ok(DefinitionRow {
        id: r.id()?,
        rest_id: r.text()?,
        key: r.text()?,
        version: r.i32()?,
        name: r.text_opt()?,
        category: r.text_opt()?,
        description: r.text_opt()?,
        version_tag: r.text_opt()?,
        tenant_id: r.text_opt()?,
        history_ttl_days: r.i32_opt()?,
        startable_in_tasklist: r.bool()?,
        suspended: r.bool()?,
        resource_name: r.text()?,
        deployment_id: r.id()?,
        home: Slot::new(r.i16()? as u16)
            .map_err(|_| StoreError::Internal("a stored definition's home is no slot".to_string()))?,
    })
}
