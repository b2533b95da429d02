"""Which target a request would go to, in what order the others follow, and why not the rest.

From the configuration alone nothing is known of how targets do: nobody is slow, nothing rests. With --url a running gateway is asked, which
knows. No provider is called either way.
"""

import argparse
import json
import sys
from random import Random
from time import monotonic, time
from typing import Any
from urllib.parse import quote, urlencode

from proxy.cli.ask import add_target, ask
from proxy.cli.common import add_json, print_json, print_table, read_settings

EXAMPLES = """examples:
  llm-edge routes explain smart --config config.yaml --tokens 2000
  llm-edge routes explain smart --needs vision --tags region=eu
  llm-edge routes explain smart --url http://127.0.0.1:8080 --key - < admin.key"""

_HEAD = ("", "TARGET", "WEIGHT", "PRIO", "IN $/MTOK", "OUT $/MTOK", "EST. $", "TTFT", "TOK/S", "OK", "BUSY", "WHY")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    explain = actions.add_parser("explain", help="show a decision", epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    explain.add_argument("model", metavar="MODEL", help="as a client would ask for it")
    size = explain.add_mutually_exclusive_group()
    size.add_argument("--prompt", metavar="TEXT", help="what the user says")
    size.add_argument("--tokens", type=int, metavar="N", help="size of the prompt")
    explain.add_argument("--output", type=int, metavar="N", help="the client's cap on the answer, in tokens")
    explain.add_argument("--needs", metavar="A,B", help="vision, tools, json, audio, pdf, reasoning")
    explain.add_argument("--tags", metavar="A,B", help="as x-llm-edge-tags")
    explain.add_argument("--strategy", metavar="NAME", help="as x-llm-edge-strategy")
    explain.add_argument("--sticky", metavar="ID", help="the id that keeps its target")
    explain.add_argument("--whole", action="store_true", help="an answer that is not streamed")
    explain.add_argument("--header", action="append", default=[], metavar="K=V", help="a request header; may be given several times")
    explain.add_argument("--key", metavar="KEY", help="admin key for --url; - reads it from standard input, where no process list shows it")
    add_target(explain)
    add_json(explain)


def run(args: argparse.Namespace) -> int:
    """1: no target is left."""
    found = _from_gateway(args) if args.url is not None else _from_settings(args)
    if args.json:
        print_json(found)
    else:
        _print(found, args.model)
    return 0 if found.get("chosen") is not None else 1


def question(args: argparse.Namespace) -> list[tuple[str, str]]:
    """The query that the admin API takes."""
    names = ("prompt", "tokens", "output", "needs", "tags", "strategy", "sticky")
    pairs = [(name, str(value)) for name in names if (value := getattr(args, name)) is not None]
    return pairs + [("stream", "false")] * args.whole + [("header", value) for value in args.header]


def _from_settings(args: argparse.Namespace) -> dict[str, Any]:
    from proxy.assembly import build_charges, build_routes, kinds_of
    from proxy.core.clock import SystemClock
    from proxy.pipeline.explaining import explain_route, question_of
    from proxy.providers.registry import build_providers
    from proxy.routing.health import HealthBook

    asked = question_of(question(args))
    settings = read_settings(args)
    providers = build_providers(settings.providers, SystemClock())
    charges = build_charges(settings, providers)
    routes = build_routes(settings, providers, HealthBook(), charges, kinds_of(settings, {}), at=time())
    return explain_route(routes, routes.resolve(args.model), asked, monotonic(), Random())  # noqa: S311 - a choice, no secret


def _from_gateway(args: argparse.Namespace) -> dict[str, Any]:
    from proxy.core.errors import Unavailable

    key = sys.stdin.readline().strip() if args.key == "-" else args.key
    headers = {"x-api-key": key} if key else {}
    query = urlencode(question(args))
    answer = ask(args, f"/v1/admin/routes/{quote(args.model, safe='')}?{query}", headers)
    try:
        body = json.loads(answer.body)
    except ValueError:
        body = {}
    found = body.get("decision") if isinstance(body, dict) else None
    if answer.status != 200 or not isinstance(found, dict):
        said = body.get("message") or (body.get("error") or {}).get("message") if isinstance(body, dict) else None
        raise Unavailable(f"the gateway answered {answer.status}: {said or 'no decision'}")
    return found


def _print(found: dict[str, Any], model: str) -> None:
    if found.get("warning"):
        sys.stderr.write(f"warning: {found['warning']}\n")
    request = found["request"]
    print(f"model     {model}" + (f" (entry {found['entry']})" if found["entry"] != model else ""))
    print(f"strategy  {found['strategy']}")
    print(f"request   {_request_text(request)}")
    chosen = found["chosen"]
    refusal = found["refusal"]
    print(f"chosen    {chosen or 'none, the client gets ' + str(refusal['status']) + ' ' + refusal['code']}")
    print(f"because   {found['reason']}\n")
    rows = [_row(str(place), one) for place, one in enumerate(found["order"], 1)] + [_row("-", one) for one in found["rejected"]]
    print_table(_HEAD, rows)


def _request_text(request: dict[str, Any]) -> str:
    parts = [f"{request['prompt_tokens']} + {request['output_tokens']} tokens", "stream" if request["stream"] else "whole answer"]
    parts += [f"needs {', '.join(request['needs'])}"] if request["needs"] else []
    parts += [f"tags {', '.join(request['tags'])}"] if request["tags"] else []
    return ", ".join(parts + ([f"sticky {request['sticky']}"] if request["sticky"] else []))


def _row(place: str, one: dict[str, Any]) -> list[str]:
    seconds = one["first_token_s"]
    return [
        place,
        one["target"],
        f"{one['weight']:g}",
        str(one["priority"]),
        _number(one["input_usd_per_mtok"]),
        _number(one["output_usd_per_mtok"]),
        one["estimated_usd"] or "?",
        "-" if seconds is None else f"{seconds:.2f} s",
        "-" if one["tokens_per_s"] is None else f"{one['tokens_per_s']:.0f}",
        f"{one['success_rate']:.0%}",
        str(one["in_flight"]),
        one.get("reason") or one["rests"] or "",
    ]


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:g}"
