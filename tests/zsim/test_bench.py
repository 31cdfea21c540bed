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


def test_bench__large_captures_are_also_cached_and_shared(tmp_path):
    from engine import write_pcap
    from zsim import packets

    linktype, made = packets.packets('IP(src="192.0.2.9", dst="10.1.1.2")/TCP(sport=40000, dport=[21, 22, 23])')
    (tmp_path / "large.pcap").write_bytes(write_pcap([(10**9, packet) for packet in made] * 20_000, linktype))
    words = ["bench", "--json", "--map", "192.0.2.9=10.1.0.2", "--interface", "eth1", str(tmp_path / "large.pcap")]
    found = json.loads(CliRunner().invoke(main, words).stdout)
    assert found["judgements"] == 60_000
    assert found["packets_per_second"] > 0 < found["with_flow_cache"]
    assert found["with_two_threads"] > 0
    assert {row["name"] for row in found["costliest"]} >= {"ftpserver"}
    assert "behind a flow cache" in CliRunner().invoke(main, [word for word in words if word != "--json"]).output
