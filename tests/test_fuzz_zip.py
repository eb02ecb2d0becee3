"""Mutated zips never end in a traceback, a hang or a file outside; benchmarks/fuzz_zip.py tries ten thousand."""

import numpy as np
import pytest

from benchmarks import fuzz_zip
from benchmarks.fuzz_zip import fuzz
from benchmarks.zip_mutations import good_zips, mutate
from local_eval.unpack import unpack
from submission.rules import check_zip


def test_the_zips_that_are_mutated_break_no_rule(tmp_path):
    for n, raw in enumerate(good_zips()):
        path = tmp_path / f"{n}.zip"
        path.write_bytes(raw)
        assert check_zip(path) == []
        unpack(path, tmp_path / str(n))
        assert (tmp_path / str(n) / "model.py").is_file()


def test_mutations_hang_on_the_seed_alone():
    base = good_zips()[0]
    first, again, other = (mutate(base, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert first == again != other


def test_a_couple_of_hundred_mutated_zips(tmp_path):
    result = fuzz(200, seed=1, work=tmp_path)
    assert result.failures == []
    for what in ("rules", "unpack"):
        assert sum(count for (one, _), count in result.counts.items() if one == what) == 200
        assert len([1 for one, _ in result.counts if one == what]) >= 5  # the mutations reach far
    assert result.slowest_s < 5
    assert list(tmp_path.iterdir()) == []


def raising(path, *arguments):
    raise KeyError("a bug")


def hanging(path, *arguments):
    while True:
        pass


def writing(path, folder, *arguments):
    (folder.parent.parent.parent / "outside").write_text("")


@pytest.mark.parametrize(
    ("broken", "message"), [(raising, "KeyError: 'a bug'"), (hanging, "more than 0.1 s"), (writing, "wrote outside")]
)
def test_the_fuzzer_sees_what_it_looks_for(tmp_path, monkeypatch, broken, message):
    monkeypatch.setattr(fuzz_zip, "unpack", broken)
    monkeypatch.setattr(fuzz_zip, "HANG_S", 0.1 if broken is hanging else 20)
    monkeypatch.setattr(fuzz_zip, "check_zip", lambda *arguments: [])
    result = fuzz(1, seed=0, work=tmp_path / "w", keep=tmp_path / "kept")
    assert len(result.failures) == 1 and message in result.failures[0]
    assert [file.name for file in (tmp_path / "kept").iterdir()] == ["0-0.zip"]
