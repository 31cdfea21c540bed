"""zsim bench: what a rule set costs on a capture."""

import json

from click.testing import CliRunner

from zsim.cli import main


def test_bench__counts_rules_looked_at_in_order():
    run = CliRunner().invoke(main, ["bench", "--json", "profiles/adcd/captures/ping.pcap"])
    assert run.exit_code == 0, run.output
    found = json.loads(run.stdout)
    assert found["judgements"] == sum(row["matches"] for row in found["costliest"]) == 2
    assert all(row["looked_at"] == row["place"] * row["matches"] for row in found["costliest"])
    assert found["rules_looked_at"] == sum(row["looked_at"] for row in found["costliest"]) / 2
    assert found["shape"] == "bits"


def test_bench__a_table_for_people():
    run = CliRunner().invoke(main, ["bench", "profiles/adcd/captures/ping.pcap"])
    assert "icmpinspecific2" in run.output
    assert "2 judgements" in run.output
