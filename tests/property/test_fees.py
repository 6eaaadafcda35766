"""What is offered for gas: enough when it can be, more each time, never above the cap."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from oracle.settlement.fees import FeePolicy, Price, is_short, offer, raised
from xwhep.chain.values import Fees

amounts = st.integers(0, 10**13)
all_fees = st.builds(Fees, base_wei=amounts, tip_wei=amounts)
policies = st.builds(FeePolicy, cap_wei=st.integers(1, 10**13))
prices = st.tuples(amounts, amounts).map(lambda pair: Price(max(pair), min(pair)))


@given(fees=all_fees, policy=policies)
def test_a_first_offer_is_enough_for_the_next_block_or_there_is_none(fees: Fees, policy: FeePolicy) -> None:
    price = offer(fees, policy)

    if price is None:
        assert fees.base_wei + fees.tip_wei > policy.cap_wei
    else:
        assert not is_short(price, fees)
        assert price.tip_wei <= price.max_fee_wei <= policy.cap_wei


@given(fees=all_fees, policy=policies, price=prices)
def test_a_raised_offer_replaces_the_old_one_at_any_node_and_keeps_the_cap(
    fees: Fees, policy: FeePolicy, price: Price
) -> None:
    higher = raised(price, fees, policy)

    if higher is None:
        assert price.max_fee_wei * 9 > (policy.cap_wei - 1) * 8
    else:
        assert higher.max_fee_wei * 8 >= price.max_fee_wei * 9
        assert higher.tip_wei * 8 >= price.tip_wei * 9
        assert higher.max_fee_wei > price.max_fee_wei
        assert higher.tip_wei > price.tip_wei
        assert higher.tip_wei <= higher.max_fee_wei <= policy.cap_wei


@given(fees=all_fees, policy=policies, price=prices)
def test_a_raised_offer_meets_what_is_asked_where_the_cap_lets_it(fees: Fees, policy: FeePolicy, price: Price) -> None:
    higher = raised(price, fees, policy)
    assume(higher is not None)
    assert higher is not None

    if fees.base_wei + fees.tip_wei <= policy.cap_wei:
        assert not is_short(higher, fees)


@given(fees=all_fees, policy=policies)
def test_raising_comes_to_an_end(fees: Fees, policy: FeePolicy) -> None:
    price = offer(fees, policy)
    for _ in range(400):  # an eighth each time: more than enough from one wei to the cap
        if price is None:
            break
        price = raised(price, fees, policy)

    assert price is None
