"""Batches of conversations for the language model, made from seeds while it learns."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from assistant.chat.conversation import Turned, build_prompt
from assistant.chat.retrieval import render_segment
from assistant.core import prompts
from assistant.models.protocols import GenerationOptions, Message
from assistant.synthetic.recipes.language_model import AFTER_LABELS, CONTEXT_TOKENS, MOST_MARKS, Batch
from assistant.synthetic.recipes.language_tasks import (
    MAKERS,
    NOT_FOUND,
    Asker,
    Facts,
    Task,
    facts_of_row,
    follow_up,
    summed_up,
)
from assistant.synthetic.recipes.language_world import draw_timeline, injection, odd_sentence, rows_of, runs_of

NO_FACTS: Facts = (0, 0, 0, 0)
PREFIXES, ROWS, ROW_TOKENS = 4, 3, 192
EVIDENCE_TOKENS, ANSWER_TOKENS = 3000, 400
_OTHER_REFUSAL = "Not in this video: nothing that was seen matches it."
_FOLLOWED, _SUMMARISED = 0.3, 0.03
# How often each kind is asked, against 1 for the others: what is hard, and what is asked most.
WEIGHTS = {
    **dict.fromkeys(("count_thing", "count_action", "after", "before", "order", "at", "said_while"), 1.6),
    **dict.fromkeys(("count_camera", "colours", "shapes", "said_all", "camera_all", "code", "numbers", "day"), 0.6),
    **dict.fromkeys(("first_look", "last_look", "which_first", "compare", "why", "premise", "said_last"), 0.7),
}


class CountingModel:
    """Just enough of a chat model for `build_prompt`: it counts tokens and never speaks."""

    name = "language"
    context_tokens = CONTEXT_TOKENS

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self._counts: dict[str, int] = {}

    def count_tokens(self, text: str) -> int:
        if text not in self._counts:
            if len(self._counts) > 5000:
                self._counts.clear()
            self._counts[text] = len(self.tokenizer(text, add_special_tokens=False)["input_ids"])
        return self._counts[text]

    def stream(self, messages: Sequence[Message], options: GenerationOptions, cancelled: Any = None) -> Iterator[str]:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Conversation:
    """What is sent, the answer to it, and the kind of question it is (``talk`` where several lean on one another).

    ``facts`` are those of the first line that the answer marks, zeros where it marks none.
    """

    kind: str
    messages: tuple[Message, ...]
    answer: str
    facts: Facts = NO_FACTS

    @property
    def turns(self) -> tuple[Message, ...]:
        """All behind the system's message."""
        return tuple(message for message in self.messages if message.role != "system")


def draw_task(asker: Asker) -> Task:
    """A question of a kind that this timeline can be asked."""
    names = list(MAKERS)
    weights = [WEIGHTS.get(name, 1.0) for name in names]
    while True:
        task = asker.draw(asker.rng.choices(names, weights)[0])
        if task is not None:
            return task


def draw_conversation(asker: Asker, model: Any, turns: int) -> Conversation:
    """Up to so many exchanges about one timeline; the prompt is the one that the program itself would send."""
    tasks = [draw_task(asker)]
    for _ in range(turns - 1):
        tasks.append(follow_up(asker, tasks) or draw_task(asker))
    history = [Turned(task.question, _as_answered(task, asker.rng), task.ids) for task in tasks[:-1]]
    prompt = build_prompt(
        tasks[-1].question,
        asker.timeline,
        history,
        model,
        evidence_tokens=EVIDENCE_TOKENS,
        answer_tokens=ANSWER_TOKENS,
    )
    ids = tasks[-1].ids
    facts = facts_of_row(asker.rows[ids[0] - 1]) if ids else NO_FACTS
    return Conversation("talk" if turns > 1 else tasks[0].kind, prompt.messages, tasks[-1].answer, facts)


def _as_answered(task: Task, rng: random.Random) -> str:
    """An earlier answer; now and then one that the answerer without a model gave to what could not be found."""
    if task.answer == NOT_FOUND and rng.random() < 0.2:
        return _OTHER_REFUSAL
    return task.answer


def draw_summary(rng: random.Random, most_segments: int) -> Conversation:
    """Notes to be summed up: the lines of a part of a video, or sentences about its parts."""
    timeline = draw_timeline(rng, min(most_segments, 14))
    runs = runs_of(rows_of(timeline))
    if rng.random() < 0.6:
        notes = [render_segment(segment) for segment in timeline.segments]
        what = "this part of the video"
    else:
        size = rng.randint(2, 5)
        notes = [summed_up(runs[at : at + size]) for at in range(0, len(runs), size)]
        runs = [run for at in range(0, len(runs), size) for run in _picked(runs[at : at + size])]
        what = "the whole video"
    text = prompts.fill("summarize", evidence="\n".join(notes), what=what)
    return Conversation("sum up", (Message("user", text),), summed_up(runs), facts_of_row(runs[0].rows[0]))


def _picked(runs: Sequence[Any]) -> Sequence[Any]:
    """The occurrences that `summed_up` tells."""
    return runs if len(runs) <= 4 else [*runs[:3], runs[-1]]


def render(messages: Sequence[Message], *, answer: str | None = None) -> str:
    """The messages as the chat template writes them."""
    text = "".join(
        f"<|{message.role}|>{message.content}{'<|end|>' if message.role == 'assistant' else ''}" for message in messages
    )
    return f"{text}<|assistant|>" + (f"{answer}<|end|>" if answer is not None else "")


def corpus(seed: int, timelines: int = 600) -> Iterator[str]:
    """Texts from which the tokenizer learns its words; those of the prompts come with them."""
    from assistant.synthetic.recipes.language_world import COMMON_TEXTS

    yield from COMMON_TEXTS
    rng = random.Random(f"tokenizer {seed}")
    for _ in range(timelines):
        asker = Asker(draw_timeline(rng, 14), rng)
        yield "\n".join(render_segment(segment) for segment in asker.timeline.segments)
        for _ in range(12):
            task = draw_task(asker)
            yield f"Question: {task.question}"
            yield task.answer
        yield odd_sentence(rng)
        yield injection(rng)


class Batches:
    """The batch of each step, the same for the same seed; to be read by a process of its own.

    Args:
        held_out: ask with wordings that no training text holds, where a kind has some.
    """

    def __init__(self, tokenizer: Any, seed: int, steps: int, held_out: bool = False) -> None:
        self.tokenizer = tokenizer
        self.model = CountingModel(tokenizer)
        self.seed = seed
        self.held_out = held_out
        self._answer_id = tokenizer.convert_tokens_to_ids("<|assistant|>")
        self._closing = frozenset(tokenizer.convert_tokens_to_ids(list(AFTER_LABELS)))
        self._speaking = frozenset(tokenizer.convert_tokens_to_ids([t for t in AFTER_LABELS if "says" in t]))
        self._quotes = frozenset(tokenizer(' "', add_special_tokens=False)["input_ids"][-1:])
        self._marks = {tokenizer.convert_tokens_to_ids(f"[S{n}]"): n for n in range(1, MOST_MARKS + 1)}
        self.steps = steps

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> Batch:
        rng = random.Random(f"language {self.seed} {step}")
        return self.batch(rng, most_segments(step, rng))

    def batch(self, rng: random.Random, most: int) -> Batch:
        """A batch of timelines with up to about ``most`` segments."""
        import torch

        groups = [self._group(rng, most) for _ in range(PREFIXES)]
        width = max(len(prefix) for prefix, _, _ in groups)
        shape = (PREFIXES, ROWS, ROW_TOKENS)
        prefixes = torch.full((PREFIXES, width), self.tokenizer.pad_token_id)
        rows = torch.full(shape, self.tokenizer.pad_token_id)
        positions, exchanges = torch.zeros(shape, dtype=torch.int64), torch.full(shape, -1)
        with_prefix, weights = torch.zeros(shape, dtype=torch.bool), torch.zeros(shape)
        kinds: list[str] = []
        ends: list[tuple[int, int]] = []
        facts: list[Facts] = []
        starts: list[tuple[int, int, int]] = []
        start_facts: list[Facts] = []
        pointers, copies = torch.full(shape, -1), torch.full(shape, -1)
        for number, (prefix, packed, lines) in enumerate(groups):
            prefixes[number, : len(prefix)] = torch.tensor(prefix)
            places = self._line_ends(prefix)
            at_mark: dict[int, int] = {}
            if len(places) == len(lines):
                ends += [(number, place) for place in places]
                facts += lines
                at_mark = {line[0]: place for line, place in zip(lines, places, strict=True) if line[0]}
            for row, pieces in enumerate(packed):
                at = 0
                for ids, counts, sees, kind, about in pieces:
                    here = (number, row, slice(at, at + len(ids)))
                    rows[here] = torch.tensor(ids)
                    positions[here] = torch.arange(len(ids)) + (len(prefix) if sees else 0)
                    exchanges[here] = len(kinds)
                    kinds.append(kind)
                    starts.append((number, row, at + len(ids) - 1 - ids[::-1].index(self._answer_id)))
                    start_facts.append(about)
                    with_prefix[here] = sees
                    weights[here] = torch.tensor(counts)
                    if sees:
                        pointed = [at_mark.get(mark, -1) for mark in self._next_marks(ids, counts)]
                        pointers[here] = torch.tensor(pointed)
                        copies[here] = torch.tensor(self._copied(ids, pointed, prefix))
                    at += len(ids)
        lengths = torch.tensor([len(prefix) for prefix, _, _ in groups])
        line_ends, line_facts, begun, begun_facts = (
            torch.tensor(items, dtype=torch.int64) for items in (ends, facts, starts, start_facts)
        )
        return Batch(
            prefixes=prefixes,
            prefix_lengths=lengths,
            rows=rows,
            positions=positions,
            exchanges=exchanges,
            with_prefix=with_prefix,
            weights=weights,
            kinds=tuple(kinds),
            line_ends=line_ends,
            line_facts=line_facts,
            starts=begun,
            start_facts=begun_facts,
            pointers=pointers,
            copies=copies,
        )

    def _copied(self, ids: Sequence[int], pointed: Sequence[int], prefix: Sequence[int]) -> list[int]:
        """For each token of an answer where, in the prefix, the word stands that it quotes next; -1 for none."""
        copied = [-1] * len(ids)
        for place, line in enumerate(pointed):
            if line < 0 or ids[place] not in self._quotes or prefix[line] not in self._speaking:
                continue
            step = 0
            while ids[place + 1 + step] == prefix[line + 1 + step]:
                copied[place + step] = line + 1 + step
                step += 1
        return copied

    def _next_marks(self, ids: Sequence[int], counts: Sequence[float]) -> list[int]:
        """For each token of an answer the number of the mark that comes next in it, 0 where none does."""
        following = 0
        marked = [0] * len(ids)
        for place in range(len(ids) - 2, -1, -1):
            if not counts[place]:
                following = 0
                continue
            following = self._marks.get(ids[place + 1], following)
            marked[place] = following
        return marked

    def _line_ends(self, prefix: Sequence[int]) -> list[int]:
        """Where the labels of each line of the evidence end: the token between them and what is said, or the break."""
        places: list[int] = []
        inside = False
        for place, token in enumerate(prefix):
            if token in self._marks:
                inside = True
            elif inside and token in self._closing:
                places.append(place)
                inside = False
        return places

    def _group(self, rng: random.Random, most: int) -> tuple[list[int], list[list[Any]], list[Facts]]:
        """The tokens of one evidence, rows of exchanges about it as long as they find room, and its lines' facts."""
        asker = Asker(draw_timeline(rng, most), rng, self.held_out)
        rows: list[list[Any]] = [[] for _ in range(ROWS)]
        free = [ROW_TOKENS] * ROWS
        prefix: list[int] = []
        misses = 0
        while misses < 3:
            if rng.random() < _SUMMARISED:
                made, sees = draw_summary(rng, most), False
            else:
                turns = rng.choice((2, 2, 3, 4)) if rng.random() < _FOLLOWED else 1
                made, sees = draw_conversation(asker, self.model, turns), True
                prefix = prefix or self._ids(f"<|system|>{made.messages[0].content}")
            ids, counts = self._weighed(made)
            place = max(range(ROWS), key=lambda row: (free[row] >= len(ids), -free[row]))
            if free[place] < len(ids):
                misses += 1
                continue
            rows[place].append((ids, counts, sees, made.kind, made.facts))
            free[place] -= len(ids)
        return prefix, rows, [facts_of_row(row) for row in asker.rows]

    def _weighed(self, made: Conversation) -> tuple[list[int], list[float]]:
        """The tokens behind the system's message, and how much it counts to foretell the token behind each."""
        ids: list[int] = []
        counts: list[float] = []
        turns = made.turns
        for message in (*turns, Message("assistant", made.answer)):
            if message.role == "user":
                part = self._ids(f"<|user|>{message.content}<|assistant|>")
                # The first token of an answer decides it: found or not, yes or no.
                ids, counts = [*ids, *part], [*counts, *([0.0] * (len(part) - 1)), 2.0]
            else:
                part = self._ids(f"{message.content}<|end|>")
                weight = 0.0 if message.content == _OTHER_REFUSAL else 1.0
                if not weight:
                    counts[-1] = 0.0
                ids, counts = [*ids, *part], [*counts, *([weight] * (len(part) - 1)), 0.0]
        return ids, counts

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])


def most_segments(step: int, rng: random.Random) -> int:
    """From a few segments to many: what to look for is learnt where there is little to look through."""
    if step < 600:
        return 3 if step < 150 else 5
    if step < 900:
        return 10
    return rng.choice((6, 10, 14, 14, 18, 24, 40, 40) if step >= 1500 else (6, 10, 14, 18))
