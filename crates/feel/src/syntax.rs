//! The syntax tree of FEEL.
use crate::number::Number;
use crate::temporal::Temporal;
use std::sync::Arc;

pub(crate) type Node = Arc<Exp>;

/// An expression or a unary test.
#[derive(Debug)]
pub(crate) enum Exp {
    Null,
    /// `?`
    InputValue,
    Boolean(bool),
    Number(Number),
    String(String),
    Temporal(Temporal),
    List(Vec<Node>),
    Context(Vec<(String, Node)>),
    Range(RangeExp),
    /// A name, and the path behind it.
    Ref(Vec<String>),
    Path(Node, String),
    Filter(Node, Node),
    Arithmetic(Operator, Node, Node),
    Negation(Node),
    Equal(Node, Node),
    Compare(Comparison, Node, Node),
    Not(Node),
    Or(Node, Node),
    And(Node, Node),
    In(Node, Node),
    InstanceOf(Node, String),
    If(Node, Node, Node),
    For(Vec<(String, Node)>, Node),
    Some(Vec<(String, Node)>, Node),
    Every(Vec<(String, Node)>, Node),
    /// `a..b` of a loop.
    Iteration(Node, Node),
    Call(String, Params<Node>),
    /// A function of the context that the path names.
    CallOf(Node, String, Params<Node>),
    Function(Vec<String>, Node),
    /// A Java function: read so that it can be refused.
    ExternalFunction,
    /// `true` or `false` as a unary test.
    InputEqual(Node),
    /// `< x` and its like.
    InputCompare(Comparison, Node),
    /// `[a..b]` as a unary test.
    InputInRange(RangeExp),
    /// Several tests of which one must be met.
    AtLeastOne(Vec<Node>),
    /// Any expression as a unary test.
    UnaryTest(Node),
}

#[derive(Clone, Debug)]
pub(crate) struct RangeExp {
    pub start: (Node, bool),
    pub end: (Node, bool),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    /// Whether an order of two values meets the comparison.
    pub fn meets(self, order: std::cmp::Ordering) -> bool {
        match self {
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// The parameters of a call.
#[derive(Clone, Debug)]
pub(crate) enum Params<T> {
    Positional(Vec<T>),
    Named(Vec<(String, T)>),
}
