"""One request, judged by us and by the oracles: what is said otherwise and not wanted."""

from __future__ import annotations

from probe import codec, oracles, wanted
from probe.codec import DONE, MORE, Read
from probe.oracles import Fields, Seen

HTTP_CLIENTS_LIMIT = 99


def complaints(octets: bytes, *, all_oracles: bool = True) -> list[str]:
    """Return what is wrong with how we read *octets*, by llhttp and the scalar twin, or by *all_oracles*."""
    ours = codec.read(octets)
    found = (
        [] if codec.read(octets, scalar=True) == ours else ["the scalar twin reads it otherwise"]
    )
    llhttp = oracles.ask_llhttp(octets)
    if not isinstance(ours, Read):
        return found + _of_a_refusal(octets, ours, llhttp)
    found += _of_a_request("llhttp", wanted.BEYOND_LLHTTP, octets, ours, llhttp)
    if all_oracles:
        found += _of_a_request("h11", wanted.BEYOND_H11, octets, ours, oracles.ask_h11(octets))
        found += _of_fields(ours, oracles.ask_http_client(octets))
    return found


def _of_a_refusal(octets: bytes, verdict: int, llhttp: Seen) -> list[str]:
    assert verdict != DONE
    if not llhttp.is_whole or llhttp.has_left:
        return []
    if verdict == MORE:
        return ["llhttp sees a whole request, we want more"]
    return [] if wanted.rule_for(octets, verdict, llhttp) else [f"{verdict}, by no rule"]


def _of_a_request(
    who: str, table: list[wanted.Allowance], octets: bytes, ours: Read, seen: Seen
) -> list[str]:
    if wanted.reason_for(table, octets, ours, seen):
        return []
    if not seen.is_whole:
        return [f"{who} refuses it, or wants more: {seen.refusal}"]
    differences = []
    if (seen.method, seen.target) != (ours.method, ours.target):
        differences.append(f"{who} sees another request line")
    if _plain(seen.fields) != _plain(ours.fields):
        differences.append(f"{who} sees other fields")
    if seen.body != ours.body:
        differences.append(f"{who} sees another body")
    return differences


def _of_fields(ours: Read, seen: Fields | None) -> list[str]:
    if seen is None:
        return [] if len(ours.fields) >= HTTP_CLIENTS_LIMIT else ["http.client refuses the fields"]
    return [] if _plain(seen) == _plain(ours.fields) else ["http.client sees other fields"]


def _plain(fields: Fields | tuple[tuple[bytes, bytes], ...]) -> Fields:
    """Names in one case; h11 folds the case of codings, too, and others keep spaces behind values."""
    found = [(name.lower(), value.rstrip(b" \t")) for name, value in fields]
    return [
        (name, value.lower() if name == b"transfer-encoding" else value) for name, value in found
    ]
