//! What a step may look up outside its instance: a snapshot that doesn't change while it runs. Looking up takes no
//! time; what does is asked for ([`crate::ask`]).
use crate::{
    Id, Millis,
    ask::{self, Facts, Script},
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
        Err(call.missing("processes deployed", "processDefinition", None))
    }

    /// REST's id of the deployment that a definition is of.
    fn deployment_of(&self, _definition: Id) -> Option<String> {
        None
    }

    /// Evaluates a decision with variables, none of them [`TypedValue::Large`]; `answers` are what its scripts gave, in the
    /// order in which they are asked for.
    ///
    /// # Errors
    /// There is no such decision, evaluating it fails, or it needs another script run.
    fn decide(
        &self,
        call: &Call<'_>,
        _variables: &Variables,
        _at: Moment,
        _answers: &[Scripted],
    ) -> Result<Decided, Undecided> {
        let key = call.key_text();
        Err(Undecided::Failed(format!(
            "decisions can't be evaluated here: '{key}'"
        )))
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
    /// The key of the process, case or decision; `None`: an expression gave null.
    pub key: Option<&'a str>,
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
    /// Null: any.
    Version(Option<i32>),
    /// Null: none.
    VersionTag(Option<&'a str>),
}

impl Call<'_> {
    /// The key as the reference writes it.
    pub fn key_text(&self) -> &str {
        self.key.unwrap_or("null")
    }

    /// What the reference says when there is no such definition. `what` is for instance `processes deployed`, `variable`
    /// `processDefinition`, `deployment` that of the caller.
    pub fn missing(&self, what: &str, variable: &str, deployment: Option<&str>) -> String {
        let (key, tenant) = (self.key_text(), self.tenant.unwrap_or("null"));
        let of_version = |name: &str, version: Option<&str>| {
            let version = version.unwrap_or("null");
            format!("key = '{key}', {name} = '{version}' and tenant-id = '{tenant}'")
        };
        let which = match self.binding {
            Binding::Latest => format!("key '{key}' and tenant-id '{tenant}'"),
            Binding::Deployment => {
                let deployment = deployment.unwrap_or("null");
                format!("key = '{key}' in deployment = '{deployment}'")
            }
            Binding::Version(version) => {
                let version = version.map(|number| number.to_string());
                of_version("version", version.as_deref())
            }
            Binding::VersionTag(tag) => of_version("versionTag", tag),
        };
        format!("no {what} with {which}: {variable} is null")
    }
}

/// What a decision's script gave, or why it failed.
pub type Scripted = Result<TypedValue, String>;

/// Why a decision has no result (yet).
#[derive(Clone, Debug, PartialEq)]
pub enum Undecided {
    /// The reference's text.
    Failed(String),
    /// This script's answer is needed.
    Asks(DecisionScript),
}

impl From<String> for Undecided {
    fn from(message: String) -> Undecided {
        Undecided::Failed(message)
    }
}

/// A cell of a decision in a scripting language.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionScript {
    /// As the model writes it.
    pub language: String,
    pub source: String,
    /// What it sees.
    pub variables: Variables,
}

impl DecisionScript {
    /// The script as it is asked for outside; it changes nothing, and sees nothing but its variables.
    pub fn asked(self, facts: Facts) -> Script {
        let binding = |(name, value)| ask::Binding {
            name,
            value: Some(value),
            local: true,
        };
        Script {
            language: self.language,
            source: ask::Source::Text(self.source),
            bindings: self.variables.into_iter().map(binding).collect(),
            connector: false,
            execution: Variables::new(),
            task: None,
            facts,
        }
    }
}

/// When a decision is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub now: Millis,
    /// Where its random numbers come from.
    pub seed: u64,
}

/// Entries of a decision's result by output name, in the order of the outputs.
pub type Entries = Vec<(Option<String>, TypedValue)>;

/// What evaluating a decision gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decided {
    /// The entries of each matching rule.
    pub results: Vec<Entries>,
    /// The results as the reference writes them in messages.
    pub text: String,
    /// What was evaluated, for history: the decision itself, then those that it required.
    pub evaluated: Vec<Evaluated>,
}

/// A decision that was evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluated {
    /// Row id of its definition.
    pub decision: Id,
    /// The value of an aggregation.
    pub collected: Option<f64>,
    pub inputs: Vec<EvaluatedInput>,
    pub outputs: Vec<EvaluatedOutput>,
}

/// The value of an input.
#[derive(Clone, Debug, PartialEq)]
pub struct EvaluatedInput {
    pub clause_id: String,
    pub clause_name: Option<String>,
    pub value: TypedValue,
}

/// The value of an output of a rule, or of a literal expression.
#[derive(Clone, Debug, PartialEq)]
pub struct EvaluatedOutput {
    pub clause_id: Option<String>,
    pub clause_name: Option<String>,
    /// The rule, and its place among those that matched, from 1.
    pub rule: Option<(String, i32)>,
    pub name: Option<String>,
    pub value: TypedValue,
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
