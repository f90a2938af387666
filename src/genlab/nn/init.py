"""First weights."""

from torch import nn


def init_normal(module: nn.Module, std: float = 0.02) -> None:
    """Weights from N(0, std), biases zero, gains of normalisations from N(1, std), in place; use with `Module.apply`.

    Isola et al. 2017, section 6.2; Radford et al. 2016, section 4. The gains near one are those of the authors' code.
    """
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(module.weight, 0.0, std)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d) and module.affine:
        nn.init.normal_(module.weight, 1.0, std)
        nn.init.zeros_(module.bias)


def init_he(module: nn.Module, slope: float = 0.0) -> None:
    """Weights from N(0, 2 / ((1 + slope^2) inputs)), biases zero, in place; use with `Module.apply`.

    He et al. 2015, section 2.2. Signals keep their scale in layers without normalisation, however narrow. `slope` is
    LeakyReLU's below zero; ReLU has 0.
    """
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.kaiming_normal_(module.weight, a=slope)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
