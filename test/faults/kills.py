"""`kill -9` at random moments: the index opens, holds what was committed, and the next run ends the work."""
import json
import random
import shutil
import signal
import subprocess
import threading
import time

from commands import N_PHOTOS, Scene
from harness import CIR, Control, Counts, print_table, run, temporary_folder
from serve import Server


def _kill(scene, arguments, after_s):
    """Whether the command ended before."""
    process = subprocess.Popen([CIR, *arguments], cwd=scene.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(after_s)
        return True
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return False


def _n_ready(scene, name):
    info = run(["info", name, "--json"], scene.folder)
    return json.loads(info.out)["n_ready"] if info.status == 0 else None


def _try(scene, name, arguments, n_before, n_after, is_repair, after_s, counts):
    has_ended = _kill(scene, arguments, after_s)
    n_ready = _n_ready(scene, name)
    lost = None
    if n_before > 0 and (n_ready is None or n_ready < n_before - (1 if is_repair else 0)):
        lost = f"{n_ready} photos of {n_before} are left"
    last = run(arguments, scene.folder)
    if lost is None and last.status != 0:
        lost = f"the next run fails: {last.err[-300:]!r}"
    checked = run(["check", name], scene.folder)
    if lost is None and checked.status != 0:
        lost = f"not well afterwards: {checked.out[-300:]!r}{checked.err[-300:]!r}"
    if lost is None and not is_repair and _n_ready(scene, name) != n_after:
        lost = f"{_n_ready(scene, name)} photos where there are {n_after}"
    counts["ended before"] += has_ended
    counts.add("no harm" if lost is None else "wrong", f"{' '.join(arguments)} after {after_s:.3f} s: {lost}")


def _ask_until(server, is_over):
    bodies = [json.dumps({"text": f"a photo of thing {i}", "image": {"id": i}}) for i in range(4)]
    while not is_over.is_set():
        for body in bodies:
            if server.ask("POST", "/v1/search", body, {"Content-Type": "application/json"}) is None:
                return


def _try_serving(scene, control, after_s, counts):
    """Kills a server that updates its index while three clients search it."""
    scene.copy("photos.cir", "served.cir")
    for i in range(N_PHOTOS):
        shutil.copy(scene.folder / "more" / f"more{i:02}.jpg", scene.folder / "photos" / f"new{i:02}.jpg")
    server = Server(scene, control)
    is_over = threading.Event()
    clients = [threading.Thread(target=_ask_until, args=(server, is_over)) for _ in range(3)]
    for client in clients:
        client.start()
    try:
        server.ask("POST", "/v1/index/update")
        time.sleep(after_s)
        server.process.kill()
        server.process.wait()
    finally:
        is_over.set()
        for client in clients:
            client.join()
    n_ready = _n_ready(scene, "served.cir")
    lost = None if n_ready is not None and n_ready >= N_PHOTOS else f"{n_ready} photos of {N_PHOTOS} are left"
    last = run(["index", "served.cir", "-q"], scene.folder)
    if lost is None and last.status != 0:
        lost = f"the next run fails: {last.err[-300:]!r}"
    checked = run(["check", "served.cir"], scene.folder)
    if lost is None and (checked.status != 0 or _n_ready(scene, "served.cir") != 2 * N_PHOTOS):
        lost = f"not well afterwards: {checked.out[-300:]!r}{checked.err[-300:]!r}"
    for i in range(N_PHOTOS):
        (scene.folder / "photos" / f"new{i:02}.jpg").unlink()
    counts.add("no harm" if lost is None else "wrong", f"serve, killed {after_s:.3f} s after its update began: {lost}")


def try_kills(n_each, seed):
    """Returns whether nothing was lost."""
    rows = []
    with temporary_folder() as folder:
        scene = Scene(folder)
        for name, index, arguments, prepare, n_before, n_after in (
                ("index, new", "new.cir", ["index", "photos", "-o", "new.cir", "-q", "--batch", "2"],
                 lambda: scene.remove("new.cir"), 0, N_PHOTOS),
                ("index, update", "old.cir", ["index", "photos", "more", "-o", "old.cir", "-q", "--batch", "2"],
                 lambda: scene.copy("photos.cir", "old.cir"), N_PHOTOS, 2 * N_PHOTOS),
                ("check --repair", "sick.cir", ["check", "--repair", "sick.cir"],
                 lambda: scene.copy("damaged.cir", "sick.cir"), N_PHOTOS, N_PHOTOS)):
            counts = Counts()
            draw = random.Random(f"{seed} {name}")
            prepare()
            begun = time.monotonic()
            assert run(arguments, scene.folder).status == 0
            whole_s = time.monotonic() - begun
            for _ in range(n_each):
                prepare()
                _try(scene, index, arguments, n_before, n_after, name == "check --repair",
                     draw.uniform(0.01, whole_s), counts)
            rows.append((name, counts))
        counts = Counts()
        draw = random.Random(f"{seed} serve")
        for _ in range(n_each):
            _try_serving(scene, Control(scene.folder), draw.uniform(0, 0.7), counts)
        rows.append(("serve, updating", counts))
    return print_table("kill -9", rows)
