//! Boundary events: they wait while their activity lives; when one occurs, it ends the activity or leaves it be.
use crate::{
    command::Rejection,
    ctx::{Ctx, Ended},
    definition::{Node, NodeIx},
};
use topology::Id;

impl<'a> Ctx<'a, '_> {
    /// Lets the boundary events of an activity that has just begun wait. What they wait with (a job, a subscription)
    /// belongs to the activity's token and goes with the activity.
    pub(crate) fn attach_boundary(&mut self, host: Id, node: &'a Node) -> Result<(), Rejection> {
        for &ix in &node.boundary {
            let event = self.node(ix);
            event.behavior.attach(event, host, self)?;
        }
        Ok(())
    }

    /// The boundary event of that id at a token's activity; `None` if it is the activity itself that waits.
    pub(crate) fn boundary_event(&self, host: Id, element: &str) -> Result<Option<NodeIx>, Rejection> {
        let node = self.node_of(host)?;
        if node.id == element {
            return Ok(None);
        }
        let found = node.boundary.iter().copied();
        let found = found.into_iter().find(|&ix| self.node(ix).id == element);
        found.map(Some).ok_or_else(|| {
            Rejection::BadRequest(format!("'{element}' is no boundary event of '{}'", node.id))
        })
    }

    /// What a token waited for at an element, its own or a boundary event of it, has happened.
    pub(crate) fn occurred(&mut self, token: Id, element: &str) -> Result<(), Rejection> {
        let Some(event) = self.boundary_event(token, element)? else {
            return self.leave(token, self.node_of(token)?);
        };
        if self.node(event).interrupting {
            self.interrupt(token)?;
            self.send(token, event);
        } else {
            let around = self.token(token)?.parent_id;
            self.spawn(around, event);
            self.rebalance(around);
        }
        Ok(())
    }

    /// Cancels an activity and all within it. Its token stays, outside of it, for the event that interrupted it.
    pub(crate) fn interrupt(&mut self, host: Id) -> Result<(), Rejection> {
        self.cancel_within(Some(host), None)?;
        let node = self.node_of(host)?;
        self.end_activity(
            host,
            node,
            Ended {
                canceled: true,
                complete_scope: false,
            },
        )
    }
}
