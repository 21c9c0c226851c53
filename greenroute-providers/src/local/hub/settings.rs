use super::cache::RepoCache;
use super::fetch::{Progress, Report, fetch};
use super::model::HubModel;
use super::{ORIGIN, fault};
use greenroute_core::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fmt, fs};

const ENDPOINT: &str = "https://huggingface.co";
const TIMEOUT: Duration = Duration::from_secs(30);

/// Where models come from and where they are kept.
///
/// [`Hub::from_env`] reads what the other Hugging Face tools read, so that one login and one cache serve all:
///
/// | variable | meaning | otherwise |
/// |---|---|---|
/// | `HF_ENDPOINT` | the hub, or a mirror of it | `https://huggingface.co` |
/// | `HF_HUB_CACHE`, `HUGGINGFACE_HUB_CACHE` | the folder of models | `hub` in the home |
/// | `HF_HOME` | the home | `huggingface` in `XDG_CACHE_HOME` or in `~/.cache` |
/// | `HF_TOKEN` | the access token | the file at `HF_TOKEN_PATH`, or `token` in the home |
/// | `HF_HUB_DISABLE_IMPLICIT_TOKEN` | `1`: no token unless one is set here | use it |
/// | `HF_HUB_OFFLINE` | `1`: never ask the hub | ask it |
#[derive(Clone)]
pub struct Hub {
    pub(super) endpoint: String,
    pub(super) cache: PathBuf,
    pub(super) token: Option<String>,
    pub(super) offline: bool,
    pub(super) timeout: Duration,
}

impl Hub {
    /// The settings of the environment.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], naming the variable that is wrong or missing.
    pub fn from_env() -> Result<Self> {
        Self::from_variables(|name| env::var(name).ok())
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let home = variable("HF_HOME").map(PathBuf::from).or_else(|| {
            let caches = variable("XDG_CACHE_HOME").map(PathBuf::from);
            let user = || variable("HOME").or_else(|| variable("USERPROFILE"));
            let caches = caches.or_else(|| Some(PathBuf::from(user()?).join(".cache")))?;
            Some(caches.join("huggingface"))
        });
        let cache = ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"].into_iter().find_map(&variable);
        let cache =
            cache.map(PathBuf::from).or_else(|| Some(home.as_ref()?.join("hub"))).ok_or_else(|| {
                let message = "no folder for models: set HF_HOME or HF_HUB_CACHE";
                Error::new(ErrorKind::Config, ORIGIN, message)
            })?;
        let is_set = |name: &str| {
            let yes = ["1", "on", "yes", "true"];
            variable(name).is_some_and(|value| yes.contains(&value.to_ascii_lowercase().as_str()))
        };
        let mut hub = Self::new(cache).offline(is_set("HF_HUB_OFFLINE"));
        if let Some(endpoint) = variable("HF_ENDPOINT") {
            hub = hub.endpoint(endpoint)?;
        }
        if is_set("HF_HUB_DISABLE_IMPLICIT_TOKEN") {
            return Ok(hub);
        }
        let file = variable("HF_TOKEN_PATH").map(PathBuf::from);
        let file = file.or_else(|| Some(home?.join("token")));
        let token = variable("HF_TOKEN").or_else(|| fs::read_to_string(file?).ok());
        match token.filter(|token| !token.trim().is_empty()) {
            Some(token) => hub.token(token),
            None => Ok(hub),
        }
    }

    /// The public hub, without a token, with models kept in `cache`.
    #[must_use]
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        let endpoint = ENDPOINT.to_owned();
        Self { endpoint, cache: cache.into(), token: None, offline: false, timeout: TIMEOUT }
    }

    /// Asks the hub at `endpoint`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for what is no address of a web server, or has a password in it.
    pub fn endpoint(mut self, endpoint: impl Into<String>) -> Result<Self> {
        let endpoint = endpoint.into();
        let rest = endpoint.strip_prefix("https://").or_else(|| endpoint.strip_prefix("http://"));
        let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '@' | '?' | '#');
        if rest.is_none_or(|rest| rest.is_empty() || rest.starts_with('/') || rest.contains(odd)) {
            // What was given may hold a password, and is not repeated.
            let message = "HF_ENDPOINT (`endpoint`) must be like `https://huggingface.co`, without a password; \
                a token goes into HF_TOKEN";
            return Err(Error::new(ErrorKind::Config, ORIGIN, message));
        }
        self.endpoint = endpoint.trim_end_matches('/').to_owned();
        Ok(self)
    }

    /// With an access token, for gated and private models.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for what cannot be a token.
    pub fn token(mut self, token: impl AsRef<str>) -> Result<Self> {
        let token = token.as_ref().trim();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            let message = "HF_TOKEN (`token`) is no access token: it must be one word of ASCII";
            return Err(Error::new(ErrorKind::Config, ORIGIN, message));
        }
        self.token = Some(token.to_owned());
        Ok(self)
    }

    /// Whether only the cache is looked at.
    #[must_use]
    pub fn offline(mut self, offline: bool) -> Self {
        self.offline = offline;
        self
    }

    /// How long the hub may say nothing: before an answer, or between two pieces of a file. Half a minute by
    /// default; how long a whole download takes is not limited.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Where models are kept.
    #[must_use]
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    /// The model's files in the cache, fetched first where they are missing: the folder of `config.json`,
    /// `tokenizer.json` and the weights, or the path of the one GGUF file.
    ///
    /// This blocks, as loading the model does; from async code call it by `tokio::task::spawn_blocking`.
    /// `progress` is told of every piece, on a thread of its own. A download that broke off goes on where it
    /// ended, the next time too; a file is kept only if its checksum is the one that the hub states.
    ///
    /// # Errors
    /// * [`ErrorKind::ModelNotFound`]: no such model, revision or file; or offline and not in the cache.
    /// * [`ErrorKind::Authentication`], [`ErrorKind::PermissionDenied`]: a gated model; the message says where
    ///   its licence is accepted.
    /// * [`ErrorKind::Connection`], [`ErrorKind::Timeout`], [`ErrorKind::Server`], [`ErrorKind::Overloaded`],
    ///   [`ErrorKind::RateLimited`]: what came so far is kept, for the next call.
    /// * [`ErrorKind::Decode`]: a wrong checksum, with both; nothing of that file is kept.
    /// * [`ErrorKind::Config`]: the cache cannot be written or the disk is full, with the bytes needed and free.
    pub fn fetch(&self, model: &HubModel, mut progress: impl FnMut(Progress) + Send) -> Result<PathBuf> {
        let cache = RepoCache::new(&self.cache, model);
        let cached = || model.commit().map(str::to_owned).or_else(|| cache.reference(model.revision_name()));
        if self.offline {
            let missing = match cached().map(|commit| cache.find(&commit, model.files())) {
                Some(Ok(found)) => return Ok(found),
                Some(Err(missing)) => missing,
                None => Vec::new(),
            };
            return Err(fault::offline(self, model, &missing));
        }
        if let Some(Ok(found)) = model.commit().map(|commit| cache.find(commit, model.files())) {
            return Ok(found);
        }
        let report: &mut Report = &mut progress;
        // A runtime may not be started within another, and whether the caller is in one cannot be told.
        let thread = std::thread::Builder::new().name("greenroute-hub".into());
        std::thread::scope(|scope| {
            let started = thread.spawn_scoped(scope, || fetch(self, model, &cache, report));
            let finished = started.map_err(fault::no_thread)?.join();
            finished.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("endpoint", &self.endpoint)
            .field("cache", &self.cache)
            .field("token", &self.token.as_ref().map(|_| "set"))
            .field("offline", &self.offline)
            .field("timeout", &self.timeout)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(variables: &[(&str, &str)]) -> Result<Hub> {
        Hub::from_variables(|name| {
            let (_, value) = variables.iter().find(|(known, _)| *known == name)?;
            Some((*value).to_owned())
        })
    }

    #[test]
    fn the_cache_is_where_the_other_tools_have_it() {
        let cache = |variables: &[(&str, &str)]| hub(variables).unwrap().cache;
        let user = ("HOME", "/home/me");
        assert_eq!(cache(&[user]), Path::new("/home/me/.cache/huggingface/hub"));
        assert_eq!(cache(&[user, ("HF_HOME", "")]), Path::new("/home/me/.cache/huggingface/hub"));
        assert_eq!(cache(&[user, ("XDG_CACHE_HOME", "/x")]), Path::new("/x/huggingface/hub"));
        assert_eq!(cache(&[user, ("XDG_CACHE_HOME", "/x"), ("HF_HOME", "/hf")]), Path::new("/hf/hub"));
        assert_eq!(cache(&[("HUGGINGFACE_HUB_CACHE", "/old"), ("HF_HOME", "/hf")]), Path::new("/old"));
        assert_eq!(cache(&[("HUGGINGFACE_HUB_CACHE", "/old"), ("HF_HUB_CACHE", "/new")]), Path::new("/new"));
        assert!(hub(&[]).unwrap_err().message().contains("HF_HOME"));
    }

    #[test]
    fn the_token_is_the_one_of_the_other_tools() {
        let folder = tempfile::tempdir().unwrap();
        let home = ("HF_HOME", folder.path().to_str().unwrap());
        let token = |more: &[(&str, &str)]| hub(&[&[home], more].concat()).unwrap().token;
        assert_eq!(token(&[]), None);
        fs::write(folder.path().join("token"), "hf_home\n").unwrap();
        assert_eq!(token(&[]).as_deref(), Some("hf_home"));
        let path = folder.path().join("mine");
        fs::write(&path, "hf_mine").unwrap();
        let path = ("HF_TOKEN_PATH", path.to_str().unwrap());
        assert_eq!(token(&[path]).as_deref(), Some("hf_mine"));
        assert_eq!(token(&[path, ("HF_TOKEN", "hf_variable")]).as_deref(), Some("hf_variable"));
        let disabled = ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1");
        assert_eq!(token(&[path, ("HF_TOKEN", "hf_variable"), disabled]), None);
        assert!(hub(&[home, ("HF_TOKEN", "two words")]).is_err());
    }

    #[test]
    fn endpoint_and_offline_are_read() {
        let cache = ("HF_HUB_CACHE", "/c");
        let plain = hub(&[cache]).unwrap();
        assert_eq!((plain.endpoint.as_str(), plain.offline), (ENDPOINT, false));
        let mirror = hub(&[cache, ("HF_ENDPOINT", "http://mirror:8080/hub/")]).unwrap();
        assert_eq!(mirror.endpoint, "http://mirror:8080/hub");
        for (value, offline) in [("1", true), ("TRUE", true), ("yes", true), ("0", false), ("", false)] {
            assert_eq!(hub(&[cache, ("HF_HUB_OFFLINE", value)]).unwrap().offline, offline, "{value}");
        }
        for endpoint in ["mirror", "ftp://mirror", "https://", "https:///x", "https://a b", "https://a?b"] {
            let error = hub(&[cache, ("HF_ENDPOINT", endpoint)]).unwrap_err();
            assert!(error.message().contains("HF_ENDPOINT"), "{endpoint}: {error}");
        }
    }
}
