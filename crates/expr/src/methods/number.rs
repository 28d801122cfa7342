//! Methods of numbers and booleans.

use std::cmp::Ordering;

use super::Called;
use crate::numbers::{double_to_long, parse_long};
use crate::{EvalError, Value, coerce};

/// A method of a number.
pub(crate) fn call(number: &Value, name: &str, arguments: &[Value]) -> Called {
    let int = |number: &Value| -> Result<i32, EvalError> {
        // A double saturates at the bounds of `int`, wider integers lose their high bits.
        Ok(match number {
            Value::Double(double) => *double as i32,
            _ => coerce::long(number)? as i32,
        })
    };
    Ok(Some(match (name, arguments) {
        ("intValue", []) => Value::Int(int(number)?),
        ("longValue", []) => Value::Long(coerce::long(number)?),
        ("shortValue", []) => Value::Short(int(number)? as i16),
        ("doubleValue", []) => Value::Double(coerce::double(number)?),
        ("floatValue", []) => Value::Double(f64::from(coerce::double(number)? as f32)),
        ("isNaN", []) => match number {
            Value::Double(double) => Value::Bool(double.is_nan()),
            _ => return Ok(None),
        },
        ("isInfinite", []) => match number {
            Value::Double(double) => Value::Bool(double.is_infinite()),
            _ => return Ok(None),
        },
        ("hashCode", []) => Value::Int(hash(number)?),
        ("compareTo", [other]) => compare(number, other)?,
        ("byteValue", []) => Value::Short(i16::from(int(number)? as i8)),
        ("parseInt", [Value::Str(text)]) if matches!(number, Value::Int(_)) => {
            let parsed = parse_long(text).and_then(|parsed| i32::try_from(parsed).ok());
            Value::Int(parsed.ok_or_else(|| no_number(text))?)
        }
        ("parseLong", [Value::Str(text)]) if matches!(number, Value::Long(_)) => {
            Value::Long(parse_long(text).ok_or_else(|| no_number(text))?)
        }
        _ => return Ok(None),
    }))
}

fn no_number(text: &str) -> EvalError {
    EvalError::thrown(
        "java.lang.NumberFormatException",
        format_args!("For input string: \"{text}\""),
    )
}

/// `hashCode` of the number's class.
fn hash(number: &Value) -> Result<i32, EvalError> {
    let folded = |bits: u64| (bits ^ (bits >> 32)) as i32;
    Ok(match number {
        Value::Double(double) => folded(double.to_bits()),
        Value::Long(long) => folded(*long as u64),
        _ => double_to_long(coerce::double(number)?) as i32,
    })
}

/// `compareTo`, which wants a number of the same class.
fn compare(left: &Value, right: &Value) -> Result<Value, EvalError> {
    let order = match (left, right) {
        // For shorts Java gives the difference.
        (Value::Short(left), Value::Short(right)) => {
            return Ok(Value::Int(i32::from(*left) - i32::from(*right)));
        }
        (Value::Int(left), Value::Int(right)) => left.cmp(right),
        (Value::Long(left), Value::Long(right)) => left.cmp(right),
        (Value::Double(left), Value::Double(right)) => left.partial_cmp(right).unwrap_or(Ordering::Equal),
        _ => {
            let message = no_cast(left, right);
            return Err(EvalError::thrown("java.lang.ClassCastException", message));
        }
    };
    Ok(Value::Int(order as i32))
}

/// What Java says when an object is not of the class a comparison needs.
pub(crate) fn no_cast(target: &Value, value: &Value) -> String {
    let (from, to) = (value.class_name(), target.class_name());
    if [from, to].iter().all(|class| class.starts_with("java.")) {
        let modules = format!("({from} and {to} are in module java.base of loader 'bootstrap')");
        return format!("class {from} cannot be cast to class {to} {modules}");
    }
    format!("class {from} cannot be cast to class {to}")
}

/// A method of a boolean.
pub(crate) fn boolean(truth: bool, name: &str, arguments: &[Value]) -> Called {
    Ok(Some(match (name, arguments) {
        ("booleanValue", []) => Value::Bool(truth),
        ("hashCode", []) => Value::Int(if truth { 1231 } else { 1237 }),
        ("compareTo", [Value::Bool(other)]) => Value::Int(truth.cmp(other) as i32),
        _ => return Ok(None),
    }))
}
