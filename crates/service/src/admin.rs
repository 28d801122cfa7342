//! The admin listener: `/health/live`, `/health/ready` and `/metrics`.
use crate::{HostPort, Readiness, Shutdown, ready::STOPPING};
use axum::{
    Router,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use prometheus_client::{encoding::text, registry::Registry};
use std::{io, net::SocketAddr, str::FromStr, sync::Arc};
use tokio::net::TcpListener;

/// Where the admin listener listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminListen {
    /// Nowhere.
    Off,
    /// At an address; port 0 takes a free one.
    At(HostPort),
}

impl FromStr for AdminListen {
    type Err = String;
    fn from_str(text: &str) -> Result<AdminListen, String> {
        if text == "none" {
            Ok(AdminListen::Off)
        } else {
            text.parse().map(AdminListen::At)
        }
    }
}

/// The routes of the admin listener. `/health/live` answers 200 while the process runs, `/health/ready` 200 or 503
/// with the reasons, `/metrics` the registries as one OpenMetrics text.
pub fn admin_routes(ready: Readiness, registries: Vec<Arc<Registry>>) -> Router {
    let registries = Arc::new(registries);
    Router::new()
        .route("/health/live", get(async || "live\n"))
        .route("/health/ready", get(async move || readiness(&ready)))
        .route("/metrics", get(async move || metrics(&registries)))
}

fn readiness(ready: &Readiness) -> (StatusCode, String) {
    match ready.check() {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}

fn metrics(registries: &[Arc<Registry>]) -> axum::response::Response {
    let texts: Result<Vec<String>, std::fmt::Error> = registries
        .iter()
        .map(|registry| {
            let mut text = String::new();
            text::encode_registry(&mut text, registry).map(|()| text)
        })
        .collect();
    match texts {
        Ok(texts) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], merge(&texts)).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// One text of several: a family that stands in more than one keeps its head once, followed by all of its samples.
fn merge(texts: &[String]) -> String {
    let mut families: Vec<(&str, Vec<&str>)> = Vec::new();
    for text in texts {
        let mut at = None;
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let name = rest.split(' ').next().unwrap_or_default();
                let known = families.iter().position(|(known, _)| *known == name);
                let index = known.unwrap_or_else(|| {
                    families.push((name, Vec::new()));
                    families.len() - 1
                });
                at = Some((index, known.is_some()));
            }
            if let Some((index, known)) = at
                && !(known && line.starts_with('#'))
            {
                families[index].1.push(line);
            }
        }
    }
    let lines = families
        .iter()
        .flat_map(|(_, lines)| lines)
        .chain(std::iter::once(&"# EOF"));
    lines.map(|line| format!("{line}\n")).collect()
}

/// Serves the admin routes in a task of their own, until the drain time of the shutdown is over (health stays
/// readable while the role drains) or a successor serves them. Marks the part `process` of `ready` as stopping when the shutdown
/// begins. Gives the bound address, none if the listener is off.
///
/// # Errors
/// The address can't be bound.
pub async fn serve_admin(
    listen: &AdminListen,
    ready: Readiness,
    registries: Vec<Arc<Registry>>,
    shutdown: &Shutdown,
) -> io::Result<Option<SocketAddr>> {
    let listener = match listen {
        AdminListen::Off => None,
        AdminListen::At(address) => Some(address.bind().await?),
    };
    serve_admin_at(listener, ready, registries, shutdown)
}

/// [`serve_admin`] on a listener that is there.
///
/// # Errors
/// Its address can't be read.
pub fn serve_admin_at(
    listener: Option<TcpListener>,
    ready: Readiness,
    registries: Vec<Arc<Registry>>,
    shutdown: &Shutdown,
) -> io::Result<Option<SocketAddr>> {
    let (stopping, marked) = (shutdown.clone(), ready.clone());
    tokio::spawn(async move {
        stopping.started().await;
        marked.not_ready("process", STOPPING);
    });
    let Some(listener) = listener else {
        return Ok(None);
    };
    let bound = listener.local_addr()?;
    tracing::info!(address = %bound, "admin listener: /health/live, /health/ready, /metrics");
    let (routes, stop) = (admin_routes(ready, registries), shutdown.clone());
    tokio::spawn(async move {
        let served = axum::serve(listener, routes)
            .with_graceful_shutdown(async move { stop.silent().await })
            .await;
        if let Err(error) = served {
            tracing::error!(%error, "admin listener ended");
        }
    });
    Ok(Some(bound))
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::metrics::counter::Counter;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn get(address: SocketAddr, path: &str) -> String {
        let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn health_follows_readiness_and_shutdown_and_metrics_are_served() {
        let mut registry = Registry::default();
        let counter: Counter = Counter::default();
        registry.register("starts", "Instances started", counter.clone());
        counter.inc();
        let (ready, shutdown) = (
            Readiness::waiting_for(&["database"]),
            Shutdown::new(Duration::from_secs(30)),
        );
        let listen = AdminListen::At(HostPort::loopback(0));
        let bound = serve_admin(&listen, ready.clone(), vec![Arc::new(registry)], &shutdown)
            .await
            .unwrap()
            .unwrap();
        assert!(get(bound, "/health/live").await.starts_with("HTTP/1.1 200"));
        let answer = get(bound, "/health/ready").await;
        assert!(
            answer.starts_with("HTTP/1.1 503") && answer.contains("database: starting"),
            "{answer}"
        );
        ready.ready("database");
        assert!(get(bound, "/health/ready").await.starts_with("HTTP/1.1 200"));
        assert!(get(bound, "/metrics").await.contains("starts_total 1"));
        shutdown.start();
        while ready.check().is_ok() {
            tokio::task::yield_now().await;
        }
        assert!(get(bound, "/health/ready").await.contains("process: stopping"));
    }

    #[test]
    fn registries_with_the_same_families_make_one_text_with_each_head_once() {
        let texts = ["a", "b"].map(|shard| {
            let labels = [("shard".into(), shard.into())];
            let mut registry = Registry::with_labels(labels.into_iter());
            registry.register("starts", "Instances started", Counter::<u64>::default());
            let mut text = String::new();
            text::encode_registry(&mut text, &registry).unwrap();
            text
        });
        let merged = merge(&texts);
        let expected = "# HELP starts Instances started.\n# TYPE starts counter\n\
                        starts_total{shard=\"a\"} 0\nstarts_total{shard=\"b\"} 0\n# EOF\n";
        assert_eq!(merged, expected);
    }

    #[tokio::test]
    async fn none_turns_the_admin_listener_off() {
        let off = "none".parse::<AdminListen>().unwrap();
        let shutdown = Shutdown::new(Duration::ZERO);
        assert_eq!(
            serve_admin(&off, Readiness::waiting_for(&[]), vec![], &shutdown)
                .await
                .unwrap(),
            None
        );
    }
}
