"""Bundles that cannot be read: what is no YAML, no mapping, no zip, dangerous or broken by chance."""

import zipfile

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_bundle import COMPETITION, FILES, accepted, bundle_bytes, checked, zipped

from benchmarks.fuzz_bundle import WriteWatch, mutate_bytes, mutate_text, mutate_values
from local_eval.bundle.check import check_bundle

TEXTS = [
    (b"", "expected `key: value` lines. Received: None"),
    (b"- a\n- b\n", "expected `key: value` lines. Received: ['a', 'b']"),
    (b"title: [unclosed", "not valid YAML"),
    (b"title: \xff", "not valid YAML"),
    (b"title: !!python/object/apply:os.system ['touch hacked']", "could not determine a constructor"),
    (b"start: 2030-13-45", "not valid YAML: month must be in 1..12"),
    (b"limit: " + b"9" * 5000, "not valid YAML: Exceeds the limit"),
    (b"a: !!bool perhaps", "not valid YAML: 'perhaps'"),
    (b"a: " + b"[" * 500, "not valid YAML"),
    (b"a: &a [*a]", "expand to more than"),
    (b"a: &a [1,2,3,4,5,6,7,8,9]\n" + b"".join(b"%c: &%c [%s]\n" % (n + 1, n + 1, b",".join([b"*%c" % n] * 9))
        for n in range(97, 107)), "expand to more than"),
    (b"a: &a {x: 1}\n" + b"".join(b"%c: &%c {<<: [%s]}\n" % (n + 1, n + 1, b",".join([b"*%c" % n] * 9))
        for n in range(97, 107)), "expand to more than"),
    (b"#" * 200_000, "at most 100000 bytes"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), TEXTS, ids=[text[:30] for text, _ in TEXTS])
def test_what_is_no_mapping_or_dangerous(tmp_path, text, message):
    (problem,) = checked(tmp_path / "b.zip", text)
    assert (problem.stage, problem.where) == ("upload", "competition.yaml") and message in problem.message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.zip"]


def test_a_repeated_key_is_noticed(tmp_path):
    (problem,) = checked(tmp_path / "b.zip", "title: Old\n" + yaml.safe_dump(COMPETITION))
    assert problem.stage == "notice" and "'title' is there twice; the last one wins" in problem.message


@pytest.mark.parametrize(
    ("data", "where", "message"),
    [
        (b"no zip", "bundle", "expected a zip"),
        (b"", "bundle", "expected a zip"),
        (zipped({"contest/competition.yaml": "version: 2"}), "competition.yaml", "the platform strips no folder"),
        (zipped({"a": "b"}), "competition.yaml", "Received: none"),
        (zipped({"a": "b", "a/c": "d", "competition.yaml": ""}), "bundle", "both file and folder: ['a']"),
        (zipped({"x" * 300: "b"}), "'" + "x" * 37, "the name is too long"),
        (bundle_bytes(COMPETITION).replace(b"Be fair.", b"Be f4ir."), "'terms.md'", "Bad CRC-32"),
    ],
)
def test_zips_that_cannot_be_unpacked(tmp_path, data, where, message):
    path = tmp_path / "b.zip"
    path.write_bytes(data)
    problem = check_bundle(path)[0]
    assert problem.stage == "upload" and problem.where.startswith(where) and message in problem.message
    assert not accepted(path, tmp_path / "platform")


def test_a_zip_bomb_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr("local_eval.bundle.bundle_file._BOMB_BYTES", 1 << 20)
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(2 << 20))
    (problem,) = check_bundle(path)
    assert "it would unpack to 2097152 bytes" in problem.message


def test_names_are_taken_as_the_platform_extracts_them(tmp_path):
    files = {f"/../{name}": content for name, content in FILES.items()}
    assert checked(tmp_path / "b.zip", COMPETITION, files) == []
    assert accepted(tmp_path / "b.zip", tmp_path / "platform")


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from([mutate_text, mutate_values, mutate_bytes]), st.integers(0, 2**31))
def test_whatever_is_broken_is_told_without_a_traceback_or_a_file(tmp_path_factory, mutate, seed):
    folder = tmp_path_factory.mktemp("mutated")
    (folder / "b.zip").write_bytes(mutate(np.random.default_rng(seed)))
    for problem in check_bundle(folder / "b.zip"):
        assert problem.stage in ("upload", "run", "notice") and str(problem).encode()
    assert [path.name for path in folder.iterdir()] == ["b.zip"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_may_be_competition_yaml(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("bytes") / "b.zip"
    assert any(problem.stage == "upload" for problem in checked(path, text, FILES))


def test_the_fuzzer_sees_a_write(tmp_path):
    watch = WriteWatch()
    watch.on = True
    (tmp_path / "x").write_text("x")
    watch.on = False
    (tmp_path / "y").write_text("y")
    assert len(watch.written) == 1 and "'open'" not in watch.written[0] and "/x" in watch.written[0]
