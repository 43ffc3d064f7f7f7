"""What the README says of the protocol is what the code does."""

from pathlib import Path

from peers_report import PEERS

from bassnet_osc.addresses import markdown

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_osc_tables_are_the_generated_ones() -> None:
    """Regenerate with `python -c "from bassnet_osc.addresses import markdown; print(markdown())"`."""
    assert markdown() in README


def test_the_table_of_peers_has_each_one_that_the_report_tries() -> None:
    """The report takes minutes, and its tests are run by themselves: here only its rows are looked for."""
    for peer in PEERS:
        [row] = [line for line in README.splitlines() if line.startswith(f"| {peer.name} | ")]
        assert peer.tried in row and " passed | " in row and "failed" not in row
