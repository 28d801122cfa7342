//! What waits for events in a scope: no two start events, or events of one scope, for the same.
use super::{
    Check, Checks, after_problem,
    scope::{Ix, Subscription},
    text,
};
use roxmltree::Node as Xml;

impl<'x> Checks<'_, 'x> {
    /// Lets an activity wait in a scope; `at` is where a clash is noted.
    pub fn subscribe(
        &mut self,
        scope: Ix,
        activity: Ix,
        kind: &'static str,
        name: Option<&str>,
        is_start: bool,
        at: Xml<'x, 'x>,
    ) -> Check<'x> {
        let id = self.at(activity).id.clone();
        let ids = &[id.as_deref()];
        if kind == "message" && name.is_none_or(|name| name.trim().is_empty()) {
            self.error_in(
                "Cannot have a message event subscription with an empty or missing name",
                at,
                ids,
            );
        }
        let known = &self.at(scope).subscriptions;
        let of_kind = || known.iter().filter(|s| s.kind == kind);
        if of_kind().any(|s| s.name.is_none()) {
            return Err(after_problem());
        }
        let twice = of_kind().any(|s| s.name.as_deref() == name && s.is_start == is_start);
        if twice && (kind != "conditional" || is_start) {
            let name = text(name);
            let message = match kind {
                "conditional" => format!(
                    "Cannot have more than one conditional event subscription with the same condition '{name}'"
                ),
                _ => format!(
                    "Cannot have more than one {kind} event subscription with name '{name}' for scope '{}'",
                    text(self.at(scope).id.clone().as_deref())
                ),
            };
            self.error_in(message, at, ids);
        }
        let subscriptions = &mut self.at(scope).subscriptions;
        subscriptions.retain(|s| s.activity != id);
        subscriptions.push(Subscription {
            kind,
            name: name.map(str::to_owned),
            is_start,
            activity: id,
        });
        Ok(())
    }
}
