//! What the same tensor is called by transformers and by llama.cpp.

/// Who named the tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    Transformers,
    LlamaCpp,
}

/// One of the two stacks of layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tower {
    Encoder,
    Decoder,
}

/// A part of a layer: attention to its own texts, to the prompt, or the feed-forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Own,
    Cross,
    FeedForward,
}

impl Names {
    /// The embedding may have several names of which any will do.
    pub(super) fn embeddings(self) -> &'static [&'static str] {
        match self {
            Self::Transformers => {
                &["shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight"]
            }
            Self::LlamaCpp => &["token_embd.weight"],
        }
    }

    pub(super) fn head(self) -> &'static str {
        match self {
            Self::Transformers => "lm_head.weight",
            Self::LlamaCpp => "output.weight",
        }
    }

    pub(super) fn last_norm(self, tower: Tower) -> String {
        match self {
            Self::Transformers => format!("{}.final_layer_norm.weight", self.tower(tower)),
            Self::LlamaCpp => format!("{}.output_norm.weight", self.tower(tower)),
        }
    }

    fn tower(self, tower: Tower) -> &'static str {
        match (self, tower) {
            (Self::Transformers, Tower::Encoder) => "encoder",
            (Self::Transformers, Tower::Decoder) => "decoder",
            (Self::LlamaCpp, Tower::Encoder) => "enc",
            (Self::LlamaCpp, Tower::Decoder) => "dec",
        }
    }

    /// The norm before a part.
    pub(super) fn norm(self, tower: Tower, layer: usize, part: Part) -> String {
        self.tensor(tower, layer, part, ("layer_norm", "norm"))
    }

    /// A matrix of attention: `q`, `k`, `v` or `o`, which both call the same.
    pub(super) fn attention(self, tower: Tower, layer: usize, part: Part, which: &str) -> String {
        let module = if part == Part::Own { "SelfAttention" } else { "EncDecAttention" };
        self.tensor(tower, layer, part, (&format!("{module}.{which}"), which))
    }

    pub(super) fn relative(self, tower: Tower, layer: usize) -> String {
        self.tensor(tower, layer, Part::Own, ("SelfAttention.relative_attention_bias", "rel_b"))
    }

    /// A matrix of the feed-forward by its two names.
    pub(super) fn feed_forward(self, tower: Tower, layer: usize, wi: &str, ffn: &str) -> String {
        self.tensor(tower, layer, Part::FeedForward, (&format!("DenseReluDense.{wi}"), ffn))
    }

    fn tensor(self, tower: Tower, layer: usize, part: Part, names: (&str, &str)) -> String {
        let (stack, (theirs, llama_cpp)) = (self.tower(tower), names);
        match self {
            Self::Transformers => {
                let place = match (part, tower) {
                    (Part::Own, _) => 0,
                    (Part::Cross, _) | (Part::FeedForward, Tower::Encoder) => 1,
                    (Part::FeedForward, Tower::Decoder) => 2,
                };
                format!("{stack}.block.{layer}.layer.{place}.{theirs}.weight")
            }
            Self::LlamaCpp => {
                let part = match part {
                    Part::Own => "attn",
                    Part::Cross => "cross_attn",
                    Part::FeedForward => "ffn",
                };
                format!("{stack}.blk.{layer}.{part}_{llama_cpp}.weight")
            }
        }
    }
}
