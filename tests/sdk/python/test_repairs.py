"""Requests that one dialect allows and the other refuses: the gateway has to carry them over, or say no by itself.

The fakes refuse whatever the providers refuse, so an answer at all is most of the proof.
"""

import json

import anthropic
import openai
import pytest

from conftest import PDF, PNG, UNICODE, b64, last_request, model, needs_gateway

pytestmark = needs_gateway


def to_claude(chat, *messages, **more):
    return chat.chat.completions.create(model=model("claude"), messages=list(messages), **more)


def to_chat(claude, *messages, **more):
    return claude.messages.create(**{"model": model("chat"), "max_tokens": 4000, "messages": list(messages), **more})


def user(content):
    return {"role": "user", "content": content}


def said(answer):
    return "".join(block.text for block in answer.content if block.type == "text")


def call(id, name="get_weather", arguments="{}"):
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


FUNCTION = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}}


# OpenAI client, Anthropic upstream


def test_only_a_system_message(chat):
    assert UNICODE in to_claude(chat, {"role": "system", "content": "hello"}).choices[0].message.content


def test_history_that_opens_with_the_assistant(chat):
    answer = to_claude(chat, {"role": "assistant", "content": "welcome"}, user("hi there"))
    assert answer.choices[0].message.content.endswith("You said: hi there")


def test_empty_parts_of_a_history(chat):
    turns = [user("a"), {"role": "assistant", "content": "", "tool_calls": [call("call_1")]}]
    turns.append({"role": "tool", "tool_call_id": "call_1", "content": ""})
    answer = to_claude(chat, {"role": "system", "content": ""}, *turns, user("go on"), tools=[FUNCTION])
    assert "go on" in answer.choices[0].message.content


def test_ids_that_the_other_side_does_not_allow(chat):
    turns = [user("a"), {"role": "assistant", "content": None, "tool_calls": [call("call.1:x|y"), call("call.1:x/y")]}]
    turns += [{"role": "tool", "tool_call_id": id, "content": id} for id in ("call.1:x|y", "call.1:x/y")]
    assert "call.1:x|y | call.1:x/y" in to_claude(chat, *turns, tools=[FUNCTION]).choices[0].message.content


def test_a_call_that_was_interrupted(chat):
    turns = [user("a"), {"role": "assistant", "content": None, "tool_calls": [call("call_1"), call("call_2")]}]
    turns.append({"role": "tool", "tool_call_id": "call_2", "content": "late"})
    assert "stop that" in to_claude(chat, *turns, user("stop that"), tools=[FUNCTION]).choices[0].message.content


def test_arguments_that_are_no_object(chat):
    for arguments in ["", "[1]", '{"a": ', "null"]:
        turns = [user("a"), {"role": "assistant", "content": None, "tool_calls": [call("call_1", arguments=arguments)]}]
        turns.append({"role": "tool", "tool_call_id": "call_1", "content": "x"})
        assert to_claude(chat, *turns, tools=[FUNCTION]).choices[0].message.content


def test_a_picture_with_the_wrong_label(chat):
    for label in ["image/jpg", "image/jpeg"]:
        picture = {"type": "image_url", "image_url": {"url": f"data:{label};base64,{b64(PNG)}"}}
        answer = to_claude(chat, user([{"type": "text", "text": "see"}, picture]))
        assert f"image/png of {len(PNG)} bytes" in answer.choices[0].message.content


def test_a_file_without_its_data_url(chat):
    file = {"type": "file", "file": {"filename": "a.pdf", "file_data": b64(PDF)}}
    answer = to_claude(chat, user([{"type": "text", "text": "read"}, file]))
    assert f"application/pdf of {len(PDF)} bytes" in answer.choices[0].message.content


def test_system_in_mid_conversation(chat):
    turns = [user("a"), {"role": "assistant", "content": "b"}, {"role": "system", "content": "be brief"}, user("c")]
    assert to_claude(chat, *turns).choices[0].message.content.endswith("c")


def test_tool_without_parameters(chat):
    tool = {"type": "function", "function": {"name": "ping"}}
    answer = to_claude(chat, user("x"), tools=[tool], tool_choice="required")
    assert answer.choices[0].message.tool_calls[0].function.arguments == "{}"


def test_effort_beside_a_forced_tool(chat):
    answer = to_claude(chat, user("x"), tools=[FUNCTION], tool_choice="required", reasoning_effort="high")
    assert answer.choices[0].message.tool_calls or answer.choices[0].message.content


@pytest.mark.parametrize("effort", ["none", "minimal", "low", "medium", "high", "xhigh"])
def test_efforts_within_a_small_limit(chat, effort):
    for name in ["claude-model", "claude-old-model", "claude-adaptive-model"]:
        answer = chat.chat.completions.create(model=name, messages=[user("x")], reasoning_effort=effort, max_tokens=200)
        assert answer.choices[0].message.content


def test_what_cannot_be_carried_is_refused_by_name(chat):
    for field, value in [("n", 2), ("logprobs", True)]:
        with pytest.raises(openai.BadRequestError) as error:
            to_claude(chat, user("x"), **{field: value})
        assert field in error.value.body["message"]


def test_stops_that_are_whitespace(chat):
    assert to_claude(chat, user("x"), stop=["\n"]).choices[0].message.content


# Anthropic client, OpenAI upstream


def tool(name="get_weather", schema=None):
    return {"name": name, "input_schema": schema or {"type": "object", "properties": {"city": {"type": "string"}}}}


def test_careless_tool_schemas(claude):
    schemas = [
        {"type": "object"},
        {"type": "object", "properties": {"a": {"type": "array"}}},
        {"type": "object", "properties": {"properties": {"type": "array"}, "type": {"type": "string"}}},
        {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": {}},
    ]
    tools = [tool(f"tool_{n}", schema) for n, schema in enumerate(schemas)]
    assert said(to_chat(claude, user("hi"), tools=tools))


def test_long_tool_names_come_back_whole(claude):
    names = ["n" * 100 + end for end in "ab"]
    tools = [tool(name) for name in names]
    first = to_chat(claude, user("weather of both"), tools=tools)
    calls = [block for block in first.content if block.type == "tool_use"]
    assert [block.name for block in calls] == names
    results = [{"type": "tool_result", "tool_use_id": block.id, "content": block.name[-1]} for block in calls]
    turns = [user("weather of both"), {"role": "assistant", "content": first.content}, user(results)]
    assert "a | b" in said(to_chat(claude, *turns, tools=tools))
    forced = to_chat(claude, user("x"), tools=tools, tool_choice={"type": "tool", "name": names[1]})
    assert forced.content[-1].name == names[1]


def test_sampling_and_private_fields(claude):
    extra = {"top_k": 5, "temperature": 0.3, "context_management": {"edits": []}}
    betas = {"anthropic-beta": "context-management-2025-06-27"}
    answer = to_chat(claude, user("hi"), extra_body=extra, extra_headers=betas, metadata={"user_id": "u"})
    assert said(answer)


def test_hosted_tools_beside_others(claude):
    hosted = {"type": "web_search_20250305", "name": "web_search"}
    assert said(to_chat(claude, user("hi"), tools=[hosted, tool()]))
    assert said(to_chat(claude, user("hi"), tools=[hosted]))


def test_results_among_other_blocks(claude):
    use = lambda id: {"type": "tool_use", "id": id, "name": "get_weather", "input": {"city": id}}
    result = lambda id, **more: {"type": "tool_result", "tool_use_id": id, **more}
    turns = [user("a"), {"role": "assistant", "content": [{"type": "text", "text": "t"}, use("a1"), use("a2")]}]
    turns.append(user([result("a2", content="two"), result("a1"), {"type": "text", "text": "go on"}]))
    answer = said(to_chat(claude, *turns, tools=[tool()]))
    assert "two" in answer and "go on" in answer


def test_many_stop_sequences(claude):
    answer = to_chat(claude, user("hi there"), stop_sequences=["1", "2", "3", "4", "You"])
    assert said(answer)


def test_caching_marks_leave_no_trace(claude):
    mark = {"cache_control": {"type": "ephemeral"}}
    system = [{"type": "text", "text": "s", **mark}]
    answer = to_chat(claude, user([{"type": "text", "text": "hi", **mark}]), system=system, tools=[{**tool(), **mark}], **{})
    assert said(answer) and "cache_control" not in json.dumps(last_request("chat"))


def test_same_history_gives_the_same_bytes(claude):
    """Providers' prompt caches work on bytes."""
    turns = [user("a"), {"role": "assistant", "content": "b"}, user("c")]
    bodies = []
    for _ in range(2):
        to_chat(claude, *turns, tools=[tool()], system="s")
        bodies.append(json.dumps(last_request("chat")))
    assert bodies[0] == bodies[1]


# Either way: answers that stretch their dialect


@pytest.mark.parametrize("upstream", ["chat", "claude"])
@pytest.mark.parametrize("stream", [False, True])
def test_strange_answers_arrive_or_fail_but_never_mislead(chat, claude, upstream, stream):
    for name, whole in [("fault-wrong-type", UNICODE), ("odd-long-line", "y" * (20 << 20))]:
        try:
            answer = chat.chat.completions.create(model=model(upstream, name), messages=[user("x")], stream=stream)
            parts = [c.delta.content or "" for chunk in answer for c in chunk.choices] if stream else [answer.choices[0].message.content]
            assert whole in "".join(parts)
        except openai.APIError:
            pass
        try:
            with claude.messages.stream(model=model(upstream, name), max_tokens=4000, messages=[user("x")]) as events:
                assert whole in said(events.get_final_message())
        except anthropic.APIError:
            pass
