//! Instances as REST shows them: the instance itself, its tree of activities, the variables a scope sees.
use crate::app::{Answer, CatalogView};
use bpmn_core::{
    DefinitionRef, Id,
    instance::{Instance, JobKind, Variable},
    tracked::By,
    tree,
    value::TypedValue,
};
use rest_api::{
    deployment::Link,
    runtime::{ActivityIncident, ActivityInstance, ProcessInstance, TransitionInstance},
    variable::{self, Style},
};
use serde_json::Value;
use std::{borrow::Cow, collections::BTreeMap};

/// REST's id of a definition; the row's id if this node doesn't know it (any more).
pub fn definition_id(view: &CatalogView, id: Id) -> String {
    view.told(id)
        .map_or_else(|| id.to_string(), |row| row.rest_id.clone())
}

/// Key of a definition.
pub fn definition_key(view: &CatalogView, id: Id) -> Option<String> {
    view.told(id).map(|row| row.key.clone())
}

/// Id of the job definition of a job, or of an incident about one.
pub fn job_definition_id(
    view: &CatalogView,
    definition: Id,
    element: &str,
    kind: Option<JobKind>,
) -> Option<String> {
    let found = view.job_definition_id(definition, element, kind?);
    found.map(|id| id.to_string())
}

/// A process instance as its start answers it, with links.
pub fn started(view: &CatalogView, instance: &Instance, base_url: &str) -> ProcessInstance {
    let process = &instance.process;
    let href = format!("{base_url}/process-instance/{}", process.id);
    ProcessInstance {
        links: vec![Link {
            method: "GET",
            href,
            rel: "self",
        }],
        id: process.id.to_string(),
        definition_id: definition_id(view, process.definition_id),
        business_key: process.business_key.clone(),
        case_instance_id: process.case_instance_id.clone(),
        ended: instance.ended,
        suspended: process.suspended,
        tenant_id: process.tenant_id.clone(),
        definition_key: definition_key(view, process.definition_id).unwrap_or_default(),
        variables: None,
    }
}

/// How [`instance_variables`] are shown.
const AS_TEXT: Style = Style {
    deserialize: false,
    binary: true,
};

/// Variables of the process instance itself, as text, objects not deserialized. Contents of large values have to be
/// at hand: see [`instance_needs`].
pub fn instance_variables(instance: &Instance) -> Value {
    let whole = own_variables(instance).map(|v| (v.name.as_str(), whole(instance, &v.value)));
    variable::write_all(whole, AS_TEXT)
}

/// The large values that [`instance_variables`] shows and whose contents aren't at hand.
pub fn instance_needs(instance: &Instance) -> Vec<Id> {
    let shown = own_variables(instance).filter_map(|v| variable::content_shown(&v.value, AS_TEXT));
    shown.filter(|id| instance.large.content(*id).is_none()).collect()
}

/// Those that it has, or had when it ended.
fn own_variables(instance: &Instance) -> impl Iterator<Item = &Variable> {
    let own = instance.variables.by(By::Scope(instance.process.id));
    let last = instance.last_variables.iter().map(AsRef::as_ref);
    own.filter(|v| v.task_id.is_none()).chain(last)
}

/// A value with its content, if it is a large one whose content is at hand.
pub fn whole<'v>(instance: &Instance, value: &'v TypedValue) -> Cow<'v, TypedValue> {
    match value {
        TypedValue::Large(large) => match large.id.and_then(|id| instance.large.content(id)) {
            Some(content) => Cow::Owned(large.whole((**content).clone())),
            None => Cow::Borrowed(value),
        },
        _ => Cow::Borrowed(value),
    }
}

/// The answer of a command: 204, or 200 with the instance's variables if they were asked for.
pub fn done(instance: &Instance, with_variables: bool) -> Answer {
    if with_variables {
        Answer {
            needs: instance_needs(instance),
            ..Answer::json(&instance_variables(instance))
        }
    } else {
        Answer::no_content()
    }
}

/// Whether nothing of an execution is left.
pub fn execution_ended(instance: &Instance, execution: Id) -> bool {
    let goes_on = || instance.tokens.first(By::Execution(execution)).is_some();
    instance.ended || (execution != instance.process.id && !goes_on())
}

/// The scopes a token sees, inner first: its own activity, the scopes around it, the process instance.
pub fn scopes_of_token(instance: &Instance, token: Id) -> Vec<Id> {
    let mut scopes = Vec::new();
    let mut next = Some(token);
    while let Some(id) = next {
        scopes.push(id);
        next = instance.tokens.get(id).and_then(|token| token.parent_id);
    }
    scopes.push(instance.process.id);
    scopes
}

/// Variables that these scopes hold, an inner one hiding an outer one of the same name.
pub fn visible<'a>(instance: &'a Instance, scopes: &[Id]) -> BTreeMap<&'a str, &'a TypedValue> {
    let mut found = BTreeMap::new();
    for scope in scopes.iter().rev() {
        for variable in instance
            .variables
            .by(By::Scope(*scope))
            .filter(|v| v.task_id.is_none())
        {
            found.insert(variable.name.as_str(), &variable.value);
        }
    }
    found
}

/// What a task sees beside its own variables: those of the scopes of its token, or of what it is a part of.
pub fn around_task(instance: &Instance, task: Id) -> BTreeMap<&str, &TypedValue> {
    let Some(row) = instance.tasks.get(task) else {
        return BTreeMap::new();
    };
    match (row.token_id, row.parent_id) {
        (Some(token), _) => visible(instance, &scopes_of_token(instance, token)),
        (None, Some(parent)) => {
            let mut found = around_task(instance, parent);
            found.extend(local_to_task(instance, parent).map(|v| (v.name.as_str(), &v.value)));
            found
        }
        (None, None) => BTreeMap::new(),
    }
}

/// Variables local to a task.
pub fn local_to_task(instance: &Instance, task: Id) -> impl Iterator<Item = &Variable> {
    instance.variables.by(By::Task(task))
}

/// The tree of activity instances.
pub fn tree(instance: &Instance, definition: &DefinitionRef<'_>) -> ActivityInstance {
    activity(tree::activity_instance_tree(definition, instance))
}

fn activity(from: tree::ActivityInstance) -> ActivityInstance {
    let incidents = incidents(from.incidents);
    ActivityInstance {
        id: from.id,
        parent_activity_instance_id: from.parent_id,
        activity_id: from.activity_id,
        activity_type: from.activity_type,
        process_instance_id: from.process_instance_id.to_string(),
        process_definition_id: from.process_definition_id.clone(),
        child_activity_instances: from.children.into_iter().map(activity).collect(),
        child_transition_instances: from
            .transitions
            .into_iter()
            .map(|t| transition(t, from.process_instance_id, &from.process_definition_id))
            .collect(),
        execution_ids: from.execution_ids.iter().map(Id::to_string).collect(),
        activity_name: from.activity_name.clone(),
        incident_ids: incidents.iter().map(|i| i.id.clone()).collect(),
        incidents,
        name: from.activity_name,
    }
}

fn transition(from: tree::TransitionInstance, instance: Id, definition: &str) -> TransitionInstance {
    let incidents = incidents(from.incidents);
    TransitionInstance {
        id: from.id,
        parent_activity_instance_id: from.parent_id,
        process_instance_id: instance.to_string(),
        process_definition_id: definition.to_owned(),
        activity_id: from.activity_id.clone(),
        activity_name: from.activity_name,
        activity_type: from.activity_type,
        execution_id: from.execution_id.to_string(),
        incident_ids: incidents.iter().map(|i| i.id.clone()).collect(),
        incidents,
        target_activity_id: from.activity_id,
    }
}

fn incidents(from: Vec<tree::IncidentRef>) -> Vec<ActivityIncident> {
    let shown = from.into_iter().map(|i| ActivityIncident {
        id: i.id.to_string(),
        activity_id: i.element,
    });
    shown.collect()
}
