//! The activity instance tree and the executions of an instance, as REST shows them.
use crate::{
    definition::DefinitionRef,
    instance::{Instance, Token, TokenState},
    tracked::By,
};
use topology::Id;

/// An activity instance with what it contains.
#[derive(Clone, Debug, PartialEq)]
pub struct ActivityInstance {
    /// `ELEMENT:UUID`; for the root the process instance's id.
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
        incidents: Vec::new(),
        children: Vec::new(),
        transitions: Vec::new(),
    };
    fill(def, inst, None, &mut root);
    root
}

/// Adds what is in a scope. Its depth is that of nested subprocesses in the model, which deployment bounds.
fn fill(def: &DefinitionRef<'_>, inst: &Instance, scope: Option<Id>, into: &mut ActivityInstance) {
    let tokens: Vec<&Token> = inst.tokens.by(By::Parent(scope)).collect();
    let alone = tokens.len() < 2;
    for token in tokens {
        match token.state {
            TokenState::Iteration => iteration(def, inst, token, into),
            TokenState::Compensating => compensating(def, inst, token, alone, into),
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
        }
        add(def, inst, inner, true, into);
    }
}

/// Who throws compensation, and beside it the handlers that run inside.
fn compensating(
    def: &DefinitionRef<'_>,
    inst: &Instance,
    token: &Token,
    alone: bool,
    into: &mut ActivityInstance,
) {
    let composite = def
        .definition
        .node(&token.element)
        .is_some_and(|n| n.behavior.is_composite());
    if composite {
        // An event scope: what compensates in it is shown in it.
        let mut scope = instance(def, inst, token, &into.id);
        fill(def, inst, Some(token.id), &mut scope);
        into.children.push(scope);
        return;
    }
    add(def, inst, token, alone, into);
    for inner in inst.tokens.by(By::Parent(Some(token.id))) {
        match inner.state {
            TokenState::Compensating => compensating(def, inst, inner, true, into),
            _ => add(def, inst, inner, true, into),
        }
    }
}

fn add(def: &DefinitionRef<'_>, inst: &Instance, token: &Token, alone: bool, into: &mut ActivityInstance) {
    if token.activity_id.is_none() {
        let shown = transition(def, inst, token, &token.element, &into.id);
        into.transitions.push(shown);
        return;
    }
    // A concurrent execution above a scope activity belongs to the scope around both.
    if !alone && token.execution_id != token.id {
        into.execution_ids.push(token.id);
    }
    let mut child = instance(def, inst, token, &into.id);
    if token.state == TokenState::Scope {
        fill(def, inst, Some(token.id), &mut child);
    }
    into.children.push(child);
}

fn instance(def: &DefinitionRef<'_>, inst: &Instance, token: &Token, parent: &str) -> ActivityInstance {
    let node = def.definition.node(&token.element);
    let activity = token.activity_id.unwrap_or(token.id);
    ActivityInstance {
        id: format!("{}:{activity}", token.element),
        parent_id: Some(parent.to_owned()),
        activity_id: token.element.clone(),
        activity_name: node.and_then(|n| n.name.clone()),
        activity_type: node.map_or("", |n| n.activity_type).to_owned(),
        process_instance_id: inst.process.id,
        process_definition_id: def.rest_id.to_owned(),
        execution_ids: vec![token.execution_id],
        incidents: incidents(def, inst, token, &token.element),
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
        incidents: incidents(def, inst, token, element),
    }
}

fn incidents(def: &DefinitionRef<'_>, inst: &Instance, token: &Token, element: &str) -> Vec<IncidentRef> {
    let all = inst.incidents.by(By::Execution(token.execution_id));
    all.filter(|i| def.definition.belongs_to(&i.element, element))
        .map(|i| IncidentRef {
            id: i.id,
            element: i.element.clone(),
        })
        .collect()
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
