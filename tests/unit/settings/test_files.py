"""The YAML file as a source."""

from pathlib import Path

import pytest

from proxy.settings import Settings, SettingsError, load_settings
from proxy.settings.sources import MAX_BYTES

CANARY = "sk-canary-7f3a9c2e41d8b650"
ECHO = "providers: {echo: {kind: echo}}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def load(file: Path, text: str, **environ: str) -> Settings:
    file.write_text(text, encoding="utf-8")
    return load_settings(file, environ=environ, dotenv=None)


def mistakes(file: Path, text: str, **environ: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(file, text, **environ)
    return str(caught.value).splitlines()


def test_an_unknown_key_has_its_place_and_the_nearest_name(file: Path) -> None:
    """Line and column, path, suggestion."""
    text = "providers:\n  openai:\n    kind: openai\n    api_key: [x]\n"
    assert mistakes(file, text) == ['config.yaml:4:5: providers.openai.api_key: unknown key; did you mean "api_keys"?']


def test_all_mistakes_are_listed_at_once(file: Path) -> None:
    """One run of `config check` is enough."""
    text = "server:\n  port: 99999\n  hots: x\ncache: {wen: never}\n" + ECHO
    assert mistakes(file, text) == [
        "config.yaml:2:3: server.port: must be less than or equal to 65535, got 99999",
        'config.yaml:3:3: server.hots: unknown key; did you mean "host"?',
        'config.yaml:4:9: cache.wen: unknown key; did you mean "when"?',
    ]


def test_a_broken_rule_has_its_place(file: Path) -> None:
    """Also where the name holds dots and the mistake is inside a list."""
    text = ECHO + "models:\n  gpt-4.1:\n    targets:\n      - {provider: ecko}\n"
    assert mistakes(file, text) == ['config.yaml:5:10: models.gpt-4.1.targets[0].provider: no provider "ecko"; did you mean "echo"?']


def test_references_read_the_environment(file: Path) -> None:
    """In secrets and anywhere else."""
    text = "providers: {up: {kind: openai, api_keys: [env:A, env:B], base_url: env:URL}}\n"
    provider = load(file, text, A="a1,a2", B="b", URL="http://up/v1").providers["up"]
    assert [key.get_secret_value() for key in provider.api_keys] == ["a1", "a2", "b"]
    assert provider.url == "http://up/v1"


def test_a_missing_reference_is_the_only_mistake_told(file: Path) -> None:
    """What follows from it is not."""
    text = "providers:\n  up:\n    kind: openai\n    api_keys: [env:NOPE]\n"
    assert mistakes(file, text) == ["config.yaml:4:16: providers.up.api_keys[0]: environment variable NOPE is not set"]


def test_references_read_files_beside_the_configuration(file: Path) -> None:
    """Without the last line end."""
    (file.parent / "key").write_text("from-file\n")
    provider = load(file, "providers: {up: {kind: openai, api_keys: ['file:key']}}\n").providers["up"]
    assert provider.api_keys[0].get_secret_value() == "from-file"


def test_a_missing_file_is_a_mistake(file: Path) -> None:
    """With the line that names it."""
    (line,) = mistakes(file, "providers: {up: {kind: openai, api_keys: ['file:nope']}}\n")
    assert line.startswith("config.yaml:1:43: providers.up.api_keys[0]: file nope can't be read: No such file")


def test_a_binary_secret_file_is_a_mistake(file: Path) -> None:
    """Secrets are text."""
    (file.parent / "key").write_bytes(b"\xff\xfe")
    assert mistakes(file, "providers: {up: {kind: openai, api_keys: ['file:key']}}\n")[0].endswith("can't be read: not UTF-8")


def test_where_the_file_places_a_variable_it_stays_placed(file: Path) -> None:
    """`[env:API_KEYS, env:MORE]` is not replaced by API_KEYS alone."""
    settings = load(file, ECHO + "auth: {static_keys: [env:API_KEYS, env:MORE]}\n", API_KEYS="a,b", MORE="c")
    assert [key.get_secret_value() for key in settings.auth.static_keys] == ["a", "b", "c"]


def test_otherwise_the_environment_wins(file: Path) -> None:
    """Over the file's value."""
    settings = load(file, ECHO + "auth: {static_keys: [x]}\nserver: {port: 1, host: h}\n", API_KEYS="a", PORT="2")
    assert [key.get_secret_value() for key in settings.auth.static_keys] == ["a"]
    assert (settings.server.port, settings.server.host) == (2, "h")


def test_empty_sections_are_absent_ones(file: Path) -> None:
    """`cache:` with everything commented out is no mistake."""
    assert load(file, ECHO + "cache:\nlimits:\n").not_yet() == []


def test_an_empty_file_is_an_empty_configuration(file: Path) -> None:
    """Then the environment says all."""
    assert list(load(file, "# nothing\n", OPENAI_API_KEY="k").providers) == ["openai"]


def test_anchors_and_merge_keys_work(file: Path) -> None:
    """Own keys win over merged ones."""
    text = ECHO + "models:\n  a: &a {targets: [{provider: echo}], retries: {attempts: 1}}\n  b: {<<: *a, retries: {attempts: 2}}\n"
    models = load(file, text).models
    assert models["b"].targets[0].provider == "echo"
    assert models["b"].retries is not None
    assert models["b"].retries.attempts == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("server: {port: 1, port: 2}\n" + ECHO, "config.yaml:1:19: server.port: given twice"),
        ("- a\n", "config.yaml:1:1: must be a mapping of sections"),
        ("server: [\n", "config.yaml:2:1: not valid YAML: "),
        ("server: {port: !!python/object:os.system x}\n", "config.yaml:1:16: not valid YAML: could not determine a constructor"),
        ("a: \x01\n", "config.yaml: not valid YAML: a character that YAML does not allow"),
        ("server: {? [a, b] : c}\n" + ECHO, "config.yaml:1:12: server: a key must be a plain word"),
        ("server: 5\n" + ECHO, "config.yaml:1:1: server: must be a mapping"),
        ("agents: &a {x: *a}\n" + ECHO, "config.yaml:1:9: agents.x.x"),
    ],
)
def test_broken_yaml_has_its_place(file: Path, text: str, expected: str) -> None:
    """And never the text around it, which may hold a secret."""
    assert mistakes(file, text)[0].startswith(expected)


def test_many_values_behind_few_anchors_are_refused(file: Path) -> None:
    """A small file can't stand for millions of values."""
    lines = ["agents:", "  a0: &a0 [" + ", ".join("x" * 20) + "]"]
    lines += [f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 20)}]" for n in range(1, 6)]
    assert mistakes(file, "\n".join(lines) + "\n")[0].endswith("too deep or too large")


def test_unreadable_files_are_a_mistake(tmp_path: Path) -> None:
    """Missing, not text, too large."""
    with pytest.raises(SettingsError, match="can't be read: No such file"):
        load_settings(tmp_path / "nope.yaml", environ={}, dotenv=None)
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\xfd")
    with pytest.raises(SettingsError, match="not UTF-8"):
        load_settings(binary, environ={}, dotenv=None)
    large = tmp_path / "large.yaml"
    large.write_text("#" * (MAX_BYTES + 1))
    with pytest.raises(SettingsError, match="larger than"):
        load_settings(large, environ={}, dotenv=None)


def test_dates_and_odd_keys_stay_text(file: Path) -> None:
    """`2024-10-21` is a version here, `on` a name."""
    azure = "{kind: azure, base_url: 'https://x', api_keys: [k], api_version: 2024-10-21}"
    text = f"providers: {{az: {azure}}}\nprices: {{on: {{input: 1}}, 8080: {{}}}}\n"
    settings = load(file, text)
    assert settings.providers["az"].api_version == "2024-10-21"
    assert list(settings.prices) == ["on", "8080"]


@pytest.mark.parametrize(
    "text",
    [
        "providers: {up: {kind: openai, api_keys: {K: 1}}}\n",
        "providers: {up: {kind: K, api_keys: [a]}}\n",
        "providers: {up: {kind: openai, api_keys: ['K x']}}\n",
        "providers: {up: {kind: openai, api_keys: [a], base_url: 'http://u:K@h'}}\n",
        'providers: {up: {kind: openai, api_keys: [a], headers: {x: "K\\n"}}}\n',
        "providers: {up: {kind: openai, api_keys: [K}\n",
        "providers: {echo: {kind: echo}}\nstores: {redis: 'http://:K@h', records: 'K'}\n",
        "providers: {echo: {kind: echo}}\nauth: {signing_secret: K}\n",
        "providers: {echo: {kind: echo}}\nserver: {port: K, workers: [K]}\n",
    ],
)
def test_no_mistake_repeats_a_value_that_may_be_secret(file: Path, text: str) -> None:
    """Whatever was put in the wrong place."""
    shown = "\n".join(mistakes(file, text.replace("K", CANARY)))
    assert CANARY not in shown


def test_a_referenced_file_that_is_too_large(tmp_path: Path) -> None:
    """Is named, and not read to its end."""
    (tmp_path / "key").write_text("x" * (MAX_BYTES + 1))
    (tmp_path / "c.yaml").write_text("providers: {echo: {kind: echo}}\nauth:\n  admin_key: file:key\n")
    with pytest.raises(SettingsError, match=r"c\.yaml:3:14: auth\.admin_key: file key can't be read: File too large"):
        load_settings(tmp_path / "c.yaml", environ={}, dotenv=None)
