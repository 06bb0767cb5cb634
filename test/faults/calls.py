"""Failing allocations, reads, writes and opens, for every command."""
import random

from commands import Scene, every_command
from harness import (ALLOCATIONS, OPENS, READS, WRITES, Control, Counts, Fault, judge, print_table, run,
                     temporary_folder)

LARGE = 64 << 10  # bytes from which on a refusal is a shortage, not a curiosity

# name, kinds, smallest size, whether all that follow fail too
SORTS = [("one allocation", ALLOCATIONS, 0, False), (f"one allocation ≥ {LARGE >> 10} KiB", ALLOCATIONS, LARGE, False),
         (f"all allocations ≥ {LARGE >> 10} KiB from one on", ALLOCATIONS, LARGE, True),
         ("one read", READS, 0, False), ("all reads from one on", READS, 0, True),
         ("one write", WRITES, 0, False), ("all writes from one on", WRITES, 0, True),
         ("one open", OPENS, 0, False), ("all opens from one on", OPENS, 0, True)]


def _try(scene, command, control, fault, counts):
    scene.command = command
    command.prepare()
    control.arm(fault)
    outcome = run([*command.arguments, *([] if command.name.startswith(("model list", "info", "eval compare"))
                                         else ["--threads", "2"])], scene.folder, control.environment)
    control.disarm()
    name, why = judge(outcome, control, command.find_wrong)
    if name in ("told", "ended by a library"):
        lost = command.finish()
        if lost is not None:
            name, why = "wrong", lost
    counts["failed calls"] += control.n_failed
    counts.add(name, f"{command.name}: {fault}: {why}")


def try_commands(n_each, seed, wanted=None, sorts=None):
    """n_each faults of every sort, spread over each command's calls. Returns whether all is well."""
    by_command, by_sort = [], {name: Counts() for name, *_ in SORTS}
    with temporary_folder() as folder:
        scene = Scene(folder)
        control = Control(folder)
        for command in every_command(scene):
            if wanted and wanted not in command.name:
                continue
            counts = Counts()
            for name, kinds, min_bytes, is_lasting in SORTS:
                if sorts and sorts not in name:
                    continue
                calm = Counts()
                _try(scene, command, control, Fault(kinds, min_bytes=min_bytes), calm)
                n_calls = control.n_calls
                assert not calm.bad and calm["no harm"] == 1, (command.name, calm, calm.bad)
                chosen = random.Random(f"{seed} {command.name} {name}").sample(range(1, n_calls + 1),
                                                                               min(n_each, n_calls))
                own = Counts()
                for number in sorted(chosen):
                    _try(scene, command, control,
                         Fault(kinds, min_bytes=min_bytes, **{"start" if is_lasting else "at": number}), own)
                counts.merge(own)
                by_sort[name].update(own)
            by_command.append((command.name, counts))
    print_table("what failed", [(name, counts) for name, counts in by_sort.items() if counts["runs"]])
    return print_table("command", by_command)
