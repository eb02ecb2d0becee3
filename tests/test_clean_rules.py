"""Cleaning: every rule on pictures alone, and all of them together."""

import numpy as np
import pytest
from clean_pictures import make_set, picture
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.bench_clean import score_rows
from benchmarks.intruders import INTRUDERS, draw_intruder
from benchmarks.plant_twins import CHANGES
from submission.kit.errors import KitError
from submission.kit.image_set import open_image_set
from training.cleaning import near, twins
from training.cleaning.chains import is_chain
from training.cleaning.colours import colour_features
from training.cleaning.fingerprint import PASS, fingerprints, pair_scores, scores
from training.cleaning.grey import grey_image, grey_images
from training.cleaning.invalid import invalid_reason
from training.cleaning.kinds import dropped_kinds, kind_of
from training.cleaning.looks import measure_looks
from training.cleaning.neighbours import alike, nearest
from training.cleaning.outliers import FAR, outlier_scores
from training.cleaning.quality import quality_kinds, quality_of
from training.cleaning.same_picture import SAME, detail_of, similarity
from training.cleaning.verdicts import judge_images

NEAR = [kind for kind in CHANGES if kind.startswith("near")]
TURNED = [kind for kind in CHANGES if kind.startswith("mirrored") or kind == "turned"]


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (np.zeros((8, 8, 3), np.uint8), "blank (one colour)"),
        (np.tile(np.uint8([255, 0, 9]), (8, 8, 1)), "blank (one colour)"),
        (np.full((8, 8, 1), 255, np.uint8), "blank (one colour)"),
        (np.random.default_rng(0).integers(100, 105, (32, 32, 3), np.uint8), "blank (almost one colour)"),
        (picture(0), ""),
        (picture(0, channels=1), ""),
        (np.stack([picture(0)[..., 0], *[np.zeros((64, 64), np.uint8)] * 2], -1), ""),  # content in one channel
    ],
)
def test_invalid_reason(image, reason):
    assert invalid_reason(image) == reason


def print_of(image):
    return fingerprints(grey_images(image[None]))[0]


def test_fingerprint_scores_by_hand():
    one, other = print_of(picture(0)), print_of(picture(1))
    assert scores(one, np.stack([one])) == pytest.approx([1], abs=1e-5)
    expected = max(
        np.corrcoef(one[y : y + 30, x : x + 30].ravel(), other[1:-1, 1:-1].ravel())[0, 1]
        for y in range(3)
        for x in range(3)
    )
    assert scores(one, np.stack([other])) == pytest.approx([expected], abs=1e-5)
    assert pair_scores(np.stack([one, one]), np.stack([other, one])) == pytest.approx([expected, 1], abs=1e-5)
    assert scores(one, np.empty((0, 32, 32), np.float32)).shape == (0,)


@pytest.mark.parametrize("shift", [(0, 0), (3, -5), (-8, 8), (-1, 0)])
def test_similarity_registers_a_shift(shift):
    large = picture(0, size=120)
    window = np.ascontiguousarray(large[12 + shift[0] :, 12 + shift[1] :][:96, :96])
    score = similarity(detail_of(grey_image(large[12:108, 12:108])), detail_of(grey_image(window)))
    assert score > 0.97


@pytest.mark.parametrize("size", [48, 64, 96, 150])
@pytest.mark.parametrize("kind", NEAR)
def test_twins_pass_and_strangers_do_not(kind, size):
    rng = np.random.default_rng(0)
    for seed in range(4):
        image, stranger = picture(seed, size), picture(seed + 100, size)
        twin = CHANGES[kind](image, rng)
        details = [detail_of(grey_image(one)) for one in (image, twin, stranger)]
        assert similarity(details[0], details[1]) >= SAME
        assert similarity(details[0], details[2]) < SAME - 0.1
        if size > 48:  # there, a shift by 2 pixels is more than the sieve is made for
            assert scores(print_of(image), print_of(twin)[None])[0] >= PASS


def groups_of(images, rows=None, proposed=()):
    images = np.stack(images)
    rows = np.arange(len(images)) if rows is None else np.array(rows, np.int64)
    found = near.find_twins(images, rows, measure_looks(images, rows), proposed)
    return found.groups().tolist(), found.links


def test_groups_are_transitive_and_name_the_first():
    rng = np.random.default_rng(0)
    first = picture(0, 96)
    second = CHANGES["near_shift"](first, rng)
    third = CHANGES["near_noise"](second, rng)
    images = [picture(1, 96), third, picture(2, 96), first, second]
    assert groups_of(images)[0] == [0, 1, 2, 1, 1]
    assert groups_of(images, [0, 2, 3, 4])[0] == [0, 1, 2, 2]  # positions in rows, not rows
    assert groups_of(images, [])[0] == []


@pytest.mark.parametrize("few", [30_000, 0])
@pytest.mark.parametrize("kind", TURNED)
def test_mirrored_and_turned_copies(kind, few, monkeypatch):
    monkeypatch.setattr(near, "FEW", few)  # the searches for small and for large sets
    rng = np.random.default_rng(1)
    images = [picture(seed, 96) for seed in range(4)]
    copies = [CHANGES[kind](image, rng) for image in images]
    groups, links = groups_of([*images, *copies])
    if few or kind != "mirrored_shift":  # beyond six bits, only the wide search finds it
        assert groups == [0, 1, 2, 3] * 2
        assert {("turned" if kind == "turned" else "mirrored") in link.how for link in links.values()} == {True}


def test_turned_copies_of_images_that_are_not_square():
    image = picture(0, 96)[:64]
    groups, links = groups_of([image, np.ascontiguousarray(image[::-1, ::-1]), picture(1, 96)[:64]])
    assert groups == [0, 0, 2] and links[1].how == "turned"


def test_proposed_pairs_are_compared_whatever_their_hashes(monkeypatch):
    monkeypatch.setattr(near, "close_rows", lambda *arguments: iter(()))
    image = picture(0, 96)
    images = [image, picture(1, 96), CHANGES["mirrored_shift"](image, np.random.default_rng(0))]
    assert groups_of(images)[0] == [0, 1, 2]
    assert groups_of(images, proposed=[np.array([[2, 0], [1, 0]])])[0] == [0, 1, 0]


def test_many_copies_are_compared_once_each(monkeypatch):
    calls = []
    monkeypatch.setattr(twins, "similarity", lambda one, other: calls.append(1) or similarity(one, other))
    rng = np.random.default_rng(0)
    groups, _ = groups_of([CHANGES["near_noise"](picture(0), rng) for _ in range(40)])
    assert set(groups) == {0} and len(calls) == 39


def test_quality_of_odd_ones():
    rng = np.random.default_rng(0)
    grey = np.stack([grey_images(picture(seed)[None])[0] for seed in range(40)])
    grey[3] = grey[3] // 16
    grey[4] = 255 - grey[4] // 32
    grey[5] = np.repeat(np.repeat(grey[5, ::8, ::8], 8, 0), 8, 1)
    ramp = np.arange(64, dtype=np.float64)
    grey[6] = 60 + ramp[:, None] + ramp + rng.normal(0, 0.2, (64, 64))
    grey[7, :10] = grey[7, 50:] = 17
    found = {place: kind for place, kind, _, _ in quality_kinds(quality_of(grey))}
    assert found == {3: "dark", 4: "light", 6: "blurry", 7: "odd size"}
    assert quality_kinds(quality_of(grey[:0])) == []
    assert quality_of(np.full((1, 8, 8), 9, np.uint8))[0, 2] == 1  # a blank one is all padding


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_intruders_are_far_and_a_few_of_a_kind_do_not_vouch_for_each_other(channels):
    rng = np.random.default_rng(0)
    drawn = [draw_intruder(kind, 64, rng) for kind in ("text", "house") for _ in range(3)]
    images = np.stack([*[picture(seed) for seed in range(150)], *drawn])
    images = np.concatenate([images, images[..., :1]], axis=-1)[..., :channels]
    found = outlier_scores(colour_features(images))
    assert (found[150:] > FAR).all() and (found[:150] > FAR).mean() < 0.03
    assert not outlier_scores(colour_features(images[:60])).any()  # too few to tell


def test_outliers_against_a_sample(monkeypatch):
    features = np.random.default_rng(0).normal(size=(600, 5)).astype(np.float32)
    features[7] = 30
    monkeypatch.setattr("training.cleaning.outliers.SAMPLE", 200)
    found = outlier_scores(features)
    assert found.argmax() == 7 and np.median(found) < 1


def test_every_intruder_is_drawn_by_its_seed():
    assert len(INTRUDERS) == 20
    for kind in INTRUDERS:
        one, same, other = (draw_intruder(kind, 32, np.random.default_rng(seed)) for seed in (0, 0, 1))
        assert one.shape == (32, 32, 3) and one.dtype == np.uint8
        assert np.array_equal(one, same) and not np.array_equal(one, other), kind


def test_nearest_by_two_loops():
    features = np.random.default_rng(0).normal(size=(200, 32)).astype(np.float32)
    features[20] = features[3] + 0.001
    pairs, cosines = nearest(features)
    unit = features - features.mean(axis=0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    table = unit @ unit.T - 3 * np.eye(200)
    expected = {tuple(sorted((i, int(j)))) for i in range(200) for j in np.argsort(-table[i])[:5]}
    assert set(map(tuple, pairs.tolist())) == expected and len(pairs) == len(expected)
    assert cosines == pytest.approx(table[pairs[:, 0], pairs[:, 1]], abs=1e-4)
    assert pairs[alike(pairs, cosines)].tolist() == [[3, 20]]
    assert len(nearest(features[:1])[0]) == 0


def test_nearest_to_the_mirrored_ones():
    features = np.random.default_rng(0).normal(size=(30, 6)).astype(np.float32)
    mirrored = -features
    mirrored[9] = features[4]
    pairs, _ = nearest(features, mirrored)
    assert [4, 9] in pairs.tolist()


# Verdicts


@pytest.fixture
def dirty(tmp_path):
    """One of each fault; rows 0, 1 and 2 are sound."""
    a, b, c, d, e = map(picture, range(5))
    noisy = CHANGES["near_noise"](b, np.random.default_rng(0))
    images = [a, b, c, a, noisy, d, d, *[e] * 5, np.zeros_like(a), c[:, ::-1]]
    make_set(tmp_path, images, [0, 1, 2, 0, 1, 0, 1, 0, 1, 2, 0, 1, 0, 2])
    return open_image_set(tmp_path / "data", "none")


def test_verdicts_of_each_kind(dirty):
    verdicts = judge_images(dirty, repeats=5)
    table = verdicts.table(dirty, dropped_kinds(""))
    assert table.reasons == [
        *[""] * 3,
        "exact duplicate of 0",
        "near duplicate of 1",
        *["same picture under several labels (a, b)"] * 2,
        *["repeated picture (5 times)"] * 5,
        "blank (one colour)",
        "near duplicate of 2 (mirrored)",
    ]
    assert table.keep.tolist() == [True] * 3 + [False] * 11
    assert table.groups.tolist() == [0, 1, 2, 0, 1, 5, 5, 7, 7, 7, 7, 7, 12, 2]
    by_row = {one.row: one for one in verdicts.findings}
    assert by_row[4].twin == 1 and 0.7 < by_row[4].score <= 1
    assert by_row[7].score == 5 and by_row[12].score == 0 and by_row[5].score == 2


def test_kinds_are_dropped_when_asked(dirty):
    dark = np.array(dirty.images)
    dark[0] //= 8
    verdicts = judge_images(type(dirty)(dark, dirty.labels, dirty.ids, dirty.meta), repeats=5)
    assert [one.kind for one in verdicts.findings if one.row == 0] == ["dark"]
    assert verdicts.table(dirty, dropped_kinds("")).keep[0]
    assert not verdicts.table(dirty, dropped_kinds("dark, off_topic")).keep[0]


def test_unknown_kinds_are_listed():
    with pytest.raises(KitError, match=r"--drop takes look_alike, off_topic, dark.* Received: darkk, x\."):
        dropped_kinds("darkk,dark,x")


def test_repeats_counts_near_copies_too(tmp_path):
    rng = np.random.default_rng(0)
    copies = [CHANGES["near_jpeg"](picture(0), rng) for _ in range(3)]
    image_set = make_set(tmp_path, [*copies, copies[1], picture(1)], [0, 0, 0, 0, 1])
    drops = dropped_kinds("")
    assert judge_images(image_set, 4).table(image_set, drops).reasons == ["repeated picture (4 times)"] * 4 + [""]
    assert judge_images(image_set, 5).table(image_set, drops).keep.tolist() == [True, False, False, False, True]


def test_kind_of_a_reason_written_by_hand():
    assert kind_of("out of focus") == "by hand"
    assert kind_of("blank (one colour)") == "blank"


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), min_size=1, max_size=25))
def test_exactly_one_stays_of_each_sound_picture(tmp_path_factory, rows):
    pictures = [picture(seed, 32) for seed in range(6)]
    folder = tmp_path_factory.mktemp("set")
    image_set = make_set(folder, [pictures[p] for p, _ in rows], [label for _, label in rows])
    table = judge_images(image_set, repeats=4).table(image_set, dropped_kinds(""))
    for number in range(6):
        same = [index for index, (p, _) in enumerate(rows) if p == number]
        sound = 0 < len(same) < 4 and len({rows[index][1] for index in same}) == 1
        assert table.keep[same].tolist() == [sound and index == same[0] for index in same]
        assert (table.groups[same] == min(same, default=0)).all()


def test_score_rows_by_hand():
    kinds = np.array(["cell", "cell", "cell", "exact_duplicate", "near_duplicate", "joke_a"])
    originals = np.array([0, 1, 2, 0, 1, 5])
    dropped = np.array([True, False, True, False, False, True])
    assert score_rows(kinds, originals, dropped) == [
        ("exact_duplicate", 1, 1),  # its original went
        ("near_duplicate", 1, 0),
        ("joke_a", 1, 1),
        ("precision", 3, 2),  # row 2 is an innocent cell
    ]


def test_likeness_that_leads_through_the_whole_set_is_no_copy(tmp_path):
    from training.data.digits import Digits

    found = Digits(images=300)
    images = np.concatenate([batch for batch, _ in found.batches()])
    images[7] = images[3]
    one = make_set(tmp_path, images, found.labels, found.meta["class_names"])
    verdicts = judge_images(one, repeats=5)
    assert verdicts.remark.startswith("too alike in their detail")
    assert [finding.row for finding in verdicts.findings if finding.kind != "odd size"] in ([7], [3, 7])  # exact ones
    assert np.flatnonzero(verdicts.groups != np.arange(300)).tolist() == [7]


def test_a_chain_and_a_picture_that_is_repeated():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (40, 32, 32, 1), np.uint8)
    repeated = np.stack([np.clip(noise[0].astype(int) + rng.integers(-9, 10, (32, 32, 1)), 0, 255)] * 40).astype(
        np.uint8
    )
    rows, joined, apart = np.arange(40), np.zeros(40, np.int64), np.arange(40)
    repeated[::3] = repeated[::3, ::-1]
    repeated[1::3] = np.rot90(repeated[1::3], axes=(1, 2))  # in any symmetry
    assert is_chain(noise, rows, joined)
    assert not is_chain(repeated, rows, joined)
    assert not is_chain(noise, rows, apart)
    assert not is_chain(noise, rows, np.where(apart < 9, 0, apart))  # few
    assert not is_chain(noise, rows[:0], joined[:0])
