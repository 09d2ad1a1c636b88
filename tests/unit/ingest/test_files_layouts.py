"""Layouts and formats: what is written one way or the other is the same set of samples."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import given, settings

from data.errors import ConfigError, SourceError
from data.series import Window
from ingest.files import Files
from tests.unit.ingest.reading import PLAIN, ROW, read, read_text, reasons

FRAME = pl.DataFrame(
    {
        "ts": ["2024-05-01T00:00:00Z", "2024-05-01T00:05:00Z"],
        "resource": ["a", "b, the second"],
        "metric": ["cpu", "memory"],
        "value": [0.5, 2.0],
        "value_max": [0.75, None],
        "capacity": [4.0, 16.0],
        "unit": ["cores", "GiB"],
    }
)


def test_every_format_reads_the_same(tmp_path: Path) -> None:
    import gzip

    FRAME.write_csv(tmp_path / "m.csv")
    FRAME.write_csv(tmp_path / "m.tsv", separator="\t")
    FRAME.write_csv(tmp_path / "windows.csv", line_terminator="\r\n", quote_style="always")
    FRAME.write_ndjson(tmp_path / "m.ndjson")
    FRAME.write_parquet(tmp_path / "m.parquet")
    stamps = pl.col("ts").str.to_datetime("%Y-%m-%dT%H:%M:%S%#z")
    FRAME.with_columns(stamps.dt.cast_time_unit("ms")).write_parquet(tmp_path / "typed.parquet")
    (tmp_path / "m.ndjson.gz").write_bytes(gzip.compress((tmp_path / "m.ndjson").read_bytes()))
    (tmp_path / "utf16.csv").write_bytes((tmp_path / "m.csv").read_text().encode("utf-16"))
    (tmp_path / "bom.csv").write_bytes((tmp_path / "m.csv").read_text().encode("utf-8-sig"))
    (tmp_path / "mac.csv").write_bytes((tmp_path / "m.csv").read_bytes().replace(b"\n", b"\r"))
    expected = FRAME.with_columns(stamps)
    for path in sorted(tmp_path.iterdir()):
        samples, rejected = read(path)
        assert rejected.is_empty(), path
        assert samples.equals(expected), path


def test_wide_layout_is_many_samples_per_row_and_empty_cells_are_unreported(tmp_path: Path) -> None:
    rows = ("time;host;cores;cpu %;mem", "2024-05-01;a;4;50;512", "2024-05-02;a;4;;256", "2024-05-03;a;;;-")
    text = "\n".join((*rows, "2024-05-04;a;;10;1\n"))
    samples, rejected = read_text(
        tmp_path,
        text,
        separator=";",
        time="time",
        resource="host",
        values=[
            {
                "column": "cpu %",
                "metric": "cpu",
                "unit": "percent",
                "capacity": "cores",
                "capacity_unit": "cores",
            },
            {"column": "mem", "metric": "memory", "unit": "MiB", "capacity_is": 1024},
        ],
    )
    assert samples.sort("ts", "metric").select("metric", "value", "capacity", "unit").rows() == [
        ("cpu", 2.0, 4.0, "cores"),
        ("memory", 0.5, 1.0, "GiB"),
        ("memory", 0.25, 1.0, "GiB"),
        ("memory", 1 / 1024, 1.0, "GiB"),
    ]
    assert sorted(reasons(rejected)) == [(4, "row has no value"), (5, "percent of an unknown capacity")]


def test_renamed_and_unwanted_metrics(tmp_path: Path) -> None:
    text = PLAIN + ROW.replace("cpu", "load") + ROW.replace("cpu", "disk_read") + ROW.replace("cpu", "other")
    samples, rejected = read_text(tmp_path, text, metrics={"load": "cpu"}, skip_metrics=["disk_read"])
    assert samples["metric"].to_list() == ["cpu"]
    assert reasons(rejected)[0][0] == 4


def test_rows_are_chosen_by_what_a_column_says(tmp_path: Path) -> None:
    text = "ts,resource,kind,value\n2024-05-01,a,x,1\n2024-05-01,b,y,2\n"
    samples, rejected = read_text(
        tmp_path, text, where={"kind": "y"}, constants={"metric": "cpu", "unit": "cores"}
    )
    assert samples["resource"].to_list() == ["b"] and rejected.is_empty()


def test_comments_blank_lines_and_leading_lines(tmp_path: Path) -> None:
    text = "made by a tool\n# a comment\n\n" + PLAIN + "\n# more, with, commas\n" + ROW + "\n\n"
    samples, rejected = read_text(tmp_path, text, skip_lines=1, skip_matching="^#")
    assert samples.height == 1 and rejected.is_empty()


def test_decimal_commas(tmp_path: Path) -> None:
    text = "ts;resource;value\n" + "".join(
        f"2024-05-01;a;{value}\n" for value in ("1.234,5", "1,5", "7", "1.234.567", "1.5,0", "12.34")
    )
    samples, rejected = read_text(
        tmp_path, text, separator=";", decimal_comma=True, constants={"metric": "users", "unit": "users"}
    )
    # 12.34 has no comma and is no group of thousands: it is read as it stands
    assert samples["value"].to_list() == [1234.5, 1.5, 7, 1234567, 12.34]
    assert reasons(rejected) == [(6, "value '1.5,0' is not a number")]


def test_sizes_with_suffixes(tmp_path: Path) -> None:
    sizes = ("523.42T", "410.50k", "12 MB", "5 furlong")
    text = "ts,resource,used\n" + "".join(f"2024-05-01,a,{size}\n" for size in sizes)
    samples, rejected = read_text(
        tmp_path, text, values=[{"column": "used", "metric": "storage", "unit": "human"}]
    )
    assert samples["value"].to_list() == pytest.approx([523.42 * 1024, 410.5 / 2**20, 12e6 / 2**30])
    assert reasons(rejected) == [(5, "used '5 furlong' is not a number")]
    samples, _ = read_text(
        tmp_path,
        "ts,resource,used\n2024-05-01,a,500m\n2024-05-01,b,2\n",
        values=[{"column": "used", "metric": "cpu", "unit": "kubernetes"}],
    )
    assert samples["value"].to_list() == [0.5, 2]


def test_clock_rates_use_the_clock_of_their_machine_at_their_time(tmp_path: Path) -> None:
    (tmp_path / "clocks.csv").write_text(
        "vm,since,n,mhz\na,2024-01-01,2,4000\na,2024-05-02,2,8000\nb,2024-01-01,0,0\n"
    )
    text = PLAIN.replace("value", "value,capacity") + "".join(
        f"{day},{vm},cpu,2000,4000,MHz\n"
        for day, vm in (("2024-05-01", "a"), ("2024-05-03", "a"), ("2024-05-03", "b"))
    )
    clock = {"path": str(tmp_path / "clocks.csv"), "resource": "vm", "valid_from": "since", "cores": "n"}
    samples, _ = read_text(tmp_path, text, core_clock=clock)
    assert samples.select("value", "capacity", "unit").rows() == [
        (1.0, 2.0, "cores"),
        (0.5, 1.0, "cores"),
        (2000, 4000, "MHz"),  # left for the intake, which rejects it unless it knows a clock
    ]
    samples, _ = read_text(tmp_path, text, core_clock=clock, mhz_per_core=1000)
    assert samples["value"].to_list() == [1.0, 0.5, 2.0]


def test_window_is_half_open(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(PLAIN + "".join(ROW.replace("05-01", f"05-0{day}") for day in (1, 2, 3)))
    window = Window(datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 5, 3, tzinfo=UTC))
    batches = list(Files((str(tmp_path / "m.csv"),)).pull(window))
    assert [batch.samples["ts"].dt.day().to_list() for batch in batches] == [[1, 2]]
    assert batches[0].rows_read == 3


def test_events_are_counted_into_rates_with_zeros_in_between(tmp_path: Path) -> None:
    text = "at\n" + "".join(
        f"2024-05-01T00:{minute:02}:{second:02}Z\n" for minute, second in ((0, 5), (0, 59), (2, 0))
    )
    samples, rejected = read_text(tmp_path, text, time="at", events_per="1m", constants={"resource": "api"})
    assert samples.select("metric", "value", "unit").rows() == [
        ("requests", 2 / 60, "requests/s"),
        ("requests", 0.0, "requests/s"),
        ("requests", 1 / 60, "requests/s"),
    ]
    assert rejected.is_empty()


def test_a_row_that_is_no_row_still_takes_its_place_in_time(tmp_path: Path) -> None:
    samples, rejected = read_text(
        tmp_path,
        "1\nx\n3\n",
        header=False,
        columns=["value"],
        time={"start": "2024-05-01", "step": "1h"},
        constants={"resource": "a", "metric": "users", "unit": "users"},
    )
    assert samples["ts"].dt.hour().to_list() == [0, 2]
    assert reasons(rejected) == [(2, "value 'x' is not a number")]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "the setting 'paths' is missing"),
        ({"paths": []}, "paths: no file is named"),
        ({"paths": "m.csv", "seperator": ";"}, "no setting 'seperator'; did you mean 'separator'"),
        ({"paths": "m.csv", "header": "no"}, "header: expected true or false, got 'no'"),
        ({"paths": "m.csv", "separator": "; "}, "separator: '; ' is not one character"),
        ({"paths": "m.csv", "format": "excel"}, "format: 'excel' is none of auto, csv"),
        ({"paths": "m.csv", "encoding": "utf-9"}, "encoding: 'utf-9' is unknown"),
        ({"paths": "m.csv", "skip_matching": "("}, "skip_matching: '[(]' is no regular expression"),
        ({"paths": "m.csv", "time": {"colum": "t"}}, "time: no setting 'colum'; did you mean 'column'"),
        (
            {"paths": "m.csv", "constants": {"metric": "cpu", "unit": "GiB"}},
            "values: 'value': unit 'GiB' is no unit of cpu",
        ),
        ({"paths": "m.csv", "constants": {"units": "x"}}, "constants: 'units' is none of resource, metric"),
        ({"paths": "m.csv", "mhz_per_core": 2.6}, "mhz_per_core: 2.6 MHz is no clock of a core"),
        (
            {"paths": "m.csv", "values": [{"column": "a", "metric": "cpu"}]},
            r"values\[0\]: the setting 'unit' is missing",
        ),
        (
            {"paths": "m.csv", "values": [{"column": "a", "metric": "cpu", "unit": "GiB"}]},
            "values: 'a': unit 'GiB' is no unit of cpu",
        ),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Files.from_table(settings)


def test_a_name_that_does_not_match_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="its name does not match name_pattern"):
        read_text(tmp_path, PLAIN + ROW, name_pattern=r"host-(?P<resource>\d+)")


NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="\ufffd"), min_size=1
)
VALUES = st.floats(0, 1e12, allow_nan=False)
STAMPS = st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1))  # noqa: DTZ001


@settings(deadline=None)
@given(
    rows=st.lists(st.tuples(STAMPS, NAMES, VALUES), min_size=1, max_size=20),
    ending=st.sampled_from(["\n", "\r\n"]),
)
def test_any_names_and_numbers_survive_a_csv(rows: list[tuple[datetime, str, float]], ending: str) -> None:
    frame = pl.DataFrame(
        rows, schema={"ts": pl.Datetime("us"), "resource": pl.String, "value": pl.Float64}, orient="row"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.csv"
        frame.write_csv(path, line_terminator=ending, datetime_format="%Y-%m-%dT%H:%M:%S%.6f")
        samples, rejected = read(path, constants={"metric": "users", "unit": "users"})
    kept = [(ts.replace(tzinfo=UTC), name.strip(), value) for ts, name, value in rows if name.strip()]
    assert samples.select("ts", "resource", "value").rows() == kept
    assert samples.height + rejected.height == len(rows)
