"""OpenAI's SDK, and Groq's of the same shape; llama.cpp is reached by OpenAI's."""

import json

from sdk_demands import QUESTION, CITY, WRONG_KEY, demand, same, prose, refused, until


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
