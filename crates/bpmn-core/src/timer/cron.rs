//! Cron expressions.
use super::{TimerError, zoned};
use crate::Millis;
use croner::parser::{CronParser, Seconds, Year};
use jiff::{Span, Zoned, tz::TimeZone};

/// Names for common cron expressions.
const NICKNAMES: [(&str, &str); 7] = [
    ("@yearly", "0 0 0 1 1 *"),
    ("@annually", "0 0 0 1 1 *"),
    ("@monthly", "0 0 0 1 * *"),
    ("@weekly", "0 0 0 * * 0"),
    ("@daily", "0 0 0 * * *"),
    ("@midnight", "0 0 0 * * *"),
    ("@hourly", "0 0 * * * *"),
];

/// The first time after `now` of a cron expression; `None` when it never comes.
///
/// Camunda 7.24 reads the cron of Spring unless told otherwise, not that of Quartz: six fields, no year, weekdays
/// from 0 or 7 (Sunday), and both day of month and weekday must match.
pub(super) fn cron(text: &str, now: Millis) -> Result<Option<Millis>, TimerError> {
    let spelled = NICKNAMES
        .iter()
        .find(|(name, _)| *name == text)
        .map_or(text, |(_, spelled)| spelled);
    if spelled.is_empty() {
        return Err(TimerError("Empty expression!".to_owned()));
    }
    if spelled.starts_with('@') {
        return Err(TimerError(format!("Nickname {spelled} not supported!")));
    }
    let fields: Vec<String> = spelled.split_whitespace().map(str::to_ascii_uppercase).collect();
    if fields.len() != 6 {
        let message = format!(
            "Cron expression contains {} parts but we expect one of [6]",
            fields.len()
        );
        return Err(TimerError(message));
    }
    let wrong = |cause: String| TimerError(format!("Failed to parse cron expression. {cause}"));
    let mut fields = rewritten(fields).map_err(wrong)?;
    let parser = CronParser::builder()
        .seconds(Seconds::Required)
        .year(Year::Disallowed)
        .dom_and_dow(true)
        .build();
    let start = zoned(now)?;
    let find = |fields: &[String], from: &Zoned, inclusive| {
        let cron = parser
            .parse(&fields.join(" "))
            .map_err(|cause| wrong(cause.to_string()))?;
        // An error means that no date matches within croner's bounds, such as a 31st of February.
        Ok(cron.find_next_occurrence(from, inclusive).ok())
    };
    let Some(before_last) = fields[3].strip_prefix("L-").map(str::to_owned) else {
        return Ok(find(&fields, &start, false)?.map(|at| at.timestamp().as_millisecond()));
    };
    // croner knows no days counted from the end: each coming month is asked for that day by its number.
    let before_last: i8 = before_last
        .parse()
        .map_err(|_| wrong(format!("Invalid expression: {}", fields[3])))?;
    let mut month = start.date().first_of_month();
    for _ in 0..MAX_MONTHS {
        let day = month.days_in_month() - before_last;
        if day >= 1 {
            fields[3] = day.to_string();
            let from = month
                .to_zoned(TimeZone::UTC)
                .map_err(|e| TimerError(e.to_string()))?;
            let (from, inclusive) = if from > start {
                (from, true)
            } else {
                (start.clone(), false)
            };
            let found: Option<Zoned> = find(&fields, &from, inclusive)?;
            if let Some(at) = found.filter(|at| at.date().first_of_month() == month) {
                return Ok(Some(at.timestamp().as_millisecond()));
            }
        }
        month = month
            .checked_add(Span::new().months(1))
            .map_err(|e| TimerError(e.to_string()))?;
    }
    Ok(None)
}

/// Months looked through for a day counted from the end of one.
const MAX_MONTHS: usize = 60;
/// Months and weekdays by name.
const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
/// Lowest and highest value of seconds, minutes, hours, days, months, weekdays.
const BOUNDS: [(u32, u32); 6] = [(0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 7)];
/// The fields of days and weekdays.
const DAY: usize = 3;
const WEEKDAY: usize = 5;

/// Rewrites what the reference knows and croner doesn't: steps from a number (`0/5`), ranges of months and
/// weekdays that wrap around (`FRI-MON`), and the weekday `L` alone, which is Sunday.
fn rewritten(mut fields: Vec<String>) -> Result<Vec<String>, String> {
    for (at, names, lowest) in [(4, &MONTHS[..], 1), (5, &WEEKDAYS[..], 0)] {
        for (number, name) in names.iter().enumerate() {
            fields[at] = fields[at].replace(name, &(number + lowest).to_string());
        }
    }
    for (at, field) in fields.iter_mut().enumerate() {
        let mut items: Vec<&str> = field.split(',').collect();
        // As in the reference a list with a star is a star, and the last day of a month counts in no list.
        if items.len() > 1 {
            match items.contains(&"*") {
                true => items = vec!["*"],
                false if at == DAY => items.retain(|item| *item != "L"),
                false => {}
            }
        }
        let items: Result<Vec<String>, String> =
            items.into_iter().map(|item| rewritten_item(item, at)).collect();
        *field = items?.join(",");
    }
    Ok(fields)
}

/// One item of the list in field `at`.
fn rewritten_item(item: &str, at: usize) -> Result<String, String> {
    check_item(item, at)?;
    if item == "L" && at == WEEKDAY {
        return Ok("0".to_owned());
    }
    let (_, highest) = BOUNDS[at];
    let top = if at == WEEKDAY { 6 } else { highest };
    let (range, step) = item
        .split_once('/')
        .map_or((item, None), |(range, step)| (range, Some(step)));
    let step = step.map_or(String::new(), |step| format!("/{step}"));
    if !step.is_empty() && range.parse::<u32>().is_ok() {
        return Ok(format!("{range}-{top}{step}"));
    }
    let ends = range
        .split_once('-')
        .and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    match ends {
        Some((from, to)) if u32::gt(&from, &to) && at < DAY => Err(format!("Invalid range! [{from},{to}]")),
        // Measured: of days only the first is taken.
        Some((from, to)) if from > to && at == DAY => Ok(from.to_string()),
        Some((from, to)) if from > to && from <= top => {
            let (low, _) = BOUNDS[at];
            Ok(format!("{from}-{top}{step},{low}-{to}{step}"))
        }
        _ => Ok(item.to_owned()),
    }
}

/// What the reference refuses, in its words.
fn check_item(item: &str, at: usize) -> Result<(), String> {
    if item == "?" && at != DAY && at != WEEKDAY {
        return Err("Invalid expression: ?".to_owned());
    }
    let strange = |part: &str, known: &str| {
        let strange: String = part
            .chars()
            .filter(|c| !c.is_ascii_digit() && !known.contains(*c))
            .collect();
        format!("Invalid chars in expression! Expression: {part} Invalid chars: {strange}")
    };
    if item
        .chars()
        .any(|c| !c.is_ascii_digit() && !"*?/-#LW".contains(c))
    {
        return Err(strange(item, "*?/-#LW"));
    }
    if let Some((_, nth)) = item.split_once('#')
        && nth.parse::<u32>().is_err()
    {
        return Err(strange(nth, "*?/-#LW"));
    }
    if item.starts_with('-') {
        return Err(format!(
            "Invalid expression! Expression: {item} does not describe a range. Negative numbers are not allowed."
        ));
    }
    let (low, high) = BOUNDS[at];
    let (range, period) = item.split_once('/').unwrap_or((item, ""));
    let outside = |text: &str, low: u32| {
        text.parse::<u32>()
            .is_ok_and(|number| number < low || number > high)
    };
    if outside(period, 0) {
        return Err(format!("Period {period} not in range [{low}, {high}]"));
    }
    match range.split('-').find(|number| outside(number, low)) {
        Some(number) => Err(format!("Value {number} not in range [{low}, {high}]")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::date, *};

    // Every expectation here is what Camunda 7.24 answered at that time.
    #[test]
    fn cron_is_read_as_the_reference_reads_it() {
        let at = |text: &str| date(text).unwrap();
        let cron = |text: &str| super::cron(text, at("2026-11-21T01:50:24"));
        for (text, expected) in [
            ("0 0 12 ? * 1", "2026-11-23T12:00:00"),
            ("0 0 12 ? * 0", "2026-11-22T12:00:00"),
            ("0 0 12 ? * 7", "2026-11-22T12:00:00"),
            ("0 0 12 * * MON", "2026-11-23T12:00:00"),
            ("0 0 12 ? * MON-FRI", "2026-11-23T12:00:00"),
            ("0 0 12 ? * FRI-MON", "2026-11-21T12:00:00"),
            ("0 0/5 * * * ?", "2026-11-21T01:55:00"),
            ("0 */5 * * * *", "2026-11-21T01:55:00"),
            ("0 0 12 L * ?", "2026-11-30T12:00:00"),
            ("0 0 12 ? * L", "2026-11-22T12:00:00"),
            ("0 0 12 ? * 6L", "2026-11-28T12:00:00"),
            ("0 0 12 ? * 6#3", "2026-11-21T12:00:00"),
            ("0 0 12 ? * FRI#3", "2026-12-18T12:00:00"),
            ("0 0 12 L-3 * ?", "2026-11-27T12:00:00"),
            ("0 0 12 LW * ?", "2026-11-30T12:00:00"),
            ("0 0 12 15W * ?", "2026-12-15T12:00:00"),
            ("0 0 0 1 1 *", "2027-01-01T00:00:00"),
            ("@daily", "2026-11-22T00:00:00"),
            ("0 0 12 1 DEC-FEB ?", "2026-12-01T12:00:00"),
            ("0 0 12 10,20 * MON", "2027-05-10T12:00:00"),
            ("0 0 12 10 * ?", "2026-12-10T12:00:00"),
            ("0 0 12 ? * sun", "2026-11-22T12:00:00"),
            ("0 0 12 ? * FRIL", "2026-11-27T12:00:00"),
        ] {
            assert_eq!(cron(text), Ok(Some(at(expected))), "{text}");
        }
        for (text, expected) in [
            (
                "0 0 22-2 * * ?",
                "Failed to parse cron expression. Invalid range! [22,2]",
            ),
            (
                "0 0 0 1 1 ? 2030",
                "Cron expression contains 7 parts but we expect one of [6]",
            ),
            (
                "nonsense",
                "Cron expression contains 1 parts but we expect one of [6]",
            ),
        ] {
            assert_eq!(cron(text), Err(TimerError(expected.to_owned())), "{text}");
        }
        // Where the reference answers "now" for a date that never comes, this one answers "never".
        assert_eq!(cron("0 0 12 31 2 ?"), Ok(None));
    }
}
