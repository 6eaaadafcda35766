"""Every message of the interface: there and back as JSON, strict where clients speak, lenient where they listen."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from dispatcher.parsing import validated
from tests.support.messages import FUTURE, all_of, as_tree, messages, name_of
from xwhep.errors.requests import InvalidFieldError
from xwhep.protocol.base import Reply, Request

REQUESTS, REPLIES = all_of(Request), all_of(Reply)
every_message = pytest.mark.parametrize("model", [*REQUESTS, *REPLIES], ids=name_of)
every_request = pytest.mark.parametrize("model", REQUESTS, ids=name_of)
every_reply = pytest.mark.parametrize("model", REPLIES, ids=name_of)
few = settings(max_examples=6)


def test_all_messages_are_looked_at() -> None:
    names = {name_of(model) for model in [*REQUESTS, *REPLIES]}

    assert {"SubmitJob", "SubmitBag", "LeaseRequest", "JoinRequest", "Lease", "JobView", "Page[JobSummary]"} <= names
    assert {"SubmitSearch", "ReportShare", "VanityAbility", "NativeWork", "VanityWork", "SearchView"} <= names
    assert len(names) >= 35


@every_message
@few
@given(data=st.data())
def test_a_message_survives_the_wire(model: type[BaseModel], data: st.DataObject) -> None:
    message = data.draw(messages(model))

    assert model.model_validate_json(message.model_dump_json()) == message


@every_request
@few
@given(data=st.data())
def test_a_request_means_the_same_without_its_empty_fields(model: type[BaseModel], data: st.DataObject) -> None:
    message = data.draw(messages(model))

    assert validated(model, message.model_dump_json(exclude_none=True).encode()) == message


@every_request
@few
@given(data=st.data())
def test_a_request_with_an_unknown_field_is_refused_at_any_depth(model: type[BaseModel], data: st.DataObject) -> None:
    tree, nodes = as_tree(data.draw(messages(model)))
    data.draw(st.sampled_from(nodes))[FUTURE] = 1

    with pytest.raises(InvalidFieldError, match="extra inputs are not permitted") as caught:
        validated(model, json.dumps(tree).encode())

    assert str(caught.value.field).split(".")[-1] == FUTURE


@every_reply
@few
@given(data=st.data())
def test_a_reply_from_a_newer_dispatcher_is_understood(model: type[BaseModel], data: st.DataObject) -> None:
    reply = data.draw(messages(model))
    tree, nodes = as_tree(reply)
    for node in nodes:
        node[FUTURE] = {"any": ["thing"]}

    assert model.model_validate_json(json.dumps(tree)) == reply


@every_message
@settings(max_examples=3)
@given(data=st.data())
def test_no_message_takes_what_is_no_number(model: type[BaseModel], data: st.DataObject) -> None:
    tree, nodes = as_tree(data.draw(messages(model)))
    places = [(node, name) for node in nodes for name, value in node.items() if isinstance(value, float)]
    for node, name in places:
        was = node[name]
        for node[name] in (math.nan, math.inf, -math.inf):
            with pytest.raises(ValidationError, match="finite number"):
                model.model_validate_json(json.dumps(tree))
        node[name] = was
