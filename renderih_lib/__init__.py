"""A small tested library behind the RenderIH companion notebooks."""

__version__ = "0.1.0"
