from pathlib import Path

import pytest

from data.errors import ConfigError
from headroom.settings import Settings, load
from headroom.settings_example import example


def written(folder: Path, text: str) -> Path:
    file = folder / "headroom.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_example_file_sets_exactly_the_defaults(tmp_path: Path) -> None:
    """Every commented default, uncommented, is valid and changes nothing."""
    lines = []
    for line in example().splitlines():
        body = line.removeprefix("# ")
        name = body.split(" = ")[0]
        known = any(
            name
            in getattr(Settings(), section).model_fields_set
            | set(type(getattr(Settings(), section)).model_fields)
            for section in ("store", "forecast", "decide", "prices", "serve")
        )
        lines.append(body if line.startswith("# ") and " = " in body and known else line)
    settings = load(written(tmp_path, "\n".join(lines)), environ={})
    assert settings.model_dump() == Settings().model_dump()


def test_every_setting_is_in_the_example() -> None:
    text = example()
    for section in ("store", "forecast", "decide", "prices", "serve"):
        assert f"[{section}]" in text
        for name in type(getattr(Settings(), section)).model_fields:
            assert f"# {name} = " in text


def test_a_misspelt_setting_says_which_was_meant(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"\[decide\] target_breech: no such setting; did you mean 'target_breach'"
    ):
        load(written(tmp_path, "[decide]\ntarget_breech = 0.01\n"), environ={})


def test_a_wrong_value_names_the_setting_and_what_was_given(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\[serve\] port: .*less than or equal to 65535, got 99999"):
        load(written(tmp_path, "[serve]\nport = 99999\n"), environ={})


def test_not_toml_is_one_line_with_the_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"headroom.toml: not valid TOML: .*line 1"):
        load(written(tmp_path, "[serve\n"), environ={})


def test_a_missing_file_that_was_asked_for_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such settings file; `headroom init` writes one"):
        load(tmp_path / "nowhere.toml", environ={})


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, "[forecast]\nhours = 24\nmodel = 'fleet'\n")
    settings = load(
        file, environ={"HEADROOM_FORECAST__HOURS": "48", "HEADROOM_FORECAST__MODEL": "seasonal_naive"}
    )
    assert (settings.forecast.hours, settings.forecast.model) == (48, "seasonal_naive")


def test_paths_start_at_the_settings_file(tmp_path: Path) -> None:
    settings = load(written(tmp_path, "[store]\nfolder = 'kept'\n"), environ={})
    assert settings.store_path == tmp_path / "kept" / "headroom.duckdb"


def test_a_mistyped_section_of_the_environment_is_told_and_not_ignored(tmp_path: Path) -> None:
    file = written(tmp_path, "")
    with pytest.raises(ConfigError, match=r"HEADROOM_STOR__FOLDER: no such section .* mean 'STORE'\?"):
        load(file, environ={"HEADROOM_STOR__FOLDER": "x"})
    assert (
        load(file, environ={"HEADROOM_VAULT_X__Y": "x"}).store.folder == load(file, environ={}).store.folder
    )


def test_a_fault_of_the_environment_names_the_variable_not_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, "[serve]\nworkers = 3\n")
    with pytest.raises(ConfigError, match=r"^HEADROOM_SERVE__PORT: \[serve\] port: input should be"):
        load(file, environ={"HEADROOM_SERVE__PORT": "99999"})
    with pytest.raises(ConfigError, match=r"^HEADROOM_STORE__FOLDR: \[store\] foldr: no such setting"):
        load(file, environ={"HEADROOM_STORE__FOLDR": "x"})
    with pytest.raises(ConfigError, match="store"):
        load(written(tmp_path, "store = 3\n"), environ={"HEADROOM_STORE__FOLDER": "x"})
