//! Ids that clients have chosen, and what stands for them (protocol 11).
use super::col;
use crate::store::{AliasKind, Row, StoreError, schema::visible};
use bpmn_core::{Id, Slot};
use sea_query::{Expr, ExprTrait, Query, SelectStatement, UnionType};

const A: &str = "a";

fn of(entities: &[Id]) -> SelectStatement {
    Query::select()
        .from_as("alias", A)
        .and_where(col(A, "entity_id").is_in(entities.iter().map(|id| id.0)))
        .and_where(visible(A))
        .take()
}

/// What stands inside and the text that it stands for, of those that are known here.
pub fn texts(entities: &[Id]) -> SelectStatement {
    let mut query = of(entities);
    query
        .expr(col(A, "entity_id"))
        .expr(col(A, "id"))
        .distinct()
        .take()
}

/// Reads a row of [`texts`].
pub fn text_row(row: &dyn Row) -> Result<(Id, String), StoreError> {
    Ok((row.id(0)?, row.text(1)?))
}

/// The slot where an entity lives, if a client has named it and the text's slot is here.
pub fn place(entity: Id) -> SelectStatement {
    of(&[entity])
        .and_where(col(A, "kind").eq(AliasKind::Place as i16))
        .expr(col(A, "target_slot"))
        .take()
}

/// Reads a row of [`place`].
pub fn place_row(row: &dyn Row) -> Result<Slot, StoreError> {
    Ok(Slot::from_bits(row.i64(0)? as u64))
}

/// A row for each task of that id, running or ended.
pub fn task(id: Id) -> SelectStatement {
    let from = |table: &'static str| {
        Query::select()
            .expr(Expr::val(1))
            .from_as(table, "t")
            .and_where(col("t", "id").eq(id.0))
            .take()
    };
    from("task").union(UnionType::All, from("history_task")).take()
}
