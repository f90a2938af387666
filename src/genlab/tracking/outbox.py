"""Messages to MLflow as plain values. They are sent at once, or kept in a folder until the server answers again.

A run's folder has the run's name. It holds `messages.jsonl` (one message a line, in their order), the pictures and
files of these messages, and `state.json`: the run's id in MLflow where it has one, and how many messages have arrived.
"""

import json
import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from genlab.files import write_file

logger = logging.getLogger(__name__)

REFUSED = ("INVALID_PARAMETER_VALUE", "BAD_REQUEST")  # error codes of a message that MLflow will never take


@dataclass(frozen=True)
class Message:
    """One thing to tell MLflow about a run: values that JSON can hold, and a picture or files."""

    kind: Literal["create", "parameters", "metrics", "tags", "picture", "files", "data", "end"]
    values: dict[str, Any]
    attachment: np.ndarray | Path | None = None


def deliver(client: Any, experiment_id: str, name: str, run_id: str | None, message: Message) -> str | None:
    """Tell MLflow about the run of that name; the run's id. A message that MLflow will never take is logged.

    Raises:
        MlflowException, SQLAlchemyError, OSError: as MLflow's client does.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
    from mlflow.exceptions import MlflowException

    values, attachment = message.values, message.attachment
    try:
        match message.kind:
            case "create":
                parent = values["parent"] and find_run(client, experiment_id, values["parent"])
                tags = values["tags"] | ({"mlflow.parentRunId": parent} if parent else {})
                return find_run(client, experiment_id, name) or str(
                    client.create_run(experiment_id, values["time"], tags, name).info.run_id
                )
            case "parameters":
                client.log_batch(run_id, params=[Param(key, value) for key, value in values.items()])
            case "tags":
                client.log_batch(run_id, tags=[RunTag(key, value) for key, value in values.items()])
            case "metrics":
                when, step = values["time"], values["step"]
                numbers = [Metric(key, value, when, step) for key, value in values["numbers"].items()]
                client.log_batch(run_id, metrics=numbers)
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
    except MlflowException as error:
        if error.error_code not in REFUSED:
            raise
        logger.warning("MLflow does not take %s of %s: %s", message.kind, name, error)
    return run_id


def find_run(client: Any, experiment_id: str, name: str) -> str | None:
    """The id of the run of that name, if MLflow has it."""
    found = client.search_runs([experiment_id], f"attributes.run_name = '{name}'", max_results=1)
    return found[0].info.run_id if found else None


class Outbox:
    """The folder with what could not be sent of one run."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._lines, self._state = folder, folder / "messages.jsonl", folder / "state.json"

    def append(self, message: Message, run_id: str | None) -> None:
        """Keep a message, and copies of the files that belong to it. `run_id` is the run's id in MLflow, if any.

        Raises:
            GenlabError, OSError: the disk is full or refuses.
        """
        if not self._state.exists():
            self._write(run_id, 0)
        number = sum(1 for _ in self._lines.open()) if self._lines.exists() else 0
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
        with self._lines.open("a") as file:
            file.write(line + "\n")

    def messages(self) -> Iterator[Message]:
        """What was kept, in its order. A last line that was cut off ends it."""
        for line in self._lines.read_text().splitlines() if self._lines.exists() else ():
            try:
                kept = json.loads(line)
            except ValueError:
                return
            place = self.folder / kept["attachment"] if kept["attachment"] else None
            pixels = np.asarray(Image.open(place)) if place and kept["kind"] == "picture" else None
            yield Message(kept["kind"], kept["values"], place if pixels is None else pixels)

    def send(self, client: Any, experiment_id: str) -> str | None:
        """Send what has not arrived, then delete the folder; the run's id in MLflow.

        Raises:
            MlflowException, SQLAlchemyError, OSError, ValueError: it could not be sent, or the folder is damaged. What
                had arrived by then is not sent again.
        """
        state = json.loads(self._state.read_text())
        run_id, sent = state["run_id"], state["sent"]
        for number, message in enumerate(islice(self.messages(), sent, None), start=sent + 1):
            run_id = deliver(client, experiment_id, self.folder.name, run_id, message)
            self._write(run_id, number)
        shutil.rmtree(self.folder)
        return run_id

    def _write(self, run_id: str | None, sent: int) -> None:
        state = json.dumps({"run_id": run_id, "sent": sent})
        write_file(self._state, lambda file: file.write(state.encode()))
