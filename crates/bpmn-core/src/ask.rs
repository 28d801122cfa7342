//! What takes its time and runs outside a step: scripts and connectors. A step is deterministic: asked for the n-th
//! time it is given the n-th answer, and without one it is refused with what it asks. Its caller has that done, with
//! no transaction open and no lock held, and steps again with the answer.
use crate::{
    Id, Millis,
    command::Rejection,
    ctx::Ctx,
    value::{TypedValue, Variables},
};

/// Something to be done outside. Equal ones have the same answer within a command.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    Script(Script),
    Connector(Connector),
}

/// A script to be run.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// As the model writes it: `javascript`, `groovy`, …
    pub language: String,
    pub source: String,
    /// The variables it sees, whole (no [`TypedValue::Large`]).
    pub bindings: Variables,
    pub facts: Facts,
}

/// A connector to be called.
#[derive(Clone, Debug, PartialEq)]
pub struct Connector {
    pub id: String,
    pub inputs: Variables,
    pub facts: Facts,
}

/// Where in a process something is asked: what `execution` and `task` tell a script.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    pub execution_id: Id,
    pub instance_id: Id,
    /// REST's `key:version:uuid`.
    pub definition_id: String,
    pub business_key: Option<String>,
    pub tenant_id: Option<String>,
    pub element: String,
    pub element_name: Option<String>,
    /// `ELEMENT:UUID`.
    pub activity_instance_id: Option<String>,
    /// What happens, for listeners: `start`, `end`, `take`, `create`, …
    pub event: Option<String>,
    /// The user task it is about.
    pub task: Option<TaskFacts>,
    /// The authenticated user.
    pub user: Option<String>,
}

/// The fields of a user task.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskFacts {
    pub id: Id,
    pub name: Option<String>,
    pub description: Option<String>,
    pub assignee: Option<String>,
    pub owner: Option<String>,
    pub priority: i32,
    pub created: Millis,
    pub due: Option<Millis>,
    pub follow_up: Option<Millis>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// What a script did, or why it failed.
    Script(Result<Ran, String>),
    /// A connector's outputs, or why it failed.
    Connector(Result<Variables, String>),
}

/// What a script did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ran {
    pub value: Option<TypedValue>,
    /// In the order they were made.
    pub effects: Vec<Effect>,
    /// The BPMN error it has thrown; its effects count all the same.
    pub error: Option<BpmnError>,
}

/// A BPMN error: code and message.
#[derive(Clone, Debug, PartialEq)]
pub struct BpmnError {
    pub code: String,
    pub message: Option<String>,
}

/// A change that a script makes.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    SetVariable {
        name: String,
        value: TypedValue,
        local: bool,
    },
    RemoveVariable {
        name: String,
        local: bool,
    },
    /// A setter of `task`, by the field's name in REST; `Null` clears it.
    SetTask {
        field: String,
        value: TypedValue,
    },
}

/// An answer to what a step asks, and when it came: from then on that is the step's time.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    pub ask: Ask,
    pub reply: Reply,
    pub at: Millis,
}

impl Ctx<'_, '_> {
    /// The answer to the step's next question.
    ///
    /// # Errors
    /// [`Rejection::Asks`], if it isn't known yet.
    #[allow(dead_code)] // Nothing asks yet.
    pub(crate) fn ask(&mut self, ask: Ask) -> Result<Reply, Rejection> {
        let nth = self.asked;
        match self.env.given.get(nth).filter(|given| given.ask == ask) {
            Some(given) => {
                self.asked += 1;
                self.env.now = self.env.now.max(given.at);
                Ok(given.reply.clone())
            }
            None => Err(Rejection::Asks(nth, Box::new(ask))),
        }
    }
}
