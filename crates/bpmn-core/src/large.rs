//! Values too large for a variable's row. The content is a row of its own, shared by the variables and history rows
//! that refer to it; an instance is loaded without it, and a command that touches it fails with the ids to load.
use crate::value::TypedValue;
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, sync::Arc};
use topology::Id;

/// Texts and bytes longer than that, in bytes, are kept apart.
pub const LARGE: usize = 4096;

/// What a large value holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    Text(String),
    Bytes(Vec<u8>),
}

impl Content {
    /// Its bytes.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        match self {
            Content::Text(text) => text.len(),
            Content::Bytes(bytes) => bytes.len(),
        }
    }
}

/// A large value as a variable holds it: everything but the content. Equal ones have the same content, by a digest.
#[derive(Clone, Debug)]
pub struct Large {
    /// Its row; `None` until a variable has it.
    pub id: Option<Id>,
    /// The value with an empty content.
    shape: Box<TypedValue>,
    digest: i64,
    /// On its way from the client to the instance.
    content: Option<Arc<Content>>,
}

impl PartialEq for Large {
    fn eq(&self, other: &Large) -> bool {
        self.digest == other.digest && self.shape == other.shape
    }
}

impl Large {
    /// As a store has it: `shape` is the value with an empty content.
    pub fn stored(id: Id, shape: TypedValue, digest: i64) -> Large {
        Large {
            id: Some(id),
            shape: Box::new(shape),
            digest,
            content: None,
        }
    }
    /// The value with an empty content: its type and description.
    pub fn shape(&self) -> &TypedValue {
        &self.shape
    }
    /// The first eight bytes of the content's SHA-256.
    pub fn digest(&self) -> i64 {
        self.digest
    }
    /// The content, if it came with the value.
    pub fn content(&self) -> Option<&Arc<Content>> {
        self.content.as_ref()
    }
    /// The whole value.
    pub fn whole(&self, content: Content) -> TypedValue {
        let mut value = (*self.shape).clone();
        match (&mut value, content) {
            (TypedValue::String(t) | TypedValue::Json(t) | TypedValue::Xml(t), Content::Text(text)) => {
                *t = text
            }
            (TypedValue::Object { text, .. }, Content::Text(new)) => *text = Some(new),
            (TypedValue::Bytes(b) | TypedValue::File { content: b, .. }, Content::Bytes(bytes)) => *b = bytes,
            _ => {}
        }
        value
    }
}

fn digest(content: &Content) -> i64 {
    let hash = Sha256::digest(match content {
        Content::Text(text) => text.as_bytes(),
        Content::Bytes(bytes) => bytes,
    });
    let mut first = [0; 8];
    first.copy_from_slice(&hash[..8]);
    i64::from_be_bytes(first)
}

impl TypedValue {
    /// The value with its content apart if that is longer than [`LARGE`]; copies then share it.
    pub fn folded(mut self) -> TypedValue {
        let content = match &mut self {
            TypedValue::String(text)
            | TypedValue::Json(text)
            | TypedValue::Xml(text)
            | TypedValue::Object { text: Some(text), .. }
                if text.len() > LARGE =>
            {
                Content::Text(std::mem::take(text))
            }
            TypedValue::Bytes(bytes) | TypedValue::File { content: bytes, .. } if bytes.len() > LARGE => {
                Content::Bytes(std::mem::take(bytes))
            }
            _ => return self,
        };
        TypedValue::Large(Large {
            id: None,
            shape: Box::new(self),
            digest: digest(&content),
            content: Some(Arc::new(content)),
        })
    }
}

/// The contents of an instance's large values that are at hand, and what its next write does to their rows.
#[derive(Clone, Debug, Default)]
pub struct LargeValues {
    new: BTreeMap<Id, Arc<Content>>,
    lent: BTreeMap<Id, Arc<Content>>,
    gone: Vec<Id>,
}

impl LargeValues {
    /// A content, if it is at hand.
    pub fn content(&self, id: Id) -> Option<&Arc<Content>> {
        self.new.get(&id).or_else(|| self.lent.get(&id))
    }
    /// Adds the content of a stored row, for the commands until the next write.
    pub fn lend(&mut self, id: Id, content: Arc<Content>) {
        self.lent.insert(id, content);
    }
    /// Rows to insert with the next write.
    pub fn new_rows(&self) -> impl Iterator<Item = (Id, &Content)> {
        self.new.iter().map(|(id, content)| (*id, &**content))
    }
    /// Stored rows to delete with the next write.
    pub fn gone(&self) -> impl Iterator<Item = Id> + '_ {
        self.gone.iter().copied()
    }
    pub(crate) fn insert(&mut self, id: Id, content: Arc<Content>) {
        self.new.insert(id, content);
    }
    pub(crate) fn remove(&mut self, id: Id) {
        if self.new.remove(&id).is_none() {
            self.gone.push(id);
        }
    }
    /// The write is committed: nothing stays in memory.
    pub(crate) fn committed(&mut self) {
        *self = LargeValues::default();
    }
}

impl Large {
    /// Takes its content along, to where its row isn't known.
    pub(crate) fn bring(&mut self, content: Arc<Content>) {
        self.id = None;
        self.content = Some(content);
    }
    /// The content, if it came with the value; the variable keeps none.
    pub(crate) fn take_content(&mut self) -> Option<Arc<Content>> {
        self.content.take()
    }
}
