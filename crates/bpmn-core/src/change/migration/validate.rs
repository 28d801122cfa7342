//! What is wrong with a plan, in the words and the order of the reference 7.24.
use super::{
    MigrationPlan,
    classes::{EventScope, alike, class, event_scope, is_conditional, is_passive, is_stored, scope_around},
};
use crate::definition::{Definition, NodeIx};

/// An instruction whose activities are there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub from: NodeIx,
    pub to: NodeIx,
    pub update: bool,
}

/// The instructions of a plan whose activities are there.
#[derive(Debug)]
pub(super) struct Pairs<'d> {
    pub source: &'d Definition,
    pub target: &'d Definition,
    pub all: Vec<Pair>,
}

impl<'d> Pairs<'d> {
    pub fn new(source: &'d Definition, target: &'d Definition) -> Pairs<'d> {
        Pairs {
            source,
            target,
            all: Vec::new(),
        }
    }

    /// Those of a plan.
    pub fn of_plan(source: &'d Definition, target: &'d Definition, plan: &MigrationPlan) -> Pairs<'d> {
        let mut pairs = Pairs::new(source, target);
        for instruction in &plan.instructions {
            let ends = (
                source.index(&instruction.source),
                target.index(&instruction.target),
            );
            if let (Some(from), Some(to)) = ends {
                pairs.add(from, to, instruction.update_event_trigger);
            }
        }
        pairs
    }

    pub fn add(&mut self, from: NodeIx, to: NodeIx, update: bool) {
        self.all.push(Pair { from, to, update });
    }

    /// What a node of the source becomes.
    pub fn of(&self, from: NodeIx) -> Option<Pair> {
        self.all.iter().copied().find(|pair| pair.from == from)
    }

    fn is_target(&self, to: NodeIx) -> bool {
        self.all.iter().any(|pair| pair.to == to)
    }
}

/// What is wrong with each instruction, in their order.
pub fn validate(source: &Definition, target: &Definition, plan: &MigrationPlan) -> Vec<Vec<String>> {
    let pairs = Pairs::of_plan(source, target, plan);
    let mut at = 0;
    let each = plan.instructions.iter().map(|instruction| {
        let (from, to) = (
            source.index(&instruction.source),
            target.index(&instruction.target),
        );
        if from.is_some() && to.is_some() {
            at += 1;
            return failures(&pairs, at - 1, true);
        }
        let missing = |known: Option<NodeIx>, which: &str, id: &str| {
            known
                .is_none()
                .then(|| format!("{which} activity '{id}' does not exist"))
        };
        let from = missing(from, "Source", &instruction.source);
        from.into_iter()
            .chain(missing(to, "Target", &instruction.target))
            .collect()
    });
    each.collect()
}

/// Whether nothing is wrong with the pair at a place.
pub(super) fn is_valid(pairs: &Pairs<'_>, at: usize) -> bool {
    failures(pairs, at, true).is_empty()
}

/// The same while a plan is generated: what multi-instance bodies repeat is mapped after them.
pub(super) fn is_valid_so_far(pairs: &Pairs<'_>, at: usize) -> bool {
    failures(pairs, at, false).is_empty()
}

fn failures(pairs: &Pairs<'_>, at: usize, whole: bool) -> Vec<String> {
    let pair = pairs.all[at];
    let (from, to) = (&pairs.source.nodes[pair.from], &pairs.target.nodes[pair.to]);
    let mut found = Vec::new();
    if !alike(from, to) {
        found.push(format!(
            "Activities have incompatible types ({} is not compatible with {})",
            class(from),
            class(to)
        ));
    }
    if is_passive(from) && is_passive(to) && from.activity_type != to.activity_type {
        found.push(format!(
            "Events are not of the same type ({} != {})",
            from.activity_type, to.activity_type
        ));
    }
    found.extend(mapped_twice(pairs, pair.from));
    found.extend(new_body(pairs, pair.to));
    if whole {
        if to.repeats.is_some_and(|inner| !pairs.is_target(inner)) {
            found.push(
                "Must map the inner activity of a multi-instance body when the body is mapped".to_owned(),
            );
        }
        if from.repeats.is_some_and(|inner| pairs.of(inner).is_none()) {
            let message = "Cannot remove the inner activity of a multi-instance body when the body is mapped";
            found.push(message.to_owned());
        }
    }
    found.extend(gateway(pairs, pair));
    found.extend(other_event_scope(pairs, pair));
    if pair.update && !is_stored(from) {
        let message =
            "Cannot update event trigger because the activity does not define a persistent event trigger";
        found.push(message.to_owned());
    }
    found.extend(other_scope(pairs, pair));
    if is_conditional(from) && !pair.update {
        found.push("Conditional event has to migrate with update event trigger.".to_owned());
    }
    found
}

fn mapped_twice(pairs: &Pairs<'_>, from: NodeIx) -> Option<String> {
    let id = |definition: &Definition, ix: NodeIx| definition.nodes[ix].id.clone();
    let same = pairs.all.iter().filter(|pair| pair.from == from);
    let same: Vec<String> = same
        .map(|pair| {
            format!(
                "ValidatingMigrationInstructionImpl{{sourceActivity=Activity({}), targetActivity=Activity({})}}",
                id(pairs.source, pair.from),
                id(pairs.target, pair.to)
            )
        })
        .collect();
    (same.len() > 1).then(|| {
        format!(
            "There are multiple mappings for source activity id '{}': {}",
            id(pairs.source, from),
            same.join(", ")
        )
    })
}

/// Nothing gets into a multi-instance body that there wasn't.
fn new_body(pairs: &Pairs<'_>, to: NodeIx) -> Option<String> {
    let nodes = &pairs.target.nodes;
    let around = std::iter::successors(scope_around(pairs.target, to), |&ix| nodes[ix].parent);
    let mut unmapped = around.take_while(|&ix| !pairs.is_target(ix));
    let body = unmapped.find(|&ix| nodes[ix].repeats.is_some())?;
    Some(format!(
        "Target activity '{}' is a descendant of multi-instance body '{}' that is not mapped from the source process definition.",
        nodes[to].id, nodes[body].id
    ))
}

/// Gateways at which tokens wait for one another keep their scope and don't lose flows.
fn gateway(pairs: &Pairs<'_>, pair: Pair) -> Vec<String> {
    let (from, to) = (&pairs.source.nodes[pair.from], &pairs.target.nodes[pair.to]);
    let mut found = Vec::new();
    if !matches!(to.activity_type, "parallelGateway" | "inclusiveGateway") {
        return found;
    }
    if from.incoming.len() > to.incoming.len() {
        let message = "The target gateway must have at least the same number of incoming sequence flows that the source \
                       gateway has";
        found.push(message.to_owned());
    }
    if let Some(around) = from.parent.filter(|&around| pairs.of(around).is_none()) {
        let scope = &pairs.source.nodes[around].id;
        found.push(format!("The gateway's flow scope '{scope}' must be mapped"));
    }
    if pairs.all.iter().filter(|other| other.to == pair.to).count() > 1 {
        found.push(format!("Only one gateway can be mapped to gateway '{}'", to.id));
    }
    found
}

/// An event stays with the activity whose event it is.
fn other_event_scope(pairs: &Pairs<'_>, pair: Pair) -> Option<String> {
    let from = &pairs.source.nodes[pair.from];
    if from.behavior.is_compensation_boundary() {
        return None;
    }
    let name = |definition: &Definition, scope: EventScope| match scope {
        EventScope::Node(ix) => definition.nodes[ix].id.clone(),
        EventScope::Process | EventScope::Nothing => definition.key.clone(),
    };
    let own = event_scope(pairs.source, pair.from);
    let flow_scope = from.parent.map_or(EventScope::Process, EventScope::Node);
    if own == EventScope::Nothing || own == flow_scope {
        return None;
    }
    let of = name(pairs.source, own);
    let mapped = match own {
        EventScope::Node(ix) => pairs.of(ix).map(|pair| EventScope::Node(pair.to)),
        other => Some(other),
    };
    match event_scope(pairs.target, pair.to) {
        EventScope::Nothing if from.has_timeout() => None,
        EventScope::Nothing => Some(format!(
            "The source activity's event scope ({of}) must be mapped but the target activity has no event scope"
        )),
        other if mapped == Some(other) => None,
        other => Some(format!(
            "The source activity's event scope ({of}) must be mapped to the target activity's event scope ({})",
            name(pairs.target, other)
        )),
    }
}

/// What lies in a mapped scope has to stay in it.
fn other_scope(pairs: &Pairs<'_>, pair: Pair) -> Option<String> {
    let nodes = &pairs.source.nodes;
    let mut around = std::iter::successors(scope_around(pairs.source, pair.from), |&ix| nodes[ix].parent);
    let scope = around.find_map(|ix| pairs.of(ix))?;
    let targets = &pairs.target.nodes;
    let mut outer = std::iter::successors(scope_around(pairs.target, pair.to), |&ix| targets[ix].parent);
    if outer.any(|ix| ix == scope.to) {
        return None;
    }
    Some(format!(
        "The closest mapped ancestor '{}' is mapped to scope '{}' which is not an ancestor of target scope '{}'",
        nodes[scope.from].id, targets[scope.to].id, targets[pair.to].id
    ))
}
