"""
What the file system must give: a lock that dies with its owner, no network in between, and the file that was opened.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from weakref import WeakSet

NETWORK_FILE_SYSTEMS = frozenset(
    {
        "9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fuse.glusterfs", "fuse.s3fs", "fuse.sshfs",
        "fuse.rclone", "fuse.cephfs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "smb2", "smb3", "smbfs",
    }
)  # fmt: skip
"""Types, as in ``/proc/mounts``, on which SQLite's locks do not hold or its shared memory does not work."""


def mount_table() -> str:
    """
    Return the system's mounts in the form of ``/proc/mounts``. Empty where there is no such file.
    """
    try:
        return Path("/proc/mounts").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def file_system_of(path: Path, mounts: str) -> str | None:
    """
    Return the type of the file system that a path lies on. None: the table does not say.

    Args:
        path: Absolute, links resolved.

        mounts: Text in the form of ``/proc/mounts``.
    """
    found: tuple[int, str] | None = None
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) < 3:
            continue
        # proc(5): blanks and the like are written as octal escapes.
        point = Path(fields[1].encode("latin-1", "replace").decode("unicode_escape"))
        depth = len(point.parts)
        # Of two mounts at one place the later one hides the earlier.
        if path.is_relative_to(point) and (found is None or depth >= found[0]):
            found = (depth, fields[2])
    return None if found is None else found[1]


def identity_of(path: Path) -> tuple[int, int]:
    """
    Return what tells a file from another of the same name: device and inode.

    Raises:
        OSError: There is none, or it cannot be looked at.
    """
    status = path.stat()
    return status.st_dev, status.st_ino


_held: WeakSet[FileLock] = WeakSet()


class FileLock:
    """
    An exclusive lock on a file of its own. The system frees it when the process ends, however it ends.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """
        True while this object holds it.
        """
        return self._descriptor is not None

    def acquire(self) -> bool:
        """
        Take the lock if nobody has it. True: it is held now.

        Raises:
            OSError: The file cannot be opened, or its file system has no locks.
        """
        if self._descriptor is not None:
            return True
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(descriptor)
        except (BlockingIOError, PermissionError):
            # PermissionError: how Windows says it.
            os.close(descriptor)
            return False
        except OSError:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        _held.add(self)
        return True

    def release(self) -> None:
        """
        Give it back. Harmless when it is not held.
        """
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            # The file stays: deleting it would let two processes lock two files of the same name.
            os.close(descriptor)


def _leave_to_the_parent() -> None:
    # A child that was forked has the descriptor too, and would hold the lock after its parent's end.
    for lock in list(_held):
        lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_the_parent)


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
