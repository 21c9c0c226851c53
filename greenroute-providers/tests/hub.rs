//! Fetching from a hub, end to end over HTTP, faults included.

#![cfg(test)]
#![cfg(feature = "hub")]

mod fake_hub;

use fake_hub::{COMMIT, FakeHub, Faults, REPO, Seen, TOKEN, git_blob, sha256};
use greenroute_core::{Error, ErrorKind, Result};
use greenroute_providers::local::hub::{Hub, HubModel, Progress};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const WEIGHTS: &str = "model.safetensors";

struct Bench {
    server: FakeHub,
    cache: TempDir,
}

fn weights() -> Vec<u8> {
    (0..300_000_u32).flat_map(|at| (at.wrapping_mul(2_654_435_761) >> 8).to_le_bytes()).collect()
}

fn small() -> Vec<(&'static str, Vec<u8>)> {
    let config = br#"{"model_type": "t5", "d_model": 8}"#.to_vec();
    let tokenizer = br#"{"version": "1.0", "model": {"type": "Unigram"}}"#.to_vec();
    vec![("config.json", config), ("tokenizer.json", tokenizer)]
}

fn files() -> Vec<(&'static str, Vec<u8>)> {
    [small(), vec![(WEIGHTS, weights()), ("README.md", b"not wanted".to_vec())]].concat()
}

fn model() -> HubModel {
    HubModel::new(REPO).unwrap().revision(COMMIT).unwrap()
}

impl Bench {
    fn new() -> Self {
        Self::with(&files())
    }

    fn with(files: &[(&str, Vec<u8>)]) -> Self {
        Self { server: FakeHub::start(files), cache: tempfile::tempdir().unwrap() }
    }

    fn hub(&self) -> Hub {
        Hub::new(self.cache.path()).endpoint(self.server.endpoint()).unwrap()
    }

    fn fetch(&self) -> Result<PathBuf> {
        self.hub().fetch(&model(), |_| {})
    }

    fn fault(&self, faults: Faults) -> Error {
        self.server.set(faults);
        self.fetch().unwrap_err()
    }

    fn repo(&self) -> PathBuf {
        self.cache.path().join("models--tiny--model")
    }

    fn blob(&self) -> PathBuf {
        self.repo().join("blobs").join(sha256(&weights()))
    }

    fn partial(&self) -> PathBuf {
        self.blob().with_extension("incomplete")
    }

    fn assert_whole(&self) {
        let folder = self.fetch().unwrap();
        assert_eq!(fs::read(folder.join(WEIGHTS)).unwrap(), weights());
        assert!(!self.partial().exists());
    }

    /// Nothing of the weights, in whatever state.
    fn assert_clean(&self) {
        assert!(!self.blob().exists() && !self.partial().exists());
        assert!(!self.repo().join("snapshots").join(COMMIT).join(WEIGHTS).is_symlink());
    }
}

fn ranges(seen: &[Seen]) -> Vec<Option<String>> {
    let of_weights = seen.iter().filter(|seen| seen.cdn && seen.method == "GET");
    of_weights.map(|seen| seen.range.clone()).collect()
}

#[test]
fn a_model_lies_in_the_shared_layout_and_is_fetched_once() {
    let bench = Bench::new();
    let mut told = Vec::new();
    let folder = bench.hub().fetch(&model(), |progress| told.push(progress)).unwrap();
    assert_eq!(folder, bench.repo().join("snapshots").join(COMMIT));
    for (name, bytes) in files() {
        if name == "README.md" {
            assert!(!folder.join(name).exists());
            continue;
        }
        let sum = if name == WEIGHTS { sha256(&bytes) } else { git_blob(&bytes) };
        assert_eq!(fs::read_link(folder.join(name)).unwrap(), Path::new("../../blobs").join(sum));
        assert_eq!(fs::read(folder.join(name)).unwrap(), bytes);
    }
    let total: usize =
        files().iter().filter(|(name, _)| *name != "README.md").map(|(_, bytes)| bytes.len()).sum();
    let last = told.last().unwrap();
    assert_eq!((last.file.as_str(), last.bytes), (WEIGHTS, last.total));
    assert_eq!(last.total, u64::try_from(total).unwrap());
    assert!(told.is_sorted_by_key(|Progress { bytes, .. }| *bytes), "{told:?}");
    bench.server.seen();
    bench.assert_whole();
    assert_eq!(bench.server.seen().len(), 0, "a pinned model in the cache needs no request");
}

#[test]
fn a_cut_download_goes_on_where_it_ended() {
    let bench = Bench::new();
    bench.server.set(Faults { cut: Some((500_000, 2)), ..Faults::default() });
    bench.assert_whole();
    let expected = [None, Some("bytes=500000-1199999".to_owned()), Some("bytes=1000000-1199999".to_owned())];
    assert_eq!(ranges(&bench.server.seen()), expected);
}

#[test]
fn what_came_is_kept_for_the_next_call() {
    let bench = Bench::new();
    bench.server.set(Faults { stall: Some(0), cut: Some((700_000, 1)), ..Faults::default() });
    let hub = bench.hub().timeout(Duration::from_millis(400));
    let error = hub.fetch(&model(), |_| {}).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Timeout, "{error}");
    assert_eq!(fs::metadata(bench.partial()).unwrap().len(), 700_000);
    bench.server.seen();
    bench.server.set(Faults::default());
    bench.assert_whole();
    assert_eq!(ranges(&bench.server.seen()), [Some("bytes=700000-1199999".to_owned())]);
}

#[test]
fn a_connection_that_always_breaks_is_an_error_that_says_how_far_it_came() {
    let bench = Bench::new();
    let error = bench.fault(Faults { cut: Some((0, 100)), ..Faults::default() });
    assert_eq!(*error.kind(), ErrorKind::Connection, "{error}");
    assert!(error.message().contains("model.safetensors"), "{error}");
    assert!(!bench.blob().exists());
}

#[test]
fn a_wrong_checksum_names_both_sums_and_leaves_nothing() {
    let bench = Bench::new();
    let error = bench.fault(Faults { corrupt: true, ..Faults::default() });
    assert_eq!(*error.kind(), ErrorKind::Decode, "{error}");
    let mut corrupt = weights();
    let middle = corrupt.len() / 2;
    corrupt[middle] ^= 1;
    for part in [WEIGHTS, &sha256(&weights()), &sha256(&corrupt)] {
        assert!(error.message().contains(part), "{error}");
    }
    bench.assert_clean();
    bench.server.set(Faults::default());
    bench.assert_whole();
}

#[test]
fn a_line_that_breaks_and_corrupts_comes_to_an_end() {
    let bench = Bench::new();
    let error = bench.fault(Faults { corrupt: true, cut: Some((700_000, 1000)), ..Faults::default() });
    assert_eq!(*error.kind(), ErrorKind::Decode, "{error}");
    bench.assert_clean();
    assert_eq!(ranges(&bench.server.seen()).len(), 4, "cut and resumed twice");
}

#[test]
fn leftovers_of_another_file_and_a_hub_without_ranges_do_no_harm() {
    let bench = Bench::new();
    fs::create_dir_all(bench.repo().join("blobs")).unwrap();
    fs::write(bench.partial(), vec![7; 1000]).unwrap();
    bench.assert_whole();
    let bench = Bench::new();
    fs::create_dir_all(bench.repo().join("blobs")).unwrap();
    fs::write(bench.partial(), &weights()[..1000]).unwrap();
    bench.server.set(Faults { no_ranges: true, ..Faults::default() });
    bench.assert_whole();
    assert_eq!(ranges(&bench.server.seen()), [Some("bytes=1000-1199999".to_owned())]);
    let bench = Bench::new();
    fs::create_dir_all(bench.repo().join("blobs")).unwrap();
    fs::write(bench.partial(), [weights(), vec![1]].concat()).unwrap();
    bench.assert_whole();
}

#[test]
fn a_gated_model_says_where_its_licence_is_accepted() {
    let bench = Bench::new();
    let gated = Faults { gated: Some(TOKEN), ..Faults::default() };
    let error = bench.fault(gated.clone());
    assert_eq!(*error.kind(), ErrorKind::Authentication, "{error}");
    let place = format!("accept the licence at {}/{REPO}", bench.server.endpoint());
    assert!(error.message().contains(&place) && error.message().contains("set HF_TOKEN"), "{error}");
    let fetch = |token| bench.hub().token(token).unwrap().fetch(&model(), |_| {});
    let error = fetch("hf_of_somebody_else").unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::PermissionDenied, "{error}");
    assert!(error.message().contains(&place), "{error}");
    let error = fetch("no_token_at_all").unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Authentication, "{error}");
    assert!(error.message().contains("refuses the token"), "{error}");
    fetch(TOKEN).unwrap();
}

#[test]
fn the_token_reaches_the_hub_and_nobody_else() {
    let bench = Bench::new();
    let hub = bench.hub().token(format!(" {TOKEN}\n")).unwrap();
    hub.fetch(&model(), |_| {}).unwrap();
    let seen = bench.server.seen();
    let bearer = format!("Bearer {TOKEN}");
    assert!(seen.iter().any(|seen| seen.cdn), "the weights come from another host");
    for seen in &seen {
        assert_eq!(seen.authorization.as_ref() == Some(&bearer), !seen.cdn, "{seen:?}");
    }
    assert!(!format!("{hub:?}").contains(TOKEN), "{hub:?}");
    for status in [400, 401, 403, 404, 409, 418, 429, 500, 503, 504] {
        bench.server.set(Faults { status: Some(status), ..Faults::default() });
        let model = HubModel::new(REPO).unwrap();
        let error = hub.fetch(&model, |_| {}).unwrap_err();
        for text in [format!("{error}"), format!("{error:?}"), format!("{error:#?}")] {
            assert!(!text.contains(TOKEN), "{text}");
        }
    }
    let error = bench.hub().token("two words").unwrap_err();
    assert!(!format!("{error:?}").contains("two words"), "{error:?}");
    let error = bench.hub().endpoint("https://me:secret@hub").unwrap_err();
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
}

#[test]
fn what_is_not_there_is_named() {
    let bench = Bench::new();
    let said = |model: HubModel| {
        let error = bench.hub().fetch(&model, |_| {}).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::ModelNotFound, "{error}");
        error.to_string()
    };
    let text = said(HubModel::new("tiny/other").unwrap());
    assert!(text.contains("`tiny/other`") && text.contains("`main`"), "{text}");
    let text = said(HubModel::new(REPO).unwrap().revision("v9").unwrap());
    assert!(text.contains(REPO) && text.contains("`v9`"), "{text}");
    let text = said(model().gguf("none.gguf").unwrap());
    assert!(text.contains("`none.gguf`") && text.contains(REPO), "{text}");
    let bench = Bench::with(&small());
    let text = bench.fetch().unwrap_err().to_string();
    assert!(text.contains("`model.safetensors`"), "{text}");
}

#[test]
fn statuses_are_errors_that_say_what_to_do_next() {
    let bench = Bench::new();
    let kind = |status| bench.fault(Faults { status: Some(status), ..Faults::default() }).kind().clone();
    assert_eq!(kind(401), ErrorKind::Authentication);
    assert_eq!(kind(403), ErrorKind::PermissionDenied);
    assert_eq!(kind(404), ErrorKind::ModelNotFound);
    assert_eq!(kind(429), ErrorKind::RateLimited { after: None });
    assert_eq!(kind(500), ErrorKind::Server);
    assert_eq!(kind(503), ErrorKind::Overloaded);
    assert_eq!(kind(504), ErrorKind::Timeout);
}

#[test]
fn offline_only_the_cache_is_looked_at() {
    let bench = Bench::new();
    let offline = bench.hub().offline(true);
    let error = offline.fetch(&model(), |_| {}).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::ModelNotFound, "{error}");
    for part in ["HF_HUB_OFFLINE", "hf download tiny/model --revision"] {
        assert!(error.message().contains(part), "{error}");
    }
    bench.hub().fetch(&HubModel::new(REPO).unwrap(), |_| {}).unwrap();
    bench.server.seen();
    for model in [model(), HubModel::new(REPO).unwrap()] {
        assert!(offline.fetch(&model, |_| {}).unwrap().join(WEIGHTS).exists());
    }
    fs::remove_file(bench.repo().join("snapshots").join(COMMIT).join(WEIGHTS)).unwrap();
    let error = offline.fetch(&model(), |_| {}).unwrap_err();
    assert!(error.message().contains("`model.safetensors` missing"), "{error}");
    assert_eq!(bench.server.seen().len(), 0);
}

#[test]
fn a_branch_is_asked_for_anew_and_remembered_for_when_nobody_answers() {
    let bench = Bench::new();
    let branch = HubModel::new(REPO).unwrap();
    let folder = bench.hub().fetch(&branch, |_| {}).unwrap();
    assert_eq!(fs::read_to_string(bench.repo().join("refs/main")).unwrap(), COMMIT);
    bench.server.seen();
    assert_eq!(bench.hub().fetch(&branch, |_| {}).unwrap(), folder);
    let seen = bench.server.seen();
    assert!(!seen.is_empty() && seen.iter().all(|seen| !seen.path.contains("resolve")), "{seen:?}");
    let nobody = Hub::new(bench.cache.path()).endpoint("http://127.0.0.1:1").unwrap();
    assert_eq!(nobody.fetch(&branch, |_| {}).unwrap(), folder);
    let other = HubModel::new("tiny/other").unwrap();
    let error = nobody.fetch(&other, |_| {}).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Connection, "{error}");
    assert!(error.message().contains("http://127.0.0.1:1 cannot be reached"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_cache_that_python_filled_is_found_without_a_request() {
    let bench = Bench::new();
    // As huggingface_hub 0.36 lays it out.
    let snapshot = bench.repo().join("snapshots").join(COMMIT);
    for folder in ["blobs", "refs"].map(|name| bench.repo().join(name)).iter().chain([&snapshot]) {
        fs::create_dir_all(folder).unwrap();
    }
    fs::write(bench.repo().join("refs/main"), COMMIT).unwrap();
    for (name, bytes) in files() {
        let sum = if name == WEIGHTS { sha256(&bytes) } else { git_blob(&bytes) };
        fs::write(bench.repo().join("blobs").join(&sum), bytes).unwrap();
        std::os::unix::fs::symlink(format!("../../blobs/{sum}"), snapshot.join(name)).unwrap();
    }
    bench.assert_whole();
    bench.hub().offline(true).fetch(&HubModel::new(REPO).unwrap(), |_| {}).unwrap();
    assert_eq!(bench.server.seen().len(), 0);
}

#[test]
fn a_silent_hub_is_waited_for_no_longer_than_allowed() {
    let bench = Bench::new();
    let hub = bench.hub().timeout(Duration::from_millis(300));
    for faults in
        [Faults { mute: true, ..Faults::default() }, Faults { stall: Some(100_000), ..Faults::default() }]
    {
        bench.server.set(faults);
        let started = Instant::now();
        let error = hub.fetch(&model(), |_| {}).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Timeout, "{error}");
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    }
}

#[test]
fn what_cannot_fit_is_refused_before_the_first_byte() {
    let bench = Bench::new();
    let error = bench.fault(Faults { claimed_size: Some(1 << 60), ..Faults::default() });
    assert_eq!(*error.kind(), ErrorKind::Config, "{error}");
    let needed = small().iter().map(|(_, bytes)| bytes.len()).sum::<usize>() + (1 << 60);
    for part in [WEIGHTS, &format!(": {needed} bytes are needed"), "are free", "HF_HUB_CACHE"] {
        assert!(error.message().contains(part), "{part}: {error}");
    }
    assert!(bench.server.seen().iter().all(|seen| !seen.path.contains("resolve") && !seen.cdn));
    bench.assert_clean();
}

#[test]
fn weights_in_several_files_come_with_their_index() {
    let index = serde_json::json!({ "weight_map": {
        "a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors" } });
    let shards = [
        ("model-00001-of-00002.safetensors", vec![1; 99]),
        ("model-00002-of-00002.safetensors", vec![2; 99]),
    ];
    let index = ("model.safetensors.index.json", index.to_string().into_bytes());
    let bench = Bench::with(&[small(), vec![index.clone()], shards.to_vec()].concat());
    let folder = bench.fetch().unwrap();
    assert_eq!(fs::read(folder.join(shards[1].0)).unwrap(), shards[1].1);
    bench.server.seen();
    assert_eq!(bench.fetch().unwrap(), folder);
    assert_eq!(bench.server.seen().len(), 0);
    let bench = Bench::with(&[small(), vec![index, shards[0].clone()]].concat());
    let error = bench.fetch().unwrap_err();
    assert!(error.message().contains(shards[1].0), "{error}");
}

#[test]
fn a_hub_cannot_write_outside_the_cache() {
    let evil = "model-../../../../evil.safetensors";
    let index = ("model.safetensors.index.json", br#"{"weight_map": {"a": "../../x"}}"#.to_vec());
    let bench = Bench::with(&[small(), vec![index.clone(), (evil, vec![1; 9])]].concat());
    assert_eq!(*bench.fetch().unwrap_err().kind(), ErrorKind::ModelNotFound);
    let bench = Bench::with(&[small(), vec![index]].concat());
    assert!(bench.fetch().unwrap_err().message().contains("model.safetensors.index.json"));
}

#[test]
fn one_gguf_file_is_a_model_too() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny-gemma3.gguf");
    let bench = Bench::with(&[("f32/tiny.gguf", fs::read(&path).unwrap())]);
    let file = bench.hub().fetch(&model().gguf("f32/tiny.gguf").unwrap(), |_| {}).unwrap();
    assert_eq!(file, bench.repo().join("snapshots").join(COMMIT).join("f32/tiny.gguf"));
    greenroute_providers::local::LocalProvider::open(file).unwrap();
}

#[test]
fn of_two_who_want_a_file_one_fetches_it() {
    let bench = Bench::new();
    std::thread::scope(|scope| {
        let both: Vec<_> = (0..2).map(|_| scope.spawn(|| bench.fetch().unwrap())).collect();
        both.into_iter().for_each(|one| drop(one.join().unwrap()));
    });
    bench.assert_whole();
    assert_eq!(ranges(&bench.server.seen()), [None]);
}

#[test]
fn another_process_that_does_not_get_on_is_not_waited_for_forever() {
    let bench = Bench::new();
    let folder = bench.cache.path().join(".locks/models--tiny--model");
    fs::create_dir_all(&folder).unwrap();
    let lock = fs::File::create(folder.join(format!("{}.lock", sha256(&weights())))).unwrap();
    lock.lock().unwrap();
    let error = bench.hub().timeout(Duration::from_millis(300)).fetch(&model(), |_| {}).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Timeout, "{error}");
    assert!(error.message().contains("another process"), "{error}");
    drop(lock);
    bench.assert_whole();
}

#[tokio::test]
async fn it_may_be_called_within_a_runtime() {
    let bench = Bench::new();
    bench.assert_whole();
    let bench = Bench::new();
    let hub = bench.hub();
    tokio::task::spawn_blocking(move || hub.fetch(&model(), |_| {})).await.unwrap().unwrap();
    bench.assert_whole();
}

/// This test again, by itself, in a process of its own.
#[cfg(unix)]
fn in_shell(test: &str, before: &str, bench: &Bench) -> std::process::Output {
    let this = std::env::current_exe().unwrap();
    let script = format!("{before} exec '{}' --exact {test} --nocapture", this.display());
    std::process::Command::new("sh")
        .args(["-c", &script])
        .env("GREENROUTE_TEST_ENDPOINT", bench.server.endpoint())
        .env("GREENROUTE_TEST_CACHE", bench.cache.path())
        .output()
        .unwrap()
}

#[cfg(unix)]
fn parent() -> Option<Hub> {
    let endpoint = std::env::var("GREENROUTE_TEST_ENDPOINT").ok()?;
    let cache = std::env::var("GREENROUTE_TEST_CACHE").unwrap();
    Some(Hub::new(cache).endpoint(endpoint).unwrap())
}

#[cfg(unix)]
#[test]
fn a_disk_that_fills_up_is_an_error_and_leaves_nothing() {
    if let Some(hub) = parent() {
        let error = hub.fetch(&model(), |_| {}).unwrap_err();
        println!("said: {:?}: {error}", error.kind());
        return;
    }
    let bench = Bench::new();
    // No file may be larger than 500 blocks of at most 1 KiB; what is written beyond fails as on a full disk.
    let limit = "trap '' XFSZ; ulimit -f 500;";
    let output = in_shell("a_disk_that_fills_up_is_an_error_and_leaves_nothing", limit, &bench);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said} {}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("said: Config: hub: `model.safetensors` does not fit: 1200000 bytes"), "{said}");
    assert!(said.contains("are free"), "{said}");
    bench.assert_clean();
    bench.assert_whole();
}

#[cfg(unix)]
#[test]
fn a_token_of_the_environment_is_not_sent_unless_it_was_asked_for() {
    if let Some(hub) = parent() {
        hub.fetch(&model(), |_| {}).unwrap();
        return;
    }
    let bench = Bench::new();
    let token = format!("export HF_TOKEN={TOKEN};");
    let output = in_shell("a_token_of_the_environment_is_not_sent_unless_it_was_asked_for", &token, &bench);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let seen = bench.server.seen();
    assert!(!seen.is_empty() && seen.iter().all(|seen| seen.authorization.is_none()), "{seen:?}");
}

/// Prints whatever anybody logs, at whatever level.
struct Everything;

impl tracing::Subscriber for Everything {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        println!("logged: {span:?}");
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, values: &tracing::span::Record<'_>) {
        println!("logged: {values:?}");
    }

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        println!("logged: {event:?}");
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[cfg(unix)]
#[test]
fn the_token_is_in_no_log() {
    if let Some(hub) = parent() {
        tracing::subscriber::set_global_default(Everything).unwrap();
        let hub = hub.token(TOKEN).unwrap();
        hub.fetch(&model(), |_| {}).unwrap();
        hub.fetch(&HubModel::new("tiny/other").unwrap(), |_| {}).unwrap_err();
        return;
    }
    let bench = Bench::new();
    let output = in_shell("the_token_is_in_no_log", "", &bench);
    let logged = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{logged}");
    assert!(logged.contains("logged: "), "nothing was logged at all");
    assert!(!logged.contains(TOKEN), "{logged}");
    assert!(bench.server.seen().iter().any(|seen| seen.authorization.is_some()));
}

const PYTHON: &str = "
import os, sys
from huggingface_hub import hf_hub_download, scan_cache_dir, snapshot_download
repo, commit = sys.argv[1:]
folder = snapshot_download(repo, revision=commit, allow_patterns=['*.json', '*.safetensors'])
one = hf_hub_download(repo, 'model.safetensors', revision=commit)
assert os.path.dirname(one) == folder, (one, folder)
cache = scan_cache_dir()
assert not cache.warnings and [found.repo_id for found in cache.repos] == [repo], cache
print(folder, end='')
";

/// Runs huggingface_hub over this cache and server, and gives what it printed.
fn python(bench: &Bench, offline: &str) -> PathBuf {
    let python = std::env::var("GREENROUTE_HF_PYTHON").expect("GREENROUTE_HF_PYTHON names a Python");
    let output = std::process::Command::new(python)
        .args(["-c", PYTHON, REPO, COMMIT])
        .env("HF_ENDPOINT", bench.server.endpoint())
        .env("HF_HUB_CACHE", bench.cache.path())
        .env("HF_HUB_OFFLINE", offline)
        .env("HF_HUB_DISABLE_XET", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    PathBuf::from(String::from_utf8(output.stdout).unwrap())
}

#[test]
#[ignore = "needs a Python with huggingface_hub, named by GREENROUTE_HF_PYTHON"]
fn python_and_this_crate_find_what_the_other_fetched() {
    let bench = Bench::new();
    let folder = python(&bench, "0");
    bench.server.seen();
    assert_eq!(bench.fetch().unwrap(), folder);
    assert_eq!(bench.server.seen().len(), 0, "Python fetched it");
    let bench = Bench::new();
    let folder = bench.fetch().unwrap();
    bench.server.seen();
    assert_eq!(python(&bench, "1"), folder);
    assert_eq!(bench.server.seen().len(), 0, "this crate fetched it");
    assert_eq!(python(&bench, "0"), folder);
    assert_eq!(ranges(&bench.server.seen()), [], "Python asks, but fetches nothing again");
    // Each goes on with what the other began.
    for ours_first in [true, false] {
        let bench = Bench::new();
        fs::create_dir_all(bench.repo().join("blobs")).unwrap();
        fs::write(bench.partial(), &weights()[..600_000]).unwrap();
        if ours_first {
            bench.assert_whole();
        } else {
            drop(python(&bench, "0"));
        }
        let seen = ranges(&bench.server.seen());
        assert!(seen[0].as_ref().is_some_and(|range| range.starts_with("bytes=600000-")), "{seen:?}");
        bench.assert_whole();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_fetched_answers_a_chat() {
    use greenroute_core::ModelProvider;
    use greenroute_core::chat::{ChatRequest, Message, Role};
    use greenroute_providers::local::LocalProvider;
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny-t5/gated");
    let read = |name: &'static str| (name, fs::read(fixture.join(name)).unwrap());
    let bench = Bench::with(&["config.json", "tokenizer.json", WEIGHTS].map(read));
    let folder = bench.fetch().unwrap();
    let provider = LocalProvider::open(folder).unwrap();
    let key = provider.models()[0].key.clone();
    assert_eq!(
        (key.to_string().as_str(), provider.to_string().as_str()),
        ("local/tiny/model", "local (tiny/model)")
    );
    let request = ChatRequest {
        max_output_tokens: Some(16),
        ..ChatRequest::new(key, vec![Message::text(Role::User, "where is the cat?")])
    };
    let answer = provider.chat(request.clone()).await.unwrap();
    let beside = LocalProvider::builder(fixture).model_id(REPO).build().unwrap();
    assert_eq!(answer.text(), beside.chat(request).await.unwrap().text());
    assert!(!answer.text().is_empty());
}
