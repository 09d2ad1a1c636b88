"""AWS against moto's server: amounts made by rule come back in our units, with sizes and inventory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from data.errors import ConfigError, SourceError, SourceUnavailable
from data.loading import Loaded
from data.series import Window
from data.store import Store
from headroom.jobs.ingest import ingest
from headroom.jobs.pulling import stated_capacities
from headroom.jobs.run import Run
from headroom.settings import load
from ingest.aws import Aws
from ingest.intake import intake
from tests.peers.servers import free_port

moto_server = pytest.importorskip("moto.server", reason="needs moto[server], part of the extra `dev`")

pytestmark = [pytest.mark.peer, pytest.mark.xdist_group("moto")]

REGION = "eu-west-1"
START = datetime(2024, 5, 1, tzinfo=UTC)
HOUR = Window(START, START + timedelta(hours=1))


@contextmanager
def account() -> Iterator[tuple[str, dict[str, str]]]:
    """A server with one of everything, an hour of metrics each; its address and the names."""
    import boto3

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        try:
            host, port = server.get_host_and_port()
            url = f"http://{host}:{port}"
            # What moto holds outlives its servers.
            httpx.post(f"{url}/moto-api/reset", trust_env=False).raise_for_status()

            def client(name: str) -> Any:
                return boto3.client(name, endpoint_url=url, region_name=REGION)  # type: ignore[call-overload]

            yield url, _filled(client)
        finally:
            server.stop()


def _filled(client: Any) -> dict[str, str]:
    ec2 = client("ec2")
    tags = [{"Key": "Name", "Value": "web-1"}, {"Key": "service", "Value": "shop"}]
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    machine = ec2.run_instances(
        ImageId=image, InstanceType="m5.large", MinCount=1, MaxCount=1,
        TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
    )["Instances"][0]["InstanceId"]  # fmt: skip
    gone = ec2.run_instances(ImageId=image, InstanceType="m5.large", MinCount=1, MaxCount=1)
    ec2.terminate_instances(InstanceIds=[gone["Instances"][0]["InstanceId"]])
    volume = ec2.create_volume(Size=100, AvailabilityZone=f"{REGION}a", VolumeType="gp3", Throughput=250)[
        "VolumeId"
    ]
    client("rds").create_db_instance(
        DBInstanceIdentifier="orders", DBInstanceClass="db.m5.large", Engine="postgres",
        AllocatedStorage=100, MasterUsername="planner", MasterUserPassword="long enough",
    )  # fmt: skip
    subnets = [one["SubnetId"] for one in ec2.describe_subnets()["Subnets"]][:2]
    front = client("elbv2").create_load_balancer(Name="front", Subnets=subnets)["LoadBalancers"][0]
    balancer = front["LoadBalancerArn"].split(":loadbalancer/")[-1]

    cloudwatch = client("cloudwatch")

    def put(namespace: str, name: str, dimension: str, value: str, amount: float) -> None:
        points = [
            {
                "MetricName": name,
                "Dimensions": [{"Name": dimension, "Value": value}],
                "Timestamp": START + timedelta(minutes=5 * number),
                "StatisticValues": {
                    "SampleCount": 5.0, "Sum": 5 * amount, "Minimum": amount * 0.5, "Maximum": amount * 1.5,
                },
            }
            for number in range(12)
        ]  # fmt: skip
        cloudwatch.put_metric_data(Namespace=namespace, MetricData=points)

    put("AWS/EC2", "CPUUtilization", "InstanceId", machine, 40.0)
    put("AWS/EC2", "NetworkIn", "InstanceId", machine, 7_500_000.0)
    put("CWAgent", "mem_used_percent", "InstanceId", machine, 25.0)
    put("AWS/EBS", "VolumeWriteBytes", "VolumeId", volume, 7_500_000.0)
    put("AWS/RDS", "CPUUtilization", "DBInstanceIdentifier", "orders", 10.0)
    put("AWS/RDS", "FreeStorageSpace", "DBInstanceIdentifier", "orders", 60 * 2.0**30)
    put("AWS/RDS", "FreeableMemory", "DBInstanceIdentifier", "orders", 2 * 2.0**30)
    put("AWS/RDS", "NetworkReceiveThroughput", "DBInstanceIdentifier", "orders", 125_000.0)
    put("AWS/ApplicationELB", "RequestCount", "LoadBalancer", balancer, 60.0)
    return {"machine": machine, "volume": volume}


@pytest.fixture(scope="module")
def aws() -> Iterator[tuple[str, dict[str, str]]]:
    with account() as made:
        yield made


def test_amounts_peaks_and_capacities(aws: tuple[str, dict[str, str]]) -> None:
    url, names = aws
    source = Aws((REGION,), endpoint_url=url)
    sizes = stated_capacities(source.inventory().capacities)
    batches = [intake(one, now=datetime.now(UTC), capacities=sizes) for one in source.pull(HOUR)]
    samples = pl.concat(batch.samples for batch in batches)
    assert sum(batch.rejected.height for batch in batches) == 0
    assert samples.filter(pl.col("metric") == "cpu").height == 24
    found = {
        (row["resource"], row["metric"]): (row["value"], row["value_max"], row["capacity"])
        for row in samples.filter(pl.col("ts") == START + timedelta(minutes=30)).iter_rows(named=True)
    }
    machine, volume = names["machine"], names["volume"]
    assert found == {
        # 40 % of 2 cores, 25 % of 8 GiB; five readings of 7.5 MB in 5 minutes are 1 Mbit/s
        (machine, "cpu"): (pytest.approx(0.8), pytest.approx(1.2), 2.0),
        (machine, "memory"): (pytest.approx(2.0), pytest.approx(3.0), 8.0),
        (machine, "network_in"): (pytest.approx(1.0), None, None),
        (volume, "network_in"): (pytest.approx(1.0), None, None),
        ("orders", "cpu"): (pytest.approx(0.2), pytest.approx(0.3), 2.0),
        # the least that was free is the most that was used
        ("orders", "storage"): (pytest.approx(40.0), pytest.approx(70.0), 100.0),
        ("orders", "memory"): (pytest.approx(6.0), pytest.approx(7.0), 8.0),
        ("orders", "network_in"): (pytest.approx(1.0), pytest.approx(1.5), None),
        ("front", "requests"): (pytest.approx(1.0), None, None),
    }


def test_inventory(aws: tuple[str, dict[str, str]]) -> None:
    url, names = aws
    inventory = Aws((REGION,), endpoint_url=url).inventory()
    rows = {row["resource"]: row for row in inventory.resources.iter_rows(named=True)}
    machine = rows[names["machine"]]
    assert (machine["kind"], machine["instance_type"], machine["service"], machine["site"]) == (
        "vm", "m5.large", "shop", REGION,
    )  # fmt: skip
    assert '"Name": "web-1"' in machine["labels"]
    assert rows["orders"]["kind"] == "database" and rows["front"]["kind"] == "endpoint"
    assert [row["kind"] for row in rows.values()].count("vm") == 1, "terminated machines are gone"
    sizes = inventory.capacities.rows_by_key(["resource", "metric"], named=True, unique=True)
    assert '"unattached": "yes"' in rows[names["volume"]]["labels"], "it was made and attached to nothing"
    assert sizes[names["volume"], "storage"]["capacity"] == 100.0
    assert sizes[names["volume"], "network_in"]["capacity"] == pytest.approx(250 * 2**20 * 8 / 1e6)
    assert sizes[names["machine"], "cpu"]["capacity"] == 2.0
    assert sizes[names["machine"], "network_out"]["capacity"] == 750.0
    # It has had that size since it was started, at the latest.
    started = sizes[names["machine"], "cpu"]["valid_from"]
    assert timedelta(0) < datetime.now(UTC) - started < timedelta(minutes=10)
    assert sizes["orders", "cpu"]["valid_from"] is None


def test_databases_of_one_name_in_two_regions_are_two(aws: tuple[str, dict[str, str]]) -> None:
    import boto3

    url, _ = aws
    other = boto3.client("rds", endpoint_url=url, region_name="eu-central-1")
    other.create_db_instance(
        DBInstanceIdentifier="orders", DBInstanceClass="db.m5.large", Engine="postgres", AllocatedStorage=7,
        MasterUsername="planner", MasterUserPassword="long enough",
    )  # fmt: skip
    try:
        # In whichever order: who was there first is called so.
        for regions, longer in (
            ((REGION, "eu-central-1"), "eu-central-1"),
            (("eu-central-1", REGION), REGION),
        ):
            source = Aws(regions, ("rds",), endpoint_url=url)
            sizes = source.inventory().capacities.filter(pl.col("metric") == "cpu")["resource"].to_list()
            assert sizes == ["orders", f"{longer}/orders"]
            samples = pl.concat(batch.samples for batch in source.pull(HOUR))
            assert set(samples["resource"]) == {"orders" if regions[0] == REGION else f"{REGION}/orders"}
    finally:
        other.delete_db_instance(DBInstanceIdentifier="orders", SkipFinalSnapshot=True)


def test_a_long_window_is_asked_in_parts(
    aws: tuple[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, _ = aws
    monkeypatch.setattr("ingest.aws.POINTS_AT_ONCE", 100)
    source = Aws((REGION,), services=("ec2",), endpoint_url=url)
    batches = list(source.pull(HOUR))
    assert len(batches) == 1
    monkeypatch.setattr("ingest.aws.POINTS_AT_ONCE", 20)
    parts = list(source.pull(HOUR))
    assert len(parts) > 3
    order = ["resource", "metric", "ts"]
    whole = pl.concat(batch.samples for batch in batches).sort(order)
    assert pl.concat(batch.samples for batch in parts).sort(order).equals(whole)


def test_asking_for_some_resources_gives_all_of_theirs_and_nothing_else(
    aws: tuple[str, dict[str, str]],
) -> None:
    url, names = aws
    source = Aws((REGION,), endpoint_url=url)
    whole = pl.concat(batch.samples for batch in source.pull(HOUR))
    some = pl.concat(batch.samples for batch in source.narrowed({names["machine"], "orders"}).pull(HOUR))
    order = ["resource", "metric", "ts"]
    wanted = whole.filter(pl.col("resource").is_in([names["machine"], "orders"]))
    assert some.sort(order).equals(wanted.sort(order)) and 0 < some.height < whole.height


def test_what_goes_wrong_is_said(aws: tuple[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    url, _ = aws
    down = Aws((REGION,), endpoint_url=f"http://127.0.0.1:{free_port()}", timeout=0.5)
    with pytest.raises(SourceUnavailable, match="cannot be reached"):
        list(down.pull(HOUR))
    with pytest.raises(SourceError, match="no credentials"):
        list(Aws((REGION,), endpoint_url=url, profile="no-such").pull(HOUR))
    with pytest.raises(ConfigError, match="did you mean 'ec2'"):
        Aws((REGION,), services=("ecs",))
    with pytest.raises(ConfigError, match="whole minutes"):
        Aws((REGION,), step="30s")


def test_what_was_measured_before_a_resize_is_of_the_size_of_its_time(tmp_path: Path) -> None:
    """40 % of 2 cores stay 0.8 cores when the machine has 4 by now, and is read again."""
    import boto3

    with account() as (url, names):
        where = f'endpoint_url = "{url}"\nregions = ["{REGION}"]\nservices = ["ec2"]\n'
        (tmp_path / "headroom.toml").write_text(f'[source.cloud]\nkind = "aws"\n{where}')
        chosen = load(tmp_path / "headroom.toml", {})

        def pulled() -> tuple[Loaded, list[float], float]:
            """What was loaded, the demands, and the size of today."""
            with Store.open(chosen.store_path) as store:
                run = Run(chosen, store, datetime.now(UTC), "run")
                (summary,) = ingest(run, since=HOUR.start, until=HOUR.end)
                of = {"resource": names["machine"], "metric": "cpu"}
                assert summary.error is None
                values = store.frame("samples_of", **of)["value"].unique().to_list()
                return summary.loaded, values, store.frame("capacities_of", **of)["capacity"][-1]

        first, values, size = pulled()
        assert (first.new, values, size) == (36, [pytest.approx(0.8)], 2.0)
        ec2 = boto3.client("ec2", endpoint_url=url, region_name=REGION, aws_access_key_id="test",
                           aws_secret_access_key="test")  # fmt: skip
        machine = names["machine"]
        ec2.stop_instances(InstanceIds=[machine])
        ec2.modify_instance_attribute(InstanceId=machine, InstanceType={"Value": "m5.xlarge"})
        ec2.start_instances(InstanceIds=[machine])
        again, values, size = pulled()
        assert (again.new, again.replaced, again.unchanged) == (0, 0, 36)
        assert (values, size) == ([pytest.approx(0.8)], 4.0)
