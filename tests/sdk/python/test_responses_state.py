"""The official OpenAI client goes on from earlier answers, over HTTP and over a WebSocket, against each upstream."""

import openai
import pytest

from conftest import last_request, model, needs_gateway, openai_options, upstreams

pytestmark = needs_gateway


@pytest.fixture
def client():
    return openai.OpenAI(**openai_options())


@upstreams
def test_previous_response_id(client, upstream):
    first = client.responses.create(model=model(upstream), input="My word is alpha-1.")
    second = client.responses.create(model=model(upstream), input="beta-2", previous_response_id=first.id)
    assert second.previous_response_id == first.id
    if upstream != "responses":  # This fake says itself that it stores nothing.
        assert first.store is True
    with client.responses.stream(model=model(upstream), input="gamma-3", previous_response_id=second.id) as stream:
        third = stream.get_final_response()
    sent = str(last_request(upstream))
    for word in ("alpha-1", "beta-2", "gamma-3"):
        assert word in sent

    assert client.responses.retrieve(third.id).output_text == third.output_text
    items = list(client.responses.input_items.list(third.id, order="asc", limit=2))
    items = [item for item in items if item.type == "message"]
    assert len(items) == 5 and items[0].content[0].text == "My word is alpha-1."
    client.responses.delete(third.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(third.id)


@upstreams
def test_unknown_ids_are_refused(client, upstream):
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model=model(upstream), input="x", previous_response_id="resp_made_up")
    assert refused.value.code == "previous_response_not_found"
    assert refused.value.param == "previous_response_id"


@upstreams
def test_websocket(client, upstream):
    if not hasattr(client.responses, "connect"):
        pytest.skip("this version of the client has no WebSocket form")
    pytest.importorskip("websockets")

    def answer(connection):
        seen = []
        for event in connection:
            seen.append(event.type)
            if event.type == "response.completed":
                return seen, event.response
            assert event.type not in ("error", "response.failed"), event

    with client.responses.connect() as connection:
        connection.response.create(model=model(upstream), input="My word is alpha-1.", store=False)
        seen, first = answer(connection)
        assert seen[0] == "response.created" and "response.output_text.delta" in seen
        connection.response.create(
            model=model(upstream), input="beta-2", store=False, previous_response_id=first.id
        )
        _, second = answer(connection)
        assert "beta-2" in second.output_text
        sent = str(last_request(upstream))
        assert "alpha-1" in sent and "beta-2" in sent
