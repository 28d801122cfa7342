//! Addresses of several servers, of which one takes writes: `postgres://USER@a:5432,b:5432/DB`, as libpq writes
//! them with `target_session_attrs=read-write`. The driver takes one server per address; choosing is done here.
use crate::SchemaError;
use sqlx::{ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};
use std::{str::FromStr, time::Duration};

/// A server that doesn't answer in that time counts as away while another may be there.
const NO_ANSWER: Duration = Duration::from_secs(3);

/// The addresses that an address names, one for each server, in its order. Of PostgreSQL's only: a file's name may
/// have commas.
pub fn split(url: &str) -> Vec<String> {
    let Some((scheme, rest)) = url
        .split_once("://")
        .filter(|(scheme, _)| scheme.starts_with("postgres"))
    else {
        return vec![url.to_owned()];
    };
    let (rest, query) = rest.split_once('?').map_or((rest, ""), |(r, q)| (r, q));
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| (&rest[..at], &rest[at..]));
    let (user, hosts) = authority
        .rsplit_once('@')
        .map_or((String::new(), authority), |(user, hosts)| {
            (format!("{user}@"), hosts)
        });
    // The driver doesn't know it and would warn of it.
    let kept: Vec<&str> = query
        .split('&')
        .filter(|p| !p.is_empty() && !p.starts_with("target_session_attrs="))
        .collect();
    let query = match kept.is_empty() {
        true => String::new(),
        false => format!("?{}", kept.join("&")),
    };
    hosts
        .split(',')
        .map(|host| format!("{scheme}://{user}{host}{path}{query}"))
        .collect()
}

/// Whether a connection's server takes writes: no replica, not set to read-only.
///
/// # Errors
/// The server does not answer.
pub async fn takes_writes(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(TAKES_WRITES).fetch_one(connection).await
}

/// The question of [`takes_writes`].
pub const TAKES_WRITES: &str =
    "SELECT NOT pg_is_in_recovery() AND current_setting('default_transaction_read_only') = 'off'";

/// The position in [`split`] of the first server that takes writes, and a connection to it.
///
/// # Errors
/// None does: what the last one said.
pub async fn primary(servers: &[PgConnectOptions]) -> Result<(usize, PgConnection), sqlx::Error> {
    let mut last = sqlx::Error::Configuration("the address names no server".into());
    for (number, options) in servers.iter().enumerate() {
        let attempt = async {
            let mut connection = options.connect().await?;
            match takes_writes(&mut connection).await? {
                true => Ok(connection),
                false => {
                    // Its answer doesn't matter: the server is not the one.
                    let _ = connection.close().await;
                    Err(sqlx::Error::Protocol(format!(
                        "{}:{} takes no writes",
                        options.get_host(),
                        options.get_port()
                    )))
                }
            }
        };
        match tokio::time::timeout(NO_ANSWER, attempt).await {
            Ok(Ok(connection)) => return Ok((number, connection)),
            Ok(Err(error)) => last = error,
            Err(_) => last = std::io::Error::from(std::io::ErrorKind::TimedOut).into(),
        }
    }
    Err(last)
}

/// Connects to what an address names: the one server, whatever it is, or of several the first that takes writes.
pub(crate) async fn connect(url: &str) -> Result<PgConnection, SchemaError> {
    let servers = split(url)
        .iter()
        .map(|url| PgConnectOptions::from_str(url))
        .collect::<Result<Vec<_>, _>>()?;
    match &servers[..] {
        [one] => Ok(one.connect().await?),
        several => Ok(primary(several).await?.1),
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn s2_28_an_address_may_name_several_servers() {
        assert_eq!(
            split("postgres://u:p@a:1,b:2,[::1]:3/db?target_session_attrs=read-write&sslmode=require"),
            [
                "postgres://u:p@a:1/db?sslmode=require",
                "postgres://u:p@b:2/db?sslmode=require",
                "postgres://u:p@[::1]:3/db?sslmode=require",
            ]
        );
        assert_eq!(
            split("postgres://a,b/db?target_session_attrs=read-write"),
            ["postgres://a/db", "postgres://b/db"]
        );
        let one = "postgres://u@h:5432/db?sslmode=disable";
        assert_eq!(split(one), [one]);
        assert_eq!(split("sqlite://a,b"), ["sqlite://a,b"]);
    }
}
