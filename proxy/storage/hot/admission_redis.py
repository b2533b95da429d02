"""Claims of all processes that share a Redis: each group is one script, and all groups of a request go out in one write.

Groups have tags of their own, so a cluster may keep them on different nodes: where one group refuses, what the others took is given back
(never above a limit; somebody else may be refused meanwhile). Time is the server's. What a request has taken stands under a key of its own
until it is settled, so a settlement that comes twice does nothing.

    le1:{tenant}:r:<request id>     le1:{tenant}:w:<counter>:<dimension>:<span>     …:s:<counter>     …:m:<counter>

Loss: claims end with RedisDown or RedisRefused; what holds then says GuardedAdmission.

Slots are leases of `LEASE_S`, renewed while the request goes on: a process that dies gives them back by that.

"""

import asyncio
import hashlib
from collections.abc import Awaitable, Iterator, Sequence
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from proxy.core.claims import Amounts, Claim, Group, Outcome, Part, Reading, Slots, Spend, Window
from proxy.storage.hot.admission import AdmissionStore, Recount
from proxy.storage.hot.base import HotStore, RedisDown, RedisRefused

PREFIX = "le1:"
LEASE_S = 30.0
REMEMBERED_MS = 86_400_000
"""A request that was never settled; its money stays reserved, since nobody knows what it cost."""
NOTHING = Amounts(requests=0)

Arg = str | bytes | int | float
_DIMENSIONS = {"requests": "q", "input": "i", "output": "o", "tokens": "t"}


class Script:
    """Sent whole the first time, then by its digest, and whole again to a server that does not know it (a restart, another node).

    Not by its digest the first time: the answer that it is unknown costs a trip more, and a settlement would reach the server behind the
    claim that came after it.
    """

    def __init__(self, *names: str) -> None:
        self._text = "".join(files("proxy.storage.hot").joinpath(name).read_text() for name in names)
        self._digest = hashlib.sha1(self._text.encode()).hexdigest()  # noqa: S324 - Redis's own name for it
        self._sent = False

    def run(self, hot: HotStore, keys: Sequence[str], args: Sequence[Arg]) -> "asyncio.Future[Any]":
        """On its way when this returns. A refusal because it is `unknown` is to be answered with `whole`."""
        if not self._sent:
            self._sent = True
            return self.whole(hot, keys, args)
        return hot.execute("EVALSHA", self._digest, len(keys), *keys, *args)

    def whole(self, hot: HotStore, keys: Sequence[str], args: Sequence[Arg]) -> "asyncio.Future[Any]":
        return hot.execute("EVAL", self._text, len(keys), *keys, *args)


def unknown(error: BaseException | None) -> bool:
    """The server has not seen the script."""
    return isinstance(error, RedisRefused) and error.reply == "NOSCRIPT"


class _Call:
    """A script on its way to the server of a group."""

    __slots__ = ("answer", "args", "group", "keys")

    def __init__(self, group: "_Group", keys: tuple[str, ...], args: tuple[Arg, ...], answer: "asyncio.Future[Any]") -> None:
        self.group = group
        self.keys = keys
        self.args = args
        self.answer = answer


class _Group:
    """A group's keys and arguments, as the scripts take them."""

    __slots__ = ("args", "claims", "keys", "lead", "slots")

    def __init__(self, group: Group, prefix: str) -> None:
        self.lead = f"{prefix}{{{quote(group.tag, safe='@')}}}:"
        self.claims = group.claims
        self.keys: tuple[str, ...] = ()
        self.args: tuple[Arg, ...] = ()
        self.slots: tuple[str, ...] = ()
        for claim in group.claims:
            key, args = self._of(claim)
            self.keys += (key,)
            self.args += args

    def _of(self, claim: Claim) -> tuple[str, tuple[Arg, ...]]:
        if isinstance(claim, Window):
            kind, dimension = "b" if claim.bucket else "w", _DIMENSIONS[claim.dimension]
            return f"{self.lead}{kind}:{claim.key}:{dimension}:{claim.span_s}", (kind, dimension, claim.limit, claim.span_s * 1000)
        if isinstance(claim, Slots):
            key = f"{self.lead}s:{claim.key}"
            self.slots += (key,)
            return key, ("s", "-", claim.limit, 0)
        ends_ms = int(claim.ends_at * 1000) if claim.ends_at is not None else 0
        return f"{self.lead}m:{claim.key}", ("m", "-", -1 if claim.soft else claim.cap, ends_ms)


class RedisRules:
    __slots__ = ("groups", "parts", "slots")

    def __init__(self, groups: Sequence[Group], prefix: str) -> None:
        self.groups = tuple(groups)
        self.parts = tuple(_Group(group, prefix) for group in groups)
        self.slots = tuple(key for part in self.parts for key in part.slots)


class RedisAdmission:
    immediate = False

    def __init__(self, hot: HotStore, *, prefix: str = PREFIX, lease_s: float = LEASE_S) -> None:
        self._hot = hot
        self._prefix = prefix
        self._lease_ms = int(lease_s * 1000)
        self._claim = Script("admission_counters.lua", "admission_claim.lua")
        self._settle = Script("admission_counters.lua", "admission_settle.lua")
        self._restore = Script("admission_restore.lua")
        self._keep = Script("admission_keep.lua")
        self.leases: dict[str, tuple[str, ...]] = {}
        """Slots of requests that go on."""

    def prepare(self, groups: Sequence[Group]) -> RedisRules:
        return RedisRules(groups, self._prefix)

    def claim(self, rules: RedisRules, request_id: str, amounts: Amounts, part: Part = "all") -> Awaitable[Outcome]:
        answers = self._ask(rules, request_id, amounts, part)
        if rules.slots and part != "rest":
            self.leases[request_id] = rules.slots
        return self._claimed(rules, request_id, part, answers)

    def settle(self, rules: RedisRules, request_id: str, used: Amounts, *, late: bool = False) -> "asyncio.Future[Outcome]":
        """`late`: a claim of it got no answer, and may still run after this."""
        self.leases.pop(request_id, None)
        return self._end(rules, request_id, used, "late" if late else "end")

    def restore(self, spend: Spend, tag: str, nanos: int, later: Recount | None = None) -> "asyncio.Future[Any]":
        """1: it was there."""
        return self._money(spend, tag, nanos, "set", 0 if later is None else later.before)

    def recount(self, spend: Spend, tag: str, nanos: int, before: int) -> "asyncio.Future[Any]":
        """What the ledger has by now of requests that began before a counter was restored."""
        return self._money(spend, tag, nanos, "again", before)

    def add(self, spend: Spend, tag: str, nanos: int, began: int = 0) -> "asyncio.Future[Any]":
        """What was spent elsewhere meanwhile, by a request that began in this second; a counter that is missing, or was restored since, has
        it from the ledger."""
        return self._money(spend, tag, nanos, "add", began)

    def standing(self, rules: RedisRules) -> None:
        """Known from outcomes only."""

    def read(self, rules: RedisRules) -> Awaitable[Outcome]:
        return self._claimed(rules, "", "first", self._ask(rules, "-", NOTHING, "read"), read=True)

    async def keep(self, request_ids: Sequence[str]) -> None:
        by_key: dict[str, list[str]] = {}
        for request_id in request_ids:
            for key in self.leases.get(request_id, ()):
                by_key.setdefault(key, []).append(request_id)
        asked = [self._keep.whole(self._hot, (key,), (self._lease_ms, *ids)) for key, ids in by_key.items()]
        if asked:
            await asyncio.gather(*asked)

    def _ask(self, rules: RedisRules, request_id: str, amounts: Amounts, part: str) -> list[_Call]:
        head = (part, self._lease_ms, request_id, amounts.input, amounts.output, amounts.nanos, amounts.requests, REMEMBERED_MS)
        return [self._call(self._claim, group, request_id, head) for group in rules.parts]

    def _call(self, script: Script, group: _Group, request_id: str, head: tuple[Arg, ...]) -> _Call:
        keys, args = (f"{group.lead}r:{request_id}", *group.keys), head + group.args
        return _Call(group, keys, args, script.run(self._hot, keys, args))

    async def _replies(self, script: Script, calls: list[_Call]) -> list[Any]:
        """All answers; the first error only when every one of them has come."""
        found: list[Any] = []
        failed: BaseException | None = None
        for call in calls:
            try:
                found.append(await call.answer)
            except RedisRefused as refusal:
                if unknown(refusal):
                    found.append(await script.whole(self._hot, call.keys, call.args))
                else:
                    failed = failed or refusal
            except RedisDown as down:
                failed = failed or down
            except BaseException:
                for other in calls:
                    other.answer.add_done_callback(_ignore)
                raise
        if failed is not None:
            raise failed
        return found

    async def _claimed(self, rules: RedisRules, request_id: str, part: Part, calls: list[_Call], *, read: bool = False) -> Outcome:
        try:
            replies = await self._replies(self._claim, calls)
        except BaseException:
            if not read:
                self.leases.pop(request_id, None)
                if len(calls) > 1 and part != "rest":  # some may have been taken
                    self._end(rules, request_id, NOTHING)
            raise
        worst = max(replies, key=lambda reply: _WORSE[reply[0]])
        status = worst[0]
        if status in (1, 3) and not read:
            self.leases.pop(request_id, None)
        if status and len(replies) > 1 and not read:
            await self._give_back(rules, request_id, part, replies, status)
        readings = tuple(
            Reading(claim, reply[3 + 3 * n], reply[4 + 3 * n] / 1e6, reply[5 + 3 * n])
            for group, reply in zip(rules.parts, replies, strict=True)
            for n, claim in enumerate(group.claims)
            if reply[3 + 3 * n] >= 0
        )
        if status == 0 or read:
            return Outcome(readings=readings)
        if status == 3:
            return Outcome(missing=tuple(_missing(rules, replies)), readings=readings)
        group = rules.parts[replies.index(worst)]
        at = worst[1] - 1
        refused = Reading(group.claims[at], worst[3 + 3 * at], worst[4 + 3 * at] / 1e6, worst[5 + 3 * at])
        return Outcome(refused, max(reply[2] for reply in replies) / 1e6, readings)

    async def _give_back(self, rules: RedisRules, request_id: str, part: Part, replies: list[Any], status: int) -> None:
        """What other groups took than the one that refused: all of it, or the rest alone where `first` stays taken."""
        calls = []
        for group, reply in zip(rules.parts, replies, strict=True):
            if reply[0] == 0 and status == 2:
                if part != "first":
                    calls.append(self._settling(group, request_id, NOTHING, "rest"))
            elif reply[0] in (0, 2) and status != 2:
                calls.append(self._settling(group, request_id, NOTHING, "rest" if part == "rest" else "end"))
        await self._replies(self._settle, calls)

    def _settling(self, group: _Group, request_id: str, used: Amounts, mode: str) -> _Call:
        return self._call(
            self._settle, group, request_id, (mode, request_id, used.input, used.output, used.nanos, used.requests, used.began)
        )

    def _end(self, rules: RedisRules, request_id: str, used: Amounts, mode: str = "end") -> "asyncio.Future[Outcome]":
        """A future, not a coroutine: nobody has to await it. Its exception is nobody's concern but the awaiter's."""
        return _Ending(self, [self._settling(group, request_id, used, mode) for group in rules.parts]).outcome

    def again(self, call: _Call) -> "asyncio.Future[Any]":
        """Of a settlement whose script was not known."""
        return self._settle.whole(self._hot, call.keys, call.args)

    def _money(self, spend: Spend, tag: str, nanos: int, how: str, moment: int) -> "asyncio.Future[Any]":
        """Whole at once: it is seldom asked for."""
        group = _Group(Group(tag, (spend,)), self._prefix)
        return self._restore.whole(self._hot, group.keys, (nanos, group.args[3], how, moment))


class _Ending:
    """Settlements under way: what nobody waits for takes no task."""

    __slots__ = ("_calls", "_left", "_store", "outcome")

    def __init__(self, store: RedisAdmission, calls: list[_Call]) -> None:
        self._store = store
        self._calls = calls
        self._left = len(calls)
        self.outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.outcome.add_done_callback(_ignore)
        for call in calls:
            call.answer.add_done_callback(self._answered)

    def _answered(self, answer: "asyncio.Future[Any]") -> None:
        if self.outcome.done():
            _ignore(answer)
            return
        if answer.cancelled():
            self.outcome.cancel()
            return
        error = answer.exception()
        if unknown(error):
            call = next(call for call in self._calls if call.answer is answer)
            call.answer = self._store.again(call)
            call.answer.add_done_callback(self._answered)
        elif error is not None:
            self.outcome.set_exception(error)
        else:
            self._left -= 1
            if not self._left:
                self.outcome.set_result(Outcome(readings=tuple(self._readings())))

    def _readings(self) -> Iterator[Reading]:
        for call in self._calls:
            reply = call.answer.result()
            for n in range(1, len(reply), 3):
                yield Reading(call.group.claims[reply[n] - 1], reply[n + 1], 0.0, reply[n + 2])


_WORSE = {0: 0, 2: 1, 3: 2, 1: 3}
"""Statuses of the claim's script: what wins where groups answer differently."""


def _missing(rules: RedisRules, replies: list[Any]) -> list[Spend]:
    return [
        claim
        for group, reply in zip(rules.parts, replies, strict=True)
        for n, claim in enumerate(group.claims)
        if isinstance(claim, Spend) and reply[3 + 3 * n] < 0
    ]


def _ignore(future: "asyncio.Future[Any]") -> None:
    if not future.cancelled():
        future.exception()


_: type[AdmissionStore[RedisRules]] = RedisAdmission
