"""A hundred faults at random moments of one study, and nothing is lost."""

import pytest
from torment import TRAINER_FAULTS, WORKER_FAULTS, Torment, losses

pytestmark = pytest.mark.long

FAULTS = 100


@pytest.mark.timeout(800)
def test_a_study_lives_through_a_hundred_faults_at_random_moments(place):
    torment = Torment(place, faults=FAULTS, seed=43)
    rows = torment.run()
    assert torment.injected.total() >= FAULTS
    assert torment.injected.keys() >= {*TRAINER_FAULTS, *WORKER_FAULTS}
    assert rows["trials finished"] == torment.wanted
    assert losses(rows) == 0, rows
