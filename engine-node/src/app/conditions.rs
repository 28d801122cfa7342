//! Conditional start events: evaluated on request, against variables that the request brings.
use super::{Answer, Caller, Deployed, Engine, EngineError, commands::Start, writer::now};
use crate::rights::{Need, need::resource};
use bpmn_core::{
    Id,
    command::{Outcome, Rejection},
    instance::Instance,
    value::Variables,
};
use std::sync::{Arc, Mutex};

/// A request to start whatever its variables satisfy.
#[derive(Clone, Debug, Default)]
pub struct Offer {
    pub variables: Variables,
    pub business_key: Option<String>,
    pub tenant_id: Option<String>,
    pub without_tenant: bool,
    /// Only this definition, whatever its version.
    pub definition: Option<Arc<Deployed>>,
}

impl Engine {
    /// Starts an instance at each conditional start event whose condition holds: of the newest versions, or of one
    /// definition. Gives what `render` made of each.
    ///
    /// # Errors
    /// The reference's (7.24), if no definition has such a start event; what a start gives.
    pub async fn start_by_condition<T: Send + 'static>(
        &self,
        caller: &Caller,
        offer: &Offer,
        render: impl Fn(&Instance) -> T + Clone + Send + Sync + 'static,
    ) -> Result<Vec<T>, EngineError> {
        let mut candidates = self.conditional(offer)?;
        candidates.retain(|deployed| {
            let rights = caller.rights.as_ref();
            rights.is_none_or(|rights| {
                let read = Need::on(resource::PROCESS_DEFINITION, "READ", &deployed.row.key);
                rights.of_tenant(deployed.row.tenant_id.as_deref()) && rights.allows(&[read])
            })
        });
        if candidates.is_empty() {
            return Err(nothing());
        }
        let holding = candidates.iter().map(|deployed| {
            let elements = deployed.definition.starts_that_hold(&offer.variables, now());
            (deployed, elements)
        });
        let holding: Vec<_> = holding.filter(|(_, elements)| !elements.is_empty()).collect();
        for (deployed, _) in &holding {
            self.permit_start(caller, deployed)?;
        }
        let mut started = Vec::new();
        for (deployed, elements) in holding {
            for element in elements {
                let start = Start {
                    by: None,
                    deployed: deployed.clone(),
                    element: Some(element.to_owned()),
                    business_key: offer.business_key.clone(),
                    case_instance_id: None,
                    variables: offer.variables.clone(),
                    form: false,
                };
                let kept: Arc<Mutex<Option<T>>> = Arc::default();
                let (keep, render) = (kept.clone(), render.clone());
                let render = Box::new(move |instance: &Instance, _: &Outcome| {
                    *keep.lock().unwrap_or_else(|e| e.into_inner()) = Some(render(instance));
                    Answer::no_content()
                });
                let caller = &caller.starting(deployed.row.id, element);
                self.start(caller, start, render).await?;
                started.extend(kept.lock().unwrap_or_else(|e| e.into_inner()).take());
            }
        }
        Ok(started)
    }

    fn conditional(&self, offer: &Offer) -> Result<Vec<Arc<Deployed>>, EngineError> {
        if let Some(one) = &offer.definition {
            if one.definition.start_conditions().is_empty() {
                let id = &one.row.rest_id;
                return Err(failure(format!(
                    "ENGINE-13042 Process definition with id '{id}' does not declare conditional start event."
                )));
            }
            return Ok(vec![one.clone()]);
        }
        let fits = |deployed: &Deployed| match (&offer.tenant_id, offer.without_tenant) {
            (Some(tenant), _) => deployed.row.tenant_id.as_ref() == Some(tenant),
            (None, true) => deployed.row.tenant_id.is_none(),
            (None, false) => true,
        };
        let view = self.inner.catalog.view();
        let mut found: Vec<Arc<Deployed>> = view
            .all_latest()
            .filter(|d| fits(d) && !d.row.suspended && !d.definition.start_conditions().is_empty())
            .cloned()
            .collect();
        if found.is_empty() {
            return Err(nothing());
        }
        found.sort_by_key(|d| d.row.id);
        Ok(found)
    }
}

fn nothing() -> EngineError {
    failure(
        "ENGINE-13043 No subscriptions were found during evaluation of the conditional start events."
            .to_owned(),
    )
}

fn failure(message: String) -> EngineError {
    EngineError::Rejected(Rejection::Failure {
        message,
        element: None,
    })
}

impl Caller {
    /// The same caller with one of the starts its request makes, which has an idempotency key of its own.
    fn starting(&self, definition: Id, element: &str) -> Caller {
        let mut caller = self.clone();
        if let Some(key) = &mut caller.idempotency {
            *key = key.part(&format!("{definition} {element}"));
        }
        caller
    }
}
