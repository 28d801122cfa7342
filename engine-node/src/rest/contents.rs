//! Contents of large values for the variables an answer shows: read in one statement, for those alone.
use super::{call::Call, error};
use bpmn_core::{Id, instance::Instance, large::Content, value::TypedValue};
use rest_api::{
    ApiError, ApiResult,
    variable::{self, Style},
};
use std::{borrow::Cow, collections::HashMap};

/// Contents by the ids of their rows.
#[derive(Debug, Default)]
pub struct Contents(HashMap<Id, Content>);

impl Contents {
    /// Reads what showing these values in that style takes; mostly nothing.
    ///
    /// # Errors
    /// 503 if a value has been replaced, and its content deleted, since its variable was read.
    pub async fn of<'v>(
        call: &Call,
        shown: impl IntoIterator<Item = (&'v Instance, &'v TypedValue, Style)>,
    ) -> ApiResult<Contents> {
        let wanted = shown.into_iter().filter_map(|(instance, value, style)| {
            let id = variable::content_shown(value, style)?;
            Some((instance.process.root_id, id))
        });
        Contents::read(call, wanted.collect()).await
    }

    /// Reads the content of one value, whatever it is.
    pub async fn of_one(call: &Call, instance: &Instance, value: &TypedValue) -> ApiResult<Contents> {
        let wanted = value.large_id().map(|id| (instance.process.root_id, id));
        Contents::read(call, wanted.into_iter().collect()).await
    }

    /// The same of a value in the history of a tree.
    pub async fn of_root(call: &Call, root: Id, value: &TypedValue) -> ApiResult<Contents> {
        let wanted = value.large_id().map(|id| (root, id));
        Contents::read(call, wanted.into_iter().collect()).await
    }

    async fn read(call: &Call, mut wanted: Vec<(Id, Id)>) -> ApiResult<Contents> {
        if wanted.is_empty() {
            return Ok(Contents::default());
        }
        wanted.sort_unstable();
        wanted.dedup();
        let found = call.app.engine.store().large_values(&wanted).await;
        let found: HashMap<Id, Content> = found.map_err(error::store)?.into_iter().collect();
        if found.len() < wanted.len() {
            return Err(ApiError::unavailable("a variable was changed while it was read"));
        }
        Ok(Contents(found))
    }

    /// The whole value.
    pub fn whole<'v>(&self, value: &'v TypedValue) -> Cow<'v, TypedValue> {
        let TypedValue::Large(large) = value else {
            return Cow::Borrowed(value);
        };
        match large.id.and_then(|id| self.0.get(&id)) {
            Some(content) => Cow::Owned(large.whole(content.clone())),
            None => Cow::Borrowed(value),
        }
    }

    /// The whole value, its content not copied.
    pub fn into_whole(mut self, value: &TypedValue) -> TypedValue {
        match value {
            TypedValue::Large(large) => match large.id.and_then(|id| self.0.remove(&id)) {
                Some(content) => large.whole(content),
                None => value.clone(),
            },
            _ => value.clone(),
        }
    }
}
