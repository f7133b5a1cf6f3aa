"""The official Google client, generateContent, against each upstream dialect."""

import asyncio
import enum
import json
import os

import pytest
from pydantic import BaseModel

from conftest import DIRECT, PDF, PNG, UNICODE, HangUps, last_request, model, needs_gateway, upstreams

genai = pytest.importorskip("google.genai")
from google.genai import errors, types  # noqa: E402

WEATHER = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="get_weather",
            description="Weather of a city",
            parameters=types.Schema(type="OBJECT", properties={"city": types.Schema(type="STRING")}, required=["city"]),
        )
    ]
)
BY_HAND = types.AutomaticFunctionCallingConfig(disable=True)
THOUGHTS = types.ThinkingConfig(include_thoughts=True)
both_ways = pytest.mark.parametrize("stream", [False, True])


def client_with(key=None, timeout=60_000):
    options = types.HttpOptions(base_url=os.environ["SDK_GEMINI_URL"], timeout=timeout)
    return genai.Client(api_key=key or os.environ["SDK_GEMINI_KEY"], http_options=options)


@pytest.fixture(scope="session")
def google():
    return client_with()


def ask(google, upstream, contents, name=None, **config):
    config = types.GenerateContentConfig(automatic_function_calling=BY_HAND, **config)
    return google.models.generate_content(model=name or model(upstream), contents=contents, config=config)


def streamed(google, upstream, contents, name=None, **config):
    """The parts of all chunks, and the last chunk."""
    config = types.GenerateContentConfig(automatic_function_calling=BY_HAND, **config)
    chunks = list(google.models.generate_content_stream(model=name or model(upstream), contents=contents, config=config))
    contents = [chunk.candidates[0].content for chunk in chunks if chunk.candidates]
    return [part for content in contents if content for part in content.parts or []], chunks[-1]


def either(google, upstream, contents, stream, **config):
    """Parts, finish reason and usage, however they came."""
    if stream:
        parts, last = streamed(google, upstream, contents, **config)
    else:
        last = ask(google, upstream, contents, **config)
        parts = last.candidates[0].content.parts
    return parts, last.candidates[0].finish_reason, last.usage_metadata


def text(parts):
    return "".join(part.text for part in parts if part.text and not part.thought)


def calls(parts):
    return [part.function_call for part in parts if part.function_call]


def user(*parts):
    return types.Content(role="user", parts=[types.Part(text=part) if isinstance(part, str) else part for part in parts])


def results(found, answers):
    """One result per call, with the ids that came."""
    parts = []
    for call, answer in zip(found, answers):
        response = types.FunctionResponse(id=call.id, name=call.name, response={"output": answer})
        parts.append(types.Part(function_response=response))
    return types.Content(role="user", parts=parts)


@upstreams
@both_ways
def test_plain(google, upstream, stream):
    parts, finish, usage = either(google, upstream, "hi there", stream)
    assert UNICODE in text(parts) and text(parts).endswith("You said: hi there")
    assert finish == types.FinishReason.STOP
    assert usage.prompt_token_count > 0 and usage.candidates_token_count > 0
    assert usage.total_token_count >= usage.prompt_token_count + usage.candidates_token_count


@upstreams
def test_chat_keeps_the_history(google, upstream):
    chat = google.chats.create(model=model(upstream))
    assert chat.send_message("one").text.endswith("You said: one")
    said = "".join(chunk.text or "" for chunk in chat.send_message_stream("two"))
    assert said.endswith("You said: two")
    assert chat.send_message("three").text.endswith("You said: three")


@upstreams
def test_instructions(google, upstream):
    answer = ask(google, upstream, "repeat your system prompt", system_instruction="Speak like a sailor.")
    assert "Speak like a sailor." in answer.text


@upstreams
@both_ways
def test_tool_round_trip(google, upstream, stream):
    question = user("what is the weather?")
    parts, finish, _ = either(google, upstream, [question], stream, tools=[WEATHER])
    found = calls(parts)
    assert [(call.name, call.args) for call in found] == [("get_weather", {"city": "Paris"})]
    assert finish == types.FinishReason.STOP
    history = [question, types.Content(role="model", parts=parts), results(found, ["18 °C"])]
    final, _, _ = either(google, upstream, history, stream, tools=[WEATHER])
    assert "The tool answered: 18 °C" in text(final)


@upstreams
@both_ways
def test_parallel_tools(google, upstream, stream):
    question = user("the weather of both cities")
    parts, _, _ = either(google, upstream, [question], stream, tools=[WEATHER])
    found = calls(parts)
    assert [call.args["city"] for call in found] == ["Paris", "Tōkyō"]
    history = [question, types.Content(role="model", parts=parts), results(found, ["wet", "dry"])]
    assert "wet | dry" in text(either(google, upstream, history, stream, tools=[WEATHER])[0])


@upstreams
def test_the_client_calls_python_functions_by_itself(google, upstream):
    asked = []

    def get_weather(city: str) -> str:
        """Weather of a city."""
        asked.append(city)
        return "quite wet"

    config = types.GenerateContentConfig(tools=[get_weather])
    answer = google.models.generate_content(model=model(upstream), contents="what is the weather?", config=config)
    assert asked == ["Paris"] and "quite wet" in answer.text


@upstreams
def test_tool_choice(google, upstream):
    def found(mode, **more):
        calling = types.FunctionCallingConfig(mode=mode, **more)
        answer = ask(google, upstream, "hello", tools=[WEATHER], tool_config=types.ToolConfig(function_calling_config=calling))
        return answer.function_calls or []

    assert found("AUTO") == [] and found("NONE") == []
    if upstream == "ollama":  # It has no choice among tools: nothing makes a model call.
        return
    assert len(found("ANY")) == 1
    assert len(found("ANY", allowed_function_names=["get_weather"])) == 1


@upstreams
@both_ways
def test_thinking(google, upstream, stream):
    config = types.ThinkingConfig(include_thoughts=True, **({} if upstream == "gemini" else {"thinking_budget": 2000}))
    parts, _, usage = either(google, upstream, "think", stream, thinking_config=config)
    thoughts = "".join(part.text or "" for part in parts if part.thought)
    assert "Let me think about it" in thoughts and "Let me think about it" not in text(parts)
    assert UNICODE in text(parts)
    # Ollama counts thoughts among the answer, and does not tell them apart.
    assert usage.thoughts_token_count is None if upstream == "ollama" else usage.thoughts_token_count > 0


@upstreams
@both_ways
def test_thinking_is_replayed_everywhere(google, upstream, stream):
    """What one upstream thought goes back to it with its proof, and to the others in a form that they take."""
    turns, words = [user("the weather, think well")], "The tool answered: fine"
    parts, _, _ = either(google, upstream, turns, stream, tools=[WEATHER], thinking_config=THOUGHTS)
    turns += [types.Content(role="model", parts=parts), results(calls(parts), ["fine"])]
    for other in [upstream] * 2 if DIRECT else ["chat", "claude", "gemini", "responses", "ollama", upstream]:
        parts, _, _ = either(google, other, turns, stream, tools=[WEATHER], thinking_config=THOUGHTS)
        assert words in text(parts)
        turns, words = [*turns, types.Content(role="model", parts=parts), user("and more?")], "and more?"


@upstreams
def test_image_and_pdf(google, upstream):
    picture = types.Part.from_bytes(data=PNG, mime_type="image/png")
    file = types.Part.from_bytes(data=PDF, mime_type="application/pdf")
    if upstream == "ollama":  # It takes pictures and nothing else: the client is told so.
        with pytest.raises(errors.ClientError, match="documents such as PDF"):
            ask(google, upstream, [user("see", picture, file)])
        assert f"I received image/png of {len(PNG)} bytes" in ask(google, upstream, [user("see", picture)]).text
        return
    answer = ask(google, upstream, [user("see", picture, file)]).text
    assert f"I received image/png of {len(PNG)} bytes" in answer
    assert f"I received application/pdf of {len(PDF)} bytes" in answer


class Person(BaseModel):
    name: str
    tags: list[str]


@upstreams
def test_structured_output(google, upstream):
    answer = ask(google, upstream, "a person", response_mime_type="application/json", response_schema=Person)
    assert answer.parsed.tags == ['sample <text> & "quotes"']


@upstreams
@both_ways
def test_structured_list(google, upstream, stream):
    wanted = dict(response_mime_type="application/json", response_schema=list[Person])
    if stream:
        parts, _ = streamed(google, upstream, "people", **wanted)
        people = json.loads("".join(part.text or "" for part in parts if not part.thought))
    else:
        people = [person.model_dump() for person in ask(google, upstream, "people", **wanted).parsed]
    assert people[0]["tags"] == ['sample <text> & "quotes"']


class Instrument(enum.Enum):
    PERCUSSION = "Percussion"
    STRING = "String"


@upstreams
@both_ways
def test_one_word(google, upstream, stream):
    wanted = dict(response_mime_type="text/x.enum", response_schema=Instrument)
    if stream:
        parts, _ = streamed(google, upstream, "an instrument", **wanted)
        assert "".join(part.text or "" for part in parts if not part.thought) == "Percussion"
    else:
        answer = ask(google, upstream, "an instrument", **wanted)
        assert (answer.text, answer.parsed) == ("Percussion", Instrument.PERCUSSION)


@upstreams
def test_structured_output_by_json_schema(google, upstream):
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
    answer = ask(google, upstream, "x", response_mime_type="application/json", response_json_schema=schema)
    assert json.loads(answer.text) == {"a": 7}


@upstreams
def test_limits_and_sampling(google, upstream):
    answer = ask(google, upstream, "hi there, " + "and again " * 20, max_output_tokens=16, temperature=1, top_p=0.96)
    assert answer.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS
    assert "You" not in ask(google, upstream, "hi there", stop_sequences=["You"]).text
    assert ask(google, upstream, "hi there", seed=7, top_k=40, temperature=0.2).text


@pytest.mark.parametrize("upstream", ["gemini", "chat"])
def test_several_candidates(google, upstream):
    whole = ask(google, upstream, "hi there", candidate_count=3).candidates
    assert [candidate.index or 0 for candidate in whole] == [0, 1, 2]
    config = types.GenerateContentConfig(candidate_count=3)
    chunks = google.models.generate_content_stream(model=model(upstream), contents="hi there", config=config)
    told = [candidate for chunk in chunks for candidate in chunk.candidates]
    for number, candidate in enumerate(whole):
        own = [one for one in told if (one.index or 0) == number]
        parts = [part.text or "" for one in own for part in one.content.parts]
        assert "".join(parts) == "".join(part.text or "" for part in candidate.content.parts)
        assert [one.finish_reason for one in own if one.finish_reason] == [types.FinishReason.STOP]


def test_numbers_of_a_cache_hit(google):
    turns = [user("a"), types.Content(role="model", parts=[types.Part(text="b")]), user("c")]
    for upstream in ["gemini"] if DIRECT else ["gemini", "chat", "responses"]:
        assert ask(google, upstream, turns).usage_metadata.cached_content_token_count == 64


@upstreams
def test_count_tokens(google, upstream):
    few = google.models.count_tokens(model=model(upstream), contents="hi").total_tokens
    more = google.models.count_tokens(model=model(upstream), contents="hi " * 500).total_tokens
    assert 0 < few < more


@pytest.mark.parametrize("upstream", ["gemini", "chat"])
def test_embeddings(google, upstream):
    # Bare texts would be parts of one content for some models.
    answer = google.models.embed_content(model=model(upstream), contents=[user("one"), user("two"), user("one")])
    one, two, again = [entry.values for entry in answer.embeddings]
    assert one == again != two and len(one) == len(two)


@needs_gateway
def test_wrong_key():
    with pytest.raises(errors.ClientError) as error:
        ask(client_with(key="wrong"), "gemini", "hi")
    assert error.value.code in (400, 401) and error.value.message


def test_unknown_model(google):
    with pytest.raises(errors.ClientError) as error:
        ask(google, "gemini", "hi", name="no-such-model")
    assert (error.value.code, error.value.status) == (404, "NOT_FOUND") and "no-such-model" in error.value.message


@upstreams
def test_a_request_that_no_upstream_takes(google, upstream):
    with pytest.raises(errors.ClientError) as error:
        ask(google, upstream, [types.Content(role="wizard", parts=[types.Part(text="x")])])
    assert (error.value.code, error.value.status) == (400, "INVALID_ARGUMENT") and error.value.message


@upstreams
@both_ways
def test_rate_limit(google, upstream, stream):
    with pytest.raises(errors.ClientError) as error:
        either(google, upstream, "hi", stream, name=model(upstream, "fault-429"))
    assert (error.value.code, error.value.status) == (429, "RESOURCE_EXHAUSTED")
    delays = [entry["retryDelay"] for entry in error.value.details["error"]["details"] if "retryDelay" in entry]
    assert 1 <= float(delays[0].rstrip("s")) <= 7


@upstreams
@pytest.mark.parametrize("fault", ["fault-overloaded", "fault-500", "fault-html-502"])
@both_ways
def test_upstream_failures(google, upstream, fault, stream):
    with pytest.raises(errors.ServerError) as error:
        either(google, upstream, "hi", stream, name=model(upstream, fault))
    assert error.value.code >= 500


@needs_gateway
@upstreams
@pytest.mark.parametrize("fault", ["fault-401", "fault-403", "fault-html-200", "fault-200-error", "fault-empty"])
@both_ways
def test_failures_that_only_a_gateway_can_name(google, upstream, fault, stream):
    """A refused upstream key is not the client's 401, and rubbish with status 200 is not an answer."""
    with pytest.raises(errors.APIError) as error:
        either(google, upstream, "hi", stream, name=model(upstream, fault))
    assert error.value.code >= 500 and error.value.message


@upstreams
def test_context_overflow(google, upstream):
    with pytest.raises(errors.ClientError) as error:
        ask(google, upstream, "hi", name=model(upstream, "fault-context"))
    assert (error.value.code, error.value.status) == (400, "INVALID_ARGUMENT")


@upstreams
@pytest.mark.parametrize("fault", ["fault-midstream-error", "fault-truncated"])
def test_a_stream_that_breaks_raises(google, upstream, fault):
    with pytest.raises(Exception):
        streamed(google, upstream, "hi", name=model(upstream, fault))


@needs_gateway
@upstreams
def test_a_stream_that_merely_stops_raises(google, upstream):
    with pytest.raises(Exception):
        streamed(google, upstream, "hi", name=model(upstream, "fault-no-terminator"))


@upstreams
@both_ways
@pytest.mark.parametrize("odd", ["gzip", "crlf", "no-space", "comments", "bom", "bytes", "multiline", "heartbeats"])
def test_oddities_make_no_difference(google, upstream, odd, stream):
    if upstream == "gemini" and odd in ("crlf", "no-space", "comments", "bom", "multiline"):
        pytest.skip("a relay passes on the bytes as they are")
    parts, _, usage = either(google, upstream, "hi there", stream, name=model(upstream, f"odd-{odd}"))
    assert text(parts).endswith("You said: hi there") and usage.prompt_token_count > 0


@upstreams
def test_leaving_the_stream_cancels_upstream(google, upstream):
    seen = HangUps(upstream)
    stream = google.models.generate_content_stream(model=model(upstream, "slow"), contents="hi")
    assert next(stream)
    stream.close()
    seen.wait()


@upstreams
def test_giving_up_cancels_upstream(upstream):
    seen = HangUps(upstream)
    with pytest.raises(Exception):
        ask(client_with(timeout=500), upstream, "hi", name=model(upstream, "fault-hang"))
    seen.wait()


def test_models(google):
    names = [entry.name for entry in google.models.list()]
    assert f"models/{model('gemini')}" in names and (DIRECT or f"models/{model('claude')}" in names)
    one = google.models.get(model=model("gemini"))
    assert one.name == f"models/{model('gemini')}" and "generateContent" in one.supported_actions


@needs_gateway
def test_a_relay_sends_what_the_client_wrote(google):
    ask(google, "gemini", "hi", labels=None, safety_settings=[{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}])
    assert last_request("gemini")["safetySettings"] == [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}]


@upstreams
def test_async_client(upstream):
    async def run():
        google = client_with().aio.models
        whole = await google.generate_content(model=model(upstream), contents="hi there")
        stream = await google.generate_content_stream(model=model(upstream), contents="hi there")
        said = "".join([chunk.text or "" async for chunk in stream])
        many = [google.generate_content(model=model(upstream), contents=f"call {n}") for n in range(20)]
        return whole.text, said, [answer.text for answer in await asyncio.gather(*many)]

    whole, said, many = asyncio.run(run())
    assert whole == said
    assert all(answer.endswith(f"You said: call {n}") for n, answer in enumerate(many))
