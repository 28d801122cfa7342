//! Functions on truth values and on whether something is there.
use super::{Builtin, Reply, error, function};
use crate::eval::Interpreter;
use crate::value::Val;

pub(super) static FUNCTIONS: &[Builtin] = &[
    function("not", &["negand"], |_, args| {
        Ok(Some(match args {
            [Val::Boolean(truth)] => Val::Boolean(!truth),
            _ => Val::Null,
        }))
    }),
    function("is defined", &["value"], |_, args| {
        Ok(Some((!matches!(args, [Val::Null])).into()))
    }),
    function("get or else", &["value", "default"], |_, args| {
        Ok(match args {
            [Val::Null, default] => Some(default.clone()),
            [value, _] => Some(value.clone()),
            _ => None,
        })
    }),
    function("assert", &["value", "condition"], |_, args| match args {
        [value, Val::Boolean(true)] => Ok(Some(value.clone())),
        _ => error("The condition is not fulfilled"),
    }),
    function("assert", &["value", "condition", "cause"], assert_with_cause),
];

fn assert_with_cause(_: &Interpreter<'_>, args: &[Val]) -> Reply {
    match args {
        [value, Val::Boolean(true), _] => Ok(Some(value.clone())),
        [_, _, Val::String(cause)] => error(&**cause),
        _ => Ok(None),
    }
}
