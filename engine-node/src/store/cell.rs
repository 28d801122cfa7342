//! A value of a column, whatever the database; rows of cells, and reading entities back from them.
use super::{
    Row, StoreError,
    schema::{Table, Type},
};
use bpmn_core::Id;
use uuid::Uuid;

/// A cell. Small, Int, Big are all `Int`; SQLite's booleans may come as `Int` too.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Null,
    Int(i64),
    Bool(bool),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    Uuid(Uuid),
}

impl From<Id> for Cell {
    fn from(id: Id) -> Cell {
        Cell::Uuid(id.0)
    }
}
impl From<i64> for Cell {
    fn from(n: i64) -> Cell {
        Cell::Int(n)
    }
}
impl From<i32> for Cell {
    fn from(n: i32) -> Cell {
        Cell::Int(n.into())
    }
}
impl From<i16> for Cell {
    fn from(n: i16) -> Cell {
        Cell::Int(n.into())
    }
}
impl From<bpmn_core::Slot> for Cell {
    fn from(slot: bpmn_core::Slot) -> Cell {
        Cell::Int(slot.number().into())
    }
}
impl From<bool> for Cell {
    fn from(b: bool) -> Cell {
        Cell::Bool(b)
    }
}
impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::Text(text.to_string())
    }
}
impl From<&String> for Cell {
    fn from(text: &String) -> Cell {
        Cell::Text(text.clone())
    }
}
impl From<Vec<u8>> for Cell {
    fn from(bytes: Vec<u8>) -> Cell {
        Cell::Bytes(bytes)
    }
}
impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Cell {
        value.map_or(Cell::Null, Into::into)
    }
}
impl<'a> From<&'a Option<String>> for Cell {
    fn from(value: &'a Option<String>) -> Cell {
        value.as_ref().into()
    }
}

fn wrong(cell: &Cell, wanted: &str) -> StoreError {
    let kind = match cell {
        Cell::Null => "null",
        Cell::Int(_) => "number",
        Cell::Bool(_) => "boolean",
        Cell::Float(_) => "float",
        Cell::Text(_) => "text",
        Cell::Bytes(_) => "bytes",
        Cell::Uuid(_) => "uuid",
    };
    StoreError::Internal(format!("a column holds {kind} instead of {wanted}"))
}

/// A row of cells, as both stores give it.
pub(crate) struct CellRow(pub Vec<Cell>);

impl CellRow {
    fn cell(&self, column: usize) -> Result<&Cell, StoreError> {
        self.0
            .get(column)
            .ok_or_else(|| StoreError::Internal(format!("row without column {column}")))
    }
}

impl Row for CellRow {
    fn id(&self, column: usize) -> Result<Id, StoreError> {
        self.id_opt(column)?.ok_or_else(|| wrong(&Cell::Null, "an id"))
    }
    fn id_opt(&self, column: usize) -> Result<Option<Id>, StoreError> {
        match self.cell(column)? {
            Cell::Null => Ok(None),
            Cell::Uuid(uuid) => Ok(Some(Id(*uuid))),
            Cell::Bytes(bytes) => match Uuid::from_slice(bytes) {
                Ok(uuid) => Ok(Some(Id(uuid))),
                Err(_) => Err(wrong(&Cell::Bytes(Vec::new()), "an id")),
            },
            other => Err(wrong(other, "an id")),
        }
    }
    fn i64(&self, column: usize) -> Result<i64, StoreError> {
        self.i64_opt(column)?
            .ok_or_else(|| wrong(&Cell::Null, "a number"))
    }
    fn i64_opt(&self, column: usize) -> Result<Option<i64>, StoreError> {
        match self.cell(column)? {
            Cell::Null => Ok(None),
            Cell::Int(n) => Ok(Some(*n)),
            Cell::Bool(b) => Ok(Some((*b).into())),
            other => Err(wrong(other, "a number")),
        }
    }
    fn f64_opt(&self, column: usize) -> Result<Option<f64>, StoreError> {
        match self.cell(column)? {
            Cell::Null => Ok(None),
            Cell::Float(f) => Ok(Some(*f)),
            Cell::Int(n) => Ok(Some(*n as f64)),
            other => Err(wrong(other, "a float")),
        }
    }
    fn bool(&self, column: usize) -> Result<bool, StoreError> {
        match self.cell(column)? {
            Cell::Bool(b) => Ok(*b),
            Cell::Int(n) => Ok(*n != 0),
            other => Err(wrong(other, "a boolean")),
        }
    }
    fn text(&self, column: usize) -> Result<String, StoreError> {
        self.text_opt(column)?.ok_or_else(|| wrong(&Cell::Null, "text"))
    }
    fn text_opt(&self, column: usize) -> Result<Option<String>, StoreError> {
        match self.cell(column)? {
            Cell::Null => Ok(None),
            Cell::Text(text) => Ok(Some(text.clone())),
            other => Err(wrong(other, "text")),
        }
    }
    fn bytes_opt(&self, column: usize) -> Result<Option<Vec<u8>>, StoreError> {
        match self.cell(column)? {
            Cell::Null => Ok(None),
            Cell::Bytes(bytes) => Ok(Some(bytes.clone())),
            Cell::Uuid(uuid) => Ok(Some(uuid.as_bytes().to_vec())),
            other => Err(wrong(other, "bytes")),
        }
    }
}

/// Reads a row's cells one after the other, in the order of the table's columns.
pub(crate) struct Reader {
    cells: std::vec::IntoIter<Cell>,
}

impl Reader {
    pub fn new(cells: Vec<Cell>) -> Reader {
        Reader {
            cells: cells.into_iter(),
        }
    }
    pub fn next(&mut self) -> Cell {
        self.cells.next().unwrap_or(Cell::Null)
    }
    pub fn id_opt(&mut self) -> Result<Option<Id>, StoreError> {
        CellRow(vec![self.next()]).id_opt(0)
    }
    pub fn id(&mut self) -> Result<Id, StoreError> {
        CellRow(vec![self.next()]).id(0)
    }
    pub fn int_opt(&mut self) -> Result<Option<i64>, StoreError> {
        CellRow(vec![self.next()]).i64_opt(0)
    }
    pub fn int(&mut self) -> Result<i64, StoreError> {
        CellRow(vec![self.next()]).i64(0)
    }
    pub fn i32_opt(&mut self) -> Result<Option<i32>, StoreError> {
        self.int_opt()?.map(narrow).transpose()
    }
    pub fn i32(&mut self) -> Result<i32, StoreError> {
        narrow(self.int()?)
    }
    pub fn i16(&mut self) -> Result<i16, StoreError> {
        narrow(self.int()?)
    }
    pub fn bool(&mut self) -> Result<bool, StoreError> {
        CellRow(vec![self.next()]).bool(0)
    }
    pub fn float_opt(&mut self) -> Result<Option<f64>, StoreError> {
        CellRow(vec![self.next()]).f64_opt(0)
    }
    pub fn text_opt(&mut self) -> Result<Option<String>, StoreError> {
        match self.next() {
            Cell::Null => Ok(None),
            Cell::Text(text) => Ok(Some(text)),
            other => Err(wrong(&other, "text")),
        }
    }
    pub fn text(&mut self) -> Result<String, StoreError> {
        self.text_opt()?.ok_or_else(|| wrong(&Cell::Null, "text"))
    }
    pub fn bytes_opt(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        match self.next() {
            Cell::Null => Ok(None),
            Cell::Bytes(bytes) => Ok(Some(bytes)),
            other => Err(wrong(&other, "bytes")),
        }
    }
}

fn narrow<T: TryFrom<i64>>(number: i64) -> Result<T, StoreError> {
    T::try_from(number).map_err(|_| StoreError::Internal(format!("stored number {number} is out of range")))
}

/// Why the database would refuse a row, as far as that can be said beforehand; the same for both stores, so that
/// they answer alike.
pub(crate) fn refusal(table: &Table, cells: &[Cell]) -> Option<String> {
    table
        .columns
        .iter()
        .zip(cells)
        .find_map(|(column, cell)| match cell {
            Cell::Text(text) if text.contains('\0') => {
                Some(format!("{} contains a NUL character", column.name))
            }
            Cell::Null if !column.null => Some(format!("{} is missing", column.name)),
            _ => None,
        })
}

/// A cell that a slot move carries as JSON, by the type of its column.
pub(crate) fn to_json(cell: &Cell) -> serde_json::Value {
    use base64::{Engine, prelude::BASE64_STANDARD};
    match cell {
        Cell::Null => serde_json::Value::Null,
        Cell::Int(n) => (*n).into(),
        Cell::Bool(b) => (*b).into(),
        // As text: the shortest that reads back to the same bits, and JSON has no NaN.
        Cell::Float(f) => format!("{f:?}").into(),
        Cell::Text(text) => text.clone().into(),
        Cell::Bytes(bytes) => BASE64_STANDARD.encode(bytes).into(),
        Cell::Uuid(uuid) => uuid.to_string().into(),
    }
}

/// The reverse of [`to_json`].
pub(crate) fn from_json(ty: Type, value: serde_json::Value) -> Result<Cell, StoreError> {
    use base64::{Engine, prelude::BASE64_STANDARD};
    use serde_json::Value;
    let bad = || StoreError::Internal("an exported row does not fit its table".to_string());
    Ok(match (ty, value) {
        (_, Value::Null) => Cell::Null,
        (Type::Small | Type::Int | Type::Big, Value::Number(n)) => Cell::Int(n.as_i64().ok_or_else(bad)?),
        (Type::Bool, Value::Bool(b)) => Cell::Bool(b),
        (Type::Float, Value::String(text)) => Cell::Float(text.parse().map_err(|_| bad())?),
        (Type::Text, Value::String(text)) => Cell::Text(text),
        (Type::Bytes, Value::String(text)) => Cell::Bytes(BASE64_STANDARD.decode(text).map_err(|_| bad())?),
        (Type::Uuid, Value::String(text)) => Cell::Uuid(Uuid::parse_str(&text).map_err(|_| bad())?),
        _ => return Err(bad()),
    })
}

/// A cell as its column's type has it: SQLite keeps uuids as bytes and booleans as numbers.
pub(crate) fn as_type(ty: Type, cell: Cell) -> Result<Cell, StoreError> {
    Ok(match (ty, cell) {
        (Type::Uuid, Cell::Bytes(bytes)) => {
            Cell::Uuid(Uuid::from_slice(&bytes).map_err(|_| wrong(&Cell::Null, "an id"))?)
        }
        (Type::Bool, Cell::Int(n)) => Cell::Bool(n != 0),
        (Type::Float, Cell::Int(n)) => Cell::Float(n as f64),
        (_, cell) => cell,
    })
}
