//! Walks the syntax tree.

use std::cmp::Ordering;

use crate::ast::{Binary, Node, Part, Unary};
use crate::coerce::{boolean, double, is_fractional, long};
use crate::methods::{self, collection};
use crate::{Context, EvalError, Java, Value};

type Evaluated = Result<Value, EvalError>;

/// The value of a text: a single expression keeps its type, anything else is a string.
pub(crate) fn parts(parts: &[Part], ctx: &mut dyn Context) -> Evaluated {
    if let [Part::Expr(only)] = parts {
        return node(only, ctx);
    }
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Text(literal) => text.push_str(literal),
            Part::Expr(expr) => text.push_str(&node(expr, ctx)?.to_text()),
        }
        methods::within_limit(text.len())?;
    }
    Ok(Value::Str(text))
}

/// Chains of operators and of member accesses are walked in loops, so that the stack grows with nesting only.
pub(crate) fn node(expr: &Node, ctx: &mut dyn Context) -> Evaluated {
    match expr {
        Node::Literal(value) => Ok(value.clone()),
        Node::Identifier(name) => variable(name, ctx),
        Node::Property(..) | Node::Index(..) | Node::Method(..) => members(expr, ctx),
        Node::Function(name, arguments) => {
            let arguments = all(arguments, ctx)?;
            methods::functions::call(name, &arguments, ctx)
        }
        Node::Unary(operator, operand) => unary(*operator, &node(operand, ctx)?),
        Node::Binary(..) => operators(expr, ctx),
        Node::Nested(inner) => node(inner, ctx),
        Node::Choice(condition, then, other) => {
            let chosen = if boolean(&node(condition, ctx)?)? {
                then
            } else {
                other
            };
            node(chosen, ctx)
        }
    }
}

fn variable(name: &str, ctx: &mut dyn Context) -> Evaluated {
    ctx.variable(name)
        .ok_or_else(|| EvalError::unknown_property(format!("Cannot resolve identifier '{name}'")))
}

fn all(nodes: &[Node], ctx: &mut dyn Context) -> Result<Vec<Value>, EvalError> {
    nodes.iter().map(|argument| node(argument, ctx)).collect()
}

/// Binary operators, from the innermost left operand outwards.
fn operators(expr: &Node, ctx: &mut dyn Context) -> Evaluated {
    let mut pending = Vec::new();
    let mut first = expr;
    while let Node::Binary(operator, left, right) = first {
        pending.push((*operator, right));
        first = left;
    }
    let mut value = node(first, ctx)?;
    while let Some((operator, right)) = pending.pop() {
        value = match operator {
            Binary::And => Value::Bool(boolean(&value)? && boolean(&node(right, ctx)?)?),
            Binary::Or => Value::Bool(boolean(&value)? || boolean(&node(right, ctx)?)?),
            _ => {
                let right = node(right, ctx)?;
                binary(operator, &value, &right)?
            }
        };
    }
    Ok(value)
}

/// Properties, indexes and method calls, from the object they start at outwards.
fn members(expr: &Node, ctx: &mut dyn Context) -> Evaluated {
    let mut pending = Vec::new();
    let mut first = expr;
    while let Node::Property(base, _) | Node::Index(base, _) | Node::Method(base, _, _) = first {
        pending.push((first, &**base));
        first = base;
    }
    let changes = pending.iter().any(|(member, _)| match member {
        Node::Method(_, name, _) => {
            matches!(&**name, Node::Literal(Value::Str(name)) if collection::is_changing(name))
        }
        _ => false,
    });
    let mut value = node(first, ctx)?;
    let mut place = Place::of(first).filter(|_| changes);
    while let Some((member, base)) = pending.pop() {
        if changes && matches!(value, Value::List(_) | Value::Map(_)) {
            (value, place) = changing(value, member, base, place, ctx)?;
        } else {
            place = Place::read(&value, member).filter(|_| changes);
            value = access(value, member, base, ctx)?;
        }
    }
    Ok(value)
}

/// Where a list or map is that an expression may change: a variable, or inside the value of one.
struct Place {
    variable: String,
    path: Vec<Value>,
}

impl Place {
    fn of(first: &Node) -> Option<Place> {
        let Node::Identifier(name) = first else {
            return None;
        };
        Some(Place {
            variable: name.clone(),
            path: Vec::new(),
        })
    }

    /// The variable that `execution.getVariable("name")` reads.
    fn read(value: &Value, member: &Node) -> Option<Place> {
        let (Value::Bean(_), Node::Method(_, name, arguments)) = (value, member) else {
            return None;
        };
        match arguments.as_slice() {
            [Node::Literal(Value::Str(variable))] if is_name(name, "getVariable") => Some(Place {
                variable: variable.clone(),
                path: Vec::new(),
            }),
            _ => None,
        }
    }

    fn below(mut self, key: Value) -> Place {
        self.path.push(key);
        self
    }

    /// Puts the changed collection where it came from.
    fn write(self, changed: Value, ctx: &mut dyn Context) {
        let Some(mut whole) = ctx.variable(&self.variable) else {
            return;
        };
        let mut at = Some(&mut whole);
        for key in &self.path {
            at = match at {
                Some(Value::List(items)) => {
                    let index = long(key).ok().and_then(|index| usize::try_from(index).ok());
                    index.and_then(|index| items.get_mut(index))
                }
                Some(Value::Map(entries)) => {
                    let key = key.to_text();
                    entries
                        .iter_mut()
                        .find(|(own, _)| *own == key)
                        .map(|(_, value)| value)
                }
                _ => None,
            };
        }
        if let Some(at) = at {
            *at = changed;
            ctx.update(&self.variable, whole);
        }
    }
}

/// One member of a list or map in a chain with a method that changes one: what it gives, and where that is.
fn changing(
    mut value: Value,
    member: &Node,
    base: &Node,
    place: Option<Place>,
    ctx: &mut dyn Context,
) -> Result<(Value, Option<Place>), EvalError> {
    match member {
        Node::Method(_, name, arguments) => {
            let name = node(name, ctx)?.to_text();
            let arguments = all(arguments, ctx)?;
            if collection::is_changing(&name)
                && let Some(result) = collection::change(&mut value, &name, &arguments)?
            {
                if let Some(place) = place {
                    place.write(value, ctx);
                }
                return Ok((result, None));
            }
            let below = match (name.as_str(), arguments.as_slice()) {
                ("get", [key]) => place.map(|place| place.below(key.clone())),
                _ => None,
            };
            Ok((methods::call(value, &name, arguments, ctx)?, below))
        }
        Node::Index(_, index) => {
            let key = node(index, ctx)?;
            let found = methods::property(&value, &key, ctx)?;
            Ok((found, place.map(|place| place.below(key))))
        }
        Node::Property(_, name) => {
            let key = Value::from(name.as_str());
            let found = methods::property(&value, &key, ctx)?;
            Ok((found, place.map(|place| place.below(key))))
        }
        _ => Ok((access(value, member, base, ctx)?, None)),
    }
}

/// One property, index or method of a value; `base` is what gave the value.
fn access(value: Value, member: &Node, base: &Node, ctx: &mut dyn Context) -> Evaluated {
    match member {
        Node::Method(_, name, arguments) => {
            let name = node(name, ctx)?.to_text();
            if value == Value::Null {
                return Err(unreachable_target(base));
            }
            let arguments = all(arguments, ctx)?;
            methods::call(value, &name, arguments, ctx)
        }
        _ if value == Value::Null => Ok(Value::Null),
        Node::Index(_, index) => {
            let index = node(index, ctx)?;
            methods::property(&value, &index, ctx)
        }
        Node::Property(_, name) => methods::property(&value, &Value::from(name.as_str()), ctx),
        _ => Ok(value),
    }
}

fn unreachable_target(base: &Node) -> EvalError {
    let base = described(base);
    EvalError::unknown_property(format!(
        "Target unreachable, base expression '{base}' resolved to null"
    ))
}

fn is_name(expr: &Node, name: &str) -> bool {
    matches!(expr, Node::Literal(Value::Str(text)) if text == name)
}

/// The expression the way JUEL names it in messages.
fn described(expr: &Node) -> String {
    match expr {
        Node::Identifier(name) => name.clone(),
        Node::Property(_, name) => format!(". {name}"),
        Node::Index(..) => "[...]".to_owned(),
        Node::Function(name, _) => name.clone(),
        Node::Literal(Value::Null) => "null".to_owned(),
        Node::Method(..) => "<method>".to_owned(),
        Node::Literal(value) => value.to_text(),
        Node::Nested(_) | Node::Unary(..) | Node::Binary(..) | Node::Choice(..) => "(...)".to_owned(),
    }
}

fn unary(operator: Unary, operand: &Value) -> Evaluated {
    match operator {
        Unary::Not => Ok(Value::Bool(!boolean(operand)?)),
        Unary::Empty => Ok(Value::Bool(is_empty(operand))),
        Unary::Negate => match operand {
            Value::Null => Ok(Value::Long(0)),
            Value::Short(number) => Ok(Value::Short(number.wrapping_neg())),
            Value::Int(number) => Ok(Value::Int(number.wrapping_neg())),
            Value::Long(number) => Ok(Value::Long(number.wrapping_neg())),
            Value::Double(number) => Ok(Value::Double(-number)),
            Value::Str(_) if is_fractional(operand) => Ok(Value::Double(-double(operand)?)),
            Value::Str(_) => Ok(Value::Long(long(operand)?.wrapping_neg())),
            _ => Err(EvalError::new(format!(
                "Cannot negate 'class {}'",
                operand.class_name()
            ))),
        },
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Str(text) => text.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => entries.is_empty(),
        Value::Java(object) => matches!(&**object, Java::Array(_, items) if items.is_empty()),
        Value::Object { .. } => methods::object::view(value).is_some_and(|view| is_empty(&view)),
        _ => false,
    }
}

fn binary(operator: Binary, left: &Value, right: &Value) -> Evaluated {
    Ok(Value::Bool(match operator {
        Binary::Equal => equal(left, right)?,
        Binary::NotEqual => !equal(left, right)?,
        Binary::Less => !same(left, right) && order(left, right)?.is_some_and(Ordering::is_lt),
        Binary::Greater => !same(left, right) && order(left, right)?.is_some_and(Ordering::is_gt),
        Binary::LessEqual => same(left, right) || order(left, right)?.is_some_and(Ordering::is_le),
        Binary::GreaterEqual => same(left, right) || order(left, right)?.is_some_and(Ordering::is_ge),
        _ => return arithmetic(operator, left, right),
    }))
}

fn arithmetic(operator: Binary, left: &Value, right: &Value) -> Evaluated {
    if *left == Value::Null && *right == Value::Null {
        return Ok(Value::Long(0));
    }
    if operator == Binary::Divide || is_fractional(left) || is_fractional(right) {
        let (left, right) = (double(left)?, double(right)?);
        return Ok(Value::Double(match operator {
            Binary::Add => left + right,
            Binary::Subtract => left - right,
            Binary::Multiply => left * right,
            Binary::Modulo => left % right,
            _ => left / right,
        }));
    }
    let (left, right) = (long(left)?, long(right)?);
    Ok(Value::Long(match operator {
        Binary::Add => left.wrapping_add(right),
        Binary::Subtract => left.wrapping_sub(right),
        Binary::Multiply => left.wrapping_mul(right),
        _ if right == 0 => return Err(EvalError::new("/ by zero")),
        _ => left.wrapping_rem(right),
    }))
}

/// Whether both are the same object, as far as values can tell.
fn same(left: &Value, right: &Value) -> bool {
    left == right
}

fn is_integer(value: &Value) -> bool {
    match value {
        Value::Short(_) | Value::Int(_) | Value::Long(_) => true,
        Value::Java(object) => matches!(**object, Java::Byte(_)),
        _ => false,
    }
}

fn is_double(value: &Value) -> bool {
    match value {
        Value::Double(_) => true,
        Value::Java(object) => matches!(**object, Java::Float(_)),
        _ => false,
    }
}

fn either(left: &Value, right: &Value, test: impl Fn(&Value) -> bool) -> bool {
    test(left) || test(right)
}

fn is_text(value: &Value) -> bool {
    matches!(value, Value::Str(_))
}

/// The order of two values; `None` when one is null or they have no order between them.
fn order(left: &Value, right: &Value) -> Result<Option<Ordering>, EvalError> {
    if either(left, right, |value| *value == Value::Null) {
        return Ok(None);
    }
    if either(left, right, is_double) {
        return Ok(double(left)?.partial_cmp(&double(right)?));
    }
    if either(left, right, is_integer) {
        return Ok(Some(long(left)?.cmp(&long(right)?)));
    }
    if either(left, right, is_text) {
        return Ok(Some(
            left.to_text().encode_utf16().cmp(right.to_text().encode_utf16()),
        ));
    }
    match (left, right) {
        (Value::Date(left), Value::Date(right)) | (Value::DateTime(left), Value::DateTime(right)) => {
            Ok(Some(left.cmp(right)))
        }
        (Value::Bool(left), Value::Bool(right)) => Ok(Some(left.cmp(right))),
        (Value::Date(_) | Value::DateTime(_) | Value::Bool(_), _) => Err(no_cast(right, left)),
        (_, Value::Date(_) | Value::DateTime(_) | Value::Bool(_)) => Err(no_cast(left, right)),
        _ => Err(EvalError::new(format!(
            "Cannot compare 'class {}' and 'class {}'",
            left.class_name(),
            right.class_name()
        ))),
    }
}

fn no_cast(value: &Value, target: &Value) -> EvalError {
    EvalError::new(methods::number::no_cast(target, value))
}

fn equal(left: &Value, right: &Value) -> Result<bool, EvalError> {
    if *left == Value::Null || *right == Value::Null {
        return Ok(left == right);
    }
    if either(left, right, is_double) {
        let (left, right) = (double(left)?, double(right)?);
        // As `Double.equals`: NaN equals itself, 0.0 and -0.0 differ.
        return Ok(left.to_bits() == right.to_bits() || left.is_nan() && right.is_nan());
    }
    if either(left, right, is_integer) {
        return Ok(long(left)? == long(right)?);
    }
    if either(left, right, |value| matches!(value, Value::Bool(_))) {
        return Ok(boolean(left)? == boolean(right)?);
    }
    if either(left, right, is_text) {
        return Ok(left.to_text() == right.to_text());
    }
    Ok(left == right)
}
