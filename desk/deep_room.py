"""What the commands of the deep room share: its settings, the model that is to be used, the encoder."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sakigake import words
from sakigake.errors import ConfigError, NotFoundError, SakigakeError, UsageError
from sakigake.labels import STEPS, StageLabel
from sakigake.settings import Settings
from watch.deep import manifest, shelf

if TYPE_CHECKING:
    from sakigake.store.protocol import Store
    from watch.deep.encoder import Encoder
    from watch.deep.rerank import Reranker
    from watch.deep.words_to_stages import Search

MOST_SHOWN = 60
MOST_TEXT = 300  # characters of what is looked for


@dataclass(frozen=True, slots=True)
class Sought:
    """What came of looking for words, with the model that looked; `foreign` says that it did not learn their language."""

    model: shelf.Installed
    search: "Search"
    foreign: bool


def section(settings: Settings) -> dict[str, Any]:
    """Return the settings of the room."""
    return settings.section("deep")


def models(settings: Settings) -> dict[str, manifest.Model]:
    """Return every model that is known; raises ConfigError for a manifest of one's own with a fault."""
    return manifest.load(str(section(settings)["manifest"]))


def chosen(settings: Settings) -> shelf.Installed:
    """Return the model that is to be used; raises NotFoundError when none is here, ConfigError when none is named."""
    here = shelf.installed(settings.home)
    named = str(section(settings)["model"])
    if named:
        if named not in here:
            raise NotFoundError("deep-model-absent", name=named)
        return here[named]
    if not here:
        raise NotFoundError("deep-no-model")
    if len(here) > 1:
        raise ConfigError("deep-which-model", names=", ".join(here))
    return next(iter(here.values()))


def is_there(settings: Settings) -> bool:
    """Say whether a model is here to be used, so that what is only beside the rest can be left out without a word."""
    here, named = shelf.installed(settings.home), str(section(settings)["model"])
    return named in here if named else len(here) == 1


def is_still(settings: Settings, key: str) -> bool:
    """Say whether the model of this key is still here, by its record."""
    return any(each.key == key for each in shelf.installed(settings.home).values())


def encoder(settings: Settings, *, threads: int | None = None) -> "Encoder":
    """Return the model that is to be used, checked and loaded; raises as `watch.deep.encoder.load` and `chosen` do."""
    model = chosen(settings)
    manifest.require_extra()
    from watch.deep.encoder import load  # noqa: PLC0415 - torch

    return load(model, threads=threads)


def lacking(settings: Settings) -> SakigakeError | None:
    """Return what is missing for finding by words, a model or the extra; None when both are here. Loads neither."""
    try:
        chosen(settings)
        manifest.require_extra()
    except SakigakeError as error:
        return error
    return None


def wanted(text: str) -> str:
    """Return words as they are looked for; raises UsageError for none and for too many."""
    # Halves of characters come from arguments that are not UTF-8; nothing can be looked up by them.
    whole = text.encode("utf-8", "replace").decode().strip()
    if not whole:
        raise UsageError("deep-find-nothing")
    if len(whole) > MOST_TEXT:
        raise UsageError("deep-find-long", count=len(whole), most=MOST_TEXT)
    return whole


def seek(
    settings: Settings,
    store: "Store",
    text: str,
    *,
    sessions: Sequence[str],
    limit: int,
    threads: int | None = None,
    step: Callable[[str], None] = lambda _name: None,
) -> Sought:
    """Return the stages of some sessions that come nearest to words; `step` is told of "load" and "search".

    Raises UsageError for odd words, NotFoundError (`deep-nothing-read`) when no stage was read yet, and as `encoder` does.
    """
    whole = wanted(text)
    model = chosen(settings)  # before anything heavy: without one the sentence comes at once
    step("load")
    loaded = encoder(settings, threads=threads)
    from watch.deep.vectors import Vectors  # noqa: PLC0415 - numpy
    from watch.deep.words_to_stages import foreign, search  # noqa: PLC0415 - as above

    step("search")
    vectors = Vectors(settings.home)
    try:
        vectors.sweep(store, [model.key])
        found = search(store, vectors, loaded, whole, sessions=sessions, limit=limit)
    finally:
        vectors.close()
    if not found.searched:
        raise NotFoundError("deep-nothing-read", unread=found.unread)
    return Sought(model, found, foreign(whole, model.languages))


def progress(settings: Settings, store: "Store", model: shelf.Installed) -> tuple[int, int]:
    """Return how many stages the model has read, and of how many that may be read; raises SakigakeError."""
    from watch.deep.vectors import FILE, Vectors, stages  # noqa: PLC0415 - numpy

    vectors = Vectors(settings.home) if (settings.home / FILE).is_file() else None
    read = sealed = 0
    try:
        for session in store.sessions():
            there = stages(store, session.id, sealed=True)
            sealed += len(there)
            known = vectors.known(model.key, session.id) if vectors else {}
            read += sum(known.get(each.seq) == each.file for each in there)
    finally:
        if vectors:
            vectors.close()
    return read, sealed


def second_opinion(settings: Settings, store: "Store") -> "Reranker":
    """Return what re-ranks the stages on which an order rests; raises as `encoder` does.

    Who switched it on is told when it cannot be given: a setting that does nothing without a word is worse than none.
    """
    loaded = encoder(settings)
    from watch.deep.rerank import Reranker  # noqa: PLC0415 - as above
    from watch.deep.vectors import Vectors  # noqa: PLC0415

    vectors = Vectors(settings.home)
    vectors.sweep(store, [loaded.key])
    return Reranker(store, loaded, vectors)


def asked_opinion(settings: Settings, store: "Store") -> "Reranker | None":
    """Return the second opinion when the settings ask for one, else None; raises as `second_opinion` does."""
    return second_opinion(settings, store) if section(settings)["rerank"] else None


def label_text(label: str, lang: str | None = None) -> str:
    """Return a stage's name in words: that of a step, or what somebody wrote."""
    return words.text(f"desk.stage.{label}", lang) if label in STEPS else label


def said_by(label: StageLabel, lang: str | None = None) -> str:
    """Return a name with who says so and how surely."""
    name = label_text(label.label, lang)
    if label.confidence is None:
        return words.text("deep.label.person", lang, name=name)
    key = "deep.label.model" if label.source == "model" else "deep.label.estimate"
    return words.text(key, lang, name=name, percent=f"{100 * label.confidence:.0f}")
