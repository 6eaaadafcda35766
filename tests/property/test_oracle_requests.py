"""Whatever bytes a chain carries, the oracle makes of them a request within the grid's bounds, or a reason."""

from __future__ import annotations

from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from oracle.settlement.requests import GridRequest
from oracle.settlement.searches import found
from oracle.settlement.services import request_of
from tests.support.tasks import NATIVE, TERMS, VANITY, a_task, vanity
from xwhep.chain.reasons import FailureReason
from xwhep.chain.values import MAX_RESULT, TaskStatus
from xwhep.protocol.batches import SubmitBag
from xwhep.vanity.messages import HitView, SubmitSearch

WORDS = st.integers(0, 2**256 - 1)
#: what programs have stumbled over: shell, paths, HTML, terminal escapes, NUL, marks that turn the writing, surrogates
HOSTILE = st.sampled_from(
    ["; rm -rf /", "$(id)", "../../x", "<script>", "\x1b[2J", "\0", "\u202e", "%n%s", "'--", "A" * 3000, "1Lo"]
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=200) | HOSTILE
params = (
    st.binary(max_size=5000)
    | st.builds(
        lambda *values: encode(("uint8", "string", "uint256", "uint256"), values),
        st.integers(0, 3),
        texts,
        WORDS,
        WORDS,
    )
    | st.builds(lambda *values: encode(("string[]", "bytes"), values), st.lists(texts, max_size=8), st.binary())
)


@given(params, st.sampled_from([VANITY, NATIVE]))
def test_any_parameters_give_a_request_or_a_reason(data: bytes, app: int) -> None:
    task = a_task(app=app, params=data)

    request = request_of(task, TERMS)

    assert isinstance(request, GridRequest | FailureReason)
    if isinstance(request, GridRequest):
        kind = SubmitSearch if app == VANITY else SubmitBag
        assert kind.model_validate_json(request.batch.model_dump_json()) == request.batch
        assert request == request_of(task, TERMS)


@given(st.builds(HitView, s=st.text(max_size=70), e=st.integers(), sign=st.integers(), address=st.text()))
def test_any_claim_of_the_grid_gives_an_answer_that_the_hub_takes(claimed: HitView) -> None:
    answer = found(vanity("1LLLLLL"), claimed)

    assert answer.outcome is TaskStatus.FAILED
    assert len(answer.result) <= MAX_RESULT
