//! The connections of this process. Reading the system's certificates takes milliseconds: clients share it.

use reqwest::{Client, Url, redirect};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::{Handle, Id};

/// Pools beyond these are given up, the one that was used longest ago first: runtimes come and go.
const MOST: usize = 32;

/// In what pools differ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Kind {
    connect: Duration,
    /// No proxy leads back to this machine, whatever the environment says of proxies.
    local: bool,
    /// Without TLS no certificates are wanted: a container may have none.
    plain: bool,
}

struct Pool {
    kind: Kind,
    /// Whose tasks move its bytes; `None` as long as it has no connection.
    runtime: Option<Id>,
    client: Client,
}

/// The one used last comes last.
static POOLS: Mutex<Vec<Pool>> = Mutex::new(Vec::new());

impl Kind {
    /// That of calls to `base`.
    pub(crate) fn of(base: &Url, connect: Duration) -> Self {
        Self { connect, local: is_this_machine(base), plain: base.scheme() == "http" }
    }

    /// The pool of this kind and of the current runtime. A connection lives by a task of the runtime that opened it:
    /// one that is at rest, or gone, would leave another's request unsent.
    pub(crate) fn pool(self) -> reqwest::Result<Client> {
        let runtime = Handle::try_current().ok().map(|handle| handle.id());
        // Nothing that panics runs under the lock, and a list of pools is never half changed.
        let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
        let place = |of: Option<Id>| pools.iter().position(|pool| pool.kind == self && pool.runtime == of);
        let client = match place(runtime).or_else(|| place(None)) {
            Some(place) => pools.remove(place).client,
            None => self.build()?,
        };
        if pools.len() >= MOST {
            pools.remove(0);
        }
        pools.push(Pool { kind: self, runtime, client: client.clone() });
        Ok(client)
    }

    fn build(self) -> reqwest::Result<Client> {
        let mut builder = Client::builder()
            .user_agent(concat!("greenroute/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .referer(false)
            .connect_timeout(self.connect);
        if self.local {
            builder = builder.no_proxy();
        }
        if self.plain {
            builder = builder.tls_certs_only([]);
        }
        builder.build()
    }
}

fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or("").trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machines_own_addresses_go_past_a_proxy() {
        let is = |url: &str| is_this_machine(&Url::parse(url).unwrap());
        assert!(is("http://localhost:1/") && is("http://127.0.0.9/v1") && is("https://[::1]:8/"));
        assert!(!is("http://localhost.example/") && !is("https://10.0.0.1/") && !is("http://[::2]/"));
    }

    #[test]
    fn clients_share_a_pool_only_where_they_are_alike_and_run_together() {
        let pools = |url: &str, seconds| {
            Kind::of(&Url::parse(url).unwrap(), Duration::from_secs(seconds)).pool().unwrap();
            POOLS.lock().unwrap().len()
        };
        let before = pools("http://a.example", 77);
        assert_eq!(pools("http://b.example", 77), before);
        assert_eq!(pools("http://localhost", 77), before + 1);
        assert_eq!(pools("http://localhost", 78), before + 2);
        let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (one, other) = (runtime(), runtime());
        let within =
            |runtime: &tokio::runtime::Runtime| runtime.block_on(async { pools("http://a.example", 77) });
        assert_eq!(within(&one), before + 2, "the pool that nobody has used yet");
        assert_eq!(within(&other), before + 3);
        assert_eq!(within(&one), before + 3);
        for _ in 0..2 * MOST {
            within(&runtime());
        }
        assert_eq!(within(&one), MOST, "runtimes that are gone leave nothing");
    }
}
