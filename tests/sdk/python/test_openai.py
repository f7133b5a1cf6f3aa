"""The official OpenAI client, chat completions, against each upstream dialect."""

import asyncio
import base64
import json

import openai
import pytest
from pydantic import BaseModel, Field

from conftest import (
    DIRECT,
    PDF,
    PNG,
    UNICODE,
    HangUps,
    b64,
    last_request,
    model,
    needs_gateway,
    openai_options,
    upstreams,
)

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def user(content):
    return {"role": "user", "content": content}


def ask(chat, upstream, content, **more):
    name = more.pop("model", None) or model(upstream)
    messages = more.pop("messages", None) or [user(content)]
    return chat.chat.completions.create(model=name, messages=messages, **more)


def collect(stream):
    """What a careful client makes of the chunks."""
    text, reasoning, calls, finish, usage = "", "", {}, [], None
    for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            reasoning += getattr(choice.delta, "reasoning_content", None) or ""
            finish += [choice.finish_reason] if choice.finish_reason else []
            for part in choice.delta.tool_calls or []:
                call = calls.setdefault(part.index, {"id": "", "name": "", "arguments": ""})
                call["id"] = part.id or call["id"]
                call["name"] = part.function.name or call["name"]
                call["arguments"] += part.function.arguments or ""
    return {"text": text, "reasoning": reasoning, "calls": [calls[i] for i in sorted(calls)], "finish": finish, "usage": usage}


@upstreams
def test_plain(chat, upstream):
    answer = ask(chat, upstream, "hi there")
    message = answer.choices[0].message
    assert UNICODE in message.content and "You said: hi there" in message.content
    assert (message.role, answer.choices[0].finish_reason, answer.object) == ("assistant", "stop", "chat.completion")
    usage = answer.usage
    assert usage.prompt_tokens > 0 and usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


@upstreams
def test_stream(chat, upstream):
    whole = ask(chat, upstream, "hi there").choices[0].message.content
    got = collect(ask(chat, upstream, "hi there", stream=True))
    assert (got["text"], got["finish"], got["usage"]) == (whole, ["stop"], None)


@upstreams
def test_stream_usage(chat, upstream):
    answer = ask(chat, upstream, "count me").usage
    chunks = list(ask(chat, upstream, "count me", stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens == answer.completion_tokens
    assert [chunk for chunk in chunks if chunk.usage] == [chunks[-1]]


@upstreams
@pytest.mark.parametrize("role", ["system", "developer"])
def test_instructions(chat, upstream, role):
    messages = [{"role": role, "content": "Speak like a sailor."}, user("repeat your system prompt")]
    answer = ask(chat, upstream, None, messages=messages)
    assert "Speak like a sailor." in answer.choices[0].message.content


@upstreams
@pytest.mark.parametrize("stream", [False, True])
def test_tool_round_trip(chat, upstream, stream):
    question = user("what is the weather?")
    if stream:
        got = collect(ask(chat, upstream, None, messages=[question], tools=[WEATHER], stream=True))
        finish, calls = got["finish"], got["calls"]
    else:
        choice = ask(chat, upstream, None, messages=[question], tools=[WEATHER]).choices[0]
        finish = [choice.finish_reason]
        calls = [{"id": c.id, "name": c.function.name, "arguments": c.function.arguments} for c in choice.message.tool_calls]
    assert finish == ["tool_calls"] and len(calls) == 1
    assert (calls[0]["name"], json.loads(calls[0]["arguments"])) == ("get_weather", {"city": "Paris"})
    history = [question, *turn_of(calls), {"role": "tool", "tool_call_id": calls[0]["id"], "content": "18 °C"}]
    final = ask(chat, upstream, None, messages=history, tools=[WEATHER])
    assert "The tool answered: 18 °C" in final.choices[0].message.content


def turn_of(calls):
    function = lambda c: {"name": c["name"], "arguments": c["arguments"]}
    return [{"role": "assistant", "content": None, "tool_calls": [{"id": c["id"], "type": "function", "function": function(c)} for c in calls]}]


@upstreams
def test_parallel_tools(chat, upstream):
    question = user("the weather of both cities")
    got = collect(ask(chat, upstream, None, messages=[question], tools=[WEATHER], stream=True))
    assert [json.loads(call["arguments"])["city"] for call in got["calls"]] == ["Paris", "Tōkyō"]
    ids = [call["id"] for call in got["calls"]]
    assert len(set(ids)) == 2
    results = [{"role": "tool", "tool_call_id": call, "content": text} for call, text in zip(ids, ["wet", "dry"])]
    final = ask(chat, upstream, None, messages=[question, *turn_of(got["calls"]), *results], tools=[WEATHER])
    assert "wet | dry" in final.choices[0].message.content


@upstreams
def test_tool_choice(chat, upstream):
    def calls(**more):
        return ask(chat, upstream, "hello", tools=[WEATHER], **more).choices[0].message.tool_calls or []

    assert calls() == [] and calls(tool_choice="auto") == []
    never = ask(chat, upstream, "the weather", tools=[WEATHER], tool_choice="none")
    assert not never.choices[0].message.tool_calls
    if upstream == "ollama":  # It has no choice among tools: nothing makes a model call, or call once only.
        return
    assert len(calls(tool_choice="required")) == 1
    assert len(calls(tool_choice={"type": "function", "function": {"name": "get_weather"}})) == 1
    if upstream != "gemini":  # It has no such switch, and calls that the model made are never cut out of an answer.
        both = ask(chat, upstream, "weather of both", tools=[WEATHER], parallel_tool_calls=False)
        assert len(both.choices[0].message.tool_calls) == 1


@upstreams
@pytest.mark.parametrize("stream", [False, True])
def test_arguments_survive(chat, upstream, stream):
    arguments = '{"city": "a<b & \\"c\\" ü", "id": 9007199254740993}'
    question = f"use get_weather {arguments} now"
    if stream:
        got = collect(ask(chat, upstream, question, tools=[WEATHER], stream=True))["calls"][0]["arguments"]
    else:
        got = ask(chat, upstream, question, tools=[WEATHER]).choices[0].message.tool_calls[0].function.arguments
    assert json.loads(got) == json.loads(arguments)


@upstreams
@pytest.mark.parametrize("stream", [False, True])
def test_reasoning(chat, upstream, stream):
    if stream:
        got = collect(ask(chat, upstream, "think", reasoning_effort="high", stream=True))
        reasoning, text = got["reasoning"], got["text"]
    else:
        message = ask(chat, upstream, "think", reasoning_effort="high").choices[0].message
        reasoning, text = getattr(message, "reasoning_content", ""), message.content
    # Responses shows thoughts only to those who ask for a summary, and this dialect cannot.
    assert upstream == "responses" or "Let me think about it" in reasoning
    assert "Let me think about it" not in text and UNICODE in text


@upstreams
def test_reasoning_is_replayed(chat, upstream):
    question = user("the weather, think well")
    first = ask(chat, upstream, None, messages=[question], tools=[WEATHER], reasoning_effort="high").choices[0].message
    turn = first.model_dump(exclude_none=True)
    result = {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": "fine"}
    for other in [upstream] if DIRECT else ["chat", "claude", "gemini", "responses", "ollama", upstream]:
        history = [question, turn, result]
        again = ask(chat, other, None, messages=history, tools=[WEATHER], reasoning_effort="high")
        assert "The tool answered: fine" in again.choices[0].message.content


@upstreams
def test_image(chat, upstream):
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{b64(PNG)}"}}
    answer = ask(chat, upstream, [{"type": "text", "text": "what is this?"}, picture])
    assert f"I received image/png of {len(PNG)} bytes" in answer.choices[0].message.content


@upstreams
def test_pdf(chat, upstream):
    file = {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{b64(PDF)}"}
    question = [{"type": "text", "text": "read"}, {"type": "file", "file": file}]
    if upstream == "ollama":  # It takes pictures and nothing else: the client is told so.
        with pytest.raises(openai.BadRequestError, match="documents such as PDF"):
            ask(chat, upstream, question)
        return
    answer = ask(chat, upstream, question)
    assert f"I received application/pdf of {len(PDF)} bytes" in answer.choices[0].message.content


class Person(BaseModel):
    name: str
    age: int = Field(ge=1, le=150)
    tags: list[str]


@upstreams
def test_structured_output(chat, upstream):
    answer = chat.chat.completions.parse(model=model(upstream), messages=[user("a person")], response_format=Person)
    assert answer.choices[0].message.parsed.tags == ['sample <text> & "quotes"']


@upstreams
def test_json_mode(chat, upstream):
    answer = ask(chat, upstream, "answer in json", response_format={"type": "json_object"})
    if upstream == "chat":
        assert json.loads(answer.choices[0].message.content)["answer"] == "answer in json"
    else:
        # At Anthropic there is no such mode: the wish can only be passed on in words.
        sent = last_request(upstream)
        places = {"claude": ["system", "output_config"], "gemini": ["generationConfig"], "responses": ["text"], "ollama": ["format"]}
        assert "json" in json.dumps([sent.get(place) for place in places[upstream]]).lower()


@upstreams
def test_limits(chat, upstream):
    # The thinking of Gemini and Ollama, asked for or not, counts; Responses has a least number.
    limit, words = {"gemini": (14, 3), "ollama": (14, 3), "responses": (16, 16)}.get(upstream, (2, 2))
    short = ask(chat, upstream, "hi there, " + "and again " * 20, max_tokens=limit).choices[0]
    assert (short.finish_reason, len(short.message.content.split())) == ("length", words)
    stopped = ask(chat, upstream, "hi there", stop=["You"]).choices[0]
    assert stopped.finish_reason == "stop" and "You" not in stopped.message.content


@upstreams
def test_defaults_sent_in_full(chat, upstream):
    defaults = {"n": 1, "temperature": 1, "top_p": 1, "frequency_penalty": 0, "presence_penalty": 0, "logit_bias": {}}
    assert ask(chat, upstream, "hi there", logprobs=False, **defaults).choices[0].message.content


@upstreams
def test_sampling_is_no_error(chat, upstream):
    assert ask(chat, upstream, "hi there", temperature=0.2, top_p=0.9, seed=7).choices[0].message.content


@pytest.mark.parametrize("upstream", ["chat", "gemini"])
def test_several_answers(chat, upstream):
    choices = ask(chat, upstream, "hi there", n=3).choices
    assert [choice.index for choice in choices] == [0, 1, 2]
    chunks = list(ask(chat, upstream, "hi there", n=3, stream=True))
    for choice in choices:
        own = [one for chunk in chunks for one in chunk.choices if one.index == choice.index]
        assert "".join(one.delta.content or "" for one in own) == choice.message.content
        assert [one.finish_reason for one in own if one.finish_reason] == ["stop"]


def test_cached_tokens(chat):
    messages = [user("a"), {"role": "assistant", "content": "b"}, user("c")]
    usage = ask(chat, "chat", None, messages=messages).usage
    assert usage.prompt_tokens_details.cached_tokens == 64


@needs_gateway
def test_wrong_key():
    client = openai.OpenAI(**openai_options(key="wrong"))
    with pytest.raises(openai.AuthenticationError) as error:
        ask(client, "chat", "hi")
    assert error.value.body["message"]


def test_unknown_model(chat):
    with pytest.raises(openai.NotFoundError) as error:
        ask(chat, "chat", "hi", model="no-such-model")
    assert error.value.code == "model_not_found"


@upstreams
def test_rate_limit(chat, upstream):
    with pytest.raises(openai.RateLimitError) as error:
        ask(chat, upstream, "hi", model=model(upstream, "fault-429"))
    assert 1 <= int(error.value.response.headers["retry-after"]) <= 7


@upstreams
@pytest.mark.parametrize("fault", ["fault-overloaded", "fault-500", "fault-html-502"])
@pytest.mark.parametrize("stream", [False, True])
def test_upstream_failures(chat, upstream, fault, stream):
    with pytest.raises(openai.InternalServerError):
        ask(chat, upstream, "hi", model=model(upstream, fault), stream=stream)


@needs_gateway
@upstreams
@pytest.mark.parametrize("fault", ["fault-401", "fault-403", "fault-html-200", "fault-200-error", "fault-empty"])
@pytest.mark.parametrize("stream", [False, True])
def test_failures_that_only_a_gateway_can_name(chat, upstream, fault, stream):
    """A refused upstream key is not the client's 401, and rubbish with status 200 is not an answer."""
    with pytest.raises(openai.APIStatusError) as error:
        ask(chat, upstream, "hi", model=model(upstream, fault), stream=stream)
    assert error.value.status_code >= 500 and error.value.body


@upstreams
def test_context_overflow(chat, upstream):
    with pytest.raises(openai.BadRequestError) as error:
        ask(chat, upstream, "hi", model=model(upstream, "fault-context"))
    assert error.value.code == "context_length_exceeded"


@upstreams
def test_error_in_mid_stream_raises(chat, upstream):
    with pytest.raises(openai.APIError):
        collect(ask(chat, upstream, "hi", model=model(upstream, "fault-midstream-error"), stream=True))


@upstreams
@pytest.mark.parametrize("fault", ["fault-truncated", "fault-no-terminator"])
def test_truncation_raises(chat, upstream, fault):
    if DIRECT and fault == "fault-no-terminator":
        pytest.skip("the client alone cannot tell a clean early end")
    with pytest.raises(Exception):
        collect(ask(chat, upstream, "hi", model=model(upstream, fault), stream=True))


@upstreams
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("odd", ["gzip", "br", "zstd", "crlf", "no-space", "comments", "bom", "bytes", "multiline", "usage", "late-usage", "heartbeats"])
def test_oddities_make_no_difference(chat, upstream, odd, stream):
    if DIRECT and odd in ("br", "zstd"):
        pytest.skip("the client alone does not understand this")
    if upstream == "chat" and odd == "bom":
        pytest.skip("a relay passes on the bytes as they are")
    answer = ask(chat, upstream, "hi there", model=model(upstream, f"odd-{odd}"), stream=stream)
    text = collect(answer)["text"] if stream else answer.choices[0].message.content
    assert UNICODE in text and text.endswith("You said: hi there")


@upstreams
def test_content_after_the_end_reaches_nobody(chat, upstream):
    if upstream == "gemini":
        pytest.skip("a finish reason is no proof of the end there: some models write one on every chunk")
    for fault in ["fault-garbage", "fault-two-terminators"]:
        got = collect(ask(chat, upstream, "hi there", model=model(upstream, fault), stream=True))
        assert got["text"].endswith("You said: hi there") and got["finish"] == ["stop"]


@upstreams
def test_many_small_chunks(chat, upstream):
    got = collect(ask(chat, upstream, "hi", model=model(upstream, "odd-tiny"), max_tokens=20_000, stream=True))
    assert got["text"] == "x " * 10_000


@upstreams
def test_closing_the_stream_cancels_upstream(chat, upstream):
    seen = HangUps(upstream)
    stream = ask(chat, upstream, "hi", model=model(upstream, "slow"), stream=True)
    assert next(iter(stream))
    stream.close()
    seen.wait()


@upstreams
def test_giving_up_cancels_upstream(chat, upstream):
    seen = HangUps(upstream)
    with pytest.raises(openai.APITimeoutError):
        ask(chat.with_options(timeout=0.5), upstream, "hi", model=model(upstream, "fault-hang"))
    seen.wait()


def test_models(chat):
    names = [entry.id for entry in chat.models.list()]
    assert "chat-model" in names and (DIRECT or "claude-model" in names)
    one = chat.models.retrieve("chat-model")
    assert (one.id, one.object) == ("chat-model", "model")


@pytest.mark.parametrize("upstream", ["chat", "gemini"])
@pytest.mark.parametrize("form", ["float", "base64", None])
def test_embeddings(chat, upstream, form):
    """Without a form the client asks for base64, and unpacks it by itself."""
    more = {"encoding_format": form} if form else {}
    answer = chat.embeddings.create(model=model(upstream), input=["one", "two", "one"], **more)
    assert [entry.index for entry in answer.data] == [0, 1, 2]
    one, two, again = [entry.embedding for entry in answer.data]
    assert one == again != two and len(one) == len(two) and isinstance(one, str if form == "base64" else list)


def test_images(chat):
    answer = chat.images.generate(model="chat-model", prompt="a ferry", response_format="b64_json")
    assert base64.b64decode(answer.data[0].b64_json) == b"a picture of a ferry" and answer.usage.output_tokens == 20
    events = list(chat.images.generate(model="chat-model", prompt="a ferry", stream=True, partial_images=1))
    assert [event.type for event in events] == ["image_generation.partial_image", "image_generation.completed"]
    edit = chat.images.edit(model="chat-model", prompt="red", image=[("a.png", PNG), ("b.png", PNG)])
    assert base64.b64decode(edit.data[0].b64_json).startswith(f"{2 * len(PNG)} bytes".encode())


def test_speech(chat):
    with chat.audio.speech.with_streaming_response.create(model="chat-model", input="hello", voice="alloy") as answer:
        pieces = list(answer.iter_bytes(16_384))
    sound = b"".join(pieces)
    assert sound.startswith(b"ID3") and len(sound) > 100_000 and len(pieces) > 1


@pytest.mark.parametrize("size", [1_000, 3_000_000])
def test_transcriptions(chat, size):
    file = ("talk.wav", b"RIFF" * (size // 4), "audio/wav")
    assert chat.audio.transcriptions.create(model="chat-model", file=file).text.startswith(f"transcribe: {size} bytes")
    assert chat.audio.translations.create(model="chat-model", file=file).text.startswith(f"translate: {size} bytes")
    events = list(chat.audio.transcriptions.create(model="chat-model", file=file, stream=True))
    assert events[-1].type == "transcript.text.done" and f"{size} bytes" in events[-1].text


def test_moderations(chat):
    verdict = [chat.moderations.create(model="chat-model", input=text).results[0].flagged for text in ("harm", "peace")]
    assert verdict == [True, False]


@needs_gateway
@upstreams
def test_legacy_completions(chat, upstream):
    answer = chat.completions.create(model=model(upstream), prompt="hi there")
    assert UNICODE in answer.choices[0].text and answer.object == "text_completion"
    chunks = chat.completions.create(model=model(upstream), prompt="hi there", stream=True)
    assert "".join(choice.text or "" for chunk in chunks for choice in chunk.choices) == answer.choices[0].text


@upstreams
def test_async_client(upstream):
    async def run():
        async with openai.AsyncOpenAI(**openai_options()) as client:
            whole = await ask(client, upstream, "hi there")
            stream = await ask(client, upstream, "hi there", stream=True)
            text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
            many = await asyncio.gather(*[ask(client, upstream, f"call {n}") for n in range(20)])
            return whole.choices[0].message.content, text, [answer.choices[0].message.content for answer in many]

    whole, text, many = asyncio.run(run())
    assert whole == text
    assert all(answer.endswith(f"You said: call {n}") for n, answer in enumerate(many))
