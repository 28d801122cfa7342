//! Methods of numbers and booleans.

use std::cmp::Ordering;

use super::Called;
use crate::numbers::{double_to_long, parse_double};
use crate::{EvalError, Java, Value, coerce};

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
        ("floatValue", []) => Java::Float(coerce::double(number)? as f32).into(),
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
        ("byteValue", []) => Java::Byte(int(number)? as i8).into(),
        _ => return class_method(number, name, arguments),
    }))
}

/// A static method of the number's class: `${i.valueOf("7")}`.
fn class_method(number: &Value, name: &str, arguments: &[Value]) -> Called {
    let radix = |argument: Option<&Value>| argument.and_then(super::int).map_or(10, |radix| radix as u32);
    let parsed = |text: &str, radix: u32| -> Result<Value, EvalError> {
        let whole = (2..=36)
            .contains(&radix)
            .then(|| i64::from_str_radix(text, radix).ok())
            .flatten();
        let found = match number {
            Value::Int(_) => whole.and_then(|whole| i32::try_from(whole).ok()).map(Value::Int),
            Value::Short(_) => whole
                .and_then(|whole| i16::try_from(whole).ok())
                .map(Value::Short),
            Value::Long(_) => whole.map(Value::Long),
            _ => parse_double(text).map(Value::Double),
        };
        found.ok_or_else(|| no_number(text))
    };
    let same_class = |value: Value| -> Result<Value, EvalError> {
        Ok(match number {
            Value::Int(_) => Value::Int(coerce::long(&value)? as i32),
            Value::Double(_) => Value::Double(coerce::double(&value)?),
            _ => Value::Long(coerce::long(&value)?),
        })
    };
    let parser = match number {
        Value::Int(_) => "parseInt",
        Value::Short(_) => "parseShort",
        Value::Long(_) => "parseLong",
        _ => "parseDouble",
    };
    let bits = |value: &Value| -> Result<u64, EvalError> {
        let long = coerce::long(value)?;
        Ok(if matches!(number, Value::Int(_)) {
            u64::from(long as u32)
        } else {
            long as u64
        })
    };
    Ok(Some(match (name, arguments) {
        ("valueOf", [Value::Str(text)]) => parsed(text, 10)?,
        ("valueOf", [value]) => same_class(value.clone())?,
        ("toString", [value]) => Value::Str(same_class(value.clone())?.to_text()),
        ("toHexString", [value]) => Value::Str(format!("{:x}", bits(value)?)),
        ("toBinaryString", [value]) => Value::Str(format!("{:b}", bits(value)?)),
        ("toOctalString", [value]) => Value::Str(format!("{:o}", bits(value)?)),
        ("signum", [value]) => Value::Int(coerce::long(value)?.signum() as i32),
        ("sum", [left, right]) => match number {
            Value::Double(_) => Value::Double(coerce::double(left)? + coerce::double(right)?),
            _ => same_class(Value::Long(
                coerce::long(left)?.wrapping_add(coerce::long(right)?),
            ))?,
        },
        ("max" | "min", [left, right]) => {
            let left_first = coerce::double(left)? >= coerce::double(right)?;
            same_class(if left_first == (name == "max") {
                left.clone()
            } else {
                right.clone()
            })?
        }
        ("compare", [left, right]) => compare(&same_class(left.clone())?, &same_class(right.clone())?)?,
        (_, [Value::Str(text), rest @ ..]) if name == parser && rest.len() < 2 => {
            parsed(text, radix(rest.first()))?
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
pub(crate) fn hash(number: &Value) -> Result<i32, EvalError> {
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

/// Why Java can't compare a key with another: what it says of objects of different classes.
pub fn not_comparable(key: &Value, other: &Value) -> Option<String> {
    (key.class_name() != other.class_name()).then(|| no_cast(key, other))
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
        ("parseBoolean" | "valueOf", [value]) => Value::Bool(coerce::boolean(value)?),
        ("logicalAnd", [left, right]) => Value::Bool(coerce::boolean(left)? && coerce::boolean(right)?),
        ("logicalOr", [left, right]) => Value::Bool(coerce::boolean(left)? || coerce::boolean(right)?),
        ("logicalXor", [left, right]) => Value::Bool(coerce::boolean(left)? != coerce::boolean(right)?),
        ("hashCode", []) => Value::Int(if truth { 1231 } else { 1237 }),
        ("compareTo", [Value::Bool(other)]) => Value::Int(truth.cmp(other) as i32),
        _ => return Ok(None),
    }))
}
