"""Images per second of a training step, ours and the authors': pix2pix or CycleGAN in PyTorch, on this machine.

    python -m genlab.benchmarks.authors --checkout PATH --model pix2pix
    python -m genlab.benchmarks.authors --checkout PATH --model cyclegan --theirs cycle_gan \\
        --arguments identity_weight=0.5

PATH is a checkout of junyanz/pytorch-CycleGAN-and-pix2pix. Theirs and ours take turns, each in a process of its own, so
neither touches the other's memory. Both train on the same noise, batch 1; nothing is loaded. Theirs has the defaults of
its own options, ours those of its paper. `--arguments` makes ours equal where they differ: CycleGAN's identity loss.
Below 256 pixels give theirs a smaller generator, as ours has: `--options "--netG unet_128"`, or `resnet_6blocks`.
"""

import argparse
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf

from genlab.benchmarks.speed import Step, peak_memory, random_batch, time_step, training_step
from genlab.errors import GenlabError, in_one_line
from genlab.models import MODELS, model_class
from genlab.training.machine import open_machine
from genlab.training.settings import TrainingSettings

logger = logging.getLogger("genlab.benchmarks.authors")


def our_step(arguments: argparse.Namespace) -> tuple[Step, torch.device]:
    """A step of Genlab's trainer on noise."""
    cls = model_class(arguments.model)
    settings = TrainingSettings.of(cls.recipe, {"accelerator": arguments.accelerator, "precision": "32-true"})
    machine = open_machine(settings)
    torch.manual_seed(0)
    built = {"image_size": arguments.size, "generator_width": arguments.width, "discriminator_width": arguments.width}
    model = cls(**OmegaConf.merge(built, OmegaConf.from_dotlist(arguments.arguments)))  # type: ignore[arg-type]
    return training_step(model, settings, machine, random_batch(1, arguments.size, machine)), machine.device


def their_step(arguments: argparse.Namespace) -> tuple[Step, torch.device]:
    """A step of the authors' code on noise.

    Raises:
        GenlabError: the folder is no checkout of theirs.
    """
    name, checkout = arguments.theirs or arguments.model, Path(arguments.checkout)
    if not (checkout / "models" / f"{name}_model.py").is_file():
        raise GenlabError(
            f"{checkout} has no models/{name}_model.py; give --checkout the folder of a clone of "
            "junyanz/pytorch-CycleGAN-and-pix2pix, and --theirs the name of its model"
        )
    gpu = arguments.accelerator != "cpu" and torch.cuda.is_available()
    device = torch.device("cuda:0" if gpu else "cpu")
    width = str(arguments.width)
    sys.path.insert(0, str(checkout))
    sys.argv = ["train.py", "--dataroot", ".", "--checkpoints_dir", tempfile.mkdtemp(), "--model", name,
                "--gpu_ids", "0" if gpu else "-1", "--ngf", width, "--ndf", width,
                *arguments.options.split()]  # fmt: skip
    options = __import__("options.train_options", fromlist=["TrainOptions"]).TrainOptions().parse()
    options.device = device  # newer versions of theirs read it
    torch.manual_seed(0)
    model = __import__("models").create_model(options)
    rng = torch.Generator().manual_seed(0)
    noise = {side: torch.rand(1, 3, arguments.size, arguments.size, generator=rng) * 2 - 1 for side in "AB"}

    def step() -> None:
        model.set_input({**noise, "A_paths": [], "B_paths": []})
        model.optimize_parameters()

    return step, device


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """What a process of its own finds: images per second, peak memory in GB, threads."""
    step, device = (our_step if arguments.whose == "ours" else their_step)(arguments)
    speed = time_step(step, device, arguments.seconds)
    return {"images_per_second": speed, "peak_gb": peak_memory(device), "threads": torch.get_num_threads(),
            "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu"}  # fmt: skip


def in_a_process(whose: str, given: list[str]) -> dict[str, Any]:
    """`measure` in a new Python.

    Raises:
        GenlabError: it failed; with what it said.
    """
    command = [sys.executable, "-m", "genlab.benchmarks.authors", *given, "--whose", whose]
    here = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": here}, check=False)
    if done.returncode:
        raise GenlabError(f"{whose} could not be measured: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def compare(arguments: argparse.Namespace, given: list[str]) -> None:
    """Measure theirs and ours in turn, and log both speeds and their ratio."""
    found: dict[str, list[dict[str, Any]]] = {"theirs": [], "ours": []}
    for _ in range(arguments.rounds):
        for whose, results in found.items():
            results.append(in_a_process(whose, given))
    speeds = {whose: [one["images_per_second"] for one in results] for whose, results in found.items()}
    for whose, results in found.items():
        logger.info(
            "%-9s %-7s %dx%d batch 1  %6.3f images/s (%s)  peak %5.2f GB  %d threads, %s, torch %s",
            arguments.model, whose, arguments.size, arguments.size, statistics.median(speeds[whose]),
            ", ".join(f"{speed:.3f}" for speed in speeds[whose]), max(one["peak_gb"] for one in results),
            results[0]["threads"], results[0]["device"], torch.__version__,
        )  # fmt: skip
    ratios = [ours / theirs for ours, theirs in zip(speeds["ours"], speeds["theirs"], strict=True)]
    logger.info("%-9s ours / theirs %.2f (%s)", arguments.model, statistics.median(ratios),
                ", ".join(f"{one:.2f}" for one in ratios))  # fmt: skip


@in_one_line
def main(given: list[str]) -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkout", required=True, help="folder of the authors' code")
    parser.add_argument("--model", required=True, choices=MODELS)
    parser.add_argument("--theirs", help="the authors' name of the model, where it is another")
    parser.add_argument("--arguments", nargs="*", default=[], metavar="NAME=VALUE", help="of our model's constructor")
    parser.add_argument("--options", default="", help="of their command line")
    parser.add_argument("--size", type=int, default=256, help="H = W in pixels, 128 or 256")
    parser.add_argument("--width", type=int, default=64, help="channels of the first layer")
    parser.add_argument("--seconds", type=float, default=20.0, help="of measuring, for each of the two and each round")
    parser.add_argument("--rounds", type=int, default=3, help="how often the two take turns")
    parser.add_argument("--accelerator", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--whose", choices=("ours", "theirs"), help=argparse.SUPPRESS)  # one measurement, as JSON
    arguments = parser.parse_args(given)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    if arguments.whose:
        sys.stdout.write(json.dumps(measure(arguments)) + "\n")
    else:
        compare(arguments, given)


if __name__ == "__main__":
    main(sys.argv[1:])
