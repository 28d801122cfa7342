//! The syntax tree of an expression.

use crate::Value;

/// One piece of a text: literal characters or an expression.
pub(crate) enum Part {
    Text(String),
    Expr(Node),
}

/// A node of the tree.
pub(crate) enum Node {
    Literal(Value),
    Identifier(String),
    Property(Box<Node>, String),
    Index(Box<Node>, Box<Node>),
    /// A method of a value; the name is usually a literal (`a.m()`), but `a["m"]()` is allowed.
    Method(Box<Node>, Box<Node>, Vec<Node>),
    /// A function by its full name, `f` or `ns:f`.
    Function(String, Vec<Node>),
    Unary(Unary, Box<Node>),
    Binary(Binary, Box<Node>, Box<Node>),
    /// Parentheses; they only matter for what messages name.
    Nested(Box<Node>),
    Choice(Box<Node>, Box<Node>, Box<Node>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unary {
    Negate,
    Not,
    Empty,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Less,
    Greater,
    LessEqual,
    GreaterEqual,
    Equal,
    NotEqual,
    And,
    Or,
}
