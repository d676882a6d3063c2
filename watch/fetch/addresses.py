"""Which addresses are public. Python's own `is_global` is not enough: before 3.13 it passes 192.0.0.8 and multicast.

The list follows the two special-purpose registries of IANA (RFC 6890 and what came after), and is stricter in one thing:
their few anycast services which can be reached from everywhere serve no pictures and are refused as well.
"""

from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network

NOT_PUBLIC_4 = tuple(
    IPv4Network(each)
    for each in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private use
        "100.64.0.0/10",  # shared by a provider's customers
        "127.0.0.0/8",  # this computer
        "169.254.0.0/16",  # link local; also where clouds keep their secrets
        "172.16.0.0/12",  # private use
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private use
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved; its last one is broadcast
    )
)
# The only part of IPv6 that is given out for use in the whole network, and what is taken from it again.
UNICAST_6 = IPv6Network("2000::/3")
NOT_PUBLIC_6 = tuple(
    IPv6Network(each)
    for each in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarks, …
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address in disguise
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
# Where a provider has IPv6 only, its translator writes the IPv4 address of a server into these last 32 bits (RFC 6052).
TRANSLATED = IPv6Network("64:ff9b::/96")
_LOW_32 = 0xFFFF_FFFF


def is_public(address: str) -> bool:
    """Say whether an address, as text from a resolver or an URL, is one that anybody may offer a page at.

    What is no address in its usual spelling, or carries a zone (`fe80::1%eth0`), is not.
    """
    try:
        return _public_4(IPv4Address(address))
    except AddressValueError:
        pass
    if "%" in address:
        return False
    try:
        wide = IPv6Address(address)
    except AddressValueError:
        return False
    if wide in TRANSLATED:
        return _public_4(IPv4Address(int(wide) & _LOW_32))
    return wide in UNICAST_6 and not any(wide in network for network in NOT_PUBLIC_6)


def _public_4(address: IPv4Address) -> bool:
    return not any(address in network for network in NOT_PUBLIC_4)
