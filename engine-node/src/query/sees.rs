//! What who asks may see of a list, as conditions on its rows. Rights on definitions are decided here, on the catalog;
//! rights on single things become lists of ids.
use super::{Where, col, never, uuids};
use crate::rights::{
    Need, Rights,
    need::{Pairs, READ_INSTANCE, READ_TASK, needs, resource},
};
use sea_query::{Condition, Expr, ExprTrait, Func, Query, SelectStatement};
use uuid::Uuid;

/// When a step of a chain decides.
enum When {
    Always,
    If(Expr),
}

/// Steps in their order: the first whose condition holds decides whether a row is seen; no step, no row.
type Chain = Vec<(When, bool)>;

/// A condition, or one that everything or nothing meets.
enum Folded {
    Constant(bool),
    Of(Expr),
}

fn fold(chain: Chain) -> Folded {
    let nothing = Folded::Constant(false);
    chain
        .into_iter()
        .rev()
        .fold(nothing, |rest, step| match (step, rest) {
            ((When::Always, seen), _) => Folded::Constant(seen),
            ((When::If(_), seen), Folded::Constant(rest)) if seen == rest => Folded::Constant(rest),
            ((When::If(condition), true), Folded::Constant(_)) => Folded::Of(condition),
            ((When::If(condition), false), Folded::Constant(_)) => Folded::Of(condition.not()),
            ((When::If(condition), true), Folded::Of(rest)) => Folded::Of(condition.or(rest)),
            ((When::If(condition), false), Folded::Of(rest)) => Folded::Of(condition.not().and(rest)),
        })
}

/// How a row names its definition.
pub enum Of {
    /// By row id.
    Process(Expr),
    /// By the decision's row id.
    Decision(Expr),
}

/// Steps for a permission on the definitions of rows.
fn of_definitions(w: &Where<'_>, rights: &Rights, of: Of, permission: &'static str) -> Chain {
    let (number, column, all): (i32, Expr, Vec<(Uuid, &str)>) = match of {
        Of::Process(column) => {
            let all = w.view.all().map(|d| (d.row.id.0, d.row.key.as_str()));
            (resource::PROCESS_DEFINITION, column, all.collect())
        }
        Of::Decision(column) => {
            let all = w.view.decisions.all().map(|d| (d.row.id.0, d.row.key.as_str()));
            (resource::DECISION_DEFINITION, column, all.collect())
        }
    };
    let any = rights.decides(&Need::any(number, permission), &[]);
    let (mut seen, mut hidden) = (Vec::new(), Vec::new());
    for (id, key) in all {
        match rights.decides(&Need::on(number, permission, key), &[]) {
            decided if decided == any => {}
            Some(true) => seen.push(id),
            Some(false) => hidden.push(id),
            None => {}
        }
    }
    let mut chain = Chain::new();
    for (ids, decided) in [(seen, true), (hidden, false)] {
        if !ids.is_empty() {
            chain.push((When::If(column.clone().is_in(ids)), decided));
        }
    }
    chain.extend(any.map(|decided| (When::Always, decided)));
    chain
}

/// Steps for a permission on single things of a resource, whose id is in a column; `linked` gives conditions under which
/// the user himself, and one of his groups, has it without an authorization.
fn of_things(rights: &Rights, need: &Need, id: &Id<'_>, linked: Option<(Expr, Option<Expr>)>) -> Chain {
    let mut chain = Chain::new();
    let (user, group) = linked.map_or((None, None), |(user, group)| (Some(user), group));
    let mut linked = [user, group, None].into_iter();
    for level in crate::rights::LEVELS {
        if let Some(Some(condition)) = linked.next() {
            chain.push((When::If(condition), true));
        }
        for decided in [true, false] {
            let ids: Vec<String> = rights
                .singles(level, need)
                .filter(|(_, says)| *says == decided)
                .map(|(id, _)| id.to_owned())
                .collect();
            if !ids.is_empty() {
                chain.push((When::If(id.is_in(ids)), decided));
            }
        }
        chain.extend(rights.of_any(level, need).map(|decided| (When::Always, decided)));
    }
    chain
}

/// The column of a thing's id.
enum Id<'a> {
    Uuid(&'a Expr),
    Text(&'a Expr),
}

impl Id<'_> {
    fn is_in(&self, ids: Vec<String>) -> Expr {
        match self {
            Id::Uuid(column) => (*column).clone().is_in(uuids(&ids)),
            Id::Text(column) => (*column).clone().is_in(ids),
        }
    }
}

/// Ids of tasks that are linked to whom `is` says.
fn linked_tasks(is_group: bool, is: impl Fn(Expr) -> Expr) -> SelectStatement {
    let of = |table: &'static str| {
        Query::select()
            .expr(col("ln", "task_id"))
            .from_as(table, "ln")
            .and_where(col("ln", "is_group").eq(is_group))
            .and_where(is(col("ln", "name")))
            .take()
    };
    of("task_candidate")
        .union(sea_query::UnionType::All, of("task_link"))
        .take()
}

impl Where<'_> {
    /// Whether who asks may see less than everything.
    pub(super) fn sees_less(&self) -> bool {
        let of_tenants = |rights: &Rights| rights.only_tenants().is_some() && self.view.has_tenants();
        self.rights
            .is_some_and(|rights| rights.asks() || of_tenants(rights))
    }

    /// Only rows without a tenant, and of one's own.
    pub(super) fn of_own_tenants(&mut self, column: Expr) {
        if let Some(mine) = self.rights.and_then(Rights::only_tenants) {
            let own = column.clone().is_in(mine.iter().map(String::as_str));
            self.and(column.is_null().or(own));
        }
    }

    /// The rights, where authorizations are asked for.
    fn asked(&self) -> Option<&Rights> {
        self.rights.filter(|rights| rights.asks())
    }

    fn only(&mut self, chain: Chain) {
        match fold(chain) {
            Folded::Constant(true) => {}
            Folded::Constant(false) => self.and(never()),
            Folded::Of(condition) => self.and(condition),
        }
    }

    /// Steps for what is done with rows of process instances.
    fn of_instances(&self, rights: &Rights, pairs: Pairs, instance: &Expr, definition: &Expr) -> Chain {
        let mut chain = Chain::new();
        for (own, through) in pairs {
            let need = Need::of(resource::PROCESS_INSTANCE, own);
            chain.extend(of_things(rights, &need, &Id::Uuid(instance), None));
            chain.extend(of_definitions(
                self,
                rights,
                Of::Process(definition.clone()),
                through,
            ));
        }
        chain
    }

    /// Only what belongs to instances that may be read.
    pub(super) fn sees_instances(&mut self, instance: Expr, definition: Expr) {
        if let Some(rights) = self.asked() {
            let chain = self.of_instances(rights, READ_INSTANCE, &instance, &definition);
            self.only(chain);
        }
    }

    /// Only subscriptions of instances that may be read; what starts instances is in no table.
    pub(super) fn sees_subscriptions(&mut self, instance: Expr, definition: Expr) {
        if let Some(rights) = self.asked() {
            let mut chain = vec![(When::If(instance.clone().is_null()), true)];
            chain.extend(self.of_instances(rights, READ_INSTANCE, &instance, &definition));
            self.only(chain);
        }
    }

    /// Whether what starts instances of that key may be seen.
    pub(super) fn sees_start(&self, key: &str) -> bool {
        let needs = || needs(READ_INSTANCE, resource::PROCESS_INSTANCE, None, key);
        self.asked().is_none_or(|rights| rights.allows(&needs()))
    }

    /// Steps for tasks under an alias; `read` is the permission on the instance's definition that stands for READ.
    fn of_tasks(&self, rights: &Rights, alias: &'static str, definition: &Expr) -> Chain {
        let mut chain = Chain::new();
        for (own, through) in READ_TASK {
            let need = Need::of(resource::TASK, own);
            let linked = (rights.task_bits() & need.bits() == need.bits()).then(|| {
                let user = rights.user.as_str();
                let tasks = linked_tasks(false, |name| name.eq(user));
                let mine = col(alias, "id")
                    .in_subquery(tasks)
                    .or(col(alias, "assignee").eq(user))
                    .or(col(alias, "owner").eq(user));
                let groups = (!rights.groups.is_empty()).then(|| {
                    let tasks =
                        linked_tasks(true, |name| name.is_in(rights.groups.iter().map(String::as_str)));
                    col(alias, "id").in_subquery(tasks)
                });
                (mine, groups)
            });
            chain.extend(of_things(rights, &need, &Id::Uuid(&col(alias, "id")), linked));
            chain.extend(of_definitions(
                self,
                rights,
                Of::Process(definition.clone()),
                through,
            ));
        }
        chain
    }

    /// Only tasks that may be read.
    pub(super) fn sees_tasks(&mut self, alias: &'static str) {
        if let Some(rights) = self.asked() {
            let chain = self.of_tasks(rights, alias, &col(alias, "definition_id"));
            self.only(chain);
        }
    }

    /// Only variables of instances that may be read, and those of tasks that may.
    pub(super) fn sees_variables(&mut self, instance: Expr, definition: Expr, task: Expr) {
        if let Some(rights) = self.asked() {
            let mut chain = self.of_instances(rights, READ_INSTANCE, &instance, &definition);
            let mut readable = Query::select();
            readable.expr(col("sv", "id")).from_as("task", "sv");
            match fold(self.of_tasks(rights, "sv", &col("sv", "definition_id"))) {
                Folded::Constant(false) => {}
                Folded::Constant(true) => chain.push((When::If(task.is_not_null()), true)),
                Folded::Of(condition) => {
                    readable.and_where(condition);
                    chain.push((When::If(task.in_subquery(readable)), true));
                }
            }
            self.only(chain);
        }
    }

    /// Only history of definitions whose history may be read, and what has no definition.
    pub(super) fn sees_history(&mut self, definition: Expr) {
        if let Some(rights) = self.asked() {
            let of = Of::Process(definition.clone());
            let mut chain = vec![(When::If(definition.is_null()), true)];
            chain.extend(of_definitions(self, rights, of, "READ_HISTORY"));
            self.only(chain);
        }
    }

    /// Only what users did in categories that may be read, and with definitions whose history may be.
    pub(super) fn sees_operations(&mut self, key: Expr, category: Expr) {
        if let Some(rights) = self.asked() {
            // Null is no key, and still one of `*`.
            let key = Func::coalesce([key, Expr::val("")]).into();
            let read = Need::of(resource::PROCESS_DEFINITION, "READ_HISTORY");
            let mut chain = of_things(rights, &read, &Id::Text(&key), None);
            let read = Need::of(resource::OPERATION_LOG_CATEGORY, "READ");
            chain.extend(of_things(rights, &read, &Id::Text(&category), None));
            self.only(chain);
        }
    }

    /// Only evaluations of decisions whose history may be read.
    pub(super) fn sees_evaluations(&mut self, decision: Expr) {
        if let Some(rights) = self.asked() {
            let chain = of_definitions(self, rights, Of::Decision(decision), "READ_HISTORY");
            self.only(chain);
        }
    }

    /// Only things of a resource that may be read; their ids are texts or uuids.
    pub(super) fn sees_things(&mut self, number: i32, id: Expr, is_text: bool) {
        if let Some(rights) = self.asked() {
            let id = match is_text {
                true => Id::Text(&id),
                false => Id::Uuid(&id),
            };
            let chain = of_things(rights, &Need::of(number, "READ"), &id, None);
            self.only(chain);
        }
    }

    /// The condition that a row's instance may be read, for queries that aren't lists; `None`: everything.
    pub fn readable(&self, instance: Expr, definition: Expr) -> Option<Condition> {
        let rights = self.asked()?;
        match fold(self.of_instances(rights, READ_INSTANCE, &instance, &definition)) {
            Folded::Constant(true) => None,
            Folded::Constant(false) => Some(Condition::all().add(never())),
            Folded::Of(condition) => Some(Condition::all().add(condition)),
        }
    }
}
