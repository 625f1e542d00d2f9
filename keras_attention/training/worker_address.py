"""The address of a worker, HOST:PORT, and whether two spellings of one are the same."""

import ipaddress
import re
import socket

_LABEL = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?")
_PORT = re.compile(r"[0-9]{1,5}")
LONGEST_NAME = 253  # characters
_THIS_MACHINE = "localhost"


def worker_address(text):
    """An address in the one spelling of which two workers may not have the same.

    A name in capitals, with a dot at its end, or of this machine is written in one way, as is an IP
    address of version 4 or 6. No name is looked up: a machine may get its name after others have
    begun to wait for it.

    Args:
        text: what should be HOST:PORT, the host a name or an IP address, one of version 6 in
            brackets. Names with other letters than those of ASCII are written as "xn--...".

    Returns:
        A pair of the host and the port; None where it is no address.

    >>> worker_address("127.0.0.1:12345") == worker_address("LOCALHOST.:12345")
    True
    """
    if not isinstance(text, str):
        return None
    host, _, port = text.rpartition(":")
    if not _PORT.fullmatch(port) or not 0 < int(port) < 1 << 16:
        return None
    host = _host(host)
    return host and (host, int(port))


def _host(text):
    """A host in one spelling; None where it is none."""
    if text.startswith("[") and text.endswith("]"):
        try:
            return _of_ip(ipaddress.IPv6Address(text[1:-1]))
        except ValueError:
            return None
    if len(text) > LONGEST_NAME or not _NAME.fullmatch(text):
        return None
    name = text.lower().removesuffix(".")
    try:  # as the system reads it: "127.1" is 127.0.0.1
        return _of_ip(ipaddress.IPv4Address(socket.inet_aton(name)))
    except OSError:
        pass
    if name.replace(".", "").isdigit():  # "1.2.3.4.5" and "300.1.1.1" are no names
        return None
    is_local = name.endswith(".localhost") or name == socket.gethostname().lower()
    return _THIS_MACHINE if is_local else name


def _of_ip(address):
    """One spelling of an IP address; all of this machine alone are one."""
    address = getattr(address, "ipv4_mapped", None) or address
    return _THIS_MACHINE if address.is_loopback or address.is_unspecified else str(address)
