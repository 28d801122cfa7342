//! `/history/process-definition/{id}/statistics`: what has run and runs at the activities of a definition.
use super::{call::Call, error, statistics::also};
use crate::{
    App,
    query::report,
    store::{Row, StoreError},
};
use axum::{Router, response::Response, routing::get};
use rest_api::{ApiResult, history::HistoricActivityStatistics};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Routes of this resource.
pub fn routes() -> Router<App> {
    Router::new().route("/history/process-definition/{id}/statistics", get(by_activity))
}

async fn by_activity(call: Call) -> ApiResult<Response> {
    let (filters, view) = (call.filters(), call.catalog());
    let sorting = rest_api::filters::sorting(&filters, &|name| name == "activityId")?;
    let finished = filters.on("finished")?;
    let (canceled, complete) = (filters.on("canceled")?, filters.on("completeScope")?);
    let incidents = filters.on("incidents")?;
    // The reference answers an unknown id with an empty list, and one whose history may not be read.
    let definition = view
        .by_rest_id(call.param("id"))
        .filter(|_| !call.hidden)
        .map_or(Uuid::nil(), |d| d.row.id.0);
    let query = report::activities(call.sees(&filters, &view), definition)?;
    let snapshot = call.select(&query).await?;
    let mut rows: BTreeMap<String, HistoricActivityStatistics> = BTreeMap::new();
    let at = |element: &str| HistoricActivityStatistics {
        id: element.to_owned(),
        ..HistoricActivityStatistics::default()
    };
    let mut activity = |row: &dyn Row| -> Result<(), StoreError> {
        let element = row.text(0)?;
        let (running, ended) = (row.i64(1)?, row.i64(2)?);
        let (gone, completing) = (row.i64(3)?, row.i64(4)?);
        // Only what is asked for makes a row.
        let shown =
            running > 0 || finished && ended > 0 || canceled && gone > 0 || complete && completing > 0;
        if shown {
            let one = HistoricActivityStatistics {
                instances: running,
                finished: if finished { ended } else { 0 },
                canceled: if canceled { gone } else { 0 },
                complete_scope: if complete { completing } else { 0 },
                ..at(&element)
            };
            rows.insert(element, one);
        }
        Ok(())
    };
    for row in &snapshot.rows {
        activity(&**row).map_err(error::store)?;
    }
    if incidents {
        let query = report::incidents(call.sees(&filters, &view), definition)?;
        for row in also(&call, &query, snapshot.coverage).await? {
            let element = row.text(0).map_err(error::store)?;
            let one = rows.entry(element.clone()).or_insert_with(|| at(&element));
            one.open_incidents = row.i64(1).map_err(error::store)?;
            one.resolved_incidents = row.i64(2).map_err(error::store)?;
            one.deleted_incidents = row.i64(3).map_err(error::store)?;
        }
    }
    let mut rows: Vec<HistoricActivityStatistics> = rows.into_values().collect();
    if sorting.first().is_some_and(|by| by.descending) {
        rows.reverse();
    }
    Ok(call.covered(&rows, &snapshot))
}
