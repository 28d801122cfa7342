//! A statement under construction, for either database, and what both need around running one.
use super::{
    StoreError,
    cell::Cell,
    schema::{Column, Table, Type},
};
use bpmn_core::Id;
pub(crate) use migrations::Dialect;

/// A bound value.
#[derive(Clone, Debug)]
pub(crate) enum Arg {
    One(Type, Cell),
    /// PostgreSQL only.
    Uuids(Vec<uuid::Uuid>),
    /// PostgreSQL only.
    Texts(Vec<String>),
}

/// Text with placeholders, and what goes there.
#[derive(Clone, Debug)]
pub(crate) struct Sql {
    pub text: String,
    pub args: Vec<Arg>,
    pub dialect: Dialect,
}

impl Sql {
    pub fn new(dialect: Dialect, text: &str) -> Sql {
        Sql {
            text: text.to_string(),
            args: Vec::new(),
            dialect,
        }
    }

    /// Appends text.
    pub fn push(mut self, text: &str) -> Sql {
        self.text.push_str(text);
        self
    }

    /// Appends a placeholder for a value of that type.
    pub fn bind(mut self, ty: Type, value: impl Into<Cell>) -> Sql {
        self.arg(Arg::One(ty, value.into()));
        self
    }

    /// Appends ` = ANY(…)` or ` IN (…)`.
    pub fn among(mut self, ids: &[Id]) -> Sql {
        match self.dialect {
            Dialect::Postgres => {
                self.text.push_str(" = ANY(");
                self.arg(Arg::Uuids(ids.iter().map(|id| id.0).collect()));
            }
            Dialect::Sqlite => {
                self.text.push_str(" IN (");
                for (i, id) in ids.iter().enumerate() {
                    if i > 0 {
                        self.text.push(',');
                    }
                    self.arg(Arg::One(Type::Uuid, (*id).into()));
                }
            }
        }
        self.text.push(')');
        self
    }

    /// Appends a table of texts: `name(position, columns …)`, positions from 1.
    pub fn texts(mut self, name: &str, columns: [&str; 2], rows: &[(String, String)]) -> Sql {
        match self.dialect {
            Dialect::Postgres => {
                self.text.push_str("unnest(");
                self.arg(Arg::Texts(rows.iter().map(|r| r.0.clone()).collect()));
                self.text.push_str("::text[], ");
                self.arg(Arg::Texts(rows.iter().map(|r| r.1.clone()).collect()));
                let [a, b] = columns;
                self.push(&format!("::text[]) WITH ORDINALITY {name}({a}, {b}, position)"))
            }
            Dialect::Sqlite => {
                self.text.push('(');
                for (i, row) in rows.iter().enumerate() {
                    self.text
                        .push_str(if i > 0 { " UNION ALL SELECT " } else { "SELECT " });
                    self.arg(Arg::One(Type::Text, (&row.0).into()));
                    self.text.push_str(&format!(" AS {}, ", columns[0]));
                    self.arg(Arg::One(Type::Text, (&row.1).into()));
                    self.text
                        .push_str(&format!(" AS {}, {} AS position", columns[1], i + 1));
                }
                self.push(&format!(") {name}"))
            }
        }
    }

    /// Appends a placeholder for an array of ids: PostgreSQL only.
    pub fn uuids(mut self, ids: &[Id]) -> Sql {
        self.arg(Arg::Uuids(ids.iter().map(|id| id.0).collect()));
        self
    }

    /// Appends `(…), (…)` of rows of a table.
    pub fn rows(mut self, columns: &[Column], rows: &[Vec<Cell>]) -> Sql {
        for (i, row) in rows.iter().enumerate() {
            self.text.push_str(if i == 0 { "(" } else { ", (" });
            for (k, (column, cell)) in columns.iter().zip(row).enumerate() {
                if k > 0 {
                    self.text.push_str(", ");
                }
                self.arg(Arg::One(column.ty, cell.clone()));
            }
            self.text.push(')');
        }
        self
    }

    /// Appends the database's clock in Unix ms; the same value throughout the statement.
    pub fn now(self) -> Sql {
        let now = now(self.dialect);
        self.push(now)
    }

    /// Appends PostgreSQL text only there.
    pub fn postgres(self, text: &str) -> Sql {
        if self.dialect == Dialect::Postgres {
            self.push(text)
        } else {
            self
        }
    }

    fn arg(&mut self, arg: Arg) {
        self.args.push(arg);
        self.text.push(if self.dialect == Dialect::Postgres {
            '$'
        } else {
            '?'
        });
        self.text.push_str(&self.args.len().to_string());
    }
}

/// The database's clock in Unix ms.
pub(crate) fn now(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => "(extract(epoch FROM now()) * 1000)::bigint",
        Dialect::Sqlite => "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
    }
}

/// `"a", "b"` of a table's columns, each after `prefix`.
pub(crate) fn columns(table: &Table, prefix: &str) -> String {
    table
        .columns
        .iter()
        .map(|c| format!("{prefix}\"{}\"", c.name))
        .collect::<Vec<_>>()
        .join(", ")
}

/// `ON CONFLICT (key) DO UPDATE SET` every other column, or nothing if there is none.
pub(crate) fn on_conflict_put(table: &Table) -> String {
    let key: Vec<String> = table.key.iter().map(|k| format!("\"{k}\"")).collect();
    let set: Vec<String> = table
        .columns
        .iter()
        .filter(|c| !table.key.contains(&c.name))
        .map(|c| format!("\"{0}\" = {1}", c.name, put_value(table, c.name)))
        .collect();
    match set.is_empty() {
        true => format!("ON CONFLICT ({}) DO NOTHING", key.join(", ")),
        false => format!(
            "ON CONFLICT ({}) DO UPDATE SET {}",
            key.join(", "),
            set.join(", ")
        ),
    }
}

/// An external task's lock may have been raised by a fetch since the instance was loaded; a write that carries the
/// older lock leaves the newer one alone.
fn put_value(table: &Table, column: &str) -> String {
    if table.name == "external_task" && ["worker_id", "lock_expires", "lock_revision"].contains(&column) {
        return format!(
            "CASE WHEN external_task.\"lock_revision\" > excluded.\"lock_revision\" THEN external_task.\"{column}\" ELSE excluded.\"{column}\" END"
        );
    }
    format!("excluded.\"{column}\"")
}

/// Whether the database may have gone away, so that another connection may work.
pub(crate) fn is_connection(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => {
            true
        }
        sqlx::Error::Database(e) => e.code().is_some_and(|c| {
            // Shut down, crashed, starting, gone; idle for too long; a replica by now; too many connections; a
            // statement that another session had prepared (a pooler in between).
            const AWAY: [&str; 9] = [
                "57P01", "57P02", "57P03", "57P05", "25P03", "25P04", "25006", "53300", "26000",
            ];
            c.starts_with("08") || AWAY.contains(&c.as_ref())
        }),
        _ => false,
    }
}

/// Whether the server takes no writes (any more): it was the primary until a failover.
pub(crate) fn is_read_only(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|e| e.code());
    code.as_deref() == Some("25006")
        || matches!(error, sqlx::Error::Protocol(text) if text.contains("takes no writes"))
}

/// Whether the statement was rolled back and may be repeated at once.
pub(crate) fn is_rolled_back(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|e| e.code());
    code.is_some_and(|c| ["40001", "40P01", "40000", "5", "517"].contains(&c.as_ref()))
}

/// Our error for the database's.
pub(crate) fn store_error(error: sqlx::Error) -> StoreError {
    let unavailable = is_connection(&error)
        || is_rolled_back(&error)
        || match &error {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => true,
            // Resources, locks, cancelled by a timeout; SQLite's busy, full, input/output and read-only.
            sqlx::Error::Database(e) => e.code().is_some_and(|c| {
                ["53", "55", "57", "58"]
                    .iter()
                    .any(|class| c.len() == 5 && c.starts_with(class))
                    || ["6", "8", "10", "13", "14"].contains(&c.as_ref())
            }),
            _ => false,
        };
    if unavailable {
        StoreError::Unavailable(error)
    } else {
        StoreError::Internal(error.to_string())
    }
}
