"""A request is read the same in whatever pieces it comes, and with SIMD as without."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from probe import codec, connection, fields, framing, line, mutate

CASES = line.CASES | fields.CASES | framing.CASES | connection.CASES
SEEDS = [case.octets for case in CASES.values() if len(case.octets) < 2000]

requests = st.one_of(
    st.sampled_from(SEEDS),
    st.integers(0, 1 << 32).map(lambda seed: mutate.any_request(Random(seed), SEEDS)),
    st.builds(
        lambda name, value, body: (
            b"POST / HTTP/1.1\r\nHost: a\r\nX-%s: %s\r\nContent-Length: %d\r\n\r\n%s"
            % (name.encode(), value.encode("latin-1"), len(body), body)
        ),
        st.text("abcXYZ-09", max_size=40),
        st.text(
            st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"),
            max_size=90,
        ),
        st.binary(max_size=200),
    ),
    st.binary(max_size=300),
)


def is_same(pieces: codec.Read | int, whole: codec.Read | int) -> bool:
    """Is it read alike? What has to be refused may be seen only when its line has ended."""
    return pieces == whole or (pieces == codec.MORE and isinstance(whole, int))


@given(requests, st.lists(st.integers(1, 2000), max_size=12))
@settings(max_examples=400, deadline=None)
def test_any_cut_gives_what_the_whole_gives(octets: bytes, places: list[int]) -> None:
    cuts = sorted({place for place in places if place < len(octets)})

    assert is_same(codec.read(octets, cuts), codec.read(octets))


@given(requests)
@settings(max_examples=400, deadline=None)
def test_every_octet_apart_gives_what_the_whole_gives(octets: bytes) -> None:
    assert is_same(codec.read(octets, range(1, len(octets))), codec.read(octets))


@given(requests)
@settings(max_examples=400, deadline=None)
def test_simd_and_scalar_agree(octets: bytes) -> None:
    assert codec.read(octets, scalar=True) == codec.read(octets)
