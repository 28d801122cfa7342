//! A network between a node and its PostgreSQL server that a test can break: connections cut, the server exchanged
//! for another, and the answer to one statement lost after the server has carried it out.
use anyhow::Result;
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

/// `ReadyForQuery` outside a transaction: what the statement did is committed, or rolled back.
const DONE: &[u8] = &[b'Z', 0, 0, 0, 5, b'I'];

/// When the connection ends whose answer is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lose {
    /// When the server has answered: the statement is done.
    AfterAnswer,
    /// As soon as the statement was forwarded: it may be done or not, then or later.
    AtOnce,
}

/// A proxy before a server. Ends with the runtime.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    target: AtomicU16,
    refuses: AtomicBool,
    /// Connections of an older generation end.
    generation: watch::Sender<u64>,
    /// A statement that holds these bytes loses its answer.
    trap: Mutex<Option<(Vec<u8>, Lose)>>,
    sprung: AtomicUsize,
}

impl Proxy {
    /// A proxy before the server of a local port.
    pub async fn to(port: u16) -> Result<Proxy> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let shared = Arc::new(Shared {
            target: AtomicU16::new(port),
            refuses: AtomicBool::new(false),
            generation: watch::channel(0).0,
            trap: Mutex::default(),
            sprung: AtomicUsize::new(0),
        });
        let proxy = Proxy {
            port: listener.local_addr()?.port(),
            shared: shared.clone(),
        };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if !shared.refuses.load(Ordering::SeqCst) {
                    tokio::spawn(pass(shared.clone(), client));
                }
            }
        });
        Ok(proxy)
    }

    /// The proxy's own port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// New connections go to that local port; the ones there are end.
    pub fn point_to(&self, port: u16) {
        self.shared.target.store(port, Ordering::SeqCst);
        self.cut();
    }

    /// Ends every connection.
    pub fn cut(&self) {
        self.shared.generation.send_modify(|generation| *generation += 1);
    }

    /// New connections are closed at once, until told otherwise.
    pub fn refuse(&self, refuses: bool) {
        self.shared.refuses.store(refuses, Ordering::SeqCst);
    }

    /// The next statement with these bytes in it, or among its values, loses its answer.
    pub fn lose_answer(&self, marker: &str, when: Lose) {
        *self.trap() = Some((marker.as_bytes().to_vec(), when));
    }

    /// How many answers were lost.
    pub fn lost(&self) -> usize {
        self.shared.sprung.load(Ordering::SeqCst)
    }

    fn trap(&self) -> std::sync::MutexGuard<'_, Option<(Vec<u8>, Lose)>> {
        self.shared.trap.lock().unwrap_or_else(|e| e.into_inner())
    }
}

async fn pass(shared: Arc<Shared>, client: TcpStream) {
    let mut generation = shared.generation.subscribe();
    generation.mark_unchanged();
    let Ok(server) = TcpStream::connect(("127.0.0.1", shared.target.load(Ordering::SeqCst))).await else {
        return;
    };
    // Small packets at once, as without a proxy.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let swallow = AtomicBool::new(false);
    tokio::select! {
        () = up(&shared, from_client, to_server, &swallow) => {}
        () = down(from_server, to_client, &swallow) => {}
        _ = generation.changed() => {}
    }
}

async fn up(shared: &Shared, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, swallow: &AtomicBool) {
    let mut buffer = vec![0; 65_536];
    // A marker may begin in one piece and end in the next.
    let mut before: Vec<u8> = Vec::new();
    while let Ok(n @ 1..) = from.read(&mut buffer).await {
        before.extend(&buffer[..n]);
        let sprung = {
            let mut trap = shared.trap.lock().unwrap_or_else(|e| e.into_inner());
            let found = trap
                .as_ref()
                .is_some_and(|(marker, _)| before.windows(marker.len()).any(|w| w == marker));
            trap.take_if(|_| found).map(|(_, when)| when)
        };
        before.drain(..before.len().saturating_sub(256));
        if sprung.is_some() {
            swallow.store(true, Ordering::SeqCst);
            shared.sprung.fetch_add(1, Ordering::SeqCst);
        }
        if to.write_all(&buffer[..n]).await.is_err() || sprung == Some(Lose::AtOnce) {
            return;
        }
    }
}

async fn down(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, swallow: &AtomicBool) {
    let mut buffer = vec![0; 65_536];
    while let Ok(n @ 1..) = from.read(&mut buffer).await {
        if swallow.load(Ordering::SeqCst) {
            if buffer[..n].ends_with(DONE) {
                return;
            }
        } else if to.write_all(&buffer[..n]).await.is_err() {
            return;
        }
    }
}
