//! Values, function calls, and the paths and filters behind them.
use super::{Parsed, Parser, Rule};
use crate::syntax::{Exp, Node, Params};

fn node(exp: Exp) -> Node {
    Node::new(exp)
}

/// Built-in functions whose names hold a reserved word.
const FUNCTIONS_WITH_RESERVED_WORDS: [&str; 5] = [
    "and",
    "or",
    "date and time",
    "years and months duration",
    "get or else",
];

impl Parser {
    pub(super) fn value(&mut self, at: usize) -> Parsed<Node> {
        self.once(Rule::Value, at, |parser| {
            let (mut end, mut value) = parser.terminal(at)?;
            let mut length = 0;
            loop {
                let next = parser.path(end, &value).or_else(|| parser.filter(end, &value));
                let Some((behind, chained)) = next else { break };
                if !parser.may_chain(&mut length) {
                    return None;
                }
                (end, value) = (behind, chained);
            }
            Some((end, value))
        })
    }

    fn terminal(&mut self, at: usize) -> Parsed<Node> {
        self.temporal(at)
            .or_else(|| self.call(at))
            .or_else(|| {
                let (at, names) = self.qualified_name(at)?;
                Some((at, node(Exp::Ref(names))))
            })
            .or_else(|| self.constant(at))
            .or_else(|| Some((self.literal(at, "?")?, node(Exp::InputValue))))
            .or_else(|| self.function(at))
            .or_else(|| {
                let at = self.token(at, "(")?;
                let (at, inner) = self.expression(at)?;
                Some((self.closing(at, ")")?, inner))
            })
    }

    fn path(&mut self, at: usize, value: &Node) -> Parsed<Node> {
        let at = self.token(at, ".")?;
        let (at, name) = self.property(at)?;
        Some((at, node(Exp::Path(value.clone(), name))))
    }

    fn filter(&mut self, at: usize, value: &Node) -> Parsed<Node> {
        let at = self.token(at, "[")?;
        let (at, filter) = self.expression(at)?;
        Some((self.closing(at, "]")?, node(Exp::Filter(value.clone(), filter))))
    }

    fn call(&mut self, at: usize) -> Parsed<Node> {
        let single = self.spaced_name(at).or_else(|| {
            FUNCTIONS_WITH_RESERVED_WORDS
                .iter()
                .find_map(|name| Some((self.literal(at, name)?, (*name).to_owned())))
        });
        let (at, mut names) = match single {
            Some((at, name)) => (at, vec![name]),
            None => self.qualified_name(at)?,
        };
        let at = self.token(at, "(")?;
        let (at, params) = self
            .parameters(at)
            .unwrap_or((at, Params::Positional(Vec::new())));
        let at = self.closing(at, ")")?;
        let name = names.pop()?;
        let exp = if names.is_empty() {
            Exp::Call(name, params)
        } else {
            Exp::CallOf(node(Exp::Ref(names)), name, params)
        };
        Some((at, node(exp)))
    }

    fn parameters(&mut self, at: usize) -> Parsed<Params<Node>> {
        let named = self.separated(at, 1, ",", |parser, at| {
            let (at, name) = parser.parameter_name(at)?;
            let at = parser.token(at, ":")?;
            let (at, value) = parser.argument(at)?;
            Some((at, (name, value)))
        });
        if let Some((at, named)) = named {
            return Some((at, Params::Named(named)));
        }
        let (at, values) = self.separated(at, 1, ",", Parser::argument)?;
        Some((at, Params::Positional(values)))
    }

    fn argument(&mut self, at: usize) -> Parsed<Node> {
        match self.range(at) {
            Some((at, range)) => Some((at, node(Exp::Range(range)))),
            None => self.expression(at),
        }
    }

    fn parameter_name(&mut self, at: usize) -> Parsed<String> {
        self.spaced_name(at).or_else(|| self.name(at))
    }

    fn function(&mut self, at: usize) -> Parsed<Node> {
        let at = self.token(at, "function")?;
        let at = self.token(at, "(")?;
        let (at, params) = self.separated(at, 0, ",", Parser::parameter_name)?;
        let at = self.closing(at, ")")?;
        let (at, body) = self.external(self.space(at)?).or_else(|| {
            let at = self.space(at)?;
            self.expression(at)
        })?;
        Some((at, node(Exp::Function(params, body))))
    }

    /// `external { java: { class: "…", method signature: "…" } }`
    fn external(&mut self, at: usize) -> Parsed<Node> {
        let mut at = self.token(at, "external")?;
        for word in ["{", "java", ":", "{", "class", ":"] {
            at = self.token(at, word)?;
        }
        let (mut at, _) = self.quoted(at)?;
        for word in [",", "method signature", ":"] {
            at = self.token(at, word)?;
        }
        let (at, _) = self.quoted(at)?;
        let at = self.closing(at, "}")?;
        Some((self.closing(at, "}")?, node(Exp::ExternalFunction)))
    }
}
