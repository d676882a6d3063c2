"""How the evidence of a finding stands: whole or not, in a ledger or not, and by when others had witnessed it."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sakigake import words
from sakigake.anchor import trust
from sakigake.clock import iso
from sakigake.errors import NotFoundError, VerificationError
from sakigake.settings import Settings
from watch.evidence import bundle, ledger, recheck
from watch.store.records import FindingRow


@dataclass(frozen=True, slots=True)
class Standing:
    """`session` is the ledger that names the evidence, empty when none does; `waiting` how many tokens are waited for.

    `witnessed` is until when the evidence was kept at the latest, by the first time token over its ledger; `seq` is the entry
    of the ledger that names it.
    """

    session: str = ""
    witnessed: datetime | None = None
    waiting: int = 0
    seq: int = 0

    def line(self) -> str:
        """Return it as a sentence."""
        if self.witnessed:
            return words.text("findings.witnessed", when=iso(self.witnessed))
        if not self.session:
            return words.text("findings.witness-unsealed")
        return words.text("findings.witness-waiting" if self.waiting else "findings.witness-none")

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "ledger": self.session or None,
            "witnessed_not_after": iso(self.witnessed) if self.witnessed else None,
            "tokens_waiting": self.waiting,
        }


def standing(settings: Settings, row: FindingRow) -> Standing:
    """Return how the evidence of a finding stands; raises VerificationError when its list of digests cannot be read."""
    kept = bundle.read(settings.home / bundle.FOLDER / row.new.bundle)
    if not ledger.path_of(settings.home).is_file():
        return Standing()
    with ledger.opened(settings.home) as store:
        sealed = ledger.standing(store, kept)
        if sealed is None:
            return Standing()
        return Standing(
            sealed.session, sealed.written.not_after, len(store.pending_jobs(sealed.session)), sealed.seq
        )


def verified(settings: Settings, row: FindingRow) -> Standing:
    """Hold the evidence of a finding against its list of digests, that list against the ledger, and the ledger against itself.

    Until when it was kept is read from the tokens anew, each with its signature. Raises NotFoundError when no evidence was
    kept, VerificationError when it is not what was kept, or the ledger or a token of it does not hold, and ConfigError.
    """
    if not row.new.bundle:
        raise NotFoundError("findings-no-evidence", number=row.number)
    bundle.check(bundle.read(settings.home / bundle.FOLDER / row.new.bundle))
    found = standing(settings, row)
    if (
        row.sealed and not found.session
    ):  # a list that was written anew fits its files, but no ledger names it
        raise VerificationError("evidence-bundle-changed", name=f"{row.new.bundle}/{bundle.SUMS}")
    if not found.session:
        return found
    with ledger.opened(settings.home) as store:
        trusted = trust.load(settings.tables)
        return replace(found, witnessed=recheck.written(store, found.session, found.seq, trusted).not_after)
