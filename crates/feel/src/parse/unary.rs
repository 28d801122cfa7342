//! Unary tests: what stands in the cells of a decision table, and behind `in`.
use super::{Parsed, Parser, Rule};
use crate::syntax::{Exp, Node, RangeExp};

impl Parser {
    pub(super) fn unary_tests(&mut self, at: usize) -> Parsed<Node> {
        self.negated_tests(at)
            .or_else(|| self.positive_tests(at))
            .or_else(|| Some((self.literal(at, "-")?, Node::new(Exp::Boolean(true)))))
    }

    fn negated_tests(&mut self, at: usize) -> Parsed<Node> {
        let at = self.token(at, "not")?;
        let at = self.token(at, "(")?;
        let (at, tests) = self.positive_tests(at)?;
        Some((self.closing(at, ")")?, Node::new(Exp::Not(tests))))
    }

    /// Tests with commas between them.
    pub(super) fn positive_tests(&mut self, at: usize) -> Parsed<Node> {
        let (at, mut tests) = self.separated(at, 1, ",", Parser::positive_test)?;
        let test = if tests.len() == 1 {
            tests.remove(0)
        } else {
            Node::new(Exp::AtLeastOne(tests))
        };
        Some((at, test))
    }

    pub(super) fn positive_test(&mut self, at: usize) -> Parsed<Node> {
        self.once(Rule::PositiveTest, at, |parser| {
            parser
                .last_boolean(at)
                .or_else(|| parser.simple_positive_test(at))
                .or_else(|| {
                    let (at, exp) = parser.expression(at)?;
                    Some((at, Node::new(Exp::UnaryTest(exp))))
                })
        })
    }

    /// `true` or `false` as the last test of the text.
    fn last_boolean(&mut self, at: usize) -> Parsed<Node> {
        let (at, value) = self.boolean(at)?;
        let end = self.space(at)?;
        (end == self.chars.len()).then(|| (end, Node::new(Exp::InputEqual(value))))
    }

    pub(super) fn simple_positive_test(&mut self, at: usize) -> Parsed<Node> {
        if let Some((at, operator)) = self.comparator(at)
            && let Some((at, value)) = self.math(at)
        {
            return Some((at, Node::new(Exp::InputCompare(operator, value))));
        }
        let (at, range) = self.range(at)?;
        Some((at, Node::new(Exp::InputInRange(range))))
    }

    pub(super) fn range(&mut self, at: usize) -> Parsed<RangeExp> {
        let at = self.space(at)?;
        let closed = match self.peek(at)? {
            '[' => true,
            '(' | ']' => false,
            _ => return None,
        };
        let at = self.space(at + 1)?;
        let (at, start) = self.math(at)?;
        let at = self.token(at, "..")?;
        let (at, end) = self.math(at)?;
        let at = self.space(at)?;
        let end_closed = match self.peek(at)? {
            ']' => true,
            ')' | '[' => false,
            _ => return None,
        };
        Some((
            at + 1,
            RangeExp {
                start: (start, closed),
                end: (end, end_closed),
            },
        ))
    }
}
