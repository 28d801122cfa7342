//! What is wrong with a BPMN file, where, and how the reference words it.

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Error,
    Warning,
}

/// One problem of a file. Line and column count from 1 and point behind the element's opening tag, as in the
/// reference; both are 0 where the reference gives none.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    pub message: String,
    pub line: u32,
    pub column: u32,
    /// REST's `mainElementId`.
    pub main_element: Option<String>,
    /// REST's `elementIds` (which the reference spells with a Cyrillic `е`).
    pub element_ids: Vec<String>,
    pub severity: Severity,
}

/// Why a file can't be deployed.
#[derive(Clone, Debug, PartialEq)]
pub struct ParseErrors {
    pub problems: Vec<Problem>,
    pub refusal: Refusal,
}

/// How the reference refuses a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// With a `ParseException` that has all problems as details.
    Problems,
    /// With a `ProcessEngineException`, as the file is no XML.
    Malformed,
    /// With the `ProcessEngineException` that ended its parser's work.
    Failed,
}

impl ParseErrors {
    /// The reference's message for a file of that name.
    pub fn message(&self, resource: &str) -> String {
        let cause = self.errors().next().map_or("", |p| p.message.as_str());
        match self.refusal {
            Refusal::Problems => {}
            Refusal::Malformed => return format!("ENGINE-09003 Could not parse '{resource}'. {cause}"),
            Refusal::Failed => return format!("ENGINE-01009 Error while parsing process. {cause}."),
        }
        let mut text = String::from("ENGINE-09005 Could not parse BPMN process. Errors: ");
        for problem in self.errors() {
            text += &format!("\n* {} | resource {resource}", problem.message);
            if problem.line > 0 {
                text += &format!(" | line {} | column {}", problem.line, problem.column);
            }
        }
        text
    }

    /// The problems that forbid deployment.
    pub fn errors(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().filter(|p| p.severity == Severity::Error)
    }

    /// The problems that don't.
    pub fn warnings(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().filter(|p| p.severity == Severity::Warning)
    }
}

impl std::fmt::Display for ParseErrors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message("the file"))
    }
}

impl std::error::Error for ParseErrors {}
