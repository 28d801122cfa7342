//! Decisions of a deployment, without I/O: which files are new, which ids and versions they get.
use crate::{
    app::EngineError,
    store::{DecisionRow, DefinitionRow, DeploymentRow, RequirementsRef, RequirementsRow, ResourceRow},
};
use bpmn_core::{Definition, Id, Slot, command::Rejection, timer};
use std::collections::HashMap;

/// What a client wants to deploy.
#[derive(Clone, Debug, Default)]
pub struct NewDeployment {
    pub name: Option<String>,
    pub source: Option<String>,
    pub tenant_id: Option<String>,
    /// File names and contents in the order sent.
    pub resources: Vec<(String, Vec<u8>)>,
    /// `enable-duplicate-filtering`: nothing happens if every file is as in the last deployment of that name.
    pub duplicate_filtering: bool,
    /// `deploy-changed-only`: only files that differ are deployed; implies filtering.
    pub changed_only: bool,
    /// `deployment-activation-time`, Unix milliseconds: until then the process definitions are suspended.
    pub activation: Option<i64>,
}

/// The source that the reference assumes where none is given.
const DEFAULT_SOURCE: &str = "process application";
/// The longest id the reference allows; beyond it the bare UUID is the id.
const MAX_REST_ID: usize = 64;
/// File name endings of BPMN models, as in the reference.
const BPMN_ENDINGS: [&str; 2] = ["bpmn", "bpmn20.xml"];
/// File name endings of decisions, as in the reference.
const DMN_ENDINGS: [&str; 2] = ["dmn11.xml", "dmn"];
/// Days that history of decisions is kept where the model doesn't say, as in the reference.
const DEFAULT_HISTORY_TTL: i32 = 180;

/// Whether a file is a BPMN model by its name.
pub fn is_bpmn(name: &str) -> bool {
    BPMN_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Whether a file holds decisions by its name.
pub fn is_dmn(name: &str) -> bool {
    DMN_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// The models among the files of a deployment, by file.
#[derive(Debug, Default)]
pub struct Models {
    pub processes: Vec<(String, Vec<Definition>)>,
    pub decisions: Vec<(String, feel::dmn::Definitions)>,
}

/// What is deployed under a key, with versions of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deployable {
    Process,
    Decision,
    Requirements,
}

/// The deployments that duplicate filtering looks at, newest first: same name, source and tenant. A deployment
/// without a name has none.
pub fn earlier<'a>(
    new: &NewDeployment,
    deployments: impl Iterator<Item = &'a DeploymentRow>,
) -> Vec<&'a DeploymentRow> {
    let source = |s: &Option<String>| {
        s.clone()
            .filter(|s| !s.is_empty())
            .unwrap_or(DEFAULT_SOURCE.to_owned())
    };
    let mut same: Vec<&DeploymentRow> = deployments
        .filter(|d| {
            new.name.is_some()
                && d.name == new.name
                && d.tenant_id == new.tenant_id
                && source(&d.source) == source(&new.source)
        })
        .collect();
    same.sort_by_key(|d| std::cmp::Reverse((d.deployed, d.id.millis())));
    same
}

/// The files that have to be deployed, given for each file's name its content in the newest earlier deployment that
/// has it. Empty: it is a duplicate.
pub fn to_deploy(new: &NewDeployment, known: &HashMap<String, Vec<u8>>) -> Vec<(String, Vec<u8>)> {
    if !new.duplicate_filtering && !new.changed_only {
        return new.resources.clone();
    }
    let changed = |(name, content): &&(String, Vec<u8>)| known.get(name) != Some(content);
    match new.changed_only {
        true => new.resources.iter().filter(changed).cloned().collect(),
        false if new.resources.iter().any(|r| changed(&r)) => new.resources.clone(),
        false => Vec::new(),
    }
}

/// The rows of a deployment: ids in their slots, each definition's version one above the highest known.
///
/// `versions(what, key)` is the highest version of a key within the deployment's tenant, published or not, 0 if none.
///
/// # Errors
/// Two processes of one key, or a start timer that can't be read; as the reference words them.
pub fn rows(
    new: &NewDeployment,
    resources: Vec<(String, Vec<u8>)>,
    parsed: &Models,
    now: i64,
    versions: impl Fn(Deployable, &str) -> i32,
    next_id: impl Fn(Slot) -> Id,
) -> Result<DeploymentRow, EngineError> {
    let slot = Slot::of_key(new.name.as_deref().unwrap_or_default());
    let deployment = next_id(slot);
    let mut definitions: Vec<DefinitionRow> = Vec::new();
    for (resource_name, models) in &parsed.processes {
        for model in models {
            if definitions.iter().any(|d| d.key == model.key) {
                return Err(same_key(&model.key));
            }
            for start in model.start_timers() {
                if start.priority.is_none() {
                    return Err(failure(
                        "UTILS-02001 Parameter 'variableScope' is null".to_owned(),
                    ));
                }
                match timer::next(start.kind, &start.text, now, None) {
                    Ok(Some(_)) => {}
                    Ok(None) => return Err(failure("duedate is null".to_owned())),
                    Err(error) => return Err(failure(error.explained(start.kind, &start.text))),
                }
            }
            let home = Slot::of_key(&model.key);
            let (id, version) = (next_id(home), versions(Deployable::Process, &model.key) + 1);
            definitions.push(DefinitionRow {
                id,
                rest_id: rest_id(&model.key, version, id),
                key: model.key.clone(),
                version,
                name: model.name.clone(),
                category: model.category.clone(),
                description: model.documentation.clone(),
                version_tag: model.version_tag.clone(),
                tenant_id: new.tenant_id.clone(),
                history_ttl_days: model.history_ttl,
                startable_in_tasklist: model.startable_in_tasklist,
                suspended: new.activation.is_some(),
                resource_name: resource_name.clone(),
                deployment_id: deployment,
                home,
            });
        }
    }
    let (decisions, requirements) = decisions(new, deployment, &parsed.decisions, &versions, &next_id)?;
    let resources = resources
        .into_iter()
        .map(|(name, content)| ResourceRow {
            id: next_id(slot),
            name,
            content,
        })
        .collect();
    Ok(DeploymentRow {
        id: deployment,
        name: new.name.clone(),
        source: new.source.clone(),
        tenant_id: new.tenant_id.clone(),
        deployed: now,
        resources,
        definitions,
        decisions,
        requirements,
    })
}

type DecisionRows = (Vec<DecisionRow>, Vec<RequirementsRow>);

/// The rows of decisions, and of the requirements of files that hold several.
fn decisions(
    new: &NewDeployment,
    deployment: Id,
    files: &[(String, feel::dmn::Definitions)],
    versions: &impl Fn(Deployable, &str) -> i32,
    next_id: &impl Fn(Slot) -> Id,
) -> Result<DecisionRows, EngineError> {
    let (mut rows, mut requirements): DecisionRows = Default::default();
    let named = |kind, key: &str| {
        let (id, version) = (next_id(Slot::of_key(key)), versions(kind, key) + 1);
        (id, version, rest_id(key, version, id))
    };
    for (resource_name, file) in files.iter().filter(|(_, file)| file.decisions.len() > 1) {
        if requirements.iter().any(|r| r.key == file.key) {
            return Err(same_key(&file.key));
        }
        let (id, version, rest_id) = named(Deployable::Requirements, &file.key);
        requirements.push(RequirementsRow {
            id,
            rest_id,
            key: file.key.clone(),
            version,
            name: Some(file.name.clone()).filter(|name| !name.is_empty()),
            category: Some(file.namespace.clone()),
            tenant_id: new.tenant_id.clone(),
            resource_name: resource_name.clone(),
            deployment_id: deployment,
        });
    }
    for (resource_name, file) in files {
        let required = requirements.iter().find(|r| r.resource_name == *resource_name);
        for decision in &file.decisions {
            if rows.iter().any(|d| d.key == decision.key) {
                return Err(same_key(&decision.key));
            }
            let (id, version, rest_id) = named(Deployable::Decision, &decision.key);
            rows.push(DecisionRow {
                id,
                rest_id,
                key: decision.key.clone(),
                version,
                name: Some(decision.name.clone()).filter(|name| !name.is_empty()),
                category: Some(file.namespace.clone()),
                version_tag: decision.version_tag.clone(),
                tenant_id: new.tenant_id.clone(),
                history_ttl_days: match &decision.history_time_to_live {
                    None => Some(DEFAULT_HISTORY_TTL),
                    Some(_) => decision.history_days(),
                },
                requirements: required.map(|r| RequirementsRef {
                    id: r.id,
                    rest_id: r.rest_id.clone(),
                    key: r.key.clone(),
                }),
                resource_name: resource_name.clone(),
                deployment_id: deployment,
            });
        }
    }
    Ok((rows, requirements))
}

fn same_key(key: &str) -> EngineError {
    failure(format!(
        "The deployment contains definitions with the same key '{key}' (id attribute), this is not allowed"
    ))
}

fn failure(message: String) -> EngineError {
    EngineError::Rejected(Rejection::Failure {
        message,
        element: None,
    })
}

/// `key:version:uuid`, or the bare UUID where that would be too long.
fn rest_id(key: &str, version: i32, id: Id) -> String {
    let whole = format!("{key}:{version}:{id}");
    if whole.len() <= MAX_REST_ID {
        whole
    } else {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(name: Option<&str>, source: Option<&str>, deployed: i64) -> DeploymentRow {
        DeploymentRow {
            id: Id::from_parts(deployed as u64, 0, Slot::of_key("x"), 1),
            name: name.map(str::to_owned),
            source: source.map(str::to_owned),
            tenant_id: None,
            deployed,
            resources: Vec::new(),
            definitions: Vec::new(),
            decisions: Vec::new(),
            requirements: Vec::new(),
        }
    }

    fn new(name: Option<&str>, files: &[(&str, &str)]) -> NewDeployment {
        NewDeployment {
            name: name.map(str::to_owned),
            resources: files
                .iter()
                .map(|(n, c)| (n.to_string(), c.as_bytes().to_vec()))
                .collect(),
            duplicate_filtering: true,
            ..NewDeployment::default()
        }
    }

    #[test]
    fn no_source_means_process_application_and_no_name_is_never_a_duplicate() {
        let all = [
            deployment(Some("a"), Some("other"), 3),
            deployment(Some("a"), Some("process application"), 2),
            deployment(Some("a"), None, 1),
            deployment(None, None, 4),
        ];
        let times = |n: Option<&str>| {
            earlier(&new(n, &[]), all.iter())
                .iter()
                .map(|d| d.deployed)
                .collect::<Vec<_>>()
        };
        assert_eq!(times(Some("a")), [2, 1]);
        assert_eq!(times(None), Vec::<i64>::new());
    }

    #[test]
    fn one_changed_file_deploys_all_or_only_itself() {
        let known = HashMap::from([("a".to_owned(), b"1".to_vec()), ("b".to_owned(), b"2".to_vec())]);
        let mut wanted = new(Some("n"), &[("a", "1"), ("b", "3")]);
        let names = |w: &NewDeployment| to_deploy(w, &known).into_iter().map(|r| r.0).collect::<Vec<_>>();
        assert_eq!(names(&wanted), ["a", "b"]);
        wanted.changed_only = true;
        assert_eq!(names(&wanted), ["b"]);
        assert!(names(&new(Some("n"), &[("a", "1"), ("b", "2")])).is_empty());
        wanted = NewDeployment {
            duplicate_filtering: false,
            ..new(Some("n"), &[("a", "1")])
        };
        assert_eq!(names(&wanted), ["a"]);
    }

    #[test]
    fn a_long_key_has_the_bare_uuid_as_definition_id() {
        let id = Id::from_parts(1, 0, Slot::of_key("x"), 1);
        assert_eq!(rest_id("k", 1, id), format!("k:1:{id}"));
        assert_eq!(rest_id(&"k".repeat(30), 1, id), id.to_string());
    }
}
