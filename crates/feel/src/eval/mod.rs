//! Evaluates syntax trees as the reference's interpreter does: what can't be computed is mostly null, a few things are
//! failures.
mod arithmetic;
mod call;
mod list;
mod logic;
mod scope;

use crate::syntax::{Comparison, Exp, Node, RangeExp};
use crate::value::{Boundary, Closure, Entries, Range, Val};
use crate::{Host, Value};
pub(crate) use scope::Scope;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// A Java exception in the reference: it ends the evaluation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Thrown(pub String);

pub(crate) type Evaluated = Result<Val, Thrown>;

/// Most nodes that one evaluation may visit.
const MAX_STEPS: u64 = 10_000_000;
/// The deepest nesting of what is evaluated.
const MAX_DEPTH: u32 = 250;

/// Names the variable that a unary test's input is in.
pub(crate) const INPUT_VARIABLE: &str = "inputVariableName";
/// The name of a unary test's input where none is given.
pub(crate) const DEFAULT_INPUT: &str = "cellInput";

/// One evaluation.
pub(crate) struct Interpreter<'h> {
    pub host: &'h dyn Host,
    /// The message of the first assertion that wasn't met: it fails the whole evaluation.
    pub assertion: RefCell<Option<String>>,
    steps: Cell<u64>,
    depth: Cell<u32>,
}

impl<'h> Interpreter<'h> {
    pub fn new(host: &'h dyn Host) -> Interpreter<'h> {
        Interpreter {
            host,
            assertion: RefCell::new(None),
            steps: Cell::new(0),
            depth: Cell::new(0),
        }
    }

    fn variable(&self, name: &str, scope: &Scope) -> Result<Option<Val>, Thrown> {
        if let Some(value) = scope.variable(name) {
            return Ok(Some(value));
        }
        match self.host.variable(name) {
            Some(Value::Unreadable(message)) => Err(Thrown(message)),
            value => Ok(value.map(Val::from)),
        }
    }

    /// Counts what is done, so that no expression runs for ever.
    pub(crate) fn spend(&self, steps: usize) -> Result<(), Thrown> {
        self.steps.set(self.steps.get() + steps as u64);
        if self.steps.get() > MAX_STEPS {
            return Err(Thrown("the evaluation takes too many steps".to_owned()));
        }
        Ok(())
    }

    pub fn eval(&self, exp: &Exp, scope: &Scope) -> Evaluated {
        self.spend(1)?;
        if self.depth.get() >= MAX_DEPTH {
            return Err(Thrown("java.lang.StackOverflowError".to_owned()));
        }
        self.depth.set(self.depth.get() + 1);
        let result = self.evaluated(exp, scope);
        self.depth.set(self.depth.get() - 1);
        result
    }

    fn evaluated(&self, exp: &Exp, scope: &Scope) -> Evaluated {
        Ok(match exp {
            Exp::Null => Val::Null,
            Exp::InputValue => self.variable("?", scope)?.unwrap_or_else(|| {
                Val::Fatal(
                    "No input value available. '?' can only be used inside an unary-test expression."
                        .to_owned(),
                )
            }),
            Exp::Boolean(value) => Val::Boolean(*value),
            Exp::Number(value) => Val::Number(value.clone()),
            Exp::String(value) => Val::text(value),
            Exp::Temporal(value) => value.clone().into(),
            Exp::List(items) => self.items(items, scope)?,
            Exp::Context(entries) => self.context(entries, scope)?,
            Exp::Range(range) => self.range(range, scope)?,
            Exp::Ref(names) => self.reference(names, scope)?,
            Exp::Path(value, key) => match self.eval(value, scope)? {
                error if error.is_error() => error,
                value => path(&value, key),
            },
            Exp::Filter(list, filter) => self.filtered(list, filter, scope)?,
            Exp::Arithmetic(operator, a, b) => {
                arithmetic::operate(*operator, self.eval(a, scope)?, self.eval(b, scope)?)?.or_null()
            }
            Exp::Negation(value) => arithmetic::negate(self.eval(value, scope)?).or_null(),
            Exp::Equal(a, b) => equality(self.eval(a, scope)?, self.eval(b, scope)?),
            Exp::Compare(comparison, a, b) => {
                compare(*comparison, self.eval(a, scope)?, self.eval(b, scope)?)?
            }
            Exp::Not(value) => match self.eval(value, scope)? {
                Val::Boolean(truth) => Val::Boolean(!truth),
                fatal @ Val::Fatal(_) => fatal,
                _ => Val::Null,
            },
            Exp::Or(a, b) => self.any_of(&[a.clone(), b.clone()], scope)?,
            Exp::And(a, b) => self.both(a, b, scope)?,
            Exp::AtLeastOne(tests) => self.any_of(tests, scope)?,
            Exp::In(value, test) => match self.eval(value, scope)? {
                error if error.is_error() => error,
                value => self.eval(test, &scope.with_entry(&self.input_name(scope)?, value))?,
            },
            Exp::InstanceOf(value, name) => match self.eval(value, scope)? {
                error if error.is_error() => error,
                value => Val::Boolean(is_instance(&value, name)),
            },
            Exp::If(condition, met, otherwise) => self.conditional(condition, met, otherwise, scope)?,
            Exp::For(iterators, body) => self.loop_over(iterators, body, scope)?.or_null(),
            Exp::Some(iterators, condition) => self.some(iterators, condition, scope)?.or_null(),
            Exp::Every(iterators, condition) => self.every(iterators, condition, scope)?.or_null(),
            Exp::Iteration(start, end) => self.iteration(start, end, scope)?,
            Exp::Call(name, params) => self.call(name, params, scope)?.or_null(),
            Exp::CallOf(path, name, params) => self.call_of(path, name, params, scope)?,
            Exp::Function(params, body) => Val::Function(Rc::new(Closure {
                params: params.clone(),
                body: body.clone(),
                scope: scope.clone(),
            })),
            Exp::ExternalFunction => Val::Error("External functions are disabled.".to_owned()),
            Exp::InputEqual(value) => equality(self.input(scope)?, self.eval(value, scope)?),
            Exp::InputCompare(comparison, value) => {
                compare(*comparison, self.input(scope)?, self.eval(value, scope)?)?
            }
            Exp::InputInRange(range) => self.in_range(range, scope)?,
            Exp::UnaryTest(inner) => self.unary_test(inner, scope)?,
        })
    }

    /// A list of values; an error in one is the list's.
    fn items(&self, items: &[Node], scope: &Scope) -> Evaluated {
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            match self.eval(item, scope)? {
                error @ Val::Error(_) => return Ok(error),
                fatal @ Val::Fatal(_) => return Ok(Val::Error(fatal.to_string())),
                value => values.push(value),
            }
        }
        Ok(Val::list(values))
    }

    /// A context; each entry sees those before it.
    fn context(&self, entries: &[(String, Node)], scope: &Scope) -> Evaluated {
        let mut result = Entries {
            list: Vec::new(),
            literal: true,
        };
        for (key, value) in entries {
            let seen = scope.with_context(Rc::new(result.clone()));
            match self.eval(value, &seen)? {
                error @ Val::Error(_) => return Ok(error),
                fatal @ Val::Fatal(_) => return Ok(Val::Error(fatal.to_string())),
                value => result.put(key.clone(), value),
            }
        }
        Ok(Val::Context(Rc::new(result)))
    }

    fn range(&self, range: &RangeExp, scope: &Scope) -> Evaluated {
        let (start, end) = (self.eval(&range.start.0, scope)?, self.eval(&range.end.0, scope)?);
        if let Some(error) = [&start, &end].into_iter().find(|v| v.is_error()) {
            return Ok(error.clone());
        }
        if !start.same_kind(&end) || !start.is_comparable() || matches!(start, Val::String(_) | Val::List(_))
        {
            return Ok(Val::Error("Invalid range definition".to_owned()));
        }
        Ok(Val::Range(Rc::new(Range {
            start: Boundary {
                value: start,
                closed: range.start.1,
            },
            end: Boundary {
                value: end,
                closed: range.end.1,
            },
        })))
    }

    /// A variable and what the path behind it names; nothing found is null.
    fn reference(&self, names: &[String], scope: &Scope) -> Evaluated {
        let Some((first, rest)) = names.split_first() else {
            return Ok(Val::Null);
        };
        let mut value = self.variable(first, scope)?.unwrap_or(Val::Null);
        for name in rest {
            if value.is_error() {
                break;
            }
            value = path(&value, name);
        }
        Ok(value)
    }

    fn input_name(&self, scope: &Scope) -> Result<String, Thrown> {
        Ok(match self.variable(INPUT_VARIABLE, scope)? {
            Some(Val::String(name)) => name.to_string(),
            _ => DEFAULT_INPUT.to_owned(),
        })
    }

    /// The value that unary tests are about.
    fn input(&self, scope: &Scope) -> Evaluated {
        Ok(self
            .variable(&self.input_name(scope)?, scope)?
            .unwrap_or(Val::Null))
    }

    fn in_range(&self, range: &RangeExp, scope: &Scope) -> Evaluated {
        let (start, end) = (self.eval(&range.start.0, scope)?, self.eval(&range.end.0, scope)?);
        let input = self.input(scope)?;
        if input.is_error() {
            return Ok(input);
        }
        let comparable = [&input, &start, &end].into_iter().all(Val::is_comparable);
        if !comparable || !input.same_kind(&start) || !input.same_kind(&end) {
            return Ok(Val::Null);
        }
        let (Some(from), Some(to)) = (ordered(&input, &start)?, ordered(&input, &end)?) else {
            return Ok(Val::Null);
        };
        let above = if range.start.1 { from.is_ge() } else { from.is_gt() };
        let below = if range.end.1 { to.is_le() } else { to.is_lt() };
        Ok(Val::Boolean(above && below))
    }

    /// An expression as a test: met if it is true, equals the input, or is a list that holds it.
    fn unary_test(&self, exp: &Exp, scope: &Scope) -> Evaluated {
        let input = self.input(scope)?;
        if input.is_error() {
            return Ok(input);
        }
        Ok(match self.eval(exp, scope)? {
            Val::Fatal(_) => match self.eval(exp, &scope.with_entry("?", input))? {
                Val::Boolean(truth) => Val::Boolean(truth),
                _ => Val::Null,
            },
            Val::Boolean(true) => Val::Boolean(true),
            Val::List(items) if items.contains(&input) => Val::Boolean(true),
            value => match equality(input, value.clone()) {
                Val::Boolean(true) => Val::Boolean(true),
                _ if matches!(value, Val::Boolean(false) | Val::List(_)) => Val::Boolean(false),
                Val::Null => Val::Null,
                _ => Val::Boolean(false),
            },
        })
    }

    fn conditional(&self, condition: &Exp, met: &Exp, otherwise: &Exp, scope: &Scope) -> Evaluated {
        match self.eval(condition, scope)? {
            Val::Boolean(true) => match self.eval(met, scope)? {
                // The reference takes an error of the first branch for one of the condition.
                Val::Error(_) => self.eval(otherwise, scope),
                value => Ok(value),
            },
            fatal @ Val::Fatal(_) => Ok(fatal),
            _ => self.eval(otherwise, scope),
        }
    }
}

/// The order of two values of one kind; `Err` where the reference's comparison throws.
fn ordered(a: &Val, b: &Val) -> Result<Option<std::cmp::Ordering>, Thrown> {
    if a.same_kind(b) && a.is_comparable() && matches!(a, Val::List(_)) {
        let message = format!("java.lang.IllegalArgumentException: {a} can not be compared to {b}");
        return Err(Thrown(message));
    }
    Ok(a.order(b))
}

/// Equality as an operator: what can't be compared gives null.
pub(crate) fn equality(a: Val, b: Val) -> Val {
    if a.is_error() {
        return a;
    }
    if b.is_error() {
        return b;
    }
    a.feel_equal(&b).map_or(Val::Null, Val::Boolean)
}

/// A comparison: values of two kinds give null.
fn compare(comparison: Comparison, a: Val, b: Val) -> Evaluated {
    if a.is_error() {
        return Ok(a);
    }
    if b.is_error() {
        return Ok(b);
    }
    Ok(ordered(&a, &b)?.map_or(Val::Null, |order| Val::Boolean(comparison.meets(order))))
}

/// What a key names in a value; a list gives a list of what it names in the items. Nothing found is null.
fn path(value: &Val, key: &str) -> Val {
    match value {
        Val::Context(entries) => entries
            .get(key)
            .filter(|v| !matches!(v, Val::Function(_)))
            .cloned()
            .unwrap_or(Val::Null),
        Val::List(items) => Val::list(items.iter().map(|item| path(item, key)).collect()),
        other => other.property(key).unwrap_or(Val::Null),
    }
}

fn is_instance(value: &Val, name: &str) -> bool {
    let kind = value.type_name();
    match name {
        "Any" => !matches!(value, Val::Null),
        "date time" => kind == "date and time",
        "year-month-duration" => kind == "years and months duration",
        "day-time-duration" => kind == "days and time duration",
        name => name == kind,
    }
}
