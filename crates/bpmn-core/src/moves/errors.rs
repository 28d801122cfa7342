//! BPMN errors: from the activity that throws out through its scopes to the boundary event that catches.
use crate::{
    command::Rejection,
    ctx::{Ctx, Ended},
    definition::NodeIx,
    value::TypedValue,
};
use topology::Id;

impl Ctx<'_, '_> {
    /// Throws a BPMN error at a token's activity. Nobody catching it ends the token as a none end event would.
    pub(crate) fn throw_error(
        &mut self,
        token: Id,
        code: &str,
        message: Option<&str>,
    ) -> Result<(), Rejection> {
        let mut at = Some(token);
        while let Some(host) = at {
            if let Some(event) = self.catcher(host, code)? {
                return self.catch_error(host, event, code, message);
            }
            at = self.token(host)?.parent_id;
        }
        let node = self.node_of(token)?;
        self.end_activity(
            token,
            node,
            Ended {
                canceled: false,
                complete_scope: true,
            },
        )?;
        self.end_token(token)
    }

    /// The boundary event of a token's activity that catches the code; one that names it before one that takes all.
    fn catcher(&self, host: Id, code: &str) -> Result<Option<NodeIx>, Rejection> {
        let node = self.node_of(host)?;
        let find = |wanted: Option<&str>| {
            node.boundary.iter().copied().find(|&ix| {
                let catch = self.node(ix).behavior.error_catch();
                catch.is_some_and(|c| c.code.as_deref() == wanted)
            })
        };
        Ok(find(Some(code)).or_else(|| find(None)))
    }

    fn catch_error(
        &mut self,
        host: Id,
        event: NodeIx,
        code: &str,
        message: Option<&str>,
    ) -> Result<(), Rejection> {
        self.interrupt(host)?;
        let around = self.token(host)?.parent_id;
        if let Some(catch) = self.node(event).behavior.error_catch() {
            if let Some(name) = &catch.code_variable {
                self.set_variable(around, None, name, TypedValue::String(code.to_owned()));
            }
            if let Some(name) = &catch.message_variable {
                let text = message.map_or(TypedValue::Null, |m| TypedValue::String(m.to_owned()));
                self.set_variable(around, None, name, text);
            }
        }
        self.send(host, event);
        Ok(())
    }
}
