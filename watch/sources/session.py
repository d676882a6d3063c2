"""A session of the requests library whose connections all go through the guard.

For Mastodon.py, and for servers that want a User-Agent of their own.
"""

import time
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from sakigake import __version__
from sakigake.errors import NetworkError
from watch.sources.net import CONNECT_S, Net

USER_AGENT = f"sakigake/{__version__}"
MAX_ANSWER = 8 * 2**20
TOTAL_S = 30.0
REDIRECTS = 3
_PIECE = 65_536


def guarded(net: Net, user_agent: str = USER_AGENT) -> requests.Session:
    """Return a session that reaches what the guard lets through and nothing else: no proxies, no `.netrc`, no cookies kept."""
    session = requests.Session()
    session.trust_env = False
    session.max_redirects = REDIRECTS
    session.headers["User-Agent"] = user_agent
    session.headers["Accept-Encoding"] = "identity"
    session.cookies.set_policy(_NoCookies())
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(net))
    return session


class _NoCookies(requests.cookies.cookielib.DefaultCookiePolicy):  # type: ignore[misc,name-defined]
    def set_ok(self, cookie: Any, request: Any) -> bool:  # noqa: ARG002 - of the interface
        return False


class _Adapter(HTTPAdapter):
    def __init__(self, net: Net) -> None:
        self._net = net
        super().__init__(max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **more: Any) -> None:  # noqa: FBT001, FBT002
        net = self._net

        class Plain(HTTPConnection):
            def _new_conn(self) -> Any:
                return net.open_socket(self.host, self.port, tls=False, seconds=CONNECT_S)

        class Secure(HTTPSConnection):
            def _new_conn(self) -> Any:
                return net.open_socket(self.host, self.port or 443, tls=False, seconds=CONNECT_S)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        self.poolmanager = PoolManager(num_pools=connections, maxsize=maxsize, block=block, **more)
        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}

    def send(  # noqa: PLR0917 - of the interface
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: FBT001, FBT002 - of the interface
        timeout: Any = None,
        verify: Any = True,  # noqa: FBT002
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        """Send as any adapter does, and read at most 8 MB in 30 seconds of what is not a stream."""
        response = super().send(request, True, timeout, verify, cert, proxies)
        if stream:
            return response
        until, pieces, size = time.monotonic() + TOTAL_S, [], 0
        try:
            for piece in response.iter_content(_PIECE):
                pieces.append(piece)
                size += len(piece)
                if size > MAX_ANSWER or time.monotonic() > until:
                    raise NetworkError("source-answer-too-large", host=_host(request))
        finally:
            response.close()
        response._content = b"".join(pieces)  # noqa: SLF001 - what `content` would have read without a limit
        response._content_consumed = True  # type: ignore[attr-defined]  # noqa: SLF001
        return response


def _host(request: requests.PreparedRequest) -> str:
    return (request.url or "").partition("://")[2].partition("/")[0]
