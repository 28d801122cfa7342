//! Which definitions things belong to: process instances, running or ended, jobs, external tasks.
use super::col;
use crate::store::{Row, StoreError, schema::visible};
use bpmn_core::Id;
use sea_query::{ExprTrait, Query, SelectStatement, UnionType};

const TABLES: [&str; 4] = ["process_instance", "history_process", "job", "external_task"];

/// Those of that id, each with its definition.
pub fn definitions(ids: &[Id]) -> SelectStatement {
    let of = |table: &'static str| {
        Query::select()
            .exprs(["id", "definition_id"].map(|name| col(table, name)))
            .from(table)
            .and_where(visible(table))
            .and_where(col(table, "id").is_in(ids.iter().map(|id| id.0)))
            .take()
    };
    let [first, others @ ..] = TABLES;
    let all = others.into_iter().map(of);
    all.fold(of(first), |mut all, one| all.union(UnionType::All, one).take())
}

/// Reads a row of [`definitions`].
pub fn row(row: &dyn Row) -> Result<(Id, Id), StoreError> {
    Ok((row.id(0)?, row.id(1)?))
}
