//! From the filters of a list to one SELECT, the same for both databases. Knows columns, not JSON bodies of rows.
//!
//! Definitions are found in the catalog, so a filter by key becomes `definition_id IN (…)`.
pub mod alias;
pub mod authorization;
pub mod batch;
pub mod counters;
pub mod decision;
pub mod definition;
pub mod deployment;
pub mod event_subscription;
pub mod execution;
pub mod external_task;
pub mod filter;
pub mod group;
mod history;
pub mod history_activity;
pub mod history_decision;
pub mod history_detail;
pub mod history_incident;
pub mod history_log;
pub mod history_process;
pub mod history_task;
pub mod history_variable;
mod identity;
pub mod incident;
pub mod job;
pub mod job_definition;
pub mod memory;
pub mod metric;
pub mod note;
pub mod of_things;
pub mod operation;
#[cfg(test)]
mod plans;
pub mod process_instance;
pub mod report;
mod sees;
pub mod task;
pub mod tenant;
pub mod user;
pub mod variable;

use identity::{id_texts, of_group, of_tenant};

use crate::{
    app::{CatalogView, Deployed},
    rights::Rights,
    store::{JobDefinitionRow, Row, StoreError},
};
use bpmn_core::Id;
use rest_api::{
    ApiError, ApiResult,
    cursor::Cursor,
    filters::{Filters, Paging, Sorting, sorting, sorting_with},
};
use sea_query::{
    Condition, Expr, ExprTrait, Func, LikeExpr, NullOrdering, Order, Query, SelectStatement,
    SubQueryStatement,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// A column of a table or alias.
pub fn col(alias: &'static str, name: &'static str) -> Expr {
    Expr::col((alias, name))
}

/// A condition that nothing meets.
pub fn never() -> Expr {
    Expr::val(1).eq(0)
}

/// A condition that everything meets.
pub fn always() -> Expr {
    Expr::val(1).eq(1)
}

/// The literal NULL, whose type the other branch of a UNION decides.
pub fn null() -> Expr {
    Expr::cust("NULL")
}

/// `column LIKE pattern`, a backslash escapes.
pub fn like(column: Expr, pattern: &str) -> Expr {
    column.like(LikeExpr::new(pattern).escape('\\'))
}

/// `column = text`, letters of either case. SQLite lowers ASCII only, hence the plain comparison beside it.
pub fn eq_any_case(column: Expr, text: &str) -> Expr {
    column.clone().eq(text).or(lower(column).eq(text.to_lowercase()))
}

/// `column LIKE pattern`, letters of either case.
pub fn like_any_case(column: Expr, pattern: &str) -> Expr {
    like(column.clone(), pattern).or(like(lower(column), &pattern.to_lowercase()))
}

/// The text in lower case; beyond ASCII in PostgreSQL only.
pub fn lower(column: Expr) -> Expr {
    Expr::from(Func::lower(column))
}

/// A subquery as a value.
pub fn scalar(query: SelectStatement) -> Expr {
    Expr::from(SubQueryStatement::SelectStatement(query))
}

/// A column of the definition that `definition_id` names.
pub fn of_definition(definition_id: Expr, column: &'static str) -> Expr {
    let query = Query::select()
        .expr(col("sd", column))
        .from_as("definition", "sd")
        .and_where(col("sd", "id").eq(definition_id))
        .take();
    scalar(query)
}

/// The type of a sort value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Id,
    Text,
    Number,
    Float,
}

/// What a criterion sorts by.
pub type SortBy = (Expr, Kind);

/// What a criterion with these parameters sorts by, or what is wrong with them.
pub type SortByParameters<'a> = &'a dyn Fn(&str, &Map<String, Value>) -> ApiResult<Option<SortBy>>;

/// A list that can be counted, sorted and paged.
pub struct Listing {
    /// FROM and WHERE, no columns.
    base: SelectStatement,
    columns: Vec<Expr>,
    id: Expr,
    id_kind: Kind,
    sorts: Vec<(Sorting, SortBy)>,
    /// The count by counters, where the filters allow it.
    counted: Option<SelectStatement>,
}

impl Listing {
    /// A list of `columns`; `id` is the row's uuid, the last criterion of every order.
    pub fn new(base: SelectStatement, columns: Vec<Expr>, id: Expr) -> Listing {
        Listing {
            base,
            columns,
            id,
            id_kind: Kind::Id,
            sorts: Vec::new(),
            counted: None,
        }
    }

    /// Of rows whose id is a text.
    pub fn called_by_text(mut self) -> Listing {
        self.id_kind = Kind::Text;
        self
    }

    /// Counts by this statement instead of the rows.
    pub fn counted(mut self, statement: Option<SelectStatement>) -> Listing {
        self.counted = statement;
        self
    }

    /// Sorts as the request asks; `by` gives what a criterion sorts by.
    pub fn sorted(mut self, filters: &Filters, by: &dyn Fn(&str) -> Option<SortBy>) -> ApiResult<Listing> {
        for one in sorting(filters, &|name| by(name).is_some())? {
            if let Some(sort) = by(&one.by) {
                self.sorts.push((one, sort));
            }
        }
        Ok(self)
    }

    /// The same with criteria that have parameters; `with` gives what such a one sorts by, `None` if there is none of
    /// that name.
    pub fn sorted_with(
        mut self,
        filters: &Filters,
        by: &dyn Fn(&str) -> Option<SortBy>,
        with: SortByParameters<'_>,
    ) -> ApiResult<Listing> {
        let known = |name: &str, parameters: &Map<String, Value>| Ok(with(name, parameters)?.is_some());
        for one in sorting_with(filters, &|name| by(name).is_some(), &known)? {
            let sort = match by(&one.by) {
                Some(sort) => Some(sort),
                None => with(&one.by, &one.parameters)?,
            };
            self.sorts.extend(sort.map(|sort| (one, sort)));
        }
        Ok(self)
    }

    /// The rows of a page; the sort values follow the columns.
    pub fn page(&self, paging: Paging) -> SelectStatement {
        let mut query = self.base.clone();
        query.exprs(self.columns.iter().cloned());
        query.exprs(self.sorts.iter().map(|(_, (expr, _))| expr.clone()));
        query.expr(self.id.clone());
        for (sorting, (expr, _)) in &self.sorts {
            let (order, nulls) = match sorting.descending {
                false => (Order::Asc, NullOrdering::Last),
                true => (Order::Desc, NullOrdering::First),
            };
            query.order_by_expr_with_nulls(expr.clone(), order, nulls);
        }
        query.order_by_expr(self.id.clone(), Order::Asc);
        if let Some(max) = paging.max {
            query.limit(max);
        }
        if paging.first > 0 {
            // SQLite takes an offset only behind a limit.
            if paging.max.is_none() {
                query.limit(i64::MAX as u64);
            }
            query.offset(paging.first);
        }
        query
    }

    /// The rows behind a cursor, at most so many.
    ///
    /// # Errors
    /// 400 for a cursor of a list in another order.
    pub fn page_after(&self, cursor: &Cursor, max: Option<u64>) -> ApiResult<SelectStatement> {
        let wrong = || {
            ApiError::invalid_request(format!(
                "the cursor is of a list ordered by '{}', and this one is ordered by '{}'",
                cursor.order,
                self.order()
            ))
        };
        let (id, values) = cursor.after.split_last().ok_or_else(wrong)?;
        let id = literal(self.id_kind, id).flatten().ok_or_else(wrong)?;
        if cursor.order != self.order() || values.len() != self.sorts.len() {
            return Err(wrong());
        }
        // Behind in the last criterion, or equal there and behind in the next: from the id outwards.
        let mut behind = self.id.clone().gt(id);
        for ((sorting, (expr, kind)), value) in self.sorts.iter().zip(values).rev() {
            let value = literal(*kind, value).ok_or_else(wrong)?;
            let (equal, beyond) = match (value, sorting.descending) {
                (None, false) => (expr.clone().is_null(), None),
                (None, true) => (expr.clone().is_null(), Some(expr.clone().is_not_null())),
                (Some(value), false) => (
                    expr.clone().eq(value.clone()),
                    Some(expr.clone().gt(value).or(expr.clone().is_null())),
                ),
                (Some(value), true) => (expr.clone().eq(value.clone()), Some(expr.clone().lt(value))),
            };
            behind = equal.and(behind);
            if let Some(beyond) = beyond {
                behind = beyond.or(behind);
            }
        }
        let mut query = self.page(Paging { first: 0, max });
        query.and_where(behind);
        Ok(query)
    }

    /// The order asked for, such as `created:desc,name:asc`; the id follows in any case.
    pub fn order(&self) -> String {
        let each = self.sorts.iter().map(|(sorting, _)| {
            let direction = if sorting.descending { "desc" } else { "asc" };
            match sorting.parameters.is_empty() {
                true => format!("{}:{direction}", sorting.by),
                // It goes into a header.
                false => {
                    let parameters = json!(sorting.parameters).to_string();
                    format!("{}({}):{direction}", sorting.by, parameters.escape_default())
                }
            }
        });
        each.collect::<Vec<_>>().join(",")
    }

    /// The number of rows.
    pub fn count(&self) -> SelectStatement {
        if let Some(statement) = &self.counted {
            return statement.clone();
        }
        let mut query = self.base.clone();
        query.expr(Expr::cust("COUNT(*)"));
        query
    }

    /// The columns alone, unordered and whole, for use inside another query.
    pub fn subquery(&self) -> SelectStatement {
        let mut query = self.base.clone();
        query.exprs(self.columns.iter().cloned());
        query
    }

    /// Whether rows have ids of ours, behind which a list can go on; users, groups and tenants have names.
    pub fn has_ids(&self, row: &dyn Row) -> bool {
        row.id(self.columns.len() + self.sorts.len()).is_ok()
    }

    /// The sort values of a row of [`Listing::page`], the id last.
    pub fn sort_values(&self, row: &dyn Row) -> Result<Vec<Value>, StoreError> {
        let mut values = Vec::with_capacity(self.sorts.len() + 1);
        let at = self.columns.len();
        for (i, (_, (_, kind))) in self.sorts.iter().enumerate() {
            values.push(match kind {
                Kind::Id => json!(row.id_opt(at + i)?.map(|id| id.to_string())),
                Kind::Text => json!(row.text_opt(at + i)?),
                Kind::Number => json!(row.i64_opt(at + i)?),
                Kind::Float => json!(row.f64_opt(at + i)?),
            });
        }
        let at = at + self.sorts.len();
        values.push(match self.id_kind {
            Kind::Text => json!(row.text(at)?),
            _ => json!(row.id(at)?.to_string()),
        });
        Ok(values)
    }
}

/// A sort value of a cursor as SQL; the outer `None` if it is not of that kind.
fn literal(kind: Kind, value: &Value) -> Option<Option<Expr>> {
    if value.is_null() {
        return Some(None);
    }
    let literal = match kind {
        Kind::Id => Expr::val(value.as_str()?.parse::<Id>().ok()?.0),
        Kind::Text => Expr::val(value.as_str()?),
        Kind::Number => Expr::val(value.as_i64()?),
        Kind::Float => Expr::val(value.as_f64()?),
    };
    Some(Some(literal))
}

/// Most conditions of a query: they are written one within the other, and each takes some of a thread's stack.
const MOST_CONDITIONS: usize = 256;
/// Most job definitions that a condition names one by one.
const MOST_BRANCHES: usize = 32;

/// Collects conditions from filters.
pub struct Where<'a> {
    pub filters: &'a Filters,
    pub view: &'a CatalogView,
    pub condition: Condition,
    /// How many conditions have been added.
    count: usize,
    /// Of who asks, where that matters: what he may not see isn't found.
    rights: Option<&'a Rights>,
    /// Who asks, where his rights are no matter.
    asker: Option<&'a Rights>,
}

impl<'a> Where<'a> {
    /// No condition yet.
    pub fn new(filters: &'a Filters, view: &'a CatalogView) -> Where<'a> {
        Where {
            filters,
            view,
            condition: Condition::all(),
            count: 0,
            rights: None,
            asker: None,
        }
    }

    /// The same for somebody with these rights.
    pub fn of(self, rights: Option<&'a Rights>) -> Where<'a> {
        Where { rights, ..self }
    }

    /// The groups of a user, if it is the one who asks.
    fn groups_of(&self, user: &str) -> Option<&[String]> {
        let rights = self.rights.or(self.asker)?;
        (rights.user == user).then_some(&rights.groups[..])
    }

    /// Adds a condition.
    pub fn and(&mut self, condition: Expr) {
        self.count += 1;
        self.condition = std::mem::replace(&mut self.condition, Condition::all()).add(condition);
    }

    /// Adds several conditions in one.
    pub fn add(&mut self, condition: Condition) {
        self.count += 1;
        self.condition = std::mem::replace(&mut self.condition, Condition::all()).add(condition);
    }

    /// Adds a condition if the switch is on.
    pub fn switch(&mut self, name: &str, condition: Expr) -> ApiResult<()> {
        if self.filters.on(name)? {
            self.and(condition);
        }
        Ok(())
    }

    /// Adds a condition if the filter is given, whatever it says: the reference's slip in some lists.
    pub fn given(&mut self, name: &str, condition: Expr) -> ApiResult<()> {
        if self.filters.flag(name)?.is_some() {
            self.and(condition);
        }
        Ok(())
    }

    /// `column = text`.
    pub fn text(&mut self, name: &str, column: Expr) -> ApiResult<()> {
        if let Some(text) = self.filters.text(name)? {
            self.and(column.eq(text));
        }
        Ok(())
    }

    /// `column LIKE pattern`.
    pub fn like(&mut self, name: &str, column: Expr) -> ApiResult<()> {
        if let Some(pattern) = self.filters.text(name)? {
            self.and(like(column, &pattern));
        }
        Ok(())
    }

    /// `column IN (texts)`.
    pub fn texts(&mut self, name: &str, column: Expr) -> ApiResult<()> {
        if let Some(list) = self.filters.list(name)?.filter(|l| !l.is_empty()) {
            self.and(column.is_in(list));
        }
        Ok(())
    }

    /// `column NOT IN (texts)`, where null is not in.
    pub fn not_texts(&mut self, name: &str, column: Expr) -> ApiResult<()> {
        if let Some(list) = self.filters.list(name)?.filter(|l| !l.is_empty()) {
            self.and(column.clone().is_null().or(column.is_not_in(list)));
        }
        Ok(())
    }

    /// `column = id`; a text that is no id of ours finds nothing.
    pub fn id(&mut self, name: &str, column: Expr) -> ApiResult<()> {
        if let Some(id) = self.filters.text(name)? {
            self.and(equals_id(column, &id));
        }
        Ok(())
    }

    /// `column IN (ids)`.
    pub fn ids(&mut self, name: &str, column: Expr) -> ApiResult<()> {
        if let Some(list) = self.filters.list(name)?.filter(|l| !l.is_empty()) {
            self.and(column.is_in(uuids(&list)));
        }
        Ok(())
    }

    /// A comparison with a 32-bit number.
    pub fn int(&mut self, name: &str, compare: impl Fn(i32) -> Expr) -> ApiResult<()> {
        if let Some(number) = self.filters.int(name)? {
            self.and(compare(number));
        }
        Ok(())
    }

    /// A comparison with a 64-bit number.
    pub fn long(&mut self, name: &str, compare: impl Fn(i64) -> Expr) -> ApiResult<()> {
        if let Some(number) = self.filters.long(name)? {
            self.and(compare(number));
        }
        Ok(())
    }

    /// A comparison with a date in Unix milliseconds.
    pub fn date(&mut self, name: &str, compare: impl Fn(i64) -> Expr) -> ApiResult<()> {
        if let Some(millis) = self.filters.date(name)? {
            self.and(compare(millis));
        }
        Ok(())
    }

    /// `column IN (ids)`, where an empty parameter is one text that no row has.
    pub fn exact_ids(&mut self, name: &str, column: Expr) -> ApiResult<()> {
        if let Some(list) = self.filters.exact_list(name)?.filter(|l| !l.is_empty()) {
            self.and(column.is_in(uuids(&list)));
        }
        Ok(())
    }

    /// `active`, `suspended`: switches on one boolean column, of which the second counts if both are on.
    pub fn suspension(&mut self, column: Expr) -> ApiResult<()> {
        if !self.filters.on("suspended")? {
            return self.switch("active", column.eq(false));
        }
        self.filters.on("active")?;
        self.switch("suspended", column.eq(true))
    }

    /// `tenantIdIn`, `withoutTenantId`.
    pub fn tenants(&mut self, column: Expr) -> ApiResult<()> {
        if let Some(tenants) = self.filters.tenants()? {
            self.and(column.clone().is_in(tenants));
        }
        self.of_own_tenants(column.clone());
        self.switch("withoutTenantId", column.is_null())
    }

    /// Keeps the rows whose definition meets the test.
    pub fn definitions(&mut self, column: Expr, test: impl Fn(&Deployed) -> bool) {
        let found: Vec<Uuid> = self.view.all().filter(|d| test(d)).map(|d| d.row.id.0).collect();
        self.and(column.is_in(found));
    }

    /// `processDefinitionId`, `processDefinitionKey`, `processDefinitionKeyIn`.
    pub fn definition(&mut self, column: Expr) -> ApiResult<()> {
        let keys = self.filters.list("processDefinitionKeyIn")?;
        self.definition_of(column, keys)
    }

    /// The same where an empty `processDefinitionKeyIn` is one key that no definition has.
    pub fn exact_definition(&mut self, column: Expr) -> ApiResult<()> {
        let keys = self.filters.exact_list("processDefinitionKeyIn")?;
        self.definition_of(column, keys)
    }

    fn definition_of(&mut self, column: Expr, keys: Option<Vec<String>>) -> ApiResult<()> {
        if let Some(id) = self.filters.text("processDefinitionId")? {
            let here = self.view.by_rest_id(&id).map(|d| d.row.id.0);
            let gone = || self.view.all_gone().find(|row| row.rest_id == id);
            // History is found by the id, whatever became of the definition; by its key as long as that is there.
            let found = here.or_else(|| gone().map(|row| row.id.0));
            self.and(found.map_or_else(never, |id| column.clone().eq(id)));
        }
        if let Some(key) = self.filters.text("processDefinitionKey")? {
            self.definitions(column.clone(), |d| d.row.key == key);
        }
        if let Some(keys) = keys.filter(|l| !l.is_empty()) {
            self.definitions(column, |d| keys.contains(&d.row.key));
        }
        Ok(())
    }

    /// Keeps the rows about jobs whose job definition meets the test; `kind` is the column of the job's kind.
    pub fn jobs(
        &mut self,
        alias: &'static str,
        kind: &'static str,
        test: impl Fn(&JobDefinitionRow) -> bool,
    ) {
        let any = self.any_jobs(alias, kind, test);
        self.add(any);
    }

    /// The condition that [`Where::jobs`] adds, for who has others beside it.
    pub fn any_jobs(
        &self,
        alias: &'static str,
        kind: &'static str,
        test: impl Fn(&JobDefinitionRow) -> bool,
    ) -> Condition {
        let all = self.view.all().flat_map(|d| &d.job_definitions);
        let found: Vec<&JobDefinitionRow> = all.filter(|j| test(j)).collect();
        if found.len() > MOST_BRANCHES {
            // What nests as deep as there are job definitions doesn't fit on a thread's stack.
            let ids: Vec<Uuid> = found.iter().map(|j| j.id.0).collect();
            let query = Query::select()
                .expr(Expr::val(1))
                .from_as("job_definition", "jd")
                .and_where(col("jd", "id").is_in(ids))
                .and_where(col("jd", "definition_id").equals((alias, "definition_id")))
                .and_where(col("jd", "element").equals((alias, "element")))
                .and_where(col("jd", "kind").equals((alias, kind)))
                .take();
            return Condition::any().add(Expr::exists(query));
        }
        found.iter().fold(Condition::any().add(never()), |any, job| {
            let same = col(alias, "definition_id").eq(job.definition_id.0);
            let same = same.and(col(alias, "element").eq(job.element.as_str()));
            any.add(same.and(col(alias, kind).eq(job.kind.number())))
        })
    }

    /// A filter by one job definition's id.
    pub fn job_definition(&mut self, name: &str, alias: &'static str, kind: &'static str) -> ApiResult<()> {
        if let Some(id) = self.filters.text(name)? {
            self.jobs(alias, kind, |j| j.id.to_string() == id);
        }
        Ok(())
    }

    /// A filter of incidents by ids of job definitions. Those of batches stand where an element of a process would.
    pub fn incidents_of(&mut self, name: &str, alias: &'static str, kind: &'static str) -> ApiResult<()> {
        if let Some(ids) = self.filters.list(name)?.filter(|l| !l.is_empty()) {
            let any = self.any_jobs(alias, kind, |j| ids.contains(&j.id.to_string()));
            let of_none = col(alias, "definition_id").eq(Id::NIL.0);
            self.add(any.add(of_none.and(col(alias, "element").is_in(ids))));
        }
        Ok(())
    }

    /// If the only filters, besides those `allowed`, are of definitions: `Some(None)` for none at all, else the
    /// definitions meant. What counters can count.
    pub fn only_definitions(&self, allowed: &[&str]) -> Option<Option<Vec<Id>>> {
        if self.sees_less() {
            return None;
        }
        let known = ["processDefinitionId", "processDefinitionKey"];
        let mut given = self.filters.names().filter(|name| !allowed.contains(name));
        if given.any(|name| !known.contains(&name)) {
            return None;
        }
        let id = self.filters.text(known[0]).ok()?;
        let key = self.filters.text(known[1]).ok()?;
        if id.is_none() && key.is_none() {
            return Some(None);
        }
        let meant = |d: &&std::sync::Arc<Deployed>| {
            id.as_ref().is_none_or(|id| *id == d.row.rest_id)
                && key.as_ref().is_none_or(|key| *key == d.row.key)
        };
        Some(Some(self.view.all().filter(meant).map(|d| d.row.id).collect()))
    }

    /// `processDefinitionName`, `processDefinitionNameLike`.
    pub fn definition_name(&mut self, column: Expr) -> ApiResult<()> {
        if let Some(name) = self.filters.text("processDefinitionName")? {
            self.definitions(column.clone(), |d| d.row.name.as_deref() == Some(name.as_str()));
        }
        if let Some(pattern) = self.filters.text("processDefinitionNameLike")? {
            self.definitions(column, |d| {
                d.row.name.as_deref().is_some_and(|n| matches(&pattern, n))
            });
        }
        Ok(())
    }

    /// `orQueries` of a POST: of each object one filter at least must fit. `read` adds the filters that an object may
    /// have; an object without any is no condition, as in the reference (7.24).
    /// `query` is the reference's class of the list's query, for what it says of a null among them.
    pub fn or_queries(
        &mut self,
        query: &str,
        known: &[&str],
        read: impl Fn(&mut Where<'_>) -> ApiResult<()>,
    ) -> ApiResult<()> {
        for object in self.filters.array_if_post("orQueries")?.into_iter().flatten() {
            let members = match object {
                Value::Object(members) => members,
                Value::Null => {
                    return Err(ApiError::null_pointer(format!(
                        "Cannot invoke \"org.camunda.bpm.engine.rest.dto.{query}Dto.applyFilters(org.camunda.bpm.engine.{query})\" because \
                         \"orQueryDto\" is null"
                    )));
                }
                _ => return Err(ApiError::invalid_request("")),
            };
            let filters = self.filters.inner(members.clone());
            let mut one = Where {
                filters: &filters,
                view: self.view,
                condition: Condition::any(),
                count: 0,
                // The whole query is restricted.
                rights: None,
                asker: self.rights,
            };
            read(&mut one)?;
            // The reference passes over both inside of an object.
            let _ = (filters.raw("orQueries"), filters.raw("sorting"));
            self.count += one.count;
            let condition = one.finish(known)?;
            if !condition.is_empty() {
                self.add(condition);
            }
        }
        Ok(())
    }

    /// The conditions, after every filter that was given and not read has been refused; and more of them than
    /// [`MOST_CONDITIONS`].
    pub fn finish(self, known: &[&str]) -> ApiResult<Condition> {
        self.filters.refuse_rest(known)?;
        if self.count > MOST_CONDITIONS {
            return Err(ApiError::invalid_request(format!(
                "A query may have {MOST_CONDITIONS} conditions, this one has {}.",
                self.count
            )));
        }
        Ok(self.condition)
    }
}

/// `column = id`; a text that is no id of ours may be what a client has named a task.
pub fn equals_id(column: Expr, id: &str) -> Expr {
    column.eq(Id::of_text(id).0)
}

/// What texts stand for inside.
pub fn uuids(texts: &[String]) -> Vec<Uuid> {
    texts.iter().map(|text| Id::of_text(text).0).collect()
}

/// SQL's LIKE on a text in memory: `%` any characters, `_` one, a backslash escapes.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where to go on after a mismatch: behind the last `%`, one character of the text further.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        let step = match pattern.get(p) {
            Some('%') => {
                retry = Some((p + 1, t));
                p += 1;
                continue;
            }
            Some('_') => Some(1),
            Some('\\') if pattern.get(p + 1) == Some(&text[t]) => Some(2),
            Some(c) if *c != '\\' && *c == text[t] => Some(1),
            _ => None,
        };
        match (step, retry) {
            (Some(step), _) => {
                p += step;
                t += 1;
            }
            (None, Some((behind, from))) => {
                retry = Some((behind, from + 1));
                (p, t) = (behind, from + 1);
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|c| *c == '%')
}

/// The error of a list that is empty where the reference demands content.
pub fn empty_list(what: &str) -> ApiError {
    ApiError::engine(format!("Set of {what} is empty"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_in_memory_is_sql_s_like() {
        for (pattern, text, expected) in [
            ("%", "", true),
            ("a%", "abc", true),
            ("%c", "abc", true),
            ("a_c", "abc", true),
            ("a\\_c", "abc", false),
            ("a\\_c", "a_c", true),
            ("%b%b%", "abcb", true),
            ("abc", "ab", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
