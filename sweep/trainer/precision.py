"""Which dtype policy trains fastest on this machine."""

import keras

from sweep.environment import gpu_ids, processor_flags

# Measured on the grouped network against float32: 4 times the images per second with AMX, 2 times with AVX512-BF16.
BFLOAT16_FLAGS = frozenset({"amx_bf16", "avx512_bf16"})


def dtype_policy(precision: str) -> str:
    """The Keras dtype policy for `--precision`.

    `auto` takes mixed_bfloat16 where TensorFlow runs on a processor with bfloat16 instructions, else float32:
    JAX's bfloat16 convolutions are slower than its float32 ones on a processor.
    """
    if precision != "auto":
        return precision
    on_tensorflow_cpu = keras.backend.backend() == "tensorflow" and not gpu_ids()
    return "mixed_bfloat16" if on_tensorflow_cpu and processor_flags() & BFLOAT16_FLAGS else "float32"
