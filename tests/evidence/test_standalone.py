"""The verifier that lies in every package: alone in an empty environment it says what the project's own says."""

import ast
import base64
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from desk.demo import authority as demo
from sakigake import resources, selftest
from sakigake.anchor.rfc3161 import build_request, normal_form, read_token
from sakigake.anchor.trust import Trust
from sakigake.errors import VerificationError
from sakigake.evidence import layout
from sakigake.evidence.standalone import joined, wording
from sakigake.evidence.standalone.certificates import Root, read_root
from sakigake.evidence.standalone.entries import jcs, read_json
from sakigake.evidence.standalone.notes import sound_key
from sakigake.evidence.standalone.rules import RefusedError
from sakigake.evidence.standalone.stamps import read_token as read_alone
from sakigake.evidence.standalone.tree import climb, fold, grow
from sakigake.evidence.standalone.whole import check as check_alone
from sakigake.evidence.verify import verify
from tests.evidence.conftest import Recorder
from tests.evidence.test_tampering import resigned
from tests.evidence.test_tokens import NOBODY

PARTS = Path(joined.__file__).parent
VECTORS = json.loads(resources.read_text(selftest.VECTORS))


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("joined") / "verify.py"
    path.write_bytes(joined.joined())
    return path


def run(*arguments: str | Path, blocked: str = "") -> subprocess.CompletedProcess[str]:
    """Run verify.py as a stranger does; `blocked` is a module that shall not be importable."""
    start = f"import runpy, sys; sys.modules.update({{{blocked!r}: None}} if {blocked!r} else {{}}); "
    start += (
        f"sys.argv = {[str(each) for each in arguments]!r}; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    command = [sys.executable, "-I", "-c", start]
    environment = {**os.environ, "PYTHONUTF8": "1", "LANG": "C.UTF-8"}
    environment = {
        key: value for key, value in environment.items() if not key.startswith(("LC_", "SAKIGAKE"))
    }
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False, env=environment)


def imported(source: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def test_imports_nothing_but_the_standard_library_and_cryptography(tool: Path) -> None:
    names = {name.split(".")[0] for name in imported(tool.read_text(encoding="utf-8"))}
    assert names - set(sys.stdlib_module_names) == {"cryptography", "rfc3161_client"}


def test_the_parts_import_nothing_of_the_project_but_each_other() -> None:
    """Independence is the point: a fault in the project's verifier must not pass here as well."""
    for part in joined.PARTS:
        names = imported((PARTS / f"{part}.py").read_text(encoding="utf-8"))
        inside = {f"{joined.PACKAGE}.{each}" for each in joined.PARTS}
        own = {name for name in names if name.split(".")[0] in {"sakigake", "capture", "watch", "desk"}}
        assert own <= inside, part
    # And nothing of the project leans on the parts: only the text that they are joined to.
    others = [path for path in PARTS.parents[1].rglob("*.py") if path.parent != PARTS]
    users = {
        path.name: {name for name in imported(path.read_text(encoding="utf-8")) if "standalone" in name}
        for path in others
    }
    assert set().union(*users.values()) == {f"{joined.PACKAGE}.joined"}


def test_the_parts_are_all_joined_and_readable() -> None:
    kept = {path.stem for path in PARTS.glob("*.py")}
    assert kept == {*joined.PARTS, "__init__", "__main__", "joined"}
    assert max(len(path.read_text(encoding="utf-8").splitlines()) for path in PARTS.glob("*.py")) <= 300


def test_joined_text_is_the_same_each_time_and_clean(tool: Path) -> None:
    text = joined.joined()
    assert text == joined.joined() == tool.read_bytes()
    assert b"\r" not in text
    compile(text, "verify.py", "exec", dont_inherit=True)
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--isolated",
        "--no-cache",
        "--select",
        "E9,F",
        str(tool),
    ]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout
    for part in joined.PARTS:
        source = (PARTS / f"{part}.py").read_text(encoding="utf-8")
        assert (
            f"# ---- {(ast.get_docstring(ast.parse(source)) or '').splitlines()[0][:-1]} ---" in text.decode()
        )


def test_a_bare_checkout_writes_the_same_file(tmp_path: Path) -> None:
    """With nothing installed, by name and through a pipe."""
    root = PARTS.parents[2]
    command = [sys.executable, "-S", "-m", joined.PACKAGE]
    subprocess.run([*command, str(tmp_path / "verify.py")], cwd=root, check=True)
    piped = subprocess.run(command, cwd=root, check=True, capture_output=True).stdout
    assert (tmp_path / "verify.py").read_bytes() == piped == joined.joined()
    assert subprocess.run([*command, "a", "b"], cwd=root, check=False, capture_output=True).returncode == 2


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"a": '"""A."""\nX = 1\n', "b": '"""B."""\nX = 2\n'}, "defined in a already"),
        ({"a": '"""A."""\nimport os as system\n\nX = 1\n'}, "another name"),
        ({"a": f'"""A."""\nfrom {joined.PACKAGE}.b import Y\n\nX = Y\n'}, "no earlier part"),
        ({"a": '"""A."""\nX = 1\nimport os\n'}, "on top"),
        ({"a": "X = 1\n"}, "docstring"),
    ],
)
def test_what_would_mean_something_else_in_one_file_is_refused(parts: dict[str, str], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        joined.join('"""Head."""', parts)


def test_every_package_carries_it_and_signs_it(tmp_path: Path, record: Recorder) -> None:
    recorded = record(2)
    recorded.export(tmp_path / "pack.zip")
    with zipfile.ZipFile(tmp_path / "pack.zip") as archive:
        assert archive.read(layout.VERIFIER) == joined.joined()
        assert b"  verify.py\n" in archive.read(layout.MANIFEST)
        assert archive.read(layout.README).count(b"verify.py") >= 2


def test_a_package_without_it_is_no_fault(tmp_path: Path, record: Recorder) -> None:
    """Packages that were written before it are as good as they were."""
    recorded = record(2)
    recorded.export(tmp_path / "pack")
    (tmp_path / "pack" / layout.VERIFIER).unlink()
    resigned(recorded.key, tmp_path / "pack")
    assert verify(tmp_path / "pack", NOBODY).reasons == ("no-token",)
    assert check_alone(tmp_path / "pack", [])["reasons"] == ["no-token"]


@pytest.mark.parametrize("name", ["pack.zip", "pack"])
def test_run_from_inside_the_package(tmp_path: Path, tool: Path, record: Recorder, name: str) -> None:
    record(2).export(tmp_path / name)
    done = run(tool, tmp_path / name)
    assert (done.returncode, done.stderr) == (7, "")
    assert done.stdout.startswith("INTEGRITY ONLY")
    assert "proves nothing by itself" in done.stdout
    japanese = run(tool, tmp_path / name, "--lang", "ja")
    assert "資料に入っている確認プログラム" in japanese.stdout


def test_changed_package_and_wrong_arguments(tmp_path: Path, tool: Path, record: Recorder) -> None:
    record(1).export(tmp_path / "pack.zip")
    raw = bytearray((tmp_path / "pack.zip").read_bytes())
    raw[len(raw) // 2] ^= 1
    (tmp_path / "bad.zip").write_bytes(raw)
    done = run(tool, tmp_path / "bad.zip")
    assert done.returncode == 6
    assert done.stdout.startswith("FAILED: ")
    assert run(tool, tmp_path / "nowhere.zip").returncode == 2
    assert run(tool, tmp_path / "pack.zip", "--trust", tmp_path / "pack.zip").returncode == 2
    record_ = json.loads(run(tool, tmp_path / "bad.zip", "--json").stdout)
    assert record_["verdict"] == "FAILED"


def test_says_what_it_could_not_check(tmp_path: Path, tool: Path, record: Recorder) -> None:
    record(1).export(tmp_path / "pack.zip")
    assert "rfc3161-client" not in run(tool, tmp_path / "pack.zip").stdout
    without = run(tool, tmp_path / "pack.zip", blocked="rfc3161_client")
    assert without.returncode == 7
    assert "rfc3161-client is not installed" in without.stdout


def test_sentences_are_there_for_everything_it_says() -> None:
    source = joined.joined()
    assert set(wording.EN) == set(wording.JA)
    codes = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            place = {"need": 1, "refusal": 0}.get(node.func.id, len(node.args))
            codes |= {
                each.value
                for each in ast.walk(node.args[place] if place < len(node.args) else ast.Pass())
                if isinstance(each, ast.Constant) and isinstance(each.value, str)
            }
    assert codes == set(wording.WHY)


def test_vectors_of_canonical_json_and_keys() -> None:
    for row in VECTORS["canonical_json"]["accepted"]:
        assert jcs(row["value"]).encode() == base64.b64decode(row["canonical"])
    for text in VECTORS["canonical_json"]["refused"]:
        with pytest.raises(RefusedError):
            read_json(base64.b64decode(text), "x", required=set())
    assert not any(sound_key(bytes.fromhex(key)) for key in VECTORS["note"]["unsound_keys"])
    assert sound_key(bytes.fromhex(VECTORS["note"]["public"]))


def test_vectors_of_the_tree() -> None:
    leaves = [bytes.fromhex(leaf) for leaf in VECTORS["tree"]["leaves"]]
    stack: list[tuple[int, bytes]] = []
    for size, leaf in enumerate(leaves, start=1):
        grow(stack, leaf)
        known = VECTORS["tree"]["roots"].get(str(size))
        assert known in {None, fold(stack).hex()}
    for row in VECTORS["tree"]["proofs"]:
        path = [bytes.fromhex(node) for node in row["path"]]
        root = climb(row["index"], row["size"], leaves[row["index"]], path)
        assert root
        assert root.hex() == VECTORS["tree"]["roots"][str(row["size"])]


def test_vectors_of_tokens(tmp_path: Path) -> None:
    table = VECTORS["token"]
    (tmp_path / "root.pem").write_text(table["root"])
    roots = [read_root(tmp_path / "root.pem")]
    raw, data = base64.b64decode(table["token"]), base64.b64decode(table["data"])
    token = read_alone(raw, data, 1, roots, [])
    ends = [round(end.timestamp() * 1000) for end in (token.low, token.high)]
    assert (token.authority, ends) == ("root", [table["low"], table["high"]])
    for at, bit in table["refused_bits"]:
        changed = raw[:at] + bytes((raw[at] ^ 1 << bit,)) + raw[at + 1 :]
        with pytest.raises(RefusedError):
            read_alone(changed, data, 1, roots, [])


@pytest.mark.parametrize(
    "extra", ["", "certs = root.pem", "tsa_name = yes\nordering = yes", "ess_cert_id_alg = sha1"]
)
def test_answers_of_openssl_are_read_alike(tmp_path: Path, extra: str) -> None:
    demo.create(tmp_path, extra)
    raw = normal_form(demo.reply(tmp_path, build_request(b"data")))
    roots = [read_root(tmp_path / "root.pem")]
    assert read_alone(raw, b"data", 1, roots, []).authority == "root"
    with pytest.raises(RefusedError):
        read_alone(raw, b"other", 1, roots, [])


def test_dropped_event_is_refused_by_both(tmp_path: Path, record: Recorder) -> None:
    recorded = record(2)
    recorded.export(tmp_path / "pack")
    path = tmp_path / "pack" / layout.EVENTS
    left = [line for line in path.read_bytes().splitlines(keepends=True) if b'"type":"gap"' not in line]
    path.write_bytes(b"".join(left))
    resigned(recorded.key, tmp_path / "pack")
    with pytest.raises(VerificationError) as caught:
        verify(tmp_path / "pack", NOBODY)
    assert caught.value.code == "events-left-out"
    with pytest.raises(RefusedError) as alone:
        check_alone(tmp_path / "pack", [])
    assert alone.value.code == "events"


FIXTURES = Path(__file__).parents[1] / "anchor" / "fixtures"


@pytest.mark.parametrize(
    ("name", "root", "step"),
    [("identrust.tsr", "identrust.pem", 41), ("sigstage-sha256.tsr", "sigstage.pem", 17)],
)
def test_real_tokens_and_every_change_of_them_are_read_alike(
    tmp_path: Path, name: str, root: str, step: int
) -> None:
    pem = (FIXTURES / root).read_bytes() if root == "sigstage.pem" else resources.read_bytes(f"trust/{root}")
    (tmp_path / root).write_bytes(pem)
    roots, trust = [read_root(tmp_path / root)], Trust().with_roots(pem, "added")
    raw = normal_form((FIXTURES / name).read_bytes())
    token, reading = read_alone(raw, b"hello", 1, roots, None), read_token(raw, b"hello", trust)
    assert token.authority == roots[0].name
    assert (token.low, token.high) == (reading.low, reading.high)
    for at in range(0, len(raw), step):
        changed = raw[:at] + bytes((raw[at] ^ 1 << at % 8,)) + raw[at + 1 :]
        with pytest.raises(RefusedError):
            read_alone(changed, b"hello", 1, roots, [])
        with pytest.raises(VerificationError):
            read_token(changed, b"hello", trust)
        # With an open chain a damaged intermediate only means that the token does not count.
        assert alone(changed, roots) == project(changed, trust) != roots[0].name


def alone(raw: bytes, roots: list[Root]) -> str | None:
    try:
        return read_alone(raw, b"hello", 1, roots, None).authority
    except RefusedError:
        return "refused"


def project(raw: bytes, trust: Trust) -> str | None:
    try:
        return read_token(raw, b"hello", trust, open_chain=True).authority
    except VerificationError:
        return "refused"
