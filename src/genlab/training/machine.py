"""The machine that trains: device, precision, memory format, ranks. Lightning Fabric finds and drives them."""

import ctypes
import os
import sys
from dataclasses import dataclass

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn

from genlab.errors import GenlabError
from genlab.training.settings import TrainingSettings

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h


def find_precision(accelerator: str) -> str:
    """bf16-mixed where the chip multiplies in bfloat16 (NVIDIA from Ampere on), else 32-true."""
    if accelerator == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return "bf16-mixed"
    return "32-true"


def find_accelerator(wanted: str) -> str:
    """cuda, mps or cpu: the best there is for "auto".

    Raises:
        GenlabError: the one that was asked for is not here.
    """
    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return next(name for name, available in here.items() if available)
    if not here[wanted]:
        raise GenlabError(f"training.accelerator={wanted} is not on this machine; use auto or cpu")
    return wanted


@dataclass(frozen=True)
class Machine:
    """One rank's view of the machine."""

    fabric: Fabric
    accelerator: str
    precision: str
    compile: bool

    @property
    def device(self) -> torch.device:
        return self.fabric.device

    @property
    def dtype(self) -> torch.dtype:
        """The type of weights and images. Mixed precision casts them when a layer is called."""
        return torch.float64 if self.precision == "64-true" else torch.float32

    def place(self, model: nn.Module) -> nn.Module:
        """Move the model to the device, with the run's type, channels last, and compiled if asked.

        It happens in place: parameters keep their identity and their names.
        """
        model.to(self.device, self.dtype)
        model.to(memory_format=torch.channels_last)
        if self.compile:
            for network in model.children():
                network.compile()
        return model

    def fused(self) -> bool:
        """Whether torch has fused optimisers for this device."""
        return self.accelerator in ("cpu", "cuda")

    def seed(self, seed: int, step: int) -> None:
        """Set torch's generators from (seed, step, rank). No step then depends on those before it.

        The plain `torch.manual_seed` would also walk through a CUDA that is not in use, at every step.
        """
        mixed = int(np.random.SeedSequence((seed, step, self.fabric.global_rank)).generate_state(1, np.uint64)[0])
        torch.default_generator.manual_seed(mixed)
        if self.accelerator == "cuda":
            torch.cuda.manual_seed(mixed)
        elif self.accelerator == "mps":
            torch.mps.manual_seed(mixed)

    def average(self, tensors: list[torch.Tensor]) -> None:
        """Replace every tensor by its mean over all ranks, in one collective."""
        if self.fabric.world_size == 1 or not tensors:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        mean = self.fabric.all_reduce(flat, reduce_op="mean")
        assert isinstance(mean, torch.Tensor)
        for tensor, part in zip(tensors, mean.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))


def require_machine(model: nn.Module, example: int, settings: TrainingSettings, place: str) -> None:
    """Refuse, before any work, what this machine cannot hold or share.

    The estimate of memory is what training needs at least: every number and its gradient, and a batch of images.

    Args:
        model: as built, also without memory ("meta").
        example: how many numbers one training example has.
        settings: of the training.
        place: the model's name, which the message tells.

    Raises:
        GenlabError: the accelerator is not here, or has too few devices or too little memory.
    """
    accelerator = find_accelerator(settings.accelerator)
    devices = {"cuda": torch.cuda.device_count(), "mps": 1, "cpu": os.cpu_count() or 1}[accelerator]
    if settings.devices > devices:
        raise GenlabError(
            f"training.devices={settings.devices}, but this machine has {devices} for {accelerator}; use at most that"
        )
    here = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if accelerator == "cuda":
        here = torch.cuda.get_device_properties(0).total_memory
    numbers = sum(parameter.numel() for parameter in model.parameters())
    network, batch = 2 * 4 * numbers, 4 * example * settings.batch_size // settings.devices
    if network + batch > here:
        raise GenlabError(
            f"training {place} takes at least {network / 1e9:,.0f} GB for a network of {numbers:,} numbers and "
            f"{batch / 1e9:,.0f} GB for a batch of {settings.batch_size} images; this machine has {here / 1e9:,.0f}. "
            f"Choose a smaller {place}.model, data.image_size, data.seconds or training.batch_size"
        )


def keep_freed_memory() -> None:
    """Have glibc keep large freed blocks for the next step. It does nothing where there is no glibc.

    By default glibc gives them back to the system. Every step would pay for the page faults of its tensors again.
    """
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "mallopt"):
        library.mallopt(M_MMAP_THRESHOLD, 2**30)
        library.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def _round_float32(fast: bool) -> None:
    """Whether CUDA may round the factors of float32 products to TF32."""
    torch.set_float32_matmul_precision("high" if fast else "highest")
    torch.backends.cudnn.allow_tf32 = fast


def drawing_device(settings: TrainingSettings) -> torch.device:
    """Where a trained model draws and is measured: where it was trained. Products of float32 are whole from now on.

    Raises:
        GenlabError: the accelerator is not here.
    """
    _round_float32(False)
    torch.backends.cudnn.benchmark = False  # the fastest kernel of the day is not always the same
    return torch.device(find_accelerator(settings.accelerator))


def open_machine(settings: TrainingSettings, devices: int = 1) -> Machine:
    """Find the device and precision, and join the other ranks where an elastic launcher started this process.

    Raises:
        GenlabError: the accelerator is not here.
    """
    accelerator = find_accelerator(settings.accelerator)
    precision = find_precision(accelerator) if settings.precision == "auto" else settings.precision
    if accelerator == "cpu":
        keep_freed_memory()
    if accelerator == "cuda":
        _round_float32(True)
        torch.backends.cudnn.benchmark = True
    fabric = Fabric(
        accelerator=accelerator,
        devices=devices,
        strategy="ddp" if devices > 1 else "auto",
        precision=precision,  # type: ignore[arg-type]
    )
    fabric.launch()
    return Machine(fabric, accelerator, precision, settings.compile)
