"""Kill a recorder that draws tokens, again and again at random moments, and count what is lost.

    python -m bench.kills [--kills 1000] [--seed N] [--json FILE]

The real command records a screen (Xvfb) on which strokes are painted, with an `openssl ts` authority on this machine. Half
of the kills (SIGKILL) come while it starts, half while it records and asks for tokens. After each one the store is held
against everything that was acknowledged and against every token that was ever there, the chain is checked, and the age of
the newest entry at the kill is taken: what is younger than that is lost. At the end every token is verified. Exits 1 when
an anchored or acknowledged entry is lost, more than 5 s are lost, or it does not open again.
"""

import argparse
import itertools
import json
import os
import random
import signal
import statistics
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from desk.demo.authority import local_authority
from sakigake.anchor import rfc3161
from sakigake.anchor.trust import Trust
from sakigake.clock import to_ms
from sakigake.timeline import merkle, note
from sakigake.timeline.entry import ZERO_LEAF, parse_entry
from tests.capture.display import Painter, XServer
from tests.capture.running import Kept, Recording

SIZE = (480, 360)
WORST_LOSS_S = 5.0
NEW_EVERY = 50  # kills after which a new session is begun, so that the check of a whole ledger stays quick
SETTINGS = "[record]\nheartbeat_s = 0.5\n[privacy]\nsettle_s = 0.1\n"
STARTING_S, RECORDING_S = 1.5, 3.0
PAUSE_S = 0.4  # between strokes, and four times that after every third
STROKES = 24  # until the canvas is wiped: on a full one the recorder finds nothing new for half a minute


def paint(painter: Painter, stop: threading.Event) -> None:
    """Draw in bursts of three strokes, on a new canvas every now and then."""
    for number in itertools.count():
        if number % STROKES == 0:
            painter.fill(0, 0, *SIZE, 0xFAFAFA)
        painter.stroke(number, (number * 0x3F2D1B) & 0xFFFFFF, size=10)
        if stop.wait(PAUSE_S * (4 if number % 3 == 2 else 1)):
            return


class Ledgers:
    """What has been acknowledged and anchored so far, by session."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.acknowledged: dict[str, dict[int, str]] = {}
        self.anchored: dict[str, dict[str, int]] = {}
        self.lost_acknowledged = self.lost_anchored = self.broken = 0

    def look(self, lines: list[dict[str, Any]]) -> float | None:
        """Hold the store against what is known; returns the time of the newest entry in s since 1970, if any."""
        with Kept(self.home) as kept:
            sessions = kept.store.sessions()
            if not sessions:
                return None
            session = sessions[-1]
            entries = list(kept.store.entries(session.id))
            leaves = [each.leaf for each in entries]
            known = self.acknowledged.setdefault(session.id, {})
            known |= {
                line["seq"]: line["leaf"] for line in lines if line.get("session", session.id) == session.id
            }
            self.lost_acknowledged += sum(
                seq >= len(leaves) or leaves[seq].hex() != leaf for seq, leaf in known.items()
            )
            before = ZERO_LEAF
            for each in entries:
                self.broken += merkle.leaf_hash(each.raw) != each.leaf or parse_entry(each.raw).prev != before
                before = each.leaf.hex()
            checkpoints = kept.store.checkpoints(session.id)
            public = Ed25519PublicKey.from_public_bytes(kept.store.public_key(session.id))
            for checkpoint in checkpoints:
                stated = note.verify(checkpoint.note, public)
                self.broken += stated.size > len(leaves) or merkle.root(leaves[: stated.size]) != stated.root
            tokens = {
                token.digest.hex(): checkpoints[token.checkpoint].size
                for token in kept.store.tokens(session.id)
            }
            earlier = self.anchored.setdefault(session.id, {})
            self.lost_anchored += sum(tokens.get(digest) != size for digest, size in earlier.items())
            earlier |= tokens
            return parse_entry(entries[-1].raw).wall / 1000

    def verified(self, trust: Trust) -> int:
        """Read every token again; returns how many hold. Raises VerificationError for one that does not."""
        count = 0
        with Kept(self.home) as kept:
            for session in kept.store.sessions():
                checkpoints = kept.store.checkpoints(session.id)
                for token in kept.store.tokens(session.id):
                    read = rfc3161.read_token(token.raw, checkpoints[token.checkpoint].note, trust)
                    assert to_ms(read.high) == to_ms(token.time_high)
                    count += 1
        return count


def run(kills: int, seed: int) -> dict[str, Any]:
    """Kill that often; returns the figures."""
    rng = random.Random(seed)
    losses: list[float] = []
    unopened = 0
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        keys = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        authority = stack.enter_context(local_authority(keys / "authority"))
        (home / "sakigake.toml").write_text(f"{SETTINGS}{authority.settings()}", encoding="utf-8")
        server = stack.enter_context(XServer(*SIZE))
        painter = stack.enter_context(Painter(server))
        stop = threading.Event()
        artist = threading.Thread(target=paint, args=(painter, stop))
        artist.start()
        stack.callback(artist.join)
        stack.callback(stop.set)
        ledgers = Ledgers(home)
        for number in range(kills):
            more = ["--new"] if number % NEW_EVERY == 0 else []
            with Recording(
                home, "--source", "screen", "--interval", "0.2s", *more, display=server.name
            ) as recording:
                starting = number % 2 == 1
                if starting:
                    time.sleep(rng.uniform(0, STARTING_S))
                else:
                    try:
                        recording.wait_for("stage")
                    except AssertionError as error:
                        print(f"kill {number}: {error}", file=sys.stderr, flush=True)
                        unopened += 1
                    time.sleep(rng.uniform(0, RECORDING_S))
                recording.process.send_signal(signal.SIGKILL)
                killed = time.time()
                recording.ended()
                lines = list(recording.lines)
            newest = ledgers.look(lines)
            if not starting and newest is not None:
                losses.append(max(0.0, killed - newest))
            if number % 50 == 49:
                print(number + 1, f"lost {ledgers.lost_anchored} {ledgers.lost_acknowledged}", flush=True)
        with Recording(home, "--source", "screen", "--interval", "0.2s", display=server.name) as recording:
            recording.wait_for("stage")
            ended = recording.end()
        ledgers.look(list(recording.lines))
        trust = Trust().with_roots(authority.root_pem.read_bytes(), "local")
        tokens = ledgers.verified(trust)
    return {
        "kills": kills,
        "anchored_lost": ledgers.lost_anchored,
        "acknowledged_lost": ledgers.lost_acknowledged,
        "chains_broken": ledgers.broken,
        "not_reopened": unopened + (ended != 0),
        "tokens": tokens,
        "entries": sum(len(known) for known in ledgers.acknowledged.values()),
        "loss_s_median": round(statistics.median(losses), 2) if losses else None,
        "loss_s_max": round(max(losses), 2) if losses else None,
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    given = parser.parse_args()
    load = os.getloadavg()
    result = {"load_before": load} | run(given.kills, given.seed) | {"load_after": os.getloadavg()}
    text = json.dumps(result, indent=1)
    print(text)
    if given.json:
        given.json.write_text(text, encoding="utf-8")
    lost = any(result[key] for key in ("anchored_lost", "acknowledged_lost", "chains_broken", "not_reopened"))
    return 1 if lost or (result["loss_s_max"] or 0) > WORST_LOSS_S else 0


if __name__ == "__main__":
    sys.exit(main())
