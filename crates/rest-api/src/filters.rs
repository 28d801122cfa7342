//! The filters of a list: query parameters of a GET or members of a POST's body, with the reference's errors.
use crate::{ApiError, ApiResult, date, jackson::shape::Kind, texts};
use serde_json::{Map, Value};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard},
};

/// A request's filters, read by name. What has been read is remembered, so that [`Filters::refuse_rest`] can name
/// filters that are not served.
#[derive(Debug, Default)]
pub struct Filters {
    post: bool,
    /// Path of the list that these are filters of, where it is known.
    list: Option<&'static str>,
    members: Arc<Map<String, Value>>,
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
            members: Arc::new(members),
            ..Default::default()
        }
    }

    /// Members of a JSON body.
    pub fn from_body(members: impl Into<Arc<Map<String, Value>>>) -> Filters {
        Filters {
            post: true,
            members: members.into(),
            ..Default::default()
        }
    }

    /// The same as filters of the list of that path.
    pub fn of_list(mut self, path: Option<&'static str>) -> Filters {
        self.list = path;
        self
    }

    /// Filters within these, of the same list.
    pub fn inner(&self, members: Map<String, Value>) -> Filters {
        Filters::from_body(members).of_list(self.list)
    }

    /// The members as one JSON object.
    pub fn into_value(self) -> Value {
        Value::Object(Arc::unwrap_or_clone(self.members))
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

    /// Whether it is there, even as null.
    pub fn mentions(&self, name: &str) -> bool {
        self.raw(name).is_some() || self.members.contains_key(name)
    }

    /// Whether it is given at all.
    pub fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
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

    /// Texts: comma separated in a query, where blanks alone are none at all; an array in a body.
    ///
    /// # Errors
    /// 500 for null in an array: the reference's own check.
    pub fn list(&self, name: &str) -> ApiResult<Option<Vec<String>>> {
        if self.list.is_some() {
            return self.blank_or_exact(name);
        }
        let words = match name {
            "tenantIdIn" => "tenantIds",
            "processDefinitionKeyIn" => "processDefinitionKeys",
            name => name,
        };
        self.list_called(name, words)
    }

    /// The same where the reference has another word for the list in that error.
    pub fn list_called(&self, name: &str, words: &str) -> ApiResult<Option<Vec<String>>> {
        if let Some(Value::Array(items)) = self.raw(name)
            && items.iter().any(Value::is_null)
        {
            return Err(ApiError::null_value(format!("{words} contains null value")));
        }
        self.blank_or_exact(name)
    }

    fn blank_or_exact(&self, name: &str) -> ApiResult<Option<Vec<String>>> {
        let blank = |text: &str| text.chars().all(char::is_whitespace);
        let array = self.list.is_some_and(|list| texts::is_array(list, name));
        match self.raw(name) {
            Some(Value::String(text)) if !self.post && !array && blank(text) => Ok(Some(Vec::new())),
            _ => self.exact_list(name),
        }
    }

    /// Texts where the reference takes an empty parameter for one empty text, which nothing has. The criteria that it
    /// reads as arrays or sets are such: ids and keys of most lists.
    pub fn exact_list(&self, name: &str) -> ApiResult<Option<Vec<String>>> {
        let found: Vec<Option<String>> = match self.raw(name) {
            None => return Ok(None),
            Some(Value::String(text)) if !self.post => {
                let mut items: Vec<&str> = text.split(',').collect();
                // As Java splits: empty texts at the end don't count, unless there is nothing else at all.
                while items.len() > usize::from(text.is_empty())
                    && items.last().is_some_and(|item| item.is_empty())
                {
                    items.pop();
                }
                items.into_iter().map(|item| Some(item.to_owned())).collect()
            }
            Some(Value::Array(items)) if self.post => items
                .iter()
                .map(|item| match item {
                    Value::Null => Ok(None),
                    Value::String(text) => Ok(Some(text.clone())),
                    Value::Array(_) | Value::Object(_) => Err(ApiError::invalid_request("")),
                    other => Ok(Some(other.to_string())),
                })
                .collect::<ApiResult<_>>()?,
            Some(_) => return Err(ApiError::invalid_request("")),
        };
        if let Some(list) = self.list {
            texts::check(list, name, &found)?;
        }
        // A null is like a text that nothing has.
        Ok(Some(found.into_iter().map(Option::unwrap_or_default).collect()))
    }

    /// A member as that type; a query's text is read as JSON, as the reference does.
    fn typed(&self, name: &str, kind: &Kind, class: &str) -> ApiResult<Option<Value>> {
        let text = match self.raw(name) {
            None => return Ok(None),
            Some(Value::String(text)) if !self.post => text,
            Some(value) => {
                let mut value = value.clone();
                return match kind.read(&mut value) {
                    Ok(()) => Ok(Some(value).filter(|v| !v.is_null())),
                    Err(_) => Err(ApiError::invalid_request("")),
                };
            }
        };
        let read = serde_json::from_str(text).ok().and_then(|mut value| {
            kind.read(&mut value).ok()?;
            Some(value)
        });
        match read {
            Some(value) => Ok(Some(value).filter(|v| !v.is_null())),
            None => {
                let why = format!("Cannot convert value {text} to java type {class}");
                Err(self.bad(name, text, &why))
            }
        }
    }

    /// A boolean.
    pub fn flag(&self, name: &str) -> ApiResult<Option<bool>> {
        let value = self.typed(name, &Kind::Bool, "java.lang.Boolean")?;
        Ok(value.and_then(|v| v.as_bool()))
    }

    /// A boolean parameter of the query that is no filter, as Java reads it: `true` in any case is on, all else off; an
    /// empty one is none.
    pub fn java_flag(&self, name: &str) -> Option<bool> {
        let text = self.raw(name)?.as_str().filter(|text| !text.is_empty())?;
        Some(text.eq_ignore_ascii_case("true"))
    }

    /// Whether a switch is on: `false` is the same as leaving it out.
    pub fn on(&self, name: &str) -> ApiResult<bool> {
        Ok(self.flag(name)? == Some(true))
    }

    /// `tenantIdIn`, if it narrows anything: who asks for what has no tenant asks for just that, as in the reference.
    pub fn tenants(&self) -> ApiResult<Option<Vec<String>>> {
        let tenants = self.list("tenantIdIn")?.filter(|list| !list.is_empty());
        let without = self.on("withoutTenantId")?;
        Ok(tenants.filter(|_| !without))
    }

    /// A 32-bit number.
    pub fn int(&self, name: &str) -> ApiResult<Option<i32>> {
        let value = self.typed(name, &Kind::Int, "java.lang.Integer")?;
        Ok(value.and_then(|v| v.as_i64()).and_then(|n| n.try_into().ok()))
    }

    /// A 64-bit number.
    pub fn long(&self, name: &str) -> ApiResult<Option<i64>> {
        let value = self.typed(name, &Kind::Long, "java.lang.Long")?;
        Ok(value.and_then(|v| v.as_i64()))
    }

    /// A date as Unix milliseconds; a blank text is none.
    pub fn date(&self, name: &str) -> ApiResult<Option<i64>> {
        let Some(text) = self.scalar(name)?.filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        if text.trim().is_empty() {
            return Ok(None);
        }
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
    /// In a query the reference stumbles over `orQueries`.
    pub fn refuse_rest(&self, known: &[&str]) -> ApiResult<()> {
        if !self.post && known.contains(&"orQueries") && self.has("orQueries") {
            let status = http::StatusCode::INTERNAL_SERVER_ERROR;
            return Err(ApiError::new(
                status,
                "IllegalArgumentException",
                "argument type mismatch",
            ));
        }
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

    /// Reads both; a value that is no number is 404 QueryParamException, with a negative one there is nothing.
    pub fn from_query(query: &[(String, String)]) -> ApiResult<Paging> {
        let number = |name: &str| -> ApiResult<Option<i64>> {
            let Some((_, text)) = query.iter().find(|(n, _)| n == name) else {
                return Ok(None);
            };
            if text.is_empty() {
                return Ok(None);
            }
            let value: i32 = text.parse().map_err(|_| ApiError::query_param())?;
            Ok(Some(i64::from(value)))
        };
        let (first, max) = (number("firstResult")?.unwrap_or(0), number("maxResults")?);
        Ok(Paging {
            first: first.max(0) as u64,
            max: if first < 0 {
                Some(0)
            } else {
                max.map(|max| max.max(0) as u64)
            },
        })
    }
}

/// One sort criterion: its name and whether it descends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sorting {
    pub by: String,
    pub descending: bool,
    /// What criteria of `sorting` may have: which variable, for one.
    pub parameters: Map<String, Value>,
}

/// Reads `sortBy`/`sortOrder` or, in a body, `sorting`. `known` are the criteria of this list.
pub fn sorting(filters: &Filters, known: &dyn Fn(&str) -> bool) -> ApiResult<Vec<Sorting>> {
    sorting_with(filters, known, &|_, _| Ok(false))
}

/// Whether a criterion with these parameters is known, or what is wrong with them.
pub type WithParameters<'a> = &'a dyn Fn(&str, &Map<String, Value>) -> ApiResult<bool>;

/// [`sorting`] with criteria that `sorting` alone may have, since they need its `parameters`: `with` says whether one
/// is known, or what is wrong with its parameters.
pub fn sorting_with(
    filters: &Filters,
    known: &dyn Fn(&str) -> bool,
    with: WithParameters<'_>,
) -> ApiResult<Vec<Sorting>> {
    let bad = |name: &str, value: &str| {
        if filters.is_post() {
            return ApiError::invalid_request("");
        }
        ApiError::invalid_request(format!("Cannot set query parameter '{name}' to value '{value}'"))
    };
    let by = filters.text("sortBy")?;
    let order = filters.text("sortOrder")?;
    let null = |name: &str| filters.mentions(name) && !filters.has(name);
    if null("sortBy") || null("sortOrder") {
        return Err(ApiError::invalid_request(""));
    }
    if let Some(order) = order.as_deref().filter(|o| !matches!(*o, "asc" | "desc")) {
        return Err(bad("sortOrder", order));
    }
    if let Some(by) = by.as_deref().filter(|by| !known(by)) {
        return Err(bad("sortBy", by));
    }
    let mut sortings = Vec::new();
    match (by, order) {
        (Some(by), Some(order)) => sortings.push(Sorting {
            by,
            descending: order == "desc",
            parameters: Map::new(),
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
    let refused = |text: &str| Err(ApiError::bad_user_request("NotValidException", text));
    // As the reference reads it: a criterion opens an order, a direction closes it, each from whatever item.
    let mut open = false;
    for item in filters.array("sorting")?.into_iter().flatten() {
        let item = match item {
            Value::Object(item) => item,
            Value::Null => {
                return Err(ApiError::null_pointer(
                    "Cannot invoke \"org.camunda.bpm.engine.rest.dto.SortingDto.getSortOrder()\" because \"sorting\" is \
                     null",
                ));
            }
            _ => return Err(ApiError::invalid_request("")),
        };
        let by = item.get("sortBy").and_then(Value::as_str).unwrap_or_default();
        let parameters = match item.get("parameters") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(parameters)) => parameters.clone(),
            Some(_) => return Err(ApiError::invalid_request("")),
        };
        if known(by) || with(by, &parameters)? {
            if open {
                return refused(WITHOUT_DIRECTION);
            }
            open = true;
            sortings.push(Sorting {
                by: by.to_owned(),
                descending: false,
                parameters,
            });
        }
        let descending = match item.get("sortOrder").and_then(Value::as_str) {
            Some("asc") => false,
            Some("desc") => true,
            _ => continue,
        };
        match sortings.last_mut() {
            Some(last) if open => last.descending = descending,
            Some(_) => {
                return refused(
                    "Invalid query: can specify only one direction desc() or asc() for an ordering constraint: \
                     direction is not null",
                );
            }
            None => {
                return refused(
                    "You should call any of the orderBy methods first before specifying a direction: \
                     currentOrderingProperty is null",
                );
            }
        }
        open = false;
    }
    if open {
        return refused(WITHOUT_DIRECTION);
    }
    Ok(sortings)
}

/// The refusal of a criterion without a direction: the engine's, where others are of the query before it runs.
pub const WITHOUT_DIRECTION: &str =
    "Invalid query: call asc() or desc() after using orderByXX(): direction is null";

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
    pub fn of(word: &str) -> Option<Operator> {
        Some(match word {
            "eq" => Operator::Eq,
            "neq" => Operator::Neq,
            "gt" => Operator::Gt,
            "gteq" => Operator::Gteq,
            "lt" => Operator::Lt,
            "lteq" => Operator::Lteq,
            "like" => Operator::Like,
            "notLike" => Operator::NotLike,
            _ => return None,
        })
    }

    /// The condition that takes neither booleans nor null, in the reference's words.
    fn orders(self) -> Option<&'static str> {
        match self {
            Operator::Eq | Operator::Neq | Operator::Like | Operator::NotLike => None,
            Operator::Gt => Some("greater than"),
            Operator::Gteq => Some("greater than or equal"),
            Operator::Lt => Some("less than"),
            Operator::Lteq => Some("less than or equal"),
        }
    }
}

/// What a list lets its variables be compared by, and how it refuses what it doesn't.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparing {
    /// Any operator but `notLike`.
    Variables,
    /// The process variables of executions: equal or not.
    Equal,
    /// The process variables of external tasks: any; an unfit value is the engine's error.
    ExternalTasks,
    /// Tasks: any.
    Tasks,
    /// The tasks' own variables of historic tasks: equal only.
    HistoricTasks,
}

impl Comparing {
    fn operator(self, word: Option<&str>) -> ApiResult<Operator> {
        let Some(word) = word else {
            return Err(ApiError::null_pointer(
                "Cannot invoke \"String.equals(Object)\" because \"op\" is null",
            ));
        };
        let fits = |operator: &Operator| match self {
            Comparing::Variables => *operator != Operator::NotLike,
            Comparing::Equal => matches!(operator, Operator::Eq | Operator::Neq),
            Comparing::HistoricTasks => *operator == Operator::Eq,
            Comparing::ExternalTasks | Comparing::Tasks => true,
        };
        Operator::of(word).filter(fits).ok_or_else(|| {
            let what = match self {
                Comparing::Variables | Comparing::Tasks | Comparing::HistoricTasks => "variable",
                Comparing::Equal | Comparing::ExternalTasks => "process variable",
            };
            ApiError::invalid_request(format!("Invalid {what} comparator specified: {word}"))
        })
    }

    /// A filter, if the reference takes its name and value.
    fn filter(self, name: Option<&str>, operator: Operator, value: Value) -> ApiResult<VariableFilter> {
        let of_engine = matches!(self, Comparing::ExternalTasks | Comparing::HistoricTasks);
        let name = match name {
            Some(name) => name.to_owned(),
            None if of_engine => return Err(ApiError::null_value("name is null")),
            None => return Err(ApiError::bad_user_request("NotValidException", "name is null")),
        };
        let value = match value {
            Value::String(_) => value,
            // A pattern is a text, whatever came.
            value if matches!(operator, Operator::Like | Operator::NotLike) => {
                Value::String(value.to_string())
            }
            Value::Null | Value::Bool(_) => {
                if let Some(condition) = operator.orders() {
                    let text = format!("Booleans and null cannot be used in '{condition}' condition");
                    return Err(match of_engine {
                        true => ApiError::engine(text),
                        false => ApiError::bad_user_request("NotValidException", text),
                    });
                }
                value
            }
            Value::Array(_) | Value::Object(_) => {
                return Err(ApiError::engine("Object values cannot be used to query"));
            }
            value => value,
        };
        Ok(VariableFilter {
            name,
            operator,
            value,
        })
    }
}

/// Reads a member of variable filters.
///
/// # Errors
/// As the reference words them.
pub fn variable_filters(
    filters: &Filters,
    name: &str,
    comparing: Comparing,
) -> ApiResult<Vec<VariableFilter>> {
    if !filters.is_post() {
        let Some(items) = filters.exact_list(name)? else {
            return Ok(Vec::new());
        };
        let whole = filters.text(name)?.unwrap_or_default();
        return items
            .iter()
            .map(|item| variable_filter(name, &whole, item, comparing))
            .collect();
    }
    let mut found = Vec::new();
    for item in filters.array(name)?.into_iter().flatten() {
        let item = match item {
            Value::Object(item) => item,
            Value::Null => {
                return Err(ApiError::null_pointer(
                    "Cannot invoke \"org.camunda.bpm.engine.rest.dto.VariableQueryParameterDto.getName()\" because \
                     \"variableQueryParam\" is null",
                ));
            }
            _ => return Err(ApiError::invalid_request("")),
        };
        let text = |member: &str| item.get(member).and_then(Value::as_str);
        let operator = comparing.operator(text("operator"))?;
        let value = item.get("value").cloned().unwrap_or(Value::Null);
        found.push(comparing.filter(text("name"), operator, value)?);
    }
    Ok(found)
}

fn variable_filter(name: &str, whole: &str, text: &str, comparing: Comparing) -> ApiResult<VariableFilter> {
    let mut parts: Vec<&str> = text.split('_').collect();
    while parts.len() > 1 && parts.last() == Some(&"") {
        parts.pop();
    }
    let [variable, operator, value] = parts[..] else {
        return Err(ApiError::invalid_request(format!(
            "Cannot set query parameter '{name}' to value '{whole}': variable query parameter has to have format \
             KEY_OPERATOR_VALUE."
        )));
    };
    let operator = comparing.operator(Some(operator))?;
    comparing.filter(Some(variable), operator, guess(value))
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
        let query = variable_filters(
            &get(&[("variables", "a_eq_5,b_like_xy%")]),
            "variables",
            Comparing::Variables,
        )
        .unwrap();
        let body = json!({"variables": [{"name":"a","operator":"eq","value":"5"},{"name":"b","operator":"like","value":"xy%"}]});
        let Value::Object(body) = body else { panic!() };
        assert_eq!(
            variable_filters(&Filters::from_body(body), "variables", Comparing::Variables).unwrap(),
            query
        );
        for bad in ["a", "", "a_eq", "a_eq_b_c"] {
            assert!(
                variable_filters(&get(&[("variables", bad)]), "variables", Comparing::Variables).is_err()
            );
        }
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
