"""The check of bundles and the platform's own unpacker agree."""

import datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_bundle import COMPETITION, FILES, accepted, checked, competition

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 3) | st.just(2**31),
    st.just(1.5),
    st.sampled_from(
        ["", " ", "x", "x" * 300, "yes", "2030-01-05", "2029", "terms.md", "truth/", "../x", "a\0", "0", "desc"]
    ),
    st.just([]),
    st.just({}),
    st.just([0]),
    st.just(datetime.date(2030, 1, 20)),
)


def places(value, path=()):
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from places(child, (*path, key))


FIELDS = [path for path in places(COMPETITION) if path]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(FIELDS), st.booleans(), SCALARS), min_size=1, max_size=3))
def test_refused_by_the_check_means_refused_by_the_platform_and_the_other_way_round(tmp_path_factory, changes):
    whole = competition()
    for path, remove, value in changes:
        place = whole
        try:
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = value
            if remove:
                del place[path[-1]]
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    folder = tmp_path_factory.mktemp("differential")
    problems = checked(folder / "b.zip", whole, FILES)
    refused = [problem for problem in problems if problem.stage == "upload"]
    assert bool(refused) != accepted(folder / "b.zip", folder / "platform"), [str(one) for one in problems]


def test_the_shape_of_published_bundles_is_accepted(tmp_path):
    """Like the organisers' examples: month-first dates, nulls, ready-made zips, a solution, a question, no end."""
    whole = competition()
    whole |= {
        "solutions": [{"index": 0, "tasks": [0, 1], "path": "kit/"}],
        "fact_sheet": {
            "method": {
                "key": "method",
                "type": "text",
                "title": "Method",
                "selection": "",
                "is_required": "false",
                "is_on_leaderboard": "true",
            }
        },
    }
    for task in whole["tasks"]:
        task |= {"is_public": False, "scoring_program": "flat.zip"}
    whole["phases"][0] |= {"start": "1-1-2030", "end": "1-31-2030", "max_submissions_per_day": 0, "solutions": []}
    whole["phases"][1] |= {"start": "2-1-2030", "auto_migrate_to_this_phase": True}
    del whole["phases"][1]["end"]
    board = whole["leaderboards"][0]
    board |= {"index": 0}
    board["columns"][0] |= {"computation": None, "computation_indexes": None}
    board["columns"].append(
        {"title": "Mean", "key": "mean", "index": 2, "computation": "avg", "computation_indexes": [0, 1]}
    )
    problems = checked(tmp_path / "b.zip", whole)
    assert [(problem.stage, problem.where) for problem in problems] == [
        ("notice", "phases[0].start"),
        ("notice", "phases[1].start"),
    ]
    assert accepted(tmp_path / "b.zip", tmp_path / "platform")
