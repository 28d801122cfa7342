//! Which definitions have incidents: they are the same everywhere, their incidents aren't.
use super::{Replication, log};
use crate::{
    app::EngineError,
    query::{Where, incident},
    store::StoreError,
};
use bpmn_core::Id;
use http::Method;
use rest_api::filters::Filters;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

impl Replication {
    /// Definitions that have incidents which meet these filters ([`incident::OF_DEFINITIONS`]), on all shards.
    ///
    /// # Errors
    /// [`EngineError::NotReplicated`] naming a shard that can't be asked.
    pub async fn with_incidents(&self, wanted: Map<String, Value>) -> Result<BTreeSet<Id>, EngineError> {
        let body = serde_json::to_vec(&wanted).map_err(log::internal)?;
        let mut found = self.with_incidents_here(wanted).await?;
        for (shard, urls) in self.peers.others() {
            let path = "/internal/definitions/with-incidents";
            let answer = self
                .peers
                .ask(&shard, &urls, Method::POST, path, Some(&body))
                .await;
            let bytes = answer.map_err(EngineError::NotReplicated)?;
            let theirs: Vec<Id> = serde_json::from_slice(&bytes).map_err(log::internal)?;
            found.extend(theirs);
        }
        Ok(found)
    }

    /// The same on this shard.
    pub async fn with_incidents_here(&self, wanted: Map<String, Value>) -> Result<BTreeSet<Id>, EngineError> {
        let (filters, view) = (Filters::from_body(wanted), self.engine.catalog().view());
        let query = incident::definitions(Where::new(&filters, &view));
        let query = query.map_err(|error| log::internal(error.message))?;
        let rows = self.store.select(&query).await?.rows;
        let ids = rows.iter().map(|row| row.id(0));
        Ok(ids.collect::<Result<_, StoreError>>()?)
    }
}
