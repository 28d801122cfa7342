//! Reports: durations of process instances and tasks, completed tasks, candidate groups, what history may let go.
use super::{
    call::{Call, typed},
    error, lists,
    statistics::also,
};
use crate::{
    App,
    app::writer::now,
    query::report,
    rights::need::resource,
    store::{Snapshot, StoreError},
};
use axum::{Router, response::Response, routing::get};
use bpmn_core::Id;
use http::{HeaderValue, header};
use rest_api::{
    ApiError, ApiResult,
    filters::Filters,
    report::{
        self as rows, CleanableDecisions, CleanableProcesses, Form, GroupCount, Measured, PeriodUnit,
        TaskCount, durations, durations_csv, group_counts, groups_csv, task_counts,
    },
};
use serde::Serialize;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Routes of this resource.
pub fn routes() -> Router<App> {
    let process = "/history/process-definition/cleanable-process-instance-report";
    let decision = "/history/decision-definition/cleanable-decision-instance-report";
    Router::new()
        .route("/history/process-instance/report", get(processes))
        .route("/history/task/report", get(tasks))
        .route("/task/report/candidate-group-count", get(groups))
        .route(process, get(cleanable_processes))
        .route(&format!("{process}/count"), get(cleanable_processes_count))
        .route(decision, get(cleanable_decisions))
        .route(&format!("{decision}/count"), get(cleanable_decisions_count))
}

/// `reportType`: `duration` or `count`.
fn report_type(filters: &Filters) -> ApiResult<Option<String>> {
    let kind = filters.text("reportType")?;
    match kind.as_deref() {
        None | Some("duration" | "count") => Ok(kind),
        Some(other) => Err(ApiError::invalid_request(format!(
            "Cannot set query parameter 'reportType' to value '{other}'"
        ))),
    }
}

/// The rows of a report, or their CSV if the client takes that and no router merges them.
fn formed(
    call: &Call,
    rows: &impl Serialize,
    snapshot: &Snapshot,
    csv: impl FnOnce() -> String,
    file: &str,
) -> ApiResult<Response> {
    match rows::form(call.accept.as_deref()).ok_or_else(ApiError::not_acceptable)? {
        Form::Csv(media) if !call.caller.fanout => {
            let mut response = typed(media, csv().into_bytes());
            if let Ok(value) = HeaderValue::from_str(&rows::disposition(file)) {
                response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
            }
            Ok(response)
        }
        _ => Ok(call.covered(rows, snapshot)),
    }
}

/// Rows of [`report::process_durations`] or [`report::task_durations`] by period.
fn by_period(snapshot: &Snapshot, unit: PeriodUnit, weights: bool) -> ApiResult<Vec<rows::Durations>> {
    const DAY: i64 = 86_400_000;
    let measured = snapshot.rows.iter().map(|row| {
        let measured = Measured {
            count: row.i64(1)?,
            minimum: row.i64(2)?,
            maximum: row.i64(3)?,
            sum: row.i64(4)?,
        };
        Ok((unit.period(row.i64(0)? * DAY), measured))
    });
    let measured: Vec<_> = measured
        .collect::<Result<_, StoreError>>()
        .map_err(error::store)?;
    Ok(durations(unit, measured, weights))
}

async fn processes(call: Call) -> ApiResult<Response> {
    let (filters, view) = (call.filters(), call.catalog());
    let (kind, unit) = (report_type(&filters)?, PeriodUnit::of(&filters)?);
    let query = report::process_durations(call.sees(&filters, &view))?;
    if kind.as_deref() != Some("duration") {
        let kind = kind.as_deref().unwrap_or("null");
        return Err(ApiError::invalid_request(format!("Unknown report type {kind}")));
    }
    let unit = unit.ok_or_else(|| ApiError::invalid_request("periodUnit is null").with_code(0))?;
    let snapshot = call.select(&query).await?;
    let rows = by_period(&snapshot, unit, call.caller.fanout)?;
    formed(
        &call,
        &rows,
        &snapshot,
        || durations_csv(&rows),
        rows::PROCESS_FILE,
    )
}

async fn tasks(call: Call) -> ApiResult<Response> {
    let (filters, view) = (call.filters(), call.catalog());
    let (kind, unit) = (report_type(&filters)?, PeriodUnit::of(&filters)?);
    let durations = report::task_durations(call.sees(&filters, &view))?;
    let kind = kind.ok_or_else(|| ApiError::invalid_request("Parameter reportType is not set."))?;
    if kind == "duration" {
        let unit = unit.ok_or_else(|| ApiError::invalid_request("periodUnit is null"))?;
        let snapshot = call.select(&durations).await?;
        return Ok(call.covered(&by_period(&snapshot, unit, call.caller.fanout)?, &snapshot));
    }
    let by = filters.text("groupBy")?;
    let by_name = match by.as_deref() {
        Some("taskName") => true,
        Some("processDefinition") => false,
        other => {
            let message = format!("groupBy parameter has invalid value: {}", other.unwrap_or("null"));
            return Err(ApiError::invalid_request(message));
        }
    };
    let query = report::task_counts(call.sees(&filters, &view), by_name)?;
    let snapshot = call.select(&query).await?;
    let mut rows = Vec::new();
    for row in &snapshot.rows {
        let definition = row.id(0).map_err(error::store)?;
        // Counted under the newest version, as there.
        let Some(latest) = view
            .by_id(definition)
            .and_then(|d| view.latest(&d.row.key, d.row.tenant_id.as_deref()))
        else {
            continue;
        };
        rows.push(TaskCount {
            count: row.i64(2).map_err(error::store)?,
            process_definition_key: latest.row.key.clone(),
            process_definition_id: latest.row.rest_id.clone(),
            process_definition_name: latest.row.name.clone(),
            task_name: row.text_opt(1).map_err(error::store)?,
            tenant_id: latest.row.tenant_id.clone(),
        });
    }
    Ok(call.covered(&task_counts(rows), &snapshot))
}

async fn groups(call: Call) -> ApiResult<Response> {
    let snapshot = call.select(&report::candidate_groups()).await?;
    let rows = snapshot.rows.iter().map(|row| {
        Ok(GroupCount {
            group_name: row.text_opt(0)?,
            task_count: row.i64(1)?,
        })
    });
    let rows: Vec<GroupCount> = rows.collect::<Result<_, StoreError>>().map_err(error::store)?;
    let rows = group_counts(rows);
    formed(&call, &rows, &snapshot, || groups_csv(&rows), rows::GROUPS_FILE)
}

/// Numbers by id, of a query whose columns are id and number.
fn numbers(rows: &[Box<dyn crate::store::Row>]) -> ApiResult<BTreeMap<Id, i64>> {
    let pairs = rows.iter().map(|row| Ok((row.id(0)?, row.i64(1)?)));
    pairs.collect::<Result<_, StoreError>>().map_err(error::store)
}

/// Which definitions a report on what may be cleaned is about.
struct Wanted {
    ids: Option<Vec<String>>,
    keys: Option<Vec<String>>,
    tenants: Option<Vec<String>>,
    without_tenant: bool,
    compact: bool,
}

impl Wanted {
    fn of(filters: &Filters, kind: &str) -> ApiResult<Wanted> {
        Ok(Wanted {
            ids: filters
                .list(&format!("{kind}DefinitionIdIn"))?
                .filter(|l| !l.is_empty()),
            keys: filters
                .list(&format!("{kind}DefinitionKeyIn"))?
                .filter(|l| !l.is_empty()),
            tenants: filters.tenants()?,
            without_tenant: filters.on("withoutTenantId")?,
            compact: filters.on("compact")?,
        })
    }

    fn takes(&self, id: &str, key: &str, tenant: Option<&str>) -> bool {
        let among = |list: &Option<Vec<String>>, text: &str| {
            list.as_ref()
                .is_none_or(|list| list.iter().any(|one| one == text))
        };
        let of_tenant = self.tenants.is_none() || tenant.is_some_and(|tenant| among(&self.tenants, tenant));
        among(&self.ids, id)
            && among(&self.keys, key)
            && of_tenant
            && !(self.without_tenant && tenant.is_some())
    }
}

/// The rows in the order asked for; the page is the router's within a fan-out.
fn paged<R: Serialize>(
    call: &Call,
    filters: &Filters,
    mut rows: Vec<R>,
    finished: impl Fn(&R) -> i64,
    snapshot: &Snapshot,
) -> ApiResult<Response> {
    let paging = call.paging()?;
    let sorting = rest_api::filters::sorting(filters, &|name| name == "finished")?;
    if let Some(by) = sorting.first() {
        rows.sort_by_key(&finished);
        if by.descending {
            rows.reverse();
        }
    }
    Ok(call.covered(&paging.cut(rows), snapshot))
}

async fn processes_to_clean(
    call: &Call,
    filters: &Filters,
) -> ApiResult<(Vec<CleanableProcesses>, Snapshot)> {
    let view = call.catalog();
    let wanted = Wanted::of(filters, "process")?;
    let mut found: Vec<_> = view
        .all()
        .filter(|d| d.published && wanted.takes(&d.row.rest_id, &d.row.key, d.row.tenant_id.as_deref()))
        .filter(|d| {
            call.reads_and_history(
                resource::PROCESS_DEFINITION,
                &d.row.key,
                d.row.tenant_id.as_deref(),
            )
        })
        .collect();
    found.sort_by(|a, b| a.row.rest_id.cmp(&b.row.rest_id));
    let ids: Vec<Uuid> = found.iter().map(|d| d.row.id.0).collect();
    let snapshot = call.select(&report::finished_processes(&ids)).await?;
    let finished = numbers(&snapshot.rows)?;
    let query = report::cleanable_processes(&view, &ids, now());
    let cleanable = numbers(&also(call, &query, snapshot.coverage).await?)?;
    let rows = found.into_iter().map(|d| CleanableProcesses {
        process_definition_id: d.row.rest_id.clone(),
        process_definition_key: d.row.key.clone(),
        process_definition_name: d.row.name.clone(),
        process_definition_version: d.row.version,
        history_time_to_live: d.row.history_ttl_days,
        finished_process_instance_count: finished.get(&d.row.id).copied().unwrap_or(0),
        cleanable_process_instance_count: cleanable.get(&d.row.id).copied().unwrap_or(0),
        tenant_id: d.row.tenant_id.clone(),
    });
    let rows = rows.filter(|row| !wanted.compact || row.finished_process_instance_count > 0);
    Ok((rows.collect(), snapshot))
}

async fn cleanable_processes(call: Call) -> ApiResult<Response> {
    let filters = call.filters();
    call.paging()?;
    let (rows, snapshot) = processes_to_clean(&call, &filters).await?;
    paged(
        &call,
        &filters,
        rows,
        |row| row.finished_process_instance_count,
        &snapshot,
    )
}

async fn cleanable_processes_count(call: Call) -> ApiResult<Response> {
    let filters = call.filters();
    let (rows, snapshot) = processes_to_clean(&call, &filters).await?;
    rest_api::filters::sorting(&filters, &|name| name == "finished")?;
    Ok(lists::counted(&call, rows.len(), &snapshot))
}

async fn decisions_to_clean(
    call: &Call,
    filters: &Filters,
) -> ApiResult<(Vec<CleanableDecisions>, Snapshot)> {
    let view = call.catalog();
    let wanted = Wanted::of(filters, "decision")?;
    let mut found: Vec<_> = view
        .decisions
        .all()
        .filter(|d| wanted.takes(&d.row.rest_id, &d.row.key, d.row.tenant_id.as_deref()))
        .filter(|d| {
            call.reads_and_history(
                resource::DECISION_DEFINITION,
                &d.row.key,
                d.row.tenant_id.as_deref(),
            )
        })
        .collect();
    found.sort_by(|a, b| a.row.rest_id.cmp(&b.row.rest_id));
    let ids: Vec<Uuid> = found.iter().map(|d| d.row.id.0).collect();
    let snapshot = call.select(&report::evaluated_decisions(&ids)).await?;
    let finished = numbers(&snapshot.rows)?;
    let query = report::cleanable_decisions(&view, &ids, now());
    let cleanable = numbers(&also(call, &query, snapshot.coverage).await?)?;
    let rows = found.into_iter().map(|d| CleanableDecisions {
        decision_definition_id: d.row.rest_id.clone(),
        decision_definition_key: d.row.key.clone(),
        decision_definition_name: d.row.name.clone(),
        decision_definition_version: d.row.version,
        history_time_to_live: d.row.history_ttl_days,
        finished_decision_instance_count: finished.get(&d.row.id).copied().unwrap_or(0),
        cleanable_decision_instance_count: cleanable.get(&d.row.id).copied().unwrap_or(0),
        tenant_id: d.row.tenant_id.clone(),
    });
    let rows = rows.filter(|row| !wanted.compact || row.finished_decision_instance_count > 0);
    Ok((rows.collect(), snapshot))
}

async fn cleanable_decisions(call: Call) -> ApiResult<Response> {
    let filters = call.filters();
    call.paging()?;
    let (rows, snapshot) = decisions_to_clean(&call, &filters).await?;
    paged(
        &call,
        &filters,
        rows,
        |row| row.finished_decision_instance_count,
        &snapshot,
    )
}

async fn cleanable_decisions_count(call: Call) -> ApiResult<Response> {
    let filters = call.filters();
    let (rows, snapshot) = decisions_to_clean(&call, &filters).await?;
    rest_api::filters::sorting(&filters, &|name| name == "finished")?;
    Ok(lists::counted(&call, rows.len(), &snapshot))
}
