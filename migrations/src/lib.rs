//! The schema of a shard's database: ordered, checksummed scripts per dialect, and the range of versions that this
//! build can serve. Nodes refuse a database outside the range; changes expand first and contract a release later,
//! so a node of version *n* serves *n* and *n + 1* (see `README.md`).
mod database;
pub mod hosts;
pub mod indexes;
mod steps;
pub mod user_indexes;

pub use database::Db;
pub use steps::{Step, test_next};

use sha2::{Digest, Sha256};

/// Which database the scripts are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Postgres,
    Sqlite,
}

/// Versions that a build works on: its own, and the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub first: i32,
    pub last: i32,
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} to {}", self.first, self.last)
    }
}

/// Why a schema was not applied, or a database is refused.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    #[error("the database can't be reached or refused a statement")]
    Database(#[from] sqlx::Error),
    #[error("'{0}' is neither a postgres:// nor a sqlite:// address")]
    Address(String),
    /// It has tables, but none of ours.
    #[error("the database holds tables that aren't Stellwerk's ({0}); use an empty database")]
    Foreign(String),
    /// Nothing in it.
    #[error("the database is empty; apply the schema first (shard-admin schema apply)")]
    Empty,
    #[error("the schema has version {found}, this build serves {serves}; bring the schema to {} first", serves.first)]
    TooOld { found: i32, serves: Range },
    #[error("the schema has version {found}, this build serves {serves}; use a newer build")]
    TooNew { found: i32, serves: Range },
    #[error("version {version} of the schema was made by another script than this build's ({name})")]
    Drift { version: i32, name: String },
}

/// A row of `schema_version`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    pub version: i32,
    pub name: String,
    pub checksum: String,
    /// Unix ms, by the database's clock.
    pub applied_at: i64,
}

/// Where a database stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Highest version applied; 0 for an empty database.
    pub version: i32,
    pub applied: Vec<Applied>,
    /// Names of steps that `apply` would run, in order.
    pub pending: Vec<&'static str>,
    /// Versions whose recorded checksum isn't this build's.
    pub drift: Vec<i32>,
}

/// The list of steps of a build.
#[derive(Clone, Debug)]
pub struct Schema {
    steps: Vec<Step>,
}

impl Default for Schema {
    fn default() -> Self {
        Schema::current()
    }
}

impl Schema {
    /// This build's.
    pub fn current() -> Schema {
        Schema {
            steps: steps::steps(),
        }
    }

    /// With one more step: how tests make the schema of the next release.
    pub fn and(mut self, step: Step) -> Schema {
        self.steps.push(step);
        self
    }

    /// Versions that a build with these steps works on.
    pub fn serves(&self) -> Range {
        let newest = self.steps.last().map_or(0, |s| s.version);
        Range {
            first: newest,
            last: newest + 1,
        }
    }

    /// The whole schema as one script for `psql -f` or `sqlite3 <`, with the rows of `schema_version`.
    pub fn print(&self, dialect: Dialect) -> String {
        let body: Vec<String> = self.steps.iter().map(|s| s.transaction(dialect)).collect();
        format!("{};\n\n{}", database::schema_version(dialect), body.join("\n"))
    }

    /// Where the database stands, without changing it.
    ///
    /// # Errors
    /// If it can't be read or holds foreign tables.
    pub async fn status(&self, db: &mut Db) -> Result<Status, SchemaError> {
        let applied = db.applied().await?.unwrap_or_default();
        let version = applied.iter().map(|a| a.version).max().unwrap_or(0);
        let dialect = db.dialect();
        let drift = applied
            .iter()
            .filter(|a| {
                self.steps
                    .iter()
                    .any(|s| s.version == a.version && s.checksum(dialect) != a.checksum)
            })
            .map(|a| a.version)
            .collect();
        let pending = self.pending(version).map(|s| s.name).collect();
        Ok(Status {
            version,
            applied,
            pending,
            drift,
        })
    }

    /// The statements that [`Schema::apply`] would run, as text; empty if there are none.
    pub async fn plan(&self, db: &mut Db) -> Result<String, SchemaError> {
        let status = self.status(db).await?;
        let dialect = db.dialect();
        let mut text: Vec<String> = self
            .pending(status.version)
            .map(|s| s.transaction(dialect))
            .collect();
        if status.version == 0 && !text.is_empty() {
            text.insert(0, format!("{};\n", database::schema_version(dialect)));
        }
        Ok(text.join("\n"))
    }

    /// Brings the database to the newest version: each step in a transaction with its row, under a lock that keeps
    /// a second caller waiting. Stopped in the middle it goes on at the next call; run again it does nothing.
    /// Gives the names of the steps run.
    pub async fn apply(&self, db: &mut Db) -> Result<Vec<&'static str>, SchemaError> {
        db.lock().await?;
        let run = self.apply_locked(db).await;
        let unlocked = db.unlock().await;
        let run = run?;
        unlocked?;
        Ok(run)
    }

    async fn apply_locked(&self, db: &mut Db) -> Result<Vec<&'static str>, SchemaError> {
        let status = self.status(db).await?;
        if let Some(version) = status.drift.first() {
            return Err(self.drifted(*version));
        }
        db.make_schema_version().await?;
        let dialect = db.dialect();
        for step in self.pending(status.version) {
            db.run(&step.transaction(dialect)).await?;
            tracing::info!(version = step.version, name = step.name, "schema step applied");
        }
        Ok(status.pending)
    }

    /// The version of a database that this build can serve.
    ///
    /// # Errors
    /// [`SchemaError::Empty`], `Foreign`, `TooOld`, `TooNew` or `Drift` if it can't.
    pub async fn check(&self, db: &mut Db) -> Result<i32, SchemaError> {
        let status = self.status(db).await?;
        let serves = self.serves();
        match status.version {
            0 => Err(SchemaError::Empty),
            found if found < serves.first => Err(SchemaError::TooOld { found, serves }),
            found if found > serves.last => Err(SchemaError::TooNew { found, serves }),
            found => match status.drift.first() {
                Some(version) => Err(self.drifted(*version)),
                None => Ok(found),
            },
        }
    }

    fn pending(&self, version: i32) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(move |s| s.version > version)
    }

    fn drifted(&self, version: i32) -> SchemaError {
        let name = self
            .steps
            .iter()
            .find(|s| s.version == version)
            .map_or("", |s| s.name);
        SchemaError::Drift {
            version,
            name: name.to_string(),
        }
    }
}

fn checksum(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}
