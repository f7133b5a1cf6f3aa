//! Ports that a test goes back to: after a fake has ended, the kernel would give its port to whoever asks next.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

/// A loopback port that nobody else is given while this lives. Fakes can be started on it, by this process and by
/// others, one after the other; between them connections are refused.
#[derive(Debug)]
pub struct Port {
    number: u16,
    /// Never listens.
    _socket: TcpSocket,
}

impl Port {
    /// Takes a free one.
    ///
    /// # Errors
    /// If there is none.
    pub fn reserve() -> io::Result<Self> {
        let socket = bind(0, true)?;
        Ok(Self { number: socket.local_addr()?.port(), _socket: socket })
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }
}

/// Listens on a loopback port; 0 for any that is free.
pub(crate) fn listen(port: u16) -> io::Result<TcpListener> {
    bind(port, port != 0)?.listen(1024)
}

/// Shared sockets may have one port together, if all of them are.
fn bind(port: u16, shared: bool) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(shared)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    Ok(socket)
}
