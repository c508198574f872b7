"""The closed words of the generated world: what is done, what is seen, what may be said."""

import random

COLORS = ("red", "green", "blue", "yellow", "orange", "purple", "white", "black")
SHAPES = ("circle", "square", "triangle", "star", "bar")
BACKGROUNDS = ("plain", "gradient", "stripes", "checks", "noise", "drifting")

# Label of the action -> how a narrator says it of "the red circle".
ACTIONS: dict[str, str] = {
    "moving left": "moves left",
    "moving right": "moves right",
    "moving up": "moves up",
    "moving down": "moves down",
    "coming closer": "comes closer",
    "going away": "goes away",
    "rotating": "turns around",
    "shaking": "shakes",
    "circling": "circles around",
    "appearing": "appears",
    "vanishing": "vanishes",
    "staying still": "stays still",
    "camera panning": "the camera pans",
    "camera zooming": "the camera zooms",
}

NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def description(color: str, shape: str) -> str:
    """The label of what is seen, as it stands in ``prompts/labels/world.txt``."""
    return f"{color} {shape}"


def scene_sentence(action: str, color: str, shape: str, rng: random.Random) -> str:
    """One spoken sentence, lower case without punctuation, that is true of the scene."""
    spoken = ACTIONS[action]
    if spoken.startswith("the camera"):
        return rng.choice((f"{spoken} over the {color} {shape}", f"now look at the {color} {shape}"))
    return rng.choices(
        (f"the {color} {shape} {spoken}", f"now look at the {color} {shape}", f"here the {color} {shape} {spoken}"),
        weights=(5, 2, 2),
    )[0]


def aside_sentence(rng: random.Random) -> str:
    """One spoken sentence about things that are not to be seen: numbers and days."""
    return rng.choice(
        (
            "we count " + " ".join(rng.choice(NUMBERS) for _ in range(rng.randint(2, 4))),
            f"this was filmed on {rng.choice(DAYS)} at {rng.choice(NUMBERS)}",
            f"the code is {rng.choice(NUMBERS)} {rng.choice(NUMBERS)}",
            f"see you on {rng.choice(DAYS)}",
        )
    )


def any_sentence(rng: random.Random) -> str:
    """One sentence of the closed set, as the narrator would pick it."""
    if rng.random() < 0.35:
        return aside_sentence(rng)
    return scene_sentence(rng.choice(list(ACTIONS)), rng.choice(COLORS), rng.choice(SHAPES), rng)
