"""The pictures that explain a comparison, for the commands: of a picture that was checked, of a finding, for a package."""

from pathlib import Path
from typing import TYPE_CHECKING

from sakigake.errors import NotFoundError, VerificationError
from sakigake.fingerprint.views import Pixels
from sakigake.model import Finding
from sakigake.settings import Settings
from sakigake.store.protocol import Store
from watch.explaining import letters
from watch.explaining.everything import explain_all
from watch.explaining.gathering import ALL, Disclosed, gather
from watch.explaining.material import Explained, Material
from watch.finding import ALIKE

if TYPE_CHECKING:
    from watch.store.records import FindingRow


def of_post(
    store: Store, pictures: Path, post: Path, finding: Finding, disclosed: Disclosed = ALL
) -> Explained | None:
    """Return every picture that explains a finding about the file `post`; None without a likeness.

    This is what an export with a post calls: nothing of a stage is in them that `disclosed` does not let out, and there
    are none when it lets out nothing of the stage in question. Raises VerificationError when the file is no longer the
    one that was compared.
    """
    from watch.sanitise import load_picture  # noqa: PLC0415

    if finding.likeness not in ALIKE or finding.stage is None or not disclosed.describes(finding.stage):
        return None
    pixels, digest = load_picture(post)
    if digest != finding.post_digest:
        raise VerificationError("commitment-wrong", what=post.name)
    return explain_all(gather(store, pictures, pixels, finding, disclosed), letters.shipped())


def material(store: Store, settings: Settings, pixels: Pixels, finding: Finding) -> Material:
    """Return what there is to show of a likeness; raises NotFoundError without one, or without the stage's picture."""
    if finding.likeness not in ALIKE or finding.stage is None:
        raise NotFoundError("share-no-likeness")
    found = gather(store, settings.pictures, pixels, finding)
    if found.stage is None:
        raise NotFoundError("share-no-picture", stage=finding.stage)
    return found


def picture_of(settings: Settings, row: "FindingRow") -> Path:
    """Return the kept file of a finding's picture; raises NotFoundError when no evidence was kept, VerificationError."""
    from hashlib import sha256  # noqa: PLC0415

    from watch.evidence import bundle  # noqa: PLC0415

    if not row.new.bundle:
        raise NotFoundError("findings-no-evidence", number=row.number)
    kept = bundle.read(settings.home / bundle.FOLDER / row.new.bundle)
    bundle.check(kept)
    for path in sorted(kept.folder.glob("*.*")):
        if path.is_file() and sha256(path.read_bytes()).hexdigest() == row.new.digest:
            return path
    raise VerificationError("evidence-bundle-changed", name=row.new.bundle)
