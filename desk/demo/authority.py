"""A time authority on this computer, to try things out: a throw-away root, and `openssl ts` behind a small server.

Its times prove nothing to anybody else, and it says so in its certificates and wherever it speaks.

    python -m desk.demo.authority FOLDER --port 3161
"""

import argparse
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import click

from sakigake import words
from sakigake.errors import SakigakeError

NAME = "demonstration"
QUERY, REPLY = "application/timestamp-query", "application/timestamp-reply"
MAX_QUERY_BYTES = 16 * 1024
OPENSSL_TIMEOUT_S = 30
# The policy identifier is from the arc that RFC 3161 servers use for tests; `{extra}` is for options of a test.
_CONFIG = """\
[req]
distinguished_name = subject
prompt = no
utf8 = yes
[subject]
O = sakigake DEMONSTRATION
CN = {name} - proves nothing to others
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[signer]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[tsa]
default_tsa = service
[service]
serial = serial
crypto_device = builtin
signer_cert = signer.pem
signer_key = signer.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
ess_cert_id_alg = sha256
{extra}
"""


@dataclass(frozen=True, slots=True)
class LocalAuthority:
    """Where the authority answers and what its root is."""

    url: str
    root_pem: Path

    def settings(self) -> str:
        """Return the lines of `sakigake.toml` that make it the one that is asked."""
        lines = (
            "[ots]",
            "enabled = false",  # a machine that asks itself for the time asks nobody outside
            "[anchor]",
            f'use = ["{NAME}"]',
            "[[anchor.authority]]",
            f'name = "{NAME}"',
            f'url = "{self.url}"',
        )
        # A literal string: a Windows path keeps its backslashes.
        return "\n".join((*lines, f"root = '{self.root_pem.absolute()}'"))


@contextmanager
def local_authority(folder: Path, port: int = 0, extra: str = "") -> Iterator[LocalAuthority]:
    """Serve on loopback until the context is left; `folder` keeps the keys and is filled when it is empty.

    `extra` is added to the `[service]` section of the configuration. Raises SakigakeError when openssl is not there or
    cannot do it, OSError when the port is taken.
    """
    create(folder, extra)
    server = _Server(("127.0.0.1", port), _Handler)
    server.folder = folder
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield LocalAuthority(f"http://127.0.0.1:{server.server_address[1]}", folder / "root.pem")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def create(folder: Path, extra: str = "") -> None:
    """Make a root and a signing certificate in `folder`, unless they are there; raises SakigakeError."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in ("root", "signer"):
            text = _CONFIG.format(name=f"DEMONSTRATION time {name}", extra=extra)
            (folder / f"{name}.cnf").write_text(text, encoding="utf-8")
        if (folder / "signer.pem").exists():
            return
        (folder / "serial").write_text("01\n", encoding="ascii")
    except OSError as error:
        raise SakigakeError("anchor-folder-unwritable", path=folder, why=error.strerror or error) from error
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-sha256")
    made = (
        "-config",
        "root.cnf",
        "-keyout",
        "root.key",
        "-out",
        "root.pem",
        "-days",
        "3650",
        "-extensions",
        "root",
    )
    _openssl(folder, "req", "-x509", *key, *made)
    _openssl(
        folder, "req", *key, "-new", "-config", "signer.cnf", "-keyout", "signer.key", "-out", "signer.csr"
    )
    issuer = ("-CA", "root.pem", "-CAkey", "root.key", "-set_serial", "2", "-days", "3649", "-sha256")
    shape = ("-extfile", "signer.cnf", "-extensions", "signer")
    _openssl(folder, "x509", "-req", "-in", "signer.csr", *issuer, *shape, "-out", "signer.pem")


def reply(folder: Path, query: bytes) -> bytes:
    """Return the answer of the authority kept in `folder` to a TimeStampReq; raises SakigakeError."""
    with tempfile.TemporaryDirectory() as scratch:
        asked, answer = Path(scratch) / "query.tsq", Path(scratch) / "reply.tsr"
        asked.write_bytes(query)
        _openssl(
            folder, "ts", "-reply", "-config", "signer.cnf", "-queryfile", str(asked), "-out", str(answer)
        )
        return answer.read_bytes()


def _openssl(folder: Path, *arguments: str) -> None:
    command = ("openssl", *arguments)
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, timeout=OPENSSL_TIMEOUT_S, check=False
        )
    except FileNotFoundError as error:
        raise SakigakeError("anchor-openssl-missing") from error
    except subprocess.TimeoutExpired as error:
        raise SakigakeError("anchor-openssl-failed", why=f"openssl {arguments[0]}: timeout") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise SakigakeError(
            "anchor-openssl-failed", why=f"openssl {arguments[0]}: {said[-1] if said else '?'}"
        )


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    folder: Path
    # openssl counts serial numbers in a file, so one request at a time.
    turn = threading.Lock()


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10

    def do_POST(self) -> None:
        size = self.headers.get("Content-Length", "")
        if self.headers.get_content_type() != QUERY or not size.isdecimal() or int(size) > MAX_QUERY_BYTES:
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        try:
            with self.server.turn:
                answer = reply(self.server.folder, self.rfile.read(int(size)))
        except SakigakeError:
            self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR)
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", REPLY)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        """Say nothing: who asked when is nobody's business, here as well."""


def main(arguments: list[str] | None = None) -> int:
    """Serve until Ctrl+C; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m desk.demo.authority", description=words.text("anchor.local-warning")
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=3161)
    given = parser.parse_args(arguments)
    try:
        with local_authority(given.folder, given.port) as authority:
            # Ended by another program it leaves as it does at Ctrl+C.
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            click.echo(words.text("anchor.local-warning"))
            click.echo(words.text("anchor.local-ready", url=authority.url))
            click.echo(words.text("anchor.local-root", path=authority.root_pem))
            click.echo(words.text("anchor.local-stop"))
            click.echo("\n" + authority.settings())
            threading.Event().wait()
    except KeyboardInterrupt:
        return 0
    except OSError as error:
        click.echo(words.text("anchor.local-port", port=given.port, why=error.strerror), err=True)
        return 1
    except SakigakeError as error:
        click.echo(f"{error.message()}\n{error.hint()}", err=True)
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
