"""The root certificates that a package carries for the check by hand. They are read strictly and never trusted."""

import base64
import re

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from sakigake.anchor import chain
from sakigake.errors import VerificationError
from sakigake.evidence import container
from sakigake.evidence.container import Container

MAX_BYTES = 1 << 16
_PEM = re.compile(
    rb"-----BEGIN CERTIFICATE-----\n((?:[A-Za-z0-9+/=]{1,64}\n)+)-----END CERTIFICATE-----\n", re.ASCII
)


def certificates(package: Container) -> list[x509.Certificate]:
    """Return every certificate in `trust/`; raises VerificationError for a file that holds anything else."""
    return [one for name in package.names() if name.startswith("trust/") for one in _read(package, name)]


def _read(package: Container, name: str) -> list[x509.Certificate]:
    raw = container.read(package, name, MAX_BYTES)
    try:
        found = [chain.load(base64.b64decode(body, validate=False)) for body in _PEM.findall(raw)]
    except ValueError as error:
        raise VerificationError("evidence-malformed", what=name) from error
    # Written again they must give the same bytes: no room for text between them.
    if not found or b"".join(one.public_bytes(serialization.Encoding.PEM) for one in found) != raw:
        raise VerificationError("evidence-malformed", what=name)
    return found
