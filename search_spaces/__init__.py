"""What may vary: families of networks, their search spaces, and the experiments reported for them.

Nothing here imports Keras; `search_spaces.build` does, and is imported by itself.
"""

from search_spaces.backbones import BACKBONES, BackboneFacts, Preprocessing
from search_spaces.configuration import Configuration, ConfigurationError, FirstTrial, ParameterDescription, describe
from search_spaces.layers import (
    Backbone,
    BatchNormalization,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling,
    Layer,
    MaxPooling,
    NormalizedConvolution,
    ResidualBlock,
)
from search_spaces.parameters import Choice, Optional, Switch, Uniform, parameter
from search_spaces.plan import LayerPlan
from search_spaces.registry import UnknownFamilyError, find_space, space_names
from search_spaces.reported import Alternative, ReportedExperiment, ReportedMetrics
from search_spaces.space import SearchSpace
from search_spaces.tuned import REPORT_POINT, tuned

__all__ = [
    "BACKBONES",
    "REPORT_POINT",
    "Alternative",
    "Backbone",
    "BackboneFacts",
    "BatchNormalization",
    "Choice",
    "Configuration",
    "ConfigurationError",
    "Convolution",
    "Dense",
    "Dropout",
    "FirstTrial",
    "Flatten",
    "GlobalAveragePooling",
    "Layer",
    "LayerPlan",
    "MaxPooling",
    "NormalizedConvolution",
    "Optional",
    "ParameterDescription",
    "Preprocessing",
    "ReportedExperiment",
    "ReportedMetrics",
    "ResidualBlock",
    "SearchSpace",
    "Switch",
    "Uniform",
    "UnknownFamilyError",
    "describe",
    "find_space",
    "parameter",
    "space_names",
    "tuned",
]
