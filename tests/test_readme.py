"""What the README says of the protocol is what the code does."""

from pathlib import Path

from bassnet_osc.addresses import markdown

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_osc_tables_are_the_generated_ones() -> None:
    """Regenerate with `python -c "from bassnet_osc.addresses import markdown; print(markdown())"`."""
    assert markdown() in README
