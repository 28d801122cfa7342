//! Starting an activity or flow anywhere: the scopes around it that don't run are made first.
use super::{
    Instruction, StartAt,
    find::{Place, failed, refused},
};
use crate::{
    command::Rejection,
    ctx::Ctx,
    definition::{FlowIx, NodeIx},
    instance::TokenState,
    value::Variables,
};
use topology::Id;

/// What is started.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    Activity(NodeIx),
    Flow(FlowIx),
}

/// Where it is started.
struct Way {
    /// The innermost scope that runs (`None`: the process instance).
    scope: Option<Id>,
    /// The scopes to be made in it, from outside in.
    missing: Vec<NodeIx>,
}

impl Ctx<'_, '_> {
    pub(super) fn instantiate(
        &mut self,
        instruction: &Instruction,
        at: &StartAt,
        ancestor: Option<&str>,
        variables: &Variables,
        local_variables: &Variables,
    ) -> Result<(), Rejection> {
        let target = self.target(instruction, at)?;
        let around = self.scope_around(target);
        let way = match ancestor {
            None => self.way(around)?,
            Some(name) => self.way_from(instruction, around, name)?,
        };
        if self.inst.process.suspended {
            // In the reference it is the execution made for it that is suspended.
            let beside = self.new_id();
            self.active_execution(beside)?;
        }
        let Some(mut scope) = self.make_room(target, &way)? else {
            return Ok(());
        };
        // In the reference the execution around the outermost one is in no activity instance then.
        let mut nowhere = self.inst.stored || self.tokens_within(None) > 0;
        for &ix in &way.missing {
            self.opens_nowhere = std::mem::take(&mut nowhere);
            let opened = self.open(scope, ix)?;
            self.opens_nowhere = false;
            scope = match opened {
                Some(inner) => Some(inner),
                None => return Ok(()),
            };
        }
        self.put(scope, target, variables, local_variables)
    }

    pub(super) fn target(&self, instruction: &Instruction, at: &StartAt) -> Result<Target, Rejection> {
        let definition = self.def.definition;
        let missing = |id: &str| {
            if self.inst.start_is_pending() {
                // The reference's other words for a new instance.
                let rest_id = self.def.rest_id;
                let text =
                    format!("Element '{id}' does not exist in process {rest_id}: targetElement is null");
                return Rejection::NotValid(text);
            }
            let why = format!(
                "Element '{id}' does not exist in process '{}': element is null",
                self.def.rest_id
            );
            refused(instruction, why)
        };
        match at {
            StartAt::Before(id) => {
                let found = definition.index(id);
                found.map(Target::Activity).ok_or_else(|| missing(id))
            }
            StartAt::Flow(id) => {
                let found = definition.flows.iter().position(|f| f.id == *id);
                found.map(Target::Flow).ok_or_else(|| missing(id))
            }
            StartAt::After(id) => {
                let found = definition.index(id).ok_or_else(|| {
                    let why = format!("Activity '{id}' does not exist: activity is null");
                    refused(instruction, why)
                })?;
                // The flows of a repeated activity are its body's, as in the reference.
                let node = self.node(found);
                match node.outgoing[..] {
                    [flow] => Ok(Target::Flow(flow)),
                    [] => Err(failed(format!(
                        "Cannot start after activity {id}; activity has no outgoing sequence flow to take"
                    ))),
                    _ => Err(failed(format!(
                        "Cannot start after activity {id}; activity has more than one outgoing sequence flow"
                    ))),
                }
            }
        }
    }

    /// The node in whose scope a target lies; `None`: the process.
    fn scope_around(&self, target: Target) -> Option<NodeIx> {
        match target {
            Target::Activity(ix) => self.node(ix).parent,
            Target::Flow(flow) => self.node(self.def.definition.flows[flow].source).parent,
        }
    }

    /// From the innermost scope that runs; there must be only one of it.
    fn way(&self, around: Option<NodeIx>) -> Result<Way, Rejection> {
        let mut missing = Vec::new();
        let mut at = around;
        let scope = loop {
            let Some(ix) = at else { break None };
            match self.scopes_at(ix)[..] {
                [] => {
                    missing.push(ix);
                    at = self.node(ix).parent;
                }
                [only] => break Some(only),
                _ => {
                    let name = around.map_or("", |ix| &self.node(ix).id);
                    return Err(failed(format!(
                        "Ancestor activity execution is ambiguous for activity Activity({name})"
                    )));
                }
            }
        };
        missing.reverse();
        Ok(Way { scope, missing })
    }

    /// From the activity instance of that name.
    fn way_from(
        &self,
        instruction: &Instruction,
        around: Option<NodeIx>,
        name: &str,
    ) -> Result<Way, Rejection> {
        let place = self.find_activity_instance(name).ok_or_else(|| {
            let why = format!("Ancestor activity instance '{name}' does not exist: ancestorInstance is null");
            refused(instruction, why)
        })?;
        let (scope, of) = match place {
            Place::Process => (None, None),
            Place::Token(token) => {
                let element = &self.token(token)?.element;
                (Some(token), self.def.definition.index(element))
            }
        };
        let missing = self.scopes_between(of, around).ok_or_else(|| {
            let target = match instruction {
                Instruction::Start {
                    at: StartAt::Before(id) | StartAt::After(id) | StartAt::Flow(id),
                    ..
                } => id.as_str(),
                _ => "",
            };
            let why = format!(
                "Scope execution for '{name}' cannot be found in parent hierarchy of flow element '{target}'"
            );
            refused(instruction, why)
        })?;
        Ok(Way { scope, missing })
    }

    /// Cancels what an interrupting event cancels before it is started, and gives the scope to go on in; `None` when
    /// the target has been started that way.
    fn make_room(&mut self, target: Target, way: &Way) -> Result<Option<Option<Id>>, Rejection> {
        let inner = match target {
            Target::Activity(ix) => Some(ix),
            Target::Flow(_) => None,
        };
        let top = way.missing.first().copied().or(inner);
        if let Some(top) = top {
            let node = self.node(top);
            let second = way.missing.get(1).copied().or(inner);
            let by_its_start = way.missing.is_empty() || (second.is_some() && node.inner_start == second);
            let interrupting_start = node
                .inner_start
                .is_some_and(|start| self.node(start).interrupting);
            if node.event_subprocess && interrupting_start && by_its_start {
                self.cancel_within(way.scope, None)?;
                self.end_waits(self.host(way.scope));
            } else if let Some(host) = node.attached_to.filter(|_| node.interrupting) {
                let running = self.tokens_at(&self.node(host).id);
                match running[..] {
                    [] => {}
                    [host] => {
                        self.interrupt(host)?;
                        self.send(host, top);
                        return Ok(None);
                    }
                    _ => {
                        let name = &self.node(host).id;
                        return Err(failed(format!(
                            "Executions for activity Activity({name}) ambiguous"
                        )));
                    }
                }
            }
        }
        let Some(scope) = way.scope else {
            return Ok(Some(None));
        };
        let node = self.node_of(scope)?;
        node.behavior
            .add_part(node, scope, self)
            .map(|part| Some(Some(part)))
    }

    /// Makes a scope, as if its activity had been entered; `None` if a listener of it has led the token away.
    fn open(&mut self, around: Option<Id>, ix: NodeIx) -> Result<Option<Id>, Rejection> {
        let node = self.node(ix);
        let token = self.add_token(around, node, TokenState::Waiting);
        self.rebalance(around);
        if !self.make_scope(token, node)? {
            return Ok(None);
        }
        node.behavior.open(node, token, self).map(Some)
    }

    /// Puts a token before the target.
    fn put(
        &mut self,
        scope: Option<Id>,
        target: Target,
        variables: &Variables,
        local_variables: &Variables,
    ) -> Result<(), Rejection> {
        let at = match target {
            Target::Activity(ix) => ix,
            Target::Flow(flow) => self.def.definition.flows[flow].source,
        };
        let token = self.add_token(scope, self.node(at), TokenState::Waiting);
        self.rebalance(scope);
        self.set_variables(Some(token), variables);
        self.set_local_variables(token, local_variables);
        match target {
            Target::Activity(ix) => self.send(token, ix),
            Target::Flow(flow) => self.go(token, flow),
        }
        Ok(())
    }
}
