//! What each operation needs: `operations.txt`, compiled in.
use super::need::{self, Pairs, resource};
use rest_api::{
    authorization::RESOURCES,
    operations::{Operation, operations},
};
use std::{collections::HashMap, sync::LazyLock};

/// One thing that an operation needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    pub what: What,
    pub otherwise: Otherwise,
}

/// What happens to whoever lacks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// 403.
    Refused,
    /// He finds nothing.
    Hidden,
    /// 500, as the REST layer words what it didn't expect.
    Rest,
    /// 403 without the engine's members.
    Form,
    /// 400: no single result.
    Single,
}

/// What is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Of the task of the path.
    Task(Pairs),
    /// Of the instance to which what the path names belongs.
    Instance(Pairs),
    /// READ_HISTORY on the definition of the instance of the path, running or ended.
    InstanceHistory,
    /// One of these on the process definition of the path.
    Definition(&'static [&'static str]),
    /// New tries for jobs of a definition.
    JobsOfDefinition,
    /// To start an instance of the definition of the path.
    Start,
    Decision(&'static str),
    Requirements(&'static str),
    /// On the thing of the path.
    Thing(i32, &'static str),
    /// On the resource.
    Whole(i32, &'static str),
    /// On all of the resource.
    Every(i32, &'static str),
    /// To make a batch: this permission, or CREATE.
    Batch(&'static str),
    /// An administrator, or whoever has this.
    Admin(Option<(i32, &'static str)>),
}

/// Needs by operation id.
static RULES: LazyLock<HashMap<&'static str, Vec<Rule>>> = LazyLock::new(|| {
    let mut lines: HashMap<(&str, &str), Vec<Rule>> = HashMap::new();
    for line in include_str!("operations.txt").lines() {
        if let Some(((methods, path), needs)) = read(line) {
            lines.extend(methods.map(|method| ((method, path), needs.clone())));
        }
    }
    let of = |operation: &'static Operation| Some((operation.id, needs_of(operation, &lines)?));
    operations().iter().filter_map(of).collect()
});

type Line = ((std::str::Split<'static, char>, &'static str), Vec<Rule>);

/// A line of the table; `None` for one without an operation, and for one that can't be read, which a test finds.
fn read(line: &'static str) -> Option<Line> {
    let mut words = line.split_whitespace();
    let methods = words.next().filter(|word| !word.starts_with('#'))?;
    let path = words.next()?;
    let needs: Option<Vec<Rule>> = words
        .filter(|word| !["shown", "free"].contains(word))
        .map(rule)
        .collect();
    Some(((methods.split(','), path), needs?))
}

fn rule(word: &'static str) -> Option<Rule> {
    let (hidden, word) = match word.strip_prefix('?') {
        Some(word) => (true, word),
        None => (false, word),
    };
    let (word, way) = word.split_once('~').unwrap_or((word, ""));
    let otherwise = match (hidden, way) {
        (true, "") => Otherwise::Hidden,
        (false, "") => Otherwise::Refused,
        (false, "rest") => Otherwise::Rest,
        (false, "form") => Otherwise::Form,
        (false, "single") => Otherwise::Single,
        _ => return None,
    };
    Some(Rule {
        what: what(word)?,
        otherwise,
    })
}

fn what(word: &'static str) -> Option<What> {
    if let Some((kind, of)) = word.split_once(':') {
        return Some(match (kind, of) {
            ("task", "read") => What::Task(need::READ_TASK),
            ("task", "work") => What::Task(need::WORK_ON_TASK),
            ("task", "assign") => What::Task(need::ASSIGN_TASK),
            ("task", "variable") => What::Task(need::UPDATE_TASK_VARIABLE),
            ("instance", "read") => What::Instance(need::READ_INSTANCE),
            ("instance", "update") => What::Instance(need::UPDATE_INSTANCE),
            ("instance", "delete") => What::Instance(need::DELETE_INSTANCE),
            ("instance", "suspend") => What::Instance(need::SUSPEND_INSTANCE),
            ("instance", "variable") => What::Instance(need::UPDATE_VARIABLE),
            ("instance", "retry") => What::Instance(need::RETRY_JOB),
            ("instance", "history") => What::InstanceHistory,
            ("jobs", "retry") => What::JobsOfDefinition,
            ("definition", "READ") => What::Definition(&["READ"]),
            ("definition", "UPDATE") => What::Definition(&["UPDATE"]),
            ("definition", "DELETE") => What::Definition(&["DELETE"]),
            ("definition", "SUSPEND") => What::Definition(&["SUSPEND", "UPDATE"]),
            ("definition", "READ_HISTORY") => What::Definition(&["READ_HISTORY"]),
            ("decision", permission) => What::Decision(permission),
            ("requirements", permission) => What::Requirements(permission),
            ("batch", name) => What::Batch(batch(name)?),
            _ => return None,
        });
    }
    if word == "start" {
        return Some(What::Start);
    }
    if word == "admin" {
        return Some(What::Admin(None));
    }
    let (admin, word) = match word.strip_prefix("admin|") {
        Some(word) => (true, word),
        None => (false, word),
    };
    let (constant, permission) = word.split_once('.')?;
    let number = RESOURCES.iter().find(|r| r.constant == constant)?.number;
    if admin {
        return Some(What::Admin(Some((number, permission))));
    }
    Some(
        match (permission.strip_suffix('!'), permission.strip_suffix('*')) {
            (Some(permission), _) => What::Whole(number, permission),
            (_, Some(permission)) => What::Every(number, permission),
            _ => What::Thing(number, permission),
        },
    )
}

/// The permission `CREATE_BATCH_…` of that name.
fn batch(name: &str) -> Option<&'static str> {
    let of = RESOURCES.iter().find(|r| r.number == resource::BATCH)?;
    let mut names = of.permissions.iter().map(|(permission, _)| *permission);
    names.find(|permission| permission.strip_prefix("CREATE_BATCH_") == Some(name))
}

/// Kinds of definitions whose paths by key have the rules of those by id.
const KEYED: [(&str, What); 3] = [
    ("/process-definition", What::Definition(&["READ"])),
    ("/decision-definition", What::Decision("READ")),
    ("/decision-requirements-definition", What::Requirements("READ")),
];

/// What an operation needs; `None`: the table doesn't say, so nobody may.
pub fn of(operation: &Operation) -> Option<&'static [Rule]> {
    RULES.get(operation.id).map(Vec::as_slice)
}

fn needs_of(operation: &Operation, lines: &HashMap<(&str, &str), Vec<Rule>>) -> Option<Vec<Rule>> {
    let find = |path: &str| lines.get(&(operation.method, path)).cloned();
    if let Some(rules) = find(operation.path) {
        return Some(rules);
    }
    let (root, read) = KEYED.iter().find_map(|(root, read)| {
        let below = operation.path.strip_prefix(root)?;
        below.starts_with("/key/").then_some((root, read))
    })?;
    let rest = operation.path.strip_prefix(root)?.strip_prefix("/key/{key}")?;
    let rest = rest.strip_prefix("/tenant-id/{tenant-id}").unwrap_or(rest);
    // Deleting all versions asks for nothing but that.
    if rest == "/delete" {
        return find(&format!("{root}/{{id}}"));
    }
    let hides = Rule {
        what: *read,
        otherwise: Otherwise::Hidden,
    };
    let rules = find(&format!("{root}/{{id}}{rest}"))?;
    Some([hides].into_iter().chain(rules).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rest_api::authorization;

    #[test]
    fn every_line_can_be_read_and_names_an_operation() {
        for line in include_str!("operations.txt").lines() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let ((methods, path), _) = read(line).unwrap_or_else(|| panic!("{line}"));
            for method in methods {
                let known = |o: &&rest_api::operations::Operation| o.method == method && o.path == path;
                assert!(operations().iter().any(|o| known(&o)), "{line}");
            }
        }
    }

    #[test]
    fn every_operation_but_those_that_nobody_serves_has_its_rules() {
        for operation in operations() {
            let served = !operation.path.contains("/case-") && !operation.path.starts_with("/optimize/");
            let rules = of(operation);
            assert_eq!(rules.is_some(), served, "{} {}", operation.method, operation.path);
        }
    }

    #[test]
    fn permissions_are_those_of_their_resource() {
        let of = |number, name| assert!(authorization::check(name, number).is_ok(), "{number} {name}");
        for rule in RULES.values().flatten() {
            match rule.what {
                What::Thing(number, name) | What::Whole(number, name) | What::Every(number, name) => {
                    of(number, name)
                }
                What::Admin(Some((number, name))) => of(number, name),
                What::Decision(name) => of(resource::DECISION_DEFINITION, name),
                What::Requirements(name) => of(resource::DECISION_REQUIREMENTS_DEFINITION, name),
                What::Definition(names) => names
                    .iter()
                    .for_each(|name| of(resource::PROCESS_DEFINITION, name)),
                What::Task(pairs) => pairs.iter().for_each(|(own, through)| {
                    of(resource::TASK, own);
                    of(resource::PROCESS_DEFINITION, through);
                }),
                What::Instance(pairs) => pairs.iter().for_each(|(own, through)| {
                    of(resource::PROCESS_INSTANCE, own);
                    of(resource::PROCESS_DEFINITION, through);
                }),
                _ => {}
            }
        }
    }
}
