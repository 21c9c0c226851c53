//! A connection that a handler can cut.

use futures_util::task::AtomicWaker;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

const WHOLE: u8 = 0;
const CLOSED: u8 = 1;
const RESET: u8 = 2;

/// The handle of one connection.
#[derive(Debug, Default)]
pub(crate) struct Line {
    state: AtomicU8,
    reader: AtomicWaker,
}

impl Line {
    /// Closes the connection, as a server that ends between two requests.
    pub(crate) fn close(&self) {
        self.end(CLOSED);
    }

    /// Resets the connection: what was not read yet is lost.
    pub(crate) fn reset(&self) {
        self.end(RESET);
    }

    fn end(&self, how: u8) {
        self.state.store(how, Ordering::Release);
        self.reader.wake();
    }
}

/// Every connection that is open.
#[derive(Debug, Default)]
pub(crate) struct Lines(Mutex<Vec<Weak<Line>>>);

impl Lines {
    fn add(&self, line: &Arc<Line>) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == lines.capacity() {
            lines.retain(|line| line.strong_count() > 0);
        }
        lines.push(Arc::downgrade(line));
    }

    pub(crate) fn close_all(&self) {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().filter_map(Weak::upgrade).for_each(|line| line.close());
    }
}

/// A socket under its handle.
pub(crate) struct Wire {
    stream: TcpStream,
    line: Arc<Line>,
}

impl AsyncRead for Wire {
    /// hyper reads, or waits to read, for as long as a request is on its way: here it learns of the end.
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.line.reader.register(cx.waker());
        match self.line.state.load(Ordering::Acquire) {
            WHOLE => Pin::new(&mut self.stream).poll_read(cx, buf),
            RESET => {
                Poll::Ready(self.stream.set_zero_linger().and(Err(io::ErrorKind::ConnectionReset.into())))
            }
            _ => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// Accepts connections and keeps their handles.
pub(crate) struct Door {
    pub(crate) listener: TcpListener,
    pub(crate) lines: Arc<Lines>,
}

impl axum::serve::Listener for Door {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Wire, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, address)) => {
                    // Every frame is to leave at once. A socket that cannot do that still serves.
                    let _ = stream.set_nodelay(true);
                    let line = Arc::new(Line::default());
                    self.lines.add(&line);
                    return (Wire { stream, line }, address);
                }
                // Such as too many open files: that passes.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// What a handler gets of its connection.
#[derive(Debug, Clone)]
pub(crate) struct Handle(pub(crate) Arc<Line>);

impl axum::extract::connect_info::Connected<axum::serve::IncomingStream<'_, Door>> for Handle {
    fn connect_info(stream: axum::serve::IncomingStream<'_, Door>) -> Self {
        Self(Arc::clone(&stream.io().line))
    }
}
