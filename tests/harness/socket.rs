//! A WebSocket in its barest form, with which a test can say anything, also what no client would say.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
};

use tokio::{net::TcpSocket, runtime::Builder};

use crate::program::PATIENCE;

const BINARY: u8 = 0x82;

/// Everything that a page over HTTP answers.
///
/// # Panics
/// If nobody answers.
pub fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the relay takes connections");
    stream.set_read_timeout(Some(PATIENCE)).expect("sets");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n").expect("asks");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answers");
    answer
}

/// A connection to a relay.
pub struct Socket {
    stream: TcpStream,
}

impl Socket {
    /// Connects and is let in as a WebSocket.
    ///
    /// # Panics
    /// If nobody listens there, or not for WebSockets.
    pub fn connect(address: &str) -> Self {
        Self::enter(TcpStream::connect(address).expect("the relay takes connections"), address).expect("is let in")
    }

    /// The same from another address of this computer; fails if the door is shut to that one.
    ///
    /// # Errors
    /// As the system says.
    ///
    /// # Panics
    /// If this computer has no such address, or if nobody listens there for WebSockets.
    pub fn connect_from(from: Ipv4Addr, address: &str) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_io().build().expect("a runtime");
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::from((from, 0))).expect("an address of this computer");
        let to = address.parse().expect("an address");
        let stream = runtime.block_on(async { socket.connect(to).await?.into_std() })?;
        stream.set_nonblocking(false)?;
        Self::enter(stream, address)
    }

    fn enter(mut stream: TcpStream, address: &str) -> io::Result<Self> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(request(address).as_bytes())?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            answer.extend(byte);
        }
        assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
        Ok(Self { stream })
    }

    /// Sends a frame as one binary message. Fails if the relay has closed the connection.
    ///
    /// # Errors
    /// As the system says.
    pub fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        self.send_raw(&message(frame))
    }

    /// Sends the head of a message that says it has so many bytes, and none of them.
    ///
    /// # Errors
    /// As the system says.
    pub fn announce(&mut self, length: u64) -> io::Result<()> {
        self.send_raw(&head(length))
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// As the system says.
    pub fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// The next frame; none once the relay has ended the connection.
    pub fn receive(&mut self) -> Option<Vec<u8>> {
        loop {
            let [first, length] = self.read()?;
            let length = match length & 0x7f {
                126 => u64::from(u16::from_be_bytes(self.read()?)),
                127 => u64::from_be_bytes(self.read()?),
                short => u64::from(short),
            };
            let mut payload = vec![0; usize::try_from(length).ok()?];
            self.stream.read_exact(&mut payload).ok()?;
            match first & 0x0f {
                2 => return Some(payload),
                8 => return None,
                _ => {}
            }
        }
    }

    fn read<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        self.stream.read_exact(&mut bytes).ok().map(|()| bytes)
    }
}

/// Asks to be let in as a WebSocket.
pub(crate) fn request(address: &str) -> String {
    format!(
        "GET /sync HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// A frame as one binary message.
pub(crate) fn message(frame: &[u8]) -> Vec<u8> {
    let mut message = head(frame.len() as u64);
    message.extend_from_slice(frame);
    message
}

/// The head of a binary message, masked with nothing.
fn head(length: u64) -> Vec<u8> {
    let mut head = vec![BINARY];
    match length {
        0..126 => head.push(0x80 | u8::try_from(length).expect("below 126")),
        126..0x1_0000 => {
            head.push(0x80 | 126);
            head.extend(u16::try_from(length).expect("16 bits").to_be_bytes());
        }
        _ => {
            head.push(0x80 | 127);
            head.extend(length.to_be_bytes());
        }
    }
    head.extend([0; 4]);
    head
}
