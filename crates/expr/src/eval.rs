//! Walks the syntax tree.

use std::cmp::Ordering;

use crate::ast::{Binary, Node, Part, Unary};
use crate::coerce::{boolean, double, is_fractional, long};
use crate::methods;
use crate::{Context, EvalError, Value};

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
fn node(expr: &Node, ctx: &mut dyn Context) -> Evaluated {
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
    let mut value = node(first, ctx)?;
    while let Some((member, base)) = pending.pop() {
        // A JSON path query is no value of its own: it is evaluated together with the call that reads it.
        if let (Value::Json(json), Some(path), Some((Node::Method(_, name, arguments), _))) =
            (&value, path_of(member), pending.last())
        {
            let path = node(path, ctx)?.to_text();
            let name = node(name, ctx)?.to_text();
            let arguments = all(arguments, ctx)?;
            value = methods::json::query(json, &path, &name, &arguments)?;
            pending.pop();
            continue;
        }
        value = access(value, member, base, ctx)?;
    }
    Ok(value)
}

/// The path of a call `jsonPath(path)`.
fn path_of(member: &Node) -> Option<&Node> {
    match member {
        Node::Method(_, name, arguments) if is_name(name, "jsonPath") && arguments.len() == 1 => {
            arguments.first()
        }
        _ => None,
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
    matches!(value, Value::Short(_) | Value::Int(_) | Value::Long(_))
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
    if either(left, right, |value| matches!(value, Value::Double(_))) {
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
    if either(left, right, |value| matches!(value, Value::Double(_))) {
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
