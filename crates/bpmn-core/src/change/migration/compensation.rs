//! What scopes remember for their compensation, when the instance is migrated: subscriptions take the target's handlers, and
//! completed scopes go along, are left out, or come where the target has one more.
use super::{classes::scope_around, mapping::Mapping};
use crate::{
    change::find::failed,
    command::Rejection,
    ctx::Ctx,
    definition::NodeIx,
    instance::{EventKind, Token, TokenState},
    tracked::By,
};
use std::collections::{BTreeMap, BTreeSet};
use topology::Id;

/// Completed scopes that the target has besides, by the scope around and their node.
type Made = BTreeMap<(Option<Id>, NodeIx), Id>;

impl Ctx<'_, '_> {
    /// The completed scopes that these scopes, and the process instance, remember: outer ones first.
    fn remembered(&self, scopes: &[Id]) -> Vec<Id> {
        let mut all = self.inst.tokens.ids_by(By::EventScopes(None));
        for &scope in scopes {
            all.extend(self.inst.tokens.ids_by(By::EventScopes(Some(scope))));
        }
        let mut next = 0;
        while let Some(&scope) = all.get(next) {
            next += 1;
            all.extend(self.inst.tokens.ids_by(By::EventScopes(Some(scope))));
        }
        all
    }

    /// Hands what a scope remembers to the scope around it.
    pub(super) fn hand_over(&mut self, scope: Id, around: Option<Id>) -> Result<(), Rejection> {
        for inner in self.inst.tokens.ids_by(By::EventScopes(Some(scope))) {
            self.change_token(inner, |row| row.parent_id = around)?;
        }
        for row in self.inst.subscriptions.ids_by(By::Token(scope)) {
            let kind = self.inst.subscriptions.get(row).map(|row| row.kind);
            if kind == Some(EventKind::Compensation) {
                self.hand_subscription(row, around)?;
            }
        }
        Ok(())
    }

    fn hand_subscription(&mut self, id: Id, scope: Option<Id>) -> Result<(), Rejection> {
        let host = self.host(scope);
        let execution_id = self.execution_of(host)?;
        // What it belongs to is looked up by, and never changed in place.
        if let Some(row) = self.inst.subscriptions.remove(id) {
            let mut moved = (*row).clone();
            (moved.token_id, moved.execution_id) = (host, execution_id);
            self.inst.subscriptions.insert(moved);
        }
        Ok(())
    }

    /// Forgets the completed scopes that have no instruction; what is in them goes to the scope around.
    pub(super) fn forget_unmapped(&mut self, mapping: &Mapping<'_>, scopes: &[Id]) -> Result<(), Rejection> {
        for scope in self.remembered(scopes).into_iter().rev() {
            let row = self.token(scope)?.clone();
            if mapping.of(&row.element).is_some() {
                continue;
            }
            self.hand_over(scope, row.parent_id)?;
            if let Some(subscription) = row.data.and_then(|id| id.parse().ok()) {
                self.inst.subscriptions.remove(subscription);
            }
            self.end_variables(By::Scope(scope), None);
            self.remove_token(scope);
        }
        Ok(())
    }

    /// Names what is remembered as the target does, and puts it where the target has it.
    pub(super) fn migrate_remembered(
        &mut self,
        mapping: &Mapping<'_>,
        scopes: &[Id],
    ) -> Result<(), Rejection> {
        let remembered = self.remembered(scopes);
        for &scope in &remembered {
            let to = mapping.id_of(&self.token(scope)?.element);
            self.change_token(scope, |row| {
                row.element = to.unwrap_or_else(|| row.element.clone())
            })?;
        }
        let compensation = |kind| kind == EventKind::Compensation;
        let rows = self
            .inst
            .subscriptions
            .iter()
            .filter(|row| compensation(row.kind));
        let rows: Vec<(Id, String)> = rows.map(|row| (row.id, row.element.clone())).collect();
        for (id, element) in &rows {
            if let Some(to) = mapping.compensation(element) {
                let element = self.node(to).id.clone();
                self.inst.subscriptions.update(*id, |row| row.element = element);
            }
        }
        let mut made = Made::new();
        // The subscription of a completed scope goes with it.
        let mut with_scope: BTreeSet<Id> = BTreeSet::new();
        for scope in remembered {
            let row = self.token(scope)?.clone();
            let around = self.remembered_in(row.parent_id, &row.element, &mut made)?;
            let own = row.data.and_then(|id| id.parse().ok());
            with_scope.extend(own);
            if around != row.parent_id {
                self.change_token(scope, |row| row.parent_id = around)?;
                if let Some(subscription) = own {
                    self.hand_subscription(subscription, around)?;
                }
            }
        }
        for (id, _) in rows {
            let row = self.inst.subscriptions.get(id).cloned();
            let Some(row) = row.filter(|row| !with_scope.contains(&row.id)) else {
                continue;
            };
            let own = self.scope_of(row.token_id);
            let around = self.remembered_in(own, &row.element, &mut made)?;
            if around != own {
                self.hand_subscription(id, around)?;
            }
        }
        Ok(())
    }

    /// The scope in which an element is remembered: that which does, or completed ones between it and the element, made once for
    /// all that need them.
    fn remembered_in(
        &mut self,
        scope: Option<Id>,
        element: &str,
        made: &mut Made,
    ) -> Result<Option<Id>, Rejection> {
        let definition = self.def.definition;
        let outer = match scope {
            Some(scope) => definition.index(&self.token(scope)?.element),
            None => None,
        };
        let innermost = definition
            .index(element)
            .and_then(|ix| scope_around(definition, ix));
        let between = self
            .scopes_between(outer, innermost)
            .ok_or_else(|| failed(format!("'{element}' does not lie in the scope that remembers it")))?;
        let mut around = scope;
        for ix in between {
            let known = made.get(&(around, ix)).copied();
            let inner = match known {
                Some(inner) => inner,
                None => self.add_completed(around, ix)?,
            };
            made.insert((around, ix), inner);
            around = Some(inner);
        }
        Ok(around)
    }

    /// A completed scope that never ran.
    fn add_completed(&mut self, around: Option<Id>, ix: NodeIx) -> Result<Id, Rejection> {
        let (scope, activity) = (self.new_id(), self.new_id());
        let element = self.node(ix).id.clone();
        let subscription = self.add_compensation(around, &element)?;
        self.inst.tokens.insert(Token {
            id: scope,
            instance_id: self.inst.process.id,
            parent_id: around,
            element,
            state: TokenState::EventScope,
            execution_id: scope,
            activity_id: Some(activity),
            started: self.env.now,
            data: Some(subscription.to_string()),
        });
        Ok(scope)
    }
}
