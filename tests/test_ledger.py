"""The ledger: every whole line survives, whatever happened to the one before."""

import json
import multiprocessing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_eval.ledger import append_record, read_records

RECORDS = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=9) | st.none(), max_size=4)


@settings(max_examples=20, deadline=None)  # every line waits for the disk
@given(records=st.lists(RECORDS, max_size=4))
def test_records_come_back_in_order(tmp_path_factory, records):
    path = tmp_path_factory.mktemp("ledger") / "new" / "ledger.jsonl"
    for record in records:
        append_record(path, {**record, "time": "t"})
    assert read_records(path) == ([{**record, "time": "t"} for record in records], 0)


def test_the_time_is_utc(tmp_path):
    append_record(tmp_path / "l", {"zip": "a.zip"})
    assert read_records(tmp_path / "l")[0][0]["time"].endswith("+00:00")


@pytest.mark.parametrize("cut", range(1, 30, 4))
def test_a_line_cut_short_costs_itself_only(tmp_path, cut):
    path = tmp_path / "ledger.jsonl"
    append_record(path, {"n": 1})
    append_record(path, {"n": 2})
    path.write_bytes(path.read_bytes()[:-cut])
    append_record(path, {"n": 3})
    records, damaged = read_records(path)
    expected, lost = ([1, 2, 3], 0) if cut == 1 else ([1, 3], 1)  # a cut of 1 takes the line's end only
    assert ([record["n"] for record in records], damaged) == (expected, lost)


def test_what_json_cannot_hold_is_refused_and_leaves_the_file_alone(tmp_path):
    path = tmp_path / "ledger.jsonl"
    append_record(path, {"n": 1})
    with pytest.raises(ValueError, match="Out of range float"):
        append_record(path, {"n": float("nan")})
    assert len(path.read_text().splitlines()) == 1


def test_lines_that_are_no_objects_are_counted(tmp_path):
    (tmp_path / "l").write_text(f"[1]\n\n{json.dumps({'n': 1})}\nnonsense\n")
    assert read_records(tmp_path / "l") == ([{"n": 1}], 2)
    assert read_records(tmp_path / "none") == ([], 0)


def _append_many(path: str, worker: int) -> None:
    for n in range(40):
        append_record(path, {"worker": worker, "n": n, "text": "x" * 5000})


def test_two_judges_do_not_mix_their_lines(tmp_path):
    path = str(tmp_path / "ledger.jsonl")
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_append_many, args=(path, worker)) for worker in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    records, damaged = read_records(path)
    assert (len(records), damaged) == (80, 0)
    assert [record["n"] for record in records if record["worker"] == 1] == list(range(40))
