"""Ollama's SDK."""

import json

from sdk_demands import QUESTION, CITY, demand, same, prose, refused


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
