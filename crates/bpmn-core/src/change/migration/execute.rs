//! Carrying a plan out, in the reference's two steps. While the instance is one of the source, what has no instruction ends:
//! events, and scopes, whose content goes to the scope around. Then everything takes the target's names, and goes where the
//! target has it; scopes that are missing there are made.
use super::{MigrationPlan, examine, mapping::Mapping};
use crate::{
    change::find::failed,
    command::Rejection,
    ctx::Ctx,
    definition::NodeIx,
    instance::{Token, TokenState},
    tracked::By,
};
use std::collections::{BTreeMap, BTreeSet};
use topology::Id;

/// Scopes that the target has besides, by the scope around and their node.
type Made = BTreeMap<(Option<Id>, NodeIx), Id>;

impl<'a> Ctx<'a, '_> {
    /// Migrates the instance to another definition.
    pub(crate) fn migrate(&mut self, target: Id, plan: &MigrationPlan) -> Result<(), Rejection> {
        let found = self.env.world.definition(target);
        let target =
            found.ok_or_else(|| Rejection::BadRequest(format!("process definition {target} is unknown")))?;
        let source = self.def;
        let report = examine(&source, target.definition, self.inst, plan);
        if !report.is_empty() {
            let mut refused = report.activities.iter().chain(&report.transitions);
            let first = refused
                .next()
                .map(|one| format!("{}: '{}'", one.failures.join("; "), one.element));
            return Err(Rejection::NotValid(
                first.unwrap_or_else(|| report.failures.join("; ")),
            ));
        }
        let mapping = Mapping::new(source.definition, target.definition, plan);
        let all = self.outermost_first();
        let waits = self.sort_waits(&mapping, &all)?;
        let was_scope: BTreeMap<Id, bool> = all
            .iter()
            .filter_map(|id| self.inst.tokens.get(*id))
            .map(|t| (t.id, self.in_scope_activity(t)))
            .collect();
        self.end_unmapped(&waits);
        let tokens = self.leave_unmapped(&mapping, &all)?;
        self.forget_unmapped(&mapping, &tokens)?;

        self.def = target;
        self.recording = self.env.history.of(&target.definition.key);
        self.rename(target.id, &mapping);
        let mut made = Made::new();
        for &token in &tokens {
            if self.token(token)?.state != TokenState::Iteration {
                self.put_in_place(token, &mut made)?;
            }
        }
        self.migrate_remembered(&mapping, &tokens)?;
        for &token in &tokens {
            let was = was_scope.get(&token).copied().unwrap_or_default();
            self.settle(token, was)?;
        }
        self.migrate_waits(&waits)?;
        self.set_variables(None, &plan.variables);
        Ok(())
    }

    /// The tokens that run, parents before children.
    fn outermost_first(&self) -> Vec<Id> {
        let ids_in = |scope: Option<Id>| self.tokens_in(scope).map(|t| t.id).collect::<Vec<_>>();
        let mut order = ids_in(None);
        let mut next = 0;
        while let Some(&token) = order.get(next) {
            next += 1;
            order.extend(ids_in(Some(token)));
        }
        order
    }

    /// Cancels the scopes that have no instruction, inner ones first, each when what is in it has gone to the scope around. Gives
    /// the tokens that stay.
    fn leave_unmapped(&mut self, mapping: &Mapping<'_>, order: &[Id]) -> Result<Vec<Id>, Rejection> {
        let mut gone = BTreeSet::new();
        for &scope in order.iter().rev() {
            let row = self.token(scope)?.clone();
            if row.state == TokenState::Iteration || mapping.of(&row.element).is_some() {
                continue;
            }
            let iterations = self
                .tokens_in(Some(scope))
                .filter(|t| t.state == TokenState::Iteration);
            let node = self.node_of(scope)?;
            for iteration in iterations.map(|t| t.id).collect::<Vec<_>>() {
                self.dissolve(iteration, row.parent_id)?;
                node.behavior.part_canceled(node, scope, self)?;
                gone.insert(iteration);
            }
            let inside: Vec<Id> = self.tokens_in(Some(scope)).map(|t| t.id).collect();
            if node.behavior.is_sequential() && !inside.is_empty() {
                node.behavior.part_canceled(node, scope, self)?;
            }
            for token in inside {
                self.change_token(token, |inner| inner.parent_id = row.parent_id)?;
            }
            self.hand_over(scope, row.parent_id)?;
            self.end_waits(scope);
            self.cancel_token(scope, None)?;
            gone.insert(scope);
        }
        Ok(order.iter().copied().filter(|id| !gone.contains(id)).collect())
    }

    /// Removes an iteration of a body that goes; its variables stay with the activity that was repeated.
    fn dissolve(&mut self, iteration: Id, around: Option<Id>) -> Result<(), Rejection> {
        let inside: Vec<Id> = self.tokens_in(Some(iteration)).map(|t| t.id).collect();
        for &token in &inside {
            self.change_token(token, |row| row.parent_id = around)?;
        }
        if let [only] = inside[..] {
            let own = self
                .inst
                .variables
                .by(By::Scope(iteration))
                .map(|v| v.id)
                .collect::<Vec<_>>();
            for id in own {
                if let Some(variable) = self.inst.variables.remove(id) {
                    let mut moved = (*variable).clone();
                    moved.scope_id = only;
                    self.inst.variables.insert(moved);
                }
            }
        }
        self.remove_token(iteration);
        Ok(())
    }

    /// Everything but events gets the target's names.
    fn rename(&mut self, definition: Id, mapping: &Mapping<'_>) {
        let new = |element: &str| mapping.id_of(element);
        self.inst.process.definition_id = definition;
        let tokens: Vec<(Id, String)> = self
            .inst
            .tokens
            .iter()
            .filter(|t| t.state != TokenState::EventScope)
            .filter_map(|t| Some((t.id, new(&t.element)?)))
            .collect();
        for (id, element) in tokens {
            let only_flow = mapping
                .target
                .node(&element)
                .and_then(|node| match node.outgoing[..] {
                    [flow] => Some(mapping.target.flows[flow].id.clone()),
                    _ => None,
                });
            self.inst.tokens.update(id, |t| {
                // The flow that it is about to take, by the target's name.
                if t.state == TokenState::AfterAsync && t.data.is_some() && t.ended().is_none() {
                    t.data = only_flow.or(t.data.take());
                }
                t.element = element;
            });
        }
        self.inst.tasks.change_all(|task| {
            if task.is_standalone() {
                return;
            }
            task.definition_id = Some(definition);
            task.element = task.element.as_deref().and_then(new).or(task.element.take());
        });
        self.inst.external_tasks.change_all(|task| {
            task.definition_id = definition;
            task.element = new(&task.element).unwrap_or_else(|| task.element.clone());
        });
        self.inst.jobs.change_all(|job| {
            job.definition_id = definition;
            if !job.kind.is_timer() {
                job.element = new(&job.element).unwrap_or_else(|| job.element.clone());
            }
        });
        let incidents: Vec<Id> = self.inst.incidents.iter().map(|i| i.id).collect();
        for id in incidents {
            self.inst.incidents.update(id, |incident| {
                incident.definition_id = definition;
                incident.element = new(&incident.element).unwrap_or_else(|| incident.element.clone());
            });
        }
    }

    /// Puts a token where the target has its activity, with the scopes between it and the scope it is in made once for all
    /// that need them.
    fn put_in_place(&mut self, token: Id, made: &mut Made) -> Result<(), Rejection> {
        let node = self.node_of(token)?;
        let mut around = self.token(token)?.parent_id;
        let outer = match around {
            None => None,
            Some(scope) => self.def.definition.index(&self.body_of(scope)?.element),
        };
        let between = self.scopes_between(outer, node.parent).ok_or_else(|| {
            failed(format!(
                "'{}' does not lie in the scope that it is migrated to",
                node.id
            ))
        })?;
        for ix in between {
            let known = made.get(&(around, ix)).copied();
            let scope = match known {
                Some(scope) => scope,
                None => self.emerge(around, ix)?,
            };
            made.insert((around, ix), scope);
            around = Some(scope);
        }
        self.change_token(token, |row| row.parent_id = around)
    }

    /// The scope itself, or for an iteration the body around it.
    fn body_of(&self, scope: Id) -> Result<&Token, Rejection> {
        let row = self.token(scope)?;
        match (row.state, row.parent_id) {
            (TokenState::Iteration, Some(body)) => self.token(body),
            _ => Ok(row),
        }
    }

    /// Makes a scope that the source hadn't.
    fn emerge(&mut self, around: Option<Id>, ix: NodeIx) -> Result<Id, Rejection> {
        let node = self.node(ix);
        let token = self.add_token(around, node, TokenState::Waiting);
        self.make_scope(token, node)?;
        node.behavior.open(node, token, self)
    }

    /// Gives a token the execution that its new place asks for.
    fn settle(&mut self, token: Id, was_scope: bool) -> Result<(), Rejection> {
        let Some(row) = self.inst.tokens.get(token).cloned() else {
            return Ok(());
        };
        let is_scope = self.in_scope_activity(&row);
        if is_scope && !was_scope {
            let execution = self.new_id();
            self.change_execution(token, execution);
        } else if !is_scope {
            let execution = self.base_execution(token)?;
            self.change_execution(token, execution);
        }
        self.rebalance(row.parent_id);
        Ok(())
    }
}
