//! `/filter`: queries for tasks that are kept, and the tasks they find.
use super::{
    available,
    call::{Call, json, no_content},
    error, lists, stored_query, task,
    task_expressions::{evaluated, refuse},
};
use crate::{
    App,
    query::filter::{self, TASK},
    rights::{grants::To, need::resource},
    store::{FilterChange, FilterRow, StoreError},
};
use axum::{
    Router,
    response::Response,
    routing::{get, post},
};
use bpmn_core::Id;
use rest_api::{ApiError, ApiResult, authorization::ALL, filters::Filters};
use serde_json::{Map, Value, json};

/// Routes of this resource.
pub fn routes() -> Router<App> {
    let one_path = "/filter/{id}";
    Router::new()
        .route("/filter", get(list).options(available_here))
        .route("/filter/count", get(count))
        .route("/filter/create", post(create))
        .route(
            one_path,
            get(one).put(update).delete(delete).options(available_of_one),
        )
        .route(
            &format!("{one_path}/list"),
            get(|call: Call| tasks(call, false)).post(|call: Call| tasks(call, true)),
        )
        .route(
            &format!("{one_path}/count"),
            get(|call: Call| task_count(call, false)).post(|call: Call| task_count(call, true)),
        )
        .route(
            &format!("{one_path}/singleResult"),
            get(|call: Call| single(call, false)).post(|call: Call| single(call, true)),
        )
}

fn missing(id: &str) -> ApiError {
    ApiError::not_found(format!("Filter with id '{id}' does not exist."))
}

fn dto(row: &FilterRow, empty: Value) -> Value {
    let read = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
    json!({
        "id": row.id.to_string(),
        "resourceType": TASK,
        "name": row.name,
        "owner": row.owner,
        "query": read(&row.query),
        "properties": row.properties.as_deref().map_or(empty, read),
    })
}

/// Stored filters show an empty object where they have no properties.
fn shown(row: &FilterRow) -> Value {
    dto(row, json!({}))
}

/// Counting what filters find needs every shard, and only the router asks them all.
fn refuse_item_count(call: &Call) -> ApiResult<()> {
    match call.filters().on("itemCount")? {
        true => Err(ApiError::not_implemented("'itemCount' of filters")),
        false => Ok(()),
    }
}

async fn list(call: Call) -> ApiResult<Response> {
    refuse_item_count(&call)?;
    let (filters, view) = (call.filters(), call.catalog());
    let listing = filter::listing(call.sees(&filters, &view))?;
    lists::page(&call, &listing, filter::row, |row| shown(&row)).await
}

async fn count(call: Call) -> ApiResult<Response> {
    let (filters, view) = (call.filters(), call.catalog());
    lists::count(&call, &filter::listing(call.sees(&filters, &view))?).await
}

async fn find(call: &Call, missing: ApiError) -> ApiResult<FilterRow> {
    let Some(id) = call.id("id") else {
        return Err(missing);
    };
    let snapshot = call.select(&filter::by_id(id)).await?;
    let row = snapshot.rows.first().map(|row| filter::row(&**row));
    row.transpose()
        .map_err(|error: StoreError| error::store(error))?
        .ok_or(missing)
}

async fn one(call: Call) -> ApiResult<Response> {
    refuse_item_count(&call)?;
    let row = find(&call, missing(call.param("id"))).await?;
    Ok(json(&shown(&row)))
}

/// What a body says a filter is.
fn read(body: &Filters, id: Id) -> ApiResult<FilterRow> {
    let bad = || ApiError::invalid_request("");
    let name = body
        .text("name")?
        .filter(|name| !name.is_empty())
        .ok_or_else(bad)?;
    let owner = body.text("owner")?;
    if owner.as_deref() == Some("") {
        return Err(bad());
    }
    let query = body.object("query")?.cloned().unwrap_or_default();
    let properties = body.object("properties")?;
    Ok(FilterRow {
        id,
        name,
        owner,
        query: Value::Object(stored_query::kept(query)?).to_string(),
        properties: properties.map(|map| Value::Object(map.clone()).to_string()),
    })
}

async fn write(call: &Call, change: FilterChange) -> ApiResult<()> {
    let written = call.app.replication.change_filter(change).await;
    written.map_err(error::api)
}

async fn create(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    match body.text("resourceType")?.as_deref() {
        Some(TASK) => {}
        None => {
            let text = "Unable to create filter with invalid resource type 'null'";
            return Err(ApiError::invalid_request(text));
        }
        Some(_) => return Err(ApiError::invalid_request("")),
    }
    let slot = call.app.engine.any_owned_slot().map_err(error::api)?;
    let row = read(&body, call.app.engine.new_id(slot))?;
    let view = call.catalog();
    stored_query::check(&row, &view)?;
    write(&call, FilterChange::Put(row.clone())).await?;
    if let Some(owner) = &row.owner {
        let own = call.grants(To::User(owner), resource::FILTER, &row.id.to_string(), &[ALL]);
        call.put_grant(own).await?;
    }
    Ok(json(&dto(&row, Value::Null)))
}

async fn update(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let old = find(&call, missing(call.param("id"))).await?;
    if body.names().next().is_none() {
        let text = "Unable to update filter with invalid content";
        return Err(ApiError::invalid_request(text).with_code(0));
    }
    if let Some(kind) = body.text("resourceType")?.filter(|kind| kind != TASK) {
        let text = format!("Unable to update filter from resource type '{TASK}' to '{kind}'");
        return Err(ApiError::invalid_request(text));
    }
    let row = read(&body, old.id)?;
    stored_query::check(&row, &call.catalog())?;
    write(&call, FilterChange::Put(row)).await?;
    Ok(no_content())
}

async fn delete(call: Call) -> ApiResult<Response> {
    let row = find(&call, missing(call.param("id")).with_code(0)).await?;
    write(&call, FilterChange::Delete(row.id)).await?;
    call.drop_grants(resource::FILTER, row.id.to_string()).await?;
    Ok(no_content())
}

async fn available_here(call: Call) -> Response {
    available::resource(&call, "/filter", resource::FILTER)
}

async fn available_of_one(call: Call) -> Response {
    let links = [
        ("GET", "", "self", Some("READ")),
        ("GET", "/singleResult", "singleResult", Some("READ")),
        ("POST", "/singleResult", "singleResult", Some("READ")),
        ("GET", "/list", "list", Some("READ")),
        ("POST", "/list", "list", Some("READ")),
        ("GET", "/count", "count", Some("READ")),
        ("POST", "/count", "count", Some("READ")),
        ("DELETE", "", "delete", Some("DELETE")),
        ("PUT", "", "update", Some("UPDATE")),
    ];
    let id = call.param("id");
    available::answer(&call, &format!("/filter/{id}"), resource::FILTER, id, &links)
}

/// The stored query, extended by the body of a POST.
async fn query(call: &Call, extended: bool) -> ApiResult<Filters> {
    let row = find(call, missing(call.param("id")).with_code(0)).await?;
    let more = match extended {
        true => call.body()?,
        false => Filters::from_body(Map::new()),
    };
    refuse(&more)?;
    let view = call.catalog();
    let listing = crate::query::task::listing(call.sees(&more, &view));
    listing
        .map(drop)
        .map_err(|error| match error.message.is_empty() {
            true => ApiError::invalid_request("Invalid query for resource type 'Task'"),
            false => error,
        })?;
    let more = match more.into_value() {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    let merged = stored_query::extended(stored_query::read(&row), more);
    evaluated(call, Filters::from_body(merged), true).await
}

async fn tasks(call: Call, extended: bool) -> ApiResult<Response> {
    let filters = query(&call, extended).await?;
    let answer = task::find(&call, &filters).await?;
    // The router can't know how the stored query sorts.
    Ok(stored_query::told_order(&call, &filters, answer))
}

async fn task_count(call: Call, extended: bool) -> ApiResult<Response> {
    let filters = query(&call, extended).await?;
    task::number(&call, &filters).await
}

async fn single(call: Call, extended: bool) -> ApiResult<Response> {
    let filters = query(&call, extended).await?;
    task::single(&call, &filters).await
}
