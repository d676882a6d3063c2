"""Chains to a root: who may issue, how long, until when."""

from datetime import UTC, datetime

import pytest
from cryptography import x509

from sakigake.anchor import chain
from tests.peers.forge import TIME, certificate, der, key

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ROOT_KEY, MIDDLE_KEY, LEAF_KEY = key("ec", 301), key("ec", 302), key("ec", 303)
EMAIL = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.4")
SERVER = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.1")


def reaches(
    root: dict[str, object] | None = None, middle: dict[str, object] | None = None, **leaf: object
) -> bool:
    top = certificate("Root", ROOT_KEY, **{"ca": True, **(root or {})})  # type: ignore[arg-type]
    between = certificate("Middle", MIDDLE_KEY, top, ROOT_KEY, **{"ca": True, **(middle or {})})  # type: ignore[arg-type]
    last = certificate("Leaf", LEAF_KEY, between, MIDDLE_KEY, usages=[TIME], **leaf)  # type: ignore[arg-type]
    return chain.path(last, [between], [top], NOW) is not None


@pytest.mark.parametrize("fine", [{}, {"path_length": 0}, {"usages": [TIME]}, {"usages": [SERVER, TIME]}])
def test_intermediates_that_may_issue(fine: dict[str, object]) -> None:
    assert reaches(middle=fine)


@pytest.mark.parametrize(
    "wrong",
    [
        {"ca": False},
        {"key_usage": False},
        {"usages": [SERVER]},
        {"usages": [EMAIL, SERVER]},
        {"valid": ("2020-01-01", "2026-01-01")},
        {"valid": ("2026-01-03", "2040-01-01")},
    ],
)
def test_intermediates_that_may_not(wrong: dict[str, object]) -> None:
    assert not reaches(middle=wrong)


def test_roots_that_may_not() -> None:
    assert reaches(root={"path_length": 1})
    assert not reaches(root={"path_length": 0})
    assert not reaches(root={"valid": ("2020-01-01", "2026-01-01")})
    assert not reaches(root={"ca": False})


def test_weak_keys_are_no_authority() -> None:
    weak = key("weak")
    top = certificate("Root", weak, ca=True)
    assert chain.path(certificate("Leaf", LEAF_KEY, top, weak, usages=[TIME]), [], [top], NOW) is None


def test_long_and_circular_chains_end() -> None:
    top = certificate("Root", ROOT_KEY, ca=True)
    keys = [key("ec", 310 + number) for number in range(8)]
    issuer, issuer_key, between = top, ROOT_KEY, []
    for number, own in enumerate(keys):
        issuer = certificate(f"Middle {number}", own, issuer, issuer_key, ca=True)
        issuer_key = own
        between.append(issuer)
    assert chain.path(between[3], between, [top], NOW) is not None
    assert chain.path(between[-1], between, [top], NOW) is None
    # Two authorities that issued each other, and no root above.
    one = certificate("A", keys[0], certificate("B", keys[1], ca=True), keys[1], ca=True)
    two = certificate("B", keys[1], one, keys[0], ca=True)
    leaf = certificate("Leaf", LEAF_KEY, one, keys[0], usages=[TIME])
    assert chain.path(leaf, [one, two], [top], NOW) is None
    assert chain.ancestors(leaf, [one, two]) == {leaf, one, two}


def test_a_name_alone_makes_no_issuer() -> None:
    top = certificate("Root", ROOT_KEY, ca=True)
    twin = certificate("Root", MIDDLE_KEY, ca=True)
    leaf = certificate("Leaf", LEAF_KEY, twin, MIDDLE_KEY, usages=[TIME])
    assert not chain.issued(leaf, top)
    assert chain.issued(leaf, twin)
    assert chain.path(leaf, [twin], [top], NOW) is None


def test_certificates_the_library_stumbles_over_are_refused() -> None:
    raw = der(certificate("Leaf", LEAF_KEY))
    for damaged in (raw.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x03"), raw[:-1], b""):
        with pytest.raises(ValueError, match=r"unusable|serial"):
            chain.load(damaged)
