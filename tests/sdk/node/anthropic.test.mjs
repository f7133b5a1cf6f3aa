// The official Anthropic client for Node, against each upstream dialect.

import assert from "node:assert/strict";
import { test } from "node:test";

import Anthropic from "@anthropic-ai/sdk";

import { DIRECT, PDF, PNG, PNG_SIZE, UNICODE, UPSTREAMS, anthropic, cancels, each, gatewayOnly, model, onlyPictures } from "./env.mjs";

const client = anthropic();
const own = (name, body, gateway) => each("claude", name, body, gateway);
const user = (content) => ({ role: "user", content });
const request = (upstream, content, more = {}) => ({
  model: model(upstream), max_tokens: 4000, messages: [user(content)], ...more,
});
const ask = (upstream, content, more) => client.messages.create(request(upstream, content, more));
const streamed = (upstream, content, more) => client.messages.stream(request(upstream, content, more)).finalMessage();
const text = (message) => message.content.filter((block) => block.type === "text").map((block) => block.text).join("");
const THINKING = { type: "enabled", budget_tokens: 2000 };
const WEATHER = {
  name: "get_weather",
  input_schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};

own("plain", async (upstream) => {
  const answer = await ask(upstream, "hi there");
  assert.ok(text(answer).includes(UNICODE));
  assert.equal(answer.stop_reason, "end_turn");
  assert.ok(answer.usage.input_tokens > 0 && answer.usage.output_tokens > 0);
});

own("stream", async (upstream) => {
  const [whole, parts] = [await ask(upstream, "hi there"), await streamed(upstream, "hi there")];
  assert.equal(text(parts), text(whole));
  assert.equal(parts.usage.output_tokens, whole.usage.output_tokens);
});

own("tool round trip", async (upstream) => {
  const question = user("explain the weather of both");
  const first = await streamed(upstream, null, { messages: [question], tools: [WEATHER] });
  // An empty thought only carries another vendor's proof, for the next turn.
  const kinds = first.content.filter((block) => block.type !== "thinking" || block.thinking).map((block) => block.type);
  // Models of an Ollama server think unless told not to.
  assert.deepEqual(kinds, [...(upstream === "ollama" ? ["thinking"] : []), "text", "tool_use", "tool_use"]);
  const calls = first.content.filter((block) => block.type === "tool_use");
  assert.deepEqual(calls.map((call) => call.input.city), ["Paris", "Tōkyō"]);
  const results = calls.map((call, at) => ({ type: "tool_result", tool_use_id: call.id, content: ["wet", "dry"][at] }));
  const messages = [question, { role: "assistant", content: first.content }, user(results)];
  assert.ok(text(await ask(upstream, null, { messages, tools: [WEATHER] })).includes("wet | dry"));
});

own("thinking, replayed to both", async (upstream) => {
  const question = user("the weather, redacted");
  const first = await streamed(upstream, null, { messages: [question], tools: [WEATHER], thinking: THINKING });
  assert.equal(first.content[0].type, "thinking");
  const call = first.content.at(-1);
  const result = { type: "tool_result", tool_use_id: call.id, content: "fine" };
  const messages = [question, { role: "assistant", content: first.content }, user([result])];
  for (const other of DIRECT ? [upstream] : [...UPSTREAMS, upstream]) {
    const final = await streamed(other, null, { messages, tools: [WEATHER], thinking: THINKING });
    assert.ok(text(final).includes("The tool answered: fine"));
  }
});

own("picture and file", async (upstream) => {
  const picture = { type: "image", source: { type: "base64", media_type: "image/png", data: PNG } };
  const file = { type: "document", source: { type: "base64", media_type: "application/pdf", data: PDF } };
  const words = { type: "text", text: "see" };
  if (upstream === "ollama") return onlyPictures((...files) => ask(upstream, [...files, words]).then(text), picture, file);
  const answer = text(await ask(upstream, [picture, file, words]));
  assert.ok(answer.includes(`image/png of ${PNG_SIZE} bytes`) && answer.includes("application/pdf of 15 bytes"), answer);
});

own("structured output", async (upstream) => {
  const schema = { type: "object", properties: { a: { type: "integer" } }, required: ["a"], additionalProperties: false };
  const answer = await ask(upstream, "x", { output_config: { format: { type: "json_schema", schema } } });
  assert.deepEqual(JSON.parse(text(answer)), { a: 7 });
});

own("count tokens", async (upstream) => {
  const count = await client.messages.countTokens({ model: model(upstream), messages: [user("hi")] });
  assert.ok(count.input_tokens > 0);
});

own("rate limit", async (upstream) => {
  const error = await ask(upstream, "hi", { model: model(upstream, "fault-429") }).catch((error) => error);
  assert.ok(error instanceof Anthropic.RateLimitError, String(error));
  const wait = Number(error.headers.get("retry-after"));
  assert.ok(wait >= 1 && wait <= 7, String(wait));
});

own("overloaded", async (upstream) => {
  const error = await ask(upstream, "hi", { model: model(upstream, "fault-overloaded") }).catch((error) => error);
  assert.ok(error instanceof Anthropic.InternalServerError, String(error));
});

for (const fault of ["fault-midstream-error", "fault-truncated", "fault-no-terminator"]) {
  own(`${fault} throws`, async (upstream) => {
    await assert.rejects(() => streamed(upstream, "hi", { model: model(upstream, fault) }));
  }, fault === "fault-no-terminator");
}

own("closing the stream cancels upstream", (upstream) =>
  cancels(upstream, async () => {
    const stream = await ask(upstream, "hi", { model: model(upstream, "slow"), stream: true });
    for await (const event of stream) if (event) break;
    stream.controller.abort();
  }));

test("unknown model", async () => {
  const error = await ask("claude", "hi", { model: "no-such-model" }).catch((error) => error);
  assert.ok(error instanceof Anthropic.NotFoundError, String(error));
});

test("models", async () => {
  const names = [];
  for await (const entry of client.models.list({ limit: 1000 })) names.push(entry.id);
  assert.ok(names.includes("claude-model"));
  assert.equal((await client.models.retrieve("claude-model")).type, "model");
});

gatewayOnly("wrong key", async () => {
  const stranger = anthropic({ apiKey: "wrong" });
  const error = await stranger.messages.create(request("claude", "hi")).catch((error) => error);
  assert.ok(error instanceof Anthropic.AuthenticationError, String(error));
});
