//! Ollama's own protocol: `/api/chat`, `/api/embed`, `/api/tags`, `/api/show`.

mod error;
mod read;
mod write;

use crate::asked::{Asked, AskedChat, AskedEmbed, AskedList, Recorded};
use crate::reply::Reply;
use crate::said::SaidChat;
use crate::vendor::{Model, Trouble, Vendor};

/// A server of one's own: it asks for no key. Like the real one it cuts what does not fit without a word, unless it is
/// told not to.
#[derive(Debug)]
pub(crate) struct Ollama;

/// Thinks, and knows only yes and no.
const SWITCHED: &str = "qwen3:4b";
/// Thinks at levels.
const LEVELLED: &str = "gpt-oss:20b";
/// Takes no tools.
const HANDLESS: &str = "gemma3:270m";

const MODELS: &[Model] = &[
    Model::chat("llama3.2:3b"),
    Model::thinking(SWITCHED),
    Model::thinking(LEVELLED),
    Model::chat(HANDLESS),
    Model::tiny_window(),
    Model::embedding("nomic-embed-text"),
];

impl Vendor for Ollama {
    fn name(&self) -> &'static str {
        "ollama"
    }

    fn key_headers(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    fn models(&self) -> &'static [Model] {
        MODELS
    }

    fn read(&self, request: &Recorded) -> Result<Asked, Reply> {
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/api/tags") => Ok(Asked::List(AskedList::default())),
            ("POST", "/api/chat" | "/api/embed" | "/api/show") if request.body.is_null() => {
                Err(error::error(400, "missing request body"))
            }
            ("POST", "/api/chat") => read::chat(&request.body, MODELS),
            ("POST", "/api/embed") => read::embed(&request.body, MODELS),
            ("POST", "/api/show") => read::show(&request.body),
            _ => Err(self.error(&Trouble::NoSuchPath)),
        }
    }

    fn chat(&self, asked: &AskedChat, said: &SaidChat) -> Reply {
        if asked.streamed {
            Reply::ndjson(write::stream(asked, said))
        } else {
            Reply::json(200, write::whole(asked, said))
        }
    }

    fn embed(&self, asked: &AskedEmbed, vectors: &[Vec<f64>], tokens: u64) -> Reply {
        Reply::json(200, write::embeddings(asked, vectors, tokens))
    }

    fn list(&self, asked: &AskedList, models: &[Model]) -> Reply {
        match (&asked.only, models) {
            (Some(_), [model, ..]) => Reply::json(200, write::shown(model, HANDLESS)),
            _ => Reply::json(200, write::tags(models)),
        }
    }

    fn error(&self, trouble: &Trouble) -> Reply {
        error::plain(trouble)
    }

    fn midway(&self) -> String {
        "{\"error\":\"an error was encountered while running the model: unexpected EOF\"}\n".to_owned()
    }

    fn ends(&self, frame: &str) -> bool {
        frame.contains("\"done\":true")
    }

    fn tells_usage(&self, frame: &str) -> bool {
        frame.contains("\"eval_count\":")
    }
}
