"""What goes between the desk and the process that compares: the request, the answer, as JSON files in one folder.

Read strictly on both sides. The desk never loads what decodes and compares pictures, so the answer must carry all that a
page says, down to the sizes of its pictures.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sakigake.clock import parse_time
from sakigake.model import CalibrationCount, Finding, Interval, Likeness, Order, Score
from watch.post import ClockClass, PostTime, Stamp

REQUEST, ANSWER, GIVEN = "request.json", "answer.json", "given"


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be compared. The picture lies beside it as `GIVEN`, unless it is to be fetched from `link`.

    `name` is what the picture was called, for messages only. `sessions` are ids, all when empty. `stated` is when it was
    posted as a person says; with a picture, `link` is only read for the time that it tells. `lang` is the language of words in the pictures.
    """

    name: str
    link: str
    sessions: tuple[str, ...]
    stated: Interval
    fetch: bool
    lang: str = "en"

    def write(self, folder: Path) -> None:
        """Leave it for the process that compares."""
        told = {
            "name": self.name,
            "link": self.link,
            "sessions": list(self.sessions),
            "stated": _times(self.stated),
            "fetch": self.fetch,
            "lang": self.lang,
        }
        (folder / REQUEST).write_text(json.dumps(told), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Request":
        """Read it back."""
        told = json.loads((folder / REQUEST).read_text(encoding="utf-8"))
        return cls(
            name=told["name"],
            link=told["link"],
            sessions=tuple(told["sessions"]),
            stated=_interval(told["stated"]),
            fetch=told["fetch"],
            lang=told["lang"],
        )


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture that the answer shows: its file in the folder, and its size in pixels.

    `caption` is the key of the sentence beside it, empty for none, and `params` fill its places.
    """

    name: str
    width: int
    height: int
    caption: str = ""
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """The finding, where the post's time was read (None: stated by hand, or not known), and what there is to look at.

    `address` is where the picture was fetched, if it was. `seconds` is how long it all took;
    unless it is `complete`, further pictures are still being drawn.
    """

    finding: Finding
    time: PostTime | None = None
    pictures: tuple[Drawn, ...] = ()
    address: str = ""
    seconds: float = 0.0
    complete: bool = True

    def picture(self, name: str) -> Drawn | None:
        """Return a picture by its name without its suffix, None when there is none."""
        return next((each for each in self.pictures if each.name.partition(".")[0] == name), None)

    def many(self, begin: str) -> list[Drawn]:
        """Return the pictures whose names begin alike, in the order they were drawn."""
        return [each for each in self.pictures if each.name.startswith(begin)]

    def write(self, folder: Path) -> None:
        """Leave it for the desk: whole, or not there."""
        told = {
            "finding": plain(self.finding),
            "time": _post_time(self.time),
            "pictures": [_drawn(each) for each in self.pictures],
            "address": self.address,
            "seconds": self.seconds,
            "complete": self.complete,
        }
        part = folder / f"{ANSWER}.part"
        part.write_text(json.dumps(told), encoding="utf-8")
        part.replace(folder / ANSWER)

    @classmethod
    def read(cls, folder: Path) -> "Answer":
        """Read it back; raises OSError, ValueError, KeyError or TypeError when it is not what was written."""
        told = json.loads((folder / ANSWER).read_text(encoding="utf-8"))
        return cls(
            finding=finding(told["finding"]),
            time=_read_post_time(told["time"]),
            pictures=tuple(_read_drawn(each) for each in told["pictures"]),
            address=str(told["address"]),
            seconds=float(told["seconds"]),
            complete=bool(told["complete"]),
        )


def _drawn(each: Drawn) -> list[Any]:
    return [each.name, each.width, each.height, each.caption, dict(each.params)]


def _read_drawn(told: Any) -> Drawn:
    name, wide, high, caption, params = told
    return Drawn(str(name), int(wide), int(high), str(caption), {str(k): str(v) for k, v in params.items()})


def plain(found: Finding) -> dict[str, Any]:
    """Return a finding as plain values that `finding` reads back without loss."""
    counts = found.counts
    return {
        "session": found.session,
        "order": found.order.value,
        "order_reason": found.order_reason,
        "likeness": found.likeness.value,
        "likeness_reason": found.likeness_reason,
        "post": _times(found.post),
        "draft": _times(found.draft),
        "claimed": _time(found.claimed),
        "stage": found.stage,
        "first_stage": found.first_stage,
        "last_stage": found.last_stage,
        "view": found.view,
        "compared": found.compared,
        "scores": [[score.name, score.raw, score.normalised] for score in found.scores],
        "counts": None if counts is None else {name: getattr(counts, name) for name in _COUNTS},
        "fingerprint_version": found.fingerprint_version,
        "post_digest": found.post_digest,
        "notes": list(found.notes),
        "earliest": found.earliest,
        "part": None if found.part is None else list(found.part),
    }


_COUNTS = ("version", "pairs", "reached", "pair_bound", "posts", "post_alarms", "post_bound")


def finding(told: Mapping[str, Any]) -> Finding:
    """Return the finding of plain values."""
    counts, part = told["counts"], told["part"]
    return Finding(
        session=told["session"],
        order=Order(told["order"]),
        order_reason=told["order_reason"],
        likeness=Likeness(told["likeness"]),
        likeness_reason=told["likeness_reason"],
        post=_interval(told["post"]),
        draft=_interval(told["draft"]),
        claimed=_moment(told["claimed"]),
        stage=told["stage"],
        first_stage=told["first_stage"],
        last_stage=told["last_stage"],
        view=told["view"],
        compared=told["compared"],
        scores=tuple(Score(name, raw, normalised) for name, raw, normalised in told["scores"]),
        counts=None if counts is None else CalibrationCount(**{name: counts[name] for name in _COUNTS}),
        fingerprint_version=told["fingerprint_version"],
        post_digest=told["post_digest"],
        notes=tuple(told["notes"]),
        earliest=told["earliest"],
        part=None if part is None else (part[0], part[1], part[2], part[3]),
    )


def _times(interval: Interval) -> list[str | None]:
    return [_time(interval.not_before), _time(interval.not_after)]


def _interval(told: Any) -> Interval:
    before, after = told
    return Interval(_moment(before), _moment(after))


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(told: str | None) -> datetime | None:
    return None if told is None else parse_time(told)


def _post_time(time: PostTime | None) -> list[list[str] | None] | None:
    if time is None:
        return None
    return [
        None if end is None else [end.value.isoformat(), end.clock.value, end.basis]
        for end in (time.not_before, time.not_after)
    ]


def _read_post_time(told: Any) -> PostTime | None:
    if told is None:
        return None
    ends = [
        None if end is None else Stamp(parse_time(end[0]), ClockClass(end[1]), str(end[2])) for end in told
    ]
    return PostTime(ends[0], ends[1])
