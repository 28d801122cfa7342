//! `/telemetry`: nothing is ever sent to anybody; what the reference would send can be read.
use super::{
    call::{Call, json as answer, no_content},
    error,
};
use crate::{App, query::metric};
use axum::{Router, response::Response, routing::get};
use rest_api::{ApiError, ApiResult};
use serde_json::{Map, Value, json};

/// Routes of this resource.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/telemetry/configuration", get(configuration).post(configure))
        .route("/telemetry/data", get(data))
}

async fn configuration(_: Call) -> ApiResult<Response> {
    Ok(answer(&json!({"enableTelemetry": false})))
}

/// Accepted and without effect, as in the reference since it sends nothing any more.
async fn configure(call: Call) -> ApiResult<Response> {
    let dto = "org.camunda.bpm.engine.rest.dto.TelemetryConfigurationDto.isEnableTelemetry()";
    if call.body()?.flag("enableTelemetry")?.is_none() {
        let why = format!(
            "Cannot invoke \"java.lang.Boolean.booleanValue()\" because the return value of \"{dto}\" is null"
        );
        return Err(ApiError::null_pointer(why));
    }
    Ok(no_content())
}

async fn data(call: Call) -> ApiResult<Response> {
    let engine = &call.app.engine;
    engine.meter().await.map_err(error::store)?;
    let stamp = engine.store().stamp().await.map_err(error::store)?;
    let mut metrics = Map::new();
    let mut coverage = None;
    for name in ["flow-node-instances", "process-instances"] {
        let wanted = metric::Wanted {
            name: Some(name.to_owned()),
            ..Default::default()
        };
        let snapshot = call.select(&metric::sum(&wanted)).await?;
        let count = snapshot.rows.first().map_or(Ok(0), |row| row.i64(0));
        metrics.insert(name.to_owned(), json!({"count": count.map_err(error::store)?}));
        coverage.get_or_insert(snapshot.coverage);
    }
    let body = json!({
        "installation": stamp.map(|stamp| stamp.cluster),
        "product": {
            "name": "Stellwerk",
            "version": env!("CARGO_PKG_VERSION"),
            "edition": "community",
            "internals": {
                "database": Value::Null,
                "application-server": Value::Null,
                "license-key": Value::Null,
                "commands": {},
                "metrics": metrics,
                "webapps": [],
                "jdk": Value::Null,
                "camunda-integration": [],
                "data-collection-start-date": Value::Null,
            },
        },
    });
    match coverage {
        Some(coverage) => Ok(call.covering(&body, coverage)),
        None => Ok(answer(&body)),
    }
}
