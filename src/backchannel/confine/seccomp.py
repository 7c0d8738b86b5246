"""seccomp: only the system calls of a list. Others fail with EPERM; attacks' own end the process.

Facts: seccomp(2), linux/seccomp.h, linux/filter.h, and the kernel's tables of system calls.
"""

import ctypes
from collections.abc import Iterable, Mapping

from backchannel.confine import kernel
from backchannel.confine.calls import AUDIT, NUMBERS

COMPUTE = frozenset(
    """
    read write readv writev pread64 pwrite64 recvfrom recvmsg recvmmsg sendto sendmsg sendmmsg
    poll ppoll select pselect6 epoll_wait epoll_pwait epoll_ctl epoll_create1 eventfd2
    mmap munmap mprotect mremap madvise brk
    close shutdown lseek fstat fcntl dup ioctl
    getsockopt getsockname getpeername
    futex futex_waitv sched_yield sched_getaffinity membarrier rseq set_robust_list
    clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time
    getrandom getpid gettid getppid getuid geteuid getgid getegid getrusage sysinfo uname
    rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack tgkill restart_syscall
    exit exit_group
    """.split()  # noqa: SIM905 - a list of words reads better
)
"""What a process needs that computes and uses what is open: no files, no sockets, no processes."""
JUDGE = COMPUTE - {"ioctl"}
"""What one needs that keeps CAP_NET_ADMIN to answer for packets: an ioctl on any socket could
change the network's interfaces.
"""
FATAL = frozenset(
    """
    execve execveat ptrace process_vm_readv process_vm_writev init_module finit_module delete_module
    bpf userfaultfd kexec_load kexec_file_load perf_event_open mount umount2 pivot_root chroot
    unshare setns keyctl add_key request_key io_uring_setup open_by_handle_at memfd_create
    """.split()  # noqa: SIM905 - a list of words reads better
)
"""What only an attacker who has taken over the process would call: it ends at once."""
_LOAD, _EQUAL, _ABOVE, _AND, _RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF_0000, 0x8000_0000, 0x0005_0000
_EPERM, _PROT_EXEC = 1, 4
_X32 = 0x4000_0000
_NUMBER, _ARCH, _THIRD = 0, 4, 32
"""Places in the kernel's description of a call: its number, machine, and third argument."""
_FILTER, _ALL_THREADS = 1, 1


class _Step(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("yes", ctypes.c_uint8),
        ("no", ctypes.c_uint8),
        ("value", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.POINTER(_Step)))


Steps = list[tuple[int, int, int, int]]


def program(calls: Iterable[str], numbers: Mapping[str, int], audit: int) -> Steps:
    """Return the filter: steps of (code, jump if so, jump if not, value)."""
    made: Steps = [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 1, 0, audit),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_ABOVE, 0, 1, _X32),
        (_RETURN, 0, 0, _KILL),
    ]
    for name in sorted(calls):
        if name not in numbers:
            continue  # an older machine has calls that a newer one has not
        if name in ("mmap", "mprotect"):  # no code but what is there already
            made += [
                (_EQUAL, 0, 5, numbers[name]),
                (_LOAD, 0, 0, _THIRD),
                (_AND, 0, 0, _PROT_EXEC),
                (_EQUAL, 0, 1, 0),
                (_RETURN, 0, 0, _ALLOW),
                (_RETURN, 0, 0, _ERRNO | _EPERM),
            ]
        else:
            made += [(_EQUAL, 0, 1, numbers[name]), (_RETURN, 0, 0, _ALLOW)]
    for name in sorted(FATAL):
        if name in numbers:
            made += [(_EQUAL, 0, 1, numbers[name]), (_RETURN, 0, 0, _KILL)]
    return [*made, (_RETURN, 0, 0, _ERRNO | _EPERM)]


def restrict(calls: Iterable[str]) -> bool:
    """Allow *calls* alone, in every thread; say whether the kernel and machine can.

    Needs no_new_privs. Raises OSError where the kernel has seccomp and refuses the filter.
    """
    machine = kernel.machine()
    if machine not in NUMBERS:
        return False
    steps = program(calls, NUMBERS[machine], AUDIT[machine])
    array = (_Step * len(steps))(*(_Step(*step) for step in steps))
    made = _Program(len(steps), array)
    number = NUMBERS[machine]["seccomp"]
    try:
        words = ctypes.c_uint(_FILTER), ctypes.c_uint(_ALL_THREADS), ctypes.byref(made)
        kernel.call(number, *words)
    except OSError as error:
        if error.errno == kernel.ENOSYS:
            return False
        raise
    return True
