//! Control structures and operators, from the weakest to the strongest.
use super::{Parsed, Parser, Rule};
use crate::syntax::{Comparison, Exp, Node, Operator};

fn node(exp: Exp) -> Node {
    Node::new(exp)
}

impl Parser {
    pub(super) fn expression(&mut self, at: usize) -> Parsed<Node> {
        self.once(Rule::Expression, at, |parser| {
            parser
                .conditional(at)
                .or_else(|| parser.loop_over(at))
                .or_else(|| parser.quantified(at))
                .or_else(|| parser.disjunction(at))
        })
    }

    fn conditional(&mut self, at: usize) -> Parsed<Node> {
        let (at, condition) = self.behind(at, "if")?;
        let (at, met) = self.behind(at, "then")?;
        let (at, otherwise) = self.behind(at, "else")?;
        Some((at, node(Exp::If(condition, met, otherwise))))
    }

    /// A key word and the expression behind it.
    fn behind(&mut self, at: usize, word: &str) -> Parsed<Node> {
        let at = self.token(at, word)?;
        self.expression(at)
    }

    fn loop_over(&mut self, at: usize) -> Parsed<Node> {
        let at = self.token(at, "for")?;
        let (at, iterators) = self.separated(at, 1, ",", Parser::iterator)?;
        let (at, body) = self.behind(at, "return")?;
        Some((at, node(Exp::For(iterators, body))))
    }

    fn quantified(&mut self, at: usize) -> Parsed<Node> {
        let some = self.token(at, "some");
        let at = some.or_else(|| self.token(at, "every"))?;
        let (at, iterators) = self.separated(at, 1, ",", Parser::iterator)?;
        let (at, condition) = self.behind(at, "satisfies")?;
        let exp = if some.is_some() {
            Exp::Some(iterators, condition)
        } else {
            Exp::Every(iterators, condition)
        };
        Some((at, node(exp)))
    }

    fn iterator(&mut self, at: usize) -> Parsed<(String, Node)> {
        let (at, name) = self.name(at)?;
        let at = self.token(at, "in")?;
        let (at, list) = self.iteration(at).or_else(|| self.value(at))?;
        Some((at, (name, list)))
    }

    fn iteration(&mut self, at: usize) -> Parsed<Node> {
        let (at, start) = self.math(at)?;
        let at = self.token(at, "..")?;
        let (at, end) = self.math(at)?;
        Some((at, node(Exp::Iteration(start, end))))
    }

    fn disjunction(&mut self, at: usize) -> Parsed<Node> {
        self.chain(
            at,
            Parser::conjunction,
            |parser, at| parser.token(at, "or"),
            Exp::Or,
        )
    }

    fn conjunction(&mut self, at: usize) -> Parsed<Node> {
        self.chain(
            at,
            Parser::comparable,
            |parser, at| parser.token(at, "and"),
            Exp::And,
        )
    }

    /// `rule (operator rule)*`, from the left.
    fn chain(
        &mut self,
        at: usize,
        rule: impl Fn(&mut Parser, usize) -> Parsed<Node>,
        operator: impl Fn(&Parser, usize) -> Option<usize>,
        make: impl Fn(Node, Node) -> Exp,
    ) -> Parsed<Node> {
        let (mut end, mut left) = rule(self, at)?;
        let mut length = 0;
        while let Some(start) = operator(self, end) {
            let Some((behind, right)) = rule(self, start) else {
                break;
            };
            if !self.may_chain(&mut length) {
                return None;
            }
            left = node(make(left, right));
            end = behind;
        }
        Some((end, left))
    }

    fn comparable(&mut self, at: usize) -> Parsed<Node> {
        match self.math(at) {
            Some((end, left)) => Some(self.comparison(end, &left).unwrap_or((end, left))),
            None => self.simple_positive_test(at),
        }
    }

    fn comparison(&mut self, at: usize, left: &Node) -> Parsed<Node> {
        let at = self.space(at)?;
        self.binary_comparison(at, left)
            .or_else(|| self.between(at, left))
            .or_else(|| self.instance_of(at, left))
            .or_else(|| self.membership(at, left))
    }

    /// The longest comparison operator here.
    pub(super) fn comparator(&self, at: usize) -> Parsed<Comparison> {
        let operators = [
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        operators
            .into_iter()
            .find_map(|(text, operator)| Some((self.token(at, text)?, operator)))
    }

    fn binary_comparison(&mut self, at: usize, left: &Node) -> Parsed<Node> {
        let left = left.clone();
        if let Some((at, operator)) = self.comparator(at) {
            let (at, right) = self.math(at)?;
            return Some((at, node(Exp::Compare(operator, left, right))));
        }
        let negated = self.token(at, "!=");
        let at = negated.or_else(|| self.token(at, "="))?;
        let (at, right) = self.math(at)?;
        let equal = node(Exp::Equal(left, right));
        Some((
            at,
            if negated.is_some() {
                node(Exp::Not(equal))
            } else {
                equal
            },
        ))
    }

    fn between(&mut self, at: usize, left: &Node) -> Parsed<Node> {
        let at = self.token(at, "between")?;
        let (at, low) = self.math(at)?;
        let at = self.token(at, "and")?;
        let (at, high) = self.math(at)?;
        let above = node(Exp::Compare(Comparison::GreaterOrEqual, left.clone(), low));
        let below = node(Exp::Compare(Comparison::LessOrEqual, left.clone(), high));
        Some((at, node(Exp::And(above, below))))
    }

    fn instance_of(&mut self, at: usize, left: &Node) -> Parsed<Node> {
        let at = self.token(at, "instance")?;
        let at = self.token(at, "of")?;
        let special = [
            "years and months duration",
            "days and time duration",
            "date and time",
            "function",
        ];
        let (at, name) = special
            .iter()
            .find_map(|name| Some((self.literal(at, name)?, (*name).to_owned())))
            .or_else(|| {
                let (at, names) = self.qualified_name(at)?;
                Some((at, names.join(".")))
            })?;
        Some((at, node(Exp::InstanceOf(left.clone(), name))))
    }

    fn membership(&mut self, at: usize, left: &Node) -> Parsed<Node> {
        let at = self.token(at, "in")?;
        let in_parentheses = self.token(at, "(").and_then(|at| {
            let (at, tests) = self.positive_tests(at)?;
            Some((self.closing(at, ")")?, tests))
        });
        let (at, test) = in_parentheses.or_else(|| self.positive_test(at))?;
        Some((at, node(Exp::In(left.clone(), test))))
    }

    /// A closing bracket behind white space.
    pub(super) fn closing(&self, at: usize, bracket: &str) -> Option<usize> {
        self.literal(self.space(at)?, bracket)
    }

    /// Sums, products, powers and what is stronger.
    pub(super) fn math(&mut self, at: usize) -> Parsed<Node> {
        self.once(Rule::Math, at, |parser| {
            parser.operators(
                at,
                &[("+", Operator::Add), ("-", Operator::Subtract)],
                Parser::product,
            )
        })
    }

    fn product(&mut self, at: usize) -> Parsed<Node> {
        self.operators(
            at,
            &[("*", Operator::Multiply), ("/", Operator::Divide)],
            Parser::power,
        )
    }

    fn power(&mut self, at: usize) -> Parsed<Node> {
        self.operators(at, &[("**", Operator::Power)], Parser::negation)
    }

    fn operators(
        &mut self,
        at: usize,
        operators: &[(&str, Operator)],
        rule: impl Fn(&mut Parser, usize) -> Parsed<Node>,
    ) -> Parsed<Node> {
        let (mut end, mut left) = rule(self, at)?;
        let mut length = 0;
        loop {
            let found = operators
                .iter()
                .find_map(|(text, op)| Some((self.token(end, text)?, *op)));
            let Some((start, operator)) = found else { break };
            let Some((behind, right)) = rule(self, start) else {
                break;
            };
            if !self.may_chain(&mut length) {
                return None;
            }
            left = node(Exp::Arithmetic(operator, left, right));
            end = behind;
        }
        Some((end, left))
    }

    fn negation(&mut self, at: usize) -> Parsed<Node> {
        match self.token(at, "-") {
            Some(at) => {
                let (at, value) = self.value(at)?;
                Some((at, node(Exp::Negation(value))))
            }
            None => self.value(at),
        }
    }
}
