"""What a host must have installed to write a model in a format."""

from importlib.util import find_spec
from typing import Final

from sweep.errors import WorldError

# Packages that a format needs, by what they are imported as.
PACKAGES: Final = {
    "onnx": {"onnx": "onnx", "onnxruntime": "onnxruntime", "tf2onnx": "tf2onnx"},
    "litert": {"ai_edge_litert": "ai-edge-litert"},
}


def refuse_missing_packages(formats: tuple[str, ...]) -> None:
    """Refuse what this host cannot write; nothing of it is imported.

    Raises:
        WorldError: If TensorFlow is missing, or a package that a format needs.
    """
    if find_spec("tensorflow") is None:
        raise WorldError(
            "TensorFlow is not installed here, and a model is exported as its SavedModel. Expected: the package "
            "tensorflow. Install it, or take the configuration alone: --format config."
        )
    missing = [package for each in formats for module, package in PACKAGES[each].items() if find_spec(module) is None]
    if missing:
        raise WorldError(
            f"--format {' and '.join(formats)} needs packages that are not installed here: {', '.join(missing)}. "
            f"Install them: pip install {' '.join(missing)}"
        )
