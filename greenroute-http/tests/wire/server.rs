//! A server that plays one script per connection.

use greenroute_http::{Client, Timeouts};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// One step of a connection. After the last one the server closes it in good order.
#[derive(Clone)]
pub(crate) enum Step {
    /// Reads one request, head and body.
    Request,
    /// Sends these bytes, flushed.
    Send(Vec<u8>),
    /// Does nothing for so many milliseconds.
    Pause(u64),
    /// Does nothing until the client closes, and tells.
    Hang,
    /// Closes with a reset instead of good order.
    Reset,
}

pub(crate) struct Server {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
    closed: mpsc::UnboundedReceiver<()>,
}

impl Server {
    /// Plays the scripts, one per connection, then refuses further ones.
    pub(crate) async fn playing(scripts: Vec<Vec<Step>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (tell, closed) = mpsc::unbounded_channel();
        let heard = requests.clone();
        tokio::spawn(async move {
            for script in scripts {
                let (socket, _) = listener.accept().await.unwrap();
                tokio::spawn(play(socket, script, heard.clone(), tell.clone()));
            }
        });
        Self { url, requests, closed }
    }

    /// Answers one request with `answer`.
    pub(crate) async fn saying(answer: impl Into<Vec<u8>>) -> Self {
        Self::playing(vec![vec![Step::Request, Step::Send(answer.into())]]).await
    }

    /// The requests so far, as they came.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// Waits until the client has closed a connection on which the script hung.
    pub(crate) async fn until_closed(&mut self) {
        tokio::time::timeout(Duration::from_secs(5), self.closed.recv()).await.unwrap().unwrap();
    }

    pub(crate) fn client(&self) -> Client {
        self.client_within(Timeouts::default())
    }

    pub(crate) fn client_within(&self, timeouts: Timeouts) -> Client {
        Client::new("acme", &self.url, timeouts).unwrap()
    }
}

async fn play(
    mut socket: TcpStream,
    script: Vec<Step>,
    heard: Arc<Mutex<Vec<String>>>,
    tell: mpsc::UnboundedSender<()>,
) {
    for step in script {
        match step {
            Step::Request => {
                let request = read_request(&mut socket).await;
                heard.lock().unwrap().push(request);
            }
            Step::Send(bytes) => {
                // The client may be gone already: that is its right.
                let _ = socket.write_all(&bytes).await;
                let _ = socket.flush().await;
            }
            Step::Pause(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
            Step::Hang => {
                let mut rest = [0; 256];
                while matches!(socket.read(&mut rest).await, Ok(1..)) {}
                tell.send(()).unwrap();
            }
            Step::Reset => {
                socket.set_zero_linger().unwrap();
                return;
            }
        }
    }
}

async fn read_request(socket: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some(end) = text.find("\r\n\r\n") {
            let length = text
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse::<usize>().unwrap());
            if bytes.len() >= end + 4 + length {
                return text;
            }
        }
        match socket.read(&mut chunk).await {
            Ok(read @ 1..) => bytes.extend_from_slice(&chunk[..read]),
            _ => return text,
        }
    }
}

/// A whole answer with its length.
pub(crate) fn answer(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let length = body.len();
    let mut bytes = format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// The head of a chunked event stream.
pub(crate) const STREAM: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// One chunk of a chunked body.
pub(crate) fn chunk(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    chunk
}

pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// The default times, but of so short a silence that a test need not wait.
pub(crate) fn short() -> Timeouts {
    Timeouts { idle: Duration::from_millis(200), ..Timeouts::default() }
}
