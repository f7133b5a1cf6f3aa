// The official OpenAI client for Node, Responses, against each upstream dialect: over HTTP and over a WebSocket.

import assert from "node:assert/strict";

import OpenAI from "openai";

import { PDF, PNG, PNG_SIZE, UNICODE, cancels, each, gatewayOnly, model, onlyPictures, responses } from "./env.mjs";

const client = responses();
const own = (name, body, gateway) => each("responses", name, body, gateway);
const user = (content) => ({ role: "user", content });
const ask = (upstream, input, more = {}) =>
  client.responses.create({ model: model(upstream), input, store: false, ...more });
const calls = (answer) => answer.output.filter((item) => item.type === "function_call");
const result = (call, output) => ({ type: "function_call_output", call_id: call.call_id, output });
const WEATHER = {
  type: "function",
  name: "get_weather",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  strict: false,
};

own("plain", async (upstream) => {
  const answer = await ask(upstream, "hi there");
  assert.ok(answer.output_text.includes(UNICODE) && answer.output_text.endsWith("You said: hi there"));
  assert.equal(answer.status, "completed");
  assert.equal(answer.usage.total_tokens, answer.usage.input_tokens + answer.usage.output_tokens);
});

own("stream", async (upstream) => {
  const whole = (await ask(upstream, "hi there")).output_text;
  const kinds = [];
  let text = "";
  for await (const event of await ask(upstream, "hi there", { stream: true })) {
    assert.equal(event.sequence_number, kinds.length);
    kinds.push(event.type);
    if (event.type === "response.output_text.delta") text += event.delta;
  }
  assert.equal(text, whole);
  assert.deepEqual([kinds[0], kinds[1], kinds.at(-1)], ["response.created", "response.in_progress", "response.completed"]);
});

own("stream helper", async (upstream) => {
  const runner = client.responses.stream({ model: model(upstream), input: "hi there", store: false });
  let text = "";
  runner.on("response.output_text.delta", (event) => {
    text += event.delta;
    assert.equal(event.snapshot, text);
  });
  const answer = await runner.finalResponse();
  assert.ok(answer.output_text === text && text.endsWith("You said: hi there"), text);
});

// Signs of life come in the middle of an item, and the helpers must not lose what came before.
own("a stream that is silent for a while", async (upstream) => {
  const runner = client.responses.stream({ model: model(upstream, "odd-pause"), input: "hi there", store: false });
  const kinds = [];
  let text = "";
  runner.on("event", (event) => kinds.push(event.type));
  runner.on("response.output_text.delta", (event) => assert.equal(event.snapshot, (text += event.delta)));
  const answer = await runner.finalResponse();
  assert.ok(answer.output_text === text && text.endsWith("You said: hi there"), text);
  const signs = kinds.lastIndexOf("response.in_progress");
  assert.ok(signs > kinds.indexOf("response.output_item.added"), kinds.join(" "));
}, true);

own("tool round trip", async (upstream) => {
  const question = user("what is the weather?");
  const options = { model: model(upstream), tools: [WEATHER], store: false };
  const first = await client.responses.stream({ ...options, input: [question] }).finalResponse();
  const [call] = calls(first);
  assert.deepEqual(JSON.parse(call.arguments), { city: "Paris" });
  const { parsed_arguments: _, ...sent } = call;
  const final = await client.responses.create({ ...options, input: [question, sent, result(call, "18 °C")] });
  assert.ok(final.output_text.includes("The tool answered: 18 °C"));
});

own("parallel tools", async (upstream) => {
  const found = calls(await ask(upstream, "the weather of both", { tools: [WEATHER] }));
  assert.deepEqual(found.map((call) => JSON.parse(call.arguments).city), ["Paris", "Tōkyō"]);
  assert.notEqual(found[0].call_id, found[1].call_id);
});

own("reasoning goes back", async (upstream) => {
  const more = { reasoning: { effort: "high", summary: "auto" }, include: ["reasoning.encrypted_content"], tools: [WEATHER] };
  const question = user("the weather, think well");
  const first = await ask(upstream, [question], more);
  const thoughts = first.output.filter((item) => item.type === "reasoning").flatMap((item) => item.summary);
  assert.match(thoughts.map((part) => part.text).join(), /Let me think/);
  const items = first.output.map(({ status: _, ...item }) => item);
  const next = await ask(upstream, [question, ...items, result(calls(first)[0], "fine")], more);
  assert.ok(next.output_text.includes("The tool answered: fine"));
});

own("picture and file", async (upstream) => {
  const picture = { type: "input_image", image_url: `data:image/png;base64,${PNG}`, detail: "auto" };
  const file = { type: "input_file", filename: "a.pdf", file_data: `data:application/pdf;base64,${PDF}` };
  const seen = async (...files) =>
    (await ask(upstream, [user([{ type: "input_text", text: "see" }, ...files])])).output_text;
  if (upstream === "ollama") return onlyPictures(seen, picture, file);
  const text = await seen(picture, file);
  assert.ok(text.includes(`image/png of ${PNG_SIZE} bytes`) && text.includes("application/pdf of 15 bytes"), text);
});

own("structured output", async (upstream) => {
  const schema = { type: "object", properties: { a: { type: "integer" } }, required: ["a"], additionalProperties: false };
  const text = { format: { type: "json_schema", name: "reply", schema, strict: true } };
  const answer = await client.responses.parse({ model: model(upstream), input: "x", text, store: false });
  assert.deepEqual(JSON.parse(answer.output_text), { a: 7 });
});

own("token count", async (upstream) => {
  const count = async (input) => (await client.responses.inputTokens.count({ model: model(upstream), input })).input_tokens;
  assert.ok((await count("hi")) < (await count("hi ".repeat(500))));
});

own("goes on by id", async (upstream) => {
  const first = await client.responses.create({ model: model(upstream), input: "My word is alpha-1." });
  const options = { model: model(upstream), input: "beta-2", previous_response_id: first.id };
  const second = await client.responses.stream(options).finalResponse();
  assert.equal(second.previous_response_id, first.id);
  const items = [];
  for await (const item of client.responses.inputItems.list(second.id, { order: "asc" })) items.push(item);
  assert.equal(items[0].content[0].text, "My word is alpha-1.");
}, true);

own("compaction", async (upstream) => {
  const input = [user("My word is alpha-1."), { role: "assistant", content: "Noted: beta-2." }, user("go on")];
  const shorter = await client.responses.compact({ model: model(upstream), input });
  assert.equal(shorter.object, "response.compaction");
  assert.deepEqual(shorter.output.map((item) => item.type), ["message", "message", "compaction"]);
  const answer = await ask(upstream, [...shorter.output, user("and now?")]);
  assert.ok(answer.status === "completed" && answer.output_text.includes("alpha-1"), answer.output_text);
});

own("rate limit", async (upstream) => {
  const error = await ask(upstream, "hi", { model: model(upstream, "fault-429") }).catch((error) => error);
  assert.ok(error instanceof OpenAI.RateLimitError, String(error));
});

for (const fault of ["fault-midstream-error", "fault-truncated", "fault-no-terminator"]) {
  own(`${fault} never completes`, async (upstream) => {
    const kinds = [];
    const read = async () => {
      for await (const event of await ask(upstream, "hi", { model: model(upstream, fault), stream: true })) kinds.push(event.type);
    };
    await read().catch((error) => kinds.push(String(error)));
    assert.ok(!kinds.includes("response.completed") && kinds.length > 0, kinds.join(" "));
  }, fault === "fault-no-terminator");
}

own("closing the stream cancels upstream", (upstream) =>
  cancels(upstream, async () => {
    const stream = await ask(upstream, "hi", { model: model(upstream, "slow"), stream: true });
    for await (const event of stream) if (event) break;
    stream.controller.abort();
  }));

own("websocket", async (upstream) => {
  const { ResponsesWS } = await import("openai/resources/responses/ws").catch(() => ({}));
  if (!ResponsesWS) return;
  const socket = new ResponsesWS(client);
  const answer = (request) =>
    new Promise((resolve, reject) => {
      const seen = [];
      const hear = (event) => {
        seen.push(event.type);
        if (event.type === "error" || event.type === "response.failed") reject(new Error(JSON.stringify(event)));
        if (event.type === "response.completed") {
          socket.off("event", hear);
          resolve({ seen, response: event.response });
        }
      };
      socket.on("event", hear);
      socket.on("error", reject);
      socket.send({ type: "response.create", model: model(upstream), store: false, ...request });
    });
  const text = (response) => response.output.flatMap((item) => item.content ?? []).map((part) => part.text ?? "").join("");
  try {
    await new Promise((resolve) => socket.socket.addEventListener ? socket.socket.addEventListener("open", resolve) : socket.socket.on("open", resolve));
    const first = await answer({ input: "My word is alpha-1." });
    assert.equal(first.seen[0], "response.created");
    const second = await answer({ input: "beta-2", previous_response_id: first.response.id });
    assert.ok(text(second.response).endsWith("beta-2"), text(second.response));
  } finally {
    socket.close();
  }
}, true);

gatewayOnly("an id that nobody knows", async () => {
  const error = await ask("claude", "hi", { previous_response_id: "resp_no" }).catch((error) => error);
  assert.ok(error instanceof OpenAI.BadRequestError && error.code === "previous_response_not_found", String(error));
});

gatewayOnly("wrong key", async () => {
  const error = await responses({ apiKey: "wrong" }).responses.create({ model: "chat-model", input: "hi" }).catch((error) => error);
  assert.ok(error instanceof OpenAI.AuthenticationError, String(error));
});
