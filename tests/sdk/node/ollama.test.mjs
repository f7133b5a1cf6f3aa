// The official Ollama client for Node, against each upstream dialect. No fake speaks it, so only with the gateway.

import assert from "node:assert/strict";

import { PNG, PNG_SIZE, UNICODE, UPSTREAMS, cancels, each, gatewayOnly, model, ollama } from "./env.mjs";

const client = ollama();
const all = (name, body) => each("nobody", name, body, true);
const user = (content, more = {}) => ({ role: "user", content, ...more });
const chat = (upstream, messages, { name, ...more } = {}) => client.chat({ model: name ?? model(upstream), messages, ...more });
const streamed = async (...given) => {
  const [upstream, messages, more = {}] = given;
  const chunks = [];
  for await (const chunk of await chat(upstream, messages, { ...more, stream: true })) chunks.push(chunk);
  return chunks;
};
const failure = (promise) => promise.then(() => assert.fail("it did not fail"), (error) => error);
const WEATHER = {
  type: "function",
  function: {
    name: "get_weather",
    description: "Weather of a city",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};

all("plain and streamed", async (upstream) => {
  const whole = await chat(upstream, [user("hi there")]);
  assert.ok(whole.message.content.includes(UNICODE) && whole.done && whole.done_reason === "stop");
  assert.ok(whole.prompt_eval_count > 0 && whole.eval_count > 0 && whole.total_duration > 0);
  const chunks = await streamed(upstream, [user("hi there")]);
  assert.equal(chunks.map((chunk) => chunk.message.content).join(""), whole.message.content);
  assert.deepEqual(chunks.filter((chunk) => chunk.done), chunks.slice(-1));
});

all("generate", async (upstream) => {
  const whole = await client.generate({ model: model(upstream), prompt: "hi there" });
  assert.ok(whole.response.endsWith("You said: hi there"));
});

all("parallel tools, there and back", async (upstream) => {
  const question = user("the weather of both cities");
  const chunks = await streamed(upstream, [question], { tools: [WEATHER] });
  const calls = chunks.flatMap((chunk) => chunk.message.tool_calls ?? []);
  assert.deepEqual(calls.map((call) => call.function.arguments.city), ["Paris", "Tōkyō"]);
  const results = ["wet", "dry"].map((content) => ({ role: "tool", tool_name: "get_weather", content }));
  const history = [question, { role: "assistant", content: "", tool_calls: calls }, ...results];
  assert.ok((await chat(upstream, history, { tools: [WEATHER] })).message.content.includes("wet | dry"));
});

all("thinking", async (upstream) => {
  const answer = await chat(upstream, [user("think")], { think: "high" });
  assert.match(answer.message.thinking, /Let me think/);
  assert.doesNotMatch(answer.message.content, /Let me think/);
});

all("picture", async (upstream) => {
  const answer = await chat(upstream, [user("see", { images: [PNG] })]);
  assert.ok(answer.message.content.includes(`image/png of ${PNG_SIZE} bytes`), answer.message.content);
});

all("structured output", async (upstream) => {
  const format = { type: "object", properties: { a: { type: "integer" } }, required: ["a"] };
  assert.deepEqual(JSON.parse((await chat(upstream, [user("x")], { format })).message.content), { a: 7 });
});

all("limits", async (upstream) => {
  const options = { num_predict: 16, temperature: 0.5, seed: 1 };
  const short = await chat(upstream, [user("hi there, " + "and again ".repeat(20))], { options });
  assert.equal(short.done_reason, "length");
});

all("errors", async (upstream) => {
  const error = await failure(chat(upstream, [user("hi")], { name: model(upstream, "fault-429") }));
  assert.ok(error.name === "ResponseError" && error.status_code === 429 && error.message, String(error));
  await failure(streamed(upstream, [user("hi")], { name: model(upstream, "fault-midstream-error") }));
  await failure(streamed(upstream, [user("hi")], { name: model(upstream, "fault-truncated") }));
});

all("leaving the stream cancels upstream", (upstream) =>
  cancels(upstream, async () => {
    const stream = await chat(upstream, [user("hi")], { name: model(upstream, "slow"), stream: true });
    for await (const chunk of stream) if (chunk) break;
    stream.abort();
  }));

gatewayOnly("models", async () => {
  const names = (await client.list()).models.map((entry) => entry.model);
  for (const upstream of UPSTREAMS) assert.ok(names.includes(model(upstream)), upstream);
  const shown = await client.show({ model: `${model("claude")}:latest` });
  assert.ok(shown.capabilities.includes("tools"));
  assert.deepEqual((await client.ps()).models, []);
  assert.ok((await client.version()).version);
});

gatewayOnly("unknown model and wrong key", async () => {
  const unknown = await failure(client.chat({ model: "nobody", messages: [user("hi")] }));
  assert.ok(unknown.status_code === 404 && unknown.message.includes("nobody"), String(unknown));
  assert.equal((await failure(ollama("wrong").list())).status_code, 401);
});
