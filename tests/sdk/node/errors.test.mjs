// What each official client raises for each status of each upstream: the table of tests/sdk/python/test_errors.py.

import assert from "node:assert/strict";

import Anthropic from "@anthropic-ai/sdk";
import { ApiError } from "@google/genai";
import OpenAI from "openai";

import { anthropic, each, google, model, ollama, openai } from "./env.mjs";

// The upstream's status; what OpenAI's client raises, what Anthropic's; the status that Anthropic's clients are told,
// and all others.
const TABLE = [
  [400, OpenAI.BadRequestError, Anthropic.BadRequestError, 400, 400],
  [401, OpenAI.InternalServerError, Anthropic.InternalServerError, 502, 502],
  [402, OpenAI.RateLimitError, Anthropic.APIError, 402, 429],
  [403, OpenAI.InternalServerError, Anthropic.InternalServerError, 502, 502],
  [404, OpenAI.NotFoundError, Anthropic.NotFoundError, 404, 404],
  [408, OpenAI.InternalServerError, Anthropic.APIError, 504, 504],
  [409, OpenAI.ConflictError, Anthropic.ConflictError, 409, 409],
  [413, OpenAI.APIError, Anthropic.APIError, 413, 413],
  [422, OpenAI.UnprocessableEntityError, Anthropic.UnprocessableEntityError, 422, 422],
  [429, OpenAI.RateLimitError, Anthropic.RateLimitError, 429, 429],
  [500, OpenAI.InternalServerError, Anthropic.InternalServerError, 500, 500],
  [502, OpenAI.InternalServerError, Anthropic.InternalServerError, 502, 502],
  [503, OpenAI.InternalServerError, Anthropic.APIError, 529, 503],
  [529, OpenAI.InternalServerError, Anthropic.APIError, 529, 503],
];

async function raises(call, kind, status, row) {
  const error = await call().then(
    () => assert.fail(`${row[0]} raised nothing`),
    (error) => error,
  );
  assert.ok(error instanceof kind, `${row[0]}: ${error}`);
  assert.equal(error.status ?? error.status_code, status, `${row[0]}: ${error}`);
  assert.match(String(error.message), new RegExp(`own words for ${row[0]}`));
}

/** Each row of the table, asked for a whole answer and for a stream. */
function table(own, name, call, expected) {
  const rows = async (upstream) => {
    for (const row of TABLE) {
      for (const stream of [false, true]) {
        const [kind, status] = expected(row);
        await raises(() => call(model(upstream, `status-${row[0]}`), stream), kind, status, row);
      }
    }
  };
  each(own, name, rows, true);
}

const messages = [{ role: "user", content: "hi" }];

table(
  "chat",
  "statuses as OpenAI's client reads them",
  (model, stream) => openai().chat.completions.create({ model, messages, stream }),
  (row) => [row[1], row[4]],
);

table(
  "responses",
  "statuses as OpenAI's client reads them from Responses",
  (model, stream) => openai().responses.create({ model, input: "hi", store: false, stream }),
  (row) => [row[1], row[4]],
);

table(
  "claude",
  "statuses as Anthropic's client reads them",
  (model, stream) => anthropic().messages.create({ model, max_tokens: 9, messages, stream }),
  (row) => [row[2], row[3]],
);

table(
  "gemini",
  "statuses as Google's client reads them",
  async (model, stream) => {
    const { models } = google();
    return stream
      ? models.generateContentStream({ model, contents: "hi" })
      : models.generateContent({ model, contents: "hi" });
  },
  (row) => [ApiError, row[4]],
);

table(
  "ollama",
  "statuses as Ollama's client reads them",
  (model, stream) => ollama().chat({ model, messages, stream }),
  (row) => [Error, row[4]],
);
