//! Builds the syntax tree from tokens: JUEL's grammar with JUEL's messages.

use crate::ast::{Binary, Node, Part, Unary};
use crate::error::ParseError;
use crate::lexer::{self, Symbol, Token};
use crate::methods::functions;
use crate::{MAX_DEPTH, MAX_LENGTH, MAX_NESTING, Value};

const EXPRESSION_STARTS: &str =
    "<IDENTIFIER>|<STRING>|<FLOAT>|<INTEGER>|'true'|'false'|'null'|'-'|'!'|'not'|'empty'|'('";

/// The binary operators by how tightly they bind, the loosest first.
const LEVELS: [&[(&str, Binary)]; 6] = [
    &[("||", Binary::Or)],
    &[("&&", Binary::And)],
    &[("==", Binary::Equal), ("!=", Binary::NotEqual)],
    &[
        ("<", Binary::Less),
        ("<=", Binary::LessEqual),
        (">", Binary::Greater),
        (">=", Binary::GreaterEqual),
    ],
    &[("+", Binary::Add), ("-", Binary::Subtract)],
    &[
        ("*", Binary::Multiply),
        ("/", Binary::Divide),
        ("%", Binary::Modulo),
    ],
];

/// A node with the depth of its tree.
type Tree = (Node, usize);

/// The parts of a text.
pub(crate) fn parse(text: &str) -> Result<Vec<Part>, ParseError> {
    if text.chars().count() > MAX_LENGTH {
        return Err(ParseError::limit(&format!(
            "it is longer than {MAX_LENGTH} characters"
        )));
    }
    let mut parser = Parser {
        text,
        tokens: lexer::tokens(text),
        at: 0,
        nesting: 0,
        function: None,
    };
    let parts = parser.parts()?;
    match parser.function {
        Some(problem) => Err(problem),
        None => Ok(parts),
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    nesting: usize,
    /// The first wrong function call; syntax errors go before it.
    function: Option<ParseError>,
}

impl Parser<'_> {
    fn parts(&mut self) -> Result<Vec<Part>, ParseError> {
        let mut parts = Vec::new();
        let mut opening = None;
        loop {
            match self.symbol() {
                Symbol::End => break,
                Symbol::Text => parts.push(Part::Text(self.take().image)),
                found => {
                    // All expressions of one text open alike.
                    let open = match (opening, found) {
                        (Some(open), _) => open,
                        (None, Symbol::Fixed(open)) => open,
                        (None, _) => "${",
                    };
                    opening = Some(open);
                    self.expect(open)?;
                    parts.push(Part::Expr(self.expression()?.0));
                    self.expect("}")?;
                }
            }
        }
        Ok(parts)
    }

    fn expression(&mut self) -> Result<Tree, ParseError> {
        self.nested(|parser| {
            let condition = parser.binary(0)?;
            if !parser.accept("?") {
                return Ok(condition);
            }
            let then = parser.expression()?;
            parser.expect(":")?;
            let other = parser.expression()?;
            let depth = condition.1.max(then.1).max(other.1);
            parser.grown(
                Node::Choice(Box::new(condition.0), Box::new(then.0), Box::new(other.0)),
                depth,
            )
        })
    }

    /// Operators of the level or tighter, left to right.
    fn binary(&mut self, level: usize) -> Result<Tree, ParseError> {
        let mut left = self.unary()?;
        'operands: loop {
            for tighter in (level..LEVELS.len()).rev() {
                let Some(operator) = self.operator(tighter) else {
                    continue;
                };
                self.take();
                let right = if tighter + 1 < LEVELS.len() {
                    self.binary(tighter + 1)?
                } else {
                    self.unary()?
                };
                let depth = left.1.max(right.1);
                left = self.grown(Node::Binary(operator, Box::new(left.0), Box::new(right.0)), depth)?;
                continue 'operands;
            }
            return Ok(left);
        }
    }

    fn operator(&self, level: usize) -> Option<Binary> {
        let Symbol::Fixed(found) = self.symbol() else {
            return None;
        };
        LEVELS
            .get(level)?
            .iter()
            .find(|(symbol, _)| *symbol == found)
            .map(|(_, operator)| *operator)
    }

    fn unary(&mut self) -> Result<Tree, ParseError> {
        let operator = match self.symbol() {
            Symbol::Fixed("-") => Unary::Negate,
            Symbol::Fixed("!") => Unary::Not,
            Symbol::Fixed("empty") => Unary::Empty,
            _ => return self.value(),
        };
        self.take();
        self.nested(|parser| {
            let (operand, depth) = parser.unary()?;
            parser.grown(Node::Unary(operator, Box::new(operand)), depth)
        })
    }

    /// A literal, a name or a nested expression, with properties, indexes and method calls after it.
    fn value(&mut self) -> Result<Tree, ParseError> {
        let (mut node, mut depth) = self.primary()?;
        loop {
            if self.accept(".") {
                if self.symbol() != Symbol::Identifier {
                    return Err(self.unexpected("<IDENTIFIER>"));
                }
                let name = self.take().image;
                if self.symbol() == Symbol::Fixed("(") {
                    let name = Node::Literal(Value::Str(name));
                    (node, depth) = self.method(node, depth, name, 0)?;
                } else {
                    (node, depth) = self.grown(Node::Property(Box::new(node), name), depth)?;
                }
            } else if self.accept("[") {
                let (index, index_depth) = self.expression()?;
                self.expect("]")?;
                if self.symbol() == Symbol::Fixed("(") {
                    (node, depth) = self.method(node, depth, index, index_depth)?;
                } else {
                    let deepest = depth.max(index_depth);
                    (node, depth) = self.grown(Node::Index(Box::new(node), Box::new(index)), deepest)?;
                }
            } else {
                return Ok((node, depth));
            }
        }
    }

    fn method(
        &mut self,
        base: Node,
        depth: usize,
        name: Node,
        name_depth: usize,
    ) -> Result<Tree, ParseError> {
        let (arguments, arguments_depth) = self.arguments()?;
        let deepest = depth.max(name_depth).max(arguments_depth);
        self.grown(Node::Method(Box::new(base), Box::new(name), arguments), deepest)
    }

    fn primary(&mut self) -> Result<Tree, ParseError> {
        match self.symbol() {
            Symbol::Identifier => self.name(),
            Symbol::Fixed("(") => {
                self.take();
                let (inner, depth) = self.expression()?;
                self.expect(")")?;
                self.grown(Node::Nested(Box::new(inner)), depth)
            }
            Symbol::String => Ok((Node::Literal(Value::Str(self.take().image)), 1)),
            Symbol::Fixed("true") => self.skip_to(Value::Bool(true)),
            Symbol::Fixed("false") => self.skip_to(Value::Bool(false)),
            Symbol::Fixed("null") => self.skip_to(Value::Null),
            Symbol::Integer => match self.image().parse() {
                Ok(number) => self.skip_to(Value::Long(number)),
                Err(_) => Err(self.unexpected("<INTEGER>")),
            },
            Symbol::Float => match self.image().parse() {
                Ok(number) => self.skip_to(Value::Double(number)),
                Err(_) => Err(self.unexpected("<FLOAT>")),
            },
            _ => Err(self.unexpected(EXPRESSION_STARTS)),
        }
    }

    fn skip_to(&mut self, value: Value) -> Result<Tree, ParseError> {
        self.take();
        Ok((Node::Literal(value), 1))
    }

    /// A variable or a function call.
    fn name(&mut self) -> Result<Tree, ParseError> {
        let start = self.start();
        let mut name = self.take().image;
        let ahead = |parser: &Self, n: usize| parser.tokens.get(parser.at + n).map(|token| token.symbol);
        if self.symbol() == Symbol::Fixed(":")
            && ahead(self, 1) == Some(Symbol::Identifier)
            && ahead(self, 2) == Some(Symbol::Fixed("("))
        {
            self.take();
            name = format!("{name}:{}", self.take().image);
        }
        if self.symbol() != Symbol::Fixed("(") {
            return Ok((Node::Identifier(name), 1));
        }
        let (arguments, depth) = self.arguments()?;
        if let Err(message) = functions::check(&name, arguments.len()) {
            self.function
                .get_or_insert(ParseError::function(self.text, start, message));
        }
        self.grown(Node::Function(name, arguments), depth)
    }

    fn arguments(&mut self) -> Result<(Vec<Node>, usize), ParseError> {
        self.expect("(")?;
        let mut arguments = Vec::new();
        let mut deepest = 0;
        if self.starts_expression() {
            loop {
                let (node, depth) = self.expression()?;
                arguments.push(node);
                deepest = deepest.max(depth);
                if !self.accept(",") {
                    break;
                }
            }
        }
        self.expect(")")?;
        Ok((arguments, deepest))
    }

    fn starts_expression(&self) -> bool {
        match self.symbol() {
            Symbol::Identifier | Symbol::String | Symbol::Integer | Symbol::Float => true,
            Symbol::Fixed(symbol) => ["true", "false", "null", "-", "!", "empty", "("].contains(&symbol),
            Symbol::Text | Symbol::End | Symbol::Invalid => false,
        }
    }

    /// A node one level above a tree of that depth.
    fn grown(&self, node: Node, depth: usize) -> Result<Tree, ParseError> {
        if depth >= MAX_DEPTH {
            return Err(ParseError::limit(&format!("it has more than {MAX_DEPTH} levels")));
        }
        Ok((node, depth + 1))
    }

    fn nested(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<Tree, ParseError>,
    ) -> Result<Tree, ParseError> {
        if self.nesting >= MAX_NESTING {
            return Err(ParseError::limit(&format!(
                "it is nested deeper than {MAX_NESTING} levels"
            )));
        }
        self.nesting += 1;
        let result = inner(self);
        self.nesting -= 1;
        result
    }

    fn symbol(&self) -> Symbol {
        self.tokens.get(self.at).map_or(Symbol::End, |token| token.symbol)
    }

    fn image(&self) -> &str {
        self.tokens.get(self.at).map_or("null", |token| &token.image)
    }

    fn start(&self) -> usize {
        self.tokens
            .get(self.at)
            .map_or(self.text.len(), |token| token.start)
    }

    fn take(&mut self) -> Token {
        let token = Token {
            symbol: self.symbol(),
            image: self.image().to_owned(),
            start: self.start(),
        };
        if token.symbol != Symbol::End {
            self.at += 1;
        }
        token
    }

    fn accept(&mut self, symbol: &'static str) -> bool {
        let found = self.symbol() == Symbol::Fixed(symbol);
        if found {
            self.take();
        }
        found
    }

    fn expect(&mut self, symbol: &'static str) -> Result<(), ParseError> {
        if self.accept(symbol) {
            Ok(())
        } else {
            Err(self.unexpected(&format!("'{symbol}'")))
        }
    }

    /// The error for the current token.
    fn unexpected(&self, expected: &str) -> ParseError {
        let start = self.start();
        let at = self.text.get(..start).map_or(0, |before| before.chars().count());
        let image = self.image();
        let cause = if self.symbol() == Symbol::Invalid {
            format!("lexical error at position {at}, encountered {image}")
        } else {
            format!("syntax error at position {at}, encountered '{image}', expected {expected}")
        };
        ParseError::new(self.text, start, &cause)
    }
}
