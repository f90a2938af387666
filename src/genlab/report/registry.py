"""The figures."""

from genlab.sampling.registry import Registry

figure = Registry("genlab.report.figures")
"""`@figure(needs=Capability, on=Arrangement, of="sound")`: takes a `Judged`, returns pictures (H, W, 3) uint8 by name.
`of` stands where a figure makes sense of one medium only.

With `overview=True` the figure shows nothing but drawings. It is also made while the model trains, of a few of them.
"""
