#!/bin/sh
# First boot of a Beachhead machine: its cloud-config runs only this script. Refused: cloud-config's own modules. shellcheck and the tests
# read the text of a script, and an operator can run it again by hand.
#
# The script writes three files and starts a unit. At every start the unit fetches the agent, unless the right one is installed, and systemd
# retries as long as the fetch fails. Refused: a loop in this script. cloud-init runs a script once, so a machine that reboots half-way would
# never retry. A machine without an agent never becomes ready, and its group replaces it.
set -eu

# Only tests set BEACHHEAD_ROOT.
root=${BEACHHEAD_ROOT:-}

# put FILE MODE writes FILE completely or not at all.
put() {
	mkdir -p "$(dirname "$root$1")"
	cat >"$root$1.new"
	chmod "$2" "$root$1.new"
	mv "$root$1.new" "$root$1"
}

put /etc/beachhead/node.json 0644 <<'END_OF_DESCRIPTION'
{{.Description -}}
END_OF_DESCRIPTION

# Python exists on every image that runs this script, because cloud-init is written in it. Refused: the AWS command line, which not every
# image has, and curl, which would show the role's keys on its command line.
put /usr/local/lib/beachhead/fetch 0755 <<'END_OF_FETCH'
#!/usr/bin/python3
"""Fetches the node agent with the machine's own role, unless it is installed. Never writes an agent with a wrong digest."""
import datetime, hashlib, hmac, http.client, json, os, sys, urllib.parse, urllib.request

REGION, KEY, SUM = "{{.Region}}", "{{.Key}}", "{{.Sum}}"
METADATA = os.environ.get("BEACHHEAD_METADATA", "http://169.254.169.254")
BUCKET = os.environ.get("BEACHHEAD_BUCKET", "https://{{.Bucket}}.s3.{{.Region}}.amazonaws.com")
TARGET = os.environ.get("BEACHHEAD_ROOT", "") + "/usr/local/bin/beachhead-node"


def request(url, headers, method="GET"):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers, method=method), timeout=20) as answer:
        return answer.read()


def digest(data):
    return hashlib.sha256(data).hexdigest()


def is_installed():
    try:
        with open(TARGET, "rb") as file:
            return digest(file.read()) == SUM
    except FileNotFoundError:
        return False


def get_keys():
    token = request(METADATA + "/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "60"}, "PUT").decode()
    roles = METADATA + "/latest/meta-data/iam/security-credentials/"
    role = request(roles, {"X-aws-ec2-metadata-token": token}).decode().split()[0]
    return json.loads(request(roles + role, {"X-aws-ec2-metadata-token": token}))


def sign_request(role):
    """AWS Signature Version 4. Source: Amazon S3 API reference, "Authenticating Requests (AWS Signature Version 4)"."""
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    headers = {
        "host": urllib.parse.urlsplit(BUCKET).netloc, "x-amz-content-sha256": digest(b""),
        "x-amz-date": now, "x-amz-security-token": role["Token"],
    }
    names = ";".join(headers)
    canonical = ["GET", "/" + KEY, "", *(f"{name}:{value}" for name, value in headers.items()), "", names, digest(b"")]
    scope = f"{now[:8]}/{REGION}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", now, scope, digest("\n".join(canonical).encode())])
    key = ("AWS4" + role["SecretAccessKey"]).encode()
    for part in [*scope.split("/"), text]:
        key = hmac.digest(key, part.encode(), "sha256")
    credential = f"Credential={role['AccessKeyId']}/{scope}, SignedHeaders={names}, Signature={key.hex()}"
    return {**headers, "authorization": "AWS4-HMAC-SHA256 " + credential}


if not is_installed():
    try:
        agent = request(BUCKET + "/" + KEY, sign_request(get_keys()))
    except (OSError, http.client.HTTPException, LookupError, ValueError) as error:
        sys.exit(f"beachhead: cannot fetch the agent yet: {error}")
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

# systemd retries every five seconds without end. A new role works after about ten seconds, a NAT gateway after minutes.
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

# Write the files to the disk first: cloud-init runs this once, and a machine that loses power now must not boot with empty files.
sync

systemctl daemon-reload
systemctl enable beachhead-node.service
# restart: a second run takes effect. --no-block: boot must not wait for a network that is not up yet.
systemctl restart --no-block beachhead-node.service
