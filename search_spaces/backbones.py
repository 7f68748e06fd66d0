"""The pretrained backbones, as constants that need no Keras.

Weights files, their MD5 and the preprocessing modes stand in Keras's own `keras.applications` modules.
Shapes, parameters and multiply-accumulates were counted on the Keras models at the input sizes given here;
the tests count them again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_WEIGHTS_URL = "https://storage.googleapis.com/tensorflow/keras-applications"


class Preprocessing(StrEnum):
    """How a backbone wants its pixels, in Keras's words."""

    CAFFE = "caffe"  # blue, green, red; minus the mean of ImageNet; 0 to 255 otherwise
    TF = "tf"  # red, green, blue; from -1 to 1


@dataclass(frozen=True, kw_only=True)
class BackboneFacts:
    """What is known about a backbone without building it, always without its classifier.

    Attributes:
        application: Name of its function in `keras.applications`.
        input_size: Height and width to which images are resized, in pixels. The smallest that Keras allows,
            except ResNet152V2's 75, which the report names (Keras allows 32).
        feature_shape: Height, width and channels of its output at that size.
        parameters: Number of weights, all frozen.
        forward_macs: Multiply-accumulates of one image's forward pass at that size; convolutions only.
        preprocessing: How it wants its pixels.
        weights_file: Name of the file with its ImageNet weights, as Keras names it.
        weights_url: Where Keras downloads that file.
        weights_md5: The MD5 that Keras checks.
    """

    application: str
    input_size: int
    feature_shape: tuple[int, int, int]
    parameters: int
    forward_macs: int
    preprocessing: Preprocessing
    weights_file: str
    weights_url: str
    weights_md5: str


BACKBONES: Mapping[str, BackboneFacts] = MappingProxyType(
    {
        "vgg16": BackboneFacts(
            application="VGG16",
            input_size=32,
            feature_shape=(1, 1, 512),
            parameters=14_714_688,
            forward_macs=313_196_544,
            preprocessing=Preprocessing.CAFFE,
            weights_file="vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
            weights_url=f"{_WEIGHTS_URL}/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
            weights_md5="6d6bbae143d832006294945121d1f1fc",
        ),
        "vgg19": BackboneFacts(
            application="VGG19",
            input_size=32,
            feature_shape=(1, 1, 512),
            parameters=20_024_384,
            forward_macs=398_131_200,
            preprocessing=Preprocessing.CAFFE,
            weights_file="vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
            weights_url=f"{_WEIGHTS_URL}/vgg19/vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
            weights_md5="253f8cb515780f3b799900260a226db6",
        ),
        "inception_v3": BackboneFacts(
            application="InceptionV3",
            input_size=75,
            feature_shape=(1, 1, 2048),
            parameters=21_802_784,
            forward_macs=201_477_728,
            preprocessing=Preprocessing.TF,
            weights_file="inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
            weights_url=f"{_WEIGHTS_URL}/inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
            weights_md5="bcbd6486424b2319ff4ef7d526e38f63",
        ),
        "resnet152_v2": BackboneFacts(
            application="ResNet152V2",
            input_size=75,
            feature_shape=(3, 3, 2048),
            parameters=58_331_648,
            forward_macs=1_426_635_520,
            preprocessing=Preprocessing.TF,
            weights_file="resnet152v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
            weights_url=f"{_WEIGHTS_URL}/resnet/resnet152v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
            weights_md5="ed17cf2e0169df9d443503ef94b23b33",
        ),
    }
)
