"""Two stores that share a home: each command's files end up with its own store's, and stay there."""

import pytest


@pytest.mark.long
def test_studies_of_one_name_in_two_stores_keep_their_own_weights(place, terms, study, postgres_url):
    store = ("--storage", postgres_url)
    place.run("start", *terms, "--trials", 10)
    place.run("start", *terms, "--trials", 10, *store)
    folders = sorted((place.home / "weights").iterdir())
    assert [folder.name.partition("@")[0] for folder in folders] == [study, study]
    before = {path for folder in folders for path in folder.iterdir()}
    assert len(before) == 20
    assert place.json("gc")["removed"] == []
    assert place.json("gc", *store)["removed"] == []
    place.run("delete", study, "--yes", *store)
    assert {path.parent for path in before if path.exists()} == {place.home.absolute() / "weights" / study}
    assert place.json("gc")["removed"] == []
