"""Where the suites find the gateway and the fakes, and the few things that every case needs.

Run by scripts/sdk-tests, which starts everything and sets the environment. With SDK_DIRECT=1 there is no gateway: each
client talks to the fake of its own dialect, which proves the suite and the fakes against each other.
"""

import base64
import json
import os
import time
import urllib.request

import anthropic
import openai
import pytest

DIRECT = os.environ.get("SDK_DIRECT") == "1"
FAKES = {
    "chat": os.environ["SDK_OPENAI_FAKE"],
    "claude": os.environ["SDK_ANTHROPIC_FAKE"],
    "gemini": os.environ["SDK_GEMINI_FAKE"],
    "responses": os.environ["SDK_RESPONSES_FAKE"],
    "ollama": os.environ["SDK_OLLAMA_FAKE"],
}
PLAIN = {
    "chat": "chat-model",
    "claude": "claude-model",
    "gemini": "gemini-3-model",
    "responses": "gpt-5-model",
    "ollama": "ollama-model",
}

# One transparent pixel, and the least that calls itself a PDF.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PDF = b"%PDF-1.4\n%%EOF\n"
UNICODE = "grüße, 世界 🌍"

upstreams = pytest.mark.parametrize("upstream", list(FAKES))
needs_gateway = pytest.mark.skipif(DIRECT, reason="needs the gateway")


def b64(data):
    return base64.b64encode(data).decode()


def model(upstream, name=None):
    """The gateway's name for a model of one of the fakes."""
    if name is None:
        return PLAIN[upstream]
    return name if DIRECT else f"{upstream}-{name}"


def control(upstream, path, method="GET"):
    request = urllib.request.Request(FAKES[upstream] + path, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def last_request(upstream):
    """The body of the newest request that the fake received."""
    return json.loads(control(upstream, "/__requests")[-1]["body"])


def wait_until(condition, limit=60):
    """Asks again until it holds; for conditions that live in another process."""
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, "the condition did not come true"
        time.sleep(0.02)


class HangUps:
    """Counts what the fake saw of clients that left early."""

    def __init__(self, upstream):
        self.upstream = upstream
        self.before = control(upstream, "/__cancelled")

    def wait(self):
        wait_until(lambda: control(self.upstream, "/__cancelled") > self.before)


@pytest.fixture(autouse=True)
def only_own_dialect(request):
    """Without a gateway nobody translates."""
    if not DIRECT or "upstream" not in request.fixturenames:
        return
    owns = {"test_openai": "chat", "test_anthropic": "claude", "test_google": "gemini", "test_responses": "responses"}
    own = next((own for suite, own in owns.items() if suite in request.node.nodeid), None)
    if request.getfixturevalue("upstream") != own:
        pytest.skip("needs the gateway")


def openai_options(key=None):
    return {
        "base_url": os.environ["SDK_OPENAI_URL"],
        "api_key": key or os.environ["SDK_OPENAI_KEY"],
        "max_retries": 0,
        "timeout": 60,
    }


def anthropic_options(key=None):
    return {
        "base_url": os.environ["SDK_ANTHROPIC_URL"],
        "api_key": key or os.environ["SDK_ANTHROPIC_KEY"],
        "max_retries": 0,
        "timeout": 60,
    }


@pytest.fixture(scope="session")
def chat():
    return openai.OpenAI(**openai_options())


@pytest.fixture(scope="session")
def claude():
    return anthropic.Anthropic(**anthropic_options())
