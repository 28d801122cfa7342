//! Addresses to listen on, and when one may be open to others.
use crate::ConfigError;
use std::{fmt, io, net::SocketAddr, str::FromStr};
use tokio::net::TcpListener;

/// An address to listen on, `HOST:PORT`; port 0 takes a free one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// Host name or address, IPv6 without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl HostPort {
    /// 127.0.0.1 at a port.
    pub fn loopback(port: u16) -> HostPort {
        HostPort {
            host: "127.0.0.1".to_owned(),
            port,
        }
    }

    /// Opens the listener.
    ///
    /// # Errors
    /// The address does not resolve, is taken or not of this machine; the text names it.
    pub async fn bind(&self) -> io::Result<TcpListener> {
        let bound = TcpListener::bind((self.host.as_str(), self.port)).await;
        bound.map_err(|e| io::Error::new(e.kind(), format!("listening on {self}: {e}")))
    }
}

impl FromStr for HostPort {
    type Err = String;
    fn from_str(text: &str) -> Result<HostPort, String> {
        let (host, port) = text
            .rsplit_once(':')
            .ok_or_else(|| format!("'{text}' is not HOST:PORT"))?;
        let port = port.parse().map_err(|_| format!("'{port}' is not a port"))?;
        let host = host
            .strip_prefix('[')
            .and_then(|h| h.strip_suffix(']'))
            .unwrap_or(host);
        if host.is_empty() {
            return Err(format!("'{text}' has no host; 0.0.0.0 means every address"));
        }
        Ok(HostPort {
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// Refuses to serve others without authentication: call it at each start with the bound address.
/// With `insecure_no_auth` it is allowed, and said in the log.
///
/// # Errors
/// The address isn't loopback, there is no authentication, and nobody has asked for that.
pub fn check_exposure(listen: SocketAddr, has_auth: bool, insecure_no_auth: bool) -> Result<(), ConfigError> {
    if has_auth || listen.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    if !insecure_no_auth {
        return Err(ConfigError::new(
            "listen",
            format!(
                "{listen} is open to other machines and there is no authentication: use --auth basic, or --insecure-no-auth if that is meant"
            ),
        ));
    }
    tracing::warn!(%listen, "open to other machines without authentication (--insecure-no-auth)");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_host_and_port() {
        for text in ["127.0.0.1:8080", "[::1]:0", "node-1.example:9"] {
            assert_eq!(text.parse::<HostPort>().unwrap().to_string(), text);
        }
        for text in ["8080", ":8080", "host:", "host:70000"] {
            assert!(text.parse::<HostPort>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_open_address_without_authentication_is_refused_unless_asked_for() {
        let open: SocketAddr = "0.0.0.0:8080".parse().unwrap();
        let local: SocketAddr = "127.0.0.1:8080".parse().unwrap();
        assert!(
            check_exposure(open, false, false)
                .unwrap_err()
                .to_string()
                .contains("--insecure-no-auth")
        );
        assert!(check_exposure(open, false, true).is_ok());
        assert!(check_exposure(open, true, false).is_ok());
        assert!(check_exposure(local, false, false).is_ok());
        assert!(check_exposure("[::ffff:127.0.0.1]:1".parse().unwrap(), false, false).is_ok());
    }
}
