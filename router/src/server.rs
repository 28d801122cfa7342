//! The listener: connections in, requests to [`handle`], and a drain at the end.
use crate::{
    classify::ROOT,
    handle::{Client, handle},
    plain::{self, Rewind},
    respond::Answer,
    state::App,
};
use http::Request;
use http_body_util::BodyExt;
use hyper::{
    body::Incoming,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use service::Shutdown;
use std::{convert::Infallible, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

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
    let scheme = if tls.is_some() { "https" } else { "http" };
    tracing::info!("REST at {scheme}://{address}{}", crate::classify::ROOT);
    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(plain::IDLE);
    server.http2().timer(TokioTimer::new());
    let server = Arc::new(server);
    let tracker = TaskTracker::new();
    let take = |stream: TcpStream, client: SocketAddr| {
        let _ = stream.set_nodelay(true);
        let (app, beside, server, tls) = (app.clone(), beside.clone(), server.clone(), tls.clone());
        let tracked = tracker.clone();
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
            tracked.spawn(Box::pin(general(app, stream, client, server, beside)));
        });
    };
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, client)) => take(stream, client),
                Err(error) => {
                    // Out of file descriptors, or a connection that was gone at once: neither ends the router.
                    tracing::warn!(%error, "accepting a connection failed");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            },
            () = shutdown.started() => break,
        }
    }
    // Closing the listener resets what stands in its queue; a successor has the same queue.
    let listener = listener.into_std()?;
    while !shutdown.is_handed_over()
        && let Ok((stream, client)) = listener.accept()
    {
        stream.set_nonblocking(true)?;
        take(TcpStream::from_std(stream)?, client);
    }
    drop(listener);
    app.drain();
    tracker.close();
    if shutdown.drain(tracker.wait()).await.is_none() {
        tracing::warn!("requests were still running when the drain time was over");
    }
    Ok(())
}

/// Serves a connection by the general server. When the router drains, the connection ends with what runs, but not before it has
/// brought a request, or has had time to: its client has seen it open.
async fn general(
    app: Arc<App>,
    stream: Box<dyn Stream>,
    client: Client,
    server: Arc<auto::Builder<TokioExecutor>>,
    beside: Option<axum::Router>,
) {
    let asked = CancellationToken::new();
    let drained = {
        let (app, asked) = (app.clone(), asked.clone());
        async move {
            app.drained().cancelled().await;
            let _ = timeout(plain::FIRST, asked.cancelled()).await;
        }
    };
    let service = service_fn(move |mut request: Request<Incoming>| {
        asked.cancel();
        let (app, beside) = (app.clone(), beside.clone());
        request.extensions_mut().insert(client);
        async move { Ok::<_, Infallible>(answer(app, beside, request).await) }
    });
    let mut connection = pin!(server.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = drained => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error, "connection ended");
    }
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
