//! Listeners that outlive a process: taken over from a predecessor, or given by whoever started it.
//!
//! A successor must not bind an address of its own beside the old one (`SO_REUSEPORT`): each listener has a queue of connections that
//! the kernel has accepted and the process hasn't, and closing one resets what stands in its queue, while new connections keep
//! coming into it until that moment. So the *same* listener is handed over, as a file descriptor through a Unix socket
//! (`SCM_RIGHTS`): there is one queue, which whoever is there empties, and it never closes. The steps:
//!
//! 1. The successor connects to the socket and gets the listeners. Both could accept now; the successor waits until it is ready.
//! 2. It puts its own socket in place of the predecessor's, begins to accept, and says so.
//! 3. The predecessor stops accepting, lets its requests end, and exits. If the successor goes away before it has said that it
//!    is ready, the predecessor goes on as if nothing had been.
//!
//! systemd keeps the listener itself where a `.socket` unit says so (`LISTEN_FDS`): the first is the role's, the second the admin's.
use crate::{HostPort, Shutdown};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use std::{
    fs,
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    net::TcpListener as StdListener,
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::PermissionsExt,
    },
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, Interest},
    net::{TcpListener, UnixListener, UnixStream},
    time::timeout,
};

/// Most listeners of a process.
const MOST: usize = 4;
/// How long the other side may take to send what takes no time.
const PATIENCE: Duration = Duration::from_secs(5);
/// What a successor says when it accepts.
const READY: &[u8] = b"ready\n";

/// Listeners that a process may begin with, by name.
#[derive(Debug, Default)]
pub struct Sockets {
    given: Vec<(String, StdListener)>,
    predecessor: Option<UnixStream>,
}

impl Sockets {
    /// What systemd gave. Call it before the process has threads: it takes variables out of the environment.
    ///
    /// # Errors
    /// What was given is no TCP listener.
    pub fn inherited() -> io::Result<Sockets> {
        let mut fds = listenfd::ListenFd::from_env();
        let mut given = Vec::new();
        for (i, name) in ["rest", "admin"].into_iter().enumerate() {
            if let Some(listener) = fds.take_tcp_listener(i)? {
                given.push((name.to_owned(), listener));
            }
        }
        Ok(Sockets {
            given,
            predecessor: None,
        })
    }

    /// The same, with what a predecessor at that path hands over, if one is there.
    ///
    /// # Errors
    /// The path is no socket, or whoever is there doesn't hand anything over.
    pub async fn take_over(mut self, path: &Path) -> io::Result<Sockets> {
        let named = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", path.display()));
        let stream = match UnixStream::connect(path).await {
            Ok(stream) => stream,
            // Nobody, or the socket of one that is gone.
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
                ) =>
            {
                return Ok(self);
            }
            Err(e) => return Err(named(e)),
        };
        let receiving = stream.async_io(Interest::READABLE, || receive(&stream));
        let received = timeout(PATIENCE, receiving).await.map_err(io::Error::from);
        self.given.extend(received.flatten().map_err(named)?);
        self.predecessor = Some(stream);
        Ok(self)
    }

    /// Whether there is a predecessor that serves until this process is ready.
    pub fn has_predecessor(&self) -> bool {
        self.predecessor.is_some()
    }

    /// The listener of that name, if it was given and is at that address; else one that is bound now.
    ///
    /// # Errors
    /// As [`HostPort::bind`].
    pub async fn listen(&mut self, name: &str, at: &HostPort) -> io::Result<TcpListener> {
        let mut bound = tokio::net::lookup_host((at.host.as_str(), at.port)).await?;
        let found = self.given.iter().position(|(given, listener)| {
            let same = |address: std::net::SocketAddr| {
                let wanted = |mut wanted: std::net::SocketAddr| {
                    if wanted.port() == 0 {
                        wanted.set_port(address.port());
                    }
                    wanted == address
                };
                bound.any(wanted)
            };
            given == name && listener.local_addr().is_ok_and(same)
        });
        let Some(found) = found else {
            return at.bind().await;
        };
        let (_, listener) = self.given.swap_remove(found);
        listener.set_nonblocking(true)?;
        tracing::info!(name, address = %listener.local_addr()?, "listener taken over");
        TcpListener::from_std(listener)
    }

    /// Says to the predecessor, if there is one, that this process serves: it stops accepting then.
    pub async fn ready(&mut self) {
        if let Some(mut predecessor) = self.predecessor.take() {
            let said = predecessor.write_all(READY).await;
            match said {
                Ok(()) => tracing::info!("the predecessor drains"),
                Err(error) => tracing::warn!(%error, "the predecessor is gone already"),
            }
        }
    }
}

/// The predecessor's side.
#[derive(Debug)]
pub struct Offer {
    path: PathBuf,
    socket: UnixListener,
    listeners: Vec<(String, OwnedFd)>,
}

impl Offer {
    /// Offers these listeners to a successor that comes to the path; whoever offered there before is not found any more.
    /// Only this user (and root) may come.
    ///
    /// # Errors
    /// The path can't be written to.
    pub fn at(path: &Path, listeners: Vec<(&str, OwnedFd)>) -> io::Result<Offer> {
        let named = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", path.display()));
        let mut beside = path.as_os_str().to_owned();
        beside.push(format!(".{}", std::process::id()));
        let beside = PathBuf::from(beside);
        let _ = fs::remove_file(&beside);
        let socket = UnixListener::bind(&beside).map_err(named)?;
        fs::set_permissions(&beside, fs::Permissions::from_mode(0o600)).map_err(named)?;
        fs::rename(&beside, path).map_err(named)?;
        Ok(Offer {
            path: path.to_owned(),
            socket,
            listeners: listeners
                .into_iter()
                .map(|(name, fd)| (name.to_owned(), fd))
                .collect(),
        })
    }

    /// Waits for a successor that becomes ready, and begins the shutdown then.
    pub async fn serve(self, shutdown: Shutdown) {
        let Offer {
            path,
            socket,
            listeners,
        } = self;
        loop {
            let stream = tokio::select! {
                accepted = socket.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        tracing::warn!(%error, path = %path.display(), "no successor can come");
                        return;
                    }
                },
                () = shutdown.started() => return,
            };
            tokio::select! {
                went = hand_over(stream, &listeners) => match went {
                    Ok(()) => {
                        tracing::info!("a successor serves: draining");
                        shutdown.hand_over();
                        return;
                    }
                    Err(error) => tracing::warn!(%error, "a successor came and did not become ready"),
                },
                () = shutdown.started() => return,
            }
        }
    }
}

async fn hand_over(mut stream: UnixStream, listeners: &[(String, OwnedFd)]) -> io::Result<()> {
    let peer = stream.peer_cred()?.uid();
    let own = rustix::process::geteuid().as_raw();
    if peer != own && peer != 0 {
        return Err(io::Error::other(format!("it belongs to another user ({peer})")));
    }
    let sending = stream.async_io(Interest::WRITABLE, || send(&stream, listeners));
    timeout(PATIENCE, sending).await??;
    tracing::info!("listeners handed over; serving until the successor is ready");
    let mut said = [0; READY.len()];
    stream.read_exact(&mut said).await?;
    match said == READY {
        true => Ok(()),
        false => Err(io::Error::other("it said something else than that it is ready")),
    }
}

/// One message: the names, a line each, and the descriptors in the same order.
fn send(stream: impl AsFd, listeners: &[(String, OwnedFd)]) -> io::Result<()> {
    let names: String = listeners.iter().map(|(name, _)| format!("{name}\n")).collect();
    let fds: Vec<_> = listeners.iter().map(|(_, fd)| fd.as_fd()).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err(io::Error::other("too many listeners"));
    }
    let sent = sendmsg(
        stream,
        &[IoSlice::new(names.as_bytes())],
        &mut control,
        SendFlags::NOSIGNAL,
    )?;
    match sent == names.len() {
        true => Ok(()),
        false => Err(io::ErrorKind::WriteZero.into()),
    }
}

fn receive(stream: impl AsFd) -> io::Result<Vec<(String, StdListener)>> {
    let mut names = [0; 256];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut parts = [IoSliceMut::new(&mut names)];
    let length = recvmsg(stream, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC)?.bytes;
    let mut fds = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            fds.extend(received);
        }
    }
    let names = String::from_utf8_lossy(&names[..length]).into_owned();
    let names: Vec<&str> = names.lines().collect();
    if fds.is_empty() || names.len() != fds.len() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "whoever is there hands no listeners over",
        ));
    }
    let listener = |(name, fd): (&str, OwnedFd)| (name.to_owned(), StdListener::from(fd));
    Ok(names.into_iter().zip(fds).map(listener).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpStream;

    fn copy_of(listener: &TcpListener) -> OwnedFd {
        listener.as_fd().try_clone_to_owned().unwrap()
    }

    fn place(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("stellwerk-{name}-{}", std::process::id()));
        let _ = fs::remove_file(&path);
        path
    }

    #[tokio::test]
    async fn a_successor_gets_the_same_listener_and_the_predecessor_stops_when_it_is_ready() {
        let path = place("handover");
        let at = HostPort::loopback(0);
        let mut first = Sockets::default().take_over(&path).await.unwrap();
        assert!(!first.has_predecessor());
        let listener = first.listen("rest", &at).await.unwrap();
        let address = listener.local_addr().unwrap();
        let old = Shutdown::new(Duration::from_secs(30));
        let offer = Offer::at(&path, vec![("rest", copy_of(&listener))]).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let serving = tokio::spawn(offer.serve(old.clone()));

        // One that goes away again changes nothing.
        let gone = Sockets::default().take_over(&path).await.unwrap();
        assert!(gone.has_predecessor());
        drop(gone);
        // In the queue of the listener before the successor has it.
        let mut waits = TcpStream::connect(address).await.unwrap();
        let mut second = Sockets::default().take_over(&path).await.unwrap();
        let taken = second.listen("rest", &at).await.unwrap();
        assert_eq!(taken.local_addr().unwrap(), address);
        assert!(!old.is_stopping());
        let _next = Offer::at(&path, vec![("rest", copy_of(&taken))]).unwrap();
        second.ready().await;
        serving.await.unwrap();
        assert!(old.is_stopping() && old.is_handed_over());
        drop(listener);
        let (mut accepted, _) = taken.accept().await.unwrap();
        accepted.write_all(b"x").await.unwrap();
        assert_eq!(waits.read_u8().await.unwrap(), b'x');
        fs::remove_file(&path).unwrap();
    }

    #[tokio::test]
    async fn another_address_is_bound_and_a_stale_socket_is_nobody() {
        let path = place("stale");
        let one = HostPort::loopback(0).bind().await.unwrap();
        let offer = Offer::at(&path, vec![("rest", copy_of(&one))]).unwrap();
        let serving = tokio::spawn(offer.serve(Shutdown::new(Duration::ZERO)));
        let mut sockets = Sockets::default().take_over(&path).await.unwrap();
        let other = HostPort {
            host: "127.0.0.2".into(),
            port: 0,
        };
        let bound = sockets.listen("rest", &other).await.unwrap();
        assert_ne!(bound.local_addr().unwrap(), one.local_addr().unwrap());
        serving.abort();
        let _ = serving.await;
        let sockets = Sockets::default().take_over(&path).await.unwrap();
        assert!(!sockets.has_predecessor());
        fs::remove_file(&path).unwrap();
    }
}
