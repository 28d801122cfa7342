//! Counts that dashboards ask for all day, from the `counter` table instead of the rows: what triggers added up, less
//! what lies in slots that nobody may see yet or any more (usually none).
use super::{col, null};
use bpmn_core::Id;
use sea_query::{CaseStatement, Expr, ExprTrait, Query, SelectStatement};

/// What is counted; the numbers are those of the migration's triggers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Running process instances that history tells of.
    Recorded = 0,
    /// Ended process instances.
    Ended = 1,
    /// Running process instances that history doesn't tell of.
    Unrecorded = 2,
    /// User tasks.
    Tasks = 3,
}

impl Counted {
    fn table(self) -> &'static str {
        match self {
            Counted::Recorded | Counted::Unrecorded => "process_instance",
            Counted::Ended => "history_process",
            Counted::Tasks => "task",
        }
    }
}

/// `SELECT` of the number of rows of those kinds, of some definitions or all.
pub fn count(kinds: &[Counted], definitions: Option<&[Id]>) -> SelectStatement {
    let mut sum = Query::select();
    sum.expr(Expr::cust("CAST(coalesce(sum(\"c\".\"delta\"), 0) AS bigint)"))
        .from_as("counter", "c")
        .and_where(col("c", "kind").is_in(kinds.iter().map(|k| *k as i16)));
    if let Some(ids) = definitions {
        sum.and_where(col("c", "definition_id").is_in(ids.iter().map(|id| id.0)));
    }
    let mut tables: Vec<&str> = kinds.iter().map(|k| k.table()).collect();
    tables.dedup();
    let mut total = super::scalar(sum.take());
    for table in tables {
        let slots = Query::select()
            .expr(col("hs", "slot"))
            .from_as("hidden_slot", "hs")
            .take();
        let mut hidden = Query::select();
        hidden
            .expr(Expr::cust("COUNT(*)"))
            .from_as(table, "h")
            .and_where(col("h", "slot").in_subquery(slots));
        if table == "process_instance" {
            let recorded: Vec<bool> = kinds.iter().map(|k| *k == Counted::Recorded).collect();
            hidden.and_where(col("h", "recorded").is_in(recorded));
        }
        if let Some(ids) = definitions {
            hidden.and_where(col("h", "definition_id").is_in(ids.iter().map(|id| id.0)));
        }
        // Asked only while a slot moves: the planner can't know that the table is empty.
        let moving = Query::select()
            .expr(null())
            .from_as("hidden_slot", "any_hidden")
            .take();
        let hidden = CaseStatement::new()
            .case(Expr::exists(moving), super::scalar(hidden.take()))
            .finally(0);
        total = total.sub(Expr::Case(Box::new(hidden)));
    }
    Query::select().expr(total).take()
}
