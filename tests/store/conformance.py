"""What every store must do with names: one suite, run over each kind of store."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sakigake.clock import Clock
from sakigake.errors import SakigakeError
from sakigake.labels import ESTIMATE, PERSON, StageLabel, shown
from sakigake.model import EntryType, Picture, Session
from sakigake.store.protocol import Store
from sakigake.timeline.ledger import Ledger

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def a_session(store: Store, stages: int = 3) -> tuple[Session, Ledger, list[int]]:
    """Open a session with stages that have pictures; return it, its ledger and the stages' numbers."""
    ledger = Ledger.start(store, Ed25519PrivateKey.generate(), "screen", Clock())
    pictures = [Picture(f"{n:064x}", f"{n:064x}", 8, 8) for n in range(1, stages + 1)]
    return (
        ledger.session,
        ledger,
        [ledger.append(EntryType.STAGE, picture=picture).seq for picture in pictures],
    )


class LabelConformance:
    """Inherit beside fixtures `store` and `reopened`: the same place, opened a second time."""

    def test_a_label_comes_back_as_it_was_put(self, store: Store, reopened: Store) -> None:
        session, _, seqs = a_session(store)
        put = [
            StageLabel(seqs[0], "rough", PERSON, AT),
            StageLabel(seqs[1], "顔の<b>下描き</b>", PERSON, AT + timedelta(milliseconds=7)),
            StageLabel(seqs[1], "sketch", ESTIMATE, AT, 0.625, "stages-v1"),
        ]
        store.put_labels(session.id, put)
        assert store.labels(session.id) == [put[0], put[2], put[1]]
        assert reopened.labels(session.id) == [put[0], put[2], put[1]]

    def test_each_source_keeps_its_own_row_and_a_person_is_shown(self, store: Store) -> None:
        session, _, seqs = a_session(store)
        store.put_labels(session.id, [StageLabel(seqs[0], "rough", PERSON, AT)])
        later = AT + timedelta(days=1)
        store.put_labels(session.id, [StageLabel(seqs[0], "final", ESTIMATE, later, 0.99, "m")])
        assert shown(store.labels(session.id))[seqs[0]].label == "rough"
        store.drop_labels(session.id, PERSON, [seqs[0]])
        assert shown(store.labels(session.id))[seqs[0]].label == "final"

    def test_a_source_replaces_what_it_said_before(self, store: Store) -> None:
        session, _, seqs = a_session(store)
        for label in ("rough", "lineart"):
            store.put_labels(session.id, [StageLabel(seqs[0], label, ESTIMATE, AT, 0.5, "m")])
        assert [each.label for each in store.labels(session.id)] == ["lineart"]

    def test_all_labels_of_a_source_go_at_once(self, store: Store) -> None:
        session, _, seqs = a_session(store)
        store.put_labels(session.id, [StageLabel(seq, "rough", ESTIMATE, AT, 0.5, "m") for seq in seqs])
        store.put_labels(session.id, [StageLabel(seqs[2], "final", PERSON, AT)])
        store.drop_labels(session.id, ESTIMATE)
        assert [(each.seq, each.source) for each in store.labels(session.id)] == [(seqs[2], PERSON)]

    def test_sessions_do_not_see_each_others(self, store: Store) -> None:
        one, _, seqs = a_session(store)
        other, _, _ = a_session(store)
        store.put_labels(one.id, [StageLabel(seqs[0], "rough", PERSON, AT)])
        store.join(one.id, [seqs[1]])
        assert store.labels(other.id) == []
        assert store.joined(other.id) == frozenset()

    def test_a_stage_that_is_not_there_has_no_name(self, store: Store) -> None:
        session, _, seqs = a_session(store)
        with pytest.raises(SakigakeError, match="written"):
            store.put_labels(
                session.id,
                [StageLabel(seqs[0], "rough", PERSON, AT), StageLabel(999, "rough", PERSON, AT)],
            )
        assert store.labels(session.id) == []  # all or nothing

    @pytest.mark.parametrize("confidence", [-0.01, 1.01])
    def test_a_confidence_is_a_share(self, store: Store, confidence: float) -> None:
        session, _, seqs = a_session(store)
        with pytest.raises(SakigakeError):
            store.put_labels(session.id, [StageLabel(seqs[0], "rough", ESTIMATE, AT, confidence, "m")])

    def test_blocks_are_joined_and_parted(self, store: Store, reopened: Store) -> None:
        session, _, seqs = a_session(store)
        store.join(session.id, seqs[1:])
        store.join(session.id, seqs[1:])
        assert store.joined(session.id) == frozenset(seqs[1:])
        store.part(session.id, [seqs[1]])
        assert reopened.joined(session.id) == frozenset({seqs[2]})

    def test_a_title_is_given_and_taken_back(self, store: Store, reopened: Store) -> None:
        session, _, _ = a_session(store)
        assert store.titles() == {}
        store.put_title(session.id, "夏の絵")
        store.put_title(session.id, "夏の絵 2")
        assert reopened.titles() == {session.id: "夏の絵 2"}
        store.put_title(session.id, "")
        assert store.titles() == {}

    def test_names_change_nothing_of_the_ledger(self, store: Store) -> None:
        session, _, seqs = a_session(store)
        before = list(store.entries(session.id)), store.leaves(session.id)
        store.put_labels(session.id, [StageLabel(seqs[0], "rough", PERSON, AT)])
        store.join(session.id, [seqs[1]])
        store.put_title(session.id, "x")
        assert (list(store.entries(session.id)), store.leaves(session.id)) == before

    def test_a_forgotten_stage_leaves_no_name(self, store: Store) -> None:
        session, ledger, seqs = a_session(store)
        said = [StageLabel(seq, "rough", source, AT) for seq in seqs for source in (PERSON, ESTIMATE)]
        store.put_labels(session.id, said)
        store.join(session.id, seqs[1:])
        assert ledger.forget([seqs[1]], {"stages": 1}, [])
        assert {each.seq for each in store.labels(session.id)} == {seqs[0], seqs[2]}
        assert store.joined(session.id) == frozenset({seqs[2]})
