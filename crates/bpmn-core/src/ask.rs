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
    pub source: Source,
    /// The variables it sees.
    pub bindings: Vec<Binding>,
    /// It is of a connector's outputs: it sees `connector` instead of `execution`.
    pub connector: bool,
    /// What the getters of `execution` give: `processInstanceId`, `currentActivityId`, …
    pub execution: Variables,
    /// What the getters of `task` give; with it there is `task` instead of `execution`.
    pub task: Option<Variables>,
    pub facts: Facts,
}

/// Where a script's text is.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    Text(String),
    /// A resource of the definition's deployment, or of the class path.
    Resource(String),
}

/// A variable that a script sees.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    pub name: String,
    /// Whole (no [`TypedValue::Large`]). `None`: it is large and the script doesn't seem to use it.
    pub value: Option<TypedValue>,
    /// It is of the innermost scope.
    pub local: bool,
}

/// A connector to be called.
#[derive(Clone, Debug, PartialEq)]
pub struct Connector {
    pub id: String,
    pub inputs: Variables,
    pub facts: Facts,
}

/// Where in a process something is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    pub instance_id: Id,
    /// REST's `key:version:uuid`.
    pub definition_id: String,
    /// Row id of the definition.
    pub definition: Id,
    pub element: String,
    pub tenant_id: Option<String>,
    /// The authenticated user.
    pub user: Option<String>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// What a script did, or why it failed, in the reference's words.
    Script(Result<Ran, String>),
    /// A connector's outputs, or why it failed.
    Connector(Result<Variables, String>),
}

impl Reply {
    /// What a script of which only the value counts has given.
    ///
    /// # Errors
    /// Why it failed.
    pub fn value(self) -> Result<TypedValue, String> {
        match self {
            Reply::Script(ran) => ran.map(|ran| ran.value.unwrap_or(TypedValue::Null)),
            Reply::Connector(_) => Err("a connector answered for a script".to_owned()),
        }
    }
}

/// What a script did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ran {
    pub value: Option<TypedValue>,
    /// In the order they were made.
    pub effects: Vec<Effect>,
    /// The BPMN error it has thrown; its effects count all the same.
    pub error: Option<BpmnError>,
    /// It touched this variable, whose value it wasn't given: it is to be run again with it.
    pub needs: Option<String>,
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
    /// The business key of the process instance.
    SetBusinessKey(Option<String>),
    /// A setter of `task`: `assignee`, `dueDate`, …, of which `Null` clears the field, or `addCandidateUser`,
    /// `deleteCandidateGroup` and the like.
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
