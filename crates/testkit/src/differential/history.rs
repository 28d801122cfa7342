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
            let id = text(&instance, "id");
            for row in engine
                .list(&format!(
                    "/history/detail?deserializeValues=false&processInstanceId={id}"
                ))
                .await?
            {
                let mut value = row.clone();
                value["name"] = row["variableName"].clone();
                value["type"] = row["variableType"].clone();
                let owner = name(&row, "activityInstanceId");
                let shown = match text(&row, "type") {
                    "variableUpdate" => super::state::value(&value),
                    other => format!("{other}{}", members(&row, &["fieldId", "fieldValue"])),
                };
                lines.push(format!(
                    "detail {shown} of {owner} r{} {}",
                    row["revision"],
                    step(&row, "time")
                ));
            }
        }
    }
    lines.sort();
    Ok(lines)
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
