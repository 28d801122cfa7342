//! Running listeners, and what expressions see of where they are.
use crate::{
    command::Rejection,
    ctx::Ctx,
    definition::{FlowIx, Node},
    java_code,
    listener::{Listener, TaskEvent},
};
use topology::Id;

/// What is being evaluated, where `execution` shows that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scene {
    /// A start listener of an element or the process.
    Start,
    /// An end listener of an element.
    End,
    /// An end listener of the process.
    ProcessEnd,
    /// A listener of a sequence flow.
    Take(FlowIx),
    /// A listener of a user task.
    Task(TaskEvent),
    /// Around the activity of a token, which is only about to begin: `execution` is the one that the activity's own
    /// gets as its parent.
    Outside(Id),
}

/// What to do, for messages of a listener's class.
const LISTENER_ADVICE: &str = "Java listeners can't be run here, use an expression or a script; --strict-deploy refuses such \
                               models at deployment";

impl Scene {
    /// The reference's word for the event that a listener is told.
    pub(crate) fn event(self) -> Option<&'static str> {
        match self {
            Scene::Start => Some("start"),
            Scene::End | Scene::ProcessEnd => Some("end"),
            Scene::Take(_) => Some("take"),
            Scene::Task(_) | Scene::Outside(_) => None,
        }
    }
}

impl<'a> Ctx<'a, '_> {
    /// Runs listeners one after the other; `None` stands for the process instance.
    ///
    /// # Errors
    /// That of the first that fails: the others don't run.
    pub(crate) fn notify(
        &mut self,
        listeners: &'a [Listener],
        scene: Scene,
        token: Option<Id>,
    ) -> Result<(), Rejection> {
        if listeners.is_empty() || self.skip_listeners {
            return Ok(());
        }
        self.in_scene(scene, |ctx| {
            listeners
                .iter()
                .try_for_each(|listener| ctx.run_listener(listener, token))
        })
    }

    /// Evaluates with a scene.
    pub(crate) fn in_scene<T>(&mut self, scene: Scene, run: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.scene.replace(scene);
        let result = run(self);
        self.scene = before;
        result
    }

    fn run_listener(&mut self, listener: &Listener, token: Option<Id>) -> Result<(), Rejection> {
        match listener {
            Listener::Expression(expression) => self.eval(expression, token).map(drop),
            Listener::Script(script) => {
                self.run_script(script, token, None)?.value(self, token)?;
                Ok(())
            }
            Listener::Class(class) => Err(self.missing_class(token, class)),
            Listener::Delegate(expression, field) => {
                let found = self.eval(expression, token)?;
                if let Some(field) = field {
                    return Err(self.failure_at(token, java_code::no_field(field, &found)));
                }
                let message = format!(
                    "ENGINE-02033 Delegate Expression '{}' did neither resolve to an implementation of 'interface \
                     org.camunda.bpm.engine.delegate.ExecutionListener' nor 'interface \
                     org.camunda.bpm.engine.delegate.JavaDelegate'.",
                    expression.text()
                );
                Err(self.failure_at(token, message))
            }
        }
    }

    /// A failure at the element a token stands on.
    pub(crate) fn failure_at(&self, token: Option<Id>, message: String) -> Rejection {
        let element = token
            .and_then(|id| self.inst.tokens.get(id))
            .map(|t| t.element.clone());
        Rejection::Failure { message, element }
    }

    /// Why a listener's class doesn't run. A listener can't become an external task, for it must run within the step.
    pub(crate) fn missing_class(&self, token: Option<Id>, class: &str) -> Rejection {
        let message = format!(
            "ENGINE-09008 Exception while instantiating class '{class}': ENGINE-09017 Cannot load class '{class}': \
             {class}; {LISTENER_ADVICE}"
        );
        self.failure_at(token, message)
    }
}

impl Rejection {
    /// Nothing instead of a failure of the process; other rejections stay.
    pub(crate) fn unless_failure<T>(self) -> Result<Option<T>, Rejection> {
        match self {
            Rejection::Failure { .. } => Ok(None),
            other => Err(other),
        }
    }

    /// The same, at an element.
    pub(crate) fn at(self, node: &Node) -> Rejection {
        match self {
            Rejection::Failure { message, .. } => Rejection::Failure {
                message,
                element: Some(node.id.clone()),
            },
            other => other,
        }
    }
}
