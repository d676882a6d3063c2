"""`sakigake timeline name` and `find`: what stages are called, and finding one by words."""

from typing import TYPE_CHECKING, Any

import click

from desk.answering import answer
from sakigake import errors, words
from sakigake.clock import iso

if TYPE_CHECKING:
    from sakigake.labels import StageLabel
    from sakigake.settings import Settings
    from sakigake.store.sqlite import SqliteStore

MOST_HITS = 200


@click.command("name", help=words.text("deep.name.help"))
@click.argument("session", default="last")
@click.option("--stage", "stages", type=int, multiple=True, help=words.text("deep.name.stage"))
@click.option("--as", "label", help=words.text("deep.name.as"), metavar="NAME")
@click.option("--again", is_flag=True, help=words.text("deep.name.again"))
@click.option("--json", "as_json", is_flag=True, help=words.text("verify.json"))
def name(session: str, stages: tuple[int, ...], label: str | None, again: bool, as_json: bool) -> None:
    """Name the stages of a session, or take the name that a person gives."""
    from desk.sessions import find, open_store
    from sakigake import settings

    if (label is None) == bool(stages):
        raise errors.UsageError("deep-name-which")
    loaded = settings.load()
    store = open_store(loaded)
    if store.frozen:
        raise errors.SakigakeError("store-frozen", path=loaded.home)
    found = find(store, session)
    if label is None:
        _suggest(store, loaded, found.id, again=again)
    else:
        _say(store, found.id, stages, label)
    _tell(store, found.id, as_json=as_json)


def _say(store: "SqliteStore", session: str, stages: tuple[int, ...], label: str) -> None:
    """Keep what a person calls some stages; an empty name takes it back."""
    from desk.web.timeline.naming import typed
    from sakigake.clock import Clock
    from sakigake.labels import PERSON, StageLabel
    from sakigake.model import EntryType

    there = {each.seq for each in store.entries(session, EntryType.STAGE) if each.opening}
    for seq in stages:
        if seq not in there:
            raise errors.NotFoundError("deep-stage-unknown", stage=seq, session=session)
    text = typed(label)
    if text:
        at = Clock().now()
        store.put_labels(session, [StageLabel(seq, text, PERSON, at) for seq in stages])
    else:
        store.drop_labels(session, PERSON, stages)


def _suggest(store: "SqliteStore", loaded: "Settings", session: str, *, again: bool) -> None:
    from sakigake.clock import Clock
    from watch.deep import naming

    judge, vectors = _model(loaded, store, session)
    found = naming.name_session(
        store, loaded.pictures, session, Clock().now(), judge=judge, vectors=vectors, again=again
    )
    if vectors:
        vectors[0].close()
    if found.unreadable:
        click.echo(words.text("deep.name.unreadable", count=len(found.unreadable)), err=True)


def _model(loaded: "Settings", store: "SqliteStore", session: str) -> tuple[Any, Any]:
    """Return what names by the model, when one is here and has read stages of the session; else nothing."""
    from desk import deep_room
    from watch.deep.vectors import FILE, Vectors

    if not deep_room.is_there(loaded) or not (loaded.home / FILE).is_file():
        return None, None
    vectors = Vectors(loaded.home)
    if not vectors.known(deep_room.chosen(loaded).key, session):
        vectors.close()
        return None, None
    from watch.deep.naming import Judge

    encoder = deep_room.encoder(loaded)
    vectors.sweep(store, [encoder.key])
    return Judge(encoder), (vectors, encoder.key)


def _tell(store: "SqliteStore", session: str, *, as_json: bool) -> None:
    from desk.deep_room import said_by

    labels = store.labels(session)
    by_stage: dict[int, list[StageLabel]] = {}
    for each in labels:
        by_stage.setdefault(each.seq, []).append(each)
    if as_json:
        rows = [{"stage": seq, **labels_json(names)} for seq, names in by_stage.items()]
        answer({"session": session, "stages": rows})
        return
    for seq, names in by_stage.items():
        told = words.text("deep.name.comma").join(said_by(one) for one in sorted(names, key=_rank))
        click.echo(words.text("deep.name.row", stage=seq, told=told))
    click.echo(words.text("deep.name.note" if labels else "deep.name.none"))


def _rank(label: "StageLabel") -> tuple[bool, float]:
    from sakigake.labels import PERSON

    return label.source != PERSON, -label.at.timestamp()


def labels_json(labels: "list[StageLabel]") -> dict[str, Any]:
    """Return the names of one stage as plain values: the one that is shown, and all by who says so."""
    from sakigake.labels import shown

    chosen = next(iter(shown(labels).values()), None)
    return {
        "label": chosen.label if chosen else None,
        "labels": [
            {
                "label": each.label,
                "source": each.source,
                "confidence": round(each.confidence, 4) if each.confidence is not None else None,
                "model": each.model or None,
                "at": iso(each.at),
            }
            for each in labels
        ],
    }


@click.command("find", help=words.text("deep.find.help"))
@click.argument("text")
@click.option("--session", default="all", show_default=True, help=words.text("deep.find.session"))
@click.option(
    "--limit",
    type=click.IntRange(1, MOST_HITS),
    default=10,
    show_default=True,
    help=words.text("deep.find.limit"),
)
@click.option("--json", "as_json", is_flag=True, help=words.text("verify.json"))
def find_stages(text: str, session: str, limit: int, as_json: bool) -> None:
    """Find stages by words."""
    from desk import deep_room
    from desk.sessions import find, open_store
    from sakigake import settings

    deep_room.wanted(text)
    loaded = settings.load()
    store = open_store(loaded)
    sessions = [each.id for each in store.sessions()] if session == "all" else [find(store, session).id]
    sought = deep_room.seek(loaded, store, text, sessions=sessions, limit=limit)
    found, model = sought.search, sought.model
    if as_json:
        rows = [
            {
                "session": hit.stage.session,
                "stage": hit.stage.seq,
                "cosine": round(hit.cosine, 4),
                "deviations_above": round(hit.above, 2),
            }
            for hit in found.hits
        ]
        record = {"model": model.key, "searched": found.searched, "unread": found.unread}
        answer({**record, "stages": rows})
        return
    for hit in found.hits:
        click.echo(
            words.text(
                "deep.find.row",
                session=hit.stage.session,
                stage=hit.stage.seq,
                cosine=f"{hit.cosine:.3f}",
                above=f"{hit.above:+.1f}",
            )
        )
    click.echo(words.text("deep.find.searched", count=found.searched, model=model.id))
    if found.unread:
        click.echo(words.text("deep.find.unread", count=found.unread))
    if sought.foreign:
        click.echo(words.text("deep.find.foreign", model=model.id))
