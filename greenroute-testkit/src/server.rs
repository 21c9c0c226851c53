use crate::asked::Recorded;
use crate::fault::Fault;
use crate::faults::{Faults, Tally};
use crate::line::{Door, Handle, Lines};
use crate::reply::Reply;
use crate::serve::{Played, Shared, handle, locked, written};
use crate::spoil::Sending;
use crate::vendor::{Model, Vendor};
use axum::Router;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A server that plays every vendor. When it is dropped it is gone, with every connection.
///
/// A client in another process asks for a [`Fault`] with the header `x-fake-fault`, and for a recorded reply with
/// `x-fake-reply` and the name of a [`Fixture`](crate::Fixture).
#[derive(Debug)]
pub struct FakeServer {
    address: SocketAddr,
    state: Arc<Shared>,
    lines: Arc<Lines>,
    accepting: JoinHandle<()>,
}

/// How a [`FakeServer`] is to be.
#[derive(Debug, Clone)]
pub struct Builder {
    port: u16,
    key: String,
    latency: Duration,
    pace: Duration,
    recording: bool,
    vendors: Vec<Arc<dyn Vendor>>,
    models: Vec<(String, Model)>,
}

impl FakeServer {
    /// A server on a free port of this machine, as [`Builder`] has it by default.
    ///
    /// # Errors
    /// Where there is no free port.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// A server that is not as by default.
    #[must_use]
    pub fn builder() -> Builder {
        Builder {
            port: 0,
            key: "test-key-5f2d9c7a".to_owned(),
            latency: Duration::ZERO,
            pace: Duration::ZERO,
            recording: true,
            vendors: crate::vendors::all(),
            models: Vec::new(),
        }
    }

    /// The base URL that a client of this vendor is given: no slash at its end.
    ///
    /// # Panics
    /// Where it plays no such vendor.
    #[must_use]
    #[track_caller]
    pub fn url(&self, vendor: &str) -> String {
        let vendor = &self.played(vendor).vendor;
        format!("http://{}/{}{}", self.address, vendor.name(), vendor.base_path())
    }

    /// The vendors that it plays.
    pub fn vendors(&self) -> impl Iterator<Item = &'static str> {
        self.state.played.keys().copied()
    }

    /// The key that every vendor takes.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.state.key
    }

    /// The requests so far, the refused ones too, in the order in which they came.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        locked(&self.state.log).iter().map(|request| Recorded::clone(request)).collect()
    }

    /// How many requests have come so far, kept or not, but for those that [`Self::reply_always`] answered.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.state.seen.load(Ordering::Relaxed)
    }

    /// Forgets requests, the tally and everything that was laid down for later. Files and batches that vendors keep stay.
    pub fn clear(&self) {
        locked(&self.state.log).clear();
        locked(&self.state.tally).clear();
        *written(&self.state.faults) = None;
        for played in self.state.played.values() {
            locked(&played.faults).clear();
            locked(&played.replies).clear();
            *written(&played.always) = None;
        }
    }

    /// The vendor's next request that is not refused for its key gets this reply, whatever it asks. Several form a
    /// queue.
    ///
    /// # Panics
    /// Where it plays no such vendor.
    #[track_caller]
    pub fn reply_with(&self, vendor: &str, reply: Reply) {
        locked(&self.played(vendor).replies).push_back(reply);
    }

    /// From now on every request to the vendor gets this reply: neither key nor body are looked at, nothing is
    /// recorded and no fault befalls it. It is the quickest answer that the server can give.
    ///
    /// # Panics
    /// Where it plays no such vendor.
    #[track_caller]
    pub fn reply_always(&self, vendor: &str, reply: Reply) {
        let sending = Sending::new(reply, self.state.pace);
        *written(&self.played(vendor).always) = Some(sending);
    }

    /// The fault befalls the vendor's next request. Several form a queue. What can befall streams alone, such as
    /// [`Fault::Bom`], leaves another answer as it is; [`tally`](Self::tally) says what befell.
    ///
    /// # Panics
    /// Where it plays no such vendor.
    #[track_caller]
    pub fn fault_next(&self, vendor: &str, fault: Fault) {
        locked(&self.played(vendor).faults).push_back(fault);
    }

    /// The fault befalls so many of the vendor's next requests.
    ///
    /// # Panics
    /// Where it plays no such vendor.
    #[track_caller]
    pub fn fault_times(&self, vendor: &str, fault: Fault, times: usize) {
        locked(&self.played(vendor).faults).extend(std::iter::repeat_n(fault, times));
    }

    /// From now on faults befall a share of all requests that have none of their own.
    pub fn faults(&self, faults: Faults) {
        self.state.drawn.store(0, Ordering::Relaxed);
        *written(&self.state.faults) = Some(faults);
    }

    /// How often each fault befell a request.
    #[must_use]
    pub fn tally(&self) -> Tally {
        locked(&self.state.tally).clone()
    }

    #[track_caller]
    #[expect(
        clippy::panic,
        reason = "a misspelt name in a test is the test's defect, and is best told there"
    )]
    fn played(&self, vendor: &str) -> &Played {
        let Some(played) = self.state.played.get(vendor) else {
            let names: Vec<&str> = self.vendors().collect();
            panic!("no vendor `{vendor}` is played here; there are {}", names.join(", "))
        };
        played
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        self.accepting.abort();
        self.lines.close_all();
    }
}

impl Builder {
    /// The port; 0 is any that is free, and the default.
    #[must_use]
    pub fn port(self, port: u16) -> Self {
        Self { port, ..self }
    }

    /// The key that is taken.
    #[must_use]
    pub fn key(self, key: impl Into<String>) -> Self {
        Self { key: key.into(), ..self }
    }

    /// What passes before every answer's headers; nothing by default.
    #[must_use]
    pub fn latency(self, latency: Duration) -> Self {
        Self { latency, ..self }
    }

    /// What passes before every frame of a stream; nothing by default.
    #[must_use]
    pub fn pace(self, pace: Duration) -> Self {
        Self { pace, ..self }
    }

    /// Whether requests are kept; by default they are. A server that answers a hundred thousand should not.
    #[must_use]
    pub fn recording(self, recording: bool) -> Self {
        Self { recording, ..self }
    }

    /// A vendor more, or instead of the one of its name.
    #[must_use]
    pub fn vendor(mut self, vendor: impl Vendor) -> Self {
        self.vendors.push(Arc::new(vendor));
        self
    }

    /// A model more that this vendor serves.
    #[must_use]
    pub fn model(mut self, vendor: impl Into<String>, model: Model) -> Self {
        self.models.push((vendor.into(), model));
        self
    }

    /// Starts it, on the runtime that this is called in.
    ///
    /// # Errors
    /// Where the port is taken.
    pub async fn start(self) -> io::Result<FakeServer> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await?;
        let address = listener.local_addr()?;
        let more = self.models;
        let played = self.vendors.into_iter().map(|vendor| {
            let own = more.iter().filter(|(name, _)| name == vendor.name()).map(|(_, model)| model.clone());
            (vendor.name(), Played::new(Arc::clone(&vendor), own.collect()))
        });
        let state = Arc::new(Shared {
            key: self.key,
            latency: self.latency,
            pace: self.pace,
            recording: self.recording,
            played: played.collect(),
            ..Shared::default()
        });
        let lines = Arc::new(Lines::default());
        let door = Door { listener, lines: Arc::clone(&lines) };
        let service = Router::new().fallback(handle).with_state(Arc::clone(&state));
        let service = service.into_make_service_with_connect_info::<Handle>();
        let serving = axum::serve(door, service);
        let accepting = tokio::spawn(async move {
            // It accepts until it is aborted.
            let _ = serving.await;
        });
        Ok(FakeServer { address, state, lines, accepting })
    }
}
