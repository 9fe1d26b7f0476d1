#!/usr/bin/python3
"""A worker for JobServ that speaks its protocol, for the machines' tests.

As the real one it reads its settings at each look for work, has a locked file for each run that it could take or that runs, and leaves looks and
runs to children, which outlive it. Other than the real one it looks every 5 seconds, and runs scripts on the machine itself.
"""
import configparser
import fcntl
import json
import os
import subprocess
import sys
import time
import urllib.parse

import requests

HERE = os.path.dirname(os.path.abspath(__file__))
LIMIT = 15


def say(text):
    print(text, flush=True)


def settings():
    config = configparser.ConfigParser()
    config.read(os.path.join(HERE, "settings.conf"))
    return config["jobserv"]


def free_slots(count):
    free = []
    for slot in range(count):
        file = open(os.path.join(HERE, f".run-lock-{slot}"), "a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            free.append(file)
        except BlockingIOError:
            file.close()
    return free


def mark(slot, text):
    slot.truncate(0)
    slot.write(text)
    slot.flush()


def look(worker):
    """Asks for work, and gives the runs that there are with a slot for each."""
    free = free_slots(int(worker["concurrent_runs"]))
    runs = []
    try:
        disk = os.statvfs("/var/lib")
        address = urllib.parse.urljoin(worker["server_url"], f"/workers/{worker['hostname']}/")
        state = {"available_runners": len(free), "disk_free": disk.f_frsize * disk.f_bavail}
        answer = requests.get(address, params=state, headers={"Authorization": "Bearer " + worker["jwt"]}, timeout=LIMIT)
        answer.raise_for_status()
        told = answer.json()["data"]["worker"]
        if told["version"] != worker["version"]:
            sys.exit(f"this worker is of version {worker['version']} and the server wants {told['version']}")
        for text in told.get("run-defs") or []:
            run, slot = json.loads(text), free.pop()
            mark(slot, run["run_url"])
            runs.append((run, slot))
    finally:
        for slot in free:
            mark(slot, "free")
            slot.close()
    return runs


def report(run, status, text):
    headers = {"content-type": "text/plain", "Authorization": "Token " + run["api_key"], "X-RUN-STATUS": status}
    requests.post(run["run_url"], data=text.encode(), headers=headers, timeout=LIMIT).raise_for_status()


def execute(run, slot):
    """Leaves a run to a child, which has its slot locked until it ends."""
    say("run " + run["run_url"])
    report(run, "RUNNING", "== on the worker\n")
    if os.fork() == 0:
        done = subprocess.run(["/bin/sh", "-c", run["script"]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        report(run, "FAILED" if done.returncode else "PASSED", done.stdout)
        os._exit(0)
    slot.close()


def check():
    try:
        for run, slot in look(settings()):
            execute(run, slot)
    except requests.RequestException as error:
        say(f"the server does not answer as it should: {error}")


def loop():
    while True:
        looking = os.fork()  # which goes on when the loop is stopped, so that a run which it was given is not lost
        if looking == 0:
            check()
            os._exit(0)
        os.waitpid(looking, 0)
        time.sleep(5)


if sys.argv[1:] != ["loop"]:
    sys.exit("usage: jobserv_worker.py loop")
loop()
