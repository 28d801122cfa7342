//! Multi-instance: the body around an activity that is repeated, one after the other or side by side.
//!
//! The body is a node of its own (`ACTIVITY#multiInstanceBody`), as in the reference: it has the activity's place in the
//! flow, its boundary events and asynchronous continuations, and the counters as variables. Side by side, each
//! iteration is a token between body and activity that holds `loopCounter` and the element; it stays, empty, until
//! the body is done.
use super::{Behavior, ElementSpec, Next};
use crate::{
    command::Rejection,
    convert,
    ctx::Ctx,
    definition::Node,
    instance::TokenState,
    moves::Termination,
    value::TypedValue,
    xml::{Reader, bpmn_child, extension, text},
};
use expr::{Expression, Value};
use roxmltree::Node as Xml;
use topology::Id;

/// Ends the ids of bodies.
pub(crate) const BODY: &str = "#multiInstanceBody";

pub(crate) const SPEC: ElementSpec = ElementSpec {
    tag: "multiInstanceLoopCharacteristics",
    event: None,
    activity_type: "multiInstanceBody",
    parse,
};

const INSTANCES: &str = "nrOfInstances";
const ACTIVE: &str = "nrOfActiveInstances";
const COMPLETED: &str = "nrOfCompletedInstances";
const COUNTER: &str = "loopCounter";

/// What is iterated over.
#[derive(Debug)]
enum Collection {
    Expression(Expression),
    Variable(String),
}

#[derive(Debug)]
struct MultiInstance {
    sequential: bool,
    cardinality: Option<Expression>,
    collection: Option<Collection>,
    element: Option<String>,
    completion: Option<Expression>,
}

fn parse<'x>(reader: &mut Reader<'x>, xml: Xml<'x, 'x>) -> Option<Box<dyn Behavior>> {
    let activity = xml.parent().and_then(|p| p.attribute("id")).unwrap_or_default();
    let id = format!("{activity}{BODY}");
    let mut compiled = |tag: &str| -> Option<Option<Expression>> {
        match bpmn_child(xml, tag) {
            Some(node) => reader.expression(node, &id, &text(node)).map(Some),
            None => Some(None),
        }
    };
    let cardinality = compiled("loopCardinality")?;
    let completion = compiled("completionCondition")?;
    let input = bpmn_child(xml, "loopDataInputRef").map(text);
    // An expression goes before a variable's name, wherever each of them stands; of two alike the one of BPMN counts.
    let given = [input, extension(xml, "collection").map(str::to_owned)];
    let mut given: Vec<String> = given.into_iter().flatten().collect();
    given.sort_by_key(|text| !text.contains('{'));
    let source = given.into_iter().next();
    let collection = match source {
        Some(text) if text.contains('{') => Some(Collection::Expression(reader.expression(xml, &id, &text)?)),
        Some(name) => Some(Collection::Variable(name)),
        None => None,
    };
    let element = match bpmn_child(xml, "inputDataItem") {
        Some(item) => item.attribute("name"),
        None => extension(xml, "elementVariable"),
    };
    if cardinality.as_ref().is_some_and(|c| c.text().is_empty()) {
        let message = "loopCardinality must be defined for a multiInstanceLoopCharacteristics definition ";
        reader.error(xml, &id, message);
    }
    if cardinality.is_none() && collection.is_none() {
        let message = "Either loopCardinality or loopDataInputRef/activiti:collection must be set";
        reader.error(xml, &id, message);
    }
    if collection.is_none() && element.is_some() {
        let message = "LoopDataInputRef/activiti:collection must be set when using inputDataItem or activiti:elementVariable";
        reader.error(xml, &id, message);
    }
    Some(Box::new(MultiInstance {
        sequential: xml.attribute("isSequential") == Some("true"),
        cardinality,
        collection,
        element: element.map(str::to_owned),
        completion,
    }))
}

impl Behavior for MultiInstance {
    fn enter(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Next, Rejection> {
        // Of both the cardinality counts, and is looked at first.
        let (count, items) = match &self.cardinality {
            Some(cardinality) => {
                let count = cardinality_of(cardinality, at, token, ctx)?;
                let items = if count > 0 {
                    self.items(at, token, ctx)?
                } else {
                    None
                };
                (count, items)
            }
            None => {
                let items = self.items(at, token, ctx)?;
                (items.as_ref().map_or(0, |items| items.len() as i32), items)
            }
        };
        if count == 0 {
            return Ok(Next::Leave);
        }
        if count < 0 {
            let message = format!(
                "ENGINE-02023 Invalid number of 'instances': must be positive integer value or zero, but was '{count}'."
            );
            return Err(Ctx::failure(at, message));
        }
        ctx.change_token(token, |row| row.state = TokenState::Scope)?;
        set(ctx, token, INSTANCES, count);
        set(ctx, token, COMPLETED, 0);
        set(ctx, token, ACTIVE, if self.sequential { 1 } else { count });
        if self.sequential {
            self.iterate(at, token, 0, items.as_deref(), ctx)?;
            return Ok(Next::Wait);
        }
        let iterations: Vec<Id> = (0..count).map(|_| ctx.add_iteration(at, token)).collect();
        for (counter, iteration) in iterations.iter().enumerate().rev() {
            self.begin(*iteration, counter as i32, items.as_deref(), ctx);
        }
        let Some(inner) = at.repeats else {
            return Ok(Next::Wait);
        };
        // Lists are by age: the first iteration's token is the oldest.
        let node = ctx.node(inner);
        let tokens: Vec<Id> = iterations
            .iter()
            .map(|&scope| ctx.add_token(Some(scope), node, TokenState::Waiting))
            .collect();
        // The first iteration is to run first: what was put off last runs first.
        for token in tokens.into_iter().rev() {
            ctx.send(token, inner);
        }
        Ok(Next::Wait)
    }

    fn inner_ended(&self, at: &Node, scope: Id, ctx: &mut Ctx<'_, '_>) -> Result<bool, Rejection> {
        let body = match ctx.token(scope)? {
            row if row.state == TokenState::Iteration => row.parent_id.unwrap_or(scope),
            _ => scope,
        };
        let completed = counter(at, body, COMPLETED, ctx)? + 1;
        if self.sequential {
            let next = counter(at, body, COUNTER, ctx)? + 1;
            let count = counter(at, body, INSTANCES, ctx)?;
            set(ctx, body, COMPLETED, completed);
            if next == count || self.is_complete(at, body, ctx)? {
                ctx.leave_scope(body)?;
            } else {
                let items = self.items(at, body, ctx)?;
                self.iterate(at, body, next, items.as_deref(), ctx)?;
            }
            return Ok(true);
        }
        set(ctx, body, COMPLETED, completed);
        let active = counter(at, body, ACTIVE, ctx)? - 1;
        set(ctx, body, ACTIVE, active);
        ctx.change_token(scope, |row| row.activity_id = None)?;
        // An iteration may have ended twice, as an uncaught error leaves its task.
        let all_ended = active <= 0
            && ctx
                .tokens_in(Some(body))
                .all(|t| ctx.tokens_within(Some(t.id)) == 0);
        if self.is_complete(at, scope, ctx)? || all_ended {
            let before = std::mem::replace(&mut ctx.termination, Termination::completed());
            ctx.cancel_within(Some(body), None)?;
            ctx.termination = before;
            ctx.leave_scope(body)?;
        } else {
            ctx.tell_conditions()?;
        }
        Ok(true)
    }

    fn is_scope(&self) -> bool {
        true
    }

    fn is_composite(&self) -> bool {
        true
    }

    fn is_sequential(&self) -> bool {
        self.sequential
    }

    /// One instance, whatever collection or cardinality say.
    fn open(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Id, Rejection> {
        ctx.change_token(token, |row| row.state = TokenState::Scope)?;
        set(ctx, token, INSTANCES, 1);
        set(ctx, token, COMPLETED, 0);
        set(ctx, token, ACTIVE, 1);
        let scope = match self.sequential {
            true => token,
            false => ctx.add_iteration(at, token),
        };
        set(ctx, scope, COUNTER, 0);
        Ok(scope)
    }

    fn add_part(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Id, Rejection> {
        if self.sequential {
            let message = format!(
                "Concurrent instantiation not possible for activities in scope {}",
                at.id
            );
            return Err(Ctx::failure(at, message));
        }
        let count = counter(at, token, INSTANCES, ctx)?;
        let active = counter(at, token, ACTIVE, ctx)?;
        set(ctx, token, INSTANCES, count + 1);
        set(ctx, token, ACTIVE, active + 1);
        let iteration = ctx.add_iteration(at, token);
        set(ctx, iteration, COUNTER, count);
        Ok(iteration)
    }

    fn part_canceled(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<(), Rejection> {
        let active = counter(at, token, ACTIVE, ctx)?;
        set(ctx, token, ACTIVE, active - 1);
        Ok(())
    }
}

impl MultiInstance {
    /// What is iterated over, if elements are asked for or counted.
    fn items(&self, at: &Node, token: Id, ctx: &mut Ctx<'_, '_>) -> Result<Option<Vec<Value>>, Rejection> {
        let needed = self.element.is_some() || self.cardinality.is_none();
        let Some(collection) = self.collection.as_ref().filter(|_| needed) else {
            return Ok(None);
        };
        let (value, problem) = match collection {
            Collection::Expression(expression) => (
                ctx.eval(expression, Some(token))?,
                format!(
                    "ENGINE-02024 Expression '{}' didn't resolve to type 'Collection'.",
                    expression.text()
                ),
            ),
            Collection::Variable(name) => (
                ctx.variable(Some(token), name)?,
                format!("ENGINE-02025 Variable '{name}' is not of the expected type 'Collection'."),
            ),
        };
        match value {
            Value::List(items) => Ok(Some(items)),
            _ => Err(Ctx::failure(at, problem)),
        }
    }

    /// Starts an iteration: its variables, and a token before the activity.
    fn iterate(
        &self,
        at: &Node,
        scope: Id,
        counter: i32,
        items: Option<&[Value]>,
        ctx: &mut Ctx<'_, '_>,
    ) -> Result<(), Rejection> {
        self.begin(scope, counter, items, ctx);
        if let Some(inner) = at.repeats {
            ctx.spawn(Some(scope), inner);
        }
        Ok(())
    }

    /// Sets the variables of an iteration.
    fn begin(&self, scope: Id, counter: i32, items: Option<&[Value]>, ctx: &mut Ctx<'_, '_>) {
        set(ctx, scope, COUNTER, counter);
        if let (Some(name), Some(items)) = (&self.element, items) {
            let item = items.get(counter as usize).cloned().unwrap_or(Value::Null);
            ctx.set_in(scope, name, convert::from_value(item));
        }
    }

    fn is_complete(&self, at: &Node, scope: Id, ctx: &mut Ctx<'_, '_>) -> Result<bool, Rejection> {
        let Some(condition) = &self.completion else {
            return Ok(false);
        };
        match ctx.eval(condition, Some(scope))? {
            Value::Bool(complete) => Ok(complete),
            _ => {
                let message = format!(
                    "ENGINE-02028 Could not resolve expression of type 'completionCondition'. Expression '{}' needs to \
                     evaluate to a boolean value.",
                    condition.text()
                );
                Err(Ctx::failure(at, message))
            }
        }
    }
}

fn cardinality_of(
    expression: &Expression,
    at: &Node,
    token: Id,
    ctx: &mut Ctx<'_, '_>,
) -> Result<i32, Rejection> {
    match ctx.eval(expression, Some(token))? {
        Value::Short(n) => Ok(n.into()),
        Value::Int(n) => Ok(n),
        Value::Long(n) => Ok(n as i32),
        Value::Double(n) => Ok(n as i32),
        Value::Str(text) => text
            .parse()
            .map_err(|_| Ctx::failure(at, format!("For input string: \"{text}\""))),
        _ => {
            let message = format!(
                "ENGINE-02027 Could not resolve expression of type 'loopCardinality'. Expression '{}' needs to be a number \
                 or number String.",
                expression.text()
            );
            Err(Ctx::failure(at, message))
        }
    }
}

fn set(ctx: &mut Ctx<'_, '_>, scope: Id, name: &str, value: i32) {
    ctx.set_in(scope, name, TypedValue::Integer(value));
}

fn counter(at: &Node, scope: Id, name: &str, ctx: &Ctx<'_, '_>) -> Result<i32, Rejection> {
    match ctx.local_variable(scope, None, name).map(|v| &v.value) {
        Some(TypedValue::Integer(value)) => Ok(*value),
        _ => {
            let message = format!(
                "The variable \"{name}\" could not be found in execution with id {scope}: value is null"
            );
            Err(Ctx::failure(at, message))
        }
    }
}
