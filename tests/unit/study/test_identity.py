import json

import pytest

from sweep.errors import UsageError
from sweep.identity import Identity, read_identity, refuse_another_identity


def test_an_identity_survives_json(make_identity):
    identity = make_identity(without=("pretrained",), limit=100, weights="imagenet")
    assert Identity.from_dict(json.loads(json.dumps(identity.to_dict()))) == identity


def test_a_study_remembers_its_identity(our_study, make_identity):
    assert read_identity(our_study) == make_identity()


def test_a_study_of_another_tool_has_no_identity(study):
    assert read_identity(study) is None


def test_the_same_identity_is_let_through(our_study, make_identity):
    refuse_another_identity(our_study, make_identity())


def test_the_place_of_the_data_is_not_compared_but_its_content_is(our_study, make_identity):
    refuse_another_identity(our_study, make_identity(dataset="/elsewhere/fashion.npz"))
    with pytest.raises(UsageError, match='dataset_sha256: stored "c59f", asked for "0000"'):
        refuse_another_identity(our_study, make_identity(dataset_sha256="0000"))


def test_every_difference_is_shown_with_both_sides_and_a_way_out(our_study, make_identity):
    with pytest.raises(UsageError) as refused:
        refuse_another_identity(our_study, make_identity(epochs=4, limit=1000))
    assert str(refused.value).splitlines() == [
        "Study 'isolated' exists with other settings:",
        "  epochs: stored 50, asked for 4",
        "  limit: stored null, asked for 1000",
        "Leave the option out to take the stored setting, or choose another --study.",
    ]


def test_settings_of_the_sampler_belong_to_the_identity(our_study, make_identity):
    with pytest.raises(UsageError, match="sampler_settings: stored"):
        refuse_another_identity(our_study, make_identity(sampler_settings={"n_startup_trials": 99}))


def test_a_long_setting_is_cut(our_study, make_identity):
    with pytest.raises(UsageError) as refused:
        refuse_another_identity(our_study, make_identity(labels=tuple(f"label {i}" for i in range(100))))
    assert max(len(line) for line in str(refused.value).splitlines()) < 200


@pytest.mark.parametrize(
    ("changes", "quick"),
    [({}, False), ({"limit": 50_000}, True), ({"epochs": 49}, True), ({"epochs": 51}, False), ({"patience": 1}, False)],
)
def test_fewer_images_or_epochs_make_a_quick_look(make_identity, changes, quick):
    assert make_identity(**changes).quick_look is quick
