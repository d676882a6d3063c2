"""Write verify.py: `python -m sakigake.evidence.standalone verify.py`, or to the standard output without a name."""

import sys
from pathlib import Path

from sakigake.evidence.standalone.joined import joined


def main(arguments: list[str]) -> int:
    """Write the file. By name it has the same bytes on every system; some shells recode what they redirect."""
    if len(arguments) > 1:
        sys.stderr.write("python -m sakigake.evidence.standalone [FILE]\n")
        return 2
    try:
        if arguments:
            Path(arguments[0]).write_bytes(joined())
        else:
            sys.stdout.buffer.write(joined())
            sys.stdout.buffer.flush()
    except OSError as error:
        sys.stderr.write(f"{arguments[0] if arguments else 'verify.py'}: {error.strerror or error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
