//! The filters of a list: query parameters of a GET or members of a POST's body, with the reference's errors.
use crate::{ApiError, ApiResult, date};
use serde_json::{Map, Value};
use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard},
};

/// A request's filters, read by name. What has been read is remembered, so that [`Filters::refuse_rest`] can name
/// filters that are not served.
#[derive(Debug, Default)]
pub struct Filters {
    post: bool,
    members: Map<String, Value>,
    read: Mutex<BTreeSet<String>>,
}

impl Filters {
    /// Filters of a GET: decoded name and value pairs; the first of a name counts.
    pub fn from_query(query: &[(String, String)]) -> Filters {
        let mut members = Map::new();
        for (name, value) in query {
            members
                .entry(name.clone())
                .or_insert_with(|| Value::String(value.clone()));
        }
        Filters {
            post: false,
            members,
            ..Default::default()
        }
    }

    /// Members of a JSON body.
    pub fn from_body(members: Map<String, Value>) -> Filters {
        Filters {
            post: true,
            members,
            ..Default::default()
        }
    }

    /// The members as one JSON object.
    pub fn into_value(self) -> Value {
        Value::Object(self.members)
    }

    /// Whether these are a body's members.
    pub fn is_post(&self) -> bool {
        self.post
    }

    fn marks(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.read.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// A member as it came; null is none.
    pub fn raw(&self, name: &str) -> Option<&Value> {
        let (name, value) = self.members.get_key_value(name)?;
        self.marks().insert(name.clone());
        Some(value).filter(|v| !v.is_null())
    }

    /// Names of the filters that select something: not null, not `false`, not empty, not about order or paging.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        const OTHERS: [&str; 6] = [
            "sorting",
            "sortBy",
            "sortOrder",
            "firstResult",
            "maxResults",
            "cursor",
        ];
        self.given().filter(|name| !OTHERS.contains(name))
    }

    /// Names of the members that say something: not null, not `false`, not empty.
    fn given(&self) -> impl Iterator<Item = &str> {
        let given = self.members.iter().filter(|(_, value)| match value {
            Value::Null | Value::Bool(false) => false,
            Value::String(text) if !self.post => !text.is_empty() && text != "false",
            Value::Array(items) => !items.is_empty(),
            _ => true,
        });
        given.map(|(name, _)| name.as_str())
    }

    /// Whether it is given at all.
    pub fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// Whether the member is there, be it null.
    pub fn names_member(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    fn bad(&self, name: &str, value: &str, why: &str) -> ApiError {
        if self.post {
            return ApiError::invalid_request("");
        }
        ApiError::invalid_request(format!(
            "Cannot set query parameter '{name}' to value '{value}': {why}"
        ))
    }

    fn scalar(&self, name: &str) -> ApiResult<Option<String>> {
        Ok(match self.raw(name) {
            None => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Array(_) | Value::Object(_)) => return Err(ApiError::invalid_request("")),
            Some(other) => Some(other.to_string()),
        })
    }

    /// A text.
    pub fn text(&self, name: &str) -> ApiResult<Option<String>> {
        let text = self.scalar(name)?;
        if text.as_deref().is_some_and(|t| t.contains('\0')) {
            return Err(ApiError::invalid_request(format!(
                "'{name}' contains a NUL character"
            )));
        }
        Ok(text)
    }

    /// Texts: comma separated in a query, an array in a body.
    pub fn list(&self, name: &str) -> ApiResult<Option<Vec<String>>> {
        match self.raw(name) {
            None => Ok(None),
            Some(Value::String(text)) if !self.post => Ok(Some(
                text.split(',')
                    .filter(|t| !t.is_empty())
                    .map(str::to_owned)
                    .collect(),
            )),
            Some(Value::Array(items)) if self.post => items
                .iter()
                .filter(|item| !item.is_null())
                .map(|item| match item {
                    Value::String(text) => Ok(text.clone()),
                    Value::Array(_) | Value::Object(_) => Err(ApiError::invalid_request("")),
                    other => Ok(other.to_string()),
                })
                .collect::<ApiResult<Vec<String>>>()
                .map(Some),
            Some(_) => Err(ApiError::invalid_request("")),
        }
    }

    /// A boolean.
    pub fn flag(&self, name: &str) -> ApiResult<Option<bool>> {
        Ok(match self.scalar(name)?.as_deref() {
            None => None,
            Some("true" | "True" | "TRUE" | "1") => Some(true),
            Some("false" | "False" | "FALSE" | "0") => Some(false),
            Some(other) => {
                let why = format!("Cannot convert value {other} to java type java.lang.Boolean");
                return Err(self.bad(name, other, &why));
            }
        })
    }

    /// Whether a switch is on: `false` is the same as leaving it out.
    pub fn on(&self, name: &str) -> ApiResult<bool> {
        Ok(self.flag(name)? == Some(true))
    }

    /// A 32-bit number.
    pub fn int(&self, name: &str) -> ApiResult<Option<i32>> {
        self.number(name, "java.lang.Integer")
    }

    /// A 64-bit number.
    pub fn long(&self, name: &str) -> ApiResult<Option<i64>> {
        self.number(name, "java.lang.Long")
    }

    fn number<N: std::str::FromStr>(&self, name: &str, class: &str) -> ApiResult<Option<N>> {
        let Some(text) = self.scalar(name)? else {
            return Ok(None);
        };
        let parsed = text.trim().parse().map(Some);
        parsed.map_err(|_| {
            self.bad(
                name,
                &text,
                &format!("Cannot convert value {text} to java type {class}"),
            )
        })
    }

    /// A date as Unix milliseconds.
    pub fn date(&self, name: &str) -> ApiResult<Option<i64>> {
        let Some(text) = self.scalar(name)? else {
            return Ok(None);
        };
        let why = format!("Cannot convert value \"{text}\" to java type java.util.Date");
        date::parse(&text)
            .map(Some)
            .ok_or_else(|| self.bad(name, &text, &why))
    }

    /// An object member, empty if it is missing.
    pub fn object(&self, name: &str) -> ApiResult<Option<&Map<String, Value>>> {
        match self.raw(name) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map)),
            Some(_) => Err(ApiError::invalid_request("")),
        }
    }

    /// An array member.
    pub fn array(&self, name: &str) -> ApiResult<Option<&Vec<Value>>> {
        match self.raw(name) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(_) => Err(ApiError::invalid_request("")),
        }
    }

    /// An array member of a body; in a query it doesn't exist.
    pub fn array_if_post(&self, name: &str) -> ApiResult<Option<&Vec<Value>>> {
        if self.post { self.array(name) } else { Ok(None) }
    }

    /// Refuses, with 501, a filter of the reference's (`known`) that is given but that nobody has read: a list
    /// that ignored a filter would be wrong.
    pub fn refuse_rest(&self, known: &[&str]) -> ApiResult<()> {
        let read = self.marks();
        for name in self.given() {
            if known.contains(&name) && !read.contains(name) {
                return Err(ApiError::not_implemented(&format!("the filter '{name}'")));
            }
        }
        Ok(())
    }
}

/// `firstResult` and `maxResults`, always query parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paging {
    /// Rows to leave out.
    pub first: u64,
    /// Most rows; `None` is all.
    pub max: Option<u64>,
}

impl Paging {
    /// The page of rows that are all there, in their order.
    pub fn cut<T>(self, rows: Vec<T>) -> Vec<T> {
        let max = self.max.map_or(usize::MAX, |max| max as usize);
        rows.into_iter().skip(self.first as usize).take(max).collect()
    }

    /// Reads both; a value that is no number is 404 QueryParamException, a negative one counts as 0.
    pub fn from_query(query: &[(String, String)]) -> ApiResult<Paging> {
        let number = |name: &str| -> ApiResult<Option<u64>> {
            let Some((_, text)) = query.iter().find(|(n, _)| n == name) else {
                return Ok(None);
            };
            if text.is_empty() {
                return Ok(None);
            }
            let value: i32 = text.parse().map_err(|_| ApiError::query_param())?;
            Ok(Some(value.max(0) as u64))
        };
        Ok(Paging {
            first: number("firstResult")?.unwrap_or(0),
            max: number("maxResults")?,
        })
    }
}

/// One sort criterion: its name and whether it descends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sorting {
    pub by: String,
    pub descending: bool,
}

/// Reads `sortBy`/`sortOrder` or, in a body, `sorting`. `known` are the criteria of this list.
pub fn sorting(filters: &Filters, known: &dyn Fn(&str) -> bool) -> ApiResult<Vec<Sorting>> {
    let bad = |name: &str, value: &str| {
        if filters.is_post() {
            return ApiError::invalid_request("");
        }
        ApiError::invalid_request(format!("Cannot set query parameter '{name}' to value '{value}'"))
    };
    let by = filters.text("sortBy")?;
    let order = filters.text("sortOrder")?;
    if let Some(by) = by.as_deref().filter(|by| !known(by)) {
        return Err(bad("sortBy", by));
    }
    if let Some(order) = order.as_deref().filter(|o| !matches!(*o, "asc" | "desc")) {
        return Err(bad("sortOrder", order));
    }
    let mut sortings = Vec::new();
    match (by, order) {
        (Some(by), Some(order)) => sortings.push(Sorting {
            by,
            descending: order == "desc",
        }),
        (None, None) => {}
        _ => {
            return Err(ApiError::invalid_request(
                "Only a single sorting parameter specified. sortBy and sortOrder required",
            ));
        }
    }
    if !filters.is_post() {
        return Ok(sortings);
    }
    for item in filters.array("sorting")?.into_iter().flatten() {
        let Value::Object(item) = item else {
            return Err(ApiError::invalid_request(""));
        };
        let by = item.get("sortBy").and_then(Value::as_str).unwrap_or_default();
        if !known(by) {
            return Err(ApiError::bad_user_request(
                "NotValidException",
                "You should call any of the orderBy methods first before specifying a direction: \
                 currentOrderingProperty is null",
            ));
        }
        let descending = match item.get("sortOrder").and_then(Value::as_str) {
            Some("asc") => false,
            Some("desc") => true,
            _ => {
                return Err(ApiError::bad_user_request(
                    "NotValidException",
                    "Invalid query: call asc() or desc() after using orderByXX(): direction is null",
                ));
            }
        };
        sortings.push(Sorting {
            by: by.into(),
            descending,
        });
    }
    Ok(sortings)
}

/// A condition on a variable: `variables=name_op_value` or `{"name","operator","value"}`.
#[derive(Clone, Debug, PartialEq)]
pub struct VariableFilter {
    pub name: String,
    pub operator: Operator,
    pub value: Value,
}

/// Comparison of a variable filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Eq,
    Neq,
    Gt,
    Gteq,
    Lt,
    Lteq,
    Like,
    NotLike,
}

impl Operator {
    /// The operator of a word such as `gteq`.
    pub fn of(word: &str) -> ApiResult<Operator> {
        Ok(match word {
            "eq" => Operator::Eq,
            "neq" => Operator::Neq,
            "gt" => Operator::Gt,
            "gteq" => Operator::Gteq,
            "lt" => Operator::Lt,
            "lteq" => Operator::Lteq,
            "like" => Operator::Like,
            "notLike" => Operator::NotLike,
            other => {
                return Err(ApiError::invalid_request(format!(
                    "Invalid variable comparator specified: {other}"
                )));
            }
        })
    }
}

/// Reads a member of variable filters. Only lists of tasks know `notLike`.
pub fn variable_filters(filters: &Filters, name: &str) -> ApiResult<Vec<VariableFilter>> {
    let found = task_variable_filters(filters, name)?;
    match found.iter().any(|filter| filter.operator == Operator::NotLike) {
        true => Err(ApiError::invalid_request(
            "Invalid variable comparator specified: notLike",
        )),
        false => Ok(found),
    }
}

/// Like [`variable_filters`] with `notLike`.
pub fn task_variable_filters(filters: &Filters, name: &str) -> ApiResult<Vec<VariableFilter>> {
    if !filters.is_post() {
        let Some(text) = filters.text(name)? else {
            return Ok(Vec::new());
        };
        return text
            .split(',')
            .filter(|t| !t.is_empty())
            .map(|t| variable_filter(name, &text, t))
            .collect();
    }
    let mut found = Vec::new();
    for item in filters.array(name)?.into_iter().flatten() {
        let Value::Object(item) = item else {
            return Err(ApiError::invalid_request(""));
        };
        let Some(variable) = item.get("name").and_then(Value::as_str) else {
            return Err(ApiError::bad_user_request("NotValidException", "name is null"));
        };
        let operator = Operator::of(item.get("operator").and_then(Value::as_str).unwrap_or("null"))?;
        let value = item.get("value").cloned().unwrap_or(Value::Null);
        found.push(VariableFilter {
            name: variable.into(),
            operator,
            value,
        });
    }
    Ok(found)
}

fn variable_filter(name: &str, whole: &str, text: &str) -> ApiResult<VariableFilter> {
    let malformed = || {
        ApiError::invalid_request(format!(
            "Cannot set query parameter '{name}' to value '{whole}': variable query parameter has to have format \
             KEY_OPERATOR_VALUE."
        ))
    };
    let mut parts = text.splitn(3, '_');
    let (Some(variable), Some(operator), Some(value)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(malformed());
    };
    let operator = Operator::of(operator)?;
    Ok(VariableFilter {
        name: variable.into(),
        operator,
        value: guess(value),
    })
}

/// A query's text as the reference reads it: a text, or null.
fn guess(text: &str) -> Value {
    match text {
        "null" => Value::Null,
        text => Value::String(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn get(pairs: &[(&str, &str)]) -> Filters {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(n, v)| (n.to_string(), v.to_string()))
            .collect();
        Filters::from_query(&pairs)
    }

    #[test]
    fn bad_parameters_are_worded_as_by_the_reference() {
        let known = |by: &str| by == "instanceId";
        let message = |f: &Filters| sorting(f, &known).unwrap_err().message;
        assert_eq!(
            message(&get(&[("sortBy", "x"), ("sortOrder", "asc")])),
            "Cannot set query parameter 'sortBy' to value 'x'"
        );
        assert_eq!(
            message(&get(&[("sortOrder", "asc")])),
            "Only a single sorting parameter specified. sortBy and sortOrder required"
        );
        assert_eq!(
            get(&[("active", "maybe")]).flag("active").unwrap_err().message,
            "Cannot set query parameter 'active' to value 'maybe': Cannot convert value maybe to java type \
             java.lang.Boolean"
        );
        assert_eq!(
            get(&[("createdBefore", "x")])
                .date("createdBefore")
                .unwrap_err()
                .message,
            "Cannot set query parameter 'createdBefore' to value 'x': Cannot convert value \"x\" to java type \
             java.util.Date"
        );
        let paging = Paging::from_query(&[("maxResults".into(), "abc".into())]).unwrap_err();
        assert_eq!(
            (paging.status.as_u16(), paging.kind.as_ref()),
            (404, "QueryParamException")
        );
    }

    #[test]
    fn variable_filters_are_the_same_in_query_and_body() {
        let query = variable_filters(&get(&[("variables", "a_eq_5,b_like_x_y%")]), "variables").unwrap();
        let body = json!({"variables": [{"name":"a","operator":"eq","value":"5"},{"name":"b","operator":"like","value":"x_y%"}]});
        let Value::Object(body) = body else { panic!() };
        assert_eq!(
            variable_filters(&Filters::from_body(body), "variables").unwrap(),
            query
        );
        assert!(variable_filters(&get(&[("variables", "a")]), "variables").is_err());
    }

    #[test]
    fn a_filter_that_is_not_served_is_refused_by_name() {
        let filters = get(&[("a", "1"), ("unknown", "1")]);
        let error = filters.refuse_rest(&["a"]).unwrap_err();
        assert_eq!(error.status.as_u16(), 501);
        filters.text("a").unwrap();
        assert!(filters.refuse_rest(&["a"]).is_ok());
    }
}
