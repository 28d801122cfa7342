//! The listener: connections in, requests to [`handle`], and a drain at the end.
use crate::{
    classify::ROOT,
    handle::{Client, handle},
    plain::{self, Rewind},
    respond::Answer,
    state::{App, Exposure},
};
use http::Request;
use http_body_util::BodyExt;
use hyper::{
    body::Incoming,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use service::Shutdown;
use std::{convert::Infallible, io, sync::Arc, time::Duration};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

/// Serves until the shutdown begins, then lets running requests end within the drain time. What `beside` holds is
/// served outside the REST root.
///
/// # Errors
/// The listener's address can't be read.
pub async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    beside: Option<axum::Router>,
    shutdown: Shutdown,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    if !address.ip().to_canonical().is_loopback() && !app.options.insecure_no_auth {
        app.set_exposure(Exposure::Unknown);
    }
    tracing::info!("REST at http://{address}{}", crate::classify::ROOT);
    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(plain::IDLE);
    server.http2().timer(TokioTimer::new());
    let server = Arc::new(server);
    let general = GracefulShutdown::new();
    let tracker = TaskTracker::new();
    loop {
        let (stream, client) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, or a connection that was gone at once: neither ends the router.
                    tracing::warn!(%error, "accepting a connection failed");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
            },
            () = shutdown.started() => break,
        };
        let _ = stream.set_nodelay(true);
        let (app, beside, server) = (app.clone(), beside.clone(), server.clone());
        let watcher = general.watcher();
        tracker.spawn(async move {
            let (stream, before) = match app.options.fast_path {
                true => match plain::serve(app.clone(), stream, client).await {
                    Some(left) => left,
                    None => return,
                },
                false => (stream, Vec::new()),
            };
            // A future of its own: most connections never need it.
            tokio::spawn(Box::pin(async move {
                let service = service_fn(move |mut request: Request<Incoming>| {
                    let (app, beside) = (app.clone(), beside.clone());
                    request.extensions_mut().insert(Client(client));
                    async move { Ok::<_, Infallible>(answer(app, beside, request).await) }
                });
                let stream = TokioIo::new(Rewind::new(before, stream));
                let connection = server.serve_connection(stream, service).into_owned();
                if let Err(error) = watcher.watch(connection).await {
                    tracing::debug!(error, "connection ended");
                }
            }));
        });
    }
    drop(listener);
    app.drain();
    tracker.close();
    let ended = async { tokio::join!(tracker.wait(), general.shutdown()) };
    if shutdown.drain(ended).await.is_none() {
        tracing::warn!("requests were still running when the drain time was over");
    }
    Ok(())
}

async fn answer(app: Arc<App>, beside: Option<axum::Router>, request: Request<Incoming>) -> Answer {
    match beside {
        Some(routes) if !request.uri().path().starts_with(ROOT) => {
            let Ok(answer) = TowerToHyperService::new(routes).call(request).await;
            answer.map(|body| body.map_err(Into::into).boxed_unsync())
        }
        _ => handle(app, request).await,
    }
}
