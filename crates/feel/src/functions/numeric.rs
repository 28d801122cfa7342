//! Functions on numbers.
use super::{Builtin, Reply, error, function};
use crate::eval::{Interpreter, Thrown};
use crate::number::{Number, Rounding};
use crate::temporal::DayTime;
use crate::value::Val;

pub(super) static FUNCTIONS: &[Builtin] = &[
    function("decimal", &["n", "scale"], |_, args| {
        scaled(args, Rounding::HalfEven)
    }),
    function("decimal", &["n", "scale", "mode"], decimal_with_mode),
    function("floor", &["n"], |_, args| whole(args, Rounding::Floor)),
    function("floor", &["n", "scala"], |_, args| scaled(args, Rounding::Floor)),
    function("ceiling", &["n"], |_, args| whole(args, Rounding::Ceiling)),
    function("ceiling", &["n", "scale"], |_, args| {
        scaled(args, Rounding::Ceiling)
    }),
    function("abs", &["number"], abs),
    function("abs", &["n"], abs),
    function("modulo", &["dividend", "divisor"], modulo),
    function("sqrt", &["number"], |_, args| {
        Ok(match args {
            [Val::Number(n)] if n.is_negative() => Some(Val::Null),
            [Val::Number(n)] => Some(Val::double(n.to_f64().sqrt())),
            _ => None,
        })
    }),
    function("log", &["number"], |_, args| double(args, f64::ln)),
    function("exp", &["number"], |_, args| double(args, f64::exp)),
    function("odd", &["number"], |_, args| {
        Ok(rest_by_two(args).map(|rest| Val::Boolean(rest.abs() == Number::from(1))))
    }),
    function("even", &["number"], |_, args| {
        Ok(rest_by_two(args).map(|rest| Val::Boolean(rest.is_zero())))
    }),
    function("round up", &["n", "scale"], |_, args| scaled(args, Rounding::Up)),
    function("round down", &["n", "scale"], |_, args| {
        scaled(args, Rounding::Down)
    }),
    function("round half up", &["n", "scale"], |_, args| {
        scaled(args, Rounding::HalfUp)
    }),
    function("round half down", &["n", "scala"], |_, args| {
        scaled(args, Rounding::HalfDown)
    }),
    function("random number", &[], |interpreter, _| {
        // 53 random bits make an even double below one.
        let bits = interpreter.host.random() >> 11;
        Ok(Some(Val::double(bits as f64 / (1u64 << 53) as f64)))
    }),
];

fn rounded(number: &Number, scale: i64, rounding: Rounding) -> Reply {
    match number.with_scale(scale, rounding) {
        Some(number) => Ok(Some(Val::Number(number))),
        None => error("Failed to apply rounding mode: Rounding necessary"),
    }
}

fn scaled(args: &[Val], rounding: Rounding) -> Reply {
    match args {
        [Val::Number(number), Val::Number(scale)] => rounded(number, i64::from(scale.to_i32()), rounding),
        _ => Ok(None),
    }
}

fn whole(args: &[Val], rounding: Rounding) -> Reply {
    match args {
        [Val::Number(number)] => rounded(number, 0, rounding),
        _ => Ok(None),
    }
}

fn decimal_with_mode(_: &Interpreter<'_>, args: &[Val]) -> Reply {
    let [Val::Number(number), Val::Number(scale), Val::String(mode)] = args else {
        return Ok(None);
    };
    let rounding = match mode.to_uppercase().as_str() {
        "UP" => Rounding::Up,
        "DOWN" => Rounding::Down,
        "CEILING" => Rounding::Ceiling,
        "FLOOR" => Rounding::Floor,
        "HALF_UP" => Rounding::HalfUp,
        "HALF_DOWN" => Rounding::HalfDown,
        "HALF_EVEN" => Rounding::HalfEven,
        "UNNECESSARY" => Rounding::Unnecessary,
        _ => return error(format!("Illegal argument '{mode}' for rounding mode.")),
    };
    rounded(number, i64::from(scale.to_i32()), rounding)
}

fn abs(_: &Interpreter<'_>, args: &[Val]) -> Reply {
    Ok(match args {
        [Val::Number(n)] => Some(Val::Number(n.abs())),
        [Val::YearMonth(months)] => Some(Val::YearMonth(months.abs())),
        [Val::DayTime(duration)] => Some(Val::DayTime(DayTime(duration.0.abs()))),
        _ => None,
    })
}

/// The rest with the divisor's sign.
fn modulo(_: &Interpreter<'_>, args: &[Val]) -> Reply {
    let [Val::Number(dividend), Val::Number(divisor)] = args else {
        return Ok(None);
    };
    let by_zero = || Thrown("java.lang.ArithmeticException: Division by zero".to_owned());
    let rest = dividend.remainder(divisor).ok_or_else(by_zero)?;
    let rest = rest.plus(divisor).remainder(divisor).ok_or_else(by_zero)?;
    Ok(Some(Val::Number(rest)))
}

fn double(args: &[Val], run: fn(f64) -> f64) -> Reply {
    let [Val::Number(number)] = args else {
        return Ok(None);
    };
    let result = run(number.to_f64());
    if !result.is_finite() {
        return Err(Thrown("java.lang.NumberFormatException".to_owned()));
    }
    Ok(Some(Val::double(result)))
}

fn rest_by_two(args: &[Val]) -> Option<Number> {
    match args {
        [Val::Number(number)] => number.remainder(&Number::from(2)),
        _ => None,
    }
}
