//! What commands that choose their targets themselves ask of rights, before they change anything: messages, signals,
//! conditions. What names its target is asked for at the edge (`crate::rights`).
use super::{Caller, Deployed, Engine, EngineError};
use crate::{
    query::process_instance,
    rights::{
        Need, Subject,
        need::{UPDATE_INSTANCE, resource},
    },
};
use bpmn_core::Id;
use rest_api::ApiError;

fn refused(error: ApiError) -> EngineError {
    EngineError::Refused(Box::new(error))
}

impl Engine {
    /// Refuses to change an instance for whoever may not; one that doesn't run is passed over.
    ///
    /// # Errors
    /// [`EngineError::Refused`]; those of the database.
    pub async fn permit_update(&self, caller: &Caller, instance: Id) -> Result<(), EngineError> {
        let Some(rights) = &caller.rights else {
            return Ok(());
        };
        let found = self.store().select(&process_instance::by_id(instance)).await?;
        let Some(row) = found.rows.first() else {
            return Ok(());
        };
        let row = process_instance::row(&**row)?;
        let view = self.catalog().view();
        let subject = Subject {
            instance: Some(instance),
            key: view
                .by_id(row.definition_id)
                .map(|d| d.row.key.clone())
                .unwrap_or_default(),
            tenant: row.tenant_id,
        };
        rights
            .demand_of(&subject, UPDATE_INSTANCE, "update")
            .map_err(refused)
    }

    /// Refuses to start an instance for whoever may not.
    ///
    /// # Errors
    /// [`EngineError::Refused`].
    pub fn permit_start(&self, caller: &Caller, deployed: &Deployed) -> Result<(), EngineError> {
        let Some(rights) = &caller.rights else {
            return Ok(());
        };
        let row = &deployed.row;
        let what = format!("create an instance of the process definition '{}'", row.rest_id);
        rights
            .demand(&[Need::of(resource::PROCESS_INSTANCE, "CREATE")])
            .and_then(|()| {
                rights.demand(&[Need::on(
                    resource::PROCESS_DEFINITION,
                    "CREATE_INSTANCE",
                    &row.key,
                )])
            })
            .and_then(|()| rights.demand_tenant(row.tenant_id.as_deref(), &what))
            .map_err(refused)
    }
}
