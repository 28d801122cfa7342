//! What a plan makes of the elements of running instances.
use super::{
    MigrationPlan,
    classes::{self, EventScope, event_scope},
    validate::Pairs,
};
use crate::{
    definition::{Definition, Node, NodeIx},
    instance::Token,
};

/// A plan between two definitions, by element.
pub(super) struct Mapping<'d> {
    pub source: &'d Definition,
    pub target: &'d Definition,
    pairs: Pairs<'d>,
}

impl<'d> Mapping<'d> {
    pub fn new(source: &'d Definition, target: &'d Definition, plan: &MigrationPlan) -> Mapping<'d> {
        Mapping {
            source,
            target,
            pairs: Pairs::of_plan(source, target, plan),
        }
    }

    /// What an element becomes, and whether its event is made anew.
    pub fn of(&self, element: &str) -> Option<(NodeIx, bool)> {
        let pair = self.pairs.of(self.source.index(element)?)?;
        Some((pair.to, pair.update))
    }

    /// The id of what an element becomes.
    pub fn id_of(&self, element: &str) -> Option<String> {
        self.of(element).map(|(to, _)| self.target.nodes[to].id.clone())
    }

    /// The instruction that carries what is remembered for compensation by an element: of a handler that of the event
    /// that is tied to it, else its own.
    pub fn trigger(&self, element: &str) -> Option<&'d Node> {
        let ix = self.source.index(element)?;
        let node = &self.source.nodes[ix];
        if !classes::is_handler(self.source, node) {
            return Some(node);
        }
        if node.event_subprocess {
            return node.inner_start.map(|start| &self.source.nodes[start]);
        }
        let host = self
            .source
            .nodes
            .iter()
            .find(|host| host.compensation_handler == Some(ix))?;
        let mut events = host.boundary.iter().map(|&event| &self.source.nodes[event]);
        events.find(|event| event.behavior.is_compensation_boundary())
    }

    /// What remembers in the target as an element does in the source.
    pub fn compensation(&self, element: &str) -> Option<NodeIx> {
        let trigger = self.trigger(element)?;
        let (to, _) = self.of(&trigger.id)?;
        if trigger.id == element {
            return Some(to);
        }
        match event_scope(self.target, to) {
            EventScope::Node(host) => self.target.nodes[host].compensation_handler,
            EventScope::Process | EventScope::Nothing => None,
        }
    }

    /// Whether the event that an element is, of a host at another element (`None`: of the process), stays with it.
    pub fn stays(&self, element: &str, host: Option<&Token>) -> bool {
        let Some((to, _)) = self.of(element) else {
            return false;
        };
        let host = match host {
            None => Some(EventScope::Process),
            Some(host) => self.of(&host.element).map(|(ix, _)| EventScope::Node(ix)),
        };
        host == Some(event_scope(self.target, to))
    }
}
