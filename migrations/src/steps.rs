//! The list of steps. A published step never changes; a change of the schema is a new one at the end.
use crate::{Dialect, checksum};

/// One step: a script per dialect.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub version: i32,
    pub name: &'static str,
    pub postgres: &'static str,
    pub sqlite: &'static str,
}

pub(crate) fn steps() -> Vec<Step> {
    vec![
        Step {
            version: 1,
            name: "init",
            postgres: concat!(
                include_str!("../sql/0001_init.postgres.sql"),
                "\n",
                include_str!("../sql/0001_views.postgres.sql"),
                "\n",
                include_str!("../sql/0001_decisions.postgres.sql")
            ),
            sqlite: concat!(
                include_str!("../sql/0001_init.sqlite.sql"),
                "\n",
                include_str!("../sql/0001_views.sqlite.sql"),
                "\n",
                include_str!("../sql/0001_decisions.sqlite.sql")
            ),
        },
        Step {
            version: 2,
            name: "failed_activity",
            postgres: include_str!("../sql/0002_failed_activity.postgres.sql"),
            sqlite: include_str!("../sql/0002_failed_activity.sqlite.sql"),
        },
        Step {
            version: 3,
            name: "identity",
            postgres: include_str!("../sql/0003_identity.postgres.sql"),
            sqlite: include_str!("../sql/0003_identity.sqlite.sql"),
        },
        Step {
            version: 4,
            name: "metric",
            postgres: include_str!("../sql/0004_metric.postgres.sql"),
            sqlite: include_str!("../sql/0004_metric.sqlite.sql"),
        },
        Step {
            version: 5,
            name: "batch",
            postgres: include_str!("../sql/0005_batch.postgres.sql"),
            sqlite: include_str!("../sql/0005_batch.sqlite.sql"),
        },
        Step {
            version: 6,
            name: "notes",
            postgres: include_str!("../sql/0006_notes.postgres.sql"),
            sqlite: include_str!("../sql/0006_notes.sqlite.sql"),
        },
        Step {
            version: 7,
            name: "filters",
            postgres: include_str!("../sql/0007_filters.postgres.sql"),
            sqlite: include_str!("../sql/0007_filters.sqlite.sql"),
        },
        Step {
            version: 8,
            name: "restarted",
            postgres: include_str!("../sql/0008_restarted.postgres.sql"),
            sqlite: include_str!("../sql/0008_restarted.sqlite.sql"),
        },
        Step {
            version: 9,
            name: "parked",
            postgres: include_str!("../sql/0009_parked.postgres.sql"),
            sqlite: include_str!("../sql/0009_parked.sqlite.sql"),
        },
        Step {
            version: 10,
            name: "task_units",
            postgres: include_str!("../sql/0010_task_units.postgres.sql"),
            sqlite: include_str!("../sql/0010_task_units.sqlite.sql"),
        },
        Step {
            version: 11,
            name: "operations",
            postgres: include_str!("../sql/0011_operations.postgres.sql"),
            sqlite: include_str!("../sql/0011_operations.sqlite.sql"),
        },
        Step {
            version: 12,
            name: "removal",
            postgres: include_str!("../sql/0012_removal.postgres.sql"),
            sqlite: include_str!("../sql/0012_removal.sqlite.sql"),
        },
        Step {
            version: 13,
            name: "batch_digest",
            postgres: include_str!("../sql/0013_batch_digest.postgres.sql"),
            sqlite: include_str!("../sql/0013_batch_digest.sqlite.sql"),
        },
        Step {
            version: 14,
            name: "batch_jobs",
            postgres: include_str!("../sql/0014_batch_jobs.postgres.sql"),
            sqlite: include_str!("../sql/0014_batch_jobs.sqlite.sql"),
        },
        Step {
            version: 15,
            name: "begun_as",
            postgres: include_str!("../sql/0015_begun_as.postgres.sql"),
            sqlite: include_str!("../sql/0015_begun_as.sqlite.sql"),
        },
        Step {
            version: 16,
            name: "case_instance",
            postgres: include_str!("../sql/0016_case_instance.postgres.sql"),
            sqlite: include_str!("../sql/0016_case_instance.sqlite.sql"),
        },
        Step {
            version: 17,
            name: "form_fields",
            postgres: include_str!("../sql/0017_form_fields.postgres.sql"),
            sqlite: include_str!("../sql/0017_form_fields.sqlite.sql"),
        },
    ]
}

/// A step after the newest that only expands (a table, a column, an index), for tests: today's code must work on it.
pub fn test_next() -> Step {
    let version = steps().len() as i32 + 1;
    Step {
        version,
        name: "test_next",
        postgres: "CREATE TABLE test_next (\"id\" uuid NOT NULL PRIMARY KEY);
ALTER TABLE process_instance ADD COLUMN \"test_next\" text COLLATE \"C\";
CREATE INDEX process_instance_test_next ON process_instance (\"test_next\");\n",
        sqlite: "CREATE TABLE test_next (\"id\" BLOB NOT NULL PRIMARY KEY);
ALTER TABLE process_instance ADD COLUMN \"test_next\" TEXT;
CREATE INDEX process_instance_test_next ON process_instance (\"test_next\");\n",
    }
}

impl Step {
    fn script(&self, dialect: Dialect) -> &'static str {
        match dialect {
            Dialect::Postgres => self.postgres,
            Dialect::Sqlite => self.sqlite,
        }
    }

    pub(crate) fn checksum(&self, dialect: Dialect) -> String {
        checksum(self.script(dialect))
    }

    /// The step and its row, all or nothing.
    pub(crate) fn transaction(&self, dialect: Dialect) -> String {
        let (begin, now) = match dialect {
            Dialect::Postgres => ("BEGIN", "(extract(epoch FROM now()) * 1000)::bigint"),
            Dialect::Sqlite => ("BEGIN IMMEDIATE", "CAST(unixepoch() AS INTEGER) * 1000"),
        };
        format!(
            "{begin};\n{}\nINSERT INTO schema_version (\"version\", \"name\", \"checksum\", \"applied_at\") VALUES ({}, '{}', '{}', {now});\nCOMMIT;\n",
            self.script(dialect),
            self.version,
            self.name,
            self.checksum(dialect)
        )
    }
}
