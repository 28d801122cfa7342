//! Reports: rows of all shards grouped anew. Averages come with their weights, so the merged ones are exact.
use super::{Gathered, Part, Question, Stop, gather};
use crate::{
    admit::Admitted,
    respond::{self, Answer},
    state::App,
    text::query_value,
};
use http::{HeaderValue, header};
use rest_api::{
    ApiError,
    report::{
        Durations, Form, GROUPS_FILE, GroupCount, PROCESS_FILE, TaskCount, disposition, durations_csv, form,
        group_counts, groups_csv, merge_durations, task_counts,
    },
};
use serde::{Serialize, de::DeserializeOwned};
use topology::ShardName;

/// Answers a report, as JSON or as the CSV that the client prefers.
///
/// # Errors
/// The answer to give instead.
pub async fn answer(app: &App, request: &Admitted, only: Option<ShardName>) -> Result<Answer, Stop> {
    let call = &request.call;
    let accept = request
        .out
        .headers
        .get(header::ACCEPT)
        .and_then(|v| v.to_str().ok());
    let wanted = form(accept).ok_or_else(ApiError::not_acceptable)?;
    let mut out = request
        .out
        .clone()
        .with(header::ACCEPT, HeaderValue::from_static("application/json"));
    if out.method == http::Method::HEAD {
        out.method = http::Method::GET;
    }
    let question = Question {
        request,
        out,
        only,
        reads: true,
    };
    let gathered = gather(app, &question).await?;
    let counts = query_value(call.query.as_deref(), "reportType").as_deref() == Some("count");
    match call.operation.path {
        "/task/report/candidate-group-count" => {
            let rows = group_counts(read::<GroupCount>(&gathered.parts)?);
            Ok(formed(wanted, &rows, groups_csv(&rows), GROUPS_FILE, &gathered))
        }
        "/history/task/report" if wanted != Form::Json => Err(ApiError::not_acceptable().into()),
        "/history/task/report" if counts => {
            let rows = task_counts(read::<TaskCount>(&gathered.parts)?);
            Ok(formed(wanted, &rows, String::new(), "", &gathered))
        }
        _ => {
            let rows = merge_durations(read::<Durations>(&gathered.parts)?);
            Ok(formed(
                wanted,
                &rows,
                durations_csv(&rows),
                PROCESS_FILE,
                &gathered,
            ))
        }
    }
}

/// Pure: the rows of all parts.
fn read<R: DeserializeOwned>(parts: &[Part]) -> Result<Vec<R>, ApiError> {
    let mut all = Vec::new();
    for part in parts {
        let rows: Vec<R> = serde_json::from_slice(&part.body).map_err(|error| {
            ApiError::bad_gateway(format!("shard {} answered no report: {error}", part.shard))
        })?;
        all.extend(rows);
    }
    Ok(all)
}

fn formed(wanted: Form, rows: &impl Serialize, csv: String, file: &str, gathered: &Gathered) -> Answer {
    let Form::Csv(media) = wanted else {
        let body = serde_json::to_vec(rows).unwrap_or_default();
        return respond::json(body, &gathered.missing);
    };
    let mut answer = respond::json(csv, &gathered.missing);
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    if let Ok(value) = HeaderValue::from_str(&disposition(file)) {
        answer.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
    answer
}
