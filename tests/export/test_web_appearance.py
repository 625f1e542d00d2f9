"""`export/web` in windows of a desktop and of a phone."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.export.test_python_consumers import TEXTS
from tests.export.web_page import bars, cells, fill_texts, opened, translations

LONG = " ".join(["Straße, two hundred and thirty-one thousand"] * 6)
PHONE = dict(width=390, height=844)
DESKTOP = dict(width=1280, height=800)


WINDOWS = [
    pytest.param(DESKTOP, "light", id="desktop-light"),
    pytest.param(PHONE, "dark", id="phone-dark"),
    pytest.param(DESKTOP, "dark", id="desktop-dark", marks=pytest.mark.slow),
    pytest.param(PHONE, "light", id="phone-light", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("size", "scheme"), WINDOWS)
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
    check_picture(tmp_path / "page.png", size, scheme)


@pytest.mark.parametrize(("size", "scheme"), WINDOWS)
def test_labels_fit_the_window(
    browser, address, beside, pair_classifier_artifact_directory, size, scheme, tmp_path
):
    name = beside(pair_classifier_artifact_directory)
    # Bars move to where they belong, which takes a moment.
    options = dict(viewport=size, color_scheme=scheme, reduced_motion="reduce")
    with opened(browser, address, name, **options) as page:
        fill_texts(page, ("The film was dull, to be honest.", f"What a brilliant song! {LONG}"))
        width, inner = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert width <= inner == size["width"]
        page.screenshot(path=tmp_path / "page.png", full_page=True)
        _, rows = bars(page)
        filled = []
        for i, (_, share, _) in enumerate(rows, start=1):
            shot = page.locator(f"#bars li:nth-child({i}) div").screenshot()
            picture = np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"), int)
            middle = picture[len(picture) // 2]
            empty = np.abs(middle - middle[-6]).sum(axis=1) < 20  # what is right of the bar
            assert abs((~empty).mean() - share) < 0.02
            filled.append(middle[2].sum())
        best = np.argmax([share for _, share, _ in rows])
        # The most probable label's bar stands out.
        assert filled[best] == (min(filled) if scheme == "light" else max(filled))
    check_picture(tmp_path / "page.png", size, scheme)


def check_picture(path, size, scheme):
    picture = Image.open(path).convert("RGB")
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
