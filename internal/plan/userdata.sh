#!/bin/sh
# First boot of a Beachhead machine: all that its cloud-config runs. A script and not cloud-config's own ways to write files and start units:
# it is the same text that shellcheck and the tests read, and it can be run again by hand.
#
# It writes three files and starts a unit; the unit does the rest, at every start: it fetches the agent unless the right one is there, and
# systemd tries again for as long as it fails. A loop in here was refused: cloud-init runs a script once, so that a machine that reboots
# half-way would never try again. A machine that never gets its agent is never ready, and its group replaces it.
set -eu

# Only tests set it.
root=${BEACHHEAD_ROOT:-}

# put FILE MODE: writes a file whole or not at all.
put() {
	mkdir -p "$(dirname "$root$1")"
	cat >"$root$1.new"
	chmod "$2" "$root$1.new"
	mv "$root$1.new" "$root$1"
}

put /etc/beachhead/node.json 0644 <<'END_OF_DESCRIPTION'
{{.Description -}}
END_OF_DESCRIPTION

# Python, since cloud-init itself is written in it: it is there on every image that runs this. Refused: the AWS command line, which not every
# image has, and curl, which would have the role's keys on its command line.
put /usr/local/lib/beachhead/fetch 0755 <<'END_OF_FETCH'
#!/usr/bin/python3
"""Fetches the node agent, unless it is there, with the machine's own role. A wrong one is never written."""
import datetime, hashlib, hmac, http.client, json, os, sys, urllib.parse, urllib.request

REGION, KEY, SUM = "{{.Region}}", "{{.Key}}", "{{.Sum}}"
METADATA = os.environ.get("BEACHHEAD_METADATA", "http://169.254.169.254")
BUCKET = os.environ.get("BEACHHEAD_BUCKET", "https://{{.Bucket}}.s3.{{.Region}}.amazonaws.com")
TARGET = os.environ.get("BEACHHEAD_ROOT", "") + "/usr/local/bin/beachhead-node"


def call(url, headers, method="GET"):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers, method=method), timeout=20) as answer:
        return answer.read()


def digest(data):
    return hashlib.sha256(data).hexdigest()


def installed():
    try:
        with open(TARGET, "rb") as file:
            return digest(file.read()) == SUM
    except FileNotFoundError:
        return False


def credentials():
    token = call(METADATA + "/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "60"}, "PUT").decode()
    roles = METADATA + "/latest/meta-data/iam/security-credentials/"
    role = call(roles, {"X-aws-ec2-metadata-token": token}).decode().split()[0]
    return json.loads(call(roles + role, {"X-aws-ec2-metadata-token": token}))


def signed(role):
    """AWS Signature Version 4. Source: Amazon S3 API reference, "Authenticating Requests (AWS Signature Version 4)"."""
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    headers = {
        "host": urllib.parse.urlsplit(BUCKET).netloc, "x-amz-content-sha256": digest(b""),
        "x-amz-date": now, "x-amz-security-token": role["Token"],
    }
    names = ";".join(headers)
    request = ["GET", "/" + KEY, "", *(f"{name}:{value}" for name, value in headers.items()), "", names, digest(b"")]
    scope = f"{now[:8]}/{REGION}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", now, scope, digest("\n".join(request).encode())])
    key = ("AWS4" + role["SecretAccessKey"]).encode()
    for part in [*scope.split("/"), text]:
        key = hmac.digest(key, part.encode(), "sha256")
    credential = f"Credential={role['AccessKeyId']}/{scope}, SignedHeaders={names}, Signature={key.hex()}"
    return {**headers, "authorization": "AWS4-HMAC-SHA256 " + credential}


if not installed():
    try:
        agent = call(BUCKET + "/" + KEY, signed(credentials()))
    except (OSError, http.client.HTTPException, LookupError, ValueError) as error:
        sys.exit(f"beachhead: the agent cannot be fetched yet: {error}")
    if digest(agent) != SUM:
        sys.exit(f"beachhead: refused {KEY}: its SHA-256 is {digest(agent)}")
    os.makedirs(os.path.dirname(TARGET), exist_ok=True)
    with open(TARGET + ".new", "wb") as file:
        os.fchmod(file.fileno(), 0o755)
        file.write(agent)
        file.flush()
        os.fsync(file.fileno())
    os.replace(TARGET + ".new", TARGET)
END_OF_FETCH

# Every five seconds, without end: the role takes some ten seconds to work, a NAT gateway minutes.
put /etc/systemd/system/beachhead-node.service 0644 <<'END_OF_UNIT'
[Unit]
Description=Beachhead node agent
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
ExecStartPre=/usr/local/lib/beachhead/fetch
ExecStart=/usr/local/bin/beachhead-node run --description /etc/beachhead/node.json
Restart=always
RestartSec=5

[Install]
WantedBy=multi-user.target
END_OF_UNIT

# On the disk before it counts as done: cloud-init runs this once, and a machine that loses its power now must not come back with empty files.
sync

systemctl daemon-reload
systemctl enable beachhead-node.service
# Restarted, so that a second run of this takes effect; without waiting, since boot must not hang on a network that is not there yet.
systemctl restart --no-block beachhead-node.service
