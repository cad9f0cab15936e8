"""An S3 server of moto with an empty bucket, on loopback alone: serve.py BUCKET.

Prints its address in a line, and ends with its standard input.
"""

import socket
import sys

import boto3
from moto.server import ThreadedMotoServer


def main(bucket):
    # Its default address is that of all networks, and it does not say which port a 0 became.
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    url = f"http://127.0.0.1:{port}"
    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
    )
    client.create_bucket(Bucket=bucket)
    print(url, flush=True)
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
