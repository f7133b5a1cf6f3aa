// Where the suites find the gateway and the fakes. Run by scripts/sdk-tests; see tests/sdk/python/conftest.py.

import assert from "node:assert/strict";
import { test } from "node:test";

import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import { Ollama } from "ollama";
import OpenAI from "openai";

const env = process.env;
export const DIRECT = env.SDK_DIRECT === "1";
export const UNICODE = "grüße, 世界 🌍";
export const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
export const PNG_SIZE = Buffer.from(PNG, "base64").length;
export const PDF = Buffer.from("%PDF-1.4\n%%EOF\n").toString("base64");

const FAKES = {
  chat: env.SDK_OPENAI_FAKE,
  claude: env.SDK_ANTHROPIC_FAKE,
  gemini: env.SDK_GEMINI_FAKE,
  responses: env.SDK_RESPONSES_FAKE,
  ollama: env.SDK_OLLAMA_FAKE,
};
const PLAIN = {
  chat: "chat-model", claude: "claude-model", gemini: "gemini-3-model", responses: "gpt-5-model", ollama: "ollama-model",
};
export const UPSTREAMS = Object.keys(FAKES);

export function openai(more = {}) {
  return new OpenAI({ baseURL: env.SDK_OPENAI_URL, apiKey: env.SDK_OPENAI_KEY, maxRetries: 0, ...more });
}

/** The same client for Responses: its fake listens elsewhere when there is no gateway. */
export function responses(more = {}) {
  return openai({ baseURL: env.SDK_RESPONSES_URL, apiKey: env.SDK_RESPONSES_KEY, ...more });
}

export function anthropic(more = {}) {
  return new Anthropic({ baseURL: env.SDK_ANTHROPIC_URL, apiKey: env.SDK_ANTHROPIC_KEY, maxRetries: 0, ...more });
}

export function google(more = {}) {
  return new GoogleGenAI({ apiKey: env.SDK_GEMINI_KEY, httpOptions: { baseUrl: env.SDK_GEMINI_URL }, ...more });
}

export function ollama(key = env.SDK_ANTHROPIC_KEY) {
  return new Ollama({ host: env.SDK_ANTHROPIC_URL, headers: { Authorization: `Bearer ${key}` } });
}

/** The gateway's name for a model of one of the fakes. */
export function model(upstream, name) {
  if (!name) return PLAIN[upstream];
  return DIRECT ? name : `${upstream}-${name}`;
}

/** One test per upstream; without a gateway nobody translates, so only the client's own dialect remains.
 *  `gateway`: the client alone cannot see what this test looks for. */
export function each(own, name, body, gateway = false) {
  for (const upstream of UPSTREAMS) {
    const skip = DIRECT && (gateway || upstream !== own) ? "needs the gateway" : false;
    test(`${name} [${upstream}]`, { skip }, () => body(upstream));
  }
}

/** An Ollama server takes pictures and nothing else: the client is told so. */
export async function onlyPictures(seen, picture, file) {
  await assert.rejects(() => seen(picture, file), /documents such as PDF/);
  assert.match(await seen(picture), new RegExp(`image/png of ${PNG_SIZE} bytes`));
}

export function gatewayOnly(name, body) {
  test(name, { skip: DIRECT ? "needs the gateway" : false }, body);
}

async function hangUps(upstream) {
  return Number(await (await fetch(`${FAKES[upstream]}/__cancelled`)).text());
}

/** Fails unless `leave` makes the fake see a client that left early. */
export async function cancels(upstream, leave) {
  const before = await hangUps(upstream);
  await leave();
  const end = Date.now() + 60_000;
  while ((await hangUps(upstream)) <= before) assert.ok(Date.now() < end, "the upstream call was not cancelled");
}
