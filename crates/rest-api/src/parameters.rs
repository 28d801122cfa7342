//! Which filters an operation of a list knows, by its path: for the served OpenAPI document and the contract table.
use crate::known::*;

/// The filters of the list at a path below the REST root, such as `/task` or `/task/count`; none for what is no list
/// with filters of its own in [`crate::known`].
pub fn filters_of(path: &str) -> &'static [&'static str] {
    match path.strip_suffix("/count").unwrap_or(path) {
        "/process-instance" => PROCESS_INSTANCE,
        "/execution" => EXECUTION,
        "/task" => TASK,
        "/external-task" => EXTERNAL_TASK,
        "/job" => JOB,
        "/job-definition" => JOB_DEFINITION,
        "/incident" => INCIDENT,
        "/event-subscription" => EVENT_SUBSCRIPTION,
        "/variable-instance" => VARIABLE_INSTANCE,
        "/history/process-instance" => HISTORY_PROCESS,
        "/history/activity-instance" => HISTORY_ACTIVITY,
        "/history/variable-instance" => HISTORY_VARIABLE,
        "/history/detail" => HISTORY_DETAIL,
        "/history/task" => HISTORY_TASK,
        "/history/incident" => HISTORY_INCIDENT,
        "/history/user-operation" => HISTORY_OPERATION,
        "/history/job-log" => HISTORY_JOB_LOG,
        "/history/external-task-log" => HISTORY_EXTERNAL_TASK_LOG,
        "/history/identity-link-log" => HISTORY_IDENTITY_LINK,
        "/deployment" => DEPLOYMENT,
        "/user" => USER,
        "/group" => GROUP,
        "/tenant" => TENANT,
        "/authorization" => AUTHORIZATION,
        "/process-definition" => DEFINITION,
        _ => &[],
    }
}
