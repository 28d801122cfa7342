//! Historic process instances: what runs is read from the runtime table, what has ended from history.
use super::{
    Kind, Listing, SortBy, Where, col,
    counters::{self, Counted},
    null, of_definition,
};
use crate::store::{Row, StoreError, schema::visible};
use bpmn_core::{Id, instance::EndState};
use rest_api::{ApiError, ApiResult, filters::Filters, known};
use sea_query::{Expr, ExprTrait, Func, Query, SelectStatement, UnionType};

mod incidents;
pub(super) mod told;

const H: &str = "h";

/// A row of [`listing`].
pub struct ProcessRow {
    pub id: Id,
    pub root_id: Id,
    pub definition_id: Id,
    pub business_key: Option<String>,
    pub suspended: bool,
    pub started: i64,
    pub start_user: Option<String>,
    pub start_element: String,
    pub tenant_id: Option<String>,
    /// `None` while it runs.
    pub ended: Option<i64>,
    pub state: Option<i64>,
    pub delete_reason: Option<String>,
    pub super_instance: Option<Id>,
    /// End of the root of its tree, or when it is to go ([`root_end`]).
    pub root_end: Option<i64>,
    /// The instance that it was restarted from.
    pub restarted: Option<Id>,
    pub case_instance_id: Option<String>,
}

impl ProcessRow {
    /// REST's `state`.
    pub fn word(&self) -> &'static str {
        match self.state {
            Some(state) if state == EndState::Completed as i64 => "COMPLETED",
            Some(state) if state == EndState::ExternallyTerminated as i64 => "EXTERNALLY_TERMINATED",
            Some(_) => "INTERNALLY_TERMINATED",
            None if self.suspended => "SUSPENDED",
            None => "ACTIVE",
        }
    }
}

const SHARED: [&str; 12] = [
    "id",
    "root_id",
    "definition_id",
    "business_key",
    "suspended",
    "started",
    "start_user",
    "start_element",
    "tenant_id",
    "super_instance_id",
    "restarted_id",
    "case_instance_id",
];

/// Reads a row of [`listing`].
pub fn row(row: &dyn Row) -> Result<ProcessRow, StoreError> {
    Ok(ProcessRow {
        id: row.id(0)?,
        root_id: row.id(1)?,
        definition_id: row.id(2)?,
        business_key: row.text_opt(3)?,
        suspended: row.bool(4)?,
        started: row.i64(5)?,
        start_user: row.text_opt(6)?,
        start_element: row.text(7)?,
        tenant_id: row.text_opt(8)?,
        ended: row.i64_opt(9)?,
        state: row.i64_opt(10)?,
        delete_reason: row.text_opt(11)?,
        super_instance: row.id_opt(12)?,
        root_end: row.i64_opt(13)?,
        restarted: row.id_opt(14)?,
        case_instance_id: row.text_opt(15)?,
    })
}

fn columns() -> Vec<Expr> {
    let mut columns: Vec<Expr> = SHARED[..9].iter().map(|name| col(H, name)).collect();
    columns.extend(["ended", "state", "delete_reason"].map(|name| col(H, name)));
    columns.push(col(H, "super_instance_id"));
    columns.push(own_end());
    columns.push(col(H, "restarted_id"));
    columns.push(col(H, "case_instance_id"));
    columns
}

/// When the root of a row's tree ended.
pub fn root_ended(alias: &'static str) -> Expr {
    let query = Query::select()
        .expr(col("re", "ended"))
        .from_as("history_process", "re")
        .and_where(col("re", "id").equals((alias, "root_id")))
        .take();
    super::scalar(query)
}

/// `removal` of what is never to go.
pub const NEVER: i64 = i64::MAX;

/// When the root of a row's tree ended; negative where somebody has set when the tree is to go: that time, or
/// [`NEVER`], negated.
pub fn root_end(alias: &'static str) -> Expr {
    let query = Query::select()
        .expr(Expr::cust(
            "CASE WHEN \"re\".\"removal\" IS NULL THEN \"re\".\"ended\" ELSE -\"re\".\"removal\" END",
        ))
        .from_as("history_process", "re")
        .and_where(col("re", "id").equals((alias, "root_id")))
        .take();
    super::scalar(query)
}

/// The same of a process instance, which may have a time of its own.
fn own_end() -> Expr {
    let own = Query::select()
        .expr(Expr::cust("-\"oe\".\"removal\""))
        .from_as("history_process", "oe")
        .and_where(col("oe", "id").equals((H, "id")))
        .take();
    Expr::from(Func::coalesce([super::scalar(own), root_end(H)]))
}

/// All rows, as alias `h`.
pub(super) fn base() -> SelectStatement {
    let mut ended = Query::select();
    for name in SHARED {
        let cell = match name {
            "suspended" => Expr::cust("FALSE"),
            _ => col("e", name),
        };
        ended.expr_as(cell, name);
    }
    for name in ["ended", "state", "delete_reason"] {
        ended.expr_as(col("e", name), name);
    }
    ended.from_as("history_process", "e").and_where(visible("e"));
    let mut running = Query::select();
    for name in SHARED {
        running.expr_as(col("p", name), name);
    }
    for name in ["ended", "state", "delete_reason"] {
        running.expr_as(null(), name);
    }
    running
        .from_as("process_instance", "p")
        .and_where(visible("p"))
        .and_where(col("p", "recorded").eq(true));
    Query::select()
        .from_subquery(ended.union(UnionType::All, running).take(), H)
        .take()
}

/// The process instance of that id.
pub fn by_id(id: Id) -> SelectStatement {
    base().exprs(columns()).and_where(col(H, "id").eq(id.0)).take()
}

/// The count by counters, if the filters are no more than `finished`, `unfinished` and definitions.
fn counted(w: &Where<'_>) -> ApiResult<Option<SelectStatement>> {
    let Some(definitions) = w.only_definitions(&["finished", "unfinished"]) else {
        return Ok(None);
    };
    let kinds: &[Counted] = match (w.filters.on("finished")?, w.filters.on("unfinished")?) {
        (false, false) => &[Counted::Recorded, Counted::Ended],
        (true, false) => &[Counted::Ended],
        (false, true) => &[Counted::Recorded],
        (true, true) => return Ok(None),
    };
    Ok(Some(counters::count(kinds, definitions.as_deref())))
}

/// Ids of activities, none of them null.
fn activity_ids(filters: &Filters, name: &str) -> ApiResult<Option<Vec<String>>> {
    filters.list_called(name, "activity ids").map_err(|error| {
        let null = error.kind == "NullValueException";
        let text = error.message.clone();
        match null {
            true => ApiError::bad_user_request("BadUserRequestException", text).with_code(0),
            false => error,
        }
    })
}

/// Historic process instances that meet the filters.
pub fn listing(mut w: Where<'_>) -> ApiResult<Listing> {
    one_state(w.filters)?;
    let counted = counted(&w)?;
    conditions(&mut w)?;
    w.or_queries(
        "history.HistoricProcessInstanceQuery",
        known::HISTORY_PROCESS,
        conditions,
    )?;
    let filters = w.filters;
    w.sees_history(col(H, "definition_id"));
    let condition = w.finish(known::HISTORY_PROCESS)?;
    Listing::new(base().cond_where(condition).take(), columns(), col(H, "id"))
        .counted(counted)
        .sorted(filters, &sort)
}

fn conditions(w: &mut Where<'_>) -> ApiResult<()> {
    w.id("processInstanceId", col(H, "id"))?;
    if let Some(ids) = w.filters.list("processInstanceIds")? {
        if ids.is_empty() && w.filters.is_post() {
            return Err(super::empty_list("process instance ids"));
        }
        w.and(col(H, "id").is_in(super::uuids(&ids)));
    }
    if let Some(ids) = w
        .filters
        .list("processInstanceIdNotIn")?
        .filter(|l| !l.is_empty())
    {
        w.and(col(H, "id").is_not_in(super::uuids(&ids)));
    }
    w.definition(col(H, "definition_id"))?;
    w.definition_name(col(H, "definition_id"))?;
    if let Some(keys) = w.filters.list("processDefinitionKeyNotIn")? {
        if keys.is_empty() {
            return Err(ApiError::persistence());
        }
        // Keys may be patterns here.
        w.definitions(col(H, "definition_id"), |d| {
            !keys.iter().any(|key| super::matches(key, &d.row.key))
        });
    }
    w.text("processInstanceBusinessKey", col(H, "business_key"))?;
    w.texts("processInstanceBusinessKeyIn", col(H, "business_key"))?;
    w.like("processInstanceBusinessKeyLike", col(H, "business_key"))?;
    w.id("rootProcessInstanceId", col(H, "root_id"))?;
    w.switch("rootProcessInstances", col(H, "super_instance_id").is_null())?;
    w.id("superProcessInstanceId", col(H, "super_instance_id"))?;
    if let Some(id) = w.filters.text("subProcessInstanceId")? {
        let is_caller = |table| col(H, "id").eq(super::scalar(caller_of(table, &id)));
        w.and(is_caller("process_instance").or(is_caller("history_process")));
    }
    states(w)?;
    incidents::filters(w)?;
    told::filters(w)?;
    w.date("startedBefore", |d| col(H, "started").lte(d))?;
    w.date("startedAfter", |d| col(H, "started").gte(d))?;
    w.date("finishedBefore", |d| col(H, "ended").lte(d))?;
    w.date("finishedAfter", |d| col(H, "ended").gte(d))?;
    w.text("startedBy", col(H, "start_user"))?;
    w.tenants(col(H, "tenant_id"))?;
    activities(w)?;
    w.text("caseInstanceId", col(H, "case_instance_id"))?;
    for name in ["superCaseInstanceId", "subCaseInstanceId"] {
        if w.filters.has(name) {
            w.and(super::never());
        }
    }
    Ok(())
}

/// The instance that called one of a table.
fn caller_of(table: &'static str, id: &str) -> SelectStatement {
    Query::select()
        .expr(col("c", "super_instance_id"))
        .from_as(table, "c")
        .and_where(super::equals_id(col("c", "id"), id))
        .take()
}

/// Refuses two states at once; within `orQueries` the reference takes them.
fn one_state(filters: &Filters) -> ApiResult<()> {
    let states = [
        ("active", "ACTIVE"),
        ("suspended", "SUSPENDED"),
        ("completed", "COMPLETED"),
        ("externallyTerminated", "EXTERNALLY_TERMINATED"),
        ("internallyTerminated", "INTERNALLY_TERMINATED"),
    ];
    let mut first = None;
    for (name, state) in states {
        if !filters.on(name)? {
            continue;
        }
        if let Some(first) = first {
            let text = format!(
                "Already querying for historic process instance with another state: {first} is not empty"
            );
            return Err(ApiError::bad_user_request("BadUserRequestException", text));
        }
        first = Some(state);
    }
    Ok(())
}

fn states(w: &mut Where<'_>) -> ApiResult<()> {
    let running = || col(H, "ended").is_null();
    w.switch("finished", running().not())?;
    w.switch("unfinished", running())?;
    w.switch("active", running().and(col(H, "suspended").eq(false)))?;
    w.switch("suspended", running().and(col(H, "suspended").eq(true)))?;
    for (name, state) in [
        ("completed", EndState::Completed),
        ("externallyTerminated", EndState::ExternallyTerminated),
        ("internallyTerminated", EndState::InternallyTerminated),
    ] {
        w.switch(name, col(H, "state").eq(state as i16))?;
    }
    Ok(())
}

fn activities(w: &mut Where<'_>) -> ApiResult<()> {
    let at = |table: &'static str, elements: &[String]| {
        let query = Query::select()
            .expr(Expr::val(1))
            .from_as(table, "a")
            .and_where(col("a", "instance_id").equals((H, "id")))
            .and_where(col("a", "element").is_in(elements.iter().map(String::as_str)))
            .take();
        Expr::exists(query)
    };
    if let Some(elements) = activity_ids(w.filters, "executedActivityIdIn")?.filter(|l| !l.is_empty()) {
        w.and(at("history_activity", &elements));
    }
    if let Some(elements) = activity_ids(w.filters, "activeActivityIdIn")?.filter(|l| !l.is_empty()) {
        w.and(at("token", &elements));
    }
    Ok(())
}

fn sort(by: &str) -> Option<SortBy> {
    let definition = |column| of_definition(col(H, "definition_id"), column);
    Some(match by {
        "instanceId" => (col(H, "id"), Kind::Id),
        "definitionId" => (definition("rest_id"), Kind::Text),
        "definitionKey" => (definition("key"), Kind::Text),
        "definitionName" => (definition("name"), Kind::Text),
        "definitionVersion" => (definition("version"), Kind::Number),
        "businessKey" => (col(H, "business_key"), Kind::Text),
        "startTime" => (col(H, "started"), Kind::Number),
        "endTime" => (col(H, "ended"), Kind::Number),
        "duration" => (col(H, "ended").sub(col(H, "started")), Kind::Number),
        "tenantId" => (col(H, "tenant_id"), Kind::Text),
        _ => return None,
    })
}
