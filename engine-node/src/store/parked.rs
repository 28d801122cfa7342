//! Messages that matched nothing and wait for their receiver, in the slot of the instance that they are for: by its id, or
//! by its business key. They move with it.
use super::{
    backend::Backend,
    batches::{OWNED, any},
    cell::{Cell, Reader},
    schema::{PARKED_MESSAGE, Type},
    sql::columns,
    sql_store::{SqlStore, each},
    *,
};

/// Most rows that one look gives.
const MOST: usize = 200;
/// How long a message that nobody took in time is kept for operators, ms.
const KEPT: Millis = 30 * 86_400_000;

/// A message that waits.
#[derive(Clone, Debug, PartialEq)]
pub struct ParkedMessage {
    pub id: Id,
    pub slot: Slot,
    pub name: String,
    pub business_key: Option<String>,
    pub instance: Option<Id>,
    /// What is to be sent for it, as its reader wrote it.
    pub request: String,
    pub created: Millis,
    /// It is not delivered by itself from then on.
    pub expires: Millis,
    /// Why the last try failed.
    pub error: Option<String>,
}

/// Part of [`super::Store`].
#[async_trait]
pub trait Parking: Send + Sync {
    /// Keeps a message; false while its slot isn't owned here.
    async fn park(&self, message: &ParkedMessage) -> Result<bool, StoreError>;
    /// Messages that wait although an execution of their instance waits for their name, oldest first. Forgets what
    /// nobody took and nobody looked after for thirty days.
    async fn deliverable(&self, now: Millis) -> Result<Vec<ParkedMessage>, StoreError>;
    /// The messages that wait here, oldest first, at most 200.
    async fn parked(&self) -> Result<Vec<ParkedMessage>, StoreError>;
    /// Takes a message out; false if there is none of that id.
    async fn unpark(&self, id: Id) -> Result<bool, StoreError>;
    /// Tells why a message was not taken, or gives it a new end of its time; false if there is none of that id.
    async fn repark(&self, id: Id, error: Option<&str>, expires: Option<Millis>) -> Result<bool, StoreError>;
}

fn read(r: &mut Reader) -> Result<ParkedMessage, StoreError> {
    let slot = Slot::new(r.i16()? as u16);
    let slot = slot.map_err(|_| StoreError::Internal("a parked message's slot is no slot".to_owned()))?;
    let id = r.id()?;
    r.next();
    Ok(ParkedMessage {
        id,
        slot,
        name: r.text()?,
        business_key: r.text_opt()?,
        instance: r.id_opt()?,
        request: r.text()?,
        created: r.int()?,
        expires: r.int()?,
        error: r.text_opt()?,
    })
}

fn row(m: &ParkedMessage) -> Vec<Cell> {
    vec![
        m.slot.into(),
        m.id.into(),
        Cell::Null,
        (&m.name).into(),
        (&m.business_key).into(),
        m.instance.into(),
        (&m.request).into(),
        m.created.into(),
        m.expires.into(),
        (&m.error).into(),
    ]
}

#[async_trait]
impl<B: Backend> Parking for SqlStore<B> {
    async fn park(&self, message: &ParkedMessage) -> Result<bool, StoreError> {
        let mut transaction = self.backend.begin().await?;
        let sql = self.sql(&format!(
            "SELECT \"slot\" FROM slot WHERE \"state\" = 0 AND \"slot\" = {}",
            message.slot.number()
        ));
        // A move of the slot waits for it, or is seen.
        let owned = each(transaction.run(sql.postgres(" FOR SHARE")).await?, |r| r.i16())?;
        if owned.is_empty() {
            return Ok(false);
        }
        let table = &PARKED_MESSAGE;
        let sql = format!("INSERT INTO {} ({}) VALUES ", table.name, columns(table, ""));
        transaction
            .run(self.sql(&sql).rows(table.columns, &[row(message)]))
            .await?;
        transaction.commit().await?;
        Ok(true)
    }

    async fn deliverable(&self, now: Millis) -> Result<Vec<ParkedMessage>, StoreError> {
        let old = self
            .sql("DELETE FROM parked_message WHERE \"expires\" < ")
            .bind(Type::Big, now - KEPT)
            .push(&format!(" AND {OWNED}"));
        self.backend.run(old).await?;
        let sql = self
            .sql(&format!(
                "SELECT {} FROM parked_message m WHERE m.\"expires\" > ",
                columns(&PARKED_MESSAGE, "m.")
            ))
            .bind(Type::Big, now)
            .push(&format!(
                " AND m.\"slot\" NOT IN (SELECT \"slot\" FROM slot WHERE \"state\" <> 0) AND EXISTS \
                 (SELECT 1 FROM event_subscription s JOIN process_instance p ON p.\"id\" = s.\"instance_id\" \
                 WHERE s.\"name\" = m.\"name\" AND s.\"kind\" = {} AND p.\"suspended\" = false \
                 AND (m.\"instance_id\" IS NULL OR m.\"instance_id\" = p.\"id\") \
                 AND (m.\"business_key\" IS NULL OR m.\"business_key\" = p.\"business_key\")) \
                 ORDER BY m.\"created\" LIMIT {MOST}",
                EventKind::Message as i16
            ));
        each(self.backend.read(sql).await?, read)
    }

    async fn parked(&self) -> Result<Vec<ParkedMessage>, StoreError> {
        let sql = self.sql(&format!(
            "SELECT {} FROM parked_message WHERE {OWNED} ORDER BY \"created\" LIMIT {MOST}",
            columns(&PARKED_MESSAGE, "")
        ));
        each(self.backend.read(sql).await?, read)
    }

    async fn unpark(&self, id: Id) -> Result<bool, StoreError> {
        let sql = self
            .sql(&format!("DELETE FROM parked_message WHERE {OWNED} AND \"id\" = "))
            .bind(Type::Uuid, id)
            .push(" RETURNING 1");
        Ok(any(self.backend.run(sql).await?))
    }

    async fn repark(&self, id: Id, error: Option<&str>, expires: Option<Millis>) -> Result<bool, StoreError> {
        let sql = self
            .sql("UPDATE parked_message SET \"error_message\" = ")
            .bind(Type::Text, error)
            .push(", \"expires\" = coalesce(")
            .bind(Type::Big, expires)
            .push(&format!(", \"expires\") WHERE {OWNED} AND \"id\" = "))
            .bind(Type::Uuid, id)
            .push(" RETURNING 1");
        Ok(any(self.backend.run(sql).await?))
    }
}
