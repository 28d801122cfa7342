//! The activity instance tree and the executions of an instance, as REST shows them.
use crate::{
    definition::{DefinitionRef, Node, NodeIx},
    instance::{Instance, Token, TokenState, Variable},
    moves::sequence,
    tracked::By,
};
use topology::Id;

/// What an id may be long in the reference's tables, in UTF-16 units.
const MAX_ID: usize = 64;

/// REST's id of an activity instance: `ELEMENT:UUID`; the bare `UUID` where that would be longer than 64, as in the
/// reference engine 7.24.
pub fn activity_instance_id(element: &str, id: Id) -> String {
    let full = format!("{element}:{id}");
    match full.encode_utf16().nth(MAX_ID) {
        None => full,
        Some(_) => id.to_string(),
    }
}

/// An activity instance with what it contains.
#[derive(Clone, Debug, PartialEq)]
pub struct ActivityInstance {
    /// As [`activity_instance_id`] makes it; for the root the process instance's id.
    pub id: String,
    pub parent_id: Option<String>,
    /// The element's id; for the root REST's definition id.
    pub activity_id: String,
    pub activity_name: Option<String>,
    /// Camunda's word; `processDefinition` for the root.
    pub activity_type: String,
    pub process_instance_id: Id,
    pub process_definition_id: String,
    pub execution_ids: Vec<Id>,
    pub incidents: Vec<IncidentRef>,
    pub children: Vec<ActivityInstance>,
    pub transitions: Vec<TransitionInstance>,
}

/// A token before or after an asynchronous continuation.
#[derive(Clone, Debug, PartialEq)]
pub struct TransitionInstance {
    /// The execution's id.
    pub id: String,
    pub parent_id: String,
    /// The element it is about to enter or has left; REST's `activityId` and `targetActivityId`.
    pub activity_id: String,
    pub activity_name: Option<String>,
    pub activity_type: String,
    pub execution_id: Id,
    pub incidents: Vec<IncidentRef>,
}

/// An incident of an activity instance, with the element it is about: the activity's, or a boundary event's.
#[derive(Clone, Debug, PartialEq)]
pub struct IncidentRef {
    pub id: Id,
    pub element: String,
}

/// An execution as REST lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Execution {
    pub id: Id,
    pub parent_id: Option<Id>,
    /// The token it stands for; `None` for the process instance itself.
    pub token_id: Option<Id>,
}

/// The tree of an instance's activity instances.
pub fn activity_instance_tree(def: &DefinitionRef<'_>, inst: &Instance) -> ActivityInstance {
    let id = inst.process.id;
    let mut root = ActivityInstance {
        id: id.to_string(),
        parent_id: None,
        activity_id: def.rest_id.to_owned(),
        activity_name: def.definition.name.clone(),
        activity_type: "processDefinition".to_owned(),
        process_instance_id: id,
        process_definition_id: def.rest_id.to_owned(),
        execution_ids: vec![id],
        incidents: match shares(inst, None, id) {
            true => Vec::new(),
            false => incidents(inst, id),
        },
        children: Vec::new(),
        transitions: Vec::new(),
    };
    fill(def, inst, None, &mut root);
    for token in inst.tokens.iter() {
        if throws(def, token) {
            compensated(def, inst, token, token, &mut root);
        }
    }
    root
}

/// Adds what is in a scope. Its depth is that of nested subprocesses in the model, which deployment bounds.
fn fill(def: &DefinitionRef<'_>, inst: &Instance, scope: Option<Id>, into: &mut ActivityInstance) {
    let tokens: Vec<&Token> = inst.tokens.by(By::Parent(scope)).collect();
    let alone = tokens.len() < 2;
    for token in tokens {
        match token.state {
            TokenState::Iteration => iteration(def, inst, token, into),
            _ => add(def, inst, token, alone, into),
        }
    }
}

/// An iteration is no activity instance: what is in it is the body's. One that has ended is shown as the reference
/// does, as if it were on its way.
fn iteration(def: &DefinitionRef<'_>, inst: &Instance, token: &Token, into: &mut ActivityInstance) {
    let inner: Vec<&Token> = inst.tokens.by(By::Parent(Some(token.id))).collect();
    if inner.is_empty() {
        let body = def.definition.node(&token.element);
        let repeated = body.and_then(|n| n.repeats).map(|ix| &def.definition.nodes[ix]);
        let element = repeated.map_or(token.element.as_str(), |n| n.id.as_str());
        into.transitions
            .push(transition(def, inst, token, element, &into.id));
    }
    for inner in inner {
        let own = inner.execution_id != token.execution_id;
        if own {
            into.execution_ids.push(token.execution_id);
            into.incidents.extend(incidents(inst, token.execution_id));
        }
        add(def, inst, inner, true, into);
    }
}

/// Whether a token throws compensation that runs.
fn throws(def: &DefinitionRef<'_>, token: &Token) -> bool {
    let composite = |node: &Node| node.behavior.is_composite();
    token.state == TokenState::Compensating && !def.definition.node(&token.element).is_some_and(composite)
}

/// Adds what runs inside a token that throws compensation, or inside an event scope there. It is shown in the scope it
/// is drawn in; event scopes that the reference shows as one are what the last of them is.
fn compensated(
    def: &DefinitionRef<'_>,
    inst: &Instance,
    thrower: &Token,
    holder: &Token,
    root: &mut ActivityInstance,
) {
    let inside: Vec<&Token> = inst.tokens.by(By::Parent(Some(holder.id))).collect();
    let (scopes, handlers): (Vec<&Token>, Vec<&Token>) = inside
        .into_iter()
        .partition(|token| token.state == TokenState::Compensating && !throws(def, token));
    let event_scope = holder.id != thrower.id;
    for scope in scopes.into_iter().rev() {
        let id = inside_of(holder);
        if find(root, &id).is_none() {
            let (node, outer) = drawn(def, inst, scope);
            let parent = match event_scope {
                true => shown(inst, holder),
                false => flow_scope(def, inst, thrower, outer),
            };
            let mut child = instance(def, inst, scope, &parent);
            if let Some(node) = node {
                child.activity_id.clone_from(&node.id);
                child.activity_name.clone_from(&node.name);
                child.activity_type = node.activity_type.to_owned();
            }
            child.id = id;
            attach(root, &parent, child);
        }
        compensated(def, inst, thrower, scope, root);
    }
    for handler in handlers {
        let node = def.definition.node(&handler.element);
        let parent = match event_scope {
            true => shown(inst, holder),
            false => flow_scope(def, inst, thrower, node.and_then(|n| n.parent)),
        };
        // Subprocesses are shown as the last of them.
        let id = inside_of(holder);
        if handler.state == TokenState::Scope {
            if find(root, &id).is_none() {
                let mut child = instance(def, inst, handler, &parent);
                child.id.clone_from(&id);
                attach(root, &parent, child);
            }
            if let Some(into) = find(root, &id) {
                fill(def, inst, Some(handler.id), into);
            }
        } else if let Some(into) = find(root, &parent) {
            add(def, inst, handler, true, into);
        }
    }
}

/// The element an event scope is shown as, if it isn't its own, and the subprocess around. The scope of a
/// multi-instance activity is shown as the body of a handler that would be repeated.
fn drawn<'d>(def: &DefinitionRef<'d>, inst: &Instance, scope: &Token) -> (Option<&'d Node>, Option<NodeIx>) {
    let definition = def.definition;
    let own = definition.node(&scope.element);
    let handlers = inst.tokens.by(By::Parent(Some(scope.id)));
    let body = handlers.filter_map(|t| definition.node(&t.element)?.body).next();
    let body = body.filter(|_| own.is_some_and(|n| n.repeats.is_some()));
    (body.map(|ix| &definition.nodes[ix]), own.and_then(|n| n.parent))
}

/// REST's id of the activity instance that what is in a compensating token is shown in.
fn inside_of(token: &Token) -> String {
    token.data.clone().unwrap_or_else(|| token.shown())
}

/// REST's id of the activity instance that a scope is shown as: what runs inside a compensating token may share one.
fn shown(inst: &Instance, scope: &Token) -> String {
    let around = scope.parent_id.and_then(|id| inst.tokens.get(id));
    let compensates = around.filter(|token| token.state == TokenState::Compensating);
    compensates.map_or_else(|| scope.shown(), inside_of)
}

/// REST's id of the activity instance of a subprocess (`None`: of the process) around who throws compensation.
fn flow_scope(def: &DefinitionRef<'_>, inst: &Instance, thrower: &Token, scope: Option<NodeIx>) -> String {
    let Some(scope) = scope.map(|ix| &def.definition.nodes[ix]) else {
        return inst.process.id.to_string();
    };
    let mut at = thrower.parent_id;
    while let Some(token) = at.and_then(|id| inst.tokens.get(id)) {
        if token.element == scope.id && token.state != TokenState::Iteration {
            return shown(inst, token);
        }
        at = token.parent_id;
    }
    inst.process.id.to_string()
}

fn find<'t>(tree: &'t mut ActivityInstance, id: &str) -> Option<&'t mut ActivityInstance> {
    if tree.id == id {
        return Some(tree);
    }
    tree.children.iter_mut().find_map(|child| find(child, id))
}

fn attach(root: &mut ActivityInstance, parent: &str, child: ActivityInstance) {
    if let Some(into) = find(root, parent) {
        into.children.push(child);
    }
}

fn add(def: &DefinitionRef<'_>, inst: &Instance, token: &Token, alone: bool, into: &mut ActivityInstance) {
    if token.activity_id.is_none() {
        if token.ended().is_some() && !alone && token.execution_id != token.id {
            into.execution_ids.push(token.id);
            into.incidents.extend(incidents(inst, token.id));
        }
        let shown = transition(def, inst, token, &token.element, &into.id);
        into.transitions.push(shown);
        return;
    }
    // A concurrent execution above a scope activity belongs to the scope around both.
    if !alone && token.execution_id != token.id {
        into.execution_ids.push(token.id);
        into.incidents.extend(incidents(inst, token.id));
    }
    let mut child = instance(def, inst, token, &into.id);
    match token.state {
        TokenState::Scope => fill(def, inst, Some(token.id), &mut child),
        // Event scopes that an event subprocess compensates are in no activity of their own.
        TokenState::Compensating => {
            let scopes = inst.tokens.by(By::Parent(Some(token.id)));
            let idle = scopes.filter(|scope| {
                let mut inside = inst.tokens.by(By::Parent(Some(scope.id)));
                let subprocess = |t: &Token| {
                    def.definition
                        .node(&t.element)
                        .is_some_and(|n| n.event_subprocess)
                };
                scope.state == TokenState::Compensating
                    && inside.any(|t| t.state != scope.state && subprocess(t))
            });
            child.execution_ids.extend(idle.map(|scope| scope.id));
        }
        _ => {}
    }
    into.children.push(child);
}

fn instance(def: &DefinitionRef<'_>, inst: &Instance, token: &Token, parent: &str) -> ActivityInstance {
    let node = def.definition.node(&token.element);
    ActivityInstance {
        id: token.shown(),
        parent_id: Some(parent.to_owned()),
        activity_id: token.element.clone(),
        activity_name: node.and_then(|n| n.name.clone()),
        activity_type: node.map_or("", |n| n.activity_type).to_owned(),
        process_instance_id: inst.process.id,
        process_definition_id: def.rest_id.to_owned(),
        execution_ids: vec![token.execution_id],
        incidents: match shares(inst, Some(token.id), token.execution_id) {
            true => Vec::new(),
            false => incidents(inst, token.execution_id),
        },
        children: Vec::new(),
        transitions: Vec::new(),
    }
}

fn transition(
    def: &DefinitionRef<'_>,
    inst: &Instance,
    token: &Token,
    element: &str,
    parent: &str,
) -> TransitionInstance {
    let node = def.definition.node(element);
    TransitionInstance {
        id: token.execution_id.to_string(),
        parent_id: parent.to_owned(),
        activity_id: element.to_owned(),
        activity_name: node.and_then(|n| n.name.clone()),
        activity_type: node.map_or("", |n| n.activity_type).to_owned(),
        execution_id: token.execution_id,
        incidents: incidents(inst, token.execution_id),
    }
}

/// Whether what runs in a scope has the scope's execution, whose incidents then are shown there.
fn shares(inst: &Instance, scope: Option<Id>, execution: Id) -> bool {
    let mut inside = inst.tokens.by(By::Parent(scope));
    inside.any(|token| token.execution_id == execution)
}

fn incidents(inst: &Instance, execution: Id) -> Vec<IncidentRef> {
    let all = inst.incidents.by(By::Execution(execution));
    all.map(|i| IncidentRef {
        id: i.id,
        element: i.element.clone(),
    })
    .collect()
}

/// Whether a variable of a token lies in the concurrent execution above that of its activity: it was made before that
/// began (ids grow).
pub fn lies_above(token: &Token, variable: &Variable) -> bool {
    let begun = token
        .activity_id
        .or(token.ended())
        .filter(|_| token.execution_id != token.id);
    let apart = !matches!(
        token.state,
        TokenState::Iteration | TokenState::EventScope | TokenState::Compensating
    );
    apart && variable.task_id.is_none() && begun.is_some_and(|id| sequence(variable.id) < sequence(id))
}

/// The execution that a variable is in, and REST's id of the activity instance that it is seen in, if there is one.
pub fn place_of(def: &DefinitionRef<'_>, inst: &Instance, variable: &Variable) -> (Id, Option<String>) {
    let Some(token) = inst.tokens.get(variable.scope_id) else {
        return (variable.scope_id, Some(inst.process.id.to_string()));
    };
    if !lies_above(token, variable) {
        return (token.execution_id, activity_of_variables(def, inst, token));
    }
    let contains = def
        .definition
        .node(&token.element)
        .is_some_and(|n| n.behavior.is_composite());
    let around = token.parent_id.and_then(|id| inst.tokens.get(id));
    let shown = match (contains, around) {
        // The execution remembers what may contain others.
        (true, _) => token.shown(),
        (false, Some(around)) => shown(inst, around),
        (false, None) => inst.process.id.to_string(),
    };
    (token.id, Some(shown))
}

/// REST's id of the activity instance that variables of a scope token are seen in, if there is one.
fn activity_of_variables(def: &DefinitionRef<'_>, inst: &Instance, token: &Token) -> Option<String> {
    let around = token.parent_id.and_then(|id| inst.tokens.get(id));
    match (token.state, around) {
        // As in the reference they belong to where the execution around is.
        (TokenState::EventScope, Some(around)) if around.state == TokenState::EventScope => {
            Some(around.shown())
        }
        (TokenState::EventScope, Some(around)) if around.state == TokenState::Compensating => {
            Some(inside_of(around))
        }
        (TokenState::EventScope, around) => present_activity(def, inst, around),
        (TokenState::Compensating, _) if !throws(def, token) => Some(shown(inst, token)),
        (TokenState::Scope, _) => Some(shown(inst, token)),
        // Between activities, or after those of an iteration, there is none.
        _ => token.activity_id.map(|_| token.shown()),
    }
}

/// REST's id of the activity instance that the execution of a scope (`None`: of the process instance) is in.
fn present_activity(def: &DefinitionRef<'_>, inst: &Instance, scope: Option<&Token>) -> Option<String> {
    let (own, execution) = match scope {
        Some(scope) => (scope.shown(), scope.execution_id),
        None => (inst.process.id.to_string(), inst.process.id),
    };
    let mut inside = inst.tokens.by(By::Parent(scope.map(|token| token.id)));
    let (Some(only), None) = (inside.next(), inside.next()) else {
        return Some(own);
    };
    let holds = |node: &Node| node.behavior.is_composite();
    let within = matches!(only.state, TokenState::Scope | TokenState::Compensating)
        || def.definition.node(&only.element).is_some_and(holds);
    match only.state {
        TokenState::Iteration => Some(own),
        _ if within || only.execution_id == execution => only.activity_id.map(|_| only.shown()),
        _ => Some(own),
    }
}

/// The executions of an instance: itself, one for each concurrent token, one for each scope activity, and those that
/// only compensation keeps.
pub fn executions(inst: &Instance) -> Vec<Execution> {
    let root = inst.process.id;
    let mut found = vec![Execution {
        id: root,
        parent_id: None,
        token_id: None,
    }];
    for token in inst.tokens.iter() {
        let around = token.parent_id.and_then(|p| inst.tokens.get(p));
        let scope = around.map_or(root, |p| p.execution_id);
        let apart = matches!(token.state, TokenState::Iteration | TokenState::EventScope)
            || around.is_some_and(|t| t.state == TokenState::Compensating);
        let concurrent = apart || inst.tokens.count(By::Parent(token.parent_id)) > 1;
        let mut parent = scope;
        if concurrent {
            found.push(Execution {
                id: token.id,
                parent_id: Some(scope),
                token_id: Some(token.id),
            });
            parent = token.id;
        }
        if token.execution_id != token.id && token.execution_id != scope {
            found.push(Execution {
                id: token.execution_id,
                parent_id: Some(parent),
                token_id: Some(token.id),
            });
        }
    }
    found
}
