//! `/history/decision-instance`: list, count, one; how often decisions of a file were evaluated.
use super::{
    call::{Call, json},
    error, history, instance_view, lists,
};
use crate::{
    App,
    app::CatalogView,
    query::{
        history_decision::{self, DecisionRow, ValueRow},
        history_process::NEVER,
    },
    rights::need::{Need, resource},
};
use axum::{Router, response::Response, routing::get};
use bpmn_core::{Id, tree::activity_instance_id};
use rest_api::{ApiError, ApiResult, Date, decision::HistoricDecisionInstance, variable};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

/// Routes of this resource.
pub fn routes() -> Router<App> {
    let root = "/history/decision-instance";
    Router::new()
        .route(root, get(list))
        .route(&format!("{root}/count"), get(count))
        .route(&format!("{root}/{{id}}"), get(one))
        .route(
            "/history/decision-requirements-definition/{id}/statistics",
            get(statistics),
        )
}

const DAY: i64 = 86_400_000;

/// When an evaluation may go: with its tree of processes, or by the decision's own time to live.
fn removal(view: &CatalogView, row: &DecisionRow) -> Option<Date> {
    if let Some(set) = row.removal {
        return (set != NEVER).then_some(Date(set));
    }
    if let Some(definition) = row.definition_id {
        return history::removal(view, definition, row.root_end);
    }
    let days = view.decisions.by_id(row.decision_id)?.row.history_ttl_days?;
    Some(Date(row.evaluated + i64::from(days) * DAY))
}

fn dto(view: &CatalogView, row: &DecisionRow) -> HistoricDecisionInstance {
    let decision = view.decisions.by_id(row.decision_id).map(|d| &d.row);
    let requirements = decision.and_then(|d| d.requirements.as_ref());
    let activity = row.element.as_ref().zip(row.activity_id);
    HistoricDecisionInstance {
        id: row.id.to_string(),
        decision_definition_id: decision.map(|d| d.rest_id.clone()),
        decision_definition_key: decision.map(|d| d.key.clone()),
        decision_definition_name: decision.and_then(|d| d.name.clone()),
        evaluation_time: Date(row.evaluated),
        removal_time: removal(view, row),
        process_definition_id: row.definition_id.map(|id| instance_view::definition_id(view, id)),
        process_definition_key: row
            .definition_id
            .and_then(|id| instance_view::definition_key(view, id)),
        process_instance_id: row.instance_id.map(|id| id.to_string()),
        root_process_instance_id: row.instance_id.map(|_| row.root_id.to_string()),
        case_definition_id: None,
        case_definition_key: None,
        case_instance_id: None,
        activity_id: row.element.clone(),
        activity_instance_id: activity.map(|(element, id)| activity_instance_id(element, id)),
        user_id: row.user_id.clone(),
        inputs: None,
        outputs: None,
        collect_result_value: row.collected,
        root_decision_instance_id: row.parent_id.map(|id| id.to_string()),
        decision_requirements_definition_id: requirements.map(|r| r.rest_id.clone()),
        decision_requirements_definition_key: requirements.map(|r| r.key.clone()),
        tenant_id: row.tenant_id.clone(),
    }
}

/// An input or output on the wire.
fn value_dto(of: &HistoricDecisionInstance, row: &ValueRow, outputs: bool, deserialize: bool) -> Value {
    let style = variable::Style {
        deserialize,
        binary: false,
    };
    let mut dto = variable::write(&row.value, style);
    let mut put = |name: &str, value: Value| {
        if let Value::Object(members) = &mut dto {
            members.insert(name.to_owned(), value);
        }
    };
    put("id", json!(row.id.to_string()));
    put("decisionInstanceId", json!(row.evaluation_id.to_string()));
    put("clauseId", json!(row.clause_id));
    put("clauseName", json!(row.clause_name));
    if outputs {
        put("ruleId", json!(row.rule_id));
        put("ruleOrder", json!(row.rule_order));
        put("variableName", json!(row.name));
    }
    put("errorMessage", Value::Null);
    put("createTime", json!(row.created.map(Date)));
    put("removalTime", json!(of.removal_time));
    put("rootProcessInstanceId", json!(of.root_process_instance_id));
    dto
}

/// Adds inputs or outputs to the evaluations of a page.
async fn add_values(
    call: &Call,
    of: &[(Id, Id)],
    page: &mut [HistoricDecisionInstance],
    outputs: bool,
) -> ApiResult<()> {
    let deserialize = !call.filters().on("disableCustomObjectDeserialization")?;
    let mut by_evaluation: HashMap<Id, Vec<ValueRow>> = HashMap::new();
    if !of.is_empty() {
        let snapshot = call.select(&history_decision::values(of, outputs)).await?;
        for row in &snapshot.rows {
            let row = history_decision::value_row(&**row, outputs).map_err(error::store)?;
            by_evaluation.entry(row.evaluation_id).or_default().push(row);
        }
    }
    for (dto, (_, id)) in page.iter_mut().zip(of) {
        let rows = by_evaluation.remove(id).unwrap_or_default();
        let values = rows
            .iter()
            .map(|row| value_dto(dto, row, outputs, deserialize))
            .collect();
        match outputs {
            true => dto.outputs = Some(values),
            false => dto.inputs = Some(values),
        }
    }
    Ok(())
}

/// Adds what the request wants to see of evaluations.
async fn complete(
    call: &Call,
    rows: &[DecisionRow],
    inputs: bool,
    outputs: bool,
) -> ApiResult<Vec<HistoricDecisionInstance>> {
    let view = call.catalog();
    let mut page: Vec<_> = rows.iter().map(|row| dto(&view, row)).collect();
    let of: Vec<(Id, Id)> = rows.iter().map(|row| (row.root_id, row.id)).collect();
    if inputs {
        add_values(call, &of, &mut page, false).await?;
    }
    if outputs {
        add_values(call, &of, &mut page, true).await?;
    }
    Ok(page)
}

async fn list(call: Call) -> ApiResult<Response> {
    let (filters, view) = (call.filters(), call.catalog());
    let listing = history_decision::listing(call.sees(&filters, &view))?;
    let (inputs, outputs) = (filters.on("includeInputs")?, filters.on("includeOutputs")?);
    lists::completed(&call, &listing, history_decision::row, |rows| {
        let call = &call;
        async move { complete(call, &rows, inputs, outputs).await }
    })
    .await
}

async fn count(call: Call) -> ApiResult<Response> {
    let (filters, view) = (call.filters(), call.catalog());
    lists::count(&call, &history_decision::listing(call.sees(&filters, &view))?).await
}

/// Whether an evaluation may be seen.
fn shows(call: &Call, row: &DecisionRow) -> bool {
    let view = call.catalog();
    let decision = view.decisions.by_id(row.decision_id);
    let key = decision.map_or("", |d| d.row.key.as_str());
    call.caller.rights.as_ref().is_none_or(|rights| {
        let needs = [Need::on(resource::DECISION_DEFINITION, "READ_HISTORY", key)];
        rights.allows(&needs) && rights.of_tenant(row.tenant_id.as_deref())
    })
}

async fn one(call: Call) -> ApiResult<Response> {
    let id = call.param("id");
    let missing = || {
        ApiError::not_found(format!(
            "Historic decision instance with id '{id}' does not exist"
        ))
    };
    let snapshot = call.select(&history_decision::by_id(id).subquery()).await?;
    let Some(row) = snapshot.rows.first() else {
        return Err(call.missing(call.id("id"), missing()).await);
    };
    let row = history_decision::row(&**row).map_err(error::store)?;
    if !shows(&call, &row) {
        return Err(missing());
    }
    let on = |name: &str| call.filters().java_flag(name) == Some(true);
    let found = complete(&call, &[row], on("includeInputs"), on("includeOutputs")).await?;
    Ok(json(found.first().ok_or_else(missing)?))
}

async fn statistics(call: Call) -> ApiResult<Response> {
    let view = call.catalog();
    // Of an unknown file nothing is found, which a router has to be told with what it covers.
    let requirements = view.decisions.requirements_by_rest_id(call.param("id"));
    let of_file = |d: &&std::sync::Arc<crate::app::decisions::DeployedDecision>| match (
        &d.row.requirements,
        &requirements,
    ) {
        (Some(one), Some(asked)) => one.id == asked.id,
        _ => false,
    };
    let decisions: Vec<_> = view.decisions.all().filter(of_file).collect();
    let ids: Vec<Id> = decisions.iter().map(|d| d.row.id).collect();
    let query = history_decision::evaluations(&ids, call.query_param("decisionInstanceId"));
    let snapshot = call.select(&query).await?;
    let mut counts = BTreeMap::new();
    for row in &snapshot.rows {
        let id = row.id(0).map_err(error::store)?;
        let count = row.i64(1).map_err(error::store)?;
        let decision = decisions.iter().find(|d| d.row.id == id);
        counts.insert(decision.map(|d| d.row.key.as_str()), count);
    }
    let rows: Vec<Value> = counts
        .iter()
        .map(|(key, count)| json!({"decisionDefinitionKey": key, "evaluations": count}))
        .collect();
    Ok(call.covered(&rows, &snapshot))
}
