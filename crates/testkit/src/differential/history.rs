//! What an engine's history says of all instances of a case, as lines without ids. Times are given as the number of
//! the step in which they lie, so engine and recorder must share a clock.
use super::{
    engine::Engine,
    state::{members, millis, text, value},
};
use anyhow::Result;
use serde_json::Value;
use std::collections::HashMap;

/// Reads the history of these definitions; `begun` is when each step began, in ms.
pub async fn read(engine: &Engine, definitions: &[String], begun: &[i64]) -> Result<Vec<String>> {
    let step = |row: &Value, name: &str| match millis(text(row, name)) {
        None => "-".to_owned(),
        Some(time) => begun.iter().filter(|b| **b <= time).count().to_string(),
    };
    let mut lines = Vec::new();
    // Names of activity instances, process instances and tasks by id, over all definitions.
    let mut names: HashMap<String, String> = HashMap::new();
    let mut all = Vec::new();
    for definition in definitions {
        let list = async |path: &str| {
            engine
                .list(&format!("/history/{path}processDefinitionId={definition}"))
                .await
        };
        let instances = list("process-instance?").await?;
        let activities = list("activity-instance?").await?;
        for row in &instances {
            names.insert(
                text(row, "id").to_owned(),
                text(row, "processDefinitionKey").to_owned(),
            );
        }
        for row in &activities {
            names.insert(text(row, "id").to_owned(), text(row, "activityId").to_owned());
        }
        all.push((definition, instances, activities));
    }
    let name = |row: &Value, member: &str| {
        names
            .get(text(row, member))
            .map_or("-", String::as_str)
            .to_owned()
    };
    for (definition, instances, activities) in all {
        let list = async |path: &str| {
            engine
                .list(&format!("/history/{path}processDefinitionId={definition}"))
                .await
        };
        for row in &instances {
            let called = match text(row, "superProcessInstanceId") {
                "" => String::new(),
                _ => format!(" called by {}", name(row, "superProcessInstanceId")),
            };
            lines.push(format!(
                "instance {} {}{called} {}..{}{}",
                text(row, "processDefinitionKey"),
                text(row, "state"),
                step(row, "startTime"),
                step(row, "endTime"),
                members(
                    row,
                    &["businessKey", "startActivityId", "deleteReason", "startUserId"]
                ),
            ));
        }
        for row in &activities {
            let called = match text(row, "calledProcessInstanceId") {
                "" => String::new(),
                _ => format!(" calls {}", name(row, "calledProcessInstanceId")),
            };
            lines.push(format!(
                "activity {} {} in {}{called} {}..{}{}",
                text(row, "activityId"),
                text(row, "activityType"),
                name(row, "parentActivityInstanceId"),
                step(row, "startTime"),
                step(row, "endTime"),
                members(row, &["activityName", "canceled", "completeScope", "assignee"]),
            ));
        }
        for row in list("variable-instance?deserializeValues=false&").await? {
            let owner = name(&row, "activityInstanceId");
            lines.push(format!(
                "variable {} of {owner} {}",
                value(&row),
                text(&row, "state")
            ));
        }
        for row in list("task?").await? {
            lines.push(format!(
                "task {} {}..{}{}",
                text(&row, "taskDefinitionKey"),
                step(&row, "startTime"),
                step(&row, "endTime"),
                members(
                    &row,
                    &[
                        "name",
                        "assignee",
                        "owner",
                        "priority",
                        "deleteReason",
                        "taskState"
                    ]
                ),
            ));
        }
        for row in list("incident?").await? {
            let state = ["open", "resolved", "deleted"]
                .into_iter()
                .find(|s| row[*s] == true)
                .unwrap_or("-");
            lines.push(format!(
                "incident {} {} {state} {}..{}{}",
                text(&row, "activityId"),
                text(&row, "incidentType"),
                step(&row, "createTime"),
                step(&row, "endTime"),
                members(&row, &["failedActivityId", "incidentMessage"]),
            ));
        }
        for row in list("job-log?").await? {
            if !row["processInstanceId"].is_null() {
                let kind = kind(&row);
                lines.push(format!(
                    "job {} {} {kind} {} retries={}{}",
                    text(&row, "activityId"),
                    text(&row, "jobDefinitionType"),
                    step(&row, "timestamp"),
                    row["jobRetries"],
                    members(&row, &["jobExceptionMessage", "failedActivityId"]),
                ));
            }
        }
        for row in list("external-task-log?").await? {
            let kind = kind(&row);
            lines.push(format!(
                "ext {} in {} {kind} {}{}",
                text(&row, "activityId"),
                name(&row, "activityInstanceId"),
                step(&row, "timestamp"),
                members(
                    &row,
                    &["retries", "errorMessage", "workerId", "topicName", "priority"]
                ),
            ));
        }
        for row in list("identity-link-log?").await? {
            lines.push(format!(
                "link{}",
                members(&row, &["operationType", "type", "userId", "groupId"])
            ));
        }
        for instance in instances {
            let path = format!(
                "/history/detail?deserializeValues=false&sortBy=occurrence&sortOrder=asc&processInstanceId={}",
                text(&instance, "id")
            );
            for (row, shown, revision) in told(engine.list(&path).await?) {
                lines.push(format!(
                    "detail {shown} of {} r{revision} {}",
                    name(&row, "activityInstanceId"),
                    step(&row, "time")
                ));
            }
        }
    }
    lines.sort();
    Ok(lines)
}

/// Details in their order as they are compared: with what they show and the number of their revision. A value that
/// repeats the one before is another revision and detail for the reference and nothing here, so it is left out, and the
/// revisions of the variable that remain are numbered anew.
fn told(rows: Vec<Value>) -> Vec<(Value, String, usize)> {
    // What each variable showed last, its revision then, and the number given to that.
    let mut last: HashMap<String, (String, Value, usize)> = HashMap::new();
    let mut told = Vec::new();
    for row in rows {
        if text(&row, "type") != "variableUpdate" {
            let shown = text(&row, "type").to_owned() + &members(&row, &["fieldId", "fieldValue"]);
            told.push((row, shown, 0));
            continue;
        }
        let mut value = row.clone();
        value["name"] = row["variableName"].clone();
        value["type"] = row["variableType"].clone();
        let shown = super::state::value(&value);
        let number = match last.get(text(&row, "variableInstanceId")) {
            None => 0,
            Some((before, ..)) if *before == shown => continue,
            Some((_, revision, number)) => number + usize::from(*revision != row["revision"]),
        };
        let variable = text(&row, "variableInstanceId").to_owned();
        last.insert(variable, (shown.clone(), row["revision"].clone(), number));
        told.push((row, shown, number));
    }
    told
}

/// What a row of a log tells of.
fn kind(row: &Value) -> &'static str {
    const KINDS: [(&str, &str); 4] = [
        ("creationLog", "created"),
        ("failureLog", "failed"),
        ("successLog", "succeeded"),
        ("deletionLog", "deleted"),
    ];
    KINDS
        .into_iter()
        .find(|(member, _)| row[*member] == true)
        .map_or("-", |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_repeated_value_is_left_out_and_revisions_are_numbered_anew() {
        let row = |variable: &str, value: i32, revision: i32| {
            json!({
                "type": "variableUpdate", "variableInstanceId": variable, "variableName": variable,
                "variableType": "Integer", "value": value, "revision": revision,
            })
        };
        let rows = vec![
            row("a", 1, 0),
            row("b", 1, 0),
            row("a", 1, 1),
            row("a", 2, 2),
            row("a", 1, 2),
            row("a", 1, 3),
            row("a", 2, 4),
        ];
        let told: Vec<String> = told(rows)
            .into_iter()
            .map(|(_, shown, number)| format!("{shown} r{number}"))
            .collect();
        let expected = [
            "a Integer 1 r0",
            "b Integer 1 r0",
            "a Integer 2 r1",
            "a Integer 1 r1",
            "a Integer 2 r2",
        ];
        assert_eq!(told, expected);
    }
}
