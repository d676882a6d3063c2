"""The verifier that lies in a package, held against the one that this version writes."""

from sakigake.errors import VerificationError
from sakigake.evidence import container, layout
from sakigake.evidence.container import Container
from sakigake.evidence.standalone.joined import joined

SAME, OTHER, ABSENT = "same", "other", "absent"
MAX_VERIFIER = 1 << 20


def verifier(package: Container) -> str:
    """Return whether a package's verify.py is ours byte for byte.

    Another one is no fault: another version may have made it. It only means that nobody here can say what it does.
    """
    if layout.VERIFIER not in package.names():
        return ABSENT
    try:
        return SAME if container.read(package, layout.VERIFIER, MAX_VERIFIER) == joined() else OTHER
    except VerificationError:
        return OTHER
