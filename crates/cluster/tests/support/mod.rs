//! A real etcd in a temporary directory, and waiting for what a view should show.
#![allow(dead_code)] // each test program uses its part
use cluster::{Cluster, TopologyOption, View, open};
use std::{
    net::TcpListener,
    path::PathBuf,
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
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        for _ in 0..10 {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let directory =
                std::env::temp_dir().join(format!("stellwerk-cluster-{}-{number}", std::process::id()));
            let mut etcd = Etcd {
                child: None,
                directory,
                client_port: free_port(),
                peer_port: free_port(),
            };
            if etcd.resume().await {
                return etcd;
            }
        }
        panic!("etcd doesn't start; is it installed?");
    }

    /// Starts the process on its old directory and ports and waits until it answers; false if it ended.
    pub async fn resume(&mut self) -> bool {
        let client = format!("http://127.0.0.1:{}", self.client_port);
        let peer = format!("http://127.0.0.1:{}", self.peer_port);
        let child = Command::new("etcd")
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
                "--initial-cluster",
                &format!("default={peer}"),
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
                if let Ok(mut client) = etcd_client::Client::connect([&self.client_url()], None).await
                    && let Ok(Ok(_)) =
                        tokio::time::timeout(Duration::from_secs(2), client.get("x", None)).await
                {
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
        format!("http://127.0.0.1:{}", self.client_port)
    }

    pub async fn client(&self) -> etcd_client::Client {
        etcd_client::Client::connect([self.client_url()], None)
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
