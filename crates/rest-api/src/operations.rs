//! Every operation of the Camunda 7 REST API with its routing class and merge rule: `operations.tsv`, compiled in.
use smallvec::SmallVec;
use std::sync::LazyLock;

/// How a router routes an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Creates something; a business key in the body chooses the slot.
    Key,
    /// An id in the path chooses the slot.
    Id,
    /// The same on every shard.
    Any,
    /// Changes replicated state: one node appends it to the reference log.
    BroadcastWrite,
    /// Acts on entities that may be on any shard.
    BroadcastCommand,
    /// Ask all shards, merge lists.
    FanoutList,
    /// Ask all shards, add up.
    FanoutSum,
    /// One shard can have the answer; only asking tells which.
    FanoutFirst,
    /// fetchAndLock.
    FanoutFair,
    /// Asynchronous batches, which have parts on several shards.
    Batch,
}

impl Class {
    /// Every class, in the order of their numbers.
    pub const ALL: [Class; 10] = [
        Class::Key,
        Class::Id,
        Class::Any,
        Class::BroadcastWrite,
        Class::BroadcastCommand,
        Class::FanoutList,
        Class::FanoutSum,
        Class::FanoutFirst,
        Class::FanoutFair,
        Class::Batch,
    ];

    /// Its name in the table and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Class::Key => "key",
            Class::Id => "id",
            Class::Any => "any",
            Class::BroadcastWrite => "broadcast-write",
            Class::BroadcastCommand => "broadcast-command",
            Class::FanoutList => "fanout-list",
            Class::FanoutSum => "fanout-sum",
            Class::FanoutFirst => "fanout-first",
            Class::FanoutFair => "fanout-fair",
            Class::Batch => "batch",
        }
    }

    fn parse(text: &str) -> Option<Class> {
        Class::ALL.into_iter().find(|class| class.name() == text)
    }
}

/// How the answers of several shards become one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merge {
    /// Relay.
    Pass,
    /// K-way merge in the order asked for.
    Merge,
    /// The same, collapsing rows equal in that member.
    MergeDedupe(&'static str),
    /// One after the other.
    Concat,
    /// Set of values.
    UnionDistinct,
    /// Add the one number.
    Sum,
    /// Group rows by these members, add numbers.
    SumBy(Vec<&'static str>),
    /// Number of different values of that member over all shards.
    CountDistinct(&'static str),
    /// Group by that member; averages come with their weights.
    Report(&'static str),
    /// Product data of one, counters added.
    Telemetry,
    /// Success only if every shard succeeded.
    AckAll,
    /// The same, and the bodies are equal.
    SameAll,
    /// Ids in the body go to their owners, queries to all.
    ScatterIds,
    /// Scatter, then one logical batch.
    BatchNew,
    /// Read all parts of logical batches.
    BatchAgg,
    /// Count logical batches.
    CountLogical,
    /// Apply to every part.
    AckParts,
    /// The first shard's answer.
    First,
    /// At most one match over all.
    Single,
    /// Message correlation.
    Correlate,
    /// fetchAndLock.
    Fair,
}

impl Merge {
    fn parse(text: &'static str) -> Option<Merge> {
        let (name, argument) = match text.split_once('(') {
            Some((name, rest)) => (name, rest.strip_suffix(')')?),
            None => (text, ""),
        };
        Some(match name {
            "pass" => Merge::Pass,
            "merge" => Merge::Merge,
            "merge-dedupe" => Merge::MergeDedupe(argument),
            "concat" => Merge::Concat,
            "union-distinct" => Merge::UnionDistinct,
            "sum" => Merge::Sum,
            "sum-by" => Merge::SumBy(argument.split(',').collect()),
            "count-distinct" => Merge::CountDistinct(argument),
            "report" => Merge::Report(argument),
            "telemetry" => Merge::Telemetry,
            "ack-all" => Merge::AckAll,
            "same-all" => Merge::SameAll,
            "scatter-ids" => Merge::ScatterIds,
            "batch-new" => Merge::BatchNew,
            "batch-agg" => Merge::BatchAgg,
            "count-logical" => Merge::CountLogical,
            "ack-parts" => Merge::AckParts,
            "first" => Merge::First,
            "single" => Merge::Single,
            "correlate" => Merge::Correlate,
            "fair" => Merge::Fair,
            _ => return None,
        })
    }
}

/// One row of the table.
#[derive(Debug)]
pub struct Operation {
    /// The OpenAPI operation id, such as `getProcessInstances`.
    pub id: &'static str,
    /// `GET`, `POST`, `PUT`, `DELETE`, `OPTIONS`.
    pub method: &'static str,
    /// Path below `/engine-rest`, with `{name}` for parameters.
    pub path: &'static str,
    /// Names of its parameters, with the segments of the path where they stand.
    names: Vec<(usize, &'static str)>,
    /// The resource that it belongs to, in the reference's words.
    pub tag: &'static str,
    /// Routing class.
    pub class: Class,
    /// Merge rule.
    pub merge: Merge,
    /// 1 is day one, 2 operators' tools, 3 the rest.
    pub tier: u8,
    /// Takes firstResult and maxResults.
    pub paged: bool,
    /// Members that hold ids of shard-local entities.
    pub id_params: Vec<&'static str>,
    /// Members of a body that may say where it belongs: that of the business key (empty: none has it), then `id_params`.
    pub placing: Vec<&'static str>,
    /// What the table says besides.
    pub note: &'static str,
    /// Answers 204 only: whatever the client takes, it can be had.
    pub void: bool,
}

/// A request's operation and its path parameters as they stood in the path (percent-encoded).
#[derive(Debug)]
pub struct Matched<'p> {
    /// The operation.
    pub operation: &'static Operation,
    /// Names and raw values in the order of the path.
    pub params: SmallVec<[(&'static str, &'p str); 3]>,
}

/// Why no operation matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoMatch {
    /// No operation has such a path: 404.
    UnknownPath,
    /// The path exists with other methods, listed: 405.
    OtherMethods(Vec<&'static str>),
}

#[derive(Default)]
struct Node {
    /// By length and then by bytes: most children of a node differ in length, so that finding one compares few bytes.
    literal: Vec<(&'static str, Node)>,
    param: Option<Box<Node>>,
    operations: Vec<&'static Operation>,
}

impl Node {
    fn search(&self, name: &str) -> Result<usize, usize> {
        let order = |(other, _): &(&'static str, Node)| (other.len(), *other).cmp(&(name.len(), name));
        self.literal.binary_search_by(order)
    }

    fn child(&self, name: &str) -> Option<&Node> {
        Some(&self.literal[self.search(name).ok()?].1)
    }

    /// The child of that name, made if there is none.
    fn grow(&mut self, name: &'static str) -> &mut Node {
        let at = self.search(name).unwrap_or_else(|at| {
            self.literal.insert(at, (name, Node::default()));
            at
        });
        &mut self.literal[at].1
    }
}

static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(|| {
    // A damaged table is found by the test below, not by a user: the text is compiled in.
    parse(include_str!("../operations.tsv"))
        .unwrap_or_else(|line| panic!("operations.tsv line {line} is damaged"))
});

static TREE: LazyLock<Node> = LazyLock::new(|| {
    let mut root = Node::default();
    for operation in OPERATIONS.iter() {
        let mut node = &mut root;
        for segment in operation.path.split('/').skip(1) {
            node = match segment.starts_with('{') {
                true => node.param.get_or_insert_default(),
                false => node.grow(segment),
            };
        }
        node.operations.push(operation);
    }
    for document in DOCUMENTS.iter() {
        let name = document.path.trim_start_matches('/');
        root.grow(name).operations.push(document);
    }
    root
});

/// What the reference doesn't have: the OpenAPI document of this API, and a page to read it.
static DOCUMENTS: LazyLock<[Operation; 2]> = LazyLock::new(|| {
    [
        ("getOpenApiDocument", "/openapi.json"),
        ("getOpenApiPage", "/openapi.html"),
    ]
    .map(|(id, path)| Operation {
        id,
        method: "GET",
        path,
        names: Vec::new(),
        tag: "Document",
        class: Class::Any,
        merge: Merge::Pass,
        tier: 1,
        paged: false,
        id_params: Vec::new(),
        placing: Vec::new(),
        note: "",
        void: false,
    })
});

/// Every operation in the table's order.
pub fn operations() -> &'static [Operation] {
    &OPERATIONS
}

/// The operation of a method and a raw path below `/engine-rest` (without query; one trailing slash is allowed, a
/// double one is not, as in the reference). `HEAD` is served as `GET`. Literal segments win over parameters.
pub fn find<'p>(method: &str, path: &'p str) -> Result<Matched<'p>, NoMatch> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut segments: SmallVec<[&str; 8]> = SmallVec::new();
    let mut from = path.find('/').ok_or(NoMatch::UnknownPath)? + 1;
    for (at, byte) in path.bytes().enumerate().skip(from) {
        if byte == b'/' {
            segments.push(&path[from..at]);
            from = at + 1;
        }
    }
    segments.push(&path[from..]);
    if segments.iter().any(|s| s.is_empty()) {
        return Err(NoMatch::UnknownPath);
    }
    let node = descend(&TREE, &segments).ok_or(NoMatch::UnknownPath)?;
    let method = if method == "HEAD" { "GET" } else { method };
    let Some(operation) = node.operations.iter().copied().find(|o| o.method == method) else {
        return Err(NoMatch::OtherMethods(
            node.operations.iter().map(|o| o.method).collect(),
        ));
    };
    let named = operation.names.iter();
    let params = named.map(|(index, name)| (*name, segments[*index])).collect();
    Ok(Matched { operation, params })
}

fn descend<'n>(node: &'n Node, segments: &[&str]) -> Option<&'n Node> {
    let Some((first, rest)) = segments.split_first() else {
        return (!node.operations.is_empty()).then_some(node);
    };
    let literal = node.child(first).and_then(|child| descend(child, rest));
    literal.or_else(|| node.param.as_deref().and_then(|child| descend(child, rest)))
}

fn parse(table: &'static str) -> Result<Vec<Operation>, usize> {
    let rows = table.lines().enumerate().skip(1);
    rows.map(|(number, line)| row(line).ok_or(number + 1)).collect()
}

fn row(line: &'static str) -> Option<Operation> {
    let cells: Vec<&'static str> = line.split('\t').collect();
    let list =
        |cell: &'static str| -> Vec<&'static str> { cell.split(',').filter(|s| !s.is_empty()).collect() };
    let id_params = list(cells.get(10)?);
    let key = cells.get(9)?.split(',').next()?;
    let path = *cells.get(2)?;
    Some(Operation {
        id: cells.first()?,
        method: cells.get(1)?,
        path,
        names: names(path),
        tag: cells.get(3)?,
        class: Class::parse(cells.get(4)?)?,
        merge: Merge::parse(cells.get(5)?)?,
        tier: cells.get(6)?.parse().ok()?,
        paged: *cells.get(8)? == "yes",
        placing: [key].into_iter().chain(id_params.iter().copied()).collect(),
        id_params,
        note: cells.get(12).copied().unwrap_or(""),
        void: cells.get(13) == Some(&"nothing"),
    })
}

fn names(path: &'static str) -> Vec<(usize, &'static str)> {
    let segments = path.split('/').skip(1).enumerate();
    segments
        .filter_map(|(index, segment)| Some((index, segment.strip_prefix('{')?.strip_suffix('}')?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_operation() {
        assert_eq!(operations().len(), 486);
        for operation in operations() {
            let path: String = operation.path.replace('{', "").replace('}', "X");
            let found = find(operation.method, &path);
            assert!(
                found.is_ok_and(|m| m.operation.path == operation.path),
                "{} {path}",
                operation.method
            );
        }
    }

    #[test]
    fn paths_match_as_in_the_reference() {
        let cases = [
            ("GET", "/task/count", "/task/count"),
            ("GET", "/task/count/", "/task/count"),
            ("HEAD", "/version", "/version"),
            (
                "POST",
                "/process-definition/a:1:b/start",
                "/process-definition/{id}/start",
            ),
            (
                "POST",
                "/process-definition/key/a/start",
                "/process-definition/key/{key}/start",
            ),
            (
                "GET",
                "/process-definition/key/xml",
                "/process-definition/key/{key}",
            ),
            (
                "POST",
                "/external-task/fetchAndLock",
                "/external-task/fetchAndLock",
            ),
        ];
        for (method, path, expected) in cases {
            assert_eq!(
                find(method, path).unwrap().operation.path,
                expected,
                "{method} {path}"
            );
        }
        for path in ["/nope", "//version", "/", "", "/task//count", "/version//"] {
            assert_eq!(find("GET", path).unwrap_err(), NoMatch::UnknownPath, "{path}");
        }
        assert_eq!(
            find("POST", "/version").unwrap_err(),
            NoMatch::OtherMethods(vec!["GET"])
        );
    }

    #[test]
    fn parameters_keep_their_encoding() {
        let matched = find("GET", "/job/a%3Ab/stacktrace").unwrap();
        assert_eq!(matched.params.as_slice(), [("id", "a%3Ab")]);
    }
}
