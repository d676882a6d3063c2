"""Drafts of the letters that a person may send. The program fills in what the record says and never sends anything.

Who the person is stands on a sheet of its own, which stays empty: it is the same file in every package.
"""

from collections.abc import Mapping

import jinja2

from sakigake import words
from sakigake.evidence.paper.matter import Matter
from sakigake.evidence.paper.order import span
from sakigake.evidence.posted import one_line, without_account
from sakigake.model import Finding
from sakigake.phrases import chance


def write(matter: Matter) -> dict[str, bytes]:
    """Return the drafts of an audience by name; none where no post was compared."""
    finding, names = matter.view.finding, matter.paper.audience.forms
    if finding is None or not names:
        return {}
    environment = jinja2.Environment(
        autoescape=False,  # noqa: S701 - plain text
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        loader=jinja2.PackageLoader("sakigake.evidence"),
    )
    values = _values(matter, finding)
    return {name: environment.get_template(f"{name}.j2").render(values).encode() for name in names}


def _values(matter: Matter, finding: Finding) -> dict[str, object]:
    told, named = matter.paper.posted, matter.paper.named

    def both(key: str) -> Mapping[str, str]:
        return {lang: words.text(key, lang) for lang in words.LANGUAGES}

    return {
        "draft": both("paper.form.draft"),
        "limits": both("report.limits"),
        "blank": "______________________________",
        "address": one_line(told.address if named else without_account(told.address)),
        "account": one_line(told.account) if named else "",
        "digest": finding.post_digest,
        "session": matter.view.session.id,
        "stage": "-" if finding.stage is None else finding.stage,
        "draft_time": {lang: span(finding.draft, lang) for lang in words.LANGUAGES},
        "post_time": {lang: span(finding.post, lang) for lang in words.LANGUAGES},
        "order": both(f"finding.order.{finding.order.value}"),
        "likeness": both(f"finding.likeness.{finding.likeness.value}"),
        "chance": {lang: chance(finding.counts, lang) if finding.counts else "" for lang in words.LANGUAGES},
    }
