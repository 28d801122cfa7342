//! The file format of cases.
//!
//! ```text
//! == name of the case
//! # what it is about
//! model
//!   process KEY
//!     …
//! > start {"x":1}
//! + act a userTask in KEY on @KEY
//! > complete a
//! ! 500 ProcessEngineException: …
//! history
//!   …
//! ```
//! A `model` is BPMN in short form, `file NAME` a resource as it is; all before the first step are one deployment. Behind
//! each step stand a refusal (`!`) and what it changed in the state: lines that came (`+`) and went (`-`).
use anyhow::{Context, Result, bail};
use std::{fmt, str::FromStr};

/// A resource of a deployment.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// Its file name; BPMN in short form has none.
    pub name: Option<String>,
    pub text: String,
}

/// Something done, and what the reference engine made of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    pub what: String,
    /// What it deploys.
    pub resources: Vec<Resource>,
    /// Status, type and message, where it was refused.
    pub refused: Option<String>,
    /// Lines of the state that came and went.
    pub changes: Vec<String>,
}

/// A model, what is done with it and what came out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Case {
    pub name: String,
    pub about: Vec<String>,
    /// The first one deploys.
    pub steps: Vec<Step>,
    pub history: Vec<String>,
}

/// The cases of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cases(pub Vec<Case>);

impl FromStr for Cases {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Cases> {
        let mut cases: Vec<Case> = Vec::new();
        // What indented lines belong to.
        let mut in_history = false;
        for (number, line) in text.lines().enumerate() {
            let context = || format!("line {}: {line}", number + 1);
            if let Some(name) = line.strip_prefix("== ") {
                let deploy = Step {
                    what: "deploy".to_owned(),
                    ..Step::default()
                };
                cases.push(Case {
                    name: name.to_owned(),
                    steps: vec![deploy],
                    ..Case::default()
                });
                in_history = false;
                continue;
            }
            if line.trim().is_empty() {
                continue;
            }
            let case = cases.last_mut().with_context(context)?;
            let step = case.steps.last_mut().with_context(context)?;
            let (head, rest) = line.split_once(' ').unwrap_or((line, ""));
            match head {
                "" if in_history => case.history.push(line.trim_start().to_owned()),
                "" => {
                    let resource = step.resources.last_mut().with_context(context)?;
                    resource.text += line.strip_prefix("  ").unwrap_or(line);
                    resource.text += "\n";
                }
                "#" => case.about.push(rest.to_owned()),
                "model" => step.resources.push(Resource {
                    name: None,
                    text: String::new(),
                }),
                "file" => step.resources.push(Resource {
                    name: Some(rest.to_owned()),
                    text: String::new(),
                }),
                ">" => case.steps.push(Step {
                    what: rest.to_owned(),
                    ..Step::default()
                }),
                "!" => step.refused = Some(rest.to_owned()),
                "+" | "-" => step.changes.push(line.to_owned()),
                "history" => in_history = true,
                _ => bail!("line {}: {line}", number + 1),
            }
        }
        Ok(Cases(cases))
    }
}

impl fmt::Display for Cases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, case) in self.0.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            write!(f, "{case}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "== {}", self.name)?;
        for line in &self.about {
            writeln!(f, "# {line}")?;
        }
        for (number, step) in self.steps.iter().enumerate() {
            if number > 0 {
                writeln!(f, "> {}", step.what)?;
            }
            for resource in &step.resources {
                match &resource.name {
                    None => writeln!(f, "model")?,
                    Some(name) => writeln!(f, "file {name}")?,
                }
                for line in resource.text.lines() {
                    writeln!(f, "  {line}")?;
                }
            }
            if let Some(refused) = &step.refused {
                writeln!(f, "! {refused}")?;
            }
            for change in &step.changes {
                writeln!(f, "{change}")?;
            }
        }
        if !self.history.is_empty() {
            writeln!(f, "history")?;
            for line in &self.history {
                writeln!(f, "  {line}")?;
            }
        }
        Ok(())
    }
}

/// What came (`+`) and what went (`-`) between two states.
pub fn changes(before: &[String], after: &[String]) -> Vec<String> {
    let count = |lines: &[String], line: &String| lines.iter().filter(|l| *l == line).count();
    let only = |these: &[String], those: &[String], sign: &str| {
        let mut lines = Vec::new();
        let mut distinct: Vec<&String> = these.iter().collect();
        distinct.dedup();
        for line in distinct {
            for _ in count(those, line)..count(these, line) {
                lines.push(format!("{sign} {line}"));
            }
        }
        lines
    };
    let mut lines = only(before, after, "-");
    lines.extend(only(after, before, "+"));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "== one\n# about\nmodel\n  process KEY\n    start s\n> start {}\n+ inst KEY\n> complete a\n! 404 \
                        X: y\nhistory\n  act s\n\n== two\nmodel\n  process KEY\n";

    #[test]
    fn a_file_is_written_as_it_was_read() {
        assert_eq!(TEXT.parse::<Cases>().unwrap().to_string(), TEXT);
    }

    #[test]
    fn changes_count_equal_lines() {
        let lines = |names: &str| names.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(changes(&lines("a b b"), &lines("b c")), ["- a", "- b", "+ c"]);
    }
}
