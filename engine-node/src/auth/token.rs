//! Bearer tokens: JWTs of one OpenID issuer, with keys that are fetched and remembered.
use crate::{rights::Who, tls};
use arc_swap::ArcSwapOption;
use clap::Args;
use http::{Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet},
};
use serde_json::{Map, Value};
use service::{ConfigError, calls::connector};
use sha2::{Digest, Sha256};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::sync::Mutex;

/// Tokens remembered.
const TOKENS: usize = 10_000;
/// The longest time that a token counts without being looked at again: by then its key may have been withdrawn.
const REMEMBERED: Duration = Duration::from_secs(60);
/// Between two fetches of keys because a token names one that isn't known.
const BETWEEN: Duration = Duration::from_secs(10);
/// How long the issuer may take to answer, and how much.
const FETCH: Duration = Duration::from_secs(10);
const KEYS_MAX: usize = 1 << 20;
/// Longest token that is looked at, in bytes.
const TOKEN_MAX: usize = 64 << 10;

/// Options of bearer tokens.
#[derive(Args, Clone, Debug, Default)]
pub struct TokenOptions {
    /// Issuer of bearer tokens (`iss`); its keys are found through its OpenID configuration
    #[arg(long, value_name = "URL")]
    pub jwt_issuer: Option<String>,
    /// Whom tokens must be for (`aud`); one of these is enough
    #[arg(long, value_name = "AUDIENCE,…", value_delimiter = ',')]
    pub jwt_audience: Vec<String>,
    /// The issuer's keys (JWKS), where its configuration doesn't tell: a URL or a file
    #[arg(long, value_name = "URL|FILE")]
    pub jwt_jwks: Option<String>,
    /// Claim that names the user; a dot leads into an object
    #[arg(long, value_name = "CLAIM", default_value = "sub")]
    pub jwt_user_claim: String,
    /// Claim that lists the user's groups; not given: the groups that the engine knows
    #[arg(long, value_name = "CLAIM")]
    pub jwt_groups_claim: Option<String>,
    /// How far the issuer's clock may be off
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = service::duration)]
    pub jwt_leeway: Duration,
    /// How long keys count before they are fetched again
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = service::duration)]
    pub jwt_keys_ttl: Duration,
    /// PEM file with certificate authorities to be trusted besides the web's when keys are fetched
    #[arg(long, value_name = "FILE")]
    pub jwt_ca_file: Option<PathBuf>,
}

/// Signatures that are taken: those that a public key verifies.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// Where keys come from.
#[derive(Clone, Debug, PartialEq)]
enum Source {
    Discovered(String),
    Url(String),
    File(PathBuf),
}

type Https = Client<HttpsConnector<HttpConnector>, Empty<bytes::Bytes>>;

struct Keys {
    all: Vec<Jwk>,
    fetched: Instant,
}

/// A token that was found right.
#[derive(Clone)]
struct Right {
    who: Who,
    /// Until when it counts without being looked at again.
    until: Instant,
}

/// Judges bearer tokens.
pub struct Tokens {
    issuer: String,
    audience: Vec<String>,
    user_claim: String,
    groups_claim: Option<String>,
    leeway: Duration,
    ttl: Duration,
    /// Between two fetches because of a key that isn't known.
    between: Duration,
    source: Source,
    https: Https,
    keys: ArcSwapOption<Keys>,
    /// When keys were asked for last; one at a time does.
    asked: Mutex<Option<Instant>>,
    right: quick_cache::sync::Cache<[u8; 32], Right>,
}

/// Why a token can't be judged now.
#[derive(Debug, thiserror::Error)]
#[error("the keys of {issuer} can't be had: {why}")]
pub struct NoKeys {
    issuer: String,
    why: String,
}

impl Tokens {
    /// Nothing is fetched before the first token comes.
    ///
    /// # Errors
    /// Options that are missing or don't fit.
    pub fn new(options: &TokenOptions) -> Result<Tokens, ConfigError> {
        let issuer = options
            .jwt_issuer
            .clone()
            .ok_or_else(|| ConfigError::new("jwt-issuer", "is missing: bearer tokens need it"))?;
        if options.jwt_audience.is_empty() {
            let why = "is missing: a token that was made for somebody else must not count here";
            return Err(ConfigError::new("jwt-audience", why));
        }
        let is_url = |text: &str| text.starts_with("https://") || text.starts_with("http://");
        let source = match &options.jwt_jwks {
            Some(url) if is_url(url) => Source::Url(url.clone()),
            Some(file) => Source::File(PathBuf::from(file)),
            None if is_url(&issuer) => {
                let root = issuer.trim_end_matches('/');
                Source::Discovered(format!("{root}/.well-known/openid-configuration"))
            }
            None => return Err(ConfigError::new("jwt-jwks", "is missing: the issuer is no URL")),
        };
        if let Source::File(path) = &source {
            read_file(path).map_err(|why| ConfigError::new("jwt-jwks", why))?;
        }
        let tls = tls::client(options.jwt_ca_file.as_deref())
            .map_err(|why| ConfigError::new("jwt-ca-file", why))?;
        Ok(Tokens {
            issuer,
            audience: options.jwt_audience.clone(),
            user_claim: options.jwt_user_claim.clone(),
            groups_claim: options.jwt_groups_claim.clone(),
            leeway: options.jwt_leeway,
            ttl: options.jwt_keys_ttl,
            between: BETWEEN,
            source,
            https: Client::builder(TokioExecutor::new()).build(connector(HttpConnector::new(), tls, FETCH)),
            keys: ArcSwapOption::empty(),
            asked: Mutex::new(None),
            right: quick_cache::sync::Cache::new(TOKENS),
        })
    }

    /// Who a token is of; `None` if it is not right.
    ///
    /// # Errors
    /// There are no keys to judge it by.
    pub async fn who(&self, token: &str) -> Result<Option<Who>, NoKeys> {
        if token.len() > TOKEN_MAX {
            return Ok(None);
        }
        let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        if let Some(right) = self.right.get(&hash).filter(|right| right.until > Instant::now()) {
            return Ok(Some(right.who));
        }
        let Ok(header) = decode_header(token) else {
            return Ok(None);
        };
        if !ALGORITHMS.contains(&header.alg) {
            return Ok(None);
        }
        let keys = self.keys(header.kid.as_deref()).await?;
        let fits = |key: &&Jwk| {
            let named = header.kid.is_none() || key.common.key_id == header.kid;
            named && takes(key, header.alg)
        };
        let validation = self.validation(header.alg);
        for key in keys.all.iter().filter(fits) {
            let Ok(decoding) = DecodingKey::from_jwk(key) else {
                continue;
            };
            let Ok(token) = decode::<Map<String, Value>>(token, &decoding, &validation) else {
                continue;
            };
            let Some(who) = self.named(&token.claims) else {
                return Ok(None);
            };
            let until = Instant::now() + self.counts(&token.claims);
            let right = Right {
                who: who.clone(),
                until,
            };
            self.right.insert(hash, right);
            return Ok(Some(who));
        }
        Ok(None)
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = self.leeway.as_secs();
        validation.validate_nbf = true;
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&self.audience);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation
    }

    /// How long a right token counts: not behind its end.
    fn counts(&self, claims: &Map<String, Value>) -> Duration {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let end = claims.get("exp").and_then(Value::as_f64).unwrap_or_default();
        let left = end + self.leeway.as_secs_f64() - now.as_secs_f64();
        REMEMBERED.min(Duration::from_secs_f64(left.max(0.0)))
    }

    /// The user and groups of right claims.
    fn named(&self, claims: &Map<String, Value>) -> Option<Who> {
        let user = claim(claims, &self.user_claim)?
            .as_str()
            .filter(|user| !user.is_empty())?;
        let groups = self
            .groups_claim
            .as_deref()
            .map(|name| match claim(claims, name) {
                Some(Value::Array(items)) => items
                    .iter()
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect(),
                Some(Value::String(text)) => text.split_whitespace().map(str::to_owned).collect(),
                _ => Vec::<String>::new(),
            });
        Some(Who {
            user: user.into(),
            groups: groups.map(Arc::from),
        })
    }

    /// The keys; fetched when there are none, when they are old, and when one is named that isn't there.
    async fn keys(&self, named: Option<&str>) -> Result<Arc<Keys>, NoKeys> {
        let knows =
            |keys: &Keys| named.is_none() || keys.all.iter().any(|key| key.common.key_id.as_deref() == named);
        let fresh = |keys: &Arc<Keys>| keys.fetched.elapsed() < self.ttl && knows(keys);
        if let Some(keys) = self.keys.load_full().filter(fresh) {
            return Ok(keys);
        }
        let mut asked = self.asked.lock().await;
        let known = self.keys.load_full();
        if let Some(keys) = known.clone().filter(fresh) {
            return Ok(keys);
        }
        // A stranger's made-up key must not make this node ask the issuer again and again.
        if let Some(keys) = known
            .clone()
            .filter(|_| asked.is_some_and(|at| at.elapsed() < self.between))
        {
            return Ok(keys);
        }
        *asked = Some(Instant::now());
        match self.fetch().await {
            Ok(set) => {
                let keys = Arc::new(Keys {
                    all: set.keys,
                    fetched: Instant::now(),
                });
                self.keys.store(Some(keys.clone()));
                Ok(keys)
            }
            // An issuer that can't be reached leaves what is known as it is.
            Err(why) => known.ok_or_else(|| NoKeys {
                issuer: self.issuer.clone(),
                why,
            }),
        }
    }

    async fn fetch(&self) -> Result<JwkSet, String> {
        let url = match &self.source {
            Source::File(path) => return read_file(path),
            Source::Url(url) => url.clone(),
            Source::Discovered(url) => {
                let found: Value =
                    serde_json::from_slice(&self.get(url).await?).map_err(|e| e.to_string())?;
                if found["issuer"].as_str() != Some(&self.issuer) {
                    return Err(format!("{url} is the configuration of another issuer"));
                }
                let keys = found["jwks_uri"]
                    .as_str()
                    .ok_or("the configuration has no jwks_uri")?;
                keys.to_owned()
            }
        };
        serde_json::from_slice(&self.get(&url).await?).map_err(|e| format!("{url}: {e}"))
    }

    async fn get(&self, url: &str) -> Result<bytes::Bytes, String> {
        let uri: Uri = url.parse().map_err(|e| format!("{url}: {e}"))?;
        let request = http::Request::get(uri)
            .header(header::ACCEPT, "application/json")
            .body(Empty::new())
            .map_err(|e| e.to_string())?;
        let answered = async {
            let response = self
                .https
                .request(request)
                .await
                .map_err(|e| format!("{url}: {e}"))?;
            if !response.status().is_success() {
                return Err(format!("{url} answers {}", response.status()));
            }
            let body = Limited::new(response.into_body(), KEYS_MAX).collect().await;
            Ok(body.map_err(|e| format!("{url}: {e}"))?.to_bytes())
        };
        tokio::time::timeout(FETCH, answered)
            .await
            .unwrap_or_else(|_| Err(format!("{url} doesn't answer")))
    }
}

fn read_file(path: &Path) -> Result<JwkSet, String> {
    let text = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    serde_json::from_slice(&text).map_err(|e| format!("{}: {e}", path.display()))
}

/// A claim; a dot leads into an object, unless a claim has it in its name.
fn claim<'c>(claims: &'c Map<String, Value>, path: &str) -> Option<&'c Value> {
    if let Some(found) = claims.get(path) {
        return Some(found);
    }
    let (first, rest) = path.split_once('.')?;
    claim(claims.get(first)?.as_object()?, rest)
}

/// Whether a key is one for signatures of that kind.
fn takes(key: &Jwk, algorithm: Algorithm) -> bool {
    use jsonwebtoken::jwk::PublicKeyUse;
    if key
        .common
        .public_key_use
        .as_ref()
        .is_some_and(|of| *of != PublicKeyUse::Signature)
    {
        return false;
    }
    if let Some(only) = key.common.key_algorithm
        && only.to_string() != format!("{algorithm:?}")
    {
        return false;
    }
    match &key.algorithm {
        AlgorithmParameters::RSA(_) => {
            use Algorithm::{PS256, PS384, PS512, RS256, RS384, RS512};
            [RS256, RS384, RS512, PS256, PS384, PS512].contains(&algorithm)
        }
        AlgorithmParameters::EllipticCurve(curve) => match curve.curve {
            EllipticCurve::P256 => algorithm == Algorithm::ES256,
            EllipticCurve::P384 => algorithm == Algorithm::ES384,
            _ => false,
        },
        AlgorithmParameters::OctetKeyPair(_) => algorithm == Algorithm::EdDSA,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Json, Router, routing::get};
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::json;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// A key made for these tests, and its public half.
    const PRIVATE: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgGQS6FB2fqB3DvibNKA2MyAZmiPCLv2ij6u8ere6BQQShRANCAAQP\
                           Ul8Ve5Ldbfrz+aHyHKe2hbLFNEJ/09svCaY3PU1Qfzp9Gjm5JgbdYEBR6Fv8hDGWtoCw8t1I7nUFprt3kXLo";
    const X: &str = "D1JfFXuS3W368_mh8hyntoWyxTRCf9PbLwmmNz1NUH8";
    const Y: &str = "On0aObkmBt1gQFHoW_yEMZa2gLDy3UjudQWmu3eRcug";

    /// An issuer with the key under a name, which is another one once it has been turned.
    async fn issuer() -> (String, Arc<AtomicBool>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let turned = Arc::new(AtomicBool::new(false));
        let (configuration, now) = (url.clone(), turned.clone());
        let keys = move || {
            let kid = if now.load(Ordering::Relaxed) {
                "second"
            } else {
                "first"
            };
            let key = json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": kid, "x": X, "y": Y});
            async move { Json(json!({"keys": [key]})) }
        };
        let found = json!({"issuer": configuration, "jwks_uri": format!("{configuration}/keys")});
        let routes = Router::new()
            .route(
                "/.well-known/openid-configuration",
                get(async move || Json(found)),
            )
            .route("/keys", get(keys));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (url, turned)
    }

    fn tokens(issuer: &str) -> Tokens {
        let mut tokens = Tokens::new(&TokenOptions {
            jwt_issuer: Some(issuer.into()),
            jwt_audience: vec!["stellwerk".into()],
            jwt_user_claim: "preferred_username".into(),
            jwt_groups_claim: Some("realm_access.roles".into()),
            jwt_leeway: Duration::from_secs(30),
            jwt_keys_ttl: Duration::from_secs(600),
            ..TokenOptions::default()
        })
        .unwrap();
        tokens.between = Duration::ZERO;
        tokens
    }

    fn now() -> i64 {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
    }

    fn claims(issuer: &str) -> Value {
        json!({"iss": issuer, "aud": ["other", "stellwerk"], "exp": now() + 60, "sub": "0815",
               "preferred_username": "anna", "realm_access": {"roles": ["sales", "board"]}})
    }

    fn signed(kid: &str, claims: &Value) -> String {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(kid.to_owned());
        let key = EncodingKey::from_ec_der(&STANDARD.decode(PRIVATE).unwrap());
        encode(&header, claims, &key).unwrap()
    }

    #[tokio::test]
    async fn s1_02_a_token_of_the_issuer_names_user_and_groups() {
        let (url, turned) = issuer().await;
        let tokens = tokens(&url);
        let token = signed("first", &claims(&url));
        let who = tokens.who(&token).await.unwrap().unwrap();
        assert_eq!(&*who.user, "anna");
        assert_eq!(
            who.groups.as_deref(),
            Some(&["sales".to_owned(), "board".to_owned()][..])
        );
        // It is remembered, and a key that the issuer has new is asked for.
        assert_eq!(tokens.who(&token).await.unwrap(), Some(who.clone()));
        turned.store(true, Ordering::Relaxed);
        let token = signed("second", &claims(&url));
        assert_eq!(tokens.who(&token).await.unwrap(), Some(who));
    }

    #[tokio::test]
    async fn s1_02_any_other_token_counts_nothing() {
        let (url, _) = issuer().await;
        let tokens = tokens(&url);
        let with = |member: &str, value: Value| {
            let mut claims = claims(&url);
            claims[member] = value;
            signed("first", &claims)
        };
        let right = signed("first", &claims(&url));
        let (head, _) = right.rsplit_once('.').unwrap();
        let body = head.split_once('.').unwrap().1;
        let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
        let symmetric = {
            let key = EncodingKey::from_secret(X.as_bytes());
            let mut header = Header::new(Algorithm::HS256);
            header.kid = Some("first".into());
            encode(&header, &claims(&url), &key).unwrap()
        };
        for (what, token) in [
            ("of another issuer", with("iss", json!("http://other"))),
            ("for somebody else", with("aud", json!("other"))),
            ("over", with("exp", json!(now() - 600))),
            ("not yet", with("nbf", json!(now() + 600))),
            ("of nobody", with("preferred_username", Value::Null)),
            ("by an unknown key", signed("third", &claims(&url))),
            ("without a signature", format!("{none}.{body}.")),
            ("by a public key as a secret", symmetric),
            ("changed", format!("{head}.AAAA")),
            ("no token", "x".into()),
        ] {
            assert_eq!(tokens.who(&token).await.unwrap(), None, "{what}");
        }
        // The issuer's clock may be off a little.
        assert!(
            tokens
                .who(&with("exp", json!(now() - 5)))
                .await
                .unwrap()
                .is_some()
        );
    }

    #[tokio::test]
    async fn s1_02_without_keys_it_is_our_trouble() {
        let nowhere = tokens("http://127.0.0.1:1");
        let token = signed("first", &claims("http://127.0.0.1:1"));
        assert!(nowhere.who(&token).await.is_err());
    }
}
