//! Comments and attachments, and the tasks and instances, running or ended, that they belong to.
use super::{col, history_process::root_end, scalar};
use crate::store::{Row, StoreError, schema::visible};
use bpmn_core::{
    Id,
    note::{Attachment, Comment},
};
use sea_query::{Expr, ExprTrait, Order, Query, SelectStatement, UnionType};

const N: &str = "n";

/// Who a comment or an attachment belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    pub id: Id,
    pub root_id: Id,
    pub running: bool,
    /// It belongs to a process instance, or is one.
    pub of_process: bool,
}

/// `process`: the columns that aren't null if it is of a process.
fn owner(tables: [&'static str; 2], process: [&'static str; 2], id: Id) -> SelectStatement {
    let from = |table: usize, runs: i32| {
        let (table, process) = (tables[table], process[table]);
        Query::select()
            .expr(col("o", "id"))
            .expr(col("o", "root_id"))
            .expr(Expr::val(runs))
            .expr(col("o", process).is_not_null())
            .from_as(table, "o")
            .and_where(col("o", "id").eq(id.0))
            .and_where(visible("o"))
            .take()
    };
    from(0, 1).union(UnionType::All, from(1, 0)).take()
}

/// The task of that id, running or ended.
pub fn task(id: Id) -> SelectStatement {
    owner(["task", "history_task"], ["token_id", "instance_id"], id)
}

/// The process instance of that id, running or ended.
pub fn instance(id: Id) -> SelectStatement {
    owner(["process_instance", "history_process"], ["id", "id"], id)
}

/// Reads a row of [`task`] or [`instance`].
pub fn owner_row(row: &dyn Row) -> Result<Owner, StoreError> {
    Ok(Owner {
        id: row.id(0)?,
        root_id: row.id(1)?,
        running: row.i64(2)? == 1,
        of_process: row.bool(3)?,
    })
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Of<'a> {
    /// All of a task.
    Task(Id),
    /// One, of whatever task.
    One(Id),
    /// Comments that name a process instance.
    Instance(&'a str),
}

impl Of<'_> {
    fn condition(self) -> Expr {
        match self {
            Of::Task(id) => col(N, "task_id").eq(id.0),
            Of::One(id) => col(N, "id").eq(id.0),
            Of::Instance(id) => col(N, "process_instance").eq(id),
        }
    }
}

/// A row with the definition and the end of its tree, if that has ended ([`root_end`]).
pub struct Noted<N> {
    pub note: N,
    pub definition_id: Option<Id>,
    pub root_end: Option<i64>,
}

/// A column of the tree's root, once it has ended.
fn of_root(column: &'static str) -> Expr {
    let query = Query::select()
        .expr(col("h", column))
        .from_as("history_process", "h")
        .and_where(col("h", "root_id").equals((N, "root_id")))
        .and_where(col("h", "id").equals((N, "root_id")))
        .limit(1)
        .take();
    scalar(query)
}

fn base(table: &'static str, columns: &[&'static str], of: Of) -> SelectStatement {
    let mut query = Query::select();
    query.exprs(columns.iter().map(|name| col(N, name)));
    query
        .expr(of_root("definition_id"))
        .expr(root_end(N))
        .from_as(table, N)
        .and_where(visible(N))
        .and_where(of.condition())
        .take()
}

/// Comments, the last first.
pub fn comments(of: Of) -> SelectStatement {
    let columns = [
        "id",
        "root_id",
        "task_id",
        "process_instance",
        "user_id",
        "time",
        "message",
        "bound",
    ];
    base("comment", &columns, of)
        .order_by_expr(col(N, "time"), Order::Desc)
        .order_by_expr(col(N, "id"), Order::Desc)
        .take()
}

/// Reads a row of [`comments`].
pub fn comment_row(row: &dyn Row) -> Result<Noted<Comment>, StoreError> {
    Ok(Noted {
        note: Comment {
            id: row.id(0)?,
            root_id: row.id(1)?,
            task_id: row.id(2)?,
            process_instance_id: row.text_opt(3)?,
            user_id: row.text_opt(4)?,
            time: row.i64(5)?,
            message: row.text(6)?,
            bound: row.bool(7)?,
        },
        definition_id: row.id_opt(8)?,
        root_end: row.i64_opt(9)?,
    })
}

/// Attachments without their content, the first first.
pub fn attachments(of: Of) -> SelectStatement {
    let columns = [
        "id",
        "root_id",
        "task_id",
        "name",
        "description",
        "kind",
        "url",
        "user_id",
        "created",
        "bound",
    ];
    base("attachment", &columns, of)
        .order_by_expr(col(N, "created"), Order::Asc)
        .order_by_expr(col(N, "id"), Order::Asc)
        .take()
}

/// Reads a row of [`attachments`].
pub fn attachment_row(row: &dyn Row) -> Result<Noted<Attachment>, StoreError> {
    Ok(Noted {
        note: Attachment {
            id: row.id(0)?,
            root_id: row.id(1)?,
            task_id: row.id(2)?,
            name: row.text_opt(3)?,
            description: row.text_opt(4)?,
            kind: row.text_opt(5)?,
            url: row.text_opt(6)?,
            user_id: row.text_opt(7)?,
            created: row.i64(8)?,
            bound: row.bool(9)?,
            content: None,
        },
        definition_id: row.id_opt(10)?,
        root_end: row.i64_opt(11)?,
    })
}

/// The content of a task's attachment.
pub fn content(task: Id, attachment: Id) -> SelectStatement {
    Query::select()
        .expr(col(N, "content"))
        .from_as("attachment", N)
        .and_where(visible(N))
        .and_where(col(N, "id").eq(attachment.0))
        .and_where(col(N, "task_id").eq(task.0))
        .take()
}
