"""Search spaces by name: built-in, registered by other packages, broken and clashing."""

from collections.abc import Callable
from pathlib import Path

import pytest

from search_spaces import UnknownFamilyError, find_space, space_names

BUILT_IN = ("isolated", "grouped", "pretrained", "residual", "all")

FAMILY = """
from dataclasses import dataclass
from typing import ClassVar
from search_spaces import Configuration, Dense, Flatten, LayerPlan, Optional, Switch, Uniform, parameter

@dataclass(frozen=True, kw_only=True)
class Family(Configuration):
    family: ClassVar[str] = {name!r}
    l2: float | None = parameter(Optional(Uniform(0.1, 0.2)))

    def plan(self, image_shape, classes):
        softmax = Dense(units=classes, activation="softmax")
        return LayerPlan(image_shape=image_shape, classes=classes, layers=(Flatten(), softmax))

@dataclass(frozen=True, kw_only=True)
class Clashing(Family):
    use_l2: bool = parameter(Switch())

@dataclass(frozen=True, kw_only=True)
class WithoutPlan(Configuration):
    family: ClassVar[str] = {name!r}
    l2: float = parameter(Uniform(0.1, 0.2))
"""

Register = Callable[..., None]


@pytest.fixture
def register(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Register:
    """Install a package with one entry point, as pip would leave it on the path."""

    def install(name: str, value: str, *, source: str | None = None, package: str = "someones-family") -> None:
        folder = tmp_path / package
        info = folder / f"{package.replace('-', '_')}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[sweep.search_spaces]\n{name} = {value}\n")
        module = folder / f"{value.partition(':')[0]}.py"
        module.write_text(FAMILY.format(name=name) if source is None else source)
        monkeypatch.syspath_prepend(folder)

    return install


def test_the_built_in_spaces_are_known():
    assert space_names() == BUILT_IN
    assert [find_space(name).name for name in BUILT_IN] == list(BUILT_IN)


def test_all_joins_the_built_in_families():
    assert [family.family for family in find_space("all").families] == [
        "isolated",
        "grouped",
        "pretrained",
        "residual",
    ]


def test_families_can_be_left_out_of_all():
    space = find_space("all", without=["pretrained"])
    assert [family.family for family in space.families] == ["isolated", "grouped", "residual"]
    assert space.name == "all"
    assert "family" not in find_space("all", without=["isolated", "pretrained", "residual"]).distributions


@pytest.mark.parametrize(
    ("name", "without", "told"),
    [
        ("all", ["groupd"], r"'groupd' \(did you mean 'grouped'\?\)"),
        ("all", ["isolated", "grouped", "pretrained", "residual"], "Keep at least one"),
        ("grouped", ["isolated"], "left out of 'all' only"),
    ],
)
def test_families_that_cannot_be_left_out_are_refused(name, without, told):
    with pytest.raises(UnknownFamilyError, match=told):
        find_space(name, without=without)


def test_an_unknown_name_is_answered_with_the_nearest_and_the_known_ones():
    with pytest.raises(
        UnknownFamilyError,
        match=r"'gruoped' \(did you mean 'grouped'\?\). Known families: isolated, grouped, pretrained, residual, all\.",
    ):
        find_space("gruoped")


def test_a_registered_family_is_found_and_listed_but_not_part_of_all(register):
    register("mine", "someones_family_found:Family")
    assert space_names() == (*BUILT_IN, "mine")
    space = find_space("mine")
    assert list(space.distributions) == ["use_l2", "l2"]
    assert space.parse(["l2=0.1"]).to_dict() == {"family": "mine", "l2": 0.1}
    assert "mine" not in [family.family for family in find_space("all").families]


def test_a_misspelt_name_is_compared_with_registered_ones_too(register):
    register("mine", "someones_family_near:Family")
    with pytest.raises(UnknownFamilyError, match=r"did you mean 'mine'\?.*all, mine\."):
        find_space("mien")


@pytest.mark.parametrize(
    ("value", "source", "told"),
    [
        ("broken_import:Family", "import module_that_is_not_there", "ModuleNotFoundError: .*is_not_there"),
        ("broken_raise:Family", "1 / 0", "ZeroDivisionError: division by zero"),
        ("broken_name:Other", None, "AttributeError: .*Other"),
        ("broken_kind:parameter", None, "expected a subclass of Configuration"),
        ("broken_plan:WithoutPlan", None, "expected a subclass of Configuration with a plan method"),
        ("broken_space:Clashing", None, "in use: use_l2"),
        ("broken_label:Family", FAMILY.format(name="other"), "family = 'other', expected 'mine'"),
    ],
)
def test_a_broken_registration_is_an_error_only_when_it_is_asked_for(register, value, source, told):
    register("mine", value, source=source)
    assert space_names() == (*BUILT_IN, "mine")
    assert find_space("grouped").name == "grouped"
    with pytest.raises(UnknownFamilyError, match=rf"mine = '{value}' of package 'someones-family', but .*{told}"):
        find_space("mine")


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_registered_name_that_is_built_in_is_refused_where_it_matters(register, name):
    register(name, "clash_built_in:Family")
    for ask in (space_names, lambda: find_space(name)):
        with pytest.raises(UnknownFamilyError, match=rf"'{name}' is the name of a built-in.*someones-family"):
            ask()
    other = "grouped" if name != "grouped" else "isolated"
    assert find_space(other).name == other


def test_a_name_registered_by_two_packages_is_refused_naming_both(register):
    register("mine", "first_family:Family", package="first")
    register("mine", "second_family:Family", package="second")
    with pytest.raises(UnknownFamilyError, match=r"registered more than once.*'second'.*'first'|'first'.*'second'"):
        find_space("mine")


def test_nothing_of_a_registered_family_is_imported_for_the_list(register, tmp_path):
    register("mine", "loud_family:Family", source=f"open({str(tmp_path / 'imported')!r}, 'w').close()")
    assert "mine" in space_names()
    assert not (tmp_path / "imported").exists()
