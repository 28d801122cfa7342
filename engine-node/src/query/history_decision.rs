//! Decisions that were evaluated, with what they had as inputs and gave.
use super::{Kind, Listing, SortBy, Where, col, equals_id, history, history_process};
use crate::{
    app::decisions::DeployedDecision,
    store::{Row, StoreError, schema::visible},
};
use bpmn_core::{Id, value::TypedValue};
use rest_api::{ApiError, ApiResult, decision::HISTORY_FILTERS};
use sea_query::{Expr, ExprTrait, Query, SelectStatement};

const H: &str = "h";
const V: &str = "v";

/// A row of [`listing`].
pub struct DecisionRow {
    pub id: Id,
    pub root_id: Id,
    pub decision_id: Id,
    pub definition_id: Option<Id>,
    pub instance_id: Option<Id>,
    pub activity_id: Option<Id>,
    pub element: Option<String>,
    pub user_id: Option<String>,
    pub evaluated: i64,
    pub collected: Option<f64>,
    pub parent_id: Option<Id>,
    pub tenant_id: Option<String>,
    /// When somebody has set that it may go, or [`history_process::NEVER`].
    pub removal: Option<i64>,
    /// End of the root of its tree of processes ([`history_process::root_end`]).
    pub root_end: Option<i64>,
}

const COLUMNS: [&str; 13] = [
    "id",
    "root_id",
    "decision_id",
    "definition_id",
    "instance_id",
    "activity_id",
    "element",
    "user_id",
    "evaluated",
    "collected",
    "parent_id",
    "tenant_id",
    "removal",
];

/// Reads a row of [`listing`].
pub fn row(row: &dyn Row) -> Result<DecisionRow, StoreError> {
    Ok(DecisionRow {
        id: row.id(0)?,
        root_id: row.id(1)?,
        decision_id: row.id(2)?,
        definition_id: row.id_opt(3)?,
        instance_id: row.id_opt(4)?,
        activity_id: row.id_opt(5)?,
        element: row.text_opt(6)?,
        user_id: row.text_opt(7)?,
        evaluated: row.i64(8)?,
        collected: row.f64_opt(9)?,
        parent_id: row.id_opt(10)?,
        tenant_id: row.text_opt(11)?,
        removal: row.i64_opt(12)?,
        root_end: row.i64_opt(13)?,
    })
}

fn base() -> SelectStatement {
    Query::select()
        .from_as("history_decision", H)
        .and_where(visible(H))
        .take()
}

fn listed(base: SelectStatement) -> Listing {
    let mut columns = COLUMNS.map(|name| col(H, name)).to_vec();
    columns.push(history_process::root_end(H));
    Listing::new(base, columns, col(H, "id"))
}

/// One evaluation.
pub fn by_id(id: &str) -> Listing {
    listed(base().and_where(equals_id(col(H, "id"), id)).take())
}

/// The decisions that meet a test, as a condition on the column that names them.
fn decisions(w: &mut Where<'_>, test: impl Fn(&DeployedDecision) -> bool) {
    let found = w.view.decisions.all().filter(|d| test(d));
    let ids: Vec<sea_query::Value> = found.map(|d| d.row.id.0.into()).collect();
    w.and(if ids.is_empty() {
        super::never()
    } else {
        col(H, "decision_id").is_in(ids)
    });
}

/// Evaluations that meet the filters.
pub fn listing(mut w: Where<'_>) -> ApiResult<Listing> {
    // Its statement can't have both.
    if w.filters.has("decisionInstanceId") && w.filters.has("decisionInstanceIdIn") {
        return Err(ApiError::persistence());
    }
    w.id("decisionInstanceId", col(H, "id"))?;
    w.ids("decisionInstanceIdIn", col(H, "id"))?;
    of_decisions(&mut w)?;
    w.definition(col(H, "definition_id"))?;
    history::instance(&mut w, "processInstanceId", H)?;
    w.texts("activityIdIn", col(H, "element"))?;
    // `ELEMENT:UUID`
    if let Some(ids) = w.filters.list("activityInstanceIdIn")?.filter(|l| !l.is_empty()) {
        let ids: Vec<String> = ids
            .iter()
            .map(|id| id.rsplit(':').next().unwrap_or(id).to_owned())
            .collect();
        let ids: Vec<sea_query::Value> = super::uuids(&ids).into_iter().map(Into::into).collect();
        w.and(col(H, "activity_id").is_in(ids));
    }
    w.date("evaluatedBefore", |d| col(H, "evaluated").lte(d))?;
    w.date("evaluatedAfter", |d| col(H, "evaluated").gte(d))?;
    w.text("userId", col(H, "user_id"))?;
    if let Some(root) = w.filters.text("rootDecisionInstanceId")? {
        let root = equals_id(col(H, "id"), &root).or(equals_id(col(H, "parent_id"), &root));
        w.and(root);
    }
    w.switch("rootDecisionInstancesOnly", col(H, "parent_id").is_null())?;
    w.tenants(col(H, "tenant_id"))?;
    // There are no cases.
    for name in ["caseDefinitionId", "caseDefinitionKey", "caseInstanceId"] {
        if w.filters.text(name)?.is_some() {
            w.and(super::never());
        }
    }
    for name in [
        "includeInputs",
        "includeOutputs",
        "disableBinaryFetching",
        "disableCustomObjectDeserialization",
    ] {
        w.filters.on(name)?;
    }
    let filters = w.filters;
    w.sees_evaluations(col(H, "decision_id"));
    let condition = w.finish(HISTORY_FILTERS)?;
    listed(base().cond_where(condition).take()).sorted(filters, &sort)
}

/// Filters that name decisions: found in the catalog.
fn of_decisions(w: &mut Where<'_>) -> ApiResult<()> {
    type Field = fn(&DeployedDecision) -> Option<&str>;
    let fields: [(&str, Field); 5] = [
        ("decisionDefinitionId", |d| Some(&d.row.rest_id)),
        ("decisionDefinitionKey", |d| Some(&d.row.key)),
        ("decisionDefinitionName", |d| d.row.name.as_deref()),
        ("decisionRequirementsDefinitionId", |d| {
            Some(d.row.requirements.as_ref()?.rest_id.as_str())
        }),
        ("decisionRequirementsDefinitionKey", |d| {
            Some(d.row.requirements.as_ref()?.key.as_str())
        }),
    ];
    for (name, field) in fields {
        if let Some(text) = w.filters.text(name)? {
            decisions(w, |d| field(d) == Some(text.as_str()));
        }
    }
    let lists: [(&str, Field); 2] = [
        ("decisionDefinitionIdIn", |d| Some(&d.row.rest_id)),
        ("decisionDefinitionKeyIn", |d| Some(&d.row.key)),
    ];
    for (name, field) in lists {
        if let Some(texts) = w.filters.list(name)?.filter(|l| !l.is_empty()) {
            decisions(w, |d| field(d).is_some_and(|f| texts.iter().any(|t| t == f)));
        }
    }
    if let Some(pattern) = w.filters.text("decisionDefinitionNameLike")? {
        decisions(w, |d| {
            d.row
                .name
                .as_deref()
                .is_some_and(|name| super::matches(&pattern, name))
        });
    }
    Ok(())
}

fn sort(by: &str) -> Option<SortBy> {
    Some(match by {
        "evaluationTime" => (col(H, "evaluated"), Kind::Number),
        "tenantId" => (col(H, "tenant_id"), Kind::Text),
        _ => return None,
    })
}

/// An input or an output of an evaluation.
pub struct ValueRow {
    pub id: Id,
    pub evaluation_id: Id,
    pub clause_id: Option<String>,
    pub clause_name: Option<String>,
    pub created: Option<i64>,
    pub value: TypedValue,
    /// Of outputs.
    pub rule_id: Option<String>,
    pub rule_order: Option<i64>,
    pub name: Option<String>,
}

/// The inputs of evaluations, or their outputs, in the order in which they were made.
pub fn values(of: &[(Id, Id)], outputs: bool) -> SelectStatement {
    let table = if outputs {
        "history_decision_output"
    } else {
        "history_decision_input"
    };
    let ids = |pick: fn(&(Id, Id)) -> Id| of.iter().map(move |pair| sea_query::Value::from(pick(pair).0));
    let mut query = Query::select();
    for name in ["id", "evaluation_id", "clause_id", "clause_name", "created"] {
        query.expr(col(V, name));
    }
    for name in ["type", "text", "number", "float", "bytes", "info"] {
        query.expr(col(V, name));
    }
    for name in ["rule_id", "rule_order", "name"] {
        query.expr(if outputs { col(V, name) } else { Expr::cust("NULL") });
    }
    query
        .from_as(table, V)
        .and_where(col(V, "root_id").is_in(ids(|(root, _)| *root)))
        .and_where(col(V, "evaluation_id").is_in(ids(|(_, id)| *id)))
        .and_where(visible(V))
        .order_by((V, "id"), sea_query::Order::Asc)
        .take()
}

/// Reads a row of [`values`].
pub fn value_row(row: &dyn Row, outputs: bool) -> Result<ValueRow, StoreError> {
    Ok(ValueRow {
        id: row.id(0)?,
        evaluation_id: row.id(1)?,
        clause_id: row.text_opt(2)?,
        clause_name: row.text_opt(3)?,
        created: row.i64_opt(4)?,
        value: history::value(row, 5)?,
        rule_id: if outputs { row.text_opt(11)? } else { None },
        rule_order: if outputs { row.i64_opt(12)? } else { None },
        name: if outputs { row.text_opt(13)? } else { None },
    })
}

/// How often decisions of a file were evaluated: row id of the decision and the count.
pub fn evaluations(decisions: &[Id], instance: Option<&str>) -> SelectStatement {
    let ids = decisions.iter().map(|id| sea_query::Value::from(id.0));
    let mut query = Query::select();
    query
        .expr(col(H, "decision_id"))
        .expr(Expr::cust("count(*)"))
        .from_as("history_decision", H)
        .and_where(visible(H))
        .and_where(col(H, "decision_id").is_in(ids))
        .group_by_col((H, "decision_id"));
    if let Some(id) = instance {
        query.and_where(equals_id(col(H, "id"), id).or(equals_id(col(H, "parent_id"), id)));
    }
    query.take()
}
