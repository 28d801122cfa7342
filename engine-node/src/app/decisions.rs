//! Decisions of this shard, in memory: part of the catalog's view.
use crate::store::{DecisionRow, RequirementsRow};
use bpmn_core::Id;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// A decision that can be evaluated.
#[derive(Debug)]
pub struct DeployedDecision {
    pub row: DecisionRow,
    /// The file that it is in; shared between its decisions and between views.
    pub definitions: Arc<feel::dmn::Definitions>,
    /// Its place in the file.
    pub index: usize,
    /// Only published decisions may be evaluated or be "latest".
    pub published: bool,
}

type ByTenant = (String, Option<String>);

/// All decisions, and the requirements of files that hold several.
#[derive(Clone, Debug, Default)]
pub struct Decisions {
    by_id: BTreeMap<Id, Arc<DeployedDecision>>,
    by_rest_id: HashMap<String, Arc<DeployedDecision>>,
    latest: HashMap<ByTenant, Arc<DeployedDecision>>,
    /// By deployment and key: a key is in a deployment once.
    by_deployment: HashMap<(Id, String), Arc<DeployedDecision>>,
    requirements: BTreeMap<Id, RequirementsRow>,
    /// What was evaluated since the node's start, whatever has become of it: shared by all views of its catalog.
    pub counted: Arc<Counted>,
}

/// Evaluations, and the cells of their tables.
#[derive(Debug, Default)]
pub struct Counted {
    pub decisions: AtomicU64,
    pub elements: AtomicU64,
}

impl Decisions {
    /// None yet; counts go on where those of an earlier view are.
    pub fn after(earlier: &Decisions) -> Decisions {
        Decisions {
            counted: earlier.counted.clone(),
            ..Decisions::default()
        }
    }

    /// Counts an evaluated decision of that many cells.
    pub fn count(&self, elements: u64) {
        self.counted.decisions.fetch_add(1, Ordering::Relaxed);
        self.counted.elements.fetch_add(elements, Ordering::Relaxed);
    }

    /// Takes a decision in.
    pub fn insert(&mut self, decision: DeployedDecision) {
        let decision = Arc::new(decision);
        let row = &decision.row;
        if decision.published {
            let key = (row.key.clone(), row.tenant_id.clone());
            let newest = self.latest.entry(key).or_insert_with(|| decision.clone());
            if newest.row.version < row.version {
                *newest = decision.clone();
            }
        }
        self.by_deployment
            .insert((row.deployment_id, row.key.clone()), decision.clone());
        self.by_rest_id.insert(row.rest_id.clone(), decision.clone());
        self.by_id.insert(row.id, decision);
    }

    /// Takes published requirements in.
    pub fn insert_requirements(&mut self, row: RequirementsRow) {
        self.requirements.insert(row.id, row);
    }

    /// By row id.
    pub fn by_id(&self, id: Id) -> Option<&Arc<DeployedDecision>> {
        self.by_id.get(&id)
    }

    /// By REST's id, if it is published.
    pub fn by_rest_id(&self, id: &str) -> Option<&Arc<DeployedDecision>> {
        self.by_rest_id.get(id).filter(|d| d.published)
    }

    /// The newest published version of a key within a tenant (`None`: without tenant).
    pub fn latest(&self, key: &str, tenant: Option<&str>) -> Option<&Arc<DeployedDecision>> {
        self.latest.get(&(key.to_owned(), tenant.map(str::to_owned)))
    }

    /// The decision of a key that came with a deployment.
    pub fn of_deployment(&self, deployment: Id, key: &str) -> Option<&Arc<DeployedDecision>> {
        self.by_deployment.get(&(deployment, key.to_owned()))
    }

    /// All, published or not, by id.
    pub fn all(&self) -> impl Iterator<Item = &Arc<DeployedDecision>> {
        self.by_id.values()
    }

    /// Published versions of a key within a tenant.
    pub fn versions<'a>(
        &'a self,
        key: &'a str,
        tenant: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Arc<DeployedDecision>> {
        self.all()
            .filter(move |d| d.published && d.row.key == key && d.row.tenant_id.as_deref() == tenant)
    }

    /// The highest version of a key within a tenant, published or not; 0 if there is none.
    pub fn highest_version(&self, key: &str, tenant: Option<&str>) -> i32 {
        let same = self
            .all()
            .filter(|d| d.row.key == key && d.row.tenant_id.as_deref() == tenant);
        same.map(|d| d.row.version).max().unwrap_or(0)
    }

    /// All published requirements, by id.
    pub fn requirements(&self) -> impl Iterator<Item = &RequirementsRow> {
        self.requirements.values()
    }

    /// Requirements by REST's id.
    pub fn requirements_by_rest_id(&self, id: &str) -> Option<&RequirementsRow> {
        self.requirements().find(|r| r.rest_id == id)
    }

    /// The newest requirements of a key within a tenant.
    pub fn latest_requirements(&self, key: &str, tenant: Option<&str>) -> Option<&RequirementsRow> {
        let same = self
            .requirements()
            .filter(|r| r.key == key && r.tenant_id.as_deref() == tenant);
        same.max_by_key(|r| r.version)
    }

    /// The highest version of requirements of a key within a tenant; 0 if there are none.
    pub fn highest_requirements_version(&self, key: &str, tenant: Option<&str>) -> i32 {
        self.latest_requirements(key, tenant).map_or(0, |r| r.version)
    }
}
