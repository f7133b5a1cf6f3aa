// The official OpenAI client for Node, against each upstream dialect.

import assert from "node:assert/strict";
import { test } from "node:test";

import OpenAI, { toFile } from "openai";

import { DIRECT, PDF, PNG, PNG_SIZE, UNICODE, cancels, each, gatewayOnly, model, onlyPictures, openai } from "./env.mjs";

const client = openai();
const own = (name, body, gateway) => each("chat", name, body, gateway);
const user = (content) => ({ role: "user", content });
const ask = (upstream, content, more = {}) =>
  client.chat.completions.create({ model: model(upstream), messages: [user(content)], ...more });
const WEATHER = {
  type: "function",
  function: {
    name: "get_weather",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};

own("plain", async (upstream) => {
  const answer = await ask(upstream, "hi there");
  assert.ok(answer.choices[0].message.content.includes(UNICODE));
  assert.equal(answer.choices[0].finish_reason, "stop");
  assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
});

own("stream", async (upstream) => {
  const whole = (await ask(upstream, "hi there")).choices[0].message.content;
  let text = "";
  for await (const chunk of await ask(upstream, "hi there", { stream: true })) {
    text += chunk.choices[0]?.delta?.content ?? "";
  }
  assert.equal(text, whole);
});

own("stream helper", async (upstream) => {
  const options = { stream_options: { include_usage: true } };
  const runner = client.chat.completions.stream({ model: model(upstream), messages: [user("hi there")], ...options });
  const answer = await runner.finalChatCompletion();
  assert.ok(answer.choices[0].message.content.endsWith("You said: hi there"));
  assert.ok((await runner.totalUsage()).completion_tokens > 0);
});

own("tool round trip", async (upstream) => {
  const question = user("what is the weather?");
  const options = { model: model(upstream), tools: [WEATHER] };
  const runner = client.chat.completions.stream({ ...options, messages: [question] });
  const turn = (await runner.finalChatCompletion()).choices[0].message;
  const [call] = turn.tool_calls;
  assert.deepEqual(JSON.parse(call.function.arguments), { city: "Paris" });
  const result = { role: "tool", tool_call_id: call.id, content: "18 °C" };
  const calls = [{ id: call.id, type: "function", function: { name: call.function.name, arguments: call.function.arguments } }];
  const messages = [question, { role: "assistant", content: turn.content, tool_calls: calls }, result];
  const final = await client.chat.completions.create({ ...options, messages });
  assert.ok(final.choices[0].message.content.includes("The tool answered: 18 °C"));
});

own("parallel tools", async (upstream) => {
  const calls = (await ask(upstream, "the weather of both", { tools: [WEATHER] })).choices[0].message.tool_calls;
  assert.deepEqual(calls.map((call) => JSON.parse(call.function.arguments).city), ["Paris", "Tōkyō"]);
  assert.notEqual(calls[0].id, calls[1].id);
});

own("reasoning", async (upstream) => {
  const { message } = (await ask(upstream, "think", { reasoning_effort: "high" })).choices[0];
  // Responses shows thoughts only to those who ask for a summary, and this dialect cannot.
  if (upstream !== "responses") assert.match(message.reasoning_content, /Let me think/);
});

own("picture and file", async (upstream) => {
  const picture = { type: "image_url", image_url: { url: `data:image/png;base64,${PNG}` } };
  const file = { type: "file", file: { filename: "a.pdf", file_data: `data:application/pdf;base64,${PDF}` } };
  const seen = async (...files) =>
    (await ask(upstream, [{ type: "text", text: "see" }, ...files])).choices[0].message.content;
  if (upstream === "ollama") return onlyPictures(seen, picture, file);
  const text = await seen(picture, file);
  assert.ok(text.includes(`image/png of ${PNG_SIZE} bytes`) && text.includes("application/pdf of 15 bytes"), text);
});

own("structured output", async (upstream) => {
  const schema = { type: "object", properties: { a: { type: "integer" } }, required: ["a"], additionalProperties: false };
  const format = { type: "json_schema", json_schema: { name: "reply", schema, strict: true } };
  const answer = await ask(upstream, "x", { response_format: format });
  assert.deepEqual(JSON.parse(answer.choices[0].message.content), { a: 7 });
});

own("rate limit", async (upstream) => {
  const error = await ask(upstream, "hi", { model: model(upstream, "fault-429") }).catch((error) => error);
  assert.ok(error instanceof OpenAI.RateLimitError, String(error));
  const wait = Number(error.headers.get("retry-after"));
  assert.ok(wait >= 1 && wait <= 7, String(wait));
});

own("overloaded", async (upstream) => {
  const error = await ask(upstream, "hi", { model: model(upstream, "fault-overloaded") }).catch((error) => error);
  assert.ok(error instanceof OpenAI.InternalServerError, String(error));
});

for (const fault of ["fault-midstream-error", "fault-truncated", "fault-no-terminator"]) {
  own(`${fault} throws`, async (upstream) => {
    await assert.rejects(async () => {
      const stream = await ask(upstream, "hi", { model: model(upstream, fault), stream: true });
      for await (const chunk of stream) assert.ok(chunk);
    });
  }, fault === "fault-no-terminator");
}

own("closing the stream cancels upstream", (upstream) =>
  cancels(upstream, async () => {
    const stream = await ask(upstream, "hi", { model: model(upstream, "slow"), stream: true });
    for await (const chunk of stream) if (chunk) break;
    stream.controller.abort();
  }));

test("unknown model", async () => {
  const error = await ask("chat", "hi", { model: "no-such-model" }).catch((error) => error);
  assert.ok(error instanceof OpenAI.NotFoundError && error.code === "model_not_found", String(error));
});

test("models", async () => {
  const names = (await client.models.list()).data.map((entry) => entry.id);
  assert.ok(names.includes("chat-model"));
  assert.equal((await client.models.retrieve("chat-model")).object, "model");
});

for (const upstream of DIRECT ? ["chat"] : ["chat", "gemini"]) {
  test(`embeddings [${upstream}]`, async () => {
    const answer = await client.embeddings.create({ model: model(upstream), input: ["one", "two", "one"] });
    const [one, two, again] = answer.data.map((entry) => entry.embedding);
    assert.ok(one.length === two.length && typeof one[0] === "number");
    assert.deepEqual(one, again);
    assert.notDeepEqual(one, two);
  });
}

test("images", async () => {
  const answer = await client.images.generate({ model: "chat-model", prompt: "a ferry" });
  assert.equal(Buffer.from(answer.data[0].b64_json, "base64").toString(), "a picture of a ferry");
});

test("speech", async () => {
  const answer = await client.audio.speech.create({ model: "chat-model", input: "hello", voice: "alloy" });
  const sound = Buffer.from(await answer.arrayBuffer());
  assert.ok(sound.subarray(0, 3).toString() === "ID3" && sound.length > 100_000);
});

// This SDK writes the fields in the order in which they are given: the model may come behind the file.
for (const size of [1_000, 3_000_000]) {
  test(`transcriptions of ${size} bytes`, async () => {
    const file = () => toFile(Buffer.alloc(size, "RIFF"), "talk.wav", { type: "audio/wav" });
    for (const body of [{ model: "chat-model", file: await file() }, { file: await file(), model: "chat-model" }]) {
      const answer = await client.audio.transcriptions.create(body);
      assert.ok(answer.text.startsWith(`transcribe: ${size} bytes`), answer.text);
    }
  });
}

test("moderations", async () => {
  const answer = await client.moderations.create({ model: "chat-model", input: "harm" });
  assert.equal(answer.results[0].flagged, true);
});

gatewayOnly("wrong key", async () => {
  const stranger = openai({ apiKey: "wrong" });
  const error = await stranger.chat.completions.create({ model: "chat-model", messages: [user("hi")] }).catch((error) => error);
  assert.ok(error instanceof OpenAI.AuthenticationError, String(error));
});

gatewayOnly("legacy completions", async () => {
  const answer = await client.completions.create({ model: "claude-model", prompt: "hi there" });
  assert.ok(answer.choices[0].text.includes(UNICODE));
});
