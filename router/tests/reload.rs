//! Options that change while the router runs, and routers that follow each other without a refused connection.
mod support;

use cluster::FixedShard;
use router::{Options, Reload};
use serde_json::json;
use service::{Parsed, Shutdown, Source, handover::Sockets};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use support::*;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
};

struct Running {
    address: String,
    shutdown: Shutdown,
    task: JoinHandle<anyhow::Result<()>>,
}

fn directory(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("stellwerk-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

/// Another modification time than before, whatever the clock of the file system shows.
fn write(path: &Path, text: &str) {
    let before = fs::metadata(path).and_then(|file| file.modified());
    fs::write(path, text).unwrap();
    if let Ok(before) = before {
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(before + Duration::from_secs(2)).unwrap();
    }
}

/// The address of a listener that nobody has.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A router from its options as the program makes it.
async fn start(args: &[String]) -> Running {
    let source = Source {
        name: "router".to_owned(),
        args: args.to_vec(),
        env: Vec::new(),
    };
    let Parsed { options, origins } = source.read::<Options>().unwrap();
    let reload = Reload::new(source, origins).unwrap();
    let address = options.listen.to_string();
    let shutdown = Shutdown::new(Duration::from_secs(20));
    let cluster = options.cluster().await.unwrap();
    let running = router::run(
        options,
        Sockets::default(),
        cluster,
        Some(reload),
        shutdown.clone(),
    );
    Running {
        address,
        shutdown,
        task: tokio::spawn(running),
    }
}

/// One request on a connection of its own.
async fn ask(address: &str, request: &str) -> std::io::Result<String> {
    let mut socket = TcpStream::connect(address).await?;
    socket.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    match answer.is_empty() {
        true => Err(std::io::ErrorKind::UnexpectedEof.into()),
        false => Ok(answer),
    }
}

fn get(path: &str) -> String {
    format!("GET /engine-rest{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
}

/// Waits until an answer begins so.
async fn answers(address: &str, request: &str, status: &str) -> String {
    let end = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let answer = ask(address, request).await.unwrap_or_default();
        if answer.starts_with(&format!("HTTP/1.1 {status}")) {
            return answer;
        }
        assert!(tokio::time::Instant::now() < end, "never {status}: {answer}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn hang_up() {
    let own = rustix::process::getpid();
    rustix::process::kill_process(own, rustix::process::Signal::HUP).unwrap();
}

#[tokio::test]
async fn s0_30_a_changed_file_and_sighup_bring_options_into_force_and_a_broken_file_does_not() {
    let directory = directory("reload");
    let (file, log) = (directory.join("router.toml"), directory.join("access.log"));
    let (one, two) = (
        FakeNode::start(async |_| ok(json!({"from": 1}))).await,
        FakeNode::start(async |_| ok(json!({"from": 2}))).await,
    );
    let port = free_port();
    let written = |url: &str, more: &str| {
        let log = log.display();
        format!(
            "listen = '127.0.0.1:{port}'\nadmin-listen = 'none'\naccess-log = '{log}'\nshard = ['a={url}']\n{more}"
        )
    };
    write(&file, &written(&one.url, ""));
    let router = start(&["--config".into(), file.display().to_string()]).await;
    let version = get("/version");
    assert!(
        answers(&router.address, &version, "200")
            .await
            .contains("{\"from\":1}")
    );

    // Another node and a limit for browsers, by the file alone.
    let cors = "cors-origin = ['https://tasks.example']\n";
    write(&file, &written(&two.url, cors));
    let asks = "OPTIONS /engine-rest/version HTTP/1.1\r\nHost: x\r\nOrigin: https://tasks.example\r\n\
                Access-Control-Request-Method: GET\r\nConnection: close\r\n\r\n";
    let end = tokio::time::Instant::now() + Duration::from_secs(20);
    while !ask(&router.address, asks)
        .await
        .unwrap()
        .contains("access-control-allow-origin")
    {
        assert!(tokio::time::Instant::now() < end, "the file is not read anew");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(
        answers(&router.address, &version, "200")
            .await
            .contains("{\"from\":2}")
    );

    // What can't be read, contradicts itself or would move slots changes nothing.
    let moved = written(&two.url, "client-rate = '1/h'").replace("a=", "b=");
    for broken in [
        "shard = [".to_owned(),
        written(&two.url, "nonsense = 1"),
        written(&two.url, "client-burst = 1"),
        written(&two.url, "log-level = 'a=b=c'\nclient-rate = '1/h'"),
        moved,
    ] {
        write(&file, &broken);
        let moved_away = directory.join("access.1");
        fs::rename(&log, &moved_away).unwrap();
        hang_up();
        // The log is opened anew all the same, and before the file is looked at.
        eventually("the log is opened anew", || log.is_file()).await;
        for _ in 0..3 {
            assert!(
                ask(&router.address, &version)
                    .await
                    .unwrap()
                    .starts_with("HTTP/1.1 200")
            );
        }
        assert!(
            ask(&router.address, asks)
                .await
                .unwrap()
                .contains("access-control-allow-origin")
        );
        eventually("a line in the new file", || {
            fs::read_to_string(&log)
                .unwrap()
                .contains("\"/engine-rest/version\"")
        })
        .await;
    }

    write(
        &file,
        &written(&two.url, "client-rate = '1/h'\nbody-limit = '10B'"),
    );
    hang_up();
    answers(&router.address, &version, "429").await;
    // A browser's question was answered before the limits: now nobody answers it.
    assert!(
        !ask(&router.address, asks)
            .await
            .unwrap()
            .contains("access-control-allow-origin")
    );
    router.shutdown.start();
    router.task.await.unwrap().unwrap();
    fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn what_is_read_anew_says_so_in_the_help() {
    let mut command = service::options::command::<Options>("router");
    let help = command.render_help().to_string();
    let (_, live) = help.split_once("Options read anew at SIGHUP").unwrap();
    for name in service::options::names::<router::LiveOptions>() {
        assert!(
            live.contains(&format!("--{name} ")) || live.contains(&format!("--{name}\n")),
            "{name}"
        );
    }
    assert!(!live.contains("--listen"));
    let parsed = Source {
        name: "router".into(),
        args: Vec::new(),
        env: Vec::new(),
    }
    .read::<Options>();
    assert_eq!(parsed.unwrap().options.live, router::LiveOptions::default());
}

#[tokio::test]
async fn a_fixed_list_takes_other_nodes_and_no_other_shards() {
    let shards = |text: &str| {
        text.split(' ')
            .map(|shard| shard.parse().unwrap())
            .collect::<Vec<FixedShard>>()
    };
    let cluster = cluster::fixed(shards("a=http://x:1 b=http://x:2")).unwrap();
    cluster
        .relist(shards("a=http://x:1,http://x:3 b=http://x:2"))
        .unwrap();
    let nodes = |name: &str| cluster.view().shards[&topology::ShardName::new(name)].nodes.len();
    assert_eq!((nodes("a"), nodes("b")), (2, 1));
    for other in [
        "a=http://x:1",
        "b=http://x:2 a=http://x:1",
        "a=http://x:1 b=http://x:2 c=http://x:3",
    ] {
        assert!(cluster.relist(shards(other)).is_err(), "{other}");
    }
    assert_eq!(nodes("a"), 2);
}

/// Clients that each open a connection, ask, read the answer and begin again; some wait between.
async fn clients(address: &str, stop: Arc<AtomicBool>, asked: Arc<AtomicUsize>) -> Vec<String> {
    let mut all = tokio::task::JoinSet::new();
    for client in 0..8u64 {
        let (address, stop, asked) = (address.to_owned(), stop.clone(), asked.clone());
        all.spawn(async move {
            let mut wrong = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let answer = async {
                    let mut socket = TcpStream::connect(&address).await?;
                    if client % 2 == 1 {
                        // Its request comes later than its connection: the router may be draining by then.
                        tokio::time::sleep(Duration::from_millis(client)).await;
                    }
                    let request = match client % 4 {
                        // What isn't plain is served by the general server.
                        0 | 1 => get("/version"),
                        _ => get("/version").replace("\r\n\r\n", "\r\nTE: trailers\r\n\r\n"),
                    };
                    socket.write_all(request.as_bytes()).await?;
                    let mut answer = String::new();
                    socket.read_to_string(&mut answer).await?;
                    Ok::<_, std::io::Error>(answer)
                };
                match answer.await {
                    Ok(answer) if answer.starts_with("HTTP/1.1 200") => {}
                    Ok(answer) => wrong.push(format!("client {client}: {answer:?}")),
                    Err(error) => wrong.push(format!("client {client}: {error}")),
                }
                asked.fetch_add(1, Ordering::Relaxed);
            }
            wrong
        });
    }
    all.join_all().await.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn routers_follow_each_other_without_a_refused_or_reset_connection() {
    let directory = directory("handover");
    let node = FakeNode::start(async |_| ok(json!({"version": "7.24.0"}))).await;
    for fast_path in ["true", "false"] {
        let (port, admin) = (free_port(), free_port());
        let args: Vec<String> = [
            format!("--listen=127.0.0.1:{port}"),
            format!("--admin-listen=127.0.0.1:{admin}"),
            format!("--handover={}", directory.join("router.sock").display()),
            format!("--shard=a={}", node.url),
            format!("--fast-path={fast_path}"),
        ]
        .into();
        let mut router = start(&args).await;
        answers(&router.address, &get("/version"), "200").await;
        let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let address = router.address.clone();
        let asking = tokio::spawn({
            let (stop, asked) = (stop.clone(), asked.clone());
            async move { clients(&address, stop, asked).await }
        });
        for _ in 0..10 {
            let before = asked.load(Ordering::Relaxed);
            eventually("clients are served", || {
                asked.load(Ordering::Relaxed) > before + 50
            })
            .await;
            let successor = start(&args).await;
            // The successor alone ends it.
            router.task.await.unwrap().unwrap();
            assert!(router.shutdown.is_handed_over());
            router = successor;
        }
        let health = format!("127.0.0.1:{admin}");
        answers(
            &health,
            "GET /health/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            "200",
        )
        .await;
        stop.store(true, Ordering::Relaxed);
        let wrong = asking.await.unwrap();
        assert!(
            wrong.is_empty(),
            "{} of {}: {:?}",
            wrong.len(),
            asked.load(Ordering::Relaxed),
            &wrong[..wrong.len().min(5)]
        );
        router.shutdown.start();
        router.task.await.unwrap().unwrap();
    }
    fs::remove_dir_all(&directory).unwrap();
}

#[tokio::test]
async fn what_stands_in_the_queue_at_sigterm_is_served() {
    let node = FakeNode::start(async |_| ok(json!({}))).await;
    let cluster = Cluster::start(&[("a", &[&node])]).await;
    let address = cluster.url.split('/').nth(2).unwrap().to_owned();
    // No task runs between these lines, so the router has accepted none of them when it is told to stop.
    let mut waiting = Vec::new();
    for _ in 0..20 {
        let socket = std::net::TcpStream::connect(&address).unwrap();
        socket.set_nonblocking(true).unwrap();
        waiting.push(socket);
    }
    cluster.shutdown.start();
    for socket in waiting {
        let mut socket = TcpStream::from_std(socket).unwrap();
        socket.write_all(get("/version").as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer:?}");
    }
    cluster.running.await.unwrap().unwrap();
}
