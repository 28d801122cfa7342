//! Carrying a plan out: tokens move to the target's elements with all they have; scopes that the target lacks are
//! removed, those that it has besides are made; what events wait with goes along, is made anew or ends.
use super::{MigrationPlan, unmapped};
use crate::{
    change::find::failed,
    command::Rejection,
    ctx::Ctx,
    definition::{Definition, Node, NodeIx},
    instance::{RunState, Token, TokenState},
    tracked::By,
};
use std::collections::BTreeMap;
use topology::Id;

impl<'a> Ctx<'a, '_> {
    /// Migrates the instance to another definition.
    pub(crate) fn migrate(&mut self, target: Id, plan: &MigrationPlan) -> Result<(), Rejection> {
        let world = self.env.world;
        let found = world.definition(target);
        let target =
            found.ok_or_else(|| Rejection::BadRequest(format!("process definition {target} is unknown")))?;
        let source = self.def;
        if let Some(left) = unmapped(source.definition, self.inst, plan).first() {
            return Err(Rejection::NotValid(format!(
                "There is no migration instruction for this instance's activity: '{}'",
                left.element
            )));
        }
        self.refuse_compensation()?;
        // Parents before children, so that a child finds where its parent has gone.
        let mut order: Vec<Id> = self.ids_in(None);
        let mut next = 0;
        while let Some(&token) = order.get(next) {
            next += 1;
            order.extend(self.ids_in(Some(token)));
        }
        let was_scope: BTreeMap<Id, bool> = order
            .iter()
            .filter_map(|id| self.inst.tokens.get(*id))
            .map(|t| (t.id, self.in_scope_activity(t)))
            .collect();
        let events = self.events_of(source.definition, plan, &order)?;
        self.def = target;
        self.recording = self.env.history.of(&target.definition.key);
        self.rename(target.id, plan);
        let mut made = BTreeMap::new();
        let mut gone = Vec::new();
        for &token in &order {
            match plan.of(&events.elements[&token]) {
                Some(_) => self.put_in_place(token, &gone, &mut made)?,
                None if self.token(token)?.state == TokenState::Iteration => {}
                None => gone.push(token),
            }
        }
        for scope in gone.into_iter().rev() {
            self.end_waits(scope);
            // It ends as what it was: in history it stays one of the source.
            (self.def, self.inst.process.definition_id) = (source, source.id);
            self.cancel_token(scope, None)?;
            (self.def, self.inst.process.definition_id) = (target, target.id);
        }
        for (&token, &was) in &was_scope {
            self.settle(token, was)?;
        }
        self.migrate_events(&events, plan)?;
        self.set_variables(None, &plan.variables);
        Ok(())
    }

    fn ids_in(&self, scope: Option<Id>) -> Vec<Id> {
        self.tokens_in(scope).map(|t| t.id).collect()
    }

    fn refuse_compensation(&self) -> Result<(), Rejection> {
        let states = [TokenState::EventScope, TokenState::Compensating];
        let mut tokens = self.inst.tokens.iter();
        match tokens.find(|t| states.contains(&t.state)) {
            Some(token) => Err(Rejection::BadRequest(format!(
                "migration of an instance with compensation, at '{}', is not supported yet",
                token.element
            ))),
            None => Ok(()),
        }
    }

    /// Everything gets the target's names; scopes that have no instruction keep theirs until they go.
    fn rename(&mut self, definition: Id, plan: &MigrationPlan) {
        let new = |element: &str| plan.of(element).map(|i| i.target.clone());
        self.inst.process.definition_id = definition;
        let tokens: Vec<(Id, String)> = self
            .inst
            .tokens
            .iter()
            .filter_map(|t| Some((t.id, new(&t.element)?)))
            .collect();
        for (id, element) in tokens {
            self.inst.tokens.update(id, |t| t.element = element);
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
            job.element = new(&job.element).unwrap_or_else(|| job.element.clone());
        });
        self.inst.subscriptions.change_all(|subscription| {
            subscription.element = new(&subscription.element).unwrap_or_else(|| subscription.element.clone());
        });
        let incidents: Vec<Id> = self.inst.incidents.iter().map(|i| i.id).collect();
        for id in incidents {
            self.inst.incidents.update(id, |incident| {
                incident.definition_id = definition;
                incident.element = new(&incident.element).unwrap_or_else(|| incident.element.clone());
            });
        }
    }

    /// Puts a mapped token where the target has its activity: under its nearest ancestor that stays, with the scopes
    /// between made once for all that need them.
    fn put_in_place(
        &mut self,
        token: Id,
        gone: &[Id],
        made: &mut BTreeMap<(Option<Id>, NodeIx), Id>,
    ) -> Result<(), Rejection> {
        let node = self.node_of(token)?;
        let mut around = self.token(token)?.parent_id;
        while let Some(scope) = around.filter(|scope| gone.contains(scope)) {
            around = self.token(scope)?.parent_id;
        }
        let outer = match around {
            None => None,
            Some(scope) => self.def.definition.index(&self.body_of(scope)?.element),
        };
        let mut between = Vec::new();
        let mut at = node.parent;
        while at != outer {
            let Some(ix) = at else {
                return Err(failed(format!(
                    "'{}' does not lie in the scope that it is migrated to",
                    node.id
                )));
            };
            between.push(ix);
            at = self.node(ix).parent;
        }
        for ix in between.into_iter().rev() {
            let known = made.get(&(around, ix)).copied();
            let scope = match known {
                Some(scope) => scope,
                None => {
                    let scope = self.emerge(around, ix)?;
                    made.insert((around, ix), scope);
                    scope
                }
            };
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

    /// What the hosts' events wait with, by what becomes of it; looked at before names change.
    fn events_of(
        &self,
        source: &Definition,
        plan: &MigrationPlan,
        order: &[Id],
    ) -> Result<Events, Rejection> {
        let mut events = Events::default();
        for &token in order {
            events.elements.insert(token, self.token(token)?.element.clone());
        }
        let hosts = order.iter().map(|id| Some(*id)).chain([None]);
        for host in hosts {
            let own = match host {
                Some(token) => events.elements[&token].clone(),
                None => String::new(),
            };
            let id = self.host(host);
            let jobs = self.inst.jobs.by(By::Token(id)).map(|j| (j.id, true, &j.element));
            let subscriptions = self.inst.subscriptions.by(By::Token(id));
            let subscriptions = subscriptions.map(|s| (s.id, false, &s.element));
            for (row, is_job, element) in jobs.chain(subscriptions) {
                let instruction = plan.of(element);
                let is_event = *element != own && source.node(element).is_some();
                match instruction {
                    None if is_event => events.ending.push((row, is_job)),
                    Some(i) if i.update_event_trigger => {
                        events.ending.push((row, is_job));
                        if !is_event {
                            events.again.push((id, i.target.clone()));
                        }
                    }
                    Some(i) => events.kept.push((id, i.target.clone())),
                    None => {}
                }
            }
        }
        Ok(events)
    }

    /// Ends what isn't to be kept, and lets those events of the target wait that nothing waits for.
    fn migrate_events(&mut self, events: &Events, plan: &MigrationPlan) -> Result<(), Rejection> {
        for &(row, is_job) in &events.ending {
            if is_job {
                self.end_job(row, RunState::Deleted);
            } else {
                self.inst.subscriptions.remove(row);
            }
        }
        for (host, element) in &events.again {
            if let Some(ix) = self.def.definition.index(element) {
                let node = self.node(ix);
                node.behavior.attach(node, *host, self)?;
            }
        }
        let attach = |ctx: &mut Self, host: Id, nodes: &[NodeIx]| -> Result<(), Rejection> {
            for &ix in nodes {
                let event: &Node = ctx.node(ix);
                if !events
                    .kept
                    .iter()
                    .any(|(of, element)| *of == host && *element == event.id)
                {
                    event.behavior.attach(event, host, ctx)?;
                }
            }
            Ok(())
        };
        for (&token, element) in &events.elements {
            if plan.of(element).is_none() || self.token(token)?.activity_id.is_none() {
                continue;
            }
            let node = self.node_of(token)?;
            if self.token(token)?.state != TokenState::Iteration {
                attach(self, token, &node.waiting)?;
            }
        }
        let host = self.host(None);
        attach(self, host, &self.def.definition.waiting)
    }
}

/// What is known of events before anything changes.
#[derive(Debug, Default)]
struct Events {
    /// Each token's element in the source.
    elements: BTreeMap<Id, String>,
    /// Jobs (`true`) and subscriptions that end.
    ending: Vec<(Id, bool)>,
    /// Hosts whose own wait is made anew, with the element.
    again: Vec<(Id, String)>,
    /// Events that go on waiting: hosts, with the target's element.
    kept: Vec<(Id, String)>,
}
