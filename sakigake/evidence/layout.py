"""The names of the files in a package, shared by the writer and the verifier."""

import re

MANIFEST = "SHA256SUMS"
SIGNATURE = "SHA256SUMS.sig"
STAMP = "SHA256SUMS.tsr"
PUBLIC = "artist.pub"
PUBLIC_PEM = "artist-pub.pem"
LEAVES = "leaves.txt"
EVENTS = "events.jsonl"
FINDING = "compare/finding.json"
PAGE = "index.html"
README = "READ-ME-FIRST.txt"
VERIFIER = "verify.py"
REPORT = "report.pdf"
CUSTODY = "custody.csv"
METHOD = "compare/method.json"
KEPT_SUMS = "post/SHA256SUMS"
KEPT_ENTRIES = "post/ledger.jsonl"
KEPT_CHECKPOINT = "post/checkpoint.txt"
FORMS = frozenset(
    {
        "forms/README.txt",
        "forms/identity-sheet.txt",
        "forms/youshiki-a.ja.txt",
        "forms/dmca-notice.en.txt",
        "forms/pixiv.ja.txt",
        "forms/x.ja.txt",
        "forms/x.en.txt",
    }
)
MAX_CHECKPOINTS = 10_000  # 0000 to 9999
UNLISTED = frozenset({MANIFEST, SIGNATURE, STAMP})

STAGE_FILE = re.compile(
    r"stages/(?P<seq>[0-9]{6})\.(?P<kind>entry\.json|open\.json|png|proof\.txt|fp\.json|fp\.bin)"
)
CHECKPOINT_FILE = re.compile(r"anchors/(?P<number>[0-9]{4})\.checkpoint\.txt")
TOKEN_FILE = re.compile(r"anchors/(?P<number>[0-9]{4})\.(?:[2-9]\.)?tsr")
PROOF_FILE = re.compile(r"anchors/(?P<number>[0-9]{4})\.(?:ots|hdr)")
COMPARED_FILE = re.compile(r"compare/[a-z0-9][a-z0-9-]{0,40}\.(?:png|gif|svg)")
# Of what the watcher kept of a post: its files, then the ledger that names their list, with tokens.
KEPT_FILE = re.compile(
    r"post/(?:capture\.warc\.gz|log\.json|post\.json|post\.raw|finding\.json|screenshot\.png|[0-9]{1,3}\.(?:png|jpg|webp|gif))"
)
KEPT_LEDGER = re.compile(r"post/(?:ledger\.jsonl|checkpoint\.txt|token(?:\.[2-9])?\.tsr)")
OTHER_FILE = re.compile(r"(?:trust/[a-z0-9-]{1,48}\.pem|post/picture\.(?:png|jpg|webp|gif))")


def stage(seq: int, kind: str) -> str:
    """Return the name of a stage's file; `kind` is entry.json, open.json, png, proof.txt, fp.json or fp.bin."""
    return f"stages/{seq:06d}.{kind}"


def checkpoint(number: int) -> str:
    """Return the name of a checkpoint's file."""
    return f"anchors/{number:04d}.checkpoint.txt"


def token(number: int, nth: int) -> str:
    """Return the name of the `nth` token over a checkpoint, counted from 1."""
    return f"anchors/{number:04d}.tsr" if nth == 1 else f"anchors/{number:04d}.{nth}.tsr"


def proof(number: int) -> str:
    """Return the name of the OpenTimestamps proof over a checkpoint."""
    return f"anchors/{number:04d}.ots"


def header(number: int) -> str:
    """Return the name of the header of the block that the proof leads to."""
    return f"anchors/{number:04d}.hdr"


def kept_token(nth: int) -> str:
    """Return the name of the `nth` token over the ledger of what was kept of the post, counted from 1."""
    return "post/token.tsr" if nth == 1 else f"post/token.{nth}.tsr"


def compared(name: str) -> str:
    """Return the name of a picture that explains the comparison."""
    return f"compare/{name}"


def post(extension: str) -> str:
    """Return the name of the picture that was compared."""
    return f"post/picture.{extension}"
