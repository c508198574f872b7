"""Changes to sentences by rule: the same thing in other words (still true), or one thing made false."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

from assistant.training.verifier.numbers import numbers, other_number, put_numbers, split, spoken

_SETS: dict[str, tuple[str, ...]] = {
    "en": (
        "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
        "January February March April May June July August September October November December",
        "red blue green yellow black white brown orange purple pink grey",
        "north south east west",
        "minutes hours days weeks months years seconds",
        "mother father brother sister wife husband daughter son uncle aunt grandmother grandfather niece nephew",
        "grams kilos tons litres",
        "centimetres metres kilometres miles millimetres",
    ),
    "de": (
        "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag",
        "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
        "rot blau grün gelb schwarz weiß braun",
        "Minuten Stunden Tage Wochen Monate Jahre Sekunden",
        "Mutter Vater Bruder Schwester Frau Mann Tochter Sohn Großvater Großmutter",
    ),
    "es": (
        "lunes martes miércoles jueves viernes sábado domingo",
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        "rojo azul verde amarillo negro blanco",
        "minutos horas días semanas meses años segundos",
        "madre padre hermano hermana marido mujer hija hijo abuelo abuela suegra",
    ),
}
_OPPOSITES = {
    "en": "left/right up/down upwards/downwards before/after first/last more/less hot/cold warm/cool open/closed "
    "opened/closed early/late higher/lower above/below inside/outside always/never with/without old/new big/small "
    "larger/smaller bigger/smaller long/short good/bad easy/difficult fast/slow faster/slower cheap/expensive "
    "cheaper/dearer best/worst full/empty light/heavy wet/dry increase/decrease rose/fell rises/falls gained/lost "
    "wins/loses won/lost allowed/forbidden accepts/refuses agrees/disagrees arrives/leaves everybody/nobody "
    "everything/nothing minimum/maximum over/under at_least/at_most more_than/less_than morning/evening day/night "
    "top/bottom front/back clockwise/anticlockwise earlier/later older/younger better/worse many/few most/least "
    "begins/ends starts/stops high/low deep/shallow thick/thin wide/narrow soft/hard",
    "de": "links/rechts oben/unten vor/nach erste/letzte mehr/weniger heiß/kalt warm/kühl offen/geschlossen früh/spät "
    "höher/tiefer innen/außen immer/nie mit/ohne alt/neu groß/klein lang/kurz gut/schlecht schnell/langsam "
    "schneller/langsamer besser/schlechter morgens/abends alle/keine ein/kein eine/keine höchstens/mindestens",
    "es": "izquierda/derecha arriba/abajo antes/después primera/última primero/último más/menos caliente/frío "
    "abierto/cerrado siempre/nunca con/sin grande/pequeño largo/corto bueno/malo mejor/peor fácil/difícil "
    "rápido/lento todos/nadie algo/nada mayor/menor",
}
_VERBS = {
    "en": split("is are was were has have had can will would should must does did may could"),
    "de": split("ist sind war waren hat haben hatte kann wird werden soll sollen muss darf braucht kommt geht"),
    "es": split("es son está están era fue tiene tienen hay lleva cuesta se hace debe puede quiere"),
}
NAMES = split(
    "Anna Ben Clara David Elena Farid Greta Hassan Irene Jakob Karin Luis Mina Noah Olga Peter Rosa Stefan Tara Uwe "
    "Vera Walter Yara Zoe Amit Bea Carlos Doris Emil Fiona Gustav Hannah Igor Julia Kofi Laura Marek Nadia Oscar Paula"
)


def wrong_number(text: str, language: str, rng: random.Random, others: Sequence[int] = ()) -> str | None:
    """Another number in place of one that stands there; of ``others``, what else is in the evidence, where possible."""
    found = numbers(text, language)
    if not found:
        return None
    _, _, chosen = rng.choice(found)
    near = [value for value in others if value not in {number for _, _, number in found}]
    wrong = rng.choice(near) if near and rng.random() < 0.5 else other_number(chosen, rng)
    return put_numbers(text, language, lambda value: wrong if value == chosen else value, rng)


def wrong_member(text: str, language: str, rng: random.Random) -> str | None:
    """Another weekday, month, colour, unit or relative in place of the one that stands there."""
    places = [
        (word, members)
        for members in (row.split() for row in _SETS[language])
        for word in members
        if re.search(rf"\b{word}\b", text)
    ]
    if not places:
        return None
    word, members = rng.choice(places)
    other = rng.choice([member for member in members if member != word])
    return re.sub(rf"\b{word}\b", other, text, count=1)


def exchanged(text: str, language: str, names: Sequence[str], rng: random.Random) -> str | None:
    """Two numbers, two names or two of a kind in one sentence, each in the other's place."""
    values = sorted({value for _, _, value in numbers(text, language)})
    if len(values) == 2:
        return put_numbers(text, language, lambda value: values[0] if value == values[1] else values[1], rng)
    for group in (names, *(row.split() for row in _SETS[language])):
        there = [word for word in group if re.search(rf"\b{re.escape(word)}\b", text)]
        if len(there) == 2:
            first, second = there
            pattern = re.compile(rf"\b({re.escape(first)}|{re.escape(second)})\b")
            table = {first: second, second: first}
            return pattern.sub(lambda found: table[found[1]], text)  # noqa: B023 - used before the loop goes on
    return None


def opposite(text: str, language: str, rng: random.Random) -> str | None:
    places = []
    for pair in split(_OPPOSITES[language]):
        first, second = pair.replace("_", " ").split("/")
        for old, new in ((first, second), (second, first)):
            if re.search(rf"\b{old}\b", text):
                places.append((old, new))
    if not places:
        return None
    old, new = rng.choice(places)
    return re.sub(rf"\b{old}\b", new, text, count=1)


def negated(text: str, language: str, rng: random.Random) -> str | None:
    """The sentence denied, or a denial taken away."""
    denial = {"en": r" (not|never|no longer)\b", "de": r" (nicht|nie)\b", "es": r"\b(no|nunca) "}[language]
    if re.search(denial, text):
        return re.sub(denial, "", text, count=1)
    places = [
        found
        for verb in _VERBS[language]
        for found in re.finditer(rf" {verb} " if language != "es" else rf"(?:^| ){verb} ", text)
    ]
    if not places or re.search(r"\b(nobody|nothing|none|without|kein\w*|ohne|niemand|nadie|nada|sin)\b", text.lower()):
        return None
    place = min(places, key=lambda found: found.start())
    if language == "es":
        start = place.start() + (1 if text[place.start()] == " " else 0)
        head = text[:start]
        return f"{head}no {text[start:]}" if head else f"No {text[0].lower()}{text[1:]}"
    word = {"en": "not", "de": "nicht"}[language]
    return f"{text[: place.end()]}{word} {text[place.end() :]}"


def wrong_name(text: str, names: Sequence[str], rng: random.Random) -> str | None:
    """One of the names in the text replaced by another of the names, or by one from outside."""
    there = [name for name in names if re.search(rf"\b{re.escape(name)}\b", text)]
    if not there:
        return None
    name = rng.choice(there)
    others = [other for other in names if other not in text] or [other for other in NAMES if other not in text]
    return re.sub(rf"\b{re.escape(name)}\b", rng.choice(others), text)


def rename(texts: Sequence[str], names: Sequence[str], rng: random.Random) -> list[str]:
    """The same names replaced by fresh ones in all the texts."""
    fresh = rng.sample([name for name in NAMES if not any(name in text for text in texts)], min(len(names), 12))
    table = dict(zip(names, fresh, strict=False))
    if not table:
        return list(texts)
    pattern = re.compile(rf"\b({'|'.join(map(re.escape, table))})\b")
    return [pattern.sub(lambda found: table[found[1]], text) for text in texts]


_SLIPS = {
    "en": "{wrong}, sorry, {right}|{wrong}, no, {right}|{wrong}, I mean {right}|{wrong}, er, {right} rather",
    "de": "{wrong}, nein, {right}|{wrong}, Entschuldigung, {right}|{wrong}, ich meine {right}",
    "es": "{wrong}, perdón, {right}|{wrong}, digo, {right}|{wrong}, no, {right}",
}


def slip(text: str, language: str, right: int, wrong: int, rng: random.Random) -> str:
    """The line with its number said wrong first and put right at once."""
    for start, end, value in numbers(text, language):
        if value == right:
            said = rng.choice(_SLIPS[language].split("|")).format(wrong=spoken(wrong, language), right=text[start:end])
            return text[:start] + said + text[end:]
    return text


_FILLERS = {
    "en": split("um uh so well like you_know right okay I_mean actually"),
    "de": split("äh also ja naja halt sozusagen genau"),
    "es": split("bueno pues eh o_sea a_ver vale"),
}


def as_heard(text: str, language: str, rng: random.Random) -> str:
    """A line as a transcriber may write it: without marks, with fillers, with a word twice."""
    if rng.random() < 0.25:
        text = re.sub(r"[,.!?;:](?= |$)", "", text)
    words = text.split(" ")
    if rng.random() < 0.15:
        words.insert(rng.randrange(len(words) + 1), rng.choice(_FILLERS[language]).replace("_", " "))
    if rng.random() < 0.08 and len(words) > 2:
        place = rng.randrange(len(words))
        words.insert(place, words[place])
    return " ".join(words)


ERROR_RULES: dict[str, Callable[[str, str, random.Random], str | None]] = {
    "num": wrong_number,
    "time": wrong_member,
    "opp": opposite,
    "neg": negated,
}
