"""Which Ed25519 public keys mean something."""

_P = 2**255 - 19  # RFC 8032 section 5.1: the field, and the constant of the curve
_D = -121665 * pow(121666, -1, _P) % _P


def is_sound(public: bytes) -> bool:
    """Say whether a public key (32 bytes) is the one encoding of a point that is not of small order.

    Under the eight points of small order a signature made once fits other texts as well, so a list of files would
    not be bound to it. Their y coordinates are 0, 1, -1 and, for order 8, the roots of d y^4 + 2 y^2 - 1.
    """
    y = int.from_bytes(public, "little") & ((1 << 255) - 1)
    order_four = y in {0, 1, _P - 1}
    order_eight = (_D * pow(y, 4, _P) + 2 * y * y - 1) % _P == 0
    return y < _P and not order_four and not order_eight
