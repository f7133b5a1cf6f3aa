"""The official Ollama client against each upstream dialect. Only with the gateway, which serves calls that the fake has none of."""

import os

import pytest

from conftest import PNG, UNICODE, b64, last_request, model, needs_gateway, upstreams

ollama = pytest.importorskip("ollama")
pytestmark = needs_gateway

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def client(prefix="", key=None):
    headers = {"Authorization": f"Bearer {key or os.environ['SDK_ANTHROPIC_KEY']}"}
    return ollama.Client(host=os.environ["SDK_ANTHROPIC_URL"] + prefix, headers=headers, timeout=60)


def user(content, **more):
    return {"role": "user", "content": content, **more}


@upstreams
@pytest.mark.parametrize("prefix", ["", "/ollama"])
def test_chat(upstream, prefix):
    whole = client(prefix).chat(model(upstream), [user("hi there")])
    assert UNICODE in whole.message.content and (whole.done, whole.done_reason) == (True, "stop")
    assert whole.prompt_eval_count > 0 and whole.eval_count > 0 and whole.total_duration > 0
    chunks = list(client(prefix).chat(model(upstream) + ":latest", [user("hi there")], stream=True))
    assert "".join(chunk.message.content for chunk in chunks) == whole.message.content
    assert [chunk.done for chunk in chunks] == [False] * (len(chunks) - 1) + [True]


@upstreams
@pytest.mark.parametrize("stream", [False, True])
def test_generate(upstream, stream):
    answer = client().generate(model(upstream), "hi there", stream=stream)
    text = "".join(chunk.response for chunk in answer) if stream else answer.response
    assert "You said: hi there" in text


@upstreams
@pytest.mark.parametrize("stream", [False, True])
def test_tools(upstream, stream):
    question = user("what is the weather?")
    answer = client().chat(model(upstream), [question], tools=[WEATHER], stream=stream)
    chunks = list(answer) if stream else [answer]
    calls = [call for chunk in chunks for call in chunk.message.tool_calls or []]
    assert [(call.function.name, call.function.arguments) for call in calls] == [("get_weather", {"city": "Paris"})]
    history = [question, {"role": "assistant", "content": "", "tool_calls": calls}]
    history.append({"role": "tool", "tool_name": "get_weather", "content": "18 °C"})
    final = client().chat(model(upstream), history, tools=[WEATHER])
    assert "The tool answered: 18 °C" in final.message.content


@upstreams
def test_picture_and_options(upstream):
    options = {"num_predict": 77, "stop": ["END"], "num_ctx": 4096}
    client().chat(model(upstream), [user("what is this?", images=[PNG])], options=options, keep_alive="1m")
    sent = last_request(upstream)
    limits = [sent.get(name) for name in ("max_tokens", "max_completion_tokens", "max_output_tokens")]
    limits.append(sent.get("generationConfig", {}).get("maxOutputTokens"))
    limits.append(sent.get("options", {}).get("num_predict"))
    assert b64(PNG) in str(sent) and 77 in limits


@upstreams
def test_errors(upstream):
    with pytest.raises(ollama.ResponseError) as told:
        client().chat(model(upstream, "fault-429"), [user("hi")])
    assert told.value.status_code == 429
    with pytest.raises(ollama.ResponseError):
        list(client().chat(model(upstream, "fault-midstream-error"), [user("hi")], stream=True))
    with pytest.raises(ollama.ResponseError):
        list(client().chat(model(upstream, "fault-truncated"), [user("hi")], stream=True))


def test_refusals():
    with pytest.raises(ollama.ResponseError) as told:
        client().chat("nobody", [user("hi")])
    assert (told.value.status_code, "nobody" in told.value.error) == (404, True)
    with pytest.raises(ollama.ResponseError) as told:
        client(key="wrong").list()
    assert told.value.status_code == 401
    with pytest.raises(ollama.ResponseError) as told:
        client().embed(model("claude"), "hi")
    assert 400 <= told.value.status_code < 600 and told.value.error


@pytest.mark.parametrize("upstream", ["chat", "gemini"])
def test_embeddings(upstream):
    answer = client().embed(model(upstream), ["one", "two", "one"])
    assert len(answer.embeddings) == 3 and answer.embeddings[0] == answer.embeddings[2] != answer.embeddings[1]
    assert client().embed(model(upstream), "one").embeddings == answer.embeddings[:1]


def test_models():
    names = [entry.model for entry in client().list().models]
    assert {model("chat"), model("claude")} <= set(names)
    shown = client().show(model("claude") + ":latest")
    assert "tools" in shown.capabilities and shown.modelinfo[f"{shown.modelinfo['general.architecture']}.context_length"]
    assert client().ps().models == []


def test_loading_asks_nobody():
    answer = client().chat(model("chat"), [])
    assert (answer.done, answer.done_reason, answer.message.content) == (True, "load", "")
    assert client().generate(model("chat"), "").done_reason == "load"
    with pytest.raises(ollama.ResponseError):
        client().chat("nobody", [])
