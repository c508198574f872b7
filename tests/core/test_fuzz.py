"""What is read from outside gives a value or our own error, whatever it holds: JSON, prompts, marks of citations."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from assistant.chat.summarize import Summary, summarize
from assistant.chat.verify import check, marks, resolve, says_not_found, statements, tidy_marks
from assistant.config import ChatSettings, Settings
from assistant.core.documents import dump, load
from assistant.core.prompts import fill
from assistant.core.timeline import ActionScore, Answer, Citation, Claim, Span, Timeline
from assistant.errors import PromptInvalid
from assistant.explain.document import Control, Explanation, Faithfulness, Moment
from assistant.jobs.process import event_of
from assistant.synthetic.truth import Truth

QUICK = settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["NaN", "1e999", "-1", "true", "\u0000", "\ud800", "[S1]", 10**400]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8) | st.sampled_from(["start_seconds", "text"]), inner, max_size=3)
    ),
    max_leaves=6,
)
ANSWER = Answer("what?", "this [S1]", (Citation(1, Span(0, 1)),), (Claim("this", "supported", (1,)),), (9,), True, "x")
EXPLANATION = Explanation(
    1,
    "rotating",
    0.9,
    (ActionScore("shaking", 0.1),),
    (Moment(Span(0, 1), 0.5),),
    ((1.0, 1.0), (1.0, 1.0)),
    {"reversed": Control("shaking", 0.4, 0.2)},
    Faithfulness(0.2, 0.8, 0.5, 0.5, True),
    {"speech": None},
    "text",
    {"passes": 3},
    3,
    ("note",),
)
Read = Callable[[Any], Any]


def truth() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((ROOT / "assistant/packs/demo/sample.truth.json").read_text())
    return document | {key: document[key][:2] for key in ("events", "questions", "fades", "cuts_seconds")}


@pytest.fixture
def documents(timeline, home) -> dict[str, tuple[Read, dict[str, Any]]]:
    summary = summarize(timeline, settings=Settings(home))
    return {
        "timeline": (Timeline.from_json, timeline.to_json()),
        "answer": (Answer.from_json, ANSWER.to_json()),
        "explanation": (Explanation.from_json, EXPLANATION.to_json()),
        # Its text as one piece is written for readers of the file, and never read back.
        "summary": (Summary.from_json, {k: v for k, v in summary.to_json().items() if k != "text"}),
        "truth": (Truth.from_json, truth()),
    }


def places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Every container inside a document with each of its keys."""
    keys = document.keys() if isinstance(document, dict) else range(len(document)) if isinstance(document, list) else ()
    for key in keys:
        yield document, key
        yield from places(document[key])


def value_or_value_error(read: Read, document: Any) -> bool:
    """Whether the document was taken; nothing but ValueError may come of one that was not."""
    try:
        read(document)
    except ValueError:
        return False
    return True


KINDS = ["timeline", "answer", "explanation", "summary", "truth"]


@pytest.mark.parametrize("kind", KINDS)
@given(changes=st.lists(st.tuples(st.integers(0, 10**6), ANYTHING | st.just("REMOVE")), min_size=1, max_size=3))
@QUICK
def test_a_document_with_anything_anywhere_is_read_or_is_a_value_error(documents, kind, changes):
    read, whole = documents[kind]
    document = copy.deepcopy(whole)
    for place, value in changes:
        inside = list(places(document))
        if not inside:
            break
        container, key = inside[place % len(inside)]
        if value == "REMOVE":
            del container[key]
        else:
            container[key] = copy.deepcopy(value)
    value_or_value_error(read, document)


@pytest.mark.parametrize("kind", KINDS)
@given(document=ANYTHING)
@QUICK
def test_anything_that_is_no_document_is_a_value_error(documents, kind, document):
    assert not value_or_value_error(documents[kind][0], document)


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_another_kind_is_read_or_is_a_value_error(documents, kind):
    read, whole = documents[kind]
    for number in range(len(list(places(whole)))):
        for value in (None, [], {}, "", "x", -1, float("nan"), float("inf"), 10**400, True, [[1], [1, 2]]):
            document = copy.deepcopy(whole)
            container, key = list(places(document))[number]
            container[key] = value
            value_or_value_error(read, document)


# Where a document may hold anything, nothing, or one kind of several.
FREE = {
    *(
        "provenance",
        "agreement",
        "sampling_report",
        "spatial",
        "keyframe_seconds",
        "schema",
        "moment_seconds",
        "fades_seconds",
    ),
    *("speech", "speech_start_seconds", "speech_end_seconds"),
}
OF_ANOTHER_KIND = {
    str: (1, 1.5, True, None, [], {}, ["x"]),
    float: ("1.5", True, None, [], {}, float("nan"), float("inf"), 10**400),
    int: ("1", 1.5, True, None, [], {}),
    bool: ("true", 1, None, [], {}),
    list: ("abc", 1, None, True),
    dict: ("abc", 1, None, True, ["ab"]),
}


def checked_places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a document that holds one kind of value and no other."""
    keys = document.keys() if isinstance(document, dict) else range(len(document)) if isinstance(document, list) else ()
    for key in keys:
        if key not in FREE:
            yield document, key
            yield from checked_places(document[key])


@pytest.mark.parametrize("kind", KINDS)
def test_text_is_text_and_a_number_is_a_number_in_every_field(documents, kind):
    read, whole = documents[kind]
    wrongly_taken = []
    for number in range(len(list(checked_places(whole)))):
        container, key = list(checked_places(whole))[number]
        for value in OF_ANOTHER_KIND.get(type(container[key]), ()):
            document = copy.deepcopy(whole)
            container, key = list(checked_places(document))[number]
            was, container[key] = container[key], value
            seconds_in_full = key in ("start_seconds", "end_seconds") and value == 1.5
            if value_or_value_error(read, document) and not seconds_in_full:
                wrongly_taken.append((key, was, value))
    assert wrongly_taken == []


def test_what_is_wrong_with_a_document_is_named_with_its_place(timeline):
    document = timeline.to_json()
    document["segments"][1]["utterances"][0]["text"] = 7
    with pytest.raises(ValueError, match=r"Expected `str`, got `int` - at `\$\.segments\[1\]\.utterances\[0\]\.text`$"):
        Timeline.from_json(document)


WHOLE_SETTINGS = dump(Settings(Path("/home/x"), chat=ChatSettings(language_model="m")))


@given(changes=st.lists(st.tuples(st.integers(0, 10**6), ANYTHING), min_size=1, max_size=3))
@QUICK
def test_settings_with_anything_anywhere_are_read_or_are_a_value_error(changes):
    document = copy.deepcopy(WHOLE_SETTINGS)
    for place, value in changes:
        inside = list(places(document))
        container, key = inside[place % len(inside)]
        container[key] = copy.deepcopy(value)
    try:
        found = load(Settings, document)
    except ValueError:
        return
    assert isinstance(found.pack, str)
    assert type(found.actions.clips) is int
    assert type(found.chat.withhold_unsupported) is bool


EVENT = {"event": "progress", "id": "a", "stage": "decode", "message": "", "segment": 1}
EVENT |= {"done_seconds": 1.0, "total_seconds": 2.0}


@given(
    event=ANYTHING | st.dictionaries(st.sampled_from([*EVENT, "where", "reason"]), ANYTHING).map(lambda d: EVENT | d)
)
@QUICK
def test_whatever_a_worker_says_is_an_event_of_the_right_shape_or_is_left_aside(event):
    try:
        found = event_of(json.dumps(event).encode())
    except ValueError:
        return
    assert isinstance(found["id"], str)
    if found["event"] == "progress":
        assert isinstance(found["stage"], str)
        assert found["done_seconds"] + found["total_seconds"] < float("inf")


BRACES = ["{{a}}", "{{ b }}", "{{", "}}", "{", "}", "{{}}", "{{a", "\\1", "\\g<0>", "$a", "%s", " "]
PROMPT_TEXT = st.text(max_size=40) | st.lists(st.sampled_from(BRACES), max_size=8).map("".join)


@given(text=PROMPT_TEXT, values=st.dictionaries(st.sampled_from(["a", "b", "c"]), PROMPT_TEXT))
@example(text="{{a}}{{b}}", values={"a": "{{b}}", "b": "\\1"})
@QUICK
def test_a_prompt_is_filled_exactly_once_or_names_what_is_wrong(tmp_path, text, values):
    if any("\ud800" <= character <= "\udfff" for character in text):
        return
    (tmp_path / "a.md").write_bytes(text.encode())
    try:
        filled = fill("a", tmp_path, **values)
    except PromptInvalid as error:
        told = str(error)
    else:
        told = ""
    if told:
        assert "\n" not in told
        return
    # What stands around the places and what is put in is all there is, in the same order.
    rest = filled
    for value in values.values():
        assert value.strip() in rest or not value.strip()
    assert len(filled) <= len(text) + text.count("{{") * max((len(value) for value in values.values()), default=0)


MARKS = ["[S1]", "[S2]", "[s 3]", "[Segment 2]", "[S99]", "[S1, S2]", "[S1-S3]", "[S1] to [S3]", "[S3] to [S1]", "[S"]
ODD_MARKS = [
    "]",
    "[S000000001]",
    "[S1][S1]",
    "[S999999999]",
    "[S1] to [S999999999]",
    "[S-1]",
    "[[S1]]",
    "[S１]",
    "[S²]",
]
BETWEEN = [
    ". ",
    "! ",
    "?\n",
    '"',
    "“",
    "”",
    "e.g. ",
    "The red circle moves left",
    "at 0:05",
    "three times",
    "<b>",
    "](x)",
]
MARKED = st.lists(st.sampled_from([*MARKS, *ODD_MARKS, *BETWEEN]) | st.text(max_size=10), max_size=14).map("".join)


@given(text=MARKED)
@example(text="[S1] to [S401] [S9] to [S1]")
@QUICK
def test_every_mark_is_resolved_or_reported_and_no_text_breaks_the_check(timeline, text):
    tidy = tidy_marks(text)
    assert tidy_marks(tidy) == tidy
    found = marks(tidy)
    citations, unresolved = resolve(tidy, timeline)
    assert [*sorted([c.segment_id for c in citations] + list(unresolved))] == sorted(found)
    assert len(set(found)) == len(found) <= 401 * (tidy.count("[S") + 1)
    for citation in citations:
        segment = timeline.segment(citation.segment_id)
        assert segment is not None
        assert citation.span == segment.span
    said = statements(tidy)
    assert set().union(*(one.ids for one in said)) <= set(found) | set(marks(" ".join(one.text for one in said)))
    for claim in check(text, timeline):
        assert claim.text.strip()
        assert set(claim.segment_ids) <= {1, 2, 3}
        assert claim.verdict != "supported" or claim.segment_ids or says_not_found(claim.text) or not marks(claim.text)


@given(shown=st.sets(st.integers(0, 5)), text=MARKED)
@QUICK
def test_what_was_not_shown_cannot_be_cited(timeline, shown, text):
    citations, unresolved = resolve(tidy_marks(text), timeline, shown)
    assert {citation.segment_id for citation in citations} <= shown & {1, 2, 3}
    assert not {citation.segment_id for citation in citations} & set(unresolved)
