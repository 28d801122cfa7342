//! `/filter`: queries for tasks that are kept, and the tasks they find.
use super::{
    accept, available,
    call::{Call, json, no_content},
    error, lists, stored_query, task,
    task_expressions::{evaluated, refuse},
};
use crate::{
    App,
    query::filter::{self, TASK},
    rights::{grants::To, need::resource},
    store::{FilterChange, FilterRow, StoreError, operations::Told},
};
use axum::{
    Router,
    response::Response,
    routing::{get, post},
};
use bpmn_core::Id;
use rest_api::{
    ApiError, ApiResult,
    authorization::ALL,
    filters::{Filters, Paging},
    task_query,
};
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
        "query": stored_query::shown(row),
        "properties": row.properties.as_deref().map_or(empty, read),
    })
}

/// Stored filters show an empty object where they have no properties.
fn shown(row: &FilterRow) -> Value {
    dto(row, json!({}))
}

/// Whether filters are asked for with the number of tasks that they find. Routers, which ask all shards for that, ask a
/// node without it.
fn counts_items(call: &Call) -> bool {
    let asked = call.query_param("itemCount");
    asked.is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// A filter as it is listed.
async fn listed(call: &Call, row: &FilterRow) -> ApiResult<Value> {
    let mut shown = shown(row);
    if counts_items(call) {
        let filters = evaluated(call, Filters::from_body(stored_query::read(row)), true).await?;
        shown["itemCount"] = task::how_many(call, &filters).await?.0.into();
    }
    Ok(shown)
}

async fn list(call: Call) -> ApiResult<Response> {
    let (filters, view) = (call.filters(), call.catalog());
    let listing = filter::listing(call.sees(&filters, &view))?;
    let asked = &call;
    lists::completed(asked, &listing, filter::row, |rows| async move {
        let mut all = Vec::with_capacity(rows.len());
        for row in &rows {
            all.push(listed(asked, row).await?);
        }
        Ok(all)
    })
    .await
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
    let row = find(&call, missing(call.param("id"))).await?;
    Ok(json(&listed(&call, &row).await?))
}

/// Checks that a body which names its resource type has a query, as the reference reads it: before all else.
fn check_query(body: &Filters) -> ApiResult<()> {
    match body.text("resourceType")?.is_some() && body.names().all(|name| name != "query") {
        true => Err(ApiError::invalid_request("")),
        false => Ok(()),
    }
}

/// What a body says a filter is.
fn read(body: &Filters, id: Id, verb: &str) -> ApiResult<FilterRow> {
    let name = body.text("name")?;
    let properties = body.object("properties")?;
    let query = body.object("query")?;
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        let text = format!("Unable to {verb} filter with invalid content");
        return Err(ApiError::invalid_request(text).with_code(0));
    };
    let owner = body.text("owner")?;
    let query = query.ok_or_else(|| ApiError::invalid_request("query is null"))?;
    Ok(FilterRow {
        id,
        name,
        owner,
        query: Value::Object(stored_query::kept(query.clone())?).to_string(),
        properties: properties.map(|map| Value::Object(map.clone()).to_string()),
    })
}

async fn write(call: &Call, operation: &'static str, change: FilterChange) -> ApiResult<()> {
    let id = match &change {
        FilterChange::Put(row) => row.id,
        FilterChange::Delete(id) => *id,
    };
    let written = call.app.replication.change_filter(change).await;
    written.map_err(error::api)?;
    let told = Told::task_worker("Filter", operation).said("filterId", id);
    call.log(|| vec![told]).await
}

async fn create(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    check_query(&body)?;
    match body.text("resourceType")?.as_deref() {
        Some(TASK) => {}
        None => {
            let text = "Unable to create filter with invalid resource type 'null'";
            return Err(ApiError::invalid_request(text));
        }
        Some(other) => {
            let text = format!("Unable to create filter with invalid resource type '{other}'");
            return Err(ApiError::invalid_request(text));
        }
    }
    let slot = call.app.engine.any_owned_slot().map_err(error::api)?;
    let row = read(&body, call.app.engine.new_id(slot), "create")?;
    let view = call.catalog();
    stored_query::check(&row, &view)?;
    write(&call, "Create", FilterChange::Put(row.clone())).await?;
    if let Some(owner) = &row.owner {
        let own = call.grants(To::User(owner), resource::FILTER, &row.id.to_string(), &[ALL]);
        call.put_grant(own).await?;
    }
    Ok(json(&dto(&row, Value::Null)))
}

async fn update(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    check_query(&body)?;
    let old = find(&call, missing(call.param("id"))).await?;
    if call.without_body() {
        return Err(ApiError::null_pointer(
            "Cannot invoke \"org.camunda.bpm.engine.rest.dto.runtime.FilterDto.updateFilter(org.camunda.bpm.engine.filter.\
             Filter, org.camunda.bpm.engine.ProcessEngine)\" because \"filterDto\" is null",
        ));
    }
    if body.names().next().is_none() {
        let text = "Unable to update filter with invalid content";
        return Err(ApiError::invalid_request(text).with_code(0));
    }
    if let Some(kind) = body.text("resourceType")?.filter(|kind| kind != TASK) {
        let text = format!("Unable to update filter from resource type '{TASK}' to '{kind}'");
        return Err(ApiError::invalid_request(text));
    }
    if body.text("name")?.is_some_and(|name| !name.is_empty()) && !body.has("query") {
        return Err(ApiError::null_pointer(
            "Cannot invoke \"org.camunda.bpm.engine.rest.dto.AbstractQueryDto.toQuery(org.camunda.bpm.engine.ProcessEngine)\" \
             because \"this.query\" is null",
        ));
    }
    let row = read(&body, old.id, "update")?;
    stored_query::check(&row, &call.catalog())?;
    write(&call, "Update", FilterChange::Put(row)).await?;
    Ok(no_content())
}

async fn delete(call: Call) -> ApiResult<Response> {
    let row = find(&call, missing(call.param("id")).with_code(0)).await?;
    write(&call, "Delete", FilterChange::Delete(row.id)).await?;
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

/// The stored query, extended by the body of a POST, and the variables that its filter shows tasks with.
async fn query(call: &Call, extended: bool, counted: bool) -> ApiResult<(Filters, Option<Vec<String>>)> {
    // The page is looked at before the filter.
    Paging::from_query(&call.query)?;
    let extends = extended && call.body().is_ok_and(|body| body.names().next().is_some());
    let missing = missing(call.param("id"));
    let missing = if extends { missing } else { missing.with_code(0) };
    let row = find(call, missing).await?;
    let more = match extended {
        true => extension(call)?,
        false => Filters::from_body(Map::new()),
    };
    refuse(&more)?;
    let view = call.catalog();
    let listing = crate::query::task::listing(call.sees(&more, &view));
    listing
        .map(drop)
        .map_err(|error| match error.message.is_empty() {
            true => ApiError::invalid_request("Invalid query for resource type 'Task'"),
            // A list says of most errors in an order what they are.
            false if error.kind == "NotValidException" && (counted || error.message.contains("asc()")) => {
                ApiError::invalid_request("Filter cannot be extended by an invalid query").with_code(0)
            }
            false => error,
        })?;
    let more = match more.into_value() {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    let merged = Filters::from_body(stored_query::extended(stored_query::read(&row), more));
    let filters = evaluated(call, merged, true).await?;
    Ok((filters, variables(&row)))
}

/// What a body adds to a stored query.
fn extension(call: &Call) -> ApiResult<Filters> {
    let invalid = || ApiError::invalid_request("Invalid query for resource type 'Task'");
    let members = match call.body().map(Filters::into_value) {
        Ok(Value::Object(members)) => members,
        Err(error) if !error.message.is_empty() => return Err(error),
        _ => return Err(invalid()),
    };
    let typed = task_query::typed(members).map_err(|error| match error.message.is_empty() {
        true => invalid(),
        false => error,
    })?;
    Ok(Filters::from_body(typed))
}

/// The names in a filter's property `variables`.
fn variables(row: &FilterRow) -> Option<Vec<String>> {
    let properties: Value = serde_json::from_str(row.properties.as_deref()?).ok()?;
    let variables = properties.get("variables")?.as_array()?;
    let names = variables.iter().filter_map(|v| v.get("name")?.as_str());
    Some(names.map(str::to_owned).collect())
}

async fn tasks(call: Call, extended: bool) -> ApiResult<Response> {
    let (filters, variables) = query(&call, extended, false).await?;
    if call.caller.asks_query {
        return Ok(json(
            &json!({"query": filters.into_value(), "variables": variables}),
        ));
    }
    let answer = match accept::hal(&call) {
        true => task::hal::list(&call, &filters, variables.as_deref()).await?,
        false => task::find(&call, &filters).await?,
    };
    // The router can't know how the stored query sorts.
    Ok(stored_query::told_order(&call, &filters, answer))
}

async fn task_count(call: Call, extended: bool) -> ApiResult<Response> {
    let (filters, variables) = query(&call, extended, true).await?;
    if call.caller.asks_query {
        return Ok(json(
            &json!({"query": filters.into_value(), "variables": variables}),
        ));
    }
    task::number(&call, &filters).await
}

async fn single(call: Call, extended: bool) -> ApiResult<Response> {
    let (filters, variables) = query(&call, extended, false).await?;
    task::single(&call, &filters, variables.as_deref()).await
}
