"""One picture that explains a check, for whoever asks for no more: both pictures and their lines, and the maps below."""

from collections.abc import Sequence

from sakigake.fingerprint.views import Pixels
from watch.explaining import everything
from watch.explaining.alignment import apply
from watch.explaining.everything import Caption, Material
from watch.explaining.letters import Letters
from watch.explaining.registered import sheet
from watch.explaining.sheet import below, margined


def draw(material: Material, letters: Letters, lang: str) -> tuple[Pixels, list[str]]:
    """Return the picture, and in words what it shows; raises ValueError for a finding without a stage."""
    view = everything.view_of(material)
    maps = everything.map_sheet(material, view, letters, (lang,))
    if material.stage is None:
        return maps, [Caption("pictures.caption.maps-alone").text(lang)]
    placed = everything.align(view, material.post, material.stage)
    names = everything.names((lang,), material.finding.stage)
    laid = sheet(*apply(placed, material.post, material.stage), names, letters)
    told: Sequence[Caption] = (
        Caption("pictures.caption.aligned", everything.numbers_of(placed)),
        Caption("pictures.caption.maps"),
    )
    return below([margined(laid), maps], 0), [each.text(lang) for each in told]
