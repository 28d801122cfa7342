//! The built-in functions, one file per family.
mod boolean;
mod context;
mod conversion;
mod list;
mod numeric;
mod range;
mod string;
mod temporal;

use crate::eval::{Interpreter, Thrown};
use crate::value::Val;
use std::collections::HashMap;
use std::sync::LazyLock;

/// What a function gives: `None` where it isn't made for the arguments' types.
pub(crate) type Reply = Result<Option<Val>, Thrown>;

/// A built-in function with one list of parameters; a name may have several.
pub(crate) struct Builtin {
    pub name: &'static str,
    pub params: &'static [&'static str],
    /// Whether the last parameter takes any number of arguments.
    pub variadic: bool,
    pub run: fn(&Interpreter<'_>, &[Val]) -> Reply,
}

/// A function with a fixed number of parameters.
const fn function(
    name: &'static str,
    params: &'static [&'static str],
    run: fn(&Interpreter<'_>, &[Val]) -> Reply,
) -> Builtin {
    Builtin {
        name,
        params,
        variadic: false,
        run,
    }
}

/// A function whose last parameter takes any number of arguments.
const fn variadic(
    name: &'static str,
    params: &'static [&'static str],
    run: fn(&Interpreter<'_>, &[Val]) -> Reply,
) -> Builtin {
    Builtin {
        name,
        params,
        variadic: true,
        run,
    }
}

static TABLES: [&[Builtin]; 8] = [
    conversion::FUNCTIONS,
    boolean::FUNCTIONS,
    string::FUNCTIONS,
    list::FUNCTIONS,
    numeric::FUNCTIONS,
    context::FUNCTIONS,
    range::FUNCTIONS,
    temporal::FUNCTIONS,
];

static BY_NAME: LazyLock<HashMap<&'static str, Vec<&'static Builtin>>> = LazyLock::new(|| {
    let mut map: HashMap<_, Vec<_>> = HashMap::new();
    for builtin in TABLES.iter().copied().flatten() {
        map.entry(builtin.name).or_default().push(builtin);
    }
    map
});

/// The functions of a name, in the order in which they are tried.
pub(crate) fn named(name: &str) -> impl Iterator<Item = &'static Builtin> {
    BY_NAME.get(name).into_iter().flatten().copied()
}

fn error(message: impl Into<String>) -> Reply {
    Ok(Some(Val::Error(message.into())))
}

#[cfg(test)]
mod tests {
    /// The page that lists what is supported must not lag behind.
    #[test]
    fn every_function_is_in_the_page_of_functions() {
        let page = include_str!("../../../../docs/dmn.md");
        for builtin in super::TABLES.iter().copied().flatten() {
            let entry = format!("`{}(", builtin.name);
            assert!(page.contains(&entry), "docs/dmn.md lacks {entry}…)`");
        }
    }
}
