//! The `--topology` option.
use crate::{
    Cluster, Error, Result,
    etcd::{self, TlsFiles},
    in_process,
};
use std::{fmt, path::PathBuf, str::FromStr, sync::Arc};

/// Prefix of every key in etcd unless the option names another one.
pub const DEFAULT_PREFIX: &str = "/stellwerk/";

/// Where the topology lives: `none`, or `etcd://HOST:PORT[,HOST:PORT…][/PREFIX]`, or etcd's own URLs
/// (`http://HOST:PORT,…`, `https://HOST:PORT,…`). `https` needs `?ca=FILE` at the end, and `&cert=FILE&key=FILE`
/// where etcd asks for a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopologyOption {
    /// In the process itself: a cluster of one.
    None,
    /// In etcd.
    Etcd {
        /// `http://HOST:PORT` or `https://HOST:PORT`, each.
        endpoints: Vec<String>,
        /// Prefix of every key; starts and ends with `/`.
        prefix: String,
        /// Certificates, for `https` endpoints.
        tls: Option<TlsFiles>,
    },
}

/// The files of `ca=FILE[&cert=FILE&key=FILE]`.
fn parse_tls(query: &str) -> std::result::Result<TlsFiles, String> {
    let (mut ca, mut cert, mut key) = (None, None, None);
    for part in query.split('&') {
        let (name, file) = part.split_once('=').unwrap_or((part, ""));
        let place = match name {
            "ca" => &mut ca,
            "cert" => &mut cert,
            "key" => &mut key,
            other => return Err(format!("'{other}' is none of ca, cert and key")),
        };
        if file.is_empty() || place.replace(PathBuf::from(file)).is_some() {
            return Err(format!("{name} needs one file"));
        }
    }
    let identity = match (cert, key) {
        (None, None) => None,
        (Some(cert), Some(key)) => Some((cert, key)),
        _ => return Err("cert and key go together".into()),
    };
    Ok(TlsFiles {
        ca: ca.ok_or("ca=FILE is missing")?,
        identity,
    })
}

impl FromStr for TopologyOption {
    type Err = Error;
    fn from_str(text: &str) -> Result<TopologyOption> {
        let bad = |why: &str| {
            Error::Refused(format!(
                "--topology '{text}' is neither 'none' nor 'etcd://HOST:PORT[,HOST:PORT…][/PREFIX]': {why}"
            ))
        };
        if text == "none" {
            return Ok(TopologyOption::None);
        }
        let (text, query) = text
            .split_once('?')
            .map_or((text, None), |(text, query)| (text, Some(query)));
        let tls = query.map(parse_tls).transpose().map_err(|e| bad(&e))?;
        let (scheme, rest) = text.split_once("://").ok_or_else(|| bad("there is no '://'"))?;
        let scheme = match scheme {
            "etcd" | "http" => "http",
            "https" => "https",
            other => return Err(bad(&format!("'{other}' isn't a known scheme"))),
        };
        let mut prefix = DEFAULT_PREFIX.to_owned();
        let mut endpoints = Vec::new();
        let parts: Vec<&str> = rest.split(',').collect();
        for (i, part) in parts.iter().enumerate() {
            let part = part.trim();
            let (scheme, part) = match part.split_once("://") {
                None => (scheme, part),
                Some((own @ ("http" | "https"), part)) => (own, part),
                Some((other, _)) => return Err(bad(&format!("'{other}' isn't a known scheme"))),
            };
            let (host, path) = part.split_once('/').unwrap_or((part, ""));
            let path = path.trim_matches('/');
            if !path.is_empty() {
                if i + 1 != parts.len() {
                    return Err(bad("the prefix comes after the last host"));
                }
                prefix = format!("/{path}/");
            }
            let port = host
                .rsplit_once(':')
                .filter(|(name, _)| !name.is_empty())
                .map(|(_, port)| port);
            if port.is_none_or(|port| port.parse::<u16>().is_err()) {
                return Err(bad(&format!("'{host}' isn't HOST:PORT")));
            }
            endpoints.push(format!("{scheme}://{host}"));
        }
        if endpoints
            .iter()
            .any(|e| e.starts_with("https://") != tls.is_some())
        {
            return Err(bad(
                "https endpoints need ?ca=FILE at the end, and http endpoints can't have it",
            ));
        }
        Ok(TopologyOption::Etcd {
            endpoints,
            prefix,
            tls,
        })
    }
}

impl fmt::Display for TopologyOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TopologyOption::None => f.write_str("none"),
            TopologyOption::Etcd {
                endpoints,
                prefix,
                tls,
            } => {
                f.write_str(&endpoints.join(","))?;
                if prefix != DEFAULT_PREFIX {
                    f.write_str(prefix.trim_end_matches('/'))?;
                }
                let Some(TlsFiles { ca, identity }) = tls else {
                    return Ok(());
                };
                write!(f, "?ca={}", ca.display())?;
                let Some((cert, key)) = identity else {
                    return Ok(());
                };
                write!(f, "&cert={}&key={}", cert.display(), key.display())
            }
        }
    }
}

/// Opens the topology that the option names: an empty one in memory, or etcd's (probed with a read; the error names
/// the endpoints).
pub async fn open(option: &TopologyOption) -> Result<Arc<dyn Cluster>> {
    match option {
        TopologyOption::None => Ok(in_process()),
        TopologyOption::Etcd {
            endpoints,
            prefix,
            tls,
        } => etcd::connect(endpoints, prefix, tls.as_ref()).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_topology_option_takes_none_and_lists_of_etcd_hosts() {
        let etcd = |endpoints: &[&str], prefix: &str| TopologyOption::Etcd {
            endpoints: endpoints.iter().map(|e| e.to_string()).collect(),
            prefix: prefix.into(),
            tls: None,
        };
        let tls = |identity: Option<(&str, &str)>| TopologyOption::Etcd {
            endpoints: vec!["https://a:1".into()],
            prefix: "/stellwerk/".into(),
            tls: Some(TlsFiles {
                ca: "/c/ca.pem".into(),
                identity: identity.map(|(cert, key)| (cert.into(), key.into())),
            }),
        };
        let two = ["http://a:1", "http://b:2"];
        for (text, expected) in [
            ("none", TopologyOption::None),
            ("etcd://a:1,b:2", etcd(&two, "/stellwerk/")),
            ("etcd://a:1,b:2/", etcd(&two, "/stellwerk/")),
            ("etcd://a:1,b:2/test/one", etcd(&two, "/test/one/")),
            ("http://a:1,http://b:2", etcd(&two, "/stellwerk/")),
            ("https://a:1?ca=/c/ca.pem", tls(None)),
            (
                "https://a:1?ca=/c/ca.pem&cert=/c/c.pem&key=k.pem",
                tls(Some(("/c/c.pem", "k.pem"))),
            ),
        ] {
            let parsed: TopologyOption = text.parse().unwrap();
            assert_eq!(parsed, expected, "{text}");
            assert_eq!(
                parsed.to_string().parse::<TopologyOption>().unwrap(),
                parsed,
                "{text}"
            );
        }
        for text in [
            "",
            "etcd",
            "etcd://",
            "etcd://a",
            "etcd://a:x",
            "etcd://:1",
            "zk://a:1",
            "etcd://a:1/x,b:2",
        ] {
            let error = text.parse::<TopologyOption>().unwrap_err().to_string();
            assert!(error.contains("etcd://HOST:PORT"), "{text}: {error}");
        }
    }
}
