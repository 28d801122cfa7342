//! Functions on lists.
use super::{Builtin, Reply, error, function, variadic};
use crate::eval::{Interpreter, Thrown};
use crate::number::Number;
use crate::value::Val;
use std::cmp::Ordering;

pub(super) static FUNCTIONS: &[Builtin] = &[
    function("list contains", &["list", "element"], |_, args| {
        Ok(match args {
            [Val::List(list), element] => Some(list.contains(element).into()),
            _ => None,
        })
    }),
    function("count", &["list"], |_, args| {
        on_list(args, |list| Val::whole(list.len() as i64))
    }),
    variadic("min", &["list"], |_, args| extreme(args, Ordering::Less)),
    variadic("max", &["list"], |_, args| extreme(args, Ordering::Greater)),
    variadic("sum", &["list"], |_, args| {
        on_numbers(args, Val::Null, |numbers| Ok(Val::Number(sum(numbers))))
    }),
    variadic("product", &["list"], |_, args| {
        on_numbers(args, Val::Null, |numbers| {
            Ok(Val::Number(
                numbers
                    .iter()
                    .fold(Number::from(1), |product, n| product.times(n)),
            ))
        })
    }),
    variadic("mean", &["list"], |_, args| {
        on_numbers(args, Val::Null, |numbers| Ok(Val::Number(mean(numbers))))
    }),
    variadic("median", &["list"], |_, args| {
        on_numbers(args, Val::Null, |numbers| Ok(Val::Number(median(numbers))))
    }),
    variadic("stddev", &["list"], |_, args| {
        on_numbers(args, Val::Null, deviation)
    }),
    variadic("mode", &["list"], |_, args| {
        on_numbers(args, Val::list(Vec::new()), |numbers| Ok(mode(numbers)))
    }),
    variadic("and", &["list"], |_, args| {
        on_list(args, |list| decided(list, false))
    }),
    variadic("all", &["list"], |_, args| {
        on_list(args, |list| decided(list, false))
    }),
    variadic("or", &["list"], |_, args| {
        on_list(args, |list| decided(list, true))
    }),
    variadic("any", &["list"], |_, args| {
        on_list(args, |list| decided(list, true))
    }),
    function("sublist", &["list", "start"], sublist),
    function("sublist", &["list", "start", "length"], sublist),
    variadic("append", &["list", "items"], |_, args| {
        Ok(match args {
            [Val::List(list), Val::List(items)] => {
                Some(Val::list(list.iter().chain(items.iter()).cloned().collect()))
            }
            _ => None,
        })
    }),
    variadic("concatenate", &["lists"], |_, args| {
        on_list(args, |lists| Val::list(joined(lists)))
    }),
    function("insert before", &["list", "position", "newItem"], insert_before),
    function("remove", &["list", "position"], remove),
    function("reverse", &["list"], |_, args| {
        on_list(args, |list| Val::list(list.iter().rev().cloned().collect()))
    }),
    function("index of", &["list", "match"], |_, args| {
        Ok(match args {
            [Val::List(list), element] => {
                let positions = list.iter().enumerate().filter(|(_, item)| *item == element);
                Some(Val::list(
                    positions.map(|(i, _)| Val::whole(i as i64 + 1)).collect(),
                ))
            }
            _ => None,
        })
    }),
    variadic("union", &["lists"], |interpreter, args| match args {
        [Val::List(lists)] => Ok(Some(Val::list(distinct(interpreter, &joined(lists))?))),
        _ => Ok(None),
    }),
    function("distinct values", &["list"], |interpreter, args| match args {
        [Val::List(list)] => Ok(Some(Val::list(distinct(interpreter, list)?))),
        _ => Ok(None),
    }),
    function("duplicate values", &["list"], |interpreter, args| match args {
        [Val::List(list)] => {
            let mut values = distinct(interpreter, list)?;
            values.retain(|v| {
                list.iter()
                    .filter(|item| item.feel_equal(v) == Some(true))
                    .count()
                    > 1
            });
            Ok(Some(Val::list(values)))
        }
        _ => Ok(None),
    }),
    function("flatten", &["list"], |_, args| {
        on_list(args, |list| Val::list(flattened(list)))
    }),
    function("sort", &["list", "precedes"], sort),
    function("string join", &["list"], join),
    function("string join", &["list", "delimiter"], join),
    function("string join", &["list", "delimiter", "prefix", "suffix"], join),
    function("is empty", &["list"], |_, args| {
        on_list(args, |list| list.is_empty().into())
    }),
    function("partition", &["list", "size"], partition),
];

fn on_list(args: &[Val], run: impl Fn(&[Val]) -> Val) -> Reply {
    match args {
        [Val::List(list)] => Ok(Some(run(list))),
        _ => Ok(None),
    }
}

/// Runs on a list of numbers; an empty one gives what is given for it.
fn on_numbers(args: &[Val], empty: Val, run: impl Fn(&[Number]) -> Result<Val, Thrown>) -> Reply {
    let [Val::List(list)] = args else { return Ok(None) };
    if list.is_empty() {
        return Ok(Some(empty));
    }
    let mut numbers = Vec::with_capacity(list.len());
    for item in list.iter() {
        match item {
            Val::Number(number) => numbers.push(number.clone()),
            other => return error(format!("expected number but found '{other}'")),
        }
    }
    run(&numbers).map(Some)
}

fn extreme(args: &[Val], wanted: Ordering) -> Reply {
    let [list @ Val::List(items)] = args else {
        return Ok(None);
    };
    if items.is_empty() {
        return Ok(Some(Val::Null));
    }
    if !list.is_comparable() {
        return error(format!("{list} is not comparable"));
    }
    let mut best = &items[0];
    for item in &items[1..] {
        match item.order(best) {
            Some(order) if order == wanted => best = item,
            Some(_) => {}
            None => {
                let message =
                    format!("java.lang.IllegalArgumentException: {item} can not be compared to {best}");
                return Err(Thrown(message));
            }
        }
    }
    Ok(Some(best.clone()))
}

fn sum(numbers: &[Number]) -> Number {
    numbers.iter().fold(Number::from(0), |sum, n| sum.plus(n))
}

fn mean(numbers: &[Number]) -> Number {
    sum(numbers)
        .over(&Number::from(numbers.len() as i64))
        .unwrap_or_else(|| Number::from(0))
}

fn median(numbers: &[Number]) -> Number {
    let mut sorted = numbers.to_vec();
    sorted.sort();
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        return sorted[middle].clone();
    }
    mean(&sorted[middle - 1..=middle])
}

fn deviation(numbers: &[Number]) -> Result<Val, Thrown> {
    let mean = mean(numbers);
    let squares = numbers.iter().fold(Number::from(0), |squares, n| {
        let distance = n.minus(&mean);
        squares.plus(&distance.times(&distance))
    });
    let by_zero = || Thrown("java.lang.ArithmeticException: Division undefined".to_owned());
    let variance = squares
        .over(&Number::from(numbers.len() as i64 - 1))
        .ok_or_else(by_zero)?;
    Ok(Val::double(variance.to_f64().sqrt()))
}

/// The most frequent numbers, in order.
fn mode(numbers: &[Number]) -> Val {
    let mut sorted = numbers.to_vec();
    sorted.sort();
    let mut counted: Vec<(Number, usize)> = Vec::new();
    for number in sorted {
        match counted.last_mut() {
            Some((last, count)) if *last == number => *count += 1,
            _ => counted.push((number, 1)),
        }
    }
    let most = counted.iter().map(|(_, count)| *count).max().unwrap_or_default();
    let frequent = counted.into_iter().filter(|(_, count)| *count == most);
    Val::list(frequent.map(|(number, _)| Val::Number(number)).collect())
}

/// All true, or one true: one truth decides, and something else on the way makes the result null.
fn decided(list: &[Val], decisive: bool) -> Val {
    let mut unknown = false;
    for item in list {
        match item {
            Val::Boolean(truth) if *truth == decisive => return Val::Boolean(decisive),
            Val::Boolean(_) => {}
            _ => unknown = true,
        }
    }
    if unknown {
        Val::Null
    } else {
        Val::Boolean(!decisive)
    }
}

/// A position from 1, or from the end if it is negative, as an index that may lie outside.
fn index(length: usize, position: i32) -> i64 {
    let position = i64::from(position);
    if position > 0 {
        position - 1
    } else {
        length as i64 + position
    }
}

/// Bounds put into a list of that length.
fn within(length: usize, from: i64, to: i64) -> std::ops::Range<usize> {
    let clamp = |at: i64| usize::try_from(at.max(0)).unwrap_or(0).min(length);
    let (from, to) = (clamp(from), clamp(to));
    from..to.max(from)
}

fn sublist(_: &Interpreter<'_>, args: &[Val]) -> Reply {
    let (list, start, length) = match args {
        [Val::List(list), Val::Number(start)] => (list, start, None),
        [Val::List(list), Val::Number(start), Val::Number(length)] => (list, start, Some(length)),
        _ => return Ok(None),
    };
    if start.is_zero() {
        return error("start position must be a non-zero number");
    }
    let from = index(list.len(), start.to_i32());
    let to = length.map_or(list.len() as i64, |length| from + i64::from(length.to_i32()));
    Ok(Some(Val::list(list[within(list.len(), from, to)].to_vec())))
}

fn insert_before(_: &Interpreter<'_>, args: &[Val]) -> Reply {
    let [Val::List(list), Val::Number(position), item] = args else {
        return Ok(None);
    };
    if position.is_zero() {
        return error("position must be a non-zero number");
    }
    let at = within(list.len(), index(list.len(), position.to_i32()), 0).start;
    let mut items = list.to_vec();
    items.insert(at, item.clone());
    Ok(Some(Val::list(items)))
}

fn remove(_: &Interpreter<'_>, args: &[Val]) -> Reply {
    let [Val::List(list), Val::Number(position)] = args else {
        return Ok(None);
    };
    if position.is_zero() {
        return error("position must be a non-zero number");
    }
    let taken = within(list.len(), 0, index(list.len(), position.to_i32()));
    let behind = within(
        list.len(),
        index(list.len(), position.to_i32().wrapping_add(1)),
        list.len() as i64,
    );
    let mut items = list[taken].to_vec();
    items.extend_from_slice(&list[behind]);
    Ok(Some(Val::list(items)))
}

/// Lists put together; what is no list counts as one of itself.
fn joined(lists: &[Val]) -> Vec<Val> {
    lists
        .iter()
        .flat_map(|value| match value {
            Val::List(items) => items.to_vec(),
            other => vec![other.clone()],
        })
        .collect()
}

fn distinct(interpreter: &Interpreter<'_>, list: &[Val]) -> Result<Vec<Val>, Thrown> {
    let mut values: Vec<Val> = Vec::new();
    for item in list {
        interpreter.spend(values.len())?;
        if !values.iter().any(|v| item.feel_equal(v) == Some(true)) {
            values.push(item.clone());
        }
    }
    Ok(values)
}

fn flattened(list: &[Val]) -> Vec<Val> {
    list.iter()
        .flat_map(|value| match value {
            Val::List(items) => flattened(items),
            other => vec![other.clone()],
        })
        .collect()
}

fn sort(interpreter: &Interpreter<'_>, args: &[Val]) -> Reply {
    let [Val::List(list), Val::Function(precedes)] = args else {
        return Ok(None);
    };
    if precedes.params.len() != 2 {
        return error(format!(
            "expect boolean function with 2 arguments, but found '{}'",
            precedes.params.len()
        ));
    }
    // Merging never asks for more than an order of two, whatever the function answers.
    let mut runs: Vec<Vec<Val>> = list.iter().map(|item| vec![item.clone()]).collect();
    while runs.len() > 1 {
        let mut merged = Vec::with_capacity(runs.len().div_ceil(2));
        let mut left = runs.into_iter();
        while let Some(first) = left.next() {
            let Some(second) = left.next() else {
                merged.push(first);
                break;
            };
            let mut result = Vec::with_capacity(first.len() + second.len());
            let (mut a, mut b) = (first.into_iter().peekable(), second.into_iter().peekable());
            while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
                let second_first = match interpreter.apply(precedes, vec![y.clone(), x.clone()])? {
                    Val::Boolean(truth) => truth,
                    other => {
                        return error(format!(
                            "fail to sort list by given precedes function: expected boolean but found '{other}'"
                        ));
                    }
                };
                result.extend(if second_first { b.next() } else { a.next() });
            }
            result.extend(a);
            result.extend(b);
            merged.push(result);
        }
        runs = merged;
    }
    Ok(Some(Val::list(runs.pop().unwrap_or_default())))
}

fn join(_: &Interpreter<'_>, args: &[Val]) -> Reply {
    let (list, delimiter, around) = match args {
        [Val::List(list)]
        | [Val::List(list), Val::Null]
        | [Val::List(list), Val::Null, Val::Null, Val::Null] => (list, "", None),
        [Val::List(list), Val::String(delimiter)]
        | [Val::List(list), Val::String(delimiter), Val::Null, Val::Null] => (list, &**delimiter, None),
        [
            Val::List(list),
            Val::String(delimiter),
            Val::String(prefix),
            Val::String(suffix),
        ] => (list, &**delimiter, Some((prefix, suffix))),
        [
            Val::List(list),
            Val::Null,
            Val::String(prefix),
            Val::String(suffix),
        ] => (list, "", Some((prefix, suffix))),
        _ => return Ok(None),
    };
    let mut texts = Vec::with_capacity(list.len());
    for item in list.iter() {
        match item {
            Val::String(text) => texts.push(&**text),
            Val::Null => {}
            _ => {
                return error(format!(
                    "expected a list of strings but found '{}'",
                    Val::List(list.clone())
                ));
            }
        }
    }
    let text = texts.join(delimiter);
    Ok(Some(Val::text(match around {
        Some((prefix, suffix)) => format!("{prefix}{text}{suffix}"),
        None => text,
    })))
}

fn partition(_: &Interpreter<'_>, args: &[Val]) -> Reply {
    let [Val::List(list), Val::Number(size)] = args else {
        return Ok(None);
    };
    match usize::try_from(size.to_i32()) {
        Ok(size) if size > 0 => Ok(Some(Val::list(
            list.chunks(size).map(|chunk| Val::list(chunk.to_vec())).collect(),
        ))),
        _ => error(format!("'size' should be greater than zero but was '{size}'")),
    }
}
