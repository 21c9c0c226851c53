use super::super::clock::Clock;
use super::SAID;
use super::wire::Login;
use futures_util::lock::Mutex;
use greenroute_core::{Error, ErrorKind, Result};
use greenroute_http::{Client, Request, Secret};
use serde::de::DeserializeOwned;
use std::fmt;
use std::time::Duration;

/// A token is good for 30 minutes; it is renewed before, so that none ends on its way.
const GOOD_FOR: Duration = Duration::from_secs(27 * 60);
/// Logging in is limited to 100 in five minutes for the whole account. Who was refused does not try again so soon, nor
/// before the server wants it, of which no more than a day is believed.
const PAUSE: Duration = Duration::from_secs(60);
const LONGEST_ASKED: Duration = Duration::from_secs(24 * 3600);

/// An account, with the token of its last login. Concurrent askers share one login.
pub(super) struct Session {
    /// With the password.
    login: Client,
    /// Without any key.
    plain: Client,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// A client that sends the token, and when it was made.
    keyed: Option<(Client, Duration)>,
    number: u64,
    /// What was said when nobody was let in, and until when nobody tries again.
    refused: Option<(Error, Duration)>,
}

impl State {
    fn refuse(&mut self, what: &str, error: &Error, now: Duration) {
        let asked = error.retry_after().unwrap_or_default().min(LONGEST_ASKED);
        let copy = Error::new(error.kind().clone(), SAID.0, format!("{what}: {}", error.message()));
        self.refused = Some((copy, now + PAUSE.max(asked)));
        self.keyed = None;
    }
}

impl Session {
    pub(super) fn new(plain: Client, login: Client, clock: Clock) -> Self {
        Self { login, plain, clock, state: Mutex::default() }
    }

    pub(super) fn base_url(&self) -> &str {
        self.plain.base_url()
    }

    /// Asks with a good token; once more with a new one where it was refused after all.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        request: impl Fn(&Client) -> Request + Send + Sync,
    ) -> Result<T> {
        let (client, number) = self.keyed(None).await?;
        let first = send(request(&client)).await;
        match first {
            Err(error) if *error.kind() == ErrorKind::Authentication => {
                let (client, _) = self.keyed(Some(number)).await?;
                let second = send(request(&client)).await;
                if let Err(error) = &second
                    && *error.kind() == ErrorKind::Authentication
                {
                    // A new token is no better: another login would be in vain.
                    self.state.lock().await.refuse("with a new token", error, self.clock.elapsed());
                }
                second
            }
            other => other,
        }
    }

    /// A client with a token, and which login that was; never with the token of the login `spent`.
    async fn keyed(&self, spent: Option<u64>) -> Result<(Client, u64)> {
        let mut state = self.state.lock().await;
        let now = self.clock.elapsed();
        if let Some((client, since)) = &state.keyed
            && spent != Some(state.number)
            && now.saturating_sub(*since) < GOOD_FOR
        {
            return Ok((client.clone(), state.number));
        }
        state.keyed = None;
        if let Some((error, until)) = &state.refused
            && now < *until
        {
            let again = Error::new(error.kind().clone(), error.origin(), error.message());
            return Err(again.with_retry_after(until.saturating_sub(now)));
        }
        match self.log_in().await {
            Ok(client) => {
                state.number += 1;
                state.refused = None;
                state.keyed = Some((client.clone(), now));
                Ok((client, state.number))
            }
            Err(error) => {
                state.refuse("login", &error, self.clock.elapsed());
                Err(error)
            }
        }
    }

    async fn log_in(&self) -> Result<Client> {
        let answered = send(self.login.get("login")).await;
        let Login { token } = answered.map_err(|error: Error| match error.kind() {
            // What came instead may hold the token all the same: it is not shown.
            ErrorKind::Decode => SAID.wrong("token", "is not in the answer to the login"),
            _ => error,
        })?;
        let token = Secret::new(token);
        let keyed = self.plain.clone().secret_header("authorization", "Bearer ", &token);
        keyed.map_err(|_| SAID.wrong("token", "is none that can be sent"))
    }
}

async fn send<T: DeserializeOwned>(request: Request) -> Result<T> {
    request.send().await?.json().await
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("client", &self.plain).finish_non_exhaustive()
    }
}
