//! Historic user tasks, running and ended, and the log of their identity links.
use super::{
    Kind, Listing, SortBy, Where, col, history, history_process::told, null, of_definition,
    variable::IgnoreCase,
};
use crate::store::{Row, StoreError, schema::visible};
use bpmn_core::Id;
use rest_api::{
    ApiResult,
    filters::{Comparing, Filters, sorting, variable_filters},
    known,
};
use sea_query::{Expr, ExprTrait, Query, SelectStatement, UnionType};

const H: &str = "h";

/// A row of [`listing`].
pub struct TaskRow {
    pub id: Id,
    pub root_id: Id,
    pub instance_id: Option<Id>,
    pub execution_id: Option<Id>,
    pub activity_id: Option<Id>,
    pub definition_id: Option<Id>,
    pub element: Option<String>,
    pub name: Option<String>,
    pub description: Option<String>,
    pub assignee: Option<String>,
    pub owner: Option<String>,
    pub priority: i64,
    pub created: i64,
    pub due: Option<i64>,
    pub follow_up: Option<i64>,
    pub ended: Option<i64>,
    pub delete_reason: Option<String>,
    pub updated: Option<i64>,
    pub tenant_id: Option<String>,
    pub parent_id: Option<Id>,
    /// How it was when it went with what it was a part of: 0 as it was made, 1 changed since.
    pub went_as: Option<i64>,
    pub case_instance_id: Option<String>,
    /// End of the root of its tree, or when that is to go ([`super::history_process::root_end`]).
    pub root_end: Option<i64>,
}

impl TaskRow {
    /// REST's `taskState`.
    pub fn word(&self) -> &'static str {
        match (self.ended, self.delete_reason.as_deref()) {
            (Some(_), _) if self.went_as == Some(0) => "Created",
            (Some(_), _) if self.went_as == Some(1) => "Updated",
            (Some(_), Some("completed")) => "Completed",
            (Some(_), _) => "Deleted",
            (None, _) if self.updated.is_some() => "Updated",
            (None, _) => "Created",
        }
    }
}

const COLUMNS: [&str; 22] = [
    "id",
    "root_id",
    "instance_id",
    "execution_id",
    "activity_id",
    "definition_id",
    "element",
    "name",
    "description",
    "assignee",
    "owner",
    "priority",
    "created",
    "due",
    "follow_up",
    "ended",
    "delete_reason",
    "last_updated",
    "tenant_id",
    "parent_id",
    "went_as",
    "case_instance_id",
];

/// Reads a row of [`listing`].
pub fn row(row: &dyn Row) -> Result<TaskRow, StoreError> {
    Ok(TaskRow {
        id: row.id(0)?,
        root_id: row.id(1)?,
        instance_id: row.id_opt(2)?,
        execution_id: row.id_opt(3)?,
        activity_id: row.id_opt(4)?,
        definition_id: row.id_opt(5)?,
        element: row.text_opt(6)?,
        name: row.text_opt(7)?,
        description: row.text_opt(8)?,
        assignee: row.text_opt(9)?,
        owner: row.text_opt(10)?,
        priority: row.i64(11)?,
        created: row.i64(12)?,
        due: row.i64_opt(13)?,
        follow_up: row.i64_opt(14)?,
        ended: row.i64_opt(15)?,
        delete_reason: row.text_opt(16)?,
        updated: row.i64_opt(17)?,
        tenant_id: row.text_opt(18)?,
        parent_id: row.id_opt(19)?,
        went_as: row.i64_opt(20)?,
        case_instance_id: row.text_opt(21)?,
        root_end: row.i64_opt(22)?,
    })
}

fn base() -> SelectStatement {
    let mut ended = Query::select();
    let mut running = Query::select();
    for name in COLUMNS {
        ended.expr_as(
            match name {
                "last_updated" => Expr::cust("CAST(NULL AS bigint)"),
                _ => col("e", name),
            },
            name,
        );
        running.expr_as(
            match name {
                "ended" | "delete_reason" | "went_as" => null(),
                // Others are stored with a unit that is no process instance.
                "instance_id" => {
                    Expr::case(col("r", "token_id").is_not_null(), col("r", "instance_id")).into()
                }
                _ => col("r", name),
            },
            name,
        );
    }
    ended
        .expr_as(col("e", "instance_id"), "unit_id")
        .from_as("history_task", "e")
        .and_where(visible("e"));
    running
        .expr_as(col("r", "instance_id"), "unit_id")
        .from_as("task", "r")
        .and_where(visible("r"))
        .and_where(col("r", "recorded").eq(true));
    Query::select()
        .from_subquery(ended.union(UnionType::All, running).take(), H)
        .take()
}

/// A condition on the process instance of a row, which runs (or not).
fn runs() -> Expr {
    let query = Query::select()
        .expr(Expr::val(1))
        .from_as("process_instance", "rp")
        .and_where(col("rp", "id").equals((H, "instance_id")))
        .take();
    Expr::exists(query)
}

/// Historic tasks that meet the filters.
pub fn listing(mut w: Where<'_>) -> ApiResult<Listing> {
    conditions(&mut w)?;
    w.or_queries(
        "history.HistoricTaskInstanceQuery",
        known::HISTORY_TASK,
        conditions,
    )?;
    let filters = w.filters;
    w.sees_history(col(H, "definition_id"));
    let condition = w.finish(known::HISTORY_TASK)?;
    let mut columns = COLUMNS.map(|name| col(H, name)).to_vec();
    columns.push(super::history_process::root_end(H));
    Listing::new(base().cond_where(condition).take(), columns, col(H, "id")).sorted(filters, &sort)
}

/// Whether rows are to be sorted by what only tasks of cases have.
pub fn sorted_by_case(filters: &Filters) -> ApiResult<bool> {
    let by_case = |by: &str| matches!(by, "caseDefinitionId" | "caseInstanceId");
    let sorted = sorting(filters, &|by| sort(by).is_some())?;
    Ok(sorted.iter().any(|one| by_case(&one.by)))
}

fn conditions(w: &mut Where<'_>) -> ApiResult<()> {
    w.id("taskId", col(H, "id"))?;
    history::instance_of_unit(w, "processInstanceId", H)?;
    w.id("rootProcessInstanceId", col(H, "root_id"))?;
    let key = || history::of_instance(H, "business_key");
    w.text("processInstanceBusinessKey", key())?;
    w.texts("processInstanceBusinessKeyIn", key())?;
    w.like("processInstanceBusinessKeyLike", key())?;
    w.id("executionId", col(H, "execution_id"))?;
    w.definition(col(H, "definition_id"))?;
    w.definition_name(col(H, "definition_id"))?;
    if let Some(list) = w.filters.list("activityInstanceIdIn")?.filter(|l| !l.is_empty()) {
        w.and(col(H, "activity_id").is_in(history::activities(&list)));
    }
    texts(w)?;
    variables(w)?;
    w.int("taskPriority", |n| col(H, "priority").eq(n))?;
    w.given("assigned", col(H, "assignee").is_not_null())?;
    w.given("unassigned", col(H, "assignee").is_null())?;
    w.given("finished", col(H, "ended").is_not_null())?;
    w.given("unfinished", col(H, "ended").is_null())?;
    w.given("processFinished", runs().not())?;
    w.given("processUnfinished", runs())?;
    times(w)?;
    w.tenants(col(H, "tenant_id"))?;
    people(w)?;
    w.id("taskParentTaskId", col(H, "parent_id"))?;
    w.text("caseInstanceId", col(H, "case_instance_id"))?;
    let cases = [
        "caseExecutionId",
        "caseDefinitionId",
        "caseDefinitionKey",
        "caseDefinitionName",
    ];
    for name in cases {
        if w.filters.has(name) {
            w.and(super::never());
        }
    }
    Ok(())
}

/// `processVariables`: those of the process, not of its tasks; `taskVariables`: the task's own.
fn variables(w: &mut Where<'_>) -> ApiResult<()> {
    let ignore = IgnoreCase::of(w.filters)?;
    for filter in variable_filters(w.filters, "processVariables", Comparing::ExternalTasks)? {
        let scope = col("v", "instance_id")
            .equals((H, "instance_id"))
            .and(col("v", "task_id").is_null());
        w.and(told::variable(&filter, ignore, &scope)?);
    }
    for filter in variable_filters(w.filters, "taskVariables", Comparing::HistoricTasks)? {
        w.and(told::variable(
            &filter,
            ignore,
            &col("v", "task_id").equals((H, "id")),
        )?);
    }
    Ok(())
}

fn texts(w: &mut Where<'_>) -> ApiResult<()> {
    for (name, column) in [
        ("taskName", "name"),
        ("taskDescription", "description"),
        ("taskDeleteReason", "delete_reason"),
        ("taskAssignee", "assignee"),
        ("taskOwner", "owner"),
    ] {
        w.text(name, col(H, column))?;
        w.like(&format!("{name}Like"), col(H, column))?;
    }
    w.text("taskDefinitionKey", col(H, "element"))?;
    w.texts("taskDefinitionKeyIn", col(H, "element"))
}

fn times(w: &mut Where<'_>) -> ApiResult<()> {
    for (name, column) in [("taskDueDate", "due"), ("taskFollowUpDate", "follow_up")] {
        w.date(name, |d| col(H, column).eq(d))?;
        w.date(&format!("{name}Before"), |d| col(H, column).lte(d))?;
        w.date(&format!("{name}After"), |d| col(H, column).gte(d))?;
    }
    w.switch("withoutTaskDueDate", col(H, "due").is_null())?;
    w.date("startedBefore", |d| col(H, "created").lte(d))?;
    w.date("startedAfter", |d| col(H, "created").gte(d))?;
    w.date("finishedBefore", |d| col(H, "ended").lte(d))?;
    w.date("finishedAfter", |d| col(H, "ended").gte(d))
}

/// That the log of identity links has an entry of this task that meets the condition.
fn logged(condition: Expr) -> Expr {
    let query = Query::select()
        .expr(Expr::val(1))
        .from_as("history_identity_link", "il")
        .and_where(col("il", "root_id").equals((H, "root_id")))
        .and_where(col("il", "task_id").equals((H, "id")))
        .and_where(condition)
        .take();
    Expr::exists(query)
}

fn people(w: &mut Where<'_>) -> ApiResult<()> {
    let candidate = || col("il", "kind").eq("candidate");
    if let Some(user) = w.filters.text("taskInvolvedUser")? {
        w.and(logged(col("il", "user_id").eq(user)));
    }
    if let Some(group) = w.filters.text("taskInvolvedGroup")? {
        w.and(logged(col("il", "group_id").eq(group)));
    }
    if let Some(user) = w.filters.text("taskHadCandidateUser")? {
        w.and(logged(candidate().and(col("il", "user_id").eq(user))));
    }
    if let Some(group) = w.filters.text("taskHadCandidateGroup")? {
        w.and(logged(candidate().and(col("il", "group_id").eq(group))));
    }
    let group = || logged(candidate().and(col("il", "group_id").is_not_null()));
    w.given("withCandidateGroups", group())?;
    w.given("withoutCandidateGroups", group().not())
}

fn sort(by: &str) -> Option<SortBy> {
    Some(match by {
        "taskId" => (col(H, "id"), Kind::Id),
        "activityInstanceId" => (col(H, "activity_id"), Kind::Id),
        "processDefinitionId" => (of_definition(col(H, "definition_id"), "rest_id"), Kind::Text),
        "processInstanceId" => (col(H, "instance_id"), Kind::Id),
        "executionId" => (col(H, "execution_id"), Kind::Id),
        "duration" => (col(H, "ended").sub(col(H, "created")), Kind::Number),
        "endTime" => (col(H, "ended"), Kind::Number),
        "startTime" => (col(H, "created"), Kind::Number),
        "taskName" => (col(H, "name"), Kind::Text),
        "taskDescription" => (col(H, "description"), Kind::Text),
        "assignee" => (col(H, "assignee"), Kind::Text),
        "owner" => (col(H, "owner"), Kind::Text),
        "dueDate" => (col(H, "due"), Kind::Number),
        "followUpDate" => (col(H, "follow_up"), Kind::Number),
        "deleteReason" => (col(H, "delete_reason"), Kind::Text),
        "taskDefinitionKey" => (col(H, "element"), Kind::Text),
        "priority" => (col(H, "priority"), Kind::Number),
        "caseInstanceId" => (col(H, "case_instance_id"), Kind::Text),
        // No cases: all are equal.
        "caseDefinitionId" | "caseExecutionId" => (Expr::cust("CAST(NULL AS text)"), Kind::Text),
        "tenantId" => (col(H, "tenant_id"), Kind::Text),
        _ => return None,
    })
}

/// The log of identity links.
pub mod links {
    use super::*;

    const COLUMNS: [&str; 11] = [
        "id",
        "root_id",
        "task_id",
        "definition_id",
        "kind",
        "user_id",
        "group_id",
        "added",
        "operator",
        "time",
        "tenant_id",
    ];

    /// A row of [`listing`].
    pub struct LinkRow {
        pub id: Id,
        pub root_id: Id,
        pub task_id: Option<Id>,
        pub definition_id: Option<Id>,
        pub kind: String,
        pub user_id: Option<String>,
        pub group_id: Option<String>,
        pub added: bool,
        pub operator: Option<String>,
        pub time: i64,
        pub tenant_id: Option<String>,
        /// End of the root of its tree, or when that is to go ([`super::history_process::root_end`]).
        pub root_end: Option<i64>,
    }

    /// Reads a row of [`listing`].
    pub fn row(row: &dyn Row) -> Result<LinkRow, StoreError> {
        Ok(LinkRow {
            id: row.id(0)?,
            root_id: row.id(1)?,
            task_id: row.id_opt(2)?,
            definition_id: row.id_opt(3)?,
            kind: row.text(4)?,
            user_id: row.text_opt(5)?,
            group_id: row.text_opt(6)?,
            added: row.bool(7)?,
            operator: row.text_opt(8)?,
            time: row.i64(9)?,
            tenant_id: row.text_opt(10)?,
            root_end: row.i64_opt(11)?,
        })
    }

    /// Entries that meet the filters.
    pub fn listing(mut w: Where<'_>) -> ApiResult<Listing> {
        w.id("taskId", col(H, "task_id"))?;
        w.text("type", col(H, "kind"))?;
        w.text("userId", col(H, "user_id"))?;
        w.text("groupId", col(H, "group_id"))?;
        w.date("dateBefore", |d| col(H, "time").lte(d))?;
        w.date("dateAfter", |d| col(H, "time").gte(d))?;
        w.definition(col(H, "definition_id"))?;
        w.text("assignerId", col(H, "operator"))?;
        if let Some(operation) = w.filters.text("operationType")? {
            w.and(match operation.as_str() {
                "add" => col(H, "added").eq(true),
                "delete" => col(H, "added").eq(false),
                _ => super::super::never(),
            });
        }
        w.tenants(col(H, "tenant_id"))?;
        let filters = w.filters;
        w.sees_history(col(H, "definition_id"));
        let condition = w.finish(known::HISTORY_IDENTITY_LINK)?;
        let base = Query::select()
            .from_as("history_identity_link", H)
            .and_where(visible(H))
            .cond_where(condition)
            .take();
        let mut columns = COLUMNS.map(|name| col(H, name)).to_vec();
        columns.push(super::super::history_process::root_end(H));
        Listing::new(base, columns, col(H, "id")).sorted(filters, &sort)
    }

    fn sort(by: &str) -> Option<SortBy> {
        Some(match by {
            "time" => (col(H, "time"), Kind::Number),
            "type" => (col(H, "kind"), Kind::Text),
            "userId" => (col(H, "user_id"), Kind::Text),
            "groupId" => (col(H, "group_id"), Kind::Text),
            "taskId" => (col(H, "task_id"), Kind::Id),
            "processDefinitionId" => (of_definition(col(H, "definition_id"), "rest_id"), Kind::Text),
            "processDefinitionKey" => (of_definition(col(H, "definition_id"), "key"), Kind::Text),
            "operationType" => (col(H, "added").not().cast_as("integer"), Kind::Number),
            "assignerId" => (col(H, "operator"), Kind::Text),
            "tenantId" => (col(H, "tenant_id"), Kind::Text),
            _ => return None,
        })
    }
}
