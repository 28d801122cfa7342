//! `/deployment`: create from a multipart upload, list, read, delete.
use super::{
    batch::encoded,
    call::{Call, json, no_content, typed},
    decision_definition, decision_requirements, error,
    multipart::{self, Part, malformed},
    process_definition, suspension,
};
use crate::{
    App,
    app::operations::text,
    query::{self, memory},
    replication::NewDeployment,
    rights::{grants::To, need::resource},
    store::{DeploymentRow, ResourceRow, operations::Told},
};
use axum::{
    Router,
    response::Response,
    routing::{get, post},
};
use http::{HeaderValue, StatusCode, header};
use rest_api::{
    ApiError, ApiResult, Date, date,
    deployment::{Deployed, Deployment, Link, Resource, by_id},
    filters::{Filters, sorting},
};
use serde_json::{Map, Value, json};

/// Routes of this resource.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/deployment", get(list))
        .route("/deployment/count", get(count))
        .route("/deployment/create", post(create))
        .route("/deployment/{id}", get(one).delete(delete))
        .route("/deployment/{id}/resources", get(resources))
        .route("/deployment/{id}/resources/{resource}", get(resource))
        .route("/deployment/{id}/resources/{resource}/data", get(data))
}

fn dto(row: &DeploymentRow, links: Vec<Link>) -> Deployment {
    Deployment {
        links,
        id: row.id.to_string(),
        name: row.name.clone(),
        source: row.source.clone(),
        deployment_time: Date(row.deployed),
        tenant_id: row.tenant_id.clone(),
    }
}

/// Keeps the deployments that may be read.
fn readable(call: &Call, rows: &mut Vec<&DeploymentRow>) {
    call.keep(rows, resource::DEPLOYMENT, "READ", |d| {
        (d.id.to_string(), d.tenant_id.clone())
    });
}

async fn list(call: Call) -> ApiResult<Response> {
    let (filters, view) = (call.filters(), call.catalog());
    let sortings = sorting(&filters, &|by| query::deployment::SORTS.contains(&by))?;
    let mut rows = query::deployment::find(&filters, &view)?;
    readable(&call, &mut rows);
    let rows = memory::page(
        rows,
        &sortings,
        call.paging()?,
        |d, by| query::deployment::key(d, by),
        |d| d.id.to_string(),
    );
    Ok(json(
        &rows.into_iter().map(|d| dto(d, Vec::new())).collect::<Vec<_>>(),
    ))
}

async fn count(call: Call) -> ApiResult<Response> {
    let (filters, view) = (call.filters(), call.catalog());
    let mut rows = query::deployment::find(&filters, &view)?;
    readable(&call, &mut rows);
    sorting(&filters, &|by| query::deployment::SORTS.contains(&by))?;
    Ok(json(&json!({ "count": rows.len() })))
}

pub(super) fn found(call: &Call, missing: impl Fn(&str) -> String) -> ApiResult<DeploymentRow> {
    let view = call.catalog();
    let row = call.id("id").and_then(|id| view.deployments.get(&id).cloned());
    row.ok_or_else(|| ApiError::not_found(missing(call.param("id"))))
}

async fn one(call: Call) -> ApiResult<Response> {
    let row = found(&call, |id| format!("Deployment with id '{id}' does not exist"))?;
    Ok(json(&dto(&row, Vec::new())))
}

async fn delete(call: Call) -> ApiResult<Response> {
    let row = found(&call, |id| format!("Deployment with id '{id}' do not exist"))?;
    let cascade = call.filters().java_flag("cascade") == Some(true);
    let deleted = call
        .app
        .replication
        .delete_deployment(&call.caller, row.id, cascade)
        .await;
    deleted.map_err(error::api)?;
    call.drop_grants(resource::DEPLOYMENT, row.id.to_string()).await?;
    let told = Told {
        deployment_id: text(row.id),
        ..Told::operator("Deployment", "Delete")
    };
    call.log(|| vec![told.said("cascade", cascade)]).await?;
    Ok(no_content())
}

fn resources_missing(id: &str) -> String {
    format!("Deployment resources for deployment id '{id}' do not exist.")
}

fn resource_dto(deployment: &DeploymentRow, row: &ResourceRow) -> Resource {
    Resource {
        id: row.id.to_string(),
        name: row.name.clone(),
        deployment_id: deployment.id.to_string(),
    }
}

async fn resources(call: Call) -> ApiResult<Response> {
    let row = found(&call, resources_missing)?;
    Ok(json(
        &row.resources
            .iter()
            .map(|r| resource_dto(&row, r))
            .collect::<Vec<_>>(),
    ))
}

async fn resource(call: Call) -> ApiResult<Response> {
    let row = found(&call, resources_missing)?;
    let wanted = call.param("resource");
    let Some(resource) = row.resources.iter().find(|r| r.id.to_string() == wanted) else {
        return Err(ApiError::not_found(format!(
            "Deployment resource with resource id '{wanted}' for deployment id '{}' does not exist.",
            row.id
        )));
    };
    Ok(json(&resource_dto(&row, resource)))
}

async fn data(call: Call) -> ApiResult<Response> {
    let wanted = call.param("resource");
    let missing = || {
        let id = call.param("id");
        ApiError::null_value(format!(
            "no resource found with id '{wanted}' in deployment '{id}': resource is null"
        ))
    };
    let row = found(&call, |_| String::new()).map_err(|_| missing())?;
    let resource = row
        .resources
        .iter()
        .find(|r| r.id.to_string() == wanted)
        .ok_or_else(missing)?;
    let content = call
        .app
        .engine
        .store()
        .resource(row.id, &resource.name)
        .await
        .map_err(error::store)?;
    let content = content.ok_or_else(missing)?.content;
    Ok(attachment(&resource.name, media_type(&resource.name), content))
}

/// 200 with a file.
pub fn attachment(name: &str, media_type: &str, content: Vec<u8>) -> Response {
    let mut response = typed(media_type, content);
    let plain: String = name
        .rsplit('/')
        .next()
        .unwrap_or(name)
        .chars()
        .map(|c| {
            if c.is_ascii_graphic() && c != '"' || c == ' ' {
                c
            } else {
                '_'
            }
        })
        .collect();
    let encoded: String = name
        .rsplit('/')
        .next()
        .unwrap_or(name)
        .bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => (b as char).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect();
    let value = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}");
    if let Ok(value) = HeaderValue::from_str(&value) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

/// The media type that a file's name says, as the reference tells it.
pub fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or("") {
        "bpmn" | "xml" | "dmn" | "cmmn" => "application/xml",
        "html" | "htm" => "text/html",
        "txt" => "text/plain",
        "json" => "application/json",
        "js" => "application/javascript",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "svg" => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

async fn create(call: Call) -> ApiResult<Response> {
    let new = upload(&call).await?;
    deploy(&call, new).await
}

/// Deploys, and tells what has come of it.
pub(super) async fn deploy(call: &Call, new: NewDeployment) -> ApiResult<Response> {
    let base = Told::operator("Deployment", "Create");
    let mut told = vec![base.said(
        "duplicateFilterEnabled",
        new.duplicate_filtering || new.changed_only,
    )];
    if new.duplicate_filtering || new.changed_only {
        told.push(base.said("deployChangedOnly", new.changed_only));
    }
    let activation = new.activation;
    let (row, new) = call
        .app
        .replication
        .deploy(&call.caller, new)
        .await
        .map_err(error::api)?;
    if let Some(user) = call.caller.user.as_ref().filter(|_| new) {
        let id = row.id.to_string();
        let own = call.grants(To::User(user), resource::DEPLOYMENT, &id, &["READ", "DELETE"]);
        call.put_grant(own).await?;
    }
    for definition in row.definitions.iter().filter(|_| new) {
        let Some(due) = activation else { break };
        let path = format!("/process-definition/{}/suspended", encoded(&definition.rest_id));
        let members = [("suspended", false), ("includeProcessInstances", false)];
        let members = members.map(|(name, on)| (name.to_owned(), Value::Bool(on)));
        let body = Filters::from_body(Map::from_iter(members));
        suspension::schedule(call, &body, &path, Some(row.id), due).await?;
    }
    told.iter_mut().for_each(|told| told.deployment_id = text(row.id));
    call.log(|| told).await?;
    let href = format!("{}/deployment/{}", call.caller.base_url, row.id);
    let links = vec![Link {
        method: "GET",
        href,
        rel: "self",
    }];
    let processes = row.definitions.iter().filter(|_| new);
    let decisions = row.decisions.iter().filter(|_| new);
    let requirements = row.requirements.iter().filter(|_| new);
    Ok(json(&Deployed {
        deployment: dto(&row, links),
        deployed_process_definitions: by_id(
            // As the reference had them before it suspended them.
            processes.map(|d| {
                let mut shown = process_definition::wire(d, Some(&row));
                shown.suspended = false;
                (d.rest_id.clone(), shown)
            }),
        ),
        deployed_case_definitions: None,
        deployed_decision_definitions: by_id(
            decisions.map(|d| (d.rest_id.clone(), decision_definition::dto(d))),
        ),
        deployed_decision_requirements_definitions: by_id(
            requirements.map(|r| (r.rest_id.clone(), decision_requirements::dto(r))),
        ),
    }))
}

/// Reads the parts: the reserved names are the deployment's fields, all others are files named by their file name.
async fn upload(call: &Call) -> ApiResult<NewDeployment> {
    let mut new = NewDeployment {
        name: None,
        source: None,
        tenant_id: None,
        resources: Vec::new(),
        duplicate_filtering: false,
        changed_only: false,
        activation: None,
    };
    let mut activation = String::new();
    if call.content_type.is_none() && call.body.is_empty() {
        return Err(ApiError::null_pointer(
            "Cannot invoke \"org.camunda.bpm.engine.rest.mapper.MultipartFormData.getPartNames()\" because \"payload\" is \
             null",
        ));
    }
    for Part {
        name,
        file_name,
        bytes,
        ..
    } in multipart::parts(call).await?
    {
        let text = || {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if text.contains('\0') {
                Err(malformed(format!("part '{name}' contains a NUL character")))
            } else {
                Ok(text)
            }
        };
        let on = || Ok::<bool, ApiError>(text()?.trim().eq_ignore_ascii_case("true"));
        match name.as_str() {
            "deployment-name" => new.name = Some(text()?),
            "deployment-source" => new.source = Some(text()?),
            "tenant-id" => new.tenant_id = Some(text()?).filter(|t| !t.is_empty()),
            "enable-duplicate-filtering" => new.duplicate_filtering = on()?,
            "deploy-changed-only" => new.changed_only = on()?,
            "deployment-activation-time" => activation = text()?,
            _ => match file_name {
                Some(file) => {
                    new.resources.retain(|(known, _)| *known != file);
                    new.resources.push((file, bytes.to_vec()));
                }
                None => {
                    return Err(ApiError::invalid_request(
                        "No file name found in the deployment resource described by form parameter 'null'.",
                    ));
                }
            },
        }
    }
    if !activation.is_empty() {
        let due = date::parse(&activation).or_else(|| bpmn_core::timer::date(&activation).ok());
        let unreadable = || {
            let text = format!("Invalid format: \"{activation}\"");
            ApiError::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "IllegalArgumentException",
                text,
            )
        };
        new.activation = Some(due.ok_or_else(unreadable)?);
    }
    if new.resources.is_empty() {
        return Err(ApiError::invalid_request(
            "No deployment resources contained in the form upload.",
        ));
    }
    Ok(new)
}
