"""The figures."""

from genlab.sampling.registry import Registry

figure = Registry("genlab.report.figures")
"""`@figure(needs=Capability, on=Arrangement)`: takes a `Judged`, returns pictures (H, W, 3) uint8 by name.

With `overview=True` the figure shows nothing but drawings. It is also made while the model trains, of a few of them.
"""
