"""Messages to MLflow as plain values: sent at once, or kept in a folder until the server answers again.

A run's folder holds `messages.jsonl` (one message a line, in their order), the pictures and files that belong to them,
and `state.json`: the run's name, its id in MLflow where it has one, and how many messages have arrived.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from genlab.files import write_file

BATCH = 100  # parameters or tags that MLflow takes at a time
REFUSED = ("INVALID_PARAMETER_VALUE", "BAD_REQUEST")  # error codes of a message that will never be taken

Kind = Literal["create", "parameters", "metrics", "tags", "picture", "files", "data", "end"]


@dataclass(frozen=True)
class Message:
    """One thing to tell MLflow about a run: values that JSON can hold, and a picture or files."""

    kind: Kind
    values: dict[str, Any]
    attachment: np.ndarray | Path | None = None


def in_batches(values: Mapping[str, Any]) -> Iterator[list[tuple[str, Any]]]:
    """The items, at most `BATCH` at a time."""
    items = list(values.items())
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]


def deliver(client: Any, run_id: str, message: Message) -> None:
    """Tell MLflow, whatever it is but "create".

    Raises:
        MlflowException, SQLAlchemyError, OSError: as MLflow's client does.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

    values, attachment = message.values, message.attachment
    match message.kind:
        case "parameters":
            for some in in_batches(values):
                client.log_batch(run_id, params=[Param(key, value) for key, value in some])
        case "tags":
            for some in in_batches(values):
                client.log_batch(run_id, tags=[RunTag(key, value) for key, value in some])
        case "metrics":
            when, step = values["time"], values["step"]
            client.log_batch(
                run_id, metrics=[Metric(key, value, when, step) for key, value in values["numbers"].items()]
            )
        case "picture":
            client.log_image(run_id, attachment, key=values["name"], step=values["step"], timestamp=values["time"],
                             synchronous=True)  # fmt: skip
        case "files":
            assert isinstance(attachment, Path)
            send = client.log_artifacts if attachment.is_dir() else client.log_artifact
            send(run_id, str(attachment), values["folder"])
        case "data":
            data = Dataset(values["name"], values["fingerprint"], "local", values["source"])
            client.log_inputs(run_id, [DatasetInput(data, [InputTag("mlflow.data.context", "training")])])
        case "end":
            client.set_terminated(run_id, values["status"], values["time"])


class Outbox:
    """The folder with what could not be sent of one run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def open(cls, folder: Path, name: str, run_id: str | None) -> "Outbox":
        """A new folder, or the one that is there."""
        outbox = cls(folder)
        if not outbox._state.exists():
            outbox._write(name, run_id, 0)
        return outbox

    @property
    def _state(self) -> Path:
        return self.folder / "state.json"

    def _write(self, name: str, run_id: str | None, sent: int) -> None:
        state = json.dumps({"name": name, "run_id": run_id, "sent": sent})
        write_file(self._state, lambda file: file.write(state.encode()))

    def read(self) -> tuple[str, str | None, int]:
        """The run's name, its id in MLflow, and how many messages have arrived.

        Raises:
            OSError, ValueError: the folder is damaged.
        """
        state = json.loads(self._state.read_text())
        return state["name"], state["run_id"], state["sent"]

    def append(self, message: Message) -> None:
        """Keep a message, and copies of the files that belong to it.

        Raises:
            OSError: the disk is full or refuses.
        """
        path = self.folder / "messages.jsonl"
        number = sum(1 for _ in path.open()) if path.exists() else 0
        attachment: str | None = None
        if isinstance(message.attachment, Path):
            attachment = f"{number:05d}/{message.attachment.name}"
            place = self.folder / attachment
            place.parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if message.attachment.is_dir() else shutil.copyfile
            copy(message.attachment, place)
        elif message.attachment is not None:
            attachment = f"{number:05d}.png"
            Image.fromarray(message.attachment).save(self.folder / attachment)
        line = json.dumps({"kind": message.kind, "values": message.values, "attachment": attachment})
        with path.open("a") as file:
            file.write(line + "\n")

    def messages(self) -> Iterator[Message]:
        """What was kept, in its order; a last line that was cut off ends it."""
        path = self.folder / "messages.jsonl"
        for line in path.read_text().splitlines() if path.exists() else ():
            try:
                kept = json.loads(line)
            except ValueError:
                return
            place = self.folder / kept["attachment"] if kept["attachment"] else None
            pixels = np.asarray(Image.open(place)) if place and kept["kind"] == "picture" else None
            yield Message(kept["kind"], kept["values"], place if pixels is None else pixels)

    def send(self, client: Any, experiment_id: str) -> tuple[str, list[str]]:
        """Send what has not arrived, then delete the folder; the run's id, and what MLflow would not take.

        Raises:
            MlflowException, SQLAlchemyError, OSError, ValueError: it could not be sent; what had arrived by then is
                not sent again.
        """
        from mlflow.exceptions import MlflowException

        name, run_id, sent = self.read()
        refused = []
        for message in islice(self.messages(), sent, None):
            try:
                if message.kind == "create":
                    run_id = find_run(client, experiment_id, name) or create_run(client, experiment_id, name, message)
                else:
                    assert run_id is not None, "a run is created before it is told anything"
                    deliver(client, run_id, message)
            except MlflowException as error:
                if error.error_code not in REFUSED:
                    raise
                refused.append(f"{message.kind}: {error.message}")
            sent += 1
            self._write(name, run_id, sent)
        shutil.rmtree(self.folder)
        return str(run_id), refused


def find_run(client: Any, experiment_id: str, name: str) -> str | None:
    """The id of the run of that name, if MLflow has it."""
    found = client.search_runs([experiment_id], f"attributes.run_name = '{name}'", max_results=1)
    return found[0].info.run_id if found else None


def create_run(client: Any, experiment_id: str, name: str, message: Message) -> str:
    """Create a run as the message says; its id. A parent, given by name, must be there already."""
    tags: Mapping[str, str] = message.values["tags"]
    parent = message.values["parent"] and find_run(client, experiment_id, message.values["parent"])
    if parent:
        tags = {**tags, "mlflow.parentRunId": parent}
    return client.create_run(experiment_id, message.values["time"], dict(tags), name).info.run_id
