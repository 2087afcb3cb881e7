"""What strace writes, in all its forms: a line that is misread would hide a missing sync, or fail a sound build."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults.system_calls import Event, TraceNotUnderstood, calls, events, tracer, wait_for_end
from tests.support.tools import tool

BROKER = "8<TCP:[127.0.0.1:40001->127.0.0.1:1883]>"
WAL = r"5</\x6a-wal>"
PUBACK = r"\x40\x02\x00\x07"
PUBLISH = r"\x32\x05\x00\x01\x74\x00\x07"
"""Quality of service 1, topic t, packet id 7, without a payload."""

RECEIVED = f'10 recvfrom({BROKER}, "{PUBLISH}", 4096, 0, NULL, NULL) = 7'
WRITTEN = f'10 pwrite64({WAL}, "\\x00", 1, 0) = 1'
SYNCED = f"10 fdatasync({WAL}) = 0"
ACKNOWLEDGED = f'10 sendto({BROKER}, "{PUBACK}", 4, 0, NULL, 0) = 4'
SOUND = [(Event.RECEIVED, 7), (Event.WRITTEN, 0), (Event.SYNCED, 0), (Event.ACKNOWLEDGED, 7)]


def happened(tmp_path: Path, *lines: str) -> list[tuple[Event, int]]:
    """Return what a trace of these lines tells."""
    file = tmp_path / "strace.txt"
    file.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
    return events(file, 1883, "-wal")


def test_calls_in_one_line_each_are_told_in_their_order(tmp_path: Path) -> None:
    assert happened(tmp_path, RECEIVED, WRITTEN, SYNCED, ACKNOWLEDGED) == SOUND


def test_a_call_that_another_thread_interrupted_is_told_where_it_counts(tmp_path: Path) -> None:
    assert happened(
        tmp_path,
        f"10 recvfrom({BROKER},  <unfinished ...>",
        f"11 fsync({WAL} <unfinished ...>",  # a sync that began before all of it, in a thread of its own
        f'10 <... recvfrom resumed>"{PUBLISH}", 4096, 0, NULL, NULL) = 7',
        f'10 pwrite64({WAL}, "\\x00", 1, 0 <unfinished ...>',
        "11 <... fsync resumed>)              = -1 EIO (Input/output error)",
        "10 <... pwrite64 resumed>)           = 1",
        f"10 fdatasync({WAL} <unfinished ...>",
        "11 --- SIGTERM {si_signo=SIGTERM, si_code=SI_USER, si_pid=1, si_uid=0} ---",
        f'11 sendto({BROKER}, "{PUBACK}", 4, 0, NULL, 0 <unfinished ...>',
        "10 <... fdatasync resumed>)          = 0",
        "11 <... sendto resumed>)             = 4",
        "11 +++ exited with 0 +++",
    ) == [SOUND[0], SOUND[1], SOUND[3], SOUND[2]]


def test_a_call_that_failed_moved_nothing_and_one_cut_short_moved_a_part(tmp_path: Path) -> None:
    assert happened(
        tmp_path,
        f"10 recvfrom({BROKER}, 0x7f00, 4096, 0, NULL, NULL) = -1 EAGAIN (Resource temporarily unavailable)",
        f'10 recvfrom({BROKER}, "{PUBLISH}", 4096, 0, NULL, NULL) = 7',
        f'10 pwrite64({WAL}, "\\x00", 1, 0) = -1 ENOSPC (No space left on device)',
        f"10 fdatasync({WAL}) = -1 EIO (Input/output error)",
        f'10 sendto({BROKER}, "{PUBACK}", 4, 0, NULL, 0) = -1 EAGAIN (Resource temporarily unavailable)',
        f'10 sendto({BROKER}, "{PUBACK}", 4, 0, NULL, 0) = 1',
        f'10 sendto({BROKER}, "{PUBACK[4:]}", 3, 0, NULL, 0) = 3',
    ) == [SOUND[0], SOUND[3]]


def test_threads_that_are_ended_in_a_call_have_received_nothing_and_may_have_sent(tmp_path: Path) -> None:
    assert happened(
        tmp_path,
        f"10 recvfrom({BROKER},  <unfinished ...>",
        f'11 sendto({BROKER}, "{PUBACK}", 4, 0, NULL, 0 <unfinished ...>',
        "12 ????( <unfinished ...>",
        "10 <... recvfrom resumed> <unfinished ...>) = ?",
        "12 <... ???? resumed>) = ?",
        "11 <... sendto resumed> <unfinished ...>) = ?",
        "12 +++ killed by SIGKILL +++",
        "10 +++ exited with 0 +++",
    ) == [SOUND[3]]


@pytest.mark.parametrize(
    "lines",
    [
        ("10 <... fdatasync resumed>) = 0",),
        (f"10 fdatasync({WAL} <unfinished ...>", "10 <... sendto resumed>) = 0"),
        (f"10 fdatasync({WAL} <unfinished ...>", WRITTEN),
        (RECEIVED + WRITTEN,),
        (f"10 fdatasync({WAL})",),
        ("10 fdatasync(5) = 0",),
        ('10 sendto(8<TCP:[123456]>, "\\x40", 1, 0, NULL, 0) = 1',),
        ('10 sendto(8, "\\x40", 1, 0, NULL, 0 <unfinished ...>',),
        ("10 ????() = 4",),
        ("strace: detached",),
    ],
)
def test_a_line_that_may_hide_something_is_an_error(tmp_path: Path, lines: Any) -> None:
    with pytest.raises(TraceNotUnderstood):
        happened(tmp_path, *lines)


WORK = """
import os, socket, sys, threading

def sync(name):
    file = os.open(name, os.O_CREAT | os.O_WRONLY)
    for _ in range(20):
        os.write(file, b"x")
        os.fsync(file)
        os.fdatasync(file)
    os.close(file)

def receive(end):
    while end.recv(100):
        pass

here, there = socket.socketpair()
waiting, _ = socket.socketpair()
threading.Thread(target=waiting.recv, args=(1,), daemon=True).start()
threads = [threading.Thread(target=sync, args=(f"{sys.argv[1]}/{n}",)) for n in range(4)]
threads.append(threading.Thread(target=receive, args=(there,)))
for thread in threads:
    thread.start()
for _ in range(100):
    here.send(b"hello")
here.close()
for thread in threads:
    thread.join()
"""


def test_every_line_of_a_program_whose_threads_interrupt_one_another_is_understood(tmp_path: Path) -> None:
    tool("strace")
    file = tmp_path / "strace.txt"
    program = subprocess.Popen([*tracer(file), sys.executable, "-c", WORK, str(tmp_path)])
    assert program.wait(120) == 0
    wait_for_end(file, program.pid)
    lines = file.read_text(encoding="ascii").splitlines()
    found = calls(lines)
    assert sum(call.name.endswith("sync") and call.returned == 0 for call in found) == 160
    assert all(call.target for call in found)
    assert sum(len(call.data) for call in found if call.name == "recvfrom" and call.returned) == 500
