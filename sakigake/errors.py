"""Every failure a person can meet, by exit code.

    SakigakeError          1  something went wrong that trying again may mend
    ├── UsageError         2  the request cannot be meant as it stands
    ├── ConfigError        3  a setting cannot be used
    ├── NotFoundError      4  what was asked for is not here
    ├── NetworkError       5  an outside service did not answer as it should
    └── VerificationError  6  evidence that does not hold

An error is raised with a slug, never with a sentence: `error.<slug>` and `error.<slug>.hint` are looked up in
the string tables, so each one is worded once in each language and always says what to do next.
"""

from typing import ClassVar

from sakigake import words

EXIT_OK = 0
EXIT_INTEGRITY_ONLY = 7
EXIT_PAUSED = 8
EXIT_LIKENESS_FOUND = 10
EXIT_INTERRUPTED = 130


class SakigakeError(Exception):
    """A failure with a slug (`code`), the values its sentence names (`params`) and the exit code of its kind."""

    exit_code: ClassVar[int] = 1

    def __init__(self, code: str, **params: object) -> None:
        super().__init__(code)
        self.code = code
        self.params = params

    def message(self, language: str | None = None) -> str:
        """Return the sentence that says what is wrong."""
        return words.text(f"error.{self.code}", language, **self.params)

    def hint(self, language: str | None = None) -> str:
        """Return the sentence that says what to do next."""
        return words.text(f"error.{self.code}.hint", language, **self.params)

    def __str__(self) -> str:
        return f"{self.message('en')} {self.hint('en')}"


class UsageError(SakigakeError):
    """The request cannot be meant as it stands: a bad argument, a file that is not a picture."""

    exit_code = 2


class ConfigError(SakigakeError):
    """A setting cannot be used."""

    exit_code = 3


class NotFoundError(SakigakeError):
    """What was asked for is not here: no such session, no such file, nothing recorded yet."""

    exit_code = 4


class NetworkError(SakigakeError):
    """An outside service did not answer as it should."""

    exit_code = 5


class VerificationError(SakigakeError):
    """Evidence does not hold: bytes, signatures, hashes or times disagree."""

    exit_code = 6
