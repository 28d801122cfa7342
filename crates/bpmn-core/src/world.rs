//! What a step may look up outside its instance: a snapshot that doesn't change while it runs. Looking up takes no
//! time; what does is asked for ([`crate::ask`]).
use crate::{
    Id,
    definition::DefinitionRef,
    instance::Instance,
    value::{TypedValue, Variables},
};

/// The snapshot. Whatever a shell has not got it leaves to the defaults, which have nothing.
pub trait World {
    /// The definition of a row id.
    fn definition(&self, _id: Id) -> Option<DefinitionRef<'_>> {
        None
    }

    /// Another instance of the commanded one's tree, as it is before the step; `None`: not at hand.
    fn instance(&self, _id: Id) -> Option<Instance> {
        None
    }

    /// The process definition that a call activity calls.
    ///
    /// # Errors
    /// The reference's text, if there is none.
    fn called(&self, call: &Call<'_>) -> Result<DefinitionRef<'_>, String> {
        Err(call.missing())
    }

    /// Evaluates a decision.
    ///
    /// # Errors
    /// The reference's text, if there is no such decision or evaluating it fails.
    fn decide(&self, call: &Call<'_>, _variables: &Variables) -> Result<Decided, String> {
        Err(format!("decisions can't be evaluated here: '{}'", call.key))
    }

    /// The topic of the external task that stands for Java code; `None`: nobody has said one.
    fn java_topic(&self, _code: JavaCode<'_>) -> Option<String> {
        None
    }

    /// Whether a BPMN error that nothing catches fails the step instead of ending its execution
    /// (`enableExceptionsAfterUnhandledBpmnError`).
    fn unhandled_errors_fail(&self) -> bool {
        false
    }
}

/// A world with nothing in it.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoWorld;

impl World for NoWorld {}

/// Which definition is meant by a call activity or a business rule task.
#[derive(Clone, Debug, PartialEq)]
pub struct Call<'a> {
    /// The key of the process or decision.
    pub key: &'a str,
    pub binding: Binding<'a>,
    /// Tenant it is looked for in; `None`: those without tenant.
    pub tenant: Option<&'a str>,
    /// Row id of the definition that calls.
    pub caller: Id,
}

/// Which of the versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding<'a> {
    Latest,
    /// That of the caller's deployment.
    Deployment,
    Version(i32),
    VersionTag(&'a str),
}

impl Call<'_> {
    /// What the reference says when there is no such process definition; shells that know more words say them.
    pub fn missing(&self) -> String {
        format!("no processes deployed with key '{}'", self.key)
    }
}

/// What evaluating a decision gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decided {
    /// A map of output names and values for each matching rule.
    pub results: Vec<Vec<(String, TypedValue)>>,
    /// What history is to keep of it, in the shell's own format; it is handed back unread.
    pub record: Option<String>,
}

/// Java code that a model names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JavaCode<'a> {
    /// `camunda:class`, by its full name.
    Class(&'a str),
    /// `camunda:delegateExpression`, as written.
    Delegate(&'a str),
    /// An expression that calls a bean: the bean's name.
    Bean(&'a str),
}
