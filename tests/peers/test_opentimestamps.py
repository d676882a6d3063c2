"""The real client of OpenTimestamps (another author's code and licence, in its own environment) against ours."""

import base64
import json
import random
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from bench import attack, attack_blocks, attack_scene, chain
from sakigake import resources
from sakigake.anchor import blocks, calendars, ots
from sakigake.anchor.headers import Explorer
from sakigake.anchor.trust import Trust
from sakigake.clock import Clock
from sakigake.errors import VerificationError
from sakigake.evidence.verify import verify
from tests.anchor.sessions import Drawing, Time
from tests.evidence.conftest import Recorder, record
from tests.peers.calendar import Peer, serving
from tests.peers.elsewhere import program

__all__ = ["record"]

pytestmark = pytest.mark.slow

RELEASE = "opentimestamps-client==0.7.2"
EASIEST = chain.easiest()
VECTOR = json.loads(resources.read_text("vectors-v1.json"))["block"]
# Reads proofs (hex, one a line) with the library: the digest it is about, and whether one path leads to a block.
LIBRARY = """
import sys
from opentimestamps.core.timestamp import DetachedTimestampFile
from opentimestamps.core.serialize import BytesDeserializationContext
from opentimestamps.core.notary import BitcoinBlockHeaderAttestation
digest, root = (bytes.fromhex(each) for each in sys.argv[1:3])
for line in sys.stdin:
    try:
        proof = DetachedTimestampFile.deserialize(BytesDeserializationContext(bytes.fromhex(line.strip())))
        ends = [m for m, a in proof.timestamp.all_attestations() if a.__class__ is BitcoinBlockHeaderAttestation]
        print(int(proof.file_digest == digest and root in ends))
    except Exception:
        print(0)
"""


@dataclass(frozen=True)
class Client:
    """The `ots` command, with a calendar and a node on loopback and no cache."""

    command: Path
    peer: Peer

    def run(self, folder: Path, *arguments: str, node: bool = True) -> subprocess.CompletedProcess[str]:
        address = self.peer.url.replace("http://", "http://user:word@")
        where = ["--bitcoin-node", address] if node else ["--no-bitcoin"]
        whole = [
            str(self.command),
            *("--no-cache", "--no-default-whitelist", "--whitelist", self.peer.url, *where, *arguments),
        ]
        return subprocess.run(whole, cwd=folder, capture_output=True, text=True, timeout=120, check=False)

    def takes(self, digest: bytes, root: bytes, proofs: list[bytes]) -> list[bool]:
        """Say which proofs the library reads as leading from `digest` to a block of that Merkle root."""
        python = self.command.parent / "python"
        done = subprocess.run(
            [str(python), "-c", LIBRARY, digest.hex(), root.hex()],
            input="\n".join(proof.hex() or "00" for proof in proofs),
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
        )
        return [line == "1" for line in done.stdout.split()]


@pytest.fixture(scope="module")
def command(pytestconfig: pytest.Config) -> Path:
    return program(pytestconfig.cache.mkdir("opentimestamps"), RELEASE, "ots")


@pytest.fixture
def client(command: Path) -> Iterator[Client]:
    with serving(Peer()) as peer:
        yield Client(command, peer)


def test_its_proofs_are_read(client: Client, tmp_path: Path) -> None:
    """`ots stamp` and `ots upgrade` of the real client, several files in one request: read here as one path each."""
    names = ["a.txt", "b.txt", "c.txt"]
    for name in names:
        (tmp_path / name).write_text(name, encoding="utf-8")
    done = client.run(tmp_path, "stamp", "-m", "1", "-c", client.peer.url, *names)
    assert done.returncode == 0, done.stderr
    digests = [sha256(name.encode()).digest() for name in names]
    for name, digest in zip(names, digests, strict=True):
        stated, (path,) = ots.read_file((tmp_path / f"{name}.ots").read_bytes())
        assert (stated, path.end.kind) == (digest, ots.Kind.PENDING)
        assert path.end.address.rstrip("/") == client.peer.url
        with pytest.raises(VerificationError):
            ots.read_block_proof((tmp_path / f"{name}.ots").read_bytes(), digest)
    client.peer.mine(1_780_000_000)
    done = client.run(tmp_path, "upgrade", *(f"{name}.ots" for name in names))
    assert done.returncode == 0, done.stderr
    for name, digest in zip(names, digests, strict=True):
        raw = (tmp_path / f"{name}.ots").read_bytes()
        _, paths = ots.read_file(raw)
        (path,) = (path for path in paths if path.end.kind is ots.Kind.BITCOIN)
        alone = ots.write_file(digest, path.steps, path.end)
        header = Explorer(client.peer.url, 5).header(path.end.height)
        assert ots.confirm(alone, digest, header, easiest=EASIEST).time.timestamp() == 1_780_000_000
        # What the client keeps beside it (the promise of the calendar) is no part of what we take.
        assert len(alone) <= len(raw)


def test_it_takes_the_proofs_of_a_package(client: Client, tmp_path: Path, record: Recorder) -> None:
    """Our submission, upgrade and export against the same calendar: `ots verify` and `ots info` agree."""
    recorded = record(2)
    asked = calendars.Calendars((client.peer.url,), 600, 5, Explorer(client.peer.url, 5))
    work = blocks.BlockWorker(recorded.store, asked, Clock(), easiest=EASIEST)
    assert work.drain(20).submitted == 1
    client.peer.mine()
    assert work.drain(20).confirmed == 1
    folder = tmp_path / "pack"
    recorded.export(folder)
    report = verify(folder, Trust(), easiest=EASIEST)
    (block,) = report.blocks
    checkpoint = block.file.replace(".ots", ".checkpoint.txt")
    done = client.run(folder, "verify", "-f", checkpoint, block.file)
    assert done.returncode == 0, done.stderr
    assert f"Success! Bitcoin block 1 attests existence as of {block.time:%Y-%m-%d}" in done.stderr
    shown = client.run(folder, "info", block.file)
    assert shown.returncode == 0
    assert sha256((folder / checkpoint).read_bytes()).hexdigest() in shown.stdout
    assert "verify BitcoinBlockHeaderAttestation(1)" in shown.stdout
    assert "PendingAttestation" not in shown.stdout
    # By hand, as READ-ME-FIRST.txt has it: the client names the Merkle root, the header in the package has it.
    by_hand = client.run(folder, "verify", "-f", checkpoint, block.file, node=False)
    root = (folder / block.file.replace(".ots", ".hdr")).read_bytes()[36:68][::-1].hex()
    assert f"block 1 has merkleroot {root}" in by_hand.stderr


def test_it_refuses_a_height_that_is_not_the_blocks(client: Client, tmp_path: Path) -> None:
    """The one statement of a proof that our verifiers do not check is checked by whoever has the chain."""
    (tmp_path / "doc").write_bytes(b"checkpoint")
    digest = sha256(b"checkpoint").digest()
    steps, message = calendars.prepare(digest)
    promised = calendars.submit(client.peer.url, message, 5)
    client.peer.mine()
    client.peer.calendar.submit(bytes(32))
    client.peer.mine()
    (reached,) = calendars.upgrade(client.peer.url, promised.message, 5)
    whole = (*steps, *promised.steps, *reached.steps)
    header = Explorer(client.peer.url, 5).header(1)
    for height, taken in ((1, True), (2, False)):
        raw = ots.write_file(digest, whole, ots.Attestation(ots.Kind.BITCOIN, height=height))
        (tmp_path / "doc.ots").write_bytes(raw)
        assert ots.confirm(raw, digest, header, easiest=EASIEST).root == header[36:68]
        done = client.run(tmp_path, "verify", "-f", "doc", "doc.ots")
        assert (done.returncode == 0) is taken, done.stderr


def test_whatever_it_refuses_is_refused(client: Client) -> None:
    """Every bit of a proof, and thousands of other changes: nothing passes here that the library does not read."""
    proof, header = bytes.fromhex(VECTOR["proof"]), bytes.fromhex(VECTOR["header"])
    digest, root = sha256(base64.b64decode(VECTOR["data"])).digest(), header[36:68]
    rng = random.Random(4)
    changed = [
        proof[:at] + bytes((proof[at] ^ 1 << bit,)) + proof[at + 1 :]
        for at in range(len(proof))
        for bit in range(8)
    ]
    changed += [proof[:size] for size in range(len(proof))]
    for _ in range(4000):
        at, gone = rng.randrange(len(proof) + 1), rng.choice((0, 0, 1, 2, 9))
        changed.append(proof[:at] + rng.randbytes(rng.choice((0, 1, 1, 2, 5))) + proof[at + gone :])
    ours = []
    for raw in changed:
        try:
            ots.confirm(raw, digest, header, easiest=int(VECTOR["easiest"], 16))
            ours.append(True)
        except VerificationError:
            ours.append(False)
    theirs = client.takes(digest, root, changed)
    assert len(theirs) == len(changed) > 7000
    assert client.takes(digest, root, [proof]) == [True]
    wrongly = [raw.hex() for raw, we, they in zip(changed, ours, theirs, strict=True) if we and not they]
    assert wrongly == []
    taken = {raw for raw, we in zip(changed, ours, strict=True) if we} - {proof}
    assert all(attack.only_height(proof, raw) for raw in taken)


def test_whatever_it_refuses_of_structured_attacks_is_refused(client: Client) -> None:
    made, (proof, header) = attack_blocks._recorded()
    digest, root = sha256(made.notes[0]).digest(), header[36:68]
    names, changed = ["true"], [proof]
    for name, change in attack_blocks._proofs():
        names.append(name)
        changed.append(change(proof, header)[0])
    theirs = client.takes(digest, root, changed)
    ours = []
    for raw in changed:
        try:
            ots.confirm(raw, digest, header, easiest=attack_scene.EASIEST)
            ours.append(True)
        except VerificationError:
            ours.append(False)
    assert ours == [True] + [False] * (len(changed) - 1)
    assert theirs[0]
    # It takes more: other branches beside the one that leads to the block, and numbers that are longer than need be.
    more = {name for name, taken in zip(names, theirs, strict=True) if taken} - {"true"}
    assert "a promise of somebody beside it" in more
    assert "a height in two bytes where one is enough" in more


def test_a_whole_day_through_the_same_calendar(client: Client, tmp_path: Path) -> None:
    """The worker with its own schedule and the real client side by side: both end in blocks of one chain."""
    from sakigake.store.sqlite import SqliteStore

    store, moment = SqliteStore(tmp_path / "sakigake.db"), Time()
    drawing = Drawing(store, moment)
    asked = calendars.Calendars((client.peer.url,), 600, 5, Explorer(client.peer.url, 5))
    work = blocks.BlockWorker(store, asked, moment.clock, rng=random.Random(2), easiest=EASIEST)
    for _ in range(24 * 6):
        drawing.checkpoint()
        moment.on(600)
        work.run_once()
        if not drawing.made % 12:
            client.peer.mine(moment.wall // 10**9)
    moment.on(7200)
    client.peer.mine(moment.wall // 10**9)
    work.run_once()
    proofs = store.proofs(drawing.id)
    assert len(proofs) >= 140
    notes = {point.number: point.note for point in store.checkpoints(drawing.id)}
    for proof in proofs[::12]:
        (tmp_path / "doc").write_bytes(notes[proof.checkpoint])
        (tmp_path / "doc.ots").write_bytes(proof.raw)
        done = client.run(tmp_path, "verify", "-f", "doc", "doc.ots")
        assert done.returncode == 0, done.stderr
    store.close()
