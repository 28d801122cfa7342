//! The outbox: what instances have thrown and not everybody has heard of.
use super::{
    backend::Backend,
    schema::Type,
    sql_store::{SqlStore, each},
    *,
};

impl<B: Backend> SqlStore<B> {
    /// See [`Store::outbox`].
    pub(crate) async fn read_outbox(
        &self,
        before: Millis,
        most: usize,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        let sql = self
            .sql(
                "SELECT \"slot\", \"sequence\", \"root_id\", \"created\", \"body\" FROM outbox WHERE \"slot\" NOT IN \
                 (SELECT \"slot\" FROM hidden_slot) AND \"created\" < ",
            )
            .bind(Type::Big, before)
            .push(&format!(" ORDER BY \"slot\", \"sequence\" LIMIT {most}"));
        each(self.backend.read(sql).await?, |r| {
            let slot = r.i16()?;
            let damaged = |_| StoreError::Internal(format!("stored slot {slot} is none"));
            Ok(OutboxRow {
                slot: Slot::new(slot as u16).map_err(damaged)?,
                sequence: r.int()?,
                root_id: r.id_opt()?,
                created: r.int()?,
                body: r.text()?,
            })
        })
    }

    /// See [`Store::outbox_told`].
    pub(crate) async fn clear_outbox(&self, rows: &[(Slot, i64)]) -> Result<(), StoreError> {
        for (slot, sequence) in rows {
            let sql = self
                .sql("DELETE FROM outbox WHERE \"slot\" = ")
                .bind(Type::Small, *slot)
                .push(" AND \"sequence\" = ")
                .bind(Type::Big, *sequence);
            self.backend.run(sql).await?;
        }
        Ok(())
    }
}
