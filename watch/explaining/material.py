"""What is explained, what comes out, and the words and numbers that all the pictures share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sakigake import words
from sakigake.fingerprint.vector import Descriptors
from sakigake.fingerprint.views import Pixels
from sakigake.model import Finding, Interval
from watch.explaining import registration, seen
from watch.explaining.alignment import Alignment
from watch.explaining.alignment import of as aligned
from watch.explaining.seen import Seen


@dataclass(frozen=True, slots=True)
class Caption:
    """The sentence that stands beside a picture: a key into the string tables and what fills its places."""

    key: str
    params: Mapping[str, object] = field(default_factory=dict)

    def text(self, lang: str | None = None) -> str:
        """Return the sentence in a language."""
        return words.text(self.key, lang, **self.params)


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """Files by ASCII name and a caption for each picture; `method` is the name of the record. Same input, same bytes."""

    files: Mapping[str, bytes]
    captions: Mapping[str, Caption]
    method: str = "method.json"


@dataclass(frozen=True, slots=True)
class Moment:
    """A stage in time: by outsiders' clocks, and as the computer's own clock claims."""

    number: int
    interval: Interval
    claimed: datetime | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What is explained. `stage` is None when the stage's picture was not kept.

    `finding` is the answer about `post` (BGR, as posted), `described` the best stage's fingerprint, `moments` the stages of
    the session in order, `earlier` pictures of stages up to the best one.
    """

    post: Pixels
    stage: Pixels | None
    described: Descriptors
    finding: Finding
    moments: Sequence[Moment] = ()
    earlier: Sequence[tuple[int, Pixels]] = ()


def said(key: str, langs: Sequence[str], **params: object) -> str:
    """Return a sentence in all of some languages, one after the other: a picture may be read in either."""
    return " / ".join(dict.fromkeys(words.text(f"pictures.{key}", lang, **params) for lang in langs))


def names(langs: Sequence[str], seq: int | None) -> tuple[str, str, str, str]:
    """Return what stands above post, stage, overlay and lines."""
    return said("post", langs), said("stage", langs, seq=seq), said("overlay", langs), said("lines", langs)


def view_of(material: Material) -> Seen:
    """Return the view of the post that fitted best."""
    finding = material.finding
    return seen.of(material.post, finding.view, finding.part, finding.fingerprint_version)


def align(view: Seen, post: Pixels, stage: Pixels) -> Alignment:
    """Return how a view of a post lies on a stage, after the bounded registration."""
    found = registration.register(view.pixels, stage, view.window)
    return aligned(
        (post.shape[1], post.shape[0]),
        (stage.shape[1], stage.shape[0]),
        view.box,
        mirrored=view.mirrored,
        matched=view.window,
        refined=found.window,
        scores=(found.before, found.after),
    )


def numbers_of(placed: Alignment) -> dict[str, object]:
    """Return the numbers of an alignment as they fill sentences; `mirrored` is 0 or 1."""
    return {
        "mirrored": int(placed.mirrored),
        "across": f"{placed.scale[0]:.3f}",
        "down": f"{placed.scale[1]:.3f}",
        "left": f"{100 * placed.offset[0]:.1f}",
        "top": f"{100 * placed.offset[1]:.1f}",
        "covered": f"{100 * placed.covered:.0f}",
        "before": f"{placed.before:.2f}",
        "after": f"{placed.after:.2f}",
    }
