"""Misskey's own client, misskey-js, against our peer: that the peer speaks as a Misskey server does."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.peers.fediverse import TAG, misskey, note
from tests.watch.sources.test_fediverse import aid, now_ms

pytestmark = pytest.mark.slow

RELEASE = "misskey-js@2026.5.1"
CLIENT = """
import * as Misskey from 'misskey-js';
const [origin, tag, channel] = process.argv.slice(2);
const client = new Misskey.api.APIClient({ origin, credential: null });
const stream = new Misskey.Stream(origin, null, { WebSocket: globalThis.WebSocket });
const followed = channel === 'hashtag' ? stream.useChannel(channel, { q: [[tag]] }) : stream.useChannel(channel, {});
const say = told => console.log(JSON.stringify(told));
followed.on('note', note => say({ streamed: note.id, files: note.files.length, host: note.user.host }));
stream.on('_connected_', async () => {
  const name = channel === 'hashtag' ? 'notes/search-by-tag' : 'notes/local-timeline';
  const asked = channel === 'hashtag' ? { tag } : {};
  const notes = await client.request(name, { ...asked, limit: 2 });
  const later = await client.request(name, { ...asked, limit: 2, sinceId: notes[1].id });
  say({ newest: notes.map(each => each.id), later: later.map(each => each.id) });
});
setTimeout(() => process.exit(1), 60000);
process.stdin.on('end', () => process.exit(0)).resume();
"""


def folder(cache: Path) -> Path:
    """Return a folder with the client in it; skips or fails without node and npm."""
    ready = cache / ".installed"
    said = "Node.js and npm are not installed."
    if not ready.exists() and shutil.which("npm") and shutil.which("node"):
        (cache / "package.json").write_text('{"private": true}', encoding="utf-8")
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", RELEASE]
        done = subprocess.run(command, cwd=cache, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode == 0:
            ready.touch()
        said = (done.stderr.strip().splitlines() or ["?"])[-1]
    if not ready.exists():
        sentence = f"The client {RELEASE} could not be installed ({said})"
        if os.environ.get("SAKIGAKE_REQUIRE_PEERS") == "1":
            pytest.fail(sentence)
        pytest.skip(sentence)
    (cache / "client.mjs").write_text(CLIENT, encoding="utf-8")
    return cache


@contextmanager
def client(cache: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    flag = ["--experimental-websocket"] if int(version.removeprefix("v").partition(".")[0]) < 22 else []
    with subprocess.Popen(
        ["node", *flag, "client.mjs", *arguments],
        cwd=cache,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("channel", ["hashtag", "localTimeline"])
def test_the_real_client_is_told_what_our_source_is_told(pytestconfig: pytest.Config, channel: str) -> None:
    cache, ms = folder(pytestconfig.cache.mkdir("misskey-js")), now_ms()
    before = [note(aid(ms + n), f"p{n}") for n in range(3)]
    with misskey() as peer, client(cache, peer.url, TAG, channel) as process:
        assert process.stdout is not None
        peer.timeline.tell(*before)
        asked: dict[str, Any] = json.loads(process.stdout.readline())
        peer.timeline.tell(note(aid(ms + 9), "new", "two"))
        streamed: dict[str, Any] = json.loads(process.stdout.readline())
    assert asked == {"newest": [before[2]["id"], before[1]["id"]], "later": [before[2]["id"]]}
    assert streamed == {"streamed": aid(ms + 9), "files": 2, "host": None}
    assert [each["channel"] for each in peer.connects] == [channel]
