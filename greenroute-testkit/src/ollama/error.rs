//! Ollama's errors: a bare text, and no code.

use crate::reply::Reply;
use crate::vendor::Trouble;
use serde_json::json;

pub(super) fn error(status: u16, message: &str) -> Reply {
    Reply::json(status, json!({"error": message}))
}

pub(super) fn plain(trouble: &Trouble) -> Reply {
    match trouble {
        Trouble::Key => error(401, "unauthorized"),
        Trouble::Permission => error(403, "this model requires a subscription, upgrade for access"),
        Trouble::NoSuchModel(id) => error(404, &format!("model '{id}' not found")),
        Trouble::NoSuchPath => Reply::raw(404, "text/plain", "404 page not found"),
        Trouble::TooLong { tokens, window } => {
            // The words of the server inside, as a text within the text.
            let inner = json!({"error": {
                "code": 400,
                "message": format!(
                    "request ({tokens} tokens) exceeds the available context size ({window} tokens), try increasing it"
                ),
                "type": "exceed_context_size_error",
                "n_prompt_tokens": tokens,
                "n_ctx": window,
            }});
            error(400, &inner.to_string())
        }
        Trouble::Invalid(message) => error(400, message),
        Trouble::RateLimited(after) => {
            let reply = error(429, "too many concurrent requests");
            match after {
                Some(after) => reply.header("retry-after", after.as_secs_f64().to_string()),
                None => reply,
            }
        }
        Trouble::QuotaExhausted => {
            error(402, "you have reached your weekly usage limit, upgrade for higher limits")
        }
        Trouble::Overloaded => {
            error(503, "server busy, please try again.  maximum pending requests exceeded")
        }
        Trouble::Unavailable => error(503, "the server is not ready"),
        Trouble::Server => error(500, "llama runner process has terminated: exit status 2"),
    }
}
