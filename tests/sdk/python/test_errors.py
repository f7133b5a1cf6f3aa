"""What each official client raises for each status of each upstream: one table for all of them.

The upstream's words are in nobody's shape here, so that every pair translates; its own dialect's errors are passed on
as they are, which the suites of the clients look at.
"""

import os

import anthropic
import openai
import pytest

from conftest import model, needs_gateway, upstreams

# The upstream's status; what OpenAI's client raises, what Anthropic's; the status that Anthropic's clients are told, and
# all others. A refusal of the gateway's own key (401, 403) is never the client's.
TABLE = [
    (400, openai.BadRequestError, anthropic.BadRequestError, 400, 400),
    (401, openai.InternalServerError, anthropic.InternalServerError, 502, 502),
    (402, openai.RateLimitError, anthropic.APIStatusError, 402, 429),
    (403, openai.InternalServerError, anthropic.InternalServerError, 502, 502),
    (404, openai.NotFoundError, anthropic.NotFoundError, 404, 404),
    (408, openai.InternalServerError, anthropic.APIStatusError, 504, 504),
    (409, openai.ConflictError, anthropic.ConflictError, 409, 409),
    (413, openai.APIStatusError, anthropic.APIStatusError, 413, 413),
    (422, openai.UnprocessableEntityError, anthropic.UnprocessableEntityError, 422, 422),
    (429, openai.RateLimitError, anthropic.RateLimitError, 429, 429),
    (500, openai.InternalServerError, anthropic.InternalServerError, 500, 500),
    (502, openai.InternalServerError, anthropic.InternalServerError, 502, 502),
    (503, openai.InternalServerError, anthropic.APIStatusError, 529, 503),
    (529, openai.InternalServerError, anthropic.APIStatusError, 529, 503),
]
pytestmark = [needs_gateway, pytest.mark.parametrize("row", TABLE, ids=lambda row: str(row[0]))]
both_ways = pytest.mark.parametrize("stream", [False, True])


def name(upstream, row):
    return model(upstream, f"status-{row[0]}")


def says(error, row):
    return f"own words for {row[0]}" in str(error.value)


@upstreams
@both_ways
def test_openai_chat(chat, upstream, row, stream):
    with pytest.raises(row[1]) as error:
        messages = [{"role": "user", "content": "hi"}]
        chat.chat.completions.create(model=name(upstream, row), messages=messages, stream=stream)
    assert error.value.status_code == row[4] and says(error, row)
    assert error.value.request_id and error.value.type


@upstreams
@both_ways
def test_openai_responses(chat, upstream, row, stream):
    with pytest.raises(row[1]) as error:
        chat.responses.create(model=name(upstream, row), input="hi", store=False, stream=stream)
    assert error.value.status_code == row[4] and says(error, row)


@upstreams
@both_ways
def test_anthropic(claude, upstream, row, stream):
    with pytest.raises(row[2]) as error:
        messages = [{"role": "user", "content": "hi"}]
        claude.messages.create(model=name(upstream, row), max_tokens=9, messages=messages, stream=stream)
    assert error.value.status_code == row[3] and says(error, row)
    assert error.value.request_id


@upstreams
@both_ways
def test_google(upstream, row, stream):
    genai = pytest.importorskip("google.genai")
    errors = genai.errors
    options = {"base_url": os.environ["SDK_GEMINI_URL"]}
    client = genai.Client(api_key=os.environ["SDK_GEMINI_KEY"], http_options=options)
    with pytest.raises(errors.ClientError if row[4] < 500 else errors.ServerError) as error:
        if stream:
            list(client.models.generate_content_stream(model=name(upstream, row), contents="hi"))
        else:
            client.models.generate_content(model=name(upstream, row), contents="hi")
    assert error.value.code == row[4] and error.value.status and says(error, row)


@upstreams
@both_ways
def test_ollama(upstream, row, stream):
    ollama = pytest.importorskip("ollama")
    key = os.environ["SDK_ANTHROPIC_KEY"]
    client = ollama.Client(host=os.environ["SDK_ANTHROPIC_URL"], headers={"Authorization": f"Bearer {key}"})
    with pytest.raises(ollama.ResponseError) as error:
        answer = client.chat(name(upstream, row), [{"role": "user", "content": "hi"}], stream=stream)
        list(answer)
    assert error.value.status_code == row[4] and says(error, row)
