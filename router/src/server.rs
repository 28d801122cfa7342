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
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// What a connection is to the general server.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Serves until the shutdown begins, then lets running requests end within the drain time. What `beside` holds is
/// served outside the REST root.
///
/// # Errors
/// The listener's address can't be read.
pub async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    beside: Option<axum::Router>,
    shutdown: Shutdown,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    if !address.ip().to_canonical().is_loopback() && !app.options.insecure_no_auth {
        app.set_exposure(Exposure::Unknown);
    }
    let scheme = if tls.is_some() { "https" } else { "http" };
    tracing::info!("REST at {scheme}://{address}{}", crate::classify::ROOT);
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
        let (app, beside, server, tls) = (app.clone(), beside.clone(), server.clone(), tls.clone());
        let watcher = general.watcher();
        tracker.spawn(async move {
            let client = Client {
                address: client,
                secure: tls.is_some(),
            };
            let stream: Box<dyn Stream> = match tls {
                Some(tls) => match timeout(HANDSHAKE, tls.accept(stream)).await {
                    Ok(Ok(stream)) => Box::new(stream),
                    // Scanners and clients that don't trust us: nothing that an operator could mend here.
                    _ => return,
                },
                None if app.options.fast_path => match plain::serve(app.clone(), stream, client).await {
                    Some((stream, before)) => Box::new(Rewind::new(before, stream)),
                    None => return,
                },
                None => Box::new(stream),
            };
            // A future of its own: most connections never need it.
            tokio::spawn(Box::pin(async move {
                let service = service_fn(move |mut request: Request<Incoming>| {
                    let (app, beside) = (app.clone(), beside.clone());
                    request.extensions_mut().insert(client);
                    async move { Ok::<_, Infallible>(answer(app, beside, request).await) }
                });
                let connection = server
                    .serve_connection(TokioIo::new(stream), service)
                    .into_owned();
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
