"""`cir serve` under concurrent requests while allocations, reads, writes and opens fail."""
import http.client
import json
import os
import re
import select
import signal
import subprocess
import threading
import time

from commands import Scene
from harness import (ALLOCATIONS, CIR, OPENS, READS, WRITES, Control, Counts, Fault, name_of_end, print_table, run,
                     temporary_folder)

LARGE = 64 << 10
N_CLIENTS = 4

# name, fault but for its seed: shares are such that most requests still meet one
SORTS = [("allocations", Fault(ALLOCATIONS, per_million=1000)),
         ("allocations ≥ 64 KiB", Fault(ALLOCATIONS, per_million=100000, min_bytes=LARGE)),
         ("all allocations ≥ 64 KiB for a while", Fault(ALLOCATIONS, start=1, min_bytes=LARGE)),
         ("reads", Fault(READS, per_million=50000)), ("writes", Fault(WRITES, per_million=200000)),
         ("opens", Fault(OPENS, per_million=200000))]


class Server:
    def __init__(self, scene, control):
        self.process = subprocess.Popen([CIR, "serve", "served.cir", "--port", "0", "--threads", "2"], cwd=scene.folder,
                                        env=control.environment, stdout=subprocess.PIPE,
                                        stderr=open(scene.folder / "serve.err", "wb"))
        line = b""
        if select.select([self.process.stdout], [], [], 60)[0]:
            line = self.process.stdout.readline()
        match = re.match(rb"http://[^:]+:(\d+)/", line)
        assert match, f"the server does not start: {line!r}"
        self.port = int(match[1])
        while self.ask("GET", "/readyz")[0] != 200:
            time.sleep(0.02)

    def ask(self, method, path, body=None, headers=None):
        """Status, type and body; None where the connection broke."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.getheader("Content-Type", ""), response.read()
        except TimeoutError:
            return 0, "", b"no answer within 60 s"
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def stop(self):
        """The exit status of a server that is asked to end; None where it does not."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None


def _requests(scene):
    """Name, method, path, body, headers, what of an answer must always be the same."""
    def of_json(content):
        return json.loads(content)["hits"]

    plain = {"Content-Type": "application/json"}
    picture = (scene.folder / "more" / "more01.jpg").read_bytes()
    parts = (b'--a-boundary-01234567\r\nContent-Disposition: form-data; name="query"\r\nContent-Type: application/json\r\n\r\n'
             b'{"text": "at night"}\r\n--a-boundary-01234567\r\nContent-Disposition: form-data; name="image"; filename="photo"\r\n'
             b"Content-Type: application/octet-stream\r\n\r\n" + picture + b"\r\n--a-boundary-01234567--\r\n")
    listed = [("search by words", "POST", "/v1/search", json.dumps({"text": f"a photo of thing {i}"}), plain, of_json)
              for i in range(8)]
    listed += [("search by id", "POST", "/v1/search", json.dumps({"image": {"id": i}, "text": "in snow"}), plain, of_json)
               for i in range(4)]
    listed += [("search by upload", "POST", "/v1/search", parts, {"Content-Type": "multipart/form-data; boundary=a-boundary-01234567"},
                of_json)]
    listed += [("thumbnail", "GET", f"/v1/images/{i}/thumbnail", None, None, None) for i in range(4)]
    listed += [("file", "GET", "/v1/images/2/file", None, None, lambda content: content),
               ("record", "GET", "/v1/images/3", None, None, json.loads),
               ("list", "GET", "/v1/images?folder=photos", None, None, lambda content: json.loads(content)["images"]),
               ("page", "GET", "/", None, None, lambda content: content),
               ("health", "GET", "/healthz", None, None, None),
               ("index", "GET", "/v1/index", None, None, lambda content: [json.loads(content)[k] for k in ("folders", "methods", "settings", "years")]),
               ("odd", "GET", "/v1/images/3?a=b&a=c", None, None, None),
               ("update", "POST", "/v1/index/update", "", {"Content-Type": "application/json"}, None)]
    return listed


def _client(server, requests, expected, seed, n_rounds, counts, lock):
    for i in range(n_rounds * len(requests)):
        name, method, path, body, headers, essence = requests[(seed * 7 + i * 5) % len(requests)]
        answer = server.ask(method, path, body, headers)
        outcome, why = "no harm", ""
        if answer is None:
            outcome = "told"  # a connection that breaks; a process that ended is counted once, by the caller
        elif answer[0] == 0:
            outcome, why = "hangs", "no answer"
        elif answer[0] >= 500:
            outcome = "told"
            try:
                json.loads(answer[2])["error"]["message"]
            except (ValueError, KeyError):
                outcome, why = "wrong", f"{answer[0]} with {answer[2][:100]!r}"
        elif answer[0] == 200 and essence is not None:
            try:
                same = essence(answer[2]) == expected[(path, body)]
            except (ValueError, KeyError) as e:
                same, why = False, repr(e)
            if not same:
                outcome, why = "wrong", f"{why} {answer[2][:300]!r}"
        with lock:
            counts.add(outcome, f"{name}: {path}: {why}")
        if answer is None and server.process.poll() is not None:
            return


def _round(scene, control, requests, expected, fault, n_rounds, counts):
    scene.copy("photos.cir", "served.cir")
    control.disarm()
    server = Server(scene, control)
    try:
        lock = threading.Lock()
        control.arm(fault)
        clients = [threading.Thread(target=_client, args=(server, requests, expected, i, n_rounds, counts, lock))
                   for i in range(N_CLIENTS)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        control.disarm()
        counts["failed calls"] += control.n_failed
        callers = control.callers
        if server.process.poll() is None:
            # Once the shortage is over, everything answers again.
            name, method, path, body, headers, essence = requests[0]
            answer = server.ask(method, path, body, headers)
            if answer is None or answer[0] != 200 or essence(answer[2]) != expected[(path, body)]:
                counts.add("wrong", f"afterwards, {name}: {answer}")
    finally:
        status = server.stop()
    if status is None:
        counts.add("hangs", f"{fault}: does not end")
    elif status < 0:
        counts.add(name_of_end(callers, (scene.folder / "serve.err").read_bytes()),
                   f"{fault}: {signal.Signals(-status).name} after {callers[:3]}")
    checked = run(["check", "served.cir"], scene.folder)
    if checked.status != 0:
        counts.add("wrong", f"{fault}: the index is not well: {checked.out[-300:]!r}")


def _expect(scene, control, requests):
    """What each request gets where nothing fails."""
    scene.copy("photos.cir", "served.cir")
    control.disarm()
    server = Server(scene, control)
    expected = {}
    for _, method, path, body, headers, essence in requests:
        answer = server.ask(method, path, body, headers)
        assert answer is not None and (essence is None or answer[0] == 200), (path, answer)
        if essence is not None:
            expected[(path, body)] = essence(answer[2])
    assert server.stop() == 0
    return expected


def try_server(n_each, n_rounds, seed, wanted=None):
    """Starts the server n_each times for every sort of fault. Returns whether all is well."""
    rows = []
    with temporary_folder() as folder:
        scene = Scene(folder)
        control = Control(folder)
        requests = _requests(scene)
        expected = _expect(scene, control, requests)
        for name, fault in SORTS:
            if wanted and wanted not in name:
                continue
            counts = Counts()
            for i in range(n_each):
                _round(scene, control, requests, expected,
                       Fault(**{**fault.__dict__, "seed": seed * 1000 + i}), n_rounds, counts)
            rows.append((name, counts))
    return print_table("serve; runs are requests", rows)
