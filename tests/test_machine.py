"""A machine that refuses: no rights, few files, little memory. Each is one line with a remedy."""

import ctypes
import os
import re
import resource
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tests.chaos.faults import outcome
from tests.pipelines.test_provenance import SMALL, paint

Kedro = Callable[..., Result]

if not sys.platform.startswith("linux"):
    pytest.skip("reads /proc, and gives up rights as Linux does", allow_module_level=True)


def only_read(data_root: Path) -> None:
    """Nothing may be written, not even by root: this process gives up all capabilities."""
    data_root.chmod(0o555)
    header, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert ctypes.CDLL(None).capset(header, none) == 0


def few_files(data_root: Path) -> None:
    """One more file can be open than now."""
    handle = os.dup(0)  # the lowest that is free
    os.close(handle)
    resource.setrlimit(resource.RLIMIT_NOFILE, (handle + 1, handle + 1))


def little_memory(data_root: Path) -> None:
    """Too little for the weights of a layer, and enough for all that cannot say so in C."""
    found = re.search(r"VmSize:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    most = int(found[1]) * 1024 + 300_000_000
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


REFUSALS = {
    only_read: r"nothing can be written in .*/data\. Check the rights of that folder, or name another",
    few_files: r"Too many open files.*\. Allow more open files \(ulimit -n 1024\)",
    little_memory: r"\. Memory is used up: set a smaller training\.batch_size",
}


def test_what_the_machine_refuses_is_one_line(kedro: Kedro, data_root: Path, tmp_path: Path) -> None:
    paint(tmp_path / "mine", 0)
    given = {"data.source": tmp_path / "mine", **SMALL}
    assert kedro("--pipelines=vae", **given).exit_code == 0  # all is imported, so that the fault meets the work
    given |= {"vae.model.network": "mlp", "vae.model.width": 100_000}  # a layer has 410 MB
    said = tmp_path / "said"
    for refuse, line in REFUSALS.items():

        def work(refuse: Callable[[Path], None] = refuse) -> None:
            with said.open("w") as file:
                refuse(data_root)
                result = kedro("--pipelines=vae", **given)
                file.write(result.output)
                sys.exit(result.exit_code)

        assert outcome(work) == 1
        data_root.chmod(0o755)
        errors = [one for one in said.read_text().splitlines() if one.startswith(("Error: ", "Traceback"))]
        assert len(errors) == 1, said.read_text()
        assert re.search(line, errors[0]), errors
