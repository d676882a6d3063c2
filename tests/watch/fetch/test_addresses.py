"""The list of addresses that are not public: its edges, and every network of it, without any network."""

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watch.fetch.addresses import NOT_PUBLIC_4, NOT_PUBLIC_6, is_public

PUBLIC = (
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
    "128.0.0.1", "169.253.255.255", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255", "198.17.255.255",
    "198.20.0.0", "223.255.255.255", "2606:4700:4700::1111", "2001:4860:4860::8888", "2a00::1", "2001:200::1",
    "64:ff9b::808:808",
)  # fmt: skip
NOT_PUBLIC = (
    "0.0.0.0", "0.1.2.3",  # noqa: S104 - it is refused here
    "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254",
    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.0.9", "192.0.2.1", "192.31.196.1",
    "192.52.193.1", "192.88.99.1", "192.168.1.1", "192.175.48.1", "198.18.0.1", "198.19.255.255", "198.51.100.1",
    "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "100:0:0:1::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "2620:4f:8000::1",
    "3fff::1", "4000::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "fe80::1%eth0",
    "2606:4700:4700::1111%1",
    "", "localhost", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "127.0.0.01", "1.1.1.1 ", "1.1.1", "8.8.8.8/32",
)  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("network", [*NOT_PUBLIC_4, *NOT_PUBLIC_6], ids=str)
def test_both_ends_of_every_network_are_refused(network: object) -> None:
    found = ip_network(str(network))
    assert not is_public(str(found[0]))
    assert not is_public(str(found[-1]))


@given(st.integers(0, 2**32 - 1))
def test_an_ipv4_address_in_disguise_is_worth_no_more_than_itself(number: int) -> None:
    plain = str(IPv4Address(number))
    assert is_public(str(IPv6Address((0x64FF9B << 96) | number))) == is_public(plain)
    assert not is_public(f"::ffff:{plain}")
    assert not is_public(str(IPv6Address(number)))
    assert not is_public(str(IPv6Address((0x2002 << 112) | (number << 80))))


@given(st.integers(0, 2**128 - 1))
def test_nothing_outside_what_is_given_out_is_public(number: int) -> None:
    if is_public(str(IPv6Address(number))):
        assert number >> 125 == 1 or number >> 32 == 0x64FF9B << 64
