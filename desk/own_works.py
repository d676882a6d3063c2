"""The artist's own works beside the shipped cohort, as the commands use them."""

import click

from sakigake import words
from sakigake.errors import ConfigError
from sakigake.settings import Settings
from watch.compare import own


def provide(settings: Settings) -> own.Own | None:
    """Return the own works that are kept, and say so in one line; None without any, or with those that do not fit."""
    try:
        found = own.read(settings.home)
    except ConfigError as error:
        click.echo(f"{error.message()} {error.hint()}", err=True)
        return None
    if found:
        click.echo(words.text("own.used", count=len(found.works), name=found.calibration.version), err=True)
    return found
