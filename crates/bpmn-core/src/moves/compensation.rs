//! Compensation: what has completed and can be undone is remembered by a subscription in its scope. When a scope
//! itself completes, what it remembers goes to an *event scope* with a copy of its variables, and the scope around
//! remembers that. A throwing event runs the handlers as tokens inside its own, last completed first.
use crate::{
    command::Rejection,
    ctx::{Ctx, Ended},
    definition::{Mapping, Node, NodeIx},
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
        let around = self.flow_scope(token, node)?;
        let handler = node.compensation_handler.map(|ix| self.node(ix));
        if node.behavior.is_composite() {
            let of_event = handler.is_some_and(|h| h.event_subprocess);
            let remembered = self.compensations(Some(token));
            if !remembered.is_empty() || of_event {
                let scope = self.add_event_scope(token, around, node, &remembered)?;
                // As in the reference a subprocess that is the handler runs once for what is inside, and once more.
                let element = handler
                    .filter(|h| h.behavior.is_composite() && node.repeats.is_none())
                    .map_or(&node.id, |h| &h.id);
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

    /// The scope around a token's activity; of a handler the one it is drawn in, not where it was thrown.
    fn flow_scope(&self, token: Id, node: &Node) -> Result<Option<Id>, Rejection> {
        let around = self.token(token)?.parent_id;
        if !self.compensates(token, node)? {
            return Ok(around);
        }
        let Some(parent) = node.parent.map(|ix| self.node(ix)) else {
            return Ok(None);
        };
        let mut at = around;
        while let Some(row) = at.and_then(|id| self.inst.tokens.get(id)) {
            if row.element == parent.id {
                return Ok(at);
            }
            at = row.parent_id;
        }
        Ok(around)
    }

    /// The scope around a host of events; of what compensates the one around who throws.
    pub(crate) fn around(&self, host: Id) -> Result<Option<Id>, Rejection> {
        let mut around = self.token(host)?.parent_id;
        while let Some(row) = around.and_then(|id| self.inst.tokens.get(id)) {
            if row.state != TokenState::Compensating {
                break;
            }
            around = row.parent_id;
        }
        Ok(around)
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

    pub(crate) fn add_compensation(&mut self, scope: Option<Id>, element: &str) -> Result<Id, Rejection> {
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
        around: Option<Id>,
        node: &'a Node,
        remembered: &[EventSubscription],
    ) -> Result<Id, Rejection> {
        let around = self.inner_scope(around);
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
        // The reference enters it as if the scope began once more: with input parameters and timers.
        self.map_inputs(scope, node)?;
        for &ix in &node.waiting {
            let event = self.node(ix);
            if event.behavior.timer().is_some() {
                event.behavior.attach(event, scope, self)?;
            }
        }
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

    /// Removes what a scope that ends (`None`: the instance) remembers. As in the reference the output parameters of each
    /// completed scope are set once more.
    pub(crate) fn end_event_scopes(&mut self, scope: Option<Id>) -> Result<(), Rejection> {
        for token in self.inst.tokens.ids_by(By::EventScopes(scope)) {
            if !self.skip_outputs {
                let node = self.node_of(token)?;
                self.map_outputs(token, node)?;
            }
            self.end_variables(By::Scope(token), None);
            self.end_event_scopes(Some(token))?;
            self.remove_token(token);
        }
        Ok(())
    }

    /// The instance has run to its end, with what its scopes remember: the reference sets their output parameters when
    /// its variables are gone already, and finds nothing to set them in.
    pub(crate) fn map_remembered_outputs(&mut self) -> Result<(), Rejection> {
        if self.skip_outputs {
            return Ok(());
        }
        let mut remembered = self.inst.tokens.ids_by(By::EventScopes(None));
        let mut next = 0;
        while let Some(&token) = remembered.get(next) {
            next += 1;
            remembered.extend(self.inst.tokens.ids_by(By::EventScopes(Some(token))));
            let node = self.node_of(token)?;
            if let Some(Mapping { name, value }) = node.outputs.first() {
                self.own_only = true;
                let set = self.mapped(name, value, Some(token));
                self.own_only = false;
                set?;
                let message = "Cannot invoke \"org.camunda.bpm.engine.impl.persistence.entity.ExecutionEntity.delayEvent(\
                               org.camunda.bpm.engine.impl.pvm.runtime.PvmExecutionImpl, \
                               org.camunda.bpm.engine.impl.core.variable.event.VariableEvent)\" because \
                               \"scopeExecution\" is null";
                return Err(Self::failure(node, message));
            }
        }
        self.skip_outputs = true;
        let ended = self.end_event_scopes(None);
        self.skip_outputs = false;
        ended
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
        // All are there before the first runs, which may be done at once.
        let mut places = Vec::new();
        found.sort_by_key(|s| (s.created, s.id));
        for subscription in found {
            let Some(handler) = self.def.definition.index(&subscription.element) else {
                continue;
            };
            let (place, snapshot) = match self.event_scope_of(subscription.id) {
                Some(scope) => {
                    self.change_token(scope, |row| {
                        row.parent_id = Some(token);
                        row.state = TokenState::Compensating;
                        row.data = None;
                    })?;
                    (scope, true)
                }
                None => {
                    let node = self.node(handler);
                    (self.add_token(Some(token), node, TokenState::Waiting), false)
                }
            };
            places.push((subscription, handler, place, snapshot));
        }
        // What was completed last is compensated first.
        for (subscription, handler, place, snapshot) in places.into_iter().rev() {
            self.inst.subscriptions.remove(subscription.id);
            // A handler may have thrown an error that ended this one.
            if self.inst.tokens.get(place).is_none() {
                continue;
            }
            self.show_inside(token, place, snapshot)?;
            let node = self.node(handler);
            if snapshot && self.token(place)?.element == node.id {
                let inner = self.compensations(Some(place));
                if inner.is_empty() {
                    self.compensated(place)?;
                } else {
                    self.run_handlers(place, inner)?;
                }
            } else if snapshot && node.event_subprocess {
                self.spawn(Some(place), handler);
            } else {
                self.run_handler(place, node)
                    .map_err(|cause| Self::while_handling(&subscription, place, cause))?;
            }
        }
        Ok(())
    }

    /// A handler runs where the completed scope's variables are kept, if that has any. Asynchronous continuations mean
    /// nothing to it.
    fn run_handler(&mut self, place: Id, node: &'a Node) -> Result<(), Rejection> {
        let execution = self.base_execution(place)?;
        self.change_token(place, |row| {
            row.element.clone_from(&node.id);
            row.state = TokenState::Waiting;
            row.activity_id = None;
            row.execution_id = execution;
        })?;
        self.begin(place, node)
    }

    /// A subprocess that begins as handler is what is shown inside who throws from now on.
    pub(crate) fn show_subprocess(&mut self, token: Id, node: &Node) -> Result<(), Rejection> {
        let row = self.token(token)?;
        let around = row.parent_id.and_then(|id| self.inst.tokens.get(id));
        let around = around.filter(|t| t.state == TokenState::Compensating && node.behavior.is_composite());
        if let Some(around) = around.map(|t| t.id) {
            let shown = row.shown();
            self.change_token(around, |row| row.data = Some(shown))?;
        }
        Ok(())
    }

    /// Whether a token's activity tells who throws compensation that it has ended, and takes no flow: a handler, or an
    /// event subprocess that compensates.
    pub(crate) fn ends_compensation(&self, token: Id, node: &Node) -> Result<bool, Rejection> {
        Ok(self.compensates(token, node)? || self.is_compensating_subprocess(token, node)?)
    }

    /// Whether a token is in an event subprocess that compensates the scope around.
    pub(crate) fn is_compensating_subprocess(&self, token: Id, node: &Node) -> Result<bool, Rejection> {
        let around = self.token(token)?.parent_id;
        let around = around.and_then(|id| self.inst.tokens.get(id));
        Ok(node.event_subprocess && around.is_some_and(|t| t.state == TokenState::Compensating))
    }

    /// Remembers which activity instance what is inside a compensating token is shown in: as in the reference that of
    /// the scope compensated last, and its own again with an activity's handler.
    fn show_inside(&mut self, token: Id, place: Id, snapshot: bool) -> Result<(), Rejection> {
        let shown = match snapshot {
            true => Some(self.token(place)?.shown()),
            false if !self.node_of(token)?.behavior.is_composite() => return Ok(()),
            false => None,
        };
        self.change_token(token, |row| row.data = shown)
    }

    /// The reference's words for a handler that fails at its start.
    fn while_handling(subscription: &EventSubscription, place: Id, cause: Rejection) -> Rejection {
        let Rejection::Failure { element, .. } = cause else {
            return cause;
        };
        let EventSubscription {
            id,
            execution_id,
            instance_id,
            element: activity,
            tenant_id,
            created,
            ..
        } = subscription;
        let tenant = tenant_id.as_deref().unwrap_or("null");
        let created = expr::Value::Date(*created).to_text();
        Rejection::Failure {
            message: format!(
                "Error while handling compensation event EventSubscriptionEntity[id={id}, eventType=compensate, \
                 eventName=null, executionId={execution_id}, processInstanceId={instance_id}, activityId={activity}, \
                 tenantId={tenant}, configuration={place}, revision=1, created={created}]"
            ),
            element,
        }
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
