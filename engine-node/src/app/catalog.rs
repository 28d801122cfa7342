//! Deployments and definitions of this shard, in memory: an immutable view, replaced after each applied log entry.
use super::decisions::Decisions;
use crate::store::{DefinitionRow, DeploymentRow, Gone, JobDefinitionRow};
use arc_swap::ArcSwap;
use bpmn_core::{Definition, DefinitionRef, Id, JobSetting, instance::JobKind};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// A process definition that can be stepped.
#[derive(Debug)]
pub struct Deployed {
    pub row: DefinitionRow,
    /// The parsed model; shared between views.
    pub definition: Arc<Definition>,
    /// Only published definitions may be started or be "latest".
    pub published: bool,
    /// In the order in which the reference makes them.
    pub job_definitions: Vec<JobDefinitionRow>,
    settings: Vec<JobSetting>,
}

impl Deployed {
    /// A definition with its model and its job definitions.
    pub fn new(
        row: DefinitionRow,
        definition: Arc<Definition>,
        published: bool,
        job_definitions: Vec<JobDefinitionRow>,
    ) -> Deployed {
        let changed = job_definitions
            .iter()
            .filter(|j| j.suspended || j.priority.is_some());
        let settings = changed
            .map(|j| JobSetting {
                element: j.element.clone(),
                kind: j.kind,
                suspended: j.suspended,
                priority: j.priority,
            })
            .collect();
        Deployed {
            row,
            definition,
            published,
            job_definitions,
            settings,
        }
    }

    /// The job definition of the jobs of one kind at an element.
    pub fn job_definition(&self, element: &str, kind: JobKind) -> Option<&JobDefinitionRow> {
        let mut all = self.job_definitions.iter();
        all.find(|j| j.kind == kind && j.element == element)
    }

    /// What the core needs to know of it.
    pub fn reference(&self) -> DefinitionRef<'_> {
        DefinitionRef {
            id: self.row.id,
            definition: &self.definition,
            rest_id: &self.row.rest_id,
            version: self.row.version,
            tenant_id: self.row.tenant_id.as_deref(),
            job_settings: &self.settings,
        }
    }
}

/// Everything deployed, as of one log index.
#[derive(Clone, Debug, Default)]
pub struct CatalogView {
    /// Deployments by id, resources without their contents.
    pub deployments: BTreeMap<Id, DeploymentRow>,
    pub decisions: Decisions,
    /// Index of the last log entry in it.
    pub applied: u64,
    /// Whether anything is deployed for a tenant.
    tenants: bool,
    by_id: BTreeMap<Id, Arc<Deployed>>,
    by_rest_id: HashMap<String, Arc<Deployed>>,
    latest: HashMap<(String, Option<String>), Arc<Deployed>>,
    by_key: HashMap<String, Vec<Arc<Deployed>>>,
    /// Deleted, with history left; replaced as a whole.
    gone: Arc<BTreeMap<Id, Gone>>,
}

impl CatalogView {
    /// Indexes what was loaded.
    pub fn new(
        deployments: BTreeMap<Id, DeploymentRow>,
        deployed: Vec<Arc<Deployed>>,
        decisions: Decisions,
        applied: u64,
    ) -> CatalogView {
        let mut view = CatalogView {
            tenants: deployments.values().any(|d| d.tenant_id.is_some()),
            deployments,
            decisions,
            applied,
            ..Default::default()
        };
        for one in deployed {
            view.by_rest_id.insert(one.row.rest_id.clone(), one.clone());
            if one.published {
                let key = (one.row.key.clone(), one.row.tenant_id.clone());
                let newest = view.latest.entry(key).or_insert_with(|| one.clone());
                if newest.row.version < one.row.version {
                    *newest = one.clone();
                }
            }
            let of_key = view.by_key.entry(one.row.key.clone()).or_default();
            of_key.push(one.clone());
            view.by_id.insert(one.row.id, one);
        }
        for of_key in view.by_key.values_mut() {
            of_key.sort_by_key(|one| one.row.id);
        }
        view
    }

    /// The same as of an index whose entry changed nothing of it.
    pub fn at(&self, applied: u64) -> CatalogView {
        CatalogView {
            applied,
            ..self.clone()
        }
    }

    /// The same, knowing of definitions that were deleted without their history.
    pub fn with_gone(self, gone: Vec<Gone>) -> CatalogView {
        let gone = gone.into_iter().map(|one| (one.row.id, one)).collect();
        CatalogView {
            gone: Arc::new(gone),
            ..self
        }
    }

    /// What history may tell of a definition, deleted or not.
    pub fn told(&self, id: Id) -> Option<&DefinitionRow> {
        let here = self.by_id(id).map(|deployed| &deployed.row);
        here.or_else(|| self.gone(id).map(|gone| &gone.row))
    }

    /// What is left of a definition that was deleted.
    pub fn gone(&self, id: Id) -> Option<&Gone> {
        self.gone.get(&id)
    }

    /// All that was deleted and history may tell of.
    pub fn all_gone(&self) -> impl Iterator<Item = &DefinitionRow> {
        self.gone.values().map(|gone| &gone.row)
    }

    /// By REST's definition id.
    pub fn by_rest_id(&self, id: &str) -> Option<&Arc<Deployed>> {
        self.by_rest_id.get(id)
    }

    /// By row id.
    pub fn by_id(&self, id: Id) -> Option<&Arc<Deployed>> {
        self.by_id.get(&id)
    }

    /// The job definition of that id, with its process definition.
    pub fn job_definition(&self, id: Id) -> Option<(&Arc<Deployed>, &JobDefinitionRow)> {
        self.by_id.values().find_map(|deployed| {
            let mut jobs = deployed.job_definitions.iter();
            jobs.find(|j| j.id == id).map(|j| (deployed, j))
        })
    }

    /// Id of the job definition of a job; `None` for a definition that isn't here.
    pub fn job_definition_id(&self, definition: Id, element: &str, kind: JobKind) -> Option<Id> {
        Some(self.by_id(definition)?.job_definition(element, kind)?.id)
    }

    /// The newest published version of a key within a tenant (`None`: without tenant).
    pub fn latest(&self, key: &str, tenant: Option<&str>) -> Option<&Arc<Deployed>> {
        self.latest.get(&(key.to_owned(), tenant.map(str::to_owned)))
    }

    /// The newest published version of every key and tenant.
    pub fn all_latest(&self) -> impl Iterator<Item = &Arc<Deployed>> {
        self.latest.values()
    }

    /// All definitions by id, which is order of deployment within a home slot.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Deployed>> {
        self.by_id.values()
    }

    /// Whether something of a deployment waits to be published.
    pub fn is_unpublished(&self, deployment: &DeploymentRow) -> bool {
        let process = |d: &DefinitionRow| self.by_id(d.id).is_some_and(|d| !d.published);
        deployment.definitions.iter().any(process)
            || deployment
                .decisions
                .iter()
                .any(|d| self.decisions.by_id(d.id).is_some_and(|d| !d.published))
    }

    /// Whether anything is deployed for a tenant.
    pub fn has_tenants(&self) -> bool {
        self.tenants
    }

    /// All versions of a key, published or not, every tenant.
    pub fn versions(&self, key: &str) -> std::slice::Iter<'_, Arc<Deployed>> {
        self.by_key.get(key).map_or(&[][..], Vec::as_slice).iter()
    }
}

/// Holder of the current view.
#[derive(Debug, Default)]
pub struct Catalog {
    view: ArcSwap<CatalogView>,
}

impl Catalog {
    /// The current view; take it once per request.
    pub fn view(&self) -> Arc<CatalogView> {
        self.view.load_full()
    }

    /// Puts a newer view in place.
    pub fn replace(&self, view: CatalogView) {
        self.view.store(Arc::new(view));
    }
}
