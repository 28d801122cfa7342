//! Queries for tasks in bodies, brought to the types of their members as the reference's JSON reader (7.24) does: numbers
//! become texts, texts numbers and booleans, and what can't is refused before anything is done.
use crate::{ApiError, ApiResult, date, known};
use http::StatusCode;
use serde_json::{Map, Value};

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Text,
    Switch,
    Number,
    Date,
    Texts,
    Variables,
    Queries,
}

const SWITCHES: [&str; 16] = [
    "withoutTenantId",
    "includeAssignedTasks",
    "assigned",
    "unassigned",
    "withoutDueDate",
    "withCandidateGroups",
    "withoutCandidateGroups",
    "withCandidateUsers",
    "withoutCandidateUsers",
    "active",
    "suspended",
    "variableNamesIgnoreCase",
    "variableValuesIgnoreCase",
    "withCommentAttachmentInfo",
    "withTaskVariablesInReturn",
    "withTaskLocalVariablesInReturn",
];
const NUMBERS: [&str; 3] = ["priority", "minPriority", "maxPriority"];
const DATES: [&str; 11] = [
    "dueDate",
    "dueAfter",
    "dueBefore",
    "followUpDate",
    "followUpAfter",
    "followUpBefore",
    "followUpBeforeOrNotExistent",
    "createdOn",
    "createdAfter",
    "createdBefore",
    "updatedAfter",
];

/// Lists that take no null, with the words in which the reference says so.
const WITHOUT_NULL: [(&str, &str); 4] = [
    ("taskIdIn", "taskIds"),
    ("tenantIdIn", "tenantIds"),
    ("assigneeIn", "Assignees"),
    ("assigneeNotIn", "Assignees"),
];

/// The members of a variable filter's list, and the reference's word for whose variables they are.
const VARIABLES: [(&str, &str); 3] = [
    ("taskVariables", "task"),
    ("processVariables", "process"),
    ("caseInstanceVariables", "case"),
];

fn type_of(name: &str) -> Option<Type> {
    if !known::TASK.contains(&name) {
        return None;
    }
    Some(match name {
        "orQueries" => Type::Queries,
        "sorting" | "sortBy" | "sortOrder" => return None,
        name if SWITCHES.contains(&name) => Type::Switch,
        name if NUMBERS.contains(&name) => Type::Number,
        name if DATES.contains(&name) => Type::Date,
        name if VARIABLES.iter().any(|(variables, _)| *variables == name) => Type::Variables,
        name if name.ends_with("In") || name == "candidateGroups" => Type::Texts,
        _ => Type::Text,
    })
}

fn bad() -> ApiError {
    ApiError::invalid_request("")
}

/// A body's members, each of its type; what the reference doesn't know stays as it is.
///
/// # Errors
/// 400 for a value that can't be of its member's type; of variable filters whatever the reference answers.
pub fn typed(members: Map<String, Value>) -> ApiResult<Map<String, Value>> {
    let mut typed = Map::new();
    for (name, value) in members {
        let value = match type_of(&name) {
            Some(ty) if !value.is_null() => of_type(&name, ty, value)?,
            _ => value,
        };
        typed.insert(name, value);
    }
    // After all else could be read.
    for (name, whose) in VARIABLES {
        for one in typed.get(name).and_then(Value::as_array).into_iter().flatten() {
            variable(one, whose)?;
        }
    }
    Ok(typed)
}

fn of_type(name: &str, ty: Type, value: Value) -> ApiResult<Value> {
    Ok(match (ty, value) {
        (Type::Text, value) => text(value)?.into(),
        (Type::Switch | Type::Number | Type::Date, Value::String(text)) if text.is_empty() => Value::Null,
        (Type::Switch, Value::String(text)) => match text.trim() {
            "true" | "True" | "TRUE" => true.into(),
            "false" | "False" | "FALSE" => false.into(),
            _ => return Err(bad()),
        },
        (Type::Switch, Value::Number(number)) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => (number != 0).into(),
            (None, Some(_)) => true.into(),
            _ => return Err(bad()),
        },
        (Type::Number, Value::Number(number)) if number.is_f64() => {
            (number.as_f64().unwrap_or_default().trunc() as i64).into()
        }
        (Type::Date, Value::Number(millis)) => date::format(millis.as_i64().ok_or_else(bad)?).into(),
        (Type::Switch | Type::Number | Type::Date, Value::Array(_) | Value::Object(_)) => return Err(bad()),
        (Type::Texts, Value::Array(items)) => {
            let refused = WITHOUT_NULL.iter().find(|(list, _)| *list == name);
            if let Some((_, words)) = refused
                && items.iter().any(Value::is_null)
            {
                return Err(ApiError::null_value(format!("{words} contains null value")));
            }
            // A null is in the list, and nothing equals it.
            let items = items.into_iter().map(|item| match item {
                Value::Null => Ok(String::new()),
                item => text(item),
            });
            items.collect::<ApiResult<Vec<String>>>()?.into()
        }
        (Type::Queries, Value::Array(queries)) => {
            let queries = queries.into_iter().map(|query| match query {
                Value::Object(members) => Ok(Value::Object(typed(members)?)),
                Value::Null => Ok(Value::Null),
                _ => Err(bad()),
            });
            queries.collect::<ApiResult<Vec<Value>>>()?.into()
        }
        (Type::Variables, Value::Array(items)) => {
            if items.iter().any(|item| !item.is_object() && !item.is_null()) {
                return Err(bad());
            }
            items.into()
        }
        (Type::Texts | Type::Queries | Type::Variables, _) => return Err(bad()),
        (_, value) => value,
    })
}

fn text(value: Value) -> ApiResult<String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Array(_) | Value::Object(_) | Value::Null => Err(bad()),
        other => Ok(other.to_string()),
    }
}

/// Refuses a variable filter as the reference does.
fn variable(one: &Value, whose: &str) -> ApiResult<()> {
    if one.is_null() {
        return Err(ApiError::null_pointer(
            "Cannot invoke \"org.camunda.bpm.engine.rest.dto.VariableQueryParameterDto.getName()\" because \
             \"variableQueryParam\" is null",
        ));
    }
    let operator = match &one["operator"] {
        Value::Null => {
            return Err(ApiError::null_pointer(
                "Cannot invoke \"String.equals(Object)\" because \"op\" is null",
            ));
        }
        operator => text(operator.clone())?,
    };
    let compares = match operator.as_str() {
        "eq" | "neq" => None,
        "gt" => Some("greater than"),
        "gteq" => Some("greater than or equal"),
        "lt" => Some("less than"),
        "lteq" => Some("less than or equal"),
        "like" => Some("like"),
        "notLike" if whose == "process" => Some("not like"),
        other => {
            let message = format!("Invalid {whose} variable comparator specified: {other}");
            return Err(ApiError::invalid_request(message));
        }
    };
    if one["name"].is_null() {
        return Err(ApiError::null_value("name is null"));
    }
    match (&one["value"], compares) {
        (Value::Array(_) | Value::Object(_), _) => {
            Err(ApiError::engine("Object values cannot be used to query"))
        }
        (Value::Null | Value::Bool(_), Some(words)) => Err(ApiError::engine(format!(
            "Booleans and null cannot be used in '{words}' condition"
        ))),
        (Value::Number(_), Some("like" | "not like")) => Err(ApiError::bad_user_request(
            "ProcessEngineException",
            "Only string values can be used with 'like' condition",
        )
        .with_status(StatusCode::INTERNAL_SERVER_ERROR)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn typed_of(value: Value) -> Result<Value, (u16, String)> {
        let members = value.as_object().cloned().unwrap_or_default();
        typed(members)
            .map(Value::Object)
            .map_err(|e| (e.status.as_u16(), e.message))
    }

    #[test]
    fn members_are_brought_to_their_types() {
        let read = typed_of(
            json!({"assignee": 5, "active": 1, "unassigned": "", "priority": 1.7, "dueDate": 0,
            "taskDefinitionKeyIn": [1, null], "unknown": {}, "orQueries": [{"name": true}], "owner": null}),
        );
        let expected = json!({"assignee": "5", "active": true, "unassigned": null, "priority": 1,
            "dueDate": "1970-01-01T00:00:00.000+0000", "taskDefinitionKeyIn": ["1", ""], "unknown": {},
            "orQueries": [{"name": "true"}], "owner": null});
        assert_eq!(read, Ok(expected));
        for wrong in [
            json!({"assignee": []}),
            json!({"active": {}}),
            json!({"unassigned": "5"}),
            json!({"taskIdIn": "a"}),
            json!({"orQueries": [{"owner": {}}]}),
            json!({"caseInstanceId": []}),
        ] {
            assert_eq!(typed_of(wrong.clone()), Err((400, String::new())), "{wrong}");
        }
        let variables = |one: Value| typed_of(json!({"taskVariables": [one]})).map_err(|(status, _)| status);
        assert!(variables(json!({"name": "n", "operator": "eq", "value": 1})).is_ok());
        assert_eq!(
            variables(json!({"name": "n", "operator": "foo", "value": 1})),
            Err(400)
        );
        assert_eq!(
            variables(json!({"name": "n", "operator": "notLike", "value": "x"})),
            Err(400)
        );
        for refused in [
            json!(null),
            json!({}),
            json!({"operator": "eq"}),
            json!({"name": "n", "operator": "gt"}),
        ] {
            assert_eq!(variables(refused), Err(500));
        }
    }
}
