import pytest

from sweep.figures.style import class_style, contrast
from sweep.figures.text import class_names, fitted, plain, width_of


def test_a_text_stands_in_one_line():
    assert plain("a\nb\t c\u00a0d ") == "a b c d"


def test_what_the_font_lacks_is_shown_as_a_box():
    assert plain("衬 shirt \x00 \ud800") == "▯ shirt ▯ ▯"


def test_a_text_that_fits_stays_as_it_is():
    assert fitted("$a$ <b>", size=9, width=3) == "$a$ <b>"


@pytest.mark.parametrize("length", [40, 100_000])
def test_a_long_text_is_shortened_to_its_room(length):
    short = fitted("iW" * length, size=9, width=1)
    assert short.endswith("…")
    assert 0.8 < width_of(short, size=9) <= 1


def test_narrow_letters_are_not_shortened_early():
    text = "i" * 30
    assert fitted(text, size=9, width=width_of(text, size=9)) == text


def test_names_that_would_look_alike_get_their_index():
    names = class_names(["衬衫", "靴子", "coat", "", "  "], size=9, width=2)
    assert names == ["0: ▯▯", "1: ▯▯", "coat", "3", "4"]


def test_long_names_with_the_same_beginning_stay_different():
    names = class_names([f"{'long ' * 30}{end}" for end in "ab"], size=9, width=1)
    assert names[0] != names[1]


def test_a_hundred_classes_look_different():
    assert len({class_style(index) for index in range(100)}) == 100


def test_ten_classes_share_neither_colour_nor_marker():
    colours, markers = zip(*(class_style(index) for index in range(10)), strict=True)
    assert len(set(colours)) == len(set(markers)) == 10


@pytest.mark.parametrize(("colour", "ink"), [((1, 1, 1), "black"), ((0, 0, 0), "white"), ((0.03, 0.19, 0.42), "white")])
def test_ink_stands_out(colour, ink):
    assert contrast(colour) == ink
