"""Fills a server so that its lists are not empty, prints a token of its administrator, and writes
schemathesis.toml into the folder that it is run in, with the ids of what is there.

Usage: prepare.py URL PASSWORD [AGENT_PORT COMMUNITY]
"""

import pathlib
import sys
import time

import requests

WAIT_SECS = 40


def main() -> None:
    url, password, *agent = sys.argv[1:]
    api = f"{url}/api/v1"
    http = requests.Session()

    def post(path, body, **more):
        answer = http.post(f"{api}/{path}", json=body, timeout=30, **more)
        if not answer.ok:
            sys.exit(f"POST {path}: {answer.status_code} {answer.text}")
        return answer.json()

    token = post("auth/login", {"username": "admin", "password": password})["token"]
    http.headers["Authorization"] = f"Bearer {token}"
    ids = {}
    if agent:
        port, community = int(agent[0]), agent[1]
        credential = post(
            "credentials", {"name": "agent", "kind": "snmp_v2c", "community": community}
        )
        run = post(
            "discoveries",
            {
                "targets": [f"127.0.0.1:{port}"],
                "methods": ["snmp"],
                "credential_ids": [credential["id"]],
            },
        )
        # Two polls, so that rates are known.
        wait(lambda: get(http, api, f"discoveries/{run['id']}")["phase"] == "done")
        wait(lambda: any(row["in_bps"] is not None for row in get(http, api, "interfaces")["items"]))
        interface = get(http, api, "interfaces?sort=-in_bps&limit=1")["items"][0]
        series = get(http, api, f"series?interface_id={interface['id']}&limit=1")["items"][0]
        ids = {
            "credential_id": credential["id"],
            "discovery_id": run["id"],
            "device_id": interface["device_id"],
            "interface_id": interface["id"],
            "series_id": series["id"],
        }
    # One that answers nothing.
    post("devices", {"address": "127.0.0.3", "name": "silent", "interval_secs": 5})
    write_configuration(ids)
    print(token)


def write_configuration(ids):
    common = pathlib.Path(__file__).with_name("schemathesis.toml").read_text()
    rows = [f'"path.{name}" = "{value}"' for name, value in ids.items()]
    parameters = "\n".join(["[parameters]", *rows])
    # Tables come last.
    pathlib.Path("schemathesis.toml").write_text(f"{common}\n{parameters}\n")


def get(http, api, path):
    answer = http.get(f"{api}/{path}", timeout=30)
    answer.raise_for_status()
    return answer.json()


def wait(state) -> None:
    deadline = time.monotonic() + WAIT_SECS
    while not state():
        if time.monotonic() > deadline:
            sys.exit(f"the server was not filled within {WAIT_SECS} s")
        time.sleep(0.2)


main()
