# SPDX-License-Identifier: MIT
"""multiprocessing's fork while a thread keeps the module's pool busy: the children compute with pools of their own, and
the parent goes on."""
import multiprocessing
import os
import sys
import threading
import zlib

import checksum

BLOCKS = [bytes([i]) * (i << 10) for i in range(64)]
EXPECTED = [zlib.crc32(block) for block in BLOCKS]


def compute(_=None):
    return checksum.crc32(BLOCKS) == EXPECTED


def compute_and_fork(_):
    """A child may have children of its own: here the pool of a child is the stale one."""
    if not compute():
        return False
    child = os.fork()
    if child == 0:
        os._exit(0 if compute() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def main():
    stop, at_fork, parent_right = threading.Event(), [], []
    os.register_at_fork(before=lambda: at_fork.append(checksum.running()))

    def keep_busy():
        while not stop.is_set():
            parent_right.append(compute())

    assert compute()
    busy = threading.Thread(target=keep_busy)
    busy.start()
    context = multiprocessing.get_context("fork")
    with context.Pool(4) as children:
        right = children.map(compute, range(8)) + children.map(compute_and_fork, range(8))
    while not any(at_fork):  # none of the forks met a task that ran: fork until one does
        process = context.Process(target=compute)
        process.start()
        process.join()
    stop.set()
    busy.join()
    parent_right.append(compute())
    print(f"{sum(right)} of {len(right)} children right, forked while tasks ran: {'yes' if any(at_fork) else 'no'}, "
          f"the parent afterwards: {'right' if all(parent_right) else 'wrong'}")
    return 0 if all(right) and all(parent_right) else 1


if __name__ == "__main__":
    sys.exit(main())
