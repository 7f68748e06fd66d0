"""The example in docs/extending.md works when it is copied from the page."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[3]

SCRIPT = """
import json, optuna
from search_spaces import find_space, space_names

optuna.logging.set_verbosity(optuna.logging.WARNING)
space = find_space("wide")
drawn = space.suggest(optuna.create_study().ask())
plan = space.parse(["filters=64", "dropout=off"]).plan((28, 28, 1), 10)
print(json.dumps({
    "names": space_names(),
    "family": drawn.family,
    "distributions": list(space.distributions),
    "parameters": plan.parameters,
    "macs": plan.forward_macs,
    "back": space.from_dict(drawn.to_dict()) == drawn,
}))
"""


def block(language: str) -> str:
    page = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    (found,) = re.findall(rf"```{language}\n(.*?)```", page, flags=re.DOTALL)
    return found


def test_the_documented_family_is_found_sampled_and_counted(tmp_path):
    project = tomllib.loads(block("toml"))["project"]
    (tmp_path / "wide.py").write_text(block("python"), encoding="utf-8")
    info = tmp_path / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    groups = project["entry-points"].items()
    lines = [line for group, names in groups for line in (f"[{group}]", *(f"{k} = {v}" for k, v in names.items()))]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")

    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == {
        "names": ["isolated", "grouped", "pretrained", "residual", "all", "wide"],
        "family": "wide",
        "distributions": ["filters", "use_dropout", "dropout"],
        "parameters": 9 * 64 + 64 + 14 * 14 * 64 * 10 + 10,
        "macs": 28 * 28 * 9 * 64 + 14 * 14 * 64 * 10,
        "back": True,
    }


def test_the_page_names_every_kind_of_hyperparameter_and_layer():
    page = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    kinds = ["Choice", "Uniform", "Switch", "Optional"]
    layers = ["Convolution", "NormalizedConvolution", "ResidualBlock", "MaxPooling", "BatchNormalization", "Dropout"]
    assert all(f"`{name}" in page for name in [*kinds, *layers, "Flatten", "GlobalAveragePooling", "Dense", "Backbone"])
