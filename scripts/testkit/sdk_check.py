"""Holds the fake providers of greenroute-testkit against the vendors' own Python SDKs.

    python3 scripts/testkit/sdk_check.py [SDK ...]

What an SDK cannot read is wrong in the fake. It makes a virtual environment with the SDKs once (under target/), starts
the example `fake_providers`, lets every SDK chat, stream, call tools, ask for JSON, embed, list, count and be refused,
prints a table, and ends with status 1 if anything failed.
"""

import argparse
import json
import os
import subprocess
import sys
import traceback
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
SDKS = ["anthropic==2.11.0", "google-genai==3.4.0", "groq==1.7.0", "ollama==0.6.3", "openai==3.52.0"]
QUESTION = "Why is the sky blue?"
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
WRONG_KEY = "wrong-key"


def environment():
    """The interpreter that has the SDKs."""
    home = TARGET / "sdk-check"
    python = home / "bin" / "python"
    wanted = "\n".join(SDKS)
    mark = home / "installed"
    if not mark.exists() or mark.read_text() != wanted:
        venv.create(home, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *SDKS], check=True)
        mark.write_text(wanted)
    return python


class Fakes:
    """The server as a process; it ends when its standard input does."""

    def __enter__(self):
        build = ["cargo", "build", "--quiet", "-p", "greenroute-testkit", "--example", "fake_providers"]
        subprocess.run(build, check=True, cwd=ROOT)
        program = TARGET / "debug" / "examples" / "fake_providers"
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        told = json.loads(self.process.stdout.readline())
        self.key, self.urls = told["key"], told["urls"]
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(timeout=10)


def demand(holds, what):
    if not holds:
        raise AssertionError(what)


def same(wanted, found):
    demand(wanted == found, f"{found!r} is not {wanted!r}")


def prose(text):
    demand(text and len(text.split()) > 12, f"not a dozen words: {text!r}")


def refused(kind, status, call):
    """The call must raise this error of the SDK's, with this status."""
    try:
        call()
    except kind as error:
        found = getattr(error, "status_code", getattr(error, "code", None))
        same(status, found)
        return error
    raise AssertionError(f"no {kind.__name__} came")


def until(wanted, look, state):
    """Looks until what it sees is in this state."""
    for _ in range(9):
        seen = look()
        if state(seen) == wanted:
            return seen
    raise AssertionError(f"it stays {state(seen)}")


# --- OpenAI and Groq: two SDKs of one shape. --------------------------------------------------------------------------


class OpenAiShape:
    """The checks that the two share."""

    tool = {"type": "function", "function": {"name": "weather", "description": "The weather.", "parameters": CITY}}
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": QUESTION}]

    def chat(self):
        answer = self.create(messages=self.messages, temperature=0.2, max_completion_tokens=64)
        prose(answer.choices[0].message.content)
        same("stop", answer.choices[0].finish_reason)
        usage = answer.usage
        same(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens)

    def stream(self):
        whole = self.create(messages=self.messages).choices[0].message.content
        options = {"stream_options": {"include_usage": True}} if self.streams_usage else {}
        chunks = list(self.create(messages=self.messages, stream=True, **options))
        pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
        same(whole, "".join(pieces))
        demand(len(pieces) > 5, "it came in one piece")
        finishes = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices]
        same("stop", finishes[-1])
        if self.streams_usage:
            demand(chunks[-1].usage.completion_tokens > 12, chunks[-1])

    def tools(self):
        asked = self.create(messages=self.messages, tools=[self.tool], tool_choice="auto")
        same("tool_calls", asked.choices[0].finish_reason)
        [call] = asked.choices[0].message.tool_calls
        same({"city": "Oslo"}, json.loads(call.function.arguments))
        result = {"role": "tool", "tool_call_id": call.id, "content": "rain"}
        said = asked.choices[0].message.model_dump(exclude_none=True)
        said = {key: value for key, value in said.items() if key in ("role", "content", "tool_calls")}
        answer = self.create(messages=[*self.messages, said, result], tools=[self.tool])
        demand("rain" in answer.choices[0].message.content, answer)

    def streamed_tools(self):
        chunks = list(self.create(messages=self.messages, tools=[self.tool], stream=True))
        calls = [call for chunk in chunks if chunk.choices for call in chunk.choices[0].delta.tool_calls or []]
        same("weather", calls[0].function.name)
        same({"city": "Oslo"}, json.loads("".join(call.function.arguments or "" for call in calls)))

    def structured(self):
        form = {"type": "json_schema", "json_schema": {"name": "Out", "strict": True, "schema": CITY}}
        answer = self.create(messages=self.messages, response_format=form)
        same({"city": "Oslo"}, json.loads(answer.choices[0].message.content))

    def models(self):
        demand(self.model in [model.id for model in self.client.models.list()], "the model is not listed")

    def limit(self):
        answer = self.create(messages=self.messages, max_completion_tokens=3)
        same("length", answer.choices[0].finish_reason)
        demand(answer.usage.completion_tokens <= 3, answer.usage)

    def batches(self):
        body = {"model": self.model, "messages": self.messages}
        line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": body}
        file = self.client.files.create(file=("in.jsonl", json.dumps(line).encode()), purpose="batch")
        asked = {"input_file_id": file.id, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
        batch = self.client.batches.create(**asked)
        done = until("completed", lambda: self.client.batches.retrieve(batch.id), lambda batch: batch.status)
        same(1, done.request_counts.completed)
        content = self.client.files.content(done.output_file_id)
        text = content.text if isinstance(content.text, str) else content.text()
        prose(json.loads(text)["response"]["body"]["choices"][0]["message"]["content"])

    def wrong_key(self):
        client = self.client.with_options(api_key=WRONG_KEY)
        refused(self.sdk.AuthenticationError, 401, lambda: self.create(client, messages=self.messages))

    def unknown_model(self):
        refused(self.sdk.NotFoundError, 404, lambda: self.create(model="nope", messages=self.messages))

    def unknown_field(self):
        extra = {"temprature": 1}
        refused(self.sdk.BadRequestError, 400, lambda: self.create(messages=self.messages, extra_body=extra))

    def rate_limit(self):
        error = refused(self.sdk.RateLimitError, 429, lambda: self.faulty("rate_limited_seconds=7"))
        same("7", error.response.headers["retry-after"])

    def overloaded(self):
        refused(self.sdk.APIStatusError, self.overload, lambda: self.faulty("overloaded529"))

    def error_midway(self):
        headers = {"x-fake-fault": "error_midway"}
        try:
            list(self.create(messages=self.messages, stream=True, extra_headers=headers))
        except self.sdk.APIError as error:
            demand(error.message, "it says nothing")
        else:
            raise AssertionError("no error came")

    def harmless(self):
        for fault in ["split_code_point", "crlf_lines", "comment_lines", "gzip", "split_frames=7"]:
            headers = {"x-fake-fault": fault}
            chunks = self.create(messages=self.messages, stream=True, extra_headers=headers)
            pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
            prose("".join(pieces))

    def faulty(self, fault):
        return self.create(messages=self.messages, extra_headers={"x-fake-fault": fault})

    def create(self, client=None, **asked):
        return (client or self.client).chat.completions.create(**{"model": self.model, **asked})


class OpenAi(OpenAiShape):
    vendor, model, streams_usage, overload = "openai", "gpt-4.1-mini", True, 503

    def __init__(self, url, key):
        import openai

        self.sdk, self.client = openai, openai.OpenAI(base_url=url, api_key=key, max_retries=0)

    def parsed(self):
        from pydantic import BaseModel

        class Out(BaseModel):
            city: str

        answer = self.client.beta.chat.completions.parse(model=self.model, messages=self.messages, response_format=Out)
        same("Oslo", answer.choices[0].message.parsed.city)

    def embeddings(self):
        answer = self.client.embeddings.create(model="text-embedding-3-small", input=["a", "b"], dimensions=8)
        same([8, 8], [len(entry.embedding) for entry in answer.data])


class Groq(OpenAiShape):
    vendor, model, streams_usage, overload = "groq", "openai/gpt-oss-20b", False, 498

    def __init__(self, url, key):
        import groq

        # This SDK has the path in its routes.
        url = url.removesuffix("/openai/v1")
        self.sdk, self.client = groq, groq.Groq(base_url=url, api_key=key, max_retries=0)

    def models(self):
        listed = self.client.models.list().data
        demand(self.model in [model.id for model in listed], "the model is not listed")

    def timings(self):
        answer = self.create(messages=self.messages, reasoning_effort="low")
        usage = answer.usage
        demand(abs(usage.prompt_time + usage.completion_time - usage.total_time) < 1e-9, usage)
        demand(answer.choices[0].message.reasoning and answer.x_groq.id, answer)
        chunks = list(self.create(messages=self.messages, stream=True))
        demand(any(chunk.choices[0].delta.reasoning for chunk in chunks if chunk.choices), "no reasoning came")
        demand(any(chunk.x_groq and chunk.x_groq.usage for chunk in chunks), "no usage came")


class LlamaCpp(OpenAiShape):
    """llama.cpp has no SDK of its own: OpenAI's is what people use with it."""

    vendor, model, streams_usage, overload = "llamacpp", "whatever", True, 503
    batches = wrong_key = unknown_model = None

    def __init__(self, url, key):
        import openai

        self.sdk, self.client = openai, openai.OpenAI(base_url=url, api_key=key, max_retries=0)

    def models(self):
        demand(self.client.models.list().data[0].id.endswith(".gguf"), "no file is listed")

    def timings(self):
        answer = self.create(messages=self.messages)
        demand(answer.timings["predicted_n"] == answer.usage.completion_tokens, answer)


# --- Anthropic --------------------------------------------------------------------------------------------------------


class Anthropic:
    vendor, model = "anthropic", "claude-haiku-4-5"
    tool = {"name": "weather", "description": "The weather.", "input_schema": CITY}
    messages = [{"role": "user", "content": QUESTION}]

    def __init__(self, url, key):
        import anthropic

        self.sdk, self.client = anthropic, anthropic.Anthropic(base_url=url, api_key=key, max_retries=0)

    def create(self, client=None, **asked):
        asked = {"model": self.model, "max_tokens": 64, "messages": self.messages, **asked}
        return (client or self.client).messages.create(**asked)

    def chat(self):
        answer = self.create(system="Be brief.")
        prose(answer.content[0].text)
        same("end_turn", answer.stop_reason)
        demand(answer.usage.input_tokens > 0 and answer.usage.output_tokens > 12, answer.usage)

    def old_version(self):
        answer = self.create(extra_headers={"anthropic-version": "2023-06-01"}, extra_body={"temperature": 0.2})
        prose(answer.content[0].text)

    def stream(self):
        whole = self.create().content[0].text
        with self.client.messages.stream(model=self.model, max_tokens=64, messages=self.messages) as stream:
            pieces = list(stream.text_stream)
            final = stream.get_final_message()
        same(whole, "".join(pieces))
        same(whole, final.content[0].text)
        same("end_turn", final.stop_reason)
        demand(len(pieces) > 5 and final.usage.output_tokens > 12, final.usage)

    def tools(self):
        asked = self.create(tools=[self.tool])
        same("tool_use", asked.stop_reason)
        [call] = [block for block in asked.content if block.type == "tool_use"]
        same({"city": "Oslo"}, call.input)
        result = {"type": "tool_result", "tool_use_id": call.id, "content": "rain"}
        said = [block.model_dump(exclude_none=True) for block in asked.content]
        said = [{key: value for key, value in block.items() if key != "caller"} for block in said]
        turns = [*self.messages, {"role": "assistant", "content": said}, {"role": "user", "content": [result]}]
        answer = self.create(messages=turns, tools=[self.tool])
        demand("rain" in answer.content[-1].text, answer)

    def streamed_tools(self):
        asked = {"model": self.model, "max_tokens": 64, "messages": self.messages, "tools": [self.tool]}
        with self.client.messages.stream(**asked) as stream:
            final = stream.get_final_message()
        [call] = [block for block in final.content if block.type == "tool_use"]
        same({"city": "Oslo"}, call.input)

    def thinking(self):
        answer = self.create(max_tokens=2048, thinking={"type": "enabled", "budget_tokens": 1024})
        same(["thinking", "text"], [block.type for block in answer.content])
        demand(answer.content[0].signature, "no signature came")

    def structured(self):
        form = {"format": {"type": "json_schema", "schema": CITY}}
        answer = self.create(output_config=form)
        same({"city": "Oslo"}, json.loads(answer.content[0].text))

    def models(self):
        listed = [model.id for model in self.client.models.list()]
        demand(any(model.startswith(self.model) for model in listed), f"the model is not listed: {listed}")

    def count(self):
        counted = self.client.messages.count_tokens(model=self.model, messages=self.messages)
        same(self.create().usage.input_tokens, counted.input_tokens)

    def limit(self):
        answer = self.create(max_tokens=3)
        same("max_tokens", answer.stop_reason)
        demand(answer.usage.output_tokens <= 3, answer.usage)

    def wrong_key(self):
        client = self.client.with_options(api_key=WRONG_KEY)
        refused(self.sdk.AuthenticationError, 401, lambda: self.create(client))

    def unknown_model(self):
        refused(self.sdk.NotFoundError, 404, lambda: self.create(model="nope"))

    def unknown_field(self):
        refused(self.sdk.BadRequestError, 400, lambda: self.create(extra_body={"temprature": 1}))

    def rate_limit(self):
        error = refused(self.sdk.RateLimitError, 429, lambda: self.faulty("rate_limited_seconds=7"))
        same("7", error.response.headers["retry-after"])

    def overloaded(self):
        refused(self.sdk.APIStatusError, 529, lambda: self.faulty("overloaded529"))

    def batches(self):
        params = {"model": self.model, "max_tokens": 64, "messages": self.messages}
        batches = self.client.messages.batches
        batch = batches.create(requests=[{"custom_id": "a", "params": params}])
        done = until("ended", lambda: batches.retrieve(batch.id), lambda batch: batch.processing_status)
        same(1, done.request_counts.succeeded)
        # The SDK asks at the address that the answer names, so this goes by hand.
        lines = self.client.get(f"/v1/messages/batches/{batch.id}/results", cast_to=str)
        prose(json.loads(lines)["result"]["message"]["content"][0]["text"])

    def error_midway(self):
        def read():
            return list(self.create(stream=True, extra_headers={"x-fake-fault": "error_midway"}))

        try:
            read()
        except self.sdk.APIStatusError as error:
            demand("overloaded" in str(error) or "error" in str(error), error)
        else:
            raise AssertionError("no error came")

    def harmless(self):
        for fault in ["split_code_point", "crlf_lines", "comment_lines", "gzip", "split_frames=7"]:
            events = list(self.create(stream=True, extra_headers={"x-fake-fault": fault}))
            pieces = [event.delta.text for event in events if event.type == "content_block_delta"]
            prose("".join(pieces))

    def faulty(self, fault):
        return self.create(extra_headers={"x-fake-fault": fault})


# --- Gemini -----------------------------------------------------------------------------------------------------------


class Gemini:
    vendor, model = "gemini", "gemini-3.5-flash-lite"

    def __init__(self, url, key):
        from google import genai
        from google.genai import errors, types

        self.url, self.genai, self.types, self.errors = url, genai, types, errors
        self.client = self.connect(key)

    def connect(self, key, **headers):
        options = self.types.HttpOptions(base_url=self.url, headers=headers or None)
        return self.genai.Client(api_key=key, http_options=options)

    def config(self, **fields):
        return self.types.GenerateContentConfig(**fields)

    def ask(self, contents=QUESTION, client=None, model=None, **config):
        models = (client or self.client).models
        return models.generate_content(model=model or self.model, contents=contents, config=self.config(**config))

    def chat(self):
        answer = self.ask(system_instruction="Be brief.", temperature=0.2, max_output_tokens=128)
        prose(answer.text)
        same("STOP", answer.candidates[0].finish_reason.name)
        usage = answer.usage_metadata
        parts = usage.prompt_token_count + usage.candidates_token_count + (usage.thoughts_token_count or 0)
        same(usage.total_token_count, parts)

    def stream(self):
        whole = self.ask().text
        chunks = list(self.client.models.generate_content_stream(model=self.model, contents=QUESTION))
        same(whole, "".join(chunk.text or "" for chunk in chunks))
        demand(len(chunks) > 5, "it came in one piece")
        same("STOP", chunks[-1].candidates[0].finish_reason.name)
        demand(chunks[-1].usage_metadata.candidates_token_count > 12, chunks[-1])

    def tool(self):
        declared = {"name": "weather", "description": "The weather.", "parameters_json_schema": CITY}
        return self.types.Tool(function_declarations=[self.types.FunctionDeclaration(**declared)])

    def tools(self):
        types = self.types
        asked = self.ask(tools=[self.tool()])
        [call] = asked.function_calls
        same(("weather", {"city": "Oslo"}), (call.name, call.args))
        result = types.Part.from_function_response(name="weather", response={"result": "rain"})
        turns = [
            types.Content(role="user", parts=[types.Part(text=QUESTION)]),
            asked.candidates[0].content,
            types.Content(role="user", parts=[result]),
        ]
        demand("rain" in self.ask(turns, tools=[self.tool()]).text, "the result is not cited")

    def streamed_tools(self):
        config = self.config(tools=[self.tool()])
        chunks = self.client.models.generate_content_stream(model=self.model, contents=QUESTION, config=config)
        calls = [call for chunk in chunks for call in chunk.function_calls or []]
        same([{"city": "Oslo"}], [call.args for call in calls])

    def thinking(self):
        answer = self.ask(thinking_config=self.types.ThinkingConfig(include_thoughts=True))
        demand(any(part.thought for part in answer.candidates[0].content.parts), "no thoughts came")
        demand(answer.usage_metadata.thoughts_token_count, answer.usage_metadata)

    def structured(self):
        answer = self.ask(response_mime_type="application/json", response_json_schema=CITY)
        same({"city": "Oslo"}, json.loads(answer.text))

    def parsed(self):
        from pydantic import BaseModel

        class Out(BaseModel):
            city: str

        same("Oslo", self.ask(response_mime_type="application/json", response_schema=Out).parsed.city)

    def embeddings(self):
        config = self.types.EmbedContentConfig(output_dimensionality=8)
        model = "gemini-embedding-001"
        answer = self.client.models.embed_content(model=model, contents=["a", "b"], config=config)
        same([8, 8], [len(entry.values) for entry in answer.embeddings])

    def models(self):
        listed = [model.name for model in self.client.models.list()]
        demand(f"models/{self.model}" in listed, f"the model is not listed: {listed}")

    def count(self):
        counted = self.client.models.count_tokens(model=self.model, contents=QUESTION).total_tokens
        same(self.ask().usage_metadata.prompt_token_count, counted)

    def batches(self):
        asked = {"contents": [{"role": "user", "parts": [{"text": QUESTION}]}]}
        batch = self.client.batches.create(model=self.model, src=[asked], config={"display_name": "check"})
        look = lambda: self.client.batches.get(name=batch.name)
        done = until("JOB_STATE_SUCCEEDED", look, lambda batch: batch.state.name)
        prose(done.dest.inlined_responses[0].response.text)

    def limit(self):
        same("MAX_TOKENS", self.ask(max_output_tokens=3).candidates[0].finish_reason.name)

    def wrong_key(self):
        refused(self.errors.ClientError, 400, lambda: self.ask(client=self.connect(WRONG_KEY)))

    def unknown_model(self):
        refused(self.errors.ClientError, 404, lambda: self.ask(model="nope"))

    def rate_limit(self):
        refused(self.errors.ClientError, 429, lambda: self.faulty("rate_limited"))

    def overloaded(self):
        refused(self.errors.ServerError, 503, lambda: self.faulty("overloaded529"))

    def harmless(self):
        for fault in ["split_code_point", "crlf_lines", "gzip", "split_frames=7"]:
            client = self.connect(self.client._api_client.api_key, **{"x-fake-fault": fault})
            chunks = client.models.generate_content_stream(model=self.model, contents=QUESTION)
            prose("".join(chunk.text or "" for chunk in chunks))

    def faulty(self, fault):
        client = self.connect(self.client._api_client.api_key, **{"x-fake-fault": fault})
        return self.ask(client=client)


# --- Ollama -----------------------------------------------------------------------------------------------------------


class Ollama:
    vendor, model = "ollama", "qwen3:4b"
    tool = {"type": "function", "function": {"name": "weather", "description": "The weather.", "parameters": CITY}}
    messages = [{"role": "user", "content": QUESTION}]

    def __init__(self, url, key):
        import ollama

        self.url, self.sdk, self.client = url, ollama, ollama.Client(host=url)

    def ask(self, client=None, **asked):
        return (client or self.client).chat(**{"model": self.model, "messages": self.messages, **asked})

    def chat(self):
        answer = self.ask(options={"temperature": 0.2, "num_predict": 64})
        prose(answer.message.content)
        demand(answer.done and answer.done_reason == "stop" and answer.eval_count > 12, answer)

    def stream(self):
        whole = self.ask().message.content
        chunks = list(self.ask(stream=True))
        same(whole, "".join(chunk.message.content or "" for chunk in chunks))
        demand(len(chunks) > 5 and chunks[-1].done and chunks[-1].eval_duration, chunks[-1])

    def tools(self):
        asked = self.ask(tools=[self.tool])
        [call] = asked.message.tool_calls
        same({"city": "Oslo"}, dict(call.function.arguments))
        result = {"role": "tool", "tool_name": "weather", "content": "rain"}
        answer = self.ask(messages=[*self.messages, asked.message, result], tools=[self.tool])
        demand("rain" in answer.message.content, answer)

    def streamed_tools(self):
        calls = [call for chunk in self.ask(tools=[self.tool], stream=True) for call in chunk.message.tool_calls or []]
        same([{"city": "Oslo"}], [dict(call.function.arguments) for call in calls])

    def thinking(self):
        demand(self.ask(think=True).message.thinking, "no thoughts came")

    def structured(self):
        same({"city": "Oslo"}, json.loads(self.ask(format=CITY).message.content))

    def embeddings(self):
        answer = self.client.embed(model="nomic-embed-text", input=["a", "b"])
        same(2, len(answer.embeddings))

    def models(self):
        listed = [model.model for model in self.client.list().models]
        demand(self.model in listed, f"the model is not listed: {listed}")

    def limit(self):
        same("length", self.ask(options={"num_predict": 3}).done_reason)

    def unknown_model(self):
        refused(self.sdk.ResponseError, 404, lambda: self.ask(model="nope"))

    def rate_limit(self):
        refused(self.sdk.ResponseError, 429, lambda: self.faulty("rate_limited"))

    def overloaded(self):
        refused(self.sdk.ResponseError, 503, lambda: self.faulty("overloaded529"))

    def harmless(self):
        for fault in ["split_code_point", "gzip", "split_frames=7"]:
            client = self.sdk.Client(host=self.url, headers={"x-fake-fault": fault})
            prose("".join(chunk.message.content or "" for chunk in self.ask(client, stream=True)))

    def faulty(self, fault):
        return self.ask(self.sdk.Client(host=self.url, headers={"x-fake-fault": fault}))


VENDORS = [Anthropic, Gemini, Groq, LlamaCpp, Ollama, OpenAi]
CHECKS = [
    "chat", "old_version", "stream", "tools", "streamed_tools", "thinking", "structured", "parsed", "embeddings", "models",
    "count", "batches", "timings", "limit", "wrong_key", "unknown_model", "unknown_field", "rate_limit", "overloaded", "error_midway",
    "harmless",
]  # fmt: skip


def run(names, verbose):
    table, failed = {}, []
    with Fakes() as fakes:
        for vendor in VENDORS:
            if names and vendor.vendor not in names:
                continue
            column = table[vendor.vendor] = {}
            if vendor.vendor not in fakes.urls:
                failed.append((vendor.vendor, "it is not played"))
                column.update((check, "absent") for check in CHECKS if getattr(vendor, check, None))
                continue
            subject = vendor(fakes.urls[vendor.vendor], fakes.key)
            for check in CHECKS:
                checked = getattr(subject, check, None)
                if checked is None:
                    continue
                try:
                    checked()
                    column[check] = "passed"
                except Exception as error:  # Whatever an SDK throws is a finding.
                    column[check] = "FAILED"
                    told = "".join(traceback.format_exception(error)) if verbose else f"{type(error).__name__}: {error}"
                    failed.append((f"{vendor.vendor} {check}", told))
    print(f"{'':16}" + "".join(f"{vendor:>11}" for vendor in table))
    for check in CHECKS:
        print(f"{check:16}" + "".join(f"{column.get(check, '-'):>11}" for column in table.values()))
    for subject, told in failed:
        print(f"\n{subject}: {told}"[:4000])
    passed = sum(state == "passed" for column in table.values() for state in column.values())
    print(f"\n{passed} passed, {len(failed)} failed")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vendors", nargs="*", help="only these")
    parser.add_argument("--verbose", action="store_true", help="show where a check failed")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if not asked.inside:
        command = [environment(), __file__, "--inside", *sys.argv[1:]]
        raise SystemExit(subprocess.run(command).returncode)
    raise SystemExit(run(asked.vendors, asked.verbose))


if __name__ == "__main__":
    main()
