"""Several credentials of one provider."""

from proxy.core.cooldown import Cooldowns
from proxy.providers.key_pool import Credential, KeyPool, conversation_of


def test_a_conversation_stays_with_its_member() -> None:
    """The provider's prompt cache is kept warm: later turns choose the same key."""
    pool = KeyPool(["a", "b", "c"])
    first = {"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "hello"}]}
    later = {"messages": [*first["messages"], {"role": "assistant", "content": "hi"}, {"role": "user", "content": "more"}]}
    assert pool.choose(conversation_of(first), 0.0) is pool.choose(conversation_of(later), 0.0)


def test_conversations_spread_over_the_members() -> None:
    """About evenly: no member gets less than a fifth of three."""
    pool = KeyPool(["a", "b", "c"])
    counts = [0, 0, 0]
    for i in range(600):
        counts[pool.choose(conversation_of({"messages": [{"role": "user", "content": str(i)}]}), 0.0).index] += 1
    assert min(counts) > 120


def test_a_resting_member_moves_only_its_own_conversations() -> None:
    """Rendezvous hashing: the others keep their keys."""
    pool = KeyPool(["a", "b", "c"])
    talks = [conversation_of({"messages": [{"role": "user", "content": str(i)}]}) for i in range(90)]
    before = [pool.choose(t, 0.0) for t in talks]
    rest = Cooldowns()
    rest.extend(pool.members[0].fingerprint, 10.0)
    after = [pool.choose(t, 0.0, [rest]) for t in talks]
    assert all(was is now for was, now in zip(before, after, strict=True) if was.index != 0)
    assert all(a.index != 0 for a in after)
    assert [pool.choose(t, 10.0, [rest]) for t in talks] == before


def test_all_resting_takes_the_one_free_first() -> None:
    """A call is better than none."""
    pool = KeyPool(["a", "b"])
    everywhere, here = Cooldowns(), Cooldowns()
    everywhere.extend(pool.members[0].fingerprint, 20.0)
    assert pool.free_at(0.0, [everywhere, here]) == 0.0
    here.extend(pool.members[1].fingerprint, 10.0)
    assert pool.free_at(0.0, [everywhere, here]) == 10.0
    assert pool.choose(b"x", 0.0, [everywhere, here]).index == 1


def test_a_member_rests_while_any_list_has_it() -> None:
    """For this model or for all: the later of both."""
    pool = KeyPool(["a"])
    everywhere, here = Cooldowns(), Cooldowns()
    everywhere.extend(pool.members[0].fingerprint, 5.0)
    here.extend(pool.members[0].fingerprint, 8.0)
    assert [pool.free_at(now, [everywhere, here]) for now in (0.0, 6.0, 8.0)] == [8.0, 8.0, 0.0]
    assert pool.free_at(0.0, []) == 0.0


def test_no_key_is_an_upstream_without_credentials() -> None:
    """Local upstreams need none."""
    assert KeyPool([]).choose(b"", 0.0).secret == ""


def test_a_repr_shows_no_secret() -> None:
    """Contract K."""
    assert "hush" not in repr(KeyPool(["hush"]).members[0])


def test_an_account_is_known_by_its_fingerprint() -> None:
    """The same wherever it stands in a pool, and without a trace of the key."""
    one, other = KeyPool(["sk-a-secret", "sk-b-secret"]), KeyPool(["sk-b-secret", "sk-a-secret"])
    for member in one.members:
        found = other.of_account(member.fingerprint)
        assert found is not None
        assert found.secret == member.secret
        assert len(member.fingerprint) == 16
    assert len({member.fingerprint for member in one.members}) == 2
    assert one.of_account("0123456789abcdef") is None
    assert one.of_account("") is None


def test_an_upstream_without_credentials_is_one_account() -> None:
    """It has no fingerprint to look for."""
    assert Credential(0, "").fingerprint == ""
    assert KeyPool([]).of_account("") is not None


def test_all_that_may_be_used_in_the_conversations_own_order() -> None:
    """The first is the one that is chosen; who rests is left out, unless all rest: then the one that is free first is first."""
    pool, rest = KeyPool(["a", "b", "c"]), Cooldowns()
    for talk in (b"x", b"y", b"z"):
        first, *others = pool.usable(talk, 0.0)
        assert first is pool.choose(talk, 0.0)
        assert len(others) == 2
    first, second, third = pool.usable(b"x", 0.0)
    rest.extend(first.fingerprint, 10.0)
    assert pool.usable(b"x", 0.0, [rest]) == [second, third]
    rest.extend(second.fingerprint, 30.0)
    rest.extend(third.fingerprint, 20.0)
    assert pool.usable(b"x", 0.0, [rest]) == [first, third, second]
