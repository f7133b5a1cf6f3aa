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
        let socket = TcpSocket::new_v4()?;
        // Not `reuseaddr`: whoever has that, too, could take a port on which nobody listens.
        socket.set_reuseport(true)?;
        socket.bind(on(0))?;
        Ok(Self { number: socket.local_addr()?.port(), _socket: socket })
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }
}

/// Listens on a loopback port, be it a [`Port`] of ours; 0 for any that is free.
pub(crate) fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(port != 0)?;
    socket.bind(on(port))?;
    socket.listen(1024)
}

fn on(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}
