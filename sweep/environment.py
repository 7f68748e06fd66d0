"""What the process can know of its surroundings: variables, host, versions, processors."""

import functools
import math
import os
import platform
import socket
import subprocess
from importlib import metadata
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")
OWN_GROUP = Path("/proc/self/cgroup")
CONTROL_GROUPS = Path("/sys/fs/cgroup")
# Beginnings of the variables that options, PostgreSQL's driver and S3's take passwords and keys from.
SECRETS = ("SWEEP_", "PG", "AWS_")
ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
X86_64 = ("x86_64", "AMD64")  # as Linux and macOS, and as Windows, name it
VERSIONED = ("sweep", "keras", "tensorflow", "jax", "optuna", "numpy")


def keras_home() -> Path:
    """Keras's own folder for downloads: KERAS_HOME, default `~/.keras`."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")


def host_name() -> str:
    """The name of this host."""
    return socket.gethostname()


def cpu_count() -> int:
    """Processor cores that this process may use: a container may be held to fewer than it sees."""
    seen = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _cpu_quota()
    return seen if quota is None else min(seen, max(1, math.ceil(quota)))


def _cpu_quota() -> float | None:
    """Cores' worth of time that this process's control group may take; None where it is not held to any."""
    try:
        group = OWN_GROUP.read_text().strip().rpartition("::")[2]
        quota, period = (CONTROL_GROUPS / group.strip("/") / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return None


def default_slots() -> int:
    """Trainers on this host unless told otherwise: one per GPU, else one."""
    return len(gpu_ids()) or 1


def gpu_ids() -> tuple[str, ...]:
    """The NVIDIA GPUs this process may use, as CUDA_VISIBLE_DEVICES spells them; empty without one."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return tuple(part for part in visible.split(",") if part and part != "-1")
    devices = Path("/proc/driver/nvidia/gpus")  # one folder a device, there without any library
    return tuple(str(index) for index in range(len(list(devices.iterdir())))) if devices.is_dir() else ()


def gpu_names() -> tuple[str, ...]:
    """What the NVIDIA GPUs of this host are called, each name once; empty without one."""
    names = {_after_colon(path, "Model") for path in Path("/proc/driver/nvidia/gpus").glob("*/information")}
    return tuple(sorted(name for name in names if name))


def processor_name() -> str:
    """What the processor calls itself."""
    return _after_colon(CPU_INFO, "model name") or platform.processor() or platform.machine()


def processor_flags() -> frozenset[str]:
    """Instruction-set flags as Linux names them; empty on other systems."""
    return frozenset((_after_colon(CPU_INFO, "flags") or _after_colon(CPU_INFO, "Features")).split())  # x86, Arm


def _after_colon(path: Path, name: str) -> str:
    """The first value of that name in a file of `name : value` lines; empty if there is none."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return ""
    return next((value.strip() for key, _, value in (line.partition(":") for line in lines) if key.strip() == name), "")


@functools.cache
def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that decide a result; those not installed are left out."""
    found = {"python": platform.python_version()}
    for name in VERSIONED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


@functools.cache
def git_commit() -> str | None:
    """The commit of the checkout this package runs from, or None where it runs from none."""
    try:
        answer = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"],  # noqa: S607 - the user's own git
            capture_output=True,
            text=True,
            timeout=5,  # seconds
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


def computing_environment() -> dict[str, str]:
    """This process's variables for one that only computes: a trainer, an export, a proof.

    Those that open the store or the place of artifacts are left out: a trainer runs a family's own code, a proof loads
    a stranger's model. On x86-64 TensorFlow's kernels are oneDNN's unless a person chose: by itself it takes them only
    on processors with instructions for networks, and on others trains the report's networks at little more than half
    the speed (docs/performance.md).
    """
    variables = {name: value for name, value in os.environ.items() if not name.startswith(SECRETS)}
    if platform.machine() in X86_64:  # elsewhere it was not measured
        variables.setdefault(ONEDNN, "1")
    return variables


def trainer_environment(*, gpu: str | None, threads: int) -> dict[str, str]:
    """Variables for one trainer process: its GPU, its share of the cores, a quiet TensorFlow, and no secrets.

    Args:
        gpu: The one GPU it may see, or None where none was found.
        threads: Processor threads it may use; they must be known before Keras is imported.
    """
    variables = computing_environment()
    variables.setdefault("KERAS_BACKEND", "tensorflow")
    variables.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if gpu is not None:
        variables["CUDA_VISIBLE_DEVICES"] = gpu
        # Memory as it is needed: other trainers, and other programs, may be at work on the same GPU.
        variables.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
        variables.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    variables["TF_NUM_INTRAOP_THREADS"] = variables["OMP_NUM_THREADS"] = str(threads)
    return variables


def oom_kills() -> int:
    """Processes of this control group that the kernel killed for memory so far; 0 where that is not counted."""
    try:
        group = Path("/proc/self/cgroup").read_text().strip().rpartition("::")[2]
        events = Path(f"/sys/fs/cgroup{group.rstrip('/')}/memory.events").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in events.splitlines() if line.startswith("oom_kill ")), 0)
