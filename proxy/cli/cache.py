"""Find the threshold of the semantic cache for your own questions, from a file of pairs that are labelled by hand.

A line of the file: {"a": "How do I reset my password?", "b": "How can I reset my password?", "same": true, "kind": "paraphrase"}
The threshold is fitted on one half of the pairs and judged on the other.
"""

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from proxy.cli.common import add_json, print_json
from proxy.core.errors import BadRequest

if TYPE_CHECKING:
    from proxy.cache.semantic.calibration import Calibration, Pair, Rates, Scored
    from proxy.cache.semantic.tier import SemanticCache

EXAMPLES = """examples:
  llm-edge cache calibrate pairs.jsonl
  llm-edge cache calibrate pairs.jsonl --max-wrong 0.005 --json
  llm-edge cache calibrate pairs.jsonl --config config.yaml     (with the embedder of that configuration)"""

BAR = 40


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    calibrate = actions.add_parser(
        "calibrate", help="hit-rate against wrong-hit-rate on a labelled file", epilog="example: llm-edge cache calibrate pairs.jsonl"
    )
    calibrate.add_argument("file", type=Path, metavar="FILE", help="one JSON object a line: a, b, same, and if you like kind")
    calibrate.add_argument("--config", type=Path, metavar="FILE", help="take the embedder from this configuration (default: the local one)")
    calibrate.add_argument("--max-wrong", type=float, default=0.01, metavar="SHARE", help="wrong hits that are tolerated (default 0.01)")
    add_json(calibrate)


def run(args: argparse.Namespace) -> int:
    from proxy.cache.semantic.calibration import calibrate

    pairs = read_pairs(args.file)
    scored = asyncio.run(score(pairs, args.config, _progress(len(pairs)) if sys.stderr.isatty() else None))
    try:
        result = calibrate(scored, max_wrong=args.max_wrong)
    except ValueError as exc:
        raise BadRequest(f"{args.file}: {exc}") from exc
    if args.json:
        print_json(as_dict(result))
    else:
        print(as_text(result))
    return 0


def read_pairs(file: Path) -> "list[Pair]":
    """Raises BadRequest naming the line, OSError."""
    from proxy.cache.semantic.calibration import Pair

    pairs = []
    for number, line in enumerate(file.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        try:
            pairs.append(msgspec.json.decode(line, type=Pair))
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise BadRequest(f"{file}:{number}: {exc}") from exc
    return pairs


async def score(pairs: "Sequence[Pair]", config: Path | None, progress: Callable[[int], None] | None = None) -> "list[Scored]":
    cache, close = _open(config)
    try:
        return [await _scored(cache, pair, progress, at) for at, pair in enumerate(pairs, 1)]
    finally:
        await close()


async def _scored(cache: "SemanticCache", pair: "Pair", progress: Callable[[int], None] | None, at: int) -> "Scored":
    from proxy.cache.semantic.calibration import Scored

    one, other = await cache.ask(b"", pair.a), await cache.ask(b"", pair.b)
    if progress is not None:
        progress(at)
    if one is None or other is None:
        return Scored(pair, 0.0, "not looked up")
    return Scored(pair, float(one.vector @ other.vector), cache.conflict(one.question, other.question))


def _open(config: Path | None) -> "tuple[SemanticCache, Callable[[], Any]]":
    """Raises BadRequest where the extra is missing, SettingsError."""
    from proxy.core.clock import SystemClock
    from proxy.pipeline.semantic import build_semantic
    from proxy.providers.registry import build_providers
    from proxy.settings import Settings, load_settings

    if config is None:
        settings = Settings.of(providers={"echo": {"kind": "echo"}}, cache={"semantic": {"enabled": True}})
    else:
        read = load_settings(config)
        semantic = read.cache.semantic.model_copy(update={"enabled": True, "index": "memory"})
        settings = read.model_copy(update={"cache": read.cache.model_copy(update={"semantic": semantic, "enabled": True})})
    providers = build_providers(settings.providers, SystemClock())
    try:
        built = build_semantic(settings, providers, None, None)
    except (ValueError, ModuleNotFoundError) as exc:
        raise BadRequest(str(exc)) from exc
    if built is None:
        raise BadRequest("the semantic cache is off")

    async def close() -> None:
        for provider in providers.values():
            await provider.aclose()

    return built.cache, close


def _progress(total: int) -> Callable[[int], None]:
    def show(done: int) -> None:
        sys.stderr.write(f"\r{done} of {total} pairs" + ("\n" if done == total else ""))

    return show


def as_dict(result: "Calibration") -> dict[str, Any]:
    data: dict[str, Any] = msgspec.to_builtins(result)
    for rates in data["curve"]:
        del rates["wrong"]
    return data


def as_text(result: "Calibration") -> str:
    """A table of the half that nothing was fitted on, with bars, and what it comes to."""
    lines = ["threshold  hits  wrong   without guards: hits  wrong"]
    for rates in result.curve[::5]:
        bar = "█" * round(rates.hit_rate * BAR)
        lines.append(
            f"     {rates.threshold:.2f}  {rates.hit_rate:4.0%}  {rates.wrong_hit_rate:5.1%}   "
            f"               {rates.unguarded_hit_rate:4.0%}  {rates.unguarded_wrong_hit_rate:5.1%}  {bar}"
        )
    fitted, reported = result.fitted, result.reported
    low, high = result.wrong_interval
    lines += [
        "",
        f"fitted on {result.fitted_on} pairs: {_told(fitted)}",
        f"reported on {result.reported_on} others: {_told(reported)}",
        f"95 % interval of those wrong hits: {low:.1%} to {high:.1%}; one of {result.reported_others} is {1 / result.reported_others:.1%}",
        f"cache: {{semantic: {{enabled: true, threshold: {fitted.threshold:.2f}}}}}",
    ]
    lines += [f"wrong: {pair.a} | {pair.b}" for pair in reported.wrong]
    return "\n".join(lines)


def _told(rates: "Rates") -> str:
    return (
        f"threshold {rates.threshold:.2f}: {rates.hit_rate:.1%} of those that mean the same hit, {rates.wrong_hit_rate:.1%} of the others"
    )
