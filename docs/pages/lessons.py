"""The course: what each lesson asks and shows, read out of its notebook."""

import base64
import json
import shutil
from pathlib import Path


def of_lesson(cells: list[dict]) -> tuple[str, str, bytes]:
    """The question of a lesson, what there is to look at, and the picture of it."""
    texts = ["".join(cell["source"]) for cell in cells]
    look = next(number for number, text in enumerate(texts) if text.startswith("## What to look at"))
    shown = [output["data"]["image/png"] for output in cells[look + 1]["outputs"] if "data" in output]
    return (
        texts[0].splitlines()[0].removeprefix("# "),
        " ".join(texts[look].splitlines()[2:]),
        base64.b64decode(shown[0]),
    )


def course(lessons: Path, folder: Path) -> str:
    """The page of the course. The notebooks, as downloads, and a picture of each go into `folder`."""
    folder.mkdir(parents=True)
    page = (lessons / "README.md").read_text()
    for path in sorted(lessons.glob("*.ipynb")):
        question, look, picture = of_lesson(json.loads(path.read_text())["cells"])
        shutil.copy(path, folder)
        (folder / f"{path.stem}.png").write_bytes(picture)
        page += f"\n## {question}\n\n{look}\n\n![{question}]({path.stem}.png)\n\n{{download}}`{path.name}`\n"
    return page
