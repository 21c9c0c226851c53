//! The connections of this process. Reading the system's certificates takes milliseconds: clients share it.

use reqwest::{Client, Url, redirect};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// In what pools differ.
#[derive(Clone, Copy, PartialEq)]
struct Kind {
    connect: Duration,
    /// No proxy leads back to this machine, whatever the environment says of proxies.
    local: bool,
    /// Without TLS no certificates are wanted: a container may have none.
    plain: bool,
}

static POOLS: Mutex<Vec<(Kind, Client)>> = Mutex::new(Vec::new());

/// The pool for calls to `base`. It outlives any one runtime: connections of a runtime that is gone are replaced.
pub(crate) fn shared(base: &Url, connect: Duration) -> reqwest::Result<Client> {
    let kind = Kind { connect, local: is_this_machine(base), plain: base.scheme() == "http" };
    // Nothing that panics runs under the lock, and a list of pools is never half changed.
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, pool)) = pools.iter().find(|(known, _)| *known == kind) {
        return Ok(pool.clone());
    }
    let pool = kind.build()?;
    pools.push((kind, pool.clone()));
    Ok(pool)
}

impl Kind {
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
    fn clients_share_a_pool_only_where_they_are_alike() {
        let pools = |url: &str, seconds| {
            shared(&Url::parse(url).unwrap(), Duration::from_secs(seconds)).unwrap();
            POOLS.lock().unwrap().len()
        };
        let before = pools("http://a.example", 77);
        assert_eq!(pools("http://b.example", 77), before);
        assert_eq!(pools("http://localhost", 77), before + 1);
        assert_eq!(pools("http://localhost", 78), before + 2);
    }
}
