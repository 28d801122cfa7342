//! Other versions of a process, to which its instances are migrated: the same with one change.
use super::Dice;

/// A model with one change, and the instructions that a plan needs beyond those that engines generate.
pub(super) fn changed(model: &str, dice: &mut Dice) -> (String, Vec<(String, String)>) {
    let mut lines: Vec<String> = model.lines().map(str::to_owned).collect();
    let main = 1 + lines[1..]
        .iter()
        .take_while(|l| !l.starts_with("process "))
        .count();
    let tasks = positions(&lines[..main], |word| {
        ["user", "external", "receive"].contains(&word)
    });
    let boundaries = positions(&lines[..main], |word| word == "boundary");
    let subs = positions(&lines[..main], |word| ["sub", "event-sub", "tx"].contains(&word));
    let some = |from: &[usize], dice: &mut Dice| (!from.is_empty()).then(|| from[dice.below(from.len())]);
    let mut instructions = Vec::new();
    match dice.below(10) {
        0 => {}
        1 => {
            let named: Vec<usize> = tasks.iter().chain(&subs).copied().collect();
            if let Some(at) = some(&named, dice) {
                let id = word(&lines[at], 1);
                let other = format!("{id}n");
                for line in &mut lines[..main] {
                    *line = renamed(line, &id, &other);
                }
                if !dice.once_in(3) {
                    instructions.push((id, other));
                }
            }
        }
        2 => {
            if let Some(at) = some(&boundaries, dice) {
                let end = behind(&lines, at);
                lines.drain(at..end);
            }
        }
        3 | 4 => {
            let hosts: Vec<usize> = tasks.iter().chain(&subs).copied().collect();
            let hosts: Vec<usize> = hosts
                .into_iter()
                .filter(|at| word(&lines[*at], 0) != "event-sub")
                .collect();
            if let Some(at) = some(&hosts, dice) {
                let (id, blank) = (word(&lines[at], 1), indent(&lines[at]));
                let event = dice.pick(&[
                    "timer PT3H",
                    "message late",
                    "signal late",
                    "conditional ${c == 9}",
                    "error E1",
                    "escalation S1",
                ]);
                let event = match event.starts_with("error") || dice.once_in(2) {
                    true => event.to_owned(),
                    false => format!("nonint {event}"),
                };
                let end = behind(&lines, at);
                lines.insert(end, format!("{blank}boundary {id}v {id} {event} > {id}w"));
                lines.insert(end + 1, format!("{blank}end {id}w"));
            }
        }
        5 | 6 => {
            let alone: Vec<usize> = tasks
                .iter()
                .copied()
                .filter(|at| {
                    let id = word(&lines[*at], 1);
                    !boundaries.iter().any(|b| word(&lines[*b], 2) == id)
                        && lines[*at].matches(" > ").count() == 1
                })
                .collect();
            if let Some(at) = some(&alone, dice) {
                wrap(&mut lines, at);
            }
        }
        7 => {
            if let Some(at) = some(&tasks, dice) {
                let (kind, id) = (word(&lines[at], 0), word(&lines[at], 1));
                let other = match kind.as_str() {
                    "user" => format!("external {id} topic"),
                    _ => format!("user {id}"),
                };
                let flows = lines[at]
                    .find(" > ")
                    .map_or(String::new(), |from| lines[at][from..].to_owned());
                lines[at] = indent(&lines[at]) + &other + &flows;
            }
        }
        8 => {
            let timers: Vec<usize> = (0..main).filter(|at| lines[*at].contains("timer PT")).collect();
            if let Some(at) = some(&timers, dice) {
                lines[at] = lines[at].replacen("timer PT", "timer PT1H", 1);
            }
        }
        _ => {
            if tasks.len() > 1 {
                let (from, to) = (tasks[dice.below(tasks.len())], tasks[dice.below(tasks.len())]);
                instructions.push((word(&lines[from], 1), word(&lines[to], 1)));
            }
        }
    }
    (lines.join("\n") + "\n", instructions)
}

/// A task within a subprocess of its own.
fn wrap(lines: &mut Vec<String>, at: usize) {
    let (id, blank) = (word(&lines[at], 1), indent(&lines[at]));
    let end = behind(lines, at);
    let Some((head, target)) = lines[at]
        .clone()
        .split_once(" > ")
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
    else {
        return;
    };
    for line in lines.iter_mut() {
        *line = line.replace(&format!("> {id} "), &format!("> {id}x "));
        if line.ends_with(&format!("> {id}")) {
            line.push('x');
        }
    }
    lines[at] = format!("{head} > {id}e");
    for line in &mut lines[at..end] {
        line.insert_str(0, "  ");
    }
    lines.insert(end, format!("{blank}  end {id}e"));
    lines.insert(at, format!("{blank}  start {id}s > {id}"));
    lines.insert(at, format!("{blank}sub {id}x > {target}"));
}

/// Where elements of these kinds stand.
fn positions(lines: &[String], is: impl Fn(&str) -> bool) -> Vec<usize> {
    (1..lines.len()).filter(|at| is(&word(&lines[*at], 0))).collect()
}

/// The line behind an element and what is inside it.
fn behind(lines: &[String], at: usize) -> usize {
    let depth = indent(&lines[at]).len();
    at + 1
        + lines[at + 1..]
            .iter()
            .take_while(|l| indent(l).len() > depth)
            .count()
}

fn indent(line: &str) -> String {
    " ".repeat(line.len() - line.trim_start().len())
}

fn word(line: &str, number: usize) -> String {
    line.split_whitespace().nth(number).unwrap_or_default().to_owned()
}

/// A line in which one word is another.
fn renamed(line: &str, word: &str, other: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(word) {
        let (before, after) = (&rest[..at], &rest[at + word.len()..]);
        let whole = !before.ends_with(is_part) && !after.starts_with(is_part);
        out += before;
        out += if whole { other } else { word };
        rest = after;
    }
    out + rest
}
