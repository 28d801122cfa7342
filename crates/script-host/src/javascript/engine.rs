//! One engine for one script: QuickJS with the prelude loaded.
use crate::protocol::{Answer, Call, Effect, Outcome};
use rquickjs::{Context, Ctx, Function, Object, Runtime, Value, context::EvalOptions};
use serde::de::DeserializeOwned;
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::{Duration, Instant},
};

/// Reads the prelude as one function, so that none of its names are seen by scripts.
const PRELUDE: &str = concat!(
    "(function (isInt, printed, sleep, parse, stringify) { 'use strict';\n",
    include_str!("prelude/values.js"),
    include_str!("prelude/json.js"),
    include_str!("prelude/xml.js"),
    include_str!("prelude/java.js"),
    include_str!("prelude/scope.js"),
    "})"
);

/// How deep scripts may recurse, in bytes of stack.
const STACK: usize = 2 << 20;
/// Lines that a script may print; the rest is dropped.
const MOST_LINES: usize = 1000;
/// The longest of them, in bytes.
const LONGEST_LINE: usize = 16 << 10;

/// Ready for one script.
pub(super) struct Engine {
    context: Context,
    deadline: Rc<Cell<Option<Instant>>>,
    printed: Rc<RefCell<Vec<String>>>,
    // Dropped after its context.
    _runtime: Runtime,
}

/// The prelude's object in the global scope, while it is ours.
const HANDLE: &str = "__prelude";

impl Engine {
    pub fn new(memory: usize) -> Result<Engine, String> {
        let told = |error: rquickjs::Error| format!("no JavaScript engine: {error}");
        let runtime = Runtime::new().map_err(told)?;
        runtime.set_memory_limit(memory);
        runtime.set_max_stack_size(STACK);
        let deadline = Rc::new(Cell::new(None::<Instant>));
        let clock = deadline.clone();
        let overdue = move || clock.get().is_some_and(|at| Instant::now() > at);
        runtime.set_interrupt_handler(Some(Box::new(overdue)));
        let context = Context::full(&runtime).map_err(told)?;
        let printed = Rc::new(RefCell::new(Vec::new()));
        let lines = printed.clone();
        let clock = deadline.clone();
        context
            .with(|ctx| -> rquickjs::Result<()> {
                let prelude: Function<'_> = ctx.eval(PRELUDE)?;
                let is_int = Function::new(ctx.clone(), |value: Value<'_>| value.is_int())?;
                let print = Function::new(ctx.clone(), move |line: String| {
                    let mut lines = lines.borrow_mut();
                    if lines.len() < MOST_LINES {
                        lines.push(shortened(line));
                    }
                })?;
                let sleep = Function::new(ctx.clone(), move |ms: f64| {
                    let left = clock
                        .get()
                        .map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()));
                    let wanted = Duration::try_from_secs_f64(ms / 1000.0).unwrap_or_default();
                    std::thread::sleep(wanted.min(left));
                })?;
                let json: Object<'_> = ctx.globals().get("JSON")?;
                let (parse, stringify): (Function<'_>, Function<'_>) =
                    (json.get("parse")?, json.get("stringify")?);
                let made: Object<'_> = prelude.call((is_int, print, sleep, parse, stringify))?;
                ctx.globals().set(HANDLE, made)
            })
            .map_err(told)?;
        Ok(Engine {
            context,
            deadline,
            printed,
            _runtime: runtime,
        })
    }

    /// Runs a script, until it ends or the deadline has come.
    pub fn run(self, call: &Call, deadline: Instant) -> Answer {
        self.deadline.set(Some(deadline));
        let ran = self.context.with(|ctx| run(&ctx, call));
        let failure = |message: String| (Outcome::Failed { message }, Vec::new());
        let (outcome, effects) = match ran {
            Ok((Outcome::Failed { .. }, _)) | Err(_) if Instant::now() > deadline => failure(format!(
                "the script ran longer than {} ms and was stopped",
                call.time_ms
            )),
            Ok(ended) => ended,
            Err(error) => failure(format!("org.graalvm.polyglot.PolyglotException: {error}")),
        };
        Answer {
            id: call.id,
            printed: self.printed.take(),
            effects,
            outcome,
        }
    }
}

fn run(ctx: &Ctx<'_>, call: &Call) -> rquickjs::Result<(Outcome, Vec<Effect>)> {
    let globals = ctx.globals();
    let prelude: Object<'_> = globals.get(HANDLE)?;
    globals.remove(HANDLE)?;
    let (start, to_wire, failure): (Function<'_>, Function<'_>, Function<'_>) = (
        prelude.get("start")?,
        prelude.get("toWire")?,
        prelude.get("failure")?,
    );
    let text = serde_json::to_string(call).map_err(|_| rquickjs::Error::Unknown)?;
    let effects: Function<'_> = start.call((ctx.json_parse(text)?,))?;
    let mut options = EvalOptions::default();
    options.strict = false;
    options.filename = Some("<eval>".to_owned());
    let ended = ctx
        .eval_with_options::<Value<'_>, _>(super::source::adapted(&call.source).as_bytes(), options)
        .and_then(|value| to_wire.call::<_, Value<'_>>((value,)))
        .and_then(|value| {
            Ok((
                Outcome::Value {
                    value: read(ctx, value)?,
                },
                effects.call::<_, Value<'_>>(())?,
            ))
        });
    match ended {
        Ok((outcome, effects)) => Ok((outcome, read(ctx, effects)?)),
        Err(rquickjs::Error::Exception) => {
            let thrown = ctx.catch();
            let outcome: Outcome = read(ctx, failure.call((thrown,))?)?;
            let effects = match &outcome {
                Outcome::BpmnError { .. } => read(ctx, effects.call(())?)?,
                _ => Vec::new(),
            };
            Ok((outcome, effects))
        }
        Err(other) => Err(other),
    }
}

/// A value of the prelude's, as the protocol has it.
fn read<'js, T: DeserializeOwned>(ctx: &Ctx<'js>, value: Value<'js>) -> rquickjs::Result<T> {
    let text = match ctx.json_stringify(value)? {
        Some(text) => text.to_string()?,
        None => "null".to_owned(),
    };
    serde_json::from_str(&text).map_err(|_| rquickjs::Error::Unknown)
}

fn shortened(mut line: String) -> String {
    if line.len() > LONGEST_LINE {
        let end = (0..=LONGEST_LINE).rev().find(|at| line.is_char_boundary(*at));
        line.truncate(end.unwrap_or(0));
    }
    line
}
