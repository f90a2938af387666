"""Images per second and peak memory of a pix2pix training step, on whatever device is here.

    python -m genlab.benchmarks.speed                       # 256 x 256, batch 1 and 16
    python -m genlab.benchmarks.speed --agreement           # the same steps on CPU and GPU: how far apart are they?

Needs torch and lightning alone, so that it runs on machines without kedro and mlflow.
"""

import argparse
import logging
import resource
import sys
import time
from collections.abc import Callable
from itertools import count

import torch
from torch import Tensor

from genlab.errors import in_one_line
from genlab.models.base import Batch, Model
from genlab.models.pix2pix import Pix2Pix
from genlab.training.machine import Machine, open_machine
from genlab.training.settings import TrainingSettings
from genlab.training.trainer import make_optimizer, train_step

logger = logging.getLogger("genlab.benchmarks.speed")

Step = Callable[[], object]


def peak_memory(device: torch.device) -> float:
    """GB: the most that torch held on a GPU, or the peak resident set of this process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def random_batch(batch_size: int, size: int, machine: Machine) -> dict[str, Tensor]:
    """Noise in the shape of a batch of pairs; speed does not depend on what the pictures show."""
    rng = torch.Generator().manual_seed(0)
    return {
        side: (torch.rand(batch_size, 3, size, size, generator=rng) * 2 - 1)
        .to(machine.device)
        .contiguous(memory_format=torch.channels_last)
        for side in ("a", "b")
    }


def training_step(
    model: Model, settings: TrainingSettings, machine: Machine, batch: Batch
) -> Callable[[], dict[str, Tensor]]:
    """A function that trains one step on the batch and returns the losses."""
    machine.place(model)
    optimizers = {player: make_optimizer(p, settings, machine.fused()) for player, p in model.players().items()}
    steps = count()
    return lambda: train_step(model, optimizers, batch, next(steps), machine)


def time_step(step: Step, device: torch.device, seconds: float) -> float:
    """Steps per second, measured for `seconds` and at least two steps, after a warm-up."""
    block = 10 if device.type == "cuda" else 1  # steps between two waits for the device
    start, steps = 0.0, 0
    while steps < 3 * block or time.perf_counter() - start < seconds:
        for _ in range(block):
            step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        start = start or time.perf_counter()  # the first block is the warm-up
        steps += block
    return (steps - block) / (time.perf_counter() - start)


def measure(settings: TrainingSettings, size: int, seconds: float) -> None:
    """Train on noise for some seconds and log how fast it went."""
    machine = open_machine(settings)
    torch.manual_seed(0)
    step = training_step(Pix2Pix(image_size=size), settings, machine, random_batch(settings.batch_size, size, machine))
    speed = settings.batch_size * time_step(step, machine.device, seconds)
    where = torch.cuda.get_device_name() if machine.device.type == "cuda" else f"{torch.get_num_threads()} threads"
    logger.info(
        "pix2pix %dx%d  batch %-3d %8.2f images/s  peak %5.2f GB  %s, %s, %s%s, torch %s",
        size, size, settings.batch_size, speed, peak_memory(machine.device),
        machine.device.type, where, machine.precision, ", compiled" if settings.compile else "",
        torch.__version__,
    )  # fmt: skip


def compare_devices(size: int, steps: int) -> None:
    """Train the same noise-free model in float32 on CPU and GPU, and log how far losses and drawings are apart."""
    if not torch.cuda.is_available():
        raise SystemExit("--agreement needs a CUDA device beside the CPU; there is none here")
    outcome = {}
    for accelerator in ("cpu", "cuda"):
        settings = TrainingSettings.of(Pix2Pix.recipe, {"accelerator": accelerator, "precision": "32-true"})
        machine = open_machine(settings)
        torch.set_float32_matmul_precision("highest")
        torch.backends.cudnn.allow_tf32 = False
        torch.manual_seed(0)
        model = Pix2Pix(image_size=size, dropout=0.0)
        batch = random_batch(4, size, machine)
        step = training_step(model, settings, machine, batch)
        with torch.no_grad():
            before = model.translate(batch["a"], "b").cpu()
        losses = [step() for _ in range(steps)]
        outcome[accelerator] = before, [{name: value.item() for name, value in row.items()} for row in losses]
    drawings = (outcome["cpu"][0] - outcome["cuda"][0]).abs().max().item()
    logger.info("untrained drawings differ by at most %.1e (range [-1, 1])", drawings)
    for number, (cpu, gpu) in enumerate(zip(outcome["cpu"][1], outcome["cuda"][1], strict=True)):
        worst = max(abs(cpu[name] - gpu[name]) / max(abs(cpu[name]), 1e-8) for name in cpu)
        logger.info("step %2d: losses differ by at most %.1e of their value", number, worst)


@in_one_line
def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=256, help="H = W in pixels")
    parser.add_argument("--batch-size", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--seconds", type=float, default=20.0, help="of measuring, for each batch size")
    parser.add_argument("--precision", default="auto", help="auto, 32-true, bf16-mixed or 64-true")
    parser.add_argument("--accelerator", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument("--compile", action="store_true", help="torch.compile the networks")
    parser.add_argument("--agreement", action="store_true", help="compare CPU and GPU instead")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    if arguments.agreement:
        compare_devices(arguments.size, steps=10)
        return
    for batch_size in arguments.batch_size:
        given = {name: getattr(arguments, name) for name in ("precision", "accelerator", "compile")}
        settings = TrainingSettings.of(Pix2Pix.recipe, {**given, "batch_size": batch_size})
        measure(settings, arguments.size, arguments.seconds)


if __name__ == "__main__":
    main()
