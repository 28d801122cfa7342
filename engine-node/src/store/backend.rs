//! What differs between the databases; everything else of the store is written once over it.
use super::{
    Applied, StoreError,
    cell::{Cell, CellRow},
    change::Change,
    sql::{Dialect, Sql},
};
use async_trait::async_trait;
use bpmn_core::Millis;

/// Rows of cells.
pub(crate) type Cells = Vec<Vec<Cell>>;

/// A database.
#[async_trait]
pub(crate) trait Backend: Send + Sync + 'static {
    fn dialect(&self) -> Dialect;

    /// Reads in one snapshot; repeated on another connection if one is lost.
    async fn read(&self, sql: Sql) -> Result<Cells, StoreError>;

    /// Runs one writing statement and commits it; deadlocks are repeated.
    async fn run(&self, sql: Sql) -> Result<Cells, StoreError>;

    /// Begins a transaction that writes.
    async fn begin(&self) -> Result<Box<dyn Transaction>, StoreError>;

    /// Begins a transaction whose statements are planned to walk indexes in their order and never to sort: for
    /// statements that stop early, also where statistics are old or missing.
    async fn begin_in_order(&self) -> Result<Box<dyn Transaction>, StoreError> {
        self.begin().await
    }

    /// Applies units that touch nothing in common, each whole or not at all.
    async fn write(&self, changes: &[&Change]) -> Result<Vec<Applied>, StoreError>;

    /// Runs a list query between others of its kind, with the version of the slot rows in its snapshot.
    async fn select(&self, query: &sea_query::SelectStatement) -> Result<(i64, Vec<CellRow>), StoreError>;

    /// See [`super::Store::wait_for_writers`].
    async fn wait_for_writers(&self, budget_ms: Millis) -> Result<bool, StoreError>;

    /// See [`super::Store::stats`].
    fn stats(&self) -> &std::sync::Arc<super::stats::Stats>;

    /// See [`super::Store::lost_connections`].
    fn lost_connections(&self) -> u64 {
        0
    }

    /// See [`super::Store::ping`].
    async fn ping(&self) -> Result<(), StoreError>;

    /// See [`super::Store::announce`].
    async fn announce(&self, line: &str) -> Result<(), StoreError>;

    /// See [`super::Store::announcements`].
    fn announcements(&self) -> tokio::sync::mpsc::Receiver<Option<String>>;

    /// See [`super::Store::close`].
    async fn close(&self);
}

/// A transaction; dropping it rolls back.
#[async_trait]
pub(crate) trait Transaction: Send {
    async fn run(&mut self, sql: Sql) -> Result<Cells, StoreError>;
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
}

/// A list query wrapped so that its snapshot tells the version of the slot rows even if it has no rows: columns
/// are version, row number (null: no row), then the query's own.
pub(crate) fn with_version(query: &str) -> String {
    format!(
        "SELECT v.\"value\", q.* FROM (SELECT \"value\" FROM applied WHERE \"name\" = 'slots') v \
         LEFT JOIN (SELECT row_number() OVER () AS stellwerk_row, x.* FROM ({query}) x) q ON true ORDER BY q.stellwerk_row"
    )
}

/// Takes a wrapped query's rows apart.
pub(crate) fn split_version(rows: Cells) -> Result<(i64, Vec<CellRow>), StoreError> {
    let version = match rows.first().and_then(|row| row.first()) {
        Some(Cell::Int(version)) => *version,
        _ => {
            return Err(StoreError::Internal(
                "the table applied has no row for slots".to_string(),
            ));
        }
    };
    let rows = rows.into_iter().filter(|row| row.get(1) != Some(&Cell::Null));
    Ok((
        version,
        rows.map(|row| CellRow(row.into_iter().skip(2).collect()))
            .collect(),
    ))
}
