//! Rows as values of their tables' row types, so that a batch's rows of a table are one array: one function scan in
//! the statement instead of one per column. The layout is the database's own, read once per connection: columns that
//! a newer schema added are sent as null and not inserted.
use super::super::{cell::Cell, change::WRITTEN};
use super::{boolean, bytes, float, int, text, uuid};
use sqlx::{
    Encode, PgConnection, Postgres, Row, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgTypeInfo, types::Oid},
};
use std::collections::HashMap;

/// A column as the database has it.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Its position among ours.
    ours: Option<usize>,
    ty: u32,
}

/// A table's row type.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    row_type: u32,
    columns: Vec<Place>,
}

/// The layouts of [`WRITTEN`], in its order.
#[derive(Clone, Debug)]
pub(super) struct Layouts(Vec<Layout>);

impl Layouts {
    /// Reads them.
    pub async fn read(connection: &mut PgConnection) -> Result<Layouts, sqlx::Error> {
        let names: Vec<String> = WRITTEN.iter().map(|table| table.name.to_owned()).collect();
        let rows = sqlx::query(
            "SELECT n, c.reltype::int8, a.attname::text, a.atttypid::int8
             FROM unnest($1::text[]) n JOIN pg_class c ON c.oid = to_regclass(n) JOIN pg_attribute a ON a.attrelid = c.oid
             WHERE a.attnum > 0 AND NOT a.attisdropped ORDER BY n, a.attnum",
        )
        .bind(names)
        .fetch_all(connection)
        .await?;
        let mut found: HashMap<String, Layout> = HashMap::new();
        for row in rows {
            let (table, row_type): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
            let (column, ty): (String, i64) = (row.try_get(2)?, row.try_get(3)?);
            let columns = WRITTEN.iter().find(|t| t.name == table).map(|t| t.columns);
            let ours = columns.and_then(|columns| columns.iter().position(|c| c.name == column));
            let layout = found.entry(table).or_insert(Layout {
                row_type: row_type as u32,
                columns: Vec::new(),
            });
            layout.columns.push(Place { ours, ty: ty as u32 });
        }
        let layouts = WRITTEN.iter().map(|table| {
            let missing = || sqlx::Error::Protocol(format!("the database has no table {}", table.name));
            found.remove(table.name).ok_or_else(missing)
        });
        Ok(Layouts(layouts.collect::<Result<_, _>>()?))
    }

    /// The layout of a table of [`WRITTEN`].
    pub fn of(&self, table: usize) -> &Layout {
        &self.0[table]
    }
}

/// Rows of a table as one array of its row type.
pub(super) struct Rows<'a> {
    pub layout: &'a Layout,
    pub rows: &'a [(i32, &'a Vec<Cell>)],
}

impl Type<Postgres> for Rows<'_> {
    fn type_info() -> PgTypeInfo {
        // The statement says it.
        PgTypeInfo::with_oid(Oid(0))
    }
}

impl<'q> Encode<'q, Postgres> for Rows<'_> {
    fn encode_by_ref(&self, out: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        array(out, self.layout.row_type, self.rows.len());
        for (_, row) in self.rows {
            sized(out, |out| {
                put(out, &(self.layout.columns.len() as i32).to_be_bytes());
                for place in &self.layout.columns {
                    put(out, &place.ty.to_be_bytes());
                    match place.ours.and_then(|at| row.get(at)) {
                        None | Some(Cell::Null) => put(out, &(-1i32).to_be_bytes()),
                        Some(value) => sized(out, |out| cell(out, place.ty, value))?,
                    }
                }
                Ok(())
            })?;
        }
        Ok(IsNull::No)
    }
}

/// Ids, the first cell of each row.
pub(super) struct Ids<'a>(pub &'a [(i32, &'a Vec<Cell>)]);

impl Type<Postgres> for Ids<'_> {
    fn type_info() -> PgTypeInfo {
        <Vec<uuid::Uuid> as Type<Postgres>>::type_info()
    }
}

impl<'q> Encode<'q, Postgres> for Ids<'_> {
    fn encode_by_ref(&self, out: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        array(out, UUID, self.0.len());
        for (_, row) in self.0 {
            let id = row.first().and_then(uuid).ok_or("a row to delete has no id")?;
            put(out, &16i32.to_be_bytes());
            put(out, id.as_bytes());
        }
        Ok(IsNull::No)
    }
}

/// Numbers of units, for rows.
pub(super) struct Units<'a>(pub &'a [(i32, &'a Vec<Cell>)]);

impl Type<Postgres> for Units<'_> {
    fn type_info() -> PgTypeInfo {
        <Vec<i32> as Type<Postgres>>::type_info()
    }
}

impl<'q> Encode<'q, Postgres> for Units<'_> {
    fn encode_by_ref(&self, out: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        array(out, INT4, self.0.len());
        for (unit, _) in self.0 {
            put(out, &4i32.to_be_bytes());
            put(out, &unit.to_be_bytes());
        }
        Ok(IsNull::No)
    }
}

const BOOL: u32 = 16;
const BYTEA: u32 = 17;
const INT8: u32 = 20;
const INT2: u32 = 21;
const INT4: u32 = 23;
const TEXT: u32 = 25;
const FLOAT8: u32 = 701;
const UUID: u32 = 2950;

fn put(out: &mut PgArgumentBuffer, bytes: &[u8]) {
    out.extend_from_slice(bytes);
}

/// The head of an array in one dimension.
fn array(out: &mut PgArgumentBuffer, element: u32, length: usize) {
    put(out, &i32::from(length > 0).to_be_bytes());
    put(out, &0i32.to_be_bytes());
    put(out, &element.to_be_bytes());
    if length > 0 {
        put(out, &(length as i32).to_be_bytes());
        put(out, &1i32.to_be_bytes());
    }
}

/// What `write` appends, after its length.
fn sized(
    out: &mut PgArgumentBuffer,
    write: impl FnOnce(&mut PgArgumentBuffer) -> Result<(), BoxDynError>,
) -> Result<(), BoxDynError> {
    let start = out.len();
    put(out, &[0; 4]);
    write(out)?;
    let length = i32::try_from(out.len() - start - 4)?;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

/// A value in the type that its column has. One of another kind can't be: it would be our bug.
fn cell(out: &mut PgArgumentBuffer, ty: u32, value: &Cell) -> Result<(), BoxDynError> {
    let wrong = || format!("a value doesn't fit a column of type {ty}");
    match ty {
        UUID => put(out, uuid(value).ok_or_else(wrong)?.as_bytes()),
        INT2 => put(out, &i16::try_from(int(value).ok_or_else(wrong)?)?.to_be_bytes()),
        INT4 => put(out, &i32::try_from(int(value).ok_or_else(wrong)?)?.to_be_bytes()),
        INT8 => put(out, &int(value).ok_or_else(wrong)?.to_be_bytes()),
        BOOL => put(out, &[u8::from(boolean(value).ok_or_else(wrong)?)]),
        FLOAT8 => put(out, &float(value).ok_or_else(wrong)?.to_be_bytes()),
        TEXT => put(out, text(value).ok_or_else(wrong)?.as_bytes()),
        BYTEA => put(out, bytes(value).ok_or_else(wrong)?),
        _ => return Err(wrong().into()),
    }
    Ok(())
}
