"""verify.py: checks a package of draft stages. One file; needs Python 3.11 and the package `cryptography` (42 or newer).

    python verify.py pack.zip --trust root.pem [--trust another.pem] [--lang ja|en] [--json]

Prints VERIFIED (exit code 0), INTEGRITY ONLY (7) or FAILED (6); 2 when the package or a root cannot be read.

It is written from the description of the evidence format alone and shares no code with the program that makes the
packages, so that a fault in one does not pass in the other. It opens no socket, decodes no picture and trusts no time
authority but those whose root certificates you give with --trust. A Bitcoin block needs no trust: its header shows its
own work, and its time counts by two hours either way. A verifier that comes inside a package proves
nothing by itself: its maker could have put another program here. If in doubt take this file from the project:
`python -m sakigake.evidence.standalone verify.py` in its sources joins the parts in sakigake/evidence/standalone/.
"""
