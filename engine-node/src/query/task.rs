//! The list of user tasks.
mod people;
mod variable_sort;

use super::{
    Kind, Listing, SortBy, Where, col,
    counters::{self, Counted},
    eq_any_case, like, like_any_case, variable,
};
use crate::store::{Row, StoreError, schema::visible};
use bpmn_core::{Id, instance::UserTask};
use rest_api::{
    ApiError, ApiResult,
    filters::{Comparing, variable_filters},
    known,
};
use sea_query::{Condition, Expr, ExprTrait, Func, Query, SelectStatement};

const T: &str = "t";

const COLUMNS: [&str; 22] = [
    "id",
    "instance_id",
    "token_id",
    "execution_id",
    "activity_id",
    "definition_id",
    "element",
    "name",
    "description",
    "assignee",
    "owner",
    "delegation",
    "priority",
    "created",
    "last_updated",
    "due",
    "follow_up",
    "suspended",
    "form_key",
    "tenant_id",
    "parent_id",
    "case_instance_id",
];

/// Reads a row of [`listing`]; candidates are left out.
pub fn row(row: &dyn Row) -> Result<UserTask, StoreError> {
    Ok(UserTask {
        id: row.id(0)?,
        instance_id: row.id_opt(1)?,
        token_id: row.id_opt(2)?,
        execution_id: row.id_opt(3)?,
        activity_id: row.id_opt(4)?,
        definition_id: row.id_opt(5)?,
        element: row.text_opt(6)?,
        name: row.text_opt(7)?,
        description: row.text_opt(8)?,
        assignee: row.text_opt(9)?,
        owner: row.text_opt(10)?,
        delegation: row.text_opt(11)?,
        priority: row.i64(12)? as i32,
        created: row.i64(13)?,
        last_updated: row.i64_opt(14)?,
        due: row.i64_opt(15)?,
        follow_up: row.i64_opt(16)?,
        suspended: row.bool(17)?,
        form_key: row.text_opt(18)?,
        tenant_id: row.text_opt(19)?,
        recorded: false,
        parent_id: row.id_opt(20)?,
        case_instance_id: row.text_opt(21)?,
        candidates: Vec::new(),
        links: Vec::new(),
        changed_links: Vec::new(),
    })
}

/// The task of that id.
pub fn by_id(id: Id) -> SelectStatement {
    let condition = Condition::all().add(col(T, "id").eq(id.0));
    let mut query = base(condition);
    query.exprs(COLUMNS.map(|name| col(T, name)));
    query
}

/// Asks for two more columns: whether a task has attachments and comments.
pub const WITH_NOTES: &str = "withCommentAttachmentInfo";

/// Asks for the variables that a task sees, or its own; they come with its instance.
pub const WITH_VARIABLES: &str = "withTaskVariablesInReturn";
pub const WITH_LOCAL_VARIABLES: &str = "withTaskLocalVariablesInReturn";

/// The columns that [`WITH_NOTES`] adds.
fn noted() -> [Expr; 2] {
    ["attachment", "comment"].map(|table| {
        let query = Query::select()
            .expr(Expr::val(1))
            .from_as(table, "n")
            .and_where(col("n", "task_id").equals((T, "id")))
            .take();
        Expr::exists(query)
    })
}

/// Whether the task of a row has attachments and comments, where the columns are there.
pub fn notes(row: &dyn Row, with: bool) -> Result<Option<(bool, bool)>, StoreError> {
    let at = COLUMNS.len();
    match with {
        true => Ok(Some((row.bool(at)?, row.bool(at + 1)?))),
        false => Ok(None),
    }
}

/// [`by_id`] with the columns of [`WITH_NOTES`].
pub fn by_id_with_notes(id: Id) -> SelectStatement {
    by_id(id).exprs(noted()).take()
}

/// Tasks that meet the filters.
pub fn listing(mut w: Where<'_>) -> ApiResult<Listing> {
    let counted = w
        .only_definitions(&[])
        .map(|definitions| counters::count(&[Counted::Tasks], definitions.as_deref()));
    conditions(&mut w)?;
    people::candidates(&mut w)?;
    w.or_queries("task.TaskQuery", known::TASK, |one| {
        conditions(one)?;
        people::candidates_of_or(one)
    })?;
    w.sees_tasks(T);
    let filters = w.filters;
    let condition = w.finish(known::TASK)?;
    let mut columns = COLUMNS.map(|name| col(T, name)).to_vec();
    if filters.on(WITH_NOTES)? {
        columns.extend(noted());
    }
    Listing::new(base(condition), columns, col(T, "id"))
        .counted(counted)
        .sorted_with(filters, &sort, &variable_sort::sort)
}

/// That a process has made the task: only then is the unit that it is stored with a process instance.
fn of_process() -> Expr {
    col(T, "token_id").is_not_null()
}

/// The process instance of a task.
fn process() -> Expr {
    Expr::case(of_process(), col(T, "instance_id")).into()
}

fn base(condition: Condition) -> SelectStatement {
    Query::select()
        .from_as("task", T)
        .cond_where(condition)
        .and_where(visible(T))
        .take()
}

fn sort(by: &str) -> Option<SortBy> {
    let text = |name| (col(T, name), Kind::Text);
    let number = |name| (col(T, name), Kind::Number);
    Some(match by {
        "instanceId" => (process(), Kind::Id),
        "executionId" => (col(T, "execution_id"), Kind::Id),
        "id" => (col(T, "id"), Kind::Id),
        "dueDate" => number("due"),
        "followUpDate" => number("follow_up"),
        "created" => number("created"),
        "lastUpdated" => number("last_updated"),
        "priority" => number("priority"),
        "assignee" => text("assignee"),
        "description" => text("description"),
        "name" => text("name"),
        "tenantId" => text("tenant_id"),
        "nameCaseInsensitive" => (Expr::from(Func::lower(col(T, "name"))), Kind::Text),
        "caseInstanceId" => text("case_instance_id"),
        // No case engine: null for every task, so the id alone orders.
        "caseExecutionId" => (Expr::cust("CAST(NULL AS text)"), Kind::Text),
        _ => return None,
    })
}

/// Lists in a query of which an empty one holds an empty text, as the reference parts it at the commas.
const BLANK: [&str; 8] = [
    "taskIdIn",
    "processInstanceIdIn",
    "processInstanceBusinessKeyIn",
    "processDefinitionKeyIn",
    "activityInstanceIdIn",
    "tenantIdIn",
    "assigneeIn",
    "taskDefinitionKeyIn",
];

fn blank_lists(w: &mut Where<'_>) -> ApiResult<()> {
    let filters = w.filters;
    let blank = |name: &str| !filters.is_post() && filters.raw(name).and_then(|v| v.as_str()) == Some("");
    if BLANK.into_iter().any(blank) {
        w.and(super::never());
    }
    if blank("assigneeNotIn") {
        w.and(col(T, "assignee").is_not_null());
    }
    match blank("candidateGroups") {
        true => Err(ApiError::engine("Candidate group list is empty")),
        false => Ok(()),
    }
}

fn conditions(w: &mut Where<'_>) -> ApiResult<()> {
    blank_lists(w)?;
    let tenants = w.filters.list("tenantIdIn")?;
    if tenants.is_some_and(|list| !list.is_empty()) && w.filters.on("withoutTenantId")? {
        return Err(people::usage(
            "cannot set both tenantIdIn and withoutTenantId filters.",
        ));
    }
    fields(w)?;
    times(w)?;
    instance(w)?;
    variables(w)?;
    for name in [WITH_NOTES, WITH_VARIABLES, WITH_LOCAL_VARIABLES] {
        let _ = w.filters.on(name)?;
    }
    Ok(())
}

fn fields(w: &mut Where<'_>) -> ApiResult<()> {
    w.id("taskId", col(T, "id"))?;
    w.ids("taskIdIn", col(T, "id"))?;
    // Names and descriptions are compared in either case, as in the reference; nothing else is.
    for (equal, pattern, column) in [
        ("name", "nameLike", "name"),
        ("description", "descriptionLike", "description"),
    ] {
        if let Some(text) = w.filters.text(equal)? {
            w.and(eq_any_case(col(T, column), &text));
        }
        if let Some(pattern) = w.filters.text(pattern)? {
            w.and(like_any_case(col(T, column), &pattern));
        }
    }
    if let Some(name) = w.filters.text("nameNotEqual")? {
        w.and(eq_any_case(col(T, "name"), &name).not());
    }
    if let Some(pattern) = w.filters.text("nameNotLike")? {
        w.and(like_any_case(col(T, "name"), &pattern).not());
    }
    w.text("assignee", col(T, "assignee"))?;
    w.like("assigneeLike", col(T, "assignee"))?;
    w.texts("assigneeIn", col(T, "assignee"))?;
    // Nobody is not in the list either, for the reference.
    if let Some(list) = w.filters.list("assigneeNotIn")?.filter(|l| !l.is_empty()) {
        w.and(col(T, "assignee").is_not_in(list));
    }
    w.switch("assigned", col(T, "assignee").is_not_null())?;
    w.switch("unassigned", col(T, "assignee").is_null())?;
    w.text("owner", col(T, "owner"))?;
    w.text("taskDefinitionKey", col(T, "element"))?;
    w.texts("taskDefinitionKeyIn", col(T, "element"))?;
    w.not_texts("taskDefinitionKeyNotIn", col(T, "element"))?;
    w.like("taskDefinitionKeyLike", col(T, "element"))?;
    w.int("priority", |n| col(T, "priority").eq(n))?;
    w.int("minPriority", |n| col(T, "priority").gte(n))?;
    w.int("maxPriority", |n| col(T, "priority").lte(n))?;
    w.suspension(col(T, "suspended"))?;
    w.tenants(col(T, "tenant_id"))?;
    match w.filters.text("delegationState")?.as_deref() {
        None => {}
        Some(state) if matches!(state.to_uppercase().as_str(), "PENDING" | "RESOLVED") => {
            w.and(col(T, "delegation").eq(state.to_uppercase()));
        }
        Some(state) => {
            let message = format!(
                "Valid values for property 'delegationState' are 'PENDING' or 'RESOLVED', but was '{state}'"
            );
            return Err(ApiError::invalid_request(message));
        }
    }
    w.id("parentTaskId", col(T, "parent_id"))?;
    w.text("caseInstanceId", col(T, "case_instance_id"))?;
    // A case is what its id says, and nothing more is known of it.
    for name in [
        "caseExecutionId",
        "caseDefinitionId",
        "caseDefinitionKey",
        "caseDefinitionName",
        "caseDefinitionNameLike",
        "caseInstanceBusinessKey",
        "caseInstanceBusinessKeyLike",
    ] {
        if w.filters.has(name) {
            w.and(super::never());
        }
    }
    Ok(())
}

fn times(w: &mut Where<'_>) -> ApiResult<()> {
    w.date("createdOn", |d| col(T, "created").eq(d))?;
    w.date("createdBefore", |d| col(T, "created").lt(d))?;
    w.date("createdAfter", |d| col(T, "created").gt(d))?;
    w.date("updatedAfter", |d| {
        let updated = col(T, "last_updated").gt(d);
        updated.or(col(T, "last_updated").is_null().and(col(T, "created").gt(d)))
    })?;
    for (names, column) in [
        (["dueDate", "dueBefore", "dueAfter"], "due"),
        (["followUpDate", "followUpBefore", "followUpAfter"], "follow_up"),
    ] {
        w.date(names[0], |d| col(T, column).eq(d))?;
        w.date(names[1], |d| col(T, column).lt(d))?;
        w.date(names[2], |d| col(T, column).gt(d))?;
    }
    w.date("followUpBeforeOrNotExistent", |d| {
        col(T, "follow_up").is_null().or(col(T, "follow_up").lt(d))
    })?;
    w.switch("withoutDueDate", col(T, "due").is_null())
}

fn instance(w: &mut Where<'_>) -> ApiResult<()> {
    if let Some(id) = w.filters.text("processInstanceId")? {
        w.and(super::equals_id(col(T, "instance_id"), &id).and(of_process()));
    }
    if let Some(ids) = w.filters.list("processInstanceIdIn")?.filter(|l| !l.is_empty()) {
        w.and(col(T, "instance_id").is_in(super::uuids(&ids)).and(of_process()));
    }
    w.id("executionId", col(T, "execution_id"))?;
    w.definition(col(T, "definition_id"))?;
    w.definition_name(col(T, "definition_id"))?;
    if let Some(ids) = w.filters.list("activityInstanceIdIn")?.filter(|l| !l.is_empty()) {
        let uuids: Vec<_> = ids
            .iter()
            .map(|id| id.rsplit(':').next().unwrap_or(id).to_owned())
            .collect();
        w.and(col(T, "activity_id").is_in(super::uuids(&uuids)));
    }
    let instance = |condition: Expr| {
        let query = Query::select()
            .expr(col("p", "id"))
            .from_as("process_instance", "p")
            .and_where(condition)
            .take();
        col(T, "instance_id").in_subquery(query).and(of_process())
    };
    if let Some(key) = w.filters.text("processInstanceBusinessKey")? {
        w.and(instance(col("p", "business_key").eq(key)));
    }
    if let Some(keys) = w
        .filters
        .list("processInstanceBusinessKeyIn")?
        .filter(|l| !l.is_empty())
    {
        w.and(instance(col("p", "business_key").is_in(keys)));
    }
    if let Some(pattern) = w.filters.text("processInstanceBusinessKeyLike")? {
        w.and(instance(like(col("p", "business_key"), &pattern)));
    }
    Ok(())
}

fn variables(w: &mut Where<'_>) -> ApiResult<()> {
    let ignore = variable::IgnoreCase::of(w.filters)?;
    for filter in variable_filters(w.filters, "processVariables", Comparing::Tasks)? {
        let exists = variable::exists(&filter, ignore, variable::of_instance((T, "instance_id")))?;
        w.and(exists.and(of_process()));
    }
    if !variable_filters(w.filters, "caseInstanceVariables", Comparing::Tasks)?.is_empty() {
        w.and(super::never());
    }
    for filter in variable_filters(w.filters, "taskVariables", Comparing::Tasks)? {
        w.and(variable::exists(
            &filter,
            ignore,
            col("v", "task_id")
                .equals((T, "id"))
                .and(col("v", "instance_id").equals((T, "instance_id"))),
        )?);
    }
    Ok(())
}
