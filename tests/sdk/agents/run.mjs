// Real agents, headless, do one task with a tool call through the gateway, on each upstream dialect.
//
//   node run.mjs AGENT PROGRAM      run by scripts/sdk-tests, which starts everything and sets the environment
//
// The fake model calls the tool that the prompt spells out, and repeats the result. So the file proves that the call
// arrived, the agent's last words that the result went back, and the fake's own records that it was asked in its own
// dialect with the agent's tools.

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const env = process.env;
const [name, program] = process.argv.slice(2);
const DIRECT = env.SDK_DIRECT === "1";
const LIMIT = 180_000;
const CONTENT = "from the agent, grüße 🌍";

/** Where the fakes listen, which address of theirs answers, and where its requests hold tools. */
const FAKES = {
  chat: { url: env.SDK_OPENAI_FAKE, path: /^\/v1\/chat\/completions$/, model: "chat-agent-model" },
  claude: { url: env.SDK_ANTHROPIC_FAKE, path: /^\/v1\/messages(\?|$)/, model: "claude-agent-model" },
  gemini: { url: env.SDK_GEMINI_FAKE, path: /^\/v1beta\/models\/[^:]+:(stream)?[gG]enerateContent/, model: "gemini-3-agent-model" },
  responses: { url: env.SDK_RESPONSES_FAKE, path: /^\/v1\/responses$/, model: "gpt-5-agent-model" },
  ollama: { url: env.SDK_OLLAMA_FAKE, path: /^\/api\/chat$/, model: "ollama-agent-model" },
};
const ALL = Object.keys(FAKES);

/** own: the dialect that the agent speaks. call: the tool call that writes `file`. run: how to start it; ways: other
 *  ways of starting it, which only a gateway serves; never: words that must not be said. */
const AGENTS = {
  "claude-code": {
    own: "claude",
    call: (file) => ["Write", { file_path: file, content: CONTENT }],
    run: ({ prompt, model }) => ({
      args: ["-p", prompt, "--allowedTools", "Write", "--permission-mode", "acceptEdits"],
      env: {
        ANTHROPIC_BASE_URL: env.SDK_ANTHROPIC_URL,
        ANTHROPIC_AUTH_TOKEN: env.SDK_ANTHROPIC_KEY,
        ANTHROPIC_MODEL: model,
        ANTHROPIC_DEFAULT_OPUS_MODEL: model,
        ANTHROPIC_DEFAULT_SONNET_MODEL: model,
        ANTHROPIC_DEFAULT_HAIKU_MODEL: model,
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
        DISABLE_TELEMETRY: "1",
        DISABLE_ERROR_REPORTING: "1",
        DISABLE_AUTOUPDATER: "1",
      },
    }),
  },
  codex: {
    own: "responses",
    call: (file) => ["exec_command", { cmd: `printf '%s' '${CONTENT}' > '${file}' && echo written` }],
    run: (task) => codex(task, ['model_provider = "bosporus"'], CODEX_PROVIDER),
    ways: {
      // With the gateway's list of models, so that it knows them, and over a WebSocket all the way.
      "over a WebSocket,": async (task) => {
        const headers = { Authorization: `Bearer ${env.SDK_RESPONSES_KEY}` };
        const listed = await fetch(`${env.SDK_RESPONSES_URL}/models?client_version=0.169.0`, { headers });
        const file = join(task.home, "models.json");
        write(file, [await listed.text()]);
        const own = ['model_provider = "bosporus"', `model_catalog_json = "${file}"`];
        return codex(task, own, [...CODEX_PROVIDER, "supports_websockets = true"]);
      },
    },
    never: /Model metadata for .* not found|[Ff]alling back/,
  },
  "gemini-cli": {
    own: "gemini",
    call: (file) => ["write_file", { file_path: file, content: CONTENT }],
    run: ({ prompt, model, home }) => {
      write(join(home, ".gemini/settings.json"), [JSON.stringify(QUIET_GEMINI)]);
      return {
        args: ["--model", model, "--approval-mode", "yolo", "--prompt", prompt],
        env: {
          GEMINI_API_KEY: env.SDK_GEMINI_KEY,
          GOOGLE_GEMINI_BASE_URL: env.SDK_GEMINI_URL,
          GEMINI_CLI_TRUST_WORKSPACE: "true",
        },
      };
    },
    // After a sign-in with Google it speaks the envelope of Code Assist, and asks who the user is first.
    ways: {
      "signed in,": ({ prompt, model, home }) => {
        const settings = { ...QUIET_GEMINI, security: { auth: { selectedType: "oauth-personal" } } };
        write(join(home, ".gemini/settings.json"), [JSON.stringify(settings)]);
        return {
          args: ["--model", model, "--approval-mode", "yolo", "--prompt", prompt],
          env: {
            CODE_ASSIST_ENDPOINT: env.SDK_GEMINI_URL,
            GOOGLE_GENAI_USE_GCA: "true",
            GOOGLE_CLOUD_ACCESS_TOKEN: env.SDK_GEMINI_KEY,
            GEMINI_CLI_TRUST_WORKSPACE: "true",
          },
        };
      },
    },
  },
  "qwen-code": {
    own: "chat",
    call: (file) => ["write_file", { file_path: file, content: CONTENT }],
    run: ({ prompt, model, home }) => {
      write(join(home, ".qwen/settings.json"), [JSON.stringify({ ...QUIET_GEMINI, security: { auth: { selectedType: "openai" } } })]);
      return {
        args: ["--auth-type", "openai", "--approval-mode", "yolo", "--prompt", prompt],
        env: { OPENAI_BASE_URL: env.SDK_OPENAI_URL, OPENAI_API_KEY: env.SDK_OPENAI_KEY, OPENAI_MODEL: model },
      };
    },
  },
  opencode: {
    own: "chat",
    // Which tool writes files depends on the model's name; the shell is always there.
    call: (file) => ["bash", { command: `printf '%s' '${CONTENT}' > '${file}' && echo written`, description: "Writes" }],
    run: ({ prompt, model, home }) => {
      const options = { baseURL: env.SDK_OPENAI_URL, apiKey: env.SDK_OPENAI_KEY };
      const models = { [model]: { name: model, tool_call: true, limit: { context: 100_000, output: 8_000 } } };
      const provider = { bosporus: { npm: "@ai-sdk/openai-compatible", name: "bosporus", options, models } };
      const config = { provider, permission: "allow", autoupdate: false, share: "disabled", snapshot: false, lsp: false };
      write(join(home, ".config/opencode/opencode.json"), [JSON.stringify(config)]);
      return {
        args: ["run", "--model", `bosporus/${model}`],
        // As an argument the prompt would be quoted.
        input: prompt,
        env: {
          XDG_CONFIG_HOME: join(home, ".config"),
          OPENCODE_DISABLE_AUTOUPDATE: "1",
          OPENCODE_DISABLE_MODELS_FETCH: "1",
          OPENCODE_DISABLE_LSP_DOWNLOAD: "1",
          OPENCODE_DISABLE_DEFAULT_PLUGINS: "1",
        },
      };
    },
  },
};

const CODEX_PROVIDER = [
  "[model_providers.bosporus]",
  'name = "bosporus"',
  `base_url = "${env.SDK_RESPONSES_URL}"`,
  'env_key = "BOSPORUS_KEY"',
  'wire_api = "responses"',
  "request_max_retries = 0", "stream_max_retries = 0",
];

function codex({ prompt, model, home }, own, provider) {
  write(join(home, ".codex/config.toml"), [
    `model = "${model}"`,
    "check_for_update_on_startup = false",
    ...own,
    "[analytics]", "enabled = false",
    "[feedback]", "enabled = false",
    "[features]", "apps = false", "plugins = false",
    ...provider,
  ]);
  const args = ["exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", prompt];
  return { args, env: { CODEX_HOME: join(home, ".codex"), BOSPORUS_KEY: env.SDK_RESPONSES_KEY } };
}

const QUIET_GEMINI = {
  privacy: { usageStatisticsEnabled: false },
  telemetry: { enabled: false },
  general: { disableAutoUpdate: true, disableUpdateNag: true, enableAutoUpdate: false, enableAutoUpdateNotification: false },
  security: { auth: { selectedType: "gemini-api-key" } },
};

function write(file, lines) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, lines.join("\n") + "\n");
}

/** Nothing of this machine's own settings reaches the agent, and no proxy either. */
function surroundings(home, more) {
  const kept = Object.fromEntries(["PATH", "LANG", "TMPDIR"].filter((key) => env[key]).map((key) => [key, env[key]]));
  return { ...kept, HOME: home, NO_PROXY: "127.0.0.1,localhost", no_proxy: "127.0.0.1,localhost", TERM: "dumb", CI: "1", ...more };
}

function start({ args, env: more, input }, home, folder) {
  return new Promise((resolve) => {
    const options = { cwd: folder, env: surroundings(home, more), detached: true };
    const child = spawn(program, args, options);
    let [said, complained] = ["", ""];
    child.stdout.on("data", (data) => (said += data));
    child.stderr.on("data", (data) => (complained += data));
    child.on("error", (error) => (complained += error));
    child.stdin.on("error", () => {});
    child.stdin.end(input ?? "");
    const end = (code) => {
      clearTimeout(timer);
      resolve({ code, said, complained });
    };
    // The whole group: agents start helpers.
    const timer = setTimeout(() => process.kill(-child.pid, "SIGKILL"), LIMIT);
    child.on("close", end);
  });
}

async function control(fake, path, method = "GET") {
  return (await fetch(fake.url + path, { method })).json();
}

/** What the fake was asked in its own dialect; each element with the names of its tools. */
async function asked(fake) {
  const all = await control(fake, "/__requests");
  const own = all.filter((request) => request.method === "POST" && fake.path.test(request.path));
  return own.map((request) => tools(JSON.parse(request.body)));
}

function tools(body) {
  const flat = (body.tools ?? []).flatMap((tool) => tool.functionDeclarations ?? tool.function ?? tool);
  return flat.map((tool) => tool.name);
}

async function task(agent, upstream, run, never) {
  const fake = FAKES[upstream];
  const home = mkdtempSync(join(tmpdir(), "agent-"));
  const folder = join(home, "work");
  const file = join(folder, "hello.txt");
  mkdirSync(folder);
  await control(fake, "/__requests", "DELETE");
  const [tool, input] = agent.call(file);
  const prompt = `${tool} ${JSON.stringify(input)}`;
  const model = DIRECT ? "agent-model" : fake.model;
  const { code, said, complained } = await start(await run({ prompt, model, home }), home, folder);
  const requests = await asked(fake);
  const flaws = [];
  if (code !== 0) flaws.push(`it ended with ${code}`);
  const wrong = never?.exec(said + complained);
  if (wrong) flaws.push(`it said ${wrong[0]}`);
  if (!existsSync(file) || readFileSync(file, "utf8").trimEnd() !== CONTENT) flaws.push("the file is not as it should be");
  if (!said.includes("The tool answered:")) flaws.push("its last words do not repeat the result");
  if (!requests.some((names) => names.includes(tool))) flaws.push(`nobody offered ${tool} to the fake: ${JSON.stringify(requests)}`);
  rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  if (flaws.length === 0) return true;
  console.log(`FAILED ${name} on ${upstream}: ${flaws.join("; ")}\n${said.slice(-3000)}\n${complained.slice(-3000)}`);
  return false;
}

const agent = AGENTS[name];
const only = env.SDK_UPSTREAMS?.split(" ");
const upstreams = DIRECT ? [agent.own] : ALL.filter((upstream) => !only || only.includes(upstream));
let [passed, failed] = [0, 0];
// The fakes do not speak the envelope of a signed-in agent: that is the gateway's.
const others = DIRECT ? [] : Object.entries(agent.ways ?? {});
const ways = [[name, agent.run], ...others.map(([way, run]) => [`${name}, ${way}`, run, agent.never])];
for (const [way, run, never] of ways) {
  for (const upstream of upstreams) {
    const began = Date.now();
    if (await task(agent, upstream, run, never)) passed += 1;
    else failed += 1;
    console.log(`${way} on ${upstream}: ${((Date.now() - began) / 1000).toFixed(1)} s`);
  }
}
console.log(`${passed} passed, ${failed} failed, 0 skipped`);
process.exit(failed === 0 ? 0 : 1);
