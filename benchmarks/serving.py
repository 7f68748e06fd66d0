"""Time `sweep serve` over HTTP beside Keras's own `model.predict`, in one run on one machine.

    python benchmarks/serving.py FOLDER [--seconds 5] [--rounds 2]

FOLDER is what `sweep export` wrote. Clients are threads of this process with a connection each; they send the images
of proof.npz as PNG files, so that the service has to read forms and decode images, which `model.predict` has not.
Exits 1 unless the service is at least as fast per image as `model.predict` at batch 1 and 32.
"""

import argparse
import http.client
import io
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from sweep.model.predict import Classifier, quiet

BATCHES = (1, 32)
CLIENTS = (1, 8, 32)
BOUNDARY = "serving-benchmark"
WARM_REQUESTS = 5


@dataclass
class Timing:
    """Requests of one kind.

    Attributes:
        images: In each request.
        seconds: Of each request.
        elapsed: Seconds in which all of them were answered.
    """

    images: int
    seconds: list[float] = field(default_factory=list)
    elapsed: float = 0.0

    @property
    def images_per_second(self) -> float:
        return self.images * len(self.seconds) / self.elapsed

    def row(self, name: str, clients: int, against: "Timing") -> str:
        p50, p95, p99 = np.percentile(np.array(self.seconds) * 1000, (50, 95, 99))
        ratio = self.images_per_second / against.images_per_second
        return (
            f"| {name} | {self.images} | {clients} | {len(self.seconds)} | {p50:.1f} | {p95:.1f} | {p99:.1f} "
            f"| {self.images_per_second:.0f} | {ratio:.2f} |"
        )


def main() -> None:
    """Run it, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement in each round")
    parser.add_argument("--rounds", type=int, default=2, help="in which everything is measured in turn")
    arguments = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    with np.load(arguments.folder / "proof.npz") as proof:
        images = proof["images"][: max(BATCHES)]
    with quiet():
        model = Classifier(arguments.folder).model
    kinds = [(batch, clients) for batch in BATCHES for clients in CLIENTS]
    predicted = {kind: Timing(kind[0]) for kind in kinds}
    served = {kind: Timing(kind[0]) for kind in kinds}
    with serving(arguments.folder) as port:
        for number in range(arguments.rounds):
            print(f"round {number + 1} of {arguments.rounds}", file=sys.stderr)
            for batch, clients in kinds:  # each beside the other: a machine is not always equally busy
                measure_predict(predicted[batch, clients], model, images[:batch], arguments.seconds)
                measure_service(served[batch, clients], port, form(images[:batch]), clients, arguments.seconds)
    print("| | images a request | clients | requests | p50 ms | p95 ms | p99 ms | images/s | against predict |")
    print("|---|---|---|---|---|---|---|---|---|")
    for batch in BATCHES:
        whole = Timing(batch)
        for clients in CLIENTS:
            whole.seconds += predicted[batch, clients].seconds
            whole.elapsed += predicted[batch, clients].elapsed
        print(whole.row("`model.predict`", 1, whole))
        for clients in CLIENTS:
            print(served[batch, clients].row("`sweep serve`", clients, predicted[batch, clients]))
    slower = [
        f"{batch} images a request, {clients} clients"
        for (batch, clients), timing in served.items()
        if timing.images_per_second < predicted[batch, clients].images_per_second
    ]
    if slower:
        sys.exit(f"Slower than model.predict: {'; '.join(slower)}")


def measure_predict(timing: Timing, model: object, images: np.ndarray, seconds: float) -> None:
    """Keras's own way, called again and again."""
    measure(timing, [lambda: model.predict(images, batch_size=len(images), verbose=0)], seconds)  # type: ignore[attr-defined]


def measure_service(timing: Timing, port: int, body: bytes, clients: int, seconds: float) -> None:
    """Clients that each ask again as soon as they are answered."""
    connections = [http.client.HTTPConnection("127.0.0.1", port, timeout=300) for _ in range(clients)]
    measure(timing, [lambda connection=each: ask(connection, body) for each in connections], seconds)
    for each in connections:
        each.close()


def measure(timing: Timing, calls: list[Callable[[], object]], seconds: float) -> None:
    """Time calls, each in a thread of its own, for so long; what has begun by then still counts."""
    for call in calls[:1] * WARM_REQUESTS:
        call()
    begin = threading.Barrier(len(calls) + 1)
    ends: list[float] = []

    def work(call: Callable[[], object]) -> None:
        begin.wait()
        until = time.perf_counter() + seconds
        while (began := time.perf_counter()) < until:
            call()
            timing.seconds.append(time.perf_counter() - began)
        ends.append(time.perf_counter())

    threads = [threading.Thread(target=work, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    begin.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    timing.elapsed += max(ends) - began


def ask(connection: http.client.HTTPConnection, body: bytes) -> None:
    """One request to /predict."""
    connection.request("POST", "/predict", body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"})
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{answer.status}: {content!r}")


def form(images: np.ndarray) -> bytes:
    """Images as files of a form."""
    parts = []
    for number, pixels in enumerate(images):
        file = io.BytesIO()
        Image.fromarray(pixels.squeeze()).save(file, "PNG")
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="{number}.png"\r\n\r\n'
        parts.append(head.encode() + file.getvalue() + b"\r\n")
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


@contextmanager
def serving(folder: Path) -> Iterator[int]:
    """The service of a folder, on a port of its own."""
    command = [str(Path(sys.executable).parent / "sweep"), "serve", str(folder), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = []
        try:
            for line in process.stderr:
                said.append(line)
                if line.startswith("Try: "):
                    break
            else:
                raise RuntimeError("".join(said))
            found = re.search(r"http://[^/]+:(\d+)", said[-1])
            assert found is not None
            yield int(found[1])
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
