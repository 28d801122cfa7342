//! Compensation: what has completed and can be undone is remembered by a subscription in its scope. When a scope
//! itself completes, what it remembers goes to an *event scope* with a copy of its variables, and the scope around
//! remembers that. A throwing event runs the handlers as tokens inside its own, last completed first.
use crate::{
    command::Rejection,
    ctx::{Ctx, Ended},
    definition::{Node, NodeIx},
    element::Catch,
    instance::{EventKind, EventSubscription, Token, TokenState},
    tracked::By,
    value::TypedValue,
};
use topology::Id;

impl<'a> Ctx<'a, '_> {
    /// Remembers an activity that completes, if it has a handler: for a scope with everything in it that could be
    /// compensated.
    pub(crate) fn remember(&mut self, token: Id, node: &'a Node) -> Result<(), Rejection> {
        let around = self.token(token)?.parent_id;
        let handler = node.compensation_handler.map(|ix| self.node(ix));
        if node.behavior.is_composite() && !node.event_subprocess {
            let of_event = handler.is_some_and(|h| h.event_subprocess);
            let remembered = self.compensations(Some(token));
            if !remembered.is_empty() || of_event {
                let scope = self.add_event_scope(token, node, &remembered)?;
                let element = handler.filter(|h| h.event_subprocess).map_or(&node.id, |h| &h.id);
                let subscription = self.add_compensation(around, element)?;
                self.change_token(scope, |row| row.data = Some(subscription.to_string()))?;
            }
        }
        match handler {
            Some(handler) if !handler.event_subprocess => {
                let scope = self.inner_scope(around);
                self.add_compensation(scope, &handler.id).map(drop)
            }
            _ => Ok(()),
        }
    }

    /// The scope that remembers what completes in an iteration: the multi-instance body.
    fn inner_scope(&self, around: Option<Id>) -> Option<Id> {
        let row = around.and_then(|id| self.inst.tokens.get(id));
        match row {
            Some(row) if row.state == TokenState::Iteration => row.parent_id,
            _ => around,
        }
    }

    fn compensations(&self, scope: Option<Id>) -> Vec<EventSubscription> {
        let all = self.inst.subscriptions.by(By::Token(self.host(scope)));
        all.filter(|s| s.kind == EventKind::Compensation)
            .cloned()
            .collect()
    }

    fn add_compensation(&mut self, scope: Option<Id>, element: &str) -> Result<Id, Rejection> {
        let scope = self.inner_scope(scope);
        let id = self.new_id();
        let host = self.host(scope);
        let execution_id = self.execution_of(host)?;
        let process = &self.inst.process;
        self.inst.subscriptions.insert(EventSubscription {
            id,
            instance_id: process.id,
            token_id: host,
            execution_id,
            element: element.to_owned(),
            kind: EventKind::Compensation,
            name: None,
            created: self.env.now,
            tenant_id: process.tenant_id.clone(),
        });
        Ok(id)
    }

    /// Keeps a completing scope's variables, and what it remembers, for its compensation.
    fn add_event_scope(
        &mut self,
        token: Id,
        node: &Node,
        remembered: &[EventSubscription],
    ) -> Result<Id, Rejection> {
        let around = self.inner_scope(self.token(token)?.parent_id);
        let (scope, activity) = (self.new_id(), self.new_id());
        self.inst.tokens.insert(Token {
            id: scope,
            instance_id: self.inst.process.id,
            parent_id: around,
            element: node.id.clone(),
            state: TokenState::EventScope,
            execution_id: scope,
            activity_id: Some(activity),
            started: self.env.now,
            data: None,
        });
        let own = self.inst.variables.by(By::Scope(token));
        let own: Vec<(String, TypedValue)> = own
            .filter(|v| v.task_id.is_none())
            .map(|v| (v.name.clone(), v.value.clone()))
            .collect();
        for (name, value) in own {
            self.set_local(scope, None, &name, value, Some(activity));
        }
        for old in remembered {
            // A row of its own: what is remembered inside may outlive the scope's token.
            let moved = EventSubscription {
                id: self.new_id(),
                token_id: scope,
                execution_id: scope,
                ..old.clone()
            };
            let inner = self.event_scope_of(old.id);
            if let Some(inner) = inner {
                self.change_token(inner, |row| {
                    row.parent_id = Some(scope);
                    row.data = Some(moved.id.to_string());
                })?;
            }
            self.inst.subscriptions.remove(old.id);
            self.inst.subscriptions.insert(moved);
        }
        Ok(scope)
    }

    /// The event scope that a subscription compensates.
    fn event_scope_of(&self, subscription: Id) -> Option<Id> {
        let row = self.inst.subscriptions.get(subscription)?;
        let scopes = By::EventScopes(self.scope_of(row.token_id));
        let text = subscription.to_string();
        let mut all = self.inst.tokens.by(scopes);
        all.find(|t| t.data.as_deref() == Some(&text)).map(|t| t.id)
    }

    /// Removes event scopes in a scope that ends, with all inside them.
    pub(crate) fn remove_event_scopes(&mut self, scope: Id) {
        let mut all = self.inst.tokens.ids_by(By::EventScopes(Some(scope)));
        let mut next = 0;
        while let Some(&token) = all.get(next) {
            next += 1;
            all.extend(self.inst.tokens.ids_by(By::EventScopes(Some(token))));
        }
        for token in all.into_iter().rev() {
            self.remove_token(token);
        }
    }

    /// Runs compensation handlers from a throwing event: of everything in its scope, or of one activity. Answers
    /// whether there is anything to wait for.
    pub(crate) fn compensate(&mut self, token: Id, activity: Option<&str>) -> Result<bool, Rejection> {
        let mut scopes = vec![self.token(token)?.parent_id];
        // An event subprocess doesn't consume compensation: it goes on to the scope around.
        while let Some(Some(scope)) = scopes.last().copied() {
            let row = self.token(scope)?;
            let inside = self
                .def
                .definition
                .node(&row.element)
                .is_some_and(|n| n.event_subprocess);
            if !inside {
                break;
            }
            scopes.push(row.parent_id);
        }
        let mut found: Vec<EventSubscription> = Vec::new();
        for scope in scopes {
            found.extend(self.compensations(scope));
        }
        if let Some(activity) = activity {
            let wanted = self.compensated_by(activity);
            found.retain(|s| s.element == wanted);
        }
        if found.is_empty() {
            return Ok(false);
        }
        self.run_handlers(token, found)?;
        Ok(true)
    }

    /// The element of subscriptions that compensate an activity.
    fn compensated_by(&self, activity: &str) -> String {
        let definition = self.def.definition;
        let Some(node) = definition.node(activity) else {
            return activity.to_owned();
        };
        let found = node.body.or(node.compensation_handler);
        found.map_or_else(|| activity.to_owned(), |ix| definition.nodes[ix].id.clone())
    }

    fn run_handlers(&mut self, token: Id, mut found: Vec<EventSubscription>) -> Result<(), Rejection> {
        self.change_token(token, |row| row.state = TokenState::Compensating)?;
        // In the order of completion: what is put off last runs first.
        found.sort_by_key(|s| s.id);
        for subscription in found {
            let scope = self.event_scope_of(subscription.id);
            self.inst.subscriptions.remove(subscription.id);
            let Some(handler) = self.def.definition.index(&subscription.element) else {
                continue;
            };
            match scope {
                Some(scope) => {
                    self.change_token(scope, |row| {
                        row.parent_id = Some(token);
                        row.state = TokenState::Compensating;
                        row.data = None;
                    })?;
                    if self.node(handler).event_subprocess {
                        self.spawn(Some(scope), handler);
                        continue;
                    }
                    let inner = self.compensations(Some(scope));
                    if inner.is_empty() {
                        self.compensated(scope)?;
                    } else {
                        self.run_handlers(scope, inner)?;
                    }
                }
                None => drop(self.spawn(Some(token), handler)),
            }
        }
        Ok(())
    }

    /// A handler inside a throwing event or an event scope has ended: the last one ends that too.
    pub(crate) fn compensated(&mut self, token: Id) -> Result<(), Rejection> {
        if self.tokens_within(Some(token)) > 0 {
            return Ok(());
        }
        let row = self.token(token)?;
        let node = self.node_of(token)?;
        if !node.behavior.is_composite() {
            if node.behavior.inner_ended(node, token, self)? {
                return Ok(());
            }
            return self.leave_scope(token);
        }
        // An event scope: it was no activity instance that history knows.
        let around = row.parent_id;
        self.remove_event_scopes(token);
        self.remove_token(token);
        match around {
            Some(around) => self.compensated(around),
            None => Ok(()),
        }
    }

    /// The cancel boundary event of the transaction that a cancel end event lies in.
    pub(crate) fn cancel_handler(&self, scope: Option<Id>) -> Result<Option<(Id, NodeIx)>, Rejection> {
        let mut at = scope;
        while let Some(host) = at {
            let row = self.token(host)?;
            let node = self.node_of(host)?;
            let found = node
                .boundary
                .iter()
                .copied()
                .find(|&ix| matches!(self.node(ix).behavior.catch(), Some(Catch::Cancel)));
            if let Some(event) = found.filter(|_| row.state != TokenState::Iteration) {
                return Ok(Some((host, event)));
            }
            at = row
                .parent_id
                .filter(|_| node.body.is_some() || row.state == TokenState::Iteration);
        }
        Ok(None)
    }

    /// Leaves a transaction by its cancel boundary event; the cancel end event's token goes with it.
    pub(crate) fn leave_by_cancel(&mut self, token: Id) -> Result<(), Rejection> {
        let at = self.node_of(token)?;
        let scope = self.token(token)?.parent_id;
        let Some((host, event)) = self.cancel_handler(scope)? else {
            return Err(Self::failure(at, "cancelBoundaryEvent is null"));
        };
        self.end_activity(
            token,
            at,
            Ended {
                canceled: true,
                complete_scope: false,
            },
        )?;
        self.remove_token(token);
        self.enter_boundary(host, event)
    }
}
