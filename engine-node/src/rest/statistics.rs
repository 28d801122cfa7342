//! Statistics of process definitions: what runs per definition, or per activity of one.
use super::{
    call::Call,
    error,
    process_definition::{dto, named_first},
};
use crate::{
    App,
    app::Deployed,
    query::{col, execution, incident, job},
    rights::need::resource,
    store::{Row, StoreError},
};
use axum::{Router, response::Response, routing::get};
use bpmn_core::Id;
use rest_api::{
    ApiError, ApiResult,
    definition::{
        ACTIVITY_STATISTICS, ActivityStatistics, DEFINITION_STATISTICS, DefinitionStatistics, IncidentCount,
    },
    filters::Filters,
};
use sea_query::SelectStatement;
use std::{collections::BTreeMap, sync::Arc};
use topology::Coverage;

/// Routes of this resource.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/process-definition/statistics", get(by_definition))
        .route("/process-definition/{id}/statistics", get(by_activity))
        .route("/process-definition/key/{key}/statistics", get(by_activity))
        .route(
            "/process-definition/key/{key}/tenant-id/{tenant}/statistics",
            get(by_activity),
        )
}

/// What a request wants counted besides instances.
struct Wanted {
    failed_jobs: bool,
    incidents: bool,
    incident_type: Option<String>,
}

impl Wanted {
    /// `root` if incidents may be counted at the root of their cause; activities have no such count.
    fn of(filters: &Filters, root: bool) -> ApiResult<Wanted> {
        // A value that is no boolean counts as false here.
        let on = |name: &str| Ok::<bool, ApiError>(filters.text(name)?.as_deref() == Some("true"));
        let wanted = Wanted {
            failed_jobs: on("failedJobs")?,
            incidents: on("incidents")? || root && on("rootIncidents")?,
            incident_type: filters.text("incidentsForType")?,
        };
        // Whatever their values are, and in this order.
        let has = |name: &str| filters.raw(name).is_some();
        let (incidents, of_root) = (has("incidents"), root && has("rootIncidents"));
        let of_type = wanted.incident_type.is_some();
        for (both, first, second) in [
            (
                incidents && of_type,
                "includeIncidents",
                "includeIncidentsForType",
            ),
            (incidents && of_root, "includeIncidents", "includeRootIncidents"),
            (
                of_root && of_type,
                "includeRootIncidents",
                "includeIncidentsForType",
            ),
        ] {
            if both {
                let message = format!("Only one of the query parameter {first} or {second} can be set.");
                return Err(ApiError::invalid_request(message));
            }
        }
        Ok(wanted)
    }
}

type Incidents<K> = BTreeMap<K, Vec<IncidentCount>>;

/// The rows of a further query of the same answer, which must have seen the same slots as the first.
pub(super) async fn also(
    call: &Call,
    query: &SelectStatement,
    first: Coverage,
) -> ApiResult<Vec<Box<dyn Row>>> {
    let next = call.select(query).await?;
    if next.coverage != first {
        return Err(ApiError::unavailable(
            "slots moved while the statistics were read",
        ));
    }
    Ok(next.rows)
}

async fn by_activity(call: Call) -> ApiResult<Response> {
    // The reference answers an unknown id with an empty list.
    let deployed: Option<Arc<Deployed>> = named_first(&call, |_| ApiError::unknown_path())?.ok();
    let wanted = Wanted::of(&call.filters(), false)?;
    let id = deployed.map_or(Id(uuid::Uuid::nil()), |d| d.row.id);
    let (none, view) = (call.filters(), call.catalog());
    let readable = |alias: &'static str, instance: &'static str, query: SelectStatement| {
        let w = call.sees(&none, &view);
        match w.readable(col(alias, instance), col(alias, "definition_id")) {
            Some(condition) => query.clone().cond_where(condition).take(),
            None => query,
        }
    };
    let query = readable("p", "id", execution::tokens_by_element(id));
    let snapshot = call.select(&query).await?;
    let mut instances: BTreeMap<String, i64> = BTreeMap::new();
    for row in &snapshot.rows {
        instances.insert(
            row.text(0).map_err(error::store)?,
            row.i64(1).map_err(error::store)?,
        );
    }
    let mut failed: BTreeMap<String, i64> = BTreeMap::new();
    if wanted.failed_jobs {
        for row in also(
            &call,
            &readable("j", "instance_id", job::failed_by("element", Some(id))),
            snapshot.coverage,
        )
        .await?
        {
            failed.insert(
                row.text(0).map_err(error::store)?,
                row.i64(1).map_err(error::store)?,
            );
        }
    }
    let mut incidents: Incidents<String> = BTreeMap::new();
    if wanted.incidents || wanted.incident_type.is_some() {
        let query = incident::counted_by("element", Some(id), wanted.incident_type.as_deref());
        let query = readable("i", "instance_id", query);
        for row in also(&call, &query, snapshot.coverage).await? {
            let count = incident_count(&*row).map_err(error::store)?;
            incidents
                .entry(row.text(0).map_err(error::store)?)
                .or_default()
                .push(count);
        }
    }
    let mut elements: Vec<&String> = instances
        .keys()
        .chain(failed.keys())
        .chain(incidents.keys())
        .collect();
    elements.sort();
    elements.dedup();
    let rows: Vec<ActivityStatistics> = elements
        .into_iter()
        .map(|element| ActivityStatistics {
            class: ACTIVITY_STATISTICS,
            id: element.clone(),
            instances: instances.get(element).copied().unwrap_or(0),
            failed_jobs: failed.get(element).copied().unwrap_or(0),
            incidents: incidents.get(element).cloned().unwrap_or_default(),
        })
        .collect();
    Ok(call.covered(&rows, &snapshot))
}

fn incident_count(row: &dyn Row) -> Result<IncidentCount, StoreError> {
    Ok(IncidentCount {
        incident_type: row.text(1)?,
        incident_count: row.i64(2)?,
    })
}

async fn by_definition(call: Call) -> ApiResult<Response> {
    let wanted = Wanted::of(&call.filters(), true)?;
    let snapshot = call.select(&execution::instances_by_definition()).await?;
    let mut instances: BTreeMap<Id, i64> = BTreeMap::new();
    for row in &snapshot.rows {
        instances.insert(
            row.id(0).map_err(error::store)?,
            row.i64(1).map_err(error::store)?,
        );
    }
    let mut failed: BTreeMap<Id, i64> = BTreeMap::new();
    if wanted.failed_jobs {
        for row in also(&call, &job::failed_by("definition_id", None), snapshot.coverage).await? {
            failed.insert(
                row.id(0).map_err(error::store)?,
                row.i64(1).map_err(error::store)?,
            );
        }
    }
    let mut incidents: Incidents<Id> = BTreeMap::new();
    if wanted.incidents || wanted.incident_type.is_some() {
        let query = incident::counted_by("definition_id", None, wanted.incident_type.as_deref());
        for row in also(&call, &query, snapshot.coverage).await? {
            let count = incident_count(&*row).map_err(error::store)?;
            incidents
                .entry(row.id(0).map_err(error::store)?)
                .or_default()
                .push(count);
        }
    }
    let view = call.catalog();
    let mut deployed: Vec<&Arc<Deployed>> = view.all().filter(|d| d.published).collect();
    call.keep(&mut deployed, resource::PROCESS_DEFINITION, "READ", |d| {
        (d.row.key.clone(), d.row.tenant_id.clone())
    });
    deployed.sort_by(|a, b| a.row.rest_id.cmp(&b.row.rest_id));
    let rows: Vec<DefinitionStatistics> = deployed
        .into_iter()
        .map(|d| {
            let mut definition = dto(&view, &d.row);
            // The reference's statistics leave these two out.
            (definition.description, definition.history_time_to_live) = (None, None);
            DefinitionStatistics {
                class: DEFINITION_STATISTICS,
                id: d.row.rest_id.clone(),
                instances: instances.get(&d.row.id).copied().unwrap_or(0),
                failed_jobs: failed.get(&d.row.id).copied().unwrap_or(0),
                incidents: incidents.get(&d.row.id).cloned().unwrap_or_default(),
                definition,
            }
        })
        .collect();
    Ok(call.covered(&rows, &snapshot))
}
