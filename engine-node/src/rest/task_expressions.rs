//! Expressions as filters of tasks: in stored queries and in the objects of `orQueries`.
use super::{call::Call, error};
use crate::{app::writer::now, query::group};
use expr::{Context, EvalError, Expression, Value};
use http::StatusCode;
use rest_api::{ApiError, ApiResult, date, filters::Filters, known};
use serde_json::{Map, Value as Json};

const SUFFIX: &str = "Expression";

/// Who asks, as expressions see it.
struct Asker {
    user: Option<String>,
    groups: Option<Vec<String>>,
    now: i64,
}

impl Context for Asker {
    fn variable(&mut self, _name: &str) -> Option<Value> {
        None
    }

    fn call(&mut self, _bean: &str, _method: &str, _args: Vec<Value>) -> Result<Option<Value>, EvalError> {
        Ok(None)
    }

    fn property(&mut self, _bean: &str, _name: &str) -> Result<Option<Value>, EvalError> {
        Ok(None)
    }

    fn now(&self) -> i64 {
        self.now
    }

    fn user(&self) -> Option<String> {
        self.user.clone()
    }

    fn groups(&self) -> Option<Vec<String>> {
        self.groups.clone()
    }
}

/// The filters whose values are expressions.
fn names() -> impl Iterator<Item = &'static str> {
    known::TASK.iter().copied().filter(|name| name.ends_with(SUFFIX))
}

/// The filters with their expressions evaluated. Those of the query itself are refused unless it is a `stored` one, as
/// the reference does by default.
///
/// # Errors
/// That, and an expression that fails.
pub async fn evaluated(call: &Call, filters: Filters, stored: bool) -> ApiResult<Filters> {
    if !stored {
        refuse(&filters)?;
    }
    if !filters.is_post() {
        return Ok(filters);
    }
    let members = filters.into_value();
    let Json::Object(mut members) = members else {
        return Ok(Filters::from_body(Map::new()));
    };
    let user = call.caller.user.clone();
    let mut asker = Asker {
        groups: groups(call, user.as_deref(), &members).await?,
        user,
        now: now(),
    };
    replace(&mut members, &mut asker)?;
    if let Some(Json::Array(queries)) = members.get_mut("orQueries") {
        for query in queries.iter_mut().filter_map(Json::as_object_mut) {
            replace(query, &mut asker)?;
        }
    }
    Ok(Filters::from_body(members))
}

/// Refuses expressions of a query that isn't stored.
pub fn refuse(filters: &Filters) -> ApiResult<()> {
    match names().any(|name| filters.has(name)) {
        true => Err(ApiError::bad_user_request(
            "BadUserRequestException",
            "Expressions are forbidden in adhoc queries. This behavior can be toggled in the process engine configuration",
        )),
        false => Ok(()),
    }
}

/// The groups of the user, where an expression may ask for them.
async fn groups(
    call: &Call,
    user: Option<&str>,
    members: &Map<String, Json>,
) -> ApiResult<Option<Vec<String>>> {
    let asked = |value: &Json| value.to_string().contains("currentUserGroups");
    let Some(user) = user.filter(|_| members.values().any(asked)) else {
        return Ok(None);
    };
    if let Some(rights) = call.caller.rights.as_ref().filter(|rights| rights.user == user) {
        return Ok(Some(rights.groups.clone()));
    }
    let snapshot = call.select(&group::ids_of(user)).await?;
    let names = snapshot.rows.iter().map(|row| row.text(0));
    names
        .collect::<Result<Vec<_>, _>>()
        .map(Some)
        .map_err(error::store)
}

/// Filters by texts, with the method that takes each in the reference: none takes null.
const TEXTS: [(&str, &str); 9] = [
    ("assignee", "taskAssignee"),
    ("assigneeLike", "taskAssigneeLike"),
    ("candidateGroup", "taskCandidateGroup"),
    ("candidateGroups", "taskCandidateGroupIn"),
    ("candidateUser", "taskCandidateUser"),
    ("involvedUser", "taskInvolvedUser"),
    ("owner", "taskOwner"),
    ("processInstanceBusinessKey", "processInstanceBusinessKey"),
    ("processInstanceBusinessKeyLike", "processInstanceBusinessKeyLike"),
];

/// Puts values in place of expressions; an expression is stronger than a value of the same filter.
fn replace(members: &mut Map<String, Json>, asker: &mut Asker) -> ApiResult<()> {
    let failed = |text: String| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "ELException", text);
    for name in names() {
        let Some(Json::String(text)) = members.remove(name) else {
            continue;
        };
        let field = &name[..name.len() - SUFFIX.len()];
        let expression = Expression::parse(&text).map_err(|why| failed(why.to_string()))?;
        let value = expression.eval(asker).map_err(|why| failed(why.to_string()))?;
        let method = TEXTS
            .iter()
            .find(|(name, _)| *name == field)
            .map(|(_, method)| method);
        if let (Value::Null, Some(method)) = (&value, method) {
            return Err(ApiError::engine(format!(
                "Unable to invoke method '{method}' on class 'org.camunda.bpm.engine.impl.TaskQueryImpl'"
            )));
        }
        if field == "candidateGroups" && !matches!(value, Value::List(_)) {
            return Err(ApiError::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "IllegalArgumentException",
                "argument type mismatch",
            ));
        }
        members.insert(field.to_owned(), json(value));
    }
    Ok(())
}

/// A value as a filter takes it.
fn json(value: Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Date(at) | Value::DateTime(at) => Json::from(date::format(at)),
        Value::List(items) => items.into_iter().map(json).collect(),
        other => Json::from(other.to_text()),
    }
}
