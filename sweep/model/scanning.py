"""Looking into a SavedModel before it is loaded: loading one may run whatever its graph says."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

# What TensorFlow declares stateful may touch the world outside of the graph; these do not.
HARMLESS: Final = frozenset(
    {
        "Assert",
        "AssignVariableOp",
        "Case",
        "CheckNumerics",
        "CheckNumericsV2",
        "DisableCopyOnRead",
        "If",
        "ReadVariableOp",
        "ResourceGather",
        "ResourceGatherNd",
        "StatefulPartitionedCall",
        "VarHandleOp",
        "VarIsInitializedOp",
        "VariableShape",
        "While",
    }
)
# Stateless in TensorFlow's eyes, and yet they read files, run Python or speak to other programs.
REFUSED: Final = re.compile(
    r"File|Reader|Dataset|Iterator|Record|Summary|PyFunc|^Print|^ImmutableConst|Save|Restore|Checkpoint|Remap|Rpc|Remote"
    r"|LMDB|Send|Recv|CustomCall|CallModule|XlaLaunch|Debug|Dump|Proto|Collective|Nccl|Tpu|TPU"
)
# What TensorFlow puts in itself, for whoever saves or restores variables: never run by a signature.
SAVER: Final = frozenset({"MergeV2Checkpoints", "RestoreV2", "SaveV2", "ShardedFilename"})
KINDS: Final = frozenset(
    {"bare_concrete_function", "captured_tensor", "constant", "function", "user_object", "variable", None}
)


def scan_saved_model(folder: Path) -> list[str]:
    """Name what a SavedModel holds that could touch files, run code or speak to other programs.

    Args:
        folder: With saved_model.pb in it.

    Returns:
        Complaints for people, sorted; empty if there are none.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is none.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    raw = (folder / "saved_model.pb").read_bytes()
    model = saved_model_pb2.SavedModel()
    try:
        model.ParseFromString(raw)
    except Exception as error:  # protobuf's own, which has no types
        raise ValueError(f"saved_model.pb is damaged: {error}") from error
    complaints: set[str] = set()
    for graph in model.meta_graphs:
        complaints |= _complaints(graph)
    return sorted(complaints)


def _complaints(graph: Any) -> set[str]:
    functions = {function.signature.name: function.node_def for function in graph.graph_def.library.function}
    reached = _reached(graph, functions)
    found: set[str] = set()
    for name, nodes in functions.items():
        allowed = frozenset() if name in reached else SAVER
        found |= {node.op for node in nodes if _is_suspect(node.op, functions) and node.op not in allowed}
    found |= {node.op for node in graph.graph_def.node if _is_suspect(node.op, functions)}
    complaints = {f"the operation {operation}" for operation in found}
    kinds = {node.WhichOneof("kind") for node in graph.object_graph_def.nodes}
    complaints |= {f"an object of kind {kind}, which loading sets up" for kind in kinds - KINDS}
    if graph.asset_file_def:
        complaints.add("files of its own (assets)")
    return complaints


def _is_suspect(operation: str, functions: dict[str, Any]) -> bool:
    from tensorflow.python.framework import op_def_registry

    if operation in functions:
        return False  # a call; the function itself is looked at
    definition = op_def_registry.get(operation)
    if definition is None or REFUSED.search(operation):
        return True
    return bool(definition.is_stateful) and operation not in HARMLESS


def _reached(graph: Any, functions: dict[str, Any]) -> set[str]:
    """The functions that a signature runs, directly or not."""
    nodes = {node.name: node for node in graph.graph_def.node}
    # Also what is found by name only: a function behind the object graph is run by whoever calls it.
    pending = [
        tensor.name.partition(":")[0]
        for signature in graph.signature_def.values()
        for tensor in [*signature.outputs.values(), *signature.inputs.values()]
    ]
    seen: set[str] = set()
    called: list[Any] = []
    while pending:
        name = pending.pop()
        if name in seen or name not in nodes:
            continue
        seen.add(name)
        called.append(nodes[name])
        pending += [each.lstrip("^").partition(":")[0] for each in nodes[name].input]
    reached: set[str] = set()
    names = set(_called_by(called, functions))
    while names - reached:
        name = (names - reached).pop()
        reached.add(name)
        names |= set(_called_by(functions[name], functions))
    return reached


def _called_by(nodes: Iterable[Any], functions: dict[str, Any]) -> Iterable[str]:
    for node in nodes:
        if node.op in functions:
            yield node.op
        for value in node.attr.values():
            for function in [value.func, *value.list.func]:
                if function.name in functions:
                    yield function.name
