"""Reads a day of the archive with pyarrow, DuckDB and Polars, and holds it against what was written.

read.py DIR EXPECTED.json [S3_URL BUCKET PREFIX]: DIR is the folder of a revision. Where a server is named,
pyarrow reads the same from there.
"""

import glob
import json
import sys

import duckdb
import polars
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.fs

FAULTS = []


def same(reader, what, found, expected):
    if found != expected:
        FAULTS.append(f"{reader}: {what} is {found!r}, and {expected!r} was written")


def exact_thousandths(floats):
    """The sum of numbers in thousandths, and how many of them are to the bit the one next to so many."""
    thousandths = [round(number * 1000) for number in floats]
    exact = sum(number == of / 1000 for number, of in zip(floats, thousandths))
    return sum(thousandths), exact


def with_pyarrow(name, files, series, expected, filesystem=None):
    table = ds.dataset(files, filesystem=filesystem).to_table()
    same(name, "the type of time", str(table.schema.field("time").type), "timestamp[ms, tz=UTC]")
    same(name, "the type of value_u64", str(table.schema.field("value_u64").type), "uint64")
    same(name, "rows", table.num_rows, expected["rows"])
    whole = table["value_u64"]
    # Exact: a sum of uint64 would wrap.
    total = sum(sum(chunk.to_pylist()) for chunk in whole.drop_null().chunks)
    same(name, "the sum of value_u64", total, int(expected["sum_u64"]))
    same(name, "rows without value_u64", whole.null_count, expected["nulls_u64"])
    floats = table["value_f64"].drop_null().to_pylist()
    same(name, "value_f64", exact_thousandths(floats), (expected["thousandths"], expected["nulls_u64"]))
    times = pc.cast(table["time"], pa.int64())
    least = pc.min_max(times).as_py()
    same(name, "the first time", least["min"], expected["min_ms"])
    same(name, "the last time", least["max"], expected["max_ms"])
    one = ds.dataset(files, filesystem=filesystem).to_table(
        filter=ds.field("series_id") == expected["series_id"]
    )
    same(name, "rows of a series", one.num_rows, expected["series_rows"])
    big = ds.dataset(files, filesystem=filesystem).to_table(
        filter=ds.field("value_u64") == pa.scalar(int(expected["big"]), pa.uint64())
    )
    same(name, "rows of over 2^63", big.num_rows, expected["big_rows"])
    about = ds.dataset(series, filesystem=filesystem).to_table()
    same(name, "series", about.num_rows, expected["series"])
    joined = table.select(["series_id"]).join(about.select(["series_id", "unit"]), "series_id", join_type="inner")
    same(name, "joined rows", joined.num_rows, expected["rows"])


def with_duckdb(files, series, expected):
    name = "duckdb"
    db = duckdb.connect()
    db.execute("SET autoinstall_known_extensions=false; SET autoload_known_extensions=false")
    one = lambda text, *given: db.execute(text, list(given)).fetchone()
    kind = one("SELECT typeof(time), typeof(value_u64) FROM read_parquet($1) LIMIT 1", files)
    same(name, "the types", kind, ("TIMESTAMP WITH TIME ZONE", "UBIGINT"))
    found = one(
        "SELECT count(*), sum(value_u64::DECIMAL(38, 0)), count(*) FILTER (value_u64 IS NULL),"
        " min(epoch_ms(time)), max(epoch_ms(time)) FROM read_parquet($1)",
        files,
    )
    wanted = (
        expected["rows"],
        int(expected["sum_u64"]),
        expected["nulls_u64"],
        expected["min_ms"],
        expected["max_ms"],
    )
    same(name, "sums", (found[0], int(found[1]), *found[2:]), wanted)
    found = one(
        "SELECT sum(round(value_f64 * 1000)::BIGINT),"
        " count(*) FILTER (value_f64 = round(value_f64 * 1000) / 1000::DOUBLE)"
        " FROM read_parquet($1)",
        files,
    )
    wanted = (expected["thousandths"], expected["nulls_u64"])
    same(name, "value_f64", (int(found[0]), found[1]), wanted)
    found = one("SELECT count(*) FROM read_parquet($1) WHERE series_id = $2", files, expected["series_id"])
    same(name, "rows of a series", found[0], expected["series_rows"])
    found = one(
        "SELECT count(*) FROM read_parquet($1) WHERE value_u64 = $2::UBIGINT", files, expected["big"]
    )
    same(name, "rows of over 2^63", found[0], expected["big_rows"])
    found = one(
        "SELECT count(*) FROM read_parquet($1) JOIN read_parquet($2) USING (series_id)", files, [series]
    )
    same(name, "joined rows", found[0], expected["rows"])
    said = one("SELECT created_by FROM parquet_file_metadata($1) LIMIT 1", files)
    same(name, "who wrote it", said[0].startswith("foretell version "), True)


def with_polars(files, series, expected):
    name = "polars"
    scan = lambda: polars.scan_parquet(files)
    schema = scan().collect_schema()
    same(name, "the type of time", schema["time"], polars.Datetime("ms", "UTC"))
    same(name, "the type of value_u64", schema["value_u64"], polars.UInt64)
    whole = polars.col("value_u64")
    found = scan().select(
        rows=polars.len(),
        total=whole.cast(polars.Int128).sum(),
        nulls=whole.null_count(),
        least=polars.col("time").min().dt.epoch("ms"),
        most=polars.col("time").max().dt.epoch("ms"),
    ).collect().row(0)
    wanted = (
        expected["rows"],
        int(expected["sum_u64"]),
        expected["nulls_u64"],
        expected["min_ms"],
        expected["max_ms"],
    )
    same(name, "sums", tuple(int(cell) for cell in found), wanted)
    floats = scan().select("value_f64").collect().to_series().drop_nulls().to_list()
    # Not by an expression: Polars divides by a number as it multiplies by one over it, which is not exact.
    same(name, "value_f64", exact_thousandths(floats), (expected["thousandths"], expected["nulls_u64"]))
    one = scan().filter(polars.col("series_id") == expected["series_id"]).collect()
    same(name, "rows of a series", one.height, expected["series_rows"])
    big = scan().filter(whole == polars.lit(int(expected["big"]), dtype=polars.UInt64)).collect()
    same(name, "rows of over 2^63", big.height, expected["big_rows"])
    about = polars.scan_parquet(series).select("series_id", "unit")
    joined = scan().select("series_id").join(about, on="series_id", how="inner").collect()
    same(name, "joined rows", joined.height, expected["rows"])


def main(folder, expected, *server):
    files = sorted(glob.glob(f"{folder}/samples-*.parquet"))
    series = f"{folder}/series.parquet"
    with open(expected, encoding="utf-8") as file:
        expected = json.load(file)
    with_pyarrow("pyarrow", files, series, expected)
    with_duckdb(files, series, expected)
    with_polars(files, series, expected)
    if server:
        url, bucket, prefix = server
        there = pyarrow.fs.S3FileSystem(
            endpoint_override=url.removeprefix("http://"),
            scheme="http",
            access_key="key",
            secret_key="secret",
            region="us-east-1",
            # The server is slow where much else is at work; the default is three seconds.
            request_timeout=120,
            connect_timeout=60,
        )
        wanted = pyarrow.fs.FileSelector(f"{bucket}/{prefix}", recursive=True)
        found = sorted(info.path for info in there.get_file_info(wanted) if info.path.endswith(".parquet"))
        about = [path for path in found if path.endswith("series.parquet")]
        samples = [path for path in found if path not in about]
        with_pyarrow("pyarrow from S3", samples, about[0], expected, there)
    for fault in FAULTS:
        print(fault)
    print(f"pyarrow {pa.__version__}, duckdb {duckdb.__version__}, polars {polars.__version__}")
    return 1 if FAULTS else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
