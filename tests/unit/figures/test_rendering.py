import hashlib
import re
import subprocess
import sys
import threading
import xml.etree.ElementTree as ET
from io import BytesIO

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from sweep.figures.architecture import architecture
from sweep.figures.curves import learning_curves
from sweep.figures.features import features
from sweep.figures.matrices import confusion_matrix
from sweep.figures.rendering import render
from sweep.figures.studies import reported_against_reproduced

MEBIBYTE = 2**20


@pytest.fixture
def draw(labels, make_history, make_plan, random):
    """One figure of each sort: lines, cells, points, blocks, labelled points."""
    points, classes = random.normal(size=(300, 2)), random.integers(0, 10, 300)
    guesses = np.where(random.random(300) < 0.1, 0, classes)
    matrix = random.integers(0, 30, (10, 10)).tolist()
    plan = make_plan("grouped", batch_norm=True, dropout=0.2)
    return {
        "lines": lambda: learning_curves(make_history(9), title="t", best_epoch=4, resumed_after=2, pruned_at=9),
        "cells": lambda: confusion_matrix(matrix, labels, title="t"),
        "points": lambda: features(points, classes, labels, title="t", method="PCA", predicted=guesses),
        "blocks": lambda: architecture(plan, title="t"),
        "labels": lambda: reported_against_reproduced(labels, points[:10, 0], points[10:20, 0], 0.5, title="t"),
    }


SORTS = ("lines", "cells", "points", "blocks", "labels")


@pytest.mark.parametrize("sort", SORTS)
def test_a_png_has_150_dots_in_an_inch_and_something_on_it(draw, sort):
    figure = draw[sort]()
    with Image.open(BytesIO(render(figure))) as image:
        assert image.size == pytest.approx(150 * figure.get_size_inches(), abs=1)
        pixels = np.asarray(image.convert("L"))
    assert pixels[0].min() == pixels[:, 0].min() == 255  # nothing is cut off at the upper and the left edge
    assert pixels[-1].min() == pixels[:, -1].min() == 255
    assert (pixels < 128).mean() > 0.005


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_same_data_gives_the_same_bytes(draw, sort, kind):
    assert render(draw[sort](), format=kind) == render(draw[sort](), format=kind)


@pytest.mark.parametrize("sort", SORTS)
def test_a_figure_can_be_rendered_twice(draw, sort):
    figure = draw[sort]()
    first = render(figure)
    render(figure, format="svg")
    assert render(figure) == first


@pytest.mark.parametrize("sort", SORTS)
def test_an_svg_is_one_element_that_needs_nothing_from_elsewhere(draw, sort):
    svg = render(draw[sort](), format="svg").decode()
    assert svg.startswith("<svg ")
    root = ET.fromstring(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.find("{http://www.w3.org/2000/svg}title").text == "t"
    addresses = re.findall(r'(?:href|src)="([^"]*)"', svg) + re.findall(r"url\(([^)]*)\)", svg)
    assert all(address.startswith(("#", "data:image/png;base64,")) for address in addresses)
    assert "<text" not in svg  # letters are paths: no font is looked for
    assert "<script" not in svg


@pytest.mark.parametrize("sort", SORTS)
def test_every_reference_in_an_svg_has_its_target(draw, sort):
    svg = render(draw[sort](), format="svg", name="a").decode()
    ids = re.findall(r'\bid="([^"]*)"', svg)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]*)"', svg) + re.findall(r"url\(#([^)]*)\)", svg)) <= set(ids)


def test_two_svgs_in_one_page_share_no_id(draw):
    first, second = (
        set(re.findall(r'\bid="([^"]*)"', render(draw["cells"](), format="svg", name=name).decode()))
        for name in ("trial-1", "trial-2")
    )
    assert first
    assert not first & second


def test_an_svgs_styles_stay_within_it(draw):
    svg = render(draw["lines"](), format="svg", name="curves").decode()
    (style,) = re.findall(r"<style[^>]*>(.*?)</style>", svg, re.DOTALL)
    assert style.strip().startswith("#curves *{")


@pytest.mark.parametrize("name", ["", "1st", 'a"b', "a b", "<b>"])
def test_a_name_that_is_no_id_is_refused(draw, name):
    with pytest.raises(ValueError, match="A figure's name is a letter"):
        render(draw["lines"](), format="svg", name=name)


def test_another_format_is_refused(draw):
    with pytest.raises(ValueError, match="Received: format='pdf'"):
        render(draw["lines"](), format="pdf")


EVIL = "$x^{2$ <script>alert(1)</script> & \\frac --> 衬衫\nnext"


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_no_text_is_taken_for_mathematics_or_markup(kind, labels, make_history, random):
    evil = [EVIL, *labels[1:]]
    matrix = random.integers(0, 30, (10, 10)).tolist()
    for figure in (
        learning_curves(make_history(2), title=EVIL, best_epoch=1),
        confusion_matrix(matrix, evil, title=EVIL),
        features(random.normal(size=(20, 2)), [0] * 20, evil, title=EVIL, method=EVIL),
        reported_against_reproduced([EVIL], [0.9], [0.9], 0.5, title=EVIL),
    ):
        content = render(figure, format=kind)
        assert b"<script" not in content
        if kind == "svg":
            assert ET.fromstring(content).find("{http://www.w3.org/2000/svg}title").text.startswith("$x^{2$ <script>")


@pytest.mark.parametrize("sort", SORTS)
def test_a_users_matplotlib_settings_change_nothing(draw, sort):
    settings = {
        "font.family": "serif", "font.size": 20, "text.usetex": True, "text.color": "red", "axes.labelcolor": "red",
        "figure.autolayout": True, "savefig.bbox": "tight", "savefig.transparent": True, "svg.hashsalt": "x",
        "axes.grid": False, "xtick.top": True, "xtick.labelsize": 20, "lines.linewidth": 9, "image.cmap": "hot",
    }  # fmt: skip
    plain = render(draw[sort]()), render(draw[sort](), format="svg")
    with mpl.rc_context(settings):
        assert (render(draw[sort]()), render(draw[sort](), format="svg")) == plain


SCRIPT = """
import hashlib, sys
import matplotlib
def settings():  # to read the backend would choose one
    return {name: matplotlib.rcParams[name] for name in matplotlib.rcParams if name != "backend"}
before = settings()
from sweep.figures.curves import learning_curves
from sweep.figures.rendering import render
history = {"epoch": [1, 2], "loss": [2, 1], "accuracy": [0.5, 0.6], "val_loss": [2, 1], "val_accuracy": [0.4, 0.5]}
svg = render(learning_curves(history, title="t", best_epoch=2), format="svg")
assert settings() == before
assert "matplotlib.pyplot" not in sys.modules
print(hashlib.sha256(svg).hexdigest())
"""


def test_another_process_gives_the_same_bytes_and_nothing_global_changes():
    history = {"epoch": [1, 2], "loss": [2, 1], "accuracy": [0.5, 0.6], "val_loss": [2, 1], "val_accuracy": [0.4, 0.5]}
    svg = render(learning_curves(history, title="t", best_epoch=2), format="svg")
    ran = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == hashlib.sha256(svg).hexdigest()


def test_threads_draw_side_by_side(draw):
    expected = {sort: render(draw[sort]()) for sort in ("lines", "cells")}
    wrong = []

    def work(sort):
        for _ in range(2):
            if render(draw[sort]()) != expected[sort]:
                wrong.append(sort)

    threads = [threading.Thread(target=work, args=(sort,)) for sort in expected for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# In a process of its own: each rendering collects garbage, and beside Keras that takes a second each time.
GROWTH = """
import sys
import numpy as np, psutil
from search_spaces import find_space
from sweep.figures.architecture import architecture
from sweep.figures.features import features
from sweep.figures.rendering import render

random, labels = np.random.default_rng(43), [f"class {index}" for index in range(10)]
points, classes = random.normal(size=(300, 2)), random.integers(0, 10, 300)
plan = find_space("grouped").from_dict({"l2": None, "batch_norm": True, "dropout": 0.2}).plan((28, 28, 1), 10)
draw = {
    "points": lambda: features(points, classes, labels, title="t", method="PCA", predicted=np.zeros(300, int)),
    "blocks": lambda: architecture(plan, title="t"),
}[sys.argv[1]]
for _ in range(5):
    render(draw())
before = psutil.Process().memory_info().rss
for _ in range(int(sys.argv[2])):
    render(draw())
print(psutil.Process().memory_info().rss - before)
"""


def growth_of(sort, times):
    """How many bytes a process grows while it renders, after it has warmed up."""
    command = [sys.executable, "-c", GROWTH, sort, str(times)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_rendering_leaves_no_memory_behind():
    assert growth_of("points", 20) < 20 * MEBIBYTE  # its pixels alone are 3.4 MiB each time


@pytest.mark.long
@pytest.mark.parametrize("sort", ["points", "blocks"])
def test_sixty_renderings_of_the_largest_leave_no_memory_behind(sort):
    assert growth_of(sort, 60) < 20 * MEBIBYTE
