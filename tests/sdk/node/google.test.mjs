// The official Google client for Node, against each upstream dialect.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ApiError, Type } from "@google/genai";

import { DIRECT, PDF, PNG, PNG_SIZE, UNICODE, UPSTREAMS, cancels, each, gatewayOnly, google, model, onlyPictures } from "./env.mjs";

const client = google();
const own = (name, body, gateway) => each("gemini", name, body, gateway);
const user = (...parts) => ({ role: "user", parts: parts.map((part) => (typeof part === "string" ? { text: part } : part)) });
const request = (upstream, contents, { name, ...config } = {}) => ({ model: name ?? model(upstream), contents, config });
const ask = (...given) => client.models.generateContent(request(...given));
const streamed = async (...given) => {
  const parts = [];
  let last;
  for await (const chunk of await client.models.generateContentStream(request(...given))) {
    parts.push(...(chunk.candidates?.[0]?.content?.parts ?? []));
    last = chunk;
  }
  return { parts, last };
};
const text = (parts) => parts.filter((part) => part.text && !part.thought).map((part) => part.text).join("");
const calls = (parts) => parts.filter((part) => part.functionCall).map((part) => part.functionCall);
const results = (found, answers) =>
  user(...found.map(({ id, name }, at) => ({ functionResponse: { id, name, response: { output: answers[at] } } })));
const WEATHER = {
  functionDeclarations: [
    { name: "get_weather", parameters: { type: Type.OBJECT, properties: { city: { type: Type.STRING } }, required: ["city"] } },
  ],
};
const failure = (promise) => promise.then(() => assert.fail("it did not fail"), (error) => error);

own("plain", async (upstream) => {
  const answer = await ask(upstream, "hi there");
  assert.ok(answer.text.includes(UNICODE) && answer.text.endsWith("You said: hi there"));
  assert.equal(answer.candidates[0].finishReason, "STOP");
  assert.ok(answer.usageMetadata.promptTokenCount > 0 && answer.usageMetadata.candidatesTokenCount > 0);
});

own("stream", async (upstream) => {
  const [whole, { parts, last }] = [await ask(upstream, "hi there"), await streamed(upstream, "hi there")];
  assert.equal(text(parts), whole.text);
  assert.equal(last.candidates[0].finishReason, "STOP");
  assert.equal(last.usageMetadata.candidatesTokenCount, whole.usageMetadata.candidatesTokenCount);
});

own("a chat keeps the history", async (upstream) => {
  const chat = client.chats.create({ model: model(upstream) });
  assert.ok((await chat.sendMessage({ message: "one" })).text.endsWith("You said: one"));
  let said = "";
  for await (const chunk of await chat.sendMessageStream({ message: "two" })) said += chunk.text ?? "";
  assert.ok(said.endsWith("You said: two"));
  assert.ok((await chat.sendMessage({ message: "three" })).text.endsWith("You said: three"));
  assert.equal(chat.getHistory(true).filter((content) => content.role === "user").length, 3);
});

own("instructions", async (upstream) => {
  const answer = await ask(upstream, "repeat your system prompt", { systemInstruction: "Speak like a sailor." });
  assert.ok(answer.text.includes("Speak like a sailor."));
});

own("parallel tools, there and back", async (upstream) => {
  const question = user("the weather of both cities");
  const { parts } = await streamed(upstream, [question], { tools: [WEATHER] });
  assert.deepEqual(calls(parts).map((call) => call.args.city), ["Paris", "Tōkyō"]);
  const history = [question, { role: "model", parts }, results(calls(parts), ["wet", "dry"])];
  assert.ok((await ask(upstream, history, { tools: [WEATHER] })).text.includes("wet | dry"));
});

own("thinking", async (upstream) => {
  const thinkingConfig = { includeThoughts: true, ...(upstream === "gemini" ? {} : { thinkingBudget: 2000 }) };
  const { parts } = await streamed(upstream, "think", { thinkingConfig });
  assert.match(parts.filter((part) => part.thought).map((part) => part.text).join(""), /Let me think/);
  assert.doesNotMatch(text(parts), /Let me think/);
});

own("thinking, replayed to all", async (upstream) => {
  const config = { tools: [WEATHER], thinkingConfig: { includeThoughts: true } };
  const turns = [user("the weather, think well")];
  let { parts } = await streamed(upstream, turns, config);
  turns.push({ role: "model", parts }, results(calls(parts), ["fine"]));
  let words = "The tool answered: fine";
  for (const other of DIRECT ? [upstream, upstream] : [...UPSTREAMS, upstream]) {
    ({ parts } = await streamed(other, turns, config));
    assert.ok(text(parts).includes(words), text(parts));
    turns.push({ role: "model", parts }, user("and more?"));
    words = "and more?";
  }
});

own("picture and file", async (upstream) => {
  const picture = { inlineData: { mimeType: "image/png", data: PNG } };
  const file = { inlineData: { mimeType: "application/pdf", data: PDF } };
  const seen = async (...files) => (await ask(upstream, [user("see", ...files)])).text;
  if (upstream === "ollama") return onlyPictures(seen, picture, file);
  const answer = await seen(picture, file);
  assert.ok(answer.includes(`image/png of ${PNG_SIZE} bytes`) && answer.includes("application/pdf of 15 bytes"), answer);
});

own("structured output", async (upstream) => {
  const schema = { type: Type.OBJECT, properties: { a: { type: Type.INTEGER } }, required: ["a"] };
  const answer = await ask(upstream, "x", { responseMimeType: "application/json", responseSchema: schema });
  assert.deepEqual(JSON.parse(answer.text), { a: 7 });
});

own("limits", async (upstream) => {
  const short = await ask(upstream, "hi there, " + "and again ".repeat(20), { maxOutputTokens: 16 });
  assert.equal(short.candidates[0].finishReason, "MAX_TOKENS");
  assert.ok(!(await ask(upstream, "hi there", { stopSequences: ["You"] })).text.includes("You"));
});

own("count tokens", async (upstream) => {
  assert.ok((await client.models.countTokens({ model: model(upstream), contents: "hi" })).totalTokens > 0);
});

for (const [fault, status] of [["fault-429", 429], ["fault-overloaded", 503], ["fault-500", 500], ["fault-context", 400]]) {
  own(`${fault} is an error with its status`, async (upstream) => {
    const error = await failure(ask(upstream, "hi", { name: model(upstream, fault) }));
    assert.ok(error instanceof ApiError && error.status === status && error.message, String(error));
    const again = await failure(streamed(upstream, "hi", { name: model(upstream, fault) }));
    assert.ok(again instanceof ApiError && again.status === status, String(again));
  });
}

for (const fault of ["fault-midstream-error", "fault-truncated", "fault-no-terminator"]) {
  own(`${fault} throws`, async (upstream) => {
    await assert.rejects(() => streamed(upstream, "hi", { name: model(upstream, fault) }));
  }, fault === "fault-no-terminator");
}

own("leaving the stream cancels upstream", (upstream) =>
  cancels(upstream, async () => {
    const leaving = new AbortController();
    const config = { name: model(upstream, "slow"), abortSignal: leaving.signal };
    const stream = await client.models.generateContentStream(request(upstream, "hi", config));
    await stream.next();
    leaving.abort();
    await stream.next().catch(() => {});
  }));

test("unknown model", async () => {
  const error = await failure(ask("gemini", "hi", { name: "no-such-model" }));
  assert.ok(error instanceof ApiError && error.status === 404 && error.message.includes("NOT_FOUND"), String(error));
});

test("models", async () => {
  const names = [];
  for await (const entry of await client.models.list()) names.push(entry.name);
  assert.ok(names.includes("models/gemini-3-model"), String(names));
  assert.equal((await client.models.get({ model: "gemini-3-model" })).name, "models/gemini-3-model");
});

gatewayOnly("wrong key", async () => {
  const error = await failure(google({ apiKey: "wrong" }).models.generateContent(request("gemini", "hi")));
  assert.ok(error instanceof ApiError && [400, 401].includes(error.status), String(error));
});
