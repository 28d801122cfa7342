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
    pub incident_ids: Vec<Id>,
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
    pub incident_ids: Vec<Id>,
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
        incident_ids: Vec::new(),
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
        let node = def.definition.node(&token.element);
        let activity_name = node.and_then(|n| n.name.clone());
        let activity_type = node.map_or("", |n| n.activity_type).to_owned();
        let incident_ids: Vec<Id> = inst
            .incidents
            .by(By::Execution(token.execution_id))
            .filter(|i| def.definition.belongs_to(&i.element, &token.element))
            .map(|i| i.id)
            .collect();
        match token.activity_id {
            None => into.transitions.push(TransitionInstance {
                id: token.execution_id.to_string(),
                parent_id: into.id.clone(),
                activity_id: token.element.clone(),
                activity_name,
                activity_type,
                execution_id: token.execution_id,
                incident_ids,
            }),
            Some(activity) => {
                // A concurrent execution above a scope activity belongs to the scope around both.
                if !alone && token.execution_id != token.id {
                    into.execution_ids.push(token.id);
                }
                let mut child = ActivityInstance {
                    id: format!("{}:{activity}", token.element),
                    parent_id: Some(into.id.clone()),
                    activity_id: token.element.clone(),
                    activity_name,
                    activity_type,
                    process_instance_id: inst.process.id,
                    process_definition_id: def.rest_id.to_owned(),
                    execution_ids: vec![token.execution_id],
                    incident_ids,
                    children: Vec::new(),
                    transitions: Vec::new(),
                };
                if token.state == TokenState::Scope {
                    fill(def, inst, Some(token.id), &mut child);
                }
                into.children.push(child);
            }
        }
    }
}

/// The executions of an instance: itself, one for each concurrent token, one for each scope activity.
pub fn executions(inst: &Instance) -> Vec<Execution> {
    let root = inst.process.id;
    let mut found = vec![Execution {
        id: root,
        parent_id: None,
        token_id: None,
    }];
    for token in inst.tokens.iter() {
        let scope = token
            .parent_id
            .and_then(|p| inst.tokens.get(p))
            .map_or(root, |p| p.execution_id);
        let concurrent = inst.tokens.count(By::Parent(token.parent_id)) > 1;
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
