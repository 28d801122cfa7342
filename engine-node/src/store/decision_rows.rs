//! Decisions as they are deployed: rows, and their cells in the order of the columns in [`super::schema`].
use super::{
    StoreError,
    cell::{Cell, Reader},
};
use bpmn_core::Id;

/// A decision: what lists need without parsing its model.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionRow {
    pub id: Id,
    /// `key:version:uuid`, or the bare uuid where that would pass 64 characters.
    pub rest_id: String,
    pub key: String,
    pub version: i32,
    pub name: Option<String>,
    pub category: Option<String>,
    pub version_tag: Option<String>,
    pub tenant_id: Option<String>,
    pub history_ttl_days: Option<i32>,
    /// The requirements of its file, if that holds several decisions.
    pub requirements: Option<RequirementsRef>,
    pub resource_name: String,
    pub deployment_id: Id,
}

/// The decision requirements that a decision belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct RequirementsRef {
    pub id: Id,
    pub rest_id: String,
    pub key: String,
}

/// A file of several decisions.
#[derive(Clone, Debug, PartialEq)]
pub struct RequirementsRow {
    pub id: Id,
    pub rest_id: String,
    pub key: String,
    pub version: i32,
    pub name: Option<String>,
    pub category: Option<String>,
    pub tenant_id: Option<String>,
    pub resource_name: String,
    pub deployment_id: Id,
}

macro_rules! cells {
    ($($value:expr),* $(,)?) => { vec![$(Cell::from($value)),*] };
}

pub(crate) fn decision(d: &DecisionRow) -> Vec<Cell> {
    let requirements = d.requirements.as_ref();
    cells![
        d.id,
        &d.rest_id,
        &d.key,
        d.version,
        &d.name,
        &d.category,
        &d.version_tag,
        &d.tenant_id,
        d.history_ttl_days,
        requirements.map(|r| r.id),
        requirements.map(|r| r.rest_id.as_str()),
        requirements.map(|r| r.key.as_str()),
        &d.resource_name,
        d.deployment_id,
    ]
}

pub(crate) fn read_decision(r: &mut Reader) -> Result<DecisionRow, StoreError> {
    Ok(DecisionRow {
        id: r.id()?,
        rest_id: r.text()?,
        key: r.text()?,
        version: r.i32()?,
        name: r.text_opt()?,
        category: r.text_opt()?,
        version_tag: r.text_opt()?,
        tenant_id: r.text_opt()?,
        history_ttl_days: r.i32_opt()?,
        requirements: match (r.id_opt()?, r.text_opt()?, r.text_opt()?) {
            (Some(id), Some(rest_id), Some(key)) => Some(RequirementsRef { id, rest_id, key }),
            _ => None,
        },
        resource_name: r.text()?,
        deployment_id: r.id()?,
    })
}

pub(crate) fn requirements(d: &RequirementsRow) -> Vec<Cell> {
    cells![
        d.id,
        &d.rest_id,
        &d.key,
        d.version,
        &d.name,
        &d.category,
        &d.tenant_id,
        &d.resource_name,
        d.deployment_id,
    ]
}

pub(crate) fn read_requirements(r: &mut Reader) -> Result<RequirementsRow, StoreError> {
    Ok(RequirementsRow {
        id: r.id()?,
        rest_id: r.text()?,
        key: r.text()?,
        version: r.i32()?,
        name: r.text_opt()?,
        category: r.text_opt()?,
        tenant_id: r.text_opt()?,
        resource_name: r.text()?,
        deployment_id: r.id()?,
    })
}
