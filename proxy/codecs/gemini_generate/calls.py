"""Which response answers which call, and ids for those that have none.

The API's ids are optional; without them a response belongs to a call by the function's name and the order. Every other dialect needs
unique ids: an invented one depends on the call's place in the history, so it stays the same as the conversation grows.
"""

from proxy.codecs.gemini_generate.fields import invented_id


class _Call:
    __slots__ = ("answered", "given", "id", "name", "turn")

    def __init__(self, call_id: str, name: str, turn: int, given: bool) -> None:
        self.id = call_id
        self.name = name
        self.turn = turn
        self.given = given
        """The client sent the id."""
        self.answered = False


class Calls:
    """One request's calls, in order."""

    def __init__(self) -> None:
        self.turn = 0
        """Index of the content that is being read."""
        self._calls: list[_Call] = []

    def called(self, name: str, given: str | None) -> str:
        call = _Call(given or invented_id("call", self.turn, len(self._calls), name), name, self.turn, bool(given))
        self._calls.append(call)
        return call.id

    def answered(self, name: str, given: str | None) -> str:
        """The id of the call that this response answers. One without a call gets an id of its own."""
        if given:
            found = next((call for call in reversed(self._calls) if call.id == given), None)
            if found is None:
                found = self._open(name, nameless=True)
        else:
            found = self._open(name, nameless=False)
        if found is None:
            return given or invented_id("response", self.turn, name)
        found.answered = True
        return found.id

    def _open(self, name: str, *, nameless: bool) -> _Call | None:
        """The first unanswered call of that name in the latest turn that has one. `nameless`: only among those without an id."""
        found = [call for call in self._calls if call.name == name and not call.answered and not (nameless and call.given)]
        return next((call for call in found if call.turn == found[-1].turn), None)
