"""The official Anthropic client, messages, against each upstream dialect."""

import asyncio
import json
import re

import anthropic
import pytest

from conftest import (
    DIRECT,
    PDF,
    PNG,
    UNICODE,
    HangUps,
    anthropic_options,
    b64,
    model,
    needs_gateway,
    upstreams,
)

WEATHER = {
    "name": "get_weather",
    "description": "Weather of a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
LONG = "hi there, " + "and again " * 20
THINKING = {"type": "enabled", "budget_tokens": 2000}


def user(content):
    return {"role": "user", "content": content}


def request(upstream, content, **more):
    body = {"model": model(upstream), "max_tokens": 4000, "messages": [user(content)]}
    return {**body, **more}


def ask(claude, upstream, content, **more):
    return claude.messages.create(**request(upstream, content, **more))


def streamed(claude, upstream, content, **more):
    with claude.messages.stream(**request(upstream, content, **more)) as stream:
        return stream.get_final_message()


def either(claude, upstream, content, stream, **more):
    return (streamed if stream else ask)(claude, upstream, content, **more)


def text(message):
    return "".join(block.text for block in message.content if block.type == "text")


def kinds(message):
    """The blocks that say something: an empty thought only carries another vendor's proof, for the next turn."""
    return [block.type for block in message.content if block.type != "thinking" or block.thinking]


def blocks(message, kind):
    return [block for block in message.content if block.type == kind]


both_ways = pytest.mark.parametrize("stream", [False, True])
# What comes before an answer though nobody asked for it: models of an Ollama server think unless told not to.
UNASKED = {"ollama": ["thinking"]}


@upstreams
def test_plain(claude, upstream):
    answer = ask(claude, upstream, "hi there")
    assert UNICODE in text(answer) and text(answer).endswith("You said: hi there")
    assert (answer.role, answer.stop_reason, answer.type) == ("assistant", "end_turn", "message")
    assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0


@upstreams
def test_stream(claude, upstream):
    whole, parts = ask(claude, upstream, "hi there"), streamed(claude, upstream, "hi there")
    expected = [*UNASKED.get(upstream, []), "text"]
    assert (kinds(parts), text(parts)) == (kinds(whole), text(whole)) == (expected, text(whole))
    assert (parts.stop_reason, parts.usage.output_tokens) == (whole.stop_reason, whole.usage.output_tokens)
    assert parts.usage.input_tokens > 0


@upstreams
def test_raw_events_follow_the_grammar(claude, upstream):
    with ask(claude, upstream, "hi there", stream=True) as stream:
        names = [event.type for event in stream]
    assert names[0] == "message_start" and names[-2:] == ["message_delta", "message_stop"]
    # One block at a time, each with what belongs between its start and its stop.
    inner = "".join({"content_block_start": "<", "content_block_delta": ".", "content_block_stop": ">"}[name] for name in names[1:-2])
    assert re.fullmatch(r"(<\.+>)+", inner)


@upstreams
@pytest.mark.parametrize("blocks", [False, True])
def test_instructions(claude, upstream, blocks):
    system = "Speak like a sailor."
    if blocks:
        system = [{"type": "text", "text": system, "cache_control": {"type": "ephemeral"}}]
    assert "Speak like a sailor." in text(ask(claude, upstream, "repeat your system prompt", system=system))


@upstreams
def test_instructions_in_mid_conversation(claude, upstream):
    turns = [user("a"), {"role": "assistant", "content": "b"}, user("c"), {"role": "system", "content": "be brief"}]
    assert text(ask(claude, upstream, None, messages=turns))


@upstreams
@both_ways
def test_tool_round_trip(claude, upstream, stream):
    question = user("what is the weather?")
    first = either(claude, upstream, None, stream, messages=[question], tools=[WEATHER])
    [call] = blocks(first, "tool_use")
    assert (first.stop_reason, call.name, call.input) == ("tool_use", "get_weather", {"city": "Paris"})
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "18 °C"}
    history = [question, {"role": "assistant", "content": first.content}, user([result])]
    assert "The tool answered: 18 °C" in text(ask(claude, upstream, None, messages=history, tools=[WEATHER]))


@upstreams
@both_ways
def test_parallel_tools(claude, upstream, stream):
    question = user("explain the weather of both cities")
    first = either(claude, upstream, None, stream, messages=[question], tools=[WEATHER])
    assert kinds(first) == [*UNASKED.get(upstream, []), "text", "tool_use", "tool_use"]
    calls = blocks(first, "tool_use")
    assert [call.input["city"] for call in calls] == ["Paris", "Tōkyō"] and calls[0].id != calls[1].id
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": [{"type": "text", "text": word}]} for call, word in zip(calls, ["wet", "dry"])]
    results.append({"type": "text", "text": "and now?"})
    history = [question, {"role": "assistant", "content": first.content}, user(results)]
    final = text(ask(claude, upstream, None, messages=history, tools=[WEATHER]))
    assert "wet | dry" in final and "and now?" in final


@upstreams
def test_tool_choice(claude, upstream):
    def calls(content="hello", **choice):
        more = {"tool_choice": choice} if choice else {}
        return blocks(ask(claude, upstream, content, tools=[WEATHER], **more), "tool_use")

    assert calls() == [] and calls(type="auto") == [] and calls("the weather", type="none") == []
    if upstream == "ollama":  # It has no choice among tools: nothing makes a model call, or call once only.
        return
    assert len(calls(type="any")) == 1
    assert len(calls(type="tool", name="get_weather")) == 1
    if upstream != "gemini":  # It has no such switch, and calls that the model made are never cut out of an answer.
        assert len(calls("the weather of both", type="auto", disable_parallel_tool_use=True)) == 1


@upstreams
@both_ways
def test_arguments_survive(claude, upstream, stream):
    arguments = '{"city": "a<b & \\"c\\" ü", "id": 9007199254740993}'
    answer = either(claude, upstream, f"use get_weather {arguments} now", stream, tools=[WEATHER])
    assert blocks(answer, "tool_use")[0].input == json.loads(arguments)


@upstreams
@both_ways
def test_empty_arguments(claude, upstream, stream):
    answer = either(claude, upstream, "call get_weather {} please", stream, tools=[WEATHER])
    assert blocks(answer, "tool_use")[0].input == {}


@upstreams
def test_tool_error_and_picture_in_a_result(claude, upstream):
    call = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "x"}}
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": b64(PNG)}}
    content = [{"type": "text", "text": "see"}, picture]
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": content, "is_error": True}
    history = [user("a"), {"role": "assistant", "content": [call]}, user([result])]
    answer = text(ask(claude, upstream, None, messages=history, tools=[WEATHER]))
    assert f"I received image/png of {len(PNG)} bytes" in answer and "see" in answer


@upstreams
@both_ways
@pytest.mark.parametrize("kind", ["enabled", "adaptive"])
def test_thinking(claude, upstream, stream, kind):
    more = {"thinking": THINKING} if kind == "enabled" else {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}
    answer = either(claude, upstream, "think", stream, **more)
    assert kinds(answer) == ["thinking", "text"]
    assert "Let me think about it" in answer.content[0].thinking and isinstance(answer.content[0].signature, str)
    assert "Let me think about it" not in text(answer)


@upstreams
@both_ways
def test_thinking_is_replayed_everywhere(claude, upstream, stream):
    """What one upstream thought goes back to it unaltered, and to the other one not at all, or in a form it takes."""
    question = user("the weather, redacted thoughts")
    first = either(claude, upstream, None, stream, messages=[question], tools=[WEATHER], thinking=THINKING)
    assert kinds(first)[0] == "thinking" and kinds(first)[-1] == "tool_use"
    if upstream == "claude":
        assert kinds(first) == ["thinking", "redacted_thinking", "tool_use"]
    result = {"type": "tool_result", "tool_use_id": first.content[-1].id, "content": "fine"}
    turns = [question, {"role": "assistant", "content": first.content}, user([result])]
    words = "The tool answered: fine"
    for other in [upstream] * 2 if DIRECT else ["chat", "claude", "gemini", "responses", "ollama", "chat", upstream]:
        second = either(claude, other, None, stream, messages=turns, tools=[WEATHER], thinking=THINKING)
        assert words in text(second)
        # From here on the conversation holds the thinking of both, and both must go on with it.
        turns, words = [*turns, {"role": "assistant", "content": second.content}, user("and more?")], "and more?"


def test_altered_thinking_is_refused(claude):
    thought = {"type": "thinking", "thinking": "never said", "signature": "bm90IG1pbmU="}
    turns = [user("a"), {"role": "assistant", "content": [thought, {"type": "text", "text": "b"}]}, user("c")]
    with pytest.raises(anthropic.BadRequestError):
        ask(claude, "claude", None, messages=turns, thinking=THINKING)


def test_hidden_thinking(claude):
    answer = streamed(claude, "claude", "think", thinking={**THINKING, "display": "omitted"})
    thought = answer.content[0]
    assert (thought.type, thought.thinking) == ("thinking", "") and thought.signature
    turns = [user("think"), {"role": "assistant", "content": answer.content}, user("go on")]
    assert "go on" in text(ask(claude, "claude", None, messages=turns, thinking=THINKING))


@upstreams
def test_image(claude, upstream):
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": b64(PNG)}}
    answer = ask(claude, upstream, [picture, {"type": "text", "text": "what is this?"}])
    assert f"I received image/png of {len(PNG)} bytes" in text(answer)


@upstreams
def test_pdf(claude, upstream):
    source = {"type": "base64", "media_type": "application/pdf", "data": b64(PDF)}
    question = [{"type": "document", "source": source, "title": "a.pdf"}, {"type": "text", "text": "read"}]
    if upstream == "ollama":  # It takes pictures and nothing else: the client is told so.
        with pytest.raises(anthropic.BadRequestError, match="documents such as PDF"):
            ask(claude, upstream, question)
        return
    answer = ask(claude, upstream, question)
    assert f"I received application/pdf of {len(PDF)} bytes" in text(answer)


@upstreams
def test_text_document(claude, upstream):
    source = {"type": "text", "media_type": "text/plain", "data": "the cargo list"}
    answer = ask(claude, upstream, [{"type": "document", "source": source, "title": "cargo"}, {"type": "text", "text": "read"}])
    assert "text/plain of 14 bytes" in text(answer) or "the cargo list" in text(answer)


@upstreams
def test_structured_output(claude, upstream):
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}}},
        "required": ["name", "tags"],
        "additionalProperties": False,
    }
    answer = ask(claude, upstream, "a person", output_config={"format": {"type": "json_schema", "schema": schema}})
    assert json.loads(text(answer))["tags"] == ['sample <text> & "quotes"']


@upstreams
def test_limits(claude, upstream):
    # The thinking of Gemini and Ollama, asked for or not, counts; Responses has a least number.
    limit = {"gemini": 14, "ollama": 14, "responses": 16}.get(upstream, 2)
    short = ask(claude, upstream, LONG, max_tokens=limit)
    assert (short.stop_reason, short.usage.output_tokens) == ("max_tokens", limit)
    stopped = ask(claude, upstream, "hi there", stop_sequences=["You"])
    assert "You" not in text(stopped)
    if upstream == "claude":
        assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", "You")


def test_cache_counts_of_both_upstreams(claude):
    marked = [{"type": "text", "text": "long", "cache_control": {"type": "ephemeral"}}]
    assert ask(claude, "claude", marked).usage.cache_creation_input_tokens == 64
    turns = [user(marked), {"role": "assistant", "content": "b"}, user("c")]
    for upstream in ["claude"] if DIRECT else ["claude", "chat"]:
        usage = streamed(claude, upstream, None, messages=turns).usage
        assert usage.cache_read_input_tokens == 64 and usage.input_tokens > 0


@upstreams
def test_count_tokens(claude, upstream):
    few = claude.messages.count_tokens(model=model(upstream), messages=[user("hi")]).input_tokens
    more = claude.messages.count_tokens(model=model(upstream), messages=[user("hi " * 500)], tools=[WEATHER]).input_tokens
    assert 0 < few < more


@needs_gateway
def test_wrong_key():
    client = anthropic.Anthropic(**anthropic_options(key="wrong"))
    with pytest.raises(anthropic.AuthenticationError) as error:
        ask(client, "claude", "hi")
    assert error.value.body["error"]["type"] == "authentication_error"


def test_unknown_model(claude):
    with pytest.raises(anthropic.NotFoundError) as error:
        ask(claude, "claude", "hi", model="no-such-model")
    assert error.value.body["error"]["type"] == "not_found_error"


@upstreams
def test_rate_limit(claude, upstream):
    with pytest.raises(anthropic.RateLimitError) as error:
        ask(claude, upstream, "hi", model=model(upstream, "fault-429"))
    assert 1 <= int(error.value.response.headers["retry-after"]) <= 7
    assert error.value.body["error"]["type"] == "rate_limit_error"


@upstreams
@pytest.mark.parametrize("fault", ["fault-overloaded", "fault-500", "fault-html-502"])
@both_ways
def test_upstream_failures(claude, upstream, fault, stream):
    with pytest.raises(anthropic.APIStatusError) as error:
        ask(claude, upstream, "hi", model=model(upstream, fault), stream=stream)
    assert error.value.status_code >= 500
    if fault == "fault-overloaded":
        assert error.value.body["error"]["type"] == "overloaded_error"


@needs_gateway
@upstreams
@pytest.mark.parametrize("fault", ["fault-401", "fault-403", "fault-html-200", "fault-200-error", "fault-empty"])
@both_ways
def test_failures_that_only_a_gateway_can_name(claude, upstream, fault, stream):
    """A refused upstream key is not the client's 401, and rubbish with status 200 is not an answer."""
    with pytest.raises(anthropic.APIStatusError) as error:
        ask(claude, upstream, "hi", model=model(upstream, fault), stream=stream)
    assert error.value.status_code >= 500 and error.value.body["type"] == "error"


@upstreams
def test_context_overflow(claude, upstream):
    with pytest.raises(anthropic.BadRequestError) as error:
        ask(claude, upstream, "hi", model=model(upstream, "fault-context"))
    assert error.value.body["error"]["message"].startswith("prompt is too long")


@upstreams
def test_error_in_mid_stream_raises(claude, upstream):
    with pytest.raises(anthropic.APIError):
        streamed(claude, upstream, "hi", model=model(upstream, "fault-midstream-error"))


@upstreams
@pytest.mark.parametrize("fault", ["fault-truncated", "fault-no-terminator"])
def test_truncation_raises(claude, upstream, fault):
    """The client returns quietly when a stream merely stops, so the gateway must say that it broke."""
    if DIRECT and fault == "fault-no-terminator":
        pytest.skip("the client alone cannot tell a clean early end")
    with pytest.raises(Exception):
        streamed(claude, upstream, "hi", model=model(upstream, fault))


@upstreams
@both_ways
@pytest.mark.parametrize("odd", ["gzip", "br", "zstd", "crlf", "no-space", "comments", "bom", "bytes", "multiline", "usage", "late-usage", "heartbeats"])
def test_oddities_make_no_difference(claude, upstream, odd, stream):
    if DIRECT and odd in ("br", "zstd"):
        pytest.skip("the client alone does not understand this")
    if upstream == "claude" and odd == "bom":
        pytest.skip("a relay passes on the bytes as they are")
    answer = either(claude, upstream, "hi there", stream, model=model(upstream, f"odd-{odd}"))
    assert UNICODE in text(answer) and text(answer).endswith("You said: hi there")
    assert answer.usage.input_tokens > 0


@upstreams
def test_content_after_the_end_reaches_nobody(claude, upstream):
    if upstream == "claude":
        pytest.skip("a relay passes on the bytes as they are")
    if upstream == "gemini":
        pytest.skip("a finish reason is no proof of the end there: some models write one on every chunk")
    for fault in ["fault-garbage", "fault-two-terminators"]:
        with ask(claude, upstream, "hi there", model=model(upstream, fault), stream=True) as stream:
            events = list(stream)
        assert [event.type for event in events].count("message_stop") == 1 and events[-1].type == "message_stop"
        assert "GHOST" not in repr(events)


@upstreams
def test_many_small_chunks(claude, upstream):
    answer = streamed(claude, upstream, "hi", model=model(upstream, "odd-tiny"), max_tokens=20_000)
    assert text(answer) == "x " * 10_000


@upstreams
def test_closing_the_stream_cancels_upstream(claude, upstream):
    seen = HangUps(upstream)
    stream = ask(claude, upstream, "hi", model=model(upstream, "slow"), stream=True)
    assert next(iter(stream))
    stream.close()
    seen.wait()


@upstreams
def test_giving_up_cancels_upstream(claude, upstream):
    seen = HangUps(upstream)
    with pytest.raises(anthropic.APITimeoutError):
        ask(claude.with_options(timeout=0.5), upstream, "hi", model=model(upstream, "fault-hang"))
    seen.wait()


def test_models(claude):
    names = [entry.id for entry in claude.models.list(limit=1000)]
    assert "claude-model" in names and (DIRECT or "chat-model" in names)
    one = claude.models.retrieve("claude-model")
    assert (one.id, one.type) == ("claude-model", "model") and one.display_name and one.created_at


@upstreams
def test_async_client(upstream):
    async def run():
        async with anthropic.AsyncAnthropic(**anthropic_options()) as client:
            whole = await ask(client, upstream, "hi there")
            async with client.messages.stream(**request(upstream, "hi there")) as stream:
                parts = await stream.get_final_message()
            many = await asyncio.gather(*[ask(client, upstream, f"call {n}") for n in range(20)])
            return text(whole), text(parts), [text(answer) for answer in many]

    whole, parts, many = asyncio.run(run())
    assert whole == parts
    assert all(answer.endswith(f"You said: call {n}") for n, answer in enumerate(many))
