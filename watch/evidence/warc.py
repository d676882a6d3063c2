"""Requests and answers as a WARC file (ISO 28500), which web archives and courts' experts have readers for.

Each hop is a response record and the request record that goes with it. The body is as the server sent it, still packed
where it was packed; chunks were put together, which the header `X-Orig-Transfer-Encoding` says. No cookies and no
authorization are in it: the fetcher never writes them down.
"""

import io
from collections.abc import Iterable
from urllib.parse import urlsplit

from sakigake import __version__
from sakigake.clock import iso
from watch.fetch.records import Hop

_CHUNKED = "transfer-encoding"
_UNTOLD = {"WARC-Truncated": "unspecified"}  # the body of a post, where some services want their tokens


def write(hops: Iterable[Hop]) -> bytes:
    """Return the file, each record packed by itself."""
    # Imported here: only a match needs it.
    from warcio.statusandheaders import StatusAndHeaders  # noqa: PLC0415
    from warcio.warcwriter import WARCWriter  # noqa: PLC0415

    out = io.BytesIO()
    writer = WARCWriter(out, gzip=True, warc_version="1.1")
    writer.write_record(
        writer.create_warcinfo_record(
            None, {"software": f"sakigake {__version__}", "format": "WARC File Format 1.1"}
        )
    )
    for hop in hops:
        about = {"WARC-Date": iso(hop.began)}
        if hop.address:
            about["WARC-IP-Address"] = hop.address
        if hop.cut:
            about["WARC-Truncated"] = "length"
        response = writer.create_warc_record(
            hop.url,
            "response",
            payload=io.BytesIO(hop.raw),
            length=len(hop.raw),
            http_headers=StatusAndHeaders(f"{hop.status} {hop.reason}", _lines(hop), protocol="HTTP/1.1"),
            warc_headers_dict=about,
        )
        parts = urlsplit(hop.url)
        path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        request = writer.create_warc_record(
            hop.url,
            "request",
            payload=io.BytesIO(),
            length=0,
            http_headers=StatusAndHeaders(
                f"{hop.method} {path} HTTP/1.1", list(hop.request), is_http_request=True
            ),
            warc_headers_dict={"WARC-Date": about["WARC-Date"], **({} if hop.method == "GET" else _UNTOLD)},
        )
        writer.write_record(response)
        request.rec_headers.add_header(
            "WARC-Concurrent-To", response.rec_headers.get_header("WARC-Record-ID")
        )
        writer.write_record(request)
    return out.getvalue()


def _lines(hop: Hop) -> list[tuple[str, str]]:
    return [(f"X-Orig-{key}" if key.lower() == _CHUNKED else key, value) for key, value in hop.headers]
