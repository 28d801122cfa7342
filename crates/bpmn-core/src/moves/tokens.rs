//! Ending, canceling and removing tokens, and which execution id each has.
use crate::{
    command::Rejection,
    ctx::{Ctx, Ended},
    definition::Node,
    history::Kind,
    instance::*,
    moves::Scene,
    tracked::By,
    tree::lies_above,
};
use topology::Id;

/// The order of an activity instance within its process instance: the clock and counter in its id, 60 bits.
/// Grows with every activity that starts; the same for a running and an ended one.
pub fn sequence(activity: Id) -> i64 {
    let (high, _) = activity.0.as_u64_pair();
    (((high >> 16) << 12) | (high & 0xfff)) as i64
}

impl<'a> Ctx<'a, '_> {
    /// Tokens directly in a scope (`None`: the instance).
    pub(crate) fn tokens_in(&self, scope: Option<Id>) -> impl Iterator<Item = &Token> {
        self.inst.tokens.by(By::Parent(scope))
    }

    /// How many tokens are directly in a scope.
    pub(crate) fn tokens_within(&self, scope: Option<Id>) -> usize {
        self.inst.tokens.count(By::Parent(scope))
    }

    /// The execution id of a scope.
    pub(crate) fn scope_execution(&self, scope: Option<Id>) -> Id {
        scope
            .and_then(|s| self.inst.tokens.get(s))
            .map_or(self.inst.process.id, |t| t.execution_id)
    }

    /// The execution a token has outside of scope activities: its scope's if it is alone there, else its own.
    pub(crate) fn base_execution(&self, token: Id) -> Result<Id, Rejection> {
        let row = self.token(token)?;
        let scope = row.parent_id;
        let around = scope.and_then(|s| self.inst.tokens.get(s));
        let apart =
            row.state == TokenState::Iteration || around.is_some_and(|t| t.state == TokenState::Compensating);
        let alone = !apart && self.tokens_within(scope) < 2;
        Ok(if alone { self.scope_execution(scope) } else { token })
    }

    /// Whether a token is in an activity that has an execution of its own.
    pub(crate) fn in_scope_activity(&self, token: &Token) -> bool {
        if token.state == TokenState::Iteration {
            return true;
        }
        (token.activity_id.is_some() || token.ended().is_some())
            && (token.state == TokenState::Scope
                || self
                    .def
                    .definition
                    .node(&token.element)
                    .is_some_and(Node::is_scope))
    }

    /// After the number of tokens in a scope has changed: the last one takes over the scope's execution, and one
    /// that is no longer alone gets its own, as Camunda prunes and splits executions.
    pub(crate) fn rebalance(&mut self, scope: Option<Id>) {
        let around = scope.and_then(|s| self.inst.tokens.get(s));
        if around.is_some_and(|t| t.state == TokenState::Compensating) {
            return;
        }
        let of_scope = self.scope_execution(scope);
        let alone = self.tokens_within(scope) == 1;
        if alone {
            self.hand_up(scope);
        }
        // Only one can have the scope's execution, so the others need no look.
        let by = if alone {
            By::Parent(scope)
        } else {
            By::Execution(of_scope)
        };
        let found = self
            .inst
            .tokens
            .by(by)
            .find(|t| t.parent_id == scope && !self.in_scope_activity(t));
        let Some((token, old)) = found.map(|t| (t.id, t.execution_id)) else {
            return;
        };
        let new = if alone { of_scope } else { token };
        if old != new {
            self.inst.tokens.update(token, |row| row.execution_id = new);
            self.move_execution(token, new);
            // As in the reference incidents stay with an execution that stays.
            if alone {
                self.move_incidents(token, old, new);
            }
        }
    }

    /// The last token in a scope gives the scope the variables of the execution that it had beside others.
    fn hand_up(&mut self, scope: Option<Id>) {
        if self.inst.variables.is_empty() {
            return;
        }
        let only = self.tokens_in(scope).next().cloned();
        let Some(row) = only.filter(|row| row.state != TokenState::Iteration) else {
            return;
        };
        let apart = self.in_scope_activity(&row);
        let own = self.inst.variables.by(By::Scope(row.id));
        let moved = own.filter(|v| v.task_id.is_none() && (!apart || lies_above(&row, v)));
        let moved: Vec<Id> = moved.map(|v| v.id).collect();
        for id in moved {
            let Some(variable) = self.inst.variables.get(id).cloned() else {
                continue;
            };
            let host = self.host(scope);
            match self.local_variable(host, None, &variable.name).map(|v| v.id) {
                Some(there) => {
                    let writer = self.writer(Some(row.id));
                    self.replace_value(there, variable.value.clone(), writer);
                    self.end_variable(id, None);
                }
                None => {
                    self.inst.variables.remove(id);
                    self.inst.variables.insert(Variable {
                        scope_id: host,
                        ..variable
                    });
                }
            }
        }
    }

    /// Gives a token another execution, with all that names it.
    pub(crate) fn change_execution(&mut self, token: Id, new: Id) {
        let Some(old) = self.inst.tokens.get(token).map(|t| t.execution_id) else {
            return;
        };
        if old != new {
            self.inst.tokens.update(token, |row| row.execution_id = new);
            self.move_execution(token, new);
            self.move_incidents(token, old, new);
        }
    }

    fn move_execution(&mut self, token: Id, new: Id) {
        let of_token = By::Token(token);
        self.inst
            .tasks
            .update_by(of_token, |t| t.execution_id = Some(new));
        self.inst.jobs.update_by(of_token, |j| j.execution_id = Some(new));
        self.inst
            .subscriptions
            .update_by(of_token, |s| s.execution_id = new);
    }

    fn move_incidents(&mut self, token: Id, old: Id, new: Id) {
        if self.inst.incidents.is_empty() {
            return;
        }
        let element = self
            .inst
            .tokens
            .get(token)
            .map(|t| t.element.clone())
            .unwrap_or_default();
        self.inst.incidents.update_by(By::Execution(old), |i| {
            if i.element == element {
                i.execution_id = Some(new);
            }
        });
    }

    /// Ends a token's activity instance: runs its end listeners, sets its output parameters (as in the reference also when it is canceled),
    /// writes its history row, and removes what belonged to it: tasks, jobs, subscriptions, incidents, local variables.
    pub(crate) fn end_activity(&mut self, token: Id, node: &'a Node, how: Ended) -> Result<(), Rejection> {
        self.running(node, |ctx| ctx.end_activity_here(token, node, how))
    }

    fn end_activity_here(&mut self, token: Id, node: &'a Node, how: Ended) -> Result<(), Rejection> {
        if self.token(token)?.activity_id.is_some() {
            if how.canceled {
                self.cancel_called(token)?;
            }
            let before = std::mem::replace(&mut self.canceling, how.canceled);
            self.notify(&node.listeners.end, Scene::End, Some(token))?;
            self.canceling = before;
        }
        let row = self.token(token)?.clone();
        let ended = row.ended();
        let activity = row.activity_id.or(ended);
        if activity.is_some() && !self.skip_outputs {
            self.map_outputs(token, node)?;
        }
        self.tell_activity(token, node, how)?;
        if std::mem::take(&mut self.keeps_tasks) {
            self.keep_tasks(token, node)?;
        }
        self.tasks_deleted(token)?;
        let was_scope = self.in_scope_activity(&row) || ended.is_some();
        self.end_entities(token, activity);
        if node.behavior.called(&row).is_some() {
            self.end_incidents_at(row.execution_id, &node.id);
        }
        if was_scope {
            self.end_own_variables(token, activity);
            self.end_event_scopes(Some(token))?;
        }
        let execution = self.base_execution(token)?;
        self.change_token(token, |row| {
            row.activity_id = None;
            row.execution_id = execution;
            row.state = TokenState::Waiting;
            row.data = None;
        })
    }

    /// Tells history of an activity instance that has ended.
    pub(crate) fn tell_activity(&mut self, token: Id, node: &Node, how: Ended) -> Result<(), Rejection> {
        let row = self.token(token)?.clone();
        self.outcome.tally.ended += u32::from(row.activity_id.is_some());
        let own = self.node_of(token)?;
        let told = self.recording.keeps(Kind::Activity) && node.behavior.is_told();
        if let Some(activity) = row.activity_id.filter(|_| told) {
            // A task in what contains others has been left there.
            let task = self.inst.tasks.first(By::Token(token));
            let task = task.filter(|_| !own.behavior.is_composite());
            let process = &self.inst.process;
            let parent = match self.is_compensating_subprocess(token, node)? {
                // As in the reference it is told to be inside itself, unless it is canceled.
                true if !how.canceled => Some(activity),
                _ => self.parent_activity(row.parent_id),
            };
            let named = self.told_as.remove(&token).unwrap_or(node);
            let entry = HistoricActivity {
                id: activity,
                instance_id: process.id,
                root_id: process.root_id,
                definition_id: process.definition_id,
                parent_id: parent.unwrap_or(process.id),
                execution_id: row.execution_id,
                element: named.id.clone(),
                task_id: task.map(|t| t.id),
                assignee: task.and_then(|t| t.assignee.clone()),
                called_instance_id: own.behavior.called(&row).or_else(|| called_inside(&row)),
                started: row.started,
                ended: self.env.now,
                canceled: how.canceled,
                complete_scope: how.complete_scope,
                tenant_id: process.tenant_id.clone(),
                begun_as: (named.id != own.id).then(|| own.id.clone()),
            };
            self.inst.history.push(HistoryRow::Activity(entry));
        }
        Ok(())
    }

    /// Removes a token, whose activity has ended, with everything that belongs to it.
    pub(crate) fn remove_token(&mut self, token: Id) {
        self.end_entities(token, None);
        let body = match self.inst.tokens.get(token) {
            Some(row) if row.state == TokenState::Iteration => self.parent_activity(row.parent_id),
            _ => None,
        };
        self.end_variables(By::Scope(token), body);
        self.remove_event_scopes(token);
        self.inst.tokens.remove(token);
    }

    /// The activity instance of a scope, as what lies in it names its parent (`None`: the process instance).
    pub(crate) fn parent_activity(&self, scope: Option<Id>) -> Option<Id> {
        let around = scope.and_then(|s| self.inst.tokens.get(s))?;
        let outer = match around.state {
            TokenState::Iteration => true,
            // What compensates lies beside the event that throws.
            TokenState::Compensating => !self
                .def
                .definition
                .node(&around.element)
                .is_some_and(|n| n.behavior.is_composite()),
            _ => false,
        };
        match outer || around.ended().is_some() {
            true => self.parent_activity(around.parent_id),
            false => around.activity_id,
        }
    }

    /// Whether a token's activity runs as a compensation handler.
    pub(crate) fn compensates(&self, token: Id, node: &Node) -> Result<bool, Rejection> {
        if !node.for_compensation || node.event_subprocess {
            return Ok(false);
        }
        let around = self.token(token)?.parent_id;
        let state = around.and_then(|s| self.inst.tokens.get(s)).map(|t| t.state);
        Ok(state == Some(TokenState::Compensating))
    }

    /// Lets an iteration show the activity instance that its variables are seen in: the activity's if it shares the
    /// iteration's execution or contains others, else the body's.
    pub(crate) fn show_iteration(&mut self, token: Id, node: &Node, activity: Id) -> Result<(), Rejection> {
        let Some(around) = self.token(token)?.parent_id else {
            return Ok(());
        };
        let Some(row) = self.inst.tokens.get(around) else {
            return Ok(());
        };
        if row.state != TokenState::Iteration {
            return Ok(());
        }
        let body = row.parent_id.and_then(|body| self.inst.tokens.get(body));
        let (element, shown) = match body {
            Some(body) if node.is_scope() && !node.behavior.is_composite() => {
                (body.element.clone(), body.activity_id)
            }
            _ => (node.id.clone(), Some(activity)),
        };
        self.change_token(around, |row| {
            row.element = element;
            row.activity_id = shown;
        })
    }

    /// Lets the iteration around a token show the body again: what was repeated, and contains others, has ended.
    pub(crate) fn show_body(&mut self, token: Id) -> Result<(), Rejection> {
        let around = self
            .token(token)?
            .parent_id
            .and_then(|id| self.inst.tokens.get(id));
        let Some(iteration) = around.filter(|row| row.state == TokenState::Iteration) else {
            return Ok(());
        };
        let body = iteration.parent_id.and_then(|body| self.inst.tokens.get(body));
        let (iteration, Some(body)) = (iteration.id, body.cloned()) else {
            return Ok(());
        };
        self.change_token(iteration, |row| {
            row.element = body.element;
            row.activity_id = body.activity_id;
        })
    }

    fn end_entities(&mut self, token: Id, activity: Option<Id>) {
        for task in self.inst.tasks.ids_by(By::Token(token)) {
            self.end_task(task, activity);
        }
        for task in self.inst.external_tasks.ids_by(By::Token(token)) {
            self.end_external_task(task);
        }
        for job in self.inst.jobs.ids_by(By::Token(token)) {
            self.end_job(job, RunState::Deleted);
        }
        self.inst.subscriptions.remove_by(By::Token(token));
    }

    /// Cancels everything inside a scope (`None`: the instance), innermost first, except one token.
    pub(crate) fn cancel_within(&mut self, scope: Option<Id>, except: Option<Id>) -> Result<(), Rejection> {
        let order = self.innermost_first(scope, except);
        self.gather_called(&order)?;
        for token in order {
            self.cancel_token(token, scope)?;
        }
        self.rebalance(scope);
        Ok(())
    }

    /// Cancels everything within a scope that is canceled too, or the whole instance.
    pub(crate) fn cancel_all_within(&mut self, scope: Option<Id>) -> Result<(), Rejection> {
        let before = std::mem::replace(&mut self.cancels_all, true);
        let canceled = self.cancel_within(scope, None);
        self.cancels_all = before;
        canceled
    }

    /// The tokens within a scope, except one: each after those within it, and the oldest first.
    fn innermost_first(&self, scope: Option<Id>, except: Option<Id>) -> Vec<Id> {
        let within = |scope| {
            let mut inner: Vec<(Id, bool)> = self.tokens_in(scope).map(|t| (t.id, false)).collect();
            inner.reverse();
            inner
        };
        let mut order = Vec::new();
        let mut todo = within(scope);
        todo.retain(|(id, _)| Some(*id) != except);
        while let Some((token, is_seen)) = todo.pop() {
            if is_seen {
                order.push(token);
            } else {
                todo.push((token, true));
                todo.extend(within(Some(token)));
            }
        }
        order
    }

    /// The element that a canceled token's activity instance ends as: its own, or what [`Ctx::name_scope`] says.
    pub(crate) fn ended_as(&mut self, token: Id) -> Result<&'a Node, Rejection> {
        match self.canceled_as.remove(&token) {
            Some(node) => Ok(node),
            None => self.node_of(token),
        }
    }

    /// A token is canceled, as `node`: says what the activity instance of the scope around ends as, if that is canceled
    /// too. In the reference an execution ends the activity instance of its scope as whatever activity it stands at:
    /// that around what was canceled first in it, or, where its only token waits before or after an activity that
    /// contains others or throws compensation, that one, with its listeners and output parameters.
    fn name_scope(&mut self, token: Id, node: &'a Node) -> Result<(), Rejection> {
        let row = self.token(token)?;
        let Some(scope) = row.parent_id else {
            return Ok(());
        };
        let around = self.token(scope)?;
        // What throws compensation stands where it is.
        if around.state == TokenState::Compensating {
            return Ok(());
        }
        let waits = matches!(row.state, TokenState::BeforeAsync | TokenState::AfterAsync);
        let shares = row.execution_id == around.execution_id && around.state == TokenState::Scope;
        let keeps = node.behavior.is_composite() || node.behavior.throws_compensation();
        let named = match waits && shares && keeps {
            true => Some(node),
            false => node.parent.map(|ix| self.node(ix)),
        };
        let scope = match around.state {
            TokenState::Iteration => around.parent_id.unwrap_or(scope),
            _ => scope,
        };
        if let Some(named) = named {
            self.canceled_as.entry(scope).or_insert(named);
        }
        Ok(())
    }

    /// The completed scope that history takes a canceled activity for: in the reference what a scope remembers for its
    /// compensation ends first, as the activity instance that the execution around is in. `emptied`: the scope whose
    /// content is canceled, which itself stays, and what it remembers with it, unless `cancels_all`.
    fn event_scope_beside(&self, token: Id, emptied: Option<Id>) -> Result<Option<&'a Node>, Rejection> {
        let row = self.token(token)?;
        let own = self.node_of(token)?;
        let stays = row.parent_id == emptied && !self.cancels_all;
        let shares = row.execution_id == self.scope_execution(row.parent_id);
        if stays || !shares || own.is_scope() || row.activity_id.is_none() {
            return Ok(None);
        }
        let remembered = self.inst.tokens.first(By::EventScopes(row.parent_id));
        remembered.map(|t| self.node_of(t.id)).transpose()
    }

    /// Cancels what waits after an activity that has ended without a flow to take: in the reference its execution ends
    /// the scope around, which then ends as the one around that.
    fn cancel_after_end(&mut self, token: Id, node: &'a Node) -> Result<(), Rejection> {
        let scope = self.token(token)?.parent_id;
        let around = node.parent.map(|ix| self.node(ix));
        let (Some(scope), Some(around)) = (scope, around) else {
            return Ok(());
        };
        if let Some(named) = around.parent.map(|ix| self.node(ix))
            && node.is_scope()
        {
            self.canceled_as.entry(scope).or_insert(named);
        }
        Ok(())
    }

    /// Cancels a token that has nothing inside; `scope` is what is being emptied.
    pub(crate) fn cancel_token(&mut self, token: Id, scope: Option<Id>) -> Result<(), Rejection> {
        let row = self.token(token)?;
        // No activity instance of its own; or that of an event scope, which history doesn't know.
        let own = self.node_of(token)?;
        if row.state == TokenState::Iteration
            || (row.state == TokenState::Compensating && own.behavior.is_composite())
        {
            self.remove_token(token);
            return Ok(());
        }
        let called = own.behavior.called(row).filter(|_| !own.is_scope());
        let (around, shares) = (
            row.parent_id,
            row.execution_id == self.scope_execution(row.parent_id),
        );
        let has_ended = row.ended().is_some();
        let node = self.ended_as(token)?;
        if has_ended && !own.behavior.is_composite() {
            self.cancel_after_end(token, own)?;
        } else {
            self.name_scope(token, node)?;
        }
        // The execution that has called another instance is that of a sequential multi-instance, too.
        if let Some((around, called)) = around.filter(|_| shares).zip(called) {
            self.change_token(around, |row| row.data = Some(called.to_string()))?;
        }
        let row = self.token(token)?;
        // Where the scope's own execution has the task, the reference deletes it before the activity ends.
        let early = row.parent_id == scope && row.execution_id == self.scope_execution(scope);
        let reason = match early && self.termination.interrupts {
            true => self.termination.reason.clone(),
            false => None,
        };
        let before = std::mem::replace(&mut self.task_reason, reason);
        if early {
            self.tasks_deleted(token)?;
        }
        if let Some(event_scope) = self.event_scope_beside(token, scope)? {
            self.told_as.insert(token, event_scope);
        }
        let told = self.tasks_told;
        self.tasks_told |= early;
        let ended = Ended {
            canceled: true,
            complete_scope: false,
        };
        self.end_activity(token, node, ended)?;
        self.tasks_told = told;
        self.task_reason = before;
        self.remove_token(token);
        Ok(())
    }
}

/// The instance that a canceled sequential multi-instance was calling.
fn called_inside(row: &Token) -> Option<Id> {
    match row.state {
        TokenState::Scope => row.data.as_ref()?.parse().ok(),
        _ => None,
    }
}
