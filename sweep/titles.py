"""How a trial is called in one short text."""

from collections.abc import Mapping
from typing import Any


def title_of(attributes: Mapping[str, Any], config: Mapping[str, Any] | None) -> str:
    """The reported experiment's name, or the configuration: `conv_layers=3 l2=0.0012 batch_norm=on dropout=off`.

    A confirmation's seed stands behind it.
    """
    if attributes.get("baseline"):
        title = str(attributes["baseline"])
    else:
        title = describe(config) if config else "not drawn yet"
    return f"{title}, seed {attributes['seed']}" if "confirms" in attributes else title


def describe(config: Mapping[str, Any]) -> str:
    """A configuration in one line, its family left out."""
    return " ".join(f"{name}={format_value(value)}" for name, value in config.items() if name != "family")


def format_value(value: object) -> str:
    """One hyperparameter: three digits, `on`, `off`."""
    if value is None or isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
