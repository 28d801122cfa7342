//! Which value of a start says where its instance will live (`--routing-key`): the business key unless an operator
//! says otherwise for a process definition, or for all (`*`).
//!
//! Only starts are placed by it. An instance's id carries the slot it was given, so nothing later needs the value, and whatever
//! searches by a key asks every shard: a key is a hint, not an address. All routers of a cluster must place alike, so
//! the first one writes its rules to the topology store and the others refuse to start with different ones.
use crate::{
    admit::Admitted,
    definition_ids::{Definition, Definitions, learn},
    locate::Named,
    scan::{self, Found},
    state::App,
    text::percent_decode,
};
use cluster::{Cluster, Error as ClusterError};
use http::HeaderName;
use rest_api::ApiError;
use service::ConfigError;
use std::{collections::BTreeMap, fmt, str::FromStr};
use topology::Slot;

/// Every definition that has no rule of its own.
pub const OTHERS: &str = "*";
/// Where the rules lie in the topology store.
const META: &str = "routing-key";
/// What of a start is its routing key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `business-key`.
    BusinessKey,
    /// `tenant`: that of the definition.
    Tenant,
    /// `definition`: its key, so all instances of a process lie in one slot.
    Definition,
    /// `header:NAME` of the request.
    Header(HeaderName),
    /// `variable:NAME`: the value (text, number or boolean) that the start gives it.
    Variable(String),
}

impl FromStr for Source {
    type Err = String;
    fn from_str(text: &str) -> Result<Source, String> {
        let (kind, name) = text.split_once(':').unwrap_or((text, ""));
        match (kind, name) {
            ("business-key", "") => Ok(Source::BusinessKey),
            ("tenant", "") => Ok(Source::Tenant),
            ("definition", "") => Ok(Source::Definition),
            ("header", name) if name.to_ascii_lowercase().starts_with("x-stellwerk-") => {
                Err(format!("header {name} never comes from a client"))
            }
            ("header", name) => {
                let name = HeaderName::from_str(name).map_err(|_| format!("'{name}' is no header's name"))?;
                Ok(Source::Header(name))
            }
            ("variable", name) if !name.is_empty() => Ok(Source::Variable(name.to_owned())),
            _ => Err(format!(
                "'{text}' is none of business-key, tenant, definition, header:NAME and variable:NAME"
            )),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::BusinessKey => f.write_str("business-key"),
            Source::Tenant => f.write_str("tenant"),
            Source::Definition => f.write_str("definition"),
            Source::Header(name) => write!(f, "header:{name}"),
            Source::Variable(name) => write!(f, "variable:{name}"),
        }
    }
}

/// `DEFINITION=SOURCE`: a value of `--routing-key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Key of a process definition, or [`OTHERS`].
    pub definition: String,
    /// What routes its starts.
    pub source: Source,
}

impl FromStr for Rule {
    type Err = String;
    fn from_str(text: &str) -> Result<Rule, String> {
        let (definition, source) = text
            .split_once('=')
            .filter(|(definition, _)| !definition.is_empty())
            .ok_or_else(|| format!("'{text}' isn't DEFINITION=SOURCE"))?;
        Ok(Rule {
            definition: definition.to_owned(),
            source: source.parse()?,
        })
    }
}

/// The rules of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutingKeys {
    own: BTreeMap<String, Source>,
    others: Source,
}

impl Default for RoutingKeys {
    fn default() -> RoutingKeys {
        RoutingKeys {
            own: BTreeMap::new(),
            others: Source::BusinessKey,
        }
    }
}

/// What places a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placing {
    /// The business key, as ever.
    Usual,
    /// This value.
    By(String),
    /// The start names no value: it is placed as one without a business key.
    Nothing,
    /// The definition with this id must be known first ([`learn`]).
    Unknown(String),
}

/// What a start says of itself besides its path.
pub struct Said<'a, 'h> {
    /// Its body.
    pub body: &'a [u8],
    /// The members of the body that hold variables; the first that has one counts.
    pub variables: &'a [&'a str],
    /// Its headers.
    pub header: &'a dyn Fn(&str) -> Option<&'h str>,
}

impl RoutingKeys {
    /// The rules of the options.
    ///
    /// # Errors
    /// Two rules for one definition.
    pub fn new(rules: &[Rule]) -> Result<RoutingKeys, ConfigError> {
        let mut keys = RoutingKeys::default();
        let mut others = None;
        for Rule { definition, source } in rules {
            let before = match definition.as_str() {
                OTHERS => others.replace(source.clone()),
                _ => keys.own.insert(definition.clone(), source.clone()),
            };
            if before.is_some() {
                return Err(ConfigError::new(
                    "routing-key",
                    format!("{definition} has two rules"),
                ));
            }
        }
        keys.others = others.unwrap_or(Source::BusinessKey);
        Ok(keys)
    }

    /// Whether every start is placed by its business key.
    pub fn are_usual(&self) -> bool {
        self.own.is_empty() && self.others == Source::BusinessKey
    }

    fn of(&self, definition: &str) -> &Source {
        self.own.get(definition).unwrap_or(&self.others)
    }

    /// What places a start of the operation.
    pub fn place(&self, named: &Named, said: &Said, known: &Definitions) -> Placing {
        let below = named.operation.path.strip_prefix("/process-definition/");
        let id = named.id.map(|id| percent_decode(id, false));
        match (below, id) {
            (Some(path), Some(key)) if path.starts_with("key/") => {
                let tenant = named.second.map(|tenant| percent_decode(tenant, false));
                self.by(self.of(&key), Some(&key), tenant, said)
            }
            (Some(_), Some(id)) => self.of_definition(&id, said, known),
            // Of conditional start events the one of a definition, or those of all.
            (None, _) if named.operation.path == "/condition" => {
                let mut found = scan::members(said.body, &["processDefinitionId", "tenantId"]).into_iter();
                let mut text = || found.next().flatten()?.text().map(str::to_owned);
                match (text(), text()) {
                    (Some(id), _) => self.of_definition(&id, said, known),
                    (None, tenant) => self.by(&self.others, None, tenant, said),
                }
            }
            _ => Placing::Usual,
        }
    }

    /// What places a start of the definition with that id.
    pub fn of_definition(&self, id: &str, said: &Said, known: &Definitions) -> Placing {
        if let Some(Definition { key, tenant_id }) = known.get(id) {
            return self.by(self.of(&key), Some(&key), tenant_id, said);
        }
        // `KEY:VERSION:UUID`, or the bare UUID where that would be too long; a key has no colon.
        let key = id.split_once(':').map(|(key, _)| key);
        let source = match key {
            Some(key) => self.of(key),
            None if self.own.is_empty() => &self.others,
            None => return Placing::Unknown(id.to_owned()),
        };
        match (source, key) {
            (Source::Tenant, _) | (Source::Definition, None) => Placing::Unknown(id.to_owned()),
            (source, key) => self.by(source, key, None, said),
        }
    }

    fn by(&self, source: &Source, key: Option<&str>, tenant: Option<String>, said: &Said) -> Placing {
        let value = match source {
            Source::BusinessKey => return Placing::Usual,
            Source::Tenant => tenant,
            Source::Definition => key.map(str::to_owned),
            Source::Header(name) => (said.header)(name.as_str()).map(str::to_owned),
            Source::Variable(name) => variable(said, name),
        };
        value
            .filter(|value| !value.is_empty())
            .map_or(Placing::Nothing, Placing::By)
    }

    /// The form in which routers compare them: rules by definition.
    fn written(&self) -> serde_json::Value {
        let own = self.own.iter().map(|(key, source)| (key.as_str(), source));
        own.chain([(OTHERS, &self.others)])
            .map(|(key, source)| (key.to_owned(), serde_json::Value::from(source.to_string())))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    /// Makes sure that all routers place alike: the first one writes its rules down, later ones compare.
    /// `replace`: these rules are the new ones.
    ///
    /// # Errors
    /// The cluster has other rules, or its store can't be asked.
    pub async fn agree(&self, cluster: &dyn Cluster, replace: bool) -> anyhow::Result<()> {
        let ours = self.written();
        loop {
            let stored = cluster
                .meta(META)
                .await?
                .into_iter()
                .find(|(key, ..)| key == META);
            let version = match stored {
                Some((_, _, theirs)) if theirs == ours => return Ok(()),
                Some((_, version, _)) if replace => version,
                Some((_, _, theirs)) => {
                    let message = format!(
                        "the routers of this cluster place starts by {theirs}, this one would by {ours}: stop them all and \
                         start one with --replace-routing-key if that is meant"
                    );
                    return Err(ConfigError::new("routing-key", message).into());
                }
                None => 0,
            };
            match cluster.cas_meta(META, version, Some(ours.clone())).await {
                Ok(_) => return Ok(()),
                Err(ClusterError::MetaChanged { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Where an instance goes that a message starts, and whether the router's rules say so; `None`: anywhere.
///
/// # Errors
/// No node tells what the definition is.
pub async fn of_message(
    app: &App,
    request: &Admitted,
    definition: &str,
    business_key: Option<&str>,
) -> Result<(Option<Slot>, bool), ApiError> {
    let by_idempotency = || request.idempotency_key.as_deref().map(Slot::of_key);
    let usual = || business_key.map(Slot::of_key).or_else(by_idempotency);
    if app.routing_keys.are_usual() {
        return Ok((usual(), false));
    }
    let ask = || {
        let header = |name: &str| request.out.headers.get(name)?.to_str().ok();
        let said = Said {
            body: &request.out.body,
            variables: &[
                "processVariables",
                "processVariablesToTriggeredScope",
                "correlationKeys",
            ],
            header: &header,
        };
        app.routing_keys
            .of_definition(definition, &said, &app.definitions)
    };
    let mut placing = ask();
    if let Placing::Unknown(id) = &placing {
        learn(app, &request.out, id).await?;
        placing = ask();
    }
    Ok(match placing {
        Placing::Usual => (usual(), false),
        Placing::By(value) => (Some(Slot::of_key(&value)), true),
        Placing::Nothing | Placing::Unknown(_) => (by_idempotency(), true),
    })
}

/// The text of a variable's value, as it stands in the body.
fn variable(said: &Said, name: &str) -> Option<String> {
    fn member<'b>(body: &'b [u8], name: &str) -> Option<Found<'b>> {
        scan::members(body, &[name]).pop().flatten()
    }
    said.variables.iter().find_map(|variables| {
        let Some(Found::Nested(variables)) = member(said.body, variables) else {
            return None;
        };
        let Some(Found::Nested(variable)) = member(variables, name) else {
            return None;
        };
        member(variable, "value")?.text().map(str::to_owned)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::{Classified, classify};
    use http::Method;

    fn keys(rules: &[&str]) -> RoutingKeys {
        let rules: Vec<Rule> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        RoutingKeys::new(&rules).unwrap()
    }

    fn placed(keys: &RoutingKeys, path: &str, body: &str, known: &Definitions) -> Placing {
        let Ok(Classified::Call(call)) = classify(&Method::POST, &format!("/engine-rest{path}"), None) else {
            panic!("{path}");
        };
        let header = |name: &str| (name == "x-customer").then_some("c 1");
        let said = Said {
            body: body.as_bytes(),
            variables: &["variables"],
            header: &header,
        };
        keys.place(&Named::from(&call), &said, known)
    }

    #[test]
    fn rules_are_read_and_what_is_none_is_refused() {
        for text in [
            "a=business-key",
            "*=tenant",
            "a=header:x-b",
            "a=variable:b:c",
            "a=definition",
        ] {
            let rule: Rule = text.parse().unwrap();
            assert_eq!(format!("{}={}", rule.definition, rule.source), text);
        }
        for text in [
            "tenant",
            "=tenant",
            "a=",
            "a=variable",
            "a=variable:",
            "a=header:ä",
            "a=tenant:b",
            "a=header:X-Stellwerk-Slot",
        ] {
            assert!(text.parse::<Rule>().is_err(), "{text}");
        }
        let twice: Vec<Rule> = ["a=tenant", "a=definition"]
            .iter()
            .map(|r| r.parse().unwrap())
            .collect();
        assert!(RoutingKeys::new(&twice).is_err());
        assert!(
            keys(&[]).are_usual()
                && keys(&["*=business-key"]).are_usual()
                && !keys(&["*=tenant"]).are_usual()
        );
    }

    #[test]
    fn s3_43_each_definition_is_placed_by_its_own_rule() {
        let keys = keys(&[
            "*=tenant",
            "invoice=variable:customerId",
            "order=header:X-Customer",
            "batch=definition",
            "plain=business-key",
        ]);
        let by = |text: &str| Placing::By(text.to_owned());
        let known = Definitions::default();
        let body =
            r#"{"businessKey":"b","variables":{"customerId":{"value":4711,"type":"Long"},"o":{"value":{}}}}"#;
        for (path, body, expected) in [
            ("/process-definition/key/invoice/start", body, by("4711")),
            ("/process-definition/invoice:3:uuid/start", body, by("4711")),
            (
                "/process-definition/invoice%3A3%3Auuid/submit-form",
                body,
                by("4711"),
            ),
            (
                "/process-definition/key/invoice/start",
                r#"{"businessKey":"b"}"#,
                Placing::Nothing,
            ),
            (
                "/process-definition/key/invoice/start",
                r#"{"variables":{"customerId":{"value":null}}}"#,
                Placing::Nothing,
            ),
            (
                "/process-definition/key/invoice/start",
                r#"{"variables":{"customerId":{"value":{"a":1}}}}"#,
                Placing::Nothing,
            ),
            ("/process-definition/key/order/start", "{}", by("c 1")),
            ("/process-definition/key/batch/start", "{}", by("batch")),
            ("/process-definition/key/plain/start", body, Placing::Usual),
            (
                "/process-definition/key/other/tenant-id/t%201/start",
                body,
                by("t 1"),
            ),
            ("/process-definition/key/other/start", body, Placing::Nothing),
            (
                "/process-definition/other:1:uuid/start",
                body,
                Placing::Unknown("other:1:uuid".into()),
            ),
            (
                "/process-definition/uuid/start",
                body,
                Placing::Unknown("uuid".into()),
            ),
            ("/condition", r#"{"tenantId":"t"}"#, by("t")),
            (
                "/condition",
                r#"{"processDefinitionId":"batch:1:uuid"}"#,
                by("batch"),
            ),
            ("/task/create", body, Placing::Usual),
        ] {
            assert_eq!(placed(&keys, path, body, &known), expected, "{path} {body}");
        }
        let definition = Definition {
            key: "invoice".into(),
            tenant_id: Some("t".into()),
        };
        known.remember("uuid", definition.clone());
        known.remember(
            "other:1:uuid",
            Definition {
                key: "other".into(),
                ..definition
            },
        );
        assert_eq!(
            placed(&keys, "/process-definition/uuid/start", body, &known),
            by("4711")
        );
        assert_eq!(
            placed(&keys, "/process-definition/other:1:uuid/start", body, &known),
            by("t")
        );
    }

    #[tokio::test]
    async fn s3_43_routers_that_would_place_otherwise_do_not_start() {
        let cluster = cluster::in_process();
        let (usual, tenants) = (keys(&[]), keys(&["*=tenant"]));
        usual.agree(&*cluster, false).await.unwrap();
        usual.agree(&*cluster, false).await.unwrap();
        let refused = tenants.agree(&*cluster, false).await.unwrap_err().to_string();
        assert!(
            refused.contains("--replace-routing-key") && refused.contains("tenant"),
            "{refused}"
        );
        tenants.agree(&*cluster, true).await.unwrap();
        tenants.agree(&*cluster, false).await.unwrap();
        assert!(usual.agree(&*cluster, false).await.is_err());
    }
}
