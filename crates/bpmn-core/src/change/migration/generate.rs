//! The plan that follows by itself: activities of one id in scopes that correspond, as far as they make a valid plan.
use super::{
    MigrationInstruction,
    classes::{EventScope, event_scope, is_conditional, is_mapped, is_stored},
    validate::{Pairs, is_valid, is_valid_so_far},
};
use crate::definition::{Definition, NodeIx};

/// The instructions that follow by themselves, in the order of the source's document. `update`: events are to be made
/// anew. As `DefaultMigrationInstructionGenerator` of the reference 7.24.
pub fn generate(source: &Definition, target: &Definition, update: bool) -> Vec<MigrationInstruction> {
    let mut pairs = Pairs::new(source, target);
    within(&mut pairs, (None, None), update);
    retain(&mut pairs, is_valid);
    let mut found = pairs.all;
    found.sort_by_key(|pair| pair.from);
    let made = found.into_iter().map(|pair| MigrationInstruction {
        source: source.nodes[pair.from].id.clone(),
        target: target.nodes[pair.to].id.clone(),
        update_event_trigger: pair.update,
    });
    made.collect()
}

/// The depth is that of nested subprocesses, which deployment bounds.
fn within(pairs: &mut Pairs<'_>, scopes: (Option<NodeIx>, Option<NodeIx>), update: bool) {
    let inside = |definition: &Definition, scope: Option<NodeIx>| -> Vec<NodeIx> {
        let all = 0..definition.nodes.len();
        all.filter(|&ix| definition.nodes[ix].parent == scope).collect()
    };
    let events = |definition: &Definition, scope: Option<NodeIx>| -> Vec<NodeIx> {
        let own = scope.map_or(EventScope::Process, EventScope::Node);
        let all = 0..definition.nodes.len();
        all.filter(|&ix| event_scope(definition, ix) == own).collect()
    };
    let (source, target) = (pairs.source, pairs.target);
    let inner = match_up(
        pairs,
        &inside(source, scopes.0),
        &inside(target, scopes.1),
        update,
    );
    match_up(
        pairs,
        &events(source, scopes.0),
        &events(target, scopes.1),
        update,
    );
    retain(pairs, is_valid_so_far);
    for (from, to) in inner {
        if pairs.all.iter().any(|pair| (pair.from, pair.to) == (from, to)) {
            within(pairs, (Some(from), Some(to)), update);
        }
    }
}

/// Pairs nodes of one id, and gives what it paired.
fn match_up(pairs: &mut Pairs<'_>, from: &[NodeIx], to: &[NodeIx], update: bool) -> Vec<(NodeIx, NodeIx)> {
    let (source, target) = (pairs.source, pairs.target);
    let mut found = Vec::new();
    for &ix in from {
        let node = &source.nodes[ix];
        let twin = target.index(&node.id).filter(|twin| to.contains(twin));
        let Some(twin) = twin.filter(|_| pairs.of(ix).is_none()) else {
            continue;
        };
        if is_mapped(source, node) && is_mapped(target, &target.nodes[twin]) {
            found.push((ix, twin));
        }
    }
    for &(ix, twin) in &found {
        let node = &source.nodes[ix];
        // A condition has to be read anew.
        pairs.add(ix, twin, is_conditional(node) || (update && is_stored(node)));
    }
    found
}

fn retain(pairs: &mut Pairs<'_>, is_valid: impl Fn(&Pairs<'_>, usize) -> bool) {
    let kept: Vec<bool> = (0..pairs.all.len()).map(|at| is_valid(pairs, at)).collect();
    let mut kept = kept.into_iter();
    pairs.all.retain(|_| kept.next() == Some(true));
}
