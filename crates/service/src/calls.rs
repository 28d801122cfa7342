//! What every HTTP client of a role is made of.
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::ClientConfig;
use std::{error::Error, time::Duration};

/// Makes connections within a time: plain ones of `plain`, over TLS where a URL says `https`. HTTP/1.1 only.
pub fn connector<R>(
    mut plain: HttpConnector<R>,
    tls: ClientConfig,
    connecting: Duration,
) -> HttpsConnector<HttpConnector<R>> {
    plain.set_nodelay(true);
    plain.set_connect_timeout(Some(connecting));
    plain.enforce_http(false);
    HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(plain)
}

/// An error's text with those of its causes: what a client's error says alone ("client error") helps nobody.
pub fn causes(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    let texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}
