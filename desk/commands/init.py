"""`sakigake init`: the records folder, the signing key and the file of the settings, made once."""

import click

from desk.answering import answer, as_json
from sakigake import errors, settings, words


@click.command(help=words.text("cli.init"))
@as_json()
def init(as_json: bool) -> None:
    """Make what is not there yet, and tell the next step; done twice it changes nothing."""
    from capture.lock import RecorderLock
    from desk import passphrase
    from sakigake import setting_file
    from sakigake.timeline import keys

    home, path = settings.places()
    made_home = not home.is_dir()
    wrote = setting_file.write_once(path)
    loaded = settings.load()
    try:
        loaded.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        why = error.strerror or error
        raise errors.SakigakeError("record-home-unwritable", path=home, why=why) from error
    made_key = not (loaded.keys / keys.KEY_FILE).is_file()
    passphrase.provide(loaded.keys)
    if made_key:
        with RecorderLock(loaded.home):
            keys.load_or_create(loaded.keys)
    if as_json:
        done = {"config_written": wrote, "home_made": made_home, "key_made": made_key}
        answer({"config": str(path), "home": str(loaded.home), **done})
        return
    click.echo(words.text("settings.init-config" if wrote else "settings.init-config-there", path=path))
    click.echo(
        words.text("settings.init-home" if made_home else "settings.init-home-there", path=loaded.home)
    )
    click.echo(words.text("settings.init-key" if made_key else "settings.init-key-there", path=loaded.keys))
    click.echo(words.text("settings.init-next"))
