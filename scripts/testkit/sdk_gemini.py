"""Google's SDK."""

import json

from sdk_demands import QUESTION, CITY, WRONG_KEY, demand, same, prose, refused, until


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
