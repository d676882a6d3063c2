"""Checkpoints: the exact bytes of a signed note, and nothing else."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from sakigake.errors import VerificationError
from sakigake.timeline import curve, note

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
CHECKPOINT = note.Checkpoint("ab" * 16, 7, bytes(range(32)), "cd" * 32, "ef" * 32)
NOTE = note.sign(CHECKPOINT, KEY)


def test_note_reads_back() -> None:
    assert note.verify(NOTE, KEY.public_key()) == CHECKPOINT


def test_count_of_events_is_signed_and_read_back() -> None:
    counted = replace(CHECKPOINT, events=3)
    signed = note.sign(counted, KEY)
    assert signed.splitlines()[3] == b"events 3"
    assert note.verify(signed, KEY.public_key()) == counted
    with pytest.raises(VerificationError):
        note.verify(signed.replace(b"events 3", b"events 2"), KEY.public_key())


def test_only_keys_that_bind_a_signature_are_sound() -> None:
    assert all(
        curve.is_sound(Ed25519PrivateKey.generate().public_key().public_bytes_raw()) for _ in range(50)
    )
    identity = bytes((1, *bytes(31)))
    # Under the identity one signature fits whatever text, which is why such keys are refused.
    for text in (b"one list", b"another list"):
        Ed25519PublicKey.from_public_bytes(identity).verify(identity + bytes(32), text)
    assert not curve.is_sound(identity)


def test_key_id_is_the_one_c2sp_defines() -> None:
    # The vector of Go's golang.org/x/mod/sumdb/note: key "PeterNeumann", id c74f20a3.
    import base64

    public = base64.b64decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")[1:]
    assert note.key_id("PeterNeumann", public).hex() == "c74f20a3"


@given(st.integers(0, len(NOTE) - 1), st.integers(1, 255))
def test_no_changed_byte_passes(position: int, flip: int) -> None:
    changed = bytearray(NOTE)
    changed[position] ^= flip
    with pytest.raises(VerificationError):
        note.verify(bytes(changed), KEY.public_key())


@pytest.mark.parametrize(
    "bad", [NOTE + b"\n", NOTE[:-1], NOTE.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + NOTE, b"", NOTE * 9]
)
def test_other_forms_are_refused(bad: bytes) -> None:
    with pytest.raises(VerificationError):
        note.verify(bad, KEY.public_key())


def test_another_key_is_refused() -> None:
    with pytest.raises(VerificationError, match="signature"):
        note.verify(NOTE, Ed25519PrivateKey.generate().public_key())
