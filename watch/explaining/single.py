"""One picture that explains a check, for whoever asks for no more: both pictures and their lines, and the maps below."""

from sakigake.fingerprint.views import Pixels
from watch.explaining.alignment import apply
from watch.explaining.everything import map_sheet
from watch.explaining.letters import Letters
from watch.explaining.material import Caption, Material, align, names, numbers_of, view_of
from watch.explaining.registered import sheet
from watch.explaining.sheet import below, margined


def draw(material: Material, letters: Letters, lang: str) -> tuple[Pixels, list[str]]:
    """Return the picture, and in words what it shows; raises ValueError for a finding without a stage."""
    view = view_of(material)
    maps = map_sheet(material, view, letters, (lang,))
    if material.stage is None:
        return maps, [Caption("pictures.caption.maps-alone").text(lang)]
    placed = align(view, material.post, material.stage)
    called = names((lang,), material.finding.stage)
    laid = sheet(*apply(placed, material.post, material.stage), called, letters)
    told = (
        Caption("pictures.caption.aligned", numbers_of(placed)),
        Caption("pictures.caption.maps"),
    )
    return below([margined(laid), maps], 0), [each.text(lang) for each in told]
