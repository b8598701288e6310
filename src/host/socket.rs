//! Sockets of the machine: TCP, and those of the file system.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::Wire;
use crate::model::limits;

/// What the two kinds of streams have in common and the standard library gives no trait for.
pub(super) trait Stream: Read + Write + AsFd + Send + Sync + fmt::Debug {
    fn set_timeouts(&self, timeout: Duration) -> io::Result<()>;

    /// The address of the other end, where it has one.
    fn peer(&self) -> Option<SocketAddr>;

    /// Whether only this machine can be at the other end.
    fn is_of_this_machine(&self) -> bool;
}

impl Stream for TcpStream {
    fn set_timeouts(&self, timeout: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(timeout))?;
        self.set_write_timeout(Some(timeout))
    }

    fn peer(&self) -> Option<SocketAddr> {
        self.peer_addr().ok()
    }

    fn is_of_this_machine(&self) -> bool {
        self.peer().is_some_and(|address| address.ip().to_canonical().is_loopback())
    }
}

impl Stream for UnixStream {
    fn set_timeouts(&self, timeout: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(timeout))?;
        self.set_write_timeout(Some(timeout))
    }

    fn peer(&self) -> Option<SocketAddr> {
        None
    }

    fn is_of_this_machine(&self) -> bool {
        true
    }
}

/// A connected socket.
#[derive(Debug)]
pub(super) struct Socket<S> {
    stream: S,
    timeout: Duration,
}

impl Socket<TcpStream> {
    pub(super) fn tcp(address: &SocketAddr, timeout: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(address, timeout)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, timeout: Duration::MAX })
    }
}

impl Socket<UnixStream> {
    /// Connects to the socket at `path`. A server that is too busy to take the connection is asked again until `timeout`.
    pub(super) fn local(path: &Path, timeout: Duration, interrupted: impl Fn() -> bool) -> io::Result<Self> {
        let deadline = Instant::now() + timeout;
        let address = SocketAddrUnix::new(path)?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        loop {
            match rustix::net::connect(&socket, &address) {
                // Its queue is full.
                Err(Errno::AGAIN) if interrupted() => return Err(io::ErrorKind::Interrupted.into()),
                Err(Errno::AGAIN) if Instant::now() < deadline => std::thread::sleep(limits::WAKE),
                Err(Errno::AGAIN) => return Err(io::ErrorKind::TimedOut.into()),
                result => break result?,
            }
        }
        let stream = UnixStream::from(socket);
        stream.set_nonblocking(false)?;
        Ok(Self { stream, timeout: Duration::MAX })
    }
}

impl<S: Stream> Read for Socket<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl<S: Stream> Write for Socket<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl<S: Stream> Wire for Socket<S> {
    fn set_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        let timeout = timeout.max(Duration::from_millis(1));
        if timeout != self.timeout {
            self.stream.set_timeouts(timeout)?;
            self.timeout = timeout;
        }
        Ok(())
    }

    fn is_loopback(&self) -> bool {
        self.stream.is_of_this_machine()
    }

    fn peer(&self) -> Option<SocketAddr> {
        self.stream.peer()
    }

    fn has_input(&mut self) -> io::Result<bool> {
        let mut polled = [PollFd::new(&self.stream, PollFlags::IN)];
        Ok(rustix::event::poll(&mut polled, Some(&Timespec::default()))? > 0)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::host::{Host as _, RealHost};

    fn host() -> RealHost {
        RealHost::new(Arc::new(AtomicBool::new(false)))
    }

    #[test]
    fn a_socket_of_the_file_system_is_a_wire() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let mut wire = host().connect_local(&path, limits::CONNECT).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        assert!(wire.is_loopback() && wire.peer().is_none() && !wire.has_input().unwrap());

        wire.set_timeout(Duration::ZERO).unwrap();
        assert_eq!(wire.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        server.write_all(b"hello").unwrap();
        assert!(wire.has_input().unwrap());
        let mut heard = [0; 5];
        wire.read_exact(&mut heard).unwrap();
        assert_eq!((&heard, wire.has_input().unwrap()), (b"hello", false));

        // The end is something to read, too.
        drop(server);
        assert!(wire.has_input().unwrap());
        assert_eq!(wire.read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn a_socket_that_nobody_serves_is_an_error_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let kind = |path: &Path| host().connect_local(path, limits::CONNECT).unwrap_err().kind();
        assert_eq!(kind(&path), io::ErrorKind::NotFound);
        drop(UnixListener::bind(&path).unwrap());
        assert_eq!(kind(&path), io::ErrorKind::ConnectionRefused);
        std::fs::write(folder.path().join("file"), "").unwrap();
        assert_eq!(kind(&folder.path().join("file")), io::ErrorKind::ConnectionRefused);
        assert_eq!(kind(&folder.path().join("x".repeat(200))), io::ErrorKind::InvalidFilename);
    }

    #[test]
    fn a_server_that_takes_no_connection_is_waited_for_only_so_long() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let listener = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
        rustix::net::bind(&listener, &SocketAddrUnix::new(&path).unwrap()).unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let mut taken = Vec::new();
        let error = loop {
            match host().connect_local(&path, Duration::ZERO) {
                Ok(wire) => taken.push(wire),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(taken.len() < 5, "{} connections", taken.len());
        let interrupted = RealHost::new(Arc::new(AtomicBool::new(true)));
        let error = interrupted.connect_local(&path, limits::CONNECT).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Interrupted);
    }
}
