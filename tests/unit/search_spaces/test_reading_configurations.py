"""Configurations that people write, in files and on command lines, and every mistake they can make."""

import math

import pytest

from search_spaces import ConfigurationError, describe, find_space

GOOD = {"conv_layers": 3, "l2": 0.01, "batch_norm": True, "dropout": 0.2}
GOOD_PAIRS = ["conv_layers=3", "l2=0.01", "batch_norm=true", "dropout=0.2"]


def test_a_dictionary_and_a_command_line_mean_the_same():
    space = find_space("isolated")
    assert space.parse(GOOD_PAIRS) == space.from_dict(GOOD)
    assert space.from_dict(GOOD).to_dict() == {"family": "isolated"} | GOOD


def test_off_and_null_both_mean_off():
    space = find_space("isolated")
    off = space.from_dict(GOOD | {"l2": None, "dropout": "off"})
    assert (off.l2, off.dropout) == (None, None)
    assert space.parse([*GOOD_PAIRS[:1], "l2=off", "batch_norm=true", "dropout=none"]) == off


def test_the_family_may_be_named_where_there_is_only_one():
    assert find_space("isolated").from_dict({"family": "isolated"} | GOOD).conv_layers == 3


def test_words_and_numbers_are_read_as_people_type_them():
    space = find_space("pretrained")
    configuration = space.parse(["backbone=vgg19", " l2 = 1e-3 ", "batch_norm=Off", "dropout=0.25"])
    assert configuration.to_dict() == {
        "family": "pretrained",
        "backbone": "vgg19",
        "l2": 0.001,
        "batch_norm": False,
        "dropout": 0.25,
    }


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("conv_layers", 5, "conv_layers: expected 3 or 4, received 5"),
        ("conv_layers", 3.0, "conv_layers: expected 3 or 4, received 3.0"),
        ("conv_layers", True, "conv_layers: expected 3 or 4, received True"),
        ("conv_layers", "3", "conv_layers: expected 3 or 4, received '3'"),
        ("conv_layers", None, "conv_layers: expected 3 or 4, received None"),
        ("conv_layers", [3], r"conv_layers: expected 3 or 4, received \[3\]"),
        ("l2", 0.5, "l2: expected a number from 0.0001 to 0.1, or off, received 0.5"),
        ("l2", 0, "l2: .* received 0"),
        ("l2", True, "l2: .* received True"),
        ("l2", "0.01", "l2: .* received '0.01'"),
        ("l2", math.nan, "l2: .* received nan"),
        ("l2", math.inf, "l2: .* received inf"),
        ("l2", "OFF", "l2: .* received 'OFF'"),
        ("batch_norm", 1, "batch_norm: expected true or false, received 1"),
        ("batch_norm", "off", "batch_norm: expected true or false, received 'off'"),
        ("batch_norm", None, "batch_norm: expected true or false, received None"),
        ("dropout", 0.6, "dropout: expected a number from 0.1 to 0.5, or off, received 0.6"),
        ("dropout", False, "dropout: .* received False"),
    ],
)
def test_a_bad_value_is_refused_with_what_was_expected(name, value, told):
    with pytest.raises(ConfigurationError, match=told):
        find_space("isolated").from_dict(GOOD | {name: value})


@pytest.mark.parametrize(
    ("pair", "told"),
    [
        ("conv_layers=5", "conv_layers: expected 3 or 4, received '5'"),
        ("conv_layers=3.0", "conv_layers: .* received '3.0'"),
        ("l2=much", "l2: .* received 'much'"),
        ("l2=nan", "l2: .* received nan"),
        ("l2=", "l2: .* received ''"),
        ("batch_norm=1", "batch_norm: expected true or false, received '1'"),
        ("dropout=true", "dropout: .* received 'true'"),
    ],
)
def test_a_bad_word_on_the_command_line_is_refused_likewise(pair, told):
    others = [good for good in GOOD_PAIRS if good.partition("=")[0] != pair.partition("=")[0]]
    with pytest.raises(ConfigurationError, match=told):
        find_space("isolated").parse([*others, pair])


def test_a_misspelt_name_is_answered_with_the_nearest():
    with pytest.raises(ConfigurationError, match=r"dropuot: no such parameter \(did you mean 'dropout'\?\)"):
        find_space("isolated").from_dict(GOOD | {"dropuot": 0.2})


def test_a_name_that_resembles_nothing_is_refused_without_a_guess():
    with pytest.raises(ConfigurationError, match=r"zzz: no such parameter\."):
        find_space("isolated").from_dict(GOOD | {"zzz": 0.2})


def test_a_parameter_of_another_family_is_refused():
    with pytest.raises(ConfigurationError, match=r"backbone: no such parameter"):
        find_space("all").from_dict(GOOD | {"family": "isolated", "backbone": "vgg16"})


def test_all_mistakes_are_named_at_once_with_the_way_out():
    with pytest.raises(ConfigurationError) as caught:
        find_space("isolated").from_dict({"conv_layer": 3, "l2": "0.01", "batch_norm": True, "dropout": 2})
    message = str(caught.value)
    for told in ("conv_layer: no such", "conv_layers: missing", "l2: expected", "dropout: expected"):
        assert told in message
    assert "Its parameters are conv_layers: 3 or 4; l2: a number from 0.0001 to 0.1, or off;" in message


def test_the_constructor_checks_just_as_strictly():
    family = find_space("isolated").families[0]
    with pytest.raises(ConfigurationError, match=r"conv_layers: .*dropout: ") as caught:
        family(conv_layers=7, l2=0.01, batch_norm=True, dropout=0.9)
    assert "l2: expected" not in str(caught.value)


def test_the_family_must_be_named_where_there_are_several():
    with pytest.raises(ConfigurationError, match=r"'family' is missing.*isolated, grouped, pretrained, residual"):
        find_space("all").from_dict(GOOD)


def test_a_family_outside_the_space_is_refused():
    with pytest.raises(ConfigurationError, match=r"Expected one of: isolated\. Received: family='grouped'"):
        find_space("isolated").from_dict({"family": "grouped"} | GOOD)


def test_a_misspelt_family_is_answered_with_the_nearest():
    with pytest.raises(ConfigurationError, match=r"family='isolatd' \(did you mean 'isolated'\?\)"):
        find_space("all").parse(["family=isolatd", *GOOD_PAIRS])


@pytest.mark.parametrize("pair", ["l2", "=0.1", ""])
def test_a_string_that_is_no_pair_is_refused(pair):
    with pytest.raises(ConfigurationError, match="Expected key=value"):
        find_space("isolated").parse([*GOOD_PAIRS, pair])


def test_a_key_that_comes_twice_is_refused():
    with pytest.raises(ConfigurationError, match="Given more often: l2"):
        find_space("isolated").parse([*GOOD_PAIRS, "l2=0.02"])


def test_a_family_describes_its_parameters_in_words():
    (family,) = find_space("pretrained").families
    descriptions = describe(family)
    assert [found.name for found in descriptions] == ["backbone", "l2", "batch_norm", "dropout"]
    assert descriptions[0].expected == "vgg16, vgg19, inception_v3 or resnet152_v2"
    assert all(found.doc for found in descriptions)
