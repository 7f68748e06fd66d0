"""The command that serves a model over HTTP until it is told to end: serve."""

import json
import os
import warnings
from pathlib import Path

from sweep.cli.options import Place
from sweep.cli.streams import notes
from sweep.errors import WorldError
from sweep.listening import leaving_on_sigterm, listening, resolve
from sweep.model.manifest import MANIFEST, require_unchanged

LOADED = ("model.keras", "labels.json", "config.json")


def serve(folder: Path, place: Place, *, host: str, port: int) -> int:
    """Serve an exported folder; returns the exit code.

    Raises:
        WorldError: If the folder is not as it was exported, or the port is taken.
        UsageError: If the host stands for no address.
    """
    address = resolve(host, port)
    require_unchanged(folder, only=LOADED)
    with listening(address) as sockets, leaving_on_sigterm():
        notes.print(f"Loading {folder} ...", soft_wrap=True)
        # Before Keras is imported. Other backends compile a network anew for every size of batch.
        os.environ["KERAS_BACKEND"] = "tensorflow"
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        from sweep.model.predict import Classifier, FolderError, quiet
        from sweep.service.application import Model, make_application
        from sweep.service.running import run

        warnings.simplefilter("ignore")  # remarks about odd metadata of images, which is not used
        try:
            with quiet():
                sha256 = json.loads((folder / MANIFEST).read_bytes())["sha256"]
                model = Model(classifier=Classifier(folder), folder=folder.resolve().name, sha256=sha256)
                model.warm_up()
        except FolderError as error:
            raise WorldError(f"{error}\n`sweep verify {folder}` says what is wrong with it.") from error
        url = address.url(sockets[0].getsockname()[1])

        def announce() -> None:
            notes.print(f"Serving {folder} at {url}, explained at {url}/docs. Ctrl-C ends it.", soft_wrap=True)
            notes.print(f"Try: curl -F image=@IMAGE {url}/predict", soft_wrap=True)

        return run(make_application(model, announce), sockets, verbose=place.verbose)
