//! Filters that hold several texts, as the reference takes them: `texts.tsv`, compiled in.
use crate::{ApiError, ApiResult};
use std::{collections::HashMap, sync::LazyLock};

/// List, filter and rule; the exception and the name of the texts where the rule is a refusal.
type Rules = HashMap<[&'static str; 3], (&'static str, &'static str)>;

static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let lines = include_str!("../texts.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let cells: Vec<&'static str> = line.split('\t').collect();
            match cells[..] {
                [list, filter, rule] => Some(([list, filter, rule], ("", ""))),
                [list, filter, rule, exception, texts] => Some(([list, filter, rule], (exception, texts))),
                _ => None,
            }
        })
        .collect()
});

fn rule(list: &'static str, filter: &str, rule: &'static str) -> Option<(&'static str, &'static str)> {
    let list = list.strip_suffix("/count").unwrap_or(list);
    let rules: &HashMap<[&str; 3], (&'static str, &'static str)> = &RULES;
    rules.get(&[list, filter, rule]).copied()
}

/// Whether an empty query parameter is one empty text, which nothing has, rather than no filter.
pub fn is_array(list: &'static str, filter: &str) -> bool {
    rule(list, filter, "array").is_some()
}

/// Refuses texts that hold what the reference doesn't take among them.
///
/// # Errors
/// The engine's exception, in its words.
pub fn check(list: &'static str, filter: &str, texts: &[Option<String>]) -> ApiResult<()> {
    let cases = [
        ("null", "null value", texts.contains(&None)),
        ("empty", "empty string", texts.contains(&Some(String::new()))),
    ];
    for (what, words, found) in cases {
        let says = found.then(|| rule(list, filter, what)).flatten();
        if let Some((exception, name)) = says {
            let message = format!("{name} contains {words}");
            return Err(match exception {
                "NullValueException" => ApiError::null_value(message),
                exception => ApiError::bad_user_request(exception, message),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations;

    #[test]
    fn every_rule_is_of_a_list() {
        for [list, ..] in RULES.keys() {
            assert!(operations::find("GET", list).is_ok(), "{list}");
        }
    }

    #[test]
    fn what_the_reference_refuses_is_refused_in_its_words() {
        let null = check("/history/task/count", "tenantIdIn", &[Some("a".into()), None]).unwrap_err();
        assert_eq!(
            (null.status.as_u16(), &*null.message),
            (500, "tenantIds contains null value")
        );
        let empty = check("/history/job-log", "activityIdIn", &[Some(String::new())]).unwrap_err();
        assert_eq!(
            (empty.status.as_u16(), &*empty.message),
            (400, "activityIds contains empty string")
        );
        assert!(check("/history/task", "tenantIdIn", &[Some(String::new())]).is_ok());
        assert!(is_array("/history/task", "activityInstanceIdIn"));
        assert!(!is_array("/history/task", "tenantIdIn"));
    }
}
