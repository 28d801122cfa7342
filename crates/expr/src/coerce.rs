//! JUEL's coercions to numbers and booleans.

use crate::numbers::{double_to_long, parse_double, parse_long};
use crate::{EvalError, Java, Value};

const LONG: &str = "java.lang.Long";
const DOUBLE: &str = "java.lang.Double";

/// To `Long`: null and the empty string are 0, fractions are cut off.
pub(crate) fn long(value: &Value) -> Result<i64, EvalError> {
    match value {
        Value::Null => Ok(0),
        Value::Short(number) => Ok(i64::from(*number)),
        Value::Int(number) => Ok(i64::from(*number)),
        Value::Long(number) => Ok(*number),
        Value::Double(number) => Ok(double_to_long(*number)),
        Value::Str(text) if text.is_empty() => Ok(0),
        Value::Str(text) => parse_long(text).ok_or_else(|| no_value(text, LONG)),
        Value::Java(object) => match **object {
            Java::Char(unit) => Ok(i64::from(unit)),
            Java::Byte(number) => Ok(i64::from(number)),
            Java::Float(number) => Ok(double_to_long(f64::from(number))),
            _ => Err(no_type(value, LONG)),
        },
        _ => Err(no_type(value, LONG)),
    }
}

/// To `Double`: null and the empty string are 0.
pub(crate) fn double(value: &Value) -> Result<f64, EvalError> {
    match value {
        Value::Null => Ok(0.0),
        Value::Short(number) => Ok(f64::from(*number)),
        Value::Int(number) => Ok(f64::from(*number)),
        Value::Long(number) => Ok(*number as f64),
        Value::Double(number) => Ok(*number),
        Value::Str(text) if text.is_empty() => Ok(0.0),
        Value::Str(text) => parse_double(text).ok_or_else(|| no_value(text, DOUBLE)),
        Value::Java(object) => match **object {
            Java::Float(number) => Ok(f64::from(number)),
            _ => long(value)
                .map(|number| number as f64)
                .map_err(|_| no_type(value, DOUBLE)),
        },
        _ => Err(no_type(value, DOUBLE)),
    }
}

/// To `Boolean`: null and any string but "true" (in any case) are false.
pub(crate) fn boolean(value: &Value) -> Result<bool, EvalError> {
    match value {
        Value::Null => Ok(false),
        Value::Bool(truth) => Ok(*truth),
        Value::Str(text) => Ok(text.eq_ignore_ascii_case("true")),
        _ => Err(no_type(value, "java.lang.Boolean")),
    }
}

/// Whether arithmetic with the value is done in doubles: a double, or a string that looks like one.
pub(crate) fn is_fractional(value: &Value) -> bool {
    match value {
        Value::Double(_) => true,
        Value::Java(object) => matches!(**object, Java::Float(_)),
        Value::Str(text) => text.contains(['.', 'e', 'E']),
        _ => false,
    }
}

fn no_value(text: &str, class: &str) -> EvalError {
    EvalError::new(format!("Cannot coerce '{text}' to class {class}"))
}

fn no_type(value: &Value, class: &str) -> EvalError {
    EvalError::new(format!(
        "Cannot coerce from class {} to class {class}",
        value.class_name()
    ))
}
