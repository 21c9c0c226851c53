//! The fake providers as a process of their own, for clients in other languages.
//!
//! ```sh
//! cargo run -p greenroute-testkit --example fake_providers -- --port 8910
//! ```
//!
//! It prints one line of JSON with the key and the base URL of every vendor, and serves until its standard input ends.
//! A request can have `x-fake-fault: NAME` for a fault and `x-fake-reply: NAME` for a recorded reply.

use greenroute_testkit::FakeServer;
use serde_json::{Map, json};
use std::io::{self, Write};
use std::time::Duration;

#[tokio::main]
async fn main() -> io::Result<()> {
    let mut builder = FakeServer::builder().recording(false);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().unwrap_or_default();
        let number = || value.parse::<u64>().map_err(|_| wrong(&argument, &value));
        builder = match argument.as_str() {
            "--port" => builder.port(value.parse().map_err(|_| wrong(&argument, &value))?),
            "--key" => builder.key(value),
            "--latency-ms" => builder.latency(Duration::from_millis(number()?)),
            "--pace-ms" => builder.pace(Duration::from_millis(number()?)),
            _ => return Err(wrong(&argument, &value)),
        };
    }
    let server = builder.start().await?;
    let urls: Map<_, _> = server.vendors().map(|name| (name.to_owned(), json!(server.url(name)))).collect();
    let mut out = io::stdout().lock();
    writeln!(out, "{}", json!({"key": server.key(), "urls": urls}))?;
    out.flush()?;
    drop(out);
    let (ended, end) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = ended.send(());
    });
    let _ = end.await;
    Ok(())
}

fn wrong(argument: &str, value: &str) -> io::Error {
    let known = "--port, --key, --latency-ms, --pace-ms";
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("`{argument} {value}`: there are {known}, each with a value"),
    )
}
