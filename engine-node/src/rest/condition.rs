//! `POST /condition`: starts what has a conditional start event whose condition holds.
use super::{
    call::{Call, json},
    error, instance_view,
};
use crate::{App, app::conditions::Offer};
use axum::{Router, response::Response, routing::post};
use http::StatusCode;
use rest_api::{
    ApiError, ApiResult,
    variable::{self, VariableError},
};

/// Routes of this resource.
pub fn routes() -> Router<App> {
    Router::new().route("/condition", post(evaluate))
}

async fn evaluate(call: Call) -> ApiResult<Response> {
    let body = call.body()?;
    let (tenant_id, without_tenant) = (body.text("tenantId")?, body.on("withoutTenantId")?);
    if tenant_id.is_some() && without_tenant {
        let text = "Parameter 'tenantId' cannot be used together with parameter 'withoutTenantId'.";
        return Err(ApiError::invalid_request(text));
    }
    let view = call.catalog();
    let definition = match body.text("processDefinitionId")? {
        Some(id) => Some(view.by_rest_id(&id).cloned().ok_or_else(|| {
            let text =
                format!("no deployed process definition found with id '{id}': processDefinition is null");
            ApiError::new(StatusCode::BAD_REQUEST, "NotFoundException", text).with_code(0)
        })?),
        None => None,
    };
    let variables = variable::read_all(body.raw("variables")).map_err(VariableError::bare)?;
    let offer = Offer {
        variables,
        business_key: body.text("businessKey")?,
        tenant_id,
        without_tenant,
        definition,
    };
    let shown = move |instance: &bpmn_core::instance::Instance| {
        let mut started = instance_view::started(&view, instance, "");
        started.links.clear();
        started
    };
    let started = call
        .app
        .engine
        .start_by_condition(&call.caller, &offer, shown)
        .await;
    started.map(|list| json(&list)).map_err(error::api)
}
