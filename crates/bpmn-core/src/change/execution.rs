//! What operators do to a single execution: signal it, raise an incident at it; and their notes on incidents.
use super::find::failed;
use crate::{
    command::Rejection,
    ctx::Ctx,
    history::Kind,
    instance::{Incident, TokenState},
    tracked::By,
    value::Variables,
};
use topology::Id;

impl Ctx<'_, '_> {
    /// The token of an execution that stands at an activity; as in the reference a scope is none.
    fn token_at(&self, execution: Id) -> Option<Id> {
        let mut tokens = self.inst.tokens.by(By::Execution(execution));
        tokens
            .find(|t| t.activity_id.is_some() && t.state == TokenState::Waiting)
            .map(|t| t.id)
    }

    /// The token of an execution that waits for a job before its activity: it stands at it already.
    fn token_before(&self, execution: Id) -> Option<Id> {
        let mut tokens = self.inst.tokens.by(By::Execution(execution));
        tokens.find(|t| t.state == TokenState::BeforeAsync).map(|t| t.id)
    }

    /// Leaves the activity that an execution waits in, whatever it waits for.
    pub(crate) fn signal_execution(&mut self, execution: Id, variables: &Variables) -> Result<(), Rejection> {
        self.active_execution(execution)?;
        let deaf = |element: &str| {
            failed(format!(
                "ENGINE-02010 The activity with id '{element}' doesn't accept signals."
            ))
        };
        if let Some(token) = self.token_before(execution) {
            return Err(deaf(&self.token(token)?.element));
        }
        let token = self.token_at(execution).ok_or_else(|| {
            failed(format!(
                "cannot signal execution {execution}: it has no current activity"
            ))
        })?;
        let node = self.node_of(token)?;
        // What it has called would be left behind.
        if node.activity_type == "callActivity" {
            return Err(deaf(&node.id));
        }
        self.set_variables(Some(token), variables);
        self.leave(token, node)
    }

    /// Raises an incident at the activity of an execution.
    pub(crate) fn create_incident(
        &mut self,
        execution: Id,
        kind: String,
        configuration: Option<String>,
        message: Option<String>,
    ) -> Result<(), Rejection> {
        let token = self.token_at(execution).or_else(|| self.token_before(execution));
        let token = token.ok_or_else(|| {
            Rejection::BadRequest("Execution must be related to an activity: activity is null".to_owned())
        })?;
        let element = self.token(token)?.element.clone();
        let id = self.new_id();
        let process = &self.inst.process;
        self.inst.incidents.insert(Incident {
            id,
            instance_id: Some(process.id),
            execution_id: Some(execution),
            definition_id: process.definition_id,
            kind: kind.clone(),
            element,
            message,
            configuration,
            job_kind: None,
            failed_element: None,
            annotation: None,
            created: self.env.now,
            cause_id: id,
            root_cause_id: id,
            tenant_id: process.tenant_id.clone(),
            recorded: self.recording.keeps(Kind::Incident),
        });
        self.raise_in_caller(&kind, id, id)
    }

    /// Sets or removes the note on an incident.
    pub(crate) fn annotate(&mut self, incident: Id, text: Option<String>) -> Result<(), Rejection> {
        let found = self.inst.incidents.update(incident, |row| row.annotation = text);
        found.ok_or(Rejection::NotFound {
            kind: "Incident",
            id: incident,
        })
    }
}
