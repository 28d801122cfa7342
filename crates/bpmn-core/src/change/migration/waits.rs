//! What events wait with, jobs and subscriptions, when their hosts are migrated: it goes along, is made anew in place,
//! or ends; and events that only the target has begin to wait.
use super::{
    classes::{is_passive, is_stored},
    mapping::Mapping,
};
use crate::{
    command::Rejection,
    ctx::Ctx,
    definition::{Definition, Node, NodeIx},
    instance::{EventKind, JobKind, RunState, TokenState},
    tracked::By,
};
use std::collections::{BTreeMap, BTreeSet};
use topology::Id;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Row {
    Job(Id),
    Subscription(Id),
}

/// A row that goes along.
#[derive(Clone, Copy, Debug)]
struct Kept {
    row: Row,
    /// Of a job.
    kind: Option<JobKind>,
    update: bool,
}

/// What becomes of the rows of all hosts, found before anything changes.
#[derive(Debug, Default)]
pub(super) struct Waits {
    hosts: Vec<Option<Id>>,
    /// By host and the target's event.
    kept: BTreeMap<(Id, NodeIx), Vec<Kept>>,
    ending: Vec<Row>,
    /// Hosts with timers of the target that have fired as those of the source, and don't begin again.
    spent: BTreeSet<(Id, NodeIx)>,
}

impl Ctx<'_, '_> {
    /// Finds what becomes of what these tokens, and the process instance, wait with.
    pub(super) fn sort_waits(&self, mapping: &Mapping<'_>, tokens: &[Id]) -> Result<Waits, Rejection> {
        let mut waits = Waits::default();
        let hosts = tokens.iter().map(|id| Some(*id)).chain([None]);
        for host in hosts {
            let token = match host {
                Some(id) => Some(self.token(id)?),
                None => None,
            };
            let apart = [TokenState::Iteration, TokenState::EventScope];
            if token.is_some_and(|token| apart.contains(&token.state)) {
                continue;
            }
            let id = self.host(host);
            let jobs = self.inst.jobs.by(By::Token(id)).filter(|job| job.kind.is_timer());
            let jobs = jobs.map(|job| (Row::Job(job.id), Some(job.kind), &job.element));
            let subscriptions = self.inst.subscriptions.by(By::Token(id));
            let subscriptions = subscriptions.filter(|row| row.kind != EventKind::Compensation);
            let subscriptions = subscriptions.map(|row| (Row::Subscription(row.id), None, &row.element));
            for (row, kind, element) in jobs.chain(subscriptions) {
                let stays = mapping.stays(element, token);
                let to = mapping.of(element).filter(|_| stays);
                match to.filter(|(event, _)| has_timer(&mapping.target.nodes[*event], kind)) {
                    Some((event, update)) => {
                        let kept = waits.kept.entry((id, event)).or_default();
                        kept.push(Kept { row, kind, update });
                    }
                    None => waits.ending.push(row),
                }
            }
            let migrates = token.is_none_or(|t| t.activity_id.is_some() && mapping.of(&t.element).is_some());
            if migrates {
                waits.hosts.push(host);
                let element = token.map(|token| token.element.as_str());
                let events = declared(mapping.source, element).into_iter();
                let fired = events.filter_map(|ix| {
                    let event = &mapping.source.nodes[ix];
                    event.behavior.timer()?;
                    let (to, _) = mapping.of(&event.id)?;
                    let target = &mapping.target.nodes[to];
                    (target.attached_to.is_some() && !target.interrupting).then_some((id, to))
                });
                waits.spent.extend(fired);
            }
        }
        Ok(waits)
    }

    /// Ends what doesn't go along, while the instance is still one of the source.
    pub(super) fn end_unmapped(&mut self, waits: &Waits) {
        for row in &waits.ending {
            match *row {
                Row::Job(id) => {
                    self.end_job(id, RunState::Deleted);
                }
                Row::Subscription(id) => {
                    self.inst.subscriptions.remove(id);
                }
            }
        }
    }

    /// Names what goes along as the target does, makes it anew where that is asked for, and lets the events of the target wait
    /// that nothing waits for.
    pub(super) fn migrate_waits(&mut self, waits: &Waits) -> Result<(), Rejection> {
        let all = waits.kept.iter();
        for (event, kept) in all.flat_map(|((_, event), kept)| kept.iter().map(move |kept| (*event, kept))) {
            let element = self.node(event).id.clone();
            match kept.row {
                Row::Job(id) => self.inst.jobs.update(id, |row| row.element = element),
                Row::Subscription(id) => self.inst.subscriptions.update(id, |row| row.element = element),
            };
        }
        for &host in &waits.hosts {
            let id = self.host(host);
            let element = match host {
                Some(token) => Some(self.token(token)?.element.clone()),
                None => None,
            };
            for event in declared(self.def.definition, element.as_deref()) {
                let kept = waits.kept.get(&(id, event)).map_or(&[][..], Vec::as_slice);
                let timers = self.node(event).behavior.timeouts().len().max(1);
                let whole = kept.len() >= timers && !kept.iter().any(|kept| kept.update);
                let is_spent = kept.is_empty() && waits.spent.contains(&(id, event));
                if !whole && !is_spent {
                    self.begin_to_wait(id, event, kept)?;
                }
            }
        }
        Ok(())
    }

    /// Lets an event wait; what it has waited with already stays, with what is new of it where that is asked for.
    fn begin_to_wait(&mut self, host: Id, event: NodeIx, kept: &[Kept]) -> Result<(), Rejection> {
        let jobs = self.inst.jobs.ids_by(By::Token(host));
        let subscriptions = self.inst.subscriptions.ids_by(By::Token(host));
        let node = self.node(event);
        node.behavior.attach(node, host, self)?;
        let new_jobs = self.inst.jobs.ids_by(By::Token(host)).into_iter();
        for new in new_jobs.filter(|id| !jobs.contains(id)).collect::<Vec<_>>() {
            let Some(job) = self.inst.jobs.get(new).cloned() else {
                continue;
            };
            let of_kind = kept.iter().find(|kept| kept.kind == Some(job.kind));
            if let Some(Kept {
                row: Row::Job(old),
                update,
                ..
            }) = of_kind
            {
                self.inst.jobs.remove(new);
                if *update {
                    self.inst.jobs.update(*old, |row| {
                        row.due = job.due;
                        row.repeat = job.repeat;
                    });
                }
            }
        }
        let new_rows = self.inst.subscriptions.ids_by(By::Token(host)).into_iter();
        for new in new_rows
            .filter(|id| !subscriptions.contains(id))
            .collect::<Vec<_>>()
        {
            let of_event = kept.iter().find(|kept| kept.kind.is_none());
            if let Some(Kept {
                row: Row::Subscription(old),
                update,
                ..
            }) = of_event
            {
                let made = self.inst.subscriptions.remove(new);
                if let Some(made) = made.filter(|_| *update) {
                    self.inst
                        .subscriptions
                        .update(*old, |row| row.name.clone_from(&made.name));
                }
            }
        }
        Ok(())
    }
}

/// The events that wait with a host at an element (`None`: with the process instance): at its edge, of event subprocesses
/// in it, behind it if it is an event-based gateway, and what it waits for itself.
fn declared(definition: &Definition, element: Option<&str>) -> Vec<NodeIx> {
    let Some(element) = element else {
        return definition.waiting.clone();
    };
    let Some(ix) = definition.index(element) else {
        return Vec::new();
    };
    let node = &definition.nodes[ix];
    let mut events = node.waiting.clone();
    if node.activity_type == "eventBasedGateway" {
        events.extend(node.outgoing.iter().map(|&flow| definition.flows[flow].target));
    }
    if is_stored(node) && !is_passive(node) && !node.behind_gateway {
        events.push(ix);
    }
    events
}

/// Whether a node has what makes a job of that kind, if it is one.
fn has_timer(node: &Node, kind: Option<JobKind>) -> bool {
    kind.is_none_or(|kind| node.timer_of(kind).is_some())
}
