"""Bad input: a clear error, or a rejection with line, reason and raw text; good rows are loaded."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import polars as pl
import pytest

from data.errors import SourceError
from ingest.files import Files
from tests.unit.ingest.reading import PLAIN, ROW, read, read_text, reasons


def test_missing_column_names_the_file_and_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"m\.csv: no column 'value'; did you mean 'vlaue'\? it has 'ts', "):
        read_text(tmp_path, "ts,resource,metric,vlaue,unit\n" + ROW)


def test_missing_column_in_parquet_and_ndjson(tmp_path: Path) -> None:
    pl.DataFrame({"ts": ["2024-05-01"], "x": [1]}).write_parquet(tmp_path / "m.parquet")
    with pytest.raises(SourceError, match=r"m\.parquet: no column 'resource' \(nor 'metric', "):
        read(tmp_path / "m.parquet")
    with pytest.raises(
        SourceError,
        match=r"m\.ndjson: no column 'resource' \(nor 'metric', 'unit', 'value'\); it has 'ts', 'x'",
    ):
        read_text(tmp_path, '{"ts": 1, "x": 2}\n', "m.ndjson")


@pytest.mark.parametrize("setting", [{}, {"fixed_width": True}, {"skip_matching": "^#"}])
def test_a_header_alone_is_looked_at(tmp_path: Path, setting: dict[str, object]) -> None:
    told = r"m\.csv: no column 'ts' \(nor 'resource', 'metric', 'unit', 'value'\); it has 'time"
    with pytest.raises(SourceError, match=told):
        read_text(tmp_path, "time,host\n", **setting)


def test_a_file_that_has_no_rows_yet_is_no_error(tmp_path: Path) -> None:
    samples, rejected = read_text(tmp_path, PLAIN)
    assert samples.is_empty() and rejected.is_empty()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("soon,a,cpu,2,cores", "time 'soon' is not an ISO 8601 time or an epoch"),
        (",a,cpu,2,cores", "time is missing"),
        ("2024-05-01,a,cpu,much,cores", "value 'much' is not a number"),
        ("2024-05-01,a,cpu,,cores", "value is missing"),
        ("2024-05-01,a,cpu,NaN,cores", "value is NaN"),
        ("2024-05-01,a,cpu,inf,cores", "value is infinite"),
        ("2024-05-01,a,cpu,1e999,cores", "value is infinite"),
        ("2024-05-01,a,cpu,-1,cores", "value -1.0 is negative"),
        ("2024-05-01,a,cpu,1,furlong", "unit 'furlong' is no unit of cpu; known: cores, millicores, m"),
        ("2024-05-01,a,cpu,1,", "unit of cpu is missing"),
        ("2024-05-01,a,disk,1,cores", "metric 'disk' is unknown; known: cpu"),
        ("2024-05-01, ,cpu,1,cores", "resource is empty"),
        ("1700000,a,cpu,1,cores", "time '1700000' is not an ISO 8601 time or an epoch"),
        ("2024-05-01,a,cpu,1", "has 4 fields instead of 5"),
        ("2024-05-01,a,cpu,1,cores,more", "has 6 fields instead of 5"),
        ('2024-05-01,"a,cpu,1,cores', "quote is not closed on its line"),
    ],
)
def test_a_bad_row_is_rejected_with_its_line_and_the_others_are_loaded(
    tmp_path: Path, row: str, reason: str
) -> None:
    samples, rejected = read_text(tmp_path, PLAIN + ROW + row + "\n" + ROW.replace(",2,", ",3,"))
    assert samples["value"].to_list() == [2, 3]
    assert [line for line, _ in reasons(rejected)] == [3]
    assert rejected["reason"][0].startswith(reason)
    assert rejected["origin"][0].endswith("m.csv")
    assert rejected["raw"].to_list() == [row]


def test_bytes_that_are_no_utf_8_cost_their_line_only(tmp_path: Path) -> None:
    bad = PLAIN.encode() + ROW.encode() + b"2024-05-01,m\xfcnchen,cpu,1,cores\n" + ROW.encode()
    samples, rejected = read_text(tmp_path, bad)
    assert samples.height == 2
    assert reasons(rejected) == [(3, "line is not UTF-8; is the setting encoding right?")]
    samples, rejected = read_text(tmp_path, bad, encoding="latin-1")
    assert samples["resource"].to_list() == ["a", "münchen", "a"] and rejected.is_empty()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("m.parquet", b""),
        *((name, blank) for name in ("m.csv", "m.ndjson", "m.tsv") for blank in (b"", b"\n\n", b"  \n")),
    ],
)
def test_an_empty_file_is_an_error(tmp_path: Path, name: str, content: bytes) -> None:
    with pytest.raises(SourceError, match=r"is empty|has no header"):
        read_text(tmp_path, content, name)


def test_a_header_without_rows_is_no_error(tmp_path: Path) -> None:
    samples, rejected = read_text(tmp_path, PLAIN)
    assert samples.is_empty() and rejected.is_empty()


@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_truncated_parquet_is_an_error_that_names_the_file(tmp_path: Path, kept: float) -> None:
    whole = tmp_path / "whole.parquet"
    pl.DataFrame({"ts": ["2024-05-01"] * 500, "resource": "a", "metric": "cpu", "value": 1.0}).write_parquet(
        whole
    )
    content = whole.read_bytes()
    with pytest.raises(
        SourceError, match=r"m\.parquet: is (no readable Parquet file; is it truncated|empty)"
    ):
        read_text(tmp_path, content[: int(len(content) * kept)], "m.parquet")


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_truncated_compressed_file_is_an_error(tmp_path: Path, ending: str) -> None:
    whole = gzip.compress((PLAIN + ROW * 5_000).encode())
    if ending == ".zst":
        import cramjam

        whole = bytes(cramjam.zstd.compress((PLAIN + ROW * 5_000).encode()))
    with pytest.raises(SourceError, match="cannot be unpacked; is it truncated"):
        read_text(tmp_path, whole[: len(whole) // 2], f"m.csv{ending}")
    samples, rejected = read_text(tmp_path, whole, f"m.csv{ending}")
    assert samples.height == 5_000 and rejected.is_empty()


def test_missing_file_and_pattern_without_a_match(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"none\.csv: cannot be read: No such file"):
        read(tmp_path / "none.csv")
    with pytest.raises(SourceError, match=r"\*\.csv: no file matches"):
        read(tmp_path / "*.csv")


def test_one_bad_file_does_not_keep_the_others_from_being_read(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text(PLAIN + ROW)
    (tmp_path / "2.csv").write_text("")
    (tmp_path / "3.csv").write_text(PLAIN + ROW)
    pulled = Files.from_table({"paths": [str(tmp_path / "*.csv")]}).pull(None)
    assert next(pulled).samples.height + next(pulled).samples.height == 2
    with pytest.raises(SourceError, match=r"2\.csv: is empty"):
        next(pulled)


@pytest.mark.parametrize("end", ["\n", ""])
def test_a_line_over_the_limit_is_rejected_and_reading_goes_on(tmp_path: Path, end: str) -> None:
    long = "2024-05-01," + "x" * 5_000 + ",cpu,1,cores\n"
    samples, rejected = read_text(tmp_path, PLAIN + ROW + long + ROW.strip() + end, line_limit=1_000)
    assert samples.height == 2
    assert reasons(rejected) == [(3, "line is longer than 1,000 bytes")]
    assert len(rejected["raw"][0]) == 1_000


def test_a_line_of_a_gigabyte_does_not_fill_the_memory(tmp_path: Path) -> None:
    import resource

    path = tmp_path / "m.csv"
    with path.open("wb") as file:
        file.write((PLAIN + ROW).encode())
        file.seek(2**30, 1)  # a hole: takes no room on the disk and reads as zeros
        file.write(("\n" + ROW).encode())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    samples, rejected = read(path)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert samples.height == 2
    assert reasons(rejected) == [(3, "line is longer than 1,048,576 bytes")]
    assert grown < 300 * 1024, f"{grown / 1024:.0f} MiB more"


def test_local_times_that_the_clock_skipped_say_so(tmp_path: Path) -> None:
    rows = PLAIN + "2024-03-31 02:30:00,a,cpu,1,cores\nnever,a,cpu,1,cores\n"
    _, rejected = read_text(tmp_path, rows, time={"column": "ts", "timezone": "Europe/Berlin"})
    assert reasons(rejected) == [
        (
            2,
            "time '2024-03-31 02:30:00' is skipped or occurs twice in Europe/Berlin,"
            " where the clock was changed",
        ),
        (3, "time 'never' is not an ISO 8601 time or an epoch"),
    ]


def test_bad_cells_of_a_parquet_file_are_rejected_by_row(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "ts": ["2024-05-01", "soon", "2024-05-03", "2024-05-04"],
            "resource": "a",
            "metric": "cpu",
            "value": [1.0, 2.0, math.nan, None],
            "unit": "cores",
        }
    )
    frame.write_parquet(tmp_path / "m.parquet")
    samples, rejected = read(tmp_path / "m.parquet")
    assert samples["value"].to_list() == [1.0]
    assert [line for line, _ in reasons(rejected)] == [2, 3, 4]


def test_bad_lines_of_ndjson_are_rejected_by_line(tmp_path: Path) -> None:
    good = '{"ts": "2024-05-01", "resource": "a", "metric": "cpu", "value": 1, "unit": "cores"}\n'
    samples, rejected = read_text(
        tmp_path, good + "{nonsense\n[1]\n\n" + good.replace(": 1,", ': "2",'), "m.ndjson"
    )
    assert samples["value"].to_list() == [1, 2]
    assert [line for line, _ in reasons(rejected)] == [2, 3]
    assert all(reason.startswith("line is no JSON object") for _, reason in reasons(rejected))
