"""Labelled pairs by rule: tables of things to ask about, and rules that turn a question into one that means the same, or another one.

The first two sets were written pair by pair, by people with an idea of what guards can do. Here each rule meets whatever the tables hold,
so how often it comes does not depend on how well it is done. `python -m benchmarks.semantic.third > pairs_third.jsonl` makes the set;
it is the same each time.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any, NamedTuple

PER_RULE = 22


class Deed(NamedTuple):
    """Something that one may ask how to do: as an infinitive, as a gerund, in other words; and another thing to do, to the same."""

    do: str
    doing: str
    also: str
    other: str


DEEDS = [
    Deed("cancel my gym membership", "cancelling my gym membership", "end my gym membership", "renew my gym membership"),
    Deed("enlarge a photo", "enlarging a photo", "make a photo bigger", "crop a photo"),
    Deed("repair a dripping tap", "repairing a dripping tap", "fix a dripping faucet", "install a new tap"),
    Deed("mute notifications", "muting notifications", "silence notifications", "unmute notifications"),
    Deed("purchase a train ticket", "purchasing a train ticket", "buy a train ticket", "refund a train ticket"),
    Deed("erase a hard drive", "erasing a hard drive", "wipe a hard drive", "partition a hard drive"),
    Deed("rename a git branch", "renaming a git branch", "change the name of a git branch", "delete a git branch"),
    Deed("thicken a sauce", "thickening a sauce", "make a sauce thicker", "thin a sauce"),
    Deed("start a small business", "starting a small business", "found a small business", "sell a small business"),
    Deed("freeze cooked rice", "freezing cooked rice", "put cooked rice in the freezer", "reheat cooked rice"),
    Deed("quit smoking", "quitting smoking", "stop smoking", "start smoking"),
    Deed("lower my blood pressure", "lowering my blood pressure", "reduce my blood pressure", "measure my blood pressure"),
    Deed("encrypt a folder", "encrypting a folder", "protect a folder with encryption", "decrypt a folder"),
    Deed("unblock a sink", "unblocking a sink", "unclog a sink", "block a sink"),
    Deed("schedule a meeting", "scheduling a meeting", "set up a meeting", "postpone a meeting"),
    Deed("combine two spreadsheets", "combining two spreadsheets", "merge two spreadsheets", "compare two spreadsheets"),
    Deed("speed up my laptop", "speeding up my laptop", "make my laptop faster", "reset my laptop"),
    Deed("water a cactus", "watering a cactus", "give water to a cactus", "repot a cactus"),
    Deed("sharpen a kitchen knife", "sharpening a kitchen knife", "hone a kitchen knife", "clean a kitchen knife"),
    Deed("apply for a visa", "applying for a visa", "request a visa", "extend a visa"),
    Deed("dispose of old paint", "disposing of old paint", "get rid of old paint", "mix old paint"),
    Deed("install a printer driver", "installing a printer driver", "set up a printer driver", "uninstall a printer driver"),
    Deed("learn the violin", "learning the violin", "learn to play the violin", "tune a violin"),
    Deed("increase the font size", "increasing the font size", "make the font larger", "decrease the font size"),
    Deed("report a lost passport", "reporting a lost passport", "notify someone of a lost passport", "renew an expired passport"),
    Deed("hide a column in Excel", "hiding a column in Excel", "make a column in Excel invisible", "freeze a column in Excel"),
]
FACTS = [
    ("Iceland", ("capital", "currency", "population", "area")),
    ("Kenya", ("capital", "currency", "population", "area")),
    ("Portugal", ("capital", "currency", "population", "area")),
    ("Vietnam", ("capital", "currency", "population", "area")),
    ("iron", ("melting point", "density", "atomic number", "boiling point")),
    ("copper", ("melting point", "density", "atomic number", "boiling point")),
    ("Saturn", ("mass", "diameter", "orbital period", "surface gravity")),
    ("Neptune", ("mass", "diameter", "orbital period", "surface gravity")),
]
MADE = [
    ("wrote", "written", "Moby-Dick", "Frankenstein"),
    ("painted", "painted", "Guernica", "The Night Watch"),
    ("composed", "composed", "The Four Seasons", "The Planets"),
    ("invented", "invented", "the telephone", "the light bulb"),
    ("discovered", "discovered", "penicillin", "radium"),
    ("directed", "directed", "Psycho", "Alien"),
    ("designed", "designed", "the Sagrada Familia", "the Sydney Opera House"),
    ("founded", "founded", "Wikipedia", "Amazon"),
]
AMOUNTS = [("twelve", 12, "miles", "kilometres"), ("seven", 7, "pounds", "kilograms"), ("fifteen", 15, "inches", "centimetres")]
AMOUNTS += [("twenty", 20, "gallons", "litres"), ("three", 3, "acres", "hectares"), ("eight", 8, "ounces", "grams")]
ROUTES = [("Rome", "Naples"), ("London", "Leeds"), ("Osaka", "Kyoto"), ("JSON", "XML"), ("Java", "Kotlin"), ("euros", "yen")]
ROUTES += [("Gmail", "Outlook"), ("Celsius", "Fahrenheit"), ("Postgres", "SQLite"), ("Android", "iOS")]
THINGS = [("a hybrid car", "a diesel car"), ("oat milk", "soy milk"), ("an SSD", "a hard disk"), ("a tent", "a caravan"), ("tea", "coffee")]
THINGS += [("Rust", "Go"), ("a condo", "a house"), ("wool", "cotton"), ("a tablet", "a laptop"), ("gold", "silver")]
TEXTS = [
    "a poem about autumn",
    "a cover letter for a barista",
    "a toast for a wedding",
    "an apology to a customer",
    "a story about a lost dog",
]
TEXTS += [
    "a slogan for a bakery",
    "a summary of Hamlet",
    "a packing list for Norway",
    "an invitation to a barbecue",
    "a review of a pizzeria",
]
VERSIONS = [("Python", 9, 12), ("Ubuntu", 20, 22), ("iPhone", 13, 14), ("Java", 17, 21), ("Windows", 10, 11), ("Angular", 15, 16)]
OPENINGS = ["Hi, ", "Hello! ", "Good morning, ", "Hey there, "]
CLOSINGS = [" Thanks!", " Thank you.", " Many thanks in advance.", " Cheers!"]

Pair = tuple[str, str]
Rule = Callable[[Random], Pair]
"""Draws a pair."""


def _deed(rng: Random) -> Deed:
    return rng.choice(DEEDS)


def _fact(rng: Random) -> tuple[str, str, str, str]:
    """Entity, another, attribute, another."""
    entity, attributes = rng.choice(FACTS)
    other = rng.choice([name for name, also in FACTS if also == attributes and name != entity])
    one, two = rng.sample(attributes, 2)
    return entity, other, one, two


def _one_of(table: Sequence[Any], ask: Callable[..., Pair]) -> Rule:
    return lambda rng: ask(*rng.choice(table))


def _how(ask: Callable[[Deed, Random], str], plain: str = "How do I {}?") -> Rule:
    """Against the plain question."""

    def rule(rng: Random) -> Pair:
        deed = _deed(rng)
        return plain.format(deed.do), ask(deed, rng)

    return rule


def _frame(deed: Deed, rng: Random) -> str:
    frames = ["What is the way to {}?", "What do I have to do to {}?", "How can I {}?", "What steps do I take to {}?", "How would I {}?"]
    return rng.choice(frames).format(deed.do)


def _polite(deed: Deed, rng: Random) -> str:
    asks = ["could you please tell me how to {}?", "I would like to know how to {}.", "can you explain how to {}, please?"]
    return rng.choice(OPENINGS) + rng.choice(asks).format(deed.do) + rng.choice(CLOSINGS)


def _typo(deed: Deed, rng: Random) -> str:
    """Two letters inside its longest word change places."""
    word = max(deed.do.split(), key=len)
    spots = [i for i in range(1, len(word) - 2) if word[i] != word[i + 1]]
    at = rng.choice(spots)
    wrong = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return f"How do I {deed.do.replace(word, wrong)}?"


def _asked_fact(rng: Random) -> Pair:
    entity, _, one, _ = _fact(rng)
    forms = [f"Tell me the {one} of {entity}.", f"What is {entity}'s {one}?", f"Can you tell me what the {one} of {entity} is?"]
    return f"What is the {one} of {entity}?", rng.choice(forms)


def _reordered(rng: Random) -> Pair:
    deed = _deed(rng)
    when, rest = rng.choice(
        [("After {doing},", "what should I check"), ("Before {doing},", "what should I know"), ("If I want to {do},", "whom do I ask")]
    )
    when = when.format(do=deed.do, doing=deed.doing)
    return f"{when} {rest}?", f"{rest[0].upper()}{rest[1:]} {when[0].lower()}{when[1:-1]}?"


SAME: dict[str, Rule] = {
    "frame": _how(_frame),
    "polite": _how(_polite),
    "gerund": _how(lambda deed, rng: f"How do I go about {deed.doing}?"),
    "other words": _how(lambda deed, rng: f"How do I {deed.also}?"),
    "typo": _how(_typo),
    "terse": _how(lambda deed, rng: f"how to {deed.do}"),
    "fact": _asked_fact,
    "reordered": _reordered,
    "voice": _one_of(MADE, lambda did, done, work, _: (f"Who {did} {work}?", f"By whom was {work} {done}?")),
    "numbers written": _one_of(AMOUNTS, lambda word, n, a, b: (f"How many {b} are {n} {a}?", f"How many {b} are {word} {a}?")),
}


def _changed_fact(pick: Callable[[str, str, str, str], str]) -> Rule:
    def rule(rng: Random) -> Pair:
        entity, other, one, two = _fact(rng)
        return f"What is the {one} of {entity}?", pick(entity, other, one, two)

    return rule


def _number(rng: Random) -> Pair:
    _, n, a, b = rng.choice(AMOUNTS)
    return f"How many {b} are {n} {a}?", f"How many {b} are {n + rng.choice((1, 2, 10))} {a}?"


def _text(one: str, other: str) -> Rule:
    return lambda rng: (one.format(text := rng.choice(TEXTS)), other.format(text))


def _either(rules: Sequence[Rule]) -> Rule:
    return lambda rng: rng.choice(rules)(rng)


def _deeds(one: str, other: str) -> Rule:
    def rule(rng: Random) -> Pair:
        fields = _deed(rng)._asdict()
        return one.format(**fields), other.format(**fields)

    return rule


OTHER: dict[str, Rule] = {
    "other deed": _how(lambda deed, rng: f"How do I {deed.other}?"),
    "negation": _either(
        [
            _deeds("Why should I {do}?", "Why should I not {do}?"),
            _deeds("How do I {do}?", "How do I avoid {doing}?"),
            _deeds("When is it wise to {do}?", "When is it not wise to {do}?"),
        ]
    ),
    "question word": _either(
        [
            _deeds("How do I {do}?", "When do I {do}?"),
            _deeds("How should I {do}?", "Why should I {do}?"),
            _deeds("Where can I {do}?", "How long does it take to {do}?"),
        ]
    ),
    "before or after": _deeds("What should I do before {doing}?", "What should I do after {doing}?"),
    "tense": _deeds("What did it cost to {do}?", "What will it cost to {do}?"),
    "added constraint": _either(
        [
            _deeds("How do I {do}?", "How do I {do} without any tools?"),
            _deeds("What does it take to {do}?", "What does it take to {do} in under an hour?"),
        ]
    ),
    "entity": _changed_fact(lambda entity, other, one, two: f"What is the {one} of {other}?"),
    "attribute": _changed_fact(lambda entity, other, one, two: f"What is the {two} of {entity}?"),
    "work": _one_of(MADE, lambda did, done, work, other: (f"Who {did} {work}?", f"Who {did} {other}?")),
    "number": _number,
    "unit": _one_of(AMOUNTS, lambda word, n, a, b: (f"Convert {n} {a} to {b}.", f"Convert {n} {b} to {a}.")),
    "version": _one_of(VERSIONS, lambda name, one, two: (f"What is new in {name} {one}?", f"What is new in {name} {two}?")),
    "swapped roles": _either(
        [
            _one_of(ROUTES, lambda a, b: (f"How do I get from {a} to {b}?", f"How do I get from {b} to {a}?")),
            _one_of(ROUTES, lambda a, b: (f"How do I convert {a} to {b}?", f"How do I convert {b} to {a}?")),
            _one_of(THINGS, lambda a, b: (f"Why is {a} better than {b}?", f"Why is {b} better than {a}?")),
        ]
    ),
    "comparison": _one_of(THINGS, lambda a, b: (f"Is {a} cheaper than {b}?", f"Is {a} more popular than {b}?")),
    "quantity": _either([_text("Write {}.", "Write two versions of {}."), _text("Write {} in 50 words.", "Write {} in 150 words.")]),
    "audience": _text("Write {} for children.", "Write {} for lawyers."),
    "format": _either([_text("Write {}.", "Write {} as a dialogue."), _text("Write {} in Italian.", "Write {} in Polish.")]),
}


def pairs() -> Iterator[dict[str, Any]]:
    """Each rule `PER_RULE` times, or as often as the tables have different pairs for it."""
    for same, rules in ((True, SAME), (False, OTHER)):
        for kind, rule in rules.items():
            rng, seen = Random(f"third/{kind}"), dict[Pair, None]()
            for _ in range(PER_RULE * 20):
                seen.setdefault(rule(rng))
                if len(seen) == PER_RULE:
                    break
            for a, b in seen:
                yield {"a": a, "b": b, "same": same, "kind": kind}


if __name__ == "__main__":
    for pair in pairs():
        print(json.dumps(pair, ensure_ascii=False))
