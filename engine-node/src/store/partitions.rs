//! Partitions of history (protocol 14): few and coarse, by retention class and the time in the root's id. Rows that
//! come before their partition lie in the default one. PostgreSQL only.
//!
//! Making one never reads the default partition under a lock that writers wait for: a check that it holds no such
//! rows is validated beside them first, and the server then need not look again. A check that an interrupted run has
//! left behind would refuse rows once its period begins, so each run takes old ones away first, and none is made in
//! the last hour before a period.
use super::{
    backend::Backend,
    cleanup::history,
    schema::Table,
    sql::{Dialect, Sql},
    sql_store::{SqlStore, each},
    *,
};
use jiff::{Timestamp, civil, tz::TimeZone};

/// A partition is made at most that long before its period begins, and at least [`LATEST`].
const AHEAD: Millis = 10 * DAY;
const LATEST: Millis = HOUR;
const HOUR: Millis = 3_600_000;
const DAY: Millis = 24 * HOUR;
/// Writers never wait longer than that for one of these statements.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '150ms'";
/// Rows of trees without time to live are in this class: its partitions are never dropped.
const KEPT: i16 = 0;

/// The roots that a partition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Period {
    pub class: i16,
    /// First day, and the day after the last, UTC.
    pub from: civil::Date,
    pub to: civil::Date,
}

impl Period {
    /// The period of a class that a time lies in: a week, a month, a quarter or a year.
    pub fn of(class: i16, at: Millis) -> Option<Period> {
        let time = Timestamp::from_millisecond(at).ok()?;
        Period::holding(class, time.to_zoned(TimeZone::UTC).date())
    }

    fn holding(class: i16, day: civil::Date) -> Option<Period> {
        let span = jiff::Span::new();
        let (from, length) = match class {
            1 => {
                let monday = i32::from(day.weekday().to_monday_zero_offset());
                (day.checked_sub(span.days(monday)).ok()?, span.days(7))
            }
            2 | 3 => (day.first_of_month(), span.months(1)),
            4 => {
                let month = (day.month() - 1) / 3 * 3 + 1;
                (civil::Date::new(day.year(), month, 1).ok()?, span.months(3))
            }
            _ => (civil::Date::new(day.year(), 1, 1).ok()?, span.years(1)),
        };
        let to = from.checked_add(length).ok()?;
        Some(Period { class, from, to })
    }

    /// The one after it.
    pub fn next(&self) -> Option<Period> {
        Period::holding(self.class, self.to)
    }

    /// The suffix of its partitions' names.
    fn suffix(&self) -> String {
        let day = self.from;
        format!(
            "c{}_{:04}{:02}{:02}",
            self.class,
            day.year(),
            day.month(),
            day.day()
        )
    }

    /// Reads [`Period::suffix`].
    fn parse(suffix: &str) -> Option<Period> {
        let (class, day) = suffix.strip_prefix('c')?.split_once('_')?;
        let number = |range: std::ops::Range<usize>| day.get(range)?.parse::<i16>().ok();
        let day = civil::Date::new(number(0..4)?, number(4..6)? as i8, number(6..8)? as i8).ok()?;
        let period = Period::holding(class.parse().ok()?, day)?;
        (period.from == day).then_some(period)
    }

    /// The ids it begins and ends with, as text.
    fn bounds(&self) -> (String, String) {
        let bound = |day: civil::Date| {
            let millis = start(day).max(0) as u128;
            uuid::Uuid::from_u128(millis << 80).to_string()
        };
        (bound(self.from), bound(self.to))
    }
}

/// Unix ms at which a day begins in UTC.
fn start(day: civil::Date) -> Millis {
    let zoned = day.to_zoned(TimeZone::UTC);
    zoned.map_or(0, |zoned| zoned.timestamp().as_millisecond())
}

impl<B: Backend> SqlStore<B> {
    async fn in_transaction(&self, statements: &[String]) -> Result<(), StoreError> {
        let mut transaction = self.backend.begin().await?;
        transaction.run(self.sql(LOCK_TIMEOUT)).await?;
        for statement in statements {
            transaction.run(self.sql(statement)).await?;
        }
        transaction.commit().await
    }

    async fn texts(&self, sql: Sql) -> Result<Vec<String>, StoreError> {
        each(self.backend.read(sql).await?, |r| r.text())
    }

    /// See [`super::Housekeeping::make_partitions`].
    pub(crate) async fn partitions_ahead(&self, classes: &[i16], now: Millis) -> Result<usize, StoreError> {
        if self.backend.dialect() != Dialect::Postgres {
            return Ok(0);
        }
        self.drop_checks().await?;
        let mut made = 0;
        for class in classes {
            let Some(next) = Period::of(*class, now).and_then(|period| period.next()) else {
                continue;
            };
            let ahead = start(next.from) - now;
            if (LATEST..=AHEAD).contains(&ahead) {
                for table in history() {
                    made += usize::from(self.make(table, &next).await?);
                }
            }
        }
        Ok(made)
    }

    /// Checks of the default partitions that an interrupted run has left behind.
    async fn drop_checks(&self) -> Result<(), StoreError> {
        let left = self.sql(
            "SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) FROM pg_constraint \
             WHERE contype = 'c' AND conname LIKE '%\\_not\\_default' AND connamespace = current_schema()::regnamespace",
        );
        for statement in self.texts(left).await? {
            self.in_transaction(&[statement]).await?;
        }
        Ok(())
    }

    /// Makes a table's partition; false if it is there.
    async fn make(&self, table: &Table, period: &Period) -> Result<bool, StoreError> {
        let parent = table.name;
        let name = format!("{parent}_{}", period.suffix());
        if self.partitions(parent).await?.contains(&name) {
            return Ok(false);
        }
        let (low, high) = period.bounds();
        let class = period.class;
        let check = format!("{name}_not_default");
        self.in_transaction(&[
            format!("CREATE TABLE IF NOT EXISTS {name} (LIKE {parent} INCLUDING DEFAULTS INCLUDING STORAGE)"),
            format!(
                "ALTER TABLE {parent}_default ADD CONSTRAINT {check} CHECK (NOT (\"retention\" IS NOT NULL AND \
                 \"root_id\" IS NOT NULL AND \"retention\" = '{class}'::smallint AND \"root_id\" >= '{low}'::uuid AND \
                 \"root_id\" < '{high}'::uuid)) NOT VALID"
            ),
        ])
        .await?;
        // Reads the table beside writers.
        let valid = format!("ALTER TABLE {parent}_default VALIDATE CONSTRAINT {check}");
        let attached = match self.in_transaction(&[valid]).await {
            Ok(()) => {
                self.in_transaction(&[
                    format!("ALTER TABLE {parent} ATTACH PARTITION {name} FOR VALUES FROM ({class}, '{low}') TO ({class}, '{high}')"),
                    format!("ALTER TABLE {parent}_default DROP CONSTRAINT {check}"),
                ])
                .await
            }
            failed => failed,
        };
        if let Err(error) = attached {
            self.in_transaction(&[format!(
                "ALTER TABLE {parent}_default DROP CONSTRAINT IF EXISTS {check}"
            )])
            .await?;
            return Err(error);
        }
        Ok(true)
    }

    /// Names of a table's partitions.
    async fn partitions(&self, parent: &str) -> Result<Vec<String>, StoreError> {
        let sql = self.sql(&format!(
            "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
             WHERE i.inhparent = '{parent}'::regclass ORDER BY 1"
        ));
        self.texts(sql).await
    }

    /// See [`super::Housekeeping::drop_partitions`].
    pub(crate) async fn drop_expired(&self, now: Millis, ended: Millis) -> Result<u64, StoreError> {
        if self.backend.dialect() != Dialect::Postgres {
            return Ok(0);
        }
        let mut trees = 0;
        for name in self.partitions("history_process").await? {
            let period = name.strip_prefix("history_process_").and_then(Period::parse);
            let Some(period) = period.filter(|p| p.class != KEPT && start(p.to) < now) else {
                continue;
            };
            match self.empty(&period, now, ended).await {
                Ok(Some(emptied)) => trees += emptied,
                Ok(None) => continue,
                // Somebody reads it; another time.
                Err(StoreError::Unavailable(error)) => {
                    tracing::info!(partition = name, error = %error, "not dropped now");
                    continue;
                }
                Err(error) => return Err(error),
            }
            for table in history() {
                let sql = format!("DROP TABLE IF EXISTS {}_{}", table.name, period.suffix());
                if let Err(error) = self.in_transaction(&[sql]).await {
                    tracing::info!(table = table.name, error = %error, "an empty partition is dropped later");
                }
            }
        }
        Ok(trees)
    }

    /// Empties a period's partitions if nothing in them is needed any more; gives the trees they held. Emptying needs
    /// no lock on the tables themselves, so writers never wait for it.
    async fn empty(&self, period: &Period, now: Millis, ended: Millis) -> Result<Option<u64>, StoreError> {
        let mut transaction = self.backend.begin().await?;
        transaction.run(self.sql(LOCK_TIMEOUT)).await?;
        // No slot changes its state until this is decided.
        let still = self.sql("SELECT \"value\" FROM applied WHERE \"name\" = 'slots' FOR SHARE");
        transaction.run(still).await?;
        let heads = format!("history_process_{}", period.suffix());
        let lock = self.sql(&format!("LOCK TABLE {heads} IN EXCLUSIVE MODE"));
        transaction.run(lock).await?;
        let (low, high) = period.bounds();
        let removal =
            format!("coalesce(h.\"removal\", h.\"ended\" + d.\"history_ttl_days\" * {DAY}::bigint)");
        let check = self.sql(&format!(
            "SELECT (NOT EXISTS (SELECT 1 FROM process_instance WHERE \"retention\" = {class} AND \"id\" >= '{low}' AND \"id\" < '{high}') \
             AND NOT EXISTS (SELECT 1 FROM slot WHERE \"state\" IN (1, 2)) \
             AND NOT EXISTS (SELECT 1 FROM {heads} h LEFT JOIN definition d ON d.\"id\" = h.\"definition_id\" \
               WHERE h.\"root_id\" = h.\"id\" AND ({removal} IS NULL OR {removal} >= {now} OR h.\"ended\" >= {ended})))::int",
            class = period.class,
        ));
        let unneeded = each(transaction.run(check).await?, |r| r.int())?.pop() == Some(1);
        if !unneeded {
            return Ok(None);
        }
        let count = self.sql(&format!(
            "SELECT count(*) FROM {heads} WHERE \"root_id\" = \"id\""
        ));
        let trees = each(transaction.run(count).await?, |r| r.int())?
            .pop()
            .unwrap_or(0);
        for table in ["comment", "attachment"] {
            let gone = format!("DELETE FROM {table} WHERE \"root_id\" IN (SELECT \"root_id\" FROM {heads})");
            transaction.run(self.sql(&gone)).await?;
        }
        // Some may have been dropped before.
        let found = self.texts(self.sql(&format!(
            "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE c.relname LIKE '%\\_{}'",
            period.suffix().replace('_', "\\_")
        )));
        let found = found.await?;
        let names: Vec<String> = history()
            .map(|table| format!("{}_{}", table.name, period.suffix()))
            .filter(|name| found.contains(name))
            .collect();
        transaction
            .run(self.sql(&format!("TRUNCATE {}", names.join(", "))))
            .await?;
        transaction.commit().await?;
        Ok(Some(trees.max(0) as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_coarse_and_named_by_their_first_day() {
        let at = start(civil::date(2026, 11, 21)) + HOUR;
        let names: Vec<String> = (0..=5)
            .map(|class| Period::of(class, at).unwrap().suffix())
            .collect();
        let expected = [
            "c0_20260101",
            "c1_20261116",
            "c2_20261101",
            "c3_20261101",
            "c4_20261001",
            "c5_20260101",
        ];
        assert_eq!(names, expected);
        for class in 0..=5 {
            let period = Period::of(class, at).unwrap();
            assert_eq!(Period::parse(&period.suffix()), Some(period));
            assert_eq!(period.next().unwrap().from, period.to);
        }
        assert_eq!(Period::parse("c1_20261117"), None);
        let (low, high) = Period::of(1, at).unwrap().bounds();
        assert!(
            low < high && low.ends_with("-0000-0000-000000000000"),
            "{low} {high}"
        );
    }
}
