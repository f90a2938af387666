"""Runs the lessons from their first cell to their last and keeps what they show: `make lessons`, or one by its number."""

import hashlib
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient

HERE = Path(__file__).parent
AFRESH = """%reset -f
get_ipython().execution_count = 1
get_ipython().history_manager.enabled = False"""


def code_digest(notebook: Any) -> str:
    """Names all code of a notebook: what it shows belongs to the code that made it."""
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return hashlib.sha256("\0".join(sources).encode()).hexdigest()[:16]


def execute(path: Path, kernel: tuple[Any, Any]) -> None:
    """New outputs in a notebook. Where a cell fails, its traceback is the error and the file stays as it was."""
    manager, channels = kernel
    channels.execute_interactive(AFRESH, silent=True, store_history=False)
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, km=manager, timeout=None, record_timing=False)
    client.kc = channels
    client.execute(reset_kc=False, cleanup_kc=False)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop("image/jpeg", None)  # a picture shows itself as PNG and, larger, as JPEG
    notebook.metadata["executed"] = code_digest(notebook)
    nbformat.write(notebook, path)


def main(numbers: list[str]) -> None:
    """All lessons, or those with these numbers, in one kernel: starting it takes as long as a lesson."""
    kernel = start_new_kernel(startup_timeout=300, cwd=str(HERE))
    try:
        for path in sorted(HERE.glob("*.ipynb")):
            if not numbers or path.name[0] in numbers:
                start = time.monotonic()
                execute(path, kernel)
                print(f"{path.name}: {time.monotonic() - start:.0f} s", flush=True)
    finally:
        kernel[0].shutdown_kernel(now=True)


if __name__ == "__main__":
    main(sys.argv[1:])
