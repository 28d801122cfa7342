//! `/variable-instance`: list, count, read.
use super::{
    call::{Call, json},
    contents::Contents,
    error, instance_view, lists,
};
use crate::{
    App,
    app::CatalogView,
    query::variable as query,
    rights::need::{READ_INSTANCE, READ_TASK, needs, resource},
    store::Entity,
};
use axum::{Router, response::Response, routing::get};
use bpmn_core::{
    Id,
    instance::{Instance, Variable},
    tree,
};
use rest_api::{
    ApiError, ApiResult,
    filters::Filters,
    runtime::VariableInstance,
    variable::{self, Style},
};
use std::collections::HashMap;

/// Routes of this resource.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/variable-instance", get(list).post(list_post))
        .route("/variable-instance/count", get(count).post(count_post))
        .route("/variable-instance/{id}", get(one))
        .route("/variable-instance/{id}/data", get(data))
}

fn dto(
    view: &CatalogView,
    instance: &Instance,
    row: &Variable,
    contents: &Contents,
    style: Style,
) -> VariableInstance {
    let found = view.by_id(instance.process.definition_id);
    let place = found.map(|found| tree::place_of(&found.reference(), instance, row));
    let (execution, activity) = place.unwrap_or((row.scope_id, None));
    VariableInstance {
        kind: row.value.name(),
        value: variable::plain(&contents.whole(&row.value), style),
        value_info: variable::info(&row.value),
        id: row.id.to_string(),
        name: row.name.clone(),
        process_definition_id: Some(instance_view::definition_id(view, instance.process.definition_id)),
        process_instance_id: Some(row.instance_id.to_string()),
        execution_id: Some(execution.to_string()),
        case_instance_id: None,
        case_execution_id: None,
        task_id: row.task_id.map(|id| id.to_string()),
        batch_id: None,
        activity_instance_id: activity,
        error_message: None,
        tenant_id: instance.process.tenant_id.clone(),
    }
}

async fn list(call: Call) -> ApiResult<Response> {
    find(&call, &call.filters()).await
}

async fn list_post(call: Call) -> ApiResult<Response> {
    find(&call, &call.body()?).await
}

/// A row before its value is known.
type Place = (Id, Id);

async fn find(call: &Call, filters: &Filters) -> ApiResult<Response> {
    let view = call.catalog();
    let listing = query::listing(call.sees(filters, &view))?;
    let deserialize = call.filters().flag("deserializeValues")? != Some(false);
    let style = Style {
        deserialize,
        binary: false,
    };
    let read = |row: &dyn crate::store::Row| -> Result<Place, _> { Ok((row.id(0)?, row.id(1)?)) };
    let (page, next) = lists::select(call, &listing).await?;
    let mut ids: Vec<Id> = Vec::with_capacity(page.rows.len());
    for row in &page.rows {
        ids.push(read(&**row).map_err(error::store)?.1);
    }
    ids.sort();
    ids.dedup();
    let loaded = call.app.engine.store().load(&ids).await.map_err(error::store)?;
    let instances: HashMap<Id, Instance> = loaded.into_iter().map(|i| (i.process.id, i)).collect();
    for slot in ids
        .iter()
        .filter(|id| !instances.contains_key(id))
        .filter_map(|id| id.slot())
    {
        // Gone is one thing, moved to another shard in between another.
        call.shows(slot).await?;
    }
    let mut shown = Vec::with_capacity(page.rows.len());
    for row in &page.rows {
        let (id, instance) = read(&**row).map_err(error::store)?;
        let found = instances
            .get(&instance)
            .and_then(|i| Some((i, i.variables.get(id)?)));
        shown.extend(found.map(|(instance, variable)| (instance, &variable.value, style)));
    }
    let contents = Contents::of(call, shown).await?;
    let mut rows = Vec::with_capacity(page.rows.len());
    for row in &page.rows {
        let (id, instance) = read(&**row).map_err(error::store)?;
        // A variable that went between the two looks is left out, as if it had gone before the first.
        let Some(instance) = instances.get(&instance) else {
            continue;
        };
        let Some(variable) = instance.variables.get(id) else {
            continue;
        };
        let mut value =
            serde_json::to_value(dto(&view, instance, variable, &contents, style)).unwrap_or_default();
        if call.caller.fanout {
            value["_sort"] = listing.sort_values(&**row).map_err(error::store)?.into();
        }
        rows.push(value);
    }
    Ok(lists::continued(call.covered(&rows, &page), next))
}

async fn count(call: Call) -> ApiResult<Response> {
    number(&call, &call.filters()).await
}

async fn count_post(call: Call) -> ApiResult<Response> {
    number(&call, &call.body()?).await
}

async fn number(call: &Call, filters: &Filters) -> ApiResult<Response> {
    let view = call.catalog();
    lists::count(call, &query::listing(call.sees(filters, &view))?).await
}

/// Whether a variable may be seen: with its instance, or with its task.
fn shows(call: &Call, instance: &Instance, row: &Variable) -> bool {
    let Some(rights) = &call.caller.rights else {
        return true;
    };
    let subject = call.subject_of(instance);
    let mut all = needs(
        READ_INSTANCE,
        resource::PROCESS_INSTANCE,
        subject.instance,
        &subject.key,
    );
    let task = row.task_id.and_then(|id| instance.tasks.get(id));
    if let Some(task) = task {
        all.extend(needs(READ_TASK, resource::TASK, Some(task.id), &subject.key));
    }
    let linked = task.map(|task| rights.linked(task)).unwrap_or_default();
    rights.of_tenant(subject.tenant.as_deref()) && rights.allows_linked(&all, &linked)
}

/// The content of a file or of bytes.
async fn data(call: Call) -> ApiResult<Response> {
    let missing = || {
        ApiError::not_found(format!(
            "Variable instance with Id '{}' does not exist.",
            call.param("id")
        ))
    };
    let id = call.id("id").ok_or_else(missing)?;
    let engine = &call.app.engine;
    let instance = engine
        .load_entity(Entity::Variable, id)
        .await
        .map_err(error::api)?;
    let instance = instance.ok_or_else(missing)?;
    let row = instance.variables.get(id).ok_or_else(missing)?;
    if !shows(&call, &instance, row) {
        return Err(missing());
    }
    let contents = Contents::of_one(&call, &instance, &row.value).await?;
    super::history_variable::content(&call, contents.into_whole(&row.value))
}

async fn one(call: Call) -> ApiResult<Response> {
    let missing = || {
        ApiError::not_found(format!(
            "Variable instance with Id '{}' does not exist.",
            call.param("id")
        ))
    };
    let id = call.id("id").ok_or_else(missing)?;
    let instance = call
        .app
        .engine
        .load_entity(Entity::Variable, id)
        .await
        .map_err(error::api)?;
    let instance = instance.ok_or_else(missing)?;
    let row = instance.variables.get(id).ok_or_else(missing)?;
    if !shows(&call, &instance, row) {
        return Err(missing());
    }
    let style = Style {
        deserialize: call.filters().flag("deserializeValue")? != Some(false),
        binary: true,
    };
    let contents = Contents::of(&call, [(&*instance, &row.value, style)]).await?;
    Ok(json(&dto(&call.catalog(), &instance, row, &contents, style)))
}
