//! A real etcd in a temporary directory, and waiting for what a view should show.
#![allow(dead_code)] // each test program uses its part
use cluster::{Cluster, TopologyOption, View, open};
use etcd_client::{Certificate, ConnectOptions, Identity, TlsOptions};
use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

/// Far beyond what a loaded machine needs; only a test that fails waits that long.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// One etcd process; killed, and its directory removed, when dropped.
pub struct Etcd {
    child: Option<Child>,
    directory: PathBuf,
    pub client_port: u16,
    peer_port: u16,
    tls: bool,
    name: String,
    /// `--initial-cluster`: `NAME=URL` of every member.
    members: String,
}

/// A port that was free a moment ago. etcd can't take port 0, so a collision means another try.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

impl Etcd {
    pub async fn start() -> Etcd {
        Etcd::start_with(false).await
    }

    /// One that speaks TLS only and asks clients for a certificate: `ca.pem`, `cert.pem` and `key.pem` lie in
    /// [`Etcd::directory`].
    pub async fn start_with_tls() -> Etcd {
        Etcd::start_with(true).await
    }

    /// Several that form one cluster.
    pub async fn start_cluster(size: usize) -> Vec<Etcd> {
        for _ in 0..10 {
            let mut members: Vec<Etcd> = (0..size).map(|_| Etcd::new(false)).collect();
            let all: Vec<String> = members.iter().map(|m| m.members.clone()).collect();
            members.iter_mut().for_each(|m| m.members = all.join(","));
            let started = futures_util::future::join_all(members.iter_mut().map(Etcd::resume)).await;
            if started.iter().all(|up| *up) {
                return members;
            }
        }
        panic!("a cluster of etcd doesn't start");
    }

    fn new(tls: bool) -> Etcd {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory =
            std::env::temp_dir().join(format!("stellwerk-cluster-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let (client_port, peer_port, name) = (free_port(), free_port(), format!("m{number}"));
        let members = format!("{name}=http://127.0.0.1:{peer_port}");
        Etcd {
            child: None,
            directory,
            client_port,
            peer_port,
            tls,
            name,
            members,
        }
    }

    async fn start_with(tls: bool) -> Etcd {
        for _ in 0..10 {
            let mut etcd = Etcd::new(tls);
            if tls {
                make_certificates(&etcd.directory);
            }
            if etcd.resume().await {
                return etcd;
            }
        }
        panic!("etcd doesn't start; is it installed?");
    }

    /// Starts the process on its old directory and ports and waits until it answers; false if it ended.
    pub async fn resume(&mut self) -> bool {
        let client = self.client_url();
        let peer = format!("http://127.0.0.1:{}", self.peer_port);
        let mut command = Command::new("etcd");
        if self.tls {
            for (option, file) in [
                ("--cert-file", "cert.pem"),
                ("--key-file", "key.pem"),
                ("--trusted-ca-file", "ca.pem"),
            ] {
                command.arg(option).arg(self.directory.join(file));
            }
            command.arg("--client-cert-auth");
        }
        let child = command
            .args(["--data-dir".as_ref(), self.directory.join("data").as_os_str()])
            .args([
                "--listen-client-urls",
                &client,
                "--advertise-client-urls",
                &client,
            ])
            .args([
                "--listen-peer-urls",
                &peer,
                "--initial-advertise-peer-urls",
                &peer,
            ])
            .args([
                "--name",
                &self.name,
                "--initial-cluster",
                &self.members,
                "--unsafe-no-fsync",
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("etcd is installed");
        self.child = Some(child);
        tokio::time::timeout(PATIENCE, async {
            loop {
                if self.child.as_mut().unwrap().try_wait().unwrap().is_some() {
                    return false;
                }
                let answers = async { self.client().await.get("x", None).await };
                if let Ok(Ok(_)) = tokio::time::timeout(Duration::from_secs(2), answers).await {
                    return true;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await
        .expect("etcd answers")
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub fn client_url(&self) -> String {
        format!(
            "{}://127.0.0.1:{}",
            if self.tls { "https" } else { "http" },
            self.client_port
        )
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub async fn client(&self) -> etcd_client::Client {
        let options = self.tls.then(|| {
            let read = |file| std::fs::read(self.directory.join(file)).unwrap();
            let identity = Identity::from_pem(read("cert.pem"), read("key.pem"));
            let ca = Certificate::from_pem(read("ca.pem"));
            ConnectOptions::new().with_tls(TlsOptions::new().ca_certificate(ca).identity(identity))
        });
        etcd_client::Client::connect([self.client_url()], options)
            .await
            .unwrap()
    }

    /// A handle as a process would open it, under a prefix of its own per test.
    pub async fn open(&self, prefix: &str) -> Arc<dyn Cluster> {
        let option: TopologyOption = format!("etcd://127.0.0.1:{}/{prefix}", self.client_port)
            .parse()
            .unwrap();
        open(&option).await.unwrap()
    }

    /// Starts the process on the same directory, but where nobody looks for it.
    pub async fn move_away(&mut self) {
        self.client_port = free_port();
        assert!(self.resume().await, "etcd starts elsewhere");
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// A signer, and one certificate for both sides.
fn make_certificates(directory: &Path) {
    let extensions = "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n";
    std::fs::write(directory.join("extensions"), extensions).unwrap();
    let new_key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for line in [
        format!("req -x509 {new_key} -subj /CN=signer -days 3650 -keyout ca-key.pem -out ca.pem"),
        format!("req {new_key} -subj /CN=stellwerk -keyout key.pem -out request.pem"),
        "x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 3650 -extfile extensions \
         -out cert.pem"
            .into(),
    ] {
        let done = Command::new("openssl").args(line.split_whitespace()).current_dir(directory).output();
        let done = done.expect("openssl is installed");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

/// Waits until the view shows what `shows` looks for.
pub async fn until(
    cluster: &Arc<dyn Cluster>,
    what: &str,
    shows: impl FnMut(&Arc<View>) -> bool,
) -> Arc<View> {
    let mut views = cluster.watch();
    match tokio::time::timeout(PATIENCE, views.wait_for(shows)).await {
        Ok(view) => view.expect("the view is fed").clone(),
        Err(_) => panic!("the view never showed: {what}; it is {:?}", cluster.view()),
    }
}
