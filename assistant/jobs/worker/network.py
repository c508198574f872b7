"""Cutting a process off the network for good: the kernel refuses it every socket but those between local programs."""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import sys

# linux/audit.h and the system call tables: architecture, socket, seccomp, io_uring_setup (which could open sockets).
_MACHINES = {"x86_64": (0xC000003E, 41, 317, 425), "aarch64": (0xC00000B7, 198, 277, 425)}
_X32_BIT = 0x40000000  # system calls of the x32 kind carry it, and have numbers of their own for the same calls
_AF_UNIX = 1
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_SET_MODE_FILTER, _ALL_THREADS = 1, 1
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
# linux/bpf_common.h: load a word, compare, return; and where the words lie in struct seccomp_data.
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16


class _Program(ctypes.Structure):
    """``struct sock_fprog``: how many instructions, and where they lie."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def cut_network() -> bool:
    """Refuse this process, all its threads and all that it starts every socket but local ones; False: not possible.

    There is no way back. Only on Linux, on the machines named here, and where the kernel filters system calls.
    """
    machine = _MACHINES.get(platform.machine())
    if sys.platform != "linux" or machine is None or sys.maxsize < 2**32:
        return False
    try:
        library = ctypes.CDLL(None, use_errno=True)
        # Without it only root may filter; with it no program that this one starts gains rights.
        if library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            return False
        filters = _instructions(*machine)
        buffer = ctypes.create_string_buffer(filters, len(filters))
        program = _Program(len(filters) // 8, ctypes.cast(buffer, ctypes.c_void_p))
        done: int = library.syscall(machine[2], _SECCOMP_SET_MODE_FILTER, _ALL_THREADS, ctypes.byref(program))
        return done == 0
    except (OSError, AttributeError):
        return False


def _instructions(architecture: int, socket: int, _: int, io_uring: int) -> bytes:
    """The filter: ``struct sock_filter`` each, code, steps to skip where true and where false, value."""
    steps = (
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 0, 7, architecture),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 5, 0, _X32_BIT),
        (_EQUAL, 4, 0, io_uring),
        (_EQUAL, 0, 2, socket),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_EQUAL, 0, 1, _AF_UNIX),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    )
    return b"".join(struct.pack("HBBI", *step) for step in steps)
