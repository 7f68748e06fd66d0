"""What lets a process of the tests train on JAX."""

# Almost all of its time goes into compiling steps that run a few times: without optimization it is half of that.
ON_JAX = {
    "KERAS_BACKEND": "jax",
    "XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true",
}
