"""Images per second of a training step beside that of the authors' PyTorch code, pix2pix and CycleGAN, on this machine.

    python -m genlab.benchmarks.authors --checkout PATH       # PATH: a checkout of junyanz/pytorch-CycleGAN-and-pix2pix

Theirs and ours take turns, each in a process of its own, so that neither's memory or allocator touches the other's.
Both train the paper's networks on the same noise, batch 1; nothing is loaded. Theirs has the defaults of its own
options, ours the same recipe (for CycleGAN that includes the identity loss).
"""

import argparse
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from genlab.benchmarks.speed import peak_memory, random_batch, wait_for
from genlab.errors import GenlabError
from genlab.models import model_class
from genlab.training.machine import open_machine
from genlab.training.settings import TrainingSettings
from genlab.training.trainer import make_optimizer, train_step

logger = logging.getLogger("genlab.benchmarks.authors")

Step = Callable[[], object]
MODELS = ("pix2pix", "cyclegan")
OURS: dict[str, dict[str, Any]] = {"pix2pix": {}, "cyclegan": {"identity_weight": 0.5}}


def our_step(name: str, size: int, width: int, accelerator: str) -> tuple[Step, torch.device]:
    """A step of Genlab's trainer on noise."""
    settings = TrainingSettings.of(model_class(name).recipe, {"accelerator": accelerator, "precision": "32-true"})
    machine = open_machine(settings)
    torch.manual_seed(0)
    model = model_class(name)(image_size=size, generator_width=width, discriminator_width=width, **OURS[name])  # type: ignore[call-arg]
    machine.place(model)
    optimizers = {player: make_optimizer(p, settings, machine.fused()) for player, p in model.players().items()}
    batch = random_batch(1, size, machine)
    return lambda: train_step(model, optimizers, batch, 0, machine), machine.device


def their_options(name: str, width: int, size: int, gpu: bool, folder: str) -> argparse.Namespace:
    """The defaults of their options, as far as their models read them."""
    shared = {
        "isTrain": True, "gpu_ids": [0] if gpu else [], "device": torch.device("cuda:0" if gpu else "cpu"),
        "checkpoints_dir": folder, "name": "speed", "preprocess": "resize_and_crop", "direction": "AtoB",
        "input_nc": 3, "output_nc": 3, "ngf": width, "ndf": width, "netD": "basic", "n_layers_D": 3,
        "init_type": "normal", "init_gain": 0.02, "lr": 2e-4, "beta1": 0.5, "lr_policy": "linear",
    }  # fmt: skip
    if name == "pix2pix":
        own = {"norm": "batch", "netG": f"unet_{256 if size >= 256 else 128}", "no_dropout": False, "pool_size": 0,
               "gan_mode": "vanilla", "lambda_L1": 100.0}  # fmt: skip
    else:
        own = {"norm": "instance", "netG": f"resnet_{9 if size >= 256 else 6}blocks", "no_dropout": True,
               "pool_size": 50, "gan_mode": "lsgan", "lambda_A": 10.0, "lambda_B": 10.0,
               "lambda_identity": 0.5}  # fmt: skip
    return argparse.Namespace(**shared, **own)


def their_step(checkout: Path, name: str, size: int, width: int, accelerator: str) -> tuple[Step, torch.device]:
    """A step of the authors' code on noise.

    Raises:
        GenlabError: the folder is no checkout of theirs.
    """
    module, cls = {"pix2pix": ("pix2pix_model", "Pix2PixModel"), "cyclegan": ("cycle_gan_model", "CycleGANModel")}[name]
    if not (checkout / "models" / f"{module}.py").is_file():
        raise GenlabError(
            f"{checkout} has no models/{module}.py; give --checkout the folder of a clone of "
            "junyanz/pytorch-CycleGAN-and-pix2pix"
        )
    sys.path.insert(0, str(checkout))
    made = getattr(__import__(f"models.{module}", fromlist=[cls]), cls)
    gpu = accelerator != "cpu" and torch.cuda.is_available()
    torch.manual_seed(0)
    model = made(their_options(name, width, size, gpu, tempfile.mkdtemp()))
    rng = torch.Generator().manual_seed(0)
    noise = {side: torch.rand(1, 3, size, size, generator=rng) * 2 - 1 for side in "AB"}

    def step() -> None:
        model.set_input({**noise, "A_paths": [], "B_paths": []})
        model.optimize_parameters()

    return step, model.device


def time_step(step: Step, device: torch.device, seconds: float) -> float:
    """Steps per second, of `seconds` after a warm-up; at least two steps."""
    for _ in range(10 if device.type == "cuda" else 1):
        step()
    wait_for(device)
    start, steps = time.perf_counter(), 0
    while steps < 2 or time.perf_counter() - start < seconds:
        step()
        steps += 1
        if device.type == "cuda" and steps % 10 == 0:
            wait_for(device)
    wait_for(device)
    return steps / (time.perf_counter() - start)


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """What a process of its own finds: images per second, peak memory in GB, threads."""
    name, size, width, accelerator = arguments.model, arguments.size, arguments.width, arguments.accelerator
    if arguments.whose == "theirs":
        step, device = their_step(Path(arguments.checkout), name, size, width, accelerator)
    else:
        step, device = our_step(name, size, width, accelerator)
    speed = time_step(step, device, arguments.seconds)
    return {"images_per_second": speed, "peak_gb": peak_memory(device), "threads": torch.get_num_threads(),
            "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu"}  # fmt: skip


def in_a_process(whose: str, model: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """`measure` in a new Python.

    Raises:
        GenlabError: it failed; with what it said.
    """
    command = [sys.executable, "-m", "genlab.benchmarks.authors", "--whose", whose, "--model", model]
    for option in ("checkout", "size", "width", "seconds", "accelerator"):
        command += [f"--{option}", str(getattr(arguments, option))]
    here = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": here}, check=False)
    if done.returncode:
        raise GenlabError(f"{whose} {model} could not be measured: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def compare(model: str, arguments: argparse.Namespace) -> dict[str, float]:
    """Ours and theirs in turn, and what came of it; says it, too."""
    found: dict[str, list[dict[str, Any]]] = {"theirs": [], "ours": []}
    for _ in range(arguments.rounds):
        for whose, results in found.items():
            results.append(in_a_process(whose, model, arguments))
    speeds = {whose: [one["images_per_second"] for one in results] for whose, results in found.items()}
    ratios = [ours / theirs for ours, theirs in zip(speeds["ours"], speeds["theirs"], strict=True)]
    for whose, results in found.items():
        logger.info(
            "%-9s %-7s %dx%d batch 1  %6.3f images/s (%s)  peak %5.2f GB  %d threads, %s, torch %s",
            model, whose, arguments.size, arguments.size, statistics.median(speeds[whose]),
            ", ".join(f"{speed:.3f}" for speed in speeds[whose]), max(one["peak_gb"] for one in results),
            results[0]["threads"], results[0]["device"], torch.__version__,
        )  # fmt: skip
    ratio = statistics.median(ratios)
    logger.info("%-9s ours / theirs %.2f (%s)", model, ratio, ", ".join(f"{one:.2f}" for one in ratios))
    return {"ours": statistics.median(speeds["ours"]), "theirs": statistics.median(speeds["theirs"]), "ratio": ratio}


def main(given: list[str] | None = None) -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkout", required=True, help="folder of the authors' code")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--size", type=int, default=256, help="H = W in pixels, 128 or 256")
    parser.add_argument("--width", type=int, default=64, help="channels of the first layer")
    parser.add_argument("--seconds", type=float, default=20.0, help="of measuring, for each of the two and each round")
    parser.add_argument("--rounds", type=int, default=3, help="how often the two take turns")
    parser.add_argument("--accelerator", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--whose", choices=("ours", "theirs"), help=argparse.SUPPRESS)  # one measurement, as JSON
    parser.add_argument("--model", choices=MODELS, help=argparse.SUPPRESS)
    arguments = parser.parse_args(given)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    if arguments.whose:
        sys.stdout.write(json.dumps(measure(arguments)) + "\n")
        return
    for model in arguments.models:
        compare(model, arguments)


if __name__ == "__main__":
    main()
