"""Messages to MLflow as plain values. They are sent at once, or kept in a folder until the server answers again.

A run's folder has the run's name. It is there, and its `lock` is held, as long as the run's process lives. It holds
`messages.jsonl` (one message a line, in their order), the pictures and files of these messages, and `state.json`: the
run's id in MLflow where it has one, and how many messages have arrived. The folder goes when all have.
"""

import errno
import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from PIL import Image

from genlab.files import locked, remove_folder, write_file

logger = logging.getLogger(__name__)

REFUSED = ("INVALID_PARAMETER_VALUE", "BAD_REQUEST")  # error codes of a message that MLflow will never take
Kind = Literal["create", "parameters", "metrics", "tags", "picture", "files", "data", "end"]


@dataclass(frozen=True)
class Message:
    """One thing to tell MLflow about a run: values that JSON can hold, and a picture or files."""

    kind: Kind
    values: dict[str, Any]
    attachment: np.ndarray | Path | None = None


def deliver(client: Any, experiment_id: str, name: str, run_id: str | None, message: Message) -> str | None:
    """Tell MLflow about the run of that name; the run's id. A message that MLflow will never take is logged.

    The beginning and the end of a run are read back: a proxy may answer in the place of MLflow.

    Raises:
        MlflowException, SQLAlchemyError, OSError: as MLflow's client does, or the run does not read back.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
    from mlflow.exceptions import MlflowException

    values, attachment = message.values, message.attachment
    try:
        match message.kind:
            case "create":
                parent = values["parent"] and find_run(client, experiment_id, values["parent"])
                tags = values["tags"] | ({"mlflow.parentRunId": parent} if parent else {})
                run_id = find_run(client, experiment_id, name) or str(
                    client.create_run(experiment_id, values["time"], tags, name).info.run_id
                )
                if not run_id or client.get_run(run_id).info.run_name != name:
                    raise MlflowException(f"it took the run {name} and does not have it")
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
                if client.get_run(run_id).info.status != values["status"]:
                    raise MlflowException(f"it took the end of the run {name} and does not have it")
    except MlflowException as error:
        if error.error_code not in REFUSED or message.kind == "create":
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
        self._held = ExitStack()

    def claim(self) -> None:
        """Keep other processes out, until `release` or the end of this process.

        Raises:
            BlockingIOError: another process has it.
            OSError: the disk is full or refuses.
        """
        self.release()
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "lock").touch()
        self._held.enter_context(locked(self.folder / "lock", wait=False))

    def release(self) -> None:
        """Let other processes in."""
        self._held.close()

    def begin(self, run_id: str | None) -> None:
        """Claim the folder, and note the run's id in MLflow, if it has one: another process can close the run then.

        Raises:
            GenlabError, OSError: the disk is full or refuses.
        """
        self.claim()
        self.note(run_id, 0)

    def append(self, message: Message, run_id: str | None) -> None:
        """Keep a message, and copies of the files that belong to it. `run_id` is the run's id in MLflow, if any.

        Raises:
            GenlabError, OSError: the disk is full or refuses; what was kept before is as it was.
        """
        if not self._state.exists():
            self.begin(run_id)
        number = len(self._kept())
        attachment: str | None = None
        if isinstance(message.attachment, Path):
            attachment = f"{number:05d}/{message.attachment.name}"
            place = self.folder / attachment
            shutil.rmtree(place.parent, ignore_errors=True)
            place.parent.mkdir(parents=True)
            copy = shutil.copytree if message.attachment.is_dir() else shutil.copyfile
            copy(message.attachment, place)
        elif message.attachment is not None:
            attachment = f"{number:05d}.png"
            Image.fromarray(message.attachment).save(self.folder / attachment)
        line = json.dumps({"kind": message.kind, "values": message.values, "attachment": attachment}).encode() + b"\n"
        with self._lines.open("a+b", buffering=0) as file:
            end = file.seek(0, os.SEEK_END)
            if end and os.pread(file.fileno(), 1, end - 1) != b"\n":  # a killed process left half a line
                line = b"\n" + line
            try:
                if file.write(line) < len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file.fileno())
            except OSError:
                file.truncate(end)
                raise

    def __bool__(self) -> bool:
        return self._state.exists() or self._lines.exists()

    def began(self) -> int:
        """When the run began: one that belongs to another begins after it. 0 where nothing says so."""
        first = next(self.messages(), None)
        return first.values.get("time", 0) if first else 0

    def messages(self) -> Iterator[Message | None]:
        """What was kept, in its order; None for what is damaged."""
        for line in self._kept():
            try:
                yield self._message(line)
            except (ValueError, TypeError, KeyError, OSError, SyntaxError):  # the last is Pillow's
                yield None

    def close(self, reason: str, time: int) -> None:
        """Add an end as KILLED for a run whose process is gone, if it has begun and has no end.

        Raises:
            GenlabError, OSError: the disk is full or refuses.
        """
        kinds = [message.kind for message in self.messages() if message]
        if "end" not in kinds and (kinds or self._state.exists()):
            run_id, _ = self._progress()
            self.append(Message("tags", {"error": reason}), run_id)
            self.append(Message("end", {"status": "KILLED", "time": time}), run_id)

    def send(self, client: Any, experiment_id: str) -> tuple[str | None, list[int]]:
        """Send what has not arrived; the run's id in MLflow, and the numbers of the lines that are damaged.

        The folder is deleted unless there are damaged lines.

        Raises:
            MlflowException, SQLAlchemyError, OSError, ValueError: it could not be sent, or the disk refuses. What had
                arrived by then is not sent again.
        """
        (run_id, sent), damaged = self._progress(), list[int]()
        run_id = run_id or find_run(client, experiment_id, self.folder.name)
        for number, message in enumerate(self.messages(), start=1):
            if message is None:
                damaged.append(number)
            elif number > sent and (run_id or message.kind == "create"):  # else the run never began
                run_id = deliver(client, experiment_id, self.folder.name, run_id, message)
                self.note(run_id, number)
        if not damaged:
            self.remove()
        return run_id, damaged

    def remove(self) -> None:
        """Delete the folder, and the one around it if it is the last, and let go of it.

        Raises:
            GenlabError: the disk refuses.
        """
        remove_folder(self.folder)
        with suppress(OSError):  # others are in it
            self.folder.parent.rmdir()
        self.release()

    def _kept(self) -> list[bytes]:
        return self._lines.read_bytes().splitlines() if self._lines.exists() else []

    def note(self, run_id: str | None, sent: int) -> None:
        """Note the run's id in MLflow, if it has one, and how many messages have arrived.

        Raises:
            GenlabError: the disk is full or refuses.
        """
        state = json.dumps({"run_id": run_id, "sent": sent}).encode()
        write_file(self._state, lambda file: file.write(state))

    def _progress(self) -> tuple[str | None, int]:
        """The run's id in MLflow, if any, and how many messages have arrived. Without a readable note all go again."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            state = json.loads(self._state.read_bytes())
            return state["run_id"], int(state["sent"])
        return None, 0

    def _message(self, line: bytes) -> Message:
        """A line as a message.

        Raises:
            ValueError, TypeError, KeyError, OSError: it is damaged, or names a file outside this folder.
        """
        kept = json.loads(line)
        if kept["kind"] not in get_args(Kind) or not isinstance(kept["values"], dict):
            raise ValueError("no message of Genlab")
        if not kept["attachment"]:
            return Message(kept["kind"], kept["values"])
        place = self.folder / kept["attachment"]
        for path in (place, *place.rglob("*")):
            if not path.resolve(strict=True).is_relative_to(self.folder.resolve()):
                raise ValueError(f"{path} is elsewhere")
        return Message(
            kept["kind"], kept["values"], np.asarray(Image.open(place)) if kept["kind"] == "picture" else place
        )
