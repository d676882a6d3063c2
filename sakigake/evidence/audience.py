"""Whom a package is for, and what goes in by default. One table; `docs/reports.md` shows the same one."""

from dataclasses import dataclass

from sakigake.errors import UsageError

ORDER, PROCESS, BOTH = "order", "process", "both"
REPORTS = (ORDER, PROCESS, BOTH)
_SHEETS = ("forms/README.txt", "forms/identity-sheet.txt")
_LAW = ("forms/youshiki-a.ja.txt", "forms/dmca-notice.en.txt")
_PASTE = ("forms/pixiv.ja.txt", "forms/x.ja.txt", "forms/x.en.txt")


@dataclass(frozen=True, slots=True)
class Audience:
    """A reader. `report` is what is written unless asked otherwise, `forms` the drafts where there is a post.

    `named` says whether the other account's name may be asked for, `custody` whether the list of steps goes in,
    `kept` whether the list of the post's evidence and its times do (the files themselves only with the account's name).
    """

    name: str
    report: str
    forms: tuple[str, ...]
    named: bool
    custody: bool
    kept: bool


AUDIENCES = {
    each.name: each
    for each in (
        Audience("self", BOTH, (*_SHEETS, *_LAW, *_PASTE), named=True, custody=True, kept=True),
        Audience("platform", ORDER, (*_SHEETS, *_LAW, *_PASTE), named=True, custody=True, kept=True),
        Audience("client", PROCESS, (), named=False, custody=True, kept=False),
        Audience("lawyer", BOTH, (*_SHEETS, *_LAW), named=True, custody=True, kept=True),
        Audience("public", BOTH, (), named=False, custody=False, kept=False),
    )
}
SELF = AUDIENCES["self"]


def require(audience: Audience, *, named: bool) -> None:
    """Raise UsageError when the other account's name is asked for where none may stand."""
    if named and not audience.named:
        raise UsageError("export-account-hidden", audience=audience.name)


def wants(report: str, part: str) -> bool:
    """Say whether a report (order, process, both) holds a part (order or process)."""
    return report in {BOTH, part}
