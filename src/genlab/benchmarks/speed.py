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

import torch

from genlab.models.pix2pix import Pix2Pix
from genlab.training.machine import Machine, open_machine
from genlab.training.settings import TrainingSettings
from genlab.training.trainer import make_optimizer, train_step

logger = logging.getLogger("genlab.benchmarks.speed")


def peak_memory(device: torch.device) -> float:
    """GB: the most that torch held on a GPU, or the peak resident set of this process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def wait_for(device: torch.device) -> None:
    """Until the device has done all that was asked."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def random_batch(batch_size: int, size: int, machine: Machine) -> dict[str, torch.Tensor]:
    """Noise in the shape of a batch of pairs; speed does not depend on what the pictures show."""
    rng = torch.Generator().manual_seed(0)
    return {
        side: (torch.rand(batch_size, 3, size, size, generator=rng) * 2 - 1)
        .to(machine.device)
        .contiguous(memory_format=torch.channels_last)
        for side in ("a", "b")
    }


def measure(settings: TrainingSettings, size: int, seconds: float) -> None:
    """Train on noise for some seconds after a warm-up and say how fast it went."""
    machine = open_machine(settings)
    torch.manual_seed(0)
    model = Pix2Pix(image_size=size)
    machine.place(model)
    optimizers = {name: make_optimizer(p, settings, machine.fused()) for name, p in model.players().items()}
    batch = random_batch(settings.batch_size, size, machine)
    warm_up = 10 if machine.device.type == "cuda" else 1
    for step in range(warm_up):
        train_step(model, optimizers, batch, step, machine)
    wait_for(machine.device)
    start, steps = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        for _ in range(warm_up):
            train_step(model, optimizers, batch, steps, machine)
            steps += 1
        wait_for(machine.device)
    elapsed = time.perf_counter() - start
    where = torch.cuda.get_device_name() if machine.device.type == "cuda" else f"{torch.get_num_threads()} threads"
    logger.info(
        "pix2pix %dx%d  batch %-3d %8.2f images/s  peak %5.2f GB  %s, %s, %s%s, torch %s",
        size, size, settings.batch_size, steps * settings.batch_size / elapsed, peak_memory(machine.device),
        machine.device.type, where, machine.precision, ", compiled" if settings.compile else "",
        torch.__version__,
    )  # fmt: skip


def compare_devices(size: int, steps: int) -> None:
    """Train the same noise-free model in float32 on CPU and GPU, and say how far losses and drawings are apart."""
    if not torch.cuda.is_available():
        raise SystemExit("--agreement needs a CUDA device beside the CPU; there is none here")
    outcome = {}
    for accelerator in ("cpu", "cuda"):
        settings = TrainingSettings.of(Pix2Pix.recipe, {"accelerator": accelerator, "precision": "32-true"})
        machine = open_machine(settings)
        torch.set_float32_matmul_precision("highest")
        torch.backends.cudnn.allow_tf32 = False
        torch.manual_seed(0)
        model = Pix2Pix(image_size=size, dropout=0.0, noise_at_test=False)
        machine.place(model)
        optimizers = {name: make_optimizer(p, settings, machine.fused()) for name, p in model.players().items()}
        batch = random_batch(4, size, machine)
        with torch.no_grad():
            before = model.translate(batch["a"], "b").cpu()
        losses = [train_step(model, optimizers, batch, step, machine) for step in range(steps)]
        outcome[accelerator] = before, [{name: value.item() for name, value in row.items()} for row in losses]
    drawings = (outcome["cpu"][0] - outcome["cuda"][0]).abs().max().item()
    logger.info("untrained drawings differ by at most %.1e (range [-1, 1])", drawings)
    for step, (cpu, gpu) in enumerate(zip(outcome["cpu"][1], outcome["cuda"][1], strict=True)):
        worst = max(abs(cpu[name] - gpu[name]) / max(abs(cpu[name]), 1e-8) for name in cpu)
        logger.info("step %2d: losses differ by at most %.1e of their value", step, worst)


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
