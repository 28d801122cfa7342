//! Timers as the reference reads them: what was recorded, and what follows from it.
use super::*;

fn at(text: &str) -> Millis {
    date(text).unwrap()
}

#[test]
fn dates_are_read_in_every_spelling_the_reference_reads() {
    let noon = 1_893_499_200_000;
    for text in [
        "2030-01-01T12:00:00Z",
        "2030-01-01T12:00:00",
        "2030-01-01T12:00",
        "2030-01-01T12",
        "2030-01-01T14:00:00+02:00",
        "2030-01-01T14:00:00.000+0200",
    ] {
        assert_eq!(date(text), Ok(noon), "{text}");
    }
    for text in ["2030-01-01", "2030-01", "2030"] {
        assert_eq!(date(text), Ok(noon - 12 * 3_600_000), "{text}");
    }
    assert!(date("tomorrow").is_err());
}

#[test]
fn a_duration_is_added_by_the_calendar() {
    assert_eq!(duration("PT1H", 1_000), Ok(3_601_000));
    assert_eq!(duration("P1M", at("2028-01-31")), Ok(at("2028-02-29")));
    assert!(duration("1H", 0).is_err());
}

#[test]
fn a_date_and_a_duration_fire_once() {
    assert_eq!(
        next(TimerKind::Date, "2030-01-01", 0, None),
        Ok(Some((at("2030-01-01"), None)))
    );
    assert_eq!(
        next(TimerKind::Duration, "PT1S", 5, None),
        Ok(Some((1_005, None)))
    );
    assert_eq!(next(TimerKind::Duration, "PT1S", 5, Some("")), Ok(None));
}

#[test]
fn a_repeat_fires_as_often_as_it_says() {
    let start = at("2030-01-01T00:00:00");
    let mut fired = Vec::new();
    let mut coming = next(TimerKind::Cycle, "R3/PT10S", start, None).unwrap();
    while let Some((due, repeat)) = coming {
        fired.push(due - start);
        coming = next(TimerKind::Cycle, "R3/PT10S", due, repeat.as_deref()).unwrap();
    }
    assert_eq!(fired, [10_000, 20_000, 30_000]);
}

#[test]
fn firings_that_were_missed_are_not_made_up_for() {
    let start = at("2030-01-01T00:00:00");
    let (_, repeat) = next(TimerKind::Cycle, "R/PT10S", start, None).unwrap().unwrap();
    let late = start + 86_400_000 * 365 + 3;
    let (due, _) = next(TimerKind::Cycle, "R/PT10S", late, repeat.as_deref())
        .unwrap()
        .unwrap();
    assert_eq!(due, start + 86_400_000 * 365 + 10_000);
    let months = next(
        TimerKind::Cycle,
        "R/2020-01-31T00:00:00/P1M",
        at("2030-02-01"),
        None,
    )
    .unwrap()
    .unwrap();
    assert_eq!(months.0, at("2030-02-28"));
}

#[test]
fn an_expression_is_evaluated_without_variables() {
    assert_eq!(next(TimerKind::Date, "${now()}", 7, None), Ok(Some((7, None))));
    assert_eq!(
        next(TimerKind::Duration, "PT${1+1}S", 7, None),
        Ok(Some((2_007, None)))
    );
    assert!(next(TimerKind::Duration, "${nope}", 7, None).is_err());
}

#[test]
fn a_repeat_may_end_at_a_date() {
    let cycle = "R2/PT1H/2030-01-01T12:00:00";
    let due = |now| {
        next(TimerKind::Cycle, cycle, now, None)
            .unwrap()
            .map(|(due, _)| due)
    };
    assert_eq!(due(0), Some(at("2030-01-01T10:00:00")));
    assert_eq!(due(at("2030-01-01T10:30:00")), Some(at("2030-01-01T11:00:00")));
    assert_eq!(due(at("2030-01-01T12:00:01")), None);
}

#[test]
fn wrong_texts_are_told_in_the_words_of_the_reference() {
    let wrong = |kind, text| next(kind, text, 0, None).unwrap_err().0;
    assert_eq!(wrong(TimerKind::Duration, "soon"), "Invalid format: \"soon\"");
    assert_eq!(wrong(TimerKind::Duration, "PT"), "PT");
    assert_eq!(
        wrong(TimerKind::Date, "2030-01-01 10:00"),
        "Invalid format: \"2030-01-01 10:00\" is malformed at \" 10:00\""
    );
    assert_eq!(wrong(TimerKind::Cycle, "Rx/PT1H"), "For input string: \"x\"");
}

#[test]
fn timers_are_read_as_the_reference_reads_them() {
    let mut wrong = Vec::new();
    for line in include_str!("recorded.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
    {
        let [kind, text, now, expected] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("not four columns: {line}");
        };
        let kind = match kind {
            "Date" => TimerKind::Date,
            "Duration" => TimerKind::Duration,
            _ => TimerKind::Cycle,
        };
        let found = match next(kind, text, now.parse().unwrap(), None) {
            Ok(Some((due, _))) => due.to_string(),
            Ok(None) => "! duedate is null".to_owned(),
            Err(cause) => format!("! {cause}"),
        };
        if found != expected {
            wrong.push(format!("{line}\n    found {found}"));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn shifted_repeats_come_as_much_later() {
    let at = |text: &str| date(text).unwrap();
    let now = at("2026-01-01T10:00:00Z");
    let repeat = "R5/2026-01-01T10:00:00/PT1H";
    let later = shifted(&shifted(repeat, 600_000), 60_000);
    let (due, again) = next(TimerKind::Cycle, &later, now, Some(&later))
        .unwrap()
        .unwrap();
    assert_eq!(due, at("2026-01-01T11:11:00Z"));
    let again = again.unwrap();
    let (due, _) = next(TimerKind::Cycle, &again, due, Some(&again))
        .unwrap()
        .unwrap();
    assert_eq!(due, at("2026-01-01T12:11:00Z"));
}
