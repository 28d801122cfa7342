//! Idle connections to one node.
//!
//! Each worker thread has a stack of its own, so that threads don't wait for each other; the connection used last is the first
//! to be used again, so that those beyond what is needed grow old and are closed.
use super::stream::Upstream;
use rustls::{ClientConfig, pki_types::ServerName};
use std::{
    cell::Cell,
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_rustls::TlsConnector;

/// How long a connection is kept without use: shorter than nodes keep theirs.
const KEPT: Duration = Duration::from_secs(30);
/// Idle connections of a thread.
const MOST: usize = 256;
/// How long connecting may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Where a node is.
#[derive(Debug)]
pub struct Place {
    host: String,
    port: u16,
    /// Whether it wants TLS.
    secure: bool,
    /// What stands in `Host`.
    pub authority: String,
    /// What stands before each target.
    pub prefix: String,
}

impl Place {
    /// Of a URL `http://HOST:PORT[/PREFIX]` or `https://…`; `None` for others.
    fn of(url: &str) -> Option<Place> {
        let (scheme, rest) = url.split_once("://")?;
        let (secure, usual) = match scheme {
            "http" => (false, 80),
            "https" => (true, 443),
            _ => return None,
        };
        let (authority, prefix) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
            _ => (authority, usual),
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let fine = |text: &str| {
            text.bytes()
                .all(|c| c.is_ascii_graphic() && !b"@?#\\".contains(&c))
        };
        (!host.is_empty() && fine(rest)).then(|| Place {
            host: bare.unwrap_or(host).to_owned(),
            port,
            secure,
            authority: authority.to_owned(),
            prefix: prefix.to_owned(),
        })
    }
}

#[derive(Debug)]
struct Idle {
    stream: Upstream,
    since: Instant,
}

/// The pool of one node.
#[derive(Debug)]
pub struct Pool {
    place: Option<Place>,
    stacks: Box<[Mutex<Vec<Idle>>]>,
}

impl Pool {
    /// For the node at that URL.
    pub fn to(url: &str) -> Pool {
        let place = Place::of(url);
        let threads = std::thread::available_parallelism()
            .map_or(1, usize::from)
            .min(16);
        let stacks = if place.is_some() { threads } else { 0 };
        Pool {
            place,
            stacks: (0..stacks).map(|_| Mutex::default()).collect(),
        }
    }

    /// Where the node is, if HTTP leads there.
    pub fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    /// An idle connection that is still open.
    pub(super) fn take(&self, now: Instant) -> Option<Upstream> {
        let own = self.own();
        loop {
            let Idle { mut stream, since } = match lock(&self.stacks[own]).pop() {
                Some(idle) => idle,
                None => self.steal(own)?,
            };
            // A node that has closed the connection would break the request; what comes unasked can't be trusted.
            if now.saturating_duration_since(since) < KEPT && stream.is_quiet() {
                return Some(stream);
            }
        }
    }

    fn steal(&self, own: usize) -> Option<Idle> {
        let others = self.stacks.iter().enumerate().filter(|(i, _)| *i != own);
        others
            .filter_map(|(_, stack)| stack.try_lock().ok()?.pop())
            .next()
    }

    /// Gives a connection back whose last answer was read to its end.
    pub(super) fn give(&self, stream: Upstream, now: Instant) {
        let mut stack = lock(&self.stacks[self.own()]);
        if stack.len() < MOST {
            stack.push(Idle { stream, since: now });
        }
    }

    /// A new connection; `tls`: how to speak with nodes that want TLS.
    ///
    /// # Errors
    /// There is none within a second, or the two don't trust each other.
    pub(super) async fn connect(&self, tls: &Arc<ClientConfig>) -> io::Result<Upstream> {
        let place = self.place.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        let connecting = TcpStream::connect((place.host.as_str(), place.port));
        let stream = timeout(PATIENCE, connecting)
            .await
            .map_err(|_| io::ErrorKind::TimedOut)??;
        stream.set_nodelay(true)?;
        if !place.secure {
            return Ok(Upstream::Tcp(stream));
        }
        let name = ServerName::try_from(place.host.clone()).map_err(io::Error::other)?;
        let stream = timeout(HANDSHAKE, TlsConnector::from(tls.clone()).connect(name, stream)).await;
        let stream = stream.map_err(|_| io::ErrorKind::TimedOut)??;
        Ok(Upstream::Tls(Box::new(stream)))
    }

    /// Closes what has been idle for too long.
    pub fn sweep(&self, now: Instant) {
        for stack in &self.stacks {
            lock(stack).retain(|idle| now.saturating_duration_since(idle.since) < KEPT);
        }
    }

    /// Closes every idle connection: the node has gone.
    pub fn clear(&self) {
        self.stacks.iter().for_each(|stack| lock(stack).clear());
    }

    fn own(&self) -> usize {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local! { static OWN: Cell<usize> = Cell::new(THREADS.fetch_add(1, Ordering::Relaxed)); }
        OWN.get() % self.stacks.len().max(1)
    }
}

fn lock(stack: &Mutex<Vec<Idle>>) -> MutexGuard<'_, Vec<Idle>> {
    stack.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{io::AsyncWriteExt, net::TcpListener};

    #[test]
    fn a_place_is_host_port_and_prefix() {
        let shown = |url| {
            Place::of(url).map(|p| {
                let tls = if p.secure { " tls" } else { "" };
                format!("{} {} {} {}{tls}", p.host, p.port, p.authority, p.prefix)
            })
        };
        assert_eq!(shown("http://a:1").as_deref(), Some("a 1 a:1 "));
        assert_eq!(shown("http://a/b/c").as_deref(), Some("a 80 a /b/c"));
        assert_eq!(shown("http://[::1]:8/x").as_deref(), Some("::1 8 [::1]:8 /x"));
        assert_eq!(shown("https://a/b").as_deref(), Some("a 443 a /b tls"));
        for url in [
            "ftp://a:1",
            "a:1",
            "http://",
            "http://a:x",
            "http://u@a:1",
            "http://a:1/ b",
            "http://a:1/?q",
        ] {
            assert_eq!(shown(url), None, "{url}");
        }
    }

    #[tokio::test]
    async fn a_connection_is_used_again_unless_the_node_has_closed_it_or_it_is_old() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let pool = Pool::to(&format!("http://{}", listener.local_addr().unwrap()));
        let now = Instant::now();
        let (tls, _) = service::NodeTls::default().client().unwrap();
        let tls = Arc::new(tls);
        let connected = async || {
            let (ours, theirs) = tokio::join!(pool.connect(&tls), listener.accept());
            (ours.unwrap(), theirs.unwrap().0)
        };
        let tcp = |stream: &Upstream| match stream {
            Upstream::Tcp(stream) => stream.local_addr().unwrap(),
            Upstream::Tls(_) => panic!("nobody asked for TLS"),
        };
        let (first, _kept) = connected().await;
        let (second, mut chatty) = connected().await;
        let (third, closed) = connected().await;
        let address = tcp(&first);
        drop(closed);
        chatty.write_all(b"?").await.unwrap();
        // Both ends are of this process: its sockets know at once, its runtime when it has looked.
        for stream in [&second, &third] {
            if let Upstream::Tcp(stream) = stream {
                stream.readable().await.unwrap();
            }
        }
        for stream in [first, second, third] {
            pool.give(stream, now);
        }
        assert_eq!(tcp(&pool.take(now).unwrap()), address);
        assert!(pool.take(now).is_none());
        let (old, _peer) = connected().await;
        pool.give(old, now);
        assert!(pool.take(now + KEPT).is_none());
    }
}
