//! Reports over history and tasks: rows, their order, how rows of several shards become one, and the CSV form.
//! Nodes make the rows; a router merges them.
use crate::{ApiError, ApiResult, filters::Filters};
use serde::{Deserialize, Serialize};
use std::{cmp::Reverse, collections::BTreeMap};

/// The form a report is asked in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `application/json`
    Json,
    /// Comma-separated values, as `text/csv` or `application/csv`.
    Csv(&'static str),
}

/// The form that an `Accept` header likes best, JSON where it likes all alike; `None` if it takes neither.
pub fn form(accept: Option<&str>) -> Option<Form> {
    let Some(accept) = accept else {
        return Some(Form::Json);
    };
    let liked = |media: &str| -> f32 {
        let kind = media.split('/').next().unwrap_or("");
        let ranges = accept.split(',').filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let name = parts.next()?.to_ascii_lowercase();
            let quality = parts
                .find_map(|p| p.strip_prefix("q=")?.parse().ok())
                .unwrap_or(1.0);
            let specific = match name {
                name if name == media => 3,
                name if name.strip_suffix("/*") == Some(kind) => 2,
                name if name == "*/*" || name.is_empty() => 1,
                _ => return None,
            };
            Some((specific, quality))
        });
        // The most specific range decides.
        ranges
            .max_by_key(|(specific, _)| *specific)
            .map_or(0.0, |(_, quality)| quality)
    };
    let forms = [
        (Form::Json, liked("application/json")),
        (Form::Csv("text/csv"), liked("text/csv")),
        (Form::Csv("application/csv"), liked("application/csv")),
    ];
    let best = forms.iter().map(|(_, q)| *q).fold(0.0, f32::max);
    forms
        .into_iter()
        .find(|(_, q)| best > 0.0 && *q == best)
        .map(|(form, _)| form)
}

/// Months or quarters of the year, whatever the year: so the reference groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum PeriodUnit {
    Month,
    Quarter,
}

impl PeriodUnit {
    /// `periodUnit` in either case; none if it isn't given.
    ///
    /// # Errors
    /// The reference's 400 for another word.
    pub fn of(filters: &Filters) -> ApiResult<Option<PeriodUnit>> {
        let Some(text) = filters.text("periodUnit")? else {
            return Ok(None);
        };
        match text.to_ascii_lowercase().as_str() {
            "month" => Ok(Some(PeriodUnit::Month)),
            "quarter" => Ok(Some(PeriodUnit::Quarter)),
            _ => Err(ApiError::invalid_request(format!(
                "Cannot set query parameter 'periodUnit' to value '{text}': Cannot convert value {text} to java enum type \
                 org.camunda.bpm.engine.query.PeriodUnit"
            ))),
        }
    }

    /// The period of a time in Unix milliseconds, from 1, in UTC.
    pub fn period(self, millis: i64) -> i32 {
        let at = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
        let month = i32::from(at.to_zoned(jiff::tz::TimeZone::UTC).month());
        match self {
            PeriodUnit::Month => month,
            PeriodUnit::Quarter => (month + 2) / 3,
        }
    }

    fn name(self) -> &'static str {
        match self {
            PeriodUnit::Month => "MONTH",
            PeriodUnit::Quarter => "QUARTER",
        }
    }
}

/// Durations of a period in milliseconds. Members with an underscore are for the router alone: an average can't be
/// merged without its weight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Durations {
    pub period: i32,
    pub period_unit: PeriodUnit,
    pub minimum: i64,
    pub maximum: i64,
    /// Rounded down, as the reference's driver does.
    pub average: i64,
    #[serde(rename = "_count", skip_serializing_if = "Option::is_none")]
    pub count: Option<i64>,
    #[serde(rename = "_sum", skip_serializing_if = "Option::is_none")]
    pub sum: Option<i64>,
}

/// Number, least, longest and sum of durations.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    pub count: i64,
    pub minimum: i64,
    pub maximum: i64,
    pub sum: i64,
}

/// Groups what was measured by period; `weights` keeps what a router needs to merge.
pub fn durations(
    unit: PeriodUnit,
    measured: impl IntoIterator<Item = (i32, Measured)>,
    weights: bool,
) -> Vec<Durations> {
    let mut periods: BTreeMap<i32, Measured> = BTreeMap::new();
    for (period, one) in measured.into_iter().filter(|(_, one)| one.count > 0) {
        let all = periods.entry(period).or_insert(Measured {
            count: 0,
            sum: 0,
            ..one
        });
        all.count += one.count;
        all.sum += one.sum;
        all.minimum = all.minimum.min(one.minimum);
        all.maximum = all.maximum.max(one.maximum);
    }
    let rows = periods.into_iter().map(|(period, all)| Durations {
        period,
        period_unit: unit,
        minimum: all.minimum,
        maximum: all.maximum,
        average: all.sum / all.count,
        count: weights.then_some(all.count),
        sum: weights.then_some(all.sum),
    });
    rows.collect()
}

/// Merges the rows of several shards, which carry their weights.
pub fn merge_durations(rows: Vec<Durations>) -> Vec<Durations> {
    let Some(unit) = rows.first().map(|row| row.period_unit) else {
        return rows;
    };
    let measured = rows.into_iter().map(|row| {
        let one = Measured {
            count: row.count.unwrap_or(1),
            minimum: row.minimum,
            maximum: row.maximum,
            sum: row.sum.unwrap_or(row.average),
        };
        (row.period, one)
    });
    durations(unit, measured, false)
}

/// Durations as the reference writes them for spreadsheets.
pub fn durations_csv(rows: &[Durations]) -> String {
    let head = "PERIOD,PERIOD_UNIT,MINIMUM,MAXIMUM,AVERAGE".to_owned();
    let lines = rows.iter().map(|r| {
        let unit = r.period_unit.name();
        format!("{},{unit},{},{},{}", r.period, r.minimum, r.maximum, r.average)
    });
    std::iter::once(head).chain(lines).collect::<Vec<_>>().join("\n")
}

/// How many tasks of a process definition, or of a name in one, were completed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskCount {
    pub count: i64,
    pub process_definition_key: String,
    pub process_definition_id: String,
    pub process_definition_name: Option<String>,
    pub task_name: Option<String>,
    pub tenant_id: Option<String>,
}

/// Adds up rows of the same definition and name, in the reference's order: by name (or name and key of the
/// definition), then the higher count first.
pub fn task_counts(rows: impl IntoIterator<Item = TaskCount>) -> Vec<TaskCount> {
    let mut merged: BTreeMap<(String, Option<String>), TaskCount> = BTreeMap::new();
    for row in rows {
        let key = (row.process_definition_id.clone(), row.task_name.clone());
        match merged.get_mut(&key) {
            Some(all) => all.count += row.count,
            None => {
                merged.insert(key, row);
            }
        }
    }
    let mut rows: Vec<TaskCount> = merged.into_values().collect();
    rows.sort_by_cached_key(|row| {
        let name = match &row.task_name {
            Some(name) => (false, name.clone(), String::new()),
            // Without a name last.
            None => {
                let name = row.process_definition_name.clone();
                let key = row.process_definition_key.clone();
                (name.is_none(), name.unwrap_or_default(), key)
            }
        };
        (name, Reverse(row.count))
    });
    rows
}

/// How many tasks without assignee a candidate group has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupCount {
    pub group_name: Option<String>,
    pub task_count: i64,
}

/// Adds up rows of the same group, by name, those without a group last.
pub fn group_counts(rows: impl IntoIterator<Item = GroupCount>) -> Vec<GroupCount> {
    let mut merged: BTreeMap<(bool, Option<String>), i64> = BTreeMap::new();
    for row in rows {
        *merged
            .entry((row.group_name.is_none(), row.group_name))
            .or_default() += row.task_count;
    }
    let rows = merged.into_iter();
    rows.map(|((_, group_name), task_count)| GroupCount {
        group_name,
        task_count,
    })
    .collect()
}

/// Counts of groups as the reference writes them for spreadsheets.
pub fn groups_csv(rows: &[GroupCount]) -> String {
    let head = "CANDIDATE_GROUP_NAME,TASK_COUNT".to_owned();
    let lines = rows
        .iter()
        .map(|r| format!("{},{}", r.group_name.as_deref().unwrap_or("null"), r.task_count));
    std::iter::once(head).chain(lines).collect::<Vec<_>>().join("\n")
}

/// The file names that the reference gives CSV reports.
pub const PROCESS_FILE: &str = "process-instance-report.csv";
/// See [`PROCESS_FILE`].
pub const GROUPS_FILE: &str = "task-count-by-candidate-group.csv";

/// `Content-Disposition` of a CSV report.
pub fn disposition(file: &str) -> String {
    format!("attachment; filename=\"{file}\"; filename*=UTF-8''{file}")
}

/// What history holds of a process definition, and how much of it may go.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CleanableProcesses {
    pub process_definition_id: String,
    pub process_definition_key: String,
    pub process_definition_name: Option<String>,
    pub process_definition_version: i32,
    pub history_time_to_live: Option<i32>,
    pub finished_process_instance_count: i64,
    pub cleanable_process_instance_count: i64,
    pub tenant_id: Option<String>,
}

/// The same of a decision's evaluations.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CleanableDecisions {
    pub decision_definition_id: String,
    pub decision_definition_key: String,
    pub decision_definition_name: Option<String>,
    pub decision_definition_version: i32,
    pub history_time_to_live: Option<i32>,
    pub finished_decision_instance_count: i64,
    pub cleanable_decision_instance_count: i64,
    pub tenant_id: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_average_over_shards_is_weighted() {
        let one = |count, sum| Measured {
            count,
            minimum: 1,
            maximum: sum,
            sum,
        };
        let mut rows = durations(
            PeriodUnit::Month,
            [(11, one(3, 30)), (11, one(1, 2)), (2, one(1, 7))],
            true,
        );
        assert_eq!((rows[0].period, rows[1].average, rows[1].count), (2, 8, Some(4)));
        rows.extend(durations(PeriodUnit::Month, [(11, one(1, 1000))], true));
        let merged = merge_durations(rows);
        assert_eq!(merged.len(), 2);
        assert_eq!(
            (merged[1].average, merged[1].maximum, merged[1].count),
            (1032 / 5, 1000, None)
        );
        assert_eq!(
            durations_csv(&merged[1..]).lines().nth(1),
            Some("11,MONTH,1,1000,206")
        );
    }

    #[test]
    fn periods_are_months_and_quarters_in_utc() {
        let at = |text| crate::date::parse(text).unwrap();
        assert_eq!(PeriodUnit::Month.period(at("2026-11-30T23:59:59.999+0000")), 11);
        assert_eq!(PeriodUnit::Quarter.period(at("2026-03-31T00:00:00.000+0000")), 1);
        assert_eq!(PeriodUnit::Quarter.period(at("2026-04-01T00:00:00.000+0000")), 2);
    }

    #[test]
    fn accept_chooses_the_form() {
        for (accept, expected) in [
            (None, Some(Form::Json)),
            (Some("*/*"), Some(Form::Json)),
            (Some("text/csv"), Some(Form::Csv("text/csv"))),
            (Some("application/csv"), Some(Form::Csv("application/csv"))),
            (Some("application/json, text/csv;q=0.5"), Some(Form::Json)),
            (
                Some("application/json;q=0.2, text/csv"),
                Some(Form::Csv("text/csv")),
            ),
            (Some("text/plain"), None),
        ] {
            assert_eq!(form(accept), expected, "{accept:?}");
        }
    }
}
