"""What goes out as JSON comes back as the same value, and what is wrong with a document is named with its place."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.core.documents import checked, dump, load, merged
from assistant.core.timeline import Observation, Span, Utterance, Word


@dataclass(frozen=True, slots=True)
class Stop:
    name: str
    span: Span
    heard: Span | None = field(default=None, metadata={"prefix": "heard_"})


@dataclass(frozen=True, slots=True)
class Journey:
    schema: ClassVar[str] = "journey/1"

    stops: tuple[Stop, ...]
    kind: Literal["train", "boat"] = "train"
    place: tuple[float, float] = (0.0, 0.0)
    notes: Mapping[str, str] = field(default_factory=dict)
    map: Path | None = None
    following: Journey | None = None


WHOLE = Journey(
    (Stop("sea", Span(0.0, 1.5), Span(0.2, 0.4)), Stop("hill", Span(1.5, 2.0))),
    "boat",
    (1.0, 2.5),
    {"weather": "rain"},
    Path("/maps/a.png"),
    Journey(()),
)


def test_a_document_says_its_schema_first_and_comes_back_the_same():
    document = json.loads(json.dumps(dump(WHOLE)))
    assert next(iter(document)) == "schema"
    assert load(Journey, document) == WHOLE


def test_a_span_stands_flat_and_one_with_a_prefix_beside_it():
    first, second = dump(WHOLE)["stops"]
    assert first == {
        "name": "sea",
        "start_seconds": 0.0,
        "end_seconds": 1.5,
        "heard_start_seconds": 0.2,
        "heard_end_seconds": 0.4,
    }
    assert (second["heard_start_seconds"], second["heard_end_seconds"]) == (None, None)


def test_fields_with_a_default_may_be_missing_and_what_nobody_knows_may_stand():
    assert load(Journey, {"schema": "journey/1", "stops": [], "colour": "blue"}) == Journey(())


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"stops": None}, r"\$\.stops"),
        ({"stops": [{"name": "sea", "start_seconds": 0.0}]}, r"\$\.stops\[0\]\.span"),
        ({"stops": [{"name": 7, "start_seconds": 0.0, "end_seconds": 1.0}]}, r"\$\.stops\[0\]\.name"),
        ({"kind": "plane"}, r"\$\.kind"),
        ({"place": [1.0]}, r"\$\.place"),
        ({"place": ["1.0", 2.0]}, r"\$\.place\[0\]"),
        ({"notes": {"weather": 3}}, r"\$\.notes"),
        ({"map": 5}, r"\$\.map"),
        ({"following": {"stops": 3}}, r"\$\.following\.stops"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(change, told):
    with pytest.raises(ValueError, match=told):
        load(Journey, dump(WHOLE) | change)


@pytest.mark.parametrize("document", [{}, {"schema": "journey/2", "stops": []}, {"stops": []}, [], None, "journey/1"])
def test_another_schema_is_no_such_document(document):
    with pytest.raises(ValueError, match=r"not a journey/1 document"):
        load(Journey, document)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", ["start_seconds", "heard_end_seconds"])
def test_no_number_is_infinite(place, number):
    document = dump(WHOLE)
    document["stops"][0][place] = number
    with pytest.raises(ValueError, match="finite"):
        load(Journey, document)


def test_a_span_that_ends_before_it_starts_is_a_damaged_document():
    document = dump(WHOLE)
    document["stops"][0]["end_seconds"] = -1.0
    with pytest.raises(ValueError, match="cannot end"):
        load(Journey, document)


def test_a_type_without_a_schema_is_named_by_its_own_name():
    with pytest.raises(ValueError, match="a damaged Utterance document"):
        load(Utterance, {"start_seconds": 0.0, "end_seconds": 1.0})


def test_whole_numbers_pass_for_fractions_and_truth_for_neither():
    assert checked(float, 3) == 3.0
    for kind, value in ((float, True), (int, 1.5), (int, "1"), (bool, 1), (str, 1)):
        with pytest.raises(ValueError, match="Expected"):
            checked(kind, value)


TIMES = st.floats(0, 1e6, allow_nan=False)
SPANS = st.tuples(TIMES, TIMES).map(lambda ends: Span(min(ends), max(ends)))
WORDS = st.builds(Word, SPANS, st.text(max_size=8))
SAID = st.builds(
    Utterance, SPANS, st.text(), st.text(max_size=3), st.floats(0, 1), st.lists(WORDS, max_size=4).map(tuple)
)
SEEN = st.builds(
    Observation,
    st.text(min_size=1),
    SPANS,
    st.text(),
    st.text(),
    st.floats(0, 1),
    st.text(),
    st.dictionaries(st.text(), st.none() | st.integers(-5, 5) | st.lists(st.text(), max_size=2), max_size=3),
)


@given(value=SAID | SEEN)
@settings(deadline=None, derandomize=True)
def test_any_value_survives_the_way_out_and_back(value):
    text = json.dumps(dump(value), allow_nan=False)
    assert load(type(value), json.loads(text)) == value


LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
TREES = st.recursive(LEAVES, lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3), max_leaves=8)
TABLES = st.dictionaries(st.sampled_from("abc"), TREES, max_size=3)


def leaves(tree, way=()):
    """Way -> value, of all that is no table; an empty table is a leaf."""
    if isinstance(tree, dict) and tree:
        return {w: v for key, inner in tree.items() for w, v in leaves(inner, (*way, key)).items()}
    return {way: tree}


def test_overrides_change_their_own_leaves_alone():
    base = {"chat": {"answerer": "auto", "tokens": 3}, "pack": "demo"}
    assert merged(base, {"chat": {"tokens": 5}}) == {"chat": {"answerer": "auto", "tokens": 5}, "pack": "demo"}
    assert base["chat"]["tokens"] == 3


@given(base=TABLES, overrides=TABLES)
@settings(deadline=None, derandomize=True)
def test_every_override_stands_in_the_merged_table_and_a_second_time_changes_nothing(base, overrides):
    result = merged(base, overrides)
    assert merged(result, overrides) == result
    assert merged(base, {}) == base
    found = leaves(result)
    for way, value in leaves(overrides).items():
        assert value in ({}, found.get(way))
