"""SHA-256 by the processor's own instructions: four keys at a time, each in registers of its own.

A register holds four words of one key, so that words of the same number in four keys are turned about on their way in
and out. Four streams of instructions, emitted side by side, hide each other's latency.

Source: S. Gulley, V. Gopal, K. Yap, W. Feghali, J. Guilford, G. Wolrich, "Intel SHA Extensions" (2013): sha256rnds2
does two rounds on the state as (a, b, e, f) and (c, d, g, h); sha256msg1 and sha256msg2 do four words of the schedule.
"""

from __future__ import annotations

from llvmlite import ir

from worker.vanity.hashes import SHA256_K, SHA256_START, State, padded
from worker.vanity.vectors import I32, Vec

STREAMS = 4
#: words of SHA256_START in the order of sha256rnds2, least significant first: f, e, b, a and h, g, d, c
ORDER = (5, 4, 1, 0), (7, 6, 3, 2)


def sha256(words: list[Vec], size: int) -> State:
    """Return the SHA-256 of four messages of `size` bytes, one a lane, as `hashes.sha256` does."""
    builder = words[0].builder
    starts = [_words(builder, [SHA256_START[number] for number in order]) for order in ORDER]
    streams = [(starts[0], starts[1])] * STREAMS
    for block in padded(words, size):
        messages = [_transposed(block[first : first + 4]) for first in range(0, 16, 4)]
        streams = _block(streams, [list(message) for message in zip(*messages, strict=True)])
    abef, cdgh = (_transposed([stream[half] for stream in streams]) for half in (0, 1))
    f, e, b, a = abef
    h, g, d, c = cdgh
    return a, b, c, d, e, f, g, h


def _block(streams: list[tuple[Vec, Vec]], messages: list[list[Vec]]) -> list[tuple[Vec, Vec]]:
    """Return the states of all streams after a block, four groups of four words each."""
    states = list(streams)
    for group in range(16):
        k = _words(streams[0][0].builder, SHA256_K[4 * group : 4 * group + 4])
        for stream, w in enumerate(messages):
            states[stream] = _four_rounds(*states[stream], w[group] + k)
            if 3 <= group < 15:
                w.append(_schedule(*w[group - 3 :]))
    return [(a + c, b + d) for (a, b), (c, d) in zip(streams, states, strict=True)]


def _four_rounds(abef: Vec, cdgh: Vec, wk: Vec) -> tuple[Vec, Vec]:
    cdgh = cdgh.call("llvm.x86.sha256rnds2", abef, wk)
    abef = abef.call("llvm.x86.sha256rnds2", cdgh, wk.shuffled(wk, (2, 3, 0, 0)))
    return abef, cdgh


def _schedule(w16: Vec, w12: Vec, w8: Vec, w4: Vec) -> Vec:
    """Return the four words of the schedule that follow on these sixteen. Source: FIPS 180-4, 6.2.2, step 1."""
    early = w16.call("llvm.x86.sha256msg1", w12) + w8.shuffled(w4, (1, 2, 3, 4))
    return early.call("llvm.x86.sha256msg2", w4)


def _words(builder: ir.IRBuilder, words: list[int] | tuple[int, ...]) -> Vec:
    return Vec(builder, ir.Constant(ir.VectorType(I32, len(words)), list(words)))


def _transposed(rows: list[Vec]) -> list[Vec]:
    """Return four vectors of four words, rows made columns."""
    a, b, c, d = rows
    ab, ab_high = a.shuffled(b, (0, 4, 1, 5)), a.shuffled(b, (2, 6, 3, 7))
    cd, cd_high = c.shuffled(d, (0, 4, 1, 5)), c.shuffled(d, (2, 6, 3, 7))
    low, high = (0, 1, 4, 5), (2, 3, 6, 7)
    return [
        ab.shuffled(cd, low),
        ab.shuffled(cd, high),
        ab_high.shuffled(cd_high, low),
        ab_high.shuffled(cd_high, high),
    ]
