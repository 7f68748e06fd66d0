"""`--max-disk` on real trials: in the end the home is within it, and the best trial's weights are there."""

import pytest

pytestmark = pytest.mark.long

STUDY = "isolated-quick"
TERMS = ("--family", "isolated", "--dataset", "digits", "--limit", "40", "--epochs", "1", "--batch-size", "32")
LIMIT = 30 * 10**6  # room for the weights of two of these networks, 14.2 MB each


def test_a_study_ends_within_its_limit_with_the_weights_of_its_best_trials(workplace):
    weights = workplace.home / "weights"
    other = weights / "grouped" / "0.weights.npz"
    other.parent.mkdir(parents=True)
    other.write_bytes(bytes(10**6))
    answer = workplace.sweep("start", *TERMS, "--trials", "4", "--max-disk", "30MB")
    assert answer.returncode == 0, answer.stderr
    files = [path for part in ("checkpoints", "weights") for path in (workplace.home / part).rglob("*.npz")]
    assert sum(path.stat().st_size for path in files) <= LIMIT
    complete = [trial for trial in workplace.json("trials", STUDY) if trial["state"] == "COMPLETE"]
    ranked = [trial["number"] for trial in sorted(complete, key=lambda trial: (-trial["value"], trial["number"]))]
    assert set(files) == {other, *(weights / STUDY / f"{number}.weights.npz" for number in ranked[:2])}
    notes = [line for line in answer.stderr.splitlines() if "removed to keep within --max-disk 30.0 MB: " in line]
    assert sorted(line.split()[-1] for line in notes) == sorted(str(number) for number in ranked[2:])
