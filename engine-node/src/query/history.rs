//! What the queries of history share: rows are found by the root of their tree, which has the index; definition,
//! tenant and activity of a row that doesn't hold them are looked up for the rows of the page alone.
use super::{Where, col, scalar};
use crate::store::{DefinitionRow, Row, StoreError, value::typed_value};
use bpmn_core::value::TypedValue;
use rest_api::ApiResult;
use sea_query::{Expr, ExprTrait, Func, Query, SelectStatement, UnionType};
use uuid::Uuid;

/// Ids up to which each root is a value of its own in the list of roots.
const FEW: usize = 20;

/// `SELECT column FROM table WHERE key IN (ids)`.
fn pick(table: &'static str, column: &'static str, key: &'static str, ids: &[Uuid]) -> SelectStatement {
    Query::select()
        .expr(col("pk", column))
        .from_as(table, "pk")
        .and_where(col("pk", key).is_in(ids.iter().copied()))
        .take()
}

/// Whether a variable is of a task that no process has made: that is its scope then.
pub fn alone(alias: &'static str) -> Expr {
    let of_task = col(alias, "task_id").is_not_null();
    of_task.and(col(alias, "scope_id").equals((alias, "task_id")))
}

/// A column that says something of the process of a variable, if it has one.
pub fn of_process(alias: &'static str, column: Expr) -> Expr {
    Expr::case(alone(alias).not(), column).into()
}

/// That a row belongs to the tree of one of these instances, running or ended.
pub fn in_trees_of(alias: &'static str, instances: &[Uuid]) -> Expr {
    let root = col(alias, "root_id");
    if instances.len() > FEW {
        let mut roots = pick("process_instance", "root_id", "id", instances);
        let ended = pick("history_process", "root_id", "id", instances);
        return root.in_subquery(roots.union(UnionType::All, ended).take());
    }
    // Values and single-row subqueries: an index on the root is used whatever the planner thinks of their number.
    let mut roots: Vec<Expr> = Vec::with_capacity(instances.len() * 3);
    for id in instances {
        roots.push(Expr::val(*id));
        for table in ["process_instance", "history_process"] {
            roots.push(scalar(pick(table, "root_id", "id", &[*id]).limit(1).take()));
        }
    }
    root.is_in(roots)
}

/// That a row is of one of these instances; found by their roots. One condition, since alternatives read it too.
fn of_any(alias: &'static str, instances: &[Uuid]) -> Expr {
    let own = col(alias, "instance_id").is_in(instances.iter().copied());
    own.and(in_trees_of(alias, instances))
}

/// The same of rows that show a process instance only if a process made them: `unit_id` is what they are stored with,
/// which has the index.
fn of_any_unit(alias: &'static str, instances: &[Uuid]) -> Expr {
    let unit = col(alias, "unit_id").is_in(instances.iter().copied());
    unit.and(of_any(alias, instances))
}

/// `processInstanceId`.
pub fn instance(w: &mut Where<'_>, name: &str, alias: &'static str) -> ApiResult<()> {
    if let Some(text) = w.filters.text(name)? {
        w.and(of_any(alias, &super::uuids(&[text])));
    }
    Ok(())
}

/// `processInstanceId` of rows with `unit_id`.
pub fn instance_of_unit(w: &mut Where<'_>, name: &str, alias: &'static str) -> ApiResult<()> {
    if let Some(text) = w.filters.text(name)? {
        w.and(of_any_unit(alias, &super::uuids(&[text])));
    }
    Ok(())
}

/// `processInstanceIdIn` of rows with `unit_id`.
pub fn instances_of_units(w: &mut Where<'_>, name: &str, alias: &'static str) -> ApiResult<()> {
    if let Some(list) = w.filters.list(name)?.filter(|l| !l.is_empty()) {
        w.and(of_any_unit(alias, &super::uuids(&list)));
    }
    Ok(())
}

/// The uuids of activity instance ids, `ELEMENT:UUID` or a process instance's.
pub fn activities(texts: &[String]) -> Vec<Uuid> {
    let bare: Vec<String> = texts
        .iter()
        .map(|text| text.rsplit(':').next().unwrap_or(text).to_owned())
        .collect();
    super::uuids(&bare)
}

/// `activityInstanceIdIn` on a column that is null for the process instance itself.
pub fn activity_in(alias: &'static str, column: &'static str, texts: &[String]) -> Expr {
    let ids = activities(texts);
    let own = col(alias, column)
        .is_null()
        .and(col(alias, "instance_id").is_in(ids.iter().copied()));
    col(alias, column).is_in(ids).or(own)
}

/// A column of the process instance that a row's `instance_id` names, running or ended.
pub fn of_instance(alias: &'static str, column: &'static str) -> Expr {
    let from = |table: &'static str| {
        let query = Query::select()
            .expr(col("oi", column))
            .from_as(table, "oi")
            .and_where(col("oi", "id").equals((alias, "instance_id")))
            .limit(1)
            .take();
        scalar(query)
    };
    Expr::from(Func::coalesce([
        from("process_instance"),
        from("history_process"),
    ]))
}

/// The tenant of a variable: that of its instance, or of its task, if no process has made that.
pub fn tenant_of(alias: &'static str) -> Expr {
    let from = |table: &'static str| {
        let query = Query::select()
            .expr(col("tt", "tenant_id"))
            .from_as(table, "tt")
            .and_where(col("tt", "id").equals((alias, "task_id")))
            .and_where(col("tt", "root_id").equals((alias, "root_id")))
            .limit(1)
            .take();
        scalar(query)
    };
    let of_task = Expr::from(Func::coalesce([from("task"), from("history_task")]));
    let of_task = Expr::case(alone(alias), of_task);
    Expr::from(Func::coalesce([of_instance(alias, "tenant_id"), of_task.into()]))
}

/// The definitions that history tells of, deleted or not.
fn told<'a>(w: &Where<'a>) -> impl Iterator<Item = &'a DefinitionRow> {
    let view = w.view;
    view.all().map(|d| &d.row).chain(view.all_gone())
}

/// That the instance of a row has a definition that meets the filters `processDefinitionId` and `…Key`.
pub fn definition(w: &mut Where<'_>, alias: &'static str) -> ApiResult<()> {
    let mut found: Option<Vec<Uuid>> = None;
    if let Some(id) = w.filters.text("processDefinitionId")? {
        found = Some(
            told(w)
                .filter(|row| row.rest_id == id)
                .map(|row| row.id.0)
                .collect(),
        );
    }
    if let Some(key) = w.filters.text("processDefinitionKey")? {
        let of_key: Vec<Uuid> = told(w).filter(|row| row.key == key).map(|row| row.id.0).collect();
        found = Some(match found {
            Some(ids) => ids.into_iter().filter(|id| of_key.contains(id)).collect(),
            None => of_key,
        });
    }
    if let Some(ids) = found {
        let mut instances = pick("process_instance", "id", "definition_id", &ids);
        let ended = pick("history_process", "id", "definition_id", &ids);
        w.and(col(alias, "instance_id").in_subquery(instances.union(UnionType::All, ended).take()));
    }
    Ok(())
}

/// The element in REST's id of the activity instance that a column names: it runs (a token) or has ended.
pub fn element_of(alias: &'static str, column: &'static str) -> Expr {
    let begun = Func::coalesce([col("ha", "begun_as"), col("ha", "element")]);
    let ended = Query::select()
        .expr(Expr::from(begun))
        .from_as("history_activity", "ha")
        .and_where(col("ha", "root_id").equals((alias, "root_id")))
        .and_where(col("ha", "id").equals((alias, column)))
        .limit(1)
        .take();
    let running = Query::select()
        .expr(col("tk", "element"))
        .from_as("token", "tk")
        .and_where(col("tk", "instance_id").equals((alias, "instance_id")))
        .and_where(col("tk", "activity_id").equals((alias, column)))
        .limit(1)
        .take();
    Expr::from(Func::coalesce([scalar(running), scalar(ended)]))
}

/// The execution of a variable's scope: that of its activity instance if it has ended (the token may have gone on
/// since, with another execution), else the token's.
pub fn execution_of(alias: &'static str) -> Expr {
    let running = Query::select()
        .expr(col("tk", "execution_id"))
        .from_as("token", "tk")
        .and_where(col("tk", "id").equals((alias, "scope_id")))
        .take();
    let own = Expr::from(Func::coalesce([
        col("ha", "execution_id"),
        col("ha", "instance_id"),
    ]));
    let ended = Query::select()
        .expr(own)
        .from_as("history_activity", "ha")
        .and_where(col("ha", "root_id").equals((alias, "root_id")))
        .and_where(col("ha", "id").equals((alias, "activity_id")))
        .limit(1)
        .take();
    Expr::from(Func::coalesce([
        scalar(ended),
        scalar(running),
        of_process(alias, col(alias, "scope_id")),
    ]))
}

/// The columns of a value, in the order that [`value`] reads; `content`: with the bytes of files and byte arrays.
pub fn value_columns(alias: &'static str, content: bool) -> [Expr; 6] {
    let bytes = match content {
        true => value_column(alias, "bytes"),
        false => Expr::cust("NULL"),
    };
    [
        col(alias, "type"),
        value_column(alias, "text"),
        col(alias, "number"),
        col(alias, "float"),
        bytes,
        col(alias, "info"),
    ]
}

/// The value whose columns begin at that place of a row.
pub fn value(row: &dyn Row, at: usize) -> Result<TypedValue, StoreError> {
    typed_value(
        &row.text(at)?,
        row.text_opt(at + 1)?,
        row.i64_opt(at + 2)?,
        row.f64_opt(at + 3)?,
        row.bytes_opt(at + 4)?,
        row.text_opt(at + 5)?,
    )
}

/// A value column, from the large values if it is kept there.
fn value_column(alias: &'static str, column: &'static str) -> Expr {
    let large = Query::select()
        .expr(col("lv", column))
        .from_as("large_value", "lv")
        .and_where(col("lv", "id").equals((alias, "large_id")))
        .limit(1)
        .take();
    Expr::from(Func::coalesce([col(alias, column), scalar(large)]))
}
