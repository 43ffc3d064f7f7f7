"""BassNet over OSC: a bass guitar that listens to the mix, steered by a two-dimensional latent z.

The runtime, without torch. Flow: spec <- bundle <- stream <- voice <- engine <- server <- cli.
"""

__version__ = "0.1.0"


class BassNetError(ValueError):
    """A bad input from outside. Its text is one line: the rule, the value received, the mend."""
