//! TLS from clients and to nodes.
mod support;

use router::Options;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    server::WebPkiClientVerifier,
};
use serde_json::json;
use service::{NodeTls, ServerTls};
use std::{
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use support::*;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

const START: &str = "/process-definition/key/a/start";

fn openssl(directory: &Path, arguments: &str) {
    let words = arguments.split_whitespace();
    let done = Command::new("openssl")
        .args(words)
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "openssl {arguments}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// An authority, and a certificate of its for 127.0.0.1.
fn certificates(directory: &Path) {
    std::fs::create_dir_all(directory).unwrap();
    std::fs::write(directory.join("names"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(
        directory,
        &format!("req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=ca"),
    );
    openssl(
        directory,
        &format!("req {key} -keyout own.key -out own.csr -subj /CN=own"),
    );
    openssl(
        directory,
        "x509 -req -in own.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out own.pem -days 2 -extfile names",
    );
}

fn chain(directory: &Path) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let chain = CertificateDer::pem_file_iter(directory.join("own.pem")).unwrap();
    (
        chain.map(Result::unwrap).collect(),
        PrivateKeyDer::from_pem_file(directory.join("own.key")).unwrap(),
    )
}

fn roots(directory: &Path) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(directory.join("ca.pem")).unwrap())
        .unwrap();
    Arc::new(roots)
}

/// What lets in who shows a certificate of the authority.
fn acceptor(directory: &Path) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots(directory), provider.clone())
        .build()
        .unwrap();
    let (chain, key) = chain(directory);
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// The node's port behind TLS that asks for a certificate, and how many connections it has had.
async fn behind_tls(node: &FakeNode, directory: &Path) -> (String, Arc<AtomicUsize>) {
    let acceptor = acceptor(directory);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let to = node.url.trim_start_matches("http://").to_owned();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = connections.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            count.fetch_add(1, Ordering::Relaxed);
            let (acceptor, to) = (acceptor.clone(), to.clone());
            tokio::spawn(async move {
                let Ok(mut outside) = acceptor.accept(stream).await else {
                    return;
                };
                let mut inside = TcpStream::connect(&to).await.unwrap();
                let _ = copy_bidirectional(&mut outside, &mut inside).await;
            });
        }
    });
    (url, connections)
}

/// Options of a router that nodes behind TLS let in.
fn trusted(directory: &Path, fast_path: bool) -> Options {
    let file = |name: &str| Some(directory.join(name));
    Options {
        node_tls: NodeTls {
            node_ca: file("ca.pem"),
            node_cert: file("own.pem"),
            node_key: file("own.key"),
        },
        fast_path,
        ..Options::default()
    }
}

fn address(cluster: &Cluster) -> &str {
    let address = cluster.url.trim_start_matches("http://");
    address.trim_end_matches("/engine-rest")
}

/// What comes back for those bytes until the router closes: its lines in order, without dates.
async fn exchange(cluster: &Cluster, bytes: &str) -> Vec<String> {
    let mut stream = TcpStream::connect(address(cluster)).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let lines = answer.lines().filter(|line| !line.starts_with("date: "));
    let mut lines: Vec<String> = lines.map(str::to_owned).collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn nodes_behind_tls_see_the_same_requests_either_way_and_keep_their_connection() {
    let directory = std::env::temp_dir().join(format!("stellwerk-tls-ways-{}", std::process::id()));
    certificates(&directory);
    let task = format!("/engine-rest/task/{}", id_in(FIRST, 1));
    let post = |body: &str| {
        let n = body.len();
        format!("POST /engine-rest{START} HTTP/1.1\r\nHost: x\r\nContent-Length: {n}\r\n\r\n{body}")
    };
    let long = format!(r#"{{"x":"{}","businessKey":"key-0"}}"#, "y".repeat(200_000));
    let close = "GET /engine-rest/engine HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let cases = [
        post(r#"{"businessKey":"key-0"}"#),
        post(&long),
        post("{").repeat(3),
        format!("GET {task} HTTP/1.1\r\nHost: x\r\n\r\n").repeat(20),
        format!("HEAD {task} HTTP/1.1\r\nHost: x\r\n\r\n"),
        format!("DELETE {task} HTTP/1.1\r\nHost: x\r\n\r\n"),
        format!("GET {task}/form-variables HTTP/1.1\r\nHost: x\r\n\r\n").repeat(2),
    ];
    let mut told = Vec::new();
    for fast_path in [true, false] {
        let mut node = FakeNode::start(async |seen| match (seen.method.as_str(), &seen.path) {
            ("DELETE", _) => no_content(),
            (_, path) if path.ends_with("/form-variables") => ok(json!("z".repeat(300_000))),
            _ => ok(json!({"id": "x"})),
        })
        .await;
        let (url, connections) = behind_tls(&node, &directory).await;
        node.url = url;
        let cluster = Cluster::with(&[("a", &[&node])], trusted(&directory, fast_path)).await;
        let mut answers = Vec::new();
        for case in &cases {
            answers.push(exchange(&cluster, &format!("{case}{close}")).await);
        }
        let seen = node.seen().into_iter().map(|seen| {
            let mut headers = seen.headers;
            // Drawn; and an address of its own each time.
            headers.remove("x-stellwerk-slot");
            headers.remove("host");
            let mut headers: Vec<String> = headers
                .iter()
                .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
                .collect();
            headers.sort();
            (seen.method, seen.path, headers, seen.body)
        });
        told.push((answers, seen.collect::<Vec<_>>()));
        // The probe, what wakes long polls, and the requests.
        let connections = connections.load(Ordering::Relaxed);
        assert!(
            connections <= 5,
            "fast path {fast_path}: {connections} connections"
        );
    }
    assert_eq!(told[0].1.len(), 29);
    assert!(told[0] == told[1], "{:.2000}", format!("{told:?}"));
    std::fs::remove_dir_all(&directory).unwrap();
}

#[tokio::test]
async fn what_a_node_behind_tls_says_unasked_is_nobody_s_answer() {
    let directory = std::env::temp_dir().join(format!("stellwerk-tls-unasked-{}", std::process::id()));
    certificates(&directory);
    let good = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
    let evil = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nEVIL";
    // What follows an answer at once, and what a little later; then the end, perhaps.
    for (at_once, later, ends) in [(evil, "", false), ("", evil, false), ("", "", true)] {
        let acceptor = acceptor(&directory);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let mut request = vec![0; 4096];
                    while stream.read(&mut request).await.is_ok_and(|n| n > 0) {
                        let asked = request.starts_with(b"GET /engine-rest/task/");
                        let now = if asked { at_once } else { "" };
                        let _ = stream.write_all(format!("{good}{now}").as_bytes()).await;
                        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                        if asked && ends {
                            let _ = stream.shutdown().await;
                            return;
                        }
                        if asked && !later.is_empty() {
                            let _ = stream.write_all(later.as_bytes()).await;
                        }
                    }
                });
            }
        });
        let mut node = FakeNode::start(async |_| started()).await;
        node.url = url;
        let cluster = Cluster::with(&[("a", &[&node])], trusted(&directory, true)).await;
        let task = format!("/engine-rest/task/{}", id_in(FIRST, 1));
        let mut stream = TcpStream::connect(address(&cluster)).await.unwrap();
        for number in 0..3 {
            let request = format!("GET {task} HTTP/1.1\r\nHost: x\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            while !answer.ends_with(b"\r\n\r\n{}") {
                let n = stream.read_buf(&mut answer).await.unwrap();
                assert!(
                    n > 0 && !answer.ends_with(b"EVIL"),
                    "request {number}: {answer:?}"
                );
            }
            assert!(answer.starts_with(b"HTTP/1.1 200"), "request {number}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
    std::fs::remove_dir_all(&directory).unwrap();
}

#[tokio::test]
async fn clients_come_over_tls_and_nodes_are_asked_over_mutual_tls() {
    let directory = std::env::temp_dir().join(format!("stellwerk-tls-{}", std::process::id()));
    certificates(&directory);
    let file = |name: &str| Some(directory.join(name));
    let mut node = FakeNode::start(async |_| started()).await;
    node.url = behind_tls(&node, &directory).await.0;
    let options = Options {
        tls: ServerTls {
            tls_cert: file("own.pem"),
            tls_key: file("own.key"),
            tls_client_ca: None,
        },
        ..trusted(&directory, true)
    };
    // It becomes ready: the probe got through with the router's certificate.
    let cluster = Cluster::with(&[("a", &[&node])], options).await;
    let address = cluster
        .url
        .trim_start_matches("http://")
        .trim_end_matches("/engine-rest")
        .to_owned();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots(&directory))
        .with_no_client_auth();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let stream = TcpStream::connect(&address).await.unwrap();
    let mut stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .unwrap();
    let body = json!({"businessKey": "k"}).to_string();
    let request = format!(
        "POST /engine-rest{START} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(node.seen()[0].header("x-forwarded-proto"), "https");

    // Without a certificate the node doesn't let a router in, and a client that speaks no TLS gets nothing.
    let options = Options {
        node_tls: NodeTls {
            node_ca: file("ca.pem"),
            ..NodeTls::default()
        },
        ..Options::default()
    };
    let stranger = Cluster::unready(&[("a", &[&node])], options).await;
    let got = stranger.post(START, &body).await;
    assert!(matches!(got.status, 502 | 503), "{}", got.status);
    let mut plain = TcpStream::connect(&address).await.unwrap();
    plain.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"));
    assert_eq!(node.seen().len(), 1);
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn a_certificate_is_read_anew_when_its_files_change_and_stays_when_they_are_damaged() {
    let directory = std::env::temp_dir().join(format!("stellwerk-tls-reload-{}", std::process::id()));
    certificates(&directory);
    let options = ServerTls {
        tls_cert: Some(directory.join("own.pem")),
        tls_key: Some(directory.join("own.key")),
        tls_client_ca: None,
    };
    let (_, identity) = options.acceptor(&["http/1.1"]).unwrap().unwrap();
    let shown = || identity.shown().to_vec();
    let first = shown();
    std::fs::write(directory.join("own.pem"), "no certificate").unwrap();
    identity.refresh();
    assert_eq!(shown(), first);
    certificates(&directory);
    identity.refresh();
    assert_ne!(shown(), first);
    let half = ServerTls {
        tls_key: None,
        ..options
    };
    let error = half.acceptor(&["http/1.1"]).err().unwrap().to_string();
    assert!(error.contains("tls-key"), "{error}");
    std::fs::remove_dir_all(&directory).unwrap();
}
