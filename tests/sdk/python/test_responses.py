"""The official OpenAI client, responses, against each upstream dialect."""

import asyncio
import json
import os

import openai
import pytest
from pydantic import BaseModel

from conftest import DIRECT, PDF, PNG, UNICODE, HangUps, b64, model, needs_gateway, upstreams

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Weather of a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    "strict": False,
}
both_ways = pytest.mark.parametrize("stream", [False, True])


def options(key=None):
    return {
        "base_url": os.environ["SDK_RESPONSES_URL"],
        "api_key": key or os.environ["SDK_RESPONSES_KEY"],
        "max_retries": 0,
        "timeout": 60,
    }


@pytest.fixture(scope="session")
def api():
    return openai.OpenAI(**options())


def ask(api, upstream, given, **more):
    return api.responses.create(**{"model": model(upstream), "input": given, "store": False, **more})


def events_of(api, upstream, given, **more):
    return list(ask(api, upstream, given, stream=True, **more))


def checked(events):
    """The grammar that clients rely on; the response that ends it."""
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [event.type for event in events[:2]] == ["response.created", "response.in_progress"]
    last = events[-1]
    assert last.type in ("response.completed", "response.incomplete")
    opened = [event.item.id for event in events if event.type == "response.output_item.added"]
    closed = [event.item.id for event in events if event.type == "response.output_item.done"]
    assert opened == closed == [item.id for item in last.response.output]
    for item in last.response.output:
        if item.type == "message":
            said = [event.delta for event in events if event.type == "response.output_text.delta" and event.item_id == item.id]
            assert "".join(said) == "".join(part.text for part in item.content)
        if item.type == "function_call":
            said = [e.delta for e in events if e.type == "response.function_call_arguments.delta" and e.item_id == item.id]
            assert "".join(said) == item.arguments
    return last.response


def either(api, upstream, given, stream, **more):
    return checked(events_of(api, upstream, given, **more)) if stream else ask(api, upstream, given, **more)


def user(*content):
    return {"role": "user", "content": content[0] if isinstance(content[0], str) else list(content)}


def calls(response):
    return [item for item in response.output if item.type == "function_call"]


def result(call, output):
    return {"type": "function_call_output", "call_id": call.call_id, "output": output}


def replayed(response):
    """The output as the client sends it back."""
    return [item.model_dump(exclude_none=True, exclude={"status"}) for item in response.output]


@upstreams
@both_ways
def test_plain(api, upstream, stream):
    answer = either(api, upstream, "hi there", stream)
    assert UNICODE in answer.output_text and answer.output_text.endswith("You said: hi there")
    assert (answer.status, answer.object, answer.error) == ("completed", "response", None)
    usage = answer.usage
    assert usage.input_tokens > 0 and usage.total_tokens == usage.input_tokens + usage.output_tokens


@upstreams
def test_instructions(api, upstream):
    answer = ask(api, upstream, "repeat your system prompt", instructions="Speak like a sailor.")
    assert "Speak like a sailor." in answer.output_text
    turns = [{"role": "developer", "content": "Speak like a pirate."}, user("repeat your system prompt")]
    assert "Speak like a pirate." in ask(api, upstream, turns).output_text


@upstreams
@both_ways
def test_tool_round_trip(api, upstream, stream):
    question = user("what is the weather?")
    first = either(api, upstream, [question], stream, tools=[WEATHER])
    (call,) = calls(first)
    assert (call.name, json.loads(call.arguments)) == ("get_weather", {"city": "Paris"})
    turns = [question, *replayed(first), result(call, "18 °C")]
    assert "The tool answered: 18 °C" in either(api, upstream, turns, stream, tools=[WEATHER]).output_text


@upstreams
@both_ways
def test_parallel_tools(api, upstream, stream):
    question = user("the weather of both cities")
    first = either(api, upstream, [question], stream, tools=[WEATHER])
    found = calls(first)
    assert [json.loads(call.arguments)["city"] for call in found] == ["Paris", "Tōkyō"]
    assert found[0].call_id != found[1].call_id
    turns = [question, *replayed(first), *[result(call, word) for call, word in zip(found, ["wet", "dry"])]]
    assert "wet | dry" in either(api, upstream, turns, stream, tools=[WEATHER]).output_text


@upstreams
def test_tool_choice(api, upstream):
    def found(text="hello", **more):
        return calls(ask(api, upstream, text, tools=[WEATHER], **more))

    assert found() == [] and found(tool_choice="auto") == [] and found("the weather", tool_choice="none") == []
    if upstream == "ollama":  # It has no choice among tools: nothing makes a model call.
        return
    assert len(found(tool_choice="required")) == 1
    assert len(found(tool_choice={"type": "function", "name": "get_weather"})) == 1


@upstreams
@both_ways
def test_reasoning(api, upstream, stream):
    answer = either(api, upstream, "think", stream, reasoning={"effort": "high", "summary": "auto"})
    thoughts = [part.text for item in answer.output if item.type == "reasoning" for part in item.summary]
    assert "Let me think about it" in "".join(thoughts) and "Let me think about it" not in answer.output_text
    assert UNICODE in answer.output_text and answer.usage.output_tokens_details.reasoning_tokens >= 0


@upstreams
@both_ways
def test_reasoning_is_replayed_everywhere(api, upstream, stream):
    """What one upstream thought goes back to it with its proof, and to the others in a form that they take."""
    more = {"tools": [WEATHER], "reasoning": {"effort": "high", "summary": "auto"}, "include": ["reasoning.encrypted_content"]}
    turns, words = [user("the weather, think well")], "The tool answered: fine"
    first = either(api, upstream, turns, stream, **more)
    turns += [*replayed(first), result(calls(first)[0], "fine")]
    for other in [upstream] * 2 if DIRECT else ["chat", "claude", "gemini", "responses", "ollama", upstream]:
        answer = either(api, other, turns, stream, **more)
        assert words in answer.output_text
        turns, words = [*turns, *replayed(answer), user("and more?")], "and more?"


@upstreams
def test_image_and_pdf(api, upstream):
    picture = {"type": "input_image", "image_url": f"data:image/png;base64,{b64(PNG)}", "detail": "auto"}
    file = {"type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{b64(PDF)}"}
    words = {"type": "input_text", "text": "see"}
    if upstream == "ollama":  # It takes pictures and nothing else: the client is told so.
        with pytest.raises(openai.BadRequestError, match="documents such as PDF"):
            ask(api, upstream, [user(words, picture, file)])
        assert f"I received image/png of {len(PNG)} bytes" in ask(api, upstream, [user(words, picture)]).output_text
        return
    answer = ask(api, upstream, [user(words, picture, file)]).output_text
    assert f"I received image/png of {len(PNG)} bytes" in answer
    assert f"I received application/pdf of {len(PDF)} bytes" in answer


class Person(BaseModel):
    name: str
    tags: list[str]


@upstreams
def test_structured_output(api, upstream):
    answer = api.responses.parse(model=model(upstream), input="a person", text_format=Person, store=False)
    assert answer.output_parsed.tags == ['sample <text> & "quotes"']


@upstreams
def test_limits(api, upstream):
    answer = ask(api, upstream, "hi there, " + "and again " * 20, max_output_tokens=16)
    assert (answer.status, answer.incomplete_details.reason) == ("incomplete", "max_output_tokens")


@upstreams
def test_stream_helper(api, upstream):
    with api.responses.stream(model=model(upstream), input="hi there", store=False) as stream:
        said = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        assert said == stream.get_final_response().output_text


@needs_gateway
@upstreams
def test_stream_helper_with_signs_of_life(api, upstream):
    """They come in the middle of an item, and the helper must not lose what came before."""
    with api.responses.stream(model=model(upstream, "odd-pause"), input="hi there", store=False) as stream:
        events = list(stream)
        answer = stream.get_final_response()
    said = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert said == answer.output_text and said.endswith("You said: hi there")
    kinds = [event.type for event in events]
    last = len(kinds) - 1 - kinds[::-1].index("response.in_progress")
    assert last > kinds.index("response.output_item.added"), kinds


@upstreams
def test_compaction(api, upstream):
    if not hasattr(api.responses, "compact"):
        pytest.skip("this client cannot make conversations shorter")
    turns = [user("My word is alpha-1."), {"role": "assistant", "content": "Noted: beta-2."}, user("go on")]
    shorter = api.responses.compact(model=model(upstream), input=turns)
    assert [item.type for item in shorter.output] == ["message", "message", "compaction"]
    assert shorter.object == "response.compaction" and shorter.usage.total_tokens > 0
    items = [item.model_dump(exclude_none=True) for item in shorter.output]
    answer = ask(api, upstream, [*items, user("and now?")])
    assert answer.status == "completed" and "alpha-1" in answer.output_text


@upstreams
def test_count_tokens(api, upstream):
    if not hasattr(api.responses, "input_tokens"):
        pytest.skip("this client cannot ask for a count")
    few = api.responses.input_tokens.count(model=model(upstream), input="hi").input_tokens
    more = api.responses.input_tokens.count(model=model(upstream), input="hi " * 500).input_tokens
    assert 0 < few < more


@needs_gateway
@upstreams
@both_ways
def test_a_conversation_goes_on_by_id(api, upstream, stream):
    """Each turn sends only what is new. Kept by the gateway, whatever the upstream."""
    ask_one = lambda given, **more: either(api, upstream, given, stream, tools=[WEATHER], **{"store": True, **more})
    first = ask_one("what is the weather?")
    second = ask_one([result(calls(first)[0], "18 °C")], previous_response_id=first.id)
    assert "The tool answered: 18 °C" in second.output_text
    assert second.previous_response_id == first.id
    third = ask_one("and then?", previous_response_id=second.id)
    assert third.output_text.endswith("You said: and then?")


@needs_gateway
def test_an_id_that_nobody_knows(api):
    with pytest.raises(openai.APIStatusError) as error:
        ask(api, "claude", "hi", previous_response_id="resp_unknown")
    assert error.value.status_code in (400, 404) and "resp_unknown" in error.value.body["message"]


@needs_gateway
def test_wrong_key():
    with pytest.raises(openai.AuthenticationError):
        ask(openai.OpenAI(**options(key="wrong")), "chat", "hi")


@needs_gateway
def test_unknown_model(api):
    with pytest.raises(openai.NotFoundError) as error:
        ask(api, "chat", "hi", model="no-such-model")
    assert error.value.code == "model_not_found"


@upstreams
@both_ways
def test_rate_limit(api, upstream, stream):
    with pytest.raises(openai.RateLimitError) as error:
        ask(api, upstream, "hi", model=model(upstream, "fault-429"), stream=stream)
    assert 1 <= int(error.value.response.headers["retry-after"]) <= 7


@upstreams
@pytest.mark.parametrize("fault", ["fault-overloaded", "fault-500", "fault-html-502"])
@both_ways
def test_upstream_failures(api, upstream, fault, stream):
    with pytest.raises(openai.InternalServerError):
        ask(api, upstream, "hi", model=model(upstream, fault), stream=stream)


@needs_gateway
@upstreams
@pytest.mark.parametrize("fault", ["fault-401", "fault-403", "fault-html-200", "fault-200-error", "fault-empty"])
@both_ways
def test_failures_that_only_a_gateway_can_name(api, upstream, fault, stream):
    with pytest.raises(openai.APIStatusError) as error:
        ask(api, upstream, "hi", model=model(upstream, fault), stream=stream)
    assert error.value.status_code >= 500 and error.value.body


@upstreams
def test_context_overflow(api, upstream):
    with pytest.raises(openai.BadRequestError) as error:
        ask(api, upstream, "hi", model=model(upstream, "fault-context"))
    assert error.value.code == "context_length_exceeded"


@needs_gateway
@upstreams
@pytest.mark.parametrize("fault", ["fault-midstream-error", "fault-truncated", "fault-no-terminator"])
def test_a_stream_that_breaks_never_completes(api, upstream, fault):
    """The client raises or hands over a failure; it must not take a torso for an answer."""
    try:
        events = events_of(api, upstream, "hi", model=model(upstream, fault))
    except openai.APIError:
        return
    except Exception as error:
        assert "incomplete" in str(error) or "closed" in str(error)
        return
    assert events[-1].type in ("response.failed", "error")


@upstreams
def test_closing_the_stream_cancels_upstream(api, upstream):
    seen = HangUps(upstream)
    stream = ask(api, upstream, "hi", model=model(upstream, "slow"), stream=True)
    assert next(iter(stream))
    stream.close()
    seen.wait()


@upstreams
def test_async_client(upstream):
    async def run():
        async with openai.AsyncOpenAI(**options()) as client:
            many = [ask(client, upstream, f"call {n}") for n in range(20)]
            return [answer.output_text for answer in await asyncio.gather(*many)]

    assert all(answer.endswith(f"You said: call {n}") for n, answer in enumerate(asyncio.run(run())))
