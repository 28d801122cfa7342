//! What scripts in browsers that were loaded from another origin may do (CORS, the Fetch standard).
//!
//! Preflights are answered here: a browser sends them without credentials, so a node would refuse them. The lists are by default
//! what Camunda Run's filter has, and the headers that our clients use.
use clap::Args;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
        ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, RETRY_AFTER, VARY,
    },
};
use rest_api::ApiError;
use service::{ConfigError, duration};
use std::time::Duration;

const METHODS: [&str; 6] = ["GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE"];
const HEADERS: [&str; 9] = [
    "Accept",
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "X-Requested-With",
    "X-Stellwerk-Partial",
    "X-Stellwerk-Where",
    "traceparent",
    "tracestate",
];

/// The options of CORS.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct CorsOptions {
    /// Origins whose scripts may call (repeatable or by commas), such as https://tasks.example, or `*`; none: no CORS
    #[arg(long, value_name = "ORIGIN", value_delimiter = ',', value_parser = origin)]
    pub cors_origin: Vec<String>,
    /// Methods that they may use
    #[arg(long, value_name = "METHOD", value_delimiter = ',', value_parser = method, default_values = METHODS)]
    pub cors_method: Vec<Method>,
    /// Headers that they may send, or `*`
    #[arg(long, value_name = "HEADER", value_delimiter = ',', value_parser = header, default_values = HEADERS)]
    pub cors_header: Vec<String>,
    /// Let them send cookies and a browser's stored credentials; not with the origin `*`
    #[arg(long)]
    pub cors_credentials: bool,
    /// How long a browser may remember what it was allowed
    #[arg(long, value_name = "DURATION", default_value = "30m", value_parser = duration)]
    pub cors_max_age: Duration,
}

impl Default for CorsOptions {
    fn default() -> CorsOptions {
        CorsOptions {
            cors_origin: Vec::new(),
            cors_method: METHODS.iter().filter_map(|name| name.parse().ok()).collect(),
            cors_header: HEADERS.map(str::to_owned).to_vec(),
            cors_credentials: false,
            cors_max_age: Duration::from_secs(1_800),
        }
    }
}

/// An origin as browsers send it: scheme, host, port if it is unusual; in lower case, without a slash at the end.
fn origin(text: &str) -> Result<String, String> {
    let bad = || format!("'{text}' is no origin such as https://tasks.example:8443, nor *");
    if text == "*" {
        return Ok(text.to_owned());
    }
    let (scheme, host) = text.split_once("://").ok_or_else(bad)?;
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_graphic());
    match plain(scheme) && plain(host) && !host.contains(['/', '?', '#', '@', '*']) {
        true => Ok(text.to_ascii_lowercase()),
        false => Err(bad()),
    }
}

fn method(text: &str) -> Result<Method, String> {
    let known = text
        .parse::<Method>()
        .ok()
        .filter(|_| text.bytes().all(|c| c.is_ascii_uppercase()));
    known.ok_or_else(|| format!("'{text}' is no method such as GET"))
}

fn header(text: &str) -> Result<String, String> {
    match text == "*" || HeaderName::from_bytes(text.as_bytes()).is_ok() {
        true => Ok(text.to_owned()),
        false => Err(format!("'{text}' is no name of a header, nor *")),
    }
}

/// The rules in force.
#[derive(Debug)]
pub struct Cors {
    /// Empty: any.
    origins: Vec<HeaderValue>,
    methods: Vec<Method>,
    /// `None`: any.
    headers: Option<Vec<String>>,
    credentials: bool,
    max_age: HeaderValue,
    allow_methods: HeaderValue,
    allow_headers: HeaderValue,
    expose: HeaderValue,
}

impl Cors {
    /// The rules that the options ask for; none if they name no origin.
    ///
    /// # Errors
    /// Credentials from any origin: browsers refuse that, and it would let every page act for its visitor.
    pub fn new(options: &CorsOptions) -> Result<Option<Cors>, ConfigError> {
        if options.cors_origin.is_empty() {
            return match options.cors_credentials {
                true => Err(ConfigError::new("cors-credentials", "needs --cors-origin")),
                false => Ok(None),
            };
        }
        let any = options.cors_origin.iter().any(|origin| origin == "*");
        if any && options.cors_credentials {
            let why = "is not possible with the origin *: name the origins that may send credentials";
            return Err(ConfigError::new("cors-credentials", why));
        }
        let value = |option: &str, text: &str| {
            HeaderValue::from_str(text).map_err(|e| ConfigError::new(option, format!("'{text}': {e}")))
        };
        let origins = options.cors_origin.iter().filter(|_| !any);
        let any_header = options.cors_header.iter().any(|name| name == "*");
        let methods: Vec<&str> = options.cors_method.iter().map(Method::as_str).collect();
        let mut exposed: Vec<HeaderName> = crate::headers::FOR_CLIENTS.to_vec();
        exposed.extend([crate::headers::SHARD, crate::headers::NODE, RETRY_AFTER]);
        let exposed: Vec<&str> = exposed.iter().map(HeaderName::as_str).collect();
        Ok(Some(Cors {
            origins: origins
                .map(|origin| value("cors-origin", origin))
                .collect::<Result<_, _>>()?,
            methods: options.cors_method.clone(),
            headers: (!any_header).then(|| options.cors_header.clone()),
            credentials: options.cors_credentials,
            max_age: HeaderValue::from(options.cors_max_age.as_secs()),
            allow_methods: value("cors-method", &methods.join(", "))?,
            allow_headers: value("cors-header", &options.cors_header.join(", "))?,
            expose: value("cors-origin", &exposed.join(", "))?,
        }))
    }

    /// Whether this is a browser that asks before it sends what it means.
    pub fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
        method == Method::OPTIONS
            && headers.contains_key(ORIGIN)
            && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// Whether a preflight's request may be sent.
    ///
    /// # Errors
    /// 403 that says what is not allowed.
    pub fn preflight(&self, headers: &HeaderMap) -> Result<HeaderMap, ApiError> {
        let refuse = |what: String| {
            let message = format!("{what} is not allowed for scripts of other origins");
            ApiError::new(StatusCode::FORBIDDEN, "InvalidRequestException", message)
        };
        let text = |name| {
            headers
                .get(name)
                .and_then(|value: &HeaderValue| value.to_str().ok())
        };
        let origin = headers.get(ORIGIN).filter(|origin| self.knows(origin));
        let Some(origin) = origin else {
            let origin = text(ORIGIN).unwrap_or("what stands in Origin");
            return Err(refuse(format!("the origin {origin}")));
        };
        let method = text(ACCESS_CONTROL_REQUEST_METHOD).unwrap_or_default();
        if !self.methods.iter().any(|known| known.as_str() == method) {
            return Err(refuse(format!("the method {method}")));
        }
        let asked = text(ACCESS_CONTROL_REQUEST_HEADERS).unwrap_or_default();
        let mut names = asked.split(',').map(str::trim).filter(|name| !name.is_empty());
        let unknown = self
            .headers
            .as_ref()
            .and_then(|known| names.find(|name| !known.iter().any(|known| known.eq_ignore_ascii_case(name))));
        if let Some(name) = unknown {
            return Err(refuse(format!("the header {name}")));
        }
        let mut answer = HeaderMap::new();
        self.grant(origin, &mut answer);
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, self.allow_methods.clone());
        // `*` covers neither credentials nor Authorization: what was asked for is named.
        let allowed = match (&self.headers, headers.get(ACCESS_CONTROL_REQUEST_HEADERS)) {
            (None, Some(asked)) => asked.clone(),
            _ => self.allow_headers.clone(),
        };
        answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        answer.insert(ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
        answer.append(VARY, HeaderValue::from_static("Access-Control-Request-Method"));
        answer.append(VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
        Ok(answer)
    }

    /// Marks the answer to a request of that origin as one that its scripts may read. Other origins get it without: then the browser
    /// keeps it from the script.
    pub fn mark(&self, origin: &HeaderValue, answer: &mut HeaderMap) {
        if self.knows(origin) {
            self.grant(origin, answer);
            answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, self.expose.clone());
        } else {
            answer.append(VARY, HeaderValue::from_static("Origin"));
        }
    }

    fn knows(&self, origin: &HeaderValue) -> bool {
        self.origins.is_empty() || self.origins.contains(origin)
    }

    fn grant(&self, origin: &HeaderValue, answer: &mut HeaderMap) {
        if self.origins.is_empty() {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            return;
        }
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        answer.append(VARY, HeaderValue::from_static("Origin"));
        if self.credentials {
            answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(origins: &[&str]) -> CorsOptions {
        CorsOptions {
            cors_origin: origins.iter().map(|text| origin(text).unwrap()).collect(),
            ..CorsOptions::default()
        }
    }

    fn asked(origin: &str, method: &str, names: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, origin.parse().unwrap());
        headers.insert(ACCESS_CONTROL_REQUEST_METHOD, method.parse().unwrap());
        if !names.is_empty() {
            headers.insert(ACCESS_CONTROL_REQUEST_HEADERS, names.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_preflight_is_told_what_is_not_allowed() {
        let cors = Cors::new(&options(&["https://Tasks.example"])).unwrap().unwrap();
        let good = cors.preflight(&asked(
            "https://tasks.example",
            "POST",
            "content-type, authorization",
        ));
        assert_eq!(
            good.unwrap()[ACCESS_CONTROL_ALLOW_ORIGIN],
            "https://tasks.example"
        );
        for (origin, method, names, says) in [
            (
                "https://other.example",
                "POST",
                "",
                "the origin https://other.example",
            ),
            ("null", "POST", "", "the origin null"),
            ("https://tasks.example", "PATCH", "", "the method PATCH"),
            (
                "https://tasks.example",
                "POST",
                "accept, x-own",
                "the header x-own",
            ),
        ] {
            let refused = cors.preflight(&asked(origin, method, names)).unwrap_err();
            assert_eq!(refused.status, 403);
            assert!(refused.message.starts_with(says), "{}", refused.message);
        }
    }

    #[test]
    fn credentials_need_named_origins() {
        let with = |origins: &[&str]| CorsOptions {
            cors_credentials: true,
            ..options(origins)
        };
        assert!(Cors::new(&with(&["*"])).is_err());
        assert!(Cors::new(&with(&[])).is_err());
        assert!(Cors::new(&options(&[])).unwrap().is_none());
        let cors = Cors::new(&with(&["http://a", "http://b"])).unwrap().unwrap();
        let mut answer = HeaderMap::new();
        cors.mark(&HeaderValue::from_static("http://b"), &mut answer);
        assert_eq!(answer[ACCESS_CONTROL_ALLOW_ORIGIN], "http://b");
        assert_eq!(
            (&answer[ACCESS_CONTROL_ALLOW_CREDENTIALS], &answer[VARY]),
            (&"true".parse().unwrap(), &"Origin".parse().unwrap())
        );
        let mut answer = HeaderMap::new();
        cors.mark(&HeaderValue::from_static("http://c"), &mut answer);
        assert_eq!(answer.keys().collect::<Vec<_>>(), [&VARY]);
    }

    #[test]
    fn any_origin_and_any_header() {
        let any = CorsOptions {
            cors_header: vec!["*".into()],
            ..options(&["*"])
        };
        let cors = Cors::new(&any).unwrap().unwrap();
        let answer = cors
            .preflight(&asked("http://x", "GET", "x-own,authorization"))
            .unwrap();
        assert_eq!(answer[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert_eq!(answer[ACCESS_CONTROL_ALLOW_HEADERS], "x-own,authorization");
        assert!(!answer.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS));
    }

    #[test]
    fn what_is_no_origin_is_refused_at_the_start() {
        for text in [
            "tasks.example",
            "https://",
            "https://a/",
            "https://a/b",
            "https://*.a",
            "",
            "https://u@a",
        ] {
            assert!(origin(text).is_err(), "{text}");
        }
        assert!(method("get").is_err() && method("GET ").is_err() && header("a b").is_err());
    }
}
