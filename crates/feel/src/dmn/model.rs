//! A file of decisions, as parsed.
use crate::{Expression, UnaryTests};
use std::sync::OnceLock;

/// The decisions of one file.
#[derive(Debug)]
pub struct Definitions {
    /// The `id`: the key of the decision requirements.
    pub key: String,
    pub name: String,
    /// The category of its decisions.
    pub namespace: String,
    /// Decisions with logic, in the order of the file.
    pub decisions: Vec<Decision>,
}

/// A decision that can be evaluated.
#[derive(Debug)]
pub struct Decision {
    pub key: String,
    pub name: String,
    pub version_tag: Option<String>,
    /// As written: days or `P…D`, checked.
    pub history_time_to_live: Option<String>,
    pub logic: Logic,
    /// Indexes of the decisions it needs, in the order of the file.
    pub requires: Vec<usize>,
}

impl Decision {
    /// What an evaluation counts as in the reference's metric: the cells of its table, or one expression.
    pub fn elements(&self) -> u64 {
        match &self.logic {
            Logic::Literal(_) => 1,
            Logic::Table(table) => ((table.inputs.len() + table.outputs.len()) * table.rules.len()) as u64,
        }
    }
}

/// How a decision decides.
#[derive(Debug)]
pub enum Logic {
    Table(Table),
    Literal(Literal),
}

/// A decision table.
#[derive(Debug)]
pub struct Table {
    pub hit_policy: HitPolicy,
    pub inputs: Vec<Input>,
    pub outputs: Vec<Output>,
    pub rules: Vec<Rule>,
}

/// What becomes of the rules that match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HitPolicy {
    Unique,
    First,
    Any,
    RuleOrder,
    Collect,
    Aggregate(Aggregator),
}

/// How collected values become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregator {
    Sum,
    Count,
    Min,
    Max,
}

/// An input column.
#[derive(Debug)]
pub struct Input {
    pub id: String,
    pub name: Option<String>,
    /// The variable that the cells see the input as.
    pub variable: Option<String>,
    pub expression: Cell,
    pub type_name: Option<String>,
}

/// An output column.
#[derive(Debug)]
pub struct Output {
    pub id: String,
    pub name: Option<String>,
    pub output_name: Option<String>,
    pub type_name: Option<String>,
}

#[derive(Debug)]
pub struct Rule {
    pub id: String,
    pub conditions: Vec<Cell>,
    pub conclusions: Vec<Cell>,
}

/// A literal expression and the variable that its value goes to.
#[derive(Debug)]
pub struct Literal {
    pub variable: String,
    pub type_name: Option<String>,
    pub expression: Cell,
}

/// An expression as written. It is compiled when it is first evaluated, since what is wrong with it shows then only.
#[derive(Debug, Default)]
pub struct Cell {
    pub text: Option<String>,
    /// `None`: FEEL.
    pub language: Option<String>,
    pub(super) feel: OnceLock<Result<Expression, String>>,
    pub(super) tests: OnceLock<Result<UnaryTests, String>>,
    pub(super) juel: OnceLock<Result<expr::Expression, String>>,
}

impl Cell {
    /// Whether there is nothing to evaluate.
    pub fn is_blank(&self) -> bool {
        self.text.as_ref().is_none_or(|text| text.trim().is_empty())
    }
}
