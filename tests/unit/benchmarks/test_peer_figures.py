"""What the comparison with peers makes of reported epochs: curves, times to a target, medians, table."""

import dataclasses
import math
import os
import signal
from contextlib import suppress

import psutil
import pytest

from benchmarks.peers.curves import Run, best_so_far, compare, median_and_range, seconds_to, value_at
from benchmarks.peers.drawing import draw
from benchmarks.peers.page import page, row, table
from benchmarks.peers.results import read_runs, write_runs
from benchmarks.peers.running import read_events
from benchmarks.peers.watching import size_of, watch
from benchmarks.peers.with_sweep import merge
from sweep.figures.rendering import render

TITLES = {"sweep": "sweep", "first": "First peer", "second": "Second peer"}


def a_run(system="sweep", repeat=0, curve=((10.0, 0.8), (20.0, 0.86)), **changes):
    values = {
        "system": system,
        "repeat": repeat,
        "seed": 43 + repeat,
        "limit_seconds": 300.0,
        "curve": curve,
        "trials": 7,
        "epochs": 50,
        "measured_again": None,
        "peak_memory": 900_000_000,
        "written": 2_000_000,
        "folder": 1_000_000,
        "load": 0.5,
        "machine": "a processor, 2 cores",
        "versions": "keras 3, optuna 5",
    }
    return Run(**values | changes)


def reached_at(*seconds, system):
    """A run for each repeat, at the target of 0.86 after so many seconds, or never."""
    curves = [((1.0, 0.5), (at, 0.86)) if math.isfinite(at) else ((1.0, 0.5),) for at in seconds]
    return [a_run(system, repeat, curve) for repeat, curve in enumerate(curves)]


class TestCurves:
    def test_only_an_epoch_better_than_all_before_it_is_a_step(self):
        epochs = [(1.0, 0.5), (2.0, 0.4), (3.0, 0.5), (4.0, 0.7)]
        assert best_so_far(epochs, until=300) == ((1.0, 0.5), (4.0, 0.7))

    def test_epochs_count_in_the_order_of_time_whatever_order_they_were_written_in(self):
        assert best_so_far([(4.0, 0.6), (1.0, 0.7)], until=300) == ((1.0, 0.7),)

    def test_an_epoch_after_the_time_limit_does_not_count(self):
        assert best_so_far([(299.9, 0.5), (300.0, 0.6), (300.1, 0.9)], until=300) == ((299.9, 0.5), (300.0, 0.6))

    def test_an_accuracy_that_is_not_a_number_is_no_step(self):
        assert best_so_far([(1.0, math.nan), (2.0, 0.5)], until=300) == ((2.0, 0.5),)

    def test_a_curve_holds_its_value_until_the_next_step_and_is_0_before_the_first(self):
        curve = ((10.0, 0.5), (20.0, 0.7))
        assert [value_at(curve, at) for at in (9.9, 10.0, 19.9, 20.0, 300.0)] == [0, 0.5, 0.5, 0.7, 0.7]

    def test_the_target_is_reached_at_the_first_step_that_is_as_high(self):
        curve = ((10.0, 0.5), (20.0, 0.7), (30.0, 0.9))
        assert seconds_to(curve, 0.7) == 20.0
        assert seconds_to(curve, 0.71) == 30.0

    def test_a_target_that_was_never_reached_took_forever(self):
        assert seconds_to(((10.0, 0.5),), 0.7) == math.inf
        assert seconds_to((), 0.7) == math.inf

    def test_median_and_range_over_repeats_count_one_without_an_epoch_yet_as_0(self):
        curves = [((5.0, 0.5),), ((10.0, 0.8),), ((10.0, 0.6),)]
        assert median_and_range(curves, [5.0, 10.0]) == [(0.0, 0.0, 0.5), (0.5, 0.6, 0.8)]


class TestComparison:
    def test_ours_is_compared_with_the_peer_whose_median_is_first(self):
        runs = [
            *reached_at(10, 20, 90, system="sweep"),
            *reached_at(100, 120, 110, system="first"),
            *reached_at(50, 60, 200, system="second"),
        ]
        found = compare(runs, ours="sweep", target=0.86)
        assert (found.peer, found.ours, found.theirs) == ("second", 20, 60)
        assert found.ratio == pytest.approx(1 / 3)

    def test_a_median_is_known_although_one_of_three_repeats_never_arrived(self):
        runs = [*reached_at(10, 20, math.inf, system="sweep"), *reached_at(math.inf, 80, 60, system="first")]
        found = compare(runs, ours="sweep", target=0.86)
        assert (found.ours, found.theirs) == (20, 80)

    def test_against_a_peer_that_never_arrived_the_time_limit_bounds_the_ratio(self):
        runs = [*reached_at(60, system="sweep"), *reached_at(math.inf, system="first")]
        assert compare(runs, ours="sweep", target=0.86).ratio == pytest.approx(0.2)
        figure = row(runs, titles=TITLES, ours="sweep", target=0.86).figure
        assert figure == "at most 0.20: 60 s against > 300 s (First peer)"

    @pytest.mark.parametrize(("ours", "met"), [(49, True), (50, True), (51, False), (math.inf, False)])
    def test_the_goal_is_half_of_the_best_peers_time(self, ours, met):
        runs = [*reached_at(ours, system="sweep"), *reached_at(100, system="first")]
        assert row(runs, titles=TITLES, ours="sweep", target=0.86).met is met

    def test_the_goal_is_open_where_nobody_arrived(self):
        runs = [*reached_at(math.inf, system="sweep"), *reached_at(math.inf, system="first")]
        assert row(runs, titles=TITLES, ours="sweep", target=0.86).met is None

    def test_without_peers_there_is_nothing_to_compare(self):
        assert compare(reached_at(10, system="sweep"), ours="sweep", target=0.86) is None
        assert row([], titles=TITLES, ours="sweep", target=0.86).figure == "not measured"


class TestWriting:
    def test_runs_come_back_from_the_file_as_they_were_written(self, tmp_path):
        runs = [a_run(), a_run("first", 0, (), written=None), a_run("sweep", 1, measured_again=0.8625)]
        write_runs(tmp_path / "results" / "peers.csv", runs)
        found = read_runs(tmp_path / "results" / "peers.csv")
        assert sorted(found, key=runs.index) == runs

    def test_a_folder_without_results_has_no_runs(self, tmp_path):
        assert read_runs(tmp_path / "peers.csv") == []

    def test_the_table_has_mean_and_deviation_and_says_of_each_repeat_when_it_arrived(self):
        runs = reached_at(10, 20, math.inf, system="sweep")
        _, _, line = table(runs, titles=TITLES, target=0.86).splitlines()
        assert line == ("| sweep | 3 | 74.0 ± 20.8 | 20 | 10, 20, > 300 | 7 | 50 | 900.0 MB | 2.0 MB | 1.0 MB |")

    def test_systems_stand_in_the_order_of_their_titles_and_those_not_run_are_left_out(self):
        runs = [a_run("second"), a_run("sweep")]
        lines = table(runs, titles=TITLES, target=0.86).splitlines()
        assert [line.split(" | ")[0] for line in lines[2:]] == ["| sweep", "| Second peer"]

    def test_all_rows_have_as_many_cells_as_the_head(self):
        lines = table([a_run(written=None)], titles=TITLES, target=0.86).splitlines()
        assert len({line.count("|") for line in lines}) == 1

    def test_the_page_says_what_was_left_out_and_that_machines_differ(self):
        runs = [a_run(), a_run("first", machine="another")]
        text = page(runs, titles=TITLES, ours="sweep", target=0.86, left_out=["Second peer: not installed."])
        assert "Left out: Second peer: not installed." in text
        assert "Not all runs are from one machine" in text

    @pytest.mark.parametrize("runs", [[], [a_run()], [a_run(), a_run("first", 0, ())]])
    def test_page_and_figure_can_be_made_of_unfinished_results(self, runs):
        assert page(runs, titles=TITLES, ours="sweep", target=0.86, left_out=[])
        assert len(render(draw(runs, titles=TITLES, target=0.86), format="svg")) < 200_000


class TestOurCommand:
    def test_an_epoch_has_the_time_of_its_line_and_the_accuracy_that_the_study_keeps(self):
        lines = [
            (1.0, "trial 0  started   a title"),
            (3.5, "trial 0  epoch 1/12  val_accuracy 0.6123  loss 1.0000  2 s"),
            (5.0, "trial 0  epoch 2/12  val_accuracy 0.7000  loss 0.9000  2 s"),
        ]
        trial = a_trial(intermediate_values={"1": 0.61234})  # the second was cut off before it was stored
        assert merge(lines, [trial]).epochs == ((3.5, 0.61234), (5.0, 0.7))

    def test_trials_that_ended_are_counted_without_repeats_and_the_best_complete_one_has_the_value(self):
        trials = [
            a_trial(value=0.86),
            a_trial(state="PRUNED", value=0.9),
            a_trial(value=0.86, user_attrs={"reused_from": 0}),
            a_trial(state="RUNNING", value=None),
        ]
        found = merge([(1.0, "trial 0  epoch 1/12  val_accuracy 0.8600  loss 1.0  2 s")], trials)
        assert (found.trials, found.measured_again) == (2, 0.86)

    def test_lines_that_cannot_be_read_any_more_are_not_taken_for_a_run_without_epochs(self):
        with pytest.raises(RuntimeError, match="told of no epoch"):
            merge([(1.0, "trial 0: epoch one")], [a_trial(intermediate_values={"1": 0.5})])


class TestWatching:
    def test_what_a_command_started_ends_with_its_time_even_in_a_session_of_its_own(self, tmp_path):
        script = "setsid sleep 300 & echo $! >&2; exec sleep 300"
        found = watch(["sh", "-c", script], folder=tmp_path, environment=os.environ, seconds=1.0)
        ((_, child),) = found.lines
        with suppress(psutil.NoSuchProcess):  # dead, if perhaps not buried yet
            assert psutil.Process(int(child)).status() == psutil.STATUS_ZOMBIE
        assert found.code == -signal.SIGKILL
        assert found.peak_memory > 0

    def test_a_command_that_ends_before_its_time_is_not_waited_for(self, tmp_path):
        found = watch(["sh", "-c", "echo done >&2; exit 3"], folder=tmp_path, environment=os.environ, seconds=300)
        assert (found.code, [line for _, line in found.lines]) == (3, ["done"])
        assert (tmp_path / "output.log").read_text() == "done\n"

    def test_an_event_that_was_cut_off_or_came_too_late_does_not_count(self, tmp_path):
        path = tmp_path / "events.jsonl"
        path.write_text(
            '{"seconds": 1.0, "epoch": 1, "val_accuracy": 0.5}\n{"seconds": 2.0, "ended": true}\n'
            '{"seconds": 9.0, "epoch": 2, "val_accuracy": 0.9}\n{"seconds": 3.0, "epo'
        )
        found = read_events(path, until=5)
        assert (found.epochs, found.trials) == (((1.0, 0.5),), 1)

    def test_a_folders_size_is_that_of_all_files_below_it(self, tmp_path):
        (tmp_path / "deep").mkdir()
        (tmp_path / "deep" / "file").write_bytes(b"12345")
        (tmp_path / "link").symlink_to(tmp_path / "deep" / "file")
        assert size_of(tmp_path) == 5


def a_trial(**changes):
    values = {"number": 0, "state": "COMPLETE", "value": 0.5, "intermediate_values": {}, "user_attrs": {}}
    return values | changes


def test_every_field_of_a_run_is_a_column(tmp_path):
    write_runs(tmp_path / "peers.csv", [a_run()])
    head = (tmp_path / "peers.csv").read_text().splitlines()[0]
    assert head.split(",") == [field.name for field in dataclasses.fields(Run)]
