"""Anthropic's SDK."""

import json

from sdk_demands import QUESTION, CITY, WRONG_KEY, demand, same, prose, refused, until


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
