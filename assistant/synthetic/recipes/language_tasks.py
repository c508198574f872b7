"""Questions and answers about one timeline, by rule from its lines of evidence: what a good answerer would say.

The answers rest on what the evidence shows, mistakes of the recognisers included, never on the truth behind it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assistant.chat.conversation import note_on
from assistant.chat.rules.followups import Exchange
from assistant.chat.rules.sentences import capital, mark
from assistant.chat.verify import marks
from assistant.core.timeline import Timeline, clock
from assistant.synthetic.recipes.language_model import MOST_MARKS
from assistant.synthetic.recipes.language_variants import loosened
from assistant.synthetic.recipes.language_wordings import HELD_OUT, TRAINED, word
from assistant.synthetic.recipes.language_world import THINGS, Row, Run, rows_of, runs_of
from assistant.synthetic.scenes import CAMERA_ACTIONS
from assistant.synthetic.vocabulary import ACTIONS, COLORS, DAYS, NUMBERS, SHAPES
from assistant.synthetic.wording import VERBS, Verb

NOT_FOUND = "Not in this video."
WHY = "\u201cWhy\u201d beside the segment measures what carried it"
_FOREIGN = (
    *("dog", "cat", "car", "person", "tree", "house", "ball", "boat", "bird", "bicycle", "man", "woman", "child"),
    *(
        "kitchen",
        "guitar",
        "table",
        "train",
        "horse",
        "river",
        "phone",
        "book",
        "pink circle",
        "red hexagon",
        "blue cat",
    ),
    *("green cube", "red arrow", "brown star", "grey square", "heart", "cross", "black dog", "white horse"),
)
_TOPICS = (
    "the weather",
    "money",
    "the dog",
    "dinner",
    "the price",
    "football",
    "the music",
    "the end",
    "summer",
    "you",
)
_YES_NO = re.compile(r"^(?:does|do|is|did|was|can i|can you see|did you see|are)\b", re.IGNORECASE)
_LISTED, _TOLD = 4, 4


@dataclass(frozen=True, slots=True)
class Task:
    """One exchange; ``ids`` are the segments that the answer marks."""

    kind: str
    question: str
    answer: str

    @property
    def ids(self) -> tuple[int, ...]:
        return marks(self.answer)


def tell(run: Run) -> str:
    """The occurrence as a clause with its marks: "the red circle is moving left [S3]"."""
    return f"{_clause(run)} {mark(run.ids)}"


def quote(row: Row) -> str:
    words = row.words.split()
    return f'"{" ".join(words[:14])}" [S{row.id}]'


class Asker:
    """Draws questions about one timeline and answers them.

    Args:
        held_out: take wordings that no training text holds, where a kind has some.
    """

    def __init__(self, timeline: Timeline, rng: random.Random, held_out: bool = False) -> None:
        self.timeline = timeline
        self.rng = rng
        self.held_out = held_out
        self.rows = rows_of(timeline)
        self.runs = runs_of(self.rows)
        self.plain = [run for run in self.runs if not run.rows[0].odd]

    def draw(self, kind: str) -> Task | None:
        """A question of this kind with its answer, or None where this timeline gives none."""
        made = MAKERS[kind](self)
        if made is None:
            return None
        question, answer = made
        question = re.sub(r"\ban? (?=[aeiou])", "an ", re.sub(r"\ban? (?=[^aeiou\W])", "a ", question))
        return Task(kind, question if self.held_out else loosened(question, self.rng), answer)

    def word(self, kind: str, **places: str) -> str:
        return word(kind, self.rng, self.held_out).format(**places)

    def thing(self, here: float = 0.72) -> str:
        """What a question is about: mostly something that is there, else something near it, or of another world."""
        if self.plain and self.rng.random() < here:
            run = self.rng.choice(self.plain)
            draw = self.rng.random()
            if draw < 0.08:
                return run.shape
            if draw < 0.12:
                return f"{run.color} {self.rng.choice(('thing', 'object'))}"
            return run.look
        draw = self.rng.random()
        if draw < 0.5 and self.plain:
            one, other = self.rng.choice(self.plain), self.rng.choice(self.plain)
            color = one.color if self.rng.random() < 0.8 else self.rng.choice(COLORS)
            return f"{color} {other.shape if self.rng.random() < 0.8 else self.rng.choice(SHAPES)}"
        return self.rng.choice(THINGS if draw < 0.75 else _FOREIGN)

    def pair(self, here: float = 0.68, camera: bool = False) -> tuple[str, str]:
        """A thing and an action: mostly of one occurrence, else one of them from elsewhere."""
        usable = [run for run in self.plain if run.action and (camera or run.action not in CAMERA_ACTIONS)]
        if usable and self.rng.random() < here:
            run = self.rng.choice(usable)
            return (run.look if self.rng.random() < 0.95 else run.shape), run.action
        actions = [name for name in ACTIONS if camera or name not in CAMERA_ACTIONS]
        if usable and self.rng.random() < 0.7:
            run, other = self.rng.choice(usable), self.rng.choice(usable)
            return run.look, other.action if self.rng.random() < 0.5 else self.rng.choice(actions)
        return self.thing(0.0), self.rng.choice(actions)

    def verb(self, action: str) -> Verb:
        return self.rng.choice(VERBS[action])

    def find(self, thing: str = "", action: str = "") -> list[Run]:
        """The occurrences of a thing ("red circle", "circle", "red thing") that does an action, each where named."""
        wanted = set(thing.split()) - {"thing", "object"}
        return [run for run in self.plain if wanted <= set(run.look.split()) and (not action or run.action == action)]

    def after(self, run: Run, step: int) -> Run | None:
        place = self.runs.index(run) + step
        return self.runs[place] if 0 <= place < len(self.runs) and not self.runs[place].rows[0].odd else None


def _clause(run: Run) -> str:
    row = run.rows[0]
    if row.odd:
        return f'the label there is "{row.look}"'
    hedge = "" if all(one.sure for one in run.rows) else "probably "
    if not run.action:
        return f"the action of the {run.look} is unknown"
    if run.action in CAMERA_ACTIONS:
        return f"the camera is {hedge}{run.action.removeprefix('camera ')} over the {run.look}"
    return f"the {run.look} is {hedge}{run.action}"


def listed(runs: Sequence[Run], most: int = _LISTED) -> str:
    """The occurrences as one sentence, or a refusal where there is none."""
    return f"{capital('; '.join(tell(run) for run in runs[:most]))}." if runs else NOT_FOUND


def _agreed(question: str, runs: Sequence[Run]) -> str:
    """The occurrences, behind a yes where the question wants one."""
    if not runs:
        return NOT_FOUND
    told = "; ".join(tell(run) for run in runs[:2])
    return f"Yes: {told}." if _YES_NO.match(question) else f"{capital(told)}."


def _then(one: Run, other: Run | None, step: int) -> str:
    if other is None:
        return NOT_FOUND
    return f"{capital(tell(one))}, {'then' if step > 0 else 'preceded by'} {tell(other)}."


def _said(rows: Sequence[Row], most: int = _LISTED) -> str:
    return f"It is said: {'; '.join(quote(row) for row in rows[:most])}." if rows else NOT_FOUND


def _words_there(rows: Sequence[Row]) -> str:
    spoken = [row for row in rows if row.words]
    return _said(spoken) if spoken else f"No words are said there {mark([row.id for row in rows])}."


Made = tuple[str, str] | None
Maker = Callable[[Asker], Made]


def _end(kind: str, place: int) -> Maker:
    def make(asker: Asker) -> Made:
        return asker.word(kind), listed([asker.runs[place]])

    return make


def _of_thing(kind: str) -> Maker:
    def make(asker: Asker) -> Made:
        thing = asker.thing()
        return asker.word(kind, thing=thing), listed(asker.find(thing))

    return make


def _present(asker: Asker) -> Made:
    thing = asker.thing(0.6)
    question = asker.word("present", thing=thing)
    return question, _agreed(question, asker.find(thing)[:1])


def _of_pair(kind: str) -> Maker:
    def make(asker: Asker) -> Made:
        thing, action = asker.pair()
        verb = asker.verb(action)
        question = asker.word(kind, thing=thing, base=verb.base, third=verb.third, gerund=verb.gerund)
        runs = asker.find(thing, action)
        if action == "appearing" and not runs:
            runs = asker.find(thing)[:1]
        return question, _agreed(question, runs)

    return make


def _of_action(kind: str, camera: bool) -> Maker:
    def make(asker: Asker) -> Made:
        action = _action(asker, camera)
        verb = asker.verb(action)
        question = asker.word(kind, base=verb.base, third=verb.third, gerund=verb.gerund)
        return question, _agreed(question, asker.find(action=action)) if kind != "which" else listed(
            asker.find(action=action)
        )

    return make


def _action(asker: Asker, camera: bool, here: float = 0.7) -> str:
    names = [name for name in ACTIONS if (name in CAMERA_ACTIONS) == camera]
    found = [run.action for run in asker.plain if run.action in names]
    return asker.rng.choice(found if found and asker.rng.random() < here else names)


def _counted(asker: Asker, question: str, runs: Sequence[Run]) -> str:
    """Each occurrence with its marks and then how many they are: the number follows from what was listed."""
    if not runs:
        return NOT_FOUND
    noun = "scene" if "scene" in question else "time"
    told = ", ".join(f"the {run.look} {mark(run.ids)}" for run in runs)
    return f"{capital(told)}: {len(runs)} {noun}{'s' if len(runs) != 1 else ''}."


def _count_action(kind: str, camera: bool) -> Maker:
    def make(asker: Asker) -> Made:
        action = _action(asker, camera, 0.85)
        verb = asker.verb(action)
        question = asker.word(kind, base=verb.base, third=verb.third, gerund=verb.gerund)
        return question, _counted(asker, question, asker.find(action=action))

    return make


def _count_thing(asker: Asker) -> Made:
    thing = asker.rng.choice(asker.plain).shape if asker.plain and asker.rng.random() < 0.7 else asker.thing(0.8)
    question = asker.word("count_thing", thing=thing)
    scenes: list[Run] = []
    for run in asker.find(thing):
        if scenes and scenes[-1].look == run.look and scenes[-1].ids[-1] + 1 == run.ids[0]:
            scenes[-1] = Run((*scenes[-1].rows, *run.rows))
        else:
            scenes.append(run)
    return question, _counted(asker, question, scenes)


def _neighbour(kind: str, step: int) -> Maker:
    def make(asker: Asker) -> Made:
        thing, action = asker.pair(0.8)
        verb = asker.verb(action)
        question = asker.word(kind, thing=thing, base=verb.base, third=verb.third, gerund=verb.gerund)
        runs = asker.find(thing, action)
        return question, _then(runs[0], asker.after(runs[0], step), step) if runs else NOT_FOUND

    return make


def _order(asker: Asker) -> Made:
    (thing, action), (other, action2) = asker.pair(0.93), asker.pair(0.93)
    if (thing, action) == (other, action2):
        return None
    verb, verb2 = asker.verb(action), asker.verb(action2)
    question = asker.word(
        "order",
        **{"thing": thing, "base": verb.base, "third": verb.third, "gerund": verb.gerund},
        **{"other": other, "third2": verb2.third, "gerund2": verb2.gerund},
    )
    one, two = asker.find(thing, action), asker.find(other, action2)
    if not one or not two:
        return question, NOT_FOUND
    if one[0] is two[0]:
        return None
    first, second = sorted((one[0], two[0]), key=lambda run: run.ids[0])
    right = (first is one[0]) == ("before " in question.lower())
    return question, f"{'Yes' if right else 'No'}: {tell(first)}, then {tell(second)}."


def _two(kind: str) -> Maker:
    def make(asker: Asker) -> Made:
        thing, other = asker.thing(0.93), asker.thing(0.93)
        if set(thing.split()) & set(other.split()):
            return None
        question = asker.word(kind, thing=thing, other=other)
        one, two = asker.find(thing), asker.find(other)
        if not one or not two:
            return question, NOT_FOUND
        if kind == "compare":
            return question, f"{capital(tell(one[0]))}, whereas {tell(two[0])}."
        first, second = sorted((one[0], two[0]), key=lambda run: run.ids[0])
        return question, f"{capital(tell(first))}, then {tell(second)}."

    return make


def _placed(kind: str) -> Maker:
    def make(asker: Asker) -> Made:
        length = asker.timeline.video.duration_seconds
        second = asker.rng.uniform(0.0, length) if asker.rng.random() < 0.85 else length + asker.rng.uniform(8, 240)
        segment = asker.rng.randint(1, len(asker.rows) + (4 if asker.rng.random() < 0.1 else 0))
        time = clock(second) if asker.rng.random() < 0.8 else f"{max(1, int(second))} seconds"
        question = asker.word(kind, time=time, segment=str(segment))
        note = note_on(question, asker.timeline)
        if not note:
            return None
        rows = [asker.rows[found - 1] for found in marks(note)]
        if not rows:
            return question, NOT_FOUND
        return question, _words_there(rows) if kind == "said_at" else listed(runs_of(rows))

    return make


def _said_while(asker: Asker) -> Made:
    thing, action = asker.pair(0.8)
    verb = asker.verb(action)
    question = asker.word("said_while", thing=thing, third=verb.third, gerund=verb.gerund)
    runs = asker.find(thing, action)
    return question, _words_there(runs[0].rows) if runs else NOT_FOUND


def _said_end(kind: str, place: int) -> Maker:
    def make(asker: Asker) -> Made:
        spoken = [row for row in asker.rows if row.words]
        return asker.word(kind), _said([spoken[place]] if spoken else [])

    return make


def _said_about(asker: Asker) -> Made:
    mentioned = [thing for row in asker.rows for thing in THINGS if thing in row.words]
    thing = asker.rng.choice(mentioned) if mentioned and asker.rng.random() < 0.75 else asker.thing(0.6)
    return asker.word("said_about", thing=thing), _said(_naming(asker, thing.split()))


def _naming(asker: Asker, words: Sequence[str]) -> list[Row]:
    """The rows in whose speech these words stand one after the other."""
    wanted = f" {' '.join(words)} "
    return [row for row in asker.rows if wanted in f" {row.words} "]


def _said_all(asker: Asker) -> Made:
    return asker.word("said_all"), _said([row for row in asker.rows if row.words])


def _heard(kind: str, holds: Callable[[str], bool]) -> Maker:
    def make(asker: Asker) -> Made:
        return asker.word(kind), _said([row for row in asker.rows if holds(row.words)])

    return make


def _when_said(asker: Asker) -> Made:
    days = [day for row in asker.rows for day in DAYS if day in row.words.split()]
    topic = asker.rng.choice(days if days and asker.rng.random() < 0.7 else (*DAYS, *_TOPICS))
    shown = topic.capitalize() if topic in DAYS else topic
    return asker.word("when_said", word=shown), _said(_naming(asker, topic.split()))


def _colour(asker: Asker) -> Made:
    thing, action = asker.pair(0.75)
    verb = asker.verb(action)
    shape = thing.split()[-1]
    return asker.word("colour", shape=shape, third=verb.third, gerund=verb.gerund), listed(asker.find(shape, action))


def _colour_shape(asker: Asker) -> Made:
    shape = asker.thing(0.8).split()[-1]
    if shape in ("thing", "object"):
        return None
    return asker.word("colour_shape", shape=shape), listed(asker.find(shape))


def _shape(asker: Asker) -> Made:
    thing, action = asker.pair(0.8)
    color = thing.split()[0]
    if color not in COLORS:
        return None
    verb = asker.verb(action)
    return asker.word("shape", color=color, third=verb.third, gerund=verb.gerund), listed(asker.find(color, action))


def _why(asker: Asker) -> Made:
    thing, action = asker.pair(0.5)
    verb = asker.verb(action)
    question = asker.word("why", thing=thing, base=verb.base, third=verb.third, gerund=verb.gerund)
    runs = asker.find(thing, action)
    return question, f"{capital(tell(runs[0]))}. {WHY} {mark(runs[0].ids)}." if runs else NOT_FOUND


def _premise(asker: Asker) -> Made:
    thing, action = asker.pair(0.5)
    verb = asker.verb(action)
    question = asker.word("premise", thing=thing, third=verb.third, gerund=verb.gerund)
    runs = asker.find(thing, action)
    if runs and "after it" in question:
        runs = [run for run in asker.find(thing) if run.ids[0] > runs[0].ids[-1]][:1]
    return question, listed(runs)


def _camera_do(asker: Asker) -> Made:
    found = [run for run in asker.plain if run.action in CAMERA_ACTIONS]
    thing = asker.rng.choice(found).look if found and asker.rng.random() < 0.7 else asker.thing(0.7)
    question = asker.word("camera_do", thing=thing)
    return question, listed([run for run in asker.find(thing) if run.action in CAMERA_ACTIONS])


def _camera_all(asker: Asker) -> Made:
    question = asker.word("camera_all")
    return question, _agreed(question, [run for run in asker.plain if run.action in CAMERA_ACTIONS])


def _modality(asker: Asker) -> Made:
    days = [day for row in asker.rows for day in DAYS if day in row.words.split()]
    if asker.rng.random() < 0.4:
        day = asker.rng.choice(days) if days and asker.rng.random() < 0.8 else asker.rng.choice(DAYS)
        topic, runs, rows = day.capitalize(), [], _naming(asker, [day])
    else:
        thing = asker.thing(0.8)
        topic, runs, rows = f"the {thing}", asker.find(thing), _naming(asker, thing.split())
    question = asker.word("modality", topic=topic)
    if not runs:
        only = "; ".join(quote(row) for row in rows[:2])
        return question, f"It is only said: {only}." if rows else NOT_FOUND
    text = f"It is seen: {'; '.join(tell(run) for run in runs[:2])}."
    return question, f"{text} It is said too: {quote(rows[0])}." if rows else text


def _attributes(kind: str, place: int) -> Maker:
    def make(asker: Asker) -> Made:
        question = asker.word(kind)
        first: dict[str, int] = {}
        for run in asker.plain:
            first.setdefault(run.look.split()[place], run.ids[0])
        if not first:
            return question, NOT_FOUND
        told = capital(", ".join(f"{name} [S{found}]" for name, found in first.items()))
        noun = kind if len(first) != 1 else kind[:-1]
        return question, f"{told}: {len(first)} {noun}." if "many" in question else f"{told}."

    return make


def _summary(asker: Asker) -> Made:
    return asker.word("summary"), summed_up(asker.runs)


def summed_up(runs: Sequence[Run]) -> str:
    """The first few occurrences and the last, in order."""
    if len(runs) == 1:
        return f"{capital(tell(runs[0]))}."
    picked = runs if len(runs) <= _TOLD else [*runs[: _TOLD - 1], runs[-1]]
    middle = "".join(f", then {tell(run)}" for run in picked[1:-1])
    return f"First {tell(picked[0])}{middle}. At last {tell(picked[-1])}."


def _unknowable(asker: Asker) -> Made:
    return asker.word("unknowable"), NOT_FOUND


MAKERS: dict[str, Maker] = {
    "first": _end("first", 0),
    "last": _end("last", -1),
    "first_look": _end("first_look", 0),
    "last_look": _end("last_look", -1),
    "do": _of_thing("do"),
    "when": _of_pair("when"),
    "when_camera": _of_action("when_camera", True),
    "when_something": _of_action("when_something", False),
    "present": _present,
    "count_action": _count_action("count_action", False),
    "count_camera": _count_action("count_camera", True),
    "count_thing": _count_thing,
    "after": _neighbour("after", 1),
    "before": _neighbour("before", -1),
    "order": _order,
    "which_first": _two("which_first"),
    "compare": _two("compare"),
    "said_at": _placed("said_at"),
    "said_while": _said_while,
    "said_first": _said_end("said_first", 0),
    "said_last": _said_end("said_last", -1),
    "said_about": _said_about,
    "said_all": _said_all,
    "day": _heard("day", lambda words: any(day in words.split() for day in DAYS)),
    "code": _heard("code", lambda words: "code" in words.split()),
    "numbers": _heard("numbers", lambda words: "count" in words.split() and any(n in words.split() for n in NUMBERS)),
    "when_said": _when_said,
    "colour": _colour,
    "colour_shape": _colour_shape,
    "shape": _shape,
    "which": _of_action("which", False),
    "yes": _of_pair("yes"),
    "why": _why,
    "premise": _premise,
    "at": _placed("at"),
    "camera_do": _camera_do,
    "camera_seen": _of_action("camera_seen", True),
    "camera_all": _camera_all,
    "modality": _modality,
    "colours": _attributes("colours", 0),
    "shapes": _attributes("shapes", 1),
    "summary": _summary,
    "unknowable": _unknowable,
}
assert set(HELD_OUT) <= set(TRAINED)


def follow_up(asker: Asker, before: Sequence[Task]) -> Task | None:
    """A question that leans on the exchange before it, with its answer."""
    last = before[-1]
    kind = asker.rng.choice(FOLLOW_UPS)
    thing = asker.thing(0.85)
    question = asker.word(kind, thing=thing)
    if kind == "and_thing":
        if last.kind not in ("do", "said_about", "present"):
            return None
        found = asker.find(thing)
        told = {
            "do": listed(found),
            "present": listed(found[:1]),
            "said_about": _said(_naming(asker, thing.split())),
        }
        return Task(last.kind, question, told[last.kind])
    cited = [run for run in asker.runs if set(run.ids) & set(last.ids)]
    if not cited:
        return Task(kind, question, NOT_FOUND) if kind in ("next", "previous") else None
    if kind in ("next", "previous"):
        step = 1 if kind == "next" else -1
        run = cited[-1] if step > 0 else cited[0]
        return None if run.rows[0].odd else Task(kind, question, _then(run, asker.after(run, step), step))
    if len(cited) > 1 or cited[0].rows[0].odd:
        return None
    run = cited[0]
    if kind == "its_words":
        return Task(kind, question, _words_there(run.rows))
    if kind == "sure":
        sure = all(row.sure for row in run.rows)
        return Task(kind, question, f"{'Yes: ' if sure else 'Not quite: '}{tell(run)}.")
    return Task(kind, question, listed([run]))


FOLLOW_UPS = (
    *("next", "next", "previous", "its_colour", "its_shape", "its_action"),
    *("its_words", "its_time", "and_thing", "and_thing", "sure"),
)


# How many values each of a line's facts has: its mark, its action, its colour and its shape; 0 stands for none.
FACT_SIZES = (MOST_MARKS + 1, len(ACTIONS) + 2, len(COLORS) + 1, len(SHAPES) + 1)


Facts = tuple[int, int, int, int]


def facts_of_row(row: Row) -> Facts:
    """Mark, action, colour and shape of a line of evidence as numbers, 0 for what is none of the world's."""
    actions = ("", *ACTIONS)
    color, _, shape = row.look.partition(" ")
    return (
        row.id if row.id <= MOST_MARKS else 0,
        actions.index(row.action) + 1 if row.action in actions else 0,
        COLORS.index(color) + 1 if color in COLORS else 0,
        SHAPES.index(shape) + 1 if shape in SHAPES else 0,
    )


def exchanges(tasks: Sequence[Task]) -> list[Exchange]:
    """The conversation as our code that understands follow-ups wants it."""
    return [Exchange(task.question, task.ids) for task in tasks]
