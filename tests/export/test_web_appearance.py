"""`export/web` in windows of a desktop and of a phone."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.export.test_python_consumers import TEXTS
from tests.export.web_page import cells, opened, translations

LONG = " ".join(["Straße, two hundred and thirty-one thousand"] * 6)
PHONE = dict(width=390, height=844)
DESKTOP = dict(width=1280, height=800)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_it_fits_the_window(browser, address, size, scheme, tmp_path):
    with opened(browser, address, viewport=size, color_scheme=scheme) as page:
        translations(page, [LONG])
        width, inner = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert width <= inner == size["width"]
        box, content = page.evaluate("[heatmap.clientWidth, heatmap.scrollWidth]")
        assert content > box or size is DESKTOP  # the phone scrolls the heatmap in its own box
        page.screenshot(path=tmp_path / "page.png", full_page=True)
        weights = np.array(cells(page)[2])
        colours = []
        for flat in (weights.argmin(), weights.argmax()):
            row, column = np.unravel_index(flat, weights.shape)
            cell = page.locator(
                f"#heatmap tbody tr:nth-child({row + 1}) td:nth-child({column + 2})"
            )
            picture = Image.open(io.BytesIO(cell.screenshot())).convert("L")
            colours.append(picture.getpixel((picture.width // 2, picture.height // 4)))
    least, most = colours
    assert most < least if scheme == "light" else most > least
    picture = Image.open(tmp_path / "page.png").convert("RGB")
    assert picture.width == size["width"]
    assert len(picture.getcolors(1 << 24)) > 100
    corner = sum(picture.getpixel((1, 1)))
    assert corner > 700 if scheme == "light" else corner < 100


def test_a_pointer_reads_a_cell(browser, address):
    with opened(browser, address) as page:
        translations(page, [TEXTS[0]])
        target, source, weights = cells(page)
        page.hover("#heatmap tbody tr:nth-child(2) td:nth-child(3)")
        assert page.inner_text("#hint") == f"{target[1]} ← {source[1]}: {weights[1][1]:.2f}"
