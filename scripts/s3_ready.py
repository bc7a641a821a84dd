"""Waits until the S3 server of the tests stores and returns an object: s3_ready.py PID

Its port answers some seconds before it can store anything, so a put and a get are asked, not the port.
Ends with 1 when the process PID ends first, or after a minute.
"""

import os
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError


def main(pid: int) -> int:
    client = boto3.client(
        "s3",
        endpoint_url=os.environ["FOREBAY_TEST_S3_ENDPOINT"],
        aws_access_key_id=os.environ["FOREBAY_TEST_S3_ACCESS_KEY"],
        aws_secret_access_key=os.environ["FOREBAY_TEST_S3_SECRET_KEY"],
        region_name=os.environ["FOREBAY_TEST_S3_REGION"],
        config=Config(connect_timeout=1, read_timeout=15, retries={"max_attempts": 0}, proxies={}),
    )
    deadline = time.monotonic() + 60
    trouble: Exception | None = None
    while time.monotonic() < deadline:
        if not alive(pid):
            return 1
        try:
            try:
                client.create_bucket(Bucket="ready")
            except client.exceptions.BucketAlreadyOwnedByYou:
                pass
            client.put_object(Bucket="ready", Key="probe", Body=b"ready")
            if client.get_object(Bucket="ready", Key="probe")["Body"].read() == b"ready":
                return 0
        except (BotoCoreError, ClientError) as error:
            trouble = error
        time.sleep(0.1)
    print(f"s3_ready: no answer after a minute: {trouble}", file=sys.stderr)
    return 1


def alive(pid: int) -> bool:
    """A child that has ended stays in the table as a zombie until its parent waits for it."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
